"""Codec JSON as people read it."""

from __future__ import annotations

import datetime as dt
import json
import pathlib
from decimal import Decimal
from typing import Any

import codec_shop as shop
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime_client._channels import Channel
from runtime_client._codec import Codec
from runtime_client._frame import Outcome
from runtime_client._handles import ChildRef, Handle
from runtime_client._operations import Recv
from slct_runtime.wire.render import ITEMS_MAX, TEXT_CHARS_MAX, render

CYCLE: list[Any] = [1]
CYCLE.append(CYCLE)

SAMPLES: list[tuple[Any, str]] = [
    (None, "None"),
    (True, "True"),
    (1.5, "1.5"),
    (float("nan"), "nan"),
    ("it's", '"it\'s"'),
    ("x" * 300, "'" + "x" * (TEXT_CHARS_MAX - 1) + "..."),
    (b"\x00a", "b'\\x00a'"),
    ([1, "a"], "[1, 'a']"),
    ({"a": {1: 2}}, "{'a': {1: 2}}"),
    ((1,), "(1,)"),
    ((1, 2), "(1, 2)"),
    (set(), "set()"),
    ({1}, "{1}"),
    (frozenset({1}), "frozenset({1})"),
    (list(range(25)), "[" + ", ".join(map(str, range(ITEMS_MAX))) + ", ... 5 more]"),
    (CYCLE, "#1=[1, #1]"),
    (
        shop.Item("a", parent=shop.Item("p")),
        "Item(name='a', price=0, tags=[], parent=Item(name='p', price=0, tags=[], parent=None))",
    ),
    (shop.Colour.RED, "Colour.RED"),
    (shop.Point(1), "Point(x=1, y=0)"),
    (shop.Plain.Inner(), "Plain.Inner()"),
    (shop.MyDict(a=1), "MyDict({'a': 1})"),
    (shop.MyList([1]), "MyList([1])"),
    (shop.WithState(1), "WithState({'kept': 1})"),
    (dt.datetime(2026, 1, 2), "datetime 2026-01-02T00:00:00"),
    (dt.timedelta(days=2, hours=3, seconds=4), "timedelta 2d 3h 4s"),
    (dt.timedelta(0), "timedelta 0s"),
    (Decimal("1.10"), "Decimal('1.10')"),
    (pathlib.Path("/a"), "Path('/a')"),
    (ValueError("no"), "ValueError: no"),
    (shop.charge, "charge"),
    (shop.Plain(a=1).method, "Plain(a=1, initialised=True).method"),
    (Recv("ch"), "Recv(channel='ch')"),
    (Channel(channel_id="payments"), "<channel payments>"),
    (Handle(3), "<goroutine 3>"),
    (ChildRef("order-1"), "<process 'order-1'>"),
    (Outcome(1), "1"),
    (shop.Order.MainFrame(None, customer="ada"), "<frame Order.main at orders.py:19: customer='ada'>"),
]


@pytest.mark.parametrize(("value", "text"), SAMPLES, ids=range(len(SAMPLES)))
def test_rendering(codec: Codec, value: Any, text: str) -> None:
    assert render(json.loads(codec.encode(value))) == text


def test_deep_values_are_cut(codec: Codec) -> None:
    value: Any = []
    for _ in range(200):
        value = [value]
    assert render(json.loads(codec.encode(value))) == "[" * 9 + "..." + "]" * 9


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["$", "$id", "$ref", "$deep", "v", "type", "slots", "function", "at", "text", "self", "a"]
                ),
                inner
                | st.sampled_from(
                    ["object", "frame", "tuple", "exception", "timedelta", "bytes", "deep", "enum", "dict"]
                ),
                max_size=5,
            )
        ),
    )
)
def test_anything_renders(junk: Any) -> None:
    assert isinstance(render(junk), str)
