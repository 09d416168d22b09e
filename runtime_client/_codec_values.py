"""How values of the builtins and of the standard library are written and read: one pair of functions each.

The tags are specified at the head of `_codec.py`. A writer gets the encoder and the value. A reader gets the decoder and the
tagged JSON; what may be part of a cycle has two: one makes it empty, one fills it.
"""

from __future__ import annotations

import array
import base64
import collections
import datetime
import decimal
import fractions
import gc
import ipaddress
import operator
import pathlib
import random
import re
import time
import types
import uuid
import zoneinfo
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _codec_sets
from ._errors import CodecError

if TYPE_CHECKING:
    from ._codec import Decoder, Encoder, Json

PATTERN_CHARS_MAX = 20_000
"""Longest regular expression that is saved, and compiled when read, in characters."""

PATTERN_SETS_MAX = 300
"""Sets of characters in a regular expression that may reach beyond ASCII; compiling takes milliseconds for each."""

FRACTION_BITS_MAX = 200_000
"""Longest numerator or denominator of a Fraction."""


# --- containers -------------------------------------------------------------------------------------------------


def _write_list(encoder: Encoder, value: list[Any]) -> Json:
    out: list[Json] = []
    encoder.memo[id(value)] = out
    encode = encoder.encode
    try:
        for item in value:
            out.append(encode(item))
    except CodecError as error:
        error.path = (len(out), *error.path)
        raise
    return out


def _write_dict(encoder: Encoder, value: dict[Any, Any]) -> Json:
    for key in value:
        if type(key) is not str or "$" in key or not key.isascii():
            return _write_unusual_dict(encoder, value)
    out: dict[str, Json] = {}
    encoder.memo[id(value)] = out
    return encoder.object_of(value, out)


def _write_unusual_dict(encoder: Encoder, value: dict[Any, Any]) -> Json:
    from ._codec import has_plain_keys

    if has_plain_keys(value):
        out: dict[str, Json] = {}
        encoder.memo[id(value)] = out
        return encoder.object_of(value, out)
    node: Json = {"$": "dict"}
    encoder.memo[id(value)] = node
    node["v"] = encoder.pairs(value)
    return node


def _write_tuple(encoder: Encoder, value: tuple[Any, ...]) -> Json:
    known = encoder.local.get(id(value))
    if known is not None:
        return encoder.refer(known)
    array = encoder.array(value)
    node = {"$": "tuple", "v": array}
    if _holds_containers(array):
        encoder.local[id(value)] = node
    return node


def _write_set(encoder: Encoder, value: set[Any]) -> Json:
    node: Json = {"$": "set"}
    encoder.memo[id(value)] = node
    node["v"] = encoder.array(_codec_sets.in_order(value))
    return node


def _write_frozenset(encoder: Encoder, value: frozenset[Any]) -> Json:
    known = encoder.local.get(id(value))
    if known is not None:
        return encoder.refer(known)
    before = encoder.reference_count, len(encoder.deep)
    array = encoder.array(_codec_sets.in_order(value))
    if (encoder.reference_count, len(encoder.deep)) != before:
        encoder.is_doubtful = True
    node = {"$": "frozenset", "v": array}
    if _holds_containers(array):
        encoder.local[id(value)] = node
    return node


def _holds_containers(array: list[Json]) -> bool:
    """Whether writing the value again could cost more than a reference to it."""
    return any(type(item) is dict or type(item) is list for item in array)


def _array_writer(tag: str, **fields: Callable[[Any], Any]) -> Callable[[Encoder, Any], Json]:
    def write(encoder: Encoder, value: Any) -> Json:
        node: Json = {"$": tag}
        encoder.memo[id(value)] = node
        node["v"] = encoder.array(value)
        for name, get in fields.items():
            if get(value) is not None:
                node[name] = get(value)
        return node

    return write


def _mapping_writer(tag: str) -> Callable[[Encoder, Any], Json]:
    def write(encoder: Encoder, value: Any) -> Json:
        node: Json = {"$": tag}
        encoder.memo[id(value)] = node
        node["v"] = encoder.mapping(value)
        return node

    return write


def _write_defaultdict(encoder: Encoder, value: collections.defaultdict[Any, Any]) -> Json:
    node: Json = {"$": "defaultdict"}
    encoder.memo[id(value)] = node
    node["factory"] = encoder.field("default_factory", value.default_factory)
    node["v"] = encoder.mapping(value)
    return node


def _fill_list(decoder: Decoder, value: list[Any], node: dict[str, Json]) -> None:
    decoder.fill_list(value)


def _make_list(decoder: Decoder, node: dict[str, Json]) -> list[Any]:
    return _array(node["v"])


def _make_dict(decoder: Decoder, node: dict[str, Json]) -> dict[Any, Any]:
    return node["v"] if type(node["v"]) is dict else {}


def _fill_dict(decoder: Decoder, value: dict[Any, Any], node: dict[str, Json]) -> None:
    if value is node["v"]:
        decoder.fill_dict(value)
    else:
        fill_mapping(decoder, value, node)


def fill_mapping(decoder: Decoder, value: Any, node: dict[str, Json]) -> None:
    """Fill a dict from the mapping in "v"."""

    def use(items: list[tuple[Any, Any]]) -> None:
        _codec_sets.check_hashes(key for key, _ in items)
        for key, item in items:
            dict.__setitem__(value, key, item) if not isinstance(value, collections.OrderedDict) else (
                collections.OrderedDict.__setitem__(value, key, item)
            )

    decoder.when_read(node["v"], decoder.mapping, use)


def fill_set(decoder: Decoder, value: set[Any], node: dict[str, Json]) -> None:
    decoder.when_read(node["v"], decoder.array, lambda items: _codec_sets.fill(value, items))


def _make_defaultdict(decoder: Decoder, node: dict[str, Json]) -> Any:
    return collections.defaultdict()


def _fill_defaultdict(decoder: Decoder, value: collections.defaultdict[Any, Any], node: dict[str, Json]) -> None:
    value.default_factory = decoder.value(node["factory"])
    fill_mapping(decoder, value, node)


def _make_deque(decoder: Decoder, node: dict[str, Json]) -> collections.deque[Any]:
    return collections.deque(maxlen=node.get("maxlen"))


def _fill_deque(decoder: Decoder, value: collections.deque[Any], node: dict[str, Json]) -> None:
    value.extend(decoder.array(node["v"]))


def _read_frozenset(decoder: Decoder, node: dict[str, Json]) -> frozenset[Any]:
    before = decoder.open_count
    items = decoder.array(node["v"])
    identity: Any = object.__hash__
    if decoder.open_count != before and any(type(item).__hash__ is not identity for item in items):
        raise CodecError(
            "a frozenset holds an object that leads back to the frozenset, and is hashed by its contents",
            help="keep the members in a set or a list",
        )
    return _codec_sets.arranged(items)


def _array(node: Json) -> list[Any]:
    if type(node) is not list:
        raise CodecError(f"expected an array, got {type(node).__name__}")
    return node


def _text(node: Json) -> str:
    if type(node) is not str:
        raise CodecError(f"expected text, got {type(node).__name__}")
    return node


# --- numbers, text, bytes ---------------------------------------------------------------------------------------

_HEX = re.compile(r"-?0x[0-9a-f]+")
_FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def _read_int(decoder: Decoder, node: dict[str, Json]) -> int:
    if not _HEX.fullmatch(_text(node["v"])):
        raise CodecError("expected hexadecimal digits")
    return int(node["v"], 16)


def _write_complex(encoder: Encoder, value: complex) -> Json:
    return {"$": "complex", "v": [encoder.encode(value.real), encoder.encode(value.imag)]}


def _read_complex(decoder: Decoder, node: dict[str, Json]) -> complex:
    real, imaginary = decoder.array(node["v"])
    return complex(float(real), float(imaginary))


def _bytes_writer(tag: str) -> Callable[[Encoder, Any], Json]:
    def write(encoder: Encoder, value: Any) -> Json:
        node = {"$": tag, "v": base64.b64encode(value).decode("ascii")}
        if tag == "bytearray":
            encoder.memo[id(value)] = node
        return node

    return write


def _read_bytes(decoder: Decoder, node: dict[str, Json]) -> bytes:
    return base64.b64decode(_text(node["v"]), validate=True)


def _write_range(encoder: Encoder, value: range) -> Json:
    return {"$": "range", "v": encoder.array((value.start, value.stop, value.step))}


def _write_slice(encoder: Encoder, value: slice) -> Json:
    return {"$": "slice", "v": encoder.array((value.start, value.stop, value.step))}


def _write_decimal(encoder: Encoder, value: decimal.Decimal) -> Json:
    return {"$": "decimal", "v": str(value)}


def _check_fraction(numerator: int, denominator: int) -> None:
    """Reducing a fraction takes the square of its length."""
    bits = max(abs(numerator).bit_length(), abs(denominator).bit_length())
    if bits > FRACTION_BITS_MAX:
        raise CodecError(
            f"a Fraction of {bits} bits, the limit FRACTION_BITS_MAX is {FRACTION_BITS_MAX}",
            help="limit_denominator() shortens it",
        )


def _write_fraction(encoder: Encoder, value: fractions.Fraction) -> Json:
    _check_fraction(value.numerator, value.denominator)
    return {"$": "fraction", "v": [encoder.encode(value.numerator), encoder.encode(value.denominator)]}


def _read_fraction(decoder: Decoder, node: dict[str, Json]) -> fractions.Fraction:
    numerator, denominator = decoder.array(node["v"])
    _check_fraction(numerator, denominator)
    return fractions.Fraction(numerator, denominator)


def _check_pattern(pattern: str | bytes) -> None:
    """Compiling takes time for each character, and much more for each set that reaches beyond ASCII."""
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    if len(text) > PATTERN_CHARS_MAX:
        raise CodecError(f"expected a pattern of at most PATTERN_CHARS_MAX, {PATTERN_CHARS_MAX} characters")
    sets = text.count("[")
    if sets > PATTERN_SETS_MAX and (not text.isascii() or "\\" in text):
        raise CodecError(f"expected a pattern of at most PATTERN_SETS_MAX, {PATTERN_SETS_MAX} sets of characters")


def _write_pattern(encoder: Encoder, value: re.Pattern[Any]) -> Json:
    _check_pattern(value.pattern)
    return {"$": "pattern", "v": encoder.encode(value.pattern), "flags": value.flags}


def _read_pattern(decoder: Decoder, node: dict[str, Json]) -> re.Pattern[Any]:
    pattern = decoder.value(node["v"])
    if not isinstance(pattern, str | bytes):
        raise CodecError("expected a pattern")
    _check_pattern(pattern)
    return re.compile(pattern, int(node["flags"]) & ~int(re.DEBUG))


def _write_random(encoder: Encoder, value: random.Random) -> Json:
    node: Json = {"$": "random"}
    encoder.memo[id(value)] = node
    node["v"] = encoder.encode(encoder.temporary(value.getstate()))
    return node


def _fill_random(decoder: Decoder, value: random.Random, node: dict[str, Json]) -> None:
    value.setstate(decoder.value(node["v"]))


# --- time -------------------------------------------------------------------------------------------------------


def _write_date(encoder: Encoder, value: datetime.date) -> Json:
    return {"$": "date", "v": value.isoformat()}


def _moment_writer(tag: str) -> Callable[[Encoder, Any], Json]:
    def write(encoder: Encoder, value: Any) -> Json:
        node: Json = {"$": tag}
        zone = value.tzinfo
        if zone is None or (type(zone) is datetime.timezone and _is_nameless(zone)):
            node["v"] = value.isoformat()
        elif type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
            node["v"] = value.replace(tzinfo=None).isoformat()
            node["zone"] = zone.key
        else:
            node["v"] = value.replace(tzinfo=None).isoformat()
            node["tz"] = encoder.field("tzinfo", zone)
        if value.fold:
            node["fold"] = 1
        return node

    return write


def _is_nameless(zone: datetime.timezone) -> bool:
    return len(zone.__getinitargs__()) == 1  # type: ignore[attr-defined]  # how pickle asks for its arguments; not in its types


def _moment_reader(kind: Any) -> Callable[[Decoder, dict[str, Json]], Any]:
    def read(decoder: Decoder, node: dict[str, Json]) -> Any:
        value = kind.fromisoformat(_text(node["v"]))
        if "zone" in node:
            value = value.replace(tzinfo=zoneinfo.ZoneInfo(_text(node["zone"])))
        elif "tz" in node:
            value = value.replace(tzinfo=decoder.value(node["tz"]))
        return value.replace(fold=1) if "fold" in node else value

    return read


def _write_timedelta(encoder: Encoder, value: datetime.timedelta) -> Json:
    return {"$": "timedelta", "v": [value.days, value.seconds, value.microseconds]}


def _read_timedelta(decoder: Decoder, node: dict[str, Json]) -> datetime.timedelta:
    days, seconds, microseconds = _array(node["v"])
    return datetime.timedelta(days, seconds, microseconds)


def _write_timezone(encoder: Encoder, value: datetime.timezone) -> Json:
    offset = value.utcoffset(None)
    node: Json = {"$": "timezone", "v": [offset.days, offset.seconds, offset.microseconds]}
    if not _is_nameless(value):
        node["name"] = encoder.encode(value.tzname(None))
    return node


def _read_timezone(decoder: Decoder, node: dict[str, Json]) -> datetime.timezone:
    offset = _read_timedelta(decoder, node)
    return datetime.timezone(offset, decoder.value(node["name"])) if "name" in node else datetime.timezone(offset)


def _write_struct_time(encoder: Encoder, value: time.struct_time) -> Json:
    return {"$": "struct_time", "v": [*value], "zone": value.tm_zone, "offset": value.tm_gmtoff}


def _read_struct_time(decoder: Decoder, node: dict[str, Json]) -> time.struct_time:
    return time.struct_time([*_array(node["v"]), node["zone"], node["offset"]])


def _write_zoneinfo(encoder: Encoder, value: zoneinfo.ZoneInfo) -> Json:
    if value.key is None:
        raise CodecError("a ZoneInfo made from a file has no key to save", help="use ZoneInfo('Area/City')")
    return {"$": "zoneinfo", "v": value.key}


# --- names and addresses ----------------------------------------------------------------------------------------


def _text_writer(tag: str) -> Callable[[Encoder, Any], Json]:
    def write(encoder: Encoder, value: Any) -> Json:
        return {"$": tag, "v": encoder.encode(str(value))}

    return write


def _kind_writer(tag: str) -> Callable[[Encoder, Any], Json]:
    def write(encoder: Encoder, value: Any) -> Json:
        return {"$": tag, "v": encoder.encode(str(value)), "kind": type(value).__name__}

    return write


_PATHS: dict[str | None, Any] = {
    None: pathlib.Path,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
}
_ADDRESSES: dict[str, Any] = {
    name: getattr(ipaddress, name)
    for name in (
        *("IPv4Address", "IPv4Network", "IPv4Interface"),
        *("IPv6Address", "IPv6Network", "IPv6Interface"),
    )
}


def _read_path(decoder: Decoder, node: dict[str, Json]) -> pathlib.PurePath:
    path: pathlib.PurePath = _PATHS[node.get("kind")](decoder.value(node["v"]))
    return path


def _singleton_writer(tag: str) -> Callable[[Encoder, Any], Json]:
    return lambda encoder, value: {"$": tag}


# --- views and iterators ----------------------------------------------------------------------------------------

_VIEWS: dict[str, Callable[[dict[Any, Any]], Any]] = {"keys": dict.keys, "values": dict.values, "items": dict.items}


def _view_writer(kind: str) -> Callable[[Encoder, Any], Json]:
    def write(encoder: Encoder, value: Any) -> Json:
        (viewed,) = gc.get_referents(value)  # `.mapping` is a proxy that hides the very dict
        return {"$": "view", "kind": kind, "v": encoder.encode(viewed)}

    return write


def _read_view(decoder: Decoder, node: dict[str, Json]) -> Any:
    viewed = decoder.value(node["v"])
    if not isinstance(viewed, dict):
        raise CodecError("a view is of a dict")
    return _VIEWS[node["kind"]](viewed)


def _write_proxy(encoder: Encoder, value: types.MappingProxyType[Any, Any]) -> Json:
    (behind,) = gc.get_referents(value)
    return {"$": "mappingproxy", "v": encoder.encode(behind)}


def _read_proxy(decoder: Decoder, node: dict[str, Json]) -> types.MappingProxyType[Any, Any]:
    behind = decoder.value(node["v"])
    if not isinstance(behind, dict):
        raise CodecError("a mapping proxy is of a dict")
    return types.MappingProxyType(behind)


# --- arrays and functions of the operator module ----------------------------------------------------------------


def _write_array(encoder: Encoder, value: array.array[Any]) -> Json:
    node: Json = {"$": "array", "code": value.typecode, "v": encoder.array(value)}
    encoder.memo[id(value)] = node
    return node


def _read_array(decoder: Decoder, node: dict[str, Json]) -> array.array[Any]:
    return array.array(_text(node["code"]), decoder.array(node["v"]))


_GETTERS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind for kind in (operator.itemgetter, operator.attrgetter, operator.methodcaller)
}


def _write_getter(encoder: Encoder, value: Any) -> Json:
    make, arguments = value.__reduce__()
    keywords: dict[str, Any] = {}
    if make is not type(value):  # a methodcaller with keyword arguments: partial(methodcaller, name, **keywords)
        arguments, keywords = (*make.args, *arguments), make.keywords
    node: Json = {"$": "getter", "kind": type(value).__name__, "v": encoder.array(encoder.temporary(arguments))}
    if keywords:
        node["keywords"] = encoder.mapping(encoder.temporary(keywords))
    return node


def _read_getter(decoder: Decoder, node: dict[str, Json]) -> Any:
    make = _GETTERS[node["kind"]]
    return make(*decoder.array(node["v"]), **dict(decoder.attributes(node.get("keywords", {}))))


# --- tables -----------------------------------------------------------------------------------------------------

_Table = dict[type, "Callable[[Encoder, Any], Json]"]

WRITERS: _Table = {
    list: _write_list,
    dict: _write_dict,
    tuple: _write_tuple,
    set: _write_set,
    frozenset: _write_frozenset,
    collections.deque: _array_writer("deque", maxlen=lambda value: value.maxlen),
    collections.OrderedDict: _mapping_writer("ordereddict"),
    collections.Counter: _mapping_writer("counter"),
    collections.defaultdict: _write_defaultdict,
    complex: _write_complex,
    bytes: _bytes_writer("bytes"),
    bytearray: _bytes_writer("bytearray"),
    range: _write_range,
    slice: _write_slice,
    decimal.Decimal: _write_decimal,
    fractions.Fraction: _write_fraction,
    re.Pattern: _write_pattern,
    random.Random: _write_random,
    datetime.date: _write_date,
    datetime.datetime: _moment_writer("datetime"),
    datetime.time: _moment_writer("time"),
    datetime.timedelta: _write_timedelta,
    datetime.timezone: _write_timezone,
    zoneinfo.ZoneInfo: _write_zoneinfo,
    uuid.UUID: _text_writer("uuid"),
    type(pathlib.Path()): _text_writer("path"),
    type(...): _singleton_writer("ellipsis"),
    type(NotImplemented): _singleton_writer("notimplemented"),
    type({}.keys()): _view_writer("keys"),
    type({}.values()): _view_writer("values"),
    type({}.items()): _view_writer("items"),
    types.MappingProxyType: _write_proxy,
    array.array: _write_array,
    time.struct_time: _write_struct_time,
    **dict.fromkeys((operator.itemgetter, operator.attrgetter, operator.methodcaller), _write_getter),
    **{_PATHS[kind]: _kind_writer("path") for kind in ("PurePosixPath", "PureWindowsPath")},
    **{kind: _kind_writer("ip") for kind in _ADDRESSES.values()},
}

SHELLS: dict[Any, tuple[Callable[..., Any], Callable[..., None]]] = {
    "list": (_make_list, _fill_list),
    "dict": (_make_dict, _fill_dict),
    "set": (lambda decoder, node: set(), fill_set),
    "deque": (_make_deque, _fill_deque),
    "ordereddict": (lambda decoder, node: collections.OrderedDict(), fill_mapping),
    "counter": (lambda decoder, node: collections.Counter(), fill_mapping),
    "defaultdict": (_make_defaultdict, _fill_defaultdict),
    "bytearray": (lambda decoder, node: bytearray(_read_bytes(decoder, node)), lambda decoder, value, node: None),
    "random": (lambda decoder, node: random.Random(0), _fill_random),
}

READERS: dict[Any, Callable[[Decoder, dict[str, Json]], Any]] = {
    "tuple": lambda decoder, node: tuple(decoder.array(node["v"])),
    "frozenset": _read_frozenset,
    "int": _read_int,
    "float": lambda decoder, node: _FLOATS[node["v"]],
    "complex": _read_complex,
    "str": lambda decoder, node: "".join(decoder.array(node["v"])),
    "bytes": _read_bytes,
    "range": lambda decoder, node: range(*decoder.array(node["v"])),
    "slice": lambda decoder, node: slice(*decoder.array(node["v"])),
    "decimal": lambda decoder, node: decimal.Decimal(_text(node["v"])),
    "fraction": _read_fraction,
    "pattern": _read_pattern,
    "date": lambda decoder, node: datetime.date.fromisoformat(_text(node["v"])),
    "datetime": _moment_reader(datetime.datetime),
    "time": _moment_reader(datetime.time),
    "timedelta": _read_timedelta,
    "timezone": _read_timezone,
    "zoneinfo": lambda decoder, node: zoneinfo.ZoneInfo(_text(node["v"])),
    "uuid": lambda decoder, node: uuid.UUID(_text(node["v"])),
    "path": _read_path,
    "ip": lambda decoder, node: _ADDRESSES[node["kind"]](_text(node["v"])),
    "ellipsis": lambda decoder, node: ...,
    "notimplemented": lambda decoder, node: NotImplemented,
    "view": _read_view,
    "mappingproxy": _read_proxy,
    "array": _read_array,
    "getter": _read_getter,
    "struct_time": _read_struct_time,
    "lost": lambda decoder, node: _text(node["v"]),
}
