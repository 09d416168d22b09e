"""What a workload came to, and what the machine could do just then."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from .raw import RawLimits


@dataclass(frozen=True, slots=True)
class Measured:
    """What one round of one workload came to: per second, or milliseconds.

    `count`: how many were done. `cpu_us`: CPU time of each, in all OS processes together; wall time depends on the
    machine's other work, this much less.
    """

    rate_s: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    count: int = 0
    cpu_us: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """All rounds of one workload in one mode. `raw`: the limits, measured before each round and after the last."""

    rounds: tuple[Measured, ...]
    raw: tuple[RawLimits, ...]

    @property
    def measured(self) -> Measured:
        """The median of the rounds, each value by itself."""
        return Measured(
            statistics.median(one.rate_s for one in self.rounds),
            _median(one.p50_ms for one in self.rounds),
            _median(one.p99_ms for one in self.rounds),
            sum(one.count for one in self.rounds),
            _median(one.cpu_us for one in self.rounds),
        )

    @property
    def one_row_commits_s(self) -> float:
        return median_limits(self.raw).one_row_commits_s

    @property
    def share_of_one_row_commits(self) -> float:
        return self.measured.rate_s / self.one_row_commits_s

    @property
    def share_of_batched_rows(self) -> float:
        return self.measured.rate_s / median_limits(self.raw).batched_rows_s


def median_limits(limits: Iterable[RawLimits]) -> RawLimits:
    """The median of several measurements, each limit by itself."""
    known = tuple(limits)
    return RawLimits(
        statistics.median(one.fdatasyncs_s for one in known),
        statistics.median(one.one_row_commits_s for one in known),
        statistics.median(one.batched_rows_s for one in known),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
