"""A second worker goes on where the first one stopped: at once when its connection breaks, soon when it falls silent.

Runtime and workers are OS processes; the load is the chaos script's chain of effects, whose log shows when it moves.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.__main__ import PROGRAMS, Cluster, free_port
from runtime_client import Client

TAKEOVER_S_MAX = 2.0
"""What docs/architecture.md promises."""
CHAIN_LENGTH = 100_000
"""Longer than any of these tests lasts."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    build = [sys.executable, "-m", "slct_compile", str(PROGRAMS), "--no-lock", "-o", str(tmp_path / "build")]
    subprocess.run(build, check=True, capture_output=True)
    made = Cluster(tmp_path, free_port(), worker_count=1)
    made.start()
    yield made
    for worker in made.workers:
        worker.send_signal(signal.SIGCONT)
    made.stop()


class Log:
    """The file in which every effect leaves a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    async def grows(self, within_s: float) -> float:
        """Wait for a new line; returns how long it took, in seconds."""
        size, began = os.path.getsize(self.path), time.monotonic()
        while os.path.getsize(self.path) == size:
            assert time.monotonic() - began < within_s, self.path.parent.joinpath("worker1.log").read_text()
            await asyncio.sleep(0.01)
        return time.monotonic() - began


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "silent"])
def test_a_second_worker_takes_over(cluster: Cluster, tmp_path: Path, death: signal.Signals) -> None:
    async def scene() -> float:
        log = Log(tmp_path / "effects.log")
        async with Client(cluster.target) as client:
            await _insist(client, str(log.path))
            await log.grows(20)
            cluster.workers.append(cluster.spawn_worker(1))
            await _registered(tmp_path / "worker1.log")
            cluster.workers[0].send_signal(death)
            return await log.grows(10)

    assert asyncio.run(scene()) < TAKEOVER_S_MAX


async def _insist(client: Client, log: str) -> None:
    """Start the chain as soon as the worker has registered its definition."""
    async with asyncio.timeout(20):
        while True:
            try:
                await client.start("chain", log, CHAIN_LENGTH, id="chain")
                return
            except Exception:
                await asyncio.sleep(0.05)


async def _registered(log: Path) -> None:
    async with asyncio.timeout(20):
        while b"serves" not in log.read_bytes():
            await asyncio.sleep(0.05)
