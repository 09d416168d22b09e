"""Half the peak rate for long: does anything grow?

Runtime and worker are OS processes of their own. The peak is measured first, in a closed loop; then rounds begin at half of it, in an
open loop: a round begins when it is time, whether or not those before have ended. A round does all that a process can be made to do
with the store: it runs a process of ten effects to its end, sends a message to a process that lives on and waits until that is applied,
wakes one of many parked processes and parks a new one. There are more parked ones than a runtime keeps in memory, so most of those that are
woken have to be loaded, and others have to leave. What has ended is deleted after less than a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from runtime_client import Client, Unavailable

from .clusters import STORE, Cluster, compile_programs, over_grpc
from .growth import Growth, Limit, growths
from .machine import facts
from .plot import lines_svg
from .report import write_into
from .usage import IS_KNOWN, resident_bytes

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "soak.json"
PAGE = HERE.parent / "docs" / "performance.md"
PLOT = PAGE.with_name("soak.svg")
TABLE_START = "<!-- soak: written by `python -m bench soak --write-docs` -->"
TABLE_END = "<!-- end of soak -->"

EFFECTS_PER_ROUND = 10
LOOPS_AT_PEAK = 64
TALLIES = 8
PARKED = 6_000
"""More than a runtime keeps in memory."""
UNDER_WAY_MAX = 2_000
"""Rounds. More than that, and the runtime does not keep up: a round is left out, and counted, as are those that are refused."""
LEFT_OUT_SHARE_MAX = 0.001
RETENTION_DAYS = 0.0005
SEED = 1

LIMITS = {
    "runtime, MB": Limit(1.05, 4),
    "worker, MB": Limit(1.05, 4),
    "message applied, p50 ms": Limit(1.5, 1),
    "message applied, p99 ms": Limit(2, 10),
    "ten effects, p50 ms": Limit(1.5, 2),
    "ten effects, p99 ms": Limit(2, 20),
    "log, MB": Limit(1.2, 4),
    "store, MB": Limit(1.1, 4),
}
"""Latencies have room for what else the machine does; memory has none for that."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`share`: of the peak. `rate_s`: rounds per second instead of a share of the peak."""

    seconds: float
    parked: int = PARKED
    peak_s: float = 20.0
    sample_s: float = 5.0
    share: float = 0.5
    rate_s: float | None = None


@dataclass(slots=True)
class Latencies:
    """Of one kind, since the last sample, in milliseconds."""

    taken_ms: list[float] = field(default_factory=list)
    last_ms: tuple[float, float] = (0.0, 0.0)

    def cut(self) -> tuple[float, float]:
        """p50 and p99; what they were before if nothing has ended since."""
        taken, self.taken_ms = self.taken_ms, []
        if len(taken) > 1:
            hundredths = statistics.quantiles(taken, n=100, method="inclusive")
            self.last_ms = hundredths[49], hundredths[98]
        return self.last_ms


@dataclass(slots=True)
class Load:
    """The rounds, and what they came to."""

    client: Client
    tally_ids: list[str]
    parked_ids: list[str]
    random: random.Random = field(default_factory=lambda: random.Random(SEED))
    message: Latencies = field(default_factory=Latencies)
    effects: Latencies = field(default_factory=Latencies)
    under_way: int = 0
    done: int = 0
    left_out: int = 0

    async def round(self) -> None:
        self.under_way += 1
        try:
            await self._message()
            await self._effects()
            await self._wake()
        except Unavailable as error:
            print(f"a round was refused: {error}", file=sys.stderr)
            self.left_out += 1
        else:
            self.done += 1
        finally:
            self.under_way -= 1

    async def _message(self) -> None:
        start = time.perf_counter()
        tally = self.client.get(self.tally_ids[self.random.randrange(len(self.tally_ids))])
        await tally.send("marks", 0, wait=True)
        self.message.taken_ms.append((time.perf_counter() - start) * 1000)

    async def _effects(self) -> None:
        start = time.perf_counter()
        chain = await self.client.start("chain", EFFECTS_PER_ROUND)
        result = await chain.result()
        assert result == sum(range(EFFECTS_PER_ROUND)), f"{chain} came to {result}"
        self.effects.taken_ms.append((time.perf_counter() - start) * 1000)

    async def _wake(self) -> None:
        """One that was parked at any time, and a new one in its place."""
        ids, place = self.parked_ids, self.random.randrange(len(self.parked_ids))
        ids[place], ids[-1] = ids[-1], ids[place]
        woken = self.client.get(ids.pop())  # nobody else wakes it
        ids.append((await self.client.start("parked")).id)
        await woken.send("wake", self.done)


async def soak(folder: Path, plan: Plan) -> dict[str, list[float]]:
    """Samples by quantity, with the time of each under "s" and the rounds left out under "left out"."""
    built = compile_programs(folder / "build")
    retention = ("--retention", str(RETENTION_DAYS))
    async with over_grpc(folder, built.build, built.definitions, 1, *retention) as cluster:
        load = await _prepared(cluster.client, plan.parked)
        rate_s = plan.rate_s or plan.share * await _peak_s(load, plan.peak_s)
        print(f"{rate_s:.1f} rounds a second, for {plan.seconds / 60:.1f} minutes", file=sys.stderr)
        return await _sampled(cluster, folder, load, plan, rate_s)


async def _prepared(client: Client, parked: int) -> Load:
    tallies = [(await client.start("tally")).id for _ in range(TALLIES)]
    remaining = iter(range(parked))
    parked_ids: list[str] = []

    async def park() -> None:
        for _ in remaining:
            parked_ids.append((await client.start("parked")).id)

    await asyncio.gather(*(park() for _ in range(LOOPS_AT_PEAK)))
    return Load(client, tallies, parked_ids)


async def _peak_s(load: Load, seconds: float) -> float:
    """Rounds per second, when a new one begins as soon as one ends."""
    start, done = time.perf_counter(), load.done

    async def again_and_again() -> None:
        while time.perf_counter() < start + seconds:
            await load.round()

    await asyncio.gather(*(again_and_again() for _ in range(LOOPS_AT_PEAK)))
    return (load.done - done) / (time.perf_counter() - start)


async def _sampled(cluster: Cluster, folder: Path, load: Load, plan: Plan, rate_s: float) -> dict[str, list[float]]:
    samples: dict[str, list[float]] = {}
    begun_at, done = time.perf_counter(), load.done
    async with asyncio.TaskGroup() as group:
        beginning = group.create_task(_begin_rounds(group, load, plan.seconds, rate_s))
        while not beginning.done():
            await asyncio.sleep(plan.sample_s)
            passed_s = time.perf_counter() - begun_at
            for quantity, value in _sample(cluster, folder, load).items():
                samples.setdefault(quantity, []).append(value)
            samples.setdefault("s", []).append(passed_s)
            samples.setdefault("rounds per s", []).append((load.done - done) / plan.sample_s)
            done = load.done
            print(_told({quantity: values[-1] for quantity, values in samples.items()}), file=sys.stderr)
    return samples


async def _begin_rounds(group: asyncio.TaskGroup, load: Load, seconds: float, rate_s: float) -> None:
    start = time.perf_counter()
    for number in range(round(seconds * rate_s)):
        if (ahead_s := start + number / rate_s - time.perf_counter()) > 0:
            await asyncio.sleep(ahead_s)
        if load.under_way < UNDER_WAY_MAX:
            group.create_task(load.round())
        else:
            load.left_out += 1


def _sample(cluster: Cluster, folder: Path, load: Load) -> dict[str, float]:
    runtime, worker = cluster.process_ids
    message_ms, effects_ms = load.message.cut(), load.effects.cut()
    store = folder / STORE
    return {
        "runtime, MB": resident_bytes([runtime]) / 1e6,
        "worker, MB": resident_bytes([worker]) / 1e6,
        "client, MB": resident_bytes([os.getpid()]) / 1e6,
        "message applied, p50 ms": message_ms[0],
        "message applied, p99 ms": message_ms[1],
        "ten effects, p50 ms": effects_ms[0],
        "ten effects, p99 ms": effects_ms[1],
        "log, MB": store.with_name(f"{STORE}-wal").stat().st_size / 1e6,
        "store, MB": store.stat().st_size / 1e6,
        "under way": float(load.under_way),
        "left out": float(load.left_out),
        "load of the machine": os.getloadavg()[0],
    }


def _told(sample: dict[str, float]) -> str:
    return ", ".join(f"{quantity} {value:.4g}" for quantity, value in sample.items())


# --- the verdict -----------------------------------------------------------------------------------------------------


def left_out_share(samples: dict[str, list[float]]) -> float:
    done = sum(samples["rounds per s"]) * (samples["s"][-1] / len(samples["s"]))
    return samples["left out"][-1] / max(done + samples["left out"][-1], 1)


def table(machine: dict[str, str | int | float], samples: dict[str, list[float]], found: Sequence[Growth]) -> str:
    minutes = samples["s"][-1] / 60
    lines = [
        f"{machine['processor_count']} x {machine['processor']}, {machine['file_system']}, Python {machine['python']}; {minutes:.0f} minutes, "
        f"{statistics.median(samples['rounds per s']):.0f} rounds a second, {left_out_share(samples):.2%} of them left out or refused; load of the machine "
        f"{min(samples['load of the machine']):.1f} to {max(samples['load of the machine']):.1f}.",
        "",
        "| what | first third | last third | at most | highest | within |",
        "|---|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {one.quantity} | {one.early:.4g} | {one.late:.4g} | {one.allowed:.4g} | {max(samples[one.quantity]):.4g} | "
        f"{'yes' if one.is_within else '**no**'} |"
        for one in found
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """0: nothing grew, and it kept up. 1: something did, or it did not. 2: it cannot be told here."""
    options = _parser().parse_args(arguments)
    if not IS_KNOWN:
        print("error: there is no /proc here\nhint: memory is read from it; use Linux", file=sys.stderr)
        return 2
    plan = Plan(options.minutes * 60, parked=options.parked, rate_s=options.rate)
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="slct-soak-") as name:
        machine = facts(Path(name))
        samples = asyncio.run(soak(Path(name), plan))
    found = growths(samples, LIMITS)
    text = table(machine, samples, found)
    print(f"\n{text}")
    if options.write_docs:
        RESULTS.write_text(json.dumps({"machine": machine, "plan": asdict(plan), "samples": samples}) + "\n", "utf-8")
        write_into(PAGE, text, TABLE_START, TABLE_END)
        PLOT.write_text(lines_svg(samples["s"], {one.quantity: samples[one.quantity] for one in found}), "utf-8")
    return 0 if all(one.is_within for one in found) and left_out_share(samples) <= LEFT_OUT_SHARE_MAX else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench soak", description="Half the peak rate, and does anything grow?"
    )
    parser.add_argument(
        "--minutes", type=float, default=30.0, help="after the peak is known; fewer than 10 tell little"
    )
    parser.add_argument(
        "--parked", type=int, default=PARKED, metavar="N", help="so many processes are parked all the time"
    )
    parser.add_argument("--rate", type=float, metavar="R", help="so many rounds a second, instead of half the peak")
    parser.add_argument("--directory", help="where the store goes: a directory on the disk to be measured")
    parser.add_argument("--write-docs", action="store_true", help="record, and put it into docs/performance.md")
    return parser
