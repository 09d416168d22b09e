"""Clients: start processes, send to them, wait for them, look at them.

`Client("localhost:9090")` talks to a runtime over the network; `Client.embedded("orders.db", defs)` runs one in this OS
process on a SQLite file, with a worker beside it. The API is the same, and so is what it promises: a call that returns
is durable. `SyncClient` is the same without `await`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, overload

from slct_runtime.core.queues import QueueLimits, RateLimit
from slct_runtime.wire.api import (
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
    StartRequest,
    TakeoverInfo,
    VersionInfo,
    WatchEvent,
)
from slct_runtime.wire.work import DefinitionRecord

from ._channels import Channel
from ._codec import Codec
from ._definitions import Definitions
from ._errors import (
    AlreadyExists,
    CannotEdit,
    CannotFork,
    CannotMove,
    CannotRetry,
    ClientError,
    InvalidValue,
    LimitExceeded,
    NoHistory,
    NotFound,
    NotRunning,
    ProcessCancelled,
    ProcessFailed,
    Unavailable,
)
from ._operations import duration_ms
from ._process import Process, Startable, definition_name
from ._requests import AnswerT, QuestionT, Request
from ._resolver import Resolver
from ._schedule import SCHEDULE_NAME, CatchUp, Overlap, Schedule, ScheduleSpec
from ._type_variables import T, ValueT

_ERRORS: dict[ErrorCode, type[ClientError]] = {
    ErrorCode.NOT_FOUND: NotFound,
    ErrorCode.ALREADY_EXISTS: AlreadyExists,
    ErrorCode.FAILED_PRECONDITION: NotRunning,
    ErrorCode.INVALID_ARGUMENT: InvalidValue,
    ErrorCode.RESOURCE_EXHAUSTED: LimitExceeded,
    ErrorCode.UNAVAILABLE: Unavailable,
}
_PRECONDITIONS: dict[str, type[ClientError]] = {
    "edit": CannotEdit,
    "fork": CannotFork,
    "move": CannotMove,
    "retry": CannotRetry,
    "history": NoHistory,
}
"""FAILED_PRECONDITION, by what the refusal says was asked for; else it is that the process has ended."""


def raise_client_error(error: ApiError) -> NoReturn:
    """The refusal as the public exception that says the same."""
    if error.code is ErrorCode.DEADLINE_EXCEEDED:
        raise TimeoutError(error.message + (f"\n  help: {error.help}" if error.help else "")) from None
    kind = _ERRORS.get(error.code, ClientError)
    if error.code is ErrorCode.FAILED_PRECONDITION:
        kind = _PRECONDITIONS.get(error.facts.get("request", ""), kind)
    raise kind(error.message, error.help, error.facts) from None


async def _asked(request: Coroutine[Any, Any, T]) -> T:
    try:
        return await request
    except ApiError as error:
        raise_client_error(error)


@dataclass(frozen=True, slots=True)
class Rate:
    """No more than `count` in any span of `per` (seconds, or a timedelta), wherever it is laid: `Rate(100, per=60)`."""

    count: int
    per: float | timedelta = 1.0

    @property
    def limit(self) -> RateLimit:
        """As the runtime has it."""
        return RateLimit(self.count, duration_ms(self.per))


class ProcessRef(Generic[ValueT]):
    """One process, seen from outside. Made by `client.start(...)` and `client.get(id)`."""

    def __init__(self, client: Client, process_id: str) -> None:
        self._client = client
        self.id = process_id

    async def send(
        self, channel: str | Channel[Any], value: Any, *, key: str | None = None, wait: bool = False
    ) -> None:
        """Send a value; returns when it is durable, or with `wait` when a goroutine has received it.

        A repeated `key` is acknowledged and delivered once (rule 15).

        Raises:
          NotFound: no such process or channel. NotRunning: it has ended, or the channel is closed.
          InvalidValue: the value does not fit the channel's type. LimitExceeded: the channel is full.
        """
        payload = self._client.codec.encode(value)
        await self._send(channel, payload, key, wait)

    async def send_json(self, channel: str, value: Any, *, key: str | None = None, wait: bool = False) -> None:
        """Send plain JSON; the runtime converts it to the channel's declared type."""
        await self._send(channel, json.dumps(value), key, wait)

    async def _send(self, channel: str | Channel[Any], payload: str, key: str | None, wait: bool) -> None:
        name = channel.channel_id if isinstance(channel, Channel) else channel
        await _asked(self._client.api.send(SendRequest(self.id, name, payload, key, wait)))

    @overload
    async def request(
        self,
        channel: Channel[Request[QuestionT, AnswerT]],
        question: QuestionT,
        *,
        key: str | None = None,
        timeout: float | timedelta | None = None,
    ) -> AnswerT: ...
    @overload
    async def request(
        self, channel: str, question: Any, *, key: str | None = None, timeout: float | timedelta | None = None
    ) -> Any: ...
    async def request(
        self,
        channel: str | Channel[Any],
        question: Any,
        *,
        key: str | None = None,
        timeout: float | timedelta | None = None,
    ) -> Any:
        """Ask on a `Channel[Request[Q, A]]` and wait for the answer, which is durable when it is given.

        A repeated `key` waits for the same answer, also after the runtime was restarted: the question is delivered once.

        Raises:
          NotRunning: it has ended without answering. TimeoutError: no answer after `timeout` (seconds, or a timedelta).
          NotFound, InvalidValue, LimitExceeded: as `send`. Unavailable: the connection is lost; ask again with the same key.
        """
        answer = await self._ask(channel, self._client.codec.encode(question), key, timeout)
        return self._client.codec.decode(answer, may_be_older=True)

    async def request_json(
        self, channel: str, question: Any, *, key: str | None = None, timeout: float | timedelta | None = None
    ) -> str:
        """Ask with plain JSON; gives the answer as the codec's text."""
        return await self._ask(channel, json.dumps(question), key, timeout)

    async def _ask(
        self, channel: str | Channel[Any], payload: str, key: str | None, timeout: float | timedelta | None
    ) -> str:
        name = channel.channel_id if isinstance(channel, Channel) else channel
        asked = AskRequest(self.id, name, payload, key or uuid.uuid4().hex, _timeout_ms(timeout))
        return await _asked(self._client.api.ask(asked))

    async def result(self, timeout: float | timedelta | None = None) -> ValueT:
        """Wait for its end and give its result.

        Raises:
          ProcessFailed: it failed; `__cause__` is its own exception. ProcessCancelled: it was cancelled or terminated.
          TimeoutError: it has not ended after `timeout` (seconds, or a timedelta).
        """
        value: ValueT = self._value(await _asked(self._client.api.result(self.id, _timeout_ms(timeout))))
        return value

    def _value(self, outcome: ProcessOutcome) -> Any:
        match outcome.status:
            case "completed":
                return None if outcome.result is None else self._client.codec.decode(outcome.result, may_be_older=True)
            case "cancelled" | "terminated":
                raise ProcessCancelled(self.id, outcome.status)
            case _:
                cause = None if outcome.error is None else self._client.codec.decode(outcome.error, may_be_older=True)
                reason = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else outcome.status
                raise ProcessFailed(self.id, reason) from (cause if isinstance(cause, BaseException) else None)

    async def describe(self) -> ProcessDescription:
        """Status, goroutines with function, state, file:line and locals, channels, effects: as stored."""
        return await _asked(self._client.api.describe(self.id))

    async def watch(self, from_offset: int = 0) -> AsyncIterator[WatchEvent]:
        """What happens to it, from now on, until it ends; its output from `from_offset` on."""
        try:
            async for event in self._client.api.watch(self.id, from_offset):
                yield event
        except ApiError as error:
            raise_client_error(error)

    async def history(self, after_seq: int = -1, *, page_size: int = 200) -> AsyncIterator[HistoryEntry]:
        """What it has done, oldest first: one entry per transition. Raises NoHistory if the runtime keeps none."""
        while page := await _asked(self._client.api.history(self.id, after_seq, page_size)):
            for entry in page:
                yield entry
            after_seq = page[-1].seq

    async def cancel(self) -> None:
        """Raise `Cancelled` in its goroutines; they may clean up."""
        await _asked(self._client.api.cancel(self.id))

    async def terminate(self) -> None:
        """End it at once; no code of it runs any more."""
        await _asked(self._client.api.terminate(self.id))

    async def retry(self) -> None:
        """Take a faulted process up again from its last committed state. Raises CannotRetry for one that is not faulted."""
        await _asked(self._client.api.retry(self.id))

    async def edit(
        self, fields: Mapping[str, Any] | None = None, locals: Mapping[str, Any] | None = None, *, who: str, why: str
    ) -> Sequence[str]:
        """Put other values in the place of those that it has; gives what was changed, for people.

        For a process that a mistake has left with a wrong value: it is checked by its type, stored like a transition, and told in the
        history, with who has done it and why.

        Args:
          fields: Shared fields, by name. locals: by function and name, `main.total`; only int, str, float and bool. As plain JSON values.

        Raises:
          NotFound: there is no such field or local where it waits.
          InvalidValue: a value is of another type.
          CannotEdit: what it holds cannot be changed by hand, or a transition of it runs just now; the error says why.
          NotRunning: it has ended.

        Source: docs/changing-code.md, "Repair".
        """
        request = EditRequest(self.id, _json_texts(fields or {}), _json_texts(locals or {}), who, why)
        return await _asked(self._client.api.edit(request))

    async def move(self, version: str) -> None:
        """Let it go on under another deployed version, from its next transition on; returns when that is durable.

        Raises:
          CannotMove: the version has no place for it to go on in; the error says why.
          NotFound: no such version is deployed.
          NotRunning: it has ended.

        Source: rule 22.
        """
        await _asked(self._client.api.move(self.id, version))

    async def close(self, channel: str | Channel[Any]) -> None:
        """Close one of its channels."""
        name = channel.channel_id if isinstance(channel, Channel) else channel
        await _asked(self._client.api.close_channel(self.id, name))

    def __repr__(self) -> str:
        return f"<process {self.id!r}>"


class Client:
    """A door to a runtime. Use it as `async with`, or call `aclose()`."""

    def __init__(self, target: str | RuntimeApi, definitions: Definitions | None = None) -> None:
        self._target = target
        self._api: RuntimeApi | None = None if isinstance(target, str) else target
        self._embedded: _Embedded | None = None
        self.codec = definitions.codec if definitions is not None else Codec(Resolver(()))

    @classmethod
    def embedded(cls, path: str, definitions: Definitions, *, version: str = "1") -> Client:
        """A runtime and a worker in this OS process, on a SQLite file (or `memory:`). Opened by `async with`."""
        definitions.require_compiled()
        client = cls("", definitions)
        client._embedded = _Embedded(path, definitions, version)
        return client

    @property
    def api(self) -> RuntimeApi:
        if self._api is None:
            if self._embedded is not None:
                raise RuntimeError("this client is not open\n  help: use `async with Client.embedded(...) as client`")
            from ._transport import GrpcTransport

            assert isinstance(self._target, str)
            self._api = GrpcTransport(self._target)
        return self._api

    async def __aenter__(self) -> Self:
        if self._embedded is not None and self._api is None:
            self._api = await self._embedded.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go of the runtime; an embedded one stores what is under way and stops."""
        api, self._api = self._api, None
        if self._embedded is not None:
            await self._embedded.close()
        elif api is not None and isinstance(self._target, str):
            await api.aclose()

    @overload
    async def start(
        self,
        definition: type[Startable[T]],
        /,
        *args: Any,
        id: str | None = None,
        labels: dict[str, str] | None = None,
        version: str | None = None,
        **kwargs: Any,
    ) -> ProcessRef[T]: ...
    @overload
    async def start(
        self,
        definition: str | type[Process],
        /,
        *args: Any,
        id: str | None = None,
        labels: dict[str, str] | None = None,
        version: str | None = None,
        **kwargs: Any,
    ) -> ProcessRef[Any]: ...
    async def start(
        self,
        definition: Any,
        /,
        *args: Any,
        id: str | None = None,
        labels: dict[str, str] | None = None,
        version: str | None = None,
        **kwargs: Any,
    ) -> ProcessRef[Any]:
        """Start a process; the same id again gives the same process (rule 15).

        Raises:
          NotFound: no such definition. AlreadyExists: that id was started with other arguments. InvalidValue: the
          arguments do not fit.
        """
        arguments = self.codec.encode([list(args), kwargs])
        return await self._start(_name_of(definition), arguments, id, labels, version)

    async def start_json(
        self,
        definition: str,
        positional: list[Any],
        keywords: dict[str, Any],
        *,
        id: str | None = None,
        labels: dict[str, str] | None = None,
        version: str | None = None,
    ) -> ProcessRef:
        """Start with plain JSON arguments; the runtime converts them to the declared types."""
        return await self._start(definition, json.dumps([positional, keywords]), id, labels, version)

    async def _start(
        self,
        definition: str,
        arguments: str,
        process_id: str | None,
        labels: dict[str, str] | None,
        version: str | None,
    ) -> ProcessRef:
        request = StartRequest(definition, arguments, process_id, version, labels or {})
        started = await _asked(self.api.start(request))
        return ProcessRef(self, started.process_id)

    async def schedule(
        self,
        cron: str,
        definition: str | type[Process],
        /,
        *args: Any,
        id: str | None = None,
        timezone: str = "UTC",
        catch_up: CatchUp = "last",
        overlap: Overlap = "allow",
        labels: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> ProcessRef:
        """Start a process at each time of a cron expression; see `ScheduleSpec` for what the arguments mean.

        Gives the schedule, which is a process: `await ref.send("control", "pause")`, `"resume"`, `"run"`; `ref.cancel()` ends it.

        Raises:
          ValueError: the expression, the time zone or a policy is none. NotFound: no such definition. AlreadyExists: that id
          was started with other arguments.
        """
        spec = ScheduleSpec(cron, _name_of(definition), list(args), kwargs, timezone, catch_up, overlap)
        return await self.start_schedule(spec, id=id, labels=labels)

    async def start_schedule(
        self, spec: ScheduleSpec, *, id: str | None = None, labels: dict[str, str] | None = None
    ) -> ProcessRef:
        """Start a schedule; see `schedule`, which makes the spec."""
        known = sorted({record.name for record in await self.definitions()} - {SCHEDULE_NAME})
        if spec.definition not in known:
            raise NotFound(
                f"no definition {spec.definition!r} is deployed",
                f"deployed definitions: {', '.join(known) or 'none yet'}",
            )
        return await self.start(Schedule, spec, id=id, labels=labels)

    async def fork(self, process_id: str, at: int, *, who: str, why: str, id: str | None = None) -> ProcessRef[Any]:
        """A new process that begins with what another one had after its transition `at`; that one is left as it is.

        For another try, from before a mistake: it has the document, what waited in channels, the deadlines and the labels of then, and an
        identity of its own. Effects that were under way are run anew. The same again, under the same `id`, gives the same process.

        Args:
          at: A seq of its history. id: of the new process. who, why: are kept in its history.

        Raises:
          NoHistory: the runtime keeps none. CannotFork: what it had then is not kept (any more), it had ended, or no worker runs its
          version. NotFound: no such process. AlreadyExists: `id` is another process.

        Source: docs/changing-code.md, "Repair".
        """
        forked = await _asked(self.api.fork(ForkRequest(process_id, at, id, who, why)))
        return ProcessRef(self, forked.process_id)

    def get(self, process_id: str) -> ProcessRef:
        """A process by its id; nothing is asked yet."""
        return ProcessRef(self, process_id)

    async def list(
        self,
        *,
        definition: str | type[Process] | None = None,
        status: str | None = None,
        version: str | None = None,
        labels: dict[str, str] | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[ProcessInfo]:
        """All processes that match, ordered by id."""
        name = None if definition is None else _name_of(definition)
        after = ""
        while True:
            page = await _asked(self.api.list(ListRequest(name, status, version, labels or {}, after, page_size)))
            for info in page:
                yield info
            if len(page) < page_size:
                return
            after = page[-1].process_id

    async def definitions(self) -> tuple[DefinitionRecord, ...]:
        """What is deployed."""
        return await _asked(self.api.definitions())

    async def deploy(
        self, definitions: Definitions, version: str, *, policy: MovePolicy | str = MovePolicy.AUTO
    ) -> None:
        """Make these the newest version of their definitions; new processes start on it.

        Args:
          policy: Which processes of other versions go on under it: "auto", those that can, at their next transition; "manual", those
            that are told to (`ref.move`); "pin", none.

        Raises:
          InvalidValue: there is no such policy.

        Source: rules 22 and 24.
        """
        await _asked(self.api.deploy(definitions.records(version), _policy(policy)))

    async def check(self, definitions: Definitions, version: str) -> Sequence[TakeoverInfo]:
        """What would become of the processes of all other versions, if these were deployed; nothing is changed.

        Source: rule 22.
        """
        return await _asked(self.api.check(definitions.records(version)))

    async def parked(self, definition: str | type[Process], version: str | None = None) -> Sequence[ParkedCount]:
        """In which states the processes of a version wait, and how many in each; of the newest version, if None."""
        return await _asked(self.api.parked(_name_of(definition), version))

    async def versions(self) -> Sequence[VersionInfo]:
        """Every deployed version: how many processes are left on it, and how many workers run it."""
        return await _asked(self.api.versions())

    async def set_queue(
        self,
        name: str,
        *,
        concurrency: int | None = None,
        worker_concurrency: int | None = None,
        rate: Rate | None = None,
        worker_rate: Rate | None = None,
    ) -> None:
        """Limit a queue of effects, for the whole cluster and durably; what is left out is not limited (any more).

        Args:
          concurrency: attempts that run at once on all workers together; 0 holds the queue. worker_concurrency: on each worker.
          rate: attempts that begin in a time, on all workers together. worker_rate: on each worker.

        Raises:
          InvalidValue: a limit is none.
        """
        rates = [None if each is None else each.limit for each in (rate, worker_rate)]
        await _asked(self.api.set_queue(QueueLimits(name, concurrency, worker_concurrency, *rates)))

    async def queues(self) -> Sequence[QueueInfo]:
        """Every queue that has limits or something in it: its limits, how much waits and runs, how many workers serve it."""
        return await _asked(self.api.queues())


class _Embedded:
    """A runtime and a worker in this event loop."""

    def __init__(self, path: str, definitions: Definitions, version: str) -> None:
        self._path = path
        self._definitions = definitions
        self._version = version
        self._runtime: RuntimeApi | None = None
        self._serving: asyncio.Task[None] | None = None
        self._worker: Any = None

    async def open(self) -> RuntimeApi:
        from slct_runtime.runtime import Runtime

        from ._worker import Worker

        self._runtime = await Runtime.open(self._path)
        self._worker = Worker(self._runtime, self._definitions, version=self._version)
        self._serving = asyncio.create_task(self._worker.run(), name="slct-embedded-worker")
        connected = asyncio.create_task(self._worker.connected.wait())
        await asyncio.wait({connected, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        connected.cancel()
        if self._serving.done():
            await self.close()
            self._serving.result()
        return self._runtime

    async def close(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is None:
            return
        assert self._serving is not None
        self._serving.cancel()  # effects that run are attempted again when the file is opened next
        await asyncio.gather(self._serving, return_exceptions=True)
        await runtime.aclose()


def _timeout_ms(timeout: float | timedelta | None) -> int | None:
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    return None if seconds is None else max(0, round(seconds * 1000))


def _name_of(definition: str | type[Process]) -> str:
    return definition if isinstance(definition, str) else definition_name(definition)


class SyncProcessRef(Generic[ValueT]):
    """`ProcessRef` without `await`."""

    def __init__(self, client: SyncClient, ref: ProcessRef[ValueT]) -> None:
        self._client = client
        self._ref = ref
        self.id = ref.id

    def send(self, channel: str | Channel[Any], value: Any, *, key: str | None = None, wait: bool = False) -> None:
        """See `ProcessRef.send`."""
        self._client.wait(self._ref.send(channel, value, key=key, wait=wait))

    @overload
    def request(
        self,
        channel: Channel[Request[QuestionT, AnswerT]],
        question: QuestionT,
        *,
        key: str | None = None,
        timeout: float | timedelta | None = None,
    ) -> AnswerT: ...
    @overload
    def request(
        self, channel: str, question: Any, *, key: str | None = None, timeout: float | timedelta | None = None
    ) -> Any: ...
    def request(
        self,
        channel: str | Channel[Any],
        question: Any,
        *,
        key: str | None = None,
        timeout: float | timedelta | None = None,
    ) -> Any:
        """See `ProcessRef.request`."""
        asked: Coroutine[Any, Any, Any] = self._ref.request(channel, question, key=key, timeout=timeout)
        return self._client.wait(asked)

    def result(self, timeout: float | timedelta | None = None) -> ValueT:
        """See `ProcessRef.result`."""
        return self._client.wait(self._ref.result(timeout))

    def describe(self) -> ProcessDescription:
        """See `ProcessRef.describe`."""
        return self._client.wait(self._ref.describe())

    def watch(self, from_offset: int = 0) -> Iterator[WatchEvent]:
        """See `ProcessRef.watch`."""
        return self._client.iterate(self._ref.watch(from_offset))

    def history(self, after_seq: int = -1) -> Iterator[HistoryEntry]:
        """See `ProcessRef.history`."""
        return self._client.iterate(self._ref.history(after_seq))

    def cancel(self) -> None:
        """See `ProcessRef.cancel`."""
        self._client.wait(self._ref.cancel())

    def terminate(self) -> None:
        """See `ProcessRef.terminate`."""
        self._client.wait(self._ref.terminate())

    def retry(self) -> None:
        """See `ProcessRef.retry`."""
        self._client.wait(self._ref.retry())

    def edit(
        self, fields: Mapping[str, Any] | None = None, locals: Mapping[str, Any] | None = None, *, who: str, why: str
    ) -> Sequence[str]:
        """See `ProcessRef.edit`."""
        return self._client.wait(self._ref.edit(fields, locals, who=who, why=why))

    def move(self, version: str) -> None:
        """See `ProcessRef.move`."""
        self._client.wait(self._ref.move(version))

    def close(self, channel: str | Channel[Any]) -> None:
        """See `ProcessRef.close`."""
        self._client.wait(self._ref.close(channel))

    def __repr__(self) -> str:
        return repr(self._ref)


class SyncClient:
    """`Client` without `await`: it runs an event loop in a thread of its own. Use it as `with`, or call `close()`."""

    def __init__(self, target: str | RuntimeApi, definitions: Definitions | None = None) -> None:
        self._client = Client(target, definitions)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @classmethod
    def embedded(cls, path: str, definitions: Definitions, *, version: str = "1") -> SyncClient:
        """See `Client.embedded`."""
        made = cls("")
        made._client = Client.embedded(path, definitions, version=version)
        return made

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="slct-client", daemon=True)
            self._thread.start()
            try:
                self.wait(self._client.__aenter__())
            except BaseException:
                self.close()
                raise
        return self._loop

    def close(self) -> None:
        """Let go of the runtime and end the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self.wait(self._client.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        self._loop = self._thread = None

    def wait(self, request: Coroutine[Any, Any, T]) -> T:
        """Run one request of the asynchronous client to its end."""
        return asyncio.run_coroutine_threadsafe(request, self._open()).result()

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Run an asynchronous iterator of the client, item by item."""
        while True:
            try:
                item = self.wait(_next(items))
            except StopAsyncIteration:
                return
            yield item

    @overload
    def start(
        self,
        definition: type[Startable[T]],
        /,
        *args: Any,
        id: str | None = None,
        labels: dict[str, str] | None = None,
        version: str | None = None,
        **kwargs: Any,
    ) -> SyncProcessRef[T]: ...
    @overload
    def start(
        self,
        definition: str | type[Process],
        /,
        *args: Any,
        id: str | None = None,
        labels: dict[str, str] | None = None,
        version: str | None = None,
        **kwargs: Any,
    ) -> SyncProcessRef[Any]: ...
    def start(
        self,
        definition: Any,
        /,
        *args: Any,
        id: str | None = None,
        labels: dict[str, str] | None = None,
        version: str | None = None,
        **kwargs: Any,
    ) -> SyncProcessRef[Any]:
        """See `Client.start`."""
        started = self._client.start(definition, *args, id=id, labels=labels, version=version, **kwargs)
        return SyncProcessRef(self, self.wait(started))

    def schedule(self, cron: str, definition: str | type[Process], /, *args: Any, **options: Any) -> SyncProcessRef:
        """See `Client.schedule`."""
        return SyncProcessRef(self, self.wait(self._client.schedule(cron, definition, *args, **options)))

    def fork(self, process_id: str, at: int, *, who: str, why: str, id: str | None = None) -> SyncProcessRef[Any]:
        """See `Client.fork`."""
        return SyncProcessRef(self, self.wait(self._client.fork(process_id, at, who=who, why=why, id=id)))

    def get(self, process_id: str) -> SyncProcessRef:
        """See `Client.get`."""
        return SyncProcessRef(self, self._client.get(process_id))

    def list(self, **where: Any) -> Iterator[ProcessInfo]:
        """See `Client.list`."""
        return self.iterate(self._client.list(**where))

    def definitions(self) -> tuple[DefinitionRecord, ...]:
        """See `Client.definitions`."""
        return self.wait(self._client.definitions())

    def deploy(self, definitions: Definitions, version: str, *, policy: MovePolicy | str = MovePolicy.AUTO) -> None:
        """See `Client.deploy`."""
        self.wait(self._client.deploy(definitions, version, policy=policy))

    def check(self, definitions: Definitions, version: str) -> Sequence[TakeoverInfo]:
        """See `Client.check`."""
        return self.wait(self._client.check(definitions, version))

    def parked(self, definition: str | type[Process], version: str | None = None) -> Sequence[ParkedCount]:
        """See `Client.parked`."""
        return self.wait(self._client.parked(definition, version))

    def versions(self) -> Sequence[VersionInfo]:
        """See `Client.versions`."""
        return self.wait(self._client.versions())

    def set_queue(self, name: str, **limits: Any) -> None:
        """See `Client.set_queue`."""
        self.wait(self._client.set_queue(name, **limits))

    def queues(self) -> Sequence[QueueInfo]:
        """See `Client.queues`."""
        return self.wait(self._client.queues())


def _json_texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in values.items()}


def _policy(word: str) -> MovePolicy:
    try:
        return MovePolicy(word)
    except ValueError:
        raise InvalidValue(f"there is no policy {word!r}\n  help: there are {', '.join(MovePolicy)}") from None


async def _next(items: AsyncIterator[T]) -> T:
    return await items.__anext__()
