"""Kill, pause and drain the runtime and workers at random moments under load; afterwards every count must be exact.

    python -m chaos --seed 7 --kills 50

The load (`_load.py`): a process counting keyed messages from eight senders, who repeat a message under its key until it is
acknowledged; chains of effects in a queue with a limit, some of which fail first; effects that may be attempted once; parents that start
children, send to them, take their results and failures, and are survived by no attached one; a schedule that starts a process each
second. What is checked is in `_checks.py`.

What is done to it: SIGKILL; SIGSTOP and, seconds later, SIGCONT, so that a worker or a runtime goes on with what it believes to be
its own; SIGTERM to workers. While the runtime is paused a second one is started on its store, and must be refused. The seed fixes
who, what and when (by pauses, and by progress of the load); operating systems add their own chance.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runtime_client import Client

from ._checks import Attempts, read_attempts, read_listed, wrong_in
from ._cluster import Cluster, free_port
from ._load import CHAIN_LENGTH, Load, Sizes

PROGRAMS = Path(__file__).parent / "programs"
RECOVERY_S_MAX = 120.0
"""After the last fault the load must end within this time."""
PAUSES_S = (0.3, 1.5, 6.0)
"""How long somebody is paused: not noticed; hardly; taken for lost."""

FAULTS = ("kill runtime", "kill worker", "kill both", "pause worker", "pause runtime", "drain worker")


async def fault_at_random(
    cluster: Cluster, load: Load, chance: random.Random, faults: int, duration_s: float
) -> list[str]:
    """Do something to somebody, again and again; returns what went wrong with that itself."""
    wrong: list[str] = []
    pause_s = duration_s / max(1, faults)
    for number in range(faults):
        await asyncio.sleep(chance.uniform(0.2, 1.8) * pause_s)
        # The first ones in turn, so that a short run has them all.
        what = FAULTS[number % len(FAULTS)] if number < 2 * len(FAULTS) else chance.choice(FAULTS)
        print(f"  {what:14} after {load.acknowledged} messages and {load.finished} processes", flush=True)
        wrong += await one_fault(cluster, what, chance)
    load.is_last = True
    return wrong


async def one_fault(cluster: Cluster, what: str, chance: random.Random) -> list[str]:
    index, seconds = chance.randrange(cluster.worker_count), chance.choice(PAUSES_S)
    match what:
        case "kill runtime":
            cluster.kill_runtime()
        case "kill worker":
            cluster.kill_worker(index)
        case "kill both":
            cluster.kill_runtime()
            cluster.kill_worker(index)
        case "drain worker":
            cluster.drain_worker(index)
        case "pause worker":
            await pause(cluster.workers[index], seconds)
        case "pause runtime":
            assert cluster.runtime is not None
            await cluster.until_serving()
            paused = asyncio.create_task(pause(cluster.runtime, seconds))
            refusal = await asyncio.to_thread(cluster.challenge)
            await paused
            if "in use" not in refusal:
                return [f"a second runtime was not refused while the first was paused: {refusal!r}"]
    return []


async def pause(process: subprocess.Popen[bytes], seconds: float) -> None:
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    process.send_signal(signal.SIGCONT)


async def run(arguments: argparse.Namespace, directory: Path) -> int:
    cluster = Cluster(directory, free_port(), arguments.workers)
    subprocess.run(
        [sys.executable, "-m", "slct_compile", str(PROGRAMS), "--no-lock", "-o", str(directory / "build")], check=True
    )
    cluster.start()
    chance = random.Random(arguments.seed)
    began = time.monotonic()
    sizes = Sizes(arguments.messages, arguments.chains, arguments.onces, arguments.families)
    try:
        async with Client(cluster.target) as client:
            load = Load(client, sizes, str(directory / "effects.log"))
            Path(load.log).touch()
            running = asyncio.create_task(load.run())
            wrong = await fault_at_random(cluster, load, chance, arguments.kills, arguments.duration)
            await asyncio.wait_for(running, RECOVERY_S_MAX)
            listed = await read_listed(client)
            (queue,) = [each for each in await client.queues() if each.name == "chain"]
    finally:
        cluster.stop()
    attempts = read_attempts(Path(load.log))
    wrong += wrong_in(load, attempts, listed)
    if (queue.limits.concurrency, queue.waiting_count, queue.running_count) != (16, 0, 0):
        wrong.append(f"the queue of the chains is left as {queue}")
    print(summary(load, attempts, listed.count(), arguments.kills, time.monotonic() - began))
    for line in wrong:
        print(f"error: {line}")
    if wrong:
        print(f"hint: the same faults again: make chaos SEED={arguments.seed}; files are in {directory}")
    return 1 if wrong else 0


def summary(load: Load, attempts: Attempts, processes: int, faults: int, seconds: float) -> str:
    unknown = sum(tokens.count("unknown") for one in load.rounds for tokens in one.onces.values())
    chains = sum(len(one.chains) for one in load.rounds)
    return (
        f"{faults} faults in {seconds:.1f} s, {len(load.rounds)} rounds, {processes} processes: "
        f"{load.acknowledged} messages acknowledged, {sum(r.counted[0] for r in load.rounds)} counted once; "
        f"{chains * CHAIN_LENGTH} results of chains; {attempts.count} attempts in all; "
        f"{unknown} at-most-once effects of unknown outcome"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description="kill, pause and drain under load, then count")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--kills", type=int, default=50, help="how often somebody is killed, paused or drained")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds over which that is spread")
    parser.add_argument("--messages", type=int, default=2000, help="in each round")
    parser.add_argument("--chains", type=int, default=200)
    parser.add_argument("--onces", type=int, default=40)
    parser.add_argument("--families", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}: {arguments.kills} faults in about {arguments.duration:g} s", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="slct-chaos-"))
    code = asyncio.run(run(arguments, directory))
    if code == 0:
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else os.unlink(path)
        directory.rmdir()
    return code


if __name__ == "__main__":
    sys.exit(main())
