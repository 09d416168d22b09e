"""Processes that the tests of single details run."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from runtime_client import (
    CallFailed,
    Channel,
    Process,
    ProcessError,
    Request,
    Retry,
    after,
    call,
    current_effect,
    emit,
    go,
    heartbeat,
    make_channel,
    now,
    recv,
    select,
    send,
    sleep,
)

SHELVES: list[str] = []
"""A mutable object of a module, which belongs to no process."""


class NoTea(ProcessError):
    """An author's error, with an argument of its own."""

    def __init__(self, shelf: int) -> None:
        super().__init__(shelf)
        self.shelf = shelf


class Clock(Process):
    async def main(self) -> list[float]:
        start, seen = now(), []
        for seconds in (1, 2, 5):
            await sleep(timedelta(seconds=seconds))
            seen.append((now() - start).total_seconds())
        return seen


async def noted(name: str) -> str:
    EFFECTS.append(name)
    return name


EFFECTS: list[str] = []


class Effects(Process):
    async def main(self) -> list[str]:
        first = await call(noted, "first")
        picked = await select(slow=call(noted, "second"), late=after(timedelta(seconds=1)))
        return [first, picked.case, *EFFECTS]


class Shelf(Process):
    async def main(self) -> bool:
        shelves = SHELVES
        await sleep(1)
        shelves.append("tea")
        return shelves is SHELVES


class Ending(Process):
    orders = Channel[str]()

    async def main(self) -> str:
        match await recv(self.orders):
            case "fail":
                try:
                    raise KeyError("shelf")
                except KeyError as error:
                    raise NoTea(7) from error
            case "fault":
                raise ValueError("a fault of the code")
            case "deadlock":
                await recv(make_channel())
            case other:
                return other
        return ""


class Maker(Process):
    """Makes channels for ever, keeps one in a hundred, and finds these as it left them."""

    async def main(self, rounds: int) -> list[int]:
        kept = []
        for number in range(rounds):
            answers = make_channel(1)
            go(self.answer(answers, number))
            if number % 100 == 0:
                await sleep(0)
                kept.append(answers)
            else:
                assert await recv(answers) == number
        return [await recv(answers) for answers in kept]

    async def answer(self, answers: Channel[int], number: int) -> None:
        await send(answers, number)
        answers.close()


class Crowded(Process):
    """Receives nothing for a day."""

    orders = Channel[int]()

    async def main(self) -> int:
        await sleep(timedelta(days=1))
        return await recv(self.orders)


class Queued(Process):
    """Asks for effects of several priorities at once, and tells in which order they ended, and after how many seconds."""

    async def main(self, priorities: list[int], queue: str) -> list[tuple[int, float]]:
        await sleep(1)
        start = now()
        for number, priority in enumerate(priorities):
            go(self.one(number, priority, queue))
        while len(self.ended) < len(priorities):
            await sleep(1)
        return [(number, (at - start).total_seconds()) for number, at in self.ended]

    ended: list[tuple[int, datetime]] = []

    async def one(self, number: int, priority: int, queue: str) -> None:
        await call(noted, str(number), queue=queue, priority=priority)
        self.ended.append((number, now()))


async def failing(wanted: int) -> int:
    """Succeeds at that attempt."""
    attempt = current_effect().attempt
    if attempt < wanted:
        raise OSError(f"attempt {attempt} failed")
    return attempt


class Limited(Process):
    """An effect that has so many seconds over all its attempts, which are 10, 20, 40 ... seconds apart."""

    async def main(self, wanted: int, seconds: float, queue: str = "default") -> tuple[object, float]:
        start = now()
        retry = Retry(max_attempts=None, first=10, jitter=0)
        try:
            ended: object = await call(failing, wanted, retry=retry, queue=queue, schedule_to_close_timeout=seconds)
        except CallFailed as error:
            ended = repr(error.__cause__)
        return ended, (now() - start).total_seconds()


async def given_back(value: object) -> object:
    return value


async def given_back_at_last(value: object) -> object:
    """What it was given, by way of what it has reported."""
    if current_effect().attempt == 1:
        heartbeat(value)
        raise OSError("again")
    return current_effect().progress


class Lender(Process):
    """Gives the only handle of a channel away, to somebody outside, and takes it back."""

    returned = Channel[Channel[int]]()
    questions = Channel[Request[int, Channel[int]]]()

    async def main(self, how: str) -> int:
        lent: Any = make_channel(1)
        await send(lent, 7)
        match how:
            case "call":
                lent = await call(given_back, lent)
            case "progress":
                lent = await call(given_back_at_last, partial(Channel, lent), retry=Retry(first=0.01))
                lent = lent.args[0]
            case "emit":
                emit([lent])
                lent = None
                lent = await recv(self.returned)
            case "reply":
                request = await recv(self.questions)
                request.reply(lent)
                request = lent = None
                lent = await recv(self.returned)
        await sleep(0)
        return await recv(lent)


class Long(Process):
    """Lives as long as messages come, and uses a bit of everything for each."""

    numbers = Channel[int]()
    total: int = 0

    async def main(self) -> int:
        while (number := await recv(self.numbers)) >= 0:
            handle = go(self.twice(number))
            answers = make_channel(1)
            await send(answers, await handle)
            self.total += await recv(answers)
            emit(number)
        return self.total

    async def twice(self, number: int) -> int:
        await call(noted, str(number), key=str(number))
        await sleep(0)
        return 2 * number


class Passing(Process):
    """Sends each handle twice over a channel, and joins what comes out long after that goroutine has ended."""

    enough = Channel[int]()

    async def main(self, rounds: int) -> int:
        line: Channel[list[Any]] = make_channel(2)
        total = 0
        for number in range(rounds):
            await self.put(line, number)
            await sleep(0)
            for _ in range(2):
                handles = await recv(line)
                await sleep(0)
                total += await handles[0]
                handles.clear()
                await sleep(0)
        await recv(self.enough)
        return total

    async def put(self, line: Channel[list[Any]], number: int) -> None:
        handle = go(self.work(number))
        await send(line, [handle])
        await send(line, [handle, handle])

    async def work(self, number: int) -> int:
        return number
