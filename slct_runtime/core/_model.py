"""What the core knows of a process: plain immutable data.

Invariants, held by `check`:
  1. A goroutine is READY and once in `ready`, or RUNNING and named by `running`, or PARKED and in neither.
  2. A parked goroutine stands in the queue of every channel, join, effect and child that its cases name, and nowhere else.
  3. A channel with receivers has nothing in its queue, but for entries of the very goroutines that receive there.
  4. The first `capacity` entries of a queue are in the buffer: their senders have gone on. A closed channel has no parked senders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .commands import Case, Payload, Resumption


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


class GoroutineStatus(StrEnum):
    """Where a goroutine is in its life; one that has ended is not kept."""

    READY = "ready"
    RUNNING = "running"
    PARKED = "parked"


class Cancelling(StrEnum):
    """How far the cancellation of a goroutine has come (detail D5)."""

    NO = "no"
    DUE = "due"  # raised at its next suspension
    RAISED = "raised"


@dataclass(frozen=True, slots=True)
class Goroutine:
    """One thread of control. `resumption` while ready or running, `cases` while parked; `parked_order` tells who waited longer."""

    goroutine_id: int
    status: GoroutineStatus
    resumption: Resumption | None = None
    cases: tuple[Case, ...] = ()
    parked_order: int = 0
    cancelling: Cancelling = Cancelling.NO


@dataclass(frozen=True, slots=True)
class Entry:
    """One value in a channel's queue.

    `goroutine_id` 0: its sender does not wait. `position` 0: it came from a goroutine. `after`: the last message from
    outside that had come before it.
    """

    payload: Payload
    goroutine_id: int = 0
    case_index: int = 0
    position: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Waiter:
    """A goroutine's place in a queue: which of its cases stands there."""

    goroutine_id: int
    case_index: int


@dataclass(frozen=True, slots=True)
class ChannelState:
    """One channel: values in order of arrival, and receivers in order of arrival (rule 9)."""

    capacity: int = 0
    is_closed: bool = False
    queue: tuple[Entry, ...] = ()
    receivers: tuple[Waiter, ...] = ()
    message_count: int = 0

    @property
    def length(self) -> int:
        """How many values are in the buffer."""
        return min(len(self.queue), self.capacity)


@dataclass(frozen=True, slots=True)
class Process:
    """One process. Mappings are never changed in place: a step makes new ones."""

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
    last_position: int = 0
    is_cancelled: bool = False
    fault_count: int = 0  # of the transition that is tried now; not saved
    retry_at_ms: int = 0  # not before this time; not saved
    unreceived_count: int = 0


def check(process: Process) -> None:
    """Assert the invariants at the head of this file."""
    statuses = {g.goroutine_id: g.status for g in process.goroutines.values()}
    assert len(set(process.ready)) == len(process.ready)
    assert set(process.ready) == {g for g, s in statuses.items() if s is GoroutineStatus.READY}
    assert [g for g, s in statuses.items() if s is GoroutineStatus.RUNNING] == (
        [] if process.running is None else [process.running]
    )
    for name, channel in process.channels.items():
        _check_channel(process, name, channel)
    for waiters in [*process.joins.values(), *process.children.values(), *[(w,) for w in process.effects.values()]]:
        assert all(statuses.get(w.goroutine_id) is GoroutineStatus.PARKED for w in waiters)
    assert all(statuses.get(g) is GoroutineStatus.PARKED for g in process.timers)


def _check_channel(process: Process, name: str, channel: ChannelState) -> None:
    receivers = {w.goroutine_id for w in channel.receivers}
    if receivers:
        assert not channel.is_closed, name
        assert all(entry.goroutine_id in receivers for entry in channel.queue), name
    for entry in channel.queue[: channel.capacity]:
        assert entry.goroutine_id == 0, name
    for entry in channel.queue[channel.capacity :]:
        assert entry.goroutine_id or entry.position, name
        assert not (channel.is_closed and entry.goroutine_id), name
    for goroutine_id in receivers | {e.goroutine_id for e in channel.queue if e.goroutine_id}:
        assert process.goroutines[goroutine_id].status is GoroutineStatus.PARKED, name
    assert channel.message_count == sum(1 for entry in channel.queue if entry.position), name
