"""Workers and what they are given: sessions, credits, and the queues of what no worker has taken yet.

Decides who runs what; knows nothing of channels or of the store. A worker holds the processes that it ran last decoded:
they go to it again while it has credits, and then only their `seq` travels. A session that ends gives everything back at once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from ._resident import EffectRun, Resident
from .core.commands import Resumption
from .wire.api import ApiError, ErrorCode, WorkerSession
from .wire.work import (
    CancelEffectRun,
    Draining,
    EffectAnswer,
    ForgetProcess,
    FromWorker,
    Register,
    ToWorker,
    TransitionAnswer,
)

HELD_PROCESSES_MAX = 4_000
"""Decoded processes one worker is asked to hold; the one used longest ago is forgotten."""


@dataclass(frozen=True, slots=True, eq=False)
class TransitionJob:
    """One transition to be run, or running."""

    resident: Resident
    goroutine_id: int
    resumption: Resumption


@dataclass(frozen=True, slots=True, eq=False)
class EffectJob:
    """One attempt of an effect to be run, or running."""

    resident: Resident
    run: EffectRun


Job: TypeAlias = TransitionJob | EffectJob
DefinitionKey: TypeAlias = tuple[str, str]
"""Name and version."""


class Answers:
    """Who is told what workers say. Implemented by the runtime."""

    def order(self, job: Job, dispatch_id: int, worker_holds: bool) -> ToWorker:
        raise NotImplementedError

    def transition_answered(self, job: TransitionJob, answer: TransitionAnswer) -> bool:
        """Returns whether the worker's decoded process is now the process as it stands."""
        raise NotImplementedError

    def effect_answered(self, job: EffectJob, answer: EffectAnswer) -> None:
        raise NotImplementedError

    def job_lost(self, job: Job) -> None:
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Session(WorkerSession):
    """One registered worker. `held`: process id to the resident whose present state the worker has decoded."""

    worker_id: str
    serves: frozenset[DefinitionKey]
    transition_credits: int
    effect_credits: int
    dispatcher: Dispatcher
    jobs: dict[int, Job] = field(default_factory=dict)
    held: OrderedDict[str, Resident] = field(default_factory=OrderedDict)
    outbox: list[ToWorker] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_draining: bool = False
    is_closed: bool = False

    async def take(self) -> list[ToWorker]:
        while not self.outbox and not self.is_closed:
            self.wake.clear()
            await self.wake.wait()
        batch, self.outbox = self.outbox, []
        return batch

    async def answer(self, batch: list[FromWorker]) -> None:
        for message in batch:
            self.dispatcher.answered(self, message)
        self.dispatcher.pump()

    async def close(self) -> None:
        self.dispatcher.disconnect(self)

    def put(self, order: ToWorker) -> None:
        self.outbox.append(order)
        self.wake.set()

    def may_take(self, job: Job, key: DefinitionKey) -> bool:
        credits = self.transition_credits if isinstance(job, TransitionJob) else self.effect_credits
        return credits > 0 and key in self.serves and not self.is_draining and not self.is_closed

    def keep(self, resident: Resident) -> None:
        self.held[resident.process_id] = resident
        self.held.move_to_end(resident.process_id)
        if len(self.held) > HELD_PROCESSES_MAX:
            process_id, _ = self.held.popitem(last=False)
            self.put(ForgetProcess(process_id))

    def forget(self, process_id: str) -> None:
        if self.held.pop(process_id, None) is not None:
            self.put(ForgetProcess(process_id))


class Dispatcher:
    """Gives jobs to sessions, by credits."""

    def __init__(self, answers: Answers, lost_worker: Callable[[str], None] | None = None) -> None:
        self._answers = answers
        self._lost_worker = lost_worker
        self._sessions: list[Session] = []
        self._holders: dict[str, Session] = {}
        self._waiting: dict[tuple[type, DefinitionKey], deque[Job]] = {}
        self._dispatch_id = 0

    @property
    def sessions(self) -> list[Session]:
        return self._sessions

    def connect(self, registration: Register) -> Session:
        if registration.transition_credits < 1 and registration.effect_credits < 1:
            raise ApiError(ErrorCode.INVALID_ARGUMENT, f"worker {registration.worker_id!r} offers no credits")
        serves = frozenset((d.name, d.version) for d in registration.definitions)
        session = Session(
            registration.worker_id, serves, registration.transition_credits, registration.effect_credits, self
        )
        self._sessions.append(session)
        self.pump()
        return session

    def disconnect(self, session: Session) -> None:
        """Everything it had is lost to it: back to the queues, at once."""
        if session.is_closed:
            return
        session.is_closed = True
        session.wake.set()
        self._sessions.remove(session)
        for process_id in session.held:
            self._holders.pop(process_id, None)
        jobs, session.jobs = session.jobs, {}
        for job in jobs.values():
            self._answers.job_lost(job)
        self.pump()

    def submit(self, job: Job) -> None:
        """Put it in its queue; the next `pump` gives it to a worker with room."""
        key = (job.resident.definition, job.resident.version)
        self._waiting.setdefault((type(job), key), deque()).append(job)

    def forget(self, process_id: str) -> None:
        """No worker needs to hold this process any more, or what it holds is not the process as it stands."""
        session = self._holders.pop(process_id, None)
        if session is not None:
            session.forget(process_id)

    def cancel_effect(self, run: EffectRun) -> None:
        """Stop the attempt that is running, if one is."""
        if run.dispatch_id is None:
            return
        for session in self._sessions:
            if session.jobs.pop(run.dispatch_id, None) is not None:
                session.effect_credits += 1
                session.put(CancelEffectRun(run.dispatch_id))

    def answered(self, session: Session, message: FromWorker) -> None:
        match message:
            case TransitionAnswer():
                self._transition_answered(session, message)
            case EffectAnswer():
                job = session.jobs.pop(message.dispatch_id, None)
                if isinstance(job, EffectJob):
                    session.effect_credits += 1
                    job.run.dispatch_id = None
                    self._answers.effect_answered(job, message)
            case Draining():
                session.is_draining = True
            case Register():
                pass  # registered when the session was made
            case _:
                assert_never(message)

    def _transition_answered(self, session: Session, answer: TransitionAnswer) -> None:
        job = session.jobs.pop(answer.dispatch_id, None)
        if not isinstance(job, TransitionJob):
            return
        session.transition_credits += 1
        process_id = job.resident.process_id
        if job.resident.is_lost:
            session.forget(process_id)
        elif self._answers.transition_answered(job, answer):
            self._holders[process_id] = session
            session.keep(job.resident)
        else:
            self._holders.pop(process_id, None)
            session.forget(process_id)

    def pump(self) -> None:
        """Give out what waits, as far as credits go."""
        for slot, queue in self._waiting.items():
            while queue:
                if _is_stale(queue[0]):
                    queue.popleft()
                    continue
                session = self._choose(queue[0], slot[1])
                if session is None:
                    break
                self._give(session, queue.popleft())

    def _choose(self, job: Job, key: DefinitionKey) -> Session | None:
        if isinstance(job, TransitionJob):
            holder = self._holders.get(job.resident.process_id)
            if holder is not None and holder.may_take(job, key):
                return holder
        best: Session | None = None
        for session in self._sessions:
            if session.may_take(job, key) and (best is None or _room(session, job) > _room(best, job)):
                best = session
        return best

    def _give(self, session: Session, job: Job) -> None:
        self._dispatch_id += 1
        process_id = job.resident.process_id
        holds = session.held.get(process_id) is job.resident
        order = self._answers.order(job, self._dispatch_id, holds)
        session.jobs[self._dispatch_id] = job
        if isinstance(job, TransitionJob):
            session.transition_credits -= 1
            # What any worker holds is outdated from now on; this one holds the new state once it has answered.
            holder = self._holders.pop(process_id, None)
            if holder is not None and holder is not session:
                holder.forget(process_id)
        else:
            session.effect_credits -= 1
            job.run.dispatch_id = self._dispatch_id
        session.put(order)


def _is_stale(job: Job) -> bool:
    """Nobody waits for it any more."""
    if job.resident.is_lost:
        return True
    return isinstance(job, EffectJob) and job.resident.effects.get(job.run.request.effect_id) is not job.run


def _room(session: Session, job: Job) -> int:
    return session.transition_credits if isinstance(job, TransitionJob) else session.effect_credits
