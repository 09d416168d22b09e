"""What durable code calls: arguments are checked at the call, with a remedy."""

from __future__ import annotations

import functools
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from engine_compiled import depth, double
from engine_direct import look, plain

from runtime_client import (
    Channel,
    Handle,
    Process,
    Retry,
    TaskGroup,
    after,
    call,
    close,
    default,
    gather,
    go,
    now,
    recv,
    select,
    send,
    sleep,
    start,
    timeout,
)
from runtime_client._handles import ChildRef


class Shop(Process):
    line = Channel[int]()

    async def main(self) -> None: ...

    def method(self) -> None: ...


def refused(function: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("duration", [5, 0, -1, 0.5, timedelta(days=3), datetime(2030, 1, 1, tzinfo=UTC)])
def test_times_are_accepted(duration: Any) -> None:
    assert after(duration) == sleep(duration)


@pytest.mark.parametrize(
    ("duration", "message"),
    [
        (datetime(2030, 1, 1), "needs a time zone"),
        (math.nan, "is no time that comes"),
        (math.inf, "is no time that comes"),
        ("5", "is a timedelta, seconds, or an aware datetime"),
        (True, "is a timedelta, seconds, or an aware datetime"),
        (None, "is a timedelta, seconds, or an aware datetime"),
    ],
)
def test_times_are_refused(duration: Any, message: str) -> None:
    assert message in refused(after, duration)


def test_channels_are_checked() -> None:
    assert recv(None).channel is None
    assert recv("a").channel == "a"
    assert "takes a channel, its name, or None" in refused(recv, 5)
    assert "belongs to no process" in refused(send, Channel[int](), 1)
    assert "nil channel" in refused(close, None)


def test_select_names_its_cases() -> None:
    made = select(recv("a"), Handle(3), b=send("a", 1), none=default(), label="State")
    assert made.names == (0, 1, "b", "none")


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (lambda: look(), r"go(frame)"),
        (lambda: depth(3), r"go(frame)"),
        (lambda: select(recv("a")), "put its cases into the outer one"),
        (lambda: ChildRef("x"), "ref.result()"),
        (lambda: plain(), "cannot be waited for: a plain coroutine, plain()"),
        (lambda: 5, "cannot be waited for: 5"),
    ],
)
def test_d9_select_refuses_what_is_no_case(case: Any, message: str) -> None:
    text = refused(select, a=case())
    assert message in text
    assert "case 'a'" in text


def test_call_takes_functions_that_a_worker_can_find() -> None:
    def local() -> None: ...

    assert call(double, 1, retry=Retry.never(), timeout=timedelta(seconds=1), key="k").arguments == (1,)
    assert call(functools.partial(double, 1)).function.func is double
    assert "a lambda" in refused(call, lambda: 1)
    assert "local to a function" in refused(call, local)
    assert "local to a function" in refused(call, functools.partial(local))
    assert "is durable" in refused(call, look)
    assert "is durable" in refused(call, depth, 3)
    assert "call(fn, *args)" in refused(call, plain())
    assert "takes a function, got 5" in refused(call, 5)
    assert "effects run outside" in refused(call, object.__new__(Shop).method)


def test_an_ordinary_function_may_return_a_data_frame() -> None:
    assert call(load).function is load


def load() -> DataFrame:
    raise NotImplementedError


class DataFrame:
    """Ends in Frame and is none."""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "longer than nothing"),
        ({"timeout": -1}, "longer than nothing"),
        ({"timeout": math.nan}, "no time that comes"),
        ({"retry": 3}, "retry is a Retry"),
        ({"retry": Retry(max_attempts=0)}, "max_attempts"),
        ({"retry": Retry(first=-1)}, "not negative"),
        ({"retry": Retry(factor=0.5)}, "factor"),
        ({"retry": Retry(jitter=2)}, "jitter"),
        ({"retry": Retry(non_retryable=("ValueError",))}, "exception types"),
        ({"key": ""}, "key is a text"),
        ({"queue": None}, "queue is the name"),
        ({"heartbeat_timeout": 0}, "a heartbeat_timeout is longer than nothing"),
        ({"schedule_to_close_timeout": -1}, "a schedule_to_close_timeout is longer than nothing"),
        ({"queue": ""}, "queue is the name"),
        ({"priority": 2**31}, "priority is a whole number"),
        ({"priority": "high"}, "priority is a whole number"),
    ],
)
def test_options_of_a_call_are_checked(options: dict[str, Any], message: str) -> None:
    assert message in refused(call, double, 1, **options)


def test_go_takes_frames() -> None:
    assert "look (not called)" in refused(go, look)
    assert "a plain coroutine, plain()" in refused(go, plain())


def test_start_takes_processes() -> None:
    assert "is not a process class" in refused(start, int)


@pytest.mark.parametrize("function", [now, lambda: go(look()), lambda: start("shop"), lambda: close("a")])
def test_outside_of_durable_code_there_is_no_transition(function: Any) -> None:
    with pytest.raises(RuntimeError, match="inside a durable function"):
        function()


@pytest.mark.parametrize(
    ("wrong", "help"),
    [
        (3, "a handle"),
        (default(), "a case of select"),
        (look, "a handle"),
        (ChildRef("p-2"), r"ref\.result\(\)"),
    ],
)
def test_gather_refuses_what_cannot_be_waited_for(wrong: Any, help: str) -> None:
    with pytest.raises(TypeError, match=rf"argument 1 of gather\(\) cannot be waited for(.|\n)*help: .*{help}"):
        gather(look(), wrong)


def test_a_gather_is_no_case_of_a_select() -> None:
    with pytest.raises(TypeError, match=r"help: go\(frame\)"):
        select(all=gather(look()))


@pytest.mark.parametrize("wrong", ["soon", math.nan, datetime(2030, 1, 1)])
def test_a_timeout_is_a_deadline(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="deadline"):
        timeout(wrong)


def test_a_group_that_was_not_entered_starts_nothing() -> None:
    with pytest.raises(RuntimeError, match="has not been entered"):
        TaskGroup().go(look())
