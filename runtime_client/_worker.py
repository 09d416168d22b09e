"""Workers: they take transitions and effects from a runtime, run them, and answer.

A transition is run where it arrives, to its end: it suspends nowhere. Effects run beside it, as tasks and threads. The
worker cannot tell a runtime in its own OS process from one behind a network. It keeps the processes that it ran last
decoded, as long as the runtime does not tell it to forget them; a new connection starts with an empty memory.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import socket
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, assert_never

from slct_runtime.core.commands import (
    MAIN_GOROUTINE_ID,
    Ending,
    Failed,
    Faulted,
    Finished,
    Parked,
    Resumption,
    ResumptionKind,
)
from slct_runtime.wire.api import ApiError, ErrorCode, RuntimeApi, WorkerSession
from slct_runtime.wire.error_text import error_text
from slct_runtime.wire.work import (
    CancelEffectRun,
    Draining,
    EffectAnswer,
    EffectProgress,
    EffectReturned,
    ForgetProcess,
    FromWorker,
    NothingMore,
    Register,
    RunEffect,
    RunTransition,
    ToWorker,
    TransitionReturned,
)

from ._definitions import Definitions
from ._effects import CLEANUP_S, Attempt, run_effect
from ._transition import LiveProcess, UnreadableDocument, run_transition

_log = logging.getLogger("slct.worker")

TRANSITION_CREDITS = 64
"""Transitions that one worker may have in hand: enough to fill a batch, few enough to share with other workers."""
EFFECT_CREDITS = 100
"""Effects that one worker runs at a time."""
AHEAD_COUNT_MAX = 32
"""Transitions of one process that it takes ahead of an answer, from a runtime to which the way is long."""
RECONNECT_DELAY_S_MIN = 0.05
RECONNECT_DELAY_S_MAX = 2.0
DRAIN_S = 30.0
"""How long a stopping worker waits for the effects that it runs; the rest goes back to the runtime."""
TOLD_FAULTS_MAX = 1000
"""Processes of which it remembers what it has shown."""
PROGRESS_EVERY_S = 0.2
"""How often the progress of one effect is reported at most; the last of it is reported with its end."""


class Worker:
    """Serves definitions to a runtime until it is stopped.

    `target` is an address such as `localhost:9090`, or a runtime in this OS process. `run()` reconnects when the
    connection breaks; `stop()` takes nothing new, finishes what runs, and returns.

    queues: take effects from these only (default: from all). effect_credits: how many effects it runs at a time. drain: how long
    `stop()` lets them go on; after that they are stopped, and are attempted again elsewhere. tells_faults: whether it logs the
    traceback of each process that faults, as the runtime does.
    """

    def __init__(
        self,
        target: str | RuntimeApi,
        definitions: Definitions,
        *,
        version: str = "1",
        worker_id: str | None = None,
        queues: Sequence[str] = (),
        effect_credits: int = EFFECT_CREDITS,
        drain: float | timedelta = DRAIN_S,
        tells_faults: bool = True,
    ) -> None:
        definitions.require_compiled()
        self.definitions = definitions
        self.worker_id = worker_id or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._target = target
        self._registration = Register(
            self.worker_id,
            definitions.records(version),
            TRANSITION_CREDITS,
            effect_credits,
            tuple(queues),
            0 if getattr(target, "is_near", False) else AHEAD_COUNT_MAX,
        )
        self._drain_s = drain.total_seconds() if isinstance(drain, timedelta) else drain
        self._tells_faults = isinstance(target, str) and tells_faults  # a runtime in this OS process says it itself
        self._stopping = asyncio.Event()
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Serve until `stop()`.

        Raises:
          ApiError: the runtime refused the registration (not for an unreachable runtime: that is tried again).
        """
        runtime, is_ours = self._connect()
        delay_s = RECONNECT_DELAY_S_MIN
        try:
            while not self._stopping.is_set():
                try:
                    session = await runtime.serve(self._registration)
                except ApiError as error:
                    if error.code is not ErrorCode.UNAVAILABLE:
                        raise
                    if delay_s == RECONNECT_DELAY_S_MIN:
                        _log.warning("%s; trying again until there is one", error)
                    await self._pause(delay_s)
                    delay_s = min(delay_s * 2, RECONNECT_DELAY_S_MAX)
                    continue
                if delay_s != RECONNECT_DELAY_S_MIN:
                    _log.warning("connected")
                delay_s = RECONNECT_DELAY_S_MIN
                self.connected.set()
                serving = _Serving(
                    self.definitions, session, self._stopping, self._drain_s, tells_faults=self._tells_faults
                )
                await serving.run()
                self.connected.clear()
                if serving.has_failed:  # the same order may come again at once
                    await self._pause(RECONNECT_DELAY_S_MAX)
        finally:
            if is_ours:
                await runtime.aclose()

    def _connect(self) -> tuple[RuntimeApi, bool]:
        if not isinstance(self._target, str):
            return self._target, False
        from ._transport import GrpcTransport

        return GrpcTransport(self._target), True

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            pass

    def stop(self) -> None:
        """Take nothing new, finish what runs, and let `run()` return."""
        self._stopping.set()


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A decoded process, between two transitions: after the next one it is another `_Held`."""

    live: LiveProcess


class _Serving:
    """One session: from registration to its end."""

    def __init__(
        self,
        definitions: Definitions,
        session: WorkerSession,
        stopping: asyncio.Event,
        drain_s: float,
        *,
        tells_faults: bool = False,
    ) -> None:
        self._definitions = definitions
        self._session = session
        self._stopping = stopping
        self._drain_s = drain_s
        self._tells_faults = tells_faults
        self._told: dict[str, int] = {}  # the seq of the last fault that was shown
        self._held: dict[str, _Held] = {}
        self._context = (
            contextvars.copy_context()
        )  # what durable code runs in after an effect, whose own is the effect's
        self._effects: dict[int, asyncio.Task[None]] = {}
        self._words: list[FromWorker] = []  # how effects have ended, not yet said
        self._is_draining = False
        self.has_failed = False
        self._taken_s = 0.0  # when the orders that are carried out now were taken, by the clock of the loop
        self._nothing_more = asyncio.Event()

    async def run(self) -> None:
        taking = asyncio.create_task(self._take(), name="slct-worker-take")
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not taking.done():
                await self._drain(taking)
        finally:
            try:
                await self._leave()
            finally:  # whoever has no patience for that cancels once more
                tasks = [taking, stopping, *self._effects.values()]
                _cancel(tasks)
                await self._session.close()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, taking: asyncio.Task[None]) -> None:
        """Take nothing new, and let what runs come to its end, within a set time; there is no sense in it without a connection."""
        await self._take_nothing_new()
        ending = asyncio.create_task(self._end())
        await asyncio.wait({taking, ending}, timeout=self._drain_s, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)

    async def _end(self) -> None:
        """Until there is nothing that could still be answered or handed back."""
        await self._nothing_more.wait()
        if self._effects:
            await asyncio.wait(self._effects.values())

    async def _take_nothing_new(self) -> None:
        if not self._is_draining:
            self._is_draining = True
            await self._answer([Draining()])

    async def _leave(self) -> None:
        """What still runs goes back to the runtime. It may clean up; threads that do not heed that are left alone."""
        await self._take_nothing_new()  # the places that become free are for others
        await asyncio.sleep(0)  # one that was cancelled before it began would not say that it has ended
        tasks = list(self._effects.values())
        _cancel(tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=CLEANUP_S)

    async def _take(self) -> None:
        try:
            while batch := await self._session.take():
                self._taken_s = asyncio.get_running_loop().time()
                answers: list[FromWorker] = []
                for order in batch:
                    self._carry_out(order, answers)
                if answers:
                    await self._session.answer(answers)
        except ApiError as error:
            _log.warning("connection to the runtime was lost: %s", error)
        except Exception:
            self.has_failed = True
            _log.exception("the worker itself has failed; what it had goes to others, and it connects again")

    def _carry_out(self, order: ToWorker, answers: list[FromWorker]) -> None:
        match order:
            case RunTransition():
                answers.append(self._transition(order))
            case RunEffect() if self._is_draining:
                answers.append(EffectReturned(order.dispatch_id, has_begun=False))
            case RunEffect():
                held = None if order.then is None else self._held.get(order.process_id)
                task = asyncio.create_task(self._effect(order, held), name=f"slct-effect-{order.dispatch_id}")
                self._effects[order.dispatch_id] = task
                task.add_done_callback(lambda _: self._effects.pop(order.dispatch_id, None))
            case CancelEffectRun(dispatch_id):
                if (running := self._effects.get(dispatch_id)) is not None:
                    # In its turn: a task that is cancelled before it began would not say that it has ended.
                    asyncio.get_running_loop().call_soon(running.cancel)
            case ForgetProcess(process_id):
                self._held.pop(process_id, None)
            case NothingMore():
                self._nothing_more.set()
            case _:
                assert_never(order)

    def _transition(self, order: RunTransition) -> FromWorker:
        held = self._held.get(order.process_id) if order.document is None else None
        if order.is_ahead and (held is None or not held.live.is_looping):
            return TransitionReturned(order.dispatch_id)
        if order.is_ahead and (passed_ms := int((asyncio.get_running_loop().time() - self._taken_s) * 1000)) > 0:
            order = replace(order, now_ms=order.now_ms + passed_ms)  # those before it took their time, too
        self._held.pop(order.process_id, None)
        try:
            answer, live = run_transition(self._definitions, order, None if held is None else held.live)
        except UnreadableDocument as error:
            return TransitionReturned(order.dispatch_id, str(error))
        if live is not None:
            self._held[order.process_id] = _Held(live)
        if self._tells_faults and not isinstance(answer.ending, Parked | Finished):
            self._tell(order, answer.ending, None if held is None else held.live)
        return answer

    def _tell(self, order: RunTransition, ending: Ending, live: LiveProcess | None) -> None:
        """Once for all attempts of a transition."""
        if self._told.get(order.process_id) != order.seq and _tell_fault(order, ending, live):
            if len(self._told) >= TOLD_FAULTS_MAX:
                self._told.clear()
            self._told[order.process_id] = order.seq

    async def _effect(self, order: RunEffect, held: _Held | None) -> None:
        """Run it; `held`: its process, for what follows (`RunEffect.then`)."""
        reporting: list[asyncio.Task[None]] = []

        def report() -> None:
            if not reporting:
                reporting.append(asyncio.create_task(self._report(order.dispatch_id, attempt)))

        attempt = Attempt(self._definitions.codec, report)
        words: list[FromWorker] = [EffectReturned(order.dispatch_id, has_begun=True)]
        try:
            answer = await run_effect(self._definitions, order, attempt=attempt, has_own_task=True)
            words = [answer] if held is None else self._follow(order, answer, held)
        finally:
            attempt.is_over = True
            _cancel(reporting)
            self._words += [*_unreported(order.dispatch_id, attempt), *words]
            await self._say()

    def _follow(self, order: RunEffect, answer: EffectAnswer, held: _Held) -> list[FromWorker]:
        """The answer, and that of the transition that follows, if the process is as it was when the effect was ordered.

        One that has asked for the time counts for nothing: the runtime knows the time, and has it run again.
        """
        then = order.then
        if then is None or answer.result is None or self._held.get(order.process_id) is not held:
            return [answer]
        following = RunTransition(
            then.dispatch_id,
            order.process_id,
            order.definition,
            order.version,
            then.seq,
            None,
            None,
            then.goroutine_id,
            Resumption(ResumptionKind.VALUE, then.case_index, answer.result),
            0,  # not known
            then.labels,
            then.channels,
        )
        ended = self._context.copy().run(self._transition, following)
        if held.live.has_seen_time:
            self._held.pop(order.process_id, None)
            return [answer]
        return [EffectAnswer(order.dispatch_id, answer.result, None, is_followed=True), ended]

    async def _say(self) -> None:
        """Answer for all effects that have ended in this turn of the loop, at once."""
        try:
            if len(self._effects) > 1:
                await asyncio.sleep(0)
        finally:  # this one may be cancelled just now, and nobody else would say it before another one ends
            words, self._words = self._words, []
            if words:
                await self._answer(words)

    async def _report(self, dispatch_id: int, attempt: Attempt) -> None:
        """Tell how far it has come, not too often."""
        while True:
            await attempt.reported.wait()
            await self._answer(_unreported(dispatch_id, attempt))
            await asyncio.sleep(PROGRESS_EVERY_S)

    async def _answer(self, answers: list[FromWorker]) -> None:
        try:
            await self._session.answer(answers)
        except ApiError as error:
            if any(isinstance(answer, EffectAnswer) for answer in answers):
                _log.warning("an answer was lost with the connection: %s", error)


def _tell_fault(order: RunTransition, ending: Ending, live: LiveProcess | None) -> bool:
    """An error that no code of the process is there to handle is shown where the code runs; the core decides what comes of it."""
    match ending:
        case Faulted(error):
            pass
        case Failed(error, is_process_error=False, is_held=False, is_cancellation=False) if not _is_joined(order, live):
            pass
        case _:
            return False
    where = "" if order.goroutine_id == MAIN_GOROUTINE_ID else f", goroutine {order.goroutine_id}"
    _log.warning("error in %s %r%s\n%s", order.definition, order.process_id, where, error_text(error).rstrip())
    return True


def _is_joined(order: RunTransition, live: LiveProcess | None) -> bool:
    """Whether another goroutine waits for this one, as far as it is known here."""
    waits = [goroutine.wait for goroutine in live.goroutines.values()] if live is not None else []
    joined = ("join", order.goroutine_id)
    return any(wait is not None and any(tuple(case) == joined for case in wait.cases) for wait in waits)


def _unreported(dispatch_id: int, attempt: Attempt) -> list[FromWorker]:
    progress = attempt.take_report()
    return [] if progress is None else [EffectProgress(dispatch_id, progress)]


def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()


async def manage_defs(target: str, version: str, definitions: Definitions) -> None:
    """Register these definitions as `version` and serve them until cancelled."""
    await Worker(target, definitions, version=version).run()
