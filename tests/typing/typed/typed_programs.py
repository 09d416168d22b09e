"""Programs that mypy accepts in strict mode, each with something that a compiler may make it stumble over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final, Generic, Literal, Protocol, TypeVar, assert_never

from typed_bases import Greeter

from runtime_client import (
    Channel,
    Process,
    Request,
    Saga,
    after,
    call,
    durable,
    emit,
    gather,
    go,
    make_channel,
    recv,
    select,
    send,
    sleep,
    timeout,
)

T = TypeVar("T")
Answer = int | None


@dataclass(frozen=True)
class Circle:
    radius: float


@dataclass(frozen=True)
class Square:
    side: float


Shape = Circle | Square


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Named(Protocol):
    name: str


async def fetch(name: str) -> int | None:
    return len(name) or None


class Narrowing(Process):
    """Variables that a test narrows, and that are read after a suspension."""

    answers = Channel[int]()
    last: int | None = None

    async def main(self, limit: int | None, shape: Shape, color: Color = Color.RED) -> float:
        if limit is None:
            return 0.0
        await sleep(limit)
        area = await self.area(shape) + limit
        found: str | None = None
        found = "found"
        await sleep(1)
        print(found.upper())
        value: object = await call(fetch, found)
        assert isinstance(value, int)
        await sleep(value)
        area += value
        answer: Answer
        answer = 3
        await sleep(answer)
        area += answer
        if (seen := self.last) is not None:
            await sleep(1)
            area += seen
        await self.colored(color)
        return area

    async def area(self, shape: Shape) -> float:
        match shape:
            case Circle(radius):
                await sleep(0)
                return radius * radius * 3
            case Square():
                await sleep(0)
                return shape.side * shape.side
            case _:
                assert_never(shape)

    async def colored(self, color: Color) -> Literal["warm", "cold"]:
        if color is Color.RED:
            await sleep(0)
            return "warm"
        await sleep(0)
        kind: Literal["cold"] = "cold"
        await sleep(0)
        return kind

    async def numbered(self, items: Sequence[int | None]) -> list[int]:
        kept: list[int] = []
        for item in items:
            if item is None:
                continue
            await sleep(item)
            kept.append(item + 1)
        return kept


class Parameters(Process):
    """Parameters of every kind."""

    async def main(self, first: int, /, second: str = "b", *rest: int, flag: bool = False, **named: str) -> str:
        await sleep(first)
        total: Final = sum(rest)
        await sleep(total)
        return second + named.get("x", "") + str(flag)

    @staticmethod
    @durable
    async def static(value: int) -> int:
        await sleep(value)
        return value

    @classmethod
    @durable
    async def of_the_class(cls, value: int) -> str:
        await sleep(value)
        return cls.__name__


class Loud(Greeter):
    """Overrides what its base has, and calls it."""

    async def main(self, name: str) -> str:
        await sleep(0)
        return (await super().main(name)).upper()

    async def decorated(
        self,
        text: str,
    ) -> str:
        await sleep(0)
        return f"{text}!"


class Louder(Loud):
    async def decorated(self, text: str) -> str:
        shouted = await super().decorated(text)
        await sleep(1)
        return shouted * 2


class Box(Process, Generic[T]):
    """A generic process with a generic helper."""

    async def main(self, value: T, others: list[T]) -> T:
        await sleep(0)
        return await self.first(value, others)

    async def first(self, value: T, others: list[T]) -> T:
        kept: list[T] = [value, *others]
        await sleep(0)
        return kept[0]


@durable
async def twice(make: Callable[[], T], channel: Channel[T]) -> tuple[T, T]:
    """A durable function of a type variable."""
    first = make()
    await sleep(0)
    second, ok = await recv(channel), True
    await sleep(1 if ok else 2)
    return first, second


class Declared(Process):
    """Locals declared once and bound in several states."""

    questions = Channel[Request[str, int]]()
    words = Channel[str](3)

    async def main(self) -> float:
        total: float = 0
        names: list[str] = []
        await sleep(0)
        names = []
        total = 1
        total = total / 2
        names.append("x")
        await sleep(0)
        for index, name in enumerate(names):
            await send(self.words, name)
            total += index
        return total

    async def serving(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        async for request in self.questions:
            counts[request.value] = counts.get(request.value, 0) + 1
            await sleep(0)
            request.reply(counts[request.value])
        return counts

    async def racing(self) -> str:
        line: Channel[int] = make_channel(2)
        handle = go(self.producing(line))
        try:
            async with timeout(3):
                match await select(number=recv(line), late=after(timedelta(seconds=1))):
                    case ("number", number):
                        emit(number)
                        await sleep(0)
                        return str(number)
                    case _:
                        pass
        except TimeoutError as error:
            await sleep(0)
            return str(error)
        finally:
            await handle
        one, two = await gather(self.producing(line), sleep(1))
        async with Saga() as saga:
            saga.compensate(call(fetch, "undo"))
            await call(fetch, "do")
        return f"{one} {two}"

    async def producing(self, line: Channel[int]) -> int:
        async def one_more(count: int) -> int:
            await send(line, count)
            return count + 1

        made = await one_more(1)
        keep: Callable[[int], int] = lambda value: value + made
        await sleep(0)
        result: int = keep(2)
        return result


def plain(named: Named) -> str:
    return asyncio.__name__ + named.name
