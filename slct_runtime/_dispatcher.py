"""Workers and what they are given: sessions, credits, and the queues of what no worker has taken yet.

Decides who runs what; knows nothing of channels or of the store. A worker holds the processes that it ran last decoded:
they go to it again while it has credits, and then only their `seq` travels. A session that ends gives everything back at once.
Effects wait in their queues (`_queues.py`), whose limits hold for all workers together; a worker may serve some queues only.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from ._jobs import DefinitionKey, EffectJob, Job, TransitionJob, definition_key
from ._queues import EffectQueues
from ._resident import EffectRun, Resident
from ._residents import Residents
from .core.commands import Payload, Resumption, ResumptionKind
from .core.queues import QueueLimits, Window, has_room
from .wire.api import ApiError, ErrorCode, WorkerSession
from .wire.work import (
    CancelEffectRun,
    Draining,
    EffectAnswer,
    EffectProgress,
    EffectReturned,
    Follows,
    ForgetProcess,
    FromWorker,
    NothingMore,
    Register,
    RunEffect,
    RunTransition,
    ToWorker,
    TransitionAnswer,
    TransitionReturned,
)

HELD_PROCESSES_MAX = 4_000
"""Decoded processes one worker is asked to hold; the one used longest ago is forgotten."""
HELD_DOCUMENT_BYTES_MAX = 32 * 1024 * 1024
"""The same for their documents in all, as encoded; decoded they take several times as much."""

FOLLOWING_JOBS_MAX = 4
"""With more jobs than this at a worker, it is not told what follows them: round trips overlap then, and it was slower with 100."""


class Answers(ABC):
    """Who is told what workers say. Implemented by the runtime."""

    @abstractmethod
    def transition_order(self, job: TransitionJob, dispatch_id: int, worker_holds: bool) -> RunTransition:
        """What a worker is sent; the document is in it unless the worker holds the process."""

    @abstractmethod
    def effect_order(self, job: EffectJob, dispatch_id: int, then: Follows | None) -> RunEffect:
        """What a worker is sent, with what it is to run after it."""

    @abstractmethod
    def order_following(self, job: EffectJob, next_dispatch_id: Callable[[], int]) -> Follows | None:
        """What will probably follow that effect, for a worker that holds the process decoded."""

    @abstractmethod
    def still_holds(self, job: TransitionJob, order: Follows | RunTransition) -> bool:
        """Whether what that order says of the process, at the `seq` that it is at now, is so at this moment."""

    @abstractmethod
    def orders_ahead(
        self, job: TransitionJob, count_max: int, next_dispatch_id: Callable[[], int]
    ) -> list[RunTransition]:
        """What will probably follow that transition, for a worker that holds the process decoded."""

    @abstractmethod
    def adopted(self, job: TransitionJob) -> None:
        """A worker was given this transition ahead."""

    @abstractmethod
    def before_effect(self, job: EffectJob, send: Callable[[], None]) -> None:
        """A worker has a place for it: call `send` when whatever must be durable before it begins is."""

    @abstractmethod
    def transition_answered(self, job: TransitionJob, answer: TransitionAnswer) -> bool:
        """Returns whether the worker's decoded process is now the process as it stands."""

    @abstractmethod
    def unreadable(self, job: TransitionJob, reason: str) -> None:
        """The process has moved to a version that cannot read its document."""

    @abstractmethod
    def workers_changed(self, names: Set[str]) -> None:
        """Workers of these definitions have come or gone."""

    @abstractmethod
    def effect_progressed(self, job: EffectJob, progress: Payload) -> None:
        """An attempt has said how far it is."""

    @abstractmethod
    def effect_answered(self, job: EffectJob, answer: EffectAnswer) -> None:
        """An attempt has ended."""

    @abstractmethod
    def job_lost(self, job: Job) -> None:
        """Its worker has gone without an answer."""


@dataclass(slots=True, eq=False)
class Session(WorkerSession):
    """One registered worker. `held`: those whose present state the worker has decoded.

    `queues`: of those that it takes effects from; none means all. `running`: its effects, by queue. `stopping`: those of them that
    nobody waits for any more; they keep their places until they have ended. `outdated`: dispatches of transitions that were given ahead,
    and whose orders did not say of channels what holds now.
    """

    worker_id: str
    serves: frozenset[DefinitionKey]
    queues: frozenset[str]
    transition_credits: int
    effect_credits: int
    ahead_count_max: int
    dispatcher: Dispatcher
    jobs: dict[int, Job] = field(default_factory=dict)
    stopping: dict[int, EffectJob] = field(default_factory=dict)
    outdated: set[int] = field(default_factory=set)
    running: Counter[str] = field(default_factory=Counter)
    leaving: Counter[str] = field(default_factory=Counter)  # of those, what has not left for it yet
    windows: dict[str, Window] = field(default_factory=dict)
    held: Residents = field(default_factory=lambda: Residents(HELD_PROCESSES_MAX, HELD_DOCUMENT_BYTES_MAX))
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

    def may_take_transition(self, key: DefinitionKey) -> bool:
        return self.transition_credits > 0 and key in self.serves and not self.is_draining and not self.is_closed

    def may_take_effect(self, key: DefinitionKey, limits: QueueLimits, now_ms: int) -> bool:
        if key not in self.serves:
            return False
        opens_ms = self.opens_ms(limits, now_ms)
        return opens_ms is not None and opens_ms <= now_ms

    def opens_ms(self, limits: QueueLimits, now_ms: int) -> int | None:
        """When it may take one more of that queue; None: not before something else has happened."""
        name = limits.name
        if self.effect_credits < 1 or self.is_draining or not self.serves_queue(name):
            return None
        if not has_room(limits.worker_concurrency, self.running[name]):
            return None
        if limits.worker_rate is None:
            return now_ms
        return self.windows.setdefault(name, Window()).opens_ms(limits.worker_rate, now_ms, self.leaving[name])

    def serves_queue(self, name: str) -> bool:
        return not self.queues or name in self.queues

    def keep(self, resident: Resident) -> None:
        self.held.add(resident)
        self.held.make_room(lambda one: one is not resident, lambda one: self.forget(one.process_id))

    def forget(self, process_id: str) -> None:
        if self.held.remove(process_id):
            self.put(ForgetProcess(process_id))


@dataclass(slots=True, eq=False)
class Ahead:
    """Orders for one process that its worker was given ahead, and that nobody has asked for yet.

    is_followed: the transition that was answered now was followed by the first of them.
    """

    session: Session
    resident: Resident
    orders: deque[RunTransition]
    is_followed: bool = False


@dataclass(slots=True, eq=False)
class Following:
    """What a worker was told to run after an effect of a process, which from then on it does not count as holding.

    result: of that effect, once the worker has said that it has run what follows.
    """

    session: Session
    resident: Resident
    effect_dispatch_id: int
    version: str
    order: Follows
    result: Payload | None = None

    def is_for(self, job: TransitionJob) -> bool:
        """Whether it is this very transition that was run."""
        order, resident = self.order, self.resident
        return (
            self.result is not None
            and resident is job.resident
            and (order.seq, self.version, order.goroutine_id) == (resident.seq, resident.version, job.goroutine_id)
            and Resumption(ResumptionKind.VALUE, order.case_index, self.result) == job.resumption
        )


class Dispatcher:
    """Gives jobs to sessions, by credits.

    A process that receives in a loop, and for which messages wait, would cost one round trip for each of them. So its worker is given
    ahead what will probably follow; it runs that only if the transition before has ended as was expected. When the core then asks for
    that very transition, it is on its way already; if the core asks for another one, what was ahead is forgotten, and with it what
    the worker holds. Until the core has asked, an answer counts for nothing. And if it has used what it was told of channels, it counts
    only if that still held when the core asked (D10).

    So with the one effect that a process waits for: the worker that holds the process is told what probably follows from its result,
    and answers for both at once.
    """

    def __init__(self, answers: Answers, now_ms: Callable[[], int]) -> None:
        self.queues = EffectQueues()
        self._now_ms = now_ms
        self._alarm: asyncio.TimerHandle | None = None  # a rate lets something go then
        self._answers = answers
        self._sessions: list[Session] = []
        self._holders: dict[str, Session] = {}
        self._waiting: dict[DefinitionKey, deque[TransitionJob]] = {}
        self._ahead: dict[str, Ahead] = {}
        self._following: dict[str, Following] = {}
        self._dispatch_id = 0

    @property
    def sessions(self) -> list[Session]:
        return self._sessions

    def worker_count(self, key: DefinitionKey) -> int:
        """How many sessions take transitions of this definition, by name and version."""
        return sum(1 for session in self._sessions if key in session.serves and not session.is_draining)

    def connect(self, registration: Register) -> Session:
        if registration.transition_credits < 1 and registration.effect_credits < 1:
            raise ApiError(ErrorCode.INVALID_ARGUMENT, f"worker {registration.worker_id!r} offers no credits")
        serves = frozenset((d.name, d.version) for d in registration.definitions)
        session = Session(
            registration.worker_id,
            serves,
            frozenset(registration.queues),
            registration.transition_credits,
            registration.effect_credits,
            registration.ahead_count_max,
            self,
        )
        self._sessions.append(session)
        self._answers.workers_changed({name for name, _ in serves})
        self.pump()
        return session

    @property
    def is_busy(self) -> bool:
        """Whether any worker has anything to do."""
        return any(session.jobs for session in self._sessions)

    def waiting_residents(self, names: Set[str]) -> list[Resident]:
        """The processes of these definitions for which something waits for a worker, and of which no worker runs a transition."""
        jobs: list[Job] = [job for key, waiting in self._waiting.items() if key[0] in names for job in waiting]
        effects = [job for job in self.queues.all_waiting() if job.resident.definition in names]
        jobs += [job for job in effects if job.resident.core.running is None]
        return list({job.resident.process_id: job.resident for job in jobs if not job.is_stale}.values())

    def address_again(self, names: Set[str]) -> None:
        """Processes of these definitions have moved: what waits for workers waits for those of the versions they are on."""
        for key in [key for key in self._waiting if key[0] in names]:
            for job in self._waiting.pop(key):
                self.submit(job)
        self.queues.address_again(names, self.version_for)

    def version_for(self, job: EffectJob) -> str:
        """The version that an attempt runs on: that which has requested it while it is served, then that of its process."""
        resident, requested_by = job.resident, job.run.version
        is_served = self.worker_count((resident.definition, requested_by)) > 0
        return requested_by if is_served else resident.version

    def disconnect(self, session: Session) -> None:
        """Everything it had is lost to it: back to the queues, at once."""
        if session.is_closed:
            return
        session.is_closed = True
        session.wake.set()
        self._sessions.remove(session)
        for resident in session.held:
            self._holders.pop(resident.process_id, None)
        self._ahead = {process_id: ahead for process_id, ahead in self._ahead.items() if ahead.session is not session}
        self._following = {
            process_id: each for process_id, each in self._following.items() if each.session is not session
        }
        stopped, session.stopping = session.stopping, {}
        for stopping in stopped.values():
            self.queues.end(stopping, has_begun=True)
        unsent = {order.dispatch_id for order in session.outbox if isinstance(order, RunEffect)}
        session.outbox.clear()
        jobs, session.jobs = session.jobs, {}
        for dispatch_id, job in jobs.items():
            if isinstance(job, EffectJob):
                self.queues.end(job, has_begun=job.run.is_begun)
                job.run.is_begun &= dispatch_id not in unsent
            else:
                job.resident.is_with_worker = False
            self._answers.job_lost(job)
        self._answers.workers_changed({name for name, _ in session.serves})
        self.pump()

    def submit(self, job: Job) -> None:
        """Put it in its queue; the next `pump` gives it to a worker with room."""
        if isinstance(job, EffectJob):
            job.run.version = self.version_for(job)
            if not self._give_at_once(job):
                self.queues.add(job)
        elif not (self._adopt(job) or self._adopt_following(job)):
            self._waiting.setdefault(definition_key(job), deque()).append(job)

    def forget(self, process_id: str) -> None:
        """No worker needs to hold this process any more, or what it holds is not the process as it stands."""
        self._ahead.pop(process_id, None)
        self._forget_following(process_id)
        session = self._holders.pop(process_id, None)
        if session is not None:
            session.forget(process_id)

    def cancel_effect(self, run: EffectRun) -> None:
        """Stop the attempt that is running, if one is."""
        if run.dispatch_id is None:
            return
        for session in self._sessions:
            job = session.jobs.get(run.dispatch_id)
            if not isinstance(job, EffectJob):
                continue
            self._forget_following(job.resident.process_id, run.dispatch_id)
            if run.is_begun:
                session.stopping[run.dispatch_id] = job
                del session.jobs[run.dispatch_id]
                session.put(CancelEffectRun(run.dispatch_id))
            else:
                self._end_effect(session, run.dispatch_id)
                self.pump()
            return

    def answered(self, session: Session, message: FromWorker) -> None:
        match message:
            case TransitionAnswer():
                self._transition_answered(session, message)
            case TransitionReturned():
                self._transition_returned(session, message)
            case EffectAnswer():
                job = self._end_effect(session, message.dispatch_id)
                if job is not None:
                    job.run.dispatch_id = None
                    self._note_followed(job, message)
                    self._answers.effect_answered(job, message)
                    self._forget_following(job.resident.process_id, message.dispatch_id)
            case EffectProgress(dispatch_id, progress):
                running = session.jobs.get(dispatch_id)
                if isinstance(running, EffectJob):
                    self._answers.effect_progressed(running, progress)
            case EffectReturned(dispatch_id, has_begun):
                job = self._end_effect(session, dispatch_id)
                if job is not None:
                    self._forget_following(job.resident.process_id, dispatch_id)
                    job.run.is_begun = has_begun
                    self._answers.job_lost(job)
            case Draining():
                session.is_draining = True
                session.put(NothingMore())
                self._answers.workers_changed({name for name, _ in session.serves})
            case Register():
                pass  # registered when the session was made
            case _:
                assert_never(message)

    def _transition_answered(self, session: Session, answer: TransitionAnswer) -> None:
        job = self._end_transition(session, answer.dispatch_id)
        if job is None:
            return
        process_id = job.resident.process_id
        is_outdated = answer.dispatch_id in session.outdated
        session.outdated.discard(answer.dispatch_id)
        if job.resident.is_lost:
            session.forget(process_id)
            return
        if is_outdated and answer.has_seen_channels:
            self._forget_what_is_ahead(session, job)
            self._answers.job_lost(job)
            return
        holds_it_as_it_stands = self._answers.transition_answered(job, answer)
        is_not_ahead = self._ends_where_the_core_is(process_id)
        if holds_it_as_it_stands and is_not_ahead:
            self._holders[process_id] = session
            session.keep(job.resident)
        else:
            self._holders.pop(process_id, None)
            session.forget(process_id)

    def _transition_returned(self, session: Session, answer: TransitionReturned) -> None:
        job = self._end_transition(session, answer.dispatch_id)
        if job is not None:
            session.outdated.discard(answer.dispatch_id)
            self._forget_what_is_ahead(session, job)
            if answer.reason:
                self._answers.unreadable(job, answer.reason)
            self._answers.job_lost(job)

    def _forget_what_is_ahead(self, session: Session, job: TransitionJob) -> None:
        """Nothing has come of this transition: the order for it that follows brings the whole document."""
        self._ahead.pop(job.resident.process_id, None)
        session.forget(job.resident.process_id)

    def _end_transition(self, session: Session, dispatch_id: int) -> TransitionJob | None:
        """The job that was answered; None if nobody asked for it. What is answered before it is asked for cannot be adopted."""
        job = session.jobs.pop(dispatch_id, None)
        if isinstance(job, TransitionJob):
            job.resident.is_with_worker = False
            session.transition_credits += 1
            return job
        for ahead in self._ahead.values():
            if ahead.session is session and any(order.dispatch_id == dispatch_id for order in ahead.orders):
                ahead.orders.clear()  # none of them is adopted, and what the worker holds is not believed
        return None

    def _end_effect(self, session: Session, dispatch_id: int) -> EffectJob | None:
        """It occupies its places no more. Gives the job, unless it was stopped, and nobody asks what became of it."""
        job = session.jobs.get(dispatch_id) or session.stopping.get(dispatch_id)
        if not isinstance(job, EffectJob):
            return None
        is_stopped = session.stopping.pop(dispatch_id, None) is not None
        session.jobs.pop(dispatch_id, None)
        session.effect_credits += 1
        session.running[job.queue] -= 1
        session.leaving[job.queue] -= not job.run.is_begun
        self.queues.end(job, has_begun=job.run.is_begun)
        return None if is_stopped else job

    def pump(self) -> None:
        """Give out what waits, as far as credits and the limits of queues go."""
        for key, waiting in self._waiting.items():
            self._pump_transitions(key, waiting)
        if self.queues.has_waiting:
            self._pump_effects()

    # --- transitions -----------------------------------------------------------------------------------------------

    def _pump_transitions(self, key: DefinitionKey, waiting: deque[TransitionJob]) -> None:
        while waiting:
            if waiting[0].is_stale:
                waiting.popleft()
                continue
            session = self._choose_for_transition(waiting[0], key)
            if session is None:
                return
            self._give_transition(session, waiting.popleft())

    def _choose_for_transition(self, job: TransitionJob, key: DefinitionKey) -> Session | None:
        holder = self._holders.get(job.resident.process_id)
        if holder is not None and holder.may_take_transition(key):
            return holder
        able = [session for session in self._sessions if session.may_take_transition(key)]
        return max(able, key=lambda session: session.transition_credits, default=None)

    def _give_transition(self, session: Session, job: TransitionJob) -> None:
        self._dispatch_id += 1
        process_id = job.resident.process_id
        holds = session.held.get(process_id) is job.resident
        order = self._answers.transition_order(job, self._dispatch_id, holds)
        session.jobs[self._dispatch_id] = job
        session.transition_credits -= 1
        job.resident.is_with_worker = True
        self._ahead.pop(process_id, None)
        self._following.pop(process_id, None)  # it was not to be: this one travels with the document
        # What any worker holds is outdated from now on; this one holds the new state once it has answered.
        holder = self._holders.pop(process_id, None)
        if holder is not None and holder is not session:
            holder.forget(process_id)
        session.put(order)
        if holds and session.ahead_count_max > 0:
            self._give_ahead(session, job)

    def _give_ahead(self, session: Session, job: TransitionJob) -> None:
        orders = self._answers.orders_ahead(job, session.ahead_count_max, self._next_dispatch_id)
        if orders:
            self._ahead[job.resident.process_id] = Ahead(session, job.resident, deque(orders))
            for order in orders:
                session.put(order)

    def _next_dispatch_id(self) -> int:
        self._dispatch_id += 1
        return self._dispatch_id

    def _adopt(self, job: TransitionJob) -> bool:
        """Whether a worker has been given this very transition ahead. It is on the credit of the one before."""
        ahead = self._ahead.get(job.resident.process_id)
        if ahead is None or ahead.resident is not job.resident or not ahead.orders:
            return False
        order, resident = ahead.orders[0], job.resident
        if (order.seq, order.version, order.goroutine_id) != (resident.seq, resident.version, job.goroutine_id):
            return False
        if order.resumption != job.resumption:
            return False
        ahead.orders.popleft()
        ahead.is_followed = True
        ahead.session.jobs[order.dispatch_id] = job
        if not self._answers.still_holds(job, order):
            ahead.session.outdated.add(order.dispatch_id)
        ahead.session.transition_credits -= 1
        resident.is_with_worker = True
        self._answers.adopted(job)
        return True

    def _ends_where_the_core_is(self, process_id: str) -> bool:
        """To be called after each answer: whether what its worker holds is not ahead of what the core has asked for.

        What the answer was followed by is forgotten, and so is what was given ahead, if nothing followed.
        """
        ahead = self._ahead.get(process_id)
        if ahead is None:
            return True
        is_followed, ahead.is_followed = ahead.is_followed, False
        if not is_followed or not ahead.orders:
            del self._ahead[process_id]
        return is_followed

    # --- what follows an effect ------------------------------------------------------------------------------------

    def _order_following(self, session: Session, job: EffectJob, effect_dispatch_id: int) -> Follows | None:
        """What the worker is told to run after that effect. Whatever becomes of it, nobody relies any more on what the worker holds."""
        process_id = job.resident.process_id
        holds = session.held.get(process_id) is job.resident
        is_busy = not session.ahead_count_max or len(session.jobs) > FOLLOWING_JOBS_MAX
        if is_busy or not holds or process_id in self._ahead:
            return None
        order = self._answers.order_following(job, self._next_dispatch_id)
        if order is not None:
            session.held.remove(process_id)
            self._holders.pop(process_id, None)
            self._following[process_id] = Following(session, job.resident, effect_dispatch_id, job.run.version, order)
        return order

    def _note_followed(self, job: EffectJob, answer: EffectAnswer) -> None:
        """The worker has run what follows, if it says so."""
        following = self._following.get(job.resident.process_id)
        if following is not None and following.effect_dispatch_id == answer.dispatch_id and answer.is_followed:
            following.result = answer.result

    def _adopt_following(self, job: TransitionJob) -> bool:
        """Whether a worker has run this very transition, and says next how it went."""
        process_id = job.resident.process_id
        following = self._following.get(process_id)
        if following is None or not following.is_for(job) or not self._answers.still_holds(job, following.order):
            return False
        del self._following[process_id]
        following.session.jobs[following.order.dispatch_id] = job
        following.session.transition_credits -= 1
        job.resident.is_with_worker = True
        self._answers.adopted(job)
        return True

    def _forget_following(self, process_id: str, effect_dispatch_id: int | None = None) -> None:
        """It does not follow; and if it has been run, what the worker holds is of no use. Only that of this effect, if one is named."""
        following = self._following.get(process_id)
        if following is not None and effect_dispatch_id in (None, following.effect_dispatch_id):
            del self._following[process_id]
            following.session.put(ForgetProcess(process_id))

    # --- effects ---------------------------------------------------------------------------------------------------

    def limit_queue(self, limits: QueueLimits) -> None:
        """These hold from now on; what now has room goes at once."""
        self.queues.limit(limits)
        self.pump()

    def _pump_effects(self) -> None:
        now_ms = self._now_ms()
        while any(session.effect_credits > 0 for session in self._sessions):
            chosen = (self._choose_for_effect(job, now_ms) for job in self.queues.first(now_ms))
            given = next((found for found in chosen if found is not None), None)
            if given is None:
                break
            self._give_effect(*given)
        self._ring_when_a_rate_allows(now_ms)

    def _give_at_once(self, job: EffectJob) -> bool:
        """Most effects need not wait: nothing else does, their queue has no limits, and a worker has room."""
        if not self.queues.is_open(job.queue):
            return False
        chosen = self._choose_for_effect(job, 0)
        if chosen is not None:
            self.queues.enter(job)
            self._hand_over(*chosen)
        return chosen is not None

    def _choose_for_effect(self, job: EffectJob, now_ms: int) -> tuple[Session, EffectJob] | None:
        key, limits = definition_key(job), self.queues.limits(job.queue)
        able = [session for session in self._sessions if session.may_take_effect(key, limits, now_ms)]
        holder = self._holders.get(job.resident.process_id)
        if holder in able and len(job.resident.effects) == 1:
            return holder, job  # it knows what follows
        return (max(able, key=lambda session: session.effect_credits), job) if able else None

    def _give_effect(self, session: Session, job: EffectJob) -> None:
        """It has waited long enough."""
        self.queues.take(job)
        self._hand_over(session, job)

    def _hand_over(self, session: Session, job: EffectJob) -> None:
        """It takes its places at once; the order leaves when what must be durable before it begins is."""
        self._dispatch_id += 1
        dispatch_id = self._dispatch_id
        session.jobs[dispatch_id] = job
        session.effect_credits -= 1
        session.running[job.queue] += 1
        session.leaving[job.queue] += 1
        job.run.dispatch_id, job.run.is_queued, job.run.is_begun = dispatch_id, False, False
        self._answers.before_effect(job, partial(self._send_effect, session, dispatch_id))

    def _send_effect(self, session: Session, dispatch_id: int) -> None:
        job = session.jobs.get(dispatch_id)
        if isinstance(job, EffectJob):  # else it was cancelled, or its worker has gone
            now_ms = self._now_ms()
            job.run.is_begun = True
            self.queues.begin(job, now_ms)
            session.leaving[job.queue] -= 1
            if self.queues.limits(job.queue).worker_rate is not None:
                session.windows.setdefault(job.queue, Window()).note(now_ms)
            then = self._order_following(session, job, dispatch_id)
            session.put(self._answers.effect_order(job, dispatch_id, then))

    def _ring_when_a_rate_allows(self, now_ms: int) -> None:
        times_ms = [time_ms for name in self.queues.waiting() for time_ms in self._openings_ms(name, now_ms)]
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if times_ms:
            # One hour at most: the wall clock may be set while the loop's own clock runs on.
            delay_s = min((min(times_ms) - now_ms) / 1000, 3600.0)
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self.pump)

    def _openings_ms(self, name: str, now_ms: int) -> list[int]:
        """When something of this queue may leave that a rate holds up now."""
        opens_ms, limits = self.queues.opens_ms(name, now_ms), self.queues.limits(name)
        if opens_ms is None or (limits.rate is None and limits.worker_rate is None):
            return []
        workers_ms = [session.opens_ms(limits, now_ms) for session in self._sessions]
        both_ms = [max(opens_ms, worker_ms) for worker_ms in workers_ms if worker_ms is not None]
        return [time_ms for time_ms in both_ms if time_ms > now_ms]

    def stop(self) -> None:
        """Give out nothing any more."""
        for session in list(self._sessions):
            self.disconnect(session)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
