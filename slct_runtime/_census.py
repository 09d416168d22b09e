"""The stored processes of a version that have not ended, a page at a time; and in which states they wait.

Reads beside what the runtime does; a process that runs meanwhile may be somewhere else by the end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable

from ._documents import is_frame, parse_document, stacks
from ._engine import Engine
from .store.base import LoadedProcess
from .wire.api import ParkedCount

PAGE = 200
"""Documents that are read at a time."""
LIVING = ("running", "faulted", "deadlocked")
"""Statuses of processes that have not ended."""


async def pages(engine: Engine, definition: str, version: str) -> AsyncIterator[list[LoadedProcess]]:
    """All of them, in no order that means anything."""
    for status in LIVING:
        after = 0
        while page := await engine.read(engine.store.of_version, definition, version, status, after, PAGE):
            yield await engine.read(engine.store.load, [process_id for _, process_id in page])
            after = page[-1][0]


async def parked_counts(engine: Engine, definition: str, version: str) -> list[ParkedCount]:
    """How many processes have a goroutine in each state, as the innermost frame or as one that waits for a call."""
    counts: Counter[tuple[str, str]] = Counter()
    async for page in pages(engine, definition, version):
        await asyncio.to_thread(_count, page, counts)
    return [ParkedCount(function, state, count) for (function, state), count in sorted(counts.items())]


def _count(page: Iterable[LoadedProcess], counts: Counter[tuple[str, str]]) -> None:
    for process in page:
        frames = [frame for stack in stacks(parse_document(process.row.document)).values() for frame in stack]
        counts.update({(str(frame["function"]), str(frame["state"])) for frame in frames if is_frame(frame)})
