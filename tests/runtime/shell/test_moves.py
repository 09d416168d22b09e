"""Processes that run go on under later versions when these can take them over, and only then (rules 6, 22 and 24)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from runtime_client import CannotMove, Client, Definitions, InvalidValue, NotFound, NotRunning, Unavailable, Worker
from runtime_client._cli_output import history_text
from runtime_client._transition import run_transition
from slct_runtime.runtime import Runtime
from slct_runtime.settings import Settings
from slct_runtime.store import MemoryStore, SqliteStore
from slct_runtime.store.base import Conflict, ProcessCommit
from slct_runtime.wire.work import RunTransition

from .move_builds import build
from .test_runtime import Disk

FIRST = """
class Order(Process):
    payments = Channel[int]()
    paid: int = 0

    async def main(self, total: int) -> str:
        while self.paid < total:
            amount = await recv(self.payments)
            self.paid += amount
        return f"first {self.paid}"
"""

SECOND = """
class Order(Process):
    payments = Channel[int]()
    notes = Channel[str](capacity=3)
    paid: int = 0
    log: list[str] = []

    async def main(self, total: int) -> str:
        while self.paid < total:
            amount = await recv(self.payments)
            self.paid += amount
        self.log.append(await recv(self.notes))
        return f"second {self.paid} {self.log}"
"""

NEEDS_MORE = """
class Order(Process):
    payments = Channel[int]()
    paid: int = 0

    async def main(self, total: int) -> str:
        began = "now"
        while self.paid < total:
            amount = await recv(self.payments)
            self.paid += amount
        return f"third {began}"
"""


class Versions:
    """One runtime, and the workers of as many versions as a test wants."""

    def __init__(self, runtime: Runtime, stack: AsyncExitStack) -> None:
        self.runtime = runtime
        self._stack = stack

    async def serve(self, definitions: Definitions, version: str) -> asyncio.Task[None]:
        worker = Worker(self.runtime, definitions, version=version)
        serving = asyncio.create_task(worker.run())
        self._stack.push_async_callback(stop, serving)
        await worker.connected.wait()
        return serving


async def stop(serving: asyncio.Task[None]) -> None:
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


@asynccontextmanager
async def versions(store: Any = None, **settings: int) -> AsyncIterator[Versions]:
    runtime = await Runtime.open(store or MemoryStore(), settings=Settings(**settings))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runtime.aclose)
        yield Versions(runtime, stack)


async def until_parked(client: Client, name: str, place: str) -> None:
    """Wait until the process waits there. What it awaits is told by its own events."""
    async with asyncio.timeout(20):
        while True:
            told = await client.get(name).describe()
            if any(place in wait for goroutine in told.goroutines for wait in goroutine.waits_for):
                return
            await asyncio.sleep(0)


async def version_of(client: Client, name: str) -> str:
    return (await client.get(name).describe()).info.version


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("moves")


@pytest.fixture(scope="module")
def first(folder: Path) -> Definitions:
    return build(folder / "first", FIRST)


@pytest.fixture(scope="module")
def second(folder: Path, first: Definitions) -> Definitions:
    return build(folder / "second", SECOND, folder / "first")


@pytest.fixture(scope="module")
def needs_more(folder: Path, first: Definitions) -> Definitions:
    return build(folder / "needs more", NEEDS_MORE, folder / "first")


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "slct.runtime"):
        yield caplog


def test_rule_22_a_parked_process_goes_on_under_a_later_version(first: Definitions, second: Definitions) -> None:
    """Rule 22: with its values, with the channels and fields that are new, and with no worker of its old version."""

    async def test() -> None:
        async with versions() as world:
            old = await world.serve(first, "1")
            client = Client(world.runtime, first)
            refs = [await client.start("order", 5, id=name) for name in ("a", "b")]
            await refs[0].send("payments", 1)
            for name in ("a", "b"):
                await until_parked(client, name, "payments")
            await world.serve(second, "2")
            await stop(old)
            for ref in refs:
                await ref.send("payments", 5)
                await until_parked(client, ref.id, "notes")
                await ref.send("notes", ref.id)
            assert [await ref.result() for ref in refs] == ["second 6 ['a']", "second 5 ['b']"]

    asyncio.run(test())


def test_rule_22_what_a_later_version_cannot_take_over_stays(first: Definitions, needs_more: Definitions) -> None:
    """Rule 22: it is told where it is and why, and it ends as its own version has it."""

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5)
            await until_parked(client, ref.id, "payments")
            (found,) = await client.check(needs_more, "2")
            await world.serve(needs_more, "2")
            assert (found.process_count, found.movable_count, found.held_count, found.worker_count) == (1, 0, 1, 1)
            assert not found.is_stranding
            (place,) = found.held
            assert (place.function, place.state) == ("orders:Order.main", "Main_RecvPayments")
            assert place.statement == "amount=await recv(self.payments)"
            (reason,) = place.reasons
            assert reason.text == "'began' is read after it, and is not saved in frames that wait there"
            await ref.send("payments", 5)
            assert await ref.result() == "first 5"
            assert await client.check(needs_more, "2") == []

    asyncio.run(test())


@pytest.mark.parametrize("policy", ["pin", "manual"])
def test_a_policy_keeps_processes_where_they_are(first: Definitions, second: Definitions, policy: str) -> None:
    """Rule 22: `pin`, and `manual` until somebody says so."""

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5)
            await until_parked(client, ref.id, "payments")
            await client.deploy(second, "2", policy=policy)
            await world.serve(second, "2")
            await ref.send("payments", 1)
            assert await version_of(client, ref.id) == "1"
            await ref.move("2")
            assert await version_of(client, ref.id) == "2"
            await ref.send("payments", 4)
            await ref.send("notes", "moved")
            assert await ref.result() == "second 5 ['moved']"

    asyncio.run(test())


def test_a_process_is_not_moved_where_it_cannot_go(first: Definitions, needs_more: Definitions) -> None:
    """Rule 22: nothing is changed, and the error says why."""

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5)
            await until_parked(client, ref.id, "payments")
            await client.deploy(needs_more, "2", policy="manual")
            with pytest.raises(CannotMove, match="'began' is read after it"):
                await ref.move("2")
            with pytest.raises(NotFound, match="has no version '3'"):
                await ref.move("3")
            with pytest.raises(InvalidValue, match="there is no policy 'later'"):
                await client.deploy(needs_more, "2", policy="later")
            await ref.send("payments", 5)
            assert await ref.result() == "first 5"

    asyncio.run(test())


def test_a_move_that_was_told_is_durable(first: Definitions, second: Definitions, tmp_path: Path) -> None:
    """Rule 22, `manual`: it is stored at once, with a document that the old version has written."""

    async def test() -> None:
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5, id="moved")
            await until_parked(client, ref.id, "payments")
            await client.deploy(second, "2", policy="manual")
            await ref.move("2")
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            client = Client(world.runtime, first)
            assert await version_of(client, "moved") == "2"
            await world.serve(second, "2")
            await client.get("moved").send("payments", 5)
            await client.get("moved").send("notes", "x")
            assert await client.get("moved").result() == "second 5 ['x']"

    asyncio.run(test())


def test_a_move_is_told_in_the_history(first: Definitions, second: Definitions) -> None:
    """By itself if it was told, as it is stored at once; else with the transition that stores it, and before it."""

    async def test() -> None:
        async with versions(history_transitions_max=50) as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5)
            await until_parked(client, ref.id, "payments")
            await client.deploy(second, "2", policy="manual")
            await ref.move("2")
            await world.serve(second, "3")
            await ref.send("payments", 5)
            await ref.send("notes", "x")
            assert await ref.result() == "second 5 ['x']"
            told = [entry async for entry in ref.history()]
        moves = [(e.seq, e.event, e.moved_to) for e in told if e.moved_to]
        assert moves == [(2, "moved", "2"), (3, "transition", "3")]
        assert [e.seq for e in told] == list(range(len(told)))
        by_itself, with_transition = (history_text(e).split("\n") for e in told if e.moved_to)
        assert [line.partition("  moved")[2] for line in by_itself] == [" to version 2 as told"]
        assert with_transition[0].endswith("moved to version 3 by deploy")
        assert "recv(payments) = 5" in with_transition[1]

    asyncio.run(test())


SENDS_FRAMES = """
class Order(Process):
    payments = Channel[int]()
    jobs = Channel[object](capacity=3)

    async def main(self, total: int) -> str:
        await self.jobs.send(self.packing(total))
        await recv(self.payments)
        frame = await self.jobs.recv()
        return await frame

    async def packing(self, total: int) -> str:
        return f"packed {total}"
"""


def test_rule_22_a_frame_in_a_channel_is_a_frame(tmp_path: Path) -> None:
    """It was sent and not received yet: its function must be there as well."""

    async def test() -> None:
        old = build(tmp_path / "old", SENDS_FRAMES)
        renamed = SENDS_FRAMES.replace("packing", "wrapping")
        new = build(tmp_path / "new", renamed, tmp_path / "old")
        async with versions() as world:
            await world.serve(old, "1")
            client = Client(world.runtime, old)
            ref = await client.start("order", 5)
            await until_parked(client, ref.id, "payments")
            (found,) = await client.check(new, "2")
            assert (found.movable_count, found.held_count) == (0, 1)
            (place,) = found.held
            assert (place.function, place.reasons[0].text) == (
                "orders:Order.packing",
                "there is no such function any more",
            )
            await world.serve(new, "2")
            await ref.send("payments", 1)
            assert await ref.result() == "packed 5"
            assert await version_of(client, ref.id) == "1"

    asyncio.run(test())


class Fenced(MemoryStore):
    """Notes the commits of a row that leave its `seq` where it was: who started from the same one could commit as well."""

    def __init__(self) -> None:
        super().__init__()
        self.unfenced: list[str] = []

    def commit(self, batch: Sequence[ProcessCommit]) -> list[Conflict]:
        self.unfenced += [c.process_id for c in batch if c.row is not None and c.row.seq == c.expected_seq]
        return super().commit(batch)


@pytest.mark.parametrize("ends", ["lost", "answered"])
def test_rule_25_a_move_that_waits_for_a_transition_is_fenced(
    first: Definitions, second: Definitions, ends: str
) -> None:
    """Told while a transition runs: it is stored when that has ended, or when its worker is lost."""

    async def test() -> None:
        store = Fenced()
        async with versions(store) as world:
            client = Client(world.runtime, first)
            slow = await world.runtime.serve(Worker(world.runtime, first, version="1")._registration)
            ref = await client.start("order", 5)
            await client.deploy(second, "2", policy="manual")
            (start,) = await slow.take()
            assert isinstance(start, RunTransition)
            telling = asyncio.create_task(ref.move("2"))
            await asyncio.sleep(0)  # it is told, and waits
            assert not telling.done()
            if ends == "answered":
                answer, _ = run_transition(first, start, None)
                await slow.answer([answer])
            await slow.close()
            await telling
            assert await version_of(client, ref.id) == "2"
            assert store.unfenced == []
            await world.serve(second, "2")
            await ref.send("payments", 5)
            await ref.send("notes", "x")
            assert await ref.result() == "second 5 ['x']"

    asyncio.run(test())


WITH_EFFECT = """
def deed() -> str:
    return "done"


class Order(Process):
    payments = Channel[int]()
    notes = Channel[str]()

    async def main(self, total: int) -> str:
        handle = go(self.side())
        await recv(self.payments)
        note = await recv(self.notes)
        return f"first {note}"

    async def side(self) -> None:
        await call(deed, queue="nobody")
"""


def test_rule_22_a_process_does_not_move_while_a_transition_of_it_runs(tmp_path: Path) -> None:
    """An effect of it waits for a worker when one of a later version comes, and another goroutine is on its way to a new state."""

    async def test() -> None:
        old = build(tmp_path / "old", WITH_EFFECT)
        shorter = WITH_EFFECT.replace("        note = await recv(self.notes)\n", "").replace(
            'f"first {note}"', '"second"'
        )
        new = build(tmp_path / "new", shorter, tmp_path / "old")
        async with versions() as world:
            client = Client(world.runtime, old)
            slow = await world.runtime.serve(Worker(world.runtime, old, version="1", queues=["other"])._registration)
            ref = await client.start("order", 5)
            live = None
            for _ in ("main", "side"):
                (order,) = await slow.take()
                assert isinstance(order, RunTransition)
                answer, live = run_transition(old, order, live)
                await slow.answer([answer])
            await ref.send("payments", 1)
            (order,) = await slow.take()
            assert isinstance(order, RunTransition)
            later = Worker(world.runtime, new, version="2", queues=["other"])
            running = asyncio.create_task(later.run())
            await later.connected.wait()
            answer, live = run_transition(old, order, live)
            await slow.answer([answer])
            assert await version_of(client, ref.id) == "1"
            await slow.close()
            await world.serve(old, "1")
            await ref.send("notes", "x")
            assert await ref.result(10) == "first x"
            await stop(running)

    asyncio.run(test())


QUICK = """
class Order(Process):
    words = Channel[int]()

    async def main(self, total: int) -> str:
        return f"{total}"
"""


@pytest.mark.parametrize("ends", ["completed", "terminated", "full", "lost"])
def test_a_move_that_waits_for_a_transition_is_answered_however_that_ends(
    tmp_path: Path, second: Definitions, ends: str
) -> None:
    """The process has ended meanwhile, or what it did could not be stored."""

    async def test() -> None:
        quick = build(tmp_path / "quick", QUICK)
        disk = Disk()
        async with versions(disk) as world:
            client = Client(world.runtime, quick)
            slow = await world.runtime.serve(Worker(world.runtime, quick, version="1")._registration)
            ref = await client.start("order", 5)
            await client.deploy(quick, "2", policy="manual")
            (start,) = await slow.take()
            assert isinstance(start, RunTransition)
            telling = asyncio.create_task(ref.move("2"))
            await asyncio.sleep(0)  # it is told, and waits
            disk.full = ends in ("full", "lost")
            if ends == "terminated":
                await ref.terminate()
            elif ends == "lost":
                with pytest.raises(Unavailable):
                    await ref.send("words", 1)
            else:
                answer, _ = run_transition(quick, start, None)
                await slow.answer([answer])
            async with asyncio.timeout(10):
                with pytest.raises(Unavailable if disk.full else NotRunning):
                    await telling
            disk.full = False
            assert await version_of(client, ref.id) == "1"
            await slow.close()

    asyncio.run(test())


def test_a_move_has_not_happened_before_the_new_version_has_committed(
    first: Definitions, second: Definitions, tmp_path: Path
) -> None:
    """Rules 22 and 25: a crash in between leaves it on the version that wrote its document."""

    async def test() -> None:
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5, id="between")
            await until_parked(client, ref.id, "payments")
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            client = Client(world.runtime, first)
            mute = await world.runtime.serve(Worker(world.runtime, second, version="2")._registration)
            await client.get("between").send("payments", 5)
            (order,) = await mute.take()
            assert (order.version, order.is_moved) == ("2", True)
            assert await version_of(client, "between") == "1"
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            client = Client(world.runtime, first)
            await world.serve(first, "1")
            assert await client.get("between").result() == "first 5"

    asyncio.run(test())


def test_rule_24_rolling_back_is_deploying(first: Definitions, second: Definitions) -> None:
    """Rule 24: what is parked where the first version has a place goes back to it."""

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            await world.serve(second, "2")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5)
            late = await client.start("order", 5)
            await late.send("payments", 5)
            await until_parked(client, ref.id, "payments")
            await until_parked(client, late.id, "notes")
            (found,) = await client.check(first, "1")
            assert (found.from_version, found.process_count, found.movable_count) == ("2", 2, 1)
            assert [place.state for place in found.held] == ["Main_RecvNotes"]
            await client.deploy(first, "1")
            await ref.send("payments", 5)
            assert await ref.result() == "first 5"
            await late.send("notes", "stays")
            assert await late.result() == "second 5 ['stays']"

    asyncio.run(test())


def test_a_document_that_the_later_version_cannot_read_stays_with_its_own(
    folder: Path, warnings: pytest.LogCaptureFixture
) -> None:
    """Rule 22: what two manifests do not show is seen when the document is read; nothing has happened then."""
    text = """
    class Colour(Enum):
        RED = 1
        BLUE = 2

    class Order(Process):
        payments = Channel[int]()

        async def main(self, colour: Colour) -> str:
            amount = await recv(self.payments)
            return f"{colour.name} {amount}"
    """
    old = build(folder / "colours", text)
    new = build(folder / "fewer colours", text.replace("        RED = 1\n", ""), folder / "colours")

    async def test() -> None:
        async with versions() as world:
            await world.serve(old, "1")
            client = Client(world.runtime, old)
            ref = await client.start("order", "RED")
            await until_parked(client, ref.id, "payments")
            await world.serve(new, "2")
            await ref.send("payments", 5)
            assert await ref.result() == "RED 5"
        assert "cannot go on under version '2', and stays on '1'" in warnings.text

    asyncio.run(test())


def test_rule_6_a_faulted_process_goes_on_when_a_fix_is_deployed(folder: Path) -> None:
    """Rule 6: from its last committed state, under the version that has the fix, without being told."""
    text = """
    class Order(Process):
        payments = Channel[int]()

        async def main(self, total: int) -> str:
            amount = await recv(self.payments)
            share = 100 // (amount - 5)
            return f"{share}"
    """
    old = build(folder / "broken", text)
    new = build(folder / "mended", text.replace("100 // (amount - 5)", "amount"), folder / "broken")

    async def test() -> None:
        async with versions() as world:
            await world.serve(old, "1")
            client = Client(world.runtime, old)
            ref = await client.start("order", 5)
            await until_parked(client, ref.id, "payments")
            await ref.send("payments", 5)
            async with asyncio.timeout(20):
                while (await ref.describe()).info.status != "faulted":
                    await asyncio.sleep(0.01)
            await world.serve(new, "2")
            assert await ref.result() == "5"

    asyncio.run(test())


def test_an_effect_and_a_transition_that_wait_for_gone_workers_go_to_the_later_version(folder: Path) -> None:
    """Rules 18 and 22: all workers of the old version leave, and only then come those of the new one."""
    text = """
    def charge(total: int) -> int:
        return total

    class Order(Process):
        payments = Channel[int]()

        async def main(self, total: int) -> str:
            amount = await recv(self.payments)
            charged = await call(charge, amount)
            return f"{charged} {total}"
    """
    old = build(folder / "effects", text)
    new = build(folder / "effects again", text.replace('f"{charged} {total}"', 'f"{charged} new"'), folder / "effects")

    async def test() -> None:
        async with versions() as world:
            leaving = await world.serve(old, "1")
            client = Client(world.runtime, old)
            effect, transition = await client.start("order", 1), await client.start("order", 2)
            for ref in (effect, transition):
                await until_parked(client, ref.id, "payments")
            await stop(leaving)
            await transition.send("payments", 7)
            only = await world.runtime.serve(Worker(world.runtime, old, version="1", effect_credits=0)._registration)
            await effect.send("payments", 6)
            orders = await only.take()
            assert orders
            await only.close()
            await world.serve(new, "2")
            assert [await effect.result(), await transition.result()] == ["6 new", "7 new"]

    asyncio.run(test())


def test_versions_say_what_is_left_of_each(first: Definitions, second: Definitions) -> None:
    """Rule 22: so that one knows when workers of an old version may stop."""

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            refs = [await client.start("order", 1) for _ in range(3)]
            await world.serve(second, "2")
            await until_parked(client, refs[0].id, "payments")
            told = {v.version: v for v in await client.versions() if v.definition == "order"}
            assert (told["1"].live_count, told["1"].worker_count, told["1"].is_newest) == (3, 1, False)
            assert (told["2"].live_count, told["2"].worker_count, told["2"].is_newest) == (0, 1, True)
            for ref in refs:
                await ref.send("payments", 1)
                await until_parked(client, ref.id, "notes")
            told = {v.version: v for v in await client.versions() if v.definition == "order"}
            assert (told["1"].live_count, told["2"].live_count) == (0, 3)

    asyncio.run(test())


def test_it_is_told_in_which_states_processes_wait(first: Definitions, second: Definitions) -> None:
    """Rule 22: of each version, with the callers; what has ended is nowhere."""

    async def test() -> None:
        async with versions() as world:
            await world.serve(second, "1")
            client = Client(world.runtime, second)
            refs = [await client.start("order", 1) for _ in range(3)]
            await refs[0].send("payments", 1)
            await until_parked(client, refs[0].id, "notes")
            for ref in refs[1:]:
                await until_parked(client, ref.id, "payments")
            told = {each.state: each.process_count for each in await client.parked("order")}
            assert told == {"Main_RecvNotes": 1, "Main_RecvPayments": 2}
            for ref in refs:
                await ref.terminate()
            assert await client.parked("order", "1") == []
            with pytest.raises(NotFound):
                await client.parked("order", "7")

    asyncio.run(test())
