"""How half-used iterators of the builtins are written and read: over sequences and ranges, and enumerate, zip, map, filter.

Compiled `for` loops use cursors of our own (`_cursors.py`); these are for iterators that an author holds by name. Those over
dicts, sets and deques are read back as such cursors: only these keep the order of a set, and see a dict change its size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._cursors import KNOWN, Cursor
from ._errors import CodecError

if TYPE_CHECKING:
    from ._codec import Decoder, Encoder, Json

_OVER: dict[str, tuple[Any, ...]] = {
    "list": (list,),
    "tuple": (tuple,),
    "str": (str,),
    "bytes": (bytes,),
    "bytearray": (bytearray,),
    "range": (range,),
    "reversed_list": (list,),
    "reversed": (tuple, str, bytes, bytearray),
}
"""Kind to the exact types iterated over."""

_KINDS: dict[type, str] = {
    type(iter([])): "list",
    type(iter(())): "tuple",
    type(iter("")): "str",
    type(iter("é")): "str",
    type(iter(b"")): "bytes",
    type(iter(bytearray())): "bytearray",
    type(iter(range(0))): "range",
    type(iter(range(1 << 70))): "range",
    type(reversed([])): "reversed_list",
    type(reversed(())): "reversed",
}

_CURSOR = f"{Cursor.__module__}:{Cursor.__qualname__}"

_COMPOSED: dict[str, Callable[..., Any]] = {"enumerate": enumerate, "zip": zip, "map": map, "filter": filter}


def _write_sequence(encoder: Encoder, value: Any) -> Json:
    kind = _KINDS[type(value)]
    node: Json = {"$": "iterator", "kind": kind}
    encoder.memo[id(value)] = node
    encoder.has_wholes = True
    reduced = value.__reduce__()  # (iter, (sequence,), index), or (iter, (empty,)) when it is used up
    if len(reduced) > 2:
        over = encoder.temporary(reduced[1][0])
        if type(over) not in _OVER[kind]:
            raise CodecError(
                f"an iterator over a {type(over).__qualname__} cannot be saved", help="iterate over a list of it"
            )
        node["v"] = encoder.field("(iterated)", over)
        if reduced[2] is not None:  # from Python 3.12 on, a range is cut to what remains of it
            node["at"] = encoder.encode(reduced[2])
    return node


def _read_sequence(decoder: Decoder, node: dict[str, Json]) -> Any:
    kind = node["kind"]
    types = _OVER[kind]
    before = decoder.open_count
    over = decoder.value(node["v"]) if "v" in node else types[0]()
    if type(over) not in types:
        raise CodecError(f"an iterator of kind {kind!r} is not over a {type(over).__name__}")
    iterator: Any = reversed(over) if kind.startswith("reversed") else iter(over)
    if "at" in node:
        at = decoder.value(node["at"])
        if decoder.open_count == before:
            iterator.__setstate__(at)
        else:  # a list that is not filled yet would move the place to its end
            decoder.last.append(lambda: iterator.__setstate__(at))
    return iterator


def _write_composed(encoder: Encoder, value: Any) -> Json:
    node: Json = {"$": "iterator", "kind": type(value).__name__}
    encoder.memo[id(value)] = node
    encoder.has_wholes = True
    before = encoder.reference_count
    reduced = value.__reduce__()
    node["v"] = encoder.array(encoder.temporary(reduced[1]))
    if len(reduced) > 2:
        node["strict"] = True
    if encoder.reference_count != before:
        encoder.is_doubtful = True  # one that leads back to itself cannot be made
    return node


def _read_composed(decoder: Decoder, node: dict[str, Json]) -> Any:
    make = _COMPOSED[node["kind"]]
    parts = decoder.array(node["v"])
    is_strict = make in (zip, map) and node.get("strict") is True  # map: since 3.14
    return make(*parts, strict=True) if is_strict else make(*parts)


def _read_iterator(decoder: Decoder, node: dict[str, Json]) -> Any:
    return _read_composed(decoder, node) if node["kind"] in _COMPOSED else _read_sequence(decoder, node)


def _write_looked_into(encoder: Encoder, value: Any) -> Json:
    node: Json = {"$": "object", "type": _CURSOR}
    encoder.memo[id(value)] = node
    node["state"] = encoder.field("(iterated)", encoder.temporary(Cursor(value).__getstate__()))
    return node


WRITERS: dict[type, Callable[[Encoder, Any], Json]] = {
    **dict.fromkeys(KNOWN, _write_looked_into),
    **dict.fromkeys(_KINDS, _write_sequence),
    **dict.fromkeys((enumerate, zip, map, filter), _write_composed),
}

READERS: dict[Any, Callable[[Decoder, dict[str, Json]], Any]] = {"iterator": _read_iterator}
