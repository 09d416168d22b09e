"""Kill the runtime, a worker or both at random moments under load; afterwards every count must be exact.

    python -m chaos --seed 7 --kills 50

The load: one process counting keyed messages from eight senders, and many processes doing ten effects each. A sender repeats
a message under its key until it is acknowledged. Checked at the end: every number counted once and no more; every chain
finished with ten results, each given by an attempt of that very effect; nothing left undelivered. The seed fixes who is killed
and when (by progress of the load, not by the clock alone); operating systems add their own chance.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from runtime_client import Client, LimitExceeded, NotFound, Unavailable

PROGRAMS = Path(__file__).parent / "programs"
CHAIN_LENGTH = 10
SENDERS = 8
RECOVERY_S_MAX = 120.0
"""After the last kill the load must end within this time."""


@dataclass
class Cluster:
    """A runtime and its workers as OS processes."""

    directory: Path
    port: int
    worker_count: int
    runtime: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self.start_runtime()
        self.workers = [self.spawn_worker(index) for index in range(self.worker_count)]

    def start_runtime(self) -> None:
        store = f"sqlite:///{self.directory / 'chaos.db'}"
        self.runtime = self.spawn("runtime", "runtime", "--store", store, "--listen", self.target)

    def spawn_worker(self, index: int) -> subprocess.Popen[bytes]:
        build = str(self.directory / "build")
        return self.spawn(f"worker{index}", "worker", build, "--runtime", self.target, "--version", "1")

    def spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "runtime_client.cli", *arguments], stdout=log, stderr=log)

    def kill_runtime(self) -> None:
        assert self.runtime is not None
        _kill(self.runtime)
        self.start_runtime()

    def kill_worker(self, index: int) -> None:
        _kill(self.workers[index])
        self.workers[index] = self.spawn_worker(index)

    def stop(self) -> None:
        for process in [*self.workers, self.runtime]:
            if process is not None:
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


@dataclass
class Load:
    """What is asked of the cluster, in rounds for as long as the kills go on, and how far it has come."""

    client: Client
    message_count: int
    chain_count: int
    log: str
    acknowledged: int = 0
    finished: int = 0
    rounds: list[Round] = field(default_factory=list)
    is_last: bool = False

    async def run(self) -> None:
        """Rounds until `is_last` is set; the one under way is brought to its end."""
        while not self.rounds or not self.is_last:
            self.rounds.append(await self.round(len(self.rounds)))

    async def round(self, number: int) -> Round:
        tally_id = f"tally-{number}"
        tally = await self.insist(lambda: self.client.start("tally", self.message_count, id=tally_id))
        numbers = [range(first, self.message_count, SENDERS) for first in range(SENDERS)]
        chains = [self.chain(f"chain-{number}-{index}") for index in range(self.chain_count)]
        results = await asyncio.gather(*chains, *(self.sender(tally_id, mine) for mine in numbers))
        counted = await self.insist(lambda: tally.result(timeout=5))
        described = await self.insist(tally.describe)
        tokens = {f"chain-{number}-{index}": results[index] for index in range(self.chain_count)}
        return Round(counted, described.unreceived_count, tokens)

    async def sender(self, tally_id: str, numbers: range) -> None:
        tally = self.client.get(tally_id)
        for number in numbers:
            await self.insist(lambda number=number: tally.send("marks", number, key=f"mark-{number}"))
            self.acknowledged += 1

    async def chain(self, chain_id: str) -> list[str]:
        ref = await self.insist(lambda: self.client.start("chain", self.log, CHAIN_LENGTH, id=chain_id))
        tokens: list[str] = await self.insist(lambda: ref.result(timeout=5))
        self.finished += 1
        return tokens

    async def insist(self, request):  # type: ignore[no-untyped-def]
        """Repeat a request until it is answered: what a client of a killed server does."""
        while True:
            try:
                return await request()
            except (Unavailable, LimitExceeded, TimeoutError):
                await asyncio.sleep(0.05)
            except NotFound as error:  # nothing is deployed until a worker of the new runtime has registered
                if "definition" not in error.facts:
                    raise
                await asyncio.sleep(0.05)


@dataclass
class Round:
    """What one round of the load came to: the tally's count, what it left undelivered, and each chain's tokens."""

    counted: list[int]
    unreceived: int
    chains: dict[str, list[str]]


async def kill_at_random(
    cluster: Cluster, load: Load, chance: random.Random, kills: int, duration_s: float
) -> list[str]:
    """End somebody, again and again; returns who."""
    victims = []
    pause_s = duration_s / max(1, kills)
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.2, 1.8) * pause_s)
        victim = chance.choice(["runtime", "worker", "both"])
        index = chance.randrange(cluster.worker_count)
        victims.append(victim)
        if victim in ("runtime", "both"):
            cluster.kill_runtime()
        if victim in ("worker", "both"):
            cluster.kill_worker(index)
        print(f"  killed {victim:7} after {load.acknowledged} messages and {load.finished} chains", flush=True)
    load.is_last = True
    return victims


def check(load: Load) -> list[str]:
    """What is wrong; nothing, if all is well."""
    given: dict[tuple[str, int], set[str]] = defaultdict(set)
    for line in Path(load.log).read_text().splitlines():
        key, index, token = line.split()
        given[key.rpartition(":")[0], int(index)].add(token)
    wrong = []
    for number, one in enumerate(load.rounds):
        seen, repeated = one.counted
        if (seen, repeated, one.unreceived) != (load.message_count, 0, 0):
            wrong.append(
                f"tally-{number} saw {seen} of {load.message_count} numbers, {repeated} again, {one.unreceived} undelivered"
            )
        for chain_id, tokens in one.chains.items():
            wrong.extend(check_chain(chain_id, tokens, given))
    return wrong


def check_chain(chain_id: str, tokens: list[str], given: dict[tuple[str, int], set[str]]) -> list[str]:
    """Ten different results, each given by an attempt of that very effect."""
    if len(set(tokens)) != CHAIN_LENGTH:
        return [f"{chain_id} has {len(set(tokens))} results, not {CHAIN_LENGTH}"]
    return [
        f"{chain_id}, effect {index}: result {token} was given by no attempt of it"
        for index, token in enumerate(tokens)
        if token not in given[chain_id, index]
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def run(arguments: argparse.Namespace, directory: Path) -> int:
    cluster = Cluster(directory, free_port(), arguments.workers)
    subprocess.run(
        [sys.executable, "-m", "slct_compile", str(PROGRAMS), "--no-lock", "-o", str(directory / "build")], check=True
    )
    cluster.start()
    chance = random.Random(arguments.seed)
    began = time.monotonic()
    try:
        async with Client(cluster.target) as client:
            load = Load(client, arguments.messages, arguments.chains, str(directory / "effects.log"))
            Path(load.log).touch()
            running = asyncio.create_task(load.run())
            victims = await kill_at_random(cluster, load, chance, arguments.kills, arguments.duration)
            await asyncio.wait_for(running, RECOVERY_S_MAX)
            statuses = [info.status async for info in client.list()]
    finally:
        cluster.stop()
    wrong = check(load)
    expected = len(load.rounds) * (load.chain_count + 1)
    if statuses.count("completed") != expected:
        wrong.append(f"{statuses.count('completed')} of {expected} processes are completed")
    attempts = len(Path(load.log).read_text().splitlines())
    print(
        f"{len(victims)} kills in {time.monotonic() - began:.1f} s, {len(load.rounds)} rounds: "
        f"{load.acknowledged} messages acknowledged, {sum(r.counted[0] for r in load.rounds)} counted once; "
        f"{load.finished} chains finished, {attempts} attempts for {load.finished * CHAIN_LENGTH} effects"
    )
    for line in wrong:
        print(f"error: {line}")
    if wrong:
        print(f"hint: the same kills again: make chaos SEED={arguments.seed}; files are in {directory}")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description="kill runtime and workers under load, then count")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--duration", type=float, default=60.0, help="seconds over which the kills are spread")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--chains", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}: {arguments.kills} kills in about {arguments.duration:g} s", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="slct-chaos-"))
    code = asyncio.run(run(arguments, directory))
    if code == 0:
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else os.unlink(path)
        directory.rmdir()
    return code


if __name__ == "__main__":
    sys.exit(main())
