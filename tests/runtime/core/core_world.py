"""A process under test: every step is checked for its invariants, for purity, and for surviving storage."""

from __future__ import annotations

import copy
from dataclasses import replace

from slct_runtime.core import (
    GoroutineStatus,
    Process,
    Step,
    check,
    from_json,
    new_process,
    step,
    to_json,
)
from slct_runtime.core.commands import (
    CallCase,
    Case,
    Command,
    EffectRequest,
    Ending,
    Failed,
    Faulted,
    Finished,
    Parked,
)
from slct_runtime.core.effects import Effect, Received, RunGoroutine
from slct_runtime.core.events import (
    CancelRequested,
    ChildDone,
    Closed,
    EffectDone,
    Event,
    Message,
    Started,
    TimerDue,
    TransitionDone,
    TransitionLost,
)


class World:
    """Sends events to one process. Each method returns the effects of its step."""

    def __init__(self, *, is_open: bool = False, fail_on_fault: bool = False, **capacities: int) -> None:
        self.process: Process = new_process(
            "p", capacities=capacities, open_channels=is_open, fail_on_fault=fail_on_fault
        )
        self.now_ms = 0
        self.position = 0
        self.inbox: dict[int, tuple[int, str, str]] = {}
        self.committed = False

    # --- events ----------------------------------------------------------------------------------------------------

    def start(self) -> list[Effect]:
        return self.apply(Started(self.now_ms))

    def message(self, channel: str, payload: str = "v") -> list[Effect]:
        position = self._next_position()
        self.inbox[position] = (position, channel, payload)
        return self.apply(Message(self.now_ms, position, channel, payload))

    def close(self, channel: str) -> list[Effect]:
        return self.apply(Closed(self.now_ms, self._next_position(), channel))

    def cancel(self) -> list[Effect]:
        return self.apply(CancelRequested(self.now_ms, self._next_position()))

    def effect_done(self, effect_id: int, result: str | None = None, error: str | None = None) -> list[Effect]:
        return self.apply(EffectDone(self.now_ms, self._next_position(), effect_id, result, error))

    def child_done(self, process_id: str, result: str | None = None, error: str | None = None) -> list[Effect]:
        return self.apply(ChildDone(self.now_ms, self._next_position(), process_id, result, error))

    def time(self, now_ms: int) -> list[Effect]:
        self.now_ms = now_ms
        return self.apply(TimerDue(now_ms))

    def lose(self, goroutine_id: int) -> list[Effect]:
        return self.apply(TransitionLost(self.now_ms, goroutine_id))

    # --- transitions -----------------------------------------------------------------------------------------------

    def park(self, goroutine_id: int, *cases: Case, do: tuple[Command, ...] = ()) -> list[Effect]:
        return self.done(goroutine_id, Parked(cases), do)

    def finish(self, goroutine_id: int, result: str | None = None, do: tuple[Command, ...] = ()) -> list[Effect]:
        return self.done(goroutine_id, Finished(result), do)

    def fail(self, goroutine_id: int, error: str = "E", do: tuple[Command, ...] = ()) -> list[Effect]:
        """A ProcessError leaves the goroutine."""
        return self.done(goroutine_id, Failed(error, True), do)

    def end_cancelled(self, goroutine_id: int) -> list[Effect]:
        """The `Cancelled` that was raised in the goroutine leaves it."""
        return self.done(goroutine_id, Failed("Cancelled", True, is_cancellation=True))

    def err(self, goroutine_id: int, error: str = "E", do: tuple[Command, ...] = ()) -> list[Effect]:
        """Any other exception leaves it."""
        return self.done(goroutine_id, Failed(error, False), do)

    def fault(self, goroutine_id: int, error: str = "E") -> list[Effect]:
        return self.done(goroutine_id, Faulted(error))

    def done(self, goroutine_id: int, ending: Ending, do: tuple[Command, ...] = ()) -> list[Effect]:
        return self.apply(TransitionDone(self.now_ms, goroutine_id, do, ending))

    # --- facts -----------------------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        return self.process.status.value

    def statuses(self) -> dict[int, str]:
        return {g.goroutine_id: g.status.value for g in self.process.goroutines.values()}

    def order(self) -> list[int]:
        """Who runs, and who is ready after that."""
        first = [] if self.process.running is None else [self.process.running]
        return [*first, *self.process.ready]

    def apply(self, event: Event) -> list[Effect]:
        before = copy.deepcopy(self.process)
        result = step(self.process, event)
        assert self.process == before, "a step changed its input"
        assert step(self.process, event) == result, "a step is not a function of its input"
        self._check(result)
        self.committed = result.committed
        self.process = result.process
        return list(result.effects)

    def _check(self, result: Step) -> None:
        check(result.process)
        for effect in result.effects:
            if isinstance(effect, Received):
                assert self.inbox.pop(effect.position, None) is not None, "received twice, or never sent"
        if result.process.status.is_end:
            return
        restored = stored(result.process, self.inbox)
        assert restored == settled(result.process)
        assert to_json(restored) == to_json(result.process)
        runs = [e for e in result.effects if isinstance(e, RunGoroutine)]
        assert len(runs) <= 1
        if runs:
            assert result.process.running == runs[0].goroutine_id

    def _next_position(self) -> int:
        self.position += 1
        return self.position


def stored(process: Process, inbox: dict[int, tuple[int, str, str]]) -> Process:
    """The process as it comes back from storage."""
    return from_json(to_json(process), process.process_id, list(inbox.values()))


def settled(process: Process) -> Process:
    """The process as storage keeps it: what runs is ready, and tries are not counted."""
    goroutines, ready = dict(process.goroutines), process.ready
    if process.running is not None:
        goroutines[process.running] = replace(goroutines[process.running], status=GoroutineStatus.READY)
        ready = (process.running, *ready)
    return replace(process, goroutines=goroutines, ready=ready, running=None, fault_count=0, retry_at_ms=0)


def call(effect_id: int, function: str = "m:f") -> CallCase:
    return CallCase(EffectRequest(effect_id, function, "[[],{}]"))
