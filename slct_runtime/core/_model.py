"""What the core knows of a process: plain immutable data.

Invariants, verified by `check` together with those of every channel:
  1. A goroutine is READY and once in `ready`, or RUNNING and named by `running`, or PARKED and in neither.
  2. A parked goroutine stands in the queue of every channel, join, effect and child that its cases name; nobody else
     stands anywhere. Its earliest deadline is in `timers`. Those who receive at a channel stand there in the order in which they
     parked, and with several cases in the order of these: the saved form does not name them.
  3. A process that has ended has no goroutines, and nothing queued.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import StrEnum

from ._channel import ChannelState, Waiter, check_channel, waiting_senders
from ._goroutine import Goroutine, GoroutineStatus
from .commands import CallCase, JoinCase, RecvCase, ResultCase, SendCase, TimerCase
from .records import record


class ProcessStatus(StrEnum):
    """Where a process is in its life. Faulted and deadlocked are stands, not ends (detail D19)."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    FAULTED = "faulted"
    DEADLOCKED = "deadlocked"

    @property
    def is_end(self) -> bool:
        return self in _ENDS


_ENDS = frozenset({ProcessStatus.COMPLETED, ProcessStatus.FAILED, ProcessStatus.CANCELLED, ProcessStatus.TERMINATED})


@record(frozen=True, slots=True)
class Process:
    """One process. Mappings are never changed in place: a step makes new ones.

    `joins`, `effects`, `children` and `timers` are indexes over the cases of parked goroutines, so that no event has to
    look for its waiters.
    """

    process_id: str
    status: ProcessStatus = ProcessStatus.RUNNING
    open_channels: bool = False
    fail_on_fault: bool = False
    goroutines: Mapping[int, Goroutine] = field(default_factory=dict)
    channels: Mapping[str, ChannelState] = field(default_factory=dict)
    ready: tuple[int, ...] = ()
    running: int | None = None
    joins: Mapping[int, tuple[Waiter, ...]] = field(default_factory=dict)
    effects: Mapping[int, Waiter] = field(default_factory=dict)
    children: Mapping[str, tuple[Waiter, ...]] = field(default_factory=dict)
    timers: Mapping[int, int] = field(default_factory=dict)  # goroutine to its earliest deadline
    next_order: int = 1
    last_position: int = 0  # the last event from outside that was applied
    is_cancelled: bool = False
    fault_count: int = 0  # of the transition that is tried now; not saved
    retry_at_ms: int = 0  # not before this time; not saved
    unreceived_count: int = 0
    shown: frozenset[str] = frozenset()  # made channels that were emitted or answered: clients may have their handles
    attached: Mapping[str, None] = field(
        default_factory=dict
    )  # processes that are cancelled when this one ends, in order
    written_by: str = (
        ""  # a note of the shell's: the version that wrote the document, where it is not the process's own
    )
    origin: tuple[str, int] | None = None  # another: the process that it was forked from, and after which seq


def check(process: Process) -> None:
    """Assert the invariants at the head of this file, and those of its channels."""
    by_status = {status: _ids(process, status) for status in GoroutineStatus}
    assert sorted(process.ready) == by_status[GoroutineStatus.READY]
    assert ([] if process.running is None else [process.running]) == by_status[GoroutineStatus.RUNNING]
    assert all((g.resumption is None) == (g.status is GoroutineStatus.PARKED) for g in process.goroutines.values())
    assert _places_held(process) == _places_due(process)
    assert process.timers == _timers_due(process)
    for channel in process.channels.values():
        check_channel(channel)
        places = [(process.goroutines[waiter.goroutine_id].parked_order, waiter) for waiter in channel.receivers]
        assert places == sorted(places)
    if process.status.is_end:
        assert not process.goroutines
        assert not any(channel.queue for channel in process.channels.values())


def _ids(process: Process, status: GoroutineStatus) -> list[int]:
    return sorted(g.goroutine_id for g in process.goroutines.values() if g.status is status)


def _places_held(process: Process) -> Counter[tuple[str, object, Waiter]]:
    """Every place in every queue, as the queues have it."""
    held: Counter[tuple[str, object, Waiter]] = Counter()
    for name, channel in process.channels.items():
        held.update(("recv", name, waiter) for waiter in channel.receivers)
        held.update(("send", name, waiter) for waiter in waiting_senders(channel))
    held.update(("join", goroutine_id, waiter) for goroutine_id, waiters in process.joins.items() for waiter in waiters)
    held.update(("child", process_id, waiter) for process_id, waiters in process.children.items() for waiter in waiters)
    held.update(("effect", effect_id, waiter) for effect_id, waiter in process.effects.items())
    return held


def _places_due(process: Process) -> Counter[tuple[str, object, Waiter]]:
    """Every place in every queue, as the cases of parked goroutines demand it."""
    return Counter(place for goroutine in process.goroutines.values() for place in _places(goroutine))


def _places(goroutine: Goroutine) -> Iterator[tuple[str, object, Waiter]]:
    for index, case in enumerate(goroutine.cases):
        waiter = Waiter(goroutine.goroutine_id, index)
        match case:
            case RecvCase(channel) if channel is not None:
                yield "recv", channel, waiter
            case SendCase(channel, _) if channel is not None:
                yield "send", channel, waiter
            case JoinCase(goroutine_id):
                yield "join", goroutine_id, waiter
            case ResultCase(process_id):
                yield "child", process_id, waiter
            case CallCase(request):
                yield "effect", request.effect_id, waiter
            case _:
                pass


def _timers_due(process: Process) -> dict[int, int]:
    deadlines = {
        goroutine.goroutine_id: [case.deadline_ms for case in goroutine.cases if isinstance(case, TimerCase)]
        for goroutine in process.goroutines.values()
    }
    return {goroutine_id: min(found) for goroutine_id, found in deadlines.items() if found}
