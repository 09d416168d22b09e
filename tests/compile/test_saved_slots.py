"""What a document holds of a frame: the slots that are read later, and no others (compiler.md, rule 3)."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from compile_harness import compile_source, namespace_of, program

from runtime_client._frame import Outcome
from runtime_client._trampoline import Stack, run_to_suspension

PROGRAMS: dict[str, tuple[str, list[set[str]]]] = {
    "a local that is not read again": (
        "a = 1\nb = 2\nawait op()\nreturn b",
        [{"b"}],
    ),
    "a local that is bound again before it is read": (
        "a = 1\nawait op()\na = 2\nawait op()\nreturn a",
        [set(), {"a"}],
    ),
    "a temporary, cleared after its last use": (
        "x = [trace(1), await op()]\nawait op()\nreturn x",
        [{"value"}, {"x"}],
    ),
    "a loop, its cursor and what the next turn reads": (
        "total = 0\nfor i in range(2):\n    total += i\n    await op()\nawait op()\nreturn total",
        [{"total", "items"}, {"total", "items"}, {"total"}],
    ),
    "a parameter that is done with": (
        "await op(p)\nawait op()",
        [set(), set()],
    ),
    "what only the handler reads": (
        "a = b = 1\ntry:\n    await op()\nexcept ValueError:\n    return a\nawait op()\nreturn b",
        [{"a", "b"}, {"b"}],
    ),
    "what only the finally reads": (
        "a = b = 1\ntry:\n    await op()\nfinally:\n    trace(a)\nawait op()\nreturn b",
        [{"a", "b"}, {"b"}],
    ),
    "a handled exception, until its handler ends": (
        "try:\n    raise ValueError\nexcept ValueError:\n    await op()\nawait op()",
        [{"caught"}, set()],
    ),
    "a context manager, until its exit": (
        "with Manager(1) as m:\n    await op()\nawait op()",
        [{"manager", "unfinished"}, set()],
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_frame_keeps_what_is_read_later(name: str) -> None:
    body, expected = PROGRAMS[name]
    assert [_without_empty(slots) for slots in kept(body)] == expected


def kept(body: str) -> list[dict[str, Any]]:
    """The slots of the frame at each suspension of a program."""
    namespace = namespace_of(compile_source(program(body)).text, "compiled_program")
    stack = Stack([object.__new__(namespace["Program"]).main()])
    found: list[dict[str, Any]] = []
    outcome: Outcome | None = None
    while not isinstance(run_to_suspension(stack, outcome), Outcome):
        found.append(dict(stack.frames[0].__dict__))
        outcome = Outcome()
    return found


def _without_empty(slots: dict[str, Any]) -> set[str]:
    """Records that say "nothing" are no values of the author's."""
    return {name for name, value in slots.items() if value is not None}


ENDED_BY_ANOTHER = """
class Kept:
    pass
class Failed(Exception):
    def __init__(self, kept):
        self.kept = kept
kept = Kept()
reference = weakref.ref(kept)
try:
    try:
        raise Failed(kept)
    except Failed:
        kept = None
        await op()
        raise KeyError
except KeyError as error:
    error.__context__ = None
    await op()
    trace(reference() is None)
    await op()
"""


def test_no_frame_of_the_driver_keeps_a_handled_exception_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback of an error raised in a handler keeps the frames that led there."""
    reported: list[object] = []
    namespace = namespace_of(compile_source(program(ENDED_BY_ANOTHER)).text, "compiled_program")
    monkeypatch.setitem(namespace, "weakref", weakref)
    monkeypatch.setitem(namespace, "trace", reported.append)
    stack = Stack([object.__new__(namespace["Program"]).main()])
    gc.disable()
    try:
        outcome: Outcome | None = None
        while not isinstance(run_to_suspension(stack, outcome), Outcome):
            outcome = Outcome()
    finally:
        gc.enable()
    assert reported == [True]
