"""Every status by every event: of goroutines as a table, of processes as what a late or unfitting event leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from core_world import World

from slct_runtime.core import GoroutineStatus, ProcessStatus
from slct_runtime.core._goroutine import (
    CANCELLED,
    STATUS_CHANGES,
    Change,
    Goroutine,
    assert_may,
    parked,
    ready,
    running,
    taken_back,
)
from slct_runtime.core.commands import START, Finished, RecvCase, TimerCase
from slct_runtime.core.events import (
    CancelRequested,
    ChildDone,
    Closed,
    EffectDone,
    Event,
    Message,
    RetryRequested,
    Started,
    TerminateRequested,
    TimerDue,
    TransitionDone,
    TransitionLost,
    VersionChanged,
)

READY, RUNNING, PARKED = GoroutineStatus.READY, GoroutineStatus.RUNNING, GoroutineStatus.PARKED

MOVES: dict[Change, Callable[[Goroutine], Goroutine | None]] = {
    Change.RUN: running,
    Change.PASS: lambda g: ready(g, Change.PASS, START),
    Change.PARK: lambda g: parked(g, (), 1),
    Change.WAKE: lambda g: ready(g, Change.WAKE, START),
    Change.RAISE: lambda g: ready(g, Change.RAISE, CANCELLED),
    Change.TAKE_BACK: taken_back,
    Change.END: lambda g: assert_may(g, Change.END),
    Change.DROP: lambda g: assert_may(g, Change.DROP),
}


@pytest.mark.parametrize(("status", "change"), list(product(GoroutineStatus, MOVES)))
def test_a_goroutine_changes_as_the_table_says_and_not_otherwise(status: GoroutineStatus, change: Change) -> None:
    goroutine = Goroutine(1, status, START)
    if (status, change) not in STATUS_CHANGES:
        with pytest.raises((KeyError, AssertionError)):
            MOVES[change](goroutine)
    else:
        moved = MOVES[change](goroutine)
        assert (moved and moved.status) == STATUS_CHANGES[status, change]


def test_every_status_can_be_reached_and_left() -> None:
    assert {before for before, _ in STATUS_CHANGES} == {None, *GoroutineStatus}
    assert set(STATUS_CHANGES.values()) == {None, *GoroutineStatus}
    assert {change for _, change in STATUS_CHANGES} == set(Change)


# --- processes -------------------------------------------------------------------------------------------------------

EVENTS: dict[str, Event] = {
    "started": Started(5_000),
    "message": Message(5_000, 50, "other", "x"),
    "message to a waiter": Message(5_000, 50, "c", "x"),
    "message to no channel": Message(5_000, 50, "unknown", "x"),
    "closed": Closed(5_000, 50, "other"),
    "timer": TimerDue(5_000),
    "late effect": EffectDone(5_000, 50, 99, "1", None),
    "late child": ChildDone(5_000, 50, "nobody", "1", None),
    "late transition": TransitionDone(5_000, 99, (), Finished("1")),
    "late loss": TransitionLost(5_000, 99),
    "cancel": CancelRequested(5_000, 50),
    "terminate": TerminateRequested(5_000),
    "retry": RetryRequested(5_000),
    "version": VersionChanged(5_000, {"c": 0, "new": 2}, False, True),
}


def new() -> World:
    return World(c=0, other=0)


def executing() -> World:
    w = new()
    w.start()
    return w


def waiting() -> World:
    w = executing()
    w.park(1, RecvCase("c"))
    return w


def sleeping() -> World:
    w = executing()
    w.park(1, TimerCase(4_000))
    return w


def backing_off() -> World:
    w = waiting()
    w.message("c")
    w.err(1)
    return w


def faulted() -> World:
    w = backing_off()
    for now_ms in (100, 1_100):
        w.time(now_ms)
        w.err(1)
    return w


def deadlocked() -> World:
    w = executing()
    w.park(1)
    return w


def completed() -> World:
    w = executing()
    w.finish(1, "1")
    return w


def failed() -> World:
    w = executing()
    w.fail(1)
    return w


def cancelled() -> World:
    w = waiting()
    w.cancel()
    w.fail(1)
    return w


def terminated() -> World:
    w = waiting()
    w.apply(TerminateRequested(0))
    return w


STANDS = [new, executing, waiting, sleeping, backing_off, faulted, deadlocked, completed, failed, cancelled, terminated]
CHANGES: dict[tuple[str, str], str] = {
    ("new", "cancel"): "cancelled",
    ("faulted", "retry"): "running",
    ("faulted", "cancel"): "running",
    ("deadlocked", "cancel"): "running",
} | {(make.__name__, "terminate"): "terminated" for make in STANDS[:7]}
"""What changes the status of the process; everything else leaves it."""
RUNS = {
    ("new", "started"),
    ("waiting", "message to a waiter"),
    ("waiting", "cancel"),
    ("sleeping", "timer"),
    ("sleeping", "cancel"),
    ("faulted", "retry"),
    ("faulted", "cancel"),
    ("deadlocked", "cancel"),
} | {("backing_off", event) for event in EVENTS if event != "terminate"}
"""What lets main run. While it waits for its next try, any event does so whose time has come to that."""


@pytest.mark.parametrize(("make", "event"), list(product(STANDS, EVENTS)))
def test_every_process_status_by_every_event(make: Callable[[], World], event: str) -> None:
    w = make()
    before = w.process
    arrived = EVENTS[event]
    if isinstance(arrived, Message):
        w.inbox[50] = (50, arrived.channel, arrived.payload)
    effects = w.apply(arrived)
    stand = make.__name__
    assert w.status == CHANGES.get((stand, event), before.status.value)
    assert ((before.running, w.process.running) == (None, 1)) == ((stand, event) in RUNS)
    if before.status.is_end:
        assert (effects, w.process) == ([], before)


def test_there_is_a_stand_for_every_status() -> None:
    assert {make().status for make in STANDS} == {status.value for status in ProcessStatus}
