"""Sessions of workers over a real connection: orders and answers both ways, and how sessions end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from wire_fakes import FakeRuntime, FakeSession, run

from runtime_client._transport import GrpcTransport
from slct_runtime.core.commands import (
    START,
    EffectRequest,
    Faulted,
    Finished,
    Go,
    MakeChannel,
    Parked,
    RecvCase,
)
from slct_runtime.server import Server, serve_grpc
from slct_runtime.wire.api import ApiError, ErrorCode, WorkerSession
from slct_runtime.wire.batches import pack_words
from slct_runtime.wire.limits import BATCH_BYTES_MAX, MESSAGE_BYTES_MAX
from slct_runtime.wire.slct.v1 import workers_pb2, workers_pb2_grpc
from slct_runtime.wire.work import (
    CancelEffectRun,
    DefinitionRecord,
    Draining,
    EffectAnswer,
    ForgetProcess,
    FromWorker,
    Register,
    RunEffect,
    RunTransition,
    ToWorker,
    TransitionAnswer,
)

REGISTER = Register("worker-1", (DefinitionRecord("order", "1", "{}"),), 50, 100)
DEATH_NOTICED_S_MAX = 2.0


@asynccontextmanager
async def session_pair() -> AsyncIterator[tuple[FakeSession, WorkerSession, Server]]:
    """The runtime's side and the worker's side of one session."""
    runtime = FakeRuntime()
    server = await serve_grpc(runtime, "127.0.0.1:0")
    transport = GrpcTransport(f"127.0.0.1:{server.port}")
    try:
        worker = await transport.serve(REGISTER)
        yield runtime.sessions[0], worker, server
    finally:
        await transport.aclose()
        await server.stop(0)


def transition(dispatch_id: int, document: str | None = "{}") -> RunTransition:
    return RunTransition(dispatch_id, "order-17", "order", "1", 3, document, None, 1, START, 1000)


def effect(dispatch_id: int) -> RunEffect:
    request = EffectRequest(
        9,
        "io:charge",
        "[[],{}]",
        timeout_ms=1,
        key="k",
        queue="mail",
        at_most_once=True,
        priority=-2,
        heartbeat_timeout_ms=3,
        schedule_to_close_timeout_ms=4,
    )
    return RunEffect(dispatch_id, "order-17", "order", "1", request, 2, 9000, '"half"')


def answer_to(order: ToWorker) -> FromWorker:
    assert isinstance(order, RunTransition)
    return TransitionAnswer(order.dispatch_id, Parked((RecvCase("payments"),)), (Go(2),), '{"process":{}}')


def test_registration_orders_and_answers_arrive_whole() -> None:
    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            assert runtime_side.registration == REGISTER
            orders: list[ToWorker] = [transition(1), effect(2), CancelEffectRun(2), ForgetProcess("order-17")]
            await runtime_side.order(*orders)
            assert await worker.take() == orders
            words: list[FromWorker] = [
                TransitionAnswer(1, Finished('"receipt"'), (), "{}"),
                EffectAnswer(2, None, '{"$":"exception"}', ("io:Declined", "builtins:Exception")),
                Draining(),
            ]
            await worker.answer(words)
            await runtime_side.until(lambda: len(runtime_side.words) == 3)
            assert runtime_side.words == words

    run(test)


def test_thousands_of_orders_go_both_ways_in_order() -> None:
    count = 5_000

    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            done = [False]

            async def work() -> None:
                while orders := await worker.take():
                    await worker.answer([answer_to(order) for order in orders])
                done[0] = True

            working = asyncio.create_task(work())
            for first in range(0, count, 10):
                await runtime_side.order(*(transition(i) for i in range(first, first + 10)))
            await runtime_side.until(lambda: len(runtime_side.words) == count)
            assert runtime_side.words == [answer_to(transition(i)) for i in range(count)]
            await runtime_side.close()
            await working
            assert done == [True]

    run(test)


def test_many_answers_at_once_travel_together_and_keep_their_order() -> None:
    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            answers = [EffectAnswer(i, "1", None) for i in range(1_000)]
            await asyncio.gather(*(worker.answer([answer]) for answer in answers))
            await runtime_side.until(lambda: len(runtime_side.words) == 1_000)
            assert runtime_side.words == answers

    run(test)


def test_large_batches_are_split() -> None:
    text = '"' + "x" * (BATCH_BYTES_MAX // 3) + '"'
    answers: list[FromWorker] = [EffectAnswer(i, text, None) for i in range(5)]
    messages = list(pack_words(answers))
    assert [len(message.messages) for message in messages] == [2, 1, 2]
    assert all(message.ByteSize() <= BATCH_BYTES_MAX for message in messages)

    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            await worker.answer(answers)
            await runtime_side.until(lambda: len(runtime_side.words) == 5)
            assert runtime_side.words == answers

    run(test)


def test_orders_are_not_taken_ahead_of_a_worker_that_is_slow() -> None:
    """Rule 3 of server.py: what grpc does not take stays with the runtime, whose credits bound it."""

    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            document = "x" * BATCH_BYTES_MAX
            given_count = 0
            is_taken = True
            while is_taken:
                await runtime_side.order(transition(given_count, document))
                given_count += 1
                assert given_count < 64, "the stream takes everything, although nobody reads it"
                is_taken = await comes_true(runtime_side.until(lambda: not runtime_side.orders))
            taken_count = 0
            while taken_count < given_count:
                taken_count += len(await worker.take())

    run(test)


async def comes_true(waiting: Coroutine[Any, Any, None]) -> bool:
    try:
        await asyncio.wait_for(waiting, 0.2)
    except TimeoutError:
        return False
    return True


# --- what cannot travel ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (TransitionAnswer(1, Finished(), (), "x" * MESSAGE_BYTES_MAX), "MESSAGE_BYTES_MAX"),
        (TransitionAnswer(1, Finished(), (MakeChannel("#1", 2**70),), "{}"), "does not fit the protocol"),
    ],
)
def test_answer_that_cannot_travel_becomes_a_fault(answer: TransitionAnswer, reason: str) -> None:
    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            before, after = EffectAnswer(0, "1", None), EffectAnswer(2, "2", None)
            await worker.answer([before, answer, after])
            await runtime_side.until(lambda: len(runtime_side.words) == 3)
            fault = runtime_side.words[1]
            assert [runtime_side.words[0], runtime_side.words[2]] == [before, after]
            assert isinstance(fault, TransitionAnswer)
            assert isinstance(fault.ending, Faulted)
            assert fault.dispatch_id == 1
            assert reason in fault.ending.error

    run(test)


def test_order_that_cannot_travel_is_answered_with_a_fault() -> None:
    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            await runtime_side.order(transition(1, "x" * MESSAGE_BYTES_MAX), transition(2))
            assert await worker.take() == [transition(2)]
            await runtime_side.until(lambda: len(runtime_side.words) == 1)
            fault = runtime_side.words[0]
            assert isinstance(fault, TransitionAnswer)
            assert fault.dispatch_id == 1
            assert isinstance(fault.ending, Faulted)

    run(test)


def test_registration_comes_first() -> None:
    async def test() -> None:
        async with session_pair() as (_, _worker, server):
            async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                call = workers_pb2_grpc.WorkersStub(channel).Serve()
                await call.write(workers_pb2.ServeRequest())
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    run(test)


# --- ends of a session -----------------------------------------------------------------------------------------------


def test_runtime_closing_the_session_ends_take() -> None:
    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            await runtime_side.close()
            assert await worker.take() == []
            assert await worker.take() == []
            with pytest.raises(ApiError) as caught:
                await worker.answer([Draining()])
            assert caught.value.code is ErrorCode.UNAVAILABLE

    run(test)


def test_worker_leaving_closes_the_session_after_its_last_words() -> None:
    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            taking = asyncio.create_task(worker.take())
            await worker.answer([EffectAnswer(1, "1", None)])
            await worker.close()
            await worker.close()
            assert await taking == []
            assert runtime_side.words == [EffectAnswer(1, "1", None)]
            assert runtime_side.is_closed

    run(test)


def test_cancelled_take_and_answer_leave_the_session_alive() -> None:
    async def test() -> None:
        async with session_pair() as (runtime_side, worker, _):
            for waiting in (worker.take(), worker.answer([EffectAnswer(1, "1", None)])):
                task = asyncio.ensure_future(waiting)
                await asyncio.sleep(0)  # until it waits
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await runtime_side.order(transition(5))
            assert await worker.take() == [transition(5)]
            await runtime_side.until(lambda: runtime_side.words == [EffectAnswer(1, "1", None)])
            assert not runtime_side.is_closed

    run(test)


def test_server_stopping_without_grace_is_unavailable_for_the_worker() -> None:
    async def test() -> None:
        async with session_pair() as (runtime_side, worker, server):
            await server.stop(0)
            with pytest.raises(ApiError) as caught:
                await worker.take()
            assert caught.value.code is ErrorCode.UNAVAILABLE
            assert runtime_side.is_closed

    run(test)


@pytest.mark.parametrize("with_orders", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_worker_that_dies_is_noticed_within_two_seconds(how: signal.Signals, with_orders: bool) -> None:
    async def test() -> None:
        runtime = FakeRuntime()
        server = await serve_grpc(runtime, "127.0.0.1:0")
        program = await start_worker_program(server.port)
        try:
            await runtime.until(lambda: runtime.sessions != [])
            session = runtime.sessions[0]
            await asyncio.wait_for(program_says(program), 10)
            program.send_signal(how)
            died = asyncio.get_running_loop().time()
            if with_orders:
                await session.order(*(transition(i, "x" * 100_000) for i in range(100)))
            await session.until_closed()
            assert asyncio.get_running_loop().time() - died < DEATH_NOTICED_S_MAX
        finally:
            if program.returncode is None:
                program.kill()
            await program.communicate()
            await server.stop(0)

    run(test)


async def start_worker_program(port: int) -> asyncio.subprocess.Process:
    root = Path(__file__).resolve().parents[3]
    program = Path(__file__).with_name("worker_program.py")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return await asyncio.create_subprocess_exec(
        sys.executable, str(program), str(port), stdout=subprocess.PIPE, env=environment
    )


async def program_says(program: asyncio.subprocess.Process) -> None:
    assert program.stdout is not None
    assert await program.stdout.readline() == b"registered\n"
