"""Processes of one effect each, and effects that begin and end when a test says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from runtime_client import Channel, Definitions, Effect, EffectUnknown, Process, Retry, Step, current_effect, heartbeat


class Stage:
    """What effects do, seen by the test: who has begun, who is at it. Each waits there until it is let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running: Counter[str] = Counter()
        self.peak = 0
        self.attempts: list[Effect] = []
        self.cleaned: list[str] = []
        self._changed = asyncio.Condition()
        self._let_go: set[str] = set()
        self._is_open = False

    async def act(self, name: str) -> None:
        self.begun.append(name)
        self.attempts.append(current_effect())
        self.running[name] += 1
        self.peak = max(self.peak, self.running.total())
        try:
            async with self._changed:
                self._changed.notify_all()
                await self._changed.wait_for(lambda: self._is_open or name in self._let_go)
        except asyncio.CancelledError:
            await self._clean(name)
            raise
        finally:
            self.running[name] -= 1

    async def _clean(self, name: str) -> None:
        """What is called `dirty...` cleans up, until it is let go."""
        if name.startswith("dirty"):
            async with self._changed:
                self.cleaned.append(name)
                self._changed.notify_all()
                await self._changed.wait_for(lambda: name in self._let_go)

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for it; it is looked at whenever an effect begins."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(happened)

    async def let_go(self, *names: str) -> None:
        """These end, now or as soon as they have begun; without a name, all do from now on."""
        async with self._changed:
            self._let_go.update(names)
            self._is_open = self._is_open or not names
            self._changed.notify_all()


_stage: list[Stage] = []


def new_stage() -> Stage:
    """The one on which effects run from now on."""
    _stage[:] = [Stage()]
    return _stage[0]


async def act(name: str) -> str:
    await _stage[0].act(name)
    return name


async def walk(name: str) -> list[int]:
    """Three steps, each of them begun once; before each it may be killed."""
    done: list[int] = current_effect().progress or []
    while len(done) < 3:
        await _stage[0].act(f"{name}{len(done)}")
        done = [*done, current_effect().attempt]
        heartbeat(done)
        if name.startswith("stumbling"):
            raise OSError(f"stumbled after {len(done)}")
    return done


class Walk(Process):
    """Calls an effect that reports how far it has come."""

    def Main_Start(self, p: Step) -> None:
        p.call(walk, self.id, queue="mail", retry=Retry(first=0.001)).to(self.Main_Done)

    def Main_Done(self, p: Step, result: list[int]) -> list[int]:
        return result


class Job(Process):
    """Calls one effect, or is told to do without it."""

    enough = Channel[str]()

    def Main_Start(self, p: Step, queue: str, priority: int = 0) -> None:
        p.call(act, self.id, queue=queue, priority=priority, retry=Retry(first=0.01)).to(self.Main_Done)
        p.recv(self.enough).to(self.Main_Enough)

    def Main_Done(self, p: Step, result: str) -> str:
        return result

    def Main_Enough(self, p: Step) -> str:
        return "enough"


class Once(Process):
    """Calls one effect at most once."""

    def Main_Start(self, p: Step, queue: str) -> None:
        p.call(act, self.id, queue=queue, at_most_once=True).to(self.Main_Done)

    def Main_Done(self, p: Step, result: str) -> str:
        return result


async def fail(name: str) -> None:
    await _stage[0].act(name)
    raise OSError(f"attempt {current_effect().attempt} failed")


class Limited(Process):
    """Calls one effect that has so many seconds over all attempts, which are so many seconds apart."""

    def Main_Start(self, p: Step, seconds: float, pause: float, queue: str, at_most_once: bool) -> None:
        p.call(
            fail,
            self.id,
            queue=queue,
            retry=Retry(max_attempts=None, first=pause, factor=1, jitter=0),
            at_most_once=at_most_once,
            schedule_to_close_timeout=seconds,
        ).to(self.Main_Done)

    def Main_Done(self, p: Step, result: str) -> str:
        return result


defs = Definitions({"job": Job, "limited": Limited, "once": Once, "walk": Walk}, modules=(__name__,))

__all__ = ["EffectUnknown", "Stage", "defs", "new_stage"]
