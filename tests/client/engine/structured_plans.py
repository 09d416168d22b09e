"""Random plans, and the same plans as asyncio carries them out: the reference for gather, timeout and TaskGroup.

No two moments of a plan coincide, so that asyncio's own order within a moment does not matter.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

LEAVES = ["sleep", "sleep", "fail"]
BRANCHES = ["gather", "gather", "group", "group", "timeout", "timeout", "clean", "catch", "row"]


def random_plan(random: Random, depth: int = 4) -> Any:
    """A plan of at most this depth. Times are in seconds, spread so widely that sums do not meet."""
    kind = random.choice(LEAVES if depth == 0 or random.random() < 0.1 else BRANCHES)
    seconds = random.randrange(1, 1_000_000)

    def some() -> list[Any]:
        return [random_plan(random, depth - 1) for _ in range(random.randrange(1, 4))]

    match kind:
        case "sleep" | "fail":
            return (kind, seconds, f"{kind} {seconds}")
        case "timeout" | "clean":
            return (kind, seconds, random_plan(random, depth - 1))
        case "catch":
            return (kind, random_plan(random, depth - 1))
        case "group":
            return (kind, some(), random_plan(random, depth - 1))
        case _:
            return (kind, some())


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that does not wait: its time jumps to the next deadline."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector.select = self._jump

    def time(self) -> float:
        return self.now

    def _jump(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0
        return []


class Reference:
    """One plan, by asyncio.

    It is not comparable if a timeout came while a cancellation was on its way through it: asyncio lets the cancellation go on,
    durable code raises at the suspension point in any case (detail D7).
    """

    def __init__(self) -> None:
        self.is_comparable = True
        self.log: list[tuple[int, str]] = []

    def carry_out(self, plan: Any) -> Any:
        loop = VirtualLoop()
        try:
            return loop.run_until_complete(self._main(plan))
        except asyncio.CancelledError:  # asyncio has lost count of its cancellations
            self.is_comparable = False
        finally:
            loop.close()

    async def _main(self, plan: Any) -> Any:
        try:
            return await self._run(plan)
        except Exception as error:
            return described(error)

    async def _run(self, plan: Any) -> Any:
        match plan:
            case ("sleep", seconds, name):
                return await self._rest(seconds, name)
            case ("fail", seconds, name):
                await self._rest(seconds, name)
                raise KeyError(name)
            case ("clean", seconds, inner):
                try:
                    return await self._run(inner)
                finally:
                    await self._rest(seconds, "cleaning")
            case ("catch", inner):
                try:
                    return await self._run(inner)
                except Exception as error:
                    return described(error)
            case ("gather", parts):
                return await self._gather(parts)
            case ("group", parts, body):
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self._run(part)) for part in parts]
                    first = await self._run(body)
                return [first, *[await task for task in tasks]]
            case ("timeout", seconds, inner):
                limit = asyncio.timeout(seconds)
                try:
                    async with limit:
                        return await self._run(inner)
                except asyncio.CancelledError:
                    self.is_comparable = self.is_comparable and not limit.expired()
                    raise
            case ("row", parts):
                return [await self._run(part) for part in parts]
        raise AssertionError(plan)

    async def _gather(self, parts: list[Any]) -> list[Any]:
        """asyncio's own gather neither cancels the others nor waits for them: detail D6, in its words."""
        failed: list[asyncio.Task[Any]] = []
        tasks = [asyncio.create_task(self._run(part)) for part in parts]
        for task in tasks:
            task.add_done_callback(lambda t: failed.append(t) if t.cancelled() or t.exception() else None)
        outside: BaseException | None = None
        is_stopping = False
        while left := [task for task in tasks if not task.done()]:
            if (failed or outside) and not is_stopping:
                is_stopping = True
                for task in left:
                    task.cancel()
            try:
                await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError as error:
                outside = error
        if outside is not None:
            raise outside
        if failed:
            return failed[0].result()
        return [task.result() for task in tasks]

    async def _rest(self, seconds: int, name: str) -> str:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(seconds)
        except BaseException:
            self.log.append((round(loop.time()), f"{name} stopped"))
            raise
        self.log.append((round(loop.time()), name))
        return name


def described(error: BaseException) -> Any:
    if isinstance(error, BaseExceptionGroup):
        return ("group", *map(described, error.exceptions))
    return (type(error).__name__, *(error.args if isinstance(error, KeyError) else ()))
