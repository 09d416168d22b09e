"""Every type in the list of authoring.md comes back as it was."""

from __future__ import annotations

import array
import asyncio
import collections
import contextlib
import datetime as dt
import decimal
import fractions
import functools
import ipaddress
import itertools
import math
import operator
import pathlib
import random
import re
import statistics
import struct
import sys
import time
import types
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

import codec_shop as shop
import pytest
from codec_graphs import assert_same

from runtime_client import _operations as operations
from runtime_client._channels import Channel, ReceiveNext
from runtime_client._codec import Codec
from runtime_client._frame import Outcome
from runtime_client._handles import ChildRef, Handle

Again = Callable[[Any], Any]
STOCKHOLM = zoneinfo.ZoneInfo("Europe/Stockholm")


def _item() -> shop.Item:
    item = shop.Item("child", 3, ["a"])
    item.parent = shop.Item("parent")
    return item


def _slotted() -> shop.Slotted:
    value = shop.Slotted()
    value.x = [1]
    value.hide("secret")
    return value


def _labelled(value: Any) -> Any:
    value.label = "attribute"
    return value


VALUES: list[Any] = [
    *(None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**5000),
    *(0.0, -0.0, 1e308, 5e-324, math.inf, -math.inf, math.nan, complex(1, -0.0), complex(math.nan, math.inf)),
    *("", "text", "é", "\U0001f600", "\x00", "\ud83d", "\ud83d\ude00", "a\ud83d\ude00\ud83d\ude00b", "\ude00\ud83d"),
    *(b"", b"\x00\xff", bytearray(b"abc"), [], [1, [2]], (), (1, ("a", [])), {}, {"a": {"b": None}}),
    *({"$": 1}, {"$id": 1}, {"$ref": 1}, {"a$": 1, "$b": 2}, {"\ud83d\ude00": 1}, {1: 2, (1, 2): 3, None: 4, 1.5: 5}),
    *(set(), {1, "a", (1, 2)}, frozenset(), frozenset({1, frozenset({2})}), range(3), range(10, 0, -2), range(2**80)),
    *(slice(1, None, 2), slice("a", [1]), ..., NotImplemented),
    *(collections.deque([1, 2], 5), collections.deque(), collections.Counter("abca")),
    *(
        collections.OrderedDict(b=1, a=2),
        collections.defaultdict(list, {"a": [1]}),
        collections.defaultdict(None, {1: 2}),
    ),
    *(shop.Colour.RED, shop.Colour.GREEN, shop.Level.HIGH, shop.Rights.READ, shop.Rights.READ | shop.Rights.WRITE),
    *(shop.Point(1, [2]), _labelled(shop.Place(1, 2)), shop.Item("a"), _item(), shop.Key((1, 2), 3), shop.Slim(1, [2])),
    *(
        shop.Node(1, shop.Node(2)),
        _slotted(),
        shop.Slotted(),
        shop.Plain(a=1, b=[2]),
        shop.Plain.Inner(),
        shop.Box[int](3),
    ),
    *(_labelled(shop.MyList([1, 2])), _labelled(shop.MyDict({1: [2]})), _labelled(shop.MySet({1})), shop.MyStr("x")),
    *(_labelled(shop.MyStr("\ud83d\ude00")), shop.MyInt(2**80), _labelled(shop.MyTuple((1, [2]))), shop.MyFrozen({1})),
    *(_labelled(shop.MyDeque([1], 3)), shop.MyDefault(list, {1: 2}), shop.MyCounter("aab")),
    *(
        dt.datetime(2026, 1, 2, 3, 4, 5, 6),
        dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        dt.date(1, 1, 1),
        dt.time(1, 2, 3, 4),
    ),
    dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=-3, seconds=7))),
    dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=1), "CET")),
    dt.datetime(2026, 10, 25, 2, 30, tzinfo=STOCKHOLM, fold=1),
    *(dt.time(2, 30, fold=1), dt.time(2, tzinfo=STOCKHOLM), dt.timedelta(days=-1, microseconds=1), dt.timedelta.max),
    *(dt.timezone(dt.timedelta(hours=1)), STOCKHOLM, zoneinfo.ZoneInfo("UTC")),
    *(decimal.Decimal("1.10"), decimal.Decimal("-0"), decimal.Decimal("Infinity"), fractions.Fraction(2**70, 3)),
    *(uuid.UUID(int=5), pathlib.Path("/a/b"), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("C:\\x")),
    *(ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_interface("::1/64")),
    *(re.compile("a+", re.IGNORECASE), re.compile(b"x"), re.compile("(?i)a"), shop.charge, shop.cached, len, str.upper),
    *(
        int,
        shop.Item,
        shop.Plain.Inner,
        ValueError,
        shop.Plain.helper,
        shop.json,
        shop.json.JSONDecodeError,
        shop.Colour,
    ),
    *(operations.Recv("ch"), operations.Send(None, [1]), operations.After(dt.timedelta(1)), operations.Retry.never()),
    operations.Retry(non_retryable=(ValueError, shop.OrderError)),
    operations.Call(shop.charge, (1,), {"total": 2}),
    operations.Call(shop.charge, (1,), {"total": 2}, queue="slow", priority=-3),
    operations.Select((0, "late"), (operations.Recv("a"), operations.Default())),
    *(operations.Join(1), operations.Result("id"), Channel(3, channel_id="#1"), Handle(2), ChildRef("order-1")),
    *(Outcome([1]), types.SimpleNamespace(a=1), collections.UserList([1])),
    *(shop.Seeded(1, 5), shop.Heir[int](1, [2]), shop.Ordered(a=1), shop.Permissions.READ | 8, shop.Rights(0)),
    *(shop.Suit.HEARTS, shop.Pair.ONE, ~shop.Rights.READ, shop.Closed()),
    *(_labelled(shop.Moment(2026, 1, 2, 3, fold=1, tzinfo=STOCKHOLM)), shop.Day(2026, 1, 2), shop.Wait(1, 2, 3)),
    *(_labelled(shop.Money("1.10")), _labelled(shop.Ratio(2, 6)), shop.Where("a/b"), shop.urllib.parse.urlparse("a:b")),
    *(array.array("d", [1.5, math.inf]), array.array("b"), time.gmtime(0), type(None), type(...), array.array),
    *(operator.add, asyncio.CancelledError, statistics.StatisticsError, struct.error),
    *(collections.ChainMap({"a": 1}, {"b": 2}), collections.UserDict({1: 2}), collections.UserString("a")),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}")
def test_value_comes_back_as_it_was(again: Again, value: Any) -> None:
    assert_same(again([value])[0], value)


def test_zone_and_fold_survive(again: Again) -> None:
    moment = again(dt.datetime(2026, 10, 25, 2, 30, tzinfo=STOCKHOLM, fold=1))
    assert moment.tzinfo is STOCKHOLM
    assert moment.fold == 1
    assert again(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).tzinfo is dt.UTC
    assert again(dt.timezone(dt.timedelta(hours=1), "CET")).tzname(None) == "CET"


def test_d16_enum_members_classes_functions_and_singletons_are_identical(again: Again) -> None:
    for value in (shop.Colour.RED, shop.Item, shop.charge, len, None, ..., NotImplemented, shop.json, shop.cached):
        assert again(value) is value


def test_init_is_not_called_and_missing_attributes_stay_missing(again: Again) -> None:
    value = shop.Plain.__new__(shop.Plain)
    assert again(value).__dict__ == {}
    item = shop.Item.__new__(shop.Item)
    item.name = "only this"
    assert again(item).__dict__ == {"name": "only this"}


def test_post_init_is_not_run_again(again: Again, monkeypatch: pytest.MonkeyPatch) -> None:
    value = shop.Seeded(1, 5)
    value.high = 100
    monkeypatch.delattr(shop.Seeded, "__post_init__")
    assert again(value).high == 100


def test_builtin_content_is_taken_past_overridden_methods(again: Again) -> None:
    value = list.__new__(shop.Rebellious)
    list.extend(value, [1, 2])
    assert list.__getitem__(again(value), slice(None)) == [1, 2]


def test_getstate_alone_leaves_out_what_it_leaves_out(again: Again) -> None:
    assert again(shop.GetOnly()).__dict__ == {"kept": 1}


def test_a_mapping_proxy_follows_its_dict(again: Again) -> None:
    data = {"a": 1}
    back, proxy = again([data, types.MappingProxyType(data)])
    back["b"] = 2
    assert (type(proxy), dict(proxy)) == (types.MappingProxyType, {"a": 1, "b": 2})


def test_getters_of_the_operator_module(again: Again) -> None:
    item, attribute, method = again(
        [operator.itemgetter(1, 0), operator.attrgetter("a.b"), operator.methodcaller("split", "b", maxsplit=1)]
    )
    assert item("ab") == ("b", "a")
    assert attribute(types.SimpleNamespace(a=types.SimpleNamespace(b=3))) == 3
    assert method("abbc") == ["a", "bc"]


def test_a_subclass_of_random_goes_on_where_it_was(again: Again) -> None:
    source = _labelled(shop.Dice(7))
    back = again(source)
    assert (type(back), back.label, back.random()) == (shop.Dice, "attribute", source.random())


def test_own_state_methods_are_used(again: Again) -> None:
    assert again(shop.WithState([1])).value == [1]


def test_bound_methods(again: Again) -> None:
    value = shop.Derived(mark=1)
    method, parent, owner = again([value.method, super(shop.Derived, value).method, value])
    assert (method.__self__ is owner, parent.__self__ is owner) == (True, True)
    assert (method(), parent()) == ("derived", "method")
    assert again(shop.Plain.build) == shop.Plain.build
    assert again(dict.fromkeys)("a") == {"a": None}
    labelled = shop.MyList()
    append, items = again([labelled.append, labelled])
    append(1)
    assert items == [1]
    append, items = again([items.append, items]) if (items := [1]) else (None, None)
    append(2)
    assert items == [1, 2]


def test_partial_with_a_cycle(again: Again) -> None:
    holder: list[Any] = []
    holder.append(functools.partial(shop.charge, holder, total=1))
    back = again(holder)
    assert back[0].args[0] is back
    assert (back[0].func, back[0].keywords) == (shop.charge, {"total": 1})


def test_dict_views_follow_their_dict(again: Again) -> None:
    data = {"a": 1}
    back, keys, values, items = again([data, data.keys(), data.values(), data.items()])
    back["b"] = 2
    assert (list(keys), list(values), list(items)) == (["a", "b"], [1, 2], [("a", 1), ("b", 2)])


def test_context_managers_of_the_standard_library(again: Again) -> None:
    with again(contextlib.suppress(ValueError, KeyError)):
        raise KeyError
    with again(contextlib.nullcontext([1])) as inside:
        assert inside == [1]


def test_random_goes_on_where_it_was(again: Again) -> None:
    source = random.Random(7)
    source.gauss(0, 1)
    back = again(source)
    assert [back.random(), back.gauss(0, 1)] == [source.random(), source.gauss(0, 1)]


def test_selected_keeps_ok(again: Again) -> None:
    back = again(operations.Selected("late", None, ok=False))
    assert (type(back), back.case, back.value, back.ok) == (operations.Selected, "late", None, False)


def test_receive_next_and_channel_iterator(again: Again) -> None:
    channel: Channel[int] = Channel(channel_id="a")
    back = again(ReceiveNext(channel))
    assert (type(back), back.channel) == (ReceiveNext, channel)
    assert again(channel.__aiter__()).channel == channel


def test_channels_and_handles_are_one_object_per_document(codec: Codec) -> None:
    order = shop.Order()
    one, two, declared = codec.decode(
        codec.encode([Handle(1), Handle(1), Channel(3, channel_id="payments")], process=order), process=order
    )
    assert one is two
    assert declared is shop.Order.payments


ITERATORS: dict[str, Callable[[], Any]] = {
    "list": lambda: iter([1, 2, 3]),
    "tuple": lambda: iter((1, 2, 3)),
    "str": lambda: iter("aéb"),
    "ascii": lambda: iter("abc"),
    "bytes": lambda: iter(b"abc"),
    "bytearray": lambda: iter(bytearray(b"abc")),
    "range": lambda: iter(range(10, 0, -3)),
    "reversed list": lambda: reversed([1, 2, 3]),
    "reversed tuple": lambda: reversed((1, 2, 3)),
    "reversed range": lambda: reversed(range(3)),
    "enumerate": lambda: enumerate(["a", "b", "c"], 5),
    "zip": lambda: zip([1, 2], (3, 4), strict=True),
    "map": lambda: map(str, [1, 2, 3]),
    "filter": lambda: filter(None, [0, 1, 2, 3]),
    "nested": lambda: enumerate(zip(map(str, range(3)), reversed("abc"), strict=False)),
}


@pytest.mark.parametrize("make", ITERATORS.values(), ids=ITERATORS)
@pytest.mark.parametrize("taken", [0, 1, 2, 9])
def test_iterators_go_on_where_they_were(again: Again, make: Callable[[], Any], taken: int) -> None:
    iterator = make()
    for _ in range(taken):
        next(iterator, None)
    back = again(iterator)
    if taken < 3:  # a used-up iterator over text does not tell whether that was ASCII
        assert type(back) is type(iterator)
    assert list(back) == list(iterator)
    assert list(again(back)) == []


ITERTOOLS: dict[str, Callable[[], Any]] = {
    "accumulate": lambda: itertools.accumulate([1, 2, 3, 4, 5]),
    "accumulate from": lambda: itertools.accumulate({1: 1, 2: 2, 3: 3}, operator.mul, initial=7),
    "chain": lambda: itertools.chain([1, 2], {3, 4}, (), "ab"),
    "chain of an iterable": lambda: itertools.chain.from_iterable(iter([[1, 2], [], [3]])),
    "combinations": lambda: itertools.combinations("abcd", 2),
    "more combined than there is": lambda: itertools.combinations("ab", 3),
    "combinations with replacement": lambda: itertools.combinations_with_replacement([1, 2], 3),
    "compress": lambda: itertools.compress("abcde", [1, 0, 1, 1, 1]),
    "count": lambda: itertools.islice(itertools.count(5, 3), 5),
    "cycle": lambda: itertools.islice(itertools.cycle([1, 2, 3]), 8),
    "dropwhile": lambda: itertools.dropwhile(shop.is_small, [1, 2, 3, 1, 5]),
    "filterfalse": lambda: itertools.filterfalse(shop.is_small, [1, 2, 3, 1, 5]),
    "islice": lambda: itertools.islice("abcdefghij", 1, 9, 2),
    "pairwise": lambda: itertools.pairwise([1, 2, (3, 4), 5, 6]),
    "pairwise of one": lambda: itertools.pairwise([1]),
    "permutations": lambda: itertools.permutations([1, 2, 3], 2),
    "more permuted than there is": lambda: itertools.permutations("ab", 3),
    "product": lambda: itertools.product([1, 2], "ab", repeat=2),
    "repeat": lambda: itertools.repeat("x", 5),
    "starmap": lambda: itertools.starmap(pow, zip([1, 2, 3], [4, 5, 6], strict=True)),
    "takewhile": lambda: itertools.takewhile(shop.is_small, [1, 2, 2, 3, 1]),
    "zip_longest": lambda: itertools.zip_longest([1, 2, 3, 4], "ab", iter(()), fillvalue=0),
    "composed": lambda: enumerate(itertools.chain(itertools.pairwise("abc"), itertools.product([1, 2], repeat=2))),
}

needs_itertools_that_tell = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="from Python 3.14 on, iterators of itertools do not tell where they are"
)


@needs_itertools_that_tell
@pytest.mark.parametrize("make", ITERTOOLS.values(), ids=ITERTOOLS)
def test_iterators_of_itertools_go_on_where_they_were(again: Again, make: Callable[[], Any]) -> None:
    for moments in itertools.product([False, True], repeat=5):
        iterator, expected, got = make(), list(make()), list[Any]()
        for is_saved in moments:
            iterator = again(iterator) if is_saved else iterator
            got += list(itertools.islice(iterator, 1))
        assert [*got, *again(iterator)] == expected


@needs_itertools_that_tell
def test_groups_go_on_where_they_were_with_what_they_are_groups_of(again: Again) -> None:
    groups, got = itertools.groupby([1, 1, 2, 3, 3, 1], shop.is_small), list[Any]()
    while (found := next(groups, None)) is not None:
        key, group = found
        groups, group = again([groups, group])
        while (item := next(group, None)) is not None:
            got.append((key, item))
            groups, group = again([groups, group])
    assert got == [(True, 1), (True, 1), (True, 2), (False, 3), (False, 3), (True, 1)]


@needs_itertools_that_tell
def test_a_group_that_is_over_stays_so(again: Again) -> None:
    groups = itertools.groupby([1, 1, 2])
    _, old = next(groups)
    next(groups)
    assert list(again([groups, old])[1]) == []


@needs_itertools_that_tell
def test_numbers_from_count_go_on_wherever_they_are_taken(again: Again) -> None:
    numbers = itertools.count(1)
    one, two = again([numbers, numbers])
    assert (next(one), next(two), next(again(one))) == (1, 2, 3)
    assert type(again(itertools.count(0.5, 0.25))) is itertools.count


@needs_itertools_that_tell
@pytest.mark.parametrize("make", [lambda: itertools.pairwise(range(500)), lambda: itertools.cycle([1, 2, 3])])
def test_an_iterator_of_itertools_does_not_grow_with_each_storage(codec: Codec, make: Callable[[], Any]) -> None:
    iterator, sizes = make(), []
    for _ in range(100):
        next(iterator)
        text = codec.encode(iterator)
        sizes.append(len(text))
        iterator = codec.decode(text)
    assert max(sizes[10:]) <= max(sizes[:10]) + 4


CURSORS: dict[str, Callable[[], Any]] = {
    "dict": lambda: iter({"a": 1, "b": 2, "c": 3}),
    "dict values": lambda: iter({"a": 1, "b": 2, "c": 3}.values()),
    "dict items": lambda: iter({"a": 1, "b": 2, "c": 3}.items()),
    "reversed dict": lambda: reversed({"a": 1, "b": 2, "c": 3}),
    "set": lambda: iter({"a", "b", "c"}),
    "frozenset": lambda: iter(frozenset("abc")),
    "deque": lambda: iter(collections.deque("abc")),
    "reversed deque": lambda: reversed(collections.deque("abc")),
    "ordered dict": lambda: iter(collections.OrderedDict(a=1, b=2, c=3)),
    "own": lambda: shop.Countdown(3),
    "enumerated set": lambda: enumerate({"a", "b", "c"}),
}


@pytest.mark.parametrize("make", CURSORS.values(), ids=CURSORS)
@pytest.mark.parametrize("taken", [0, 1, 2, 9])
def test_iterators_held_by_name_go_on_where_they_were(again: Again, make: Callable[[], Any], taken: int) -> None:
    iterator = make()
    for _ in range(taken):
        next(iterator, None)
    one, two = again([iterator, iterator])
    assert one is two
    assert list(again(one)) == list(iterator)


def test_a_dict_iterator_held_by_name_sees_its_dict(again: Again) -> None:
    data: dict[Any, Any] = {1: 1, 2: 2, 3: None}
    data[3] = iterator = iter(data)
    next(iterator)
    back = again(data)
    assert next(back[3]) == 2
    back[4] = 4
    with pytest.raises(RuntimeError, match="changed size"):
        next(back[3])


def test_iterator_shares_its_list(again: Again) -> None:
    items = [1]
    iterator = iter(items)
    back, one, two = again([items, iterator, iterator])
    assert one is two
    back.append(2)
    assert list(one) == [1, 2]
