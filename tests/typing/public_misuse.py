"""What a type checker refuses of the public API: each line says with which code. Never run: see `test_types.py`."""

from __future__ import annotations

from typing import Any

from runtime_client import (
    Channel,
    Client,
    Handle,
    Operation,
    Process,
    Request,
    Selected,
    TaskGroup,
    after,
    call,
    durable,
    gather,
    go,
    recv,
    select,
    send,
    sleep,
    start,
    timeout,
)


def price(item: str) -> float:
    return len(item)


@durable
async def ask(question: str) -> bool:
    return bool(question)


class Child(Process):
    async def main(self, name: str) -> bytes:
        return name.encode()


class Parent(Process):
    numbers = Channel[int]()
    quotes = Channel[Request[str, float]]()

    async def work(self, count: int) -> str:
        return "x" * count

    async def channels(self) -> None:
        text: str = await recv(self.numbers)  # E: arg-type
        await recv(3)  # E: call-overload
        await send(self.numbers, text)  # E: call-overload
        await self.numbers.send(text)  # E: arg-type
        await send(self.numbers)  # E: call-overload
        await self.numbers  # E: misc
        async for number in self.numbers:
            number.upper()  # E: attr-defined
        asked = await recv(self.quotes)
        asked.reply("much")  # E: arg-type
        asked.value + 1  # E: operator

    async def time(self) -> None:
        await sleep("1")  # E: arg-type
        late: int = await after(1)  # E: assignment func-returns-value
        timeout("1")  # E: arg-type
        late.bit_count()

    async def effects(self) -> None:
        text: str = await call(price, "tea")  # E: arg-type
        await call(price("tea"))  # E: call-overload
        await call(price, "tea", retry=3)  # E: call-overload
        text.upper()

    async def selects(self) -> None:
        match await select(recv(self.numbers), after(3)):
            case (0, number):
                number.upper()  # E: attr-defined
            case (1, nothing):
                nothing.upper()  # E: attr-defined
        await select(self.work(1), after(3))  # E: call-overload
        await select(late=3)  # E: call-overload
        await select(self.numbers)  # E: call-overload
        chosen: Selected[str, int] = await select(recv(self.numbers))  # E: assignment
        chosen.other  # E: attr-defined

    async def goroutines(self) -> None:
        go(self.work)  # E: arg-type
        go(3)  # E: arg-type
        go(recv(self.numbers))  # E: arg-type
        handle: Handle[int] = go(self.work(3))  # E: arg-type
        answer: str = await go(ask("?"))  # E: arg-type
        await self.work  # E: misc
        self.work(answer)  # E: arg-type unused-coroutine
        handle.cancel()

    async def together(self) -> None:
        numbers: list[int] = await gather(self.work(1))  # E: arg-type
        gather(3)  # E: call-overload
        async with TaskGroup() as group:
            group.go(self.work)  # E: arg-type
        numbers.clear()

    async def processes(self) -> None:
        child = start(Child, "ada")
        await child  # E: misc
        text: str = await child.result()  # E: assignment
        child.send(self.numbers, text)  # E: call-overload
        start(price)  # E: call-overload
        waiting: list[Operation[int]] = [recv(self.numbers), after(3)]  # E: list-item
        waiting.clear()


async def outside(client: Client, unknown: Any) -> None:
    ref = await client.start(Child, "ada")
    text: str = await ref.result()  # E: assignment
    await ref.request(Parent.quotes, 3)  # E: misc
    await client.start(3)  # E: call-overload
    unknown.anything(text)
