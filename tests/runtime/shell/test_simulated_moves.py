"""`Simulation.deploy`: what becomes of processes under another version, in a test of the author's (rules 6, 22 and 23)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from runtime_client import CannotMove, Definitions
from runtime_client._errors import DefinitionError
from runtime_client.testing import Simulation, load_build
from slct_compile.cli import main as compile_main

from .move_builds import build
from .test_migrations import FIRST, SECOND, THIRD


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> list[Definitions]:
    """Three versions, each loaded from its directory."""
    folders = [tmp_path_factory.mktemp("simulated") / name for name in ("first", "second", "third")]
    for text, folder, previous in zip((FIRST, SECOND, THIRD), folders, (None, *folders), strict=False):
        build(folder, text, previous)
    return [load_build(folder / "build") for folder in folders]


def test_builds_are_loaded_side_by_side(builds: list[Definitions]) -> None:
    classes = {each.definition("order").cls for each in builds}
    assert len(classes) == 3
    assert "orders" not in sys.modules
    assert "slct_definitions" not in sys.modules
    with pytest.raises(DefinitionError, match="'nowhere' is not a build"):
        load_build("nowhere")


@pytest.mark.parametrize("crash", [None, 1, 2, 3])
def test_rule_23_a_simulated_process_goes_through_the_migrations_that_it_has_missed(
    builds: list[Definitions], crash: int | None
) -> None:
    """Rule 23: also where transitions are lost and run again, and over two versions at once."""
    first, second, third = builds

    async def scene() -> None:
        async with Simulation(first, crash=crash) as sim:
            passing, skipping = await sim.start("order", 50), await sim.start("order", 50)
            await passing.send("payments", 2)
            assert await sim.deploy(second) == {}
            await passing.send("payments", 3)
            assert await sim.deploy(third) == {}
            for ref in (passing, skipping):
                await ref.send("payments", 9)
            assert await passing.result() == "third 5 SEK ['with_currency', 'from_notes'] 9"
            assert await skipping.result() == "third 0 SEK ['with_currency', 'from_notes'] 9"
            started = await sim.start("order", 1)
            await started.send("notes", "new")
            assert await started.result() == "third 0 eur [] new"

    asyncio.run(scene())


def test_rule_24_a_simulated_process_comes_back_before_anything_has_run(builds: list[Definitions]) -> None:
    """Rule 24: its document is still that of the first version. Once the second one has run, there is no way back: it has migrated."""
    first, second, _ = builds

    async def scene() -> None:
        async with Simulation(first) as sim:
            back, gone = await sim.start("order", 5), await sim.start("order", 5, id="gone")
            assert await sim.deploy(second) == {}
            await gone.send("payments", 1)
            held = await sim.deploy(first)
            assert list(held) == ["gone"]
            assert "it is as orders:with_currency makes it" in held["gone"][0]
            for ref, amount in ((back, 5), (gone, 4)):
                await ref.send("payments", amount)
            assert await back.result() == "first 5"
            assert await gone.result() == "second 5 sek ['with_currency']"

    asyncio.run(scene())


def test_rule_24_a_way_back_through_a_migration_is_one_that_undoes_it(
    tmp_path: Path, builds: list[Definitions]
) -> None:
    """Rules 23 and 24: the old code with the migration, and after it one that takes its work away again."""
    undo = """
@migrate("Order.main", state="RecvPayments")
def without_currency(slots):
    assert slots["currency"] == "sek"
    return {name: value for name, value in slots.items() if name not in ("currency", "steps")}
"""
    build(tmp_path, SECOND[: SECOND.index("class Order")] + undo + FIRST.replace('f"first', 'f"again'))

    async def scene() -> None:
        async with Simulation(builds[0], crash=2) as sim:
            never, through = await sim.start("order", 5), await sim.start("order", 5)
            assert await sim.deploy(builds[1]) == {}
            await through.send("payments", 1)
            assert await sim.deploy(load_build(tmp_path / "build")) == {}
            for ref, amount in ((never, 5), (through, 4)):
                await ref.send("payments", amount)
                assert await ref.result() == "again 5"

    asyncio.run(scene())


def test_rule_22_reasons_are_those_of_the_runtime(tmp_path: Path, builds: list[Definitions]) -> None:
    build(tmp_path, SECOND[SECOND.index("class Order") :], None)

    async def scene() -> None:
        async with Simulation(builds[0]) as sim:
            ref = await sim.start("order", 5, id="held")
            held = await sim.deploy(load_build(tmp_path / "build"))
            assert any("'currency' is read after it" in reason for reason in held["held"])
            await ref.send("payments", 5)
            assert await ref.result() == "first 5"

    asyncio.run(scene())


def test_a_migration_that_fails_fails_the_test(tmp_path: Path, builds: list[Definitions]) -> None:
    text = SECOND.replace('slots | {"currency": "sek", "steps": ["with_currency"]}', 'slots | {"steps": []}')
    build(tmp_path, text, None)

    async def scene() -> None:
        async with Simulation(builds[0], crash=5) as sim:
            ref = await sim.start("order", 5)
            assert await sim.deploy(load_build(tmp_path / "build")) == {}
            with pytest.raises(CannotMove, match="gave no 'currency', which Main_RecvPayments reads"):
                await ref.send("payments", 5)

    asyncio.run(scene())


def test_rule_6_a_simulated_process_that_is_faulted_goes_on_under_a_fix(tmp_path: Path) -> None:
    broken = FIRST.replace('return f"first', 'self.paid // 0\n        return f"first')
    build(tmp_path / "broken", broken)
    build(tmp_path / "mended", FIRST, tmp_path / "broken")

    async def scene() -> None:
        async with Simulation(load_build(tmp_path / "broken" / "build")) as sim:
            ref = await sim.start("order", 5)
            await ref.send("payments", 5)
            await sim.advance(10)
            assert ref.status == "faulted"
            assert await sim.deploy(load_build(tmp_path / "mended" / "build")) == {}
            assert await ref.result() == "first 5"

    asyncio.run(scene())


SHOP = """
from dataclasses import dataclass
from runtime_client import Channel, Process, durable, recv, sleep


@dataclass
class Box:
    size: int


@durable
async def pause(seconds: int) -> str:
    begun = "begun"
    await sleep(seconds)
    return begun


class Order(Process, name="order"):
    notes = Channel[str]()

    async def main(self, size: int) -> str:
        box, kinds = Box(size), [Box]
        told = await self.packing(box)
        first = await pause(5)  # slct: state=Pause
        return f"{told} {first} {box} {kinds[0].__name__}"

    async def packing(self, box: Box) -> str:
        def label(note: str) -> str:
            return f"{box.size} {note}"

        note = await recv(self.notes)
        return label(note)
"""
RENAMES = """
from runtime_client import migrate

migrate("shipping:", moved_from="shop:")
migrate("Parcel", moved_from="Box")
migrate("Purchase", moved_from="Order")
migrate("Purchase.pack", moved_from="Purchase.packing")
migrate("wait_for", moved_from="pause")

@migrate("Purchase.main", state="Packing", to="Pack")
def packed(slots):
    return slots
"""


def compiled(folder: Path, module: str, text: str) -> Definitions:
    (folder / "src").mkdir(parents=True)
    (folder / "src" / f"{module}.py").write_text(text, encoding="utf-8")
    assert compile_main([str(folder / "src"), "-o", str(folder / "build"), "-q"]) == 0
    return load_build(folder / "build")


def renaming(text: str) -> str:
    for old, new in (("Box", "Parcel"), ("Order", "Purchase"), ("packing", "pack"), ("pause(", "wait_for(")):
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("crash", [None, 1])
def test_what_is_called_otherwise_is_found_under_its_old_name(tmp_path: Path, crash: int | None) -> None:
    """Rule 23: functions, classes of processes and of values, and a module; where a frame waits, and in any value."""
    old = compiled(tmp_path / "old", "shop", SHOP)
    new = compiled(tmp_path / "new", "shipping", renaming(SHOP) + RENAMES)
    unsaid = compiled(tmp_path / "unsaid", "shipping", renaming(SHOP))

    async def scene() -> None:
        async with Simulation(old, crash=crash) as sim:
            packing, pausing = await sim.start("order", 3, id="packing"), await sim.start("order", 3, id="pausing")
            await pausing.send("notes", "fragile")
            held = await sim.deploy(unsaid)
            assert held.keys() == {"packing", "pausing"}
            assert await sim.deploy(new) == {}
            await packing.send("notes", "heavy")
            await sim.advance(10)
            assert await pausing.result() == "3 fragile begun Parcel(size=3) Parcel"
            assert await packing.result() == "3 heavy begun Parcel(size=3) Parcel"

    asyncio.run(scene())


VALUES = """
from dataclasses import dataclass, field
from runtime_client import Channel, Process, recv


@dataclass{slots}
class Box:
    {fields}


class Order(Process, name="order"):
    boxes = Channel[Box]()

    async def main(self) -> str:
        box = Box(1)
        sent = await recv(self.boxes)
        return f"{{box}} {{sent}}"
"""
FIELDS = """size: int = field(metadata={"moved_from": "width"})
    weight: int = 7
    marks: list[str] = field(default_factory=list)"""


@pytest.mark.parametrize("slots", ["", "(slots=True)", "(frozen=True)"])
def test_fields_of_dataclasses_are_renamed_and_take_their_defaults(tmp_path: Path, slots: str) -> None:
    """Rule 22: in documents, and in values that are on their way through channels."""
    old = compiled(tmp_path / "old", "shop", VALUES.format(slots=slots, fields="width: int"))
    new = compiled(tmp_path / "new", "shop", VALUES.format(slots=slots, fields=FIELDS))

    async def scene() -> None:
        async with Simulation(old) as sim:
            ref = await sim.start("order")
            sent = old.codec.decode('{"$":"object","type":"shop:Box","v":{"width":2}}')
            assert await sim.deploy(new) == {}
            sim._client_codecs["order"] = old.codec  # a client that has not been brought up to date
            await ref.send("boxes", sent)
            sim._client_codecs["order"] = new.codec
            assert await ref.result() == "Box(size=1, weight=7, marks=[]) Box(size=2, weight=7, marks=[])"

    asyncio.run(scene())


def test_what_own_code_has_deleted_stays_deleted(tmp_path: Path) -> None:
    """Rule 1: a field with a default that an instance has lost is not there again after it was saved."""
    text = VALUES.format(slots="", fields=FIELDS).replace("sent = await", "del box.marks\n        sent = await")
    defs = compiled(tmp_path, "shop", text.replace('f"{box} {sent}"', 'str(hasattr(box, "marks"))'))

    async def scene() -> None:
        async with Simulation(defs) as sim:
            ref = await sim.start("order")
            await ref.send("boxes", None)
            assert await ref.result() == "False"

    asyncio.run(scene())
