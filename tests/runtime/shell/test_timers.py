"""Rule 13, the shell's part: nothing rings early, and whatever is due rings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from runtime_client import Client, Worker
from slct_runtime import _engine
from slct_runtime._engine import wall_clock_ms
from slct_runtime._timers import Timers
from slct_runtime.runtime import Runtime
from slct_runtime.settings import Settings
from slct_runtime.store import MemoryStore
from slct_runtime.store.base import LoadedProcess, ProcessFilter

from .shell_programs import defs


def test_deadlines_ring_in_order_and_never_early() -> None:
    async def scene() -> None:
        rung: list[tuple[str, int]] = []
        everything = asyncio.Event()

        def fire(process_ids: list[str]) -> None:
            rung.extend((process_id, wall_clock_ms()) for process_id in process_ids)
            if len(rung) == len(due):
                everything.set()

        timers = Timers(wall_clock_ms, fire)
        start = wall_clock_ms()
        due = {"late": start + 60, "soon": start + 20, "past": start - 5}
        for name, due_ms in due.items():
            timers.add(due_ms, name)
        await asyncio.wait_for(everything.wait(), 5)
        assert [name for name, _ in rung] == ["past", "soon", "late"]
        assert all(at >= due[name] for name, at in rung)
        timers.stop()

    asyncio.run(scene())


def test_an_earlier_deadline_of_a_process_replaces_the_later_one() -> None:
    async def scene() -> None:
        now = [1000]
        rung: list[str] = []
        timers = Timers(lambda: now[0], rung.extend)
        timers.add(5000, "a")
        timers.add(3000, "a")
        now[0] = 10_000
        timers._ring()
        assert rung == ["a"]
        timers.stop()

    asyncio.run(scene())


class Disk(MemoryStore):
    """Outlives its runtimes, and notes how many processes are loaded at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[int] = []

    def load(self, process_ids: Sequence[str]) -> list[LoadedProcess]:
        self.loads.append(len(process_ids))
        return super().load(process_ids)

    def close(self) -> None:
        pass

    def count(self, status: str) -> int:
        return len(self.query(ProcessFilter(status=status), "", 1_000))


@pytest.mark.parametrize("has_worker", [True, False])
def test_many_that_are_due_at_once_and_not_in_memory_are_loaded_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch, has_worker: bool
) -> None:
    monkeypatch.setattr(_engine, "DUE_AT_A_TIME", 5)
    monkeypatch.setattr(_engine, "DUE_HELD_S", 60.0 if has_worker else 0.001)
    disk, held = Disk(), list[int]()

    async def scene() -> None:
        async with running(disk) as (client, _):
            await asyncio.gather(*(client.start("nap", 0.2) for _ in range(43)))
            while len(disk.due(wall_clock_ms() + 60_000, 100)) < 43:
                await asyncio.sleep(0)
        disk.loads.clear()
        async with running(disk, has_worker) as (_, runtime):
            residents = runtime._engine.residents
            while disk.count("completed") < 43 if has_worker else len(residents) < 43:
                held.append(len(residents))
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(scene(), 20))
    assert sum(disk.loads) == 43
    assert max(disk.loads) <= 5
    assert max(held) <= 3 * 5 or not has_worker


@asynccontextmanager
async def running(disk: Disk, has_worker: bool = True) -> AsyncIterator[tuple[Client, Runtime]]:
    runtime = await Runtime.open(disk, settings=Settings(resident_count_max=5))
    worker = Worker(runtime, defs)
    serving = asyncio.create_task(worker.run() if has_worker else asyncio.sleep(3600))
    try:
        if has_worker:
            await worker.connected.wait()
        yield Client(runtime, defs), runtime
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await runtime.aclose()
