"""Cancelling goroutines and processes: `Cancelled` is raised once in each (detail D5).

Where a goroutine is parked; or at its next suspension, if it is ready or runs: it keeps the value it was woken with. One
that has not started never runs. Two things are ours to settle. Where a transition faults and its goroutine is to be
cancelled, waiting for its next suspension would be waiting for ever: it gets Cancelled in place of its value. And a goroutine
that nobody joins may end by an error once Cancelled was raised in it: that is what it was told to do.
"""

from __future__ import annotations

from dataclasses import replace

from ._draft import Draft
from ._goroutine import CANCELLED, INTERRUPTED, Cancelling, Change, Goroutine, GoroutineStatus, ready
from ._select import leave_queues, wake_all
from .commands import MAIN_GOROUTINE_ID, Resumption, ResumptionKind


def cancel_all(draft: Draft) -> None:
    """Cancel every goroutine there is, main first, in the order in which they were started."""
    is_tried_again = draft.retry_at_ms and draft.running is None
    if is_tried_again and draft.goroutines[draft.ready[0]].is_new:
        draft.fault_count = draft.retry_at_ms = 0  # the one that waits for its next try is about to be dropped
    for goroutine in list(draft.goroutines.values()):
        if not goroutine.is_new:
            _cancel_started(draft, goroutine)
    # After the others, so that whoever joins one of these is cancelled rather than told that it has ended.
    for goroutine in list(draft.goroutines.values()):
        if goroutine.is_new:
            end(draft, goroutine, Change.DROP)


def cancel_one(draft: Draft, goroutine_id: int) -> None:
    """`handle.cancel()`. One that has ended stays as it is."""
    goroutine = draft.goroutines.get(goroutine_id)
    if goroutine is None:
        return
    if goroutine.is_new:
        end(draft, goroutine, Change.DROP)
    else:
        _cancel_started(draft, goroutine)


def interrupt(draft: Draft, goroutine_id: int) -> None:
    """Wake a goroutine out of what it is parked on. One that is not parked stays as it is."""
    goroutine = draft.goroutines.get(goroutine_id)
    if goroutine is not None and goroutine.status is GoroutineStatus.PARKED:
        _wake(draft, goroutine, INTERRUPTED)


def cancel_faulting(draft: Draft, goroutine: Goroutine) -> None:
    """Raise Cancelled in a goroutine whose transition cannot be completed, in place of what it was woken with."""
    draft.goroutines[goroutine.goroutine_id] = ready(goroutine, Change.RAISE, CANCELLED)
    draft.fault_count = draft.retry_at_ms = 0


def end(draft: Draft, goroutine: Goroutine, change: Change) -> None:
    """It has ended: whoever joins it is woken, in the order in which they came."""
    draft.remove(goroutine, change)
    joiners = draft.joins.pop(goroutine.goroutine_id, ())
    wake_all(draft, joiners, ResumptionKind.JOINED, str(goroutine.goroutine_id))


def is_main_new(draft: Draft) -> bool:
    """Whether nothing of this process has happened yet."""
    main = draft.goroutines.get(MAIN_GOROUTINE_ID)
    return main is None or main.is_new


def _cancel_started(draft: Draft, goroutine: Goroutine) -> None:
    if goroutine.cancelling is not Cancelling.NO:
        return
    if goroutine.status is GoroutineStatus.PARKED:
        _wake(draft, goroutine, CANCELLED)
    else:
        draft.goroutines[goroutine.goroutine_id] = replace(goroutine, cancelling=Cancelling.DUE)


def _wake(draft: Draft, goroutine: Goroutine, resumption: Resumption) -> None:
    """Out of everything that it waits for."""
    leave_queues(draft, goroutine, taken=None)
    draft.make_ready(goroutine, Change.WAKE, resumption)
