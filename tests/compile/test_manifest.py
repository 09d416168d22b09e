"""`slct_manifest.json`: what it says of real programs, and how strictly it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slct_compile._tree import plan, read_tree
from slct_manifest import ManifestError
from slct_manifest.schema import CaseEntry, ChannelEntry, EffectEntry, FieldEntry, manifest_data, read_manifest

ROOT = Path(__file__).parents[2]

SOURCE = """
from runtime_client import Channel, Process, Retry, after, call, durable, recv, select, sleep


@durable
async def helper(x: int) -> int:
    await sleep(x)
    return x


def charge(who): ...


class Order(Process):
    payments = Channel[int](capacity=3)
    paid: int = 0
    lines: list[str] = []

    async def main(self, who: str, total=1):
        try:
            while True:
                match await select(recv(self.payments), late=after(5), done=call(charge, who, retry=Retry.never())):
                    case (_, amount):
                        self.paid += amount
        except ValueError as error:
            await sleep(1)
            print(error)
        return await helper(total)
"""


def test_all_that_a_diff_needs_is_there(tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text(SOURCE)
    found = read_manifest(plan(read_tree(tmp_path)).files["slct_manifest.json"].decode())
    order = found.definitions["order"]
    assert (order.implementation, order.functions) == ("orders:Order", ["orders:Order.main"])
    assert order.channels == {"payments": ChannelEntry("int", 3)}
    assert order.fields == {"paid": FieldEntry("int", "0"), "lines": FieldEntry("list[str]", "[]")}
    main = found.functions["orders:Order.main"]
    assert [(p.name, p.required, p.type) for p in main.parameters] == [("who", True, "str"), ("total", False, None)]
    assert main.slots["who"] == "str"
    assert main.states["Main_Start"].live == ["who", "total"]
    waiting = next(s for s in main.states.values() if len(s.cases) == 3)
    assert waiting.cases == [
        CaseEntry("0", "recv", "self.payments"),
        CaseEntry("late", "after", "5"),
        CaseEntry("done", "call", "charge"),
    ]
    assert waiting.effects == [EffectEntry("charge", {"retry": "Retry.never()"})]
    assert waiting.within[:2] == ["try", "while True"]
    assert waiting.on_error in main.states
    assert waiting.live == ["who", "total"]
    handler = main.states["Main_Sleep"]
    assert (handler.within, handler.cases) == (["except ValueError"], [CaseEntry(None, "sleep", "1")])
    assert handler.handling in main.slots
    called = next(s for s in main.states.values() if s.calls)
    assert (called.calls, called.cases, called.statement) == ("helper", [], "return await helper(total)")


@pytest.mark.parametrize("tree", ["examples", "tests/behaviour/programs"])
def test_manifests_of_real_programs_follow_the_schema(tree: str) -> None:
    text = plan(read_tree(ROOT / tree)).files["slct_manifest.json"].decode()
    found = read_manifest(text)
    assert manifest_data(found) == json.loads(text)
    assert all(f in found.functions for d in found.definitions.values() for f in d.functions)
    for function in found.functions.values():
        for state in function.states.values():
            assert set(state.live or ()) <= function.slots.keys()
            assert state.on_error is None or state.on_error in function.states


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "is not an object"),
        ('{"format": 2}', "has format 2, this slct-compile reads 1"),
        ('{"format": 1}', "lacks, or should not have, definitions, files, functions, modules"),
        ('{"format":1,"modules":[1],"definitions":{},"functions":{},"files":[]}', "is 1, not str"),
        ('{"format":1,"modules":[],"definitions":{"a":{}},"functions":{},"files":[]}', "definitions.a lacks"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        read_manifest(text)
