"""The load: processes that count messages, do effects, start and await others, and are started by a schedule."""

from __future__ import annotations

from datetime import timedelta

from chaos_effects import note, stumble

from runtime_client import (
    Cancelled,
    Channel,
    EffectUnknown,
    Process,
    ProcessError,
    ProcessFailed,
    Retry,
    call,
    recv,
    sleep,
    start,
)

MARKS_PER_LEAF = 5


class Tally(Process):
    """Counts messages, each of which brings its own number: a loss or a repetition shows."""

    marks = Channel[int]()
    seen: int = 0  # one bit per number
    repeated: int = 0

    async def main(self, expected: int) -> list[int]:
        count = 0
        while count < expected:
            number = await recv(self.marks)
            count += 1
            if self.seen >> number & 1:
                self.repeated += 1
            self.seen |= 1 << number
        return [self.seen.bit_count(), self.repeated]


class Chain(Process):
    """Does effects one after the other, in a queue with a limit, and keeps the token that each gave. Every third stumbles first."""

    async def main(self, log: str, length: int) -> list[str]:
        tokens: list[str] = []
        for index in range(length):
            work = stumble if index % 3 == 2 else note
            tokens.append(await call(work, log, index, queue="chain", retry=Retry(max_attempts=None, first=0.05)))
        return tokens


class Once(Process):
    """Does effects that may be attempted once; of some it is not known what became of them."""

    async def main(self, log: str, length: int) -> list[str]:
        tokens: list[str] = []
        for index in range(length):
            try:
                tokens.append(await call(note, log, index, at_most_once=True))
            except EffectUnknown:
                tokens.append("unknown")
        return tokens


class Withered(ProcessError):
    """What every third leaf ends in."""


class Leaf(Process):
    """A child: takes what its parent sends, does one effect, and returns or fails."""

    marks = Channel[int]()

    async def main(self, log: str, index: int) -> list[int]:
        got = [await recv(self.marks) for _ in range(MARKS_PER_LEAF)]
        await call(note, log, index)
        if index % 3 == 0:
            raise Withered(index, got)
        return [index, *got]


class Pet(Process):
    """Lives as long as the process that it is attached to, and cleans up when that has ended."""

    async def main(self, log: str) -> None:
        try:
            await sleep(timedelta(days=1))
        except Cancelled:
            await call(note, log, 0)
            raise


class Family(Process):
    """A parent: starts children, sends to each, and takes what they end in; it has a pet that ends with it."""

    async def main(self, log: str, count: int) -> list[list[object]]:
        start(Pet, log, id=f"{self.id}-pet").attached()
        leaves = [start(Leaf, log, index) for index in range(count)]
        for mark in range(MARKS_PER_LEAF):
            for leaf in leaves:
                leaf.send(Leaf.marks, mark)
        ends: list[list[object]] = []
        for leaf in leaves:
            try:
                ends.append(["returned", *await leaf.result()])
            except ProcessFailed as error:
                cause = error.__cause__
                assert isinstance(cause, Withered)
                ends.append(["failed", cause.args[0], *cause.args[1]])
        return ends


class Tick(Process):
    """What the schedule starts."""

    async def main(self, log: str) -> str:
        return await call(note, log, 0)
