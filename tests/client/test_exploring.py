"""`Simulation(schedule=...)` and `Simulation(explore=...)`: what no machine promises comes in every order, by seed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime_client.testing import Simulation

sys.path.insert(0, str(Path(__file__).with_name("exploring")))
from exploring_programs import Inbox, Late, Pair, Racer

SCHEDULES = 40


async def seconds_later(sim: Simulation) -> object:
    """A process that waits for an effect when time begins to pass."""
    inbox = await sim.start(Late)
    await sim.advance(timedelta(minutes=10))
    return await inbox.result()


def explored(scenario: Callable[[Simulation], Awaitable[object]], **options: Any) -> list[object]:
    """What a scenario ends in under each schedule."""

    async def all_of_them() -> list[object]:
        found: list[object] = []
        for sim in Simulation(explore=SCHEDULES, **options):
            async with sim:
                found.append(await scenario(sim))
        return found

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("compiled", [False, True])
def test_effects_end_in_any_order(compiled: bool) -> None:
    async def scenario(sim: Simulation) -> object:
        return await (await sim.start(Pair)).result()

    assert set(explored(scenario, compiled=compiled)) == {"left", "right"}


def test_an_effect_may_take_longer_than_a_deadline_while_time_passes() -> None:
    assert set(explored(seconds_later)) == {"fetched", "late"}


def test_an_effect_takes_no_time_while_none_passes() -> None:
    async def scenario(sim: Simulation) -> object:
        return await (await sim.start(Racer)).result()

    assert set(explored(scenario)) == {"fetched"}


def test_messages_sent_at_the_same_time_arrive_in_any_order() -> None:
    async def scenario(sim: Simulation) -> object:
        ref = await sim.start(Inbox, 2)
        await asyncio.gather(ref.send("words", "a"), ref.send("words", "b"))
        return tuple(await ref.result())

    assert set(explored(scenario)) == {("a", "b"), ("b", "a")}


def test_messages_sent_one_after_the_other_arrive_in_that_order() -> None:
    async def scenario(sim: Simulation) -> object:
        ref = await sim.start(Inbox, 3)
        for word in "abc":
            await ref.send("words", word)
        return tuple(await ref.result())

    assert set(explored(scenario)) == {("a", "b", "c")}


def test_a_schedule_is_the_same_each_time_and_kills_change_nothing() -> None:
    assert explored(seconds_later) == explored(seconds_later)
    assert set(explored(seconds_later, compiled=True, crash=1)) == {"fetched", "late"}


def test_a_failure_says_how_it_is_repeated() -> None:
    async def scenario(sim: Simulation) -> object:
        assert await seconds_later(sim) == "fetched"
        return None

    with pytest.raises(AssertionError) as caught:
        explored(scenario, compiled=True, crash=5)
    (note,) = caught.value.__notes__
    seed = int(note.split()[1].rstrip(";"))
    assert note == f"schedule {seed}; to repeat it: Simulation(compiled=True, crash={5 + seed}, schedule={seed})"

    async def again() -> object:
        async with Simulation(compiled=True, crash=5 + seed, schedule=seed) as sim:
            return await seconds_later(sim)

    assert asyncio.run(again()) == "late"


def test_what_is_no_series_of_simulations_is_told() -> None:
    with pytest.raises(TypeError, match=r"help: for sim in Simulation\(explore=100\)"):
        iter(Simulation(schedule=3))
    with pytest.raises(ValueError, match="explore=0 with schedule=None"):
        Simulation(explore=0)

    async def used_as_one() -> None:
        async with Simulation(explore=3):
            pass

    with pytest.raises(TypeError, match="explore=3 is that many simulations"):
        asyncio.run(used_as_one())
