"""Effects that wait for a worker, by queue, and how many of each queue run and have begun (rule 18).

Knows jobs and limits; awaits nothing, gives nothing out, and has no clock. What waits is in order of priority, then of request. A queue keeps one
lane per version of a definition: a lane for which there is no worker holds up no other.

What waits here is in the store as well, as effects without outcome: a runtime that starts puts it back in its place.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import TypeAlias

from ._jobs import DefinitionKey, EffectJob, definition_key
from .core.queues import QueueLimits, Window, has_room

Entry: TypeAlias = tuple[int, int, int, EffectJob]
"""Priority, time of the request, and a number that settles the rest: first come, first served. No two are alike."""


@dataclass(slots=True, eq=False)
class _Queue:
    """`running_count`: places taken. `leaving_count`: of those, what has not left for its worker yet."""

    limits: QueueLimits
    lanes: dict[DefinitionKey, list[Entry]] = field(default_factory=dict)
    running_count: int = 0
    leaving_count: int = 0
    window: Window = field(default_factory=Window)

    def opens_ms(self, now_ms: int) -> int | None:
        """When one more may leave, as far as its limits go; None: not before something else has happened."""
        if not has_room(self.limits.concurrency, self.running_count):
            return None
        return self.window.opens_ms(self.limits.rate, now_ms, self.leaving_count)


class EffectQueues:
    """All queues of one runtime."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._number = 0

    @property
    def names(self) -> Iterable[str]:
        return self._queues

    def limit(self, limits: QueueLimits) -> None:
        """From now on these hold. What runs beyond them runs to its end."""
        queue = self._queue(limits.name)
        queue.limits = limits
        self._forget_unused(limits.name, queue)

    def limits(self, name: str) -> QueueLimits:
        held = self._queues.get(name)
        return QueueLimits(name) if held is None else held.limits

    def is_open(self, name: str) -> bool:
        """Nothing waits in any queue, and this one has no limits: what comes may leave at once."""
        held = self._queues.get(name)
        return (held is None or held.limits.is_open) and not self.has_waiting

    @property
    def has_waiting(self) -> bool:
        return any(queue.lanes for queue in self._queues.values())

    def add(self, job: EffectJob) -> None:
        """Put it in its place, the one that it had if it has been here before."""
        if not job.run.place:
            self._number += 1
            job.run.place = self._number
        entry = (job.run.request.priority, job.run.requested_ms, job.run.place, job)
        heapq.heappush(self._queue(job.queue).lanes.setdefault(definition_key(job), []), entry)

    def first(self, now_ms: int) -> list[EffectJob]:
        """The first job of each lane whose queue has room, in the order in which they are to be given out."""
        heads: list[Entry] = []
        for name, queue in list(self._queues.items()):
            opens_ms = queue.opens_ms(now_ms)
            if opens_ms is not None and opens_ms <= now_ms:
                heads += [lane[0] for lane in _lanes(queue)]
                self._forget_unused(name, queue)
        return [entry[3] for entry in sorted(heads)]

    def all_waiting(self) -> Iterator[EffectJob]:
        """Whatever waits, in no order."""
        for queue in self._queues.values():
            for lane in queue.lanes.values():
                yield from (entry[3] for entry in lane)

    def address_again(self, names: Set[str], version_for: Callable[[EffectJob], str]) -> None:
        """Put what waits of these definitions into the lanes of the versions that it is to run on now."""
        for queue in self._queues.values():
            for key in [key for key in queue.lanes if key[0] in names]:
                for entry in queue.lanes.pop(key):
                    entry[3].run.version = version_for(entry[3])
                    heapq.heappush(queue.lanes.setdefault(definition_key(entry[3]), []), entry)

    def waiting(self) -> list[str]:
        """Queues in which something waits."""
        return [name for name, queue in self._queues.items() if queue.lanes and _lanes(queue)]

    def opens_ms(self, name: str, now_ms: int) -> int | None:
        """When one more of that queue may leave, as far as its limits go; None: not before something else has happened."""
        return self._queues[name].opens_ms(now_ms)

    def remember(self, name: str, began_ms: Iterable[int]) -> None:
        """What has begun before this runtime was there."""
        self._queue(name).window = Window(began_ms)

    def take(self, job: EffectJob) -> None:
        """It is one of `first`, and takes a place: soon it leaves."""
        queue = self._queues[job.queue]
        entry = heapq.heappop(queue.lanes[definition_key(job)])
        assert entry[3] is job, f"{entry[3]} stands before {job}"
        self.enter(job)

    def enter(self, job: EffectJob) -> None:
        """It takes a place without having waited."""
        queue = self._queue(job.queue)
        queue.running_count += 1
        queue.leaving_count += 1

    def begin(self, job: EffectJob, now_ms: int) -> None:
        """It has taken a place, and leaves for its worker."""
        queue = self._queues[job.queue]
        queue.leaving_count -= 1
        if queue.limits.rate is not None:
            queue.window.note(now_ms)

    def end(self, job: EffectJob, *, has_begun: bool) -> None:
        """It gives its place back."""
        queue = self._queues[job.queue]
        queue.running_count -= 1
        queue.leaving_count -= not has_begun
        assert 0 <= queue.leaving_count <= queue.running_count, f"queue {job.queue!r}: {queue}"
        self._forget_unused(job.queue, queue)

    def running_count(self, name: str) -> int:
        held = self._queues.get(name)
        return 0 if held is None else held.running_count

    def waiting_count(self, name: str) -> int:
        held = self._queues.get(name)
        lanes = () if held is None else held.lanes.values()
        return sum(1 for lane in lanes for *_, job in lane if not job.is_stale)

    def _queue(self, name: str) -> _Queue:
        return self._queues.setdefault(name, _Queue(QueueLimits(name)))

    def _forget_unused(self, name: str, queue: _Queue) -> None:
        """Names may be many: those of customers, say."""
        if queue.limits.is_open and not queue.running_count and not any(queue.lanes.values()):
            self._queues.pop(name, None)


def _lanes(queue: _Queue) -> list[list[Entry]]:
    """Those that have something, without what nobody waits for at their heads."""
    for key, lane in list(queue.lanes.items()):
        while lane and lane[0][3].is_stale:
            heapq.heappop(lane)
        if not lane:
            del queue.lanes[key]
    return list(queue.lanes.values())
