"""The benchmark's own arithmetic and table; the figures themselves are no test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import raw, store_alone
from bench.figures import Measured, median
from bench.machine import facts, file_system
from bench.report import TABLE_END, TABLE_START, Report, write_into
from bench.store_alone import StoreLimits

MACHINE: dict[str, str | int | float] = {
    "processor_count": 2,
    "processor": "X",
    "file_system": "ext4",
    "python": "3.11",
    "sqlite": "3.40",
}
REPORT = Report(
    MACHINE,
    3.0,
    3,
    raw.RawLimits(fdatasyncs_s=1_000, one_row_commits_s=500, batched_rows_s=10_000),
    StoreLimits(single_steps_s=400, batched_steps_s=9_000),
    {"steps": {"embedded": Measured(1_000.0)}, "latency": {"gRPC": Measured(None, 1.5, 2.25)}},
)


def test_shares_of_the_raw_limits() -> None:
    figures = json.loads(REPORT.to_json())["figures"]
    assert figures["steps"]["embedded"]["share_of_one_row_commits"] == 2
    assert figures["steps"]["embedded"]["share_of_batched_rows"] == 0.1
    table = REPORT.to_markdown()
    assert "| steps | embedded | 1,000 | 200.0% | 10.0% |  |  |" in table
    assert "| latency | gRPC |  |  |  | 1.50 ms | 2.25 ms |" in table


def test_table_is_replaced_in_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{TABLE_START}\nold\n{TABLE_END}\nafter\n")
    for _ in range(2):
        write_into(page, "new\n")
        assert page.read_text() == f"before\n{TABLE_START}\n\nnew\n\n{TABLE_END}\nafter\n"
    page.write_text("no place")
    with pytest.raises(ValueError, match="no place for the figures"):
        write_into(page, "new")


def test_page_in_the_documentation_has_a_place_for_the_table() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "performance.md").read_text("utf-8")
    assert page.index(TABLE_START) < page.index(TABLE_END)


def test_median_of_each_figure() -> None:
    rounds = [Measured(1.0, 5.0), Measured(9.0, 2.0), Measured(3.0, 4.0)]
    assert median(rounds) == Measured(3.0, 4.0, None)


def test_raw_limits_are_measured(tmp_path: Path) -> None:
    limits = raw.measure(tmp_path, 0.02)
    assert min(limits.fdatasyncs_s, limits.one_row_commits_s, limits.batched_rows_s) > 0
    assert list(tmp_path.iterdir()) == []
    assert limits.mean(limits) == limits


def test_store_alone_is_measured(tmp_path: Path) -> None:
    limits = store_alone.measure(tmp_path, 0.02)
    assert min(limits.single_steps_s, limits.batched_steps_s) > 0
    assert list(tmp_path.iterdir()) == []


def test_machine_is_described(tmp_path: Path) -> None:
    described = facts(tmp_path)
    assert described["file_system"] == file_system(tmp_path)
    assert described["processor_count"]
