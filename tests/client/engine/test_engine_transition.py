"""What a transition asks of the core, what it is woken with, and how orders that make no sense are answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from engine_compiled import Base, Totals
from engine_driver import START_MS, Driver
from engine_words import BadLabels, Calls, Children, Cleaning, Closing, Leaks, Refuses, Talker

from runtime_client import Definitions
from runtime_client._transition import run_transition
from slct_runtime.core.commands import START, Faulted, Parked, Resumption, ResumptionKind, RetryPolicy, TimerCase
from slct_runtime.core.effects import RunGoroutine

DEFS = Definitions([Talker, BadLabels, Closing, Children, Calls, Cleaning, Refuses, Leaks, Totals, Base])


def test_emit_labels_now_and_id() -> None:
    driver = Driver(DEFS, "talker", labels={"old": "1"})
    assert driver.labels == {"old": "1", "country": "se"}
    driver.advance(2)
    at = datetime.fromtimestamp(START_MS / 1000, UTC)
    assert driver.emitted == [{"at": at}]
    assert driver.result == ("p-1", {"country": "se"}, at + timedelta(seconds=1.5))
    assert driver.labels == {"country": "se"}


def test_labels_that_are_no_texts_are_a_fault() -> None:
    assert "labels are texts, got 'n': 5" in str(Driver(DEFS, "bad_labels").last_error)


def test_rule_11_and_d10_close() -> None:
    driver = Driver(DEFS, "closing")
    assert driver.result == [
        (1, 2, False),
        False,  # what the process knew when the transition began
        "channel 'line' is closed: it was closed before",
        "channel 'line' is closed: it was closed before",
        True,
        [1],
        "line",
        "channel 'line' is closed: nothing can be sent",
        False,
    ]
    assert sum("Close(channel='line')" in line for line in driver.trace) == 1


def test_children_are_started_sent_to_and_awaited() -> None:
    driver = Driver(DEFS, "children")
    assert [(s.process_id, s.definition) for s in driver.started] == [("p-1.1", "worker"), ("mine", "worker")]
    assert driver.codec.decode(driver.started[0].arguments) == [[1], {"colour": "red"}]
    assert [(s.process_id, s.channel, s.payload) for s in driver.sent] == [("p-1.1", "line", "[1]")]
    driver.child_done("p-1.1", "fine")
    driver.child_done("mine", error=ValueError("bad"))
    assert driver.result == [
        "p-1.1",
        "mine",
        "fine",
        "ProcessFailed",
        "process 'mine' failed: ValueError: bad",
        "ValueError('bad')",
    ]


def test_rules_18_and_19_calls() -> None:
    driver = Driver(DEFS, "calls")
    request = driver.effects[1]
    assert request.function == "engine_compiled:explode"
    assert (request.retry, request.timeout_ms, request.key) == (RetryPolicy(max_attempts=1), 1500, "k")
    driver.end_effect(1, None, driver.codec.encode(ValueError("boom")))
    other = driver.effects[2]
    assert (other.at_most_once, other.queue, other.priority) == (True, "slow", -3)
    driver.end_effect(2, None, None)
    driver.run_effects()
    assert driver.result == [
        ("call(explode) failed: ValueError: boom", "ValueError('boom')"),
        "call(explode) was started once and its outcome is not known",
        ("twice", 4),
    ]


def test_d5_cancelled_is_raised_once_and_cleaning_up_may_suspend() -> None:
    driver = Driver(DEFS, "cleaning")
    driver.cancel()
    driver.advance(1)
    assert driver.status == "cancelled"
    assert driver.emitted == ["idle ends", "cleaned"]


def test_a_value_that_cannot_be_sent_is_refused_at_the_await() -> None:
    assert "object() sentinel cannot be saved" in Driver(DEFS, "refuses").result


def test_what_belongs_to_a_process_does_not_leave_it() -> None:
    channel, handle, itself = Driver(DEFS, "leaks").result
    assert "a channel of this process cannot be sent to another process" in channel
    assert "a goroutine of this process cannot be sent to another process" in handle
    assert "process (Leaks) cannot be saved" in itself


# --- orders that make no sense ------------------------------------------------------------------------------------------


def order_of(driver: Driver, goroutine_id: int = 1, resumption: Resumption = START) -> object:
    return driver.order(RunGoroutine(goroutine_id, resumption))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"document": None}, "is not held here at seq"),
        ({"goroutine_id": 9}, "has no goroutine 9"),
        ({"definition": "nobody"}, "there is no definition 'nobody'"),
        ({"document": "{"}, "not a document of this codec"),
        ({"resumption": Resumption(ResumptionKind.VALUE, 7, "1")}, "does not wait for that"),
        ({"resumption": Resumption(ResumptionKind.VALUE, 0, "{")}, "not a document of this codec"),
    ],
)
def test_an_order_that_cannot_be_run_is_answered_by_a_fault(changes: dict[str, object], message: str) -> None:
    driver = Driver(DEFS, "totals", 5)
    order = replace(driver.order(RunGoroutine(1, START)), **changes)
    answer, live = run_transition(DEFS, order, None)
    assert isinstance(answer.ending, Faulted)
    assert message in str(driver.codec.decode(answer.ending.error))
    assert (answer.document, answer.commands, live) == (None, (), None)


def test_rule_13_deadlines_are_rounded_up() -> None:
    from runtime_client._operations import deadline_ms

    assert deadline_ms(0.0001, 1000) == 1001
    assert deadline_ms(timedelta(microseconds=1), 1000) == 1001
    assert deadline_ms(-1, 1000) == 0
    assert deadline_ms(datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC), 0) == 1001


def test_the_same_order_gives_the_same_answer_from_held_and_from_document() -> None:
    driver = Driver(DEFS, "base", "ada", restore=False)
    order = driver.order(RunGoroutine(1, START))
    first = run_transition(DEFS, replace(order, document="", arguments=driver.arguments), None)[0]
    again = run_transition(DEFS, replace(order, document="", arguments=driver.arguments), None)[0]
    assert first == again
    assert first.ending == Parked((TimerCase(START_MS),))
