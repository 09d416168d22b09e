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

from runtime_client import Client, ClientError

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
    """What is asked of the cluster, and how far it has come."""

    client: Client
    message_count: int
    chain_count: int
    log: str
    acknowledged: int = 0
    finished: int = 0

    async def run(self) -> tuple[list[int], list[list[str]]]:
        tally = await self.insist(lambda: self.client.start("tally", self.message_count, id="tally"))
        numbers = [range(first, self.message_count, SENDERS) for first in range(SENDERS)]
        chains = [self.chain(index) for index in range(self.chain_count)]
        results = await asyncio.gather(*chains, *(self.sender(mine) for mine in numbers))
        counted = await self.insist(lambda: tally.result(timeout=5))
        return counted, results[: self.chain_count]

    async def sender(self, numbers: range) -> None:
        tally = self.client.get("tally")
        for number in numbers:
            await self.insist(lambda number=number: tally.send("marks", number, key=f"mark-{number}"))
            self.acknowledged += 1

    async def chain(self, index: int) -> list[str]:
        ref = await self.insist(lambda: self.client.start("chain", self.log, CHAIN_LENGTH, id=f"chain-{index}"))
        tokens: list[str] = await self.insist(lambda: ref.result(timeout=5))
        self.finished += 1
        return tokens

    async def insist(self, request):  # type: ignore[no-untyped-def]
        """Repeat a request until it is answered: what a client of a killed server does."""
        while True:
            try:
                return await request()
            except (ClientError, TimeoutError) as error:
                if isinstance(error, ClientError) and type(error).__name__ not in ("Unavailable", "NotFound", "LimitExceeded"):
                    raise
                await asyncio.sleep(0.05)

    @property
    def progress(self) -> float:
        return (self.acknowledged + self.finished) / (self.message_count + self.chain_count)


async def kill_at_random(cluster: Cluster, load: Load, chance: random.Random, kills: int, duration_s: float) -> list[str]:
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
        print(f"  killed {victim:7} at {load.progress:6.1%} of the load", flush=True)
    return victims


def check(load: Load, counted: list[int], chains: list[list[str]]) -> list[str]:
    """What is wrong; nothing, if all is well."""
    wrong = []
    if counted != [load.message_count, 0]:
        wrong.append(f"tally saw {counted[0]} of {load.message_count} numbers, and {counted[1]} of them again")
    given: dict[tuple[str, int], set[str]] = defaultdict(set)
    for line in Path(load.log).read_text().splitlines():
        key, index, token = line.split()
        given[key.rpartition(":")[0], int(index)].add(token)
    for number, tokens in enumerate(chains):
        if len(tokens) != CHAIN_LENGTH or len(set(tokens)) != CHAIN_LENGTH:
            wrong.append(f"chain-{number} has {len(set(tokens))} results, not {CHAIN_LENGTH}")
        for index, token in enumerate(tokens):
            if token not in given[f"chain-{number}", index]:
                wrong.append(f"chain-{number}, effect {index}: result {token} was given by no attempt of it")
    return wrong


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def run(arguments: argparse.Namespace, directory: Path) -> int:
    cluster = Cluster(directory, free_port(), arguments.workers)
    subprocess.run([sys.executable, "-m", "slct_compile", str(PROGRAMS), "-o", str(directory / "build")], check=True)
    cluster.start()
    chance = random.Random(arguments.seed)
    began = time.monotonic()
    try:
        async with Client(cluster.target) as client:
            load = Load(client, arguments.messages, arguments.chains, str(directory / "effects.log"))
            Path(load.log).touch()
            running = asyncio.create_task(load.run())
            victims = await kill_at_random(cluster, load, chance, arguments.kills, arguments.duration)
            counted, chains = await asyncio.wait_for(running, RECOVERY_S_MAX)
            statuses = [info.status async for info in client.list()]
            leftover = (await client.get("tally").describe()).unreceived_count
    finally:
        cluster.stop()
    wrong = check(load, counted, chains)
    if statuses.count("completed") != load.chain_count + 1:
        wrong.append(f"only {statuses.count('completed')} of {load.chain_count + 1} processes are completed")
    if leftover:
        wrong.append(f"{leftover} messages were left undelivered")
    attempts = len(Path(load.log).read_text().splitlines())
    print(
        f"{len(victims)} kills in {time.monotonic() - began:.1f} s: {counted[0]} of {load.message_count} messages counted once, "
        f"{len(chains)} chains finished, {attempts} attempts for {load.chain_count * CHAIN_LENGTH} effects"
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
