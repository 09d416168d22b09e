"""What a client sends and starts at the same time travels together, in order; each has an outcome of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wire_fakes import FakeRuntime

from runtime_client._batches import BATCH_COUNT_MAX, CALLS_MAX, Batches
from runtime_client._transport import GrpcTransport, size_of_send
from slct_runtime.server import serve_grpc
from slct_runtime.wire.api import ApiError, ErrorCode, SendRequest, Started, StartRequest
from slct_runtime.wire.limits import BATCH_BYTES_MAX


def request(number: int, payload: str = "1") -> SendRequest:
    return SendRequest(f"p{number}", "numbers", payload)


class Wire:
    """Calls that are answered when a test says so. `refused`: by the number of the process, why."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.refused: dict[str, ApiError] = {}
        self.failure: ApiError | None = None
        self.gate = asyncio.Event()
        self.batches = Batches(self._one, self._many, size_of_send)

    async def _one(self, one: SendRequest) -> None:
        (refusal,) = await self._many([one])
        if refusal is not None:
            raise refusal

    async def _many(self, many: object) -> list[ApiError | None]:
        ids = [each.process_id for each in many]
        self.calls.append(ids)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [self.refused.get(each) for each in ids]

    def send(self, numbers: range, payload: str = "1") -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.batches.ask(request(number, payload))) for number in numbers]


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def ids(numbers: range) -> list[str]:
    return [f"p{number}" for number in numbers]


def play(scene: Callable[[Wire], object]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await scene(Wire())

    asyncio.run(run())


def test_one_goes_at_once_and_what_comes_meanwhile_goes_together() -> None:
    async def scene(wire: Wire) -> None:
        first = wire.send(range(1))
        await turns()
        second = wire.send(range(1, 2))
        await turns()
        rest = wire.send(range(2, 50))
        await turns()
        assert wire.calls == [["p0"], ["p1"]]
        wire.gate.set()
        await asyncio.gather(*first, *second, *rest)
        assert wire.calls == [["p0"], ["p1"], ids(range(2, 50))]

    play(scene)


def test_what_is_sent_in_one_turn_of_the_loop_goes_together() -> None:
    async def scene(wire: Wire) -> None:
        sends = wire.send(range(9))
        wire.gate.set()
        await asyncio.gather(*sends)
        assert [each for call in wire.calls for each in call] == ids(range(9))
        assert len(wire.calls) <= CALLS_MAX

    play(scene)


def test_batches_are_bounded_in_number_and_in_size() -> None:
    async def scene(wire: Wire) -> None:
        wire.gate.set()
        await asyncio.gather(*wire.send(range(3 * BATCH_COUNT_MAX)))
        assert max(map(len, wire.calls)) == BATCH_COUNT_MAX
        wire.calls.clear()
        await asyncio.gather(*wire.send(range(10), "x" * (BATCH_BYTES_MAX // 3)))
        assert max(map(len, wire.calls)) == 2
        wire.calls.clear()
        await asyncio.gather(*wire.send(range(2), "x" * (2 * BATCH_BYTES_MAX)))
        assert wire.calls == [["p0"], ["p1"]]

    play(scene)


def test_a_refusal_is_told_to_its_sender_only() -> None:
    async def scene(wire: Wire) -> None:
        wire.refused["p3"] = ApiError(ErrorCode.NOT_FOUND, "no p3", "start it", {"process_id": "p3"})
        wire.gate.set()
        outcomes = await asyncio.gather(*wire.send(range(6)), return_exceptions=True)
        assert [repr(each) for n, each in enumerate(outcomes) if n != 3] == ["None"] * 5
        assert isinstance(outcomes[3], ApiError) and outcomes[3].message == "no p3"

    play(scene)


def test_when_a_call_fails_each_sender_has_an_error_of_its_own_and_later_ones_go_on() -> None:
    async def scene(wire: Wire) -> None:
        wire.failure = ApiError(ErrorCode.UNAVAILABLE, "gone", "", {"target": "t"})
        wire.gate.set()
        outcomes = await asyncio.gather(*wire.send(range(6)), return_exceptions=True)
        assert {type(each) for each in outcomes} == {ApiError}
        assert len({id(each) for each in outcomes}) == 6
        wire.failure = None
        await asyncio.gather(*wire.send(range(6)))

    play(scene)


def test_who_gives_up_before_it_has_left_is_not_sent() -> None:
    async def scene(wire: Wire) -> None:
        under_way = []
        for number in range(CALLS_MAX):
            under_way += wire.send(range(number, number + 1))
            await turns()
        waiting = wire.send(range(10, 13))
        await turns()
        waiting[1].cancel()
        await turns()
        wire.gate.set()
        await asyncio.gather(*under_way, waiting[0], waiting[2])
        assert wire.calls[-1] == ["p10", "p12"]

    play(scene)


def test_many_messages_arrive_in_order_over_a_connection_and_refusals_come_back() -> None:
    class Choosy(FakeRuntime):
        async def send(self, request: SendRequest) -> None:
            await super().send(request)
            if request.process_id == "p7":
                raise ApiError(ErrorCode.RESOURCE_EXHAUSTED, "p7 is full", "wait", {"limit": "3"})

    async def test() -> None:
        runtime = Choosy()
        server = await serve_grpc(runtime, "127.0.0.1:0")
        transport = GrpcTransport(f"127.0.0.1:{server.port}")
        try:
            requests = [request(number) for number in range(200)]
            requests[150] = SendRequest("\ud800", "numbers", "1")  # cannot travel
            sends = [transport.send(each) for each in requests]
            outcomes = await asyncio.gather(*sends, return_exceptions=True)
        finally:
            await transport.aclose()
            await server.stop(0)
        refusals = {number: each for number, each in enumerate(outcomes) if each is not None}
        assert sorted(refusals) == [7, 150]
        full, unsendable = refusals[7], refusals[150]
        assert isinstance(full, ApiError) and isinstance(unsendable, ApiError)
        assert (full.code, full.message, full.help, full.facts) == (
            ErrorCode.RESOURCE_EXHAUSTED,
            "p7 is full",
            "wait",
            {"limit": "3"},
        )
        assert unsendable.code is ErrorCode.INVALID_ARGUMENT
        arrived = [asked[1].process_id for asked in runtime.asked]
        assert arrived == [f"p{number}" for number in range(200) if number != 150]

    asyncio.run(test())


def test_many_starts_travel_together_and_refusals_come_back() -> None:
    class Choosy(FakeRuntime):
        async def start(self, request: StartRequest) -> Started:
            await super().start(request)
            if request.process_id == "p7":
                raise ApiError(ErrorCode.ALREADY_EXISTS, "p7 exists", "another id", {"process_id": "p7"})
            return Started(request.process_id or "", created=request.process_id != "p8")

    async def test() -> None:
        runtime = Choosy()
        server = await serve_grpc(runtime, "127.0.0.1:0")
        transport = GrpcTransport(f"127.0.0.1:{server.port}")
        calls: list[int] = []
        start_many = transport._start_many
        transport._starts._ask_many = lambda requests: (calls.append(len(requests)), start_many(requests))[1]
        try:
            requests = [StartRequest("order", "[[],{}]", f"p{number}", labels={"n": "1"}) for number in range(200)]
            requests[150] = StartRequest("order", "[[],{}]", "\ud800")  # cannot travel
            outcomes = await asyncio.gather(*map(transport.start, requests), return_exceptions=True)
        finally:
            await transport.aclose()
            await server.stop(0)
        refusals = {n: each for n, each in enumerate(outcomes) if isinstance(each, BaseException)}
        assert sorted(refusals) == [7, 150]
        exists, unsendable = refusals[7], refusals[150]
        assert isinstance(exists, ApiError) and isinstance(unsendable, ApiError)
        assert (exists.code, exists.help, exists.facts) == (
            ErrorCode.ALREADY_EXISTS,
            "another id",
            {"process_id": "p7"},
        )
        assert unsendable.code is ErrorCode.INVALID_ARGUMENT
        expected = [Started(f"p{n}", created=n != 8) for n in range(200) if n not in refusals]
        assert [each for n, each in enumerate(outcomes) if n not in refusals] == expected
        assert [asked[1] for asked in runtime.asked] == [each for n, each in enumerate(requests) if n != 150]
        assert sum(calls) == 200
        assert len(calls) <= CALLS_MAX

    asyncio.run(test())


def test_a_closed_transport_fails_what_waits() -> None:
    async def test() -> None:
        transport = GrpcTransport("127.0.0.1:1")
        await transport.aclose()
        outcomes = await asyncio.gather(*(transport.send(request(n)) for n in range(3)), return_exceptions=True)
        assert [type(each) for each in outcomes] == [ApiError] * 3

    asyncio.run(test())
