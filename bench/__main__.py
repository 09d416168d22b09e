"""The command: measures, prints a table, writes `results/latest.json`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from . import plot, raw, store_alone
from .bars import Finding, findings_of
from .clusters import Built, Cluster, compile_programs
from .figures import Figure, Measured
from .machine import facts
from .report import Report, last_values, write_into
from .run import Workload, workloads
from .scale import FULL, Sizes, scale_workloads
from .usage import IS_KNOWN, cpu_s

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "latest.json"
PAGE = HERE.parent / "docs" / "performance.md"
PLOT = PAGE.with_name("performance.svg")
MODES = ("embedded", "gRPC")
WARM_UP_S = 0.5
PROBE_S = 0.4
"""For each raw limit, each time: disks are shared, and what they can do changes within seconds."""


def main() -> int:
    if sys.argv[1:2] == ["compile"]:
        if find_spec("black") is None:
            print("error: black is not installed here\nhint: make .venv/.dev", file=sys.stderr)
            return 2
        from .compile import main as compare

        return compare(sys.argv[2:])
    if sys.argv[1:2] == ["soak"]:
        from .soak import main as soak

        return soak(sys.argv[2:])
    if sys.argv[1:2] == ["peers"]:
        from .peers.compare import main as peers

        return peers(sys.argv[2:])
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="slct-bench-") as name:
        report = asyncio.run(measure(Path(name), options))
    table = report.to_markdown(last_values(RESULTS))
    print(f"\n{table}")
    if options.record or options.write_docs:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(report.to_json(), "utf-8")
        print(f"written to {RESULTS.relative_to(HERE.parent)}")
    if options.write_docs:
        write_into(PAGE, table)
        PLOT.write_text(plot.svg(report.findings), "utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure this slct on this machine.",
        epilog="`python -m bench compile` measures the compiler, `python -m bench soak` whether anything grows.",
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="how long one round of one workload takes")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many rounds is reported")
    parser.add_argument("--mode", choices=MODES, action="append", help="only this one; may be repeated")
    parser.add_argument("--workload", default="", help="only workloads whose name contains this")
    parser.add_argument("--directory", help="where the databases go: a directory on the disk to be measured")
    parser.add_argument("--full", action="store_true", help="the sizes that the bars speak of; takes an hour or so")
    parser.add_argument("--parked", type=int, metavar="N", help="park so many processes")
    parser.add_argument("--multitude", type=int, metavar="N", help="cold start, idle and wake over so many parked ones")
    parser.add_argument("--longest", type=int, metavar="H", help="also resume after so many transitions, as 1000000")
    parser.add_argument("--record", action="store_true", help="make this the run that later ones are compared with")
    parser.add_argument("--write-docs", action="store_true", help="record, and put it into docs/performance.md")
    return parser


async def measure(directory: Path, options: argparse.Namespace) -> Report:
    machine = facts(directory)
    if machine["file_system"] == "tmpfs":
        print("warning: the databases are in memory, not on a disk; use --directory", file=sys.stderr)
    built = compile_programs(directory / "build")
    findings = await _measure_scale(directory, built, options)
    store = store_alone.measure(directory, options.seconds)
    figures: dict[str, dict[str, Figure]] = {}
    for workload in workloads():
        if options.workload in workload.name:
            by_mode = figures[workload.name] = {}
            for mode in options.mode or MODES:
                by_mode[mode] = await _measure_one(directory, built, workload, mode, options)
                print(f"{workload.name}, {mode}: {by_mode[mode].measured}", file=sys.stderr)
    return Report(machine, options.seconds, store, figures, (*findings_of(figures), *findings))


async def _measure_one(
    directory: Path, built: Built, workload: Workload, mode: str, options: argparse.Namespace
) -> Figure:
    """All rounds of one workload on a fresh store, after a warm-up that does not count; between them, the limits."""
    rounds, limits = [], []
    with tempfile.TemporaryDirectory(dir=directory) as name:
        async with built.opened(mode, Path(name), workload.client_count) as cluster:
            await workload.run(cluster.clients, WARM_UP_S)
            for _ in range(options.rounds):
                limits.append(raw.measure(directory, PROBE_S))
                rounds.append(await _round(workload, cluster, options.seconds))
            limits.append(raw.measure(directory, PROBE_S))
    return Figure(tuple(rounds), tuple(limits))


async def _round(workload: Workload, cluster: Cluster, seconds: float) -> Measured:
    """One round, with the CPU time of client, runtime and worker together."""
    if not IS_KNOWN:
        return await workload.run(cluster.clients, seconds)
    all_ids = {*cluster.process_ids, os.getpid()}
    used = cpu_s(all_ids)
    measured = await workload.run(cluster.clients, seconds)
    return replace(measured, cpu_us=(cpu_s(all_ids) - used) * 1e6 / max(measured.count, 1))


async def _measure_scale(directory: Path, built: Built, options: argparse.Namespace) -> list[Finding]:
    """The workloads of a size, each once, on a fresh store."""
    if not IS_KNOWN:
        print("warning: no /proc here: neither memory nor CPU time is measured, nor parked processes", file=sys.stderr)
        return []
    findings = []
    for workload in scale_workloads():
        if options.workload in workload.name:
            for mode in options.mode or MODES:
                with tempfile.TemporaryDirectory(dir=directory) as name:
                    found = await workload.run(mode, Path(name), built, sizes_of(options))
                print(f"{workload.name}, {mode}: measured", file=sys.stderr)
                findings += found
    return findings


def sizes_of(options: argparse.Namespace) -> Sizes:
    """What was asked for: all of it small or full, some of it chosen."""
    sizes = FULL if options.full else Sizes()
    if options.parked is not None:
        sizes = replace(sizes, parked=options.parked)
    if options.multitude is not None:
        sizes = replace(sizes, multitude=options.multitude)
    if options.longest is not None:
        sizes = replace(sizes, lives=tuple(sorted({*sizes.lives, options.longest})))
    return sizes


if __name__ == "__main__":
    sys.exit(main())
