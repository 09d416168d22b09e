"""Queues of effects (rule 18): their limits hold whatever workers and runtimes come and go."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from runtime_client import InvalidValue, ProcessFailed, ProcessRef, Rate
from slct_runtime._beginnings import NOTE_MS_MAX
from slct_runtime._engine import wall_clock_ms

from .effect_programs import new_stage
from .effect_worlds import Clock, Cluster, Disk, World, die, embedded, in_both_worlds, play


async def jobs(cluster: Cluster, queue: str, *names: str, priority: int = 0) -> list[ProcessRef]:
    started = []
    for name in names:
        started.append(await cluster.client.start("job", queue, priority, id=name))
        began_ms = wall_clock_ms()
        while wall_clock_ms() == began_ms:
            await asyncio.sleep(0)  # requests of one moment have no order that a restart would keep
    return started


NAMES = ("a", "b", "c", "d", "e", "f")


@in_both_worlds
def test_rule_18_a_queue_runs_no_more_at_once_than_its_concurrency(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=2)
            await cluster.worker()
            await cluster.worker()
            refs = await jobs(cluster, "mail", *NAMES)
            await cluster.until_queue("mail", waiting=4, running=2)
            assert stage.running.total() == 2
            await stage.let_go("a")
            await stage.until(lambda: sorted(stage.begun) == ["a", "b", "c"])
            await stage.let_go()
            assert [await ref.result(10) for ref in refs] == list(NAMES)
            assert stage.peak == 2
            await cluster.until_queue("mail", waiting=0, running=0)

    play(scene)


@in_both_worlds
def test_rule_18_a_worker_runs_no_more_at_once_than_its_share(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.client.set_queue("mail", worker_concurrency=1)
            await cluster.worker()
            refs = await jobs(cluster, "mail", *NAMES)
            await cluster.until_queue("mail", waiting=5, running=1)
            await cluster.worker()
            await cluster.until_queue("mail", waiting=4, running=2)
            sessions = cluster.runtime._engine.dispatcher.sessions
            assert [session.running["mail"] for session in sessions] == [1, 1]
            await stage.until(lambda: stage.running.total() == 2)
            await stage.let_go()
            assert [await ref.result(10) for ref in refs] == list(NAMES)
            assert stage.peak == 2

    play(scene)


@in_both_worlds
def test_rule_18_the_lowest_priority_goes_first_and_then_the_oldest(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=0)
            await cluster.worker()
            refs = []
            for name, priority in (("late", 5), ("first", 0), ("second", 0), ("urgent", -1)):
                refs += await jobs(cluster, "mail", name, priority=priority)
            await cluster.until_queue("mail", waiting=4, running=0)
            await stage.let_go()
            await cluster.client.set_queue("mail", concurrency=1)
            for ref in refs:
                await ref.result(10)
            assert stage.begun == ["urgent", "first", "second", "late"]

    play(scene)


@in_both_worlds
def test_rule_18_other_queues_pass_by_one_that_is_full(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.worker()
            await jobs(cluster, "mail", "a", "b")
            await stage.until(lambda: stage.begun == ["a"])
            (other,) = await jobs(cluster, "default", "other")
            await stage.let_go("other")
            assert await other.result(10) == "other"
            assert stage.begun == ["a", "other"]

    play(scene)


@in_both_worlds
def test_rule_18_a_worker_takes_from_its_own_queues_only(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await stage.let_go()
            await cluster.worker(queues=["default"])
            refs = await jobs(cluster, "gpu", "a", "b")
            await cluster.until_queue("gpu", waiting=2, running=0)
            (plain,) = await jobs(cluster, "default", "plain")
            assert await plain.result(10) == "plain"
            queue = await cluster.queue("gpu")
            assert queue is not None and (queue.waiting_count, queue.worker_count) == (2, 0)
            await cluster.worker(queues=["gpu"])
            assert [await ref.result(10) for ref in refs] == ["a", "b"]
            assert stage.begun == ["plain", "a", "b"]

    play(scene)


@in_both_worlds
def test_rule_18_limits_and_what_waits_survive_the_runtime(world: World) -> None:
    async def scene() -> None:
        disk, stage = Disk(), new_stage()
        async with world(disk) as cluster:
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.worker()
            await jobs(cluster, "mail", *reversed(NAMES))
            await cluster.until_queue("mail", waiting=5, running=1)
        assert stage.begun == ["f"]
        async with world(disk) as cluster:
            await cluster.until_queue("mail", waiting=6, running=0)
            await cluster.worker()
            await cluster.worker()
            await cluster.until_queue("mail", waiting=5, running=1)
            await stage.let_go()
            assert [await cluster.client.get(name).result(10) for name in NAMES] == list(NAMES)
        assert stage.begun == ["f", *reversed(NAMES)], "in the order in which they were requested"
        assert stage.peak == 1

    play(scene)


@in_both_worlds
def test_rule_18_a_worker_that_dies_leaves_its_places_to_others(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=2)
            victim = await cluster.worker()
            refs = await jobs(cluster, "mail", *NAMES)
            await cluster.until_queue("mail", waiting=4, running=2)
            await cluster.worker()
            await die(victim)
            await stage.until(lambda: stage.begun == ["a", "b", "a", "b"])
            await cluster.until_queue("mail", waiting=4, running=2)
            await stage.let_go()
            assert [await ref.result(10) for ref in refs] == list(NAMES)
            assert stage.peak == 2

    play(scene)


@in_both_worlds
def test_rule_18_an_attempt_that_outlives_its_connection_is_not_counted_and_the_next_one_once(world: World) -> None:
    """It cleans up, or is in a thread that heeds nothing, while the runtime has given the effect to another worker."""

    async def scene() -> None:
        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.worker(queues=["mail"])
            (first,) = await jobs(cluster, "mail", "dirty")
            await stage.until(lambda: stage.begun == ["dirty"])
            (second,) = await jobs(cluster, "mail", "second")
            await cluster.worker()
            dispatcher = cluster.runtime._engine.dispatcher
            dispatcher.disconnect(dispatcher.sessions[0])
            await stage.until(lambda: stage.begun == ["dirty", "dirty"] and stage.cleaned == ["dirty"])
            assert stage.running.total() == 2, "one goes on that nobody counts"
            await cluster.until_queue("mail", waiting=1, running=1)
            await stage.let_go("dirty")  # both end: the one that is counted gives its place back, once
            await stage.until(lambda: stage.begun == ["dirty", "dirty", "second"])
            await cluster.until_queue("mail", waiting=0, running=1)
            await stage.let_go("second")
            assert [await ref.result(10) for ref in (first, second)] == ["dirty", "second"]
            await cluster.until_queue("mail", waiting=0, running=0)

    play(scene)


@in_both_worlds
@pytest.mark.parametrize("how", ["terminate", "select"])
def test_rule_20_who_is_cancelled_leaves_the_queue(world: World, how: str) -> None:
    async def scene() -> None:
        async def cancel(ref: ProcessRef) -> None:
            await (ref.terminate() if how == "terminate" else ref.send("enough", "now"))

        stage = new_stage()
        async with world(Disk()) as cluster:
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.worker()
            running, waiting, last = await jobs(cluster, "mail", "running", "waiting", "last")
            await cluster.until_queue("mail", waiting=2, running=1)
            await cancel(waiting)
            await cluster.until_queue("mail", waiting=1, running=1)
            await cancel(running)
            await stage.until(lambda: stage.begun == ["running", "last"])
            await stage.let_go()
            assert await last.result(10) == "last"
            assert stage.running.total() == 0

    play(scene)


@in_both_worlds
def test_rule_19_what_waited_when_the_runtime_ended_has_not_begun(world: World) -> None:
    async def scene() -> None:
        disk, stage = Disk(), new_stage()
        async with world(disk) as cluster:
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.worker()
            await cluster.client.start("once", "mail", id="begun")
            await cluster.until_queue("mail", waiting=0, running=1)
            await stage.until(lambda: stage.begun == ["begun"])
            await cluster.client.start("once", "mail", id="waiting")
            await cluster.until_queue("mail", waiting=1, running=1)
        async with world(disk) as cluster:
            await stage.let_go()
            await cluster.worker()
            assert await cluster.client.get("waiting").result(10) == "waiting"
            with pytest.raises(ProcessFailed, match="EffectUnknown"):
                await cluster.client.get("begun").result(10)
        assert stage.begun == ["begun", "waiting"]

    play(scene)


HOUR = Rate(2, per=timedelta(hours=1))


@in_both_worlds
def test_rule_18_no_more_begin_in_a_time_than_the_rate_allows(world: World) -> None:
    async def scene() -> None:
        stage, clock = new_stage(), Clock()
        await stage.let_go()
        async with world(Disk(), clock) as cluster:
            await cluster.client.set_queue("mail", rate=HOUR)
            await cluster.worker()
            await cluster.worker()
            refs = [await cluster.client.start("job", "mail", id=name) for name in NAMES]
            assert [await ref.result(10) for ref in refs[:2]] == ["a", "b"]
            await cluster.until_queue("mail", waiting=4, running=0)
            clock.now += 3_600_000 - 1
            await cluster.client.set_queue("mail", rate=HOUR)  # whatever happens, the queue is looked at
            await cluster.until_queue("mail", waiting=4, running=0)
            clock.now += 1
            await cluster.client.set_queue("mail", rate=HOUR)
            assert [await ref.result(10) for ref in refs[2:4]] == ["c", "d"]
            await cluster.until_queue("mail", waiting=2, running=0)
            assert sorted(stage.begun) == ["a", "b", "c", "d"]

    play(scene)


@in_both_worlds
def test_rule_18_a_rate_counts_what_began_under_the_runtime_before(world: World) -> None:
    async def scene() -> None:
        disk, stage, clock = Disk(), new_stage(), Clock()
        await stage.let_go()
        async with world(disk, clock) as cluster:
            await cluster.client.set_queue("mail", rate=HOUR)
            await cluster.worker()
            refs = [await cluster.client.start("job", "mail", id=name) for name in NAMES]
            for ref in refs[:2]:
                await ref.result(10)
        clock.now += 3_599_000
        async with world(disk, clock) as cluster:
            await cluster.worker()
            await cluster.until_queue("mail", waiting=4, running=0)
            clock.now += 1_000 + NOTE_MS_MAX  # when they began is known to a second
            await cluster.client.set_queue("mail", rate=HOUR)
            for name in ("c", "d"):
                await cluster.client.get(name).result(10)
            await cluster.until_queue("mail", waiting=2, running=0)
            assert stage.begun == ["a", "b", "c", "d"]

    play(scene)


@in_both_worlds
def test_rule_18_a_workers_rate_is_its_own(world: World) -> None:
    async def scene() -> None:
        stage, clock = new_stage(), Clock()
        await stage.let_go()
        async with world(Disk(), clock) as cluster:
            await cluster.client.set_queue("mail", worker_rate=Rate(1, per=60))
            await cluster.worker()
            refs = [await cluster.client.start("job", "mail", id=name) for name in NAMES]
            await refs[0].result(10)
            await cluster.until_queue("mail", waiting=5, running=0)
            await cluster.worker()
            await refs[1].result(10)
            await cluster.until_queue("mail", waiting=4, running=0)
            clock.now += 60_000
            await cluster.client.set_queue("mail", worker_rate=Rate(1, per=60))
            await refs[3].result(10)
            await cluster.until_queue("mail", waiting=2, running=0)

    play(scene)


@in_both_worlds
def test_rule_18_a_queue_goes_on_by_itself_when_its_rate_allows(world: World) -> None:
    async def scene() -> None:
        stage = new_stage()
        await stage.let_go()
        async with world(Disk()) as cluster:
            queues, began_ms = cluster.runtime._engine.dispatcher.queues, []
            begin = queues.begin
            queues.begin = lambda job, now_ms: began_ms.append(now_ms) or begin(job, now_ms)
            await cluster.client.set_queue("mail", rate=Rate(2, per=0.05))
            await cluster.worker()
            for ref in [await cluster.client.start("job", "mail", id=name) for name in NAMES]:
                await ref.result(10)
            assert [late - early >= 50 for early, late in zip(began_ms, began_ms[2:], strict=False)] == [True] * 4

    play(scene)


@in_both_worlds
def test_rule_19_with_a_rate_an_effect_is_begun_once(world: World) -> None:
    async def scene() -> None:
        disk, stage, clock = Disk(), new_stage(), Clock()
        async with world(disk, clock) as cluster:
            await cluster.client.set_queue("mail", rate=HOUR)
            await cluster.worker()
            refs = [await cluster.client.start("once", "mail", id=name) for name in ("a", "b", "c")]
            await cluster.until_queue("mail", waiting=1, running=2)
            await stage.until(lambda: len(stage.begun) == 2)
            await stage.let_go()
            assert [await ref.result(10) for ref in refs[:2]] == ["a", "b"]
            assert sorted(stage.begun) == ["a", "b"]

    play(scene)


@in_both_worlds
@pytest.mark.parametrize(
    "limits",
    [{"concurrency": -1}, {"worker_concurrency": 0}, {"rate": Rate(0)}, {"worker_rate": Rate(1, per=-1)}],
)
def test_limits_that_are_none_are_refused(world: World, limits: dict[str, Any]) -> None:
    async def scene() -> None:
        async with world(Disk()) as cluster:
            with pytest.raises(InvalidValue, match=f"{next(iter(limits))} of queue 'mail' is"):
                await cluster.client.set_queue("mail", **limits)
            with pytest.raises(InvalidValue, match="printable"):
                await cluster.client.set_queue("")
            assert list(await cluster.client.queues()) == []

    play(scene)


def test_a_queue_without_limits_is_forgotten_when_it_is_empty() -> None:
    async def scene() -> None:
        disk, stage = Disk(), new_stage()
        async with embedded(disk) as cluster:
            await cluster.client.set_queue("mail", concurrency=1)
            await cluster.worker()
            await stage.let_go()
            for ref in await jobs(cluster, "mail", "a", "b"):
                await ref.result(10)
            assert disk.queues() != []
            await cluster.client.set_queue("mail")
            assert disk.queues() == []
            for ref in await jobs(cluster, "mail", "c"):
                await ref.result(10)
            assert list(await cluster.client.queues()) == []

    play(scene)
