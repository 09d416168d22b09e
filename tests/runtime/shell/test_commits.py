"""When commits are made, and where: each on which nothing else waits as soon as it can be, and none that the next one makes superfluous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from runtime_client import Client, Definitions, Unavailable
from runtime_client._transition import LiveProcess, run_transition
from slct_runtime.runtime import Runtime
from slct_runtime.settings import Settings
from slct_runtime.store import MemoryStore
from slct_runtime.store.base import Conflict, ProcessCommit
from slct_runtime.wire.api import WorkerSession
from slct_runtime.wire.work import Register, RunTransition

from .move_builds import build

PROGRAM = """
class Order(Process):
    numbers = Channel[int]()
    total: int = 0

    async def main(self) -> int:
        while self.total < 100:
            number = await recv(self.numbers)
            self.total += number
        return self.total
"""


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    return build(tmp_path_factory.mktemp("commits"), PROGRAM)


class Disk(MemoryStore):
    """Takes as long as it is told by a clock that it moves; notes who made each commit, and of what."""

    def __init__(self) -> None:
        super().__init__()
        self.took_s = 0.0
        self.offset_s = 0.0
        self.by_loop: list[bool] = []
        self.commits: list[ProcessCommit] = []

    def commit(self, batch: Sequence[ProcessCommit]) -> list[Conflict]:
        self.offset_s += self.took_s
        self.by_loop.append(threading.current_thread() is threading.main_thread())
        self.commits += batch
        return super().commit(batch)

    def close(self) -> None:
        pass


class HandWorker:
    """A worker far away that does nothing until it is told to."""

    def __init__(self, session: WorkerSession, defs: Definitions) -> None:
        self._session = session
        self._defs = defs
        self._held: dict[str, LiveProcess | None] = {}

    async def order(self) -> RunTransition:
        (order,) = [each for each in await self._session.take() if isinstance(each, RunTransition)]
        return order

    async def carry_out(self, order: RunTransition) -> None:
        held = self._held.pop(order.process_id, None) if order.document is None else None
        answer, self._held[order.process_id] = run_transition(self._defs, order, held)
        await self._session.answer([answer])

    async def die(self) -> None:
        await self._session.close()


async def worker_of(runtime: Runtime, defs: Definitions) -> HandWorker:
    return HandWorker(await runtime.serve(Register("by-hand", defs.records("1"), 10, 10, (), 0)), defs)


async def turns(count: int = 50) -> None:
    """Let everything happen that can happen without anybody's doing."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_message_whose_effect_is_waited_for_costs_one_commit(defs: Definitions) -> None:
    async def scene() -> None:
        disk = Disk()
        runtime = await Runtime.open(disk, settings=Settings())
        worker = await worker_of(runtime, defs)
        client = Client(runtime, defs)
        starting = asyncio.create_task(client.start("order", id="s"))
        await worker.carry_out(await worker.order())
        ref = await starting
        disk.commits.clear()
        sending = asyncio.create_task(ref.send("numbers", 60, wait=True))
        order = await worker.order()
        await turns()
        assert not disk.commits and not sending.done()
        await worker.carry_out(order)
        await sending
        (commit,) = disk.commits
        assert commit.row is not None and not commit.inbox_insert
        await runtime.aclose()

    asyncio.run(scene())


def test_rule_14_what_arrived_is_stored_if_the_worker_dies_and_is_not_lost(defs: Definitions) -> None:
    async def scene() -> None:
        disk = Disk()
        runtime = await Runtime.open(disk, settings=Settings())
        worker = await worker_of(runtime, defs)
        client = Client(runtime, defs)
        starting = asyncio.create_task(client.start("order", id="s"))
        await worker.carry_out(await worker.order())
        ref = await starting
        sending = asyncio.create_task(ref.send("numbers", 100, wait=True))
        await worker.order()
        await turns()
        disk.commits.clear()
        await worker.die()
        async with asyncio.timeout(10):
            while not any(commit.inbox_insert for commit in disk.commits):
                await asyncio.sleep(0.001)
        await runtime.aclose()  # nobody has run it
        with pytest.raises(Unavailable, match="the runtime is shutting down"):
            await asyncio.wait_for(sending, 10)

        runtime = await Runtime.open(disk, settings=Settings())
        worker = await worker_of(runtime, defs)
        await worker.carry_out(await worker.order())
        assert await Client(runtime, defs).get("s").result(10) == 100
        await runtime.aclose()

    asyncio.run(scene())


def test_a_message_that_is_only_to_be_kept_does_not_wait_for_a_transition(defs: Definitions) -> None:
    async def scene() -> None:
        runtime = await Runtime.open(Disk(), settings=Settings())
        worker = await worker_of(runtime, defs)
        client = Client(runtime, defs)
        starting = asyncio.create_task(client.start("order", id="s"))
        await worker.carry_out(await worker.order())
        ref = await starting
        await ref.send("numbers", 1)  # which its worker does not answer
        await asyncio.wait_for(ref.send("numbers", 2), 10)
        await runtime.aclose()

    asyncio.run(scene())


def test_what_arrived_does_not_wait_for_ever_for_a_transition(defs: Definitions) -> None:
    async def scene() -> None:
        disk = Disk()
        runtime = await Runtime.open(disk, settings=Settings())
        worker = await worker_of(runtime, defs)
        ref = await _started(Client(runtime, defs), worker)
        disk.commits.clear()
        sending = asyncio.create_task(ref.send("numbers", 60, wait=True))
        await worker.order()  # which it never answers
        await turns()
        assert not disk.commits
        async with asyncio.timeout(10):
            while not any(commit.inbox_insert for commit in disk.commits):
                await asyncio.sleep(0.01)
        assert not sending.done()
        sending.cancel()
        await runtime.aclose()

    asyncio.run(scene())


def _made_by_loop(defs: Definitions, took_s: float, **settings: Any) -> list[bool]:
    """For ten messages, each waited for: whether the event loop itself made the commit."""
    disk = Disk()

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        clock_s = loop.time
        loop.time = lambda: clock_s() * 1e-6 + disk.offset_s
        disk.took_s = took_s
        runtime = await Runtime.open(disk, settings=Settings(**settings))
        worker = await worker_of(runtime, defs)
        ref = await _started(Client(runtime, defs), worker)
        disk.by_loop.clear()
        for _ in range(10):
            sending = asyncio.create_task(ref.send("numbers", 1, wait=True))
            await worker.carry_out(await worker.order())
            await sending
        await runtime.aclose()

    asyncio.run(scene())
    return disk.by_loop


async def _started(client: Client, worker: HandWorker) -> Any:
    starting = asyncio.create_task(client.start("order", id="s"))
    await worker.carry_out(await worker.order())
    return await starting


def test_where_the_disk_is_quick_the_loop_makes_commits_on_which_everything_waits(defs: Definitions) -> None:
    assert all(_made_by_loop(defs, 0.0002))


def test_where_the_disk_is_slow_the_loop_goes_on_meanwhile(defs: Definitions) -> None:
    assert not any(_made_by_loop(defs, 0.004))


def test_the_loop_makes_none_if_that_is_switched_off(defs: Definitions) -> None:
    assert not any(_made_by_loop(defs, 0.0, commit_at_once_ms_max=-1))


def test_while_a_worker_is_at_work_a_thread_makes_the_commits(defs: Definitions) -> None:
    async def scene() -> None:
        disk = Disk()
        runtime = await Runtime.open(disk, settings=Settings())
        worker = await worker_of(runtime, defs)
        client = Client(runtime, defs)
        busy = await _started(client, worker)
        await busy.send("numbers", 1)
        await worker.order()  # and there it stays
        disk.by_loop.clear()
        await asyncio.wait_for(busy.send("numbers", 2), 10)
        assert disk.by_loop == [False]
        await runtime.aclose()

    asyncio.run(scene())
