"""Uncompiled processes: coroutines as an author writes them."""

from __future__ import annotations

import abc
import asyncio
import sys
from typing import Any, ClassVar, Generic, TypeVar

from runtime_client import (
    Cancelled,
    Channel,
    Process,
    durable,
    emit,
    go,
    make_channel,
    process,
    recv,
    send,
    sleep,
)

T = TypeVar("T")


@durable
async def look() -> str:
    """What the caller handles."""
    await sleep(0)
    return repr(sys.exc_info()[1])


@durable
async def reraise() -> None:
    await sleep(0)
    raise


@durable
async def another() -> None:
    await sleep(0)
    raise LookupError("another")


class Handlers(Process):
    log: list[Any] = []

    async def main(self, way: str) -> list[Any]:
        try:
            await sleep(0)
            raise ValueError("first")
        except ValueError:
            await sleep(0)
            self.log.append(repr(sys.exc_info()[1]))
            match way:
                case "bare":
                    raise
                case "chain":
                    raise KeyError("second") from None
                case "stop":
                    raise StopIteration(3)  # noqa: B904 - its implicit context is what is looked at
                case "look":
                    self.log.append(await look())
                case "reraise":
                    await reraise()
                case "another":
                    await another()
        finally:
            self.log.append(repr(sys.exc_info()[1]))
        return self.log


class Mixin:
    """An ordinary class beside a process class."""

    async def helper(self, number: int) -> int:
        await sleep(0)
        return number + 1


class Abstract(Process, abc.ABC, Generic[T]):
    limit: ClassVar[int] = 3
    count: int = 0

    @abc.abstractmethod
    async def step(self) -> int: ...

    async def main(self, start: int = 1) -> int:
        """Counts."""
        self.count = start
        while self.count < self.limit:
            self.count = await self.step()
        return self.count


class Concrete(Mixin, Abstract[int]):
    async def step(self) -> int:
        return await self.helper(self.count)

    async def main(self, start: int = 1) -> int:
        return await super().main(start) + await self.twice(start) + await self.named()

    @staticmethod
    async def twice(number: int) -> int:
        await sleep(0)
        return number * 2

    @classmethod
    async def named(cls) -> int:
        await sleep(0)
        return len(cls.__name__)


class Deep(Process):
    async def main(self, n: int, fails: bool = False) -> int:
        return await self.down(n, fails)

    async def down(self, n: int, fails: bool) -> int:
        if n == 0:
            await sleep(0)
            if fails:
                raise LookupError("at the bottom")
            return 0
        return await self.down(n - 1, fails) + 1


class Dropped(Process):
    ran: ClassVar[list[str]] = []

    async def main(self) -> str:
        go(self.wait_for_ever())
        await sleep(0)
        return "done"

    async def wait_for_ever(self) -> None:
        try:
            await recv(None)
        finally:
            self.ran.append("finally")


class FramesTravel(Process):
    """D11: a frame that has not started crosses a channel with copies of its arguments."""

    async def main(self) -> list[Any]:
        line = make_channel(1)
        given = [1]
        frame = self.grow(given)
        await send(line, frame)
        received = await recv(line)
        first = await received
        try:
            await received
        except RuntimeError as error:
            return [given, first, "started already" in str(error), await frame]
        return []

    async def grow(self, items: list[int]) -> list[int]:
        await sleep(0)
        items.append(2)
        return items


class Item:
    """An ordinary class with durable methods."""

    def __init__(self, name: str) -> None:
        self.name = name

    @durable
    async def __aenter__(self) -> str:
        await sleep(0)
        return self.name

    @durable
    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> bool:
        await sleep(0)
        emit(kind.__name__ if kind else "no error")
        return True


class Managers(Process):
    async def main(self) -> str:
        async with Item("a") as name:
            await sleep(0)
            raise KeyError(name)
        return "suppressed"


async def plain() -> int:
    await sleep(0)
    return 1


class Wrong(Process):
    async def main(self, what: str) -> str:
        try:
            match what:
                case "asyncio":
                    await asyncio.sleep(0)
                case "plain":
                    await plain()
                case "number":
                    await 5
                case "undeclared":
                    await recv("nobody")
                case "arguments":
                    await self.other(1, 2)
                case "local":

                    async def local() -> str:
                        await sleep(0)
                        return "a local coroutine is durable"

                    return await local()
        except (TypeError, LookupError) as error:
            return f"{type(error).__name__}: {error}"
        return "no error"

    async def other(self, number: int) -> None: ...


class Interrupted(Process):
    async def main(self) -> None:
        await sleep(0)
        raise KeyboardInterrupt


class NeverRuns(Process):
    """D5: a goroutine that is cancelled before it began never runs, and who joins it is told so."""

    line = Channel[int]()

    async def main(self) -> str:
        handle = go(self.other())
        handle.cancel()
        assert handle.done()
        try:
            await handle
        except Cancelled:
            return "cancelled"
        return "ran"

    async def other(self) -> None:
        emit("ran")


@process(name="greeting", on_fault="fail")
async def greet(name: str) -> str:
    """Greets."""
    await sleep(0)
    return f"hello {name}"
