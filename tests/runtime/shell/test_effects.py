"""Running effects: what one attempt leaves to the next (rule 18), being stopped (rule 20), and workers that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from runtime_client import CallFailed, EffectUnknown, ProcessFailed, ProcessRef
from slct_runtime._engine import wall_clock_ms
from slct_runtime.wire.work import EffectReturned

from .effect_programs import Stage, new_stage
from .effect_worlds import Clock, Cluster, Disk, World, die, embedded, in_both_worlds, play


async def until_shown(cluster: Cluster, process_id: str, is_so: Callable[[Any], bool]) -> None:
    """Wait until its effect is described so."""
    async with asyncio.timeout(20):
        while True:
            effects = (await cluster.client.get(process_id).describe()).effects
            if effects and is_so(effects[0]):
                return
            await asyncio.sleep(0.005)


# --- progress and errors -------------------------------------------------------------------------------------------


@in_both_worlds
def test_rule_18_progress_goes_on_with_another_worker(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            victim = await cluster.worker()
            ref = await cluster.client.start("walk", id="w")
            await stage.let_go("w0")
            await stage.until(lambda: stage.begun == ["w0", "w1"])
            await until_shown(cluster, "w", lambda effect: effect.progress == "[1]")
            await cluster.worker()
            await die(victim)
            await stage.until(lambda: stage.begun == ["w0", "w1", "w1"])
            await stage.let_go()
            assert await ref.result(10) == [1, 1, 1]
            assert stage.begun == ["w0", "w1", "w1", "w2"]

    play(scene)


@in_both_worlds
def test_rule_18_progress_goes_on_under_the_next_runtime(world: World) -> None:
    async def scene() -> None:
        disk, stage = Disk(), new_stage()
        async with world(disk) as cluster:
            await cluster.worker()
            await cluster.client.start("walk", id="w")
            await stage.let_go("w0", "w1")
            await stage.until(lambda: stage.begun == ["w0", "w1", "w2"])
            await until_shown(cluster, "w", lambda effect: effect.progress == "[1, 1]")
        async with world(disk) as cluster:
            await cluster.worker()
            await stage.let_go()
            assert await cluster.client.get("w").result(10) == [1, 1, 1]
        assert stage.begun == ["w0", "w1", "w2", "w2"]

    play(scene)


@in_both_worlds
def test_rule_18_an_attempt_knows_the_error_of_the_one_before(world: World) -> None:
    async def scene() -> None:
        disk, stage = Disk(), new_stage()
        async with world(disk) as cluster:
            await cluster.worker()
            await cluster.client.start("walk", id="stumbling")
            await stage.let_go("stumbling0")
            await stage.until(lambda: stage.begun == ["stumbling0", "stumbling1"])
            await until_shown(cluster, "stumbling", lambda effect: "stumbled after 1" in effect.last_error)
        async with world(disk) as cluster:
            await cluster.worker()
            await stage.let_go()
            assert await cluster.client.get("stumbling").result(10) == [1, 2, 3]
        known = [(effect.attempt, effect.progress, repr(effect.last_error)) for effect in stage.attempts]
        again = (2, [1], "OSError('stumbled after 1')")  # begun under both runtimes
        assert known == [(1, None, "None"), again, again, (3, [1, 2], "OSError('stumbled after 2')")]

    play(scene)


# --- time over all attempts ------------------------------------------------------------------------------------------


async def failed_for(ref: ProcessRef[Any]) -> BaseException | None:
    """What the effect of its process came to: the cause of `CallFailed`, or `EffectUnknown`."""
    with pytest.raises(ProcessFailed) as caught:
        await ref.result(10)
    error = caught.value.__cause__
    assert isinstance(error, CallFailed | EffectUnknown)
    return error if isinstance(error, EffectUnknown) else error.__cause__


@in_both_worlds
def test_rule_18_attempts_go_on_while_there_is_time_and_then_the_last_error_counts(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        await stage.let_go()
        async with world(Disk()) as cluster:
            await cluster.worker()
            error = await failed_for(await cluster.client.start("limited", 0.9, 0.5, "mail", False, id="p"))
        assert repr(error) == "OSError('attempt 2 failed')"
        assert stage.begun == ["p", "p"]

    play(scene)


@in_both_worlds
def test_rule_18_a_retry_that_would_come_too_late_is_not_waited_for(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        await stage.let_go()
        async with world(Disk()) as cluster:
            await cluster.worker()
            error = await failed_for(await cluster.client.start("limited", 60, 61, "mail", False, id="p"))
        assert repr(error) == "OSError('attempt 1 failed')"
        assert stage.begun == ["p"]

    play(scene)


@in_both_worlds
@pytest.mark.parametrize("at_most_once", [False, True])
def test_rule_18_an_attempt_that_runs_is_stopped_when_the_time_over_all_is_over(
    world: World, at_most_once: bool
) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.worker()
            error = await failed_for(await cluster.client.start("limited", 0.1, 0.01, "mail", at_most_once, id="p"))
        assert isinstance(error, TimeoutError)
        assert str(error).endswith("took longer than its schedule_to_close_timeout of 0.1 s")
        assert (stage.begun, stage.running["p"]) == (["p"], 0)

    play(scene)


@in_both_worlds
@pytest.mark.parametrize("at_most_once", [False, True])
def test_rule_18_the_time_over_all_runs_in_a_queue_too(world: World, at_most_once: bool) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=0)
            await cluster.worker()
            error = await failed_for(await cluster.client.start("limited", 0.1, 0.01, "mail", at_most_once, id="p"))
            await cluster.until_queue("mail", waiting=0, running=0)
        assert isinstance(error, TimeoutError)
        assert str(error).endswith("schedule_to_close_timeout of 0.1 s: no attempt had failed before")
        assert stage.begun == []

    play(scene)


@in_both_worlds
def test_rule_18_the_time_over_all_goes_on_while_no_runtime_is_there(world: World) -> None:
    async def scene() -> None:
        disk, stage, clock = Disk(), new_stage(), Clock()
        clock.now = wall_clock_ms()  # that of the worker, which is told when to stop
        await stage.let_go()
        async with world(disk, clock) as cluster:
            await cluster.worker()
            await cluster.client.start("limited", 60, 50, "mail", False, id="p")
            await until_shown(cluster, "p", lambda effect: "attempt 1 failed" in effect.last_error)
        clock.now += 60_000
        async with world(disk, clock) as cluster:
            await cluster.worker()
            error = await failed_for(cluster.client.get("p"))
        assert isinstance(error, TimeoutError)
        assert str(error).endswith("schedule_to_close_timeout of 60 s: one attempt had failed before")
        assert stage.begun == ["p"]

    play(scene)


@pytest.mark.parametrize("at_most_once", [False, True])
def test_rule_19_a_worker_that_says_nothing_when_the_time_over_all_is_over_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, at_most_once: bool
) -> None:
    monkeypatch.setattr("slct_runtime._engine.CLOSING_MS_MAX", 0)
    monkeypatch.setattr("runtime_client._effects._remaining", lambda *_: (None, ""))

    async def scene() -> None:
        stage = new_stage()
        async with embedded(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.worker()
            error = await failed_for(await cluster.client.start("limited", 0.1, 0.01, "mail", at_most_once, id="p"))
            assert isinstance(error, EffectUnknown if at_most_once else TimeoutError)
            await cluster.until_queue("mail", waiting=0, running=0)  # the attempt was told to stop
        assert (stage.begun, stage.running["p"]) == (["p"], 0)

    play(scene)


# --- being stopped -------------------------------------------------------------------------------------------------


@in_both_worlds
@pytest.mark.parametrize("how", ["terminate", "cancel", "select"])
def test_rule_20_a_running_effect_is_stopped_and_keeps_its_place_until_it_has_ended(world: World, how: str) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.worker()
            ref = await cluster.client.start("job", "mail", id="dirty")
            await stage.until(lambda: stage.begun == ["dirty"])
            after = await cluster.client.start("job", "mail", id="after")
            await (ref.send("enough", "now") if how == "select" else getattr(ref, how)())
            await stage.until(lambda: stage.cleaned == ["dirty"])
            await cluster.until_queue("mail", waiting=1, running=1)
            assert stage.begun == ["dirty"]
            await stage.let_go("dirty", "after")
            assert await after.result(10) == "after"
            assert stage.peak == 1
            await cluster.until_queue("mail", waiting=0, running=0)

    play(scene)


def test_what_a_closed_session_says_of_a_stopped_effect_is_not_heard() -> None:
    async def scene() -> None:
        stage = new_stage()
        async with embedded(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.worker()
            ref = await cluster.client.start("job", "mail", id="dirty")
            await stage.until(lambda: stage.begun == ["dirty"])
            await ref.terminate()
            await stage.until(lambda: stage.cleaned == ["dirty"])
            (session,) = cluster.runtime._engine.dispatcher.sessions
            (dispatch_id,) = session.stopping
            await session.close()
            await session.answer([EffectReturned(dispatch_id, has_begun=True)])
            await cluster.until_queue("mail", waiting=0, running=0)
            await stage.let_go("dirty")

    play(scene)


# --- workers that leave --------------------------------------------------------------------------------------------


async def leaving(cluster: Cluster, stage: Stage, **options: Any) -> asyncio.Task[None]:
    """A worker that has begun one effect, `a`, and then is told to stop."""
    worker, serving = await cluster.stoppable_worker(**options)
    await cluster.client.start("job", "mail", id="a")
    await stage.until(lambda: stage.begun == ["a"])
    worker.stop()
    async with asyncio.timeout(10):
        while not cluster.runtime._engine.dispatcher.sessions[0].is_draining:
            await asyncio.sleep(0)
    return serving


@in_both_worlds
def test_a_worker_that_stops_finishes_what_it_runs_and_takes_nothing_new(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            serving = await leaving(cluster, stage)
            late = await cluster.client.start("job", "mail", id="late")
            await cluster.worker()
            await stage.until(lambda: stage.begun == ["a", "late"])
            assert [len(session.jobs) for session in cluster.runtime._engine.dispatcher.sessions] == [1, 1]
            await stage.let_go()
            await asyncio.wait_for(serving, 10)
            assert [await cluster.client.get("a").result(10), await late.result(10)] == ["a", "late"]
            assert stage.begun == ["a", "late"], "and nothing was attempted twice"

    play(scene)


@in_both_worlds
def test_what_a_stopping_worker_does_not_finish_in_time_goes_to_another(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            serving = await leaving(cluster, stage, drain=0.01)
            await asyncio.wait_for(serving, 10)
            assert stage.running.total() == 0
            await cluster.until_queue("mail", waiting=1, running=0)
            await cluster.worker()
            await stage.let_go()
            assert await cluster.client.get("a").result(10) == "a"
            assert [effect.attempt for effect in stage.attempts] == [1, 1]

    play(scene)


@in_both_worlds
def test_rule_19_what_a_stopping_worker_never_began_is_begun_elsewhere(world: World) -> None:
    """The order and the word that the worker leaves cross each other: the runtime cannot know that it was not begun."""

    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            worker, serving = await cluster.stoppable_worker()
            dispatcher = cluster.runtime._engine.dispatcher
            (session,) = dispatcher.sessions
            answered, said, crossing = session.answer, asyncio.Event(), asyncio.Event()

            async def late(batch: list[Any]) -> None:
                if any(type(word).__name__ == "Draining" for word in batch):
                    said.set()
                    await crossing.wait()
                await answered(batch)

            session.answer = late
            await cluster.client.set_queue("mail", concurrency=0)
            ref = await cluster.client.start("once", "mail", id="crossing")
            await cluster.until_queue("mail", waiting=1, running=0)
            worker.stop()
            await asyncio.wait_for(said.wait(), 10)
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.until_queue("mail", waiting=0, running=1)
            crossing.set()
            await asyncio.wait_for(serving, 10)
            await cluster.until_queue("mail", waiting=1, running=0)
            assert stage.begun == []
            await stage.let_go()
            await cluster.worker()
            assert await ref.result(10) == "crossing"

    play(scene)


@in_both_worlds
def test_rule_19_what_a_stopping_worker_began_and_did_not_finish_is_not_known(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            worker, serving = await cluster.stoppable_worker(drain=0.01)
            ref = await cluster.client.start("once", "mail", id="o")
            await stage.until(lambda: stage.begun == ["o"])
            worker.stop()
            await asyncio.wait_for(serving, 10)
            await cluster.worker()
            with pytest.raises(ProcessFailed, match="EffectUnknown"):
                await ref.result(10)
            assert stage.begun == ["o"]

    play(scene)
