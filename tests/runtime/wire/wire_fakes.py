"""A small runtime without processes: what is asked of it is kept, what it answers is known, what it refuses is set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from slct_runtime.core.queues import QueueLimits, RateLimit
from slct_runtime.wire.api import (
    ApiError,
    AskRequest,
    ChannelInfo,
    EditRequest,
    EffectInfo,
    ErrorCode,
    ForkRequest,
    FrameInfo,
    GoroutineInfo,
    HeldPlace,
    HeldReason,
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
from slct_runtime.wire.work import DefinitionRecord, FromWorker, Register, ToWorker

T = TypeVar("T")

TEST_TIMEOUT_S = 15.0


def run(test: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run an asynchronous test; one that hangs fails."""

    async def limited() -> T:
        async with asyncio.timeout(TEST_TIMEOUT_S):
            return await test()

    return asyncio.run(limited())


QUEUE = QueueInfo(QueueLimits("mail", 0, 2, RateLimit(100, 60_000)), 7, 1, 3)
PARKED = ParkedCount("orders:Order.main", "Main_RecvPayments", 7)
VERSION = VersionInfo("order", "2", MovePolicy.PIN, 7, True, 3, {"running": 5, "faulted": 1})
TAKEOVER = TakeoverInfo(
    "order",
    "1",
    "2",
    7,
    5,
    0,
    (
        HeldPlace(
            "orders:Order.main",
            "Main_RecvPayments",
            "orders.py:17",
            "await recv(self.payments)",
            2,
            (HeldReason("a", "b", True),),
        ),
    ),
)
HISTORY_ENTRY = HistoryEntry(3, 7, goroutine_id=1, woken_by="recv(payments)", asks=("after x",), waited_ms=4)


class FakeSession(WorkerSession):
    """Gives the orders it is given with `order`, keeps what the worker says."""

    def __init__(self, registration: Register) -> None:
        self.registration = registration
        self.orders: list[ToWorker] = []
        self.words: list[FromWorker] = []
        self.is_closed = False
        self.takes_count = 0
        self._changed = asyncio.Condition()

    async def order(self, *orders: ToWorker) -> None:
        async with self._changed:
            self.orders.extend(orders)
            self._changed.notify_all()

    async def take(self) -> list[ToWorker]:
        async with self._changed:
            await self._changed.wait_for(lambda: self.orders or self.is_closed)
            self.takes_count += 1
            orders, self.orders = self.orders, []
            return orders

    async def answer(self, batch: list[FromWorker]) -> None:
        async with self._changed:
            self.words.extend(batch)
            self._changed.notify_all()

    async def close(self) -> None:
        async with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    async def until(self, happened: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(happened)

    async def until_closed(self) -> None:
        await self.until(lambda: self.is_closed)


class FakeRuntime(RuntimeApi):
    """Keeps requests in `asked`. `refusal`, when set, is what every method raises."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.refusal: BaseException | None = None
        self.started: dict[str, StartRequest] = {}
        self.deployed: tuple[DefinitionRecord, ...] = ()
        self.sessions: list[FakeSession] = []
        self.outcomes: dict[str, ProcessOutcome] = {}
        self.events: asyncio.Queue[WatchEvent | None] = asyncio.Queue()
        self.watchers_count = 0
        self.changed = asyncio.Condition()
        self._telling: set[asyncio.Future[None]] = set()

    def note(self, *request: Any) -> None:
        self.asked.append(request)
        telling = asyncio.ensure_future(self._tell())  # whoever waits for a request to arrive looks again
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)
        if self.refusal is not None:
            raise self.refusal

    async def until(self, happened: Callable[[], bool]) -> None:
        async with self.changed:
            await self.changed.wait_for(happened)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def start(self, request: StartRequest) -> Started:
        self.note("start", request)
        process_id = request.process_id or "made-up"
        created = process_id not in self.started
        self.started.setdefault(process_id, request)
        return Started(process_id, created)

    async def send(self, request: SendRequest) -> None:
        self.note("send", request)
        if request.wait:
            await asyncio.Event().wait()

    async def ask(self, request: AskRequest) -> str:
        self.note("ask", request)
        if request.timeout_ms is None:
            await asyncio.Event().wait()
        return '"answer"'

    async def history(self, process_id: str, after_seq: int, limit: int) -> list[HistoryEntry]:
        self.note("history", process_id, after_seq, limit)
        return [HISTORY_ENTRY]

    async def close_channel(self, process_id: str, channel: str) -> None:
        self.note("close_channel", process_id, channel)

    async def cancel(self, process_id: str) -> None:
        self.note("cancel", process_id)

    async def terminate(self, process_id: str) -> None:
        self.note("terminate", process_id)

    async def retry(self, process_id: str) -> None:
        self.note("retry", process_id)

    async def edit(self, request: EditRequest) -> Sequence[str]:
        self.note("edit", request)
        return ("paid = 100 (was 40)",)

    async def fork(self, request: ForkRequest) -> Started:
        self.note("fork", request)
        return Started(request.new_id or "made-up", request.new_id is None)

    async def describe(self, process_id: str) -> ProcessDescription:
        self.note("describe", process_id)
        return description(process_id)

    async def list(self, request: ListRequest) -> list[ProcessInfo]:
        self.note("list", request)
        return [info(process_id) for process_id in sorted(self.started)]

    async def finish(self, process_id: str, outcome: ProcessOutcome) -> None:
        self.outcomes[process_id] = outcome
        await self._tell()

    async def result(self, process_id: str, timeout_ms: int | None) -> ProcessOutcome:
        self.note("result", process_id, timeout_ms)
        await self._tell()
        try:
            async with asyncio.timeout(None if timeout_ms is None else timeout_ms / 1000):
                await self.until(lambda: process_id in self.outcomes)
        except TimeoutError:
            raise ApiError(ErrorCode.DEADLINE_EXCEEDED, f"process {process_id!r} still runs") from None
        return self.outcomes[process_id]

    async def watch(self, process_id: str, from_offset: int = 0) -> AsyncIterator[WatchEvent]:
        self.note("watch", process_id, from_offset)
        self.watchers_count += 1
        try:
            while (event := await self.events.get()) is not None:
                yield event
        finally:
            self.watchers_count -= 1
            await self._tell()

    async def deploy(self, definitions: tuple[DefinitionRecord, ...], policy: MovePolicy = MovePolicy.AUTO) -> None:
        self.note("deploy", definitions, policy)
        self.deployed = definitions

    async def check(self, definitions: tuple[DefinitionRecord, ...]) -> Sequence[TakeoverInfo]:
        self.note("check", definitions)
        return [TAKEOVER]

    async def parked(self, definition: str, version: str | None) -> Sequence[ParkedCount]:
        self.note("parked", definition, version)
        return [PARKED]

    async def versions(self) -> Sequence[VersionInfo]:
        self.note("versions")
        return [VERSION]

    async def move(self, process_id: str, version: str) -> None:
        self.note("move", process_id, version)

    async def definitions(self) -> tuple[DefinitionRecord, ...]:
        self.note("definitions")
        return self.deployed

    async def set_queue(self, limits: QueueLimits) -> None:
        self.note("set_queue", limits)

    async def queues(self) -> Sequence[QueueInfo]:
        self.note("queues")
        return [QUEUE]

    async def serve(self, registration: Register) -> WorkerSession:
        self.note("serve", registration)
        session = FakeSession(registration)
        self.sessions.append(session)
        await self._tell()
        return session

    async def aclose(self) -> None:
        pass


def info(process_id: str) -> ProcessInfo:
    return ProcessInfo(process_id, "order", "1", "running", 7, 1000, 2000, 3000, {"country": "se"})


def description(process_id: str) -> ProcessDescription:
    frame = FrameInfo("Order.main", "Main_SelectPayment", "orders.py:22", {"total": "100", "customer": '"ada"'})
    return ProcessDescription(
        info=info(process_id),
        fields={"paid": "40", "also": "null"},
        goroutines=(GoroutineInfo(1, "parked", ("recv(payments)", "after 2026-01-01T00:00:00+00:00"), (frame,)),),
        channels=(ChannelInfo("payments", 0, 3, False),),
        effects=(EffectInfo(4, "orders_io:charge_card", 2, 5000, "ConnectionError: no route"),),
        result=None,
        error="",
        unreceived_count=1,
        worker_count=2,
    )
