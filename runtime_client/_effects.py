"""Effects: the ordinary functions that durable code calls with `call`, run by a worker beside its transitions (rule 18).

An asynchronous function runs on the event loop, a synchronous one in a daemon thread of its own, so that one that hangs holds up
neither the others nor the end of the worker. Both have `current_effect()`. A thread cannot be stopped: when its time is over, its
outcome is dropped, and it runs on until it ends by itself.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from slct_runtime.wire.work import EffectAnswer, RunEffect

from ._codec import Codec
from ._definitions import Definitions
from ._operations import Call
from ._resolver import Resolver


@dataclass(frozen=True, slots=True)
class Effect:
    """The attempt that is running.

    `idempotency_key` is the same for every attempt of one request, and for no other. `attempt` counts from 1. `deadline` is when this
    attempt times out, None if it does not. `progress` is what an earlier attempt on this worker gave to `heartbeat` last.
    """

    process_id: str
    effect_id: int
    idempotency_key: str
    attempt: int
    deadline: datetime | None
    progress: Any = None


_current: contextvars.ContextVar[Effect] = contextvars.ContextVar("slct_current_effect")

PROGRESS_COUNT_MAX = 10_000
"""Effects of which a worker keeps the last progress, newest first."""

_progress: dict[tuple[str, int], Any] = {}


def current_effect() -> Effect:
    """The effect that this code is an attempt of.

    Raises:
      RuntimeError: called outside of one.
    """
    effect = _current.get(None)
    if effect is None:
        raise RuntimeError("this is no effect\n  help: current_effect() is for functions run by `await call(fn, ...)`")
    return effect


def heartbeat(progress: Any = None) -> None:
    """Note how far this attempt has come: the next attempt on this worker finds it in `current_effect().progress`.

    Raises:
      RuntimeError: called outside of an effect.
    """
    effect = current_effect()
    key = (effect.process_id, effect.effect_id)
    _progress.pop(key, None)
    _progress[key] = progress
    while len(_progress) > PROGRESS_COUNT_MAX:
        del _progress[next(iter(_progress))]


def function_of_call(resolver: Resolver, call: Call) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The name and the arguments of what a `call` runs: partials are taken apart, and so are bound methods.

    Raises:
      CodecError: a worker could not find it by name.
    """
    function: Any = call.function
    arguments, keywords = call.arguments, call.keywords
    while isinstance(function, functools.partial):
        arguments, keywords = (*function.args, *arguments), {**function.keywords, **keywords}
        function = function.func
    if inspect.ismethod(function) and not isinstance(function.__self__, type):
        arguments = (function.__self__, *arguments)
        function = function.__func__
    return resolver.function_name(function), arguments, keywords


async def run_effect(
    definitions: Definitions, order: RunEffect, fakes: Mapping[str, Callable[..., Any]] | None = None
) -> EffectAnswer:
    """Run one attempt of an effect.

    Args:
      fakes: Functions to run in place of others, by the names of those.

    Raises:
      asyncio.CancelledError: the attempt was cancelled (rule 20). Everything else that goes wrong is in the answer.
    """
    codec = definitions.codec
    try:
        function = (fakes or {}).get(order.request.function) or codec.resolver.function_of(order.request.function)
        args, kwargs = codec.decode(order.request.arguments)
        context = contextvars.copy_context()
        context.run(_current.set, _effect(codec, order))
        value, failure = await _within(order, _run(function, args, kwargs, context))
        if failure is not None:
            return _failed(codec, order, failure)
        result = codec.encode(value)
    except Exception as error:
        return _failed(codec, order, error)
    _progress.pop((order.process_id, order.request.effect_id), None)
    return EffectAnswer(order.dispatch_id, result, None)


def _effect(codec: Codec, order: RunEffect) -> Effect:
    request = order.request
    progress = _progress.get((order.process_id, request.effect_id))
    if progress is None and order.progress is not None:
        progress = codec.decode(order.progress)
    return Effect(
        order.process_id,
        request.effect_id,
        f"{order.process_id}:{request.effect_id if request.key is None else request.key}",
        order.attempt,
        None if order.deadline_ms is None else datetime.fromtimestamp(order.deadline_ms / 1000, UTC),
        progress,
    )


_Ended: TypeAlias = tuple[Any, BaseException | None]
"""The value, and the error if it ended in one: as a value, since a future cannot hold every exception."""


async def _within(order: RunEffect, running: asyncio.Future[_Ended]) -> _Ended:
    """Wait for an attempt until its deadline. One that overruns is cancelled.

    Raises:
      TimeoutError: it has overrun.
    """
    seconds = None if order.deadline_ms is None else max(0.0, order.deadline_ms / 1000 - time.time())
    try:
        done, _ = await asyncio.wait({running}, timeout=seconds)
    except asyncio.CancelledError:
        running.cancel()
        raise
    if done:
        return running.result()
    running.cancel()
    await asyncio.wait({running}, timeout=_CLEANUP_S)
    timeout_ms = order.request.timeout_ms
    limit = "its deadline" if timeout_ms is None else f"its timeout of {timeout_ms / 1000:g} s"
    raise TimeoutError(f"{order.request.function} took longer than {limit}")


_CLEANUP_S = 1.0
"""How long an attempt that has timed out may clean up before its failure is reported."""


def _run(
    function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], context: contextvars.Context
) -> asyncio.Future[_Ended]:
    called = functools.partial(function, *args, **kwargs)
    if _is_async(inspect.unwrap(function)) or _is_async(getattr(function, "__call__", None)):  # noqa: B004
        return asyncio.get_running_loop().create_task(_awaited(called), context=context)
    return _in_thread(called, context)


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function)


async def _awaited(called: Callable[[], Any]) -> _Ended:
    """Its outcome. Only what the worker itself does to it passes through."""
    try:
        return await called(), None
    except KeyboardInterrupt:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return None, error
    except BaseException as error:
        return None, error


def _in_thread(called: Callable[[], Any], context: contextvars.Context) -> asyncio.Future[_Ended]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Ended] = loop.create_future()

    def set_outcome(ended: _Ended) -> None:
        if not future.done():
            future.set_result(ended)

    def work() -> None:
        try:
            ended: _Ended = context.run(called), None
        except BaseException as error:  # also SystemExit: this thread is the effect's alone
            ended = None, error
        try:
            loop.call_soon_threadsafe(set_outcome, ended)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    threading.Thread(target=work, name="slct-effect", daemon=True).start()
    return future


def _failed(codec: Codec, order: RunEffect, error: BaseException) -> EffectAnswer:
    try:
        text = codec.encode(error)
    except Exception as failure:
        text = codec.encode(RuntimeError(f"{type(error).__qualname__} (not saved: {failure})"))
    kinds = [kind for kind in type(error).__mro__ if kind not in (BaseException, object)]
    names = tuple(f"{kind.__module__}:{kind.__qualname__}" for kind in kinds)
    return EffectAnswer(order.dispatch_id, None, text, names)
