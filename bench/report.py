"""Figures as JSON, and as the table of docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .bars import Finding, bar_of
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
    findings: tuple[Finding, ...] = ()

    @property
    def raw(self) -> list[RawLimits]:
        """Every time that the limits were measured."""
        return [limits for by_mode in self.figures.values() for figure in by_mode.values() for limits in figure.raw]

    def to_json(self) -> str:
        content = {
            "machine": dict(self.machine),
            "round_s": self.round_s,
            "raw": asdict(median_limits(self.raw)) if self.raw else None,
            "store": asdict(self.store),
            "figures": {
                name: {mode: _figure_json(figure) for mode, figure in by_mode.items()}
                for name, by_mode in self.figures.items()
            },
            "findings": [asdict(finding) for finding in self.findings],
        }
        return json.dumps(content, indent=2) + "\n"

    def to_markdown(self, last: Mapping[str, float] | None = None) -> str:
        """`last`: values of the recorded run that this one is compared with, by key of the finding or figure."""
        machine = self.machine
        lines = [
            f"{machine['processor_count']} x {machine['processor']}, {machine['file_system']}, {machine['system']}, "
            f"Python {machine['python']}, SQLite {machine['sqlite']}, "
            f"servers on {machine.get('servers_loop', 'asyncio')}; load when it began: {machine['load_before']}.",
        ]
        if self.figures:
            lines += ["", *self._limits(), "", *self._rates(last or {})]
        if self.findings:
            lines += ["", *_findings(self.findings, last or {})]
        return "\n".join(lines) + "\n"

    def _limits(self) -> list[str]:
        single, batched = f"{self.store.single_steps_s:,.0f}", f"{self.store.batched_steps_s:,.0f}"
        return [
            "| limit, in the same run | per second | lowest | highest |",
            "|---|---:|---:|---:|",
            self._limit("append a page and fdatasync", lambda raw: raw.fdatasyncs_s),
            self._limit(f"SQLite commits of one row of {ROW_BYTES} bytes", lambda raw: raw.one_row_commits_s),
            self._limit(f"SQLite rows, {ROWS_PER_COMMIT} per commit", lambda raw: raw.batched_rows_s),
            _row("the store alone: steps, 1 process per commit", single, "", ""),
            _row(f"the store alone: steps, {PROCESSES_PER_COMMIT} processes per commit", batched, "", ""),
        ]

    def _rates(self, last: Mapping[str, float]) -> list[str]:
        return [
            "| workload | mode | per second | change | CPU each | change | of one-row commits | of batched rows | p50 | p99 |",
            "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
            *(
                _line(name, mode, figure, last)
                for name, modes in self.figures.items()
                for mode, figure in modes.items()
            ),
        ]

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


def _line(name: str, mode: str, figure: Figure, last: Mapping[str, float]) -> str:
    measured = figure.measured
    shares = (f"{share:.1%}" for share in (figure.share_of_one_row_commits, figure.share_of_batched_rows))
    latencies = ("" if ms is None else f"{ms:.2f} ms" for ms in (measured.p50_ms, measured.p99_ms))
    cpu = "" if measured.cpu_us is None else f"{measured.cpu_us:,.0f} us"
    rate_change = _change(measured.rate_s, last.get(_figure_key(name, mode, "rate_s")))
    cpu_change = _change(measured.cpu_us, last.get(_figure_key(name, mode, "cpu_us")))
    return _row(name, mode, f"{measured.rate_s:,.0f}", rate_change, cpu, cpu_change, *shares, *latencies)


def _findings(findings: tuple[Finding, ...], last: Mapping[str, float]) -> list[str]:
    return [
        "| what | mode | of | figure | bar | holds | change |",
        "|---|---|---:|---:|---:|---|---:|",
        *(_finding(finding, last.get(finding.key)) for finding in findings),
    ]


def _finding(finding: Finding, last: float | None) -> str:
    bar = bar_of(finding)
    size = f"{finding.size:,}" if finding.size else ""
    against = "" if bar is None else f"{'at least' if bar.is_floor else 'at most'} {bar.value:,.6g}"
    holds = "" if bar is None else "yes" if bar.holds(finding.value) else "**no**"
    return _row(
        finding.quantity, finding.mode, size, _number(finding.value), against, holds, _change(finding.value, last)
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"


def _change(now: float | None, last: float | None) -> str:
    """Against the last recorded run; nothing where there is nothing to compare."""
    return "" if now is None or not last else f"{now / last - 1:+.0%}"


def last_values(results: Path) -> dict[str, float]:
    """What the last recorded run came to, by key; nothing if there is none."""
    if not results.exists():
        return {}
    content = json.loads(results.read_text("utf-8"))
    values = {
        _figure_key(name, mode, value): figure[value]
        for name, modes in content["figures"].items()
        for mode, figure in modes.items()
        for value in ("rate_s", "cpu_us")
        if figure.get(value) is not None
    }
    return values | {(found := Finding(**each)).key: found.value for each in content.get("findings", ())}


def _figure_key(name: str, mode: str, value: str) -> str:
    return f"{name} | {mode} | {value}"


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
