"""`python -m bench peers`: drivers of other systems and our own workloads, one after the other in one run, beside the raw limits.

An environment for each system is made in `.venv-peers/` the first time. One that cannot be had here is named and left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import raw
from bench.bars import findings_of
from bench.clusters import compile_programs
from bench.figures import Figure, median_limits
from bench.machine import facts
from bench.report import write_into
from bench.run import Workload, workloads
from bench.scale import Sizes, parked, timers

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ENVIRONMENTS = ROOT / ".venv-peers"
RESULTS = HERE.parent / "results" / "peers.json"
PAGE = ROOT / "docs" / "performance.md"
TABLE_START = "<!-- peers: written by `python -m bench peers --write-docs` -->"
TABLE_END = "<!-- end of peers -->"
PROBE_S = 0.4
DRIVER_TIMEOUT_S = 900.0
OUR_SIZES = Sizes(parked=500, timers=(500,), idle_s=0.1)
PER_COMMIT = ("steps, ", "messages to one counter, per s", "start and park, per s")
"""Beginnings of the quantities that one-row commits limit."""


class Unavailable(Exception):
    """The system cannot be set up or run here."""


@dataclass(frozen=True, slots=True)
class Peer:
    """`packages`: from the Python index. `node_packages`: from npm, for servers that come that way."""

    name: str
    driver: str
    packages: tuple[str, ...]
    node_packages: tuple[str, ...] = ()

    @property
    def environment(self) -> Path:
        return ENVIRONMENTS / self.driver.removesuffix("_driver.py")


PEERS = (
    Peer("DBOS, SQLite", "dbos_driver.py", ("dbos>=2",)),
    Peer(
        "Restate",
        "restate_driver.py",
        ("restate-sdk>=0.8", "hypercorn>=0.17"),
        ("@restatedev/restate-server",),
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure. `one_row_commits_s`: what the disk and SQLite did meanwhile."""

    system: str
    quantity: str
    value: float
    size: int
    one_row_commits_s: float


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="slct-peers-") as name:
        machine = facts(Path(name))
        for peer in PEERS:
            if options.peer in peer.name:
                try:
                    lines += _measured(peer, Path(name), options.seconds)
                except Unavailable as error:
                    print(f"warning: {peer.name} is left out: {error}", file=sys.stderr)
        lines += asyncio.run(_ours(Path(name), options.seconds))
    text = f"{machine['processor_count']} x {machine['processor']}, {machine['file_system']}, Python {machine['python']}; load when it began: "
    text += f"{machine['load_before']}.\n\n{table(lines)}"
    print(f"\n{text}")
    if options.write_docs:
        RESULTS.write_text(json.dumps({"machine": machine, "lines": [asdict(line) for line in lines]}, indent=1) + "\n")
        write_into(PAGE, text, TABLE_START, TABLE_END)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench peers", description="Other systems by the same workloads.")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long one workload takes")
    parser.add_argument("--peer", default="", help="only systems whose name contains this")
    parser.add_argument("--directory", help="where the stores go: a directory on the disk to be measured")
    parser.add_argument("--write-docs", action="store_true", help="record, and put it into docs/performance.md")
    return parser


# --- other systems ---------------------------------------------------------------------------------------------------


def _measured(peer: Peer, folder: Path, seconds: float) -> list[Line]:
    _set_up(peer)
    place = folder / peer.environment.name
    place.mkdir()
    before = raw.measure(folder, PROBE_S)
    figures = _driven(peer, place, seconds)
    limits = median_limits([before, raw.measure(folder, PROBE_S)])
    return [Line(peer.name, *figure, limits.one_row_commits_s) for figure in figures]


def _set_up(peer: Peer) -> None:
    if (peer.environment / ".made").exists():
        return
    print(f"setting up {peer.environment.relative_to(ROOT)} (once) ...", file=sys.stderr)
    shutil.rmtree(peer.environment, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(peer.environment)])
    pip = [str(peer.environment / "bin" / "pip"), "install", "-qq", "--disable-pip-version-check"]
    _run([*pip, *peer.packages])
    if peer.node_packages:
        if shutil.which("npm") is None:
            raise Unavailable("its server comes from npm, which is not installed")
        _run(["npm", "install", "--silent", "--no-audit", "--prefix", str(peer.environment), *peer.node_packages])
    (peer.environment / ".made").touch()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        last = done.stdout.strip().splitlines()[-1:] or ["it said nothing"]
        raise Unavailable(f"{Path(command[0]).name} failed: {last[0]}")


def _driven(peer: Peer, place: Path, seconds: float) -> list[tuple[str, float, int]]:
    """What the driver says; a driver that fails half-way counts for nothing."""
    command = [str(peer.environment / "bin" / "python"), str(HERE / peer.driver), str(place), str(seconds)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=DRIVER_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"its driver took longer than {DRIVER_TIMEOUT_S:.0f} s") from None
    if done.returncode:
        raise Unavailable(f"its driver ended with {done.returncode}")
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    return [(each["quantity"], float(each["value"]), int(each["size"])) for each in figures]


# --- ours ------------------------------------------------------------------------------------------------------------


async def _ours(folder: Path, seconds: float) -> list[Line]:
    built = compile_programs(folder / "build")
    lines = []
    for mode in ("embedded", "gRPC"):
        place = folder / mode
        place.mkdir()
        before = raw.measure(folder, PROBE_S)
        figures = []
        for workload in workloads():
            async with built.opened(mode, _fresh(place, workload.name), workload.client_count) as cluster:
                figures += _figures(workload, mode, Figure((await workload.run(cluster.clients, seconds),), (before,)))
        for number, run in enumerate((parked, timers)):
            found = await run(mode, _fresh(place, str(number)), built, OUR_SIZES)
            figures += [(finding.quantity, finding.value, finding.size) for finding in found]
        limits = median_limits([before, raw.measure(folder, PROBE_S)])
        lines += [Line(f"slct, {mode}", *figure, limits.one_row_commits_s) for figure in figures]
    return lines


def _fresh(place: Path, name: str) -> Path:
    fresh = place / name.replace(" ", "-").replace(",", "")
    fresh.mkdir()
    return fresh


def _figures(workload: Workload, mode: str, figure: Figure) -> list[tuple[str, float, int]]:
    if workload.name.startswith("steps, "):
        return [(workload.name, figure.measured.rate_s, 0)]
    return [(finding.quantity, finding.value, 0) for finding in findings_of({workload.name: {mode: figure}})]


# --- the table -------------------------------------------------------------------------------------------------------


def table(lines: Sequence[Line]) -> str:
    """One row for each quantity that another system has too, one column for each system, with shares of one-row commits."""
    systems = list(dict.fromkeys(line.system for line in lines))
    theirs = {line.quantity for line in lines if not line.system.startswith("slct")}
    quantities = [each for each in dict.fromkeys(line.quantity for line in lines) if each in theirs]
    by_place = {(line.quantity, line.system): line for line in lines}
    rows = [f"| what | {' | '.join(systems)} |", f"|---|{'---:|' * len(systems)}"]
    for quantity in quantities:
        cells = (_cell(by_place.get((quantity, system))) for system in systems)
        rows.append(f"| {quantity}{', per s' if quantity.startswith('steps, ') else ''} | {' | '.join(cells)} |")
    limits = {line.system: line.one_row_commits_s for line in lines}
    rows.append(
        f"| *one-row commits of SQLite meanwhile, per s* | {' | '.join(f'{limits[system]:,.0f}' for system in systems)} |"
    )
    return "\n".join(rows) + "\n"


def _cell(line: Line | None) -> str:
    if line is None:
        return ""
    value = f"{line.value:,.0f}" if line.value >= 100 else f"{line.value:.3g}"
    return f"{value} ({line.value / line.one_row_commits_s:.1%})" if line.quantity.startswith(PER_COMMIT) else value
