"""What the behaviour programs must do, told once for every world: direct, compiled, embedded, over gRPC.

A world starts processes and lets time pass; `short` is a time that passes quickly there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Protocol

import pytest

from runtime_client import CompensationFailed, NotFound, NotRunning, ProcessCancelled, ProcessFailed


class World(Protocol):
    """Where processes run."""

    short: float

    async def start(self, program: str, *args: Any, **kwargs: Any) -> Any: ...
    async def pass_time(self, by: timedelta | float) -> None:
        """Let virtual time pass; real time passes by itself."""
        ...

    async def outputs(self, ref: Any) -> list[Any]: ...
    async def status(self, ref: Any, awaited: str) -> str:
        """Its status, once that is `awaited` or an end."""
        ...

    async def error(self, ref: Any) -> str: ...
    async def parked(self, ref: Any) -> None:
        """Return when all its goroutines wait, and for nothing that comes soon."""
        ...


Scenario = Callable[[World], Awaitable[None]]
SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    SCENARIOS.append(function)
    return function


@scenario
async def messages_add_up(world: World) -> None:
    ref = await world.start("totals", 100)
    await ref.send("numbers", 40, key="a")
    await ref.send("numbers", 40, key="a")
    await ref.send("numbers", 50)
    await ref.send("numbers", 10)
    assert await ref.result() == 100


@scenario
async def rule_4_unbuffered_channels_take_turns(world: World) -> None:
    ref = await world.start("ping_pong", 2)
    assert await ref.result() == "done"
    assert await world.outputs(ref) == [
        "main sent 0",
        "player got 0",
        "main got 0",
        "main sent 1",
        "player got 1",
        "main got 10",
    ]


@scenario
async def rule_8_a_buffer_fills_and_drains(world: World) -> None:
    ref = await world.start("pipeline", 5)
    assert await ref.result() == [0, 1, 2, 3, 4]
    assert [o for o in await world.outputs(ref) if isinstance(o, str)] == [f"sent {n}" for n in range(5)]


@scenario
async def rule_10_select_takes_the_first_ready_case(world: World) -> None:
    ref = await world.start("choices")
    assert await ref.result() == [("none", None), (1, "b"), "one", ("one", None, False), "first"]


@scenario
async def rule_10_a_select_does_not_meet_itself(world: World) -> None:
    ref = await world.start("own_channel")
    assert await ref.result() == [("none", None)]


@scenario
async def rule_13_timers_fire_in_order(world: World) -> None:
    unit = max(world.short, 0.4)  # longer than it takes to get all four to their deadlines
    ref = await world.start("alarms", unit)
    await world.pass_time(unit * 3)
    await ref.result()
    assert await world.outputs(ref) == ["d", "a", "b", "c"]


@scenario
async def d4_joins_give_the_very_object(world: World) -> None:
    ref = await world.start("joins")
    assert await ref.result() == [True, [1, 2, 3], (7,)]


@scenario
async def rule_6_a_process_error_fails_the_process(world: World) -> None:
    ref = await world.start("shop", "tea")
    with pytest.raises(ProcessFailed) as caught:
        await ref.result()
    cause = caught.value.__cause__
    assert type(cause).__name__ == "OutOfStock"
    assert (cause.item, cause.missing) == ("tea", 3)


@scenario
async def rule_6_another_error_faults_the_process(world: World) -> None:
    ref = await world.start("broken")
    await world.pass_time(timedelta(minutes=5))
    assert await world.status(ref, "faulted") == "faulted"
    assert "on purpose" in await world.error(ref)
    await ref.terminate()
    with pytest.raises(ProcessCancelled):
        await ref.result()


@scenario
async def durable_functions_recurse(world: World) -> None:
    ref = await world.start("fibonacci", 7)
    assert await ref.result() == 13


@scenario
async def rule_18_effects(world: World) -> None:
    ref = await world.start("effects")
    await world.pass_time(1)
    assert await ref.result() == [8, 10, 12, 3, ("ValueError", ("no luck",)), True]


@scenario
async def rule_18_an_attempt_goes_on_where_the_one_before_stopped(world: World) -> None:
    ref = await world.start("stumbling", 3)
    await world.pass_time(1)
    assert await ref.result() == [0, 1, 2]


@scenario
async def rule_1_types_and_identity_are_kept(world: World) -> None:
    ref = await world.start("baggage")
    assert await ref.result() == [True, True, True, {"a": [1, 2]}, 2.5, True, True]


@scenario
async def loops_mean_what_python_says(world: World) -> None:
    ref = await world.start("loops")
    assert await ref.result() == [2, 9, "no break", (1, 0), (2, 0), (2, 1), 9, 3, [2, 4]]


@scenario
async def handlers_mean_what_python_says(world: World) -> None:
    ref = await world.start("handlers")
    assert await ref.result() == [
        "else 0",
        "finally 0",
        "else 1",
        "finally 1",
        ("fall", "end"),
        "ValueError",
        "finally 0",
        "ValueError",
        "finally 1",
        ("raise", "end"),
        "finally 0",
        ("return", "returned"),
        "finally 0",
        ("break", "end"),
        "finally 0",
        "finally 1",
        ("continue", "end"),
    ]


@scenario
async def d5_cancelling_cleans_up(world: World) -> None:
    ref = await world.start("cleanup")
    await ref.cancel()
    with pytest.raises(ProcessCancelled):
        await ref.result()
    assert await world.outputs(ref) == ["cancelled", 42]
    with pytest.raises(NotRunning):
        await ref.cancel()


@scenario
async def d5_a_cancellation_may_be_swallowed(world: World) -> None:
    ref = await world.start("forgiving")
    await ref.cancel()
    assert await ref.result() == "still here"


@scenario
async def inherited_goroutines_call_super(world: World) -> None:
    ref = await world.start("loud", "you")
    assert await ref.result() == "HELLO you!"


@scenario
async def library_functions_wait_in_their_callers(world: World) -> None:
    ref = await world.start("questions", world.short)
    await ref.send("answers", "yes")
    await world.pass_time(world.short)
    assert await ref.result() == ["yes", "late"]


@scenario
async def rule_11_a_client_closes_a_channel(world: World) -> None:
    ref = await world.start("doors")
    await ref.send("letters", "a")
    await ref.send("letters", "b")
    await ref.close("letters")
    assert await ref.result() == ["a", "b"]
    with pytest.raises(NotRunning):
        await ref.send("letters", "c")


@scenario
async def rule_12_values_cross_channels_as_copies(world: World) -> None:
    ref = await world.start("relay")
    assert await ref.result() == [[1, 2], [1]]


@scenario
async def rule_7_a_deadlock_is_named(world: World) -> None:
    ref = await world.start("stuck")
    assert await world.status(ref, "deadlocked") == "deadlocked"
    await ref.cancel()
    with pytest.raises(ProcessCancelled):
        await ref.result()


@scenario
async def a_process_of_one_function(world: World) -> None:
    ref = await world.start("greet", "you")
    assert await ref.result() == "hello you"


@scenario
async def rule_17_an_undeclared_channel_is_refused(world: World) -> None:
    ref = await world.start("totals", 1)
    with pytest.raises(NotFound, match="numbers"):
        await ref.send("nubmers", 1)
    await ref.send("numbers", 1)
    assert await ref.result() == 1


@scenario
async def d6_gather_gives_values_in_order(world: World) -> None:
    ref = await world.start("gathers")
    assert await ref.result() == [
        [["slow"], ["fast"], "a", 8, ["handle"], ["handle"], ("soon", None), [["inner"], None]],
        [],
        [["level 3"], [["level 2"], [["level 1"], []]]],
    ]
    outputs = await world.outputs(ref)
    assert outputs.index("fast") < outputs.index("slow")
    assert outputs[-3:] == ["level 3", "level 2", "level 1"]


@scenario
async def d6_gather_raises_its_first_error_after_cleaning_up(world: World) -> None:
    ref = await world.start("gather_fails")
    await world.pass_time(1)
    assert await ref.result() == [
        ("first",),
        False,
        ("handle",),
        ("last",),
        ("ended",),
        "go on",
        "argument 0 of gather() cannot be waited for",
        "argument 0 of gather() cannot be waited for",
        "argument 0 of gather() cannot be waited for",
        "twice",
    ]
    assert await world.outputs(ref) == ["cleaning a", "cleaning b", 2, 2, "cleaning c", 2]


@scenario
async def d7_timeouts(world: World) -> None:
    ref = await world.start("limits", world.short)
    await world.pass_time(world.short * 20)
    assert await ref.result() == [
        ["timed out", True, "left"],
        ["x", "none"],
        [True, False],
        ["inner", "outer"],
        [1],
        "timed out",
        "y",
    ]
    assert await world.outputs(ref) == ["tidied a", "tidied b", "still joined"]


@scenario
async def d7_task_groups(world: World) -> None:
    ref = await world.start("groups", world.short)
    await world.pass_time(world.short * 20)
    result = await ref.result()
    assert result[0] == ["first", ["spawn 2", "first", "spawn 1", "spawn 0"]]
    assert result[1] == ["KeyError", "ValueError"]
    assert result[2] == ["b", "body"]
    assert result[3] == "(KeyError('counted'),)"
    assert result[4] == ["outside, in the body", "outside, in the end", ["TimeoutError"]]
    assert result[5] == ["(KeyError('inner'),)", "(KeyError('outer'),)"]
    assert result[7] == [True, True]
    assert result[8] == 4
    assert result[9] == [
        "this TaskGroup has not been entered",
        "this TaskGroup has finished",
        "this timeout has been entered already",
    ]
    outputs = [o for o in await world.outputs(ref) if not str(o).startswith("tidied")]
    assert outputs == ["body cancelled", "cancelled meanwhile"]


@scenario
async def d7_cancelling_passes_through(world: World) -> None:
    for way, expected in {
        "gather": ["tidied a", "tidied b", "main cleans up", "x"],
        "group": ["tidied a", "main cleans up", "x"],
        "group end": ["tidied a", "tidied b", "main cleans up", "x"],
        "with errors": ["tidied fails", "(ValueError('while cleaning up'),)", "main cleans up", "x"],
        "after a group": ["handled", "main cleans up", "x"],
    }.items():
        ref = await world.start("cancelling", way)
        await world.parked(ref)
        await ref.cancel()
        with pytest.raises(ProcessCancelled):
            await ref.result()
        assert await world.outputs(ref) == expected, way


@scenario
async def rule_6_groups_and_timeouts_that_nobody_catches(world: World) -> None:
    ref = await world.start("uncaught", "timeout")
    with pytest.raises(ProcessFailed) as caught:
        await ref.result()
    assert isinstance(caught.value.__cause__, TimeoutError)
    ref = await world.start("uncaught", "group")
    with pytest.raises(ProcessFailed) as caught:
        await ref.result()
    cause = caught.value.__cause__
    assert isinstance(cause, ExceptionGroup)
    assert [(type(e).__name__, e.args) for e in cause.exceptions] == [
        ("OutOfStock", ("tea", 1)),
        ("OutOfStock", ("milk", 1)),
    ]


@scenario
async def sagas_undo_in_reverse(world: World) -> None:
    undone = ["undo hotel", "undone hotel", "undo flight", "undone flight"]
    ref = await world.start("trip", "well", world.short)
    assert await ref.result() == "travelled"
    assert await world.outputs(ref) == ["done"]
    for way, kind in {"fails": "CallFailed", "timeout": "TimeoutError", "nested": "OutOfStock"}.items():
        ref = await world.start("trip", way, world.short)
        await world.pass_time(world.short * 5)
        with pytest.raises(ProcessFailed) as caught:
            await ref.result()
        assert type(caught.value.__cause__).__name__ == kind
        expected = ["undo car", "undone car", *undone] if way == "nested" else undone
        assert await world.outputs(ref) == expected, way


@scenario
async def sagas_go_on_when_a_compensation_fails(world: World) -> None:
    ref = await world.start("trip", "undo fails", world.short)
    await world.pass_time(world.short * 5)
    with pytest.raises(ProcessFailed) as caught:
        await ref.result()
    failed = caught.value.__cause__
    assert isinstance(failed, CompensationFailed)
    assert [(type(e).__name__, str(e.__cause__)) for e in failed.errors] == [("CallFailed", "no refund")]
    assert type(failed.__cause__).__name__ == "OutOfStock"
    assert await world.outputs(ref) == ["undo hotel", "undone hotel", "undo flight", "undone flight"]


@scenario
async def sagas_undo_when_cancelled(world: World) -> None:
    ref = await world.start("trip", "cancel", world.short)
    await world.parked(ref)
    await ref.cancel()
    await world.pass_time(world.short * 5)
    with pytest.raises(ProcessCancelled):
        await ref.result()
    assert await world.outputs(ref) == ["undo hotel", "undone hotel", "undo flight", "undone flight"]


@scenario
async def sagas_undo_to_the_end_whatever_comes_meanwhile(world: World) -> None:
    ref = await world.start("slow_trip", "cancelled", world.short)
    await world.parked(ref)
    await ref.cancel()
    await world.pass_time(world.short * 20)
    with pytest.raises(ProcessCancelled):
        await ref.result()
    assert await world.outputs(ref) == ["first", "last"]
    ref = await world.start("slow_trip", "timeout", world.short)
    await world.pass_time(world.short * 20)
    with pytest.raises(ProcessFailed) as caught:
        await ref.result()
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert await world.outputs(ref) == ["first", "last"]


@scenario
async def sagas_say_what_is_wrong(world: World) -> None:
    ref = await world.start("slow_trip", "misuse", world.short)
    refused = (await ref.result()).split("; ")
    assert refused[0] == "this Saga has not been entered"
    assert refused[1].startswith("compensate() takes what can be awaited later")
    assert refused[2].startswith("compensate() takes what can be awaited later")
    assert refused[3] == "this Saga has finished"
    assert refused[4] == "this Saga has been entered already"


@scenario
async def requests_are_answered(world: World) -> None:
    ref = await world.start("quotes")
    assert await ref.request("quote", "tea") == 3
    assert await ref.request("quote", "slowly") == 12
    assert await ref.request("quote", "milk", key="m") == 4
    assert await ref.request("quote", "milk", key="m") == 4  # the same question: asked once, answered as before
    with pytest.raises(NotRunning):
        await ref.request("quote", "stop")
    with pytest.raises(NotRunning):
        await ref.request("quote", "too late")
    assert await ref.request("quote", "milk", key="m") == 4
    assert await ref.result() == "0 were kept"
    assert await world.outputs(ref) == [
        "<request 'tea', answered>",
        "this request has been answered already: <request 'tea', answered>",
        "<request 'milk', answered>",
        "this request has been answered already: <request 'milk', answered>",
    ]


@scenario
async def suspensions_inside_of_expressions_and_groups(world: World) -> None:
    ref = await world.start("shapes")
    assert await ref.result() == [
        [2, 4, 6],
        {"a": 2, "b": 4},
        ["second=4 await call(double, 4)=   8", "ExceptionGroup('several', [ValueError(1)])", "keys", "a", "b"],
    ]


@scenario
async def local_functions_share_variables_with_the_function_that_defines_them(world: World) -> None:
    ref = await world.start("pool", 2)
    assert await ref.result() == [
        ["0 did 2", "1 did 4"],
        2,
        0,
        [(0, "of 2", 2), (1, "of 2", 4), (7, "of 2", 0), (8, "late", 0)],
        [8, 6, 4, 2, 0],
        ["7 did 0", "8 did 0"],
    ]


@scenario
async def d4_an_error_after_a_cancellation_is_not_lost(world: World) -> None:
    ref = await world.start("stubborn")
    with pytest.raises(ProcessFailed) as caught:
        await ref.result()
    assert type(caught.value.__cause__).__name__ == "OutOfStock"


async def wards_of(world: World, order: str) -> Any:
    """A guardian that got its order; its wards are as they should be."""
    ref = await world.start("guardian", id=f"guardian-{order}")
    await ref.send("orders", order)
    attached = await world.start("ward", id=f"guardian-{order}-attached")
    assert await world.status(attached, "cancelled") == "cancelled"
    assert await world.outputs(attached) == ["cleaned up"]
    free = await world.start("ward", id=f"guardian-{order}-free")
    await world.parked(free)
    await free.terminate()
    assert await world.status(free, "terminated") == "terminated"
    return ref


@scenario
async def rule_5_attached_processes_are_cancelled_when_a_process_returns(world: World) -> None:
    ref = await wards_of(world, "end")
    assert await ref.result() == "gone"
    assert await world.outputs(ref) == ["it was cancelled"]


@scenario
async def rule_5_attached_processes_are_cancelled_when_a_process_fails(world: World) -> None:
    with pytest.raises(ProcessFailed):
        await (await wards_of(world, "fail")).result()


@scenario
async def rule_5_attached_processes_are_cancelled_when_a_process_is_terminated(world: World) -> None:
    ref = await world.start("guardian", id="guardian-terminated")
    await world.parked(ref)
    await ref.terminate()
    attached = await world.start("ward", id="guardian-terminated-attached")
    assert await world.status(attached, "cancelled") == "cancelled"


@scenario
async def rule_1_an_object_is_one_object_for_all_goroutines_that_run_its_methods(world: World) -> None:
    ref = await world.start("office")
    assert await ref.result() == 8
