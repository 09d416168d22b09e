"""Transitions that are given to a worker before the one before them is answered: what waits for a loop travels together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runtime_client import Client, Worker
from runtime_client._worker import _Serving
from slct_runtime._dispatcher import Session
from slct_runtime.core.commands import START, Finished, Resumption, ResumptionKind
from slct_runtime.runtime import Runtime
from slct_runtime.store import MemoryStore
from slct_runtime.wire.work import FromWorker, RunTransition, ToWorker, TransitionAnswer, TransitionReturned

from .shell_programs import defs


@pytest.fixture(autouse=True)
def _far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers here take the runtime for one behind a network."""
    monkeypatch.setattr(Runtime, "is_near", False)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[list[ToWorker]]:
    """What workers have taken, by round trip; only those with transitions."""
    batches: list[list[ToWorker]] = []
    take = Session.take

    async def noting(session: Session) -> list[ToWorker]:
        batch = await take(session)
        if any(isinstance(order, RunTransition) for order in batch):
            batches.append(batch)
        return batch

    monkeypatch.setattr(Session, "take", noting)
    return batches


@asynccontextmanager
async def working(runtime: Runtime) -> AsyncIterator[None]:
    worker = Worker(runtime, defs)
    serving = asyncio.create_task(worker.run())
    await worker.connected.wait()
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def play(scene: Callable[[Runtime, Client], Any]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            runtime = await Runtime.open(MemoryStore())
            try:
                async with working(runtime):
                    pass  # the definitions are known
                await scene(runtime, Client(runtime, defs))
            finally:
                await runtime.aclose()

    asyncio.run(limited())


def test_messages_that_wait_cost_no_round_trip_each(taken: list[list[ToWorker]]) -> None:
    async def scene(runtime: Runtime, client: Client) -> None:
        ref = await client.start("sum", 300)
        await asyncio.gather(*(ref.send("numbers", 1) for _ in range(300)))
        async with working(runtime):
            assert await ref.result(20) == 300

    play(scene)
    assert len(taken) < 30


def test_nothing_is_given_ahead_within_one_os_process(
    taken: list[list[ToWorker]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runtime, "is_near", True)

    async def scene(runtime: Runtime, client: Client) -> None:
        ref = await client.start("sum", 20)
        await asyncio.gather(*(ref.send("numbers", 1) for _ in range(20)))
        async with working(runtime):
            assert await ref.result(20) == 20

    play(scene)
    assert not any(order.is_ahead for batch in taken for order in batch if isinstance(order, RunTransition))


def test_each_transition_is_counted_once(taken: list[list[ToWorker]]) -> None:
    """Messages come while others are being received, and workers die with what they were given ahead."""

    async def scene(runtime: Runtime, client: Client) -> None:
        ref = await client.start("sum", 400)
        for _ in range(4):
            await asyncio.gather(*(ref.send("numbers", 1) for _ in range(50)))
            async with working(runtime):
                await asyncio.gather(*(ref.send("numbers", 1) for _ in range(50)))
        async with working(runtime):
            assert await ref.result(20) == 400

    play(scene)
    assert any(order.is_ahead for batch in taken for order in batch if isinstance(order, RunTransition))


def test_what_was_given_ahead_is_given_again_if_it_was_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker may return whatever is ahead; nothing is lost by it, and nothing counts twice."""
    answer = Session.answer
    returned: list[int] = []

    async def refusing(session: Session, batch: list[FromWorker]) -> None:
        ahead = {order.dispatch_id for ahead in session.dispatcher._ahead.values() for order in ahead.orders}
        changed: list[FromWorker] = []
        for word in batch:
            if isinstance(word, TransitionAnswer) and word.dispatch_id in ahead:
                returned.append(word.dispatch_id)
                word = TransitionReturned(word.dispatch_id)
            changed.append(word)
        await answer(session, changed)

    monkeypatch.setattr(Session, "answer", refusing)

    async def scene(runtime: Runtime, client: Client) -> None:
        ref = await client.start("sum", 100)
        await asyncio.gather(*(ref.send("numbers", 1) for _ in range(100)))
        async with working(runtime):
            assert await ref.result(20) == 100

    play(scene)
    assert returned


def test_an_answer_that_nobody_asked_for_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was ahead is answered before what comes before it: it is forgotten, and done again in its turn."""
    answer = Session.answer
    early: list[int] = []

    async def backwards(session: Session, batch: list[FromWorker]) -> None:
        early.extend(word.dispatch_id for word in batch[1:] if isinstance(word, TransitionAnswer))
        await answer(session, batch[::-1])

    monkeypatch.setattr(Session, "answer", backwards)

    async def scene(runtime: Runtime, client: Client) -> None:
        ref = await client.start("sum", 100)
        await asyncio.gather(*(ref.send("numbers", 1) for _ in range(100)))
        async with working(runtime):
            assert await ref.result(20) == 100

    play(scene)
    assert early


@pytest.mark.parametrize("change", ["send", "close"])
def test_d10_what_runs_ahead_sees_what_was_acknowledged_before_it_was_asked_for(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something comes while a worker runs ahead of its answers: the transitions that the core asks for after that know of it."""
    answer = Session.answer
    running_ahead, acknowledged = asyncio.Event(), asyncio.Event()
    ahead_of: list[int] = []

    async def holding(session: Session, batch: list[FromWorker]) -> None:
        ahead = [order for one in session.dispatcher._ahead.values() for order in one.orders]
        if ahead and not ahead_of:
            ahead_of.append(ahead[0].seq)
            running_ahead.set()
            await acknowledged.wait()
        await answer(session, batch)

    monkeypatch.setattr(Session, "answer", holding)

    async def scene(runtime: Runtime, client: Client) -> None:
        ref = await client.start("looker", 20)
        await asyncio.gather(*(ref.send("numbers", 1) for _ in range(19)))
        async with working(runtime):
            await running_ahead.wait()
            await (ref.close("control") if change == "close" else ref.send("numbers", 1))
            acknowledged.set()
            if change == "close":
                await ref.send("numbers", 1)
            seen = await ref.result(20)
        # Transition number n, counted from the start of the process as number 0, receives value n - 1.
        first = ahead_of[0] - 1
        assert [closed for _, closed in seen[first:]] == [int(change == "close")] * (20 - first)
        if change == "send":
            assert [length for length, _ in seen[first:]] == list(range(19 - first, -1, -1))

    play(scene)


# --- the worker's side ---------------------------------------------------------------------------------------------


def order_of(dispatch_id: int, value: int | None, *, is_ahead: bool = False) -> RunTransition:
    """To process `p`, at its start or with a value that it receives, at the moment 1,000,000."""
    is_new = value is None
    return RunTransition(
        dispatch_id=dispatch_id,
        process_id="p",
        definition="watch",
        version="1",
        seq=dispatch_id,
        document="" if is_new else None,
        arguments="[[],{}]" if is_new else None,
        goroutine_id=1,
        resumption=START if is_new else Resumption(ResumptionKind.VALUE, 0, str(value)),
        now_ms=1_000_000,
        is_ahead=is_ahead,
    )


def carried_out(*orders: RunTransition, passed_s: float = 0.0) -> list[FromWorker]:
    """What a worker answers to orders of one batch, the last of which it comes to after so many seconds."""

    async def scene() -> list[FromWorker]:
        session: Any = None  # never asked for
        serving = _Serving(defs, session, asyncio.Event(), 0.0)
        answers: list[FromWorker] = []
        for order in orders:
            is_last = order is orders[-1]
            serving._taken_s = asyncio.get_running_loop().time() - (passed_s if is_last else 0.0)
            serving._carry_out(order, answers)
        return answers

    return asyncio.run(scene())


def test_a_worker_runs_nothing_ahead_of_what_it_did_not_run() -> None:
    assert carried_out(order_of(0, 1, is_ahead=True)) == [TransitionReturned(0)]


def test_a_worker_runs_nothing_ahead_before_it_has_seen_the_loop() -> None:
    *_, last = carried_out(order_of(0, None), order_of(1, 1, is_ahead=True))
    assert last == TransitionReturned(1)


def test_rule_13_what_is_run_ahead_has_the_time_at_which_it_is_run() -> None:
    """Those before it took five seconds: a `sleep` after it must not end five seconds early."""
    loop = order_of(0, None), order_of(1, 1), order_of(2, 1), order_of(3, 1, is_ahead=True)
    *_, last = carried_out(*loop, order_of(4, 0, is_ahead=True), passed_s=5.0)
    assert isinstance(last, TransitionAnswer) and isinstance(last.ending, Finished)
    assert last.ending.result is not None
    assert round(defs.codec.decode(last.ending.result).timestamp()) == 1_005
