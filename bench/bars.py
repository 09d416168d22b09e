"""What the figures are meant to reach, and what they came to: a `Finding` is one figure with its bar and its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .figures import Figure


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure is to reach, at the full size. `is_floor`: more is better."""

    value: float
    is_floor: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.value if self.is_floor else value <= self.value


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure. `size`: of what it was measured, where that can be chosen; only equal sizes are compared."""

    quantity: str
    mode: str
    value: float
    size: int = 0

    @property
    def key(self) -> str:
        return f"{self.quantity} | {self.mode} | {self.size}"

    @property
    def bar(self) -> Bar | None:
        bars = BARS.get(self.quantity)
        return None if bars is None else bars[0 if self.mode == "embedded" else 1]


def _floor(embedded: float, grpc: float) -> tuple[Bar, Bar]:
    return Bar(embedded, is_floor=True), Bar(grpc, is_floor=True)


def _ceiling(embedded: float, grpc: float | None = None) -> tuple[Bar, Bar]:
    return Bar(embedded), Bar(embedded if grpc is None else grpc)


BARS: Mapping[str, tuple[Bar, Bar]] = {
    "steps of 1 process, share of one-row commits": _floor(0.5, 0.3),
    "steps of 100 processes, per s": _floor(15_000, 6_000),
    "steps of 100 processes, share of batched rows": _floor(0.09, 0.035),
    "messages to one counter, per s": _floor(8_000, 4_000),
    "messages to one counter, share of batched rows": _floor(0.047, 0.024),
    "message applied, p50 ms": _ceiling(0.6, 1.5),
    "message applied, p99 ms": _ceiling(2, 5),
    "message applied, p50 in one-row commits": _ceiling(2.2, 5.4),
    "start and park, per s": _floor(5_000, 5_000),
    "parked, bytes of disk each": _ceiling(400),
    "parked, growth of memory in MB": _ceiling(50),
    "parked, missing": _ceiling(0),
    "cold start, s": _ceiling(2),
    "wake one after a cold start, ms": _ceiling(50),
    "idle, share of one core": _ceiling(0.01),
    "timers due together, p99 late in s": _ceiling(0.4),
    "timers due together, early": _ceiling(0),
    "timers due together, lost": _ceiling(0),
    "resume, longest to shortest": _ceiling(1.2),
    "document of 1 MB to 100 kB, ratio of cost": _ceiling(10),
    "1,000 goroutines to 100, ratio of cost": _ceiling(10),
}
"""By quantity: embedded, gRPC. A quantity without a bar is stated, no more.

Bars per second and in milliseconds were set where the disk makes 3,600 commits of one row and 170,000 batched rows a second; the shares beside
them say the same of any disk. Shares have nothing to say where the processors are what is short.
"""

LONG_STORM = 50_000
LONG_STORM_LATE_S = 4.0


def bar_of(finding: Finding) -> Bar | None:
    """Its bar; a storm of many timers has one of its own."""
    if finding.quantity == "timers due together, p99 late in s" and finding.size >= LONG_STORM:
        return Bar(LONG_STORM_LATE_S)
    return finding.bar


def findings_of(figures: Mapping[str, Mapping[str, Figure]]) -> list[Finding]:
    """The findings among the figures of the workloads that run for a time."""
    return [
        finding
        for name, modes in figures.items()
        for mode, figure in modes.items()
        for finding in _of(name, mode, figure)
    ]


def _of(name: str, mode: str, figure: Figure) -> list[Finding]:
    measured = figure.measured
    if name.startswith("steps, 1 "):
        return [Finding("steps of 1 process, share of one-row commits", mode, figure.share_of_one_row_commits)]
    if name.startswith("steps, 100 "):
        return [
            Finding("steps of 100 processes, per s", mode, measured.rate_s),
            Finding("steps of 100 processes, share of batched rows", mode, figure.share_of_batched_rows),
        ]
    if name.startswith("messages to one counter"):
        return [
            Finding("messages to one counter, per s", mode, measured.rate_s),
            Finding("messages to one counter, share of batched rows", mode, figure.share_of_batched_rows),
        ]
    if measured.p50_ms is None or measured.p99_ms is None:
        return []
    return [
        Finding("message applied, p50 ms", mode, measured.p50_ms),
        Finding("message applied, p99 ms", mode, measured.p99_ms),
        Finding("message applied, p50 in one-row commits", mode, measured.p50_ms * figure.one_row_commits_s / 1000),
    ]
