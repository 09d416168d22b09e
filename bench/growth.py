"""Samples of a long run, and whether anything in them grew. Plain arithmetic: knows nothing of what was measured.

The start does not count: caches fill, and retention deletes nothing yet. Of the rest, the first third is held against the last,
each by its median, so that one bad second decides nothing.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WARM_UP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Limit:
    """The last third may be so many times the first, and by so much more: noise of small figures is no growth."""

    times: float
    slack: float

    def allowed(self, early: float) -> float:
        return early * self.times + self.slack


@dataclass(frozen=True, slots=True)
class Growth:
    """What became of one quantity between the first third and the last."""

    quantity: str
    early: float
    late: float
    allowed: float

    @property
    def is_within(self) -> bool:
        return self.late <= self.allowed


def growths(samples: Mapping[str, Sequence[float]], limits: Mapping[str, Limit]) -> list[Growth]:
    """Of each quantity that has a limit.

    Raises:
      ValueError: there are too few samples to tell.
    """
    return [_growth(quantity, samples[quantity], limit) for quantity, limit in limits.items()]


def _growth(quantity: str, values: Sequence[float], limit: Limit) -> Growth:
    counted = values[round(len(values) * WARM_UP_SHARE) :]
    third = len(counted) // 3
    if third == 0:
        raise ValueError(f"{quantity} was sampled {len(values)} times, which is too few to tell whether it grows")
    early = statistics.median(counted[:third])
    return Growth(quantity, early, statistics.median(counted[-third:]), limit.allowed(early))
