"""Whether two object graphs are the same: types, contents, order and identity (rule 1, detail D16)."""

from __future__ import annotations

import collections
import datetime
import decimal
import math
import uuid
from typing import Any

import codec_shop as shop

from runtime_client._codec_objects import Layout, _builtin_base, _slots

_ATOMS = (type(None), bool, int, str, bytes)

_BY_VALUE = (tuple, frozenset, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta, uuid.UUID, shop.Point)
"""Immutable: two names of one may become two that are equal."""


def assert_same(one: Any, other: Any) -> None:
    """Fail unless both graphs are isomorphic. Walks with a stack, as graphs may be deep."""
    forth: dict[int, Any] = {}
    back: dict[int, Any] = {}
    waiting: list[tuple[Any, Any]] = [(one, other)]
    while waiting:
        a, b = waiting.pop()
        assert type(a) is type(b), f"{type(a)} became {type(b)}: {a!r:.80} and {b!r:.80}"
        if isinstance(a, _ATOMS) and type(a) in _ATOMS:
            assert a == b
            continue
        if type(a) is float:
            assert (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
            continue
        if type(a) is complex:
            waiting += [(a.real, b.real), (a.imag, b.imag)]
            continue
        if id(a) in forth:
            if not isinstance(a, _BY_VALUE):
                assert forth[id(a)] is b, f"two names of one {type(a).__name__} became two objects"
            if forth[id(a)] is b:
                continue
        if not isinstance(a, _BY_VALUE):
            assert back.setdefault(id(b), a) is a, f"two objects of {type(a).__name__} became one"
        forth[id(a)] = b
        waiting += _parts(a, b)


def _parts(a: Any, b: Any) -> list[tuple[Any, Any]]:
    parts: list[tuple[Any, Any]] = []
    if isinstance(a, list | tuple | collections.deque):
        assert len(a) == len(b)
        parts += zip(a, b, strict=True)
    elif isinstance(a, dict):
        assert len(a) == len(b)
        parts += zip(a.keys(), b.keys(), strict=True)
        parts += zip(a.values(), b.values(), strict=True)
    elif isinstance(a, set | frozenset):
        assert len(a) == len(b)
        parts += zip(sorted(a, key=_order), sorted(b, key=_order), strict=True)
    if isinstance(a, collections.defaultdict):
        assert a.default_factory is b.default_factory
    if isinstance(a, BaseException):
        parts += [(a.args, b.args), (a.__cause__, b.__cause__), (a.__context__, b.__context__)]
        assert a.__suppress_context__ == b.__suppress_context__
    if type(a).__module__ == "codec_shop" or isinstance(a, BaseException):
        mine, yours = _attributes(a), _attributes(b)
        assert list(mine) == list(yours)
        parts += zip(mine.values(), yours.values(), strict=True)
    elif not parts and not isinstance(a, list | dict | set | frozenset | tuple | collections.deque):
        assert a == b
    return parts


def _attributes(value: Any) -> dict[str, Any]:
    cls = type(value)
    return Layout(cls, _builtin_base(cls), _slots(cls), False).attributes(value)


def _order(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"
