"""What would become of the stored processes of one version under another: for `slct deploy --dry-run`, and before a deployment.

Reads documents a page at a time, beside what the runtime does; a process that runs meanwhile may be somewhere else by the end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from slct_manifest import Verdict

from ._catalogue import Deployed
from ._census import pages
from ._engine import Engine, restore_core
from ._takeover import Obstacle, Takeover
from .core import filled_channels, payloads_under_way
from .store.base import LoadedProcess
from .wire.api import HeldPlace, HeldReason, TakeoverInfo


class TakeoverCheck:
    """Counts the living processes of `old` that could go on under `new`, and what keeps the others."""

    def __init__(self, engine: Engine, old: Deployed, new: Deployed) -> None:
        self._engine = engine
        self._old, self._new = old, new
        self._takeover = Takeover(old.manifest, new.manifest)
        self._process_count = 0
        self._movable_count = 0
        self._held: Counter[Obstacle] = Counter()

    async def run(self) -> TakeoverInfo:
        """Of all that have not ended."""
        async for page in pages(self._engine, self._old.name, self._old.version):
            await asyncio.to_thread(self._count, page)
        return TakeoverInfo(
            definition=self._old.name,
            from_version=self._old.version,
            to_version=self._new.version,
            process_count=self._process_count,
            movable_count=self._movable_count,
            worker_count=self._engine.dispatcher.worker_count((self._old.name, self._old.version)),
            held=tuple(_place(obstacle, count) for obstacle, count in sorted(self._held.items(), key=_in_order)),
        )

    def _count(self, loaded: Iterable[LoadedProcess]) -> None:
        for process in loaded:
            row = process.row
            core, later = restore_core(process)
            in_use = filled_channels(core) | {arrived.name for arrived in later if arrived.kind == "message"}
            sent = [arrived.payload for arrived in later if arrived.payload is not None]
            found = self._takeover.obstacles(row.document, in_use, [*payloads_under_way(core), *sent])
            found = found or self._new.obstacles_to_begin(row.document, row.arguments)
            self._process_count += 1
            self._movable_count += not found
            self._held.update(found)


def _in_order(held: tuple[Obstacle, int]) -> tuple[str, str]:
    obstacle, _ = held
    return (obstacle.function, obstacle.state)


def _place(obstacle: Obstacle, count: int) -> HeldPlace:
    reasons = tuple(HeldReason(each.text, each.help, each.verdict is Verdict.STUCK) for each in obstacle.reasons)
    return HeldPlace(obstacle.function, obstacle.state, obstacle.place, obstacle.statement, count, reasons)
