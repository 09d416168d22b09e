"""The benchmark's own arithmetic and table; the figures themselves are no test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import raw, store_alone
from bench.figures import Figure, Measured, median_limits
from bench.machine import facts, file_system
from bench.report import TABLE_END, TABLE_START, Report, write_into
from bench.store_alone import StoreLimits

MACHINE: dict[str, str | int | float] = {
    "processor_count": 2,
    "processor": "X",
    "file_system": "ext4",
    "python": "3.11",
    "sqlite": "3.40",
    "system": "Linux",
    "load_before": 0.5,
}
LIMITS = raw.RawLimits(fdatasyncs_s=1_000, one_row_commits_s=500, batched_rows_s=10_000)
BETTER = raw.RawLimits(fdatasyncs_s=3_000, one_row_commits_s=700, batched_rows_s=20_000)
REPORT = Report(
    MACHINE,
    3.0,
    StoreLimits(single_steps_s=400, batched_steps_s=9_000),
    {
        "steps": {"embedded": Figure((Measured(1_000.0), Measured(900.0), Measured(2_000.0)), (LIMITS,))},
        "latency": {"gRPC": Figure((Measured(50.0, 1.5, 2.25),), (LIMITS, BETTER, LIMITS))},
    },
)


def test_shares_of_the_raw_limits() -> None:
    content = json.loads(REPORT.to_json())
    steps = content["figures"]["steps"]["embedded"]
    assert (steps["rate_s"], steps["share_of_one_row_commits"], steps["share_of_batched_rows"]) == (1_000, 2, 0.1)
    assert content["raw"]["one_row_commits_s"] == 500
    table = REPORT.to_markdown()
    assert "| append a page and fdatasync | 1,000 | 1,000 | 3,000 |" in table
    assert "| steps | embedded | 1,000 |  |  |  | 200.0% | 10.0% |  |  |" in table
    assert "| latency | gRPC | 50 |  |  |  | 10.0% | 0.5% | 1.50 ms | 2.25 ms |" in table


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


def test_median_of_each_value() -> None:
    rounds = (Measured(1.0, 5.0), Measured(9.0, 2.0), Measured(3.0, 4.0))
    assert Figure(rounds, ()).measured == Measured(3.0, 4.0, None)
    assert median_limits([LIMITS, BETTER, BETTER]) == BETTER


def test_raw_limits_are_measured(tmp_path: Path) -> None:
    limits = raw.measure(tmp_path, 0.02)
    assert min(limits.fdatasyncs_s, limits.one_row_commits_s, limits.batched_rows_s) > 0
    assert list(tmp_path.iterdir()) == []


def test_store_alone_is_measured(tmp_path: Path) -> None:
    limits = store_alone.measure(tmp_path, 0.02)
    assert min(limits.single_steps_s, limits.batched_steps_s) > 0
    assert list(tmp_path.iterdir()) == []


def test_machine_is_described(tmp_path: Path) -> None:
    described = facts(tmp_path)
    assert described["file_system"] == file_system(tmp_path)
    assert described["processor_count"]
