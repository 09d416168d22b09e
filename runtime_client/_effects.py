"""Effects: the ordinary functions that durable code calls with `call`, run by a worker beside its transitions (rule 18).

An asynchronous function runs on the event loop, a synchronous one in a daemon thread of its own, so that one that hangs holds up
neither the others nor the end of the worker. Both have `current_effect()`. What stops an attempt (nobody waits for it any more, its
time is over, its worker leaves) raises `asyncio.CancelledError` in an asynchronous function. A thread cannot be stopped: it is asked
to stop, by `current_effect().is_cancelled`, and by `Cancelled` out of its next `heartbeat`. If it goes on, its outcome is dropped.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from slct_runtime.core.commands import Payload
from slct_runtime.wire.work import EffectAnswer, RunEffect

from ._codec import Codec
from ._definitions import Definitions
from ._errors import Cancelled
from ._operations import Call
from ._resolver import Resolver

PROGRESS_BYTES_MAX = 1024 * 1024
"""What one heartbeat may carry, as encoded."""


_cancelling = threading.Lock()
"""Between those who cancel attempts and those who begin to wait for that, from whatever thread."""


class Attempt:
    """What the worker and the code of an effect share while one attempt runs. Safe to use from the effect's thread.

    `progress` is what `heartbeat` was given last, None if nothing. `reported` is set, on the worker's loop, whenever there is more;
    `on_report` is called there then. `is_over`: nothing that is said from now on is heard.
    """

    def __init__(self, codec: Codec, on_report: Callable[[], None] | None = None) -> None:
        self.codec = codec
        self.progress: Payload | None = None
        self._reported: asyncio.Event | None = None  # made for whoever waits for it, as below
        self.is_over = False
        self._on_report = on_report
        self._unreported: Payload | None = None
        self._cancelled: threading.Event | None = None  # made for whoever waits for it: most attempts end before
        self._is_cancelled = False
        self.is_in_thread = False
        self._loop = asyncio.get_running_loop()
        self._heard_s = time.monotonic()
        self._is_told = False

    @property
    def is_cancelled(self) -> bool:
        return self._is_cancelled

    @property
    def reported(self) -> asyncio.Event:
        if self._reported is None:
            self._reported = asyncio.Event()
        return self._reported

    def cancel(self) -> None:
        """Tell its code that nobody waits for it any more."""
        with _cancelling:
            self._is_cancelled = True
            if self._cancelled is not None:
                self._cancelled.set()

    def wait_cancelled(self, timeout: float | None) -> bool:
        with _cancelling:
            if self._is_cancelled:
                return True
            if self._cancelled is None:
                self._cancelled = threading.Event()
        return self._cancelled.wait(timeout)

    def heartbeat(self, progress: Any) -> None:
        self._heard_s = time.monotonic()
        if progress is not _SAME:
            self._report(progress)
        if self.is_in_thread and self._is_cancelled and not self._is_told:
            self._is_told = True  # once: what it does to clean up may give heartbeats as well
            raise Cancelled("this attempt was stopped")

    def _report(self, progress: Any) -> None:
        text = self.codec.encode(progress)
        if len(text) > PROGRESS_BYTES_MAX:
            raise ValueError(
                f"the progress takes {len(text)} bytes, the limit PROGRESS_BYTES_MAX is {PROGRESS_BYTES_MAX} bytes\n"
                "  help: report where to go on, and keep what was done elsewhere"
            )
        self.progress = self._unreported = text
        try:
            self._loop.call_soon_threadsafe(self._tell)
        except RuntimeError:
            pass  # the loop is closed: nobody listens any more

    def take_report(self) -> Payload | None:
        """What is new of its progress, None if nothing. From here on it counts as reported."""
        if self._reported is not None:
            self._reported.clear()
        text, self._unreported = self._unreported, None
        return text

    def _tell(self) -> None:
        if self.is_over:
            return
        self.reported.set()
        if self._on_report is not None:
            self._on_report()

    def silent_s(self) -> float:
        """Since when nothing was heard of it."""
        return time.monotonic() - self._heard_s


@dataclass(frozen=True, slots=True)
class Effect:
    """The attempt that is running.

    `idempotency_key` is the same for every attempt of one request, and for no other. `attempt` counts from 1. `deadline` is when this
    attempt times out, None if it does not. `progress` is what an earlier attempt, on whatever worker, gave to `heartbeat` last;
    `last_error` is the exception in which the one before ended, None if there was none.
    """

    process_id: str
    effect_id: int
    idempotency_key: str
    attempt: int
    deadline: datetime | None
    progress: Any = None
    last_error: BaseException | None = None
    _attempt: Attempt | None = field(default=None, repr=False, compare=False)

    @property
    def is_cancelled(self) -> bool:
        """Nobody waits for this attempt any more, or its time is over: clean up, and end."""
        return self._attempt is not None and self._attempt.is_cancelled

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Sleep in a thread for so many seconds, or until the attempt is stopped; returns `is_cancelled`."""
        return self._attempt is not None and self._attempt.wait_cancelled(timeout)


_current: contextvars.ContextVar[_Current] = contextvars.ContextVar("slct_current_effect")

_SAME: Any = object()


class _Current:
    """The effect that runs, for who asks for it: most do not."""

    __slots__ = ("_attempt", "_effect", "_last_error", "_order", "_progress")

    def __init__(self, codec: Codec, order: RunEffect, attempt: Attempt) -> None:
        self._order = order
        self._attempt = attempt
        self._progress = None if order.progress is None else codec.decode(order.progress)
        self._last_error = None if order.last_error is None else codec.decode(order.last_error)
        self._effect: Effect | None = None

    @property
    def effect(self) -> Effect:
        if self._effect is None:
            order, request = self._order, self._order.request
            self._effect = Effect(
                order.process_id,
                request.effect_id,
                f"{order.process_id}:{request.effect_id if request.key is None else request.key}",
                order.attempt,
                None if order.deadline_ms is None else datetime.fromtimestamp(order.deadline_ms / 1000, UTC),
                self._progress,
                self._last_error,
                self._attempt,
            )
        return self._effect


def current_effect() -> Effect:
    """The effect that this code is an attempt of.

    Raises:
      RuntimeError: called outside of one.
    """
    current = _current.get(None)
    if current is None:
        raise RuntimeError("this is no effect\n  help: current_effect() is for functions run by `await call(fn, ...)`")
    return current.effect


def heartbeat(progress: Any = _SAME) -> None:
    """Say that this attempt is at work, for `call(..., heartbeat_timeout=...)`, and how far it has come.

    `progress` is any value that can be saved. It is stored: the next attempt, on whatever worker and after whatever crash, finds it in
    `current_effect().progress`. Without one, what was said before stays. Cheap: what is said often is stored now and then, the last
    of it always before the attempt ends.

    Raises:
      RuntimeError: called outside of an effect. CodecError, ValueError: the progress cannot be saved, or is too large.
      Cancelled: in a synchronous function, once: the attempt was stopped.
    """
    attempt = current_effect()._attempt
    assert attempt is not None
    attempt.heartbeat(progress)


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
    definitions: Definitions,
    order: RunEffect,
    fakes: Mapping[str, Callable[..., Any]] | None = None,
    attempt: Attempt | None = None,
    has_own_task: bool = False,
) -> EffectAnswer:
    """Run one attempt of an effect.

    Args:
      fakes: Functions to run in place of others, by the names of those.
      attempt: Tells what the attempt reports while it runs.
      has_own_task: The calling task does nothing else, so an asynchronous function needs none of its own.

    Raises:
      asyncio.CancelledError: the attempt was cancelled (rule 20), and has ended. Everything else that goes wrong is in the answer.
    """
    codec = definitions.codec
    attempt = attempt or Attempt(codec)
    try:
        function = (fakes or {}).get(order.request.function) or codec.resolver.function_of(order.request.function)
        args, kwargs = codec.decode(order.request.arguments, may_be_older=True)
        called = functools.partial(function, *args, **kwargs)
        if has_own_task and not _has_limit(order) and _runs_on_loop(function):
            _current.set(_Current(codec, order, attempt))
            value, failure = await _heeding(attempt, called)
        else:
            context = contextvars.copy_context()
            context.run(_current.set, _Current(codec, order, attempt))
            running = _run(called, context, attempt, is_async=_runs_on_loop(function))
            value, failure = await _within(order, attempt, running)
        if failure is not None:
            return _failed(codec, order, failure)
        result = codec.encode(value)
    except Exception as error:
        return _failed(codec, order, error)
    return EffectAnswer(order.dispatch_id, result, None)


_Ended: TypeAlias = tuple[Any, BaseException | None]
"""The value, and the error if it ended in one: as a value, since a future cannot hold every exception."""


async def _within(order: RunEffect, attempt: Attempt, running: asyncio.Future[_Ended]) -> _Ended:
    """Wait for an attempt as long as it may take. One that overruns, or falls silent, is stopped.

    Raises:
      TimeoutError: it has.
    """
    try:
        while not running.done():
            remaining_s, reason = _remaining(order, attempt)
            if remaining_s is not None and remaining_s <= 0:
                _stop(attempt, running)
                await asyncio.wait({running}, timeout=CLEANUP_S)
                raise TimeoutError(reason)
            await asyncio.wait({running}, timeout=remaining_s)
        return running.result()
    except asyncio.CancelledError:
        _stop(attempt, running)
        await asyncio.wait({running})
        raise


def _stop(attempt: Attempt, running: asyncio.Future[_Ended]) -> None:
    attempt.cancel()
    if isinstance(running, asyncio.Task):  # a thread ends by itself
        running.cancel()


def _remaining(order: RunEffect, attempt: Attempt) -> tuple[float | None, str]:
    """How long it may go on without another word, None for ever; and what has happened when that is over."""
    request, found = order.request, list[tuple[float, str]]()
    if order.deadline_ms is not None:
        limits = {"timeout": request.timeout_ms, "schedule_to_close_timeout": request.schedule_to_close_timeout_ms}
        limit = " or ".join(f"{name} of {ms / 1000:g} s" for name, ms in limits.items() if ms is not None) or "deadline"
        found.append((order.deadline_ms / 1000 - time.time(), f"{request.function} took longer than its {limit}"))
    if request.heartbeat_timeout_ms is not None:
        silence_s = request.heartbeat_timeout_ms / 1000
        left_s = silence_s - attempt.silent_s()
        found.append((left_s, f"{request.function} gave no heartbeat for {silence_s:g} s"))
    return min(found, default=(None, ""))


CLEANUP_S = 1.0
"""How long an attempt that was stopped may clean up before others go on without it."""


def _run(
    called: Callable[[], Any], context: contextvars.Context, attempt: Attempt, *, is_async: bool
) -> asyncio.Future[_Ended]:
    if is_async:
        return asyncio.get_running_loop().create_task(_awaited(called), context=context)
    attempt.is_in_thread = True
    return _in_thread(called, context)


def _runs_on_loop(function: Any) -> bool:
    try:
        return _is_async_known(function)
    except TypeError:  # it cannot be hashed
        return _is_async_known.__wrapped__(function)


@functools.lru_cache(maxsize=1024)
def _is_async_known(function: Any) -> bool:
    return _is_async(inspect.unwrap(function)) or _is_async(getattr(function, "__call__", None))  # noqa: B004 - the method itself is wanted, not whether there is one


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function)


def _has_limit(order: RunEffect) -> bool:
    return order.deadline_ms is not None or order.request.heartbeat_timeout_ms is not None


async def _heeding(attempt: Attempt, called: Callable[[], Any]) -> _Ended:
    """Its outcome, in this task. Who cancels the task stops the attempt."""
    try:
        return await _awaited(called)
    except asyncio.CancelledError:
        attempt.cancel()
        raise


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
