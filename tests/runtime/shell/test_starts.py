"""Processes that begin: their ids, and what of them shares a commit."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from runtime_client import Client, LimitExceeded, Worker
from slct_runtime import _committer
from slct_runtime._committer import STARTS_HELD_MIN
from slct_runtime._ids import IDS
from slct_runtime.runtime import Runtime
from slct_runtime.settings import Settings
from slct_runtime.store import MemoryStore
from slct_runtime.store.base import Conflict, ProcessCommit

from .shell_programs import defs

PATIENCE_S = 20
FOR_EVER_S = 3600.0
MANY = 2 * STARTS_HELD_MIN


class Disk(MemoryStore):
    """Counts rows that were written, by the seq that they had."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Counter[int] = Counter()

    def commit(self, batch: Sequence[ProcessCommit]) -> list[Conflict]:
        self.rows.update(commit.row.seq for commit in batch if commit.row is not None)
        return super().commit(batch)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Disk, Runtime, Client]]:
    """A runtime without a worker."""
    disk = Disk()
    runtime = await Runtime.open(disk)
    await runtime.deploy(defs.records("1"))
    try:
        yield disk, runtime, Client(runtime, defs)
    finally:
        await runtime.aclose()


def starting(client: Client, count: int) -> list[asyncio.Task[object]]:
    return [asyncio.create_task(client.start("sum", 10)) for _ in range(count)]


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await scene()

    asyncio.run(run())


def test_many_that_begin_at_once_are_stored_with_their_first_transition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_committer, "START_HELD_S", FOR_EVER_S)

    async def scene() -> None:
        async with opened() as (disk, runtime, client):
            starts = starting(client, MANY)
            for _ in range(50):
                await asyncio.sleep(0)
            assert not disk.rows
            worker = Worker(runtime, defs)
            serving = asyncio.create_task(worker.run())
            await asyncio.gather(*starts)
            assert disk.rows == {1: MANY}
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    play(scene)


def test_few_do_not_wait_for_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_committer, "START_HELD_S", FOR_EVER_S)

    async def scene() -> None:
        async with opened() as (disk, _, client):
            await asyncio.gather(*starting(client, STARTS_HELD_MIN - 1))
            assert disk.rows == {0: STARTS_HELD_MIN - 1}

    play(scene)


def test_many_do_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_committer, "START_HELD_S", 0.001)

    async def scene() -> None:
        async with opened() as (disk, _, client):
            await asyncio.gather(*starting(client, MANY))
            assert disk.rows == {0: MANY}
            await asyncio.gather(*starting(client, 1))

    play(scene)


def test_what_is_held_back_is_stored_when_the_runtime_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_committer, "START_HELD_S", 0.05)

    async def scene() -> None:
        async with opened() as (disk, _, client):
            starts = starting(client, MANY)
            await asyncio.sleep(0)
        assert disk.rows == {0: MANY}
        await asyncio.gather(*starts)

    play(scene)


def test_who_starts_more_than_workers_take_is_slowed_down_and_refused_in_the_end() -> None:
    async def scene() -> None:
        disk = Disk()
        runtime = await Runtime.open(disk, settings=Settings(unbegun_processes_max=5, start_wait_ms_max=1))
        await runtime.deploy(defs.records("1"))
        client = Client(runtime, defs)
        await asyncio.gather(*(client.start("sum", 10, id=f"p{number}") for number in range(5)))
        for name in (None, "p5"):
            with pytest.raises(LimitExceeded, match="5 processes were started and have not begun") as refused:
                await client.start("sum", 10, id=name)
            assert "unbegun_processes_max" in str(refused.value)
        assert (await client.start("sum", 10, id="p4")).id == "p4", "it is there already"
        await runtime.aclose()
        assert sum(disk.rows.values()) == 5

    play(scene)


def test_starts_that_wait_go_on_as_others_begin() -> None:
    async def scene() -> None:
        disk = Disk()
        settings = Settings(unbegun_processes_max=5, start_wait_ms_max=60_000)
        runtime = await Runtime.open(disk, settings=settings)
        await runtime.deploy(defs.records("1"))
        starts = starting(Client(runtime, defs), 100)
        while len(runtime._engine.unbegun) < 5:
            await asyncio.sleep(0)
        starts[50].cancel()
        starts[99].cancel()
        for _ in range(20):
            await asyncio.sleep(0)
            assert len(runtime._engine.residents) == 5
        worker = Worker(runtime, defs)
        serving = asyncio.create_task(worker.run())
        outcomes = await asyncio.gather(*starts, return_exceptions=True)
        assert [n for n, each in enumerate(outcomes) if isinstance(each, BaseException)] == [50, 99]
        while runtime._engine.unbegun:
            await asyncio.sleep(0)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await runtime.aclose()
        assert len(runtime._engine.residents) == 98

    play(scene)


def test_ids_differ_and_come_in_order_of_time() -> None:
    made = [IDS.new("order", now_ms) for now_ms in (0, 1, 31, 32, 1_800_000_000_000, 2**45 - 1) for _ in range(2_000)]
    assert len(set(made)) == len(made)
    times = [each[: len("order-") + 9] for each in made]
    assert times == sorted(times)
    assert {len(each) for each in made} == {len("order-") + 19}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_makes_other_ids() -> None:
    reading, writing = os.pipe()
    IDS.new("order", 1)
    child = os.fork()
    if not child:
        os.write(writing, IDS.new("order", 1).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100).decode() != IDS.new("order", 1)
    os.close(reading)
    os.close(writing)
