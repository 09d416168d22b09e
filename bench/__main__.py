"""The command: measures, prints a table, writes `results/latest.json`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from pathlib import Path

from runtime_client import Client, Definitions

from . import raw, store_alone
from .clusters import compile_programs, embedded, over_grpc
from .figures import Figure
from .machine import facts
from .report import Report, write_into
from .run import Workload, workloads

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "latest.json"
PAGE = HERE.parent / "docs" / "performance.md"
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
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="slct-bench-") as name:
        report = asyncio.run(measure(Path(name), options))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(report.to_json(), "utf-8")
    table = report.to_markdown()
    print(f"\n{table}\nwritten to {RESULTS.relative_to(HERE.parent)}")
    if options.write_docs:
        write_into(PAGE, table)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure this slct on this machine.",
        epilog="`python -m bench compile` measures the compiler.",
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="how long one round of one workload takes")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many rounds is reported")
    parser.add_argument("--mode", choices=MODES, action="append", help="only this one; may be repeated")
    parser.add_argument("--workload", default="", help="only workloads whose name contains this")
    parser.add_argument("--directory", help="where the databases go: a directory on the disk to be measured")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    return parser


async def measure(directory: Path, options: argparse.Namespace) -> Report:
    machine = facts(directory)
    if machine["file_system"] == "tmpfs":
        print("warning: the databases are in memory, not on a disk; use --directory", file=sys.stderr)
    definitions = compile_programs(directory / "build")
    store = store_alone.measure(directory, options.seconds)
    figures: dict[str, dict[str, Figure]] = {}
    for workload in workloads():
        if options.workload in workload.name:
            by_mode = figures[workload.name] = {}
            for mode in options.mode or MODES:
                by_mode[mode] = await _measure_one(directory, definitions, workload, mode, options)
                print(f"{workload.name}, {mode}: {by_mode[mode].measured}", file=sys.stderr)
    return Report(machine, options.seconds, store, figures)


async def _measure_one(
    directory: Path, definitions: Definitions, workload: Workload, mode: str, options: argparse.Namespace
) -> Figure:
    """All rounds of one workload on a fresh store, after a warm-up that does not count; between them, the limits."""
    rounds, limits = [], []
    with tempfile.TemporaryDirectory(dir=directory) as name:
        opened: AbstractAsyncContextManager[list[Client]]
        if mode == "embedded":
            opened = embedded(Path(name), definitions, workload.client_count)
        else:
            opened = over_grpc(Path(name), directory / "build", definitions, workload.client_count)
        async with opened as clients:
            await workload.run(clients, WARM_UP_S)
            for _ in range(options.rounds):
                limits.append(raw.measure(directory, PROBE_S))
                rounds.append(await workload.run(clients, options.seconds))
            limits.append(raw.measure(directory, PROBE_S))
    return Figure(tuple(rounds), tuple(limits))


if __name__ == "__main__":
    sys.exit(main())
