"""What is asked of a cluster, in rounds for as long as the faults go on, by a client that repeats what is not answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from runtime_client import Client, LimitExceeded, NotFound, ProcessCancelled, ProcessRef, Unavailable

SENDERS = 8
CHAIN_LENGTH = 10
ONCE_LENGTH = 5
LEAVES = 9
SCHEDULE_ID = "ticks"
RUN_COUNT_MIN = 2
"""A schedule that has run less often says nothing of the seconds in between."""

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of each a round has."""

    messages: int
    chains: int
    onces: int
    families: int


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to: the tally's count and what it left undelivered; and by process, tokens or ends of children."""

    counted: list[int]
    unreceived: int
    chains: dict[str, list[str]]
    onces: dict[str, list[str]]
    families: dict[str, list[list[object]]]


@dataclass
class Load:
    """The rounds so far, and how far the one under way has come."""

    client: Client
    sizes: Sizes
    log: str
    acknowledged: int = 0
    finished: int = 0
    rounds: list[Round] = field(default_factory=list)
    ticks: int = 0  # how many processes the schedule says that it has started
    is_last: bool = False

    async def run(self) -> None:
        """Rounds until `is_last` is set; the one under way is brought to its end."""
        await self.insist(lambda: self.client.set_queue("chain", concurrency=16))
        schedule = await self.insist(
            lambda: self.client.schedule("* * * * * *", "tick", self.log, id=SCHEDULE_ID, catch_up="all")
        )
        while not self.rounds or not self.is_last:
            self.rounds.append(await self.round(len(self.rounds)))
        while await self.insist(self.run_count) < RUN_COUNT_MIN:
            await asyncio.sleep(0.1)
        await self.insist(schedule.cancel)
        await self.insist(partial(until_cancelled, self.client.get(SCHEDULE_ID)))
        self.ticks = await self.insist(self.run_count)
        await self.insist(self.until_ticks_have_ended)
        for family_id in (each for one in self.rounds for each in one.families):
            await self.insist(partial(until_cancelled, self.client.get(f"{family_id}-pet")))

    async def round(self, number: int) -> Round:
        sizes = self.sizes
        numbers = [range(first, sizes.messages, SENDERS) for first in range(SENDERS)]
        tally_id = f"tally-{number}"
        tally = await self.insist(lambda: self.client.start("tally", sizes.messages, id=tally_id))
        chains, onces, families, _ = await asyncio.gather(
            self.many("chain", number, sizes.chains, CHAIN_LENGTH),
            self.many("once", number, sizes.onces, ONCE_LENGTH),
            self.many("family", number, sizes.families, LEAVES),
            asyncio.gather(*(self.sender(tally_id, mine) for mine in numbers)),
        )
        counted = await self.insist(lambda: tally.result(timeout=5))
        described = await self.insist(tally.describe)
        return Round(counted, described.unreceived_count, chains, onces, families)

    async def sender(self, tally_id: str, numbers: range) -> None:
        tally = self.client.get(tally_id)
        for number in numbers:
            await self.insist(lambda number=number: tally.send("marks", number, key=f"mark-{number}"))
            self.acknowledged += 1

    async def many(self, definition: str, number: int, count: int, size: int) -> dict[str, list]:
        ids = [f"{definition}-{number}-{index}" for index in range(count)]
        results = await asyncio.gather(*(self.one(definition, each, size) for each in ids))
        return dict(zip(ids, results, strict=True))

    async def one(self, definition: str, process_id: str, size: int) -> list:
        ref = await self.insist(lambda: self.client.start(definition, self.log, size, id=process_id))
        result: list[object] = await self.insist(lambda: ref.result(timeout=5))
        self.finished += 1
        return result

    async def run_count(self) -> int:
        """How many processes the schedule says that it has started."""
        return int((await self.client.get(SCHEDULE_ID).describe()).fields.get("run_count", "0"))

    async def until_ticks_have_ended(self) -> None:
        """What the schedule started last is on its way when the schedule has ended."""
        ids: list[str] = []
        while len(ids) < self.ticks:
            ids = [info.process_id async for info in self.client.list(definition="tick", page_size=1000)]
        for process_id in ids:
            await self.client.get(process_id).result(timeout=5)

    async def insist(self, request: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        """Repeat a request until it is answered: what a client of a killed server does."""
        while True:
            try:
                return await request()
            except (Unavailable, LimitExceeded, TimeoutError):
                await asyncio.sleep(0.05)
            except NotFound as error:  # nothing is deployed until a worker of the new runtime has registered
                if "definition" not in error.facts and not str(error).startswith("no definition"):
                    raise
                await asyncio.sleep(0.05)


async def until_cancelled(ref: ProcessRef[object]) -> None:
    with suppress(ProcessCancelled):
        await ref.result(timeout=5)
