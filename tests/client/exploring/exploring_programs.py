"""Processes whose outcome depends on what comes first."""

from __future__ import annotations

from datetime import timedelta

from runtime_client import Channel, Process, after, call, go, recv, select


async def fetch(name: str) -> str:
    return name


class Racer(Process):
    """An effect against a timer."""

    async def main(self) -> str:
        return (await select(fetched=call(fetch, "page"), late=after(timedelta(minutes=1)))).case


class Pair(Process):
    """Two goroutines, each with an effect, and a field that the first to end sets."""

    first: str = ""

    async def main(self) -> str:
        for handle in [go(self.fetching("left")), go(self.fetching("right"))]:
            await handle
        return self.first

    async def fetching(self, name: str) -> None:
        self.first = self.first or await call(fetch, name)


class Inbox(Process):
    """What came, in order."""

    words = Channel[str]()

    async def main(self, count: int) -> list[str]:
        return [await recv(self.words) for _ in range(count)]


class Late(Process):
    """Asks for an effect after a while, with a deadline."""

    async def main(self) -> str:
        await select(begin=after(timedelta(minutes=1)))
        return (await select(fetched=call(fetch, "page"), late=after(timedelta(minutes=1)))).case
