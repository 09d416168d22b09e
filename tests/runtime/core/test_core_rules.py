"""Rules 3 to 13 and the details that settle them, one claim at a time."""

from __future__ import annotations

import pytest
from core_world import World, call

from slct_runtime.core import is_ready, next_due_ms, watched_processes
from slct_runtime.core.commands import (
    START,
    Attach,
    CancelGoroutine,
    CancelProcess,
    Case,
    Close,
    DefaultCase,
    Emit,
    Failed,
    Go,
    Interrupt,
    JoinCase,
    MakeChannel,
    RecvCase,
    ResultCase,
    Resumption,
    ResumptionKind,
    SendCase,
    SendTo,
    SetLabels,
    StartProcess,
    TimerCase,
)
from slct_runtime.core.effects import CancelEffect, Finish, Received, RequestEffect, RunGoroutine, WatchProcess
from slct_runtime.core.events import Closed, Message, RetryRequested, Started, TerminateRequested

K = ResumptionKind


def run(goroutine_id: int, kind: ResumptionKind, case_index: int = 0, payload: str | None = None) -> RunGoroutine:
    return RunGoroutine(goroutine_id, Resumption(kind, case_index, payload))


def world(goroutine_count: int = 1, *, is_open: bool = False, fail_on_fault: bool = False, **capacities: int) -> World:
    """Main runs, and `goroutine_count - 1` others are ready behind it, in the order of their ids."""
    w = World(is_open=is_open, fail_on_fault=fail_on_fault, **capacities)
    w.start()
    if goroutine_count > 1:
        w.park(1, TimerCase(0), do=tuple(Go(i) for i in range(2, goroutine_count + 1)))
        for i in range(2, goroutine_count + 1):
            w.park(i, TimerCase(0))
    assert w.order() == list(range(1, goroutine_count + 1))
    return w


# --- transitions and turns -------------------------------------------------------------------------------------------


def test_rule_3_commands_pass_through_in_order_once_the_transition_is_accepted() -> None:
    w = world(c=0)
    commands = (Emit("1"), StartProcess("q", "order", "[]"), SendTo("q", "c", "2"), SetLabels((("a", "b"),)))
    assert w.park(1, RecvCase("c"), do=commands) == list(commands)
    assert w.committed


def test_rule_3_commands_of_a_fault_do_not_count() -> None:
    w = world(c=0)
    assert w.err(1, do=(Emit("1"), Go(2), Close("c"))) == []
    assert not w.committed
    assert w.statuses() == {1: "ready"}
    assert not w.process.channels["c"].is_closed


def test_rule_4_goroutines_run_in_the_order_in_which_they_became_ready() -> None:
    w = world(3)
    assert w.park(1, TimerCase(0)) == [run(2, K.NONE)]
    assert w.park(2, TimerCase(0)) == [run(3, K.NONE)]
    assert w.park(3, TimerCase(0)) == [run(1, K.NONE)]


def test_rule_4_the_parked_partner_is_ready_before_the_one_that_completes_it() -> None:
    w = world(2, c=0)
    w.park(1, RecvCase("c"))
    assert w.park(2, SendCase("c", "x")) == [run(1, K.VALUE, payload="x")]
    assert w.order() == [1, 2]


def test_detail_d1_wakes_by_go_and_close_in_order_then_partner_then_itself() -> None:
    w = world(3, c=0, d=0)
    w.park(1, RecvCase("d"))
    w.park(2, RecvCase("c"))
    w.park(3, SendCase("d", "x"), do=(Go(4), Close("c"), Go(5)))
    assert w.order() == [4, 2, 5, 1, 3]


def test_a_new_goroutine_runs_with_start() -> None:
    w = world(c=0)
    assert w.park(1, RecvCase("c"), do=(Go(2),)) == [RunGoroutine(2, START)]


def test_a_lost_transition_runs_again_with_the_same_resumption() -> None:
    w = world(2, c=0)
    w.park(1, RecvCase("c"))
    w.park(2, SendCase("c", "x"))
    assert w.lose(1) == [run(1, K.VALUE, payload="x")]
    assert w.lose(2) == [], "2 does not run"
    assert w.order() == [1, 2]


def test_an_answer_of_a_goroutine_that_does_not_run_changes_nothing() -> None:
    w = world(2)
    before = w.process
    assert w.finish(2) == []
    assert not w.committed
    assert w.process == before


# --- the end ---------------------------------------------------------------------------------------------------------


def test_rule_5_main_ends_the_process() -> None:
    w = world(2, c=0)
    w.message("c")
    w.message("c")
    w.park(1, TimerCase(5))
    assert RequestEffect(call(7).request) in w.park(2, call(7), RecvCase("d"))
    w.time(5)
    assert w.finish(1, "9", do=(Emit("1"),)) == [Emit("1"), CancelEffect(7), Finish("9", None)]
    assert w.status == "completed"
    assert w.process.unreceived_count == 2
    assert w.process.goroutines == {}
    assert w.committed


def test_rule_5_a_process_that_has_ended_is_left_alone() -> None:
    w = world()
    w.finish(1, "9")
    ended = w.process
    for effects in (w.message("c"), w.cancel(), w.time(99), w.lose(1), w.apply(TerminateRequested(0)), w.start()):
        assert effects == []
    assert w.process == ended


def test_rule_5_another_goroutine_may_return_without_ending_the_process() -> None:
    w = world(2, c=0)
    w.park(1, RecvCase("c"))
    assert w.finish(2) == []
    assert w.statuses() == {1: "parked"}


# --- failures and faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goroutine_id", [1, 2])
def test_rule_6_a_process_error_fails_the_process(goroutine_id: int) -> None:
    w = world(2, c=0)
    if goroutine_id == 2:
        w.park(1, RecvCase("c"))
    assert w.fail(goroutine_id, "boom") == [Finish(None, "boom")]
    assert w.status == "failed"
    assert w.committed


def test_rule_6_a_fault_is_tried_again_with_pauses_and_then_parks_the_process() -> None:
    w = world()
    assert w.err(1, "boom") == []
    assert next_due_ms(w.process) == 100
    assert w.time(99) == []
    assert w.time(100) == [RunGoroutine(1, START)]
    assert next_due_ms(w.process) is None
    assert w.fault(1, "boom") == []
    assert w.time(1_100) == [RunGoroutine(1, START)]
    assert w.err(1, "boom") == [Finish(None, "boom")]
    assert w.status == "faulted"
    assert w.statuses() == {1: "ready"}
    assert next_due_ms(w.process) is None
    assert not is_ready(w.process)


def test_rule_6_retry_takes_a_faulted_process_up_with_all_its_tries() -> None:
    w = faulted_world()
    assert w.apply(RetryRequested(w.now_ms)) == [run(1, K.VALUE, payload="v")]
    assert w.status == "running"
    assert w.err(1) == []
    assert w.apply(RetryRequested(w.now_ms)) == [], "only a faulted process is retried"
    assert w.status == "running"


def test_rule_6_a_transition_that_works_again_has_all_its_tries_again() -> None:
    w = world(c=0)
    w.err(1)
    w.time(100)
    w.err(1)
    w.time(1_100)
    w.park(1, TimerCase(0))
    w.err(1)
    assert next_due_ms(w.process) == 1_200
    assert w.status == "running"


def test_rule_6_nobody_runs_while_a_fault_waits_for_its_next_try() -> None:
    w = world(2, c=0)
    w.park(1, RecvCase("c"))
    w.err(2)
    assert w.message("c") == [Received(1)]
    assert w.order() == [2, 1]
    assert w.time(100) == [run(2, K.NONE)]


def test_rule_6_a_faulted_process_still_accepts_messages() -> None:
    w = faulted_world()
    assert w.message("c", "later") == []
    w.apply(RetryRequested(w.now_ms))
    assert w.park(1, RecvCase("c")) == [Received(2), run(1, K.VALUE, payload="later")]


@pytest.mark.parametrize("is_fault", [True, False])
def test_rule_6_on_fault_fail_ends_the_process_at_once(is_fault: bool) -> None:
    w = world(fail_on_fault=True)
    assert (w.fault(1, "boom") if is_fault else w.err(1, "boom")) == [Finish(None, "boom")]
    assert w.status == "failed"
    assert not w.committed, "its document is that of the last commit"


@pytest.mark.parametrize("is_process_error", [True, False])
def test_detail_d4_the_error_of_a_joined_goroutine_is_its_joiners(is_process_error: bool) -> None:
    w = world(2)
    w.park(1, JoinCase(2))
    assert (w.fail(2) if is_process_error else w.err(2)) == [run(1, K.JOINED, payload="2")]
    assert w.committed
    assert w.status == "running"


def test_detail_d4_whether_it_is_joined_counts_when_its_transition_ends() -> None:
    w = world(2, c=0)
    w.park(1, JoinCase(2), RecvCase("c"))
    assert w.err(2, do=(Close("c"),)) == [], "its own close takes its joiner away: a fault"
    assert not w.committed
    assert w.statuses() == {1: "parked", 2: "ready"}


def test_detail_d4_nobody_can_live_with_an_error_of_main() -> None:
    w = world(2)
    w.park(1, TimerCase(0))
    w.park(2, JoinCase(1))
    w.err(1)
    assert not w.committed


def test_joining_what_has_ended_is_ready() -> None:
    w = world(2)
    w.park(1, TimerCase(0))
    w.finish(2)
    assert w.park(1, JoinCase(2)) == [run(1, K.JOINED, payload="2")]


def test_all_joiners_are_woken_in_the_order_in_which_they_came_and_once() -> None:
    w = world(4)
    w.park(1, JoinCase(4))
    w.park(2, JoinCase(4), JoinCase(4))
    w.park(3, JoinCase(4))
    assert w.finish(4) == [run(1, K.JOINED, payload="4")]
    assert w.order() == [1, 2, 3]


# --- deadlock --------------------------------------------------------------------------------------------------------

DEADLOCKS: list[tuple[Case, ...]] = [(), (RecvCase(None),), (SendCase(None, "x"),), (RecvCase("#1"),), (JoinCase(1),)]
NO_DEADLOCKS: list[tuple[Case, ...]] = [
    (RecvCase("c"),),
    (SendCase("c", "x"),),
    (RecvCase(None), TimerCase(9)),
    (RecvCase("#1"), call(7)),
    (ResultCase("q"),),
]


@pytest.mark.parametrize("cases", DEADLOCKS, ids=repr)
def test_rule_7_nothing_can_come_from_outside(cases: tuple[Case, ...]) -> None:
    w = world(c=0)
    assert w.park(1, *cases, do=(MakeChannel("#1", 0),)) == [Finish(None, None)]
    assert w.status == "deadlocked"
    assert w.committed
    assert not is_ready(w.process)


@pytest.mark.parametrize("cases", NO_DEADLOCKS, ids=repr)
def test_rule_7_something_may_come_from_outside(cases: tuple[Case, ...]) -> None:
    w = world(c=0)
    w.park(1, *cases, do=(MakeChannel("#1", 0),))
    assert w.status == "running"


def test_rule_7_one_goroutine_that_may_wake_is_enough() -> None:
    w = world(2, c=0)
    w.park(1, JoinCase(2))
    w.park(2, RecvCase("c"))
    assert w.status == "running"


def test_rule_7_goroutines_that_join_each_other_are_deadlocked() -> None:
    w = world(2)
    w.park(1, JoinCase(2))
    assert w.park(2, JoinCase(1)) == [Finish(None, None)]
    assert w.status == "deadlocked"


def test_rule_7_a_deadlocked_process_can_be_cancelled() -> None:
    w = world()
    w.park(1)
    assert w.cancel() == [run(1, K.CANCELLED)]
    assert w.fail(1, "cancelled") == [Finish(None, "cancelled")]
    assert w.status == "cancelled"


def test_rule_7_a_second_cancel_of_a_deadlocked_clean_up_changes_nothing() -> None:
    w = world()
    w.park(1)
    w.cancel()
    assert w.park(1) == [Finish(None, None)]
    assert w.cancel() == []
    assert w.status == "deadlocked"


def test_rule_7_a_deadlocked_process_that_is_reached_after_all_goes_on() -> None:
    w = world(is_open=True)
    w.park(1, RecvCase("#1"), do=(MakeChannel("#1", 0),))
    assert w.message("#1", "x") == [Received(1), run(1, K.VALUE, payload="x")]
    assert w.status == "running"


@pytest.mark.parametrize("status", ["deadlocked", "faulted"])
def test_terminate_ends_a_process_that_stands(status: str) -> None:
    w = faulted_world() if status == "faulted" else world()
    if status == "deadlocked":
        w.park(1)
    assert w.status == status
    assert w.apply(TerminateRequested(0)) == [Finish(None, None)]
    assert w.status == "terminated"


# --- channels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender_first", [True, False])
def test_rule_8_unbuffered_send_and_receive_complete_in_one_commit(sender_first: bool) -> None:
    w = world(2, c=0)
    if sender_first:
        w.park(1, SendCase("c", "x"))
        assert w.order() == [2], "the send waits"
        assert w.park(2, RecvCase("c")) == [run(1, K.NONE)]
        assert w.park(1, TimerCase(0)) == [run(2, K.VALUE, payload="x")]
    else:
        w.park(1, RecvCase("c"))
        assert w.park(2, SendCase("c", "x")) == [run(1, K.VALUE, payload="x")]
        assert w.park(1, TimerCase(0)) == [run(2, K.NONE)]


def test_rule_8_buffered_send_completes_while_there_is_room() -> None:
    w = world(c=1)
    assert w.park(1, SendCase("c", "x")) == [run(1, K.NONE)]
    assert w.park(1, SendCase("c", "y")) == []
    assert w.statuses() == {1: "parked"}


def test_rule_8_a_receive_takes_the_oldest_value_and_lets_the_longest_waiting_sender_in() -> None:
    w = world(4, c=1)
    w.park(1, SendCase("c", "a"))
    w.park(2, SendCase("c", "b"))
    w.park(3, SendCase("c", "d"))
    assert w.order() == [4, 1]
    w.park(4, RecvCase("c"))
    assert w.order() == [1, 2, 4]
    assert [e.payload for e in w.process.channels["c"].queue] == ["b", "d"]
    assert w.process.channels["c"].length == 1


def test_rule_8_a_nil_channel_is_never_ready() -> None:
    w = world(c=1)
    assert w.park(1, RecvCase(None), SendCase(None, "x"), SendCase("c", "y")) == [run(1, K.NONE, 2)]


def test_rule_9_receivers_are_served_first_come_first_served() -> None:
    w = world(3, c=0)
    w.park(1, RecvCase("c"))
    w.park(2, RecvCase("c"))
    w.park(3, RecvCase("c"))
    assert [w.message("c", x) for x in "abc"] == [
        [Received(1), run(1, K.VALUE, payload="a")],
        [Received(2)],
        [Received(3)],
    ]
    assert w.order() == [1, 2, 3]


@pytest.mark.parametrize("capacity", [0, 1, 2])
def test_rule_9_messages_and_goroutine_senders_stand_in_one_line(capacity: int) -> None:
    w = world(3, c=capacity)
    w.message("c", "a")
    w.park(1, SendCase("c", "b"))
    w.message("c", "d")
    w.park(2, SendCase("c", "e"))
    got = []
    for _ in range(4):
        while w.order()[0] != 3:
            w.park(w.order()[0], TimerCase(0))
        w.park(3, RecvCase("c"))
        got.append(w.process.goroutines[3].resumption)
    assert [r.payload for r in got if r is not None] == ["a", "b", "d", "e"]
    assert w.inbox == {}


def test_rule_14_a_message_takes_room_in_the_buffer_and_waits_without_it() -> None:
    w = world(c=1)
    w.message("c", "a")
    w.message("c", "b")
    assert w.process.channels["c"].length == 1
    assert w.process.channels["c"].message_count == 2
    assert w.park(1, SendCase("c", "x")) == [], "no room"


def test_rule_14_an_arrival_is_applied_once() -> None:
    w = world(c=0)
    w.park(1, RecvCase("c"))
    w.message("c", "a")
    before = w.process
    assert w.apply(Message(0, 1, "c", "a")) == []
    assert w.apply(Closed(0, 1, "c")) == []
    assert w.process == before


# --- select ----------------------------------------------------------------------------------------------------------


def test_rule_10_the_first_ready_case_in_the_order_written_is_taken() -> None:
    w = world(c=0, d=0, e=1)
    w.message("d", "x")
    assert w.park(1, RecvCase("c"), RecvCase("d"), SendCase("e", "y")) == [Received(1), run(1, K.VALUE, 1, "x")]
    assert not w.process.channels["e"].queue


@pytest.mark.parametrize("default_index", [0, 1])
def test_rule_10_the_default_is_taken_only_when_nothing_is_ready(default_index: int) -> None:
    cases: list[Case] = [RecvCase("c")]
    cases.insert(default_index, DefaultCase())
    w = world(c=0)
    assert w.park(1, *cases) == [run(1, K.NONE, default_index)]
    w.message("c", "x")
    assert w.park(1, *cases) == [Received(1), run(1, K.VALUE, 1 - default_index, "x")]


def test_rule_10_the_losers_are_withdrawn_in_the_same_commit() -> None:
    w = world(2, c=0, d=0)
    w.park(1, RecvCase("c"), SendCase("d", "x"), TimerCase(50), call(7), JoinCase(2), ResultCase("q"))
    assert w.park(2, SendCase("c", "y")) == [CancelEffect(7), run(1, K.VALUE, 0, "y")]
    assert not w.process.channels["d"].queue
    assert (w.process.timers, w.process.effects, w.process.joins, w.process.children) == ({}, {}, {}, {})


def test_rule_10_one_select_does_not_meet_itself() -> None:
    w = world(2, c=0)
    w.park(1, SendCase("c", "mine"), RecvCase("c"))
    assert w.statuses()[1] == "parked"
    assert w.park(2, SendCase("c", "yours"), RecvCase("c")) == [run(1, K.VALUE, 1, "yours")]
    assert not w.process.channels["c"].queue


def test_rule_10_one_select_may_wait_twice_on_one_channel() -> None:
    w = world(2, c=0)
    w.park(1, SendCase("c", "x"), SendCase("c", "y"))
    w.park(2, RecvCase("c"))
    assert not w.process.channels["c"].queue
    assert w.park(1, RecvCase("c"), RecvCase("c")) == [run(2, K.VALUE, 0, "x")]
    w.park(2, SendCase("c", "z"))
    assert w.process.channels["c"].receivers == ()


def test_rule_10_an_empty_select_parks_for_ever() -> None:
    w = world(2, c=0)
    w.park(1)
    w.park(2, RecvCase("c"))
    assert w.message("c") != []
    assert w.statuses() == {1: "parked", 2: "running"}


# --- close -----------------------------------------------------------------------------------------------------------


def test_rule_11_what_is_buffered_and_what_waits_from_outside_is_still_received() -> None:
    w = world(c=1)
    w.park(1, SendCase("c", "a"))
    w.message("c", "b")
    w.park(1, TimerCase(0), do=(Close("c"),))
    assert w.park(1, RecvCase("c")) == [run(1, K.VALUE, payload="a")]
    assert w.park(1, RecvCase("c")) == [Received(1), run(1, K.VALUE, payload="b")]
    assert w.park(1, RecvCase("c")) == [run(1, K.CLOSED)]
    assert w.park(1, RecvCase("c")) == [run(1, K.CLOSED)]


@pytest.mark.parametrize("from_outside", [True, False])
def test_rule_11_parked_receivers_and_senders_wake_in_the_order_of_parking(from_outside: bool) -> None:
    w = world(4, c=0, d=0)
    w.park(1, SendCase("c", "x"), RecvCase("d"))
    w.park(2, RecvCase("d"))
    w.park(3, SendCase("c", "y"))
    if from_outside:
        w.close("c")
    else:
        w.park(4, TimerCase(0), do=(Close("c"),))
    assert w.order()[:3] == ([4, 1, 3] if from_outside else [1, 3, 4])
    assert w.process.goroutines[3].resumption == Resumption(K.SEND_CLOSED, 0)
    assert not w.process.channels["c"].queue
    assert w.process.channels["d"].receivers == ((2, 0),)


@pytest.mark.parametrize(
    ("cases", "kind"),
    [((RecvCase("c"), SendCase("c", "x")), K.CLOSED), ((SendCase("c", "x"), RecvCase("c")), K.SEND_CLOSED)],
)
def test_rule_11_a_select_that_sends_and_receives_there_wakes_by_the_case_written_first(
    cases: tuple[Case, ...], kind: ResumptionKind
) -> None:
    w = world(c=0)
    w.park(1, *cases)
    assert w.close("c") == [run(1, kind, 0)]


def test_rule_11_closing_what_is_closed_is_ignored_here() -> None:
    w = world(c=0)
    w.close("c")
    assert w.close("c") == []
    w.park(1, TimerCase(0), do=(Close("c"), Close("d"), Close("d")))
    assert w.process.channels["d"].is_closed


def test_rule_11_a_message_to_a_closed_channel_counts_as_never_received() -> None:
    w = world(c=0)
    w.close("c")
    assert w.message("c") == [Received(2)]
    assert w.park(1, RecvCase("c")) == [run(1, K.CLOSED)]
    w.finish(1)
    assert w.process.unreceived_count == 1


def test_detail_d10_a_send_on_a_closed_channel_raises_when_its_turn_comes() -> None:
    w = world(c=0, d=0)
    w.close("c")
    w.message("d", "x")
    assert w.park(1, RecvCase("d"), SendCase("c", "y")) == [Received(2), run(1, K.VALUE, 0, "x")]
    assert w.park(1, RecvCase("d"), SendCase("c", "y")) == [run(1, K.SEND_CLOSED, 1)]


# --- timers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deadline_ms", [-1, 0])
def test_rule_13_a_deadline_that_is_not_in_the_future_is_ready_at_once(deadline_ms: int) -> None:
    w = world()
    assert w.park(1, TimerCase(deadline_ms)) == [run(1, K.NONE)]


def test_rule_13_a_timer_never_fires_early_and_fires_once() -> None:
    w = world()
    w.park(1, TimerCase(50))
    assert next_due_ms(w.process) == 50
    assert w.time(49) == []
    assert w.time(50) == [run(1, K.NONE)]
    assert w.time(51) == []
    assert next_due_ms(w.process) is None


def test_rule_13_all_timers_due_fire_before_anybody_they_wake_runs() -> None:
    w = world(4)
    w.park(1, TimerCase(60))
    w.park(2, TimerCase(50))
    w.park(3, TimerCase(60), TimerCase(50))
    w.park(4, TimerCase(99))
    assert w.time(70) == [run(2, K.NONE)]
    assert w.order() == [2, 3, 1]
    assert w.process.goroutines[3].resumption == Resumption(K.NONE, 1)


def test_rule_13_of_equal_deadlines_the_oldest_park_then_the_first_case_fires_first() -> None:
    w = world(2)
    w.park(1, TimerCase(0))
    w.park(2, TimerCase(50))
    w.park(1, TimerCase(50), TimerCase(50))
    w.time(50)
    assert w.order() == [2, 1]
    assert w.process.goroutines[1].resumption == Resumption(K.NONE, 0)


def test_detail_d2_a_past_deadline_is_ready_in_its_place_and_beats_a_default() -> None:
    w = world(c=0)
    w.message("c", "x")
    assert w.park(1, TimerCase(0), RecvCase("c")) == [run(1, K.NONE, 0)]
    assert w.park(1, DefaultCase(), TimerCase(0)) == [run(1, K.NONE, 1)]
    assert w.park(1, RecvCase("c"), TimerCase(0)) == [Received(1), run(1, K.VALUE, 0, "x")]


# --- effects and other processes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "resumption"),
    [
        ({"result": "1"}, Resumption(K.VALUE, 0, "1")),
        ({"error": "e"}, Resumption(K.ERROR, 0, "e")),
        ({}, Resumption(K.UNKNOWN, 0)),
    ],
)
def test_rule_18_an_outcome_wakes_whoever_called(outcome: dict[str, str], resumption: Resumption) -> None:
    w = world()
    assert w.park(1, call(7)) == [RequestEffect(call(7).request)]
    assert w.effect_done(7, **outcome) == [RunGoroutine(1, resumption)]
    assert w.effect_done(7, "again") == []


def test_rule_18_a_call_is_not_requested_if_another_case_is_ready() -> None:
    w = world()
    assert w.park(1, call(7), TimerCase(0)) == [run(1, K.NONE, 1)]
    assert w.park(1, call(7), DefaultCase()) == [run(1, K.NONE, 1)]


def test_rule_20_the_late_outcome_of_a_withdrawn_call_is_dropped() -> None:
    w = world()
    w.park(1, call(7), TimerCase(50))
    assert w.time(50) == [CancelEffect(7), run(1, K.NONE, 1)]
    assert w.effect_done(7, "late") == []


@pytest.mark.parametrize("error", [None, "e"])
def test_the_end_of_another_process_wakes_all_who_wait_for_it_once(error: str | None) -> None:
    w = world(3)
    assert w.park(1, ResultCase("q"), ResultCase("q")) == [WatchProcess("q"), WatchProcess("q"), run(2, K.NONE)]
    w.park(2, ResultCase("q"))
    w.park(3, ResultCase("other"))
    kind, payload = (K.VALUE, "1") if error is None else (K.ERROR, error)
    assert w.child_done("q", "1", error) == [run(1, kind, 0, payload)]
    assert w.order() == [1, 2]
    assert w.child_done("q", "1") == []


# --- cancelling ------------------------------------------------------------------------------------------------------


def test_detail_d5_cancelled_is_raised_where_a_goroutine_is_parked_and_once() -> None:
    w = world(c=0)
    w.park(1, RecvCase("c"), call(7))
    assert w.cancel() == [CancelEffect(7), run(1, K.CANCELLED)]
    w.park(1, RecvCase("c"))
    assert w.cancel() == [], "once"
    assert w.message("c", "x") == [Received(3), run(1, K.VALUE, payload="x")]


def test_detail_d5_one_that_is_ready_keeps_its_value_and_is_cancelled_at_its_next_suspension() -> None:
    w = world(2, c=0)
    w.park(1, RecvCase("c"))
    w.message("c", "x")
    assert w.cancel() == []
    assert w.park(2, TimerCase(99)) == [run(1, K.VALUE, payload="x")]
    assert w.park(1, SendCase("c", "y")) == [run(2, K.CANCELLED)]
    assert not w.process.channels["c"].queue, "the suspension at which it is raised is not carried out"
    assert w.end_cancelled(2) == [run(1, K.CANCELLED)]


def test_detail_d5_one_that_has_not_started_never_runs() -> None:
    w = world(c=0)
    w.park(1, JoinCase(2), do=(Go(2), Go(3), CancelGoroutine(2)))
    assert w.order() == [3, 1]
    assert w.process.goroutines[1].resumption == Resumption(K.JOINED, 0, "2")
    w.park(3, RecvCase("c"), do=(Go(4),))
    w.cancel()
    assert w.statuses() == {1: "running", 3: "ready"}


def test_detail_d5_a_joiner_of_one_that_never_started_is_cancelled_itself() -> None:
    w = world(2, c=0)
    w.park(1, RecvCase("c"), do=(Go(3), Go(4)))
    w.park(2, JoinCase(4))
    w.cancel()
    assert w.process.goroutines[2].resumption == Resumption(K.CANCELLED)


def test_detail_d5_a_process_whose_main_never_ran_is_cancelled_at_once() -> None:
    w = World()
    w.start()
    w.lose(1)
    w.err(1)
    assert w.cancel() == [Finish(None, None)]
    assert w.status == "cancelled"


def test_cancelling_a_process_that_was_never_started() -> None:
    w = World()
    assert w.cancel() == [Finish(None, None)]
    assert w.apply(Started(0)) == []


def test_a_cancelled_process_whose_main_returns_is_completed() -> None:
    w = world(c=0)
    w.park(1, RecvCase("c"))
    w.cancel()
    assert w.finish(1, "9") == [Finish("9", None)]
    assert w.status == "completed"


def test_a_process_that_fails_before_cancelled_is_raised_has_failed() -> None:
    w = world()
    w.cancel()
    w.fail(1)
    assert w.status == "failed"


def test_a_fault_while_cleaning_up_is_a_fault() -> None:
    w = world(c=0)
    w.park(1, RecvCase("c"))
    w.cancel()
    w.err(1)
    assert w.status == "running"
    assert w.time(100) == [run(1, K.CANCELLED)]


def test_a_handle_cancels_one_goroutine_and_its_error_is_then_its_own() -> None:
    w = world(2, c=0)
    w.park(1, TimerCase(0))
    w.park(2, RecvCase("c"))
    assert w.park(1, RecvCase("c"), do=(CancelGoroutine(2), CancelGoroutine(2))) == [run(2, K.CANCELLED)]
    assert w.end_cancelled(2) == []
    assert w.status == "running"
    w.message("c")
    w.park(1, RecvCase("c"), do=(CancelGoroutine(2), CancelGoroutine(99)))
    assert w.statuses() == {1: "parked"}


def test_detail_d4_an_error_of_a_goroutine_that_has_survived_its_cancellation_is_not_lost() -> None:
    for end in (lambda w: w.fail(2, "out of stock"), lambda w: w.err(2, "bug")):
        w = world(2, c=0)
        w.park(1, TimerCase(0))
        w.park(2, RecvCase("c"))
        assert w.park(1, RecvCase("c"), do=(CancelGoroutine(2),)) == [run(2, K.CANCELLED)]
        w.park(2, TimerCase(0))  # it has swallowed it
        end(w)
        assert w.status == "failed" or w.process.fault_count == 1


def test_a_goroutine_that_cancels_itself_is_cancelled_at_this_suspension() -> None:
    w = world(c=0)
    assert w.park(1, RecvCase("c"), do=(CancelGoroutine(1),)) == [run(1, K.CANCELLED)]


def test_detail_d7_an_interrupt_wakes_what_is_parked_and_withdraws_what_it_waits_for() -> None:
    w = world(2, c=0)
    w.park(1, RecvCase("c"), call(7), TimerCase(99))
    assert w.park(2, TimerCase(50), do=(Interrupt(1), Interrupt(1))) == [CancelEffect(7), run(1, K.INTERRUPTED)]
    w.park(1, RecvCase("c"))
    assert w.cancel() == [run(1, K.CANCELLED)], "an interrupt is no cancellation"
    assert w.process.goroutines[1].cancelling.value == "raised"


def test_detail_d7_an_interrupt_leaves_alone_what_is_not_parked() -> None:
    w = world(2, c=1)
    assert w.park(1, SendCase("c", "x"), do=(Interrupt(1), Interrupt(2), Interrupt(99))) == [run(2, K.NONE)]
    assert w.park(2, RecvCase("c")) == [run(1, K.NONE)]


def test_detail_d4_the_error_of_a_goroutine_that_is_held_is_no_fault_of_the_process() -> None:
    w = world(3, c=0)
    w.park(1, TimerCase(99))
    assert w.done(2, Failed("e", is_process_error=False, is_held=True)) == [run(3, K.NONE)]
    assert w.committed
    w.done(3, Failed("e", is_process_error=True, is_held=True))
    assert (w.status, w.statuses()) == ("running", {1: "parked"})


def test_cancelling_a_faulted_process_raises_where_it_stands() -> None:
    w = faulted_world()
    assert w.cancel() == [run(1, K.CANCELLED)]
    w.fail(1)
    assert w.status == "cancelled"


def test_a_fault_on_the_way_to_its_cancellation_raises_there_after_its_tries() -> None:
    w = faulting_world()
    w.cancel()
    assert w.process.goroutines[1].resumption == Resumption(K.VALUE, 0, "v")
    w.time(100)
    w.err(1)
    w.time(1_100)
    assert w.err(1) == [run(1, K.CANCELLED)]
    assert w.status == "running"


def test_cancelling_while_a_faulting_transition_is_tried_again() -> None:
    w = faulting_world()
    w.time(100)
    assert w.cancel() == []
    assert w.park(1, RecvCase("c")) == [run(1, K.CANCELLED)]


def test_cancelling_drops_a_goroutine_that_faults_in_its_first_transition() -> None:
    w = world(c=0)
    w.park(1, RecvCase("c"), do=(Go(2),))
    w.err(2)
    assert w.cancel() == [run(1, K.CANCELLED)], "and nobody waits for its next try"
    assert w.statuses() == {1: "running"}


def faulting_world() -> World:
    """Main faults with the value that it received, and waits for its next try."""
    w = world(c=0)
    w.park(1, RecvCase("c"))
    w.message("c")
    w.err(1)
    return w


def faulted_world() -> World:
    w = faulting_world()
    w.time(100)
    w.err(1)
    w.time(1_100)
    w.err(1)
    assert w.status == "faulted"
    return w


# --- other processes -----------------------------------------------------------------------------------------------


def test_rule_5_what_is_attached_is_cancelled_at_the_end_and_forgotten_once_it_has_ended() -> None:
    w = world(c=0)
    starts = [StartProcess(child, "order", "[]") for child in ("q", "r")]
    assert w.park(1, RecvCase("c"), do=(*starts, Attach("q"), Attach("r"))) == [
        *starts,
        WatchProcess("q"),
        WatchProcess("r"),
    ]
    assert watched_processes(w.process) == ("q", "r")
    assert w.child_done("q", "1") == []
    assert watched_processes(w.process) == ("r",)
    assert w.message("c") == [Received(2), run(1, K.VALUE, payload="v")]
    assert w.finish(1) == [CancelProcess("r"), Finish(None, None)]
