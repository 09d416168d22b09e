"""What lies between clients or workers and the runtime: calls and sessions that are late, lost, repeated and cut.

Speaks `RuntimeApi` and `WorkerSession`, so that clients and workers cannot tell it from the wire; and holds everything that
leaves the runtime against what is durable at that moment (rule 26).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from slct_runtime.runtime import Runtime
from slct_runtime.wire.api import ApiError, ErrorCode, MovePolicy, RuntimeApi, WorkerSession
from slct_runtime.wire.work import FromWorker, RunEffect, ToWorker

from ._disk import ENDED, Disk, Violation, require


def gone(what: str = "the connection was lost") -> ApiError:
    return ApiError(ErrorCode.UNAVAILABLE, what)


class Network(RuntimeApi):
    """The way to whichever runtime is up."""

    def __init__(self, chance: random.Random, disk: Disk, trace: Callable[[str], None]) -> None:
        self.chance = chance
        self.disk = disk
        self.trace = trace
        self.runtime: Runtime | None = None
        self.is_calm = False
        self.tasks: dict[asyncio.Task[Any], None] = {}

    def note(self, check: Callable[[], None]) -> None:
        try:
            check()
        except Violation as violation:
            self.disk.violation = self.disk.violation or violation

    async def delay(self) -> None:
        await asyncio.sleep(
            self.chance.uniform(0.0005, 0.02) if self.chance.random() < 0.9 else self.chance.uniform(0, 1)
        )

    def is_hit(self, odds: float) -> bool:
        return not self.is_calm and self.chance.random() < odds

    async def _call(self, name: str, *arguments: Any) -> Any:
        await self.delay()
        if self.is_hit(0.04):
            raise gone()  # lost on its way
        runtime = self.runtime
        if runtime is None:
            raise gone("nobody listens")
        may_repeat = name == "start" or (name == "send" and arguments[0].key is not None)
        if may_repeat and self.is_hit(0.03):
            self._repeat(runtime, name, arguments)
        answer = await self._while_up(runtime, getattr(runtime, name)(*arguments))
        self.note(lambda: self._check(name, arguments, answer))
        await self.delay()
        if self.is_hit(0.04) or self.runtime is not runtime:
            raise gone()  # the answer is lost
        return answer

    def _repeat(self, runtime: Runtime, name: str, arguments: tuple[Any, ...]) -> None:
        async def again() -> None:
            await self.delay()
            try:
                await getattr(runtime, name)(*arguments)
            except ApiError:
                pass  # nobody hears it

        self.spawn(again())

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self.tasks[task] = None
        task.add_done_callback(lambda done: self.tasks.pop(done, None))
        return task

    async def _while_up(self, runtime: Runtime, work: Any) -> Any:
        """Its answer; an end of the connection if the runtime dies first."""
        asked = self.spawn(work)
        while not asked.done():
            if self.runtime is not runtime:
                asked.cancel()
                raise gone()
            await asyncio.wait([asked], timeout=0.5)
        if self.runtime is not runtime:
            asked.cancelled() or asked.exception()
            raise gone()
        return asked.result()

    def _check(self, name: str, arguments: tuple[Any, ...], answer: Any) -> None:
        disk = self.disk
        match name:
            case "start":
                require(
                    answer.process_id in disk.status, f"start of {answer.process_id} was answered, and is not stored"
                )
            case "send" if arguments[0].key is not None:
                sent = arguments[0]
                stored = (sent.process_id, sent.key) in disk.keys_ever
                require(stored, f"message {sent.key} to {sent.process_id} was answered, and is not stored")
            case "result":
                require(disk.status[arguments[0]] in ENDED, f"the end of {arguments[0]} was told, and is not stored")
                require(disk.status[arguments[0]] == answer.status, f"{arguments[0]} was told to be {answer.status}")
            case "ask":
                held = disk.replies.get((arguments[0].process_id, arguments[0].key))
                require(held == answer, f"answer {answer} to {arguments[0].key} was told, stored is {held}")

    def require_stored(self, effect: tuple[str, int], progress: str | None) -> None:
        """Rule 26: an effect that has left is on disk, and so is what it is told of attempts before it."""
        require(effect in self.disk.effects_ever, f"{effect} was dispatched, and is not stored")
        is_stored = progress is None or progress in self.disk.progress[effect]
        require(is_stored, f"{effect} was dispatched with progress {progress}, which is not stored")

    async def history(self, process_id: str, after_seq: int, limit: int) -> Any:
        return await self._call("history", process_id, after_seq, limit)

    async def start(self, request: Any) -> Any:
        return await self._call("start", request)

    async def send(self, request: Any) -> None:
        await self._call("send", request)

    async def ask(self, request: Any) -> Any:
        return await self._call("ask", request)

    async def close_channel(self, process_id: str, channel: str) -> None:
        await self._call("close_channel", process_id, channel)

    async def cancel(self, process_id: str) -> None:
        await self._call("cancel", process_id)

    async def terminate(self, process_id: str) -> None:
        await self._call("terminate", process_id)

    async def retry(self, process_id: str) -> None:
        await self._call("retry", process_id)

    async def edit(self, request: Any) -> Any:
        return await self._call("edit", request)

    async def fork(self, request: Any) -> Any:
        return await self._call("fork", request)

    async def describe(self, process_id: str) -> Any:
        return await self._call("describe", process_id)

    async def list(self, request: Any) -> Any:
        return await self._call("list", request)

    async def result(self, process_id: str, timeout_ms: int | None) -> Any:
        return await self._call("result", process_id, timeout_ms)

    async def deploy(self, definitions: Any, policy: MovePolicy = MovePolicy.AUTO) -> None:
        await self._call("deploy", definitions, policy)

    async def check(self, definitions: Any) -> Any:
        return await self._call("check", definitions)

    async def parked(self, definition: str, version: str | None) -> Any:
        return await self._call("parked", definition, version)

    async def versions(self) -> Any:
        return await self._call("versions")

    async def move(self, process_id: str, version: str) -> None:
        await self._call("move", process_id, version)

    async def definitions(self) -> Any:
        return await self._call("definitions")

    async def aclose(self) -> None:
        """Clients come and go; the network stays."""

    async def watch(self, process_id: str, from_offset: int = 0) -> AsyncIterator[Any]:
        await self.delay()
        runtime = self.runtime
        if runtime is None:
            raise gone()
        events = runtime.watch(process_id, from_offset)
        try:
            while True:
                event = await self._while_up(runtime, _next(events))
                if event is None:
                    return
                if event.kind == "output":
                    self.note(partial(self._check_output, process_id, event))
                if self.is_hit(0.02):
                    raise gone()
                yield event
        finally:
            await self.spawn(_close(events))

    def _check_output(self, process_id: str, event: Any) -> None:
        held = self.disk.outputs[process_id]
        stored = event.offset < len(held) and held[event.offset] == event.payload
        require(stored, f"{process_id}: output {event.offset} was told, and is not stored")

    async def set_queue(self, limits: Any) -> None:
        await self._call("set_queue", limits)

    async def queues(self) -> Any:
        return await self._call("queues")

    async def serve(self, registration: Any) -> WorkerSession:
        await self.delay()
        runtime = self.runtime
        if runtime is None or self.is_hit(0.05):
            raise gone()
        return SimulatedSession(self, runtime, await self._while_up(runtime, runtime.serve(registration)))


async def _next(events: Any) -> Any:
    try:
        return await anext(events)
    except StopAsyncIteration:
        return None


async def _close(events: Any) -> None:
    try:
        await events.aclose()
    except (ApiError, RuntimeError):
        pass


class SimulatedSession(WorkerSession):
    """One worker's connection. After a cut both sides find out in their own time; what was said too late is still said."""

    def __init__(self, network: Network, runtime: Runtime, session: WorkerSession) -> None:
        self._network = network
        self._runtime = runtime
        self._session = session
        self._is_cut = False
        self._saying: asyncio.Task[None] | None = None

    async def take(self) -> list[ToWorker]:
        network = self._network
        if self._is_cut:
            raise gone()
        batch: list[ToWorker] = await network._while_up(self._runtime, self._session.take())
        for order in batch:
            if isinstance(order, RunEffect):
                network.note(
                    partial(network.require_stored, (order.process_id, order.request.effect_id), order.progress)
                )
        await network.delay()
        if network.is_hit(0.02):
            await self._cut()
            if network.is_hit(0.5):
                raise gone()  # else this worker has not noticed, and goes on
        return batch

    async def answer(self, batch: list[FromWorker]) -> None:
        """Said in order: each word after the one before."""
        before, network = self._saying, self._network

        async def say() -> None:
            if before is not None:
                await asyncio.wait([before])
            await network.delay()
            if network.is_hit(0.02):
                await asyncio.sleep(network.chance.uniform(1, 40))  # a worker that sleeps, and wakes up late
            if network.is_hit(0.02):
                await self._cut()
                if network.is_hit(0.5):
                    return
            if network.runtime is self._runtime:
                await self._session.answer(batch)
                if network.is_hit(0.05):
                    await self._session.answer(batch)  # said twice

        self._saying = network.spawn(say())
        await asyncio.shield(self._saying)
        if self._is_cut:
            raise gone()

    async def _cut(self) -> None:
        self._is_cut = True
        if self._network.runtime is self._runtime:
            await self._session.close()

    async def close(self) -> None:
        await self._cut()
