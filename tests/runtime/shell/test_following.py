"""What follows an effect is run by its worker before it is asked to; it counts when the core has asked for that very transition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runtime_client import Channel, Client, Definitions, Process, Step, Worker, current_effect, now
from slct_runtime._dispatcher import Session
from slct_runtime.runtime import Runtime
from slct_runtime.store import MemoryStore
from slct_runtime.wire.work import EffectAnswer, FromWorker, RunTransition, ToWorker, TransitionAnswer

from .effect_worlds import Clock

_here: list[Any] = []
"""The client and the clock of the running test."""


async def add_one(value: int) -> int:
    return value + 1


async def tell(process_id: str) -> None:
    """A message is accepted while the effect runs."""
    await _here[0].get(process_id).send("marks", "told")


async def let_pass(ms: int) -> None:
    _here[1].now += ms


class Steps(Process):
    """Effects one after the other."""

    def Main_Start(self, p: Step, goal: int) -> None:
        self.goal = goal
        p.call(add_one, 0).to(self.Main_Next)

    def Main_Next(self, p: Step, value: int) -> int | None:
        if value == self.goal:
            return value
        p.call(add_one, value).to(self.Main_Next)
        return None


class Told(Process):
    """How many messages are there after an effect that has sent one."""

    marks = Channel[str](4)

    def Main_Start(self, p: Step) -> None:
        p.call(tell, self.id).to(self.Main_Told)

    def Main_Told(self, p: Step, result: None) -> int:
        return len(self.marks)


class Clocked(Process):
    """The time after an effect that took five seconds."""

    def Main_Start(self, p: Step) -> None:
        p.call(let_pass, 5_000).to(self.Main_Passed)

    def Main_Passed(self, p: Step, result: None) -> float:
        return now().timestamp()


class Careless(Process):
    """Durable code after an effect is no part of that effect."""

    def Main_Start(self, p: Step) -> None:
        p.call(add_one, 1).to(self.Main_Done)

    def Main_Done(self, p: Step, result: int) -> str:
        try:
            current_effect()
        except RuntimeError:
            return "outside"
        return "inside"


class Either(Process):
    """An effect, or a message."""

    enough = Channel[str]()

    def Main_Start(self, p: Step) -> None:
        p.call(add_one, 1).to(self.Main_Done)
        p.recv(self.enough).to(self.Main_Enough)

    def Main_Done(self, p: Step, result: int) -> str:
        return "done"

    def Main_Enough(self, p: Step, word: str) -> str:
        return word


defs = Definitions(
    {"steps": Steps, "told": Told, "clocked": Clocked, "careless": Careless, "either": Either}, modules=(__name__,)
)


@pytest.fixture(autouse=True)
def _far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers here take the runtime for one behind a network."""
    monkeypatch.setattr(Runtime, "is_near", False)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[RunTransition]:
    """The transitions that workers were given."""
    orders: list[RunTransition] = []
    take = Session.take

    async def noting(session: Session) -> list[ToWorker]:
        batch = await take(session)
        orders.extend(order for order in batch if isinstance(order, RunTransition))
        return batch

    monkeypatch.setattr(Session, "take", noting)
    return orders


Change = Callable[[list[FromWorker]], list[FromWorker]]


def change_answers(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """What workers say goes through `change` first."""
    answer = Session.answer

    async def changed(session: Session, batch: list[FromWorker]) -> None:
        await answer(session, change(batch))

    monkeypatch.setattr(Session, "answer", changed)


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


def outcome(definition: str, *arguments: Any, process_id: str | None = None) -> Any:
    """What a process of it comes to, with one worker."""

    async def scene() -> Any:
        async with asyncio.timeout(30):
            clock = Clock()
            runtime = await Runtime.open(MemoryStore(), now_ms=clock)
            try:
                client = Client(runtime, defs)
                _here[:] = [client, clock]
                async with working(runtime):
                    return await (await client.start(definition, *arguments, id=process_id)).result(20)
            finally:
                await runtime.aclose()

    return asyncio.run(scene())


def test_what_follows_effects_is_not_asked_for(given: list[RunTransition]) -> None:
    assert outcome("steps", 20) == 20
    assert len(given) == 1  # the first


def test_nothing_follows_unasked_within_one_os_process(
    given: list[RunTransition], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runtime, "is_near", True)
    assert outcome("steps", 20) == 20
    assert len(given) == 21


def test_a_message_that_came_meanwhile_is_seen(given: list[RunTransition]) -> None:
    assert outcome("told") == 1
    assert len(given) == 2


def test_rule_13_the_time_after_an_effect_is_that_at_which_it_has_ended(given: list[RunTransition]) -> None:
    assert outcome("clocked") == 1_005
    assert len(given) == 2


def test_what_follows_an_effect_is_outside_of_it() -> None:
    assert outcome("careless") == "outside"


def test_what_follows_another_result_does_not_count(
    given: list[RunTransition], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime ends an effect otherwise than its worker did: what has followed is forgotten, and so is what the worker holds."""

    def other_results(batch: list[FromWorker]) -> list[FromWorker]:
        return [_unfollowed(word) if isinstance(word, EffectAnswer) and word.result == "3" else word for word in batch]

    change_answers(monkeypatch, other_results)
    assert outcome("steps", 6) == 6
    assert [order.document is None for order in given] == [False, False]


def _unfollowed(word: EffectAnswer) -> EffectAnswer:
    return EffectAnswer(word.dispatch_id, word.result, None)


def test_what_a_worker_holds_is_not_relied_on_while_something_may_follow(
    given: list[RunTransition], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has run what follows, but a message is there before its answer: that wins, and is given with the document."""
    answer = Session.answer

    async def late(session: Session, batch: list[FromWorker]) -> None:
        if any(isinstance(word, EffectAnswer) for word in batch):
            await _here[0].get("e").send("enough", "enough", wait=True)
        await answer(session, batch)

    monkeypatch.setattr(Session, "answer", late)
    assert outcome("either", process_id="e") == "enough"
    assert [order.document is None for order in given] == [False, False]


def test_a_worker_that_dies_between_both_answers_loses_only_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []
    has_lost: list[asyncio.Event] = []

    def without_the_second(batch: list[FromWorker]) -> list[FromWorker]:
        seen.extend(word.result for word in batch if isinstance(word, EffectAnswer))
        if seen[-1:] == ["3"] and not has_lost[0].is_set():
            has_lost[0].set()
            return [word for word in batch if not isinstance(word, TransitionAnswer)]
        return batch

    change_answers(monkeypatch, without_the_second)

    async def scene() -> None:
        async with asyncio.timeout(30):
            has_lost.append(asyncio.Event())
            runtime = await Runtime.open(MemoryStore())
            try:
                async with working(runtime):
                    ref = await Client(runtime, defs).start("steps", 6)
                    await has_lost[0].wait()
                async with working(runtime):
                    assert await ref.result(20) == 6
            finally:
                await runtime.aclose()

    asyncio.run(scene())
    assert seen == ["1", "2", "3", "4", "5", "6"]
