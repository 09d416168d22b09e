"""`@migrate`: processes go on where a later version could not take them over as they stand (rule 23)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runtime_client import CannotMove, Client, Definitions, Worker
from slct_runtime.store import MemoryStore, SqliteStore
from slct_runtime.wire.work import RunTransition

from .move_builds import build
from .test_moves import until_parked, version_of, versions, warnings

__all__ = ["warnings"]

FIRST = """
class Order(Process):
    payments = Channel[int]()
    notes = Channel[str]()
    paid: int = 0

    async def main(self, total: int) -> str:
        while self.paid < total:
            self.paid += await recv(self.payments)
        return f"first {self.paid}"
"""

SECOND = """
@migrate("Order.main", state="RecvPayments")
def with_currency(slots):
    return slots | {"currency": "sek", "steps": ["with_currency"]}

class Order(Process):
    payments = Channel[int]()
    notes = Channel[str]()
    paid: int = 0

    async def main(self, total: int) -> str:
        currency, steps = "eur", []
        while self.paid < total:
            self.paid += await recv(self.payments)
        return f"second {self.paid} {currency} {steps}"
"""

THIRD = """
@migrate("Order.main", state="RecvPayments")
def with_currency(slots):
    return slots | {"currency": "sek", "steps": ["with_currency"]}

@migrate("Order.main", state="RecvPayments", to="RecvNotes")
def from_notes(slots):
    return {"currency": slots["currency"].upper(), "steps": [*slots["steps"], "from_notes"]}

class Order(Process):
    payments = Channel[int]()
    notes = Channel[str]()
    paid: int = 0

    async def main(self, total: int) -> str:
        currency, steps = "eur", []
        note = await recv(self.notes)
        return f"third {self.paid} {currency} {steps} {note}"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("migrations")


@pytest.fixture(scope="module")
def first(folder: Path) -> Definitions:
    return build(folder / "first", FIRST)


@pytest.fixture(scope="module")
def second(folder: Path, first: Definitions) -> Definitions:
    return build(folder / "second", SECOND, folder / "first")


@pytest.fixture(scope="module")
def third(folder: Path, second: Definitions) -> Definitions:
    return build(folder / "third", THIRD, folder / "second")


def changed(folder: Path, name: str, old: str, new: str) -> Definitions:
    """The second version with one thing written otherwise."""
    assert old in SECOND
    return build(folder / name, SECOND.replace(old, new), folder / "first")


def test_rule_23_a_migration_gives_the_variables_that_the_new_code_reads(
    first: Definitions, second: Definitions
) -> None:
    """Rule 23: and `check` says beforehand that nothing stands in the way."""

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5)
            await ref.send("payments", 2)
            await until_parked(client, ref.id, "payments")
            (found,) = await client.check(second, "2")
            assert (found.movable_count, found.held) == (1, ())
            await world.serve(second, "2")
            await ref.send("payments", 3)
            assert await ref.result() == "second 5 sek ['with_currency']"
            assert await version_of(client, ref.id) == "2"

    asyncio.run(test())


def test_rule_23_a_process_goes_through_all_that_it_has_missed_and_through_nothing_twice(
    first: Definitions, second: Definitions, third: Definitions
) -> None:
    """Rule 23: from the first version through both, in the order written; from the second through the other one only."""

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            skipping, passing = await client.start("order", 50), await client.start("order", 50)
            for ref in (skipping, passing):
                await until_parked(client, ref.id, "payments")
            await client.deploy(second, "2", policy="manual")
            await world.serve(second, "2")
            await passing.move("2")
            await passing.send("payments", 1)
            await until_parked(client, passing.id, "payments")
            await client.deploy(third, "3")
            await world.serve(third, "3")
            for ref in (skipping, passing):
                await ref.send("payments", 7)  # what it waits for stays: it resumes where it has come to
            assert await skipping.result() == "third 0 SEK ['with_currency', 'from_notes'] 7"
            assert await passing.result() == "third 1 SEK ['with_currency', 'from_notes'] 7"

    asyncio.run(test())


def test_rule_23_a_way_back_does_not_go_through_migrations_again(
    folder: Path, first: Definitions, second: Definitions
) -> None:
    """Rules 23 and 24: the older version has a migration, and so has the newer one that it comes from."""
    newer = build(folder / "newer", SECOND.replace('f"second', 'f"newer'), folder / "second")

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5)
            await until_parked(client, ref.id, "payments")
            await world.serve(newer, "3")
            await ref.send("payments", 1)
            await until_parked(client, ref.id, "payments")
            assert await version_of(client, ref.id) == "3"
            await client.deploy(second, "2")
            await world.serve(second, "2")
            await ref.send("payments", 4)
            assert await ref.result() == "second 5 sek ['with_currency']"

    asyncio.run(test())


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ('slots | {"steps": []}', "gave no 'currency', which Main_RecvPayments reads"),
        ('slots["nothing"]', "with_currency raised KeyError: 'nothing'"),
        ("None", "gave None, and is to give a dict of variables by name"),
        ('{"goto": 1, "currency": "", "steps": [], "total": 1}', "gave 'goto': no variables are called so"),
    ],
)
def test_a_migration_that_fails_leaves_the_process_on_its_version(
    folder: Path, tmp_path: Path, first: Definitions, warnings: pytest.LogCaptureFixture, new: str, why: str
) -> None:
    """Rule 23: nothing has happened then, and the runtime's log says why."""
    result = 'slots | {"currency": "sek", "steps": ["with_currency"]}'
    failing = build(tmp_path, SECOND.replace(result, new), folder / "first")

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5)
            await until_parked(client, ref.id, "payments")
            await world.serve(failing, "2")
            await ref.send("payments", 5)
            assert await ref.result() == "first 5"
        assert why in warnings.text

    asyncio.run(test())


def test_a_migration_to_where_nothing_waits_is_announced(folder: Path, first: Definitions) -> None:
    """Rules 22 and 23: such a process is not moved, and told so before anything is deployed."""
    lost = changed(folder, "lost", 'state="RecvPayments")', 'state="RecvPayments", to="RecvGold")')

    async def test() -> None:
        async with versions() as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5)
            await until_parked(client, ref.id, "payments")
            (found,) = await client.check(lost, "2")
            ((reason,),) = [place.reasons for place in found.held]
            assert reason.text == "orders:with_currency makes 'RecvGold' of it, and nothing waits there"
            await client.deploy(lost, "2", policy="manual")
            with pytest.raises(CannotMove, match="nothing waits there"):
                await ref.move("2")

    asyncio.run(test())


def test_shared_fields_are_migrated(folder: Path) -> None:
    """Rule 23: `@migrate` of the class makes a new field, and another type of one, of what was saved."""
    plain = "amount = await recv(self.payments)\n            self.paid += amount"
    old = build(folder / "fields", FIRST.replace("self.paid += await recv(self.payments)", plain))
    text = """
    @migrate("Order")
    def in_parts(fields):
        return {"paid": [fields["paid"]], "limit": 10}

    class Order(Process):
        payments = Channel[int]()
        notes = Channel[str]()
        paid: list[int]
        limit: int

        async def main(self, total: int) -> str:
            while len(self.paid) < 3:
                amount = await recv(self.payments)
                self.paid.append(amount)
            return f"parts {self.paid} {self.limit}"
    """
    new = build(folder / "parts", text, folder / "fields")
    without = build(folder / "no parts", text.replace('@migrate("Order")', ""), folder / "fields")

    async def test() -> None:
        async with versions() as world:
            await world.serve(old, "1")
            client = Client(world.runtime, old)
            ref = await client.start("order", 50)
            await ref.send("payments", 2)
            await until_parked(client, ref.id, "payments")
            (held,) = await client.check(without, "2")
            assert held.movable_count == 0
            await world.serve(new, "2")
            await ref.send("payments", 3)
            await ref.send("payments", 4)
            assert await ref.result() == "parts [2, 3, 4] 10"

    asyncio.run(test())


@pytest.mark.parametrize("is_told", [False, True])
def test_a_crash_within_a_move_loses_nothing_and_migrates_once(
    first: Definitions, second: Definitions, tmp_path: Path, is_told: bool
) -> None:
    """Rules 22, 23 and 25: the runtime dies with the first transition under the new version on its way, before its commit."""

    async def test() -> None:
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5, id="between")
            await ref.send("payments", 1)
            await until_parked(client, ref.id, "payments")
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            client = Client(world.runtime, first)
            await client.deploy(second, "2", policy="manual" if is_told else "auto")
            if is_told:
                await client.get("between").move("2")
            mute = await world.runtime.serve(Worker(world.runtime, second, version="2")._registration)
            await client.get("between").send("payments", 2)
            (order,) = await mute.take()
            assert isinstance(order, RunTransition)
            assert (order.version, order.is_moved, "with_currency" in order.migrations) == ("2", True, True)
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            client = Client(world.runtime, first)
            assert await version_of(client, "between") == ("2" if is_told else "1")
            await world.serve(second, "2")
            await client.get("between").send("payments", 2)
            assert await client.get("between").result() == "second 5 sek ['with_currency']"
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            assert await version_of(Client(world.runtime, first), "between") == "2"

    asyncio.run(test())


def test_a_move_that_was_told_can_be_taken_back_before_anything_has_run(
    first: Definitions, second: Definitions, tmp_path: Path
) -> None:
    """Rules 22 and 24: the document is still that of the first version, and goes back as it is."""

    async def test() -> None:
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5, id="undecided")
            await until_parked(client, ref.id, "payments")
            await client.deploy(second, "2", policy="manual")
            await ref.move("2")
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            client = Client(world.runtime, first)
            await client.get("undecided").move("1")
        async with versions(SqliteStore(tmp_path / "slct.db")) as world:
            client = Client(world.runtime, first)
            assert await version_of(client, "undecided") == "1"
            await world.serve(first, "1")
            await client.get("undecided").send("payments", 5)
            assert await client.get("undecided").result() == "first 5"

    asyncio.run(test())


def test_rule_25_what_a_worker_of_the_old_version_answers_after_the_move_counts_for_nothing(
    first: Definitions, second: Definitions
) -> None:
    """Rule 25: it was given a transition, fell silent, and answers when the process has moved and gone on."""

    async def test() -> None:
        store = MemoryStore()
        async with versions(store) as world:
            serving = await world.serve(first, "1")
            client = Client(world.runtime, first)
            ref = await client.start("order", 5, id="late")
            await until_parked(client, ref.id, "payments")
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            silent = await world.runtime.serve(Worker(world.runtime, first, version="1")._registration)
            await ref.send("payments", 5)
            (order,) = await silent.take()
            assert isinstance(order, RunTransition)
            late = _answer(first, order)
            await client.deploy(second, "2")
            await world.serve(second, "2")
            await silent.close()
            assert await ref.result() == "second 5 sek ['with_currency']"
            seq = (await ref.describe()).info.seq
            await silent.answer([late])
            assert (await ref.describe()).info.seq == seq
            assert store.load(["late"])[0].row.result == "\"second 5 sek ['with_currency']\""

    asyncio.run(test())


def _answer(definitions: Definitions, order: RunTransition) -> object:
    from runtime_client._transition import run_transition

    return run_transition(definitions, order, None)[0]
