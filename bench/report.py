"""Figures as JSON, and as the table of docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .figures import Figure, median_limits
from .raw import ROW_BYTES, ROWS_PER_COMMIT, RawLimits
from .store_alone import PROCESSES_PER_COMMIT, StoreLimits

TABLE_START = "<!-- figures: written by `python -m bench --write-docs` -->"
TABLE_END = "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the benchmark. `figures`: workload, then mode (embedded, gRPC), then what was measured."""

    machine: Mapping[str, str | int | float]
    round_s: float
    store: StoreLimits
    figures: Mapping[str, Mapping[str, Figure]]

    @property
    def raw(self) -> list[RawLimits]:
        """Every time that the limits were measured."""
        return [limits for by_mode in self.figures.values() for figure in by_mode.values() for limits in figure.raw]

    def to_json(self) -> str:
        content = {
            "machine": dict(self.machine),
            "round_s": self.round_s,
            "raw": asdict(median_limits(self.raw)),
            "store": asdict(self.store),
            "figures": {
                name: {mode: _figure_json(figure) for mode, figure in by_mode.items()}
                for name, by_mode in self.figures.items()
            },
        }
        return json.dumps(content, indent=2) + "\n"

    def to_markdown(self) -> str:
        machine = self.machine
        lines = [
            f"{machine['processor_count']} x {machine['processor']}, {machine['file_system']}, "
            f"{machine['system']}, Python {machine['python']}, SQLite {machine['sqlite']}.",
            "",
            "| limit, in the same run | per second | lowest | highest |",
            "|---|---:|---:|---:|",
            self._limit("append a page and fdatasync", lambda raw: raw.fdatasyncs_s),
            self._limit(f"SQLite commits of one row of {ROW_BYTES} bytes", lambda raw: raw.one_row_commits_s),
            self._limit(f"SQLite rows, {ROWS_PER_COMMIT} per commit", lambda raw: raw.batched_rows_s),
            _row("the store alone: steps, 1 process per commit", f"{self.store.single_steps_s:,.0f}", "", ""),
            _row(
                f"the store alone: steps, {PROCESSES_PER_COMMIT} processes per commit",
                f"{self.store.batched_steps_s:,.0f}",
                "",
                "",
            ),
            "",
            "| workload | mode | per second | of one-row commits | of batched rows | p50 | p99 |",
            "|---|---|---:|---:|---:|---:|---:|",
            *(_line(name, mode, figure) for name, modes in self.figures.items() for mode, figure in modes.items()),
        ]
        return "\n".join(lines) + "\n"

    def _limit(self, name: str, value: Callable[[RawLimits], float]) -> str:
        values = [value(limits) for limits in self.raw]
        return _row(name, *(f"{each:,.0f}" for each in (value(median_limits(self.raw)), min(values), max(values))))


def _figure_json(figure: Figure) -> dict[str, Any]:
    return {
        **asdict(figure.measured),
        "share_of_one_row_commits": figure.share_of_one_row_commits,
        "share_of_batched_rows": figure.share_of_batched_rows,
        "rounds": [asdict(one) for one in figure.rounds],
        "raw": [asdict(one) for one in figure.raw],
    }


def _line(name: str, mode: str, figure: Figure) -> str:
    measured = figure.measured
    shares = (f"{share:.1%}" for share in (figure.share_of_one_row_commits, figure.share_of_batched_rows))
    latencies = ("" if ms is None else f"{ms:.2f} ms" for ms in (measured.p50_ms, measured.p99_ms))
    return _row(name, mode, f"{measured.rate_s:,.0f}", *shares, *latencies)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def write_into(page: Path, table: str, first: str = TABLE_START, last: str = TABLE_END) -> None:
    """Replace the table of a page.

    Raises:
      ValueError: the page has no place for it.
    """
    text = page.read_text("utf-8")
    before, start, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not (start and end):
        raise ValueError(f"{page} has no place for the figures: {first} and {last}")
    page.write_text(f"{before}{start}\n\n{table}\n{end}{after}", "utf-8")
