"""How half-used iterators of itertools are written and read: as what the interpreter says they are made of.

Up to Python 3.13 they tell that by `__reduce__`; from 3.14 on they do not any more, and have no writer here. `tee` and `batched` never did,
or not in a form that stays small; `pairwise` is looked into, and read back as an iterator of ours that gives the same pairs.
"""

from __future__ import annotations

import gc
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ._cursors import Pairs
from ._errors import CodecError

if TYPE_CHECKING:
    from ._codec import Decoder, Encoder, Json

_NAMES = (
    "accumulate",
    "chain",
    "combinations",
    "combinations_with_replacement",
    "compress",
    "count",
    "cycle",
    "dropwhile",
    "filterfalse",
    "groupby",
    "islice",
    "permutations",
    "product",
    "repeat",
    "starmap",
    "takewhile",
    "zip_longest",
    "_grouper",
)
_KINDS: dict[str, Any] = {
    name: kind for name in _NAMES if (kind := getattr(itertools, name, None)) is not None and "__reduce__" in vars(kind)
}
_OF_POOLS = frozenset({"combinations", "combinations_with_replacement", "permutations", "product"})
"""Made of tuples, and up to `product` of the size of what is selected."""
SELECTED_COUNT_MAX = 100_000
"""The interpreter reserves memory for all that is selected at once, whatever the size of the pool."""


def _write(encoder: Encoder, value: Any) -> Json:
    node: Json = {"$": "itertools", "kind": "empty"}
    encoder.memo[id(value)] = node
    encoder.has_wholes = True
    before = encoder.reference_count
    made, arguments, *state = _parts(value)
    if made is not iter:  # of a group that is over, only an empty iterator is left
        node["kind"] = made.__name__
        _arguments(made.__name__, list(arguments))
        node["v"] = encoder.array(encoder.temporary(arguments))
        if state and state[0] is not None:
            node["state"] = encoder.encode(encoder.temporary(state[0]))
    if encoder.reference_count != before:
        encoder.is_doubtful = True  # one that leads back to itself cannot be made
    return node


def _parts(iterator: Any) -> tuple[Any, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 and 3.13 say that 3.14 does not have it
        parts: tuple[Any, ...] = iterator.__reduce__()
    return parts


def _read(decoder: Decoder, node: dict[str, Json]) -> Iterator[Any]:
    kind = node["kind"]
    if kind == "empty":
        return iter(())
    make: Callable[..., Any] | None = _KINDS.get(kind)
    if make is None:
        raise CodecError(
            f"an iterator 'itertools.{kind}' was saved, and this Python cannot place one where it was",
            help="run the process on Python 3.13 or older until it is past that suspension",
        )
    iterator: Any = make(*_arguments(kind, decoder.array(node["v"])))
    if "state" in node:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            iterator.__setstate__(decoder.value(node["state"]))
    made: Iterator[Any] = iterator
    return made


def _arguments(kind: str, arguments: list[Any]) -> list[Any]:
    """The same, checked; those of an empty iterator if more is to be selected than there is."""
    if kind not in _OF_POOLS:
        return arguments
    pools, count = (arguments, 0) if kind == "product" else (arguments[:1], arguments[1])
    if not all(type(pool) is tuple for pool in pools) or type(count) is not int:
        raise CodecError(f"'itertools.{kind}' is saved as tuples and a number")
    if count > SELECTED_COUNT_MAX:
        raise CodecError(f"'itertools.{kind}' is to select {count} items, at most {SELECTED_COUNT_MAX} can be saved")
    is_empty = kind in ("combinations", "permutations") and count > len(pools[0])
    return [(), 1] if is_empty else arguments


def _write_pairs(encoder: Encoder, value: Any) -> Json:
    """Written as the iterator of ours that gives the same pairs."""
    node: Json = {"$": "object", "type": f"{Pairs.__module__}:{Pairs.__qualname__}"}
    encoder.memo[id(value)] = node
    node["state"] = encoder.field("(iterated)", encoder.temporary(Pairs(*_members(value)).__getstate__()))
    return node


def _members(pairs: Any) -> list[Any]:
    """What is iterated, and the last item taken from it; less if there is none, nothing at the end."""
    members = [each for each in gc.get_referents(pairs) if each is not itertools.pairwise]
    return members[:-1] if _KEEPS_RESULT else members


_KEEPS_RESULT = False
_KEEPS_RESULT = len(_members(itertools.pairwise([]))) > 1  # from 3.13 on, the tuple that it gives is its last member

WRITERS: dict[type, Callable[[Encoder, Any], Json]] = {
    **dict.fromkeys(_KINDS.values(), _write),
    itertools.pairwise: _write_pairs,
}

READERS: dict[Any, Callable[[Decoder, dict[str, Json]], Any]] = {"itertools": _read}
