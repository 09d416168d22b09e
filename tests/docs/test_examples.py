"""The examples do what they say: run directly, compiled in the simulation, and compiled on the embedded runtime."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runtime_client import Client, ProcessCancelled
from runtime_client.testing import Simulation

from chat_service import ChatService

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_S = 20
COUNTERS = [("counter", "Counter"), ("counter_by_hand", "CounterByHand")]

Load = Callable[[str], ModuleType]
Start = Callable[..., Coroutine[Any, Any, Any]]
Scenario = Callable[[Start], Coroutine[Any, Any, None]]
SimulatedScenario = Callable[[Start, Simulation], Coroutine[Any, Any, None]]


@pytest.fixture
def load_from() -> Iterator[Callable[[Path], Load]]:
    """Import modules from a directory; they are forgotten afterwards, so that the next directory has its turn."""
    path, modules = list(sys.path), set(sys.modules)

    def use(directory: Path) -> Load:
        sys.path.insert(0, str(directory))
        importlib.invalidate_caches()
        return importlib.import_module

    yield use
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if not file.startswith(sys.prefix):
            del sys.modules[name]


@pytest.fixture(params=["direct", "compiled"])
def load(request: pytest.FixtureRequest, load_from: Callable[[Path], Load]) -> Load:
    """The examples as they are written, and as they are compiled."""
    is_direct = request.param == "direct"
    return load_from(ROOT / "examples" if is_direct else request.getfixturevalue("examples_build"))


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatService]:
    """A real HTTP server on this machine."""
    with ChatService() as service:
        monkeypatch.setenv("CHAT_URL", service.url)
        yield service


def on_embedded(build: Path, store: Path, load_from: Callable[[Path], Load], scenario: Scenario) -> None:
    """Run a scenario on the embedded runtime; `start` takes the definition's name."""
    defs = load_from(build)("slct_definitions").defs

    async def run() -> None:
        async with Client.embedded(str(store), defs) as client:
            await asyncio.wait_for(scenario(client.start), TIMEOUT_S)

    asyncio.run(run())


def in_simulation(
    definition: Any, scenario: Callable[..., Coroutine[Any, Any, None]], crash: int | None = None
) -> None:
    """Run a scenario in the simulation; it is given `start` of this class, and the simulation."""

    async def run() -> None:
        async with Simulation(crash=crash) as sim:
            await scenario(lambda _, *args, **options: sim.start(definition, *args, **options), sim)

    asyncio.run(run())


# --- counter ---------------------------------------------------------------------------------------------------------


async def count_three(start: Start, name: str) -> None:
    ref = await start(name)
    for number in range(3):
        await ref.send("messages", number)
    await ref.send("done", None)
    assert await ref.result() == 3


@pytest.mark.parametrize(("name", "type_name"), COUNTERS)
def test_counter_counts_until_done(load: Load, name: str, type_name: str) -> None:
    definition = getattr(load(name), type_name)
    in_simulation(definition, lambda start, _: count_three(start, name))


@pytest.mark.parametrize(("name", "type_name"), COUNTERS)
def test_counter_ends_after_an_hour_of_silence(load: Load, name: str, type_name: str) -> None:
    async def scenario(start: Start, sim: Simulation) -> None:
        ref = await start(name)
        await sim.advance(timedelta(minutes=59))
        await ref.send("messages", "just in time")
        await sim.advance(timedelta(minutes=59))
        assert ref.status == "running"
        await sim.advance(timedelta(minutes=1))
        assert await ref.result() == 1

    in_simulation(getattr(load(name), type_name), scenario)


@pytest.mark.parametrize("name", [name for name, _ in COUNTERS])
def test_counter_on_embedded_runtime(
    name: str, examples_build: Path, tmp_path: Path, load_from: Callable[[Path], Load]
) -> None:
    on_embedded(examples_build, tmp_path / "slct.db", load_from, lambda start: count_three(start, name))


def test_counter_goes_on_when_the_runtime_is_started_again(
    examples_build: Path, tmp_path: Path, load_from: Callable[[Path], Load]
) -> None:
    async def first(start: Start) -> None:
        ref = await start("counter", id="c")
        await ref.send("messages", 1, key="a")

    async def second(start: Start) -> None:
        ref = await start("counter", id="c")
        await ref.send("messages", 1, key="a")
        await ref.send("messages", 2, key="b")
        await ref.send("done", None)
        assert await ref.result() == 2

    for scenario in (first, second):
        on_embedded(examples_build, tmp_path / "slct.db", load_from, scenario)


# --- order -----------------------------------------------------------------------------------------------------------


async def pay(start: Start) -> None:
    ref = await start("order", "ada", 100)
    await ref.send("payments", 40)
    await ref.send("payments", 60)
    assert await ref.result() == "R-ada-100"


def test_order_is_paid_in_parts(load: Load) -> None:
    in_simulation(load("order").Order, lambda start, _: pay(start))


def test_order_is_paid_in_parts_whatever_crashes(examples_build: Path, load_from: Callable[[Path], Load]) -> None:
    order = load_from(examples_build)("order").Order
    for seed in range(5):
        in_simulation(order, lambda start, _: pay(start), crash=seed)


def test_order_on_embedded_runtime(examples_build: Path, tmp_path: Path, load_from: Callable[[Path], Load]) -> None:
    on_embedded(examples_build, tmp_path / "slct.db", load_from, pay)


def test_late_order_is_cancelled_after_reminders(load: Load) -> None:
    order = load("order")
    mails: list[tuple[str, str]] = []

    async def scenario(start: Start, sim: Simulation) -> None:
        sim.effects[order.send_mail] = lambda customer, text: mails.append((customer, text))
        ref = await start("order", "ada", 100)
        await sim.advance(timedelta(days=2))
        assert await ref.result() == "cancelled"

    in_simulation(order.Order, scenario)
    assert mails == [("ada", "still waiting")] * 3  # the fourth would be due with the cancellation, and comes after it


# --- approval: against a real HTTP server ----------------------------------------------------------------------------


def answer_to(question: dict[str, Any], approved: bool, by: str) -> dict[str, Any]:
    return {"question_id": question["question_id"], "approved": approved, "by": by}


def test_both_approve(load: Load, chat: ChatService) -> None:
    approval = load("approval")
    answer = load("chat").Answer

    async def scenario(start: Start, _: Simulation) -> None:
        ref = await start("order_approval", "order-17", 900)
        manager, accountant = chat.questions
        assert manager["text"].startswith("manager:")
        await ref.send("answers", answer(**answer_to(accountant, True, "grace")))
        assert ref.status == "running"
        await ref.send("answers", answer(**answer_to(manager, True, "ada")))
        assert await ref.result() == "approved"

    in_simulation(approval.OrderApproval, scenario)


def test_answers_never_mix_between_questions_and_processes(load: Load, chat: ChatService) -> None:
    """Four questions in flight, answered from the last to the first; only one is answered with no."""
    approval = load("approval")
    answer = load("chat").Answer

    async def scenario(start: Start, _: Simulation) -> None:
        refs = {ref.id: ref for ref in [await start("order_approval", f"order-{n}", 900) for n in range(2)]}
        questions = chat.questions
        assert len({q["question_id"] for q in questions}) == 4
        for question in reversed(questions):
            is_refused = question["text"].startswith("accountant:") and question["text"].endswith("order-1?")
            await refs[question["process_id"]].send("answers", answer(**answer_to(question, not is_refused, "grace")))
        assert [await ref.result() for ref in refs.values()] == ["approved", "refused by grace"]

    in_simulation(approval.OrderApproval, scenario)


def test_nobody_answers_in_time(load: Load, chat: ChatService) -> None:
    approval = load("approval")
    answer = load("chat").Answer

    async def scenario(start: Start, sim: Simulation) -> None:
        ref = await start("order_approval", "order-17", 900)
        manager, accountant = chat.questions
        await ref.send("answers", answer(**answer_to(accountant, True, "grace")))
        await ref.send("answers", answer("another question", True, "nobody"))
        await sim.advance(timedelta(days=2))
        assert manager["process_id"] == ref.id
        assert await ref.result() == "nobody answered"

    in_simulation(approval.OrderApproval, scenario)


def test_late_and_repeated_answers_are_dropped(load: Load, chat: ChatService) -> None:
    approval = load("approval")
    answer = load("chat").Answer

    async def scenario(start: Start, sim: Simulation) -> None:
        ref = await start("order_approval", "order-17", 900)
        manager, accountant = chat.questions
        for _ in range(3):
            await ref.send("answers", answer(**answer_to(accountant, False, "grace")))
        assert ref.status == "running"
        await ref.send("answers", answer(**answer_to(manager, True, "ada")))
        assert await ref.result() == "refused by grace"

    in_simulation(approval.OrderApproval, scenario)


def test_question_is_asked_once_although_its_effect_is_attempted_again(load: Load, chat: ChatService) -> None:
    approval = load("approval")
    chat.fail_next(2)

    async def scenario(start: Start, sim: Simulation) -> None:
        ref = await start("order_approval", "order-17", 900)
        await sim.advance(timedelta(minutes=1))
        assert (len(chat.questions), chat.request_count) == (2, 4)
        await ref.terminate()
        with pytest.raises(ProcessCancelled):
            await ref.result()

    in_simulation(approval.OrderApproval, scenario)


def test_approval_on_embedded_runtime_with_answers_as_json(
    examples_build: Path, tmp_path: Path, load_from: Callable[[Path], Load], chat: ChatService
) -> None:
    async def scenario(start: Start) -> None:
        ref = await start("order_approval", "order-17", 900)
        for question in await asyncio.to_thread(chat.wait_for_questions, 2, TIMEOUT_S):
            assert question["process_id"] == ref.id
            await ref.send_json("answers", answer_to(question, True, "ada"))
        assert await ref.result() == "approved"

    on_embedded(examples_build, tmp_path / "slct.db", load_from, scenario)
