"""gather, timeout and TaskGroup: as written, compiled, and restored at every suspension; and as in asyncio (details D4 to D7)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from structured_plans import Reference, random_plan

sys.path.insert(0, str(Path(__file__).with_name("structured")))
import structured_programs as programs

sys.path.pop(0)

from runtime_client.testing import EPOCH, SimulatedRef, Simulation

WORLDS: dict[str, dict[str, Any]] = {
    "written": {},
    "compiled": {"compiled": True},
    "crashing": {"compiled": True, "crash": 7},
}
every_world = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
LONG_S = 50_000_000


async def run(cls: Any, *args: Any, world: dict[str, Any]) -> tuple[Simulation, SimulatedRef]:
    simulation = Simulation(**world)
    ref = await simulation.start(cls, *args)
    await simulation.advance(LONG_S)
    return simulation, ref


def outcome(cls: Any, *args: Any, world: dict[str, Any]) -> tuple[Any, list[Any]]:
    async def scene() -> tuple[Any, list[Any]]:
        _, ref = await run(cls, *args, world=world)
        return await ref.result(), ref.outputs

    return asyncio.run(scene())


def relative(outputs: list[Any]) -> list[tuple[int, str]]:
    """What was emitted, by seconds since the beginning; within one moment in no order."""
    return sorted((seconds - round(EPOCH.timestamp()), what) for seconds, what in outputs)


@pytest.mark.parametrize("seed", range(60))
def test_random_plans_are_carried_out_as_by_asyncio(seed: int) -> None:
    plan = random_plan(Random(seed))
    reference = Reference()
    expected = reference.carry_out(plan)
    result, outputs = outcome(programs.Planned, plan, world=WORLDS["written"])
    if not reference.is_comparable:
        pytest.skip("asyncio drops this timeout")
    assert result == expected
    assert relative(outputs) == sorted(reference.log)


@pytest.mark.parametrize("seed", range(60, 90))
def test_random_plans_are_the_same_compiled_and_restored(seed: int) -> None:
    plan = random_plan(Random(seed))
    assert traces(plan, None, WORLDS["compiled"]) == traces(plan, None, WORLDS["written"])
    assert outcome(programs.Planned, plan, world={"compiled": True, "crash": seed}) == outcome(
        programs.Planned, plan, world=WORLDS["written"]
    )


@pytest.mark.parametrize("seed", range(90, 120))
def test_random_plans_are_cancelled_alike(seed: int) -> None:
    random = Random(seed)
    plan, cancel_s = random_plan(random), random.randrange(0, 2_000_000)
    trace, status = traces(plan, cancel_s, WORLDS["written"])
    assert (trace, status) == traces(plan, cancel_s, WORLDS["compiled"])
    assert status in ("cancelled", "completed")


def traces(plan: Any, cancel_s: int | None, world: dict[str, Any]) -> tuple[list[str], str]:
    """What runs, in order; and how it ends."""

    async def scene() -> tuple[list[str], str]:
        simulation = Simulation(**world)
        ref = await simulation.start(programs.Planned, plan)
        if cancel_s is not None:
            await simulation.advance(cancel_s)
            if ref.status == "running":
                await ref.cancel()
        await simulation.advance(LONG_S)
        return simulation.trace, ref.status

    return asyncio.run(scene())


@every_world
def test_an_error_that_cannot_be_saved_reaches_its_group(world: dict[str, Any]) -> None:
    assert outcome(programs.Corners, "unsaveable error", world=world)[0] is True


@every_world
def test_a_gather_is_a_frame_that_may_be_kept_and_started_once(world: dict[str, Any]) -> None:
    assert outcome(programs.Corners, "gather as a value", world=world) == ([[1, 2], "once"], [])


@every_world
def test_detail_d5_parts_of_a_gather_that_have_not_begun_never_run(world: dict[str, Any]) -> None:
    assert outcome(programs.Corners, "cancelled before its parts began", world=world) == (
        [("KeyError", "first"), ("group", ("KeyError", "second")), "cancelled"],
        ["c began", "tidied d"],
    )


@every_world
def test_detail_d18_contexts(world: dict[str, Any]) -> None:
    result, _ = outcome(programs.Corners, "contexts", world=world)
    group = "ExceptionGroup unhandled errors in a TaskGroup"
    assert result == [
        [group, "Cancelled ", "LookupError being handled"],
        ["TimeoutError the block has taken longer than its timeout", "LookupError being handled"],
        [group, "OSError body", "LookupError being handled"],
        ["ValueError child", "LookupError being handled"],
    ]


@every_world
def test_detail_d15_a_group_in_use_may_be_shared(world: dict[str, Any]) -> None:
    assert outcome(programs.Corners, "group in a field", world=world) == ("finished", ["added began", True])


@every_world
def test_detail_d7_when_two_groups_fail_at_once_the_outer_body_does_not_go_on(world: dict[str, Any]) -> None:
    result, outputs = outcome(programs.Corners, "both groups fail", world=world)
    assert result == ("group", ("KeyError", "outer"))
    assert outputs == ["('group', ('KeyError', 'inner'))"]


@every_world
def test_detail_d7_interrupting_a_body_that_gathers_cleans_up_first(world: dict[str, Any]) -> None:
    result, outputs = outcome(programs.Corners, "interrupted gather", world=world)
    assert (result, outputs) == (("group", ("KeyError", "x")), ["tidied a", "tidied b"])


@every_world
@pytest.mark.parametrize("turns", [0, 1, 4])
def test_detail_d4_all_who_wait_for_a_goroutine_get_its_error(world: dict[str, Any], turns: int) -> None:
    if turns == 0:

        async def scene() -> str:
            _, ref = await run(programs.joined_by_two, 0, world=world)
            return ref.status

        assert asyncio.run(scene()) == "faulted", "nobody waits for it yet"
        return
    assert outcome(programs.joined_by_two, turns, world=world)[0] == ["joined ('shared',)", "gathered ('shared',)"]
