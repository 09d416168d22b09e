"""What compiled loops and `with` blocks keep across a suspension.

`for x in xs` around an await becomes a cursor: the interpreter's own iterator, in an object that can be saved. While it is
in memory, it is the iterator, so a list grown in its own loop is seen and a dict changed in size raises. Saved, it is what
is iterated and how far; composed iterators (`enumerate`, `zip`, `reversed`, `map`, `filter`) are saved as what they are made of.
An iterator not known here (a generator, a file, one of itertools) is passed through as it is: the codec saves it if it can, or if it is
an object of the author's own class, and otherwise refuses it at the suspension that would save it.

Used by generated code only.

Source: compiler.md, rules 10 and 11.
"""

from __future__ import annotations

import collections
import gc
import itertools
from collections.abc import Awaitable, Iterable, Iterator
from typing import Any

from ._channels import Channel, ReceiveNext


class Cursor:
    """An iterator of the interpreter that can be saved and restored."""

    __slots__ = ("iterator",)

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator

    def __iter__(self) -> Cursor:
        return self

    def __next__(self) -> Any:
        return next(self.iterator)

    def __getstate__(self) -> dict[str, Any]:
        return _describe(self.iterator)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.iterator = _rebuild(state)


class _Remainder:
    """What is left of a set, in its order; a set changed in size raises, as its own iterator would."""

    __slots__ = ("index", "items", "source", "source_size")

    def __init__(self, source: set[Any] | frozenset[Any], items: list[Any]) -> None:
        self.source = source
        self.items = items
        self.index = 0
        self.source_size = len(source)

    def __iter__(self) -> _Remainder:
        return self

    def __next__(self) -> Any:
        if len(self.source) != self.source_size:
            self.source_size = -1
            raise RuntimeError("Set changed size during iteration")
        if self.index >= len(self.items):
            raise StopIteration
        self.index += 1
        return self.items[self.index - 1]


class Pairs:
    """What is left of `itertools.pairwise`: what it iterates, and the last item taken from that, if any was."""

    __slots__ = ("source", "taken")

    def __init__(self, source: Iterator[Any] | None = None, *taken: Any) -> None:
        self.source = source
        self.taken = taken

    def __iter__(self) -> Pairs:
        return self

    def __next__(self) -> tuple[Any, Any]:
        source = self.source
        if source is None:
            raise StopIteration
        try:
            old = self.taken[0] if self.taken else next(source)
            self.taken = (old,)  # before the next one is asked for: that may look here, as `pairwise` allows
            new = next(source)
        except StopIteration:
            self.source, self.taken = None, ()
            raise
        self.taken = (new,)
        return old, new

    def __getstate__(self) -> dict[str, Any]:
        return {"source": self.source, "taken": self.taken}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.source, self.taken = state["source"], state["taken"]


class _Broken:
    """An iterator whose source was changed under it before it was saved."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message

    def __iter__(self) -> _Broken:
        return self

    def __next__(self) -> Any:
        raise RuntimeError(self.message)


_DICT_ITERATORS: dict[type, str] = {
    type(iter({})): "keys",
    type(iter({}.values())): "values",
    type(iter({}.items())): "items",
}
_SET_ITERATOR: type = type(iter(frozenset[Any]()))
_COMPOSED: dict[type, str] = {enumerate: "enumerate", zip: "zip", map: "map", filter: "filter"}
_POSITIONED: tuple[type, ...] = (
    type(iter([])),
    type(iter(())),
    type(iter("")),
    type(iter("\u2603")),
    type(iter(b"")),
    type(iter(bytearray())),
    type(iter(range(0))),
    type(iter(range(2**70))),
    type(reversed([])),
    type(reversed({})),
    type(reversed({}.values())),
    type(reversed({}.items())),
    type(iter(collections.OrderedDict())),
    reversed,
    type(iter(memoryview(b""))),
)
"""Iterators that say of themselves what they iterate, and where they are."""
_DEQUE_ITERATORS: tuple[type, ...] = (type(iter(collections.deque())), type(reversed(collections.deque())))


class _BySubscript:
    def __getitem__(self, index: int) -> Any:
        raise IndexError


_SUBSCRIPT_ITERATOR = type(iter(_BySubscript()))
KNOWN = frozenset({*_DICT_ITERATORS, _SET_ITERATOR, *_COMPOSED, *_POSITIONED, *_DEQUE_ITERATORS, _SUBSCRIPT_ITERATOR})
"""Iterators of the interpreter that a cursor can describe."""


def iterate(iterable: Iterable[Any]) -> Iterator[Any]:
    """What a compiled `for` loop keeps; raises what `iter` raises."""
    return _saveable(iter(iterable))


def _saveable(iterator: Iterator[Any]) -> Iterator[Any]:
    return Cursor(iterator) if type(iterator) in KNOWN else iterator


def _describe(iterator: Iterator[Any]) -> dict[str, Any]:
    """What an iterator is made of; does not move it."""
    kind = type(iterator)
    if isinstance(iterator, _Remainder | _Broken):
        return {"kind": "own", "source": iterator}
    if kind in _DICT_ITERATORS:
        return _describe_dict(iterator, _DICT_ITERATORS[kind])
    if kind is _SET_ITERATOR:
        return _describe_set(iterator)
    reduced: Any = iterator.__reduce__()
    function, arguments, *state = reduced
    if kind in _COMPOSED:
        return _describe_composed(_COMPOSED[kind], arguments, state)
    if kind in _DEQUE_ITERATORS:
        name = "deque" if kind is _DEQUE_ITERATORS[0] else "reversed deque"
        return {"kind": name, "source": arguments[0], "at": arguments[1]}
    name = "reversed" if function is reversed else "iter"
    return {"kind": name, "source": arguments[0], "at": state[0] if state else None}


def _describe_composed(name: str, arguments: tuple[Any, ...], state: list[Any]) -> dict[str, Any]:
    """`enumerate(it, count)`, `zip(*its)`, `map(f, *its)`, `filter(f, it)`; the parts become cursors of their own."""
    parts = [_saveable(a) if type(a) in KNOWN else a for a in arguments]
    return {"kind": name, "parts": parts, "strict": bool(state and state[0])}


def _describe_dict(iterator: Iterator[Any], view: str) -> dict[str, Any]:
    (source,) = (r for r in gc.get_referents(iterator) if isinstance(r, dict)) if _has_dict(iterator) else ({},)
    try:
        reduced: Any = iterator.__reduce__()
        remaining = reduced[1][0]
    except RuntimeError as error:
        return {"kind": "own", "source": _Broken(str(error))}
    return {"kind": view, "source": source, "at": len(source) - len(remaining)}


def _has_dict(iterator: Iterator[Any]) -> bool:
    """An iterator that is done has let go of its dict."""
    return any(isinstance(r, dict) for r in gc.get_referents(iterator))


def _describe_set(iterator: Iterator[Any]) -> dict[str, Any]:
    sources = [r for r in gc.get_referents(iterator) if isinstance(r, set | frozenset)]
    try:
        reduced: Any = iterator.__reduce__()
        remaining = list(reduced[1][0])
    except RuntimeError as error:
        return {"kind": "own", "source": _Broken(str(error))}
    return {"kind": "own", "source": _Remainder(sources[0] if sources else frozenset(), remaining)}


def _rebuild(state: dict[str, Any]) -> Iterator[Any]:
    """The iterator that was described."""
    source = state.get("source")
    match state["kind"]:
        case "own":
            assert isinstance(source, _Remainder | _Broken)
            return source
        case "keys" | "values" | "items" as view:
            assert isinstance(source, dict)
            return _skip(iter(getattr(source, view)()), state["at"])
        case "enumerate":
            return enumerate(*state["parts"])
        case "zip":
            return zip(*state["parts"], strict=state["strict"])
        case "map":
            return _map(state)
        case "filter":
            return filter(*state["parts"])
        case "deque":
            assert isinstance(source, collections.deque)
            return _skip(iter(source), state["at"])
        case "reversed deque":
            assert isinstance(source, collections.deque)
            return _skip(reversed(source), state["at"])
        case "reversed":
            return _placed(reversed(source), state["at"])  # type: ignore[arg-type]  # what was saved under this kind can be
        case _:
            return _placed(iter(source), state["at"])  # type: ignore[arg-type]  # what was saved under this kind can be


def _map(state: dict[str, Any]) -> Iterator[Any]:
    if state["strict"]:  # since 3.14
        return map(*state["parts"], strict=True)  # type: ignore[call-overload, no-any-return]  # not in the types of earlier versions
    return map(*state["parts"])


def _placed(iterator: Iterator[Any], at: int | None) -> Iterator[Any]:
    if at is not None:
        iterator.__setstate__(at)  # type: ignore[attr-defined]  # those that are saved with a place have it
    return iterator


def _skip(iterator: Iterator[Any], count: int) -> Iterator[Any]:
    """Go on by so many items; ends at the last one, whatever a damaged document asks for."""
    collections.deque(itertools.islice(iterator, count), maxlen=0)
    return iterator


# --- async for ---------------------------------------------------------------------------------------------------------


def iterate_async(iterable: Any) -> Any:
    """What a compiled `async for` keeps: a channel itself, or what `__aiter__` gives."""
    if isinstance(iterable, Channel):
        return iterable
    method = getattr(type(iterable), "__aiter__", None)
    if method is None:
        raise TypeError(f"'async for' requires an object with __aiter__ method, got {type(iterable).__name__}")
    source = method(iterable)
    if getattr(type(source), "__anext__", None) is None:
        got = type(source).__name__
        raise TypeError(f"'async for' received an object from __aiter__ that does not implement __anext__: {got}")
    return source


def next_async(source: Any) -> Awaitable[Any]:
    """What the next turn of an `async for` awaits; ends the loop by StopAsyncIteration."""
    if isinstance(source, Channel):
        return ReceiveNext(source)
    awaited: Awaitable[Any] = type(source).__anext__(source)
    return awaited


# --- with --------------------------------------------------------------------------------------------------------------


def enter(manager: Any) -> Any:
    """Enter a context manager; both methods are looked up on the type, before either is called."""
    kind = type(manager)
    entering = getattr(kind, "__enter__", None)
    if entering is None or getattr(kind, "__exit__", None) is None:
        with manager:  # raises, in the interpreter's own words
            pass
        raise AssertionError("unreachable")
    return entering(manager)


def leave(manager: Any, error: BaseException | None = None) -> bool:
    """Leave a context manager; true if it swallowed the error. Its answer is tested once, and only after an error."""
    given = type(manager).__exit__(manager, *_exc_info(error))
    return bool(given) if error is not None else False


def enter_async(manager: Any) -> Awaitable[Any]:
    """As `enter`, for `async with`: what to await."""
    kind = type(manager)
    entering = getattr(kind, "__aenter__", None)
    if entering is None or getattr(kind, "__aexit__", None) is None:
        _use(manager).send(None)
        raise AssertionError("unreachable")
    awaited: Awaitable[Any] = entering(manager)
    return awaited


async def _use(manager: Any) -> None:
    async with manager:  # raises, in the interpreter's own words
        pass


def leave_async(manager: Any, error: BaseException | None = None) -> Awaitable[Any]:
    """As `leave`, for `async with`: what to await."""
    awaited: Awaitable[Any] = type(manager).__aexit__(manager, *_exc_info(error))
    return awaited


def _exc_info(error: BaseException | None) -> tuple[Any, Any, Any]:
    return (None, None, None) if error is None else (type(error), error, error.__traceback__)
