"""Named queues of effects: how many may run at once, how many may begin in a time, and who goes first (rule 18).

Pure: counts and times are arguments. A queue is a name that `call(..., queue=...)` gives; it needs no declaration. Its limits are
an operator's, hold for the whole cluster, and are kept by the store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from .records import record

DEFAULT_QUEUE = "default"
"""Where effects go that name no queue."""


@record(frozen=True, slots=True)
class RateLimit:
    """No more than `count` attempts begin in any span of `per_ms`, wherever it is laid."""

    count: int
    per_ms: int


@record(frozen=True, slots=True)
class QueueLimits:
    """What one queue allows; None: no limit.

    `concurrency`: attempts that run at once, on all workers together; 0 holds the queue. `rate`: how many begin in a time.
    `worker_concurrency`, `worker_rate`: the same, on one worker.
    """

    name: str
    concurrency: int | None = None
    worker_concurrency: int | None = None
    rate: RateLimit | None = None
    worker_rate: RateLimit | None = None

    @property
    def is_open(self) -> bool:
        """Nothing is limited."""
        return (
            self.concurrency is None
            and self.worker_concurrency is None
            and self.rate is None
            and self.worker_rate is None
        )


def has_room(limit: int | None, running_count: int) -> bool:
    """Whether one more may run beside these."""
    return limit is None or running_count < limit


class Window:
    """What has begun under one rate, as far back as that matters.

    NB: exact, and so it remembers each beginning. A bucket of tokens would need less, and let twice as many begin in a span that
    starts with the bucket full.
    """

    def __init__(self, began_ms: Iterable[int] = ()) -> None:
        self._began_ms = deque(sorted(began_ms))

    def note(self, now_ms: int) -> None:
        """One begins."""
        self._began_ms.append(now_ms)

    def opens_ms(self, rate: RateLimit | None, now_ms: int, about_to_count: int = 0) -> int | None:
        """When one more may begin; now or earlier: at once. None: not before one of those about to begin has begun."""
        if rate is None:
            return now_ms
        self._forget(now_ms - rate.per_ms)
        self._forgive(now_ms)
        free_count = rate.count - about_to_count
        if len(self._began_ms) < free_count:
            return now_ms
        return self._began_ms[len(self._began_ms) - free_count] + rate.per_ms if free_count > 0 else None

    def _forget(self, until_ms: int) -> None:
        while self._began_ms and self._began_ms[0] <= until_ms:
            self._began_ms.popleft()

    def _forgive(self, now_ms: int) -> None:
        """The clock was set back: what seems to begin later has begun by now."""
        if self._began_ms and self._began_ms[-1] > now_ms:
            self._began_ms = deque(min(began_ms, now_ms) for began_ms in self._began_ms)
