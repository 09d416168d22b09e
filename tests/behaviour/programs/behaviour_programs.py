"""Small programs, each about one rule of docs/semantics.md. Run as written, compiled, embedded and over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

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
    stumble,
    succeed_at,
)

from runtime_client import (
    CallFailed,
    Cancelled,
    Channel,
    ChannelClosed,
    Process,
    ProcessCancelled,
    Request,
    Retry,
    Saga,
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
    process,
    recv,
    select,
    send,
    sleep,
    start,
    timeout,
)


class Stumbling(Process):
    """An effect whose attempts go on where the one before stopped."""

    async def main(self, steps: int) -> list[int]:
        return await call(stumble, steps, retry=Retry(first=0.01), queue="steps", priority=1, heartbeat_timeout=30)


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
            cause = error.__cause__ or error
            seen.append((type(cause).__name__, cause.args))
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


class Gathers(Process):
    """D6: values in order, of functions, operations and handles."""

    letters = Channel[str](capacity=3)

    async def main(self) -> list[object]:
        await send(self.letters, "a")
        handle = go(self.later("handle", 2))
        values = await gather(
            self.later("slow", 3),
            self.later("fast", 0),
            recv(self.letters),
            call(double, 4),
            handle,
            handle.join(),
            select(never=recv(None), soon=after(0)),
            gather(self.later("inner", 1), sleep(0)),
        )
        return [values, await gather(), await self.count_down(3)]

    async def later(self, name: str, turns: int) -> list[str]:
        for _ in range(turns):
            await sleep(0)
        emit(name)
        return [name]

    async def count_down(self, n: int) -> list[object]:
        """A gather inside of recursion."""
        if n == 0:
            return []
        return await gather(self.later(f"level {n}", 0), self.count_down(n - 1))


class GatherFails(Process):
    """D6: the first error, once those cancelled have cleaned up; handles go on."""

    letters = Channel[str]()

    async def main(self) -> list[object]:
        seen: list[object] = []
        watched = go(self.watch())
        try:
            await gather(self.tidy("a"), self.fail_after(1, "first"), recv(self.letters), watched, self.tidy("b"))
        except KeyError as error:
            seen.append(error.args)
        seen.append(watched.done())
        try:
            await gather(watched, self.tidy("c"), go(self.fail_after(1, "handle")))
        except KeyError as error:
            seen.append(error.args)
        try:
            await gather(watched, go(self.fail_after(2, "last")))
        except KeyError as error:
            seen.append(error.args)
        done = go(self.fail_after(0, "ended"))
        try:
            await done
        except KeyError:
            pass
        try:
            await gather(done, self.tidy("never runs"))
        except KeyError as error:
            seen.append(error.args)
        await send(self.letters, "go on")
        seen.append(await watched)
        frame = self.watch()
        wrongs: list[Any] = [3, default(), self.watch]
        for wrong in wrongs:
            try:
                made = gather(wrong)
                seen.append(made)
            except TypeError as error:
                seen.append(str(error).split(":")[0])
        del wrong, wrongs
        try:
            await gather(frame, frame)
        except RuntimeError:
            seen.append("twice")
        return seen

    async def watch(self) -> str:
        return await recv(self.letters)

    async def fail_after(self, turns: int, name: str) -> None:
        for _ in range(turns):
            await sleep(0)
        raise KeyError(name)

    async def tidy(self, name: str) -> None:
        try:
            await sleep(timedelta(days=1))
        finally:
            emit(f"cleaning {name}")
            await sleep(0)
            emit(await call(double, 1))
            if name == "b":
                raise ValueError("later errors are dropped")


class Limits(Process):
    """D7: timeouts."""

    letters = Channel[str](capacity=1)

    async def main(self, unit: float) -> list[object]:
        return [
            await self.once(unit),
            await self.ready(unit),
            await self.both_due(unit),
            await self.inner_first(unit),
            await self.in_recursion(unit, 3),
            await self.around_a_gather(unit),
            await self.joined(unit),
        ]

    async def once(self, unit: float) -> list[object]:
        seen: list[object] = []
        async with timeout(unit) as limit:
            try:
                await recv(self.letters)
            except TimeoutError:
                seen.append("timed out")
            await sleep(unit)
            seen.append(limit.expired())
        try:
            async with timeout(timedelta(seconds=unit)):
                await sleep(unit * 3)
        except TimeoutError:
            seen.append("left")
        async with timeout(None):
            await sleep(0)
        return seen

    async def ready(self, unit: float) -> list[object]:
        """What is ready is never timed out."""
        async with timeout(0):
            await sleep(0)
            await send(self.letters, "x")
            letter = await recv(self.letters)
            choice = (await select(recv(self.letters), none=default())).case
            try:
                await recv(self.letters)
            except TimeoutError:
                return [letter, choice]
        return ["not reached"]

    async def both_due(self, unit: float) -> list[bool]:
        """The outer one fires."""
        async with timeout(0) as outer, timeout(-unit) as inner:
            try:
                await recv(self.letters)
            except TimeoutError:
                return [outer.expired(), inner.expired()]
        return []

    async def inner_first(self, unit: float) -> list[str]:
        seen = []
        try:
            async with timeout(unit * 2):
                try:
                    async with timeout(unit):
                        await select()
                except TimeoutError:
                    seen.append("inner")
                await recv(make_channel())
        except TimeoutError:
            seen.append("outer")
        return seen

    async def in_recursion(self, unit: float, depth: int) -> list[int]:
        if depth == 0:
            await sleep(unit * 1000)
        try:
            async with timeout(unit * depth):
                return await self.in_recursion(unit, depth - 1)
        except TimeoutError:
            return [depth]

    async def around_a_gather(self, unit: float) -> str:
        try:
            async with timeout(unit):
                await gather(self.tidy("a"), self.tidy("b"))
        except TimeoutError:
            return "timed out"
        return "not reached"

    async def joined(self, unit: float) -> object:
        """A goroutine that is being joined goes on."""
        handle = go(self.work())
        try:
            async with timeout(unit):
                await handle
        except TimeoutError:
            emit("still joined")
        await send(self.letters, "y")
        return await handle

    async def work(self) -> str:
        return await recv(self.letters)

    async def tidy(self, name: str) -> None:
        try:
            await select()
        finally:
            await sleep(0)
            emit(f"tidied {name}")


class Groups(Process):
    """D7: TaskGroup."""

    letters = Channel[str]()
    many: list[str] = []

    async def main(self, unit: float) -> list[object]:
        return [
            await self.all_end(),
            await self.one_fails(),
            await self.body_fails(),
            await self.joined_error_counts(),
            await self.timed_out(unit),
            await self.nested(),
            await self.left_by_return(),
            await self.cancelled_child(),
            await self.busy_body(),
            await self.misuse(),
        ]

    async def all_end(self) -> object:
        async with TaskGroup() as group:
            first = group.go(self.note("first", 2))
            group.go(self.spawn(group, 2))
        return [await first, list(self.many)]

    async def note(self, name: str, turns: int) -> str:
        for _ in range(turns):
            await sleep(0)
        self.many.append(name)
        return name

    async def spawn(self, group: TaskGroup, n: int) -> None:
        await sleep(0)
        self.many.append(f"spawn {n}")
        if n:
            group.go(self.spawn(group, n - 1))

    async def one_fails(self) -> object:
        try:
            async with TaskGroup() as group:
                group.go(self.tidy("a"))
                group.go(self.fail("broken", 2))
                group.go(self.tidy("b"))
                try:
                    await recv(self.letters)
                except Cancelled:
                    emit("body cancelled")
                    await sleep(0)
                    raise
        except ExceptionGroup as error:
            return [type(e).__name__ for e in error.exceptions]
        return "not reached"

    async def fail(self, name: str, turns: int) -> None:
        for _ in range(turns):
            await sleep(0)
        raise KeyError(name)

    async def tidy(self, name: str) -> None:
        try:
            await recv(self.letters)
        finally:
            await sleep(0)
            emit(f"tidied {name}")
            if name == "b":
                raise ValueError(name)

    async def body_fails(self) -> object:
        try:
            async with TaskGroup() as group:
                group.go(self.tidy("c"))
                group.go(self.tidy("b"))
                await sleep(0)
                await sleep(0)
                raise LookupError("body")
        except ExceptionGroup as error:
            return [str(e) for e in error.exceptions]
        return "not reached"

    async def joined_error_counts(self) -> object:
        try:
            async with TaskGroup() as group:
                handle = group.go(self.fail("counted", 0))
                try:
                    await handle
                except KeyError:
                    emit("joined in time")
                except Cancelled:
                    emit("cancelled meanwhile")
        except ExceptionGroup as error:
            return repr(error.exceptions)
        return "not reached"

    async def timed_out(self, unit: float) -> object:
        seen: list[object] = []
        for where in ("body", "end"):
            try:
                async with timeout(unit), TaskGroup() as group:
                    group.go(self.tidy(where))
                    if where == "body":
                        await sleep(unit * 9)
            except TimeoutError:
                seen.append(f"outside, in the {where}")
        try:
            async with TaskGroup() as group:
                group.go(self.tidy("d"))
                async with timeout(unit):
                    await recv(self.letters)
        except ExceptionGroup as error:
            seen.append([type(e).__name__ for e in error.exceptions])
        return seen

    async def nested(self) -> object:
        seen: list[object] = []
        try:
            async with TaskGroup() as outer:
                outer.go(self.fail("outer", 3))
                try:
                    async with TaskGroup() as inner:
                        inner.go(self.fail("inner", 1))
                        await recv(self.letters)
                except ExceptionGroup as error:
                    seen.append(repr(error.exceptions))
                async with TaskGroup() as inner:
                    inner.go(self.tidy("inner"))
        except ExceptionGroup as error:
            seen.append(repr(error.exceptions))
        await sleep(0)
        return seen

    async def left_by_return(self) -> object:
        async with TaskGroup() as group:
            return group.go(self.note("returned", 1))
        return "not reached"

    async def cancelled_child(self) -> object:
        async with TaskGroup() as group:
            new, waiting = group.go(self.tidy("new")), group.go(self.tidy("e"))
            new.cancel()
            await sleep(0)
            waiting.cancel()
        return [new.done(), waiting.done()]

    async def busy_body(self) -> object:
        """A body that never parks is cancelled at its next suspension; one that has ended is not cancelled after that."""
        turns = 0
        try:
            async with TaskGroup() as group:
                group.go(self.fail("busy", 3))
                while True:
                    await sleep(0)
                    turns += 1
        except ExceptionGroup:
            await sleep(0)
        try:
            async with TaskGroup() as group:
                group.go(self.fail("quiet", 0))
                await sleep(0)
        except ExceptionGroup:
            await sleep(0)
        return turns

    async def misuse(self) -> object:
        seen = []
        group = TaskGroup()
        frame = self.note("never", 0)
        try:
            group.go(frame)
        except RuntimeError as error:
            seen.append(str(error).split("\n")[0])
        async with group:
            pass
        try:
            group.go(frame)
        except RuntimeError as error:
            seen.append(str(error).split("\n")[0])
        limit = timeout(1)
        async with limit:
            try:
                async with limit:
                    pass
            except RuntimeError as error:
                seen.append(str(error).split("\n")[0])
        return seen


class Cancelling(Process):
    """D5 to D7: cancelling from outside passes through gathers and groups, and waits for those who clean up."""

    async def main(self, way: str) -> str:
        if way == "after a group":
            await self.handle_a_group()
        try:
            match way:
                case "gather":
                    await gather(self.tidy("a"), self.tidy("b"))
                case "group":
                    async with TaskGroup() as group:
                        group.go(self.tidy("a"))
                        await recv(None)
                case "group end":
                    async with timeout(timedelta(days=1)), TaskGroup() as group:
                        group.go(self.tidy("a"))
                        group.go(self.tidy("b"))
                case "with errors":
                    try:
                        async with TaskGroup() as group:
                            group.go(self.tidy("fails"))
                    except ExceptionGroup as error:
                        emit(repr(error.exceptions))
                    await sleep(0)
                case _:
                    await sleep(timedelta(days=1))
        finally:
            emit("main cleans up")
            await gather(self.note("x"), call(double, 1))
        return "not reached"

    async def handle_a_group(self) -> None:
        try:
            async with TaskGroup() as group:
                group.go(self.break_down())
                await recv(None)
        except ExceptionGroup:
            emit("handled")

    async def break_down(self) -> None:
        raise ValueError("handled above")

    async def note(self, name: str) -> None:
        await sleep(0)
        emit(name)

    async def tidy(self, name: str) -> None:
        try:
            await sleep(timedelta(days=2))
        finally:
            await call(double, 2)
            emit(f"tidied {name}")
            if name == "fails":
                raise ValueError("while cleaning up")


class Uncaught(Process):
    """Rule 6: a group of ProcessErrors, and a TimeoutError, fail the process."""

    async def main(self, way: str) -> None:
        if way == "timeout":
            async with timeout(0):
                await recv(None)
        async with TaskGroup() as group:
            group.go(self.sell("tea"))
            group.go(self.sell("milk"))

    async def sell(self, item: str) -> None:
        try:
            await sleep(0)
        finally:
            raise OutOfStock(item, 1)


class Trip(Process):
    """Sagas: what a block did is undone in reverse, whatever way it is left by."""

    async def main(self, way: str, unit: float) -> str:
        async with Saga() as saga:
            saga.compensate(self.undo("flight"))
            saga.compensate(call(succeed_at, 2, retry=Retry(first=unit)))
            async with Saga() as inner:
                inner.compensate(self.undo("never: the inner block ends well"))
                await sleep(0)
            saga.compensate(self.undo("hotel"))
            match way:
                case "fails":
                    await call(fail, "no car", retry=Retry.never())
                case "undo fails":
                    saga.compensate(call(fail, "no refund", retry=Retry.never()))
                    raise OutOfStock("car", 1)
                case "timeout":
                    async with timeout(0):
                        await recv(None)
                case "cancel":
                    await recv(None)
                case "nested":
                    async with Saga() as nested:
                        nested.compensate(self.undo("car"))
                        raise OutOfStock("car", 2)
                case _:
                    emit("done")
        return "travelled"

    async def undo(self, what: str) -> None:
        emit(f"undo {what}")
        await sleep(0)
        emit(f"undone {what}")


class SlowTrip(Process):
    """Sagas: a cancellation while they undo; a timeout around them; what they refuse."""

    async def main(self, way: str, unit: float) -> str:
        if way == "misuse":
            return await self.misuse()
        limit = unit if way == "timeout" else None
        async with timeout(limit), Saga() as saga:
            saga.compensate(self.say("last"))
            saga.compensate(call(succeed_at, 3, retry=Retry(first=unit, factor=1.0)))
            saga.compensate(self.say("first"))
            raise OutOfStock("time", 1)

    async def say(self, word: str) -> None:
        await sleep(0)
        emit(word)

    async def misuse(self) -> str:
        saga = Saga()
        refused = [self.refused(saga, call(double, 1))]
        async with saga:
            refused.append(self.refused(saga, double))
            refused.append(self.refused(saga, default()))
        refused.append(self.refused(saga, call(double, 1)))
        try:
            async with saga:
                emit("not reached")
        except RuntimeError as error:
            refused.append(str(error).splitlines()[0])
        return "; ".join(refused)

    def refused(self, saga: Saga, compensation: Any) -> str:
        try:
            saga.compensate(compensation)
        except (RuntimeError, TypeError) as error:
            return str(error).splitlines()[0]
        return "accepted"


class Quotes(Process):
    """Requests: answered at once, later by another goroutine, or never."""

    quote = Channel[Request[str, int]]()

    async def main(self) -> str:
        kept: list[Request[str, int]] = []
        async for request in self.quote:
            match request.value:
                case "stop":
                    for each in kept:
                        each.reply(-1)
                    return f"{len(kept)} were kept"
                case "later":
                    kept.append(request)
                case "slowly":
                    go(self.answer(request))
                case text:
                    request.reply(len(text))
                    emit(repr(request))
                    emit(self.refusal(request))
        return "closed"

    async def answer(self, request: Request[str, int]) -> None:
        request.reply(await call(double, len(request.value)))

    def refusal(self, request: Request[str, int]) -> str:
        try:
            request.reply(0)
        except RuntimeError as error:
            return str(error)
        return "answered twice"


class Shapes(Process):
    """Comprehensions, guards, `except*` and what else holds something across a suspension inside an expression."""

    kinds: list[str] = []

    async def main(self) -> list[object]:
        doubled = [await call(double, n) for n in (1, 2, 3)]
        keyed = {key: await call(double, n) async for key, n in self.pairs() if await call(double, n)}
        match doubled:
            case [2, *rest] if await call(double, len(rest)) == 5:
                self.kinds.append("no")
            case [_, second, _] if await call(double, second) == 8:
                self.kinds.append(f"{second=} {await call(double, 4)=:>4}")
        try:
            raise ExceptionGroup("several", [ValueError(1), KeyError("k"), OutOfStock("tea", 1)])
        except* ValueError as group:
            await sleep(0)
            self.kinds.append(repr(group))
        except* await self.kind():  # noqa: B030 - an awaited expression gives the kind
            await sleep(0)
            self.kinds.append("keys")
        except* OutOfStock:
            await gather(self.note("a"), self.note("b"))
        return [doubled, keyed, self.kinds]

    def pairs(self) -> Pairs:
        return Pairs([("a", 1), ("b", 2)])

    @classmethod
    async def kind(cls) -> type[Exception]:
        await sleep(0)
        return KeyError if cls is Shapes else ValueError

    async def note(self, what: str) -> None:
        await sleep(0)
        self.kinds.append(what)


class Pairs:
    """An asynchronous iterator of the author's own."""

    def __init__(self, pairs: list[tuple[str, int]]) -> None:
        self.pairs = pairs

    def __aiter__(self) -> Pairs:
        return self

    @durable
    async def __anext__(self) -> tuple[str, int]:
        if not self.pairs:
            raise StopAsyncIteration
        await sleep(0)
        return self.pairs.pop(0)


class Book:
    """Written in by several goroutines, each in a method of it."""

    def __init__(self) -> None:
        self.lines = 0

    @durable
    async def write(self, count: int) -> int:
        while count > 0:
            await sleep(0)
            self.lines += 1
            count -= 1
        return self.lines


class Office(Process):
    """Nobody but those who run its methods has the book."""

    async def main(self) -> int:
        book = Book()
        first, second = go(book.write(3)), go(book.write(5))
        del book
        await first
        return await second


class Pool(Process):
    """Goroutines defined in the function that starts them, sharing its variables."""

    async def main(self, size: int) -> list[object]:
        jobs = make_channel(0)
        working = most = 0
        log: list[Callable[[], object]] = []

        async def worker(number: int, greeting: str = f"of {size}") -> str:
            nonlocal working, most
            done = 0
            log.append(lambda: (number, greeting, done))
            async for job in jobs:
                working += 1
                most = max(most, working)
                await sleep(0)
                working -= 1
                done += job
            return f"{number} did {done}"

        handles = [go(worker(number)) for number in range(size)]
        for job in range(4):
            await send(jobs, job)
        close(jobs)
        joined = [await handle for handle in handles]
        async with TaskGroup() as group:
            counted = group.go((await self.counter(10))(2))
        gathered = await gather(worker(7), worker(8, greeting="late"))
        return [joined, most, working, [f() for f in log], await counted, gathered]

    async def counter(self, start: int) -> Callable[[int], Coroutine[Any, Any, list[int]]]:
        async def down(by: int) -> list[int]:
            nonlocal start
            await sleep(0)
            start -= by
            return [start, *await down(by)] if start > 0 else [start]

        return down


class Stubborn(Process):
    """D4: a goroutine that swallows its cancellation and fails later is not forgotten."""

    async def main(self) -> None:
        handle = go(self.work())
        await sleep(0)
        handle.cancel()
        await recv(None)

    async def work(self) -> None:
        try:
            await recv(None)
        except Cancelled:
            await sleep(0)
        raise OutOfStock("patience", 1)


class Ward(Process):
    """Waits until it is cancelled, and then cleans up."""

    async def main(self) -> None:
        try:
            await sleep(timedelta(days=9))
        except Cancelled:
            await sleep(0)
            emit("cleaned up")
            raise


class Guardian(Process):
    """Starts a process that goes when it goes, one that stays, and one that it cancels itself."""

    orders = Channel[str]()

    async def main(self) -> str:
        start(Ward, id=f"{self.id}-attached").attached()
        start(Ward, id=f"{self.id}-free")
        cancelled = start(Ward, id=f"{self.id}-cancelled")
        cancelled.cancel()
        try:
            await cancelled.result()
        except ProcessCancelled:
            emit("it was cancelled")
        cancelled.cancel()
        if await recv(self.orders) == "fail":
            raise OutOfStock("wards", 1)
        return "gone"
