"""A process that carries out a plan: nested gathers, groups, timeouts, handlers and clean-ups; see `plans.py`."""

from __future__ import annotations

from typing import Any

from runtime_client import (
    Cancelled,
    Handle,
    Process,
    TaskGroup,
    durable,
    emit,
    gather,
    go,
    now,
    process,
    sleep,
    timeout,
)


class Planned(Process):
    """Each step of the plan is a call of a durable function; what happens is emitted with its time."""

    async def main(self, plan: Any) -> Any:
        try:
            return await self.run(plan, [])
        except Exception as error:
            return described(error)

    async def run(self, plan: Any, limits: list[timeout]) -> Any:
        """`limits` are the timeouts of this goroutine: a handler inside of one leaves its TimeoutError alone, as asyncio's does."""
        match plan:
            case ("sleep", seconds, name):
                return await self.rest(seconds, name)
            case ("fail", seconds, name):
                await self.rest(seconds, name)
                raise KeyError(name)
            case ("clean", seconds, inner):
                try:
                    return await self.run(inner, limits)
                finally:
                    await self.rest(seconds, "cleaning")
            case ("catch", inner):
                try:
                    return await self.run(inner, limits)
                except Exception as error:
                    if any(limit.raised(error) for limit in limits):
                        raise
                    return described(error)
            case ("gather", parts):
                return await gather(*[self.run(part, []) for part in parts])
            case ("group", parts, body):
                async with TaskGroup() as group:
                    handles = [group.go(self.run(part, [])) for part in parts]
                    values = [await self.run(body, limits)]
                for handle in handles:
                    values.append(await handle)
                return values
            case ("timeout", seconds, inner):
                async with timeout(seconds) as limit:
                    return await self.run(inner, [*limits, limit])
            case ("row", parts):
                values = []
                for part in parts:
                    values.append(await self.run(part, limits))
                return values
        raise AssertionError(plan)

    async def rest(self, seconds: int, name: str) -> str:
        try:
            await sleep(seconds)
        except BaseException:
            log(f"{name} stopped")
            raise
        log(name)
        return name


def log(what: str) -> None:
    emit((round(now().timestamp()), what))


def described(error: BaseException) -> Any:
    if isinstance(error, BaseExceptionGroup):
        return ("group", *map(described, error.exceptions))
    return (type(error).__name__, *(error.args if isinstance(error, KeyError) else ()))


class Secretive(Exception):
    """An error with something in it that cannot be saved."""

    def __init__(self, thing: Any) -> None:
        super().__init__("cannot be saved")
        self.thing = thing


class Corners(Process):
    """What the plans do not reach."""

    kept: Any = None

    async def main(self, way: str) -> Any:
        match way:
            case "unsaveable error":
                return await self.unsaveable()
            case "gather as a value":
                return await self.as_a_value()
            case "cancelled before its parts began":
                return await self.cancelled_early()
            case "contexts":
                return await self.contexts()
            case "group in a field":
                return await self.in_a_field()
            case "both groups fail":
                return await self.both_fail()
            case "interrupted gather":
                return await self.interrupted_gather()
        raise AssertionError(way)

    async def fail(self, turns: int, error: BaseException) -> None:
        for _ in range(turns):
            await sleep(0)
        raise error

    async def unsaveable(self) -> Any:
        try:
            async with TaskGroup() as group:
                group.go(self.raise_secret())
        except ExceptionGroup as error:
            await sleep(0)
            return "cannot be saved" in str(error.exceptions[0])
        return None

    async def raise_secret(self) -> None:
        raise Secretive(object())

    async def as_a_value(self) -> Any:
        frame = gather(self.echo(1), self.echo(2))
        self.kept = frame
        await sleep(0)
        handle = go(self.kept)
        values = [await handle]
        try:
            await frame
        except RuntimeError:
            values.append("once")
        return values

    async def echo(self, value: Any) -> Any:
        await sleep(0)
        return value

    async def cancelled_early(self) -> Any:
        seen = []
        try:
            await gather(self.fail(0, KeyError("first")), self.say("a"))
        except KeyError as error:
            seen.append(described(error))
        try:
            async with TaskGroup() as group:
                group.go(self.fail(0, KeyError("second")))
                group.go(self.say("b"))
        except ExceptionGroup as error:
            seen.append(described(error))
        handle = go(gather(self.say("c"), self.tidy("d")))
        for _ in range(3):
            await sleep(0)
        handle.cancel()
        try:
            await handle
        except Cancelled:
            seen.append("cancelled")
        return seen

    async def say(self, name: str) -> None:
        emit(f"{name} began")
        await sleep(0)

    async def contexts(self) -> Any:
        found = []
        for turns in (0, 2):
            try:
                try:
                    raise LookupError("being handled")
                except LookupError:
                    async with TaskGroup() as group:
                        group.go(self.fail(turns, ValueError("child")))
                        await sleep(0)
                        await sleep(0)
                        raise OSError("body")  # noqa: B904 - its context is what is looked at
            except BaseException as error:
                found.append(chain(error))
            try:
                try:
                    raise LookupError("being handled")
                except LookupError:
                    async with timeout(turns):
                        await gather(self.fail(1, ValueError("child")), sleep(99))
            except BaseException as error:
                found.append(chain(error))
        return found

    async def in_a_field(self) -> Any:
        self.kept = TaskGroup()
        async with self.kept as group:
            go(self.add())
            await sleep(0)
            await sleep(0)
            emit(self.kept is group)
        return self.kept.status

    async def add(self) -> None:
        self.kept.go(self.say("added"))

    async def both_fail(self) -> Any:
        """Both fail before the body runs again: the outer one comes first, and the inner errors are in it."""
        try:
            async with TaskGroup() as outer:
                try:
                    async with TaskGroup() as inner:
                        inner.go(self.fail(1, KeyError("inner")))
                        outer.go(self.fail(1, KeyError("outer")))
                        await sleep(99)
                except Exception as error:
                    emit(str(described(error)))
                await sleep(99)
                emit("not reached")
        except Exception as error:
            return described(error)
        return None

    async def interrupted_gather(self) -> Any:
        try:
            async with TaskGroup() as group:
                group.go(self.fail(2, KeyError("x")))
                await gather(self.tidy("a"), self.tidy("b"))
        except Exception as error:
            return described(error)
        return None

    async def tidy(self, name: str) -> None:
        try:
            await sleep(99)
        finally:
            await sleep(0)
            emit(f"tidied {name}")


def chain(error: BaseException | None) -> list[str]:
    found = []
    while error is not None:
        found.append(f"{type(error).__name__} {error.args[0] if error.args else ''}".split(" (")[0])
        error = error.__context__
    return found


@process
async def joined_by_two(turns: int) -> list[str]:
    """Whoever joins a goroutine that a gather holds gets the same error."""
    handle = go(failing(turns))
    first, second = go(joining(handle)), go(gathering(handle))
    return [await first, await second]


@durable
async def failing(turns: int) -> None:
    for _ in range(turns):
        await sleep(0)
    raise KeyError("shared")


@durable
async def joining(handle: Handle) -> str:
    try:
        await handle
    except KeyError as error:
        return f"joined {error.args}"
    return ""


@durable
async def gathering(handle: Handle) -> str:
    try:
        await gather(handle, sleep(99))
    except KeyError as error:
        return f"gathered {error.args}"
    return ""
