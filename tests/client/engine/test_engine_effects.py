"""Effects: sync and async functions, what they know of themselves, what goes wrong."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from engine_compiled import Base, double

from runtime_client import Cancelled, Definitions, call, current_effect, heartbeat
from runtime_client._effects import PROGRESS_BYTES_MAX, Attempt, function_of_call, run_effect
from slct_runtime.core.commands import EffectRequest
from slct_runtime.wire.work import EffectAnswer, RunEffect


def who() -> tuple[Any, ...]:
    effect = current_effect()
    return effect.idempotency_key, effect.attempt, effect.deadline is not None, threading.current_thread().name


async def who_async() -> tuple[Any, ...]:
    await asyncio.sleep(0)
    return who()


def fail(text: str) -> None:
    raise FileNotFoundError(text)


async def hang() -> None:
    await asyncio.Event().wait()


def nap(seconds: float) -> None:
    threading.Event().wait(seconds)


def leave() -> None:
    raise SystemExit(3)


async def give_up() -> None:
    raise asyncio.CancelledError


def unsaveable() -> object:
    return object()


def count_up() -> int:
    done: int = current_effect().progress or 0
    heartbeat(done + 1)
    if done < 2:
        raise OSError(f"again after {current_effect().last_error!r}")
    return done


def say(progress: Any) -> None:
    heartbeat(progress)
    heartbeat()


def quiet() -> None:
    current_effect().wait_cancelled()


async def quiet_async() -> None:
    await asyncio.Event().wait()


def lively(count: int) -> int:
    for _ in range(count):
        threading.Event().wait(0.005)
        heartbeat()
    return count


async def lively_async(count: int) -> int:
    for _ in range(count):
        await asyncio.sleep(0.005)
        heartbeat()
    return count


SEEN: list[str] = []
BEGUN: list[Any] = []
"""The loop of the test, and its event that the effect has begun."""


def begin() -> None:
    loop, begun = BEGUN
    loop.call_soon_threadsafe(begun.set)


def until_told() -> None:
    begin()
    try:
        while True:
            heartbeat()
    except Cancelled:
        heartbeat("cleaning up")
        SEEN.append("told")
        raise


def until_noticed() -> None:
    begin()
    while not current_effect().is_cancelled:
        pass
    SEEN.append("noticed")


def after_the_wait() -> None:
    begin()
    if current_effect().wait_cancelled(30):
        SEEN.append("waited")


async def until_cancelled() -> None:
    begin()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        SEEN.append("cancelled")


class Tool:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def times(self, number: int) -> int:
        return self.factor * number


DEFS = Definitions([Base], modules=(__name__,))


def order(function: Any, *args: Any, attempt: int = 1, deadline_ms: int | None = None, **options: Any) -> RunEffect:
    name, arguments, keywords = function_of_call(DEFS.codec.resolver, call(function, *args))
    text = DEFS.codec.encode([list(arguments), keywords])
    return RunEffect(4, "p-1", "base", "1", EffectRequest(7, name, text, **options), attempt, deadline_ms)


def run(given: RunEffect, fakes: Any = None) -> EffectAnswer:
    return asyncio.run(run_effect(DEFS, given, fakes))


def value(answer: EffectAnswer) -> Any:
    assert answer.error is None, DEFS.codec.decode(answer.error)
    assert answer.result is not None
    return DEFS.codec.decode(answer.result)


def error(answer: EffectAnswer) -> BaseException:
    assert answer.error is not None
    decoded = DEFS.codec.decode(answer.error)
    assert isinstance(decoded, BaseException)
    return decoded


def test_sync_functions_run_in_a_thread_and_async_ones_on_the_loop() -> None:
    assert value(run(order(who))) == ("p-1:7", 1, False, "slct-effect")
    assert value(run(order(who_async))) == ("p-1:7", 1, False, "MainThread")


def test_rule_18_the_key_is_the_authors_if_there_is_one() -> None:
    assert value(run(order(who, attempt=3, key="mine", deadline_ms=10**13)))[:3] == ("p-1:mine", 3, True)


def test_errors_come_with_the_names_of_their_types() -> None:
    answer = run(order(fail, "x"))
    assert repr(error(answer)) == "FileNotFoundError('x')"
    assert answer.error_types == ("builtins:FileNotFoundError", "builtins:OSError", "builtins:Exception")


@pytest.mark.parametrize(("function", "args"), [(hang, ()), (nap, (0.2,))])
def test_an_attempt_that_overruns_times_out(function: Any, args: tuple[Any, ...]) -> None:
    answer = run(order(function, *args, deadline_ms=1, timeout_ms=10))
    assert "took longer than its timeout of 0.01 s" in str(error(answer))
    assert answer.error_types[0] == "builtins:TimeoutError"


@pytest.mark.parametrize(("function", "shown"), [(leave, "SystemExit(3)"), (give_up, "CancelledError()")])
def test_what_would_end_the_worker_is_an_error_of_the_effect(function: Any, shown: str) -> None:
    assert repr(error(run(order(function)))) == shown


def test_a_cancelled_attempt_has_no_answer() -> None:
    async def scene() -> None:
        task = asyncio.create_task(run_effect(DEFS, order(hang)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())


def test_results_that_cannot_be_saved_are_an_error() -> None:
    assert "object() sentinel cannot be saved" in str(error(run(order(unsaveable))))


def test_rule_18_an_attempt_knows_how_the_one_before_ended() -> None:
    async def attempt(before: RunEffect) -> tuple[EffectAnswer, RunEffect]:
        seen = Attempt(DEFS.codec)
        answer = await run_effect(DEFS, before, attempt=seen)
        return answer, replace(before, progress=seen.progress, last_error=answer.error)

    async def scene() -> None:
        given, errors = order(count_up), []
        for _ in range(2):
            answer, given = await attempt(given)
            errors.append(repr(error(answer)))
        assert errors == ["OSError('again after None')", "OSError(\"again after OSError('again after None')\")"]
        answer, given = await attempt(given)
        assert value(answer) == 2

    asyncio.run(scene())


def test_a_heartbeat_without_progress_leaves_what_was_said() -> None:
    async def scene() -> None:
        seen = Attempt(DEFS.codec)
        assert value(await run_effect(DEFS, order(say, [1, 2]), attempt=seen)) is None
        assert seen.progress is not None and DEFS.codec.decode(seen.progress) == [1, 2]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("progress", "message"),
    [
        (object, "object() sentinel cannot be saved"),
        (lambda: "x" * PROGRESS_BYTES_MAX, "the limit PROGRESS_BYTES_MAX is"),
    ],
)
def test_progress_that_cannot_be_kept_is_an_error_of_the_effect(progress: Any, message: str) -> None:
    assert message in str(error(run(order(double, 1), {"engine_compiled:double": lambda _: heartbeat(progress())})))


@pytest.mark.parametrize("function", [quiet, quiet_async])
def test_rule_18_an_attempt_that_falls_silent_has_failed(function: Any) -> None:
    answer = run(order(function, heartbeat_timeout_ms=20))
    assert "gave no heartbeat for 0.02 s" in str(error(answer))
    assert answer.error_types[0] == "builtins:TimeoutError"


@pytest.mark.parametrize("function", [lively, lively_async])
def test_rule_18_heartbeats_keep_an_attempt_alive(function: Any) -> None:
    assert value(run(order(function, 10, heartbeat_timeout_ms=500))) == 10


@pytest.mark.parametrize(
    ("function", "seen"),
    [(until_told, "told"), (until_noticed, "noticed"), (until_cancelled, "cancelled"), (after_the_wait, "waited")],
)
def test_rule_20_an_attempt_sees_that_it_is_stopped(function: Any, seen: str) -> None:
    async def scene() -> None:
        SEEN.clear()
        begun = asyncio.Event()
        BEGUN[:] = [asyncio.get_running_loop(), begun]
        task = asyncio.create_task(run_effect(DEFS, order(function)))
        await asyncio.wait_for(begun.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)
        assert [seen] == SEEN, "and it has ended, cleaned up, when that is said"

    asyncio.run(scene())


def test_fakes_take_the_place_of_functions() -> None:
    assert value(run(order(double, 3), {"engine_compiled:double": lambda n: n + 100})) == 103


def test_bound_methods_take_their_object_along() -> None:
    given = order(Tool(5).times, 3)
    assert given.request.function == f"{__name__}:Tool.times"
    assert value(run(given)) == 15


def test_outside_of_an_effect_there_is_none() -> None:
    with pytest.raises(RuntimeError, match="this is no effect"):
        current_effect()


def test_a_function_that_is_not_there_is_an_error() -> None:
    given = RunEffect(4, "p-1", "base", "1", EffectRequest(7, "os:system", '[["true"],{}]'), 1, None)
    assert "'os:system' is not known" in str(error(run(given)))
