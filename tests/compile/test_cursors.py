"""Cursors: saved and restored between any two items, they go on where they were."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runtime_client._cursors import Cursor, iterate

SOURCES: dict[str, Callable[[], Any]] = {
    "list": lambda: [1, 2, 3],
    "tuple": lambda: (1, 2, 3),
    "str": lambda: "abc",
    "str beyond ascii": lambda: "añ☃",
    "bytes": lambda: b"abc",
    "bytearray": lambda: bytearray(b"abc"),
    "range": lambda: range(1, 9, 3),
    "range of big numbers": lambda: range(2**70, 2**70 + 3),
    "dict": lambda: {"a": 1, "b": 2},
    "dict values": lambda: {"a": 1, "b": 2}.values(),
    "dict items": lambda: {"a": 1, "b": 2}.items(),
    "set": lambda: {3, 1, 2},
    "frozenset": lambda: frozenset("abc"),
    "deque": lambda: collections.deque([1, 2, 3]),
    "reversed deque": lambda: reversed(collections.deque([1, 2, 3])),
    "ordered dict": lambda: collections.OrderedDict(a=1, b=2),
    "counter": lambda: collections.Counter("aab").items(),
    "enumerate": lambda: enumerate("ab", 5),
    "zip": lambda: zip([1, 2], {"x": 1, "y": 2}, strict=True),
    "reversed list": lambda: reversed([1, 2, 3]),
    "reversed tuple": lambda: reversed((1, 2, 3)),
    "reversed dict": lambda: reversed({"a": 1, "b": 2}),
    "reversed range": lambda: reversed(range(3)),
    "map": lambda: map(str, [1, 2]),
    "filter": lambda: filter(None, [0, 1, 0, 2]),
    "composed": lambda: enumerate(zip(reversed("ab"), map(str, {1: 2, 3: 4}), strict=True)),
    "empty": list,
}


def restored(cursor: Iterator[Any]) -> Cursor:
    assert isinstance(cursor, Cursor)
    made = Cursor.__new__(Cursor)
    made.__setstate__(cursor.__getstate__())
    return made


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_a_cursor_goes_on_after_storage(make: Callable[[], Any]) -> None:
    expected = list(make())
    for moments in itertools.product((False, True), repeat=min(3, len(expected) + 1)):
        cursor = iterate(make())
        got = []
        for position in range(len(expected) + 1):
            if position < len(moments) and moments[position]:
                cursor = restored(cursor)
            got += [x for x in [next(cursor, None)] if x is not None]
        assert got == expected
        assert list(restored(cursor)) == []


def test_a_list_grown_in_its_own_loop_is_seen() -> None:
    items = [1]
    cursor = iterate(items)
    assert next(cursor) == 1
    cursor = restored(cursor)
    items.append(2)
    assert next(cursor) == 2


@pytest.mark.parametrize("storage", [False, True])
def test_a_dict_or_set_changed_in_its_own_loop_raises(storage: bool) -> None:
    mapping, numbers = {1: 1, 2: 2}, {1, 2}
    for source, change in ((mapping, lambda: mapping.update({3: 3})), (numbers, lambda: numbers.add(3))):
        cursor = iterate(source)
        next(cursor)
        change()
        if storage:
            cursor = restored(cursor)
        with pytest.raises(RuntimeError, match="changed size during iteration"):
            next(cursor)


def test_a_dict_or_set_changed_after_storage_raises() -> None:
    mapping, numbers = {1: 1, 2: 2}, {1, 2}
    for source, change in ((mapping, lambda: mapping.update({3: 3})), (numbers, lambda: numbers.add(3))):
        cursor = iterate(source)
        next(cursor)
        cursor = restored(cursor)
        change()
        with pytest.raises(RuntimeError, match="changed size during iteration"):
            next(cursor)


def test_an_object_with_getitem_is_iterated() -> None:
    class Squares:
        def __getitem__(self, index: int) -> int:
            if index > 2:
                raise IndexError
            return index * index

    cursor = restored(iterate(Squares()))
    next(cursor)
    assert list(restored(cursor)) == [1, 4]


def test_other_iterators_are_passed_through() -> None:
    generator = (x for x in [1])
    assert iterate(generator) is generator
    with pytest.raises(TypeError, match="'int' object is not iterable"):
        iterate(5)
