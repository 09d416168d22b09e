"""Named queues of effects: how many may run at once, and who goes first (rule 18).

Pure: counts are arguments. A queue is a name that `call(..., queue=...)` gives; it needs no declaration. Its limits are an
operator's, hold for the whole cluster, and are kept by the store.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_QUEUE = "default"
"""Where effects go that name no queue."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """What one queue allows; None: no limit.

    `concurrency`: attempts that run at once, on all workers together; 0 holds the queue. `worker_concurrency`: the same, on
    one worker.
    """

    name: str
    concurrency: int | None = None
    worker_concurrency: int | None = None

    @property
    def is_open(self) -> bool:
        """Nothing is limited."""
        return self == QueueLimits(self.name)


def has_room(limit: int | None, running_count: int) -> bool:
    """Whether one more may run beside these."""
    return limit is None or running_count < limit
