"""`RuntimeApi` over the network: gRPC on the outside, the same data and the same errors on the inside.

Lives on one event loop: the connection is made there, at the first call, and is grpc's to keep; a call made while there
is none is refused at once, and grpc goes on trying. Every method raises ApiError and nothing of grpc's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import grpc.aio  # type: ignore[import-untyped,unused-ignore]  # grpcio ships no types
from google.protobuf.message import Message

from slct_runtime.core.queues import QueueLimits
from slct_runtime.wire import convert, status
from slct_runtime.wire.address import BadAddress, check_address
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
    Started,
    StartRequest,
    TakeoverInfo,
    VersionInfo,
    WatchEvent,
    WorkerSession,
)
from slct_runtime.wire.batches import pack_words, unpack_orders
from slct_runtime.wire.limits import CLIENT_OPTIONS, RESULT_DEADLINE_SLACK_MS
from slct_runtime.wire.slct.v1 import (
    deployments_pb2,
    deployments_pb2_grpc,
    processes_pb2,
    processes_pb2_grpc,
    queues_pb2,
    queues_pb2_grpc,
    workers_pb2_grpc,
)
from slct_runtime.wire.work import DefinitionRecord, FromWorker, Register, ToWorker

from ._batches import Batches

T = TypeVar("T")
M = TypeVar("M", bound=Message)

_ADDRESS_HELP = "give the runtime's address as HOST:PORT, such as localhost:9090, or as unix:PATH"

CLOSE_GRACE_S = 2.0
"""How long a worker that leaves waits for the runtime to have heard all it said."""


class GrpcTransport(RuntimeApi):
    """The runtime at `target`, HOST:PORT or unix:PATH. Close it with `aclose()`, on the loop that used it."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._opened: _Connection | None = None
        self._is_closed = False
        self._sends = Batches(self._send_one, self._send_many, size_of_send)
        self._starts = Batches(self._start_one, self._start_many, _size_of_start)

    async def aclose(self) -> None:
        """Let go of the connection; calls under way fail."""
        self._is_closed = True
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.channel.close()

    # --- processes -------------------------------------------------------------------------------------------------

    async def start(self, request: StartRequest) -> Started:
        return await self._starts.ask(request)

    async def _start_one(self, request: StartRequest) -> Started:
        message = _filled(processes_pb2.StartRequest(), convert.put_start, request)
        return convert.get_started(await self._ask(self._connection.processes.Start, message))

    async def _start_many(self, requests: Sequence[StartRequest]) -> list[Started | ApiError]:
        message = processes_pb2.StartManyRequest()
        unsendable = _put_each(requests, processes_pb2.StartRequest, convert.put_start, message.starts)
        response = await self._ask(self._connection.processes.StartMany, message)
        answers = [
            status.from_bytes(one.refusal) if one.HasField("refusal") else convert.get_started(one.started)
            for one in response.outcomes
        ]
        return _merged(unsendable, answers, len(message.starts))

    async def send(self, request: SendRequest) -> None:
        """One that waits for its receiver goes alone: it may wait for ever."""
        await (self._send_one(request) if request.wait else self._sends.ask(request))

    async def _send_one(self, request: SendRequest) -> None:
        message = _filled(processes_pb2.SendRequest(), convert.put_send, request)
        await self._ask(self._connection.processes.Send, message)

    async def _send_many(self, requests: Sequence[SendRequest]) -> list[ApiError | None]:
        message = processes_pb2.SendManyRequest()
        unsendable = _put_each(requests, processes_pb2.SendRequest, convert.put_send, message.messages)
        response = await self._ask(self._connection.processes.SendMany, message)
        answers = [status.from_bytes(one.refusal) if one.HasField("refusal") else None for one in response.outcomes]
        return _merged(unsendable, answers, len(message.messages))

    async def ask(self, request: AskRequest) -> str:
        """The runtime itself says when time is up, as in `result`."""
        message = _filled(processes_pb2.AskRequest(), convert.put_ask, request)
        deadline_s = None if request.timeout_ms is None else (request.timeout_ms + RESULT_DEADLINE_SLACK_MS) / 1000
        response = await self._ask(self._connection.processes.Ask, message, deadline_s)
        return convert.decode(response.answer)

    async def close_channel(self, process_id: str, channel: str) -> None:
        message = _made(processes_pb2.CloseRequest, process_id=process_id, channel=channel)
        await self._ask(self._connection.processes.Close, message)

    async def cancel(self, process_id: str) -> None:
        message = _made(processes_pb2.CancelRequest, process_id=process_id)
        await self._ask(self._connection.processes.Cancel, message)

    async def terminate(self, process_id: str) -> None:
        message = _made(processes_pb2.TerminateRequest, process_id=process_id)
        await self._ask(self._connection.processes.Terminate, message)

    async def retry(self, process_id: str) -> None:
        message = _made(processes_pb2.RetryRequest, process_id=process_id)
        await self._ask(self._connection.processes.Retry, message)

    async def edit(self, request: EditRequest) -> Sequence[str]:
        message = _filled(processes_pb2.EditRequest(), convert.put_edit, request)
        response = await self._ask(self._connection.processes.Edit, message)
        return tuple(response.changes)

    async def fork(self, request: ForkRequest) -> Started:
        message = _filled(processes_pb2.ForkRequest(), convert.put_fork, request)
        response = await self._ask(self._connection.processes.Fork, message)
        return Started(response.process_id, response.created)

    async def describe(self, process_id: str) -> ProcessDescription:
        message = _made(processes_pb2.DescribeRequest, process_id=process_id)
        return convert.get_description(await self._ask(self._connection.processes.Describe, message))

    async def list(self, request: ListRequest) -> list[ProcessInfo]:
        message = _filled(processes_pb2.ListRequest(), convert.put_list, request)
        response = await self._ask(self._connection.processes.List, message)
        return [convert.get_info(info) for info in response.processes]

    async def result(self, process_id: str, timeout_ms: int | None) -> ProcessOutcome:
        """The runtime itself says when time is up; the call's deadline is only for one that has fallen silent."""
        message = _made(processes_pb2.ResultRequest, process_id=process_id, timeout_ms=timeout_ms)
        deadline_s = None if timeout_ms is None else (timeout_ms + RESULT_DEADLINE_SLACK_MS) / 1000
        return convert.get_outcome(await self._ask(self._connection.processes.Result, message, deadline_s))

    async def history(self, process_id: str, after_seq: int, limit: int) -> Sequence[HistoryEntry]:
        message = _made(processes_pb2.HistoryRequest, process_id=process_id, after_seq=after_seq, limit=limit)
        response = await self._ask(self._connection.processes.History, message)
        return [convert.get_history_entry(entry) for entry in response.entries]

    async def watch(self, process_id: str, from_offset: int = 0) -> AsyncIterator[WatchEvent]:
        message = _made(processes_pb2.WatchRequest, process_id=process_id, from_offset=from_offset)
        call = self._connection.processes.Watch(message)
        try:
            with _grpc_errors(self.target):
                async for response in call:
                    yield convert.get_watch_event(response)
        finally:
            call.cancel()

    # --- deployments -----------------------------------------------------------------------------------------------

    async def deploy(self, definitions: tuple[DefinitionRecord, ...], policy: MovePolicy = MovePolicy.AUTO) -> None:
        message = deployments_pb2.DeployRequest()
        _filled(message, lambda given, into: convert.put_deploy(given, policy, into), definitions)
        await self._ask(self._connection.deployments.Deploy, message)

    async def check(self, definitions: tuple[DefinitionRecord, ...]) -> Sequence[TakeoverInfo]:
        message = _filled(deployments_pb2.CheckRequest(), convert.put_check, definitions)
        response = await self._ask(self._connection.deployments.Check, message)
        return [convert.get_takeover(one) for one in response.takeovers]

    async def parked(self, definition: str, version: str | None) -> Sequence[ParkedCount]:
        message = _made(deployments_pb2.ParkedRequest, definition=definition)
        if version is not None:
            message.version = version
        response = await self._ask(self._connection.deployments.Parked, message)
        return [convert.get_parked(one) for one in response.counts]

    async def versions(self) -> Sequence[VersionInfo]:
        response = await self._ask(self._connection.deployments.Versions, deployments_pb2.VersionsRequest())
        return [convert.get_version(one) for one in response.versions]

    async def move(self, process_id: str, version: str) -> None:
        message = _made(deployments_pb2.MoveRequest, process_id=process_id, version=version)
        await self._ask(self._connection.deployments.Move, message)

    async def definitions(self) -> tuple[DefinitionRecord, ...]:
        message = deployments_pb2.ListDefinitionsRequest()
        response = await self._ask(self._connection.deployments.List, message)
        return convert.get_definitions(response.definitions)

    # --- queues ----------------------------------------------------------------------------------------------------

    async def set_queue(self, limits: QueueLimits) -> None:
        message = queues_pb2.SetQueueRequest()
        _filled(message.limits, convert.put_queue_limits, limits)
        await self._ask(self._connection.queues.Set, message)

    async def queues(self) -> Sequence[QueueInfo]:
        response = await self._ask(self._connection.queues.List, queues_pb2.ListQueuesRequest())
        return [convert.get_queue_info(info) for info in response.queues]

    # --- workers ---------------------------------------------------------------------------------------------------

    async def serve(self, registration: Register) -> WorkerSession:
        """Register a worker, over a stream of its own that ends with the session.

        Raises:
          ApiError: the runtime cannot be reached (UNAVAILABLE), or refuses the registration.
        """
        session = GrpcWorkerSession(self._connection.workers.Serve(), self.target)
        await session.register(registration)
        return session

    # --- the connection --------------------------------------------------------------------------------------------

    @property
    def _connection(self) -> _Connection:
        if self._is_closed:
            raise _lost(self.target)
        if self._opened is None:
            try:
                check_address(self.target)
            except BadAddress as error:
                raise ApiError(ErrorCode.INVALID_ARGUMENT, str(error), _ADDRESS_HELP) from None
            self._opened = _Connection(self.target)
        return self._opened

    async def _ask(self, method: Callable[..., Any], message: Message, deadline_s: float | None = None) -> Any:
        with _grpc_errors(self.target):
            return await method(message, timeout=deadline_s)


class _Connection:
    """The channel to a runtime and the generated stubs over it, which have no types."""

    def __init__(self, target: str) -> None:
        self.channel: Any = grpc.aio.insecure_channel(target, options=CLIENT_OPTIONS)
        self.processes: Any = processes_pb2_grpc.ProcessesStub(self.channel)  # type: ignore[no-untyped-call]  # generated without types
        self.workers: Any = workers_pb2_grpc.WorkersStub(self.channel)  # type: ignore[no-untyped-call]  # generated without types
        self.queues: Any = queues_pb2_grpc.QueuesStub(self.channel)  # type: ignore[no-untyped-call]  # generated without types
        self.deployments: Any = deployments_pb2_grpc.DeploymentsStub(self.channel)  # type: ignore[no-untyped-call]  # generated without types


def _made(kind: Callable[..., M], **fields: Any) -> M:
    """A message with these fields; None leaves one out."""
    with _grpc_errors(""):
        return convert.sendable(kind, **fields)


def size_of_send(request: SendRequest) -> int:
    return len(request.payload) + len(request.process_id) + len(request.channel) + len(request.key or "") + 32


def _size_of_start(request: StartRequest) -> int:
    labels = sum(len(name) + len(value) + 8 for name, value in request.labels.items())
    return len(request.arguments) + len(request.definition) + len(request.process_id or "") + labels + 32


def _put_each(
    requests: Sequence[T], kind: Callable[[], M], put: Callable[[T, M], None], target: Any
) -> list[ApiError | None]:
    """Put requests into one message; gives why one cannot travel, which keeps no other from it."""
    unsendable: list[ApiError | None] = []
    for request in requests:
        try:
            target.append(_filled(kind(), put, request))
            unsendable.append(None)
        except ApiError as error:
            unsendable.append(error)
    return unsendable


def _merged(unsendable: list[ApiError | None], answers: list[T | ApiError], asked: int) -> list[T | ApiError]:
    """The outcomes of all, in order, from those of what has travelled."""
    if len(answers) != asked:
        raise ApiError(ErrorCode.INTERNAL, f"{asked} requests were made, {len(answers)} outcomes came back")
    answer = iter(answers)
    return [next(answer) if error is None else error for error in unsendable]


def _filled(message: M, put: Callable[[T, M], None], value: T) -> M:
    with _grpc_errors(""):
        convert.sendable(put, value, message)
    return message


class Stream(Protocol):
    """What a session uses of grpc's bidirectional call."""

    async def read(self) -> Any: ...
    async def write(self, message: Message) -> None: ...
    async def done_writing(self) -> None: ...
    def cancel(self) -> bool: ...


class GrpcWorkerSession(WorkerSession):
    """One worker's stream. Ends with the connection; to come back is the worker's job.

    Words said while one message is on its way wait together and make the next one. `answer` returns when its words are
    written, so no more can wait than there are callers.

    NB: grpc ends the whole stream when a read or a write of it is cancelled. So both run in tasks of their own, and
    who cancels a `take` or an `answer` (an effect that is stopped, say) stops only waiting for it.
    """

    def __init__(self, stream: Stream, target: str) -> None:
        self._stream = stream
        self._target = target
        self._words: list[FromWorker] = []
        self._reading: asyncio.Task[list[ToWorker]] | None = None
        self._writing: asyncio.Task[ApiError | None] | None = None
        self._writing_next: asyncio.Task[ApiError | None] | None = None
        self._is_closed = False

    async def register(self, registration: Register) -> None:
        """Say the first word, and wait for the runtime's.

        Raises:
          ApiError: no connection, or refused.
        """
        try:
            with _grpc_errors(self._target):
                for message in pack_words([registration]):
                    await self._stream.write(message)
                response = await self._stream.read()
                if response is grpc.aio.EOF or not response.HasField("registered"):
                    raise convert.BadMessage("the runtime did not answer the registration of a worker")
        except BaseException:
            self._stream.cancel()
            raise

    async def take(self) -> list[ToWorker]:
        """Wait for orders; an empty list when the runtime, or this side, has closed the session.

        Raises:
          ApiError: UNAVAILABLE, the connection is lost.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(_mark_seen)
        reading = self._reading
        await asyncio.wait([reading])
        self._reading = None
        return reading.result()

    async def _read(self) -> list[ToWorker]:
        try:
            with _grpc_errors(self._target):
                response = await self._stream.read()
                return [] if response is grpc.aio.EOF else unpack_orders(response)
        except ApiError:
            if self._is_closed:
                return []
            raise

    async def answer(self, batch: list[FromWorker]) -> None:
        """Say these words, in order; what cannot travel is said to have failed (wire/batches.py).

        Raises:
          ApiError: UNAVAILABLE, the connection is lost: the runtime gives the orders to another worker.
        """
        self._words.extend(batch)
        if self._writing_next is None:
            self._writing_next = asyncio.create_task(self._write_after(self._writing))
        failure = await asyncio.shield(self._writing_next)
        if failure is not None:
            raise failure

    async def _write_after(self, before: asyncio.Task[ApiError | None] | None) -> ApiError | None:
        """Write what waits, once the message before is written; a failure is that of all that follow."""
        failure = await before if before is not None else None
        self._writing, self._writing_next = self._writing_next, None
        words, self._words = self._words, []
        try:
            with _grpc_errors(self._target):
                for message in pack_words(words):
                    if failure is None:
                        await self._stream.write(message)
        except ApiError as error:
            return error
        return failure

    async def close(self) -> None:
        """Leave, when the runtime has heard what was said, or after `CLOSE_GRACE_S`."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            async with asyncio.timeout(CLOSE_GRACE_S):
                await self._leave()
        except (ApiError, TimeoutError):
            pass  # it is gone, or will find us gone
        finally:
            self._stream.cancel()

    async def _leave(self) -> None:
        await self.answer([])
        with _grpc_errors(self._target):
            await self._stream.done_writing()
        while await self.take():
            pass


@contextmanager
def _grpc_errors(target: str) -> Iterator[None]:
    """Everything that a call can fail with, as ApiError."""
    try:
        yield
    except grpc.RpcError as error:
        raise status.from_rpc_error(error, target) from None
    except (grpc.aio.UsageError, asyncio.InvalidStateError):  # the call, or its connection, has ended already
        raise _lost(target) from None
    except asyncio.CancelledError:
        if _is_cancelled():
            raise
        raise _lost(target) from None
    except (convert.BadMessage, convert.Unsendable) as error:
        raise status.bad_message(error) from None


def _mark_seen(task: asyncio.Task[Any]) -> None:
    """Keep asyncio from reporting a failure that nobody waited for any more."""
    if not task.cancelled():
        task.exception()


def _lost(target: str) -> ApiError:
    return ApiError(ErrorCode.UNAVAILABLE, f"the connection to {target!r} was closed", "", {"target": target})


def _is_cancelled() -> bool:
    """Whether it is this very task that somebody cancels, and not the call that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
