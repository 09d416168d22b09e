"""`Simulation`: run processes in memory, in virtual time, without a server, a database or a sleep.

    async with Simulation() as sim:
        ref = await sim.start(Order, "ada", 100)
        await sim.advance(timedelta(days=2))
        assert await ref.result() == "cancelled"

Given a source class, its coroutines run directly. Given a compiled class, or with `compiled=True`, the whole process goes
through the codec at every suspension, and the core through its saved form: what would be lost in storage is lost here.
`crash=seed` also kills transitions before they commit and effects before they answer, at random places, and runs them again.

`schedule=seed` draws what a machine does not promise: which effect ends first, how long effects take while time passes, which
of several processes runs next, and in which order messages arrive that are sent at the same time. `explore=N` tries many:

    for sim in Simulation(explore=200):
        async with sim:
            ...  # the test; an error says which schedule it was, and how to repeat that one

`deploy` lets processes go on under other definitions, as `slct deploy` does, so that migrations can be tested.

Time moves only in `advance`, which stops at each deadline on the way and lets everything come to rest there (detail D3).
Effects complete in the order of their requests, when no goroutine is ready and before time passes; `sim.effects` puts fakes
in their place.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Generic, Self, assert_never, overload

from slct_runtime._takeover import Takeover
from slct_runtime.core import Process as Core
from slct_runtime.core import (
    channel_facts,
    filled_channels,
    from_json,
    new_process,
    next_due_ms,
    step,
    to_json,
    watched_processes,
    without_lost_channels,
)
from slct_runtime.core.commands import CancelProcess, EffectRequest, Emit, Reply, SendTo, SetLabels, StartProcess
from slct_runtime.core.effects import CancelEffect, Effect, Finish, Received, RequestEffect, RunGoroutine, WatchProcess
from slct_runtime.core.events import (
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
    VersionChanged,
)
from slct_runtime.core.queues import QueueLimits, RateLimit, Window, has_room
from slct_runtime.retry import closed_text, closes_ms, delay_ms, has_time, may_retry
from slct_runtime.wire.error_text import error_text
from slct_runtime.wire.work import ChannelFact, EffectAnswer, RunEffect, RunTransition

from ._channels import Channel
from ._client import Rate
from ._codec import Codec
from ._definitions import Definition, Definitions
from ._effects import Attempt, run_effect
from ._errors import AlreadyExists, CannotMove, LimitExceeded, NotFound, NotRunning, ProcessCancelled, ProcessFailed
from ._process import Process, Startable, definition_name
from ._requests import AnswerT, QuestionT, Request
from ._schedule import SCHEDULE_NAME, Schedule
from ._transition import LiveProcess, UnreadableDocument, run_transition
from ._twins import compiled_twin, load_build
from ._type_variables import T, ValueT

ENDED = frozenset({"completed", "failed", "cancelled", "terminated"})
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
"""When every simulation begins, unless told otherwise."""
CHANNEL_MESSAGES_MAX = 10_000
"""Undelivered messages that a channel holds, as by default in a runtime (rule 16)."""


def _rates(limits: QueueLimits) -> list[RateLimit]:
    return [rate for rate in (limits.rate, limits.worker_rate) if rate is not None]


class StillRunning(AssertionError):
    """`result()` was asked of a process that waits for something the test has not done. `waits` says what for.

    One that is faulted waits for its code to be mended; `error` is its traceback.
    """

    def __init__(
        self, process_id: str, status: str, waits: tuple[str, ...], then: str = "", *, error: str = ""
    ) -> None:
        what = f"process {process_id!r} is {status}"
        help = f"send to it, or `await sim.advance(...)`{f', then {then}' if then else ''}"
        super().__init__(
            f"{what}:\n{error}" if error else f"{what} and waits for {'; '.join(waits) or 'nothing'}\n  help: {help}"
        )
        self.process_id = process_id
        self.status = status
        self.waits = waits
        self.error = error


@dataclass(slots=True)
class _Effect:
    request: EffectRequest
    attempt: int = 0
    due_ms: int = 0
    requested_ms: int = 0
    is_new: bool = True
    is_slow: bool = False  # it has begun, and takes until `due_ms`
    is_running: bool = False
    progress: str | None = None
    last_error: str | None = None

    def texts(self) -> list[str]:
        """All that its attempts know, and so may give back."""
        return [text for text in (self.request.arguments, self.progress, self.last_error) if text is not None]


@dataclass(slots=True, eq=False)
class _Simulated:
    """One process: its core, and either its document (compiled) or its live coroutines (direct)."""

    process_id: str
    definition: Definition
    definitions: Definitions
    arguments: str
    core: Core
    document: str = ""
    written_by: Definitions | None = None  # the document is theirs, and not that of `definitions`
    migrations: str = ""  # what it has to go through before `definitions` can go on with it
    live: LiveProcess | None = None
    seq: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    position: int = 0
    queued: dict[int, tuple[int, str, str]] = field(default_factory=dict)  # messages nobody received yet
    run: RunGoroutine | None = None
    effects: dict[int, _Effect] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    result: str | None = None
    error: str | None = None
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)  # of accepted messages: channel and payload
    replies: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return str(self.core.status.value)


@dataclass(frozen=True, slots=True)
class _Seeds:
    """What decides a simulation; printed, it is the call that repeats it."""

    schedule: int | None
    crash: int | None
    compiled: bool
    explore: int | None

    def __str__(self) -> str:
        given = [f"compiled={self.compiled}"] if self.compiled else []
        given += [f"{name}={seed}" for name in ("crash", "schedule") if (seed := getattr(self, name)) is not None]
        return f"Simulation({', '.join(given)})"


class Simulation:
    """Processes in memory and in virtual time.

    definitions: what `start("name")` and processes that start others may use; a class given to `start` needs none.
    compiled: run source classes compiled (the compiler must be installed). crash: seed of random kills.
    schedule: seed of the order of what may happen in several orders; None: always the same, effects as they were requested.
    explore: so many simulations, to be iterated over: their schedules, and seeds of kills if there are any, are 0, 1, 2, ...
    """

    def __init__(
        self,
        definitions: Definitions | None = None,
        *,
        compiled: bool = False,
        crash: int | None = None,
        schedule: int | None = None,
        explore: int | None = None,
        now: datetime = EPOCH,
    ) -> None:
        if explore is not None and (explore < 1 or schedule is not None):
            raise ValueError(
                f"explore={explore!r} with schedule={schedule!r}: explore a number of schedules from 1 on, or run one by its seed"
            )
        self._seeds = _Seeds(schedule, crash, compiled, explore)
        self._start_ms = round(now.timestamp() * 1000)
        self._given = definitions
        self._schedule = None if schedule is None else random.Random(schedule)
        self._slow_until_ms: int | None = None
        self.effects: dict[Callable[..., Any], Callable[..., Any]] = {}
        self.trace: list[str] = []
        self._compiled = compiled
        self._chance = None if crash is None else random.Random(crash)
        self._now_ms = self._start_ms
        self._definitions: dict[str, Definitions] = {}
        self._processes: dict[str, _Simulated] = {}
        self._queues: dict[str, QueueLimits] = {}
        self._windows: dict[tuple[str, RateLimit], Window] = {}
        self._client_codecs: dict[str, Codec] = {}
        self._count = 0
        if definitions is not None:
            for name in definitions.names:
                self._definitions[name] = definitions

    def __iter__(self) -> Iterator[Self]:
        """The simulations to explore, each with a schedule of its own. Raises TypeError without `explore`."""
        if self._seeds.explore is None:
            raise TypeError("one simulation is no series\n  help: for sim in Simulation(explore=100): ...")
        return self._explored(self._seeds.explore)

    def _explored(self, count: int) -> Iterator[Self]:
        for number in range(count):
            crash = None if self._seeds.crash is None else self._seeds.crash + number
            now = datetime.fromtimestamp(self._start_ms / 1000, UTC)
            made = type(self)(self._given, compiled=self._compiled, crash=crash, schedule=number, now=now)
            made.effects.update(self.effects)
            yield made

    async def __aenter__(self) -> Self:
        if self._seeds.explore is not None:
            raise TypeError(
                f"explore={self._seeds.explore} is that many simulations\n"
                "  help: for sim in Simulation(explore=...): and in it, async with sim: ..."
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and self._schedule is not None:
            error.add_note(f"schedule {self._seeds.schedule}; to repeat it: {self._seeds}")

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return datetime.fromtimestamp(self._now_ms / 1000, UTC)

    # --- what a test does ------------------------------------------------------------------------------------------

    @overload
    async def start(
        self,
        definition: type[Startable[T]],
        /,
        *args: Any,
        id: str | None = None,
        labels: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> SimulatedRef[T]: ...
    @overload
    async def start(
        self,
        definition: str | type[Process],
        /,
        *args: Any,
        id: str | None = None,
        labels: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> SimulatedRef[Any]: ...
    async def start(
        self,
        definition: Any,
        /,
        *args: Any,
        id: str | None = None,
        labels: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> SimulatedRef[Any]:
        """Start a process and let everything come to rest."""
        name = self._register(definition)
        self._count += 1
        process_id = id or f"{name}-{self._count}"
        if process_id not in self._processes:
            arguments = self._codec(name).encode([list(args), kwargs])
            self._create(name, process_id, arguments, dict(labels or {}))
        await self.settle()
        return SimulatedRef(self, process_id)

    async def set_queue(
        self,
        name: str,
        *,
        concurrency: int | None = None,
        worker_concurrency: int | None = None,
        rate: Rate | None = None,
        worker_rate: Rate | None = None,
    ) -> None:
        """Limit a queue of effects as `Client.set_queue` does. There is one worker here, so its limits are those of all."""
        rates = [None if each is None else each.limit for each in (rate, worker_rate)]
        self._queues[name] = QueueLimits(name, concurrency, worker_concurrency, *rates)
        await self.settle()

    async def deploy(self, definitions: Definitions) -> dict[str, tuple[str, ...]]:
        """Let processes go on under these definitions from their next transition on, and start new ones on them.

        Give it, and the simulation, builds: `load_build` holds several side by side. A document that the new definitions cannot
        read after all, or that a migration cannot handle, raises `CannotMove` where it is read.

        Returns:
          Process id to the reasons, of those that cannot go on under them and stay where they are (rules 22 and 23).
        """
        await self.settle()
        held = {p.process_id: self._obstacles(p, definitions) for p in self._concerned(definitions)}
        for name in definitions.names:
            self._definitions[name] = definitions
            self._client_codecs.pop(name, None)
        for process in self._concerned(definitions):
            if not held[process.process_id]:
                self._move(process, definitions)
        await self.settle()
        return {process_id: reasons for process_id, reasons in held.items() if reasons}

    def _concerned(self, definitions: Definitions) -> list[_Simulated]:
        names = definitions.names
        return [p for p in self._running() if p.definition.name in names and p.definitions is not definitions]

    def _obstacles(self, process: _Simulated, definitions: Definitions) -> tuple[str, ...]:
        if not process.definition.is_compiled:
            return ("it runs as written: start it compiled",)
        if process.written_by is definitions:
            return ()  # it comes back before anything has run
        takeover = _takeover(process, definitions)
        found = takeover.obstacles(process.document, filled_channels(process.core))
        return tuple(f"{o.place} {o.state}: {reason.text}".strip(" :") for o in found for reason in o.reasons)

    def _move(self, process: _Simulated, definitions: Definitions) -> None:
        written_by = process.written_by or process.definitions
        is_back = written_by is definitions
        process.migrations = "" if is_back else _takeover(process, definitions).migrations
        process.written_by = None if is_back else written_by
        process.definitions, process.definition = definitions, definitions.definition(process.definition.name)
        of = process.definition
        declared = (of.capacities, of.open_channels, of.fail_on_fault)
        self._apply(process, VersionChanged(self._now_ms, *declared))
        self._apply(process, RetryRequested(self._now_ms))  # if it was faulted (rule 6)

    async def advance(self, by: timedelta | float) -> None:
        """Let time pass: stop at each deadline on the way and let everything come to rest there."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        if seconds < 0:
            raise ValueError(f"time passes forwards only, got {by!r}")
        until_ms = self._now_ms + round(seconds * 1000)
        await self.settle()
        self._slow_until_ms = until_ms
        try:
            await self._pass_until(until_ms)
        finally:
            self._slow_until_ms = None
        self._now_ms = until_ms

    async def _pass_until(self, until_ms: int) -> None:
        while (due_ms := self._next_due_ms()) is not None and due_ms <= until_ms:
            self._now_ms = max(self._now_ms, due_ms)
            for process in self._drawn(self._running()):
                self._apply(process, TimerDue(self._now_ms))
            await self.settle()

    async def settle(self) -> None:
        """Run whatever can run now: transitions first, then effects in the order of their requests; or as `schedule` draws."""
        while True:
            self._close_effects()
            self._draw_durations()
            ready = [p for p in self._processes.values() if p.run is not None]
            due = self._due_effects()
            if due and (not ready or self._is_effect_first()):
                await self._attempt(*(due[0] if self._schedule is None else self._schedule.choice(due)))
            elif ready:
                self._transition(ready[0] if self._schedule is None else self._schedule.choice(ready))
            else:
                return

    def _drawn(self, processes: list[_Simulated]) -> list[_Simulated]:
        """In the order in which they come; or in any, as `schedule` draws."""
        return processes if self._schedule is None else self._schedule.sample(processes, len(processes))

    def _draw_durations(self) -> None:
        """While time passes, an effect may take some of it."""
        if self._schedule is None or self._slow_until_ms is None:
            return
        for _, effect in self._due_effects():
            if effect.is_new and self._schedule.random() < 0.5 and self._may_begin(effect, 0):
                effect.due_ms = self._schedule.randint(self._now_ms, self._slow_until_ms)
                effect.is_slow = effect.due_ms > self._now_ms
                self._begin(effect)
            effect.is_new = False

    def _is_effect_first(self) -> bool:
        return self._schedule is not None and self._schedule.random() < 0.3

    # --- processes -------------------------------------------------------------------------------------------------

    def _register(self, definition: str | type[Process]) -> str:
        if isinstance(definition, str):
            if definition == SCHEDULE_NAME:
                return self._register(Schedule)
            if definition not in self._definitions:
                known = ", ".join(sorted(self._definitions)) or "none"
                raise NotFound(f"no definition {definition!r}", f"this simulation knows {known}")
            return definition
        name = definition_name(definition)
        if name not in self._definitions:
            source = Definitions([definition])
            self._client_codecs[name] = source.codec
            is_source = not source.definition(name).is_compiled
            self._definitions[name] = compiled_twin(definition) if self._compiled and is_source else source
        return name

    def _codec(self, name: str) -> Codec:
        """How the test's own values are written and read: by the classes that the test knows."""
        return self._client_codecs.get(name) or self._definitions[name].codec

    def _create(self, name: str, process_id: str, arguments: str, labels: dict[str, str]) -> None:
        definitions = self._definitions[name]
        definition = definitions.definition(name)
        core = new_process(
            process_id,
            capacities=definition.capacities,
            open_channels=definition.open_channels,
            fail_on_fault=definition.fail_on_fault,
        )
        process = _Simulated(process_id, definition, definitions, arguments, core, labels=labels)
        self._processes[process_id] = process
        self._apply(process, Started(self._now_ms))

    def _running(self) -> list[_Simulated]:
        return [p for p in self._processes.values() if p.status not in ENDED]

    def _next_due_ms(self) -> int | None:
        dues = [due for p in self._running() if (due := next_due_ms(p.core)) is not None]
        for _, effect in self._effects():
            if (end_ms := closes_ms(effect.request, effect.requested_ms)) is not None and end_ms > self._now_ms:
                dues.append(end_ms)
            opens_ms = self._opens_ms(effect)
            if effect.due_ms > self._now_ms:
                dues.append(effect.due_ms)
            elif opens_ms is not None and not effect.is_running:
                dues.append(opens_ms)
        return min(dues, default=None)

    def _apply(self, process: _Simulated, event: Event) -> bool:
        """One step of the core; returns whether a transition was accepted."""
        result = step(process.core, event)
        process.core = result.process
        for effect in result.effects:
            self._carry_out(process, effect)
        if process.definition.is_compiled:
            # What storage would lose is lost here: the core is read back from its saved form.
            self._restore_core(process)
        return result.committed

    def _restore_core(self, process: _Simulated) -> None:
        saved = to_json(process.core)
        messages = list(process.queued.values())
        if process.run is None and not process.core.retry_at_ms:  # a pause between tries is never stored
            process.core = from_json(saved, process.process_id, messages)
            assert to_json(process.core) == saved, f"the core of {process.process_id!r} changes in storage"

    def _carry_out(self, process: _Simulated, effect: Effect) -> None:
        match effect:
            case RunGoroutine():
                process.run = effect
            case RequestEffect(request):
                process.effects[request.effect_id] = _Effect(request, due_ms=self._now_ms, requested_ms=self._now_ms)
                self._note(process, f"call {request.function} {request.arguments}")
            case CancelEffect(effect_id):
                process.effects.pop(effect_id, None)
                self._note(process, f"cancel call {effect_id}")
            case Received(position):
                process.queued.pop(position, None)
            case Finish(result, error):
                process.result, process.error = result, error
                self._note(process, f"{process.status} {result}")
                if process.status in ENDED:
                    process.effects.clear()
                    self._tell_parents(process)
            case Emit(payload):
                process.outputs.append(payload)
                self._note(process, f"emit {payload}")
            case Reply(request_id, payload):
                process.replies.setdefault(request_id, payload)
                self._note(process, f"reply {payload}")
            case SetLabels(labels):
                process.labels = dict(labels)
            case WatchProcess(process_id):
                child = self._processes.get(process_id)
                if child is not None and child.status in ENDED:
                    self._child_done(process, child)
            case StartProcess(process_id, definition, arguments):
                if process_id not in self._processes:
                    self._create(self._register(definition), process_id, arguments, {})
            case SendTo(process_id, channel, payload):
                self._message(self._find(process_id), channel, payload)
            case CancelProcess(process_id):
                if (other := self._processes.get(process_id)) is not None and other.status not in ENDED:
                    other.position += 1
                    self._apply(other, CancelRequested(self._now_ms, other.position))
            case _:
                assert_never(effect)

    def _tell_parents(self, child: _Simulated) -> None:
        for parent in self._running():
            if child.process_id in watched_processes(parent.core):
                self._child_done(parent, child)

    def _child_done(self, parent: _Simulated, child: _Simulated) -> None:
        parent.position += 1
        event = ChildDone(self._now_ms, parent.position, child.process_id, child.result, child.error)
        self._apply(parent, event)

    def _note(self, process: _Simulated, what: str) -> None:
        self.trace.append(f"{process.process_id}: {what}")

    def _known(self, process_id: str) -> _Simulated:
        process = self._processes.get(process_id)
        if process is None:
            raise NotFound(f"no process {process_id!r}")
        return process

    def _find(self, process_id: str) -> _Simulated:
        process = self._known(process_id)
        if process.status in ENDED:
            raise NotRunning(f"process {process_id!r} has ended: it is {process.status}")
        return process

    # --- transitions and effects -----------------------------------------------------------------------------------

    def _transition(self, process: _Simulated) -> None:
        run, process.run = process.run, None
        assert run is not None
        self._note(process, f"run {run.goroutine_id} {run.resumption.kind.value} {run.resumption.case_index}")
        order = self._order(process, run)
        if process.definition.is_compiled and self._is_hit():
            with suppress(UnreadableDocument):
                run_transition(process.definitions, order, None)  # killed before it could commit: nothing of it is kept
        try:
            answer, live = run_transition(process.definitions, order, process.live)
        except UnreadableDocument as error:
            text = f"process {process.process_id!r} cannot go on under what was deployed: {error}"
            raise CannotMove(text, facts={"process_id": process.process_id}) from error
        done = TransitionDone(self._now_ms, run.goroutine_id, answer.commands, answer.ending)
        accepted = self._apply_transition(process, done, answer.document)
        if not process.definition.is_compiled:
            process.live = live if accepted else process.live
            self._exhaust_tries(process, done, accepted)

    def _exhaust_tries(self, process: _Simulated, done: TransitionDone, accepted: bool) -> None:
        """A coroutine cannot be run again from where it was: every further try of a faulted transition fails alike."""
        while not accepted and process.status == "running":
            retry_ms = next_due_ms(process.core)
            assert retry_ms is not None
            self._apply(process, TimerDue(retry_ms))
            process.run = None
            self._apply(process, replace(done, now_ms=retry_ms))

    def _apply_transition(self, process: _Simulated, done: TransitionDone, document: str | None) -> bool:
        accepted = self._apply(process, done)
        if accepted:
            process.seq += 1
            if document:
                process.document, process.written_by, process.migrations = document, None, ""
            if process.definition.is_compiled:  # a runtime does it now and then; here it shows at once if it must not
                lent = (text for effect in process.effects.values() for text in effect.texts())
                process.core = without_lost_channels(process.core, process.document, lent)
        return accepted

    def _order(self, process: _Simulated, run: RunGoroutine) -> RunTransition:
        is_new = process.seq == 0
        document = process.document if process.definition.is_compiled else ("" if is_new else None)
        return RunTransition(
            dispatch_id=0,
            process_id=process.process_id,
            definition=process.definition.name,
            version="test",
            seq=process.seq,
            document=document,
            arguments=process.arguments if is_new else None,
            goroutine_id=run.goroutine_id,
            resumption=run.resumption,
            now_ms=self._now_ms,
            labels=tuple(sorted(process.labels.items())),
            channels=tuple(ChannelFact(*fact) for fact in channel_facts(process.core)),
            is_moved=process.written_by is not None,
            migrations=process.migrations,
        )

    def _is_hit(self) -> bool:
        return self._chance is not None and self._chance.random() < 0.3

    # --- effects and their queues ------------------------------------------------------------------------------------

    def _effects(self) -> list[tuple[_Simulated, _Effect]]:
        return [(p, e) for p in self._running() for e in p.effects.values()]

    def _due_effects(self) -> list[tuple[_Simulated, _Effect]]:
        """Those that may be attempted now, the lowest priority first, then the oldest request (rule 18)."""
        due = [(p, e) for p, e in self._effects() if e.due_ms <= self._now_ms and not e.is_running]
        found, ahead = [], Counter[str]()
        for process, effect in sorted(due, key=lambda each: each[1].request.priority):
            queue = effect.request.queue
            if self._may_begin(effect, ahead[queue]):
                ahead[queue] += not effect.is_slow
                found.append((process, effect))
        return found

    def _may_begin(self, effect: _Effect, ahead_count: int) -> bool:
        return (opens_ms := self._opens_ms(effect, ahead_count)) is not None and opens_ms <= self._now_ms

    def _opens_ms(self, effect: _Effect, ahead_count: int = 0) -> int | None:
        """When its queue lets it begin after those ahead of it; None: not before another one has ended, or the limit is another."""
        name = effect.request.queue
        limits = self._queues.get(name)
        if limits is None or effect.is_slow:
            return self._now_ms
        others = (e for _, e in self._effects() if e is not effect and e.request.queue == name)
        running = sum(e.is_running or e.is_slow for e in others) + ahead_count
        if not has_room(limits.concurrency, running) or not has_room(limits.worker_concurrency, running):
            return None
        opens = [self._window(name, rate).opens_ms(rate, self._now_ms, ahead_count) for rate in _rates(limits)]
        return None if None in opens else max((each for each in opens if each is not None), default=self._now_ms)

    def _begin(self, effect: _Effect) -> None:
        name = effect.request.queue
        if (limits := self._queues.get(name)) is not None:
            for rate in _rates(limits):
                self._window(name, rate).note(self._now_ms)

    def _window(self, queue: str, rate: RateLimit) -> Window:
        return self._windows.setdefault((queue, rate), Window())

    async def _attempt(self, process: _Simulated, effect: _Effect) -> None:
        """One attempt of an effect, by its fake if it has one. Whoever else lets things come to rest meanwhile passes it by."""
        if not effect.is_slow:
            self._begin(effect)
        effect.is_running, effect.is_slow = True, False
        try:
            await self._attempt_once(process, effect)
        finally:
            effect.is_running = False

    async def _attempt_once(self, process: _Simulated, effect: _Effect) -> None:
        effect.attempt += 1
        request = effect.request
        order = RunEffect(
            0,
            process.process_id,
            process.definition.name,
            "test",
            replace(request, timeout_ms=None, heartbeat_timeout_ms=None, schedule_to_close_timeout_ms=None),
            effect.attempt,
            None,
            effect.progress,
            effect.last_error,
        )
        fakes = {self._effect_name(process, real): fake for real, fake in self.effects.items()}
        if not request.at_most_once and self._is_hit():
            await self._run(process, effect, order, fakes)  # killed before it could answer: attempted again
            order = replace(order, progress=effect.progress)
        answer = await self._run(process, effect, order, fakes)
        effect.last_error = answer.error
        if process.effects.get(request.effect_id) is not effect:
            return
        again = answer.error is not None and not request.at_most_once
        if again and may_retry(request.retry, effect.attempt, answer.error_types):
            chance = 0.5 if self._chance is None else self._chance.random()
            due_ms = self._now_ms + max(1, delay_ms(request.retry, effect.attempt, chance))
            if has_time(request, effect.requested_ms, due_ms):
                effect.due_ms = due_ms
                return
        self._end_effect(process, effect, answer.result, answer.error)

    def _end_effect(self, process: _Simulated, effect: _Effect, result: str | None, error: str | None) -> None:
        effect_id = effect.request.effect_id
        del process.effects[effect_id]
        process.position += 1
        self._apply(process, EffectDone(self._now_ms, process.position, effect_id, result, error))

    def _close_effects(self) -> None:
        """End those whose time over all attempts is over, but for what runs in real time at this moment."""
        for process, effect in self._effects():
            if not effect.is_running and not has_time(effect.request, effect.requested_ms, self._now_ms):
                error = TimeoutError(closed_text(effect.request, effect.attempt))
                self._end_effect(process, effect, None, process.definitions.codec.encode(error))

    async def _run(
        self, process: _Simulated, effect: _Effect, order: RunEffect, fakes: dict[str, Callable[..., Any]]
    ) -> EffectAnswer:
        """Run it, and keep what it reports."""
        attempt = Attempt(process.definitions.codec)
        answer = await run_effect(process.definitions, order, fakes, attempt)
        effect.progress = attempt.progress or effect.progress
        return answer

    def _effect_name(self, process: _Simulated, function: Callable[..., Any]) -> str:
        return f"{function.__module__}:{function.__qualname__}"

    # --- what references do ----------------------------------------------------------------------------------------

    def _message(self, process: _Simulated, channel: str, payload: str) -> None:
        process.position += 1
        process.queued[process.position] = (process.position, channel, payload)
        self._apply(process, Message(self._now_ms, process.position, channel, payload))

    async def _turn(self) -> None:
        """Who sends at the same time arrives in any order."""
        if self._schedule is not None:
            for _ in range(self._schedule.randrange(4)):
                await asyncio.sleep(0)

    async def _send(self, process_id: str, channel: str, value: Any, key: str | None) -> None:
        await self._turn()
        process = self._find(process_id) if key is None else self._known(process_id)
        definition = process.definition
        if not definition.open_channels and channel not in definition.capacities:
            names = ", ".join(sorted(definition.capacities)) or "none"
            raise NotFound(
                f"definition {definition.name!r} declares no channel {channel!r}", f"its channels are: {names}"
            )
        payload = self._codec(definition.name).encode(value)
        if key is None or not self._is_repeated(process, channel, payload, key):
            self._find(process_id)
            held = process.core.channels.get(channel)
            if held is not None and held.is_closed:
                raise NotRunning(f"channel {channel!r} of process {process_id!r} is closed")
            if held is not None and held.message_count >= CHANNEL_MESSAGES_MAX:
                raise LimitExceeded(
                    f"channel {channel!r} of process {process_id!r} holds {held.message_count} undelivered messages, "
                    f"the limit channel_messages_max is {CHANNEL_MESSAGES_MAX}",
                    "wait until the process has received some",
                )
            if key is not None:
                process.keys[key] = (channel, payload)
            self._message(process, channel, payload)
        await self.settle()

    def _is_repeated(self, process: _Simulated, channel: str, payload: str, key: str) -> bool:
        """Whether a message of this key was accepted before (rule 15)."""
        if process.keys.get(key, (channel, payload)) != (channel, payload):
            raise AlreadyExists(
                f"key {key!r} was used for another message to process {process.process_id!r}",
                "one key identifies one message: use a new key",
            )
        return key in process.keys

    async def _request(self, process_id: str, channel: str, question: Any, key: str | None) -> Any:
        process = self._processes.get(process_id)
        self._count += 1
        request_id = key or f"request-{self._count}"
        if process is None or request_id not in process.replies:
            await self._send(process_id, channel, _asked(request_id, question), request_id)
            process = self._processes[process_id]
        if request_id in process.replies:
            return self._codec(process.definition.name).decode(process.replies[request_id])
        if process.status in ENDED:
            raise NotRunning(f"process {process_id!r} has ended without an answer: it is {process.status}")
        raise StillRunning(process_id, process.status, self._waits(process), 'request(..., key="...") again, same key')

    async def _arrive(self, process_id: str, make: Callable[[int], Event]) -> None:
        await self._turn()
        process = self._find(process_id)
        process.position += 1
        self._apply(process, make(process.position))
        await self.settle()

    def _outcome(self, process_id: str) -> Any:
        process = self._processes[process_id]
        codec = self._codec(process.definition.name)
        match process.status:
            case "completed":
                return None if process.result is None else codec.decode(process.result)
            case "cancelled" | "terminated":
                raise ProcessCancelled(process_id, process.status)
            case "failed":
                cause = None if process.error is None else codec.decode(process.error)
                assert cause is None or isinstance(cause, BaseException)
                raise ProcessFailed(process_id, f"{type(cause).__name__}: {cause}") from cause
            case "faulted":
                assert process.error is not None
                raise StillRunning(process_id, "faulted", (), error=error_text(process.error))
            case status:
                raise StillRunning(process_id, status, self._waits(process))

    def _waits(self, process: _Simulated) -> tuple[str, ...]:
        from slct_runtime.core import describe_waits

        return tuple(f"goroutine {g}: {' | '.join(texts) or 'nothing'}" for g, texts in describe_waits(process.core))


def _takeover(process: _Simulated, definitions: Definitions) -> Takeover:
    old, new = (
        each.manifest(process.definition.name) for each in (process.written_by or process.definitions, definitions)
    )
    return Takeover(old, new)


def _asked(request_id: str, question: Any) -> Request[Any, Any]:
    request: Request[Any, Any] = Request()
    request.request_id, request.value, request.is_answered = request_id, question, False
    return request


class SimulatedRef(Generic[ValueT]):
    """One simulated process; the calls are those of `ProcessRef`. Each lets everything come to rest."""

    def __init__(self, simulation: Simulation, process_id: str) -> None:
        self._simulation = simulation
        self.id = process_id

    @property
    def status(self) -> str:
        """running, completed, failed, cancelled, terminated, faulted or deadlocked."""
        return self._simulation._processes[self.id].status

    @property
    def outputs(self) -> list[Any]:
        """What it has emitted so far."""
        process = self._simulation._processes[self.id]
        codec = self._simulation._codec(process.definition.name)
        return [codec.decode(payload) for payload in process.outputs]

    @property
    def error(self) -> BaseException | None:
        """The exception that failed or faulted it, if one did."""
        process = self._simulation._processes[self.id]
        codec = self._simulation._codec(process.definition.name)
        return None if process.error is None else codec.decode(process.error)

    @property
    def labels(self) -> dict[str, str]:
        return dict(self._simulation._processes[self.id].labels)

    async def send(self, channel: str | Channel[Any], value: Any, *, key: str | None = None) -> None:
        """Send a value from outside. Raises NotFound, NotRunning."""
        name = channel.channel_id if isinstance(channel, Channel) else channel
        await self._simulation._send(self.id, name, value, key)

    @overload
    async def request(
        self, channel: Channel[Request[QuestionT, AnswerT]], question: QuestionT, *, key: str | None = None
    ) -> AnswerT: ...
    @overload
    async def request(self, channel: str, question: Any, *, key: str | None = None) -> Any: ...
    async def request(self, channel: str | Channel[Any], question: Any, *, key: str | None = None) -> Any:
        """Ask, and give the answer. Raises StillRunning if there is none yet; the same key asks for it again."""
        name = channel.channel_id if isinstance(channel, Channel) else channel
        return await self._simulation._request(self.id, name, question, key)

    async def close(self, channel: str | Channel[Any]) -> None:
        name = channel.channel_id if isinstance(channel, Channel) else channel
        now = self._simulation._now_ms
        await self._simulation._arrive(self.id, lambda position: Closed(now, position, name))

    async def cancel(self) -> None:
        now = self._simulation._now_ms
        await self._simulation._arrive(self.id, lambda position: CancelRequested(now, position))

    async def terminate(self) -> None:
        now = self._simulation._now_ms
        await self._simulation._arrive(self.id, lambda _: TerminateRequested(now))

    async def result(self) -> ValueT:
        """Its result. Raises ProcessFailed, ProcessCancelled, or StillRunning if it has not ended."""
        await self._simulation.settle()
        value: ValueT = self._simulation._outcome(self.id)
        return value


__all__ = ["EPOCH", "SimulatedRef", "Simulation", "StillRunning", "load_build"]
