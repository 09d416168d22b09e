"""Small programs, each about one rule of docs/semantics.md. Run as written, compiled, embedded and over gRPC."""

from __future__ import annotations

from datetime import timedelta

from behaviour_helpers import (
    Colour,
    OutOfStock,
    Parcel,
    answer_within,
    double,
    double_slowly,
    effect_key,
    fail,
    quadruple,
    succeed_at,
)

from runtime_client import (
    CallFailed,
    Cancelled,
    Channel,
    ChannelClosed,
    Process,
    Retry,
    after,
    call,
    close,
    default,
    emit,
    go,
    make_channel,
    process,
    recv,
    select,
    send,
    sleep,
)


class Totals(Process):
    """Shared fields, a loop, a match on a select."""

    numbers = Channel[int]()
    total: int = 0

    async def main(self, goal: int) -> int:
        while self.total < goal:
            match await select(number=recv(self.numbers), late=after(timedelta(days=1))):
                case ("number", value):
                    self.total += value
                case ("late", _):
                    return -1
        return self.total


class PingPong(Process):
    """Rule 4 and rule 8: unbuffered channels between two goroutines; who runs when."""

    ping = Channel[int]()
    pong = Channel[int]()

    async def main(self, rounds: int) -> str:
        go(self.player())
        for n in range(rounds):
            await send(self.ping, n)
            emit(f"main sent {n}")
            emit(f"main got {await recv(self.pong)}")
        close(self.ping)
        return "done"

    async def player(self) -> None:
        async for n in self.ping:
            emit(f"player got {n}")
            await send(self.pong, n * 10)


class Pipeline(Process):
    """Rules 8, 9 and 11: a buffer fills, the sender waits, close lets the receiver drain."""

    async def main(self, count: int) -> list[int]:
        stage = make_channel(capacity=2)
        go(self.produce(stage, count))
        got = []
        while True:
            try:
                got.append(await recv(stage))
            except ChannelClosed:
                break
            emit(len(stage))
        return got

    async def produce(self, stage: Channel[int], count: int) -> None:
        for n in range(count):
            await stage.send(n)
            emit(f"sent {n}")
        stage.close()


class Choices(Process):
    """Rule 10: cases in the order written, default, nil channels, closed channels."""

    first = Channel[str](capacity=1)
    second = Channel[str](capacity=1)

    async def main(self) -> list[object]:
        seen: list[object] = []
        seen.append(tuple(await select(one=recv(self.first), none=default())))
        await send(self.second, "b")
        await send(self.first, "a")
        seen.append(tuple(await select(recv(None), recv(self.second), recv(self.first))))
        seen.append((await select(one=recv(self.first), other=recv(self.second))).case)
        close(self.first)
        outcome = await select(one=recv(self.first), none=default())
        seen.append((outcome.case, outcome.value, outcome.ok))
        try:
            await select(send(self.first, "x"), default())
        except ChannelClosed as error:
            seen.append(error.channel)
        return seen


class OwnChannel(Process):
    """Rule 10: a select that sends and receives on one channel does not meet itself."""

    line = Channel[str]()

    async def main(self) -> list[object]:
        return [await select(send(self.line, "mine"), recv(self.line), none=default())]


class Alarms(Process):
    """Rule 13 and D2: timers due together fire oldest deadline first, then oldest park."""

    async def main(self, unit: float) -> None:
        handles = [go(self.alarm(name, unit * steps)) for name, steps in [("c", 3), ("a", 1), ("b", 1), ("d", 0)]]
        for handle in handles:
            await handle

    async def alarm(self, name: str, seconds: float) -> None:
        await sleep(seconds)
        emit(name)


class Joins(Process):
    """D4: join gives the very object, every time; an error is raised where it is joined."""

    async def main(self) -> list[object]:
        handle = go(self.make())
        first = await handle
        second = await handle.join()
        first.append(3)
        bad = go(self.spoil(7))
        try:
            await bad
        except KeyError as error:
            caught = error
        return [first is second, second, caught.args]

    async def make(self) -> list[int]:
        await sleep(0)
        return [1, 2]

    async def spoil(self, key: int) -> None:
        raise KeyError(key)


class Shop(Process):
    """Rule 6: an author's ProcessError fails the process, with type and arguments."""

    async def main(self, item: str) -> None:
        await sleep(0)
        raise OutOfStock(item, 3)


class Broken(Process):
    """Rule 6: any other exception is a fault of the code."""

    before: int = 0

    async def main(self) -> None:
        self.before = 1
        await sleep(0)
        self.before = 2
        raise ZeroDivisionError("on purpose")


class Fibonacci(Process):
    """Durable functions call each other, recursively, with arguments and results."""

    async def main(self, n: int) -> int:
        return await self.fib(n)

    async def fib(self, n: int) -> int:
        if n < 2:
            await sleep(0)
            return n
        return await self.fib(n - 1) + await self.fib(n - 2)


class Effects(Process):
    """Rule 18: results, retries, errors with their cause, sync and async functions, the key."""

    async def main(self) -> list[object]:
        seen: list[object] = [await call(double, 4), await call(double_slowly, number=5), await quadruple(3)]
        seen.append(await call(succeed_at, 3, retry=Retry(first=0.01, jitter=0)))
        try:
            await call(fail, "no luck", retry=Retry.never())
        except CallFailed as error:
            seen.append((type(error.__cause__).__name__, error.__cause__.args))
        seen.append((await call(effect_key)).endswith(":7"))
        return seen


class Baggage(Process):
    """Rule 1: types and identity across suspensions, between locals and shared fields."""

    kept: list[Parcel]
    names: dict[str, list[int]] = {}

    async def main(self) -> list[object]:
        parcel = Parcel("box", 1.5, Colour.BLUE)
        pair = (parcel, [parcel])
        self.kept = pair[1]
        ring: list[object] = []
        ring.append(ring)
        self.names["a"] = shared = [1]
        await sleep(0)
        shared.append(2)
        parcel.weight += 1
        return [
            self.kept[0] is parcel,
            pair[1] is self.kept,
            ring[0] is ring,
            self.names,
            self.kept[0].weight,
            parcel.colour is Colour.BLUE,
            isinstance(pair, tuple),
        ]


class Loops(Process):
    """Loops, jumps and conditions around suspensions mean what Python says."""

    async def main(self) -> list[object]:
        seen: list[object] = []
        items = [1, 2]
        for item in items:
            await sleep(0)
            if item == 1:
                items.append(9)
                continue
            seen.append(item)
        else:
            seen.append("no break")
        for outer in range(3):
            for inner in range(3):
                await sleep(0)
                if inner == outer:
                    break
                seen.append((outer, inner))
            else:
                seen.append("never")
            if outer == 2:
                break
        else:
            seen.append("not here")
        seen.append(item)
        n = 0
        while n < 2:
            n += await call(double, 1) if n else 1
        else:
            seen.append(n)
        seen.append([x for x in (await call(double, 1), await call(double, 2)) if x > n - 2])
        return seen


class Handlers(Process):
    """try, except, else, finally and jumps through them, around suspensions."""

    seen: list[object] = []

    async def main(self) -> list[object]:
        for way in ("fall", "raise", "return", "break", "continue"):
            self.seen.append((way, await self.go_through(way)))
        return self.seen

    async def go_through(self, way: str) -> str:
        for turn in range(2):
            try:
                await sleep(0)
                if way == "raise":
                    await call(fail, way, retry=Retry.never())
                if way == "return":
                    return "returned"
                if way == "break":
                    break
                if way == "continue":
                    continue
            except CallFailed as error:
                await sleep(0)
                self.seen.append(type(error.__cause__).__name__)
            else:
                await sleep(0)
                self.seen.append(f"else {turn}")
            finally:
                await sleep(0)
                self.seen.append(f"finally {turn}")
        return "end"


class Cleanup(Process):
    """D5: cancellation is raised where it waits; cleaning up may suspend."""

    async def main(self) -> str:
        try:
            await sleep(timedelta(days=1))
        except Cancelled:
            emit("cancelled")
            raise
        finally:
            await sleep(0)
            emit(await call(double, 21))
        return "not reached"


class Forgiving(Process):
    """A process that swallows its cancellation goes on."""

    async def main(self) -> str:
        try:
            await sleep(timedelta(days=1))
        except Cancelled:
            pass
        await sleep(0)
        return "still here"


class Base(Process):
    """A base class with a goroutine of the same name as its subclass's."""

    greeting = "hello"

    async def main(self, name: str) -> str:
        await sleep(0)
        return f"{self.greeting} {name}"


class Loud(Base):
    """Overrides main, and calls the base's."""

    greeting = "HELLO"

    async def main(self, name: str) -> str:
        await sleep(0)
        return (await super().main(name)) + "!"


class Questions(Process):
    """A durable library function, with a channel handed to it."""

    answers = Channel[str]()

    async def main(self, seconds: float) -> list[str]:
        return [await answer_within(self.answers, 86400), await answer_within(self.answers, seconds)]


class Doors(Process):
    """Rule 11: a client closes a channel; what it holds is still received."""

    letters = Channel[str](capacity=10)

    async def main(self) -> list[str]:
        got = []
        async for letter in self.letters:
            got.append(letter)
        return got


class Relay(Process):
    """Channels of channels, rule 12: copies cross, channels go by reference."""

    async def main(self) -> list[object]:
        replies = make_channel()
        requests = make_channel()
        go(self.serve(requests))
        thing = [1]
        await send(requests, (thing, replies))
        answer = await recv(replies)
        return [answer, thing]

    async def serve(self, requests: Channel[tuple[list[int], Channel[list[int]]]]) -> None:
        thing, replies = await recv(requests)
        thing.append(2)
        await send(replies, thing)


class Stuck(Process):
    """Rule 7: everybody waits for somebody who will not come."""

    async def main(self) -> None:
        await recv(make_channel())


@process
async def greet(name: str) -> str:
    """A process of one function."""
    await sleep(0)
    return f"hello {name}"
