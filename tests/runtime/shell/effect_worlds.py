"""A runtime with workers, in one OS process or behind gRPC; the disk outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from runtime_client import Client, Worker
from slct_runtime._engine import wall_clock_ms
from slct_runtime.runtime import Runtime
from slct_runtime.server import serve_grpc
from slct_runtime.settings import Settings
from slct_runtime.store import MemoryStore
from slct_runtime.wire.api import QueueInfo

from .effect_programs import defs


class Disk(MemoryStore):
    """A store that outlives its runtimes."""

    def close(self) -> None:
        pass


class Cluster:
    """A runtime, a client of it, and workers that come and go."""

    def __init__(self, runtime: Runtime, target: Any, stack: AsyncExitStack) -> None:
        self.runtime = runtime
        self.client = Client(target, defs)
        self._target = target
        self._stack = stack

    async def worker(self, **options: Any) -> asyncio.Task[None]:
        """Start one more; cancelling it is its death."""
        _, serving = await self.stoppable_worker(**options)
        return serving

    async def stoppable_worker(self, **options: Any) -> tuple[Worker, asyncio.Task[None]]:
        worker = Worker(self._target, defs, **options)
        serving = asyncio.create_task(worker.run())
        self._stack.push_async_callback(die, serving)
        await asyncio.wait_for(worker.connected.wait(), 10)
        return worker, serving

    async def queue(self, name: str) -> QueueInfo | None:
        return next((queue for queue in await self.client.queues() if queue.name == name), None)

    async def until_queue(self, name: str, *, waiting: int, running: int) -> None:
        """Wait until so many effects wait there, and so many run."""
        async with asyncio.timeout(20):
            while True:
                queue = await self.queue(name)
                if queue is not None and (queue.waiting_count, queue.running_count) == (waiting, running):
                    return
                await asyncio.sleep(0.005)


async def die(serving: asyncio.Task[None]) -> None:
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


World = Callable[..., Any]


class Clock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@asynccontextmanager
async def embedded(disk: Disk, now_ms: Callable[[], int] = wall_clock_ms, **settings: Any) -> AsyncIterator[Cluster]:
    runtime = await Runtime.open(disk, settings=Settings(store_retry_ms=1, **settings), now_ms=now_ms)
    try:
        async with AsyncExitStack() as stack:
            yield Cluster(runtime, runtime, stack)
    finally:
        await runtime.aclose()


@asynccontextmanager
async def over_grpc(disk: Disk, now_ms: Callable[[], int] = wall_clock_ms, **settings: Any) -> AsyncIterator[Cluster]:
    runtime = await Runtime.open(disk, settings=Settings(store_retry_ms=1, **settings), now_ms=now_ms)
    server = await serve_grpc(runtime, "127.0.0.1:0")
    try:
        async with AsyncExitStack() as stack:
            cluster = Cluster(runtime, f"127.0.0.1:{server.port}", stack)
            stack.push_async_callback(cluster.client.aclose)
            yield cluster
    finally:
        await server.stop(0)
        await runtime.aclose()


in_both_worlds = pytest.mark.parametrize("world", [embedded, over_grpc], ids=["embedded", "grpc"])


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await scene()

    asyncio.run(limited())
