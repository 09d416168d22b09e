"""The runtime: what clients ask for and workers connect to, in one object over one store.

Checks every request before it touches a process, and answers only when what it answers for is durable (rules 14 to 17
and 26). The gRPC server and the embedded client both talk to this class through `RuntimeApi`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ._catalogue import Deployed, deployed_of
from ._census import parked_counts
from ._describe import describe
from ._edits import cannot_edit, edited
from ._engine import Engine, default_chance, has_ended, lost, queue_row, releasing, wall_clock_ms
from ._history import history_entry
from ._ids import IDS
from ._resident import ENDED, Resident
from ._states import Past, cannot_fork, past
from ._takeover_check import TakeoverCheck
from .core.commands import EffectRequest, Payload
from .core.events import RetryRequested, TerminateRequested
from .core.queues import QueueLimits
from .settings import Settings
from .store import open_store
from .store.base import DefinitionRow, KeyRow, LoadedProcess, ProcessFilter, Store
from .wire.api import (
    ApiError,
    AskRequest,
    EditRequest,
    ErrorCode,
    ForkRequest,
    HistoryEntry,
    ListRequest,
    MovePolicy,
    ParkedCount,
    ProcessDescription,
    ProcessInfo,
    ProcessOutcome,
    QueueInfo,
    RuntimeApi,
    SendRequest,
    Started,
    StartRequest,
    TakeoverInfo,
    VersionInfo,
    WatchEvent,
    WorkerSession,
)
from .wire.work import DefinitionRecord, Register

QUEUE_NAME_CHARACTERS_MAX = 255
RATE_COUNT_MAX = 100_000
"""Every beginning within a rate's time is remembered."""
RATE_PER_MS_MAX = 31 * 24 * 3600 * 1000
PROCESS_ID_CHARACTERS_MAX = 255
"""Ids are keys in the store and parts of idempotency keys: they stay short."""

_log = logging.getLogger("slct.runtime")


class Runtime(RuntimeApi):
    """One runtime over one store. Make it with `await Runtime.open(...)`, end it with `await runtime.aclose()`."""

    is_near = True  # a worker that is given this object has no network between: it saves nothing by running ahead

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_closed = False
        self._deploying = asyncio.Lock()  # which version is later is decided one at a time

    @classmethod
    async def open(
        cls,
        store: Store | str,
        *,
        settings: Settings | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
        chance: Callable[[], float] = default_chance,
    ) -> Runtime:
        """Open the store and take up every process that was under way.

        Raises:
          StoreError: the store cannot be opened (in use, read-only, too new, not a database).
        """
        opened = open_store(store) if isinstance(store, str) else store
        engine = _DeliveringEngine(opened, settings or Settings(), now_ms, chance)
        runtime = cls(engine)
        engine.runtime = runtime
        try:
            await engine.open()
        except BaseException:
            await runtime.aclose()
            raise
        return runtime

    async def aclose(self) -> None:
        """Store what is under way and let go of the store. What ran on workers is run again by the next runtime."""
        if not self._is_closed:
            self._is_closed = True
            await self._engine.close()

    # --- definitions and workers -----------------------------------------------------------------------------------

    async def deploy(self, definitions: tuple[DefinitionRecord, ...], policy: MovePolicy = MovePolicy.AUTO) -> None:
        async with self._deploying:
            await self._deploy(definitions, policy)
        self._engine.workers_changed({d.name for d in definitions})
        self._engine.dispatcher.pump()

    async def _deploy(self, definitions: Iterable[DefinitionRecord], policy: MovePolicy) -> None:
        engine = self._engine
        for each in definitions:
            known = engine.catalogue.knows(each.name, each.version)
            if known and not engine.catalogue.holds(each.name, each.version, each.manifest):
                _log.warning("%s", _replaced(each))
        # Later than all that is deployed, whatever the clock says.
        now = max(engine.now_ms(), engine.catalogue.deployed_ms + 1)
        rows = [DefinitionRow(d.name, d.version, d.manifest, now, policy) for d in definitions]
        if rows:
            await engine.read(engine.store.put_definitions, rows)
            engine.catalogue.add(rows)

    async def check(self, definitions: tuple[DefinitionRecord, ...]) -> Sequence[TakeoverInfo]:
        living = await self._living()
        found = []
        for record in definitions:
            new = deployed_of(DefinitionRow(record.name, record.version, record.manifest, 0))
            for old in self._engine.catalogue.versions(record.name):
                counts = living.get((old.name, old.version), {})
                if counts and old.version != new.version:
                    found.append(await TakeoverCheck(self._engine, old, new).run())
        return found

    async def parked(self, definition: str, version: str | None) -> Sequence[ParkedCount]:
        deployed = self._engine.catalogue.find(definition, version)
        return await parked_counts(self._engine, deployed.name, deployed.version)

    async def versions(self) -> Sequence[VersionInfo]:
        living = await self._living()
        catalogue = self._engine.catalogue
        return [
            VersionInfo(
                deployed.name,
                deployed.version,
                deployed.policy,
                deployed.deployed_ms,
                catalogue.is_newest(deployed.name, deployed.version),
                self._engine.dispatcher.worker_count((deployed.name, deployed.version)),
                living.get((deployed.name, deployed.version), {}),
            )
            for name in catalogue.names
            for deployed in catalogue.versions(name)
        ]

    async def _living(self) -> dict[tuple[str, str], dict[str, int]]:
        """Name and version to how many processes have each status that is no end, as stored."""
        living: dict[tuple[str, str], dict[str, int]] = {}
        for name, version, status, count in await self._engine.read(self._engine.store.count_by_version):
            living.setdefault((name, version), {})[status] = count
        return living

    async def move(self, process_id: str, version: str) -> None:
        resident = await self._find(process_id)
        self._engine.catalogue.find(resident.definition, version)
        try:
            await self._engine.move_when_parked(resident, version)
        finally:  # a refusal tells of the process, too: that it has ended, or where it is
            await self._durable(resident)

    async def definitions(self) -> tuple[DefinitionRecord, ...]:
        rows = await self._engine.read(self._engine.store.definitions)
        return tuple(DefinitionRecord(row.name, row.version, row.manifest) for row in rows)

    async def serve(self, registration: Any) -> WorkerSession:
        assert isinstance(registration, Register)
        catalogue = self._engine.catalogue
        async with self._deploying:
            new = [d for d in registration.definitions if not catalogue.holds(d.name, d.version, d.manifest)]
            await self._deploy(new, MovePolicy.AUTO)
        return self._engine.dispatcher.connect(registration)

    # --- queues of effects -----------------------------------------------------------------------------------------

    async def set_queue(self, limits: QueueLimits) -> None:
        _check_queue(limits)
        engine = self._engine
        if limits.is_open:
            await engine.read(engine.store.delete_queue, limits.name)
        else:
            await engine.read(engine.store.put_queue, queue_row(limits))
        engine.dispatcher.limit_queue(limits)

    async def queues(self) -> Sequence[QueueInfo]:
        dispatcher = self._engine.dispatcher
        held = dispatcher.queues
        return [
            QueueInfo(
                held.limits(name),
                held.waiting_count(name),
                held.running_count(name),
                sum(1 for session in dispatcher.sessions if session.serves_queue(name) and not session.is_draining),
            )
            for name in sorted(held.names)
        ]

    # --- start -----------------------------------------------------------------------------------------------------

    async def start(self, request: StartRequest) -> Started:
        deployed = self._engine.catalogue.find(request.definition, request.version)
        self._check_size(request.arguments, "arguments")
        arguments = deployed.conform_arguments(request.arguments)
        has_room = await self._engine.unbegun.wait_for_room(self._engine.settings.start_wait_ms_max / 1000)
        if request.process_id is None:
            process_id = IDS.new(deployed.name, self._engine.now_ms())
            return await self._create(deployed, process_id, arguments, request.labels, has_room)
        _check_id(request.process_id)
        held = await self._engine.activate(request.process_id)
        held = held or self._engine.residents.get(request.process_id)  # made while the store was asked
        if held is None:
            return await self._create(deployed, request.process_id, arguments, request.labels, has_room)
        if held.definition != deployed.name or held.arguments_digest != digest_of(arguments):
            raise ApiError(
                ErrorCode.ALREADY_EXISTS,
                f"process {request.process_id!r} exists, as {held.definition!r} with other arguments",
                "use another id, or start it with the same arguments to get the same process",
                {"process_id": request.process_id, "definition": held.definition},
            )
        await self._durable(held)
        return Started(request.process_id, created=False)

    async def _create(
        self, deployed: Deployed, process_id: str, arguments: Payload, labels: dict[str, str], has_room: bool
    ) -> Started:
        if not has_room:
            raise _too_many_unbegun(self._engine.settings.unbegun_processes_max)
        resident = self._engine.create(deployed, process_id, arguments, digest_of(arguments), dict(labels))
        await self._durable(resident)
        return Started(process_id, created=True)

    async def _durable(self, resident: Resident) -> None:
        """Wait until the process as it stands is on disk."""
        await self._engine.durable(resident)

    # --- messages --------------------------------------------------------------------------------------------------

    async def send(self, request: SendRequest) -> None:
        # A message of a key that was accepted is acknowledged again, whatever has become of the process (rule 15).
        resident = await (self._find if request.key is None else self._any)(request.process_id)
        self._check_size(request.payload, "message")
        payload = self._deployed(resident).conform_message(request.channel, request.payload)
        if request.key is not None:
            if await self._is_repeated(resident, request, payload):
                return
            # The store was asked meanwhile: the process may have gone, and the same key may have come.
            resident = await self._find(request.process_id)
            if request.key in resident.keys:
                await self._is_repeated(resident, request, payload)
                return
        await self._check_receives(resident, request.channel)
        self._check_room(resident, request.channel)
        future = asyncio.get_running_loop().create_future()
        if request.key is not None:
            digest = _message_digest(request.channel, payload)
            resident.remember_key(request.key, digest)
            resident.pending.keys.append(KeyRow(resident.process_id, request.key, digest, self._engine.now_ms()))
        self._accept(resident, request, payload, future)
        await future

    async def ask(self, request: AskRequest) -> Payload:
        """A keyed message that is answered: it waits for the answer from before it is sent, so none is missed."""
        _check_key(request.key)
        future: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        of_process = self._engine.reply_waiters.setdefault(request.process_id, {})
        of_process.setdefault(request.key, set()).add(future)
        try:
            async with asyncio.timeout(None if request.timeout_ms is None else request.timeout_ms / 1000):
                return await self._answered(request, future)
        except TimeoutError:
            raise ApiError(
                ErrorCode.DEADLINE_EXCEEDED,
                f"process {request.process_id!r} has not answered after {request.timeout_ms} ms",
                "the question stays: ask again with the same key to wait on",
                {"process_id": request.process_id, "channel": request.channel, "key": request.key},
            ) from None
        finally:
            self._forget_waiter(request, future)

    async def _answered(self, request: AskRequest, future: asyncio.Future[Payload]) -> Payload:
        if (held := await self._reply(request)) is not None:
            return held
        try:
            await self._put_question(request)
        except ApiError as error:
            # It may have answered, to the same question asked before, and ended while the store was read.
            if error.code is not ErrorCode.FAILED_PRECONDITION:
                raise
            await self._durable(await self._any(request.process_id))
            if (held := await self._reply(request)) is not None:
                return held
            raise
        return await future

    async def _reply(self, request: AskRequest) -> Payload | None:
        held: Payload | None = await self._engine.read(self._engine.store.find_reply, request.process_id, request.key)
        return held

    async def _put_question(self, request: AskRequest) -> None:
        resident = await self._find(request.process_id)
        question = self._deployed(resident).conform_question(request.channel, request.payload, request.key)
        await self.send(SendRequest(request.process_id, request.channel, question, request.key))

    def _forget_waiter(self, request: AskRequest, future: asyncio.Future[Payload]) -> None:
        of_process = self._engine.reply_waiters.get(request.process_id, {})
        waiters = of_process.get(request.key, set())
        waiters.discard(future)
        if not waiters:
            of_process.pop(request.key, None)
        if not of_process:
            self._engine.reply_waiters.pop(request.process_id, None)

    def _accept(self, resident: Resident, request: SendRequest, payload: Payload, future: asyncio.Future[None]) -> None:
        release = releasing(future)
        if not request.wait:
            resident.pending.releases.append(release)
        else:
            resident.received_waiters[resident.next_position()] = [release]
            resident.position -= 1  # `arrive` gives out that same position
        self._engine.arrive(resident, "message", request.channel, payload)

    async def _is_repeated(self, resident: Resident, request: SendRequest, payload: Payload) -> bool:
        """Whether a message of this key was accepted before (rule 15). Waits until that one is durable."""
        assert request.key is not None
        digest = _message_digest(request.channel, payload)
        held = resident.keys.get(request.key)
        if held is None:
            since = self._engine.now_ms() - self._engine.settings.key_retention_ms
            rows = await self._engine.read(self._engine.store.find_keys, [(resident.process_id, request.key)], since)
            held = resident.keys.get(request.key) or (rows[0].digest if rows else None)
        if resident.is_lost:
            raise lost(resident.process_id)
        if held is None:
            return False
        if held != digest:
            raise ApiError(
                ErrorCode.ALREADY_EXISTS,
                f"key {request.key!r} was used for another message to process {resident.process_id!r}",
                "one key identifies one message: use a new key",
                {"process_id": resident.process_id, "key": request.key},
            )
        await self._durable(resident)
        return True

    async def close_channel(self, process_id: str, channel: str) -> None:
        resident = await self._find(process_id)
        deployed = self._deployed(resident)
        if channel not in deployed.capacities:
            deployed.conform_message(channel, "null") if not deployed.open_channels else None
        await self._check_receives(resident, channel)
        await self._arrive_durably(resident, "close", channel)

    async def _arrive_durably(self, resident: Resident, kind: str, name: str) -> None:
        future = asyncio.get_running_loop().create_future()
        resident.pending.releases.append(releasing(future))
        self._engine.arrive(resident, kind, name, None)
        await future

    # --- the life of a process -------------------------------------------------------------------------------------

    async def cancel(self, process_id: str) -> None:
        await self._arrive_durably(await self._find(process_id), "cancel", "")

    async def terminate(self, process_id: str) -> None:
        resident = await self._find(process_id)
        self._engine.apply(resident, TerminateRequested(self._engine.now_ms()))
        await self._durable(resident)

    async def retry(self, process_id: str) -> None:
        resident = await self._find(process_id)
        if resident.status != "faulted":
            raise ApiError(
                ErrorCode.FAILED_PRECONDITION,
                f"process {process_id!r} is {resident.status}, only a faulted one can be retried",
                "",
                {"request": "retry", "process_id": process_id, "status": resident.status},
            )
        self._engine.apply(resident, RetryRequested(self._engine.now_ms()))
        self._engine.dispatcher.pump()
        await self._durable(resident)

    async def edit(self, request: EditRequest) -> Sequence[str]:
        resident = await self._find(request.process_id)
        if not request.who or not request.why:
            raise ApiError(ErrorCode.INVALID_ARGUMENT, "who changes a process, and why, is kept with it", "say both")
        if resident.core.running is not None or not resident.document:
            reason = "it has not begun" if not resident.document else "it runs a transition just now"
            raise cannot_edit(request.process_id, f"{reason}, and is changed only while it is parked")
        deployed = self._engine.catalogue.find(resident.definition, resident.written_by)
        made = edited(resident.document, request, deployed.manifest)
        if len(made.document) > (limit := self._engine.settings.document_bytes_max):
            text = f"the process would take {len(made.document)} bytes, the limit document_bytes_max is {limit} bytes"
            raise ApiError(ErrorCode.RESOURCE_EXHAUSTED, text)
        self._engine.edit(resident, made, f"{', '.join(made.changes)}; by {request.who}: {request.why}")
        await self._durable(resident)
        return made.changes

    async def fork(self, request: ForkRequest) -> Started:
        if not request.who or not request.why:
            raise ApiError(ErrorCode.INVALID_ARGUMENT, "who forks a process, and why, is kept with it", "say both")
        self._check_history()
        definition, begins = await self._past(request)
        new_id = begins.core.process_id
        held = await self._engine.activate(new_id)
        held = held or self._engine.residents.get(new_id)  # made while the store was asked
        if held is not None:
            return await self._forked_before(held, begins)
        if not self._engine.is_served(definition, begins):
            others = "which has an effect under way" if begins.effects else "nor one that takes it over"
            reason = f"no worker runs version {begins.version!r} of {definition!r}, {others}"
            raise cannot_fork(request, reason, f"start one: slct worker BUILD --version {begins.version}")
        told = f"from {request.process_id} at {request.seq}; by {request.who}: {request.why}"
        await self._durable(self._engine.fork(definition, begins, new_id, told))
        return Started(new_id, created=True)

    async def _past(self, request: ForkRequest) -> tuple[str, Past]:
        """The definition and what the new process begins with.

        Raises:
          ApiError: FAILED_PRECONDITION, it is not kept, or the process had ended.
        """
        store, process_id, seq = self._engine.store, request.process_id, request.seq
        now = await self._stored(process_id)
        # In this order: what leaves the inbox meanwhile is used by then; what is used after a state goes with it, or later.
        used = await self._engine.read(store.used_after, process_id, seq)
        state = await self._engine.read(store.find_state, process_id, seq)
        if not 0 <= seq <= now.row.seq:
            raise cannot_fork(request, f"it has come to {now.row.seq}", "`slct history` has what it has done")
        if state is None:
            raise cannot_fork(request, await self._why_not_kept(process_id, seq), "`slct history` has what is kept")
        if not state.core:
            raise cannot_fork(request, "it had ended", "fork it at an earlier one")
        new_id = request.new_id
        if new_id is None:
            new_id = IDS.new(now.row.definition, self._engine.now_ms())
        _check_id(new_id)
        return now.row.definition, past(request, new_id, state, now, used)

    async def _why_not_kept(self, process_id: str, seq: int) -> str:
        first = await self._engine.read(self._engine.store.history, process_id, -1, 1)
        if first and seq < first[0].seq:
            return f"that is not kept any more, its history begins at {first[0].seq}"
        return "what it had then is not kept: no history was kept at some time since"

    async def _forked_before(self, held: Resident, begins: Past) -> Started:
        if held.core.origin != begins.core.origin:
            raise ApiError(
                ErrorCode.ALREADY_EXISTS,
                f"process {held.process_id!r} exists, as {held.definition!r}",
                "use another id",
                {"process_id": held.process_id, "definition": held.definition},
            )
        await self._durable(held)
        return Started(held.process_id, created=False)

    async def result(self, process_id: str, timeout_ms: int | None) -> ProcessOutcome:
        resident = await self._any(process_id)
        if resident.has_ended:
            await self._durable(resident)
            return ProcessOutcome(resident.status, resident.result, resident.error)
        future: asyncio.Future[ProcessOutcome] = asyncio.get_running_loop().create_future()
        waiters = self._engine.result_waiters.setdefault(process_id, set())
        waiters.add(future)
        try:
            return await asyncio.wait_for(future, None if timeout_ms is None else timeout_ms / 1000)
        except TimeoutError:
            now = self._engine.residents.get(process_id) or resident
            raise ApiError(
                ErrorCode.DEADLINE_EXCEEDED,
                f"process {process_id!r} is still {now.status} after {timeout_ms} ms",
                "`slct show` tells why, `slct retry` takes it up again"
                if now.status == "faulted"
                else "`slct show` tells what it waits for",
                {"process_id": process_id, "status": now.status},
            ) from None
        finally:
            waiters.discard(future)
            if not waiters:
                self._engine.result_waiters.pop(process_id, None)

    # --- looking ---------------------------------------------------------------------------------------------------

    async def describe(self, process_id: str) -> ProcessDescription:
        row = (stored := await self._stored(process_id)).row
        shown = describe(stored, self._engine.catalogue.functions(row.definition, row.version))
        return replace(shown, worker_count=self._engine.dispatcher.worker_count((row.definition, row.version)))

    async def list(self, request: ListRequest) -> list[ProcessInfo]:
        where = ProcessFilter(request.definition, request.status, request.version, request.labels)
        rows = await self._engine.read(self._engine.store.query, where, request.after_process_id, request.limit)
        return [
            ProcessInfo(
                row.process_id,
                row.definition,
                row.version,
                row.status,
                row.seq,
                row.created_ms,
                row.updated_ms,
                row.due_ms,
                row.labels,
            )
            for row in rows
        ]

    async def history(self, process_id: str, after_seq: int, limit: int) -> Sequence[HistoryEntry]:
        self._check_history()
        await self._any(process_id)
        rows = await self._engine.read(self._engine.store.history, process_id, after_seq, limit)
        return [history_entry(row) for row in rows]

    async def watch(self, process_id: str, from_offset: int = 0) -> AsyncIterator[WatchEvent]:
        queue: asyncio.Queue[WatchEvent | None] = asyncio.Queue()
        self._engine.watchers.setdefault(process_id, set()).add(queue)
        try:
            loaded = await self._stored(process_id)
            row = loaded.row
            offset = from_offset
            while page := await self._engine.read(self._engine.store.outputs, process_id, offset, 1000):
                for output in page:
                    yield WatchEvent("output", row.seq, row.updated_ms, row.status, output.offset, output.payload)
                offset = page[-1].offset + 1
            yield WatchEvent("status", row.seq, row.updated_ms, row.status)
            if row.status in ENDED:
                return
            while (event := await queue.get()) is not None:
                # What was stored while the pages were read came with them.
                if event.offset >= offset if event.kind == "output" else event.seq > row.seq:
                    yield event
        finally:
            watchers = self._engine.watchers.get(process_id, set())
            watchers.discard(queue)
            if not watchers:
                self._engine.watchers.pop(process_id, None)

    # --- checks ----------------------------------------------------------------------------------------------------

    async def _any(self, process_id: str) -> Resident:
        """The process, ended or not.

        Raises:
          ApiError: NOT_FOUND.
        """
        while True:
            resident = await self._engine.activate(process_id)
            if resident is None:
                raise _unknown(process_id)
            # It may have been dropped from memory while this waited for its turn: then it must be loaded anew.
            if self._engine.residents.get(process_id) is resident:
                return resident

    async def _find(self, process_id: str) -> Resident:
        """The process, if it has not ended (rule 17)."""
        resident = await self._any(process_id)
        if resident.has_ended:
            await self._durable(resident)  # rule 26: it may still turn out not to have
            raise has_ended(process_id, resident.status)
        return resident

    async def _stored(self, process_id: str) -> LoadedProcess:
        """The process as it is on disk: what may be shown (rule 26)."""
        resident = self._engine.residents.get(process_id)
        if resident is not None:
            await self._durable(resident)
        loaded: list[LoadedProcess] = await self._engine.read(self._engine.store.load, [process_id])
        if not loaded:
            raise _unknown(process_id)
        return loaded[0]

    def _check_history(self) -> None:
        if not self._engine.settings.history_transitions_max:
            raise ApiError(
                ErrorCode.FAILED_PRECONDITION,
                "this runtime keeps no history",
                "start it with a setting of history_transitions_max: slct runtime --history 1000",
                {"request": "history", "setting": "history_transitions_max"},
            )

    def _deployed(self, resident: Resident) -> Deployed:
        return self._engine.catalogue.find(resident.definition, resident.version)

    async def _check_receives(self, resident: Resident, channel: str) -> None:
        held = resident.core.channels.get(channel)
        if held is not None and held.is_closed:
            await self._durable(resident)  # rule 26: it may still turn out not to be
            raise ApiError(
                ErrorCode.FAILED_PRECONDITION,
                f"channel {channel!r} of process {resident.process_id!r} is closed",
                "",
                {"process_id": resident.process_id, "channel": channel},
            )

    def _check_room(self, resident: Resident, channel: str) -> None:
        limit = self._engine.settings.channel_messages_max
        held = resident.core.channels.get(channel)
        if held is not None and held.message_count >= limit:
            raise ApiError(
                ErrorCode.RESOURCE_EXHAUSTED,
                f"channel {channel!r} of process {resident.process_id!r} holds {held.message_count} undelivered messages, "
                f"the limit channel_messages_max is {limit}",
                "wait until the process has received some",
                {"process_id": resident.process_id, "channel": channel, "limit": str(limit)},
            )

    def _check_size(self, payload: Payload, what: str) -> None:
        limit = self._engine.settings.payload_bytes_max
        if len(payload) > limit:
            raise ApiError(
                ErrorCode.RESOURCE_EXHAUSTED,
                f"the {what} takes {len(payload)} bytes, the limit payload_bytes_max is {limit} bytes",
                "send a reference to it instead",
                {"size": str(len(payload)), "limit": str(limit)},
            )


class _DeliveringEngine(Engine):
    """The engine with a way to start and send on behalf of processes, checked like what clients ask for."""

    runtime: Runtime

    async def deliver(self, process_id: str, request: EffectRequest, order: dict[str, Any]) -> None:
        if "definition" in order:
            await self.runtime.start(StartRequest(order["definition"], order["arguments"], order["process_id"]))
        elif "channel" not in order:
            await self._cancel(order["process_id"])
        else:
            key = f"slct:{process_id}:{request.effect_id}"
            await self.runtime.send(SendRequest(order["process_id"], order["channel"], order["payload"], key))

    async def _cancel(self, process_id: str) -> None:
        try:
            await self.runtime.cancel(process_id)
        except ApiError as error:
            if error.code not in (ErrorCode.NOT_FOUND, ErrorCode.FAILED_PRECONDITION):  # it has ended: all is well
                raise


def _too_many_unbegun(limit: int) -> ApiError:
    return ApiError(
        ErrorCode.RESOURCE_EXHAUSTED,
        f"{limit} processes were started and have not begun, which is the limit unbegun_processes_max",
        "start it again when workers have taken some of them up; `slct versions` tells what is served",
        {"unbegun": str(limit), "limit": str(limit)},
    )


def digest_of(text: str) -> str:
    """A short fingerprint that tells equal texts from different ones."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _message_digest(channel: str, payload: Payload) -> str:
    return digest_of(f"{channel}\n{payload}")


def _unknown(process_id: str) -> ApiError:
    return ApiError(
        ErrorCode.NOT_FOUND,
        f"no process {process_id!r}",
        "`slct list` shows those that exist",
        {"process_id": process_id},
    )


def _check_queue(limits: QueueLimits) -> None:
    if not limits.name or len(limits.name) > QUEUE_NAME_CHARACTERS_MAX or not limits.name.isprintable():
        raise ApiError(
            ErrorCode.INVALID_ARGUMENT,
            f"queue {limits.name[:80]!r} is not a printable text of 1 to {QUEUE_NAME_CHARACTERS_MAX} characters",
        )
    for name, lowest in (("concurrency", 0), ("worker_concurrency", 1)):
        value = getattr(limits, name)
        if value is not None and value < lowest:
            raise ApiError(
                ErrorCode.INVALID_ARGUMENT,
                f"{name} of queue {limits.name!r} is {value}, and is at least {lowest}",
                "leave it out for no limit; concurrency 0 holds a queue",
                {"queue": limits.name},
            )
    for name in ("rate", "worker_rate"):
        rate = getattr(limits, name)
        if rate is not None and not (1 <= rate.count <= RATE_COUNT_MAX and 1 <= rate.per_ms <= RATE_PER_MS_MAX):
            raise ApiError(
                ErrorCode.INVALID_ARGUMENT,
                f"{name} of queue {limits.name!r} is {rate.count} per {rate.per_ms / 1000:g} s, and is 1 to {RATE_COUNT_MAX} "
                f"per 0.001 to {RATE_PER_MS_MAX // 1000} s",
                "",
                {"queue": limits.name},
            )


def _check_key(key: str) -> None:
    if not key:
        raise ApiError(ErrorCode.INVALID_ARGUMENT, "a question needs a key that is not empty")


def _replaced(row: DefinitionRecord) -> str:
    return (
        f"definition {row.name!r} version {row.version!r} now has other code than before; its running processes go on with it\n"
        "  help: give changed code a new --version, and those that run keep theirs"
    )


def _check_id(process_id: str) -> None:
    if not process_id or len(process_id) > PROCESS_ID_CHARACTERS_MAX or not process_id.isprintable():
        raise ApiError(
            ErrorCode.INVALID_ARGUMENT,
            f"process id {process_id[:80]!r} is not a printable text of 1 to {PROCESS_ID_CHARACTERS_MAX} characters",
        )
