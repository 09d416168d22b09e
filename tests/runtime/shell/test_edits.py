"""Values of parked processes are changed by hand: checked, durable, told in the history; or refused, and nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runtime_client import CannotEdit, CannotRetry, Client, Definitions, InvalidValue, NotFound, NotRunning, Worker
from runtime_client._errors import ClientError
from slct_runtime.runtime import Runtime
from slct_runtime.server import serve_grpc
from slct_runtime.settings import Settings
from slct_runtime.store import SqliteStore

from .move_builds import build
from .test_moves import stop, until_parked

ORDER = """
class Order(Process):
    payments = Channel[int]()
    paid: int = 0
    names: list[str] = []

    async def main(self, total: int, share: float = 0.5) -> str:
        kept = self.names
        when = timedelta(days=1)
        while self.paid < total:
            amount = await recv(self.payments)
            self.paid += amount
        return f"{self.paid} of {total} {share} {self.names} {kept} {when}"
"""

FAULTY = """
class Order(Process):
    payments = Channel[int]()
    divisor: int = 0

    async def main(self) -> str:
        amount = await recv(self.payments)
        return f"{amount // self.divisor}"
"""


@asynccontextmanager
async def serving(definitions: Definitions, store: Path) -> AsyncIterator[Client]:
    runtime = await Runtime.open(SqliteStore(store), settings=Settings(history_transitions_max=50))
    worker = Worker(runtime, definitions)
    running = asyncio.create_task(worker.run())
    await worker.connected.wait()
    try:
        yield Client(runtime, definitions)
    finally:
        await stop(running)
        await runtime.aclose()


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    return build(tmp_path_factory.mktemp("edits"), ORDER)


def test_fields_and_locals_are_changed_durably_and_told(order: Definitions, tmp_path: Path) -> None:
    async def begin() -> None:
        async with serving(order, tmp_path / "slct.db") as client:
            ref = await client.start("order", 100, id="o")
            await until_parked(client, "o", "payments")
            changed = await ref.edit(
                {"paid": 40}, {"main.total": 50, "Order.main.share": 1}, who="ada", why="the bank was late"
            )
            assert changed == ("paid = 40 (was 0)", "main.total = 50 (was 100)", "Order.main.share = 1.0 (was 0.5)")
            told = [entry async for entry in ref.history() if entry.event == "edited"]
            assert [entry.value for entry in told] == [", ".join(changed) + "; by ada: the bank was late"]
            assert [entry.seq for entry in told] == [2]

    async def go_on() -> None:
        async with serving(order, tmp_path / "slct.db") as client:
            await client.get("o").send("payments", 10)
            assert await client.get("o").result() == "50 of 50 1.0 [] [] 1 day, 0:00:00"

    asyncio.run(begin())
    asyncio.run(go_on())


@pytest.mark.parametrize(
    ("fields", "locals", "error", "said"),
    [
        ({"paid": "much"}, {}, InvalidValue, "paid: expected int, got"),
        ({"piad": 1}, {}, NotFound, "the process has not a shared field 'piad'"),
        ({}, {"main.totla": 1}, NotFound, "the process has not a local 'main.totla' where it waits"),
        ({}, {"main.total": "x"}, InvalidValue, "main.total: expected int"),
        ({}, {"main.when": 5}, CannotEdit, "local 'main.when' cannot be changed by hand: it is"),
        (
            {"names": ["x"]},
            {},
            CannotEdit,
            "field 'names' cannot be changed by hand: something else refers to what it holds now",
        ),
        ({"paid": 1, "piad": 1}, {}, NotFound, "it has names, paid"),
    ],
)
def test_what_cannot_be_changed_is_refused_whole(
    order: Definitions,
    tmp_path: Path,
    fields: dict[str, object],
    locals: dict[str, object],
    error: type[ClientError],
    said: str,
) -> None:
    async def test() -> None:
        async with serving(order, tmp_path / "slct.db") as client:
            ref = await client.start("order", 100)
            await until_parked(client, ref.id, "payments")
            before = await ref.describe()
            with pytest.raises(error, match=said):
                await ref.edit(fields, locals, who="ada", why="to see")
            assert await ref.describe() == before
            await ref.send("payments", 100)
            assert await ref.result() == "100 of 100 0.5 [] [] 1 day, 0:00:00"
            with pytest.raises(NotRunning):
                await ref.edit({"paid": 1}, who="ada", why="too late")

    asyncio.run(test())


def test_what_memory_holds_is_measured_anew(order: Definitions, tmp_path: Path) -> None:
    """The bound `resident_document_bytes_max` counts documents as they are."""

    async def test() -> None:
        async with serving(order, tmp_path / "slct.db") as client:
            ref = await client.start("order", 100)
            await until_parked(client, ref.id, "payments")
            residents = client.api._engine.residents
            await ref.edit({"paid": 10**300}, who="ada", why="to see")
            assert residents.document_bytes == sum(len(each.document) for each in residents)

    asyncio.run(test())


def test_a_faulted_process_is_repaired_and_taken_up(tmp_path: Path) -> None:
    """Rule 6: with the value mended, the same transition goes through."""
    definitions = build(tmp_path / "faulty", FAULTY)

    async def test() -> None:
        async with serving(definitions, tmp_path / "slct.db") as client:
            ref = await client.start("order")
            await until_parked(client, ref.id, "payments")
            await ref.send("payments", 12)
            async with asyncio.timeout(20):
                while (await ref.describe()).info.status != "faulted":
                    await asyncio.sleep(0.01)
            with pytest.raises(InvalidValue, match="who changes a process, and why"):
                await ref.edit({"divisor": 4}, who="ada", why="")
            await ref.edit({"divisor": 4}, who="ada", why="it was never set")
            await ref.retry()
            assert await ref.result() == "3"

    asyncio.run(test())


@pytest.mark.parametrize("is_far", [False, True], ids=["in this process", "over gRPC"])
def test_a_refusal_says_what_was_asked_for_and_has_the_facts(order: Definitions, tmp_path: Path, is_far: bool) -> None:
    async def test(client: Client) -> None:
        ref = await client.start("order", 100, id="o")
        await until_parked(client, "o", "payments")
        with pytest.raises(CannotEdit) as edit:
            await ref.edit(locals={"main.when": 5}, who="ada", why="to see")
        assert (edit.value.process_id, edit.value.path) == ("o", "main.when")
        assert edit.value.reason == "it is of a type that is not known, not int or str or float or bool"
        assert edit.value.help.startswith("deploy a version that repairs it")
        with pytest.raises(CannotRetry) as retry:
            await ref.retry()
        assert (retry.value.process_id, retry.value.status) == ("o", "running")
        await ref.terminate()
        for late in (ref.edit({"paid": 1}, who="ada", why="too late"), ref.retry()):
            with pytest.raises(NotRunning):
                await late

    async def reach() -> None:
        async with serving(order, tmp_path / "slct.db") as near:
            if not is_far:
                await test(near)
                return
            server = await serve_grpc(near.api, "127.0.0.1:0")
            try:
                async with Client(f"127.0.0.1:{server.port}", order) as far:
                    await test(far)
            finally:
                await server.stop(0)

    asyncio.run(reach())


def test_nothing_is_changed_while_nothing_is_there_to_change(order: Definitions, tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(order, tmp_path / "slct.db"):
            pass  # the definition is known, and nobody serves it
        runtime = await Runtime.open(SqliteStore(tmp_path / "slct.db"))
        ref = await Client(runtime, order).start("order", 100, id="o")
        with pytest.raises(CannotEdit, match="it has not begun, and is changed only while it is parked") as caught:
            await ref.edit({"paid": 1}, who="ada", why="to see")
        assert (caught.value.process_id, caught.value.path) == ("o", "")
        await runtime.aclose()

    asyncio.run(test())
