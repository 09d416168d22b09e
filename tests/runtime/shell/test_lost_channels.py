"""Under a runtime, too, channels that nobody can reach any more take no room, and those that somebody may give back stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from runtime_client import Channel, Client, Definitions, Process, Step, Worker, emit
from slct_runtime._resident import CHANNELS_MIN
from slct_runtime.runtime import Runtime
from slct_runtime.store import MemoryStore

from .effect_worlds import die, play


async def given_back(value: object) -> object:
    return value


class Maker(Process):
    """In each round it makes two channels, and hands a number through both; then it waits for ever."""

    rounds: int = 0
    made: Any = None
    second: Any = None
    told = Channel[int]()

    def Main_Start(self, p: Step, rounds: int) -> None:
        self.rounds = rounds
        self.Main_Round(p)

    def Main_Round(self, p: Step) -> None:
        if not self.rounds:
            self.Main_Told(p)
            return
        self.rounds -= 1
        first, self.made = p.make_channel(1), p.make_channel()
        p.go(self.Other_Start, first, self.made)
        p.send(first, self.rounds).to(self.Main_Sent)

    def Main_Sent(self, p: Step) -> None:
        p.recv(self.made).to(self.Main_Round)

    def Main_Told(self, p: Step, value: int = 0) -> None:
        p.recv(self.told).to(self.Main_Told)

    def Other_Start(self, p: Step, first: Channel[int], second: Channel[int]) -> None:
        self.second = second
        p.recv(first).to(self.Other_Got)

    def Other_Got(self, p: Step, value: int) -> None:
        p.send(self.second, value).to(self.Other_Done)

    def Other_Done(self, p: Step) -> None:
        self.second = None


class Lender(Process):
    """Gives the only handle of a channel away, and takes it back when it has made many others."""

    returned = Channel[Any]()
    how: str = ""
    lent: Any = None

    def Main_Start(self, p: Step, how: str) -> None:
        self.how, self.lent = how, p.make_channel(1)
        p.send(self.lent, 7).to(self.Main_Lend)

    def Main_Lend(self, p: Step) -> None:
        for _ in range(2 * CHANNELS_MIN):
            p.make_channel(1)
        lent, self.lent = self.lent, None
        if self.how == "call":
            p.call(given_back, lent).to(self.Main_Back)
        else:
            emit(lent)
            p.recv(self.returned).to(self.Main_Back)

    def Main_Back(self, p: Step, lent: Channel[int]) -> None:
        p.recv(lent).to(self.Main_Done)

    def Main_Done(self, p: Step, value: int) -> int:
        return value


defs = Definitions({"maker": Maker, "lender": Lender}, modules=(__name__,))


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Client, Runtime, MemoryStore]]:
    store = MemoryStore()
    runtime = await Runtime.open(store)
    worker = Worker(runtime, defs)
    serving = asyncio.create_task(worker.run())
    await worker.connected.wait()
    try:
        yield Client(runtime, defs), runtime, store
    finally:
        await die(serving)
        await runtime.aclose()


def test_a_process_that_makes_channels_for_ever_stays_as_small_as_it_was() -> None:
    async def size_after(rounds: int) -> int:
        async with running() as (client, runtime, store):
            ref = await client.start("maker", rounds, id="m")
            await ref.send("told", 1, wait=True)
            (loaded,) = store.load(["m"])
            assert len(runtime._engine.residents["m"].core.channels) <= CHANNELS_MIN
            return len(loaded.row.core) + len(loaded.row.document)

    async def scene() -> None:
        sizes = [await size_after(rounds) for rounds in (100, 2000)]
        assert max(sizes) - min(sizes) < 20 * CHANNELS_MIN, "a channel more or less, and longer names"

    play(scene)


@pytest.mark.parametrize("how", ["call", "emit"])
def test_a_channel_whose_handle_has_left_the_process_stays(how: str) -> None:
    async def scene() -> None:
        async with running() as (client, _, _):
            ref = await client.start("lender", how, id="l")
            if how == "emit":
                async with aclosing(ref.watch()) as events:
                    payload = await anext(event.payload async for event in events if event.kind == "output")
                lent = client.codec.decode(payload or "")
                await ref.send("returned", lent)
            assert await ref.result(10) == 7

    play(scene)
