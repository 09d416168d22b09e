"""Workers that are told to leave, and workers and runtimes that are killed with effects under way: as OS processes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from chaos.__main__ import Cluster, free_port
from runtime_client import Client, NotFound, Unavailable
from runtime_client._effects import CLEANUP_S
from runtime_client._transport import CLOSE_GRACE_S

SOURCES = Path(__file__).parent / "drain_sources"
MARGIN_S = 3.0
"""What a busy machine may take for the end of an OS process."""


class Scene:
    """A runtime, two workers of different patience, and the log of their effects."""

    def __init__(self, directory: Path) -> None:
        self.cluster = Cluster(directory, free_port(), worker_count=0)
        self.cluster.start()
        self.log = directory / "walks.log"
        self.log.touch()
        self._directory = directory

    def worker(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        build = str(self._directory / "build")
        worker = self.cluster.spawn(name, "worker", build, "--runtime", self.cluster.target, *options)
        self.cluster.workers.append(worker)
        return worker

    async def serves(self, name: str) -> None:
        await until(lambda: b"serves" in (self._directory / f"{name}.log").read_bytes())

    async def says(self, *lines: str) -> None:
        await until(lambda: self.lines == list(lines), lambda: f"{self.lines} instead of {list(lines)}")

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def let_go(self, name: str, step: int) -> None:
        Path(f"{self.log}.{name}.{step}").touch()


async def until(happened: Callable[[], bool], otherwise: Callable[[], str] = lambda: "") -> None:
    try:
        async with asyncio.timeout(20):
            while not happened():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(otherwise()) from None


async def insist(request: Callable[[], Awaitable[object]]) -> object:
    """Repeat it until somebody is there to answer it."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await request()
            except (NotFound, Unavailable):
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("drain") / "build"
    command = [sys.executable, "-m", "slct_compile", str(SOURCES), "--no-lock", "-o", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target


@pytest.fixture
def scene(tmp_path: Path, build: Path) -> Iterator[Scene]:
    (tmp_path / "build").symlink_to(build)
    made = Scene(tmp_path)
    yield made
    made.cluster.stop()


def test_a_worker_on_sigterm_finishes_what_it_runs_and_the_rest_goes_to_others(scene: Scene) -> None:
    async def play() -> None:
        async with Client(scene.cluster.target) as client:
            leaving = scene.worker("leaving")
            first = await insist(lambda: client.start("walk", str(scene.log), "a", id="a"))
            await scene.says("a begins at 0")
            staying = scene.worker("staying")
            await scene.serves("staying")
            leaving.send_signal(signal.SIGTERM)
            await until_served_by(client, 1)
            second = client.get("b")
            await client.start("walk", str(scene.log), "b", id="b")
            await scene.says("a begins at 0", "b begins at 0")
            assert leaving.poll() is None, "it waits for what it runs"
            for name in ("a", "b"):
                scene.let_go(name, 0)
                scene.let_go(name, 1)
            assert await client.get("a").result(20) == [leaving.pid] * 2
            assert await second.result(20) == [staying.pid] * 2
            assert await asyncio.to_thread(leaving.wait, 20) == 0
            assert [line for line in scene.lines if "begins" in line] == ["a begins at 0", "b begins at 0"]
            assert first is not None

    asyncio.run(play())


def test_rule_18_a_worker_hands_back_what_it_cannot_finish_in_time(scene: Scene) -> None:
    async def play() -> None:
        async with Client(scene.cluster.target) as client:
            leaving = scene.worker("leaving", "--drain", "0.2")
            await insist(lambda: client.start("walk", str(scene.log), "a", id="a"))
            scene.let_go("a", 0)
            await scene.says("a begins at 0", "a is at 1")
            began_s = time.monotonic()
            leaving.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(leaving.wait, 20) == 0
            assert time.monotonic() - began_s < 0.2 + CLEANUP_S + CLOSE_GRACE_S + MARGIN_S
            assert scene.lines[2:] == ["a is stopped at 1"]
            other = scene.worker("other")
            scene.let_go("a", 1)
            assert await client.get("a").result(20) == [leaving.pid, other.pid]
            assert scene.lines[3:] == ["a begins at 1", "a is at 2"]

    asyncio.run(play())


def test_rule_18_queue_and_progress_outlive_a_killed_worker_and_a_killed_runtime(scene: Scene) -> None:
    async def play() -> None:
        async with Client(scene.cluster.target) as client:
            await insist(lambda: client.set_queue("walks", concurrency=1))
            victim = scene.worker("victim")
            for name in ("a", "b"):
                await insist(partial(client.start, "walk", str(scene.log), name, id=name))
            scene.let_go("a", 0)
            await scene.says("a begins at 0", "a is at 1")
            await until_progress(client, "a")
            victim.kill()
            victim.wait()
            heir = scene.worker("heir")
            await scene.says("a begins at 0", "a is at 1", "a begins at 1")
            scene.cluster.kill_runtime()
            await until(lambda: len(scene.lines) >= 5, lambda: str(scene.lines))
            assert scene.lines[3:] == ["a is stopped at 1", "a begins at 1"], "and b waits still"
            scene.let_go("a", 1)
            scene.let_go("b", 0)
            scene.let_go("b", 1)
            assert await insist(lambda: client.get("a").result(20)) == [victim.pid, heir.pid]
            assert await insist(lambda: client.get("b").result(20)) == [heir.pid] * 2
            assert scene.lines[5:] == ["a is at 2", "b begins at 0", "b is at 1", "b is at 2"]

    asyncio.run(play())


async def until_progress(client: Client, process_id: str) -> None:
    async with asyncio.timeout(20):
        while not (await client.get(process_id).describe()).effects[0].progress:
            await asyncio.sleep(0.01)


async def until_served_by(client: Client, count: int) -> None:
    """Wait until so many workers take effects."""
    async with asyncio.timeout(20):
        while [queue.worker_count for queue in await client.queues()] != [count]:
            await asyncio.sleep(0.01)
