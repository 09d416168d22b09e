"""Runs one process with the real core and the real engine, and nothing else: no store, no wire, no clock.

`restore=True` decodes the document anew for every transition; otherwise the decoded process is held. What happens is in `trace`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from runtime_client import Definitions
from runtime_client._effects import run_effect
from runtime_client._transition import LiveProcess, run_transition
from slct_runtime.core import Process as Core
from slct_runtime.core import channel_facts, new_process, next_due_ms, step
from slct_runtime.core.commands import (
    EffectRequest,
    Emit,
    Failed,
    Faulted,
    Finished,
    Parked,
    SendTo,
    SetLabels,
    StartProcess,
)
from slct_runtime.core.effects import CancelEffect, Finish, RequestEffect, RunGoroutine
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
)
from slct_runtime.wire.work import ChannelFact, RunEffect, RunTransition

START_MS = 1_000_000


class Driver:
    """One process, run to rest after every event."""

    def __init__(
        self,
        definitions: Definitions,
        name: str,
        *args: Any,
        restore: bool = True,
        labels: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        definition = definitions.definition(name)
        self.definitions = definitions
        self.codec = definitions.codec
        self.name = name
        self.restore = restore and definition.is_compiled
        self.now_ms = START_MS
        self.arguments = self.codec.encode([list(args), kwargs])
        self.labels = dict(labels or {})
        self.document = ""
        self.live: LiveProcess | None = None
        self.seq = self.position = 0
        self.trace: list[str] = []
        self.emitted: list[Any] = []
        self.started: list[StartProcess] = []
        self.sent: list[SendTo] = []
        self.effects: dict[int, EffectRequest] = {}
        self.last_error: BaseException | None = None
        self._run: RunGoroutine | None = None
        self._finish: Finish | None = None
        self.core: Core = new_process(
            "p-1",
            capacities=definition.capacities,
            open_channels=definition.open_channels,
            fail_on_fault=definition.fail_on_fault,
        )
        self.apply(Started(self.now_ms))

    @property
    def status(self) -> str:
        return str(self.core.status.value)

    @property
    def result(self) -> Any:
        assert self._finish is not None and self.status == "completed", (self.status, self.trace, self.last_error)
        return None if self._finish.result is None else self.codec.decode(self._finish.result)

    @property
    def error(self) -> BaseException:
        """What failed or faulted it."""
        assert self._finish is not None and self._finish.error is not None, (self.status, self.trace)
        error = self.codec.decode(self._finish.error)
        assert isinstance(error, BaseException)
        return error

    def send(self, channel: str, value: Any) -> None:
        self.position += 1
        self.apply(Message(self.now_ms, self.position, channel, self.codec.encode(value)))

    def close(self, channel: str) -> None:
        self.position += 1
        self.apply(Closed(self.now_ms, self.position, channel))

    def cancel(self) -> None:
        self.position += 1
        self.apply(CancelRequested(self.now_ms, self.position))

    def child_done(self, process_id: str, result: Any = None, error: BaseException | None = None) -> None:
        self.position += 1
        payload = None if error is None else self.codec.encode(error)
        self.apply(ChildDone(self.now_ms, self.position, process_id, self.codec.encode(result), payload))

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each deadline."""
        until_ms = self.now_ms + round(seconds * 1000)
        while (due_ms := next_due_ms(self.core)) is not None and due_ms <= until_ms:
            self.now_ms = max(due_ms, self.now_ms)
            self.apply(TimerDue(self.now_ms))
        self.now_ms = until_ms

    def run_effects(self) -> None:
        """Run everything that was requested, once each, until no more is."""
        while self.effects:
            effect_id, request = next(iter(self.effects.items()))
            order = RunEffect(0, "p-1", self.name, "1", request, 1, None)
            answer = asyncio.run(run_effect(self.definitions, order))
            self.end_effect(effect_id, answer.result, answer.error)

    def end_effect(self, effect_id: int, result: str | None, error: str | None) -> None:
        del self.effects[effect_id]
        self.position += 1
        self.apply(EffectDone(self.now_ms, self.position, effect_id, result, error))

    def apply(self, event: Event) -> None:
        self._step(event)
        while self._run is not None:
            self._transition()

    def order(self, run: RunGoroutine) -> RunTransition:
        is_new = self.seq == 0
        document = "" if is_new else (self.document if self.restore else None)
        return RunTransition(
            0,
            "p-1",
            self.name,
            "1",
            self.seq,
            document,
            self.arguments if is_new else None,
            run.goroutine_id,
            run.resumption,
            self.now_ms,
            tuple(sorted(self.labels.items())),
            tuple(ChannelFact(*fact) for fact in channel_facts(self.core)),
        )

    def _transition(self) -> None:
        run, self._run = self._run, None
        assert run is not None
        held = self.live if self.seq or not self.definitions.definition(self.name).is_compiled else None
        answer, live = run_transition(self.definitions, self.order(run), None if self.restore else held)
        self.trace.append(
            f"{run.goroutine_id} {run.resumption.kind} -> {_shown(answer.ending)} {list(answer.commands)}"
        )
        if isinstance(answer.ending, Failed | Faulted):
            error = self.codec.decode(answer.ending.error)
            assert isinstance(error, BaseException)
            self.last_error = error
            if not self.restore and live is None and answer.document:
                # A worker forgets the process, and is given the document of the commit.
                self.restore, live = True, None
        accepted = self._step(TransitionDone(self.now_ms, run.goroutine_id, answer.commands, answer.ending))
        if accepted:
            self.seq += 1
            self.document = answer.document if answer.document is not None else self.document
        self.live = live

    def _step(self, event: Event) -> bool:
        done = step(self.core, event)
        self.core = done.process
        for effect in done.effects:
            match effect:
                case RunGoroutine():
                    self._run = effect
                case RequestEffect(request):
                    self.effects[request.effect_id] = request
                case CancelEffect(effect_id):
                    self.effects.pop(effect_id, None)
                case Finish():
                    self._finish = effect
                case Emit(payload):
                    self.emitted.append(self.codec.decode(payload))
                case StartProcess():
                    self.started.append(effect)
                case SendTo():
                    self.sent.append(effect)
                case SetLabels(labels):
                    self.labels = dict(labels)
                case _:
                    pass
        return done.committed


def _shown(ending: Any) -> str:
    match ending:
        case Parked(cases):
            return f"parked {list(cases)}"
        case Finished(result):
            return f"finished {result}"
        case Failed(_, is_process_error):
            return f"failed {is_process_error}"
        case _:
            return "faulted"
