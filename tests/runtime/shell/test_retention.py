"""Processes that ended long ago are deleted (rule 15): those, all of those, and nothing of the others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runtime_client import Client, NotFound, Worker, cli
from slct_runtime.runtime import Runtime
from slct_runtime.settings import Settings
from slct_runtime.store import SqliteStore

from .shell_programs import defs
from .test_runtime import Disk

RETENTION_MS = 1_000
PATIENCE_S = 20


class Swept(Disk):
    """Says when something was deleted, and how often it was looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted = threading.Semaphore(0)
        self.looked = threading.Semaphore(0)

    def vacuum(self, before_ms: int, keys_before_ms: int | None = None, count_max: int | None = None) -> int:
        count = self.store.vacuum(before_ms, keys_before_ms, count_max)
        for _ in range(count):
            self.deleted.release()
        self.looked.release()
        return count


class Clock:
    def __init__(self) -> None:
        self.ms = round(time.time() * 1000)

    def now_ms(self) -> int:
        return self.ms


@asynccontextmanager
async def running(disk: Disk, clock: Clock, retention_ms: int | None = RETENTION_MS) -> AsyncIterator[Client]:
    settings = Settings(ended_retention_ms=retention_ms, vacuum_period_ms=1)
    runtime = await Runtime.open(disk, settings=settings, now_ms=clock.now_ms)
    worker = Worker(runtime, defs)
    serving = asyncio.create_task(worker.run())
    await worker.connected.wait()
    try:
        yield Client(runtime, defs)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await runtime.aclose()


async def taken(semaphore: threading.Semaphore, count: int) -> bool:
    return all([await asyncio.to_thread(semaphore.acquire, timeout=PATIENCE_S) for _ in range(count)])


async def end(client: Client, name: str) -> None:
    ref = await client.start("chain", 1, id=name)
    await ref.result(PATIENCE_S)


def test_the_runtime_deletes_what_ended_long_ago() -> None:
    async def scene() -> None:
        disk, clock = Swept(), Clock()
        async with running(disk, clock) as client:
            await client.start("sum", 1, id="lives")
            for name in ("old", "older"):
                await end(client, name)
            clock.ms += RETENTION_MS
            assert await taken(disk.looked, 3)  # as old as may be, not older
            assert not disk.deleted.acquire(blocking=False)
            await end(client, "young")
            clock.ms += 1
            assert await taken(disk.deleted, 2)
            for name in ("old", "older"):
                with pytest.raises(NotFound):
                    await client.get(name).result(PATIENCE_S)
            await client.get("young").result(PATIENCE_S)
            assert (await client.get("lives").describe()).status == "running"
            await end(client, "old")  # the id may be used anew

    asyncio.run(scene())


def test_many_are_deleted_a_few_at_a_time() -> None:
    async def scene() -> None:
        disk, clock = Swept(), Clock()
        async with running(disk, clock, None) as client:
            await asyncio.gather(*(end(client, f"p{number}") for number in range(450)))
        clock.ms += RETENTION_MS + 1
        async with running(disk, clock) as client:
            assert await taken(disk.deleted, 450)
            assert await taken(disk.looked, 3)
            assert [each async for each in client.list()] == []

    asyncio.run(scene())


def test_nothing_is_deleted_unless_asked_for() -> None:
    async def scene() -> None:
        disk, clock = Swept(), Clock()
        async with running(disk, clock, None) as client:
            await end(client, "p")
            clock.ms += 10**12
            await client.get("p").result(PATIENCE_S)
        assert not disk.looked.acquire(blocking=False)

    asyncio.run(scene())


def test_slct_vacuum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "slct.db"

    async def ended_and_living() -> None:
        async with Client.embedded(str(path), defs) as client:
            await end(client, "ended")
            await client.start("sum", 1, id="lives")

    asyncio.run(ended_and_living())
    url = f"sqlite:///{path}"
    assert cli.main(["vacuum", "--store", url, "--older-than", "1"]) == 0
    assert capsys.readouterr().out == "deleted 0 ended processes\n"
    while round(time.time() * 1000) <= _ended_ms(path):  # older than nothing: at least a millisecond
        pass
    assert cli.main(["vacuum", "--store", url, "--older-than", "0"]) == 0
    assert capsys.readouterr().out == "deleted 1 ended processes\n"
    store = SqliteStore(path)
    assert [found.row.process_id for found in store.load(["ended", "lives"])] == ["lives"]
    store.close()


def _ended_ms(path: Path) -> int:
    store = SqliteStore(path)
    (found,) = store.load(["ended"])
    store.close()
    return found.row.updated_ms


def test_slct_vacuum_makes_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "missing.db"
    assert cli.main(["vacuum", "--store", f"sqlite:///{path}", "--older-than", "1"]) == 1
    assert capsys.readouterr().err.startswith(f"error: there is no store '{path}'\nhint: ")
    assert not path.exists()


def test_days_are_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["vacuum", "--older-than", "soon"])
    assert "'soon' is not a number of days" in capsys.readouterr().err
