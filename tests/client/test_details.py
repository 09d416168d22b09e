"""Details of the semantics that are about one call each, by their numbers (docs/semantics.md)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from runtime_client import AlreadyExists, LimitExceeded, NotRunning, ProcessCancelled, ProcessFailed, Rate
from runtime_client.testing import Simulation, StillRunning

sys.path.insert(0, str(Path(__file__).with_name("details")))
import detail_programs as programs

both_modes = pytest.mark.parametrize("compiled", [False, True], ids=["as written", "compiled"])


def simulated(scene: Callable[[Simulation], Awaitable[object]], **options: Any) -> Any:
    async def run() -> object:
        async with Simulation(**options) as sim:
            return await scene(sim)

    return asyncio.run(run())


@both_modes
def test_d3_time_stops_at_each_deadline_and_the_process_comes_to_rest_there(compiled: bool) -> None:
    async def scene(sim: Simulation) -> object:
        clock = await sim.start(programs.Clock)
        await sim.advance(100)
        return await clock.result()

    assert simulated(scene, compiled=compiled) == [1, 3, 8]


@both_modes
def test_d3_effects_end_in_the_order_of_their_requests_before_time_passes(compiled: bool) -> None:
    async def scene(sim: Simulation) -> object:
        programs.EFFECTS.clear()
        return await (await sim.start(programs.Effects)).result()

    assert simulated(scene, compiled=compiled) == ["first", "slow", "first", "second"]


@pytest.mark.parametrize(("compiled", "is_the_modules_own"), [(False, True), (True, False)])
@pytest.mark.filterwarnings("ignore:.*SHELVES.*:UserWarning")
def test_d17_a_mutable_object_of_a_module_becomes_a_copy_when_it_is_saved(
    compiled: bool, is_the_modules_own: bool
) -> None:
    async def scene(sim: Simulation) -> object:
        shelf = await sim.start(programs.Shelf)
        await sim.advance(1)
        return await shelf.result()

    assert simulated(scene, compiled=compiled) is is_the_modules_own


@both_modes
def test_d19_what_failed_raises_with_the_authors_error_as_cause(compiled: bool) -> None:
    async def scene(sim: Simulation) -> None:
        ending = await sim.start(programs.Ending)
        await ending.send("orders", "fail")
        with pytest.raises(ProcessFailed) as caught:
            await ending.result()
        cause = caught.value.__cause__
        assert isinstance(cause, programs.NoTea)
        assert (cause.args, cause.shelf) == ((7,), 7)
        assert isinstance(cause.__cause__, KeyError)

    simulated(scene, compiled=compiled)


@both_modes
@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_d19_what_was_ended_from_outside_raises_process_cancelled(compiled: bool, how: str) -> None:
    async def scene(sim: Simulation) -> None:
        ending = await sim.start(programs.Ending)
        await getattr(ending, how)()
        with pytest.raises(ProcessCancelled):
            await ending.result()

    simulated(scene, compiled=compiled)


@both_modes
@pytest.mark.parametrize(("order", "status"), [("fault", "faulted"), ("deadlock", "deadlocked")])
def test_d19_a_fault_and_a_deadlock_are_no_ends(compiled: bool, order: str, status: str) -> None:
    async def scene(sim: Simulation) -> None:
        ending = await sim.start(programs.Ending)
        await ending.send("orders", order)
        await sim.advance(600)
        with pytest.raises(StillRunning, match=f"is {status}"):
            await ending.result()
        assert ending.status == status

    simulated(scene, compiled=compiled)


@both_modes
def test_a_fault_shows_the_authors_line(compiled: bool) -> None:
    async def scene(sim: Simulation) -> None:
        ending = await sim.start(programs.Ending)
        await ending.send("orders", "fault")
        await sim.advance(600)
        with pytest.raises(StillRunning) as caught:
            await ending.result()
        path = Path(str(programs.__file__))
        line = path.read_text(encoding="utf-8").partition('ValueError("a fault')[0].count("\n") + 1
        assert f'  File "{path}", line {line}, in main\n' in caught.value.error

    simulated(scene, compiled=compiled)


@both_modes
def test_channels_that_nobody_can_reach_take_no_room(compiled: bool) -> None:
    async def scene(sim: Simulation) -> object:
        maker = await sim.start(programs.Maker, 1000)
        assert len(sim._processes[maker.id].core.channels) <= (1 if compiled else 1001)
        return await maker.result()

    assert simulated(scene, compiled=compiled) == list(range(0, 1000, 100))


@both_modes
def test_rule_15_a_key_stands_for_one_message_also_after_the_end(compiled: bool) -> None:
    async def scene(sim: Simulation) -> None:
        ending = await sim.start(programs.Ending)
        await ending.send("orders", "done", key="k")
        assert await ending.result() == "done"
        await ending.send("orders", "done", key="k")
        with pytest.raises(AlreadyExists, match="key 'k' was used for another message"):
            await ending.send("orders", "fail", key="k")
        with pytest.raises(NotRunning):
            await ending.send("orders", "done", key="another")

    simulated(scene, compiled=compiled)


def test_rule_16_a_full_channel_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime_client.testing.CHANNEL_MESSAGES_MAX", 3)

    async def scene(sim: Simulation) -> None:
        clock = await sim.start(programs.Crowded)
        for number in range(3):
            await clock.send("orders", number)
        with pytest.raises(LimitExceeded, match="holds 3 undelivered messages, the limit channel_messages_max is 3"):
            await clock.send("orders", 3)

    simulated(scene)


@both_modes
def test_rule_18_the_lowest_priority_goes_first(compiled: bool) -> None:
    async def scene(sim: Simulation) -> object:
        queued = await sim.start(programs.Queued, [2, 0, 1, 0], "mail")
        await sim.advance(10)
        return [number for number, _ in await queued.result()]

    assert simulated(scene, compiled=compiled) == [1, 3, 2, 0]


@both_modes
def test_rule_18_no_more_begin_in_a_time_than_the_rate_of_their_queue_allows(compiled: bool) -> None:
    async def scene(sim: Simulation) -> object:
        await sim.set_queue("mail", rate=Rate(2, per=10))
        queued = await sim.start(programs.Queued, [0, 0, 0, 0, 0], "mail")
        other = await sim.start(programs.Queued, [0, 0, 0], "other")
        await sim.advance(60)
        assert [at for _, at in await other.result()] == [0, 0, 0]
        return [at for _, at in await queued.result()]

    assert simulated(scene, compiled=compiled) == [0, 0, 10, 10, 20]


def test_rule_18_a_queue_without_places_holds_what_waits() -> None:
    async def scene(sim: Simulation) -> object:
        await sim.set_queue("mail", concurrency=0)
        queued = await sim.start(programs.Queued, [0], "mail")
        await sim.advance(7)
        with pytest.raises(StillRunning):
            await queued.result()
        await sim.set_queue("mail")
        await sim.advance(7)
        return await queued.result()

    assert simulated(scene) == [(0, 6)]


@pytest.mark.parametrize(("queue", "orders_min", "orders_max"), [("mail", 1, 1), ("other", 10, 24)])
def test_rule_18_in_any_order_no_more_run_at_once_than_their_queue_allows(
    queue: str, orders_min: int, orders_max: int
) -> None:
    """Where one runs at a time, they end in the order of their requests, however long each takes."""

    async def scene(sim: Simulation) -> object:
        await sim.set_queue("mail", concurrency=1)
        queued = await sim.start(programs.Queued, [0, 0, 0, 0], queue)
        await sim.advance(100)
        return [number for number, _ in await queued.result()]

    orders = {tuple(simulated(scene, schedule=seed)) for seed in range(60)}
    assert orders_min <= len(orders) <= orders_max


@both_modes
@pytest.mark.parametrize("crash", [None, 1, 2])
@pytest.mark.parametrize(
    ("wanted", "seconds", "ended"),
    [
        (3, 30.5, (3, 30)),  # attempts at 0, 10 and 30 seconds
        (3, 30, ("OSError('attempt 2 failed')", 10)),
        (2, 9, ("OSError('attempt 1 failed')", 0)),
    ],
)
def test_rule_18_there_is_no_attempt_after_the_time_over_all_of_them(
    compiled: bool, crash: int | None, wanted: int, seconds: float, ended: tuple[object, float]
) -> None:
    async def scene(sim: Simulation) -> object:
        limited = await sim.start(programs.Limited, wanted, seconds)
        await sim.advance(1000)
        return await limited.result()

    assert simulated(scene, compiled=compiled, crash=crash) == ended


@both_modes
def test_rule_18_the_time_over_all_attempts_runs_in_a_queue_too(compiled: bool) -> None:
    async def scene(sim: Simulation) -> object:
        await sim.set_queue("mail", concurrency=0)
        limited = await sim.start(programs.Limited, 1, 25.0, "mail")
        await sim.advance(1000)
        return await limited.result()

    error, seconds = simulated(scene, compiled=compiled)
    assert error.startswith("TimeoutError('")
    assert error.endswith("schedule_to_close_timeout of 25 s: no attempt had failed before')")
    assert seconds == 25


@both_modes
def test_rule_18_an_effect_takes_no_longer_than_its_time_over_all_under_any_schedule(compiled: bool) -> None:
    async def scene(sim: Simulation) -> object:
        limited = await sim.start(programs.Limited, 3, 35.0)
        await sim.advance(1000)
        return await limited.result()

    ends = [simulated(scene, compiled=compiled, schedule=seed) for seed in range(40)]
    assert all(seconds <= 35 for _, seconds in ends)
    kinds = {str(ended).partition("(")[0] for ended, _ in ends}
    assert kinds == {"3", "OSError", "TimeoutError"}


@both_modes
@pytest.mark.parametrize("how", ["call", "progress", "emit", "reply"])
def test_a_channel_whose_handle_has_left_the_process_stays(compiled: bool, how: str) -> None:
    async def scene(sim: Simulation) -> object:
        lender = await sim.start(programs.Lender, how)
        match how:
            case "emit":
                await lender.send("returned", lender.outputs[0][0])
            case "reply":
                await lender.send("returned", await lender.request("questions", 1))
        await sim.advance(1)
        return await lender.result()

    assert simulated(scene, compiled=compiled) == 7


def test_a_process_that_has_lived_long_is_as_small_as_a_young_one(tmp_path: Path) -> None:
    """Rows and characters in the store after ten rounds and after three hundred; only what it has said stays."""
    build = tmp_path / "build"
    command = [sys.executable, "-m", "slct_compile", str(Path(__file__).with_name("details")), "--no-lock", "-q"]
    subprocess.run([*command, "-o", str(build)], check=True)
    done = subprocess.run(
        [sys.executable, "-c", LIVING, str(build), str(tmp_path / "store.db")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    young, old = (json.loads(line) for line in done.stdout.splitlines())
    assert young["output"] == 10 and old["output"] == 300
    del young["output"], old["output"]
    assert {name: count for name, count in old.items() if name != "characters"} == {
        name: count for name, count in young.items() if name != "characters"
    }
    # Channels that nobody can reach are dropped when there are twice as many as last time: some 64 at most.
    assert old["characters"] <= young["characters"] + 64 * 12
    assert old["characters"] < 2000


LIVING = """
import asyncio, json, sqlite3, sys
sys.path.insert(0, sys.argv[1])
import slct_definitions
from runtime_client import Client

def counts():
    with sqlite3.connect(sys.argv[2]) as store:
        tables = [name for (name,) in store.execute("select name from sqlite_master where type = 'table'")]
        found = {name: store.execute(f"select count(*) from {name}").fetchone()[0] for name in tables}
        (row,) = store.execute("select * from process").fetchall()
    return found | {"characters": sum(len(str(value)) for value in row)}

async def main():
    async with Client.embedded(sys.argv[2], slct_definitions.defs) as client:
        process = await client.start("long", id="one")
        for number in range(300):
            await process.send("numbers", number, wait=True)
            if number in (9, 299):
                while len([e async for e in until_said(process, number)]) == 0:
                    pass
                await asyncio.sleep(0)
                print(json.dumps(counts()))

async def until_said(process, number):
    async for event in process.watch():
        if event.kind == "output" and event.offset == number:
            yield event
            return

asyncio.run(main())
"""


@both_modes
def test_d4_outcomes_are_kept_while_their_handles_are_in_channels_and_no_longer(compiled: bool) -> None:
    async def size_after(sim: Simulation, rounds: int) -> int:
        passing = await sim.start(programs.Passing, rounds)
        document = sim._processes[passing.id].document
        await passing.send("enough", 1)
        assert await passing.result() == 2 * sum(range(rounds))
        return len(document)

    async def scene(sim: Simulation) -> None:
        sizes = [await size_after(sim, rounds) for rounds in (10, 100)]
        assert abs(sizes[1] - sizes[0]) < 20, "the numbers in it are longer"

    simulated(scene, compiled=compiled)
