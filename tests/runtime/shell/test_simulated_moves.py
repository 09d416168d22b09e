"""`Simulation.deploy`: what becomes of processes under another version, in a test of the author's (rules 6, 22 and 23)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from runtime_client import CannotMove, Definitions
from runtime_client._errors import DefinitionError
from runtime_client.testing import Simulation, load_build

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
