"""What a worker does when something of its own goes wrong, or is stopped in between: nothing is lost, and nothing is kept silent."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from runtime_client import Client, Worker, _worker
from runtime_client._worker import _Serving
from slct_runtime.core.commands import EffectRequest
from slct_runtime.runtime import Runtime
from slct_runtime.store import MemoryStore
from slct_runtime.wire.work import CancelEffectRun, EffectAnswer, EffectReturned, FromWorker, RunEffect, ToWorker

from .effect_programs import act, defs, new_stage
from .shell_programs import defs as shell_defs


def test_a_fault_of_the_worker_is_logged_and_it_connects_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    carry_out, pauses, faults = _Serving._carry_out, list[float](), [ZeroDivisionError("planted")] * 3

    def broken(serving: _Serving, order: ToWorker, answers: list[FromWorker]) -> None:
        if faults:
            raise faults.pop()
        carry_out(serving, order, answers)

    async def pause(worker: Worker, seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(_Serving, "_carry_out", broken)
    monkeypatch.setattr(Worker, "_pause", pause)

    async def scene() -> None:
        runtime = await Runtime.open(MemoryStore())
        worker = Worker(runtime, shell_defs)
        serving = asyncio.create_task(worker.run())
        client = Client(runtime, shell_defs)
        async with asyncio.timeout(20):
            await worker.connected.wait()
            ref = await client.start("watch")
            await ref.send("numbers", 0)
            await ref.result()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await runtime.aclose()

    with caplog.at_level(logging.ERROR, "slct.worker"):
        asyncio.run(scene())
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError] * 3
    assert pauses == [_worker.RECONNECT_DELAY_S_MAX] * 3


class Said:
    """A session that keeps what it is told."""

    def __init__(self) -> None:
        self.words: list[FromWorker] = []

    async def answer(self, batch: list[FromWorker]) -> None:
        self.words += batch


def order(dispatch_id: int, name: str) -> RunEffect:
    function = defs.codec.resolver.function_name(act)
    return RunEffect(dispatch_id, "p", "job", "1", EffectRequest(dispatch_id, function, f'[["{name}"],{{}}]'), 1, None)


@pytest.mark.parametrize("turns", range(8))
def test_rule_20_how_an_effect_has_ended_is_said_whenever_it_is_cancelled(turns: int) -> None:
    """It ends, and is cancelled so many turns of the loop later. Another one runs on for long: nobody else would say it."""

    async def scene() -> list[FromWorker]:
        session: Any = Said()
        serving = _Serving(defs, session, asyncio.Event(), 0.0)
        stage = new_stage()
        for dispatch_id, name in ((1, "a"), (2, "b")):
            serving._carry_out(order(dispatch_id, name), [])
        running = serving._effects[1]
        await stage.until(lambda: len(stage.begun) == 2)
        await stage.let_go("a")
        for _ in range(turns):
            await asyncio.sleep(0)
        serving._carry_out(CancelEffectRun(1), [])
        await asyncio.gather(running, return_exceptions=True)
        said = list(session.words)
        for task in list(serving._effects.values()):
            task.cancel()
        await asyncio.gather(*serving._effects.values(), return_exceptions=True)
        return said

    said = asyncio.run(scene())
    assert [word.dispatch_id for word in said if isinstance(word, EffectAnswer | EffectReturned)] == [1]
