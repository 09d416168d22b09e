"""Descriptions of annotations, and plain JSON made to fit them."""

from __future__ import annotations

import collections.abc
import contextlib
import datetime as dt
import json
import sys
import types
import typing
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import codec_shop as shop
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._resolver import Resolver
from runtime_client._type_descriptions import annotations_of, describe, describe_parameters
from slct_runtime.wire.conform import DoesNotFit, conform

RESOLVER = Resolver(["codec_shop"])
CODEC = Codec(RESOLVER)


class Movie(typing.TypedDict):
    title: str
    year: typing.NotRequired[int]


UserId = typing.NewType("UserId", int)


def _read(value: Any, annotation: Any) -> Any:
    description = json.loads(json.dumps(describe(annotation, RESOLVER)))
    return CODEC.decode(json.dumps(conform(value, description, "v")))


ITEM = {"name": "a", "price": 2, "tags": ["x"], "parent": {"name": "p"}}

FITS: list[tuple[Any, Any, Any]] = [
    (Any, {"a": [1, None]}, {"a": [1, None]}),
    (object, 2**70, 2**70),
    (None, None, None),
    (bool, True, True),
    (int, 2**70, 2**70),
    (float, 3, 3.0),
    (float, 1.5, 1.5),
    (str, "x", "x"),
    (bytes, "AQI=", b"\x01\x02"),
    (bytearray, "AQI=", bytearray(b"\x01\x02")),
    (complex, [1, 2], 1 + 2j),
    (list, [1, "a"], [1, "a"]),
    (list[float], [1, 2.5], [1.0, 2.5]),
    (collections.abc.Sequence[int], [1], [1]),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[int, ...], [1, 2], (1, 2)),
    (tuple[()], [], ()),
    (set[int], [1, 2], {1, 2}),
    (frozenset[str], ["a"], frozenset({"a"})),
    (shop.collections.deque[int], [1], shop.collections.deque([1])),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (dict[int, str], {"1": "a"}, {1: "a"}),
    (dict[UUID, int], {str(UUID(int=1)): 2}, {UUID(int=1): 2}),
    (int | None, None, None),
    (typing.Optional[int], 1, 1),  # noqa: UP045 - the old spelling is a case of its own
    (float | int, 1, 1),
    (dt.datetime | str, "2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
    (dt.datetime | str, "later", "later"),
    (typing.Literal["a", 1], 1, 1),
    (typing.Literal[shop.Colour.RED], "RED", shop.Colour.RED),
    (shop.Colour, "RED", shop.Colour.RED),
    (shop.Colour, "g", shop.Colour.GREEN),
    (shop.Level, 2, shop.Level.HIGH),
    (dt.datetime, "2026-01-02T03:04:05+02:00", dt.datetime.fromisoformat("2026-01-02T03:04:05+02:00")),
    (dt.date, "2026-01-02", dt.date(2026, 1, 2)),
    (dt.time, "03:04", dt.time(3, 4)),
    (dt.timedelta, 1.5, dt.timedelta(seconds=1.5)),
    (dt.timedelta, "P2DT3H0.5S", dt.timedelta(days=2, hours=3, seconds=0.5)),
    (dt.timedelta, "-PT1M", dt.timedelta(minutes=-1)),
    (Decimal, "1.10", Decimal("1.10")),
    (Decimal, 3, Decimal(3)),
    (Fraction, "1/3", Fraction(1, 3)),
    (UUID, "00000000-0000-0000-0000-000000000005", UUID(int=5)),
    (Path, "/a", Path("/a")),
    (shop.Item, ITEM, shop.Item("a", 2, ["x"], shop.Item("p"))),
    (shop.Item, {"name": "n"}, shop.Item("n")),
    (shop.Key, {"part": [1]}, shop.Key([1], 0)),
    (shop.Slim, {"a": 1}, shop.Slim(1, None)),
    (shop.Point, {"x": 1}, shop.Point(1)),
    (shop.Point, [1, 2], shop.Point(1, 2)),
    (shop.Place, {"x": 1}, shop.Place(1)),
    (shop.Checked, {"low": 1, "high": 2}, shop.Checked(1, 2)),
    (Movie, {"title": "t"}, {"title": "t"}),
    (typing.Annotated[int, "cents"], 1, 1),
    (UserId, 7, 7),
    (shop.T, "anything", "anything"),
    (collections.abc.Callable[[], int], 1, 1),
    ("list[int]", [1], [1]),
    ("Nowhere", "anything", "anything"),
]


@pytest.mark.parametrize(("annotation", "given_", "expected"), FITS, ids=[str(fit[0])[:40] for fit in FITS])
def test_plain_json_becomes_the_declared_type(annotation: Any, given_: Any, expected: Any) -> None:
    before = json.dumps(given_)
    value = _read(given_, annotation)
    assert (type(value), value) == (type(expected), expected)
    assert json.dumps(given_) == before


REFUSED: list[tuple[Any, Any, str]] = [
    (int, "1", 'v: expected int, got "1"'),
    (int, True, "v: expected int, got true"),
    (int, 1.0, "v: expected int, got 1.0"),
    (bool, 1, "v: expected bool, got 1"),
    (float, True, "v: expected float, got true"),
    (float, 10**400, "v: expected float, got 1000000000"),
    (str, None, "v: expected str, got null"),
    (None, 0, "v: expected None, got 0"),
    (bytes, "!", 'v: expected bytes (base64 text), got "!"'),
    (list[int], {"a": 1}, 'v: expected list[int], got {"a": 1}'),
    (list[int], [1, "x"], 'v[1]: expected int, got "x"'),
    (tuple[int, str], [1], "v: expected tuple[int, str], got [1]"),
    (dict[str, int], {"a": "b"}, 'v.a: expected int, got "b"'),
    (dict[int, int], {"a": 1}, 'v.a: expected int, got "a"'),
    (int | None, "x", 'v: expected int, got "x"'),
    (int | str, [], "v: expected int or str, got []"),
    (typing.Literal["a", "b"], "c", 'v: expected one of "a", "b", got "c"'),
    (typing.Literal[1], True, "v: expected one of 1, got true"),
    (shop.Colour, "BLUE", 'v: expected Colour (RED, GREEN), got "BLUE"'),
    (dt.datetime, "yesterday", 'v: expected datetime (ISO 8601 text), got "yesterday"'),
    (dt.timedelta, "P1Y", 'v: expected timedelta (seconds, or ISO 8601 such as P2DT12H), got "P1Y"'),
    (dt.timedelta, "P", 'v: expected timedelta (seconds, or ISO 8601 such as P2DT12H), got "P"'),
    (Decimal, "x", 'v: expected decimal (a number, best as text), got "x"'),
    (Fraction, "1/0", 'v: expected fraction (a number, or text such as 1/3), got "1/0"'),
    (UUID, "x", 'v: expected uuid (text), got "x"'),
    (shop.Item, {"name": 1}, "v.name: expected str, got 1"),
    (shop.Item, {}, "v.name: expected str, got nothing: the field is missing"),
    (
        shop.Item,
        {"name": "a", "x": 1},
        "v.x: expected one of name, price, tags, parent, got a field that does not exist",
    ),
    (shop.Item, {"name": "a", "parent": {"name": 2}}, "v.parent.name: expected str, got 2"),
    (shop.Item, 5, "v: expected Item, got 5"),
    (shop.Plain, {"a": 1}, 'v: expected Plain, got {"a": 1}'),
    (Movie, {"year": 1}, "v.title: expected str, got nothing: the field is missing"),
    (int, {"$": "decimal", "v": "1"}, 'v: expected int, got {"$": "decimal", "v": "1"}'),
    (int, {"$x": 1}, 'v: expected int, got {"$x": 1}'),
]


@pytest.mark.parametrize(("annotation", "value", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusal_names_path_and_both_facts(annotation: Any, value: Any, message: str) -> None:
    with pytest.raises(DoesNotFit) as caught:
        conform(value, describe(annotation, RESOLVER), "v")
    assert str(caught.value).startswith(message)


def test_path_leads_through_fields_and_indexes() -> None:
    with pytest.raises(DoesNotFit) as caught:
        conform(
            {"items": [{"name": "a"}, {"name": "b", "price": "forty"}]}, describe(shop.Basket, RESOLVER), "payments"
        )
    assert str(caught.value) == 'payments.items[1].price: expected int, got "forty"'
    assert (caught.value.path, caught.value.expected, caught.value.got) == ("payments.items[1].price", "int", '"forty"')


SAVED: list[tuple[Any, Any]] = [
    *(
        (int, 2**70),
        (float, float("nan")),
        (str, "\ud83d\ude00"),
        (shop.Item, shop.Item("a")),
        (shop.Plain, shop.Derived()),
    ),
    *((shop.Plain, shop.Plain()), (shop.Colour, shop.Colour.RED), (list[int], [1]), (tuple[int, str], (1, "a"))),
    *(
        (set[int], {1}),
        (dict[int, str], {1: "a"}),
        (dt.timedelta, dt.timedelta(1)),
        (Path, Path("/x")),
        (Any, shop.Key(1)),
    ),
    *(
        (shop.Point, shop.Point(1)),
        (shop.Point, shop.Place(1)),
        (bytes, b"x"),
        (int | None, None),
        (dt.date, dt.date.max),
    ),
    *((list, [x := [1], x]), (shop.Item | None, shop.Item("a")), (frozenset[int], frozenset({1}))),
]


@pytest.mark.parametrize(("annotation", "value"), SAVED, ids=range(len(SAVED)))
def test_values_of_the_codec_fit_their_own_type(annotation: Any, value: Any) -> None:
    text = CODEC.encode(value)
    assert conform(json.loads(text), describe(annotation, RESOLVER)) == json.loads(text)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (shop.Item, shop.Key(1)),
        (shop.Colour, shop.Level.LOW),
        (shop.Plain, shop.Item("a")),
        (list[int], (1,)),
        (int, 1j),
    ],
)
def test_values_of_the_codec_of_other_types_are_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(DoesNotFit):
        conform(json.loads(CODEC.encode(value)), describe(annotation, RESOLVER))


def test_elements_of_tagged_containers_are_checked() -> None:
    with pytest.raises(DoesNotFit, match=r'v\[1\]: expected int, got "x"'):
        conform({"$": "tuple", "v": [1, "x"]}, describe(tuple[int, ...], RESOLVER), "v")


def test_author_s_checks_run_where_the_value_is_read() -> None:
    text = json.dumps(conform({"low": 3, "high": 1}, describe(shop.Checked, RESOLVER)))
    with pytest.raises(CodecError, match="low is above high"):
        CODEC.decode(text)


def test_too_deep_json_is_refused() -> None:
    value: Any = 1
    for _ in range(2_00):
        value = [value]
    with pytest.raises(DoesNotFit, match="inside each other"):
        conform(value, describe(Any, RESOLVER))


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("$"), inner, max_size=3)
        ),
    ),
    st.sampled_from([fit[0] for fit in FITS]),
)
def test_any_json_fits_or_is_refused(value: Any, annotation: Any) -> None:
    with contextlib.suppress(DoesNotFit):
        conform(value, describe(annotation, RESOLVER))


def test_parameters() -> None:
    described = describe_parameters(shop.describe_me, RESOLVER)
    assert [(p["name"], p["kind"], p["required"], p["type"]["kind"]) for p in described] == [
        ("when", "positional_or_keyword", True, "datetime"),
        ("wait", "positional_or_keyword", True, "timedelta"),
        ("items", "positional_or_keyword", True, "list"),
        ("colour", "positional_or_keyword", False, "enum"),
        ("more", "var_keyword", False, "str"),
    ]
    assert describe_parameters(shop.Order.main, RESOLVER)[0]["name"] == "customer"


def test_one_bad_annotation_does_not_spoil_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("codec_bad_hints")
    monkeypatch.setitem(sys.modules, "codec_bad_hints", module)
    exec("from __future__ import annotations\nclass A:\n    x: Nowhere\n    y: int = 0\n", module.__dict__)
    assert annotations_of(module.__dict__["A"]) == {"x": Any, "y": int}


def test_recursive_types_are_described_by_name() -> None:
    described = describe(shop.Item, RESOLVER)
    parent = next(field for field in described["fields"] if field["name"] == "parent")
    assert parent["type"] == {"kind": "union", "of": [{"kind": "ref", "type": "codec_shop:Item"}, {"kind": "none"}]}
