"""A new process begins where another one was: with what that had then, by itself, and without touching it (`slct fork`)."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime_client import AlreadyExists, CannotFork, Client, Definitions, InvalidValue, NoHistory, NotFound, Worker
from runtime_client._cli_output import description_text
from runtime_client._errors import ClientError
from slct_runtime.runtime import Runtime
from slct_runtime.server import serve_grpc
from slct_runtime.settings import Settings
from slct_runtime.store import MemoryStore, SqliteStore
from slct_runtime.store.base import Conflict, ProcessCommit, Store, StoreUnavailable
from slct_runtime.wire.api import HistoryEntry

from .move_builds import build
from .test_moves import stop, until_parked

ORDER = """
import asyncio

from runtime_client import EffectUnknown, ProcessCancelled, current_effect, emit, start


def charged(amount: int) -> str:
    return f"{amount} {current_effect().idempotency_key}"


async def stuck() -> None:
    await asyncio.Event().wait()


class Order(Process):
    payments = Channel[int](capacity=2)
    control = Channel[str]()
    divisor: int = 0

    async def main(self, what: str, count: int = 0) -> object:
        match what:
            case "charge":
                return await self.charge(count)
            case "wait":
                return await self.wait()
            case "child":
                return await self.child()
            case "once":
                return await self.once()
            case _:
                amount = await recv(self.payments)
                return amount // self.divisor

    async def charge(self, count: int) -> list[str]:
        done: list[str] = []
        while len(done) < count:
            amount = await recv(self.payments)
            done.append(await call(charged, amount))
        return done

    async def wait(self) -> str:
        self.labels["since"] = "today"
        await sleep(timedelta(days=2))
        return "slept"

    async def child(self) -> object:
        child = start(Order, "charge", 1, id=f"{self.id}.child").attached()
        word = await recv(self.control)
        try:
            return [word, await child.result()]
        except ProcessCancelled:
            return [word, "cancelled"]

    async def once(self) -> str:
        try:
            await call(stuck, at_most_once=True)
        except EffectUnknown:
            return "nobody knows"
        return "done"
"""

LATER = ORDER.replace("return done", 'return [*done, "later"]')


class Disk:
    """A memory store that outlives its runtimes; after commit `dies_at` nothing is stored any more."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.commits = 0
        self.dies_at: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, batch: Sequence[ProcessCommit]) -> list[Conflict]:
        if self.dies_at is not None and self.commits >= self.dies_at:
            raise StoreUnavailable("disk", "the machine is gone")
        self.commits += 1
        return self.store.commit(batch)

    def close(self) -> None:
        """The store lives on."""


@asynccontextmanager
async def serving(
    definitions: Definitions, store: Store, *, history: int = 500, is_far: bool = False, version: str | None = "1"
) -> AsyncIterator[Client]:
    """A client of a runtime over the store, with a worker unless `version` is None; `is_far`: over gRPC."""
    runtime = await Runtime.open(store, settings=Settings(history_transitions_max=history, store_retry_ms=1))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runtime.aclose)
        if version is not None:
            worker = Worker(runtime, definitions, version=version)
            stack.push_async_callback(stop, asyncio.create_task(worker.run()))
            await worker.connected.wait()
        if not is_far:
            yield Client(runtime, definitions)
            return
        server = await serve_grpc(runtime, "127.0.0.1:0")
        stack.push_async_callback(server.stop, 0)
        yield await stack.enter_async_context(Client(f"127.0.0.1:{server.port}", definitions))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forks")


@pytest.fixture(scope="module")
def order(folder: Path) -> Definitions:
    return build(folder / "first", ORDER)


@pytest.fixture(scope="module")
def later(folder: Path, order: Definitions) -> Definitions:
    return build(folder / "later", LATER, folder / "first")


async def told(client: Client, process_id: str) -> list[HistoryEntry]:
    return [entry async for entry in client.get(process_id).history()]


async def fork(client: Client, process_id: str, at: int, as_id: str | None = None) -> Any:
    return await client.fork(process_id, at, id=as_id, who="ada", why="to see")


async def charged_order(client: Client, *amounts: int) -> list[HistoryEntry]:
    """An order `o` that has charged them, and what it has done."""
    ref = await client.start("order", "charge", len(amounts), id="o")
    await until_parked(client, "o", "payments")
    await asyncio.gather(*(ref.send("payments", amount) for amount in amounts))
    assert await ref.result(20) == [f"{amount} o:{n}" for n, amount in enumerate(amounts, 1)]
    return await told(client, "o")


def results_from(entries: list[HistoryEntry], seq: int, forked: str, *amounts: int) -> list[str]:
    """What a fork ends with: effects that had their outcome then are the other process's, all others are its own."""
    done = sum(1 for entry in entries if entry.seq <= seq and entry.woken_by == "call(charged)")
    return [f"{amount} {'o' if n <= done else forked}:{n}" for n, amount in enumerate(amounts, 1)]


# --- every state of a run ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_far", [False, True], ids=["in this process", "over gRPC"])
def test_a_fork_at_each_transition_ends_as_the_process_did(order: Definitions, tmp_path: Path, is_far: bool) -> None:
    """With the messages that waited then, and effects under way anew under keys of its own; also in the next runtime, of an ended process."""
    amounts = (10, 20, 30, 40, 50)

    async def begin() -> list[HistoryEntry]:
        async with serving(order, SqliteStore(tmp_path / "slct.db"), is_far=is_far) as client:
            entries = await charged_order(client, *amounts)
            await check(client, entries, "a")
            return entries

    async def go_on(entries: list[HistoryEntry]) -> None:
        async with serving(order, SqliteStore(tmp_path / "slct.db"), is_far=is_far) as client:
            await check(client, entries, "b")
            assert await told(client, "o") == entries

    async def check(client: Client, entries: list[HistoryEntry], prefix: str) -> None:
        assert [entry.seq for entry in entries] == list(range(len(entries)))
        for seq in range(len(entries) - 1):
            ref = await fork(client, "o", seq, f"{prefix}{seq}")
            assert (await ref.describe()).forked_from == ("o", seq)
            if seq <= 1:  # nothing had been sent
                assert (await ref.describe()).channels[0].length == 0
                for amount in amounts:
                    await ref.send("payments", amount)
            assert await ref.result(20) == results_from(entries, seq, ref.id, *amounts)
        with pytest.raises(CannotFork, match="it had ended"):
            await fork(client, "o", entries[-1].seq)

    asyncio.run(go_on(asyncio.run(begin())))


@pytest.mark.parametrize("seed", range(3))
def test_forks_of_a_process_that_lived_in_many_runtimes(order: Definitions, tmp_path: Path, seed: int) -> None:
    """Runtimes end at random moments: what was used is noted in the next one, and every state is whole."""
    chance = random.Random(seed)
    amounts = chance.sample(range(100), 6)

    async def live_on(until_end: bool) -> None:
        async with serving(order, SqliteStore(tmp_path / "slct.db")) as client:
            ref = await client.start("order", "charge", len(amounts), id="o")
            for amount in amounts if until_end else amounts[: chance.randrange(len(amounts))]:
                await ref.send("payments", amount, key=f"{amount}")
            if until_end:
                await ref.result(20)
            for _ in range(chance.randrange(60)):
                await asyncio.sleep(0)

    async def check() -> None:
        async with serving(order, SqliteStore(tmp_path / "slct.db")) as client:
            entries = await told(client, "o")
            for entry in entries[:-1]:
                ref = await fork(client, "o", entry.seq)
                done = await sent_the_rest(client, ref.id, received(entries, entry.seq))
                assert [text.split()[0] for text in done] == [str(amount) for amount in amounts]
                assert [text.split()[1] for text in done] == [
                    text.split()[1] for text in results_from(entries, entry.seq, ref.id, *amounts)
                ]

    async def sent_the_rest(client: Client, process_id: str, before: int) -> list[str]:
        """What it ends with, when it is sent what it neither had received nor had waiting."""
        ref = client.get(process_id)
        while (count := before + received(await told(client, process_id))) < len(amounts):
            shown = await ref.describe()
            if not shown.unreceived_count and any("payments" in w for g in shown.goroutines for w in g.waits_for):
                await ref.send("payments", amounts[count], wait=True)
            await asyncio.sleep(0)
        result: list[str] = await ref.result(20)
        return result

    def received(entries: list[HistoryEntry], until: float = math.inf) -> int:
        return sum(1 for entry in entries if entry.seq <= until and entry.woken_by == "recv(payments)")

    for _ in range(8):
        asyncio.run(live_on(until_end=False))
    asyncio.run(live_on(until_end=True))
    asyncio.run(check())


def test_a_fork_of_a_fork(order: Definitions) -> None:
    async def scene() -> None:
        async with serving(order, MemoryStore()) as client:
            entries = await charged_order(client, 1, 2, 3)
            seq = next(entry.seq for entry in entries if entry.asks == ("call(charged)",)) + 2
            one = await fork(client, "o", seq, "one")
            assert await one.result(20) == results_from(entries, seq, "one", 1, 2, 3)
            two = await fork(client, "one", seq, "two")
            assert await two.result(20) == results_from(entries, seq, "two", 1, 2, 3)
            assert (await two.describe()).forked_from == ("one", seq)

    asyncio.run(scene())


@pytest.mark.parametrize("dies_at", range(1, 24))
def test_a_crash_at_any_commit_leaves_all_of_a_fork_or_nothing(order: Definitions, dies_at: int) -> None:
    async def scene() -> None:
        disk = Disk()
        disk.dies_at = dies_at
        doing: asyncio.Task[Any] | None = None
        async with serving(order, disk) as client:
            doing = asyncio.create_task(all_of_it(client))
            async with asyncio.timeout(20):
                while disk.commits < dies_at and not doing.done():
                    await asyncio.sleep(0)
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
        disk.dies_at = None
        async with serving(order, disk) as client:
            await all_of_it(client)

    async def all_of_it(client: Client) -> None:
        ref = await client.start("order", "charge", 3, id="o")
        for amount in (1, 2, 3):
            await ref.send("payments", amount, key=str(amount))
        assert await ref.result(20) == ["1 o:1", "2 o:2", "3 o:3"]
        entries = await told(client, "o")
        third = [entry.seq for entry in entries if entry.asks == ("call(charged)",)][2]  # nothing has to be sent to it
        forked = await fork(client, "o", third, "f")
        assert await forked.result(20) == results_from(entries, third, "f", 1, 2, 3)

    asyncio.run(scene())


# --- what goes along, and what does not -------------------------------------------------------------------------------


def test_deadlines_and_labels_are_those_of_then(order: Definitions) -> None:
    async def scene() -> None:
        async with serving(order, MemoryStore()) as client:
            await client.start("order", "wait", id="o", labels={"country": "se"})
            await until_parked(client, "o", "after")
            first, second = await fork(client, "o", 0), await fork(client, "o", 1)
            await until_parked(client, first.id, "after")
            infos = [(await client.get(name).describe()).info for name in ("o", first.id, second.id)]
            assert [info.labels for info in infos] == [{"country": "se", "since": "today"}] * 3
            assert infos[2].due_ms == infos[0].due_ms
            assert infos[1].due_ms is not None and infos[0].due_ms is not None and infos[1].due_ms > infos[0].due_ms

    asyncio.run(scene())


def test_a_deadline_that_has_passed_fires_at_once(order: Definitions) -> None:
    async def scene() -> None:
        clock = [1_000_000]
        settings = Settings(history_transitions_max=9)
        runtime = await Runtime.open(MemoryStore(), settings=settings, now_ms=lambda: clock[0])
        worker = Worker(runtime, order)
        running = asyncio.create_task(worker.run())
        await worker.connected.wait()
        client = Client(runtime, order)
        await client.start("order", "wait", id="o")
        await until_parked(client, "o", "after")
        clock[0] += timedelta(days=3) // timedelta(milliseconds=1)
        assert await (await fork(client, "o", 1)).result(20) == "slept"
        await stop(running)
        await runtime.aclose()

    asyncio.run(scene())


def test_other_processes_are_waited_for_and_stay_whose_they_were(order: Definitions) -> None:
    """A child is not started again; it is attached to the process that started it, and to no fork of that."""

    async def scene() -> None:
        async with serving(order, MemoryStore()) as client:
            ref = await client.start("order", "child", id="o")
            await until_parked(client, "o", "control")
            first, second = await fork(client, "o", 1, "f"), await fork(client, "o", 1, "g")
            await second.cancel()
            await until_ended(client, "g")
            await first.send("control", "f")
            await ref.send("control", "o")
            await until_parked(client, "f", "result(o.child)")
            await until_parked(client, "o", "result(o.child)")
            waiting = next(e.seq for e in await told(client, "f") if e.asks == ("result(o.child)",))
            third = await fork(client, "f", waiting, "h")
            assert (await client.get("o.child").describe()).status == "running"
            await client.get("o.child").send("payments", 5)
            child = ["5 o.child:1"]
            assert [await one.result(20) for one in (ref, first, third)] == [["o", child], ["f", child], ["f", child]]
            assert await (await fork(client, "f", waiting, "i")).result(20) == ["f", child]  # it has ended meanwhile
            assert [info.process_id async for info in client.list()] == ["f", "g", "h", "i", "o", "o.child"]

    asyncio.run(scene())


def test_what_is_done_at_most_once_is_not_done_again(order: Definitions) -> None:
    """Rule 19: it may have been done for the other process."""

    async def scene(disk: Disk) -> None:
        async with serving(order, disk) as client:
            await client.start("order", "once", id="o")
            await until_parked(client, "o", "call(stuck)")
            assert await (await fork(client, "o", 1)).result(20) == "nobody knows"
            assert (await client.get("o").describe()).status == "running"

    asyncio.run(scene(Disk()))


def test_a_faulted_process_is_tried_again_from_before(order: Definitions) -> None:
    async def scene() -> None:
        async with serving(order, MemoryStore()) as client:
            ref = await client.start("order", "divide", id="o")
            await until_parked(client, "o", "payments")
            await ref.send("payments", 12)
            await until(client, "o", "faulted")
            faulted = (await told(client, "o"))[-1]
            assert faulted.event == "faulted"
            before, after = await fork(client, "o", faulted.seq - 1), await fork(client, "o", faulted.seq)
            await until(client, after.id, "faulted")  # with the message that it had received
            await before.edit({"divisor": 3}, who="ada", why="it was never set")
            await before.send("payments", 12)
            await after.edit({"divisor": 4}, who="ada", why="it was never set")
            await after.retry()
            assert [await one.result(20) for one in (before, after)] == [4, 3]
            assert (await ref.describe()).status == "faulted"

    asyncio.run(scene())


def test_it_moves_to_a_later_version_that_takes_it_over(order: Definitions, later: Definitions) -> None:
    async def scene() -> None:
        disk = Disk()
        async with serving(order, disk) as client:
            entries = await charged_order(client, 1, 2)
        second = [entry.seq for entry in entries if entry.asks == ("call(charged)",)][1]
        async with serving(later, disk, version="2") as client:
            forked = await fork(client, "o", 1, "f")
            for amount in (1, 2):
                await forked.send("payments", amount)
            assert await forked.result(20) == ["1 f:1", "2 f:2", "later"]
            assert (await forked.describe()).info.version == "2"
            with pytest.raises(
                CannotFork, match="no worker runs version '1' of 'order', which has an effect under way"
            ):
                await fork(client, "o", second)

    asyncio.run(scene())


def test_a_fork_before_and_after_a_move_that_was_told(order: Definitions, later: Definitions) -> None:
    """A move is a commit of its own: what waits in channels is there on both sides of it."""

    async def scene() -> None:
        async with serving(order, MemoryStore()) as client:
            ref = await client.start("order", "wait", id="o")
            await until_parked(client, "o", "after")
            await client.deploy(later, "2", policy="manual")
            for amount in (1, 2, 3):
                await ref.send("payments", amount)
            await ref.edit({"divisor": 1}, who="ada", why="for a state with messages")
            await ref.move("2")
            assert [entry.event for entry in await told(client, "o")] == ["started", "transition", "edited", "moved"]
            for seq, count in ((1, 0), (2, 3), (3, 3)):
                shown = await (await fork(client, "o", seq)).describe()
                assert (shown.info.version, shown.unreceived_count) == ("1", count)

    asyncio.run(scene())


# --- who, why, and whence ---------------------------------------------------------------------------------------------


def test_the_new_process_says_whence_it_comes_and_its_history_who_and_why(order: Definitions) -> None:
    async def scene() -> None:
        disk = Disk()
        async with serving(order, disk) as client:
            await client.start("order", "wait", id="o")
            await until_parked(client, "o", "after")
            before = await client.get("o").describe()
            assert (await fork(client, "o", 1, "f")).id == "f"
            assert await client.get("o").describe() == before
        async with serving(order, disk) as client:
            shown = await client.get("f").describe()
            assert shown.forked_from == ("o", 1)
            assert "  forked from o at 1\n" in description_text(shown)
            (first, *rest) = await told(client, "f")
            assert (first.seq, first.event, first.value, rest) == (1, "forked", "from o at 1; by ada: to see", [])
            assert (await fork(client, "o", 1, "f")).id == "f"  # the same again is the same process
            assert (await fork(client, "o", 1)).id.startswith("order-")

    asyncio.run(scene())


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_far", [False, True], ids=["in this process", "over gRPC"])
def test_what_cannot_be_is_refused_and_says_why(order: Definitions, is_far: bool) -> None:
    async def scene() -> None:
        disk = Disk()
        async with serving(order, disk, is_far=is_far) as client:
            await charged_order(client, 1)
            await client.start("order", "wait", id="w")
            await until_parked(client, "w", "after")
            await refused(client, "w", 7, CannotFork, "process 'w' cannot be forked at 7: it has come to 1")
            await refused(client, "nobody", 1, NotFound, "no process 'nobody'")
            await refused(client, "w", 1, AlreadyExists, "process 'o' exists, as 'order'", "o")
            await refused(client, "w", 1, AlreadyExists, "process 'w' exists", "w")
            await refused(client, "w", 1, InvalidValue, "is not a printable text", "a\nb")
            await fork(client, "w", 0, "f")
            await refused(client, "w", 1, AlreadyExists, "process 'f' exists", "f")
            with pytest.raises(InvalidValue, match="who forks a process, and why"):
                await client.fork("w", 1, who="ada", why="")
            with pytest.raises(CannotFork) as caught:
                await fork(client, "o", 3)
            error = caught.value
            assert (error.process_id, error.seq, error.reason) == ("o", 3, "it had ended")
        async with serving(order, disk, is_far=is_far, version=None) as client:
            await refused(client, "w", 1, CannotFork, "no worker runs version '1' of 'order'")
        async with serving(order, disk, is_far=is_far, history=0) as client:
            await refused(client, "w", 1, NoHistory, "keeps no history")
        async with serving(order, disk, is_far=is_far) as client:  # what was used meanwhile nobody knows
            await refused(client, "w", 1, CannotFork, "is not kept: no history was kept at some time since")

    async def refused(
        client: Client, of: str, at: int, kind: type[ClientError], said: str, as_id: str | None = None
    ) -> None:
        before = [info async for info in client.list()]
        with pytest.raises(kind, match=said):
            await fork(client, of, at, as_id)
        assert [info async for info in client.list()] == before

    asyncio.run(scene())


def test_what_is_not_kept_any_more_is_refused(order: Definitions) -> None:
    async def scene() -> None:
        async with serving(order, MemoryStore(), history=10) as client:
            ref = await client.start("order", "charge", 60, id="o")
            for _ in range(59):
                await ref.send("payments", 1, wait=True)
            await until_parked(client, "o", "payments")
            first = (await told(client, "o"))[0].seq
            assert first > 0
            with pytest.raises(CannotFork, match=f"not kept any more, its history begins at {first}"):
                await fork(client, "o", first - 1)
            forked = await fork(client, "o", first)
            await until_parked(client, forked.id, "payments")

    asyncio.run(scene())


async def until(client: Client, process_id: str, status: str) -> None:
    async with asyncio.timeout(20):
        while (await client.get(process_id).describe()).status != status:
            await asyncio.sleep(0.01)


async def until_ended(client: Client, process_id: str) -> None:
    await until(client, process_id, "cancelled")
