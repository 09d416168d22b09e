"""The text itself: what is written to stores and read with jq must not change by accident."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import codec_shop as shop
import pytest

from runtime_client._channels import Channel
from runtime_client._codec import Codec
from runtime_client._frame import FrameStatus, Outcome
from runtime_client._handles import ChildRef, Handle
from runtime_client._operations import Recv, Selected

SHARED = [1]
CYCLE: dict[str, Any] = {"a": 1}
CYCLE["self"] = CYCLE

GOLDEN: list[tuple[Any, str]] = [
    (None, "null"),
    (-0.0, "-0.0"),
    (2**63 - 1, "9223372036854775807"),
    (2**63, '{"$":"int","v":"0x8000000000000000"}'),
    (float("nan"), '{"$":"float","v":"nan"}'),
    (complex(1, -2), '{"$":"complex","v":[1.0,-2.0]}'),
    ("é\x00\ud800", '"\\u00e9\\u0000\\ud800"'),
    ("\ud83d\ude00", '{"$":"str","v":["\\ud83d","\\ude00"]}'),
    (b"\xff", '{"$":"bytes","v":"/w=="}'),
    ({"b": 1, "a": [True, None]}, '{"b":1,"a":[true,null]}'),
    ({"$": 1, "a": 2}, '{"$":"dict","v":[["$",1],["a",2]]}'),
    ({1: "x"}, '{"$":"dict","v":[[1,"x"]]}'),
    ((1, [2]), '{"$":"tuple","v":[1,[2]]}'),
    (frozenset({1}), '{"$":"frozenset","v":[1]}'),
    (shop.collections.deque([1], 3), '{"$":"deque","v":[1],"maxlen":3}'),
    (
        shop.collections.defaultdict(list, {"a": [1]}),
        '{"$":"defaultdict","factory":{"$":"class","v":"builtins:list"},"v":{"a":[1]}}',
    ),
    ([SHARED, SHARED], '[{"$":"list","v":[1],"$id":1},{"$ref":1}]'),
    (CYCLE, '{"$":"dict","v":{"a":1,"self":{"$ref":1}},"$id":1}'),
    (dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), '{"$":"datetime","v":"2026-01-02T03:00:00+00:00"}'),
    (
        dt.datetime(2026, 10, 25, 2, 30, tzinfo=shop.zoneinfo.ZoneInfo("Europe/Stockholm"), fold=1),
        '{"$":"datetime","v":"2026-10-25T02:30:00","zone":"Europe/Stockholm","fold":1}',
    ),
    (dt.timedelta(days=2, seconds=3), '{"$":"timedelta","v":[2,3,0]}'),
    (Decimal("1.10"), '{"$":"decimal","v":"1.10"}'),
    (Path("/a"), '{"$":"path","v":"/a"}'),
    (shop.Colour.RED, '{"$":"enum","type":"codec_shop:Colour","v":"RED"}'),
    (shop.Point(1, "y"), '{"$":"namedtuple","type":"codec_shop:Point","v":{"x":1,"y":"y"}}'),
    (shop.Item("a", 2), '{"$":"object","type":"codec_shop:Item","v":{"name":"a","price":2,"tags":[],"parent":null}}'),
    (shop.MyList([1]), '{"$":"object","type":"codec_shop:MyList","base":[1]}'),
    (shop.WithState(1), '{"$":"object","type":"codec_shop:WithState","state":{"kept":1}}'),
    (shop.charge, '{"$":"function","v":"codec_shop:charge"}'),
    (len, '{"$":"function","v":"builtins:len"}'),
    (shop.json, '{"$":"module","v":"json"}'),
    (
        shop.OrderError(1, detail="d"),
        '{"$":"exception","type":"codec_shop:OrderError","text":"1","args":[1],"v":{"detail":"d"}}',
    ),
    (Recv("ch"), '{"$":"object","type":"runtime_client:Recv","v":{"channel":"ch"}}'),
    (Selected(0, "x"), '{"$":"selected","v":[0,"x"]}'),
    (Channel(3, channel_id="payments"), '{"$":"channel","v":"payments","capacity":3}'),
    (Handle(3), '{"$":"goroutine","v":3}'),
    (ChildRef("id"), '{"$":"child","v":"id"}'),
    (Outcome(1), '{"$":"outcome","value":1}'),
    (
        Outcome(error=KeyError("k")),
        '{"$":"outcome","error":{"$":"exception","type":"builtins:KeyError","text":"\'k\'","args":["k"]}}',
    ),
    (iter([1, 2]), '{"$":"iterator","kind":"list","v":[1,2],"at":0}'),
]


@pytest.mark.parametrize(("value", "text"), GOLDEN, ids=range(len(GOLDEN)))
def test_golden_text(codec: Codec, value: Any, text: str) -> None:
    assert codec.encode(value) == text


def test_golden_document(codec: Codec) -> None:
    order = shop.Order()
    frame = shop.Order.MainFrame(order, customer="ada", me=order)
    frame.frame_state, frame.frame_status = "Main_Wait", FrameStatus.STARTED
    document = {
        "process": {"paid": 1},
        "goroutines": [[1, [frame]], [2, [shop.ApproveFrame(None)]]],
        "outcomes": [[3, Outcome("done")]],
        "next": {"goroutine": 4, "channel": 1, "effect": 1},
    }
    text = codec.encode(document, process=order)
    assert text == (
        '{"process":{"paid":1},"goroutines":[[1,[{"$":"frame","function":"codec_shop:Order.main","state":"Main_Wait",'
        '"at":"orders.py:22","slots":{"customer":"ada","me":{"$":"process"}},"receiver":{"$":"process"}}]],'
        '[2,[{"$":"frame","function":"codec_shop:approve","state":"Approve_Start","at":"lib.py:3","slots":{},"new":true}]]],'
        '"outcomes":[[3,{"$":"outcome","value":"done"}]],"next":{"goroutine":4,"channel":1,"effect":1}}'
    )
    back = codec.decode(text, process=order)
    (first,), (second,) = (stack for _, stack in back["goroutines"])
    assert (first.frame_state, first.frame_status, first.customer) == ("Main_Wait", FrameStatus.STARTED, "ada")
    assert first.me is first.frame_receiver is order
    assert (type(second), second.frame_status) == (shop.ApproveFrame, FrameStatus.NEW)


SCRIPT = """
import sys
import codec_shop as shop
from runtime_client._codec import Codec
from runtime_client._resolver import Resolver
codec = Codec(Resolver(["codec_shop"]))
value = shop.Plain(a={"x": [1, (2, frozenset({3}))], "y": {1, 2, 3}}, error=ValueError(shop.Plain()), f=shop.Item("n"))
value.again = [value, value.a, shop.charge, shop.Colour.RED, shop.Slim(1, value)]
value.texts = {"a", "b", "c", "d", "e", "f", "g", "h", b"a", None, 1, ("x", 1), ("x", 2)}
value.shared = [1]
value.members = {shop.Key("a"), shop.Key("b"), shop.Key(("c", frozenset("xyz"))), *shop.Colour, shop.Item, shop.charge}
value.mine = shop.MySet("abcdefgh")
value.views = [frozenset("abcdefgh"), {frozenset("abc"): 1, frozenset("bcd"): 2}, iter(sorted("cab"))]
value.days = {shop.Day(2026, 1, day) for day in range(1, 9)} | {shop.Decimal(1), shop.Fraction(1, 2)}
text = codec.encode(value)
if len(sys.argv) > 1:
    with open(sys.argv[1]) as file:
        assert file.read() == text
    assert codec.encode(codec.decode(text)) == text
print(text)
"""


def _under(seed: str, *arguments: str) -> str:
    here = Path(__file__).parent
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[2]}"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def test_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    """The same under every seed; and what another interpreter has read, it writes in the same bytes."""
    first = _under("0")
    assert len(first) > 1000
    (tmp_path / "text").write_text(first.rstrip("\n"))
    for seed in ("1", "2", "77"):
        assert _under(seed, str(tmp_path / "text")) == first


@pytest.mark.parametrize(
    "members", [[8, 0], [0, 8], [16, 8, 0, 1], [-1, -2, 7, 15], [2**61 - 1, 0, 5], [1.5, 2, 10**30, True]]
)
def test_d16_a_set_of_numbers_keeps_the_order_in_which_it_iterates(codec: Codec, members: list[Any]) -> None:
    for value in (set(members), frozenset(members), shop.MySet(members)):
        assert list(codec.decode(codec.encode(value))) == list(value)


def test_a_set_of_numbers_that_has_shrunk_keeps_its_members(codec: Codec) -> None:
    value = set(range(1000)) - set(range(3, 990))
    assert codec.decode(codec.encode(value)) == value
