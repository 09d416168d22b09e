"""Requests of clients over a real connection: they arrive, and so do answers, refusals and failures."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from wire_fakes import HISTORY_ENTRY, PARKED, QUEUE, TAKEOVER, VERSION, FakeRuntime, description, info, run

from runtime_client._transport import GrpcTransport
from slct_runtime.server import ListenError, Server, serve_grpc, write
from slct_runtime.wire.address import split_address
from slct_runtime.wire.api import (
    ApiError,
    AskRequest,
    EditRequest,
    ErrorCode,
    ForkRequest,
    ListRequest,
    MovePolicy,
    ProcessOutcome,
    RuntimeApi,
    SendRequest,
    Started,
    StartRequest,
    WatchEvent,
)
from slct_runtime.wire.limits import CONNECT_TIMEOUT_MS, MESSAGE_BYTES_MAX
from slct_runtime.wire.slct.v1 import processes_pb2, processes_pb2_grpc
from slct_runtime.wire.work import DefinitionRecord, Register


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[FakeRuntime, GrpcTransport, Server]]:
    runtime = FakeRuntime()
    server = await serve_grpc(runtime, "127.0.0.1:0")
    transport = GrpcTransport(to(server))
    try:
        yield runtime, transport, server
    finally:
        await transport.aclose()
        await server.stop(0)


def to(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


async def refusal_of(request: Awaitable[Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await request
    return caught.value


START = StartRequest("order", '[["ada",100],{}]', "order-17", "1", {"country": "se"})
EDIT = EditRequest("p", {"paid": "100"}, {"main.total": "7"}, "ada", "the bank was late")
FORK = ForkRequest("p", 40, "q", "ada", "to see what happens")
RECORDS = (DefinitionRecord("order", "1", '{"format":1}'), DefinitionRecord("counter", "2", "{}"))

REQUESTS: dict[str, tuple[Callable[[RuntimeApi], Awaitable[Any]], tuple[Any, ...], Any]] = {
    "start": (lambda r: r.start(START), ("start", START), Started("order-17", True)),
    "send": (
        lambda r: r.send(SendRequest("order-17", "payments", "40", "payment-993")),
        ("send", SendRequest("order-17", "payments", "40", "payment-993")),
        None,
    ),
    "ask": (
        lambda r: r.ask(AskRequest("p", "quote", "40", "k", 5000)),
        ("ask", AskRequest("p", "quote", "40", "k", 5000)),
        '"answer"',
    ),
    "close_channel": (lambda r: r.close_channel("p", "notes"), ("close_channel", "p", "notes"), None),
    "cancel": (lambda r: r.cancel("p"), ("cancel", "p"), None),
    "terminate": (lambda r: r.terminate("p"), ("terminate", "p"), None),
    "retry": (lambda r: r.retry("p"), ("retry", "p"), None),
    "edit": (lambda r: r.edit(EDIT), ("edit", EDIT), ("paid = 100 (was 40)",)),
    "fork": (lambda r: r.fork(FORK), ("fork", FORK), Started("q", False)),
    "describe": (lambda r: r.describe("p"), ("describe", "p"), description("p")),
    "list": (lambda r: r.list(ListRequest("order", limit=7)), ("list", ListRequest("order", limit=7)), []),
    "history": (lambda r: r.history("p", 2, 7), ("history", "p", 2, 7), [HISTORY_ENTRY]),
    "deploy": (lambda r: r.deploy(RECORDS), ("deploy", RECORDS, MovePolicy.AUTO), None),
    "deploy pinned": (lambda r: r.deploy(RECORDS, MovePolicy.PIN), ("deploy", RECORDS, MovePolicy.PIN), None),
    "check": (lambda r: r.check(RECORDS), ("check", RECORDS), [TAKEOVER]),
    "parked": (lambda r: r.parked("order", None), ("parked", "order", None), [PARKED]),
    "parked in a version": (lambda r: r.parked("order", "2"), ("parked", "order", "2"), [PARKED]),
    "versions": (lambda r: r.versions(), ("versions",), [VERSION]),
    "move": (lambda r: r.move("p", "2"), ("move", "p", "2"), None),
    "set_queue": (lambda r: r.set_queue(QUEUE.limits), ("set_queue", QUEUE.limits), None),
    "queues": (lambda r: r.queues(), ("queues",), [QUEUE]),
    "definitions": (lambda r: r.definitions(), ("definitions",), ()),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_request_and_answer_arrive(name: str) -> None:
    ask, asked, answer = REQUESTS[name]

    async def test() -> None:
        async with connected() as (runtime, transport, _):
            assert await ask(transport) == answer
            assert runtime.asked == [asked]

    run(test)


def test_what_was_deployed_and_started_is_listed() -> None:
    async def test() -> None:
        async with connected() as (_, transport, _server):
            await transport.deploy(RECORDS)
            assert await transport.definitions() == RECORDS
            await transport.start(START)
            assert await transport.start(START) == Started("order-17", False)
            assert await transport.list(ListRequest()) == [info("order-17")]

    run(test)


@pytest.mark.parametrize("name", [*REQUESTS, "result", "watch", "serve"])
def test_refusal_arrives_with_facts_and_help(name: str) -> None:
    async def ask(transport: GrpcTransport) -> Any:
        match name:
            case "result":
                return await transport.result("p", None)
            case "watch":
                return [event async for event in transport.watch("p")]
            case "serve":
                return await transport.serve(Register("w", (), 1, 1))
        return await REQUESTS[name][0](transport)

    async def test() -> None:
        async with connected() as (runtime, transport, _):
            runtime.refusal = ApiError(ErrorCode.NOT_FOUND, "no process 'p'", "see `slct list`", {"process_id": "p"})
            error = await refusal_of(ask(transport))
            assert (error.code, error.message, error.help) == (
                ErrorCode.NOT_FOUND,
                "no process 'p'",
                "see `slct list`",
            )
            assert error.facts == {"process_id": "p"}

    run(test)


def test_fault_of_the_runtime_is_internal_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            runtime.refusal = ZeroDivisionError("division by zero")
            error = await refusal_of(transport.cancel("p"))
            assert error.code is ErrorCode.INTERNAL
            assert "ZeroDivisionError: division by zero" in error.message

    run(test)
    assert "Cancel failed" in caplog.text


# --- result and watch: calls that last -------------------------------------------------------------------------------


def test_result_waits_for_the_end() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            waiting = asyncio.create_task(transport.result("p", None))
            await runtime.until(lambda: ("result", "p", None) in runtime.asked)
            await runtime.finish("p", ProcessOutcome("completed", '"receipt"'))
            assert await waiting == ProcessOutcome("completed", '"receipt"')

    run(test)


def test_result_ends_at_its_timeout_with_the_words_of_the_runtime() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            error = await refusal_of(transport.result("p", 50))
            assert (error.code, error.message) == (ErrorCode.DEADLINE_EXCEEDED, "process 'p' still runs")
            name, _id, timeout_ms = runtime.asked[0]
            assert (name, timeout_ms) == ("result", 50)

    run(test)


def test_deadline_of_the_call_bounds_the_wait() -> None:
    async def test() -> None:
        async with connected() as (runtime, _, server):
            async with grpc.aio.insecure_channel(to(server)) as channel:
                stub = processes_pb2_grpc.ProcessesStub(channel)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.Result(processes_pb2.ResultRequest(process_id="p"), timeout=0.1)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert runtime.asked[0][2] <= 100

    run(test)


def test_cancelled_request_is_cancelled_for_the_caller_too() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            waiting = asyncio.create_task(transport.result("p", None))
            await runtime.until(lambda: bool(runtime.asked))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    run(test)


EVENTS = [
    WatchEvent("status", 0, 1000, status="running"),
    WatchEvent("output", 1, 1001, offset=0, payload='"hello"'),
    WatchEvent("transition", 2, 1002, text="recv(payments)"),
]


def test_watch_streams_events_until_the_end() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            for event in [*EVENTS, None]:
                runtime.events.put_nowait(event)
            assert [event async for event in transport.watch("p", 3)] == EVENTS
            assert runtime.asked == [("watch", "p", 3)]

    run(test)


def test_watch_ends_in_the_runtime_when_the_client_goes() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            runtime.events.put_nowait(EVENTS[0])
            watching = transport.watch("p")
            assert await anext(watching) == EVENTS[0]
            assert runtime.watchers_count == 1
            await watching.aclose()
            await runtime.until(lambda: runtime.watchers_count == 0)

    run(test)


def test_lasting_calls_end_at_once_when_the_server_stops() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, server):
            waiting = asyncio.create_task(refusal_of(transport.result("p", None)))
            sending = asyncio.create_task(refusal_of(transport.send(SendRequest("p", "c", "1", wait=True))))
            asking = asyncio.create_task(refusal_of(transport.ask(AskRequest("p", "c", "1", "k"))))
            watching = asyncio.create_task(refusal_of(anext(transport.watch("p"))))
            session = await transport.serve(Register("w", (), 1, 1))
            taking = asyncio.create_task(refusal_of(session.take()))
            await runtime.until(lambda: len(runtime.asked) == 5)
            await server.stop(grace=10)
            for task in (waiting, sending, asking, watching, taking):
                error = await task
                assert (error.code, error.message) == (ErrorCode.UNAVAILABLE, "the runtime is shutting down")
            assert runtime.sessions[0].is_closed

    run(test)


def test_what_is_being_written_is_brought_to_its_end_when_the_call_is_stopped() -> None:
    class Client:
        def __init__(self) -> None:
            self.reads, self.begun, self.read = asyncio.Event(), asyncio.Event(), list[str]()

        async def write(self, message: str) -> None:
            self.begun.set()
            await self.reads.wait()
            self.read.append(message)

    async def test() -> None:
        client: Any = Client()
        writing = asyncio.create_task(write(client, "hello"))
        await client.begun.wait()
        writing.cancel()
        await asyncio.sleep(0)
        assert not writing.done()
        client.reads.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert client.read == ["hello"]

    run(test)


# --- what can be wrong -----------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_listening_says_so_with_help() -> None:
    async def test() -> None:
        target = f"localhost:{free_port()}"
        transport = GrpcTransport(target)
        for request in (transport.start(START), transport.serve(Register("w", (), 1, 1)), transport.definitions()):
            error = await refusal_of(request)
            assert error.code is ErrorCode.UNAVAILABLE
            assert error.message == f"no connection to a runtime at {target!r}"
            assert error.help == f"is a runtime listening at {target!r}? start one with `slct runtime`"
        await transport.aclose()

    run(test)


def test_something_else_listening_is_unavailable() -> None:
    async def test() -> None:
        async def web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        listening = await asyncio.start_server(web_server, "127.0.0.1", 0)
        transport = GrpcTransport(f"127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        assert (await refusal_of(transport.cancel("p"))).code is ErrorCode.UNAVAILABLE
        await transport.aclose()
        listening.close()
        await listening.wait_closed()

    run(test)


def test_something_that_accepts_and_stays_silent_is_given_up() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            transport = GrpcTransport(f"127.0.0.1:{silent.getsockname()[1]}")
            started = asyncio.get_running_loop().time()
            assert (await refusal_of(transport.cancel("p"))).code is ErrorCode.UNAVAILABLE
            assert asyncio.get_running_loop().time() - started < 2 * CONNECT_TIMEOUT_MS / 1000
            await transport.aclose()

    run(test)


def test_runtime_that_comes_back_is_found_again() -> None:
    async def test() -> None:
        port = free_port()
        transport = GrpcTransport(f"127.0.0.1:{port}")
        assert (await refusal_of(transport.cancel("p"))).code is ErrorCode.UNAVAILABLE
        runtime = FakeRuntime()
        server = await serve_grpc(runtime, f"127.0.0.1:{port}")
        while not runtime.asked:  # grpc connects again by itself, after a pause of RECONNECT_DELAY_MS_FIRST
            with suppress(ApiError):
                await transport.cancel("p")
        await transport.aclose()
        await server.stop(0)

    run(test)


def test_transport_that_was_closed_refuses() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            waiting = asyncio.create_task(refusal_of(transport.result("p", None)))
            await runtime.until(lambda: bool(runtime.asked))
            await transport.aclose()
            assert (await waiting).code is ErrorCode.UNAVAILABLE
            assert (await refusal_of(transport.cancel("p"))).code is ErrorCode.UNAVAILABLE

    run(test)


def test_oversized_request_is_refused_by_name_of_the_limit() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            error = await refusal_of(transport.start(StartRequest("order", "1" * (MESSAGE_BYTES_MAX + 1))))
            assert error.code is ErrorCode.RESOURCE_EXHAUSTED
            assert f"MESSAGE_BYTES_MAX = {MESSAGE_BYTES_MAX}" in error.message
            assert error.help
            assert runtime.asked == []

    run(test)


def test_server_bounds_messages_of_clients_that_do_not() -> None:
    async def test() -> None:
        async with connected() as (runtime, _, server):
            options = [("grpc.max_send_message_length", -1)]
            async with grpc.aio.insecure_channel(to(server), options=options) as channel:
                stub = processes_pb2_grpc.ProcessesStub(channel)
                request = processes_pb2.StartRequest(definition="order", arguments=b"1" * (MESSAGE_BYTES_MAX + 1))
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.Start(request)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert runtime.asked == []

    run(test)


def test_oversized_answer_is_refused_by_name_of_the_limit() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            await runtime.finish("p", ProcessOutcome("completed", "1" * (MESSAGE_BYTES_MAX + 1)))
            error = await refusal_of(transport.result("p", None))
            assert error.code is ErrorCode.RESOURCE_EXHAUSTED
            assert "MESSAGE_BYTES_MAX" in error.message

    run(test)


def test_value_beyond_the_protocol_is_an_invalid_argument() -> None:
    async def test() -> None:
        async with connected() as (runtime, transport, _):
            for request in (transport.cancel("half \ud800"), transport.list(ListRequest(limit=2**70))):
                assert (await refusal_of(request)).code is ErrorCode.INVALID_ARGUMENT
            assert runtime.asked == []

    run(test)


def test_message_without_meaning_is_an_invalid_argument() -> None:
    async def test() -> None:
        async with connected() as (_, _transport, server):
            async with grpc.aio.insecure_channel(to(server)) as channel:
                stub = processes_pb2_grpc.ProcessesStub(channel)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.Send(processes_pb2.SendRequest(process_id="p", channel="c", payload=b"\xff"))
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    run(test)


# --- listening -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_port_in_use_is_one_clear_error(host: str) -> None:
    async def test() -> None:
        async with connected() as (_, _transport, server):
            with pytest.raises(ListenError) as caught:
                await serve_grpc(FakeRuntime(), f"{host}:{server.port}")
            assert isinstance(caught.value, OSError)
            assert str(caught.value) == (
                f"cannot listen on '{host}:{server.port}': address already in use\n"
                "  help: another program listens there, perhaps another runtime: stop it, or listen on another port"
            )

    run(test)


@pytest.mark.parametrize(
    "address", ["", "9090", ":9090", "localhost", "localhost:", "localhost:http", "h:99999", "::1:9090", "h:٣", "a b:1"]
)
def test_address_that_is_none_is_refused_on_both_ends(address: str) -> None:
    async def test() -> None:
        with pytest.raises(ListenError, match="give the address as HOST:PORT"):
            await serve_grpc(FakeRuntime(), address)
        error = await refusal_of(GrpcTransport(address).cancel("p"))
        assert error.code is ErrorCode.INVALID_ARGUMENT
        assert "HOST:PORT" in error.help

    run(test)


def test_address_of_another_machine_is_refused() -> None:
    async def test() -> None:
        with pytest.raises(ListenError, match="not an address of this machine"):
            await serve_grpc(FakeRuntime(), "192.0.2.1:0")

    run(test)


def test_addresses_are_split() -> None:
    assert split_address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert split_address("[::1]:9090") == ("::1", 9090)


# --- standard services -----------------------------------------------------------------------------------------------


def test_health_answers_until_the_server_stops() -> None:
    async def test() -> None:
        async with connected() as (_, _transport, server), grpc.aio.insecure_channel(to(server)) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for service in ("", "slct.v1.Processes", "slct.v1.Workers", "slct.v1.Deployments"):
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            watching = stub.Watch(health_pb2.HealthCheckRequest())
            assert (await watching.read()).status == health_pb2.HealthCheckResponse.SERVING
            stopping = asyncio.create_task(server.stop(1))
            assert (await watching.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            watching.cancel()
            await stopping

    run(test)


def test_reflection_lists_the_services_and_their_methods() -> None:
    async def test() -> None:
        async with connected() as (_, _transport, server):
            async with grpc.aio.insecure_channel(to(server)) as channel:
                stub = reflection_pb2_grpc.ServerReflectionStub(channel)
                ask = reflection_pb2.ServerReflectionRequest
                requests = [ask(list_services=""), ask(file_containing_symbol="slct.v1.Workers")]
                answers = [answer async for answer in stub.ServerReflectionInfo(iter(requests))]
            names = {service.name for service in answers[0].list_services_response.service}
            assert {f"slct.v1.{name}" for name in ("Processes", "Workers", "Deployments", "Queues")} | {
                "grpc.health.v1.Health"
            } <= names
            assert b"Serve" in answers[1].file_descriptor_response.file_descriptor_proto[0]

    run(test)
