"""Select: take the first case that is ready, in the order written, or park on all of them.

The three passes of Go's `select.go`: look for a case that is ready; stand in the queue of every case; leave the queues of
the losers once one is taken. A plain `recv` or `send` is a select of one case. Knows nothing of how transitions end.

Source: docs/semantics.md, rules 8 to 11 and 13, details D1, D2 and D10.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, assert_never

from ._channel import (
    Entry,
    Waiter,
    add_receiver,
    append,
    closed,
    take,
    waiting_senders,
    without_first_receiver,
    without_receiver,
    without_sender,
)
from ._draft import Draft
from ._goroutine import Change, Goroutine, GoroutineStatus, parked
from .commands import (
    CallCase,
    Case,
    DefaultCase,
    EffectRequest,
    JoinCase,
    Payload,
    RecvCase,
    ResultCase,
    Resumption,
    ResumptionKind,
    SendCase,
    TimerCase,
)
from .effects import CancelEffect, Received, RequestEffect, WatchProcess

Key = TypeVar("Key", int, str)


def select(draft: Draft, goroutine: Goroutine, cases: tuple[Case, ...], now_ms: int) -> None:
    """Carry out what a running goroutine awaits: it becomes ready, behind the partner that it completes, or it parks."""
    resumption = _take_first_ready(draft, cases, now_ms)
    if resumption is None:
        _stand_in_queues(draft, goroutine, cases)
    else:
        draft.make_ready(goroutine, Change.PASS, resumption)


def wake(draft: Draft, waiter: Waiter, kind: ResumptionKind, payload: Payload | None = None) -> None:
    """One case of a parked goroutine was taken, and its place given up: withdraw the others, make it ready (rule 10)."""
    goroutine = draft.goroutines[waiter.goroutine_id]
    leave_queues(draft, goroutine, taken=waiter.case_index)
    draft.make_ready(goroutine, Change.WAKE, Resumption(kind, waiter.case_index, payload))


def wake_all(draft: Draft, waiters: Iterable[Waiter], kind: ResumptionKind, payload: Payload | None = None) -> None:
    """Wake everybody who waits there, once: one select may stand in the same queue with several cases."""
    for waiter in waiters:
        if draft.goroutines[waiter.goroutine_id].status is GoroutineStatus.PARKED:
            wake(draft, waiter, kind, payload)


# --- pass 1: take the first case that is ready ---------------------------------------------------------------------


def _take_first_ready(draft: Draft, cases: tuple[Case, ...], now_ms: int) -> Resumption | None:
    """Take the first ready case, else the default (rule 10); None if there is neither."""
    default: Resumption | None = None
    for index, case in enumerate(cases):
        if isinstance(case, DefaultCase):
            default = default or Resumption(ResumptionKind.NONE, index)
            continue
        resumption = _attempt(draft, case, index, now_ms)
        if resumption is not None:
            return resumption
    return default


def _attempt(draft: Draft, case: Case, index: int, now_ms: int) -> Resumption | None:
    match case:
        case RecvCase(channel):
            return _attempt_recv(draft, channel, index)
        case SendCase(channel, payload):
            return _attempt_send(draft, channel, payload, index)
        case TimerCase(deadline_ms):
            return Resumption(ResumptionKind.NONE, index) if deadline_ms <= now_ms else None
        case JoinCase(goroutine_id):
            has_ended = goroutine_id not in draft.goroutines
            return Resumption(ResumptionKind.JOINED, index, str(goroutine_id)) if has_ended else None
        case CallCase() | ResultCase() | DefaultCase():
            return None
        case _:
            assert_never(case)


def _attempt_recv(draft: Draft, channel: str | None, index: int) -> Resumption | None:
    if channel is None:
        return None
    state = draft.channel(channel)
    if state.queue:
        return Resumption(ResumptionKind.VALUE, index, _take_value(draft, channel))
    return Resumption(ResumptionKind.CLOSED, index) if state.is_closed else None


def _attempt_send(draft: Draft, channel: str | None, payload: Payload, index: int) -> Resumption | None:
    if channel is None:
        return None
    state = draft.channel(channel)
    if state.is_closed:
        return Resumption(ResumptionKind.SEND_CLOSED, index)
    if state.receivers:
        _hand_over(draft, channel, payload)
        return Resumption(ResumptionKind.NONE, index)
    if state.has_room:
        draft.channels[channel] = append(state, Entry(payload, after=draft.last_position))
        return Resumption(ResumptionKind.NONE, index)
    return None


def _take_value(draft: Draft, channel: str) -> Payload:
    taken = take(draft.channels[channel])
    draft.channels[channel] = taken.channel
    if taken.entry.position:
        draft.out.append(Received(taken.entry.position))
    for sender in taken.woken:
        wake(draft, sender, ResumptionKind.NONE)
    return taken.entry.payload


# --- pass 2: stand in the queue of every case ----------------------------------------------------------------------


def _stand_in_queues(draft: Draft, goroutine: Goroutine, cases: tuple[Case, ...]) -> None:
    order, draft.next_order = draft.next_order, draft.next_order + 1
    kept = tuple(_without_payload(case) for case in cases)
    draft.goroutines[goroutine.goroutine_id] = parked(goroutine, kept, order)
    for index, case in enumerate(cases):
        _enqueue(draft, Waiter(goroutine.goroutine_id, index), case)


def _enqueue(draft: Draft, waiter: Waiter, case: Case) -> None:
    match case:
        case RecvCase(channel):
            if channel is not None:
                draft.channels[channel] = add_receiver(draft.channel(channel), waiter)
        case SendCase(channel, payload):
            if channel is not None:
                entry = Entry(payload, waiter.goroutine_id, waiter.case_index, after=draft.last_position)
                draft.channels[channel] = append(draft.channel(channel), entry)
        case TimerCase(deadline_ms):
            draft.timers[waiter.goroutine_id] = min(deadline_ms, draft.timers.get(waiter.goroutine_id, deadline_ms))
        case CallCase(request):
            draft.effects[request.effect_id] = waiter
            draft.out.append(RequestEffect(request))
        case JoinCase(goroutine_id):
            draft.joins[goroutine_id] = (*draft.joins.get(goroutine_id, ()), waiter)
        case ResultCase(process_id):
            draft.children[process_id] = (*draft.children.get(process_id, ()), waiter)
            draft.out.append(WatchProcess(process_id))
        case DefaultCase():
            raise AssertionError("a select with a default never parks")
        case _:
            assert_never(case)


def _without_payload(case: Case) -> Case:
    """What the queue, or the request that went out, keeps anyway is not kept in the case as well."""
    match case:
        case SendCase(channel, _):
            return SendCase(channel, "")
        case CallCase(request):
            return CallCase(EffectRequest(request.effect_id, request.function, ""))
        case _:
            return case


# --- pass 3: leave the queues of the losers ------------------------------------------------------------------------


def leave_queues(draft: Draft, goroutine: Goroutine, taken: int | None) -> None:
    """Withdraw every case of a parked goroutine but the one taken, whose place is given up by whoever takes it."""
    draft.timers.pop(goroutine.goroutine_id, None)
    for index, case in enumerate(goroutine.cases):
        if index != taken:
            _dequeue(draft, Waiter(goroutine.goroutine_id, index), case)


def _dequeue(draft: Draft, waiter: Waiter, case: Case) -> None:
    match case:
        case RecvCase(channel):
            if channel is not None:
                draft.channels[channel] = without_receiver(draft.channels[channel], waiter)
        case SendCase(channel, _):
            if channel is not None:
                draft.channels[channel] = without_sender(draft.channels[channel], waiter)
        case CallCase(request):
            del draft.effects[request.effect_id]
            draft.out.append(CancelEffect(request.effect_id))  # rule 20
        case JoinCase(goroutine_id):
            _drop(draft.joins, goroutine_id, waiter)
        case ResultCase(process_id):
            _drop(draft.children, process_id, waiter)
        case TimerCase() | DefaultCase():
            pass
        case _:
            assert_never(case)


def _drop(index: dict[Key, tuple[Waiter, ...]], key: Key, waiter: Waiter) -> None:
    rest = tuple(w for w in index.pop(key, ()) if w != waiter)
    if rest:
        index[key] = rest


# --- what makes the cases of others ready --------------------------------------------------------------------------


def deliver(draft: Draft, channel: str, payload: Payload, position: int) -> None:
    """A message from outside: to the receiver that has waited longest, or into the line (rule 14)."""
    state = draft.channel(channel)
    if state.receivers:
        _hand_over(draft, channel, payload)
        draft.out.append(Received(position))
    else:
        draft.channels[channel] = append(state, Entry(payload, position=position))


def _hand_over(draft: Draft, channel: str, payload: Payload) -> None:
    """Give a value to the receiver that has waited longest."""
    state = draft.channels[channel]
    draft.channels[channel] = without_first_receiver(state)
    wake(draft, state.receivers[0], ResumptionKind.VALUE, payload)


def close(draft: Draft, channel: str) -> None:
    """Rule 11. Who is parked there is woken in the order of parking. Closing what is closed changes nothing here."""
    state = draft.channel(channel)
    if state.is_closed:
        return
    draft.channels[channel] = closed(state)
    woken = [(w, ResumptionKind.SEND_CLOSED) for w in waiting_senders(state)]
    woken += [(w, ResumptionKind.CLOSED) for w in state.receivers]
    # A select that sends and receives here takes the case written first (rule 10).
    woken.sort(key=lambda item: (draft.goroutines[item[0].goroutine_id].parked_order, item[0].case_index))
    for waiter, kind in woken:
        wake_all(draft, (waiter,), kind)


def fire_timers(draft: Draft, now_ms: int) -> None:
    """All that are due fire before anybody they wake runs: oldest deadline, then oldest park, then order of cases (D2)."""
    due = []
    for goroutine_id, earliest_ms in draft.timers.items():
        if earliest_ms <= now_ms:
            goroutine = draft.goroutines[goroutine_id]
            index = next(i for i, case in enumerate(goroutine.cases) if case == TimerCase(earliest_ms))
            due.append((earliest_ms, goroutine.parked_order, Waiter(goroutine_id, index)))
    due.sort(key=lambda item: item[:2])
    for _, _, waiter in due:
        wake(draft, waiter, ResumptionKind.NONE)
