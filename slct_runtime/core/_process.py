"""The core's one function: `step(process, event)`. Pure: time comes in events, orders go out as data.

One function per event. An event that comes too late (its goroutine, effect or process has ended) changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from ._draft import Draft
from ._model import Cancelling, ChannelState, Entry, Goroutine, GoroutineStatus, Process, ProcessStatus
from ._select import select
from .commands import (
    MAIN_GOROUTINE_ID,
    START,
    CallCase,
    CancelGoroutine,
    Case,
    Close,
    Command,
    Emit,
    Failed,
    Faulted,
    Finished,
    Go,
    JoinCase,
    MakeChannel,
    Parked,
    Payload,
    RecvCase,
    ResultCase,
    ResumptionKind,
    SendCase,
    SendTo,
    SetLabels,
    StartProcess,
    TimerCase,
)
from .effects import CancelEffect, Effect, Finish, RunGoroutine
from .events import (
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
)

FAULT_TRIES_MAX = 3
"""How often a transition that faults is tried before the process is parked as faulted (rule 6)."""
FAULT_DELAYS_MS = (100, 1_000)
"""Pauses between those tries."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step gives: the process afterwards, orders for the shell, and whether a transition was accepted.

    `committed` is False for every event but `TransitionDone`; False for that means that its document and commands do not count.
    """

    process: Process
    effects: tuple[Effect, ...]
    committed: bool = False


def new_process(
    process_id: str, *, capacities: Mapping[str, int], open_channels: bool = False, fail_on_fault: bool = False
) -> Process:
    """A process that has not started, with its declared channels."""
    channels = {name: ChannelState(capacity) for name, capacity in capacities.items()}
    return Process(process_id, open_channels=open_channels, fail_on_fault=fail_on_fault, channels=channels)


def step(process: Process, event: Event) -> Step:
    """Apply one event.

    Returns:
      The process afterwards and what the shell must do; `process` itself is never changed.

    Source: docs/semantics.md, rules 3 to 13; details D1, D2, D4, D5.
    """
    if process.status.is_end:
        return Step(process, ())
    draft = Draft(process)
    committed = _apply(draft, event)
    _run_next(draft, event.now_ms)
    return Step(draft.freeze(), tuple(draft.out), committed)


def _apply(draft: Draft, event: Event) -> bool:
    match event:
        case Started():
            draft.add_ready(Goroutine(MAIN_GOROUTINE_ID, GoroutineStatus.READY), START)
        case Message():
            _message(draft, event)
        case Closed():
            draft.last_position = max(draft.last_position, event.position)
            draft.close(event.channel)
        case TimerDue():
            _fire_timers(draft, event.now_ms)
        case EffectDone():
            draft.last_position = max(draft.last_position, event.position)
            _effect_done(draft, event)
        case ChildDone():
            draft.last_position = max(draft.last_position, event.position)
            for waiter in draft.children.pop(event.process_id, ()):
                kind = ResumptionKind.VALUE if event.error is None else ResumptionKind.ERROR
                draft.wake(waiter, kind, event.result if event.error is None else event.error)
        case TransitionDone():
            return _transition_done(draft, event)
        case TransitionLost():
            _run_again(draft, event.goroutine_id)
        case CancelRequested():
            draft.last_position = max(draft.last_position, event.position)
            _cancel_process(draft)
        case TerminateRequested():
            _finish(draft, ProcessStatus.TERMINATED, None, None)
        case RetryRequested():
            if draft.status is ProcessStatus.FAULTED:
                draft.status = ProcessStatus.RUNNING
                draft.fault_count = draft.retry_at_ms = 0
        case _:
            assert_never(event)
    return False


def _run_next(draft: Draft, now_ms: int) -> None:
    """Let the goroutine that has been ready longest run, if none does (rule 4)."""
    if draft.running is not None or not draft.ready or draft.status is not ProcessStatus.RUNNING:
        return
    if now_ms < draft.retry_at_ms:
        return
    goroutine = draft.goroutines[draft.ready.pop(0)]
    assert goroutine.resumption is not None
    draft.goroutines[goroutine.goroutine_id] = replace(goroutine, status=GoroutineStatus.RUNNING)
    draft.running = goroutine.goroutine_id
    draft.out.append(RunGoroutine(goroutine.goroutine_id, goroutine.resumption))


# --- from outside ----------------------------------------------------------------------------------------------------


def _message(draft: Draft, event: Message) -> None:
    draft.last_position = max(draft.last_position, event.position)
    if draft.channel(event.channel).is_closed:
        return
    if not draft.give_value(event.channel, event.payload, event.position):
        draft.append(event.channel, Entry(event.payload, position=event.position))


def _fire_timers(draft: Draft, now_ms: int) -> None:
    """All that are due fire before anybody they wake runs: oldest deadline, then oldest park, then order of cases (D2)."""
    due = []
    for goroutine_id, earliest_ms in draft.timers.items():
        if earliest_ms <= now_ms:
            goroutine = draft.goroutines[goroutine_id]
            deadline_ms, index = min(
                (case.deadline_ms, index) for index, case in enumerate(goroutine.cases) if isinstance(case, TimerCase)
            )
            due.append((deadline_ms, goroutine.parked_order, index, goroutine_id))
    for _, _, index, goroutine_id in sorted(due):
        goroutine = draft.goroutines[goroutine_id]
        draft.withdraw(goroutine, taken=index)
        draft.add_ready(goroutine, replace(START, kind=ResumptionKind.NONE, case_index=index))


def _effect_done(draft: Draft, event: EffectDone) -> None:
    waiter = draft.effects.pop(event.effect_id, None)
    if waiter is None:
        return  # withdrawn meanwhile: late outcomes are dropped (rule 20)
    if event.error is not None:
        draft.wake(waiter, ResumptionKind.ERROR, event.error)
    elif event.result is not None:
        draft.wake(waiter, ResumptionKind.VALUE, event.result)
    else:
        draft.wake(waiter, ResumptionKind.UNKNOWN)


def _cancel_process(draft: Draft) -> None:
    draft.is_cancelled = True
    if draft.status in (ProcessStatus.DEADLOCKED, ProcessStatus.FAULTED):
        draft.status = ProcessStatus.RUNNING
        draft.fault_count = draft.retry_at_ms = 0
    for goroutine_id in list(draft.goroutines):
        goroutine = draft.goroutines[goroutine_id]
        if goroutine.status is GoroutineStatus.READY and goroutine.resumption == START:
            if goroutine_id == MAIN_GOROUTINE_ID:
                _finish(draft, ProcessStatus.CANCELLED, None, None)
                return
            draft.ready.remove(goroutine_id)
            draft.end(goroutine_id)
        else:
            draft.cancel(goroutine_id)


# --- transitions -----------------------------------------------------------------------------------------------------


def _transition_done(draft: Draft, event: TransitionDone) -> bool:
    if draft.running != event.goroutine_id:
        return False
    error = _fault_of(draft, event)
    if error is not None:
        _fault(draft, event, error)
        return False
    draft.running = None
    draft.fault_count = draft.retry_at_ms = 0
    for command in event.commands:
        _obey(draft, command)
    _end_transition(draft, draft.goroutines[event.goroutine_id], event)
    if draft.status is ProcessStatus.RUNNING and _is_deadlocked(draft):
        draft.status = ProcessStatus.DEADLOCKED
        draft.out.append(Finish(None, None))
    return True


def _fault_of(draft: Draft, event: TransitionDone) -> Payload | None:
    """The error, if this ending is a fault of the code rather than something the process must live with (rule 6)."""
    match event.ending:
        case Faulted(error):
            return error
        case Failed(error, False) if event.goroutine_id not in draft.joins:
            return error
        case _:
            return None


def _fault(draft: Draft, event: TransitionDone, error: Payload) -> None:
    """Not committed: tried again after a pause, and then parked at the last committed state."""
    _run_again(draft, event.goroutine_id)
    draft.fault_count += 1
    if draft.base.fail_on_fault:
        _finish(draft, ProcessStatus.FAILED, None, error)
    elif draft.fault_count >= FAULT_TRIES_MAX:
        draft.status = ProcessStatus.FAULTED
        draft.out.append(Finish(None, error))
    else:
        draft.retry_at_ms = event.now_ms + FAULT_DELAYS_MS[draft.fault_count - 1]


def _run_again(draft: Draft, goroutine_id: int) -> None:
    """The transition that ran is as if it had never run: its goroutine is the first of the ready ones again."""
    if draft.running != goroutine_id:
        return
    draft.running = None
    draft.goroutines[goroutine_id] = replace(draft.goroutines[goroutine_id], status=GoroutineStatus.READY)
    draft.ready.insert(0, goroutine_id)


def _obey(draft: Draft, command: Command) -> None:
    match command:
        case Go(goroutine_id):
            draft.add_ready(Goroutine(goroutine_id, GoroutineStatus.READY), START)
        case MakeChannel(channel, capacity):
            draft.channels[channel] = ChannelState(capacity)
        case Close(channel):
            draft.close(channel)
        case CancelGoroutine(goroutine_id):
            _cancel_goroutine(draft, goroutine_id)
        case StartProcess() | SendTo() | Emit() | SetLabels():
            draft.out.append(command)
        case _:
            assert_never(command)


def _cancel_goroutine(draft: Draft, goroutine_id: int) -> None:
    goroutine = draft.goroutines.get(goroutine_id)
    if goroutine is not None and goroutine.status is GoroutineStatus.READY and goroutine.resumption == START:
        draft.ready.remove(goroutine_id)
        draft.end(goroutine_id)
    else:
        draft.cancel(goroutine_id)


def _end_transition(draft: Draft, goroutine: Goroutine, event: TransitionDone) -> None:
    match event.ending:
        case Parked(cases):
            if goroutine.cancelling is Cancelling.DUE:
                raised = replace(goroutine, cancelling=Cancelling.RAISED)
                draft.add_ready(raised, replace(START, kind=ResumptionKind.CANCELLED))
            else:
                select(draft, goroutine, cases, event.now_ms)
        case Finished(result):
            if goroutine.goroutine_id == MAIN_GOROUTINE_ID:
                _finish(draft, ProcessStatus.COMPLETED, result, None)
            else:
                draft.end(goroutine.goroutine_id)
        case Failed(error):
            _failed(draft, goroutine, error)
        case Faulted():
            raise AssertionError("a fault is never accepted")
        case _:
            assert_never(event.ending)


def _failed(draft: Draft, goroutine: Goroutine, error: Payload) -> None:
    """A ProcessError, or any error that somebody joins: theirs, or the end of the process (rule 6, detail D4)."""
    was_cancelled = goroutine.cancelling is Cancelling.RAISED
    if goroutine.goroutine_id == MAIN_GOROUTINE_ID:
        ended = ProcessStatus.CANCELLED if was_cancelled and draft.is_cancelled else ProcessStatus.FAILED
        _finish(draft, ended, None, error)
    elif goroutine.goroutine_id in draft.joins or was_cancelled:
        draft.end(goroutine.goroutine_id)
    else:
        _finish(draft, ProcessStatus.FAILED, None, error)


def _finish(draft: Draft, status: ProcessStatus, result: Payload | None, error: Payload | None) -> None:
    """The process ends: goroutines are dropped, effects cancelled, messages left over are counted (rule 5)."""
    draft.status = status
    draft.unreceived_count = sum(channel.message_count for channel in draft.channels.values())
    draft.out.extend(CancelEffect(effect_id) for effect_id in draft.effects)
    draft.goroutines, draft.ready, draft.running = {}, [], None
    draft.joins, draft.effects, draft.children, draft.timers = {}, {}, {}, {}
    draft.channels = {
        name: replace(channel, queue=(), receivers=(), message_count=0) for name, channel in draft.channels.items()
    }
    draft.out.append(Finish(result, error))


def _is_deadlocked(draft: Draft) -> bool:
    """Rule 7: everybody waits, and for nothing that could come."""
    if draft.ready or draft.running is not None:
        return False
    return not any(_may_wake(case) for goroutine in draft.goroutines.values() for case in goroutine.cases)


def _may_wake(case: Case) -> bool:
    """Whether something outside the process may make this case ready. Clients reach declared channels, not made ones."""
    match case:
        case TimerCase() | CallCase() | ResultCase():
            return True
        case RecvCase(channel) | SendCase(channel):
            return channel is not None and not channel.startswith("#")
        case JoinCase():
            return False
        case _:
            raise AssertionError(f"nobody parks on {case!r}")
