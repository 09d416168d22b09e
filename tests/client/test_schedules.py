"""Schedules: processes started by the clock, once per time, whatever the clock and the runtime do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runtime_client import (
    Channel,
    Client,
    Definitions,
    Frame,
    NotFound,
    Process,
    Schedule,
    ScheduleSpec,
    State,
    Worker,
    recv,
)
from runtime_client.testing import Simulation
from slct_runtime.runtime import Runtime
from slct_runtime.settings import Settings
from slct_runtime.store import MemoryStore


class Report(Process):
    """Ends when it is told to; fails if that is `fail`. In compiled shape, so that no compiler is needed."""

    done = Channel[str]()
    kind: str = ""

    class MainFrame(Frame):
        FUNCTION = "Report.main"
        SOURCE = "test_schedules.py"
        STATES = {"Main_Start": State(1), "Main_Recv": State(2, live=())}
        kind: str

    def main(self, kind: str) -> Frame:
        return Report.MainFrame(self, kind=kind)

    def Main_Start(self, f: Any) -> Any:
        self.kind = f.kind
        return f.suspend(recv(self.done), then=self.Main_Recv)

    def Main_Recv(self, f: Any) -> Any:
        if f.resume() == "fail":
            raise TimeoutError("on purpose")
        return f.finish(self.kind)


defs = Definitions({"report": Report})


def spec(cron: str, **policies: Any) -> ScheduleSpec:
    return ScheduleSpec(cron, "report", ["daily"], **policies)


async def scheduled(sim: Simulation, given: ScheduleSpec) -> Any:
    return await sim.start(Schedule, given, id="s")


def runs(sim: Simulation) -> list[str]:
    return [process_id.removeprefix("s-") for process_id in sim._processes if process_id != "s"]


# --- times ------------------------------------------------------------------------------------------------------------


def test_one_process_for_each_time() -> None:
    async def scene() -> None:
        for crash in (None, 1, 2):
            sim = Simulation(defs, crash=crash)  # begins at midnight
            await scheduled(sim, spec("30 6 * * *"))
            await sim.advance(timedelta(days=3))
            assert runs(sim) == ["20300101T063000Z", "20300102T063000Z", "20300103T063000Z"]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("cron", "start", "expected"),
    [
        # Clocks go forward at 2:00 on 31 March 2030: 2:30 is not there, and the job runs right after the gap.
        ("30 2 * * *", datetime(2030, 3, 30, 12, tzinfo=UTC), ["20300331T010000Z", "20300401T003000Z"]),
        # Clocks go back at 3:00 on 27 October 2030: 2:30 is there twice, and the job runs once.
        ("30 2 * * *", datetime(2030, 10, 26, 12, tzinfo=UTC), ["20301027T003000Z", "20301028T013000Z"]),
    ],
)
def test_daylight_saving(cron: str, start: datetime, expected: list[str]) -> None:
    async def scene() -> None:
        sim = Simulation(defs, now=start)
        await scheduled(sim, spec(cron, timezone="Europe/Stockholm"))
        await sim.advance(timedelta(days=2))
        assert runs(sim) == expected

    asyncio.run(scene())


# --- policies ---------------------------------------------------------------------------------------------------------


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ms = round(datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1000)

    def __call__(self) -> int:
        return self.now_ms


class Disk(MemoryStore):
    """Outlives its runtimes."""

    def close(self) -> None:
        pass


async def runs_after_a_pause(given: ScheduleSpec, pause: timedelta, count: int) -> list[str]:
    """What is started when nothing has served the schedule for a while; waits until it is as many."""
    disk, clock = Disk(), Clock()
    for wanted in (0, count):
        runtime = await Runtime.open(disk, settings=Settings(), now_ms=clock)
        worker = Worker(runtime, defs)
        serving = asyncio.create_task(worker.run())
        await worker.connected.wait()
        async with Client(runtime, defs) as client:
            ref = await client.start(Schedule, given, id="s")
            async for event in ref.watch():
                info = await ref.describe()
                if event.kind == "transition" or info.fields.get("next_time"):
                    break
            while (due_ms := (await ref.describe()).info.due_ms) is None or due_ms <= clock.now_ms:
                await asyncio.sleep(0)
            ids: set[str] = set()
            async with asyncio.timeout(20):
                while len(ids) < wanted:
                    ids = {p.process_id async for p in client.list(definition="report")}
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await runtime.aclose()
        clock.now_ms += round(pause.total_seconds() * 1000)
    return sorted(process_id.removeprefix("s-") for process_id in ids)


@pytest.mark.parametrize(
    ("catch_up", "hours", "expected"),
    [
        ("last", 5, ["20300101T050000Z"]),
        ("all", 3, ["20300101T010000Z", "20300101T020000Z", "20300101T030000Z"]),
        ("none", 3, ["20300101T030000Z"]),  # the last one is just due: within the grace
        ("last", 250, ["20300111T100000Z"]),
    ],
)
def test_times_that_were_missed(catch_up: Any, hours: int, expected: list[str]) -> None:
    assert (
        asyncio.run(runs_after_a_pause(spec("0 * * * *", catch_up=catch_up), timedelta(hours=hours), len(expected)))
        == expected
    )


def test_all_of_many_missed_times() -> None:
    started = asyncio.run(runs_after_a_pause(spec("0 * * * *", catch_up="all"), timedelta(hours=250), 250))
    assert len(started) == 250


def test_none_of_those_missed_long_ago() -> None:
    assert asyncio.run(runs_after_a_pause(spec("0 * * * *", catch_up="none"), timedelta(hours=3, minutes=30), 0)) == []


def test_overlapping_runs_may_be_skipped() -> None:
    async def scene() -> None:
        sim = Simulation(defs)
        ref = await scheduled(sim, spec("0 * * * *", overlap="skip"))
        await sim.advance(timedelta(hours=3))
        assert runs(sim) == ["20300101T010000Z"]
        for end in ("done", "fail"):  # how a run ends is its own business
            await (await sim.start("report", "daily", id="s-" + runs(sim)[-1])).send("done", end)
            await sim.advance(timedelta(hours=1))
        assert runs(sim) == ["20300101T010000Z", "20300101T040000Z", "20300101T050000Z"]
        assert ref.status == "running"

    asyncio.run(scene())


# --- while it runs ----------------------------------------------------------------------------------------------------


def test_pause_resume_run_change_cancel() -> None:
    async def scene() -> None:
        sim = Simulation(defs)
        ref = await scheduled(sim, spec("0 * * * *"))
        await ref.send("control", "pause")
        await sim.advance(timedelta(hours=1, minutes=30))
        assert runs(sim) == []
        await ref.send("control", "run")
        await ref.send("control", "resume")
        await sim.advance(timedelta(hours=1))
        assert runs(sim) == ["20300101T013000Z", "20300101T020000Z"]
        await ref.send("change", spec("45 * * * *"))
        await sim.advance(timedelta(hours=1))
        assert runs(sim)[2:] == ["20300101T024500Z"]
        await ref.cancel()
        await sim.advance(timedelta(days=1))
        assert (len(runs(sim)), ref.status) == (3, "cancelled")

    asyncio.run(scene())


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cron": "every day"}, "'every day' is no cron expression"),
        ({"cron": "61 * * * *"}, "'61 \\* \\* \\* \\*' is no cron expression: bad minute"),
        ({"cron": "0 0 30 2 *"}, "'0 0 30 2 \\*' is no cron expression: bad day-of-month"),
        ({"timezone": "Europe/Atlantis"}, "'Europe/Atlantis' is no time zone"),
        ({"timezone": "../etc"}, "'../etc' is no time zone"),
        ({"catch_up": "some"}, "catch_up is one of last, all, none, got 'some'"),
        ({"overlap": "some"}, "overlap is one of allow, skip, got 'some'"),
    ],
)
def test_bad_specs(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScheduleSpec(**{"cron": "* * * * *", "definition": "report", **given})


def test_a_client_asks_for_a_definition_that_is_there() -> None:
    async def scene() -> None:
        async with Client.embedded("memory:", defs) as client:
            with pytest.raises(NotFound, match="no definition 'reports' is deployed") as caught:
                await client.schedule("0 * * * *", "reports", "daily")
            assert "deployed definitions: report" in str(caught.value)
            ref = await client.schedule(
                "0 * * * *", Report, "daily", id="hourly", timezone="Asia/Tokyo", labels={"a": "b"}
            )
            info = (await ref.describe()).info
            assert (info.process_id, info.definition, info.labels) == ("hourly", "slct.schedule", {"a": "b"})
            again = await client.schedule("0 * * * *", Report, "daily", id="hourly", timezone="Asia/Tokyo")
            assert again.id == "hourly"

    asyncio.run(scene())
