"""What begins in queues with a rate is noted in the store before it begins, so that the next runtime counts it (rule 18).

A note says when it was taken; what it is about leaves within `NOTE_MS_MAX` of that, or is noted again. So the next runtime knows
when it began, to that much, and takes the latest of what may be: the rate is never exceeded, whoever dies. What was noted and never
left counts all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from .core.queues import RateLimit
from .store.base import BeginningRow, Store

NOTE_MS_MAX = 1_000
"""How long a note holds."""

Insist: TypeAlias = Callable[..., Awaitable[Any]]
"""Runs a query of the store until it is answered."""


@dataclass(frozen=True, slots=True)
class _Beginning:
    queue: str
    rate: RateLimit
    send: Callable[[], None]


class Beginnings:
    """Those that are about to begin. All that come while a note is written share the next one."""

    def __init__(self, insist: Insist, store: Store, now_ms: Callable[[], int]) -> None:
        self._insist = insist
        self._store = store
        self._now_ms = now_ms
        self._waiting: list[_Beginning] = []
        self._is_writing = False

    def add(self, queue: str, rate: RateLimit, send: Callable[[], None]) -> bool:
        """Let it begin when that is noted. Returns whether somebody has to call `write` for it."""
        self._waiting.append(_Beginning(queue, rate, send))
        return not self._is_writing and len(self._waiting) == 1

    async def write(self) -> None:
        """Note all that are waiting, and let them begin."""
        self._is_writing = True
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                noted_ms = self._now_ms()
                await self._insist(self._store.note_beginnings, _rows(batch, noted_ms))
                if self._now_ms() > noted_ms + NOTE_MS_MAX:
                    self._waiting = batch + self._waiting
                    continue
                for beginning in batch:
                    beginning.send()
        finally:
            self._is_writing = False


def _rows(batch: Iterable[_Beginning], now_ms: int) -> list[BeginningRow]:
    counts = Counter((beginning.queue, beginning.rate) for beginning in batch)
    return [
        BeginningRow(queue, now_ms, count, now_ms - rate.per_ms - NOTE_MS_MAX)
        for (queue, rate), count in counts.items()
    ]


def began_before(rows: Iterable[BeginningRow], now_ms: int) -> dict[str, list[int]]:
    """When what is noted began at the latest, by queue. `now_ms`: nothing of it has begun later."""
    began_ms: dict[str, list[int]] = {}
    for row in rows:
        began_ms.setdefault(row.queue, []).extend([min(row.at_ms + NOTE_MS_MAX, now_ms)] * row.count)
    return began_ms
