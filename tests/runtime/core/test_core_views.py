"""Questions about a process: what people read, and what the shell plans by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from core_world import World, call
from hypothesis import given
from hypothesis import strategies as st

from slct_runtime import core
from slct_runtime.core import channel_facts, describe_case, describe_waits, is_ready, next_due_ms, watched_processes
from slct_runtime.core.commands import (
    Case,
    Close,
    DefaultCase,
    Go,
    JoinCase,
    MakeChannel,
    RecvCase,
    ResultCase,
    SendCase,
    TimerCase,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (RecvCase("payments"), "recv(payments)"),
        (RecvCase(None), "recv(None)"),
        (SendCase("#1", "secret"), "send(#1)"),
        (TimerCase(1_893_456_000_000), "after 2030-01-01T00:00:00+00:00"),
        (TimerCase(1_893_456_000_001), "after 2030-01-01T00:00:00.001+00:00"),
        (TimerCase(10**15), "after 33658-09-27T01:46:40+00:00"),
        (call(1, "orders_io:charge_card"), "call(charge_card)"),
        (JoinCase(3), "join(goroutine 3)"),
        (ResultCase("q"), "result(q)"),
        (DefaultCase(), "default"),
    ],
)
def test_a_case_reads_like_its_source(case: Case, text: str) -> None:
    assert describe_case(case) == text


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_times_read_as_datetime_writes_them(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    unix_ms = (moment - EPOCH) // timedelta(milliseconds=1)
    expected = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    assert describe_case(TimerCase(unix_ms)) == f"after {expected}"


def test_waits_of_every_goroutine() -> None:
    w = World(c=0)
    w.start()
    w.park(1, RecvCase("c"), JoinCase(2), do=(Go(2), Go(3)))
    w.park(2)
    assert list(describe_waits(w.process)) == [(1, ("recv(c)", "join(goroutine 2)")), (2, ()), (3, ())]


def test_channel_facts_are_those_of_channels_that_are_closed_or_hold_values() -> None:
    w = World(c=0, d=2, e=0)
    w.start()
    for channel in ("c", "d", "d", "d"):
        w.message(channel)
    w.park(1, RecvCase("other"), do=(MakeChannel("#1", 1), Close("e")))
    assert sorted(channel_facts(w.process)) == [("d", 2, False), ("e", 0, True)]


def test_the_earliest_deadline_and_readiness() -> None:
    w = World(c=0)
    assert (next_due_ms(w.process), is_ready(w.process)) == (None, False)
    w.start()
    assert is_ready(w.process)
    w.park(1, TimerCase(70), TimerCase(60), do=(Go(2),))
    w.park(2, TimerCase(65), RecvCase("c"))
    assert (next_due_ms(w.process), is_ready(w.process)) == (60, False)
    w.time(61)
    w.err(1)
    assert (next_due_ms(w.process), is_ready(w.process)) == (65, True)


def test_watched_processes() -> None:
    w = World()
    w.start()
    w.park(1, ResultCase("q"), TimerCase(9))
    assert watched_processes(w.process) == ("q",)
    w.time(9)
    assert watched_processes(w.process) == ()


def test_all_names_exist_and_are_sorted() -> None:
    assert list(core.__all__) == sorted(core.__all__)
    assert all(hasattr(core, name) for name in core.__all__)
