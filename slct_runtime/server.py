"""The network door: a `RuntimeApi` offered as `slct.v1` over gRPC.

Knows the protocol and nothing of processes: a handler decodes, asks the runtime, and encodes. What holds for all:
  1. What the runtime refuses arrives as it was raised (wire/status.py); what it did not mean to raise is INTERNAL,
     and is logged here with its traceback.
  2. A call ends when its client is gone or its deadline has passed: the handler is cancelled.
  3. Streams are not run ahead of: the next event or batch is taken when grpc has taken the one before.
  4. A worker's session is closed as soon as its stream has ended, whatever ended it.
  5. Calls that last (Watch, Result, Serve) end at once when the server stops, with UNAVAILABLE; others get the grace.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, Protocol, TypeVar

import grpc.aio  # type: ignore[import-untyped,unused-ignore]  # grpcio ships no types
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped,unused-ignore]  # ships no types
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped,unused-ignore]  # ships no types

from .wire import convert, status
from .wire.address import BadAddress, socket_path, split_address
from .wire.api import ApiError, ErrorCode, RuntimeApi, WorkerSession
from .wire.batches import pack_orders, unpack_words
from .wire.limits import SERVER_OPTIONS
from .wire.slct.v1 import (
    deployments_pb2,
    deployments_pb2_grpc,
    processes_pb2,
    processes_pb2_grpc,
    queues_pb2,
    queues_pb2_grpc,
    workers_pb2,
    workers_pb2_grpc,
)
from .wire.work import FromWorker, Register

_log = logging.getLogger(__name__)

T = TypeVar("T")
Request = TypeVar("Request")
Response = TypeVar("Response")

STOP_GRACE_S = 2.0
"""How long requests under way may take to end when the server stops."""


class Server:
    """A runtime that listens. Made by `serve_grpc`; `address` is where clients find it, `port` its port, 0 for a socket in the file system."""

    def __init__(self, grpc_server: Any, listen: str, port: int, lasting: LastingCalls, health_servicer: Any) -> None:
        is_socket = socket_path(listen) is not None
        self.port = 0 if is_socket else port
        self.address = listen if is_socket else f"{listen.rpartition(':')[0]}:{port}"
        self._grpc_server = grpc_server
        self._lasting = lasting
        self._health = health_servicer

    async def stop(self, grace: float | None = STOP_GRACE_S) -> None:
        """Take no more calls, end those that last, and give the others `grace` seconds. May be called again."""
        await self._health.enter_graceful_shutdown()
        self._lasting.stop()
        await self._grpc_server.stop(grace)


async def serve_grpc(runtime: RuntimeApi, listen: str) -> Server:
    """Offer `runtime` at `listen`, which is HOST:PORT or unix:PATH; port 0 takes any that is free.

    Raises:
      ListenError: that address cannot be listened on; nothing was opened.
    """
    check_can_listen(listen)
    lasting = LastingCalls()
    grpc_server = grpc.aio.server(options=SERVER_OPTIONS)
    health_servicer = await _add_services(grpc_server, runtime, lasting)
    try:
        port = grpc_server.add_insecure_port(listen)
    except RuntimeError as error:  # it was taken after we looked
        raise ListenError(listen, errno.EADDRINUSE, str(error)) from None
    await grpc_server.start()
    return Server(grpc_server, listen, port, lasting, health_servicer)


async def _add_services(grpc_server: Any, runtime: RuntimeApi, lasting: LastingCalls) -> Any:
    """Ours, and gRPC's own for health and reflection; returns that for health. The untyped door to generated code."""
    processes_pb2_grpc.add_ProcessesServicer_to_server(Processes(runtime, lasting), grpc_server)  # type: ignore[no-untyped-call]  # generated without types
    workers_pb2_grpc.add_WorkersServicer_to_server(Workers(runtime, lasting), grpc_server)  # type: ignore[no-untyped-call]  # generated without types
    deployments_pb2_grpc.add_DeploymentsServicer_to_server(Deployments(runtime), grpc_server)  # type: ignore[no-untyped-call]  # generated without types
    queues_pb2_grpc.add_QueuesServicer_to_server(Queues(runtime), grpc_server)  # type: ignore[no-untyped-call]  # generated without types
    modules = (processes_pb2, workers_pb2, deployments_pb2, queues_pb2)
    files = [module.DESCRIPTOR for module in modules]
    names = [service.full_name for file in files for service in file.services_by_name.values()]
    health_servicer = health.aio.HealthServicer()
    for name in names:
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, grpc_server)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], grpc_server)
    return health_servicer


# --- where to listen -------------------------------------------------------------------------------------------------


class ListenError(OSError):
    """An address cannot be listened on. `listen` is the address, `reason` the system's word, `help` the cure."""

    def __init__(self, listen: str, number: int, reason: str) -> None:
        super().__init__(number, reason)
        self.listen = listen
        self.reason = reason
        self.help = _LISTEN_HELP.get(number, "give the address as HOST:PORT, such as 127.0.0.1:9090, or as unix:PATH")

    def __str__(self) -> str:
        return f"cannot listen on {self.listen!r}: {self.reason}\n  help: {self.help}"


_LISTEN_HELP = {
    errno.EADDRINUSE: "another program listens there, perhaps another runtime: stop it, or listen on another port",
    errno.ENOENT: "make that directory first",
    errno.EPERM: "take a path in a directory of your own",
    errno.EEXIST: "it is left alone: take another path, or remove it",
    errno.EACCES: "that port is reserved: take one from 1024 up",
    errno.EADDRNOTAVAIL: "that is not an address of this machine: use 127.0.0.1, or 0.0.0.0 for all",
}


def check_can_listen(listen: str) -> None:
    """Bind to the address and let go of it.

    NB: grpc alone would report success with one of several addresses of a name ("localhost" is 127.0.0.1 and ::1),
    and print a page of its own on failure.

    Raises:
      ListenError: the address is wrong, taken or forbidden.
    """
    try:
        path = socket_path(listen)
        host, port = split_address(listen) if path is None else ("", 0)
    except BadAddress as error:
        raise ListenError(listen, errno.EINVAL, str(error)) from None
    if path is not None:
        _check_socket(listen, Path(path))
        return
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ListenError(listen, errno.EADDRNOTAVAIL, error.strerror or str(error)) from None
    tried = [_bind_error(family, address) for family, _, _, _, address in addresses]
    fatal = [error for error in tried if error is not None and (error.errno == errno.EADDRINUSE or all(tried))]
    if fatal:
        raise ListenError(listen, fatal[0].errno or 0, (fatal[0].strerror or str(fatal[0])).lower())


def _check_socket(listen: str, path: Path) -> None:
    """A socket that nobody listens at any more is removed: the runtime that made it was killed."""
    if not path.parent.is_dir():
        raise ListenError(listen, errno.ENOENT, f"there is no directory {str(path.parent)!r}")
    if not os.access(path.parent, os.W_OK):
        raise ListenError(listen, errno.EPERM, f"nothing may be made in directory {str(path.parent)!r}")
    if not path.exists():
        return
    if not path.is_socket():
        raise ListenError(listen, errno.EEXIST, "there is something that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ListenError(listen, errno.EADDRINUSE, "address already in use")


def _bind_error(family: int, address: Any) -> OSError | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


# --- what all handlers share -----------------------------------------------------------------------------------------


class Context(Protocol):
    """What handlers use of grpc's context."""

    async def write(self, message: Any) -> None: ...
    async def abort_with_status(self, status: Any) -> None: ...
    def time_remaining(self) -> float | None: ...


Handler = Callable[[Any, Request, Context], Awaitable[Response]]


def refusal_of(error: Exception, what: str) -> ApiError:
    """How a client is told of it; a fault of our own goes to the log."""
    match error:
        case ApiError():
            return error
        case convert.BadMessage() | convert.Unsendable():
            return status.bad_message(error)
        case _:
            _log.error("%s failed", what, exc_info=error)
            return status.internal(error)


def refusing(handler: Handler[Request, Response]) -> Handler[Request, Response]:
    """Let a handler raise: what it raises becomes the status of the call (rule 1 above)."""

    @wraps(handler)
    async def refuse(self: Any, request: Request, context: Context) -> Response:
        try:
            return await handler(self, request, context)
        except Exception as error:
            refusal = refusal_of(error, handler.__qualname__)
        await context.abort_with_status(status.to_status(refusal))
        raise AssertionError("abort_with_status raises")

    return refuse


WRITE_S_MAX = 1.0
"""So long a call that is stopped waits for what is being written to its client."""


async def write(context: Context, message: Any) -> None:
    """Write to a client. Once begun, a write is brought to its end even if the call is stopped meanwhile.

    NB: grpc refuses the status of a call while something is being written to it, and then the call would never end.
    """
    writing = asyncio.ensure_future(context.write(message))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing], timeout=WRITE_S_MAX)  # a client that does not read may hold it up for ever
        if writing.done() and not writing.cancelled():
            writing.exception()  # seen: the call ends anyhow
        raise


class LastingCalls:
    """Calls that would never end by themselves: they do when the server stops (rule 5 above)."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_stopping = False

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work of one call.

        Raises:
          ApiError: UNAVAILABLE, the server stops.
        """
        task = asyncio.create_task(work)
        self._tasks.add(task)
        if self._is_stopping:
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            if not self._is_stopping or _is_cancelled():
                raise
            raise ApiError(ErrorCode.UNAVAILABLE, "the runtime is shutting down", "try again soon") from None
        finally:
            self._tasks.discard(task)

    def stop(self) -> None:
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()


def _is_cancelled() -> bool:
    """Whether it is this very task that somebody cancels, and not one that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


# --- services --------------------------------------------------------------------------------------------------------


class Processes:
    """`slct.v1.Processes`."""

    def __init__(self, runtime: RuntimeApi, lasting: LastingCalls) -> None:
        self._runtime = runtime
        self._lasting = lasting

    @refusing
    async def Start(self, request: processes_pb2.StartRequest, _: Context) -> processes_pb2.StartResponse:
        response = processes_pb2.StartResponse()
        convert.put_started(await self._runtime.start(convert.get_start(request)), response)
        return response

    @refusing
    async def StartMany(self, request: processes_pb2.StartManyRequest, _: Context) -> processes_pb2.StartManyResponse:
        outcomes = await asyncio.gather(*map(self._started, request.starts))
        return processes_pb2.StartManyResponse(outcomes=outcomes)

    async def _started(self, message: processes_pb2.StartRequest) -> processes_pb2.StartOutcome:
        outcome = processes_pb2.StartOutcome()
        try:
            convert.put_started(await self._runtime.start(convert.get_start(message)), outcome.started)
        except Exception as error:
            return processes_pb2.StartOutcome(refusal=status.to_bytes(refusal_of(error, "Processes.StartMany")))
        return outcome

    @refusing
    async def Send(self, request: processes_pb2.SendRequest, _: Context) -> processes_pb2.SendResponse:
        sending = self._runtime.send(convert.get_send(request))
        # One that waits for a receiver may wait for ever.
        await (self._lasting.run(sending) if request.wait else sending)
        return processes_pb2.SendResponse()

    @refusing
    async def SendMany(self, request: processes_pb2.SendManyRequest, _: Context) -> processes_pb2.SendManyResponse:
        outcomes = await asyncio.gather(*map(self._outcome, request.messages))
        return processes_pb2.SendManyResponse(outcomes=outcomes)

    async def _outcome(self, message: processes_pb2.SendRequest) -> processes_pb2.SendOutcome:
        try:
            sending = self._runtime.send(convert.get_send(message))
            await (self._lasting.run(sending) if message.wait else sending)
        except Exception as error:
            return processes_pb2.SendOutcome(refusal=status.to_bytes(refusal_of(error, "Processes.SendMany")))
        return processes_pb2.SendOutcome()

    @refusing
    async def Ask(self, request: processes_pb2.AskRequest, _: Context) -> processes_pb2.AskResponse:
        answer = await self._lasting.run(self._runtime.ask(convert.get_ask(request)))
        return processes_pb2.AskResponse(answer=convert.encode(answer))

    @refusing
    async def Close(self, request: processes_pb2.CloseRequest, _: Context) -> processes_pb2.CloseResponse:
        await self._runtime.close_channel(request.process_id, request.channel)
        return processes_pb2.CloseResponse()

    @refusing
    async def Cancel(self, request: processes_pb2.CancelRequest, _: Context) -> processes_pb2.CancelResponse:
        await self._runtime.cancel(request.process_id)
        return processes_pb2.CancelResponse()

    @refusing
    async def Terminate(self, request: processes_pb2.TerminateRequest, _: Context) -> processes_pb2.TerminateResponse:
        await self._runtime.terminate(request.process_id)
        return processes_pb2.TerminateResponse()

    @refusing
    async def Retry(self, request: processes_pb2.RetryRequest, _: Context) -> processes_pb2.RetryResponse:
        await self._runtime.retry(request.process_id)
        return processes_pb2.RetryResponse()

    @refusing
    async def Edit(self, request: processes_pb2.EditRequest, _: Context) -> processes_pb2.EditResponse:
        return processes_pb2.EditResponse(changes=await self._runtime.edit(convert.get_edit(request)))

    @refusing
    async def Fork(self, request: processes_pb2.ForkRequest, _: Context) -> processes_pb2.ForkResponse:
        forked = await self._runtime.fork(convert.get_fork(request))
        return processes_pb2.ForkResponse(process_id=forked.process_id, created=forked.created)

    @refusing
    async def Describe(self, request: processes_pb2.DescribeRequest, _: Context) -> processes_pb2.DescribeResponse:
        response = processes_pb2.DescribeResponse()
        convert.put_description(await self._runtime.describe(request.process_id), response)
        return response

    @refusing
    async def List(self, request: processes_pb2.ListRequest, _: Context) -> processes_pb2.ListResponse:
        response = processes_pb2.ListResponse()
        for info in await self._runtime.list(convert.get_list(request)):
            convert.put_info(info, response.processes.add())
        return response

    @refusing
    async def Watch(self, request: processes_pb2.WatchRequest, context: Context) -> None:
        await self._lasting.run(self._watch(request, context))

    async def _watch(self, request: processes_pb2.WatchRequest, context: Context) -> None:
        events = self._runtime.watch(request.process_id, request.from_offset)
        try:
            async for event in events:
                response = processes_pb2.WatchResponse()
                convert.put_watch_event(event, response)
                await write(context, response)
        finally:
            await _close(events)

    @refusing
    async def History(self, request: processes_pb2.HistoryRequest, _: Context) -> processes_pb2.HistoryResponse:
        response = processes_pb2.HistoryResponse()
        for entry in await self._runtime.history(request.process_id, request.after_seq, request.limit):
            convert.put_history_entry(entry, response.entries.add())
        return response

    @refusing
    async def Result(self, request: processes_pb2.ResultRequest, context: Context) -> processes_pb2.ResultResponse:
        timeout_ms = request.timeout_ms if request.HasField("timeout_ms") else None
        waiting = self._runtime.result(request.process_id, _nearest_ms(timeout_ms, context.time_remaining()))
        response = processes_pb2.ResultResponse()
        convert.put_outcome(await self._lasting.run(waiting), response)
        return response


def _nearest_ms(timeout_ms: int | None, remaining_s: float | None) -> int | None:
    """The time to wait: what was asked for, but not past the call's own deadline."""
    if remaining_s is None:
        return timeout_ms
    remaining_ms = int(remaining_s * 1000)
    return remaining_ms if timeout_ms is None else min(timeout_ms, remaining_ms)


async def _close(events: AsyncIterator[Any]) -> None:
    """Let a generator clean up now, rather than when it is collected."""
    aclose = getattr(events, "aclose", None)
    if aclose is not None:
        await aclose()


class Deployments:
    """`slct.v1.Deployments`."""

    def __init__(self, runtime: RuntimeApi) -> None:
        self._runtime = runtime

    @refusing
    async def Deploy(self, request: deployments_pb2.DeployRequest, _: Context) -> deployments_pb2.DeployResponse:
        policy = convert.get_policy(request.policy)
        await self._runtime.deploy(convert.get_definitions(request.definitions), policy)
        return deployments_pb2.DeployResponse()

    @refusing
    async def Check(self, request: deployments_pb2.CheckRequest, _: Context) -> deployments_pb2.CheckResponse:
        response = deployments_pb2.CheckResponse()
        for info in await self._runtime.check(convert.get_definitions(request.definitions)):
            convert.put_takeover(info, response.takeovers.add())
        return response

    @refusing
    async def Versions(self, _request: deployments_pb2.VersionsRequest, _: Context) -> deployments_pb2.VersionsResponse:
        response = deployments_pb2.VersionsResponse()
        for info in await self._runtime.versions():
            convert.put_version(info, response.versions.add())
        return response

    @refusing
    async def Parked(self, request: deployments_pb2.ParkedRequest, _: Context) -> deployments_pb2.ParkedResponse:
        response = deployments_pb2.ParkedResponse()
        version = request.version if request.HasField("version") else None
        for count in await self._runtime.parked(request.definition, version):
            convert.put_parked(count, response.counts.add())
        return response

    @refusing
    async def Move(self, request: deployments_pb2.MoveRequest, _: Context) -> deployments_pb2.MoveResponse:
        await self._runtime.move(request.process_id, request.version)
        return deployments_pb2.MoveResponse()

    @refusing
    async def List(
        self, _request: deployments_pb2.ListDefinitionsRequest, _: Context
    ) -> deployments_pb2.ListDefinitionsResponse:
        response = deployments_pb2.ListDefinitionsResponse()
        convert.put_definitions(await self._runtime.definitions(), response.definitions)
        return response


class Queues:
    """`slct.v1.Queues`."""

    def __init__(self, runtime: RuntimeApi) -> None:
        self._runtime = runtime

    @refusing
    async def Set(self, request: queues_pb2.SetQueueRequest, _: Context) -> queues_pb2.SetQueueResponse:
        await self._runtime.set_queue(convert.get_queue_limits(request.limits))
        return queues_pb2.SetQueueResponse()

    @refusing
    async def List(self, _request: queues_pb2.ListQueuesRequest, _: Context) -> queues_pb2.ListQueuesResponse:
        response = queues_pb2.ListQueuesResponse()
        for info in await self._runtime.queues():
            convert.put_queue_info(info, response.queues.add())
        return response


class Workers:
    """`slct.v1.Workers`."""

    def __init__(self, runtime: RuntimeApi, lasting: LastingCalls) -> None:
        self._runtime = runtime
        self._lasting = lasting

    @refusing
    async def Serve(self, requests: AsyncIterator[workers_pb2.ServeRequest], context: Context) -> None:
        await self._lasting.run(self._serve(requests, context))

    async def _serve(self, requests: AsyncIterator[workers_pb2.ServeRequest], context: Context) -> None:
        session = await self._runtime.serve(await _registration(requests))
        try:
            await write(context, workers_pb2.ServeResponse(registered=workers_pb2.Registered()))
            await _until_one_ends(_give_orders(session, context), _take_words(session, requests))
        finally:
            await session.close()


async def _registration(requests: AsyncIterator[workers_pb2.ServeRequest]) -> Register:
    words: list[FromWorker] = []
    async for request in requests:
        words = unpack_words(request)
        break
    if len(words) != 1 or not isinstance(words[0], Register):
        raise convert.BadMessage("the first message of a worker holds its registration, and nothing else")
    return words[0]


async def _give_orders(session: WorkerSession, context: Context) -> None:
    """Until the runtime closes the session."""
    refused: list[FromWorker] = []
    while orders := await session.take():
        for message in pack_orders(orders, refused.append):
            await write(context, message)
        if refused:
            await session.answer(refused)
            refused = []


async def _take_words(session: WorkerSession, requests: AsyncIterator[workers_pb2.ServeRequest]) -> None:
    """Until the worker closes its side."""
    async for request in requests:
        await session.answer(unpack_words(request))


async def _until_one_ends(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until the first ends or raises, and cancel the others."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
