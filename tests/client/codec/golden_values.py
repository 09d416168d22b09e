"""Values that every version must read from documents of every earlier one: expressions, over `codec_shop` and the standard library."""

from __future__ import annotations

from typing import Any

EXPRESSIONS = """
None
[True, False, 0, -1, 2**63, -(2**70), 1.5, -0.0, math.inf, -math.inf, complex(1, -2)]
["", "text", "\\u00e9\\x00", "\\ud800", "\\ud83d\\ude00"]
[b"", b"\\xff", bytearray(b"abc")]
[[], [1, [2]], (), (1, ("a", [])), {}, {"a": {"b": None}}, {1: 2, (1, 2): 3, None: 4}, {"$": 1}]
[{1, 2}, frozenset({1, 2}), {"a", "b"}, range(1, 9, 2), slice(1, None, 2), ..., NotImplemented]
[collections.deque([1], 3), collections.OrderedDict(b=1, a=2), collections.Counter("aab"), collections.ChainMap({1: 2})]
collections.defaultdict(list, {"a": [1]})
[shop.Colour.RED, shop.Level.HIGH, shop.Rights.READ | shop.Rights.WRITE, shop.Suit.HEARTS]
[shop.Point(1, [2]), shop.Item("a", 2), shop.Key((1, 2)), shop.Slim(1, [2]), shop.Node(1, shop.Node(2)), shop.Heir(1, 2)]
[shop.Plain(a=1), shop.Plain.Inner(), shop.Box[int](3), shop.MyList([1]), shop.MyDict({1: 2}), shop.MyStr("x")]
[shop.MyTuple((1, 2)), shop.MyDeque([1], 3), shop.MyDefault(list, {1: 2})]
[dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), dt.date(2026, 1, 2), dt.time(1, 2, fold=1), dt.timedelta(days=-1, microseconds=1)]
[dt.datetime(2026, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Stockholm"), fold=1), zoneinfo.ZoneInfo("UTC")]
[dt.timezone(dt.timedelta(hours=1), "CET"), shop.Moment(2026, 1, 2), shop.Money("1.10"), shop.Where("a/b")]
[decimal.Decimal("1.10"), fractions.Fraction(2, 3), uuid.UUID(int=5), pathlib.PurePosixPath("/a"), pathlib.PureWindowsPath("C:\\\\x")]
[ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("::/8"), re.compile("a+", re.IGNORECASE), re.compile(b"x")]
[array.array("d", [1.5]), types.SimpleNamespace(a=1)]
[int, shop.Item, shop.Plain.Inner, ValueError, shop.charge, shop.Plain.helper, len, str.upper, shop.json, type(None)]
[ValueError("a", 1), shop.OrderError(1, detail="d"), ExceptionGroup("g", [KeyError("k"), OSError(2, "gone", "f")])]
[operations.Recv("ch"), operations.Send("ch", [1]), operations.After(dt.timedelta(1)), operations.Retry.never()]
[operations.Call(shop.charge, (1,), {"total": 2}), operations.Selected("late", None, False), Outcome([1])]
[Channel(3, channel_id="#1"), Handle(2), ChildRef("order-1")]
"""


def expressions() -> list[str]:
    return [line for line in EXPRESSIONS.split("\n") if line]


def value_of(expression: str) -> Any:
    import array
    import collections
    import datetime as dt
    import decimal
    import fractions
    import ipaddress
    import math
    import pathlib
    import re
    import types
    import uuid
    import zoneinfo

    import codec_shop as shop

    from runtime_client import _operations as operations
    from runtime_client._channels import Channel
    from runtime_client._frame import Outcome
    from runtime_client._handles import ChildRef, Handle

    names = (array, collections, decimal, fractions, ipaddress, math, pathlib, re, types, uuid, zoneinfo)
    known = {module.__name__: module for module in names} | {"dt": dt, "shop": shop, "operations": operations}
    known |= {"Channel": Channel, "Outcome": Outcome, "ChildRef": ChildRef, "Handle": Handle}
    return eval(expression, known)
