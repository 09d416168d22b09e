"""Figures as JSON, and as the table of docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .figures import Measured
from .raw import ROW_BYTES, ROWS_PER_COMMIT, RawLimits
from .store_alone import PROCESSES_PER_COMMIT, StoreLimits

TABLE_START = "<!-- figures: written by `python -m bench --write-docs` -->"
TABLE_END = "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the benchmark. `figures`: workload, then mode (embedded, gRPC), then what was measured."""

    machine: Mapping[str, str | int | float]
    seconds: float
    rounds: int
    raw: RawLimits
    store: StoreLimits
    figures: Mapping[str, Mapping[str, Measured]]

    def to_json(self) -> str:
        content = {
            "machine": dict(self.machine),
            "seconds": self.seconds,
            "rounds": self.rounds,
            "raw": asdict(self.raw),
            "store": asdict(self.store),
            "figures": {name: self._modes(by_mode) for name, by_mode in self.figures.items()},
        }
        return json.dumps(content, indent=2) + "\n"

    def _modes(self, by_mode: Mapping[str, Measured]) -> dict[str, dict[str, float | None]]:
        return {mode: {**asdict(measured), **self._shares(measured)} for mode, measured in by_mode.items()}

    def _shares(self, measured: Measured) -> dict[str, float | None]:
        if measured.rate_s is None:
            return {}
        return {
            "share_of_one_row_commits": measured.rate_s / self.raw.one_row_commits_s,
            "share_of_batched_rows": measured.rate_s / self.raw.batched_rows_s,
        }

    def to_markdown(self) -> str:
        machine = self.machine
        lines = [
            f"{machine['processor_count']} x {machine['processor']}, {machine['file_system']}, "
            f"Python {machine['python']}, SQLite {machine['sqlite']}.",
            "",
            "| limit, in the same run | per second |",
            "|---|---:|",
            f"| append a page and fdatasync | {self.raw.fdatasyncs_s:,.0f} |",
            f"| SQLite commits of one row of {ROW_BYTES} bytes | {self.raw.one_row_commits_s:,.0f} |",
            f"| SQLite rows, {ROWS_PER_COMMIT} per commit | {self.raw.batched_rows_s:,.0f} |",
            f"| the store alone: steps, 1 process per commit | {self.store.single_steps_s:,.0f} |",
            f"| the store alone: steps, {PROCESSES_PER_COMMIT} processes per commit | {self.store.batched_steps_s:,.0f} |",
            "",
            "| workload | mode | per second | of one-row commits | of batched rows | p50 | p99 |",
            "|---|---|---:|---:|---:|---:|---:|",
            *(self._line(name, mode, one) for name, modes in self.figures.items() for mode, one in modes.items()),
        ]
        return "\n".join(lines) + "\n"

    def _line(self, name: str, mode: str, measured: Measured) -> str:
        rate = "" if measured.rate_s is None else f"{measured.rate_s:,.0f}"
        shares = [f"{share:.1%}" for share in self._shares(measured).values() if share is not None] or ["", ""]
        latencies = ["" if ms is None else f"{ms:.2f} ms" for ms in (measured.p50_ms, measured.p99_ms)]
        return f"| {' | '.join([name, mode, rate, *shares, *latencies])} |"


def write_into(page: Path, table: str) -> None:
    """Replace the table of a page.

    Raises:
      ValueError: the page has no place for it.
    """
    text = page.read_text("utf-8")
    before, start, rest = text.partition(TABLE_START)
    _, end, after = rest.partition(TABLE_END)
    if not (start and end):
        raise ValueError(f"{page} has no place for the figures: {TABLE_START} and {TABLE_END}")
    page.write_text(f"{before}{start}\n\n{table}\n{end}{after}", "utf-8")
