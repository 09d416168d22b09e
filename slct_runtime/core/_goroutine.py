"""Goroutines: where each is in its life, and the only ways on from there.

Knows nothing of channels, of time, or of whose turn it is. `STATUS_CHANGES` is the whole of it: what is not in the table
cannot happen. A goroutine that is not there (not started yet, or ended) is None in the table: the core does not keep it.
Theory of operation: a goroutine is READY with a resumption, runs one transition with it, and then parks on its cases, is
ready again at once (rule 4), or has ended. Lost and faulted transitions never happened: it is READY as it was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .commands import START, Case, Resumption, ResumptionKind
from .records import record


class GoroutineStatus(StrEnum):
    """Where a goroutine is in its life; one that has ended is not kept."""

    READY = "ready"
    RUNNING = "running"
    PARKED = "parked"


class Change(StrEnum):
    """What happens to a goroutine."""

    GO = "go"  # it is made: the process starts, or another goroutine says `go`
    RUN = "run"  # its turn has come
    PASS = "pass"  # what it awaits is ready at once: to the back of the queue (rule 4)
    PARK = "park"  # nothing that it awaits is ready
    WAKE = "wake"  # one of its cases was taken, or it is cancelled where it is parked
    RAISE = "raise"  # it is to be cancelled, and its transition faults: Cancelled in place of its value
    TAKE_BACK = "take_back"  # its transition was lost, or is a fault: as if it had never run
    END = "end"  # it returned, or an exception left it
    DROP = "drop"  # cancelled before it ever ran (detail D5)


STATUS_CHANGES: Mapping[tuple[GoroutineStatus | None, Change], GoroutineStatus | None] = {
    (None, Change.GO): GoroutineStatus.READY,
    (GoroutineStatus.READY, Change.RUN): GoroutineStatus.RUNNING,
    (GoroutineStatus.READY, Change.RAISE): GoroutineStatus.READY,
    (GoroutineStatus.READY, Change.DROP): None,
    (GoroutineStatus.RUNNING, Change.PASS): GoroutineStatus.READY,
    (GoroutineStatus.RUNNING, Change.PARK): GoroutineStatus.PARKED,
    (GoroutineStatus.RUNNING, Change.TAKE_BACK): GoroutineStatus.READY,
    (GoroutineStatus.RUNNING, Change.END): None,
    (GoroutineStatus.PARKED, Change.WAKE): GoroutineStatus.READY,
}


class Cancelling(StrEnum):
    """How far the cancellation of a goroutine has come (detail D5)."""

    NO = "no"
    DUE = "due"  # raised at its next suspension
    RAISED = "raised"


@record(frozen=True, slots=True)
class Goroutine:
    """One thread of control. `resumption` while ready or running, `cases` while parked; `parked_order` tells who waited longer."""

    goroutine_id: int
    status: GoroutineStatus
    resumption: Resumption | None = None
    cases: tuple[Case, ...] = ()
    parked_order: int = 0
    cancelling: Cancelling = Cancelling.NO

    @property
    def is_new(self) -> bool:
        """Ready, and never ran: not one line of it has happened."""
        return self.status is GoroutineStatus.READY and self.resumption == START


CANCELLED = Resumption(ResumptionKind.CANCELLED)
INTERRUPTED = Resumption(ResumptionKind.INTERRUPTED)


def started(goroutine_id: int) -> Goroutine:
    return Goroutine(goroutine_id, _after(None, Change.GO), START)


def running(goroutine: Goroutine) -> Goroutine:
    status = _after(goroutine.status, Change.RUN)
    return Goroutine(goroutine.goroutine_id, status, goroutine.resumption, cancelling=goroutine.cancelling)


def taken_back(goroutine: Goroutine) -> Goroutine:
    """Ready with what it was woken with before."""
    status = _after(goroutine.status, Change.TAKE_BACK)
    return Goroutine(goroutine.goroutine_id, status, goroutine.resumption, cancelling=goroutine.cancelling)


def parked(goroutine: Goroutine, cases: tuple[Case, ...], order: int) -> Goroutine:
    status = _after(goroutine.status, Change.PARK)
    return Goroutine(goroutine.goroutine_id, status, None, cases, order, goroutine.cancelling)


def ready(goroutine: Goroutine, change: Change, resumption: Resumption) -> Goroutine:
    """Woken, or passed on at once. Raising Cancelled is remembered: it happens once (detail D5)."""
    status = _after(goroutine.status, change)
    cancelling = Cancelling.RAISED if resumption.kind is ResumptionKind.CANCELLED else goroutine.cancelling
    return Goroutine(goroutine.goroutine_id, status, resumption, cancelling=cancelling)


def assert_may(goroutine: Goroutine, change: Change) -> None:
    """For the changes after which there is no goroutine any more."""
    assert STATUS_CHANGES[goroutine.status, change] is None


def _after(status: GoroutineStatus | None, change: Change) -> GoroutineStatus:
    after = STATUS_CHANGES[status, change]
    assert after is not None
    return after
