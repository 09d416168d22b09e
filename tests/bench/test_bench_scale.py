"""Every workload of the benchmark runs, small, and notices when something is missing; bars, changes and the picture."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_bench_report import MACHINE

from bench import plot, scale
from bench.__main__ import sizes_of
from bench.bars import BARS, Bar, Finding, bar_of, findings_of
from bench.clusters import STORE, Built, compile_programs
from bench.figures import Figure, Measured
from bench.raw import RawLimits
from bench.report import Report, last_values
from bench.run import Workload, workloads
from bench.scale import FULL, ScaleWorkload, Sizes, scale_workloads
from bench.store_alone import StoreLimits
from bench.usage import IS_KNOWN, cpu_s, resident_bytes

TINY = Sizes(
    parked=40, multitude=50, timers=(20,), lives=(3, 40), document_bytes=(500, 5_000), goroutines=(1, 5), idle_s=0.05
)
LIMITS = RawLimits(fdatasyncs_s=1_000, one_row_commits_s=500, batched_rows_s=10_000)

needs_proc = pytest.mark.skipif(not IS_KNOWN, reason="memory and CPU time are read from /proc")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("bench")
    path, modules = list(sys.path), set(sys.modules)
    yield compile_programs(folder / "build")
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith(("bench_", "slct_definitions")):
            del sys.modules[name]


def values(findings: list[Finding]) -> dict[tuple[str, int], float]:
    assert len({finding.key for finding in findings}) == len(findings)
    return {(finding.quantity, finding.size): finding.value for finding in findings}


@needs_proc
@pytest.mark.parametrize("workload", scale_workloads(), ids=lambda workload: workload.name)
def test_workload_of_a_size(workload: ScaleWorkload, built: Built, tmp_path: Path) -> None:
    check(workload, values(asyncio.run(workload.run("embedded", tmp_path, built, TINY))))


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("workload", scale_workloads(), ids=lambda workload: workload.name)
def test_workload_of_a_size_over_grpc(workload: ScaleWorkload, built: Built, tmp_path: Path) -> None:
    check(workload, values(asyncio.run(workload.run("gRPC", tmp_path, built, TINY))))


def check(workload: ScaleWorkload, found: dict[tuple[str, int], float]) -> None:
    assert all(math.isfinite(value) for value in found.values())
    match workload.run:
        case scale.parked:
            assert found["parked, missing", 40] == 0
            assert 0 < found["parked, bytes of disk each", 40] < 5_000
            assert min(found["start and park, per s", 40], found["cold start, s", 40]) > 0
            assert found["wake one after a cold start, ms", 40] > 0
        case scale.multitude:
            assert found["wake one after a cold start, ms", 50] > 0 < found["cold start, s", 50]
        case scale.timers:
            assert found["timers due together, early", 20] == found["timers due together, lost", 20] == 0
            assert found["timers due together, p99 late in s", 20] >= 0
        case scale.resume:
            assert found["resume, longest to shortest", 40] >= 1
            assert {size for quantity, size in found if quantity == "resume, ms"} == {3, 40}
        case scale.documents:
            assert found["document of bytes: ms per transition", 5_000] > 0
        case scale.goroutines:
            assert found["goroutines: ms per transition", 5] > 0


@pytest.mark.parametrize("workload", workloads(), ids=lambda workload: workload.name)
def test_workload_of_a_time(workload: Workload, built: Built, tmp_path: Path) -> None:
    async def once() -> Measured:
        async with built.opened("embedded", tmp_path, workload.client_count) as cluster:
            return await workload.run(cluster.clients, 0.4)

    measured = asyncio.run(once())
    assert measured.count > 0
    assert measured.rate_s > 0


def test_what_is_missing_is_counted(built: Built, tmp_path: Path) -> None:
    async def three_sleepers() -> list[tuple[int, int]]:
        async with built.opened("embedded", tmp_path) as cluster:
            far_ms = 10**13
            await scale._start_many(cluster.client, "sleeper", [(1_000,), (2_000,), (far_ms,)])
            await scale._until(tmp_path, scale.COMPLETED, 2)
            return await scale._ended(tmp_path, 3, until=0)

    assert len(asyncio.run(three_sleepers())) == 2
    assert scale._counted(tmp_path, scale.PARKED) == 1
    assert (tmp_path / STORE).exists()


def test_every_row_has_a_bar_that_is_measured(built: Built) -> None:
    figures = {workload.name: {"gRPC": Figure((Measured(100.0, 1.0, 2.0),), (LIMITS,))} for workload in workloads()}
    of_time = {finding.quantity for finding in findings_of(figures)}
    source = Path(scale.__file__).read_text("utf-8")
    assert {quantity for quantity in BARS if quantity not in of_time and f'"{quantity}"' not in source} == set()
    assert findings_of(figures)[0] == Finding("steps of 1 process, share of one-row commits", "gRPC", 0.2)
    assert Finding("messages to one counter, share of batched rows", "gRPC", 0.01) in findings_of(figures)
    assert Finding("message applied, p50 in one-row commits", "gRPC", 0.5) in findings_of(figures)


def test_bars_are_floors_or_ceilings() -> None:
    assert Bar(5, is_floor=True).holds(5) and not Bar(5, is_floor=True).holds(4.9)
    assert Bar(5).holds(5) and not Bar(5).holds(5.1)
    late = "timers due together, p99 late in s"
    assert bar_of(Finding(late, "gRPC", 1.0, 5_000)) == Bar(0.4)
    assert bar_of(Finding(late, "gRPC", 1.0, 50_000)) == Bar(4.0)
    assert bar_of(Finding("steps of 100 processes, per s", "gRPC", 1.0)) == Bar(6_000, is_floor=True)
    assert bar_of(Finding("resume, ms", "gRPC", 1.0, 10)) is None


def test_change_against_the_recorded_run(tmp_path: Path) -> None:
    def report(rate_s: float, cpu_us: float, parked_s: float, size: int) -> Report:
        figure = Figure((Measured(rate_s, count=9, cpu_us=cpu_us),), (LIMITS,))
        found = Finding("start and park, per s", "gRPC", parked_s, size)
        return Report(MACHINE, 1.0, StoreLimits(1, 1), {"steps": {"gRPC": figure}}, (found,))

    results = tmp_path / "latest.json"
    assert last_values(results) == {}
    results.write_text(report(1_000, 200, 6_000, 10).to_json())
    table = report(900, 300, 3_000, 10).to_markdown(last_values(results))
    assert "| steps | gRPC | 900 | -10% | 300 us | +50% |" in table
    assert "| start and park, per s | gRPC | 10 | 3,000 | at least 5,000 | **no** | -50% |" in table
    other_size = report(900, 300, 6_000, 20).to_markdown(last_values(results))
    assert "| start and park, per s | gRPC | 20 | 6,000 | at least 5,000 | yes |  |" in other_size


def test_picture_shows_each_finding_that_has_a_bar() -> None:
    good = Finding("idle, share of one core", "gRPC", 0.0, 5)
    bad = Finding("steps of 100 processes, per s", "embedded", 150.0)
    drawn = ElementTree.fromstring(plot.svg([good, bad, Finding("resume, ms", "gRPC", 3.0, 10)]))
    bars = [each for each in drawn if each.get("fill") in (plot.GOOD, plot.BAD)]
    assert [each.get("fill") for each in bars] == [plot.GOOD, plot.BAD]
    assert float(bars[0].get("width", 0)) == pytest.approx(float(bars[1].get("width", 0)), abs=0.2)
    assert plot.goodness(0.0, Bar(1, is_floor=True)) == 0
    assert plot.goodness(200.0, Bar(100)) == 0.5


def test_sizes_that_were_asked_for() -> None:
    def asked(**options: object) -> Sizes:
        return sizes_of(
            argparse.Namespace(**{"full": False, "parked": None, "multitude": None, "longest": None, **options})
        )

    assert asked() == Sizes()
    assert asked(full=True) == FULL
    assert asked(parked=7, longest=1_000_000).parked == 7
    assert asked(full=True, longest=1_000_000).lives == (10, 100, 1_000, 10_000, 100_000, 1_000_000)


@needs_proc
def test_usage_grows() -> None:
    before, held = cpu_s([os.getpid()]), resident_bytes([os.getpid()])
    block = bytearray(os.urandom(64_000_000))
    while cpu_s([os.getpid()]) <= before:
        block[0] ^= 1
    assert resident_bytes([os.getpid()]) >= held + 32_000_000
