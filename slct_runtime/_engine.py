"""The shell around the core: processes in memory, their events, and what the core asks for.

Every method that changes a process is plain and runs to its end within one turn of the event loop; only loading awaits.
The order is always the same: `step` decides, the resident remembers, the committer stores, and only then does anything
leave (rule 26). Transitions and effects go to workers through the dispatcher; deadlines come back through the timers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace
from functools import partial
from typing import Any, assert_never

from ._beginnings import Beginnings, began_before
from ._catalogue import Catalogue, Deployed
from ._committer import Committer
from ._dispatcher import Answers, Dispatcher
from ._edits import Edited
from ._history import TRIM_EVERY, Recorder, arguments_text, history_row
from ._jobs import EffectJob, Job, TransitionJob
from ._resident import EffectRun, MoveOrder, Release, Resident
from ._residents import Residents
from ._states import Past, StateKeeper
from ._takeover import Obstacle
from ._timers import Timers
from ._unbegun import Unbegun
from .core import (
    ProcessStatus,
    Step,
    channel_facts,
    filled_channels,
    from_json,
    is_ready,
    new_process,
    next_due_ms,
    payloads_under_way,
    step,
    watched_processes,
)
from .core.commands import (
    CancelProcess,
    EffectRequest,
    Emit,
    Faulted,
    Finished,
    Parked,
    Payload,
    Reply,
    Resumption,
    ResumptionKind,
    RetryPolicy,
    SendTo,
    SetLabels,
    StartProcess,
)
from .core.effects import CancelEffect, Effect, Finish, Received, RequestEffect, RunGoroutine, WatchProcess
from .core.events import (
    CancelRequested,
    ChildDone,
    Closed,
    EffectDone,
    Event,
    Message,
    RetryRequested,
    Started,
    TimerDue,
    TransitionDone,
    TransitionLost,
    VersionChanged,
)
from .core.queues import QueueLimits, RateLimit
from .retry import closed_text, closes_ms, delay_ms, has_time, may_retry
from .settings import Settings
from .store.base import EffectRow, InboxRow, LoadedProcess, OutputRow, QueueRow, ReplyRow, Store, StoreError
from .wire.api import ApiError, ErrorCode, HistoryEntry, MovePolicy, ProcessOutcome, WatchEvent
from .wire.compact_json import make_encoder
from .wire.error_text import error_text
from .wire.work import ChannelFact, EffectAnswer, Follows, RunEffect, RunTransition, TransitionAnswer

RESUMED_AT_A_TIME = 100
"""Faulted processes that are looked at before the store is asked for more."""
DUE_AT_A_TIME = 500
"""Processes whose deadlines have come, and that are loaded before the others are."""
DUE_HELD_S = 1.0
"""So long others are kept waiting by those."""
VACUUM_AT_A_TIME = 200
"""Ended processes deleted while commits and reads wait."""

_log = logging.getLogger("slct.runtime")


def wall_clock_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class Engine(Answers):
    """All processes of one runtime over one store."""

    def __init__(
        self, store: Store, settings: Settings, now_ms: Callable[[], int], chance: Callable[[], float]
    ) -> None:
        self.store = store
        self.settings = settings
        self.now_ms = now_ms
        self.catalogue = Catalogue()
        self.residents = Residents(settings.resident_count_max, settings.resident_document_bytes_max)
        self.committer = Committer(store, settings, self._lost, self._is_busy)
        self.dispatcher = Dispatcher(self, now_ms)
        self.beginnings = Beginnings(self.insist, store, now_ms)
        self.timers = Timers(now_ms, self._wake_all)
        self.unbegun = Unbegun(settings.unbegun_processes_max)
        self.result_waiters: dict[str, set[asyncio.Future[ProcessOutcome]]] = {}
        self.reply_waiters: dict[str, dict[str, set[asyncio.Future[Payload]]]] = {}
        self.watchers: dict[str, set[asyncio.Queue[WatchEvent | None]]] = {}
        self._parents: dict[str, set[str]] = {}  # child id to the processes that wait for its end
        self._untold_ends: dict[str, ProcessOutcome] = {}  # of those whose watchers have not been looked for
        self._is_telling = False
        self._due_elsewhere: deque[str] = deque()  # processes that are not in memory, and whose deadlines have come
        self._is_taking_up = False
        self._chance = chance
        self._wanted: dict[str, asyncio.Future[Resident | None]] = {}
        self._wanting: dict[str, int] = {}  # who has not yet been given the process that they asked for: it stays
        self._is_loading = False
        self._is_vacuuming = False
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="slct-reader")
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- life of the runtime ---------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Read what is deployed, take up every process that needs attention, and watch the deadlines."""
        self.catalogue.add(await self.read(self.store.definitions))
        await self._open_queues()
        if not self.settings.history_transitions_max:
            await self.read(self.store.forget_states)  # what is used from here on nobody notes
        await self.recover()
        self.spawn(self._read_windows())
        if self.settings.ended_retention_ms is not None:
            self.spawn(self._vacuum_now_and_then(self.settings.ended_retention_ms))

    async def _open_queues(self) -> None:
        queues = self.dispatcher.queues
        for row in await self.read(self.store.queues):
            queues.limit(queue_limits(row))
        for name, began_ms in began_before(await self.read(self.store.beginnings), self.now_ms()).items():
            queues.remember(name, began_ms)

    async def recover(self) -> None:
        """Activate every process that is ready, has something in its inbox, or has effects."""
        after = ""
        while page := await self.read(self.store.runnable, after, self.settings.recovery_page):
            await self._take_up(page)
            after = page[-1]
        await self._recover_watches()

    async def _recover_watches(self) -> None:
        """Tell those who wait for a process that ended when nobody was there to tell them."""
        after = ("", "")
        while page := await self.read(self.store.ended_watches, after, self.settings.recovery_page):
            for watcher, watched in page:
                self.spawn(self._report_if_ended(watcher, watched))  # opening waits for none of them
            after = page[-1]

    async def close(self) -> None:
        self.dispatcher.stop()
        for queues in self.watchers.values():
            for queue in queues:
                queue.put_nowait(None)
        self.timers.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.committer.stop()
        stopped = ApiError(ErrorCode.UNAVAILABLE, "the runtime is shutting down", "try again when it is back")
        waiting: list[asyncio.Future[Any]] = [w for waiters in self.result_waiters.values() for w in waiters]
        waiting += [w for asked in self.reply_waiters.values() for waiters in asked.values() for w in waiters]
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(stopped)
        for release in [release for resident in self.residents for release in resident.unreleased()]:
            if release.lost is not None:
                release.lost(stopped)
        self._reader.shutdown(wait=True)
        self.store.close()

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned_ended)

    def _spawned_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background task failed", exc_info=error)

    async def insist(self, query: Callable[..., Any], *arguments: Any) -> Any:
        """Run a query on the reader thread, again and again until the store answers."""
        while True:
            try:
                return await self.read(query, *arguments)
            except ApiError:
                await asyncio.sleep(self.settings.store_retry_ms / 1000)

    async def read(self, query: Callable[..., Any], *arguments: Any) -> Any:
        """Run a query on the reader thread.

        Raises:
          ApiError: UNAVAILABLE if the store cannot be read.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, partial(query, *arguments))
        except StoreError as error:
            raise ApiError(ErrorCode.UNAVAILABLE, str(error)) from error

    # --- processes come into memory and leave it -------------------------------------------------------------------

    async def activate(self, process_id: str) -> Resident | None:
        """The process in memory, loaded if need be; None if there is none of that id."""
        resident = self.residents.use(process_id)
        if resident is not None:
            return resident
        wanted = self._wanted.get(process_id)
        if wanted is None:
            loop = asyncio.get_running_loop()
            wanted = self._wanted[process_id] = loop.create_future()
            if not self._is_loading:
                self._is_loading = True
                loop.call_soon(lambda: self.spawn(self._load_wanted()))
        self._wanting[process_id] = self._wanting.get(process_id, 0) + 1
        try:
            return await asyncio.shield(wanted)
        finally:
            self._wanting[process_id] -= 1
            if not self._wanting[process_id]:
                del self._wanting[process_id]

    async def _load_wanted(self) -> None:
        """Load everything wanted by now with one query; then what came while that ran, until there is nothing."""
        while self._wanted:
            await self._load(dict(self._wanted))
        self._is_loading = False

    async def _load(self, wanted: dict[str, asyncio.Future[Resident | None]]) -> None:
        try:
            loaded = {one.row.process_id: one for one in await self.read(self.store.load, list(wanted))}
        except ApiError as error:
            for process_id, future in wanted.items():
                del self._wanted[process_id]
                future.set_exception(error)
            future_errors_seen(wanted.values())
            return
        except Exception as error:  # a row that makes no sense to the store must not stop the loading of others
            await self._load_one_by_one(wanted, error)
            return
        for process_id, future in wanted.items():
            self._wanted.pop(process_id, None)
            try:
                future.set_result(self._found(process_id, loaded.get(process_id)))
            except Exception as error:
                self.residents.remove(process_id)  # perhaps half restored
                future.set_exception(_unreadable(process_id, error))
        future_errors_seen(wanted.values())

    async def _load_one_by_one(self, wanted: dict[str, asyncio.Future[Resident | None]], error: Exception) -> None:
        if len(wanted) > 1:
            for process_id, future in wanted.items():
                await self._load({process_id: future})
            return
        ((process_id, future),) = wanted.items()
        self._wanted.pop(process_id, None)
        future.set_exception(_unreadable(process_id, error))
        future_errors_seen([future])

    def _found(self, process_id: str, loaded: LoadedProcess | None) -> Resident | None:
        return self.residents.get(process_id) or (self._restore(loaded) if loaded is not None else None)

    def _restore(self, loaded: LoadedProcess) -> Resident:
        """Row and inbox to a process in memory: the core as saved, then everything that arrived since, in order."""
        row = loaded.row
        core, later = restore_core(loaded)
        resident = Resident(
            process_id=row.process_id,
            definition=row.definition,
            version=row.version,
            core=core,
            document=row.document,
            arguments=row.arguments,
            arguments_digest=row.arguments_digest,
            seq=row.seq,
            stored_seq=row.seq,
            created_ms=row.created_ms,
            updated_ms=row.updated_ms,
            labels=dict(row.labels),
            position=max((r.position for r in loaded.inbox), default=0),
            result=row.result,
            error=row.error,
            output_count=loaded.output_count,
            stored_inbox={r.position for r in loaded.inbox},
            stored_watches=frozenset(watched_processes(core)),
            moved_from=core.written_by or None,
        )
        self._begin_history(resident)
        self._admit(resident)
        for effect in loaded.effects:
            request = effect_request(effect.request)
            run = EffectRun(request, effect.attempt, effect.due_ms, effect.requested_ms, is_durable=True)
            run.version = resident.written_by
            run.is_begun = effect.attempt > 0  # as far as anybody knows
            run.progress, run.last_error = effect.progress, effect.last_error
            resident.effects[effect.effect_id] = run
        self._carry_out_posts(resident)
        if resident.has_ended:
            self._tell_end(
                resident
            )  # whoever waits may have missed it: a refused commit may have been stored after all
            return resident
        for child_id in watched_processes(core):
            self._watch(resident, child_id)
        for arrived in later:
            self._replay(resident, arrived)
        self.apply(resident, TimerDue(self.now_ms()))  # also starts what was ready when the row was written
        for run in list(resident.effects.values()):
            self._take_up_effect(resident, run)
        self.dispatcher.pump()
        return resident

    def _replay(self, resident: Resident, row: InboxRow) -> None:
        now = self.now_ms()
        event: Event
        match row.kind:
            case "message":
                event = Message(now, row.position, row.name, row.payload or "null")
            case "close":
                event = Closed(now, row.position, row.name)
            case "cancel":
                event = CancelRequested(now, row.position)
            case "effect":
                effect_id = int(row.name)
                if (run := resident.effects.pop(effect_id, None)) is not None:
                    resident.pending.effects_ended.add(effect_id)
                    _note_ended(resident, run)
                event = EffectDone(now, row.position, effect_id, row.payload, row.error)
            case "child":
                event = ChildDone(now, row.position, row.name, row.payload, row.error)
            case other:
                raise AssertionError(f"inbox row of unknown kind {other!r}")
        if row.kind != "message":
            resident.absorbed.add(row.position)
        self.apply(resident, event)

    def _admit(self, resident: Resident) -> None:
        self.residents.add(resident)
        self._make_room(resident)

    def _make_room(self, besides: Resident) -> None:
        self.residents.make_room(lambda one: one is not besides and self._may_evict(one), self.evict)

    def _may_evict(self, resident: Resident) -> bool:
        return resident.is_idle and resident.process_id not in self._wanting

    async def durable(self, resident: Resident) -> None:
        """Wait until the process as it stands is on disk.

        Raises:
          ApiError: UNAVAILABLE, its commit was refused.
        """
        if resident.is_lost:
            raise lost(resident.process_id)
        if not resident.has_pending and not resident.in_commit:
            return
        future = asyncio.get_running_loop().create_future()
        resident.pending.releases.append(releasing(future))
        self.committer.mark(resident)
        await future

    def evict(self, resident: Resident) -> None:
        """Drop an idle process from memory; the store has all of it."""
        if self.residents.get(resident.process_id) is resident:
            self.residents.remove(resident.process_id)
            self.dispatcher.forget(resident.process_id)

    def _is_busy(self) -> bool:
        """Whether anything would be held up if the event loop stood still for one commit."""
        return self._is_vacuuming or self.dispatcher.is_busy

    def _lost(self, resident: Resident, error: ApiError) -> None:
        """Its commit was refused: nothing of it has left, so go back to what is on disk, and try again later."""
        if self.residents.get(resident.process_id) is resident:
            self.residents.remove(resident.process_id)
        self.unbegun.discard(resident.process_id)
        self.dispatcher.forget(resident.process_id)
        self._end_move(resident, error)
        for waiters in resident.received_waiters.values():
            for waiter in waiters:
                if waiter.lost is not None:
                    waiter.lost(error)
        for run in resident.effects.values():
            self.dispatcher.cancel_effect(run)
        self.spawn(self._reload_later(resident.process_id))

    async def _reload_later(self, process_id: str) -> None:
        while True:
            await asyncio.sleep(self.settings.store_retry_ms / 1000)
            try:
                found = await self.activate(process_id)
            except ApiError:
                continue
            if found is None:
                self._never_was(process_id)
            return

    def _never_was(self, process_id: str) -> None:
        """It was never stored: nobody will come to answer those who wait for it."""
        error = ApiError(ErrorCode.UNAVAILABLE, f"process {process_id!r} could not be stored", "start it again")
        waiting: list[asyncio.Future[Any]] = [*self.result_waiters.pop(process_id, ())]
        waiting += [one for waiters in self.reply_waiters.pop(process_id, {}).values() for one in waiters]
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error)
        for queue in self.watchers.get(process_id, ()):
            queue.put_nowait(None)

    # --- events in, orders out -------------------------------------------------------------------------------------

    def create(
        self, deployed: Deployed, process_id: str, arguments: Payload, digest: str, labels: dict[str, str]
    ) -> Resident:
        """A new process, not yet stored; its main goroutine is ready."""
        now = self.now_ms()
        core = new_process(
            process_id,
            capacities=deployed.capacities,
            open_channels=deployed.open_channels,
            fail_on_fault=deployed.fail_on_fault,
        )
        resident = Resident(
            process_id=process_id,
            definition=deployed.name,
            version=deployed.version,
            core=core,
            document="",
            arguments=arguments,
            arguments_digest=digest,
            seq=0,
            stored_seq=None,
            created_ms=now,
            updated_ms=now,
            labels=labels,
        )
        resident.pending.row_changed = True
        self.unbegun.add(process_id)
        self._admit(resident)
        self.apply(resident, Started(now))
        self._begin_history(resident)
        self.committer.mark(resident)
        self.dispatcher.pump()
        return resident

    def apply(self, resident: Resident, event: Event, answer: TransitionAnswer | None = None) -> Step:
        """Let the core decide, remember what it decided, and carry it out as far as may be done before it is durable."""
        status, is_status_change, seq = resident.core.status, False, resident.seq
        result = step(resident.core, event)
        if resident.keeper is not None:
            resident.keeper.received(resident.core, result.effects)
        resident.core = result.process
        resident.updated_ms = event.now_ms
        if status is not resident.core.status and resident.core.status is ProcessStatus.RUNNING:
            resident.error = None  # it was faulted or deadlocked, and was taken up again
        if result.committed and answer is not None:
            resident.seq += 1
            if answer.document:
                resident.document, resident.moved_from = answer.document, None
                self._note_writer(resident)
                resident.refused_by.clear()
                self.residents.measure(resident)
            self._row_changed(resident)
            self._publish_later(resident, "transition")
        elif resident.core.status is not status:
            resident.seq += 1  # an administrative change: fenced like a transition
            is_status_change = True
            self._row_changed(resident)
        if resident.seq:
            self.unbegun.discard(resident.process_id)
        self._carry_out_all(resident, result.effects, is_new_state=resident.seq != seq)
        if result.committed:
            resident.drop_lost_channels()  # not before: what it has lent to effects counts
        if resident.told is not None and resident.core.running is None:
            self._obey_move(resident)
        if is_status_change:
            self._record_status(resident)
        if resident.core.status is not status:
            _log_parked(resident)
        due_ms = next_due_ms(resident.core)
        if due_ms is not None and due_ms <= self.now_ms() + self.settings.timer_window_ms:
            self.timers.add(due_ms, resident.process_id)
        return result

    def _row_changed(self, resident: Resident) -> None:
        resident.pending.row_changed = True
        self.committer.mark(resident)

    def _carry_out_all(self, resident: Resident, effects: Iterable[Effect], is_new_state: bool) -> None:
        """NB: a state is kept before the next goroutine runs: then the process may move first, and that is another one."""
        for effect in effects:
            if is_new_state and isinstance(effect, RunGoroutine):
                self._keep_state(resident)
                is_new_state = False
            self._carry_out(resident, effect)
        if is_new_state:
            self._keep_state(resident)

    def _carry_out(self, resident: Resident, effect: Effect) -> None:
        match effect:
            case RunGoroutine(goroutine_id, resumption):
                self._settle_version(resident)
                self.dispatcher.submit(TransitionJob(resident, goroutine_id, resumption))
            case RequestEffect(request):
                self._request_effect(resident, request)
            case CancelEffect(effect_id):
                self._cancel_effect(resident, effect_id)
            case Received(position):
                self._received(resident, position)
            case Finish(result, error):
                self._finish(resident, result, error)
            case Emit(payload):
                self._emit(resident, payload)
            case Reply(request_id, payload):
                self._reply(resident, request_id, payload)
            case SetLabels(labels):
                resident.labels = dict(labels)
            case WatchProcess(process_id):
                resident.pending.row_releases.append(Release(partial(self._watch, resident, process_id)))
            case StartProcess() | SendTo() | CancelProcess():
                self._post(resident, effect)
            case _:
                assert_never(effect)

    def _received(self, resident: Resident, position: int) -> None:
        resident.absorbed.add(position)
        resident.pending.row_releases.extend(resident.received_waiters.pop(position, ()))

    def _emit(self, resident: Resident, payload: Payload) -> None:
        offset = resident.output_count
        resident.output_count += 1
        resident.pending.outputs.append(OutputRow(resident.process_id, offset, payload))
        self._publish_later(resident, "output", offset=offset, payload=payload)

    def _reply(self, resident: Resident, request_id: str, payload: Payload) -> None:
        resident.pending.replies.append(ReplyRow(resident.process_id, request_id, payload, self.now_ms()))
        told = partial(self._replied, resident.process_id, request_id, payload)
        resident.pending.row_releases.append(Release(told))

    def _replied(self, process_id: str, request_id: str, payload: Payload) -> None:
        """The answer is durable: tell whoever waits for it."""
        for waiter in self.reply_waiters.get(process_id, {}).pop(request_id, ()):
            if not waiter.done():
                waiter.set_result(payload)

    def _finish(self, resident: Resident, result: Payload | None, error: Payload | None) -> None:
        resident.result, resident.error = result, error
        self._publish_later(resident, "status")
        resident.pending.row_releases.append(Release(partial(self._finished, resident)))

    def _finished(self, resident: Resident) -> None:
        """The end is durable: nobody needs it in memory any more."""
        if not resident.has_ended:
            return
        self._tell_end(resident)
        if resident.is_idle:
            self.evict(resident)

    def _tell_end(self, resident: Resident) -> None:
        """Tell whoever waits for its end, or for what it can no longer do."""
        outcome = ProcessOutcome(resident.status, resident.result, resident.error)
        for waiter in self.result_waiters.pop(resident.process_id, ()):
            if not waiter.done():
                waiter.set_result(outcome)
        for waiters in self.reply_waiters.pop(resident.process_id, {}).values():
            for asking in waiters:
                if not asking.done():
                    asking.set_exception(unanswered(resident.process_id, resident.status))
        for releases in resident.received_waiters.values():
            for release in releases:
                if release.lost is not None:
                    release.lost(unreceived(resident.process_id, resident.status))
        resident.received_waiters.clear()
        self._untold_ends[resident.process_id] = outcome
        if not self._is_telling:
            self._is_telling = True
            self.spawn(self._tell_watchers())
        for queue in self.watchers.get(resident.process_id, ()):
            queue.put_nowait(None)

    def _publish_later(self, resident: Resident, kind: str, **facts: Any) -> None:
        """Tell watchers, once it is durable. What is told is fixed now: the process may run ahead."""
        if not self.watchers.get(resident.process_id):
            return
        event = WatchEvent(kind, resident.seq, resident.updated_ms, status=resident.status, **facts)
        resident.pending.row_releases.append(Release(partial(self._publish, resident.process_id, event)))

    def _publish(self, process_id: str, event: WatchEvent) -> None:
        for queue in self.watchers.get(process_id, ()):
            queue.put_nowait(event)

    # --- what arrives from outside ---------------------------------------------------------------------------------

    def arrive(
        self, resident: Resident, kind: str, name: str, payload: Payload | None, error: Payload | None = None
    ) -> int:
        """Put one arrival into the inbox and apply it; returns its position. Durable with the next commit."""
        row = InboxRow(resident.next_position(), resident.process_id, kind, name, payload, error, self.now_ms())
        resident.position = row.position
        resident.pending.inbox[row.position] = row
        self._replay(resident, row)
        self.committer.mark(resident)
        self.dispatcher.pump()
        return row.position

    def _wake_all(self, process_ids: list[str]) -> None:
        """Deadlines have come. Processes in memory go at once, the others are loaded."""
        absent = []
        for process_id in process_ids:
            resident = self.residents.get(process_id)
            if resident is None:
                absent.append(process_id)
            else:
                self._wake(resident)
        self.dispatcher.pump()
        if absent:
            self._due_elsewhere.extend(absent)
            if not self._is_taking_up:
                self._is_taking_up = True
                self.spawn(self._take_up_due())

    async def _take_up_due(self) -> None:
        """Load those that are due, some at a time. Where memory is full, the next ones when most of those have gone on.

        Where nobody can go on with them, for want of a worker perhaps, others are not kept waiting for long.
        """
        try:
            while self._due_elsewhere:
                page = [self._due_elsewhere.popleft() for _ in range(min(DUE_AT_A_TIME, len(self._due_elsewhere)))]
                await self._take_up(page)
                until = time.monotonic() + DUE_HELD_S
                while self._is_crowded_by(page) and (left_s := until - time.monotonic()) > 0:
                    await self.committer.next_flush(left_s)
        finally:
            self._is_taking_up = False

    def _is_crowded_by(self, process_ids: list[str]) -> bool:
        """Whether memory holds more than it should, and most of these are still at work."""
        if len(self.residents) <= self.settings.resident_count_max + DUE_AT_A_TIME:
            return False
        found = (self.residents.get(process_id) for process_id in process_ids)
        return sum(1 for one in found if one is not None and not one.is_idle) > len(process_ids) // 2

    async def _take_up(self, process_ids: list[str]) -> None:
        """Load processes: that applies what is due to them. One that cannot be read keeps no other from running.

        While the store cannot be read, it is tried again; a process that is stored but unreadable waits to be asked for.
        """
        outcomes = await asyncio.gather(*map(self.activate, process_ids), return_exceptions=True)
        failed = {p: o for p, o in zip(process_ids, outcomes, strict=True) if isinstance(o, ApiError)}
        for text in dict.fromkeys(map(str, failed.values())):
            _log.error("%s", text)
        retry_ms = self.now_ms() + self.settings.store_retry_ms
        for process_id, error in failed.items():
            if error.code is ErrorCode.UNAVAILABLE:
                self.timers.add(retry_ms, process_id)

    def _wake(self, resident: Resident) -> None:
        now = self.now_ms()
        due_ms = next_due_ms(resident.core)
        if due_ms is not None and due_ms <= now:
            self.apply(resident, TimerDue(now))
        elif due_ms is not None and due_ms <= now + self.settings.timer_window_ms:
            self.timers.add(due_ms, resident.process_id)
        for run in list(resident.effects.values()):
            self._take_up_effect(resident, run)

    async def _read_windows(self) -> None:
        """Deadlines of processes that are not in memory, a window ahead."""
        window_ms = self.settings.timer_window_ms
        while True:
            try:
                for process_id, due_ms in await self.read(self.store.due, self.now_ms() + window_ms, 1_000_000):
                    self.timers.add(due_ms, process_id)
            except ApiError as error:
                _log.error("%s", error)
            await asyncio.sleep(window_ms / 2000)

    async def _vacuum_now_and_then(self, retention_ms: int) -> None:
        """Delete what ended long ago, a little at a time: commits and reads go in between."""
        while True:
            try:
                while await self._vacuum(self.now_ms() - retention_ms) == VACUUM_AT_A_TIME:
                    pass
            except ApiError as error:
                _log.error("%s", error)
            await asyncio.sleep(self.settings.vacuum_period_ms / 1000)

    async def _vacuum(self, before_ms: int) -> int:
        for resident in self.residents:
            if resident.has_ended and resident.updated_ms < before_ms and self._may_evict(resident):
                self.evict(resident)
        keys_before_ms = self.now_ms() - self.settings.key_retention_ms
        self._is_vacuuming = True  # what it writes holds up commits
        try:
            deleted: int = await self.read(self.store.vacuum, before_ms, keys_before_ms, VACUUM_AT_A_TIME)
        finally:
            self._is_vacuuming = False
        return deleted

    # --- transitions -----------------------------------------------------------------------------------------------

    def transition_order(self, job: TransitionJob, dispatch_id: int, worker_holds: bool) -> RunTransition:
        self.adopted(job)
        return self._transition_order(job.resident, job.goroutine_id, job.resumption, dispatch_id, worker_holds)

    def effect_order(self, job: EffectJob, dispatch_id: int, then: Follows | None) -> RunEffect:
        resident, run = job.resident, job.run
        limits_ms = [closes_ms(run.request, run.requested_ms)]
        if run.request.timeout_ms is not None:
            limits_ms.append(self.now_ms() + run.request.timeout_ms)
        deadline_ms = min((each for each in limits_ms if each is not None), default=None)
        attempt = max(1, run.attempt) if run.request.at_most_once else run.attempt + 1
        return RunEffect(
            dispatch_id,
            resident.process_id,
            resident.definition,
            run.version,
            run.request,
            attempt,
            deadline_ms,
            run.progress,
            run.last_error,
            then,
        )

    def order_following(self, job: EffectJob, next_dispatch_id: Callable[[], int]) -> Follows | None:
        """The goroutine that waits for the effect goes on, if nothing else of the process comes before."""
        resident, run = job.resident, job.run
        core = resident.core
        waiter = core.effects.get(run.request.effect_id)
        if waiter is None or len(resident.effects) != 1 or core.status is not ProcessStatus.RUNNING or is_ready(core):
            return None
        if run.version != resident.version or resident.moved_from is not None or not resident.document:
            return None
        place = (resident.seq, waiter.goroutine_id, waiter.case_index)
        return Follows(next_dispatch_id(), *place, _labels(resident), _facts(resident))

    def still_holds(self, job: TransitionJob, order: Follows | RunTransition) -> bool:
        """Messages may have come, or a close, since it was given out. Labels change with `seq` only."""
        return order.channels == _facts(job.resident)

    def _transition_order(
        self, resident: Resident, goroutine_id: int, resumption: Resumption, dispatch_id: int, worker_holds: bool
    ) -> RunTransition:
        return RunTransition(
            dispatch_id=dispatch_id,
            process_id=resident.process_id,
            definition=resident.definition,
            version=resident.version,
            seq=resident.seq,
            document=None if worker_holds else resident.document,
            arguments=resident.arguments if not resident.document else None,
            goroutine_id=goroutine_id,
            resumption=resumption,
            now_ms=self.now_ms(),
            labels=_labels(resident),
            channels=_facts(resident),
            is_moved=resident.moved_from is not None,
            migrations=self._migrations(resident),
        )

    def orders_ahead(
        self, job: TransitionJob, count_max: int, next_dispatch_id: Callable[[], int]
    ) -> list[RunTransition]:
        """What follows if the goroutine goes on receiving as it did, and nothing else happens: the core says what that would be."""
        resident, loop = job.resident, job.resident.loop
        if not loop.is_repeated or loop.goroutine_id != job.goroutine_id or not resident.document:
            return []
        if len(resident.document) > AHEAD_DOCUMENT_BYTES_MAX:
            return []
        expected = TransitionDone(self.now_ms(), job.goroutine_id, (), Parked(loop.cases))
        core, orders = resident.core, list[RunTransition]()
        while len(orders) < count_max:
            result = step(core, expected)
            core = result.process
            following = [effect for effect in result.effects if isinstance(effect, RunGoroutine)]
            if len(following) != 1 or not _may_go_ahead(following[0], job.goroutine_id):
                break
            orders.append(
                RunTransition(
                    dispatch_id=next_dispatch_id(),
                    process_id=resident.process_id,
                    definition=resident.definition,
                    version=resident.version,
                    seq=resident.seq + len(orders) + 1,
                    document=None,
                    arguments=None,
                    goroutine_id=job.goroutine_id,
                    resumption=following[0].resumption,
                    now_ms=expected.now_ms,
                    labels=_labels(resident),
                    channels=tuple(ChannelFact(*fact) for fact in channel_facts(core)),
                    is_ahead=True,
                )
            )
        return orders

    def adopted(self, job: TransitionJob) -> None:
        if job.resident.recorder is not None:
            job.resident.recorder.ordered(self.now_ms())

    def transition_answered(self, job: TransitionJob, answer: TransitionAnswer) -> bool:
        resident = job.resident
        ending = answer.ending
        size = len(answer.document or "")
        if size > self.settings.document_bytes_max:
            limit = self.settings.document_bytes_max
            text = f"the process would take {size} bytes, the limit document_bytes_max is {limit} bytes"
            ending = Faulted(plain_error("MemoryError", text))
        done = TransitionDone(self.now_ms(), job.goroutine_id, answer.commands, ending)
        resident.loop = resident.loop.after(job.goroutine_id, answer.commands, ending)
        seq, version = resident.seq + 1, resident.version  # what follows may move it
        result = self.apply(resident, done, answer)
        if resident.has_pending:
            self.committer.mark(
                resident
            )  # also what waited for it to end (`Resident.may_wait`), though it has come to nothing
        if result.committed and resident.recorder is not None:
            self._record_transition(resident, resident.recorder, job, done, answer.document, seq, version)
        self._make_room(resident)
        return result.committed and isinstance(ending, Parked | Finished)

    def job_lost(self, job: Job) -> None:
        if job.resident.is_lost:
            return
        match job:
            case TransitionJob(resident, goroutine_id, _):
                self.apply(resident, TransitionLost(self.now_ms(), goroutine_id))
                if resident.has_pending:
                    self.committer.mark(resident)
            case EffectJob(resident, run):
                run.dispatch_id = None
                if resident.effects.get(run.request.effect_id) is run:
                    self._take_up_effect(resident, run)
            case _:
                assert_never(job)

    # --- repair ----------------------------------------------------------------------------------------------------

    def edit(self, resident: Resident, made: Edited, told: str) -> None:
        """Another document for a parked process: an administrative change, fenced like a transition."""
        resident.document = made.document
        self.residents.measure(resident)
        resident.seq += 1
        resident.updated_ms = self.now_ms()
        self.dispatcher.forget(resident.process_id)
        self._keep_state(resident)
        if resident.recorder is not None:
            self._record(resident, HistoryEntry(resident.seq, resident.updated_ms, event="edited", value=told))
        else:
            _log.warning("process %r was edited: %s", resident.process_id, told)
        self._row_changed(resident)

    def fork(self, definition: str, past: Past, process_id: str, told: str) -> Resident:
        """A new process that begins where another one was; not yet stored."""
        now = self.now_ms()
        assert past.core.origin is not None
        resident = Resident(
            process_id=process_id,
            definition=definition,
            version=past.version,
            core=past.core,
            document=past.document,
            arguments=past.arguments,
            arguments_digest="",  # no start is this one repeated (rule 15)
            seq=past.core.origin[1],
            stored_seq=None,
            created_ms=now,
            updated_ms=now,
            labels=past.labels,
        )
        resident.pending.inbox = {row.position: row for row in past.messages}
        self._begin_history(resident)
        if resident.recorder is not None:
            self._record(resident, HistoryEntry(resident.seq, now, event="forked", value=told))
            self._keep_state(resident)
        self._row_changed(resident)
        self._admit(resident)
        for text in past.effects.values():
            self._request_again(resident, effect_request(text))
        for watched in watched_processes(resident.core):
            resident.pending.row_releases.append(Release(partial(self._watch, resident, watched)))
        self.apply(resident, TimerDue(now))
        self.dispatcher.pump()
        return resident

    def _request_again(self, resident: Resident, request: EffectRequest) -> None:
        """An effect under way where it was forked. One at most once may have begun there: nobody begins it again (rule 19)."""
        self._request_effect(resident, request)
        if request.at_most_once:
            run = resident.effects[request.effect_id]
            run.is_begun, run.attempt = True, 1
            resident.pending.requests[request.effect_id] = effect_row(resident.process_id, run)

    def is_served(self, definition: str, past: Past) -> bool:
        """Whether a worker is there that runs that version, or one to which the process would move by itself.

        Effects that are under way run under the version that asked for them.
        """
        if past.effects:
            return bool(self.dispatcher.worker_count((definition, past.version)))
        takes_over = (
            each
            for each in self.catalogue.later(definition, past.version)
            if each.policy is MovePolicy.AUTO and not self._obstacles(past, past.version, each)
        )
        runs = (past.version, *(each.version for each in takes_over))
        return any(self.dispatcher.worker_count((definition, version)) for version in runs)

    # --- versions (rule 22) ----------------------------------------------------------------------------------------

    def _settle_version(self, resident: Resident) -> None:
        """No transition runs: go on under a later version, if one takes it over and workers run it."""
        if resident.told is not None:
            self._obey_move(resident)
        for deployed in self.catalogue.later(resident.definition, resident.version):
            key = (deployed.name, deployed.version)
            is_wanted = deployed.policy is MovePolicy.AUTO and deployed.version not in resident.refused_by
            if is_wanted and self.dispatcher.worker_count(key) and not self.obstacles(resident, deployed):
                self._move(resident, deployed)
                return

    def obstacles(self, resident: Resident, deployed: Deployed) -> tuple[Obstacle, ...]:
        """Why the process as it stands cannot go on under that version; nothing if it can."""
        return self._obstacles(resident, resident.written_by, deployed)

    def _obstacles(self, process: Resident | Past, written_by: str, deployed: Deployed) -> tuple[Obstacle, ...]:
        takeover = self.catalogue.takeover(deployed.name, written_by, deployed.version)
        core = process.core
        found = takeover.obstacles(process.document, filled_channels(core), payloads_under_way(core))
        return found or deployed.obstacles_to_begin(process.document, process.arguments)

    def _migrations(self, resident: Resident) -> Payload:
        """What its document has to go through on its way to the version that it has moved to (rule 23)."""
        if resident.moved_from is None:
            return ""
        return self.catalogue.takeover(resident.definition, resident.moved_from, resident.version).migrations

    def _move(self, resident: Resident, deployed: Deployed) -> None:
        """From now on. It is stored with the document that the new version writes; until then it has not happened."""
        written_by = resident.written_by
        resident.moved_from = written_by if written_by != deployed.version else None
        resident.version = deployed.version
        self.dispatcher.forget(resident.process_id)  # what workers hold of it is another version's
        declared = (deployed.capacities, deployed.open_channels, deployed.fail_on_fault)
        self.apply(resident, VersionChanged(self.now_ms(), *declared))

    def move_when_parked(self, resident: Resident, version: str) -> asyncio.Future[None]:
        """Let it go on under that version as soon as no transition runs. The future says when that is so, not that it is durable.

        Raises (the future):
          ApiError: FAILED_PRECONDITION, it cannot.
        """
        if resident.told is not None:
            text = f"process {resident.process_id!r} was told to move to version {version!r} instead"
            facts = {"request": "move", "process_id": resident.process_id, "version": resident.told.version}
            self._end_move(resident, ApiError(ErrorCode.FAILED_PRECONDITION, text, "", facts))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        resident.told = MoveOrder(version, future)
        if resident.core.running is None:
            self._obey_move(resident)
        return future

    def _obey_move(self, resident: Resident) -> None:
        """Unlike a move of the runtime's own accord it is stored at once, with the document as it is."""
        assert resident.told is not None
        if resident.has_ended:
            self._end_move(resident, has_ended(resident.process_id, resident.status))
            return
        try:
            deployed = self.catalogue.find(resident.definition, resident.told.version)
            found = self.obstacles(resident, deployed) if deployed.version != resident.written_by else ()
            if found:
                raise immovable(resident.process_id, deployed.version, found)
        except ApiError as error:
            self._end_move(resident, error)
            return
        self._end_move(resident, None)
        if deployed.version != resident.version:
            self._move(resident, deployed)
        if (resident.moved_from or "") != resident.core.written_by or resident.moved_from is not None:
            self._note_writer(resident)
            resident.seq += 1  # an administrative change: fenced like a transition
            self._row_changed(resident)
            self._keep_state(resident)
            if resident.recorder is not None:
                self._record(resident, resident.recorder.moved(resident.seq, self.now_ms(), resident.version))

    def _note_writer(self, resident: Resident) -> None:
        """Whose document it is: stored with a move that happens before there is another one."""
        writer = resident.moved_from or ""
        if resident.core.written_by != writer:
            resident.core = replace(resident.core, written_by=writer)

    def _end_move(self, resident: Resident, error: ApiError | None) -> None:
        told, resident.told = resident.told, None
        if told is None or told.future.done():
            return
        if error is None:
            told.future.set_result(None)
        else:
            told.future.set_exception(error)

    def unreadable(self, job: TransitionJob, reason: str) -> None:
        """Back to the version that wrote the document: it stays there until there is another document, or another version."""
        resident = job.resident
        if resident.is_lost or resident.moved_from is None:
            return
        _log.warning(
            "process %r cannot go on under version %r, and stays on %r: its document cannot be read: %s",
            *(resident.process_id, resident.version, resident.moved_from, reason),
        )
        resident.refused_by.add(resident.version)
        resident.version, resident.moved_from = resident.moved_from, None
        self._note_writer(resident)

    def workers_changed(self, names: Set[str]) -> None:
        """What waits for workers that have gone may go on under a version that others run; and what is faulted, too (rule 6)."""
        several = {name for name in names if self.catalogue.has_several(name)}
        if not several:
            return
        for resident in self.dispatcher.waiting_residents(several):
            self._settle_version(resident)
        self.dispatcher.address_again(several)
        for name in several:
            self.spawn(self._resume_faulted(name))

    async def _resume_faulted(self, name: str) -> None:
        """Perhaps a later version mends what they have met. Those that no later one takes over stay as they are."""
        for deployed in self.catalogue.versions(name):
            after = 0
            wanted = (name, deployed.version, "faulted")
            while page := await self.insist(self.store.of_version, *wanted, after, RESUMED_AT_A_TIME):
                for _, process_id in page:
                    await self._resume_on_later(process_id)
                after = page[-1][0]

    async def _resume_on_later(self, process_id: str) -> None:
        try:
            resident = await self.activate(process_id)
        except ApiError as error:
            _log.error("%s", error)
            return
        if resident is None or resident.core.status is not ProcessStatus.FAULTED:
            return
        before = resident.version
        self._settle_version(resident)
        if resident.version != before:
            self.apply(resident, RetryRequested(self.now_ms()))
            self.dispatcher.pump()

    # --- history ---------------------------------------------------------------------------------------------------

    def _begin_history(self, resident: Resident) -> None:
        if not self.settings.history_transitions_max or resident.has_ended:
            return
        resident.recorder = Recorder(resident.document, resident.version)
        resident.keeper = StateKeeper(resident.core)
        if resident.stored_seq is None and resident.core.origin is None:
            started = HistoryEntry(0, resident.created_ms, event="started", value=arguments_text(resident.arguments))
            self._record(resident, started)
            self._keep_state(resident)

    def _record_transition(
        self,
        resident: Resident,
        recorder: Recorder,
        job: TransitionJob,
        done: TransitionDone,
        document: str | None,
        seq: int,
        version: str,
    ) -> None:
        entry = recorder.transition(
            goroutine_id=job.goroutine_id,
            resumption=job.resumption,
            commands=done.commands,
            ending=done.ending,
            document=document,
            seq=seq,
            now_ms=done.now_ms,
            status=resident.status,
            error=_error_text(resident),
            version=version,
        )
        self._record(resident, entry)

    def _record_status(self, resident: Resident) -> None:
        if resident.recorder is not None:
            told = HistoryEntry(
                seq=resident.seq,
                at_ms=resident.updated_ms,
                event=resident.status,
                status=resident.status,
                error=_error_text(resident),
            )
            self._record(resident, told)

    def _record(self, resident: Resident, entry: HistoryEntry) -> None:
        resident.pending.history.append(history_row(resident.process_id, entry))
        if entry.seq % TRIM_EVERY == 0:
            resident.pending.history_until = entry.seq - self.settings.history_transitions_max

    def _keep_state(self, resident: Resident) -> None:
        """As it is after this commit: another process can begin there."""
        if resident.keeper is not None:
            kept = (resident.written_by, resident.core, resident.document, resident.arguments, resident.labels)
            resident.pending.states.append(resident.keeper.keep(resident.process_id, resident.seq, *kept))

    # --- effects ---------------------------------------------------------------------------------------------------

    def _request_effect(self, resident: Resident, request: EffectRequest) -> None:
        now = self.now_ms()
        run = EffectRun(request, attempt=0, due_ms=now, requested_ms=now, version=resident.version)
        resident.effects[request.effect_id] = run
        resident.pending.requests[request.effect_id] = effect_row(resident.process_id, run)
        # The request leaves the runtime only after it is durable.
        resident.pending.row_releases.append(Release(partial(self._effect_stored, resident, run)))

    def _effect_stored(self, resident: Resident, run: EffectRun) -> None:
        run.is_durable = True
        self._take_up_effect(resident, run)

    def _take_up_effect(self, resident: Resident, run: EffectRun) -> None:
        """Give a durable request to a worker, now or when its next attempt is due. One that is on its way stays there."""
        request = run.request
        if resident.is_lost or resident.effects.get(request.effect_id) is not run or self._has_closed(resident, run):
            return
        if not run.is_durable or run.unstored_progress_count or run.is_queued or run.dispatch_id is not None:
            return
        if request.function in _POSTED:
            self._carry_out_posts(resident)
        elif run.due_ms > self.now_ms():
            self.timers.add(run.due_ms, resident.process_id)
        elif request.at_most_once and run.is_begun:
            self._end_effect(resident, run, None, None)
        else:
            run.is_queued = True
            self.dispatcher.submit(EffectJob(resident, run))
            self.dispatcher.pump()

    def _has_closed(self, resident: Resident, run: EffectRun) -> bool:
        """End an effect whose time over all attempts is over; if it is not yet, come back then (rule 18)."""
        end_ms = closes_ms(run.request, run.requested_ms)
        if end_ms is None:
            return False
        if run.dispatch_id is not None:
            end_ms += CLOSING_MS_MAX  # its worker knows when to stop, and how the attempt ended
        if end_ms > self.now_ms():
            self.timers.add(end_ms, resident.process_id)
            return False
        is_unknown = run.request.at_most_once and (run.is_begun or run.dispatch_id is not None)
        error = None if is_unknown else plain_error("TimeoutError", closed_text(run.request, run.attempt))
        resident.pending.releases.append(Release(partial(self.dispatcher.cancel_effect, run)))
        self._end_effect(resident, run, None, error)
        return True

    def before_effect(self, job: EffectJob, send: Callable[[], None]) -> None:
        """Note at-most-once effects before they begin: whoever finds the note later must not begin them again (rule 19).

        And note all that begin in queues with a rate: who comes later has to count them.
        """
        resident, run = job.resident, job.run
        rate = self.dispatcher.queues.limits(job.queue).rate
        begin = send if rate is None else partial(self._note_beginning, job.queue, rate, send)
        if not run.request.at_most_once:
            begin()
            return
        run.attempt = 1
        resident.pending.attempts[run.request.effect_id] = effect_row(resident.process_id, run)
        resident.pending.releases.append(Release(begin))
        self.committer.mark(resident)

    def _note_beginning(self, queue: str, rate: RateLimit, send: Callable[[], None]) -> None:
        if self.beginnings.add(queue, rate, send):
            self.spawn(self.beginnings.write())

    def effect_progressed(self, job: EffectJob, progress: Payload) -> None:
        """Keep what it reported for the attempt after it, whoever makes that, and in which runtime (rule 18)."""
        resident, run = job.resident, job.run
        if job.is_stale:
            return
        limit = self.settings.payload_bytes_max
        if len(progress) > limit:
            _log.warning(
                "process %r: progress of %s takes %d bytes, the limit payload_bytes_max is %d bytes: it is not kept",
                resident.process_id, run.request.function, len(progress), limit,
            )  # fmt: skip
            return
        run.progress = progress
        run.unstored_progress_count += 1
        resident.pending.attempts[run.request.effect_id] = effect_row(resident.process_id, run)
        resident.pending.releases.append(Release(partial(self._progress_stored, resident, run)))
        self.committer.mark(resident)

    def _progress_stored(self, resident: Resident, run: EffectRun) -> None:
        run.unstored_progress_count -= 1
        self._take_up_effect(resident, run)

    def effect_answered(self, job: EffectJob, answer: EffectAnswer) -> None:
        resident, run = job.resident, job.run
        if resident.is_lost or resident.effects.get(run.request.effect_id) is not run:
            return  # cancelled meanwhile: late outcomes are dropped (rule 20)
        limit = self.settings.payload_bytes_max
        if answer.result is not None and len(answer.result) > limit:
            text = f"the result takes {len(answer.result)} bytes, the limit payload_bytes_max is {limit} bytes"
            answer = replace(answer, result=None, error=plain_error("ValueError", text), error_types=())
        if answer.error is None:
            self._end_effect(resident, run, answer.result, None)
            return
        attempt = run.attempt + 1
        if run.request.at_most_once or not may_retry(run.request.retry, attempt, answer.error_types):
            self._end_effect(resident, run, None, answer.error)
            return
        due_ms = self.now_ms() + delay_ms(run.request.retry, attempt, self._chance())
        if not has_time(run.request, run.requested_ms, due_ms):
            self._end_effect(resident, run, None, answer.error)
            return
        run.attempt, run.last_error, run.due_ms = attempt, answer.error, due_ms
        run.is_durable = False
        resident.pending.attempts[run.request.effect_id] = effect_row(resident.process_id, run)
        resident.pending.releases.append(Release(partial(self._effect_stored, resident, run)))
        self.committer.mark(resident)

    def _end_effect(self, resident: Resident, run: EffectRun, result: Payload | None, error: Payload | None) -> None:
        """Record the outcome, once (rule 18). Neither result nor error: it is not known (rule 19)."""
        resident.pending.attempts.pop(run.request.effect_id, None)
        self.arrive(resident, "effect", str(run.request.effect_id), result, error)

    def _cancel_effect(self, resident: Resident, effect_id: int) -> None:
        run = resident.effects.pop(effect_id, None)
        if run is None:
            return
        resident.pending.attempts.pop(effect_id, None)
        resident.pending.effects_ended.add(effect_id)
        _note_ended(resident, run)
        resident.pending.row_releases.append(Release(partial(self.dispatcher.cancel_effect, run)))

    # --- other processes: orders that are carried out by this runtime, as effects of its own ----------------------

    def _post(self, resident: Resident, order: StartProcess | SendTo | CancelProcess) -> None:
        """Keep the order as an effect row; it is delivered under a key of its own, so exactly once."""
        number = -(resident.seq << 16) - 1 - sum(1 for effect_id in resident.pending.requests if effect_id < 0)
        function = _POSTS[type(order)]
        request = EffectRequest(number, function, json.dumps(asdict(order)), RetryPolicy(max_attempts=None))
        self._request_effect(resident, request)

    def _carry_out_posts(self, resident: Resident) -> None:
        if not resident.is_posting and any(run.is_durable for run in _posts(resident)):
            resident.is_posting = True
            self.spawn(self._deliver_in_order(resident))

    async def _deliver_in_order(self, resident: Resident) -> None:
        """Carry out durable orders, oldest first, each before the next: who sends twice is received in that order."""
        try:
            while not resident.is_lost and (posts := _posts(resident)) and posts[0].is_durable:
                if not await self._deliver(resident, posts[0]):
                    await asyncio.sleep(self.settings.store_retry_ms / 1000)
        finally:
            resident.is_posting = False
        if resident.has_ended and resident.is_idle:
            self.evict(resident)

    async def _deliver(self, resident: Resident, run: EffectRun) -> bool:
        """Carry out one order; False if it must be tried again."""
        order = json.loads(run.request.arguments)
        refusal: ApiError | None = None
        try:
            await self.deliver(resident.process_id, run.request, order)
        except ApiError as error:
            # A channel that is full has room later, and so have workers; what can never be delivered is dropped.
            if error.code is ErrorCode.UNAVAILABLE or (
                error.code is ErrorCode.RESOURCE_EXHAUSTED and not error.facts.keys().isdisjoint(("channel", "unbegun"))
            ):
                return False
            _log.warning("process %r: %s", resident.process_id, error)
            refusal = error
        if not resident.is_lost and resident.effects.pop(run.request.effect_id, None) is not None:
            # Durably, and soon: by the time of a next transition its key may have been forgotten (rule 15).
            resident.pending.posts_ended.add(run.request.effect_id)
            self.committer.mark(resident)
        if refusal is not None and run.request.function == _START:
            reason = plain_error("RuntimeError", f"it could not be started: {refusal}")
            await self._child_done(resident.process_id, order["process_id"], ProcessOutcome("failed", error=reason))
        return True

    async def deliver(self, process_id: str, request: EffectRequest, order: dict[str, Any]) -> None:
        """Start, send or cancel on behalf of a process. Implemented by the runtime, which knows how to check both."""
        raise NotImplementedError

    def _watch(self, resident: Resident, child_id: str) -> None:
        self._parents.setdefault(child_id, set()).add(resident.process_id)
        self.spawn(self._report_if_ended(resident.process_id, child_id))

    async def _tell_watchers(self) -> None:
        """Processes have ended: tell those who wait for them in memory, and those on disk. Who ends meanwhile is looked for next, together."""
        try:
            while self._untold_ends:
                ended, self._untold_ends = self._untold_ends, {}
                waiting = {(parent, child) for child in ended for parent in self._parents.pop(child, ())}
                waiting.update(await self.insist(self.store.watchers, list(ended)))
                await asyncio.gather(*(self._tell_end_to(*pair, ended[pair[1]]) for pair in sorted(waiting)))
        finally:
            self._is_telling = False

    async def _tell_end_to(self, parent_id: str, child_id: str, outcome: ProcessOutcome) -> None:
        try:
            await self._child_done(parent_id, child_id, outcome)
        except ApiError as error:  # one that cannot be read must not keep the others waiting
            _log.error("%s", error)

    async def _report_if_ended(self, parent_id: str, child_id: str) -> None:
        """Tell the parent of an end that came before it waited. If the child goes on, `_finished` tells it later."""
        while True:
            child = await self._present(child_id)
            parent = await self._present(parent_id)
            if child is not None or parent is None or not _is_starting(parent, child_id):
                break
            await asyncio.sleep(self.settings.store_retry_ms / 1000)  # its start is on its way
        if child is None:
            child = self.residents.get(child_id)  # made while the store was asked
        if child is None:
            error = plain_error("LookupError", f"no process {child_id!r}")
            await self._child_done(parent_id, child_id, ProcessOutcome("failed", error=error))
        elif child.has_ended:
            try:
                await self.durable(child)
            except ApiError:
                await asyncio.sleep(self.settings.store_retry_ms / 1000)
                await self._report_if_ended(parent_id, child_id)
                return
            await self._child_done(parent_id, child_id, ProcessOutcome(child.status, child.result, child.error))

    async def _present(self, process_id: str) -> Resident | None:
        """The process as it is in memory at this moment; a store that cannot be read is asked again."""
        while True:
            try:
                found = await self.activate(process_id)
            except ApiError as error:
                if error.code is not ErrorCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(self.settings.store_retry_ms / 1000)
                continue
            # It may have been dropped from memory while this waited for its turn.
            if found is None or self.residents.get(process_id) is found:
                return found

    async def _child_done(self, parent_id: str, child_id: str, outcome: ProcessOutcome) -> None:
        parent = await self._present(parent_id)
        if parent is None or parent.has_ended or child_id not in watched_processes(parent.core):
            return
        error = outcome.error
        if outcome.status in ("cancelled", "terminated"):
            error = plain_error(
                "runtime_client:ProcessCancelled",
                child_id,
                outcome.status,
                process_id=child_id,
                reason=outcome.status,
            )
        elif outcome.status == "failed" and error is None:
            error = plain_error("RuntimeError", "failed")
        self.arrive(parent, "child", child_id, outcome.result, error)


def _note_ended(resident: Resident, run: EffectRun) -> None:
    if resident.keeper is not None:
        resident.keeper.ended(run.request.effect_id, effect_row(resident.process_id, run).request)


def _labels(resident: Resident) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(resident.labels.items())) if resident.labels else ()


def _facts(resident: Resident) -> tuple[ChannelFact, ...]:
    return tuple(ChannelFact(*fact) for fact in channel_facts(resident.core))


def _posts(resident: Resident) -> list[EffectRun]:
    """Orders to other processes, oldest first: their numbers fall."""
    found = [run for effect_id, run in resident.effects.items() if effect_id < 0]
    return sorted(found, key=lambda run: -run.request.effect_id)


def _is_starting(parent: Resident, child_id: str) -> bool:
    starts = (run for run in _posts(parent) if run.request.function == _START)
    return any(json.loads(run.request.arguments)["process_id"] == child_id for run in starts)


CLOSING_MS_MAX = 2_000
"""So long after the end of an effect's time its worker may still tell how the attempt under way ended."""

AHEAD_DOCUMENT_BYTES_MAX = 16 * 1024
"""Each transition travels with the document that it leaves: with larger ones a round trip is the lesser cost."""
AHEAD_PAYLOAD_BYTES_MAX = 16 * 1024
"""The same for what it is woken with."""


def _may_go_ahead(order: RunGoroutine, goroutine_id: int) -> bool:
    """Whether it is the same goroutine again, woken with a value that is not too large."""
    payload = order.resumption.payload
    is_small = payload is not None and len(payload) <= AHEAD_PAYLOAD_BYTES_MAX
    return order.goroutine_id == goroutine_id and order.resumption.kind is ResumptionKind.VALUE and is_small


_REQUEST_DEFAULTS = {f.name: f.default for f in fields(EffectRequest) if f.name != "retry"}
_RETRY_DEFAULTS = {f.name: f.default for f in fields(RetryPolicy)}
_DEFAULT_RETRY = RetryPolicy()
_request_text = make_encoder()

_START = "slct:start"
_POSTS: dict[type, str] = {StartProcess: _START, SendTo: "slct:send", CancelProcess: "slct:cancel"}
_POSTED = frozenset(_POSTS.values())


def effect_row(process_id: str, run: EffectRun) -> EffectRow:
    """An effect as stored: of its request, what is not as usual."""
    request = run.request
    facts = _unusual(request, _REQUEST_DEFAULTS)
    if request.retry != _DEFAULT_RETRY:
        facts["retry"] = _unusual(request.retry, _RETRY_DEFAULTS)
    return EffectRow(
        process_id,
        request.effect_id,
        _request_text(facts),
        run.attempt,
        run.due_ms,
        run.requested_ms,
        run.progress,
        run.last_error,
    )


def _unusual(record: EffectRequest | RetryPolicy, defaults: dict[str, Any]) -> dict[str, Any]:
    """The fields that differ from their defaults, by name."""
    return {name: value for name, default in defaults.items() if (value := getattr(record, name)) != default}


def effect_request(text: str) -> EffectRequest:
    """The request of a stored effect. What is left out is as usual."""
    facts = json.loads(text)
    retry = facts.pop("retry", {})
    if "non_retryable" in retry:
        retry["non_retryable"] = tuple(retry["non_retryable"])
    return EffectRequest(**facts, retry=RetryPolicy(**retry))


def queue_row(limits: QueueLimits) -> QueueRow:
    """The limits of a queue as stored."""
    facts = asdict(limits)
    return QueueRow(facts.pop("name"), json.dumps(facts, separators=(",", ":")))


def queue_limits(row: QueueRow) -> QueueLimits:
    facts = json.loads(row.limits)
    rates = {name: RateLimit(**facts[name]) for name in ("rate", "worker_rate") if facts.get(name) is not None}
    return QueueLimits(row.name, **{**facts, **rates})


def restore_core(loaded: LoadedProcess) -> tuple[Any, list[InboxRow]]:
    """The core as it was saved, with its queued messages; and the inbox rows that came after it was saved."""
    messages = [(r.position, r.name, r.payload or "null") for r in loaded.inbox if r.kind == "message"]
    core = from_json(loaded.row.core, loaded.row.process_id, messages)
    return core, [row for row in loaded.inbox if row.position > core.last_position]


def immovable(process_id: str, version: str, found: Iterable[Obstacle]) -> ApiError:
    """The process cannot go on under that version."""
    reasons = [f"{_where(obstacle)}{reason.text}" for obstacle in found for reason in obstacle.reasons]
    helps = [reason.help for obstacle in found for reason in obstacle.reasons if reason.help]
    return ApiError(
        ErrorCode.FAILED_PRECONDITION,
        f"process {process_id!r} cannot go on under version {version!r}: " + "; ".join(dict.fromkeys(reasons)),
        "; ".join(dict.fromkeys(helps)),
        {"request": "move", "process_id": process_id, "version": version},
    )


def _where(obstacle: Obstacle) -> str:
    return f"{obstacle.function.rpartition(':')[2]}, {obstacle.state}: " if obstacle.state else ""


def _log_parked(resident: Resident) -> None:
    """What waits for a person is said where the runtime runs."""
    process_id = resident.process_id
    match resident.core.status:
        case ProcessStatus.FAULTED:
            help = f"mend the code or what it needs, then: slct retry {process_id}"
            _log.warning("process %r is faulted\n%s\n  help: %s", process_id, _error_text(resident).rstrip(), help)
        case ProcessStatus.DEADLOCKED:
            help = f"slct show {process_id} tells what each goroutine waits for; a message may still come"
            _log.warning("process %r is deadlocked: its goroutines wait for each other\n  help: %s", process_id, help)
        case _:
            pass


def _error_text(resident: Resident) -> str:
    return "" if resident.error is None else error_text(resident.error)


def has_ended(process_id: str, status: str) -> ApiError:
    """Rule 17: nothing can be asked of it any more."""
    return ApiError(
        ErrorCode.FAILED_PRECONDITION,
        f"process {process_id!r} has ended: it is {status}",
        "",
        {"process_id": process_id, "status": status},
    )


def unanswered(process_id: str, status: str) -> ApiError:
    """What a question gets whose process has ended without answering it."""
    return ApiError(
        ErrorCode.FAILED_PRECONDITION,
        f"process {process_id!r} has ended without an answer: it is {status}",
        "",
        {"process_id": process_id, "status": status},
    )


def unreceived(process_id: str, status: str) -> ApiError:
    """What a sender gets that waited for its message to be received, if the process has ended before."""
    return ApiError(
        ErrorCode.FAILED_PRECONDITION,
        f"process {process_id!r} has ended without receiving the message: it is {status}",
        "",
        {"process_id": process_id, "status": status},
    )


def plain_error(type_name: str, *arguments: str, **attributes: str) -> Payload:
    """An exception in the codec's form, made by the runtime itself."""
    name = type_name if ":" in type_name else f"builtins:{type_name}"
    node: dict[str, Any] = {"$": "exception", "type": name, "args": list(arguments)}
    return json.dumps({**node, "v": attributes} if attributes else node, separators=(",", ":"))


def future_errors_seen(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Mark their exceptions as retrieved: whoever awaited them through a shield may be gone."""
    for future in futures:
        if future.done() and not future.cancelled():
            future.exception()


def _unreadable(process_id: str, error: Exception) -> ApiError:
    _log.error("process %r cannot be read from the store", process_id, exc_info=error)
    return ApiError(
        ErrorCode.INTERNAL,
        f"process {process_id!r} cannot be read from the store: {type(error).__name__}: {error}",
        "it was perhaps written by a newer slct; it stays as it is",
        {"process_id": process_id},
    )


def releasing(future: asyncio.Future[None]) -> Release:
    """What lets this future go once it is durable, or tells it that it was lost."""

    def durable() -> None:
        if not future.done():
            future.set_result(None)

    def lost(error: ApiError) -> None:
        if not future.done():
            future.set_exception(error)

    return Release(durable, lost)


def lost(process_id: str) -> ApiError:
    """What waits for a commit that was refused gets this."""
    return ApiError(
        ErrorCode.UNAVAILABLE, f"process {process_id!r} was taken back to its stored state", "send it again"
    )


def default_chance() -> float:
    return random.random()


__all__ = [
    "Engine",
    "ProcessStatus",
    "default_chance",
    "is_ready",
    "lost",
    "releasing",
    "restore_core",
    "wall_clock_ms",
]
