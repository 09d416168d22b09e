"""One process for each thing that durable code may say, uncompiled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from engine_compiled import double, explode

from runtime_client import (
    CallFailed,
    Cancelled,
    Channel,
    ChannelClosed,
    CodecError,
    EffectUnknown,
    Process,
    ProcessFailed,
    Retry,
    after,
    call,
    close,
    emit,
    go,
    make_channel,
    now,
    recv,
    select,
    send,
    sleep,
    start,
)


class Talker(Process):
    """Emits, labels, time, id."""

    async def main(self) -> Any:
        emit({"at": now()})
        self.labels["country"] = "se"
        await sleep(timedelta(seconds=1.5))
        del self.labels["old"]
        await sleep(0)
        return self.id, dict(self.labels), now()


class BadLabels(Process):
    async def main(self) -> None:
        self.labels["n"] = 5
        await sleep(0)


class Closing(Process):
    line = Channel[int](capacity=2)

    async def main(self) -> list[Any]:
        seen: list[Any] = []
        await send(self.line, 1)
        seen.append((len(self.line), self.line.capacity, self.line.closed))
        self.line.close()
        seen.append(self.line.closed)
        for again in (close, lambda c: c.close()):
            try:
                again(self.line)
            except ChannelClosed as error:
                seen.append(str(error))
        await sleep(0)
        seen.append(self.line.closed)
        seen.append([n async for n in self.line])
        try:
            await recv(self.line)
        except ChannelClosed as error:
            seen.append(error.channel)
        try:
            await send(self.line, 2)
        except ChannelClosed as error:
            seen.append(str(error))
        seen.append((await select(a=recv(self.line), b=after(5))).ok)
        return seen


class Children(Process):
    async def main(self) -> list[Any]:
        first = start("worker", 1, colour="red")
        second = start("worker", id="mine")
        first.send("line", [1])
        seen: list[Any] = [first.process_id, second.process_id, await first.result()]
        try:
            await second.result()
        except ProcessFailed as error:
            seen += [type(error).__name__, str(error), repr(error.__cause__)]
        return seen


class Calls(Process):
    async def main(self) -> list[Any]:
        seen: list[Any] = []
        for options in (
            {"retry": Retry.never(), "timeout": 1.5, "key": "k"},
            {"at_most_once": True, "queue": "slow", "priority": -3},
        ):
            try:
                await call(explode, "boom", **options)
            except EffectUnknown as error:
                seen.append(str(error))
            except CallFailed as error:
                seen.append((str(error), repr(error.__cause__)))
        seen.append(await select(twice=call(double, 2), late=after(60)))
        return seen


class Cleaning(Process):
    async def main(self) -> str:
        go(self.idle())
        try:
            await recv(make_channel())
        except Cancelled:
            await sleep(1)
            emit("cleaned")
            raise
        return "not reached"

    async def idle(self) -> None:
        try:
            await sleep(100)
        finally:
            emit("idle ends")


class Refuses(Process):
    """A codec error is raised at the await, and is no end if it is caught."""

    line = Channel[Any](capacity=1)

    async def main(self) -> str:
        try:
            await send(self.line, object())
        except Exception as error:
            return str(error)
        return ""


class Leaks(Process):
    """What belongs to this process does not leave it."""

    line = Channel[Any](capacity=1)

    async def main(self) -> list[str]:
        seen: list[str] = []
        for attempt in (
            lambda: start("worker", make_channel()),
            lambda: start("worker", id="a").send("line", go(self.main())),
            lambda: emit(self),
        ):
            try:
                attempt()
            except CodecError as error:
                seen.append(str(error))
        return seen
