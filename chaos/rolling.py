"""Three versions of a process are deployed one after the other, and one is rolled back, under load and with kills in between.

    python -m chaos.rolling --seed 7

The second version can take over whoever runs; the third one cannot, and says so when it is checked; then the second one is deployed
again, and takes back those of the third. After each deployment workers and the runtime are killed, and workers of the versions that have to go on
are started. Afterwards: no process is lost or faulted; each has every mark once and in order; the versions that took its marks
are those that the checks before each deployment have announced, and no others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from runtime_client import Client, ProcessRef

from ._cluster import Cluster, end, free_port
from ._load import Load, Sizes

SOURCES = Path(__file__).parent / "versions"
NAMES = ("first", "second", "third")
RECOVERY_S_MAX = 120.0
"""So long may the processes take to end after the last deployment."""

ALLOWED = ([1], [2], [3], [1, 2], [3, 2])
"""Which versions one process may have been on, one after the other."""


@dataclass
class VersionedCluster(Cluster):
    """A cluster whose workers serve several versions: one worker of each that is served."""

    served: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def build_of(self, version: int) -> Path:
        return self.directory / f"build-{version}"

    def serve(self, version: int) -> None:
        build = str(self.build_of(version))
        words = ("worker", build, "--runtime", self.target, "--version", str(version), "--drain", "1")
        self.served[version] = self.spawn(f"worker-{version}", *words)

    def kill_version(self, version: int) -> None:
        end(self.served.pop(version))

    def stop(self) -> None:
        for version in list(self.served):
            self.kill_version(version)
        super().stop()

    def slct(self, *words: str) -> tuple[int, str]:
        """One command, as a person would give it; repeated while the runtime is away."""
        while True:
            command = [sys.executable, "-m", "runtime_client.cli", *words, "--runtime", self.target]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            if "cannot be reached" not in done.stderr:
                return done.returncode, done.stdout
            time.sleep(0.1)

    def check(self, version: int) -> dict[int, dict[str, int]]:
        """What a deployment would do: the old version to how many could move, and how many not."""
        words = ("deploy", str(self.build_of(version)), "--version", str(version), "--dry-run", "--format", "json")
        _, out = self.slct(*words)
        return {int(each["from_version"]): each for each in json.loads(out)}

    def deploy(self, version: int) -> None:
        """It is refused as long as the workers of those that have to stay are not back."""
        deadline = time.monotonic() + RECOVERY_S_MAX
        while self.slct("deploy", str(self.build_of(version)), "--version", str(version))[0] != 0:
            assert time.monotonic() < deadline, f"version {version} cannot be deployed"
            time.sleep(0.1)


def compile_versions(directory: Path) -> None:
    """Each with the lock of the one before it."""
    source = directory / "src"
    source.mkdir()
    shutil.copy(SOURCES / "journey_effects.py", source)
    for number, name in enumerate(NAMES, 1):
        shutil.copy(SOURCES / name / "journey.py", source)
        build = str(directory / f"build-{number}")
        subprocess.run([sys.executable, "-m", "slct_compile", str(source), "-o", build, "-q"], check=True)


@dataclass
class Journeys:
    """Processes under way, and who sends them marks."""

    load: Load
    log: str
    marks_count: int
    chance: random.Random
    refs: list[ProcessRef[Any]] = field(default_factory=list)
    sending: list[asyncio.Task[None]] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, count: int) -> None:
        """So many more, each with a sender that takes its time until `done`, and then none."""
        for _ in range(count):
            process_id = f"journey-{len(self.refs)}"
            arguments = ("journey", self.marks_count, self.log)
            ref = await self.load.insist(partial(self.load.client.start, *arguments, id=process_id))
            self.refs.append(ref)
            self.sending.append(asyncio.create_task(self._send(ref)))

    async def until_begun(self) -> None:
        """Return when no process is left that could still begin under any version."""
        for ref in self.refs:
            while (await self.load.insist(ref.describe)).info.seq == 0:
                await asyncio.sleep(0.05)

    async def _send(self, ref: ProcessRef[Any]) -> None:
        for mark in range(self.marks_count):
            await self.load.insist(partial(ref.send, "marks", mark, key=f"mark-{mark}"))
            if not self.done.is_set():
                await asyncio.sleep(self.chance.uniform(0.0, 0.4))

    async def results(self) -> list[list[list[int]]]:
        self.done.set()
        await asyncio.gather(*self.sending)
        return [await self.load.insist(partial(ref.result, timeout=5)) for ref in self.refs]


async def roll(cluster: VersionedCluster, journeys: Journeys, chance: random.Random) -> list[str]:
    """All deployments; gives what was announced wrongly."""
    await journeys.start(8)
    wrong = expected("second", await asyncio.to_thread(cluster.check, 2), {1: True})
    await asyncio.to_thread(cluster.deploy, 2)
    cluster.serve(2)
    await trouble(cluster, chance, [1, 2])
    cluster.kill_version(1)
    await journeys.start(4)
    await journeys.until_begun()
    wrong += expected("third", await asyncio.to_thread(cluster.check, 3), {1: False, 2: False})
    await asyncio.to_thread(cluster.deploy, 3)
    cluster.serve(3)
    await trouble(cluster, chance, [2, 3])
    await journeys.start(4)
    await trouble(cluster, chance, [2, 3])
    wrong += expected("second again", await asyncio.to_thread(cluster.check, 2), {3: True})
    await asyncio.to_thread(cluster.deploy, 2)
    cluster.kill_version(3)
    await trouble(cluster, chance, [2])
    return wrong


async def trouble(cluster: VersionedCluster, chance: random.Random, served: Sequence[int]) -> None:
    """Kill who serves, one after the other in any order, and the runtime among them."""
    victims = [*served, 0]
    chance.shuffle(victims)
    for victim in victims:
        await asyncio.sleep(chance.uniform(0.1, 0.8))
        if victim == 0:
            cluster.kill_runtime()
        else:
            cluster.kill_version(victim)
            cluster.serve(victim)
    await cluster.until_serving()


def expected(name: str, found: dict[int, dict[str, int]], all_move: dict[int, bool]) -> list[str]:
    """What a check should have said: of each old version all processes can move, or none."""
    wrong = []
    for version, counts in found.items():
        wanted = counts["process_count"] if all_move.get(version) else 0
        if counts["movable_count"] != wanted:
            wrong.append(f"before the {name} version was deployed {counts} was announced, {wanted} can move")
    return wrong


def wrong_in(results: list[list[list[int]]], marks_count: int, log: Path) -> list[str]:
    wrong, attempted = [], set(log.read_text().split("\n"))
    for number, taken in enumerate(results):
        if [mark for mark, _, _ in taken] != list(range(marks_count)):
            wrong.append(f"journey-{number} has taken {taken}")
        if any(stamped != mark * mark for mark, stamped, _ in taken):
            wrong.append(f"journey-{number} has stamps of other marks: {taken}")
        if any(f"journey-{number} {mark}" not in attempted for mark, _, _ in taken):
            wrong.append(f"journey-{number} has stamps that nobody has made: {taken}")
        path = [version for index, (_, _, version) in enumerate(taken) if index == 0 or taken[index - 1][2] != version]
        if path not in ALLOWED:
            wrong.append(f"journey-{number} was on versions {path}, one after the other")
    return wrong


async def run(seed: int, marks_count: int, directory: Path) -> list[str]:
    chance = random.Random(seed)
    compile_versions(directory)
    cluster = VersionedCluster(directory, free_port(), 0)
    log = directory / "effects.log"
    log.touch()
    cluster.start()
    cluster.serve(1)
    try:
        async with Client(cluster.target) as client:
            journeys = Journeys(Load(client, Sizes(0, 0, 0, 0), str(log)), str(log), marks_count, chance)
            wrong = await roll(cluster, journeys, chance)
            results = await asyncio.wait_for(journeys.results(), RECOVERY_S_MAX)
            left = {v.version: v.live_count for v in await client.versions() if v.definition == "journey"}
    finally:
        cluster.stop()
    if any(left.values()):
        wrong.append(f"all have ended, and versions tell that these are left: {left}")
    wrong += wrong_in(results, marks_count, log)
    on = [sorted({version for _, _, version in taken}) for taken in results]
    counts = {str(versions): on.count(versions) for versions in sorted(map(list, {tuple(each) for each in on}))}
    print(f"{len(results)} processes, {len(results) * marks_count} marks taken once; versions they were on: {counts}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos.rolling", description="deploy versions under load, with kills")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--marks", type=int, default=30, help="for each process")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="slct-rolling-"))
    wrong = asyncio.run(run(arguments.seed, arguments.marks, directory))
    for line in wrong:
        print(f"error: {line}")
    if wrong:
        print(f"hint: the same again: python -m chaos.rolling --seed {arguments.seed}; files are in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
