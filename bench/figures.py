"""What a workload came to."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """What one workload came to: per second, or milliseconds."""

    rate_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None


def median(rounds: list[Measured]) -> Measured:
    """Each figure by itself."""

    def middle(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    return Measured(
        middle([one.rate_s for one in rounds]),
        middle([one.p50_ms for one in rounds]),
        middle([one.p99_ms for one in rounds]),
    )
