"""Select: take the first case that is ready, in the order written, or park on all of them.

Source: docs/semantics.md, rules 8 to 11 and 13, details D2 and D10; Go's runtime, `select.go`, whose passes these are.
"""

from __future__ import annotations

from typing import assert_never

from ._draft import Draft
from ._model import Entry, Goroutine
from .commands import (
    CallCase,
    Case,
    DefaultCase,
    JoinCase,
    RecvCase,
    ResultCase,
    Resumption,
    ResumptionKind,
    SendCase,
    TimerCase,
)


def select(draft: Draft, goroutine: Goroutine, cases: tuple[Case, ...], now_ms: int) -> None:
    """Carry out what a goroutine awaits: it becomes ready, behind the partner that it completes, or it parks."""
    # Pass 1: look for a case that is ready. Trying it carries it out.
    for index, case in enumerate(cases):
        resumption = _attempt(draft, case, index, now_ms)
        if resumption is not None:
            draft.add_ready(goroutine, resumption)
            return
    default = next((i for i, case in enumerate(cases) if isinstance(case, DefaultCase)), None)
    if default is not None:
        draft.add_ready(goroutine, Resumption(ResumptionKind.NONE, default))
        return
    # Pass 2: none is: stand in every queue. Pass 3, leaving the queues of the losers, is `Draft.wake`.
    draft.park(goroutine, cases)


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
        return Resumption(ResumptionKind.VALUE, index, draft.take_value(channel))
    return Resumption(ResumptionKind.CLOSED, index) if state.is_closed else None


def _attempt_send(draft: Draft, channel: str | None, payload: str, index: int) -> Resumption | None:
    if channel is None:
        return None
    state = draft.channel(channel)
    if state.is_closed:
        return Resumption(ResumptionKind.SEND_CLOSED, index)
    if draft.give_value(channel, payload):
        return Resumption(ResumptionKind.NONE, index)
    if len(state.queue) < state.capacity:
        draft.append(channel, Entry(payload, after=draft.last_position))
        return Resumption(ResumptionKind.NONE, index)
    return None
