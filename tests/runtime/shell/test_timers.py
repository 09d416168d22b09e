"""Rule 13, the shell's part: nothing rings early, and whatever is due rings."""

from __future__ import annotations

import asyncio

from slct_runtime._engine import wall_clock_ms
from slct_runtime._timers import Timers


def test_deadlines_ring_in_order_and_never_early() -> None:
    async def scene() -> None:
        rung: list[tuple[str, int]] = []
        everything = asyncio.Event()

        def fire(process_ids: list[str]) -> None:
            rung.extend((process_id, wall_clock_ms()) for process_id in process_ids)
            if len(rung) == len(due):
                everything.set()

        timers = Timers(wall_clock_ms, fire)
        start = wall_clock_ms()
        due = {"late": start + 60, "soon": start + 20, "past": start - 5}
        for name, due_ms in due.items():
            timers.add(due_ms, name)
        await asyncio.wait_for(everything.wait(), 5)
        assert [name for name, _ in rung] == ["past", "soon", "late"]
        assert all(at >= due[name] for name, at in rung)
        timers.stop()

    asyncio.run(scene())


def test_an_earlier_deadline_of_a_process_replaces_the_later_one() -> None:
    async def scene() -> None:
        now = [1000]
        rung: list[str] = []
        timers = Timers(lambda: now[0], rung.extend)
        timers.add(5000, "a")
        timers.add(3000, "a")
        now[0] = 10_000
        timers._ring()
        assert rung == ["a"]
        timers.stop()

    asyncio.run(scene())
