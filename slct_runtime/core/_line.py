"""A queue as a value: what stands in it never changes, and neither joining it nor leaving it copies the others.

Lines that came of each other share one list, and each is a stretch of it. What is taken stays in the list until it is more than half of it;
what is appended is seen by no line that ends before. Only the line that ends where the list ends may append to it; any other
(the step that made its successor came to nothing) begins a list of its own. Not for more than one thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")

TAKEN_MIN = 32
"""So many that were taken are not worth a copy of the others."""


class Line(Sequence[T], Generic[T]):
    """First in, first out. Every operation of it takes the same time, however many stand there, unless it says so."""

    __slots__ = ("_end", "_shared", "_start")

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._shared = list(items)
        self._start = 0
        self._end = len(self._shared)

    def with_last(self, item: T) -> Line[T]:
        if self._start == self._end:
            return Line((item,))  # many keep the same empty line: its list must not become that of one of them
        is_newest = self._end == len(self._shared)
        line = self._stretch(self._start) if is_newest else Line(self)
        line._shared.append(item)
        line._end += 1
        return line

    def without_first(self) -> Line[T]:
        start = self._start + 1
        if start == self._end or (start > TAKEN_MIN and 2 * start > self._end):
            return Line(self._shared[start : self._end])
        return self._stretch(start)

    def with_item(self, index: int, item: T) -> Line[T]:
        """Another item in that place. Copies the line."""
        changed = Line(self)
        changed._shared[index] = item
        return changed

    def _stretch(self, start: int) -> Line[T]:
        line: Line[T] = Line.__new__(Line)
        line._shared, line._start, line._end = self._shared, start, self._end
        return line

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[T]:
        return iter(self._shared[self._start : self._end])

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...

    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} in a line of {len(self)}")
        return self._shared[index + (self._start if index >= 0 else self._end)]

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Line) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it is mutable; `object` says that it can be hashed

    def __repr__(self) -> str:
        return f"Line({list(self)!r})"
