"""What a type checker makes of correct use of the public API. Never run: see `test_types.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, assert_type

from runtime_client import (
    Channel,
    ChildRef,
    Client,
    Frame,
    Handle,
    Operation,
    Process,
    ProcessRef,
    Request,
    Retry,
    Saga,
    Selected,
    SyncClient,
    TaskGroup,
    after,
    call,
    close,
    default,
    durable,
    emit,
    gather,
    go,
    make_channel,
    now,
    process,
    recv,
    select,
    send,
    sleep,
    start,
    timeout,
)
from runtime_client.testing import Simulation


def price(item: str, count: int = 1) -> float:
    return len(item) * count


async def fetch(url: str) -> bytes:
    return url.encode()


def anything(value: Any) -> Any:
    return value


@durable
async def ask(question: str) -> bool:
    return bool(question)


@process
async def counter(limit: int) -> int:
    return limit


class Child(Process):
    async def main(self, name: str) -> bytes:
        return name.encode()


class Parent(Process):
    numbers = Channel[int]()
    lines = Channel[dict[str, object]]()
    texts = Channel[str](capacity=3)
    quotes = Channel[Request[str, float]]()
    pending: list[Coroutine[Any, Any, str]] = []
    running: list[Handle[str]] = []
    last: Selected | None = None

    async def main(self) -> str:
        return ""

    async def work(self, count: int) -> str:
        return "x" * count

    async def channels(self, maybe: Channel[int] | None, name: str, either: Channel[int] | str) -> None:
        assert_type(await recv(self.numbers), int)
        assert_type(await self.numbers.recv(), int)
        assert_type(await recv(maybe), int)
        assert_type(await recv(name), Any)
        assert_type(await recv(either), int | Any)
        assert_type(await recv(None), Any)
        seen: list[object] = [await recv(self.numbers), await self.numbers.recv()]
        seen.append(await recv(self.numbers))
        perhaps: int | None = await recv(self.numbers)
        perhaps = await recv(maybe)
        seen.append(perhaps)
        assert_type(await send(self.numbers, 1), None)
        assert_type(await self.numbers.send(1), None)
        await send(name, object())
        await send(maybe, 1)
        await send(either, 1)
        await send(None, "never")
        await send(self.lines, {"tea": 1})
        await send(self.lines, {})
        async for number in self.numbers:
            assert_type(number, int)
        made: Channel[list[int]] = make_channel(capacity=2)
        assert_type(await made.recv(), list[int])
        assert_type(len(made), int)
        close(made)
        close(name)

    async def requests(self) -> None:
        asked = await recv(self.quotes)
        assert_type(asked, Request[str, float])
        assert_type(asked.value, str)
        asked.reply(1.5)

    async def time(self) -> None:
        assert_type(await after(timedelta(days=1)), None)
        assert_type(await sleep(0.5), None)
        assert_type(await sleep(now()), None)
        assert_type(now(), datetime)

    async def effects(self) -> None:
        assert_type(await call(price, "tea", count=2), float)
        assert_type(await call(fetch, "tea", retry=Retry.never(), timeout=3, key="k", at_most_once=True), bytes)
        assert_type(await call(partial(price, "tea")), float)
        assert_type(await call(anything, 1), Any)
        assert_type(await call(str, 1), str)
        perhaps: float | None = await call(price, "tea")
        seen: list[object] = [perhaps, await call(fetch, ""), await go(self.work(1)), await start(Child, "").result()]
        seen.append(await call(price, "tea"))
        seen.append(await gather(self.work(1), sleep(0)))
        seen.append(await select(recv(self.numbers), after(1)))
        everything: list[object] = await gather(self.work(1), recv(self.numbers))
        seen.append(everything)

    async def selects(self) -> None:
        chosen = await select(recv(self.numbers), after(3))
        assert_type(chosen, Selected[Literal[0], int] | Selected[Literal[1], None])
        assert_type(chosen.value, int | None)
        assert_type(chosen.ok, bool)
        if chosen.case == 0:
            assert_type(chosen.value, int)
        case, value = chosen
        assert_type(case, Literal[0, 1])
        assert_type(value, int | None)
        match await select(recv(self.numbers), self.texts.recv(), call(fetch, ""), default()):
            case (0, number):
                assert_type(number, int)
            case (1, text):
                assert_type(text, str)
            case (2, fetched):
                assert_type(fetched, bytes)
            case (_, nothing):
                assert_type(nothing, None)
        named = await select(number=recv(self.numbers), late=after(3), label="Waiting")
        assert_type(named, Selected[str, Any])
        match named:
            case ("number", amount):
                assert_type(amount, Any)
        mixed = await select(recv(self.numbers), late=after(3))
        assert_type(mixed, Selected[Any, Any])
        assert_type(await select(*[recv(self.numbers), recv(self.numbers)]), Selected[int, int])
        self.last = mixed
        waiting: list[Operation] = [recv(self.numbers), after(3)]
        await select(*waiting)

    async def goroutines(self) -> None:
        handle = go(self.work(3))
        assert_type(handle, Handle[str])
        assert_type(await handle, str)
        assert_type(await handle.join(), str)
        assert_type(handle.done(), bool)
        assert_type(await go(ask("?")), bool)
        assert_type(await select(go(self.work(1)), after(1)), Selected[Literal[0], str] | Selected[Literal[1], None])
        self.pending.append(self.work(1))
        self.running.append(go(self.pending.pop()))
        later: Awaitable[str] = self.work(2)
        assert_type(await later, str)

    async def together(self) -> None:
        assert_type(await gather(self.work(1), self.work(2)), list[str])
        assert_type(await gather(self.work(1), recv(self.numbers)), list[str | int])
        assert_type(await gather(self.work(1), recv(self.numbers), go(ask("?"))), list[str | int | bool])
        assert_type(await gather(*[self.work(n) for n in range(9)]), list[str])
        assert_type(gather(self.work(1)), Frame[list[str]])
        async with TaskGroup() as group:
            assert_type(await group.go(self.work(3)), str)
        async with timeout(timedelta(hours=1)) as limit:
            assert_type(limit.expired(), bool)
        async with Saga() as saga:
            saga.compensate(call(price, "tea"))
            saga.compensate(self.work(1))

    async def processes(self) -> None:
        child = start(Child, "ada", id="child-1")
        assert_type(child, ChildRef[bytes])
        assert_type(await child.result(), bytes)
        assert_type(await start("child", "ada").result(), Any)
        assert_type(await start(counter, 3).result(), Any)
        child.send(self.numbers, 1)
        child.send("numbers", "anything")
        child.send(self.lines, {"tea": 1})
        assert_type(self.id, str)
        self.labels["country"] = "se"
        emit(object())


async def outside(client: Client, simulation: Simulation) -> None:
    ref = await client.start(Parent, id="parent-1", labels={"country": "se"})
    assert_type(ref, ProcessRef[str])
    assert_type(await ref.result(timeout=3), str)
    assert_type(await ref.request(Parent.quotes, "tea"), float)
    assert_type(await ref.request("quotes", "tea"), Any)
    perhaps: float | None = await ref.request(Parent.quotes, "tea")
    result: str | None = await ref.result()
    print(perhaps, result)
    await ref.send(Parent.numbers, 1, key="k")
    await ref.send("numbers", 1)
    assert_type(await (await client.start("parent")).result(), Any)
    assert_type(await client.get("parent-1").result(), Any)
    known: ProcessRef = client.get("parent-1")
    await known.cancel()
    simulated = await simulation.start(Child, "ada")
    assert_type(await simulated.result(), bytes)
    assert_type(await simulated.request(Parent.quotes, "tea"), float)


def without_await(client: SyncClient) -> None:
    ref = client.start(Parent)
    assert_type(ref.result(), str)
    assert_type(ref.request(Parent.quotes, "tea"), float)
    ref.send(Parent.numbers, 1)
