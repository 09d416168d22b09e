"""Tracebacks, debuggers, tracers and warnings see the author's file: compiled code is loaded at the author's positions.

Each program runs twice, as written and compiled, and what Python prints of its error must be the same to the caret.
"""

from __future__ import annotations

import importlib
import sys
import traceback
import warnings
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest

from runtime_client._frame import Frame, Outcome
from runtime_client._source import _Finder, show_sources
from runtime_client._trampoline import Stack, run_to_suspension
from slct_compile.cli import main as slct_compile

SOURCE = '''"""Programs that fail at known lines."""
import logging
import warnings

from runtime_client import Process, durable, sleep


def fail(*values):
    raise ValueError(values)


class Truth(Process):
    async def loop(self) -> None:
        for number in range(3):
            await sleep(0)
            if number == 2:
                fail(number)

    async def argument(self) -> None:
        total = 1
        print(
            total,
            fail(
                total,
                await sleep(0),
            ),
        )

    async def after_await(self) -> None:
        items = [1]
        await sleep(0); print(items[0] + items[3])

    async def in_finally(self) -> None:
        total = 1
        try:
            await sleep(0)
        finally:
            await sleep(0)
            print(total / 0)

    async def nested(self) -> str:
        return "x" + await self.helper()

    async def helper(self) -> str:
        await sleep(0)
        return await recursive(2)

    async def comprehension(self) -> list[float]:
        values = [1, 0]
        await sleep(0)
        return [1 / value for value in values]

    async def warned(self) -> None:
        await sleep(0)
        warnings.warn("old", stacklevel=1)

    async def logged(self) -> None:
        await sleep(0)
        logging.getLogger("truth").warning("logged")

    async def inside(self) -> list[object]:
        await sleep(0)

        def choose(value):
            match value:
                case 1:
                    return 1
                case other if other == 2:
                    pass
                case _:
                    try:
                        return 3
                    finally:
                        pass
            return 2

        global world, World

        def world():
            return "world", "World", "Truth.inside"

        class World:
            text = "World.method"

            def method(self):
                return "World.method"

        class Local:
            def method(self):
                return None

        named = [choose, Local, Local.method, lambda: 1, world, World, World.method]
        strings = ["world", "World", "World.method", "Truth.inside", *world(), World.text, World.method(None)]
        return [f.__qualname__ for f in named] + [choose(n) for n in range(4)] + strings

    async def stopped(self) -> None:
        await sleep(0)
        breakpoint()


@durable
async def recursive(depth: int) -> str:
    await sleep(0)
    if depth:
        return await recursive(depth - 1)
    fail(depth)
    return "no"
'''

FAILING = ("loop", "argument", "after_await", "in_finally", "nested", "comprehension")


def _load(directory: Path) -> ModuleType:
    sys.modules.pop("truth_program", None)
    sys.path.insert(0, str(directory))
    try:
        importlib.invalidate_caches()
        return importlib.import_module("truth_program")
    finally:
        sys.path.remove(str(directory))
        sys.modules.pop("truth_program", None)


@pytest.fixture
def authored(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    path = tmp_path / "src" / "truth_program.py"
    path.write_text(SOURCE)
    assert slct_compile([str(tmp_path / "src"), "-o", str(tmp_path / "build"), "--no-lock", "-q"]) == 0
    return path


@pytest.fixture
def compiled(authored: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    build = authored.parents[1] / "build"
    show_sources(build)
    assert any(isinstance(f, _Finder) and f.build == build for f in sys.meta_path)
    return _load(build)


def _run(module: ModuleType, name: str) -> Outcome:
    process: Any = object.__new__(module.Truth)
    frame: Frame = getattr(process, name)()
    stack, outcome = Stack([frame]), None
    while True:
        found = run_to_suspension(stack, outcome)
        if isinstance(found, Outcome):
            return found
        outcome = Outcome()


@pytest.mark.parametrize("name", FAILING)
def test_a_traceback_is_that_of_the_source(name: str, authored: Path, compiled: ModuleType) -> None:
    direct = _run(_load(authored.parent), name).error
    error = _run(compiled, name).error
    assert direct is not None and error is not None
    assert traceback.format_exception(error) == traceback.format_exception(direct)
    assert str(authored) in "".join(traceback.format_exception(error))


def test_a_warning_shows_the_authors_file_and_line(authored: Path, compiled: ModuleType) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert _run(compiled, "warned").error is None
    assert [(w.filename, w.lineno) for w in caught] == [(str(authored), _line_of("warnings.warn"))]


def test_a_log_record_names_the_authors_file_function_and_line(
    authored: Path, compiled: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    assert _run(compiled, "logged").error is None
    assert [(r.pathname, r.funcName, r.lineno) for r in caplog.records] == [
        (str(authored), "logged", _line_of("logging.getLogger"))
    ]


def test_a_breakpoint_stops_in_the_authors_function(
    authored: Path, compiled: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[tuple[str, str, int]] = []

    def hook() -> None:
        frame = sys._getframe(1)
        stops.append((frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno))

    monkeypatch.setattr(sys, "breakpointhook", hook)
    assert _run(compiled, "stopped").error is None
    assert stops == [(str(authored), "Truth.stopped", _line_of("breakpoint()"))]


def test_the_lines_that_run_are_the_authors(authored: Path, compiled: ModuleType) -> None:
    def lines(module: ModuleType) -> set[int]:
        seen: set[int] = set()

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            if event == "line" and frame.f_code.co_filename == str(authored):
                seen.add(frame.f_lineno)
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            _run(module, "loop")
            _run(module, "nested")
            _run(module, "inside")
        finally:
            sys.settrace(before)
        return seen

    shown, expected = lines(compiled), lines(_load(authored.parent))
    assert shown >= expected
    # Calling a durable function makes its frame, on the line of its `def`.
    assert all("async def" in SOURCE.split("\n")[line - 1] for line in shown - expected)


def test_what_is_made_inside_is_named_after_the_authors_function(authored: Path, compiled: ModuleType) -> None:
    assert _run(compiled, "inside").value == _run(_load(authored.parent), "inside").value


def test_a_changed_source_is_not_shown(authored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    build = authored.parents[1] / "build"
    show_sources(build)
    authored.write_text("# one more line\n" + SOURCE)
    code: CodeType = _load(build).fail.__code__
    assert code.co_filename == str(build / "truth_program.py")


def _line_of(text: str) -> int:
    return next(n for n, line in enumerate(SOURCE.split("\n"), 1) if line.strip().startswith(text))
