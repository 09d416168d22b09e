"""What compiled classes promise to the engine and to readers, beyond what programs do."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from compile_harness import compile_source, namespace_of, program

from runtime_client._frame import Frame
from slct_compile.emit import RESERVED


def compiled(source: str) -> dict[str, Any]:
    output = compile_source(source)
    assert not output.diagnostics
    return namespace_of(output.text, "shaped")


def test_reserved_names_are_those_of_frame() -> None:
    assert {name for name in dir(Frame) if not name.startswith(("_", "frame_"))} == RESERVED


def test_the_stub_keeps_signature_docstring_and_defaults() -> None:
    source = (
        "from runtime_client import Process, recv\n\n\nclass P(Process):\n"
        "    async def main(self, a: int, /, b: str = 'x', *args: int, c=None, **kwargs) -> str:\n"
        '        """What it does.\n\n          Indented.\n        """\n'
        "        return await recv(a)\n"
    )
    stub = compiled(source)["P"].main
    signature = inspect.signature(stub)
    assert str(signature.replace(return_annotation=signature.empty)) == (
        "(self, a: int, /, b: str = 'x', *args: int, c=None, **kwargs)"
    )
    assert inspect.getdoc(stub) == "What it does.\n\nIndented."
    assert not inspect.iscoroutinefunction(stub)


def test_slots_are_typed_where_the_source_says_so() -> None:
    source = (
        "from __future__ import annotations\nfrom datetime import timedelta\n"
        "from runtime_client import Process, recv\n\n\nclass P(Process):\n    Kind = int\n\n"
        "    async def main(self, wait: timedelta, kind: Kind, later: Later):\n"
        "        total: list[int] = []\n        await recv(wait)\n        return total, kind, later\n\n\nclass Later: ...\n"
    )
    assert compiled(source)["P"].MainFrame.__annotations__ == {
        "wait": "timedelta",
        "kind": "Any",
        "later": "'Later'",
        "total": "list[int]",
    }


def test_annotations_that_mean_something_else_in_the_frame_class_are_not_evaluated() -> None:
    source = (
        "from runtime_client import Process, recv\n\n\nclass P(Process):\n    Kind = int\n\n"
        "    async def main(self, kind: Kind):\n"
        "        x: nowhere.to_be_found = kind\n        await recv(kind)\n        return x, kind\n"
    )
    assert compiled(source)["P"].MainFrame.__annotations__ == {"kind": Any, "x": Any}


def test_a_slot_without_a_type_says_what_the_author_said() -> None:
    source = program("x: int | None = await op(1)\nif x is None:\n    x = 2\nawait op(2)\nreturn x")
    assert "x: Any  # int | None\n" in compile_source(source).text


def test_annotations_of_inner_functions_are_theirs() -> None:
    source = program("def inner():\n    x: str = ''\n    return x\nx = inner()\nawait op(1)\nreturn x")
    assert compiled(source)["Program"].MainFrame.__annotations__["x"] is Any


def test_dead_locals_are_not_live() -> None:
    source = program("big = list(range(9))\nsmall = len(big)\nawait op(1)\nawait op(small)\nreturn 1")
    states = compiled(source)["Program"].MainFrame.STATES
    assert [row.live for row in states.values() if row.live is not None] == [("small",), ()]


def test_locals_of_one_state_stay_locals() -> None:
    source = program("x = await op(1)\ny = x + 1\nreturn y")
    assert "f.x" not in compile_source(source).text


def test_a_class_inside_a_class_and_a_decorated_one_find_their_frames() -> None:
    source = (
        "from runtime_client import Process, recv\n\n\ndef same(cls):\n    return cls\n\n\nclass Outer:\n"
        "    class P(Process):\n        async def main(self, P=1):\n            return await recv(P)\n\n\n"
        "@same\nclass Q(Process):\n    async def main(self):\n        return await recv('x')\n"
    )
    names = compiled(source)
    inner = object.__new__(names["Outer"].P)
    assert type(inner.main(2)) is names["Outer"].P.MainFrame
    assert names["Outer"].P.MainFrame.FUNCTION == "Outer.P.main"
    assert type(object.__new__(names["Q"]).main()) is names["Q"].MainFrame


def test_wrong_arguments_fail_at_the_call() -> None:
    stub = compiled(program("await op(1)", "self, a"))["Program"].main
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        stub(None)


def test_states_whose_types_a_base_or_a_class_method_takes_away_find_what_their_heads_name() -> None:
    source = (
        "from runtime_client import Process, recv\n\n\nclass Base(Process):\n"
        "    async def main(self, x: int) -> int:\n        return await recv('x')\n\n"
        "    @classmethod\n    async def kind(cls) -> str:\n"
        "        async def inner() -> str:\n            return await recv(cls.__name__)\n        return await inner()\n\n\n"
        "class Loud(Base):\n    async def main(self, x: int) -> int:\n        return await recv('y')\n"
    )
    names = compiled(source)
    assert inspect.signature(names["Loud"].Main_Start).parameters["f"].annotation is Any
    assert inspect.signature(names["Base"].Main_Start).parameters["f"].annotation is names["Base"].MainFrame
    assert inspect.signature(names["Base"].__dict__["Kind_Start"]).parameters["cls"].annotation is Any
    assert inspect.signature(names["Base"].main).return_annotation == Frame[int]
