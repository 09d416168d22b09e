"""A process while one step changes it: the only mutable thing in the core. It lives within one `step`.

Keeps the books of who is ready, running and there at all; what goroutines wait for is the business of `_select.py`.
"""

from __future__ import annotations

from ._channel import UNDECLARED, ChannelState
from ._goroutine import Change, Goroutine, assert_may, ready, running, started, taken_back
from ._model import Process
from .commands import Resumption
from .effects import Effect, RunGoroutine


class Draft:
    """A copy of a process, shallow where that is enough, and the effects of the step so far."""

    __slots__ = (
        "attached",
        "base",
        "channels",
        "children",
        "effects",
        "fault_count",
        "goroutines",
        "is_cancelled",
        "joins",
        "last_position",
        "next_order",
        "out",
        "ready",
        "retry_at_ms",
        "running",
        "shown",
        "status",
        "timers",
        "unreceived_count",
    )

    def __init__(self, process: Process) -> None:
        self.base = process
        self.status = process.status
        self.goroutines = dict(process.goroutines)
        self.channels = dict(process.channels)
        self.ready = list(process.ready)
        self.running = process.running
        self.joins = dict(process.joins)
        self.effects = dict(process.effects)
        self.children = dict(process.children)
        self.timers = dict(process.timers)
        self.next_order = process.next_order
        self.last_position = process.last_position
        self.is_cancelled = process.is_cancelled
        self.fault_count = process.fault_count
        self.retry_at_ms = process.retry_at_ms
        self.unreceived_count = process.unreceived_count
        self.shown = process.shown
        self.attached = dict(process.attached)
        self.out: list[Effect] = []

    def freeze(self) -> Process:
        return Process(
            process_id=self.base.process_id,
            status=self.status,
            open_channels=self.base.open_channels,
            fail_on_fault=self.base.fail_on_fault,
            goroutines=self.goroutines,
            channels=self.channels,
            ready=tuple(self.ready),
            running=self.running,
            joins=self.joins,
            effects=self.effects,
            children=self.children,
            timers=self.timers,
            next_order=self.next_order,
            last_position=self.last_position,
            is_cancelled=self.is_cancelled,
            fault_count=self.fault_count,
            retry_at_ms=self.retry_at_ms,
            unreceived_count=self.unreceived_count,
            shown=self.shown,
            attached=self.attached,
            written_by=self.base.written_by,
            origin=self.base.origin,
        )

    def channel(self, name: str) -> ChannelState:
        return self.channels.get(name, UNDECLARED)

    def start(self, goroutine_id: int) -> None:
        self.goroutines[goroutine_id] = started(goroutine_id)
        self.ready.append(goroutine_id)

    def make_ready(self, goroutine: Goroutine, change: Change, resumption: Resumption) -> None:
        """To the back of the queue (rule 4)."""
        self.goroutines[goroutine.goroutine_id] = ready(goroutine, change, resumption)
        self.ready.append(goroutine.goroutine_id)

    def run_first(self) -> None:
        """The turn of the goroutine that has been ready longest."""
        goroutine = self.goroutines[self.ready.pop(0)]
        assert goroutine.resumption is not None
        self.goroutines[goroutine.goroutine_id] = running(goroutine)
        self.running = goroutine.goroutine_id
        self.out.append(RunGoroutine(goroutine.goroutine_id, goroutine.resumption))

    def take_back(self) -> Goroutine:
        """The transition that runs is as if it had never run: its goroutine is the first of the ready ones again."""
        assert self.running is not None
        goroutine = taken_back(self.goroutines[self.running])
        self.goroutines[goroutine.goroutine_id] = goroutine
        self.ready.insert(0, goroutine.goroutine_id)
        self.running = None
        return goroutine

    def remove(self, goroutine: Goroutine, change: Change) -> None:
        assert_may(goroutine, change)
        del self.goroutines[goroutine.goroutine_id]
        if change is Change.DROP:
            self.ready.remove(goroutine.goroutine_id)
