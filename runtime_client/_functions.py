"""What durable code calls: operations to await, and what takes effect when the transition commits.

Everything here checks its arguments at the call, so that a mistake shows at the line that makes it.

Source: authoring.md, "Suspension points"; docs/semantics.md, rules 8 to 13 and 18.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from types import FunctionType
from typing import Any, Literal, TypeAlias, overload

from slct_runtime.core.queues import DEFAULT_QUEUE

from ._channels import Channel, Gives, P, Takes
from ._context import current
from ._direct import as_frame
from ._errors import Cancelled
from ._frame import Frame
from ._handles import ChildRef, Handle
from ._operations import DEFAULT_RETRY, After, Call, Deadline, Default, Operation, Recv, Retry, Select, Selected, Send
from ._process import Process, Startable, definition_name, is_durable
from ._type_variables import T0, T1, T2, T3, T

Case: TypeAlias = Operation[T] | Handle[T]
"""What a `select` may wait for."""


DURATION_S_MAX = 1_000 * 366 * 86_400
"""Longest duration, in seconds: a thousand years."""
PRIORITY_MAX = 2**31 - 1
"""Priorities lie between this and its negative."""


# --- operations -----------------------------------------------------------------------------------------------------------


@overload
def recv(channel: None) -> Recv[Any]: ...
@overload
def recv(channel: Gives[T] | None) -> Recv[T]: ...
@overload
def recv(channel: str | None) -> Recv[Any]: ...
@overload
def recv(channel: Gives[T] | str | None) -> Recv[T | Any]: ...
def recv(channel: Any) -> Recv[Any]:
    """Wait for a value from a channel; raises `ChannelClosed` once it is closed and drained. None is never ready."""
    return Recv(_channel(channel, "recv"))


@overload
def send(channel: str | None, value: Any) -> Send: ...
@overload
def send(channel: Takes[P] | None, /, *value: P.args, **keyword: P.kwargs) -> Send: ...
def send(channel: Any, value: Any) -> Send:  # type: ignore[misc]  # P is one value, as a channel takes it
    """Wait until a receiver takes the value, or until there is room in the buffer; raises `ChannelClosed`."""
    return Send(_channel(channel, "send"), value)


def after(deadline: Deadline) -> After:
    """Wait for a time: a `timedelta`, a number of seconds, or an aware `datetime`. What is past is ready at once."""
    return After(check_deadline(deadline))


def sleep(deadline: Deadline) -> After:
    """Wait, as `after`. `sleep(0)` lets the other goroutines run."""
    return After(check_deadline(deadline))


@overload
def call(
    function: Callable[..., Coroutine[Any, Any, T]],
    /,
    *args: Any,
    retry: Retry | None = None,
    timeout: float | timedelta | None = None,
    key: str | None = None,
    at_most_once: bool = False,
    queue: str = DEFAULT_QUEUE,
    priority: int = 0,
    **kwargs: Any,
) -> Call[T]: ...
@overload
def call(
    function: Callable[..., T],
    /,
    *args: Any,
    retry: Retry | None = None,
    timeout: float | timedelta | None = None,
    key: str | None = None,
    at_most_once: bool = False,
    queue: str = DEFAULT_QUEUE,
    priority: int = 0,
    **kwargs: Any,
) -> Call[T]: ...
def call(
    function: Callable[..., Any],
    /,
    *args: Any,
    retry: Retry | None = None,
    timeout: float | timedelta | None = None,
    key: str | None = None,
    at_most_once: bool = False,
    queue: str = DEFAULT_QUEUE,
    priority: int = 0,
    heartbeat_timeout: float | timedelta | None = None,
    schedule_to_close_timeout: float | timedelta | None = None,
    **kwargs: Any,
) -> Call[Any]:
    """Run an ordinary function, sync or async, outside the transition: an effect (rule 18). Gives its result.

    Args:
      retry: How often it is attempted. timeout: of one attempt, in seconds or a timedelta. key: takes the place of the request's
        number in the idempotency key. at_most_once: never attempted twice (rule 19). queue: where it waits for a worker; queues
        may be limited, and workers may serve some only. priority: of what waits the lowest goes first, then the oldest.
        heartbeat_timeout: an attempt that does not call `heartbeat` for so long has failed. schedule_to_close_timeout: of all
        attempts together, from the request to the outcome, with the time in queues and between attempts.

    Raises, when awaited:
      CallFailed: the last attempt failed; `__cause__` is its exception. EffectUnknown: at most once, and nobody knows.
    """
    _check_effect(function)
    if retry is not None:
        _check_retry(retry)
    _check_limit("timeout", timeout)
    _check_limit("heartbeat_timeout", heartbeat_timeout)
    _check_limit("schedule_to_close_timeout", schedule_to_close_timeout)
    if key is not None and not (isinstance(key, str) and key):
        raise TypeError(f"key is a text that is not empty, got {key!r}")
    if not (isinstance(queue, str) and queue):
        raise TypeError(f"queue is the name of a queue, got {queue!r}")
    if not isinstance(priority, int) or not -PRIORITY_MAX <= priority <= PRIORITY_MAX:
        raise TypeError(f"priority is a whole number from -{PRIORITY_MAX} to {PRIORITY_MAX}, got {priority!r}")
    return Call(
        function,
        args,
        kwargs,
        DEFAULT_RETRY if retry is None else retry,
        timeout,
        key,
        bool(at_most_once),
        queue,
        int(priority),
        heartbeat_timeout,
        schedule_to_close_timeout,
    )


def default() -> Default:
    """The case of a `select` that is taken when no other is ready."""
    return Default()


@overload
def select(c0: Case[T0], /, *, label: str | None = None) -> Select[Selected[Literal[0], T0]]: ...
@overload
def select(
    c0: Case[T0], c1: Case[T1], /, *, label: str | None = None
) -> Select[Selected[Literal[0], T0] | Selected[Literal[1], T1]]: ...
@overload
def select(
    c0: Case[T0], c1: Case[T1], c2: Case[T2], /, *, label: str | None = None
) -> Select[Selected[Literal[0], T0] | Selected[Literal[1], T1] | Selected[Literal[2], T2]]: ...
@overload
def select(
    c0: Case[T0], c1: Case[T1], c2: Case[T2], c3: Case[T3], /, *, label: str | None = None
) -> Select[
    Selected[Literal[0], T0] | Selected[Literal[1], T1] | Selected[Literal[2], T2] | Selected[Literal[3], T3]
]: ...
@overload
def select(*cases: Case[T], label: str | None = None) -> Select[Selected[int, T]]: ...
@overload
def select(*, label: str | None = None, **named: Case[Any]) -> Select[Selected[str, Any]]: ...
@overload
def select(*cases: Case[Any], label: str | None = None, **named: Case[Any]) -> Select[Selected[Any, Any]]: ...
def select(*cases: Case[Any], label: str | None = None, **named: Case[Any]) -> Select[Any]:
    """Wait for the first of several operations, in the order written (rule 10). Gives `Selected(case, value, ok)`.

    Type checkers know the value of each positional case, by its index; that of a named case is `Any` to them.

    Args:
      label: A name for the state, kept when the code around it is edited; read by the compiler.
    """
    if label is not None and not isinstance(label, str):
        raise TypeError(f"label is the name of a state, got {label!r}\n  help: a case needs another name than 'label'")
    names: tuple[int | str, ...] = (*range(len(cases)), *named)
    checked = zip(names, (*cases, *named.values()), strict=True)
    return Select(names, tuple(_case(name, case) for name, case in checked))


# --- what takes effect when the transition commits -----------------------------------------------------------------------


def go(frame: Coroutine[Any, Any, T], /) -> Handle[T]:
    """Run a durable function in a new goroutine of this process.

    Raises:
      TypeError: not a frame. RuntimeError: the frame has been started already, or this is not durable code.
    """
    started = as_frame(frame)
    if not isinstance(started, Frame):
        if inspect.iscoroutine(started):
            started.close()
        raise TypeError(
            f"go() takes a durable function that was called, got {shown(started)}\n"
            "  help: go(self.method(...)), or mark the function with @durable"
        )
    return current().go(started)


@overload
def start(definition: type[Startable[T]], /, *args: Any, id: str | None = None, **kwargs: Any) -> ChildRef[T]: ...
@overload
def start(definition: str | type[Process], /, *args: Any, id: str | None = None, **kwargs: Any) -> ChildRef[Any]: ...
def start(definition: Any, /, *args: Any, id: str | None = None, **kwargs: Any) -> ChildRef[Any]:
    """Start another process when this transition commits. The same id again is the same process (rule 15)."""
    if not isinstance(definition, str):
        definition_name(definition)
    if id is not None and not (isinstance(id, str) and id):
        raise TypeError(f"a process id is a text that is not empty, got {id!r}")
    return current().start(definition, args, kwargs, id)


def close(channel: Channel[Any] | str) -> None:
    """Close a channel: what it holds is still received. Raises `ChannelClosed` if it is closed already."""
    held = _channel(channel, "close")
    if held is None:
        raise TypeError("the nil channel cannot be closed")
    current().close(held.channel_id if isinstance(held, Channel) else held)


def make_channel(capacity: int = 0) -> Channel[Any]:
    """A new channel that lives in this process: it may be stored, passed, and sent over channels."""
    return current().make_channel(Channel[Any](capacity).capacity)


def now() -> datetime:
    """The time of this transition, in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=current().now_ms)


def emit(value: Any) -> None:
    """Append a value to the output of this process, which clients may read."""
    current().emit(value)


# --- checks -----------------------------------------------------------------------------------------------------------------


def shown(thing: Any) -> str:
    """A thing as a message about it calls it."""
    if inspect.iscoroutine(thing):
        return f"a plain coroutine, {thing.__qualname__}()"
    if callable(thing) and hasattr(thing, "__qualname__"):
        return f"{thing.__qualname__} (not called)"
    return repr(thing)


def _channel(channel: Channel[Any] | str | None, what: str) -> Channel[Any] | str | None:
    if channel is None or (isinstance(channel, str) and channel):
        return channel
    if not isinstance(channel, Channel):
        raise TypeError(f"{what}() takes a channel, its name, or None, got {channel!r}")
    if not channel.channel_id:
        raise TypeError(
            f"{what}() on a channel that belongs to no process\n"
            "  help: declare it in the process class, or make it with make_channel()"
        )
    return channel


def _case(name: int | str, case: Any) -> Operation:
    where = f"case {name!r} of select()"
    match case:
        case Handle():
            return case.join()
        case Select():
            raise TypeError(f"{where} is a select itself\n  help: put its cases into the outer one")
        case Operation():
            return case
        case Frame():
            raise TypeError(
                f"{where} is a frame, and a case never starts one\n  help: go(frame), and wait for its handle"
            )
        case ChildRef():
            raise TypeError(f"{where} is a process\n  help: ref.result() waits for its end")
        case _:
            if inspect.iscoroutine(case):
                case.close()
            raise TypeError(
                f"{where} cannot be waited for: {shown(case)}\n  help: recv, send, after, call, a handle, ..."
            )


def check_deadline(deadline: Any) -> Deadline:
    """The deadline. Raises TypeError or ValueError if it is none."""
    if isinstance(deadline, datetime):
        if deadline.tzinfo is None or deadline.utcoffset() is None:
            raise ValueError(
                f"a deadline needs a time zone, got the naive {deadline!r}\n  help: datetime(..., tzinfo=UTC), or a timedelta"
            )
        return deadline
    _seconds(deadline, "deadline")
    return deadline  # type: ignore[no-any-return]  # it is one of the others: checked above


def _seconds(duration: Any, what: str) -> float:
    """A duration in seconds. One that is past is allowed: `deadline - now()` may be."""
    if isinstance(duration, timedelta):
        seconds = duration.total_seconds()
    elif isinstance(duration, int | float) and not isinstance(duration, bool):
        seconds = duration
    else:
        raise TypeError(f"a {what} is a timedelta, seconds, or an aware datetime, got {duration!r}")
    if math.isnan(seconds) or abs(seconds) > DURATION_S_MAX:
        raise ValueError(f"a {what} of {duration!r} is no time that comes\n  help: recv(None) waits for ever")
    return seconds


def _check_limit(name: str, limit: float | timedelta | None) -> None:
    if limit is not None and _seconds(limit, name) <= 0:
        raise ValueError(f"a {name} is longer than nothing, got {limit!r}")


def _check_retry(retry: Retry) -> None:
    if not isinstance(retry, Retry):
        raise TypeError(f"retry is a Retry, got {retry!r}")
    if retry.max_attempts is not None and (not isinstance(retry.max_attempts, int) or retry.max_attempts < 1):
        raise ValueError(f"max_attempts is a whole number from 1 up, or None, got {retry.max_attempts!r}")
    for name in ("first", "longest"):
        if _seconds(getattr(retry, name), f"retry delay ({name})") < 0:
            raise ValueError(f"a retry delay is not negative, got {name}={getattr(retry, name)!r}")
    if not retry.factor >= 1 or not math.isfinite(retry.factor):
        raise ValueError(f"factor is a number from 1 up, got {retry.factor!r}")
    if not 0 <= retry.jitter <= 1:
        raise ValueError(f"jitter is a number from 0 to 1, got {retry.jitter!r}")
    for kind in retry.non_retryable:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(f"non_retryable holds exception types, got {kind!r}")


def _check_effect(function: Any) -> None:
    """Refuse what a worker could not find by name. What was found good once is not looked at again."""
    if type(function) is not FunctionType or function not in _good_effects:
        _look_at_effect(function)
        if type(function) is FunctionType:
            _good_effects.add(function)


_good_effects: set[FunctionType] = set()
"""Functions of modules, which live as long: others are refused."""


def _look_at_effect(function: Any) -> None:
    if isinstance(function, Frame) or is_durable(getattr(function, "__func__", function)):
        raise TypeError(
            f"call() runs ordinary functions, {shown(function)} is durable\n  help: await it, or start it with go()"
        )
    if inspect.iscoroutine(function):
        function.close()
        raise TypeError("call() takes the function, not what it returned\n  help: call(fn, *args), not call(fn(*args))")
    if not callable(function):
        raise TypeError(f"call() takes a function, got {function!r}")
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    if isinstance(getattr(inner, "__self__", None), Process):
        raise TypeError(
            f"call() cannot run {inner.__qualname__}: effects run outside of the process\n"
            "  help: make it a function of the module, and pass it what it needs"
        )
    qualname = getattr(inner, "__qualname__", None)
    if not isinstance(qualname, str):
        raise TypeError(
            f"call() takes a function that has a name, got {function!r}\n  help: define a function at module level"
        )
    if "<lambda>" in qualname or "<locals>" in qualname:
        what = "a lambda" if "<lambda>" in qualname else f"{qualname}, which is local to a function"
        raise TypeError(
            f"call() cannot run {what}: a worker could not find it by name\n"
            "  help: define it at module level; functools.partial keeps arguments"
        )


__all__ = [
    "Cancelled",
    "after",
    "call",
    "close",
    "default",
    "emit",
    "go",
    "make_channel",
    "now",
    "recv",
    "select",
    "send",
    "sleep",
    "start",
]
