"""In which order members of sets are written, and how sets are filled again.

A set has no order of its own: it iterates as the hashes of its members and its history have it. Hashes of numbers are the same
in every interpreter, so a set of numbers is written in the order in which it iterates, and filled so that it iterates like
that again. Hashes of texts, and of whatever holds texts, differ from one interpreter to the next: such a set is written in the
order of its members' texts, so that the same members give the same document under every hash seed.

Bounds what members with equal hashes can cost: each is compared with all others of its hash.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ._errors import CodecError

EQUAL_HASHES_MAX = 2_000
"""Members of one set, or keys of one dict, that are numbers, texts or tuples and have the same hash."""

_DEPTH_MAX = 4
"""Levels of a member that are looked into for its place in the order."""

_NUMBERS = (int, float, complex, decimal.Decimal, fractions.Fraction)

_VALUES = (str, bytes, datetime.date, datetime.time, datetime.timedelta, uuid.UUID, pathlib.PurePath)


def in_order(members: Iterable[Any]) -> list[Any]:
    """The members of a set, as they are written."""
    found = list(members)
    check_hashes(found)
    if len(found) < 2 or all(_has_fixed_hash(member) for member in found):
        return found
    return sorted(found, key=lambda member: _place(member, _DEPTH_MAX))


def _has_fixed_hash(value: Any) -> bool:
    """Whether every interpreter gives it the same hash."""
    if type(value) is tuple or type(value) is frozenset:
        return all(_has_fixed_hash(item) for item in value)
    return type(value) in _NUMBERS or type(value) is bool


def _place(value: Any, depth: int) -> tuple[str, str]:
    """What a member is ordered by: its type, then its content as text. Members that give the same stay as they iterate."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if value is None or isinstance(value, (*_NUMBERS, *_VALUES)):
        return name, _text(value)
    if isinstance(value, enum.Enum):
        return name, str(value.name)
    if isinstance(value, type) or (callable(value) and isinstance(getattr(value, "__qualname__", None), str)):
        return name, f"{value.__module__}.{value.__qualname__}"
    if depth == 0:
        return name, ""
    if isinstance(value, tuple):
        return name, _joined([_place(item, depth - 1) for item in tuple.__iter__(value)])
    if isinstance(value, frozenset):
        return name, _joined(sorted(_place(item, depth - 1) for item in frozenset.__iter__(value)))
    return name, _joined(_attributes(value, depth - 1))


def _text(value: Any) -> str:
    """Not `str()` or `repr()`, which a subclass may have made its own."""
    for kind in (*_NUMBERS, *_VALUES):
        if isinstance(value, kind):
            return kind.__repr__(value)
    return ""


def _attributes(value: Any, depth: int) -> list[tuple[str, str]]:
    try:
        found = dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        found = {}
    if dataclasses.is_dataclass(value):
        found |= {
            f.name: object.__getattribute__(value, f.name) for f in dataclasses.fields(value) if f.name not in found
        }
    return [(name, _joined([_place(item, depth)])) for name, item in found.items()]


def _joined(places: Iterable[tuple[str, str]]) -> str:
    return "\x00".join("\x01".join(place) for place in places)


# --- filling ------------------------------------------------------------------------------------------------------------


def fill(value: set[Any], members: Sequence[Any]) -> None:
    """Put members into an empty set; if it can be, so that it iterates in their order.

    Raises:
      CodecError: too many of them have one hash.
    """
    check_hashes(members)
    set.update(value, members)
    if all(_has_fixed_hash(member) for member in members):
        _arrange(value, members)


def arranged(members: Sequence[Any]) -> frozenset[Any]:
    """The same for a frozenset."""
    value: set[Any] = set()
    fill(value, members)
    return frozenset(value)


def _arrange(value: set[Any], members: Sequence[Any]) -> None:
    """Of members whose places collide, the one that came first has the better place: try who that was."""
    wanted = list(members)
    for order in (wanted, wanted[::-1], sorted(wanted, key=hash), sorted(wanted, key=hash, reverse=True)):
        if order is not wanted:
            set.clear(value)
            set.update(value, order)
        if all(one is other for one, other in zip(set.__iter__(value), wanted, strict=True)):
            return
    set.clear(value)
    set.update(value, wanted)


def check_hashes(keys: Iterable[Any]) -> None:
    """Raise CodecError if so many keys have one hash that comparing them would take for ever."""
    keys = list(keys)
    if len(keys) <= EQUAL_HASHES_MAX:
        return
    plain = [key for key in keys if isinstance(key, (*_NUMBERS, str, bytes, tuple))]
    if len(plain) <= EQUAL_HASHES_MAX:
        return
    _, count = Counter(map(hash, plain)).most_common(1)[0]
    if count > EQUAL_HASHES_MAX:
        raise CodecError(
            f"{count} members or keys have the same hash, the limit EQUAL_HASHES_MAX is {EQUAL_HASHES_MAX}",
            help="keep them in a list",
        )
