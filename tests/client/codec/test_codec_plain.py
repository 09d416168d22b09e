"""The short way of the encoder: it gives the text that the encoder gives, or none."""

from __future__ import annotations

import datetime as dt
from typing import Any

import codec_shop as shop
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_codec_identity import ATOMS, CODEC, graphs
from test_codec_values import VALUES

from runtime_client._channels import Channel
from runtime_client._codec import Codec
from runtime_client._cursors import iterate
from runtime_client._frame import FrameStatus, Outcome


def assert_agrees(value: Any, process: object | None = None) -> None:
    whole = CODEC.whole_text(value, process)  # the first of its kind is told to the short way by this
    plain = CODEC.plain_text(value, process)
    assert plain is None or plain == whole


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}")
def test_values_of_every_type(value: Any) -> None:
    for each in (value, [value], [value, value], {"a": value, "b": (value,)}, [1, 2, 3, 4, 5, 6, 7, value]):
        assert_agrees(each)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graphs())
def test_random_graphs(graph: Any) -> None:
    assert_agrees(graph)


LONG_OR_SHORT = st.recursive(
    ATOMS | st.lists(st.integers(2**63 - 2, 2**63) | st.text() | st.floats(), min_size=5, max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@settings(max_examples=300, deadline=None)
@given(LONG_OR_SHORT)
def test_random_values(value: Any) -> None:
    assert_agrees(value)


def _running(order: shop.Order, **slots: Any) -> Any:
    frame = shop.Order.MainFrame(order, **slots)
    frame.frame_status = FrameStatus.STARTED
    return frame


def _cursor(taken: int = 1) -> Any:
    cursor = iterate([1, 2, 3])
    for _ in range(taken):
        next(cursor)
    return cursor


USUAL: list[Any] = [
    *([1, "text", 2.5, None, True], {"a": {"b": [1]}}, (1, (2, [3])), range(4), shop.Item("a"), shop.Colour.RED),
    *([*range(10)], {str(n): n for n in range(10)}, ["\u00e9"] * 7, dt.datetime(2026, 1, 2, tzinfo=dt.UTC), b"x"),
    *(Outcome([1]), Channel(3, channel_id="#1"), _cursor(), [dt.timedelta(1)] * 2),
]


@pytest.mark.parametrize("value", USUAL, ids=lambda value: f"{type(value).__name__}")
def test_what_most_processes_hold_takes_the_short_way(value: Any) -> None:
    assert CODEC.plain_text([value], None) is not None or CODEC.whole_text([value], None)
    assert CODEC.plain_text([value], None) == CODEC.whole_text([value], None)


@pytest.mark.parametrize(
    "value",
    [
        *([[1]] * 2, [float("nan")], [2**63], [0, 1, 2, 3, 4, 5, 2**63], [1.0] * 6 + [float("inf")], ["\ud83d\ude00"]),
        *({"$": 1}, {1: 2}, {"a", "b"}, Outcome(error=ValueError()), [shop.MyList([1])], _running(shop.Order())),
    ],
    ids=repr,
)
def test_what_is_unusual_is_left_to_the_encoder(value: Any) -> None:
    CODEC.whole_text([value], None)
    assert CODEC.plain_text([value], None) is None


def test_deep_values_are_left_to_the_encoder() -> None:
    deep: list[Any] = []
    for _ in range(40):
        deep = [deep]
    assert CODEC.plain_text(deep, None) is None
    assert_agrees(deep)


def test_the_process_itself_is_a_reference() -> None:
    order = shop.Order()
    assert CODEC.plain_text([order, order], order) == CODEC.whole_text([order, order], order)


def test_an_error_in_the_short_way_is_the_error_of_the_encoder() -> None:
    with pytest.raises(Exception, match="belongs to no process") as caught:
        CODEC.encode({"channels": [Channel(1)]})
    assert caught.value.path == ("channels", 0)


@pytest.mark.parametrize("text", ["[1,[2]]", '{"a":[1]}', '"x"', "[" * 50 + "]" * 50])
def test_plain_texts_are_what_they_are(codec: Codec, text: str) -> None:
    assert codec.encode(codec.decode(text)) == text or len(text) == 100


def test_texts_that_nest_too_deeply_are_refused_all_the_same(codec: Codec) -> None:
    with pytest.raises(Exception, match="nests deeper than LEVELS_READ_MAX"):
        codec.decode("[" * 500 + "]" * 500)
