"""The core's one function: `step(process, event)`. Pure: time comes in events, orders go out as data.

One function per event. An event that comes too late (its goroutine, effect or process has ended, or its position was
applied before) changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from ._cancel import cancel_all, cancel_faulting, cancel_one, end, interrupt, is_main_new
from ._channel import ChannelState, let_in
from ._draft import Draft
from ._goroutine import CANCELLED, Cancelling, Change, Goroutine
from ._line import Line
from ._lost import made_channels_in
from ._model import Process, ProcessStatus
from ._select import close, deliver, fire_timers, select, wake, wake_all
from .commands import (
    MAIN_GOROUTINE_ID,
    Attach,
    CallCase,
    CancelGoroutine,
    CancelProcess,
    Case,
    Close,
    Command,
    DefaultCase,
    Emit,
    Ending,
    Failed,
    Faulted,
    Finished,
    Go,
    Interrupt,
    JoinCase,
    MakeChannel,
    Parked,
    Payload,
    RecvCase,
    Reply,
    ResultCase,
    ResumptionKind,
    SendCase,
    SendTo,
    SetLabels,
    StartProcess,
    TimerCase,
)
from .effects import CancelEffect, Effect, Finish, Received, WatchProcess
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
    VersionChanged,
)
from .records import record

FAULT_TRIES_MAX = 3
"""How often a transition that faults is tried before the process is parked as faulted (rule 6)."""
FAULT_DELAYS_MS = (100, 1_000)
"""Pauses between those tries."""


@record(frozen=True, slots=True)
class Step:
    """What a step gives: the process afterwards, orders for the shell, and whether a transition was accepted.

    `committed` is True for a `TransitionDone` whose document and commands count. False for every other event, and for
    a transition that was a fault (tried again, or the end of the matter) or came too late.
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
    committed = False
    if isinstance(event, TransitionDone):
        error = _transition_done(draft, event)
        if error is not None:
            draft = Draft(process)  # nothing of it happened
            _fault(draft, event.now_ms, error)
        else:
            committed = process.running == event.goroutine_id
    else:
        _apply(draft, event)
    _settle(draft, event.now_ms)
    return Step(draft.freeze(), tuple(draft.out), committed)


def _apply(draft: Draft, event: Event) -> None:
    match event:
        case Started():
            _started(draft)
        case Message() | Closed() | EffectDone() | ChildDone() | CancelRequested():
            if event.position > draft.last_position:
                draft.last_position = event.position
                _arrived(draft, event)
        case TimerDue(now_ms):
            fire_timers(draft, now_ms)
        case TransitionLost():
            _transition_lost(draft, event)
        case TerminateRequested():
            _finish(draft, ProcessStatus.TERMINATED, None, None)
        case RetryRequested():
            _retry_requested(draft)
        case VersionChanged():
            _version_changed(draft, event)
        case TransitionDone():
            raise AssertionError("a transition is not an arrival")
        case _:
            assert_never(event)


def _arrived(draft: Draft, event: Message | Closed | EffectDone | ChildDone | CancelRequested) -> None:
    match event:
        case Message():
            _message(draft, event)
        case Closed():
            close(draft, event.channel)
        case EffectDone():
            _effect_done(draft, event)
        case ChildDone():
            _child_done(draft, event)
        case CancelRequested():
            _cancel_requested(draft)
        case _:
            assert_never(event)


def _settle(draft: Draft, now_ms: int) -> None:
    """After every event: let the goroutine that has been ready longest run, if none does; see who cannot go on."""
    if draft.status is ProcessStatus.DEADLOCKED and draft.ready:
        draft.status = ProcessStatus.RUNNING
    if draft.status is not ProcessStatus.RUNNING or draft.running is not None:
        return
    if draft.ready:
        if now_ms >= draft.retry_at_ms:
            draft.run_first()
    elif _is_deadlocked(draft):
        draft.status = ProcessStatus.DEADLOCKED
        draft.out.append(Finish(None, None))


# --- from outside ----------------------------------------------------------------------------------------------------


def _started(draft: Draft) -> None:
    if MAIN_GOROUTINE_ID not in draft.goroutines:
        draft.start(MAIN_GOROUTINE_ID)


def _message(draft: Draft, event: Message) -> None:
    if draft.channel(event.channel).is_closed:
        # The shell refuses these (rule 17). One that slips through counts as never received, and its row may go.
        draft.unreceived_count += 1
        draft.out.append(Received(event.position))
    else:
        deliver(draft, event.channel, event.payload, event.position)


def _effect_done(draft: Draft, event: EffectDone) -> None:
    waiter = draft.effects.pop(event.effect_id, None)
    if waiter is None:
        return  # withdrawn meanwhile: late outcomes are dropped (rule 20)
    if event.error is not None:
        wake(draft, waiter, ResumptionKind.ERROR, event.error)
    elif event.result is not None:
        wake(draft, waiter, ResumptionKind.VALUE, event.result)
    else:
        wake(draft, waiter, ResumptionKind.UNKNOWN)


def _child_done(draft: Draft, event: ChildDone) -> None:
    draft.attached.pop(event.process_id, None)
    waiters = draft.children.pop(event.process_id, ())
    if event.error is None:
        wake_all(draft, waiters, ResumptionKind.VALUE, event.result)
    else:
        wake_all(draft, waiters, ResumptionKind.ERROR, event.error)


def _cancel_requested(draft: Draft) -> None:
    draft.is_cancelled = True
    if is_main_new(draft):
        _finish(draft, ProcessStatus.CANCELLED, None, None)
        return
    if draft.status is ProcessStatus.FAULTED:
        _take_up(draft)
        faulting = draft.goroutines[draft.ready[0]]
        if not faulting.is_new and faulting.cancelling is not Cancelling.RAISED:
            cancel_faulting(draft, faulting)
    cancel_all(draft)


def _retry_requested(draft: Draft) -> None:
    if draft.status is ProcessStatus.FAULTED:
        _take_up(draft)


def _version_changed(draft: Draft, event: VersionChanged) -> None:
    """New channels are there at once, and larger buffers let in who waits for room."""
    draft.base = replace(draft.base, open_channels=event.open_channels, fail_on_fault=event.fail_on_fault)
    for name, capacity in event.capacities.items():
        held = draft.channels.get(name, ChannelState())
        draft.channels[name] = replace(held, capacity=max(held.capacity, capacity))
        while (found := let_in(draft.channels[name])) is not None:
            draft.channels[name], sender = found
            wake(draft, sender, ResumptionKind.NONE)


def _take_up(draft: Draft) -> None:
    """A faulted process goes on: its transition has all its tries again."""
    draft.status = ProcessStatus.RUNNING
    draft.fault_count = draft.retry_at_ms = 0


# --- transitions -----------------------------------------------------------------------------------------------------


def _transition_lost(draft: Draft, event: TransitionLost) -> None:
    if draft.running == event.goroutine_id:
        draft.take_back()


def _transition_done(draft: Draft, event: TransitionDone) -> Payload | None:
    """Carry out a transition. Returns its error if it is a fault of the code: then the draft is worth nothing (rule 6)."""
    if draft.running != event.goroutine_id:
        return None
    draft.running = None
    draft.fault_count = draft.retry_at_ms = 0
    for command in event.commands:
        _obey(draft, command)
    error = _fault_of(draft, event.goroutine_id, event.ending)
    if error is None:
        _end_transition(draft, draft.goroutines[event.goroutine_id], event)
    return error


def _obey(draft: Draft, command: Command) -> None:
    match command:
        case Go(goroutine_id):
            draft.start(goroutine_id)
        case MakeChannel(channel, capacity):
            draft.channels[channel] = ChannelState(capacity)
        case Close(channel):
            close(draft, channel)
        case CancelGoroutine(goroutine_id):
            cancel_one(draft, goroutine_id)
        case Interrupt(goroutine_id):
            interrupt(draft, goroutine_id)
        case Attach(process_id):
            draft.attached[process_id] = None
            draft.out.append(WatchProcess(process_id))  # once it has ended nothing is to be remembered of it
        case Emit(payload) | Reply(_, payload):
            draft.shown |= frozenset(made_channels_in(payload))
            draft.out.append(command)
        case StartProcess() | SendTo() | CancelProcess() | SetLabels():
            draft.out.append(command)
        case _:
            assert_never(command)


def _fault_of(draft: Draft, goroutine_id: int, ending: Ending) -> Payload | None:
    """The error, if this is a fault of the code rather than something that somebody must live with (rule 6, detail D4)."""
    match ending:
        case Faulted(error):
            return error
        case Failed(error, is_process_error, is_held, _):
            is_joined = (is_held or goroutine_id in draft.joins) and goroutine_id != MAIN_GOROUTINE_ID
            return None if is_process_error or is_joined else error
        case Parked() | Finished():
            return None
        case _:
            assert_never(ending)


def _end_transition(draft: Draft, goroutine: Goroutine, event: TransitionDone) -> None:
    match event.ending:
        case Parked(cases):
            if goroutine.cancelling is Cancelling.DUE:
                draft.make_ready(goroutine, Change.PASS, CANCELLED)
            else:
                select(draft, goroutine, cases, event.now_ms)
        case Finished(result):
            if goroutine.goroutine_id == MAIN_GOROUTINE_ID:
                _finish(draft, ProcessStatus.COMPLETED, result, None)
            else:
                end(draft, goroutine, Change.END)
        case Failed() as failed:
            _failed(draft, goroutine, failed)
        case Faulted():
            raise AssertionError("a fault is never accepted")
        case _:
            assert_never(event.ending)


def _failed(draft: Draft, goroutine: Goroutine, failed: Failed) -> None:
    """An error that is no fault: its joiners' business, the end of a cancellation, or the end of the process."""
    was_cancelled = goroutine.cancelling is Cancelling.RAISED
    if goroutine.goroutine_id == MAIN_GOROUTINE_ID:
        is_cancelled = was_cancelled and draft.is_cancelled
        _finish(draft, ProcessStatus.CANCELLED if is_cancelled else ProcessStatus.FAILED, None, failed.error)
    elif failed.is_held or goroutine.goroutine_id in draft.joins or (was_cancelled and failed.is_cancellation):
        end(draft, goroutine, Change.END)
    else:
        _finish(draft, ProcessStatus.FAILED, None, failed.error)


def _fault(draft: Draft, now_ms: int, error: Payload) -> None:
    """Not committed: tried again after a pause, and then parked at the last committed state (rule 6)."""
    goroutine = draft.take_back()
    draft.fault_count += 1
    if draft.base.fail_on_fault:
        _finish(draft, ProcessStatus.FAILED, None, error)
    elif draft.fault_count < FAULT_TRIES_MAX:
        draft.retry_at_ms = now_ms + FAULT_DELAYS_MS[draft.fault_count - 1]
    elif goroutine.cancelling is Cancelling.DUE:
        cancel_faulting(draft, goroutine)
    else:
        draft.status = ProcessStatus.FAULTED
        draft.out.append(Finish(None, error))


# --- ends and stands -------------------------------------------------------------------------------------------------


def _finish(draft: Draft, status: ProcessStatus, result: Payload | None, error: Payload | None) -> None:
    """The process ends: goroutines are dropped, effects cancelled, messages left over are counted (rule 5)."""
    draft.status = status
    draft.unreceived_count += sum(channel.message_count for channel in draft.channels.values())
    draft.out.extend(CancelEffect(effect_id) for effect_id in draft.effects)
    draft.out.extend(CancelProcess(process_id) for process_id in draft.attached)
    draft.attached = {}
    draft.goroutines, draft.ready, draft.running = {}, [], None
    draft.joins, draft.effects, draft.children, draft.timers = {}, {}, {}, {}
    draft.channels = {
        name: replace(channel, queue=Line(), receivers=(), message_count=0) for name, channel in draft.channels.items()
    }
    draft.fault_count = draft.retry_at_ms = 0
    draft.out.append(Finish(result, error))


def _is_deadlocked(draft: Draft) -> bool:
    """Rule 7: everybody waits, and for nothing that could come."""
    if not draft.goroutines:
        return False  # not started yet
    if draft.effects or draft.timers or draft.children:
        return False  # as below, and known at once
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
        case DefaultCase():
            raise AssertionError("a select with a default never parks")
        case _:
            assert_never(case)
