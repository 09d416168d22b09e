"""What is measured in numbers: processes that wait, sleep, grow, and have many goroutines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from runtime_client import Channel, Process, durable, go, now, recv, select, sleep

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Parked(Process):
    """Waits for one message."""

    wake = Channel[int]()

    async def main(self) -> int:
        return await recv(self.wake)


class Sleeper(Process):
    """Sleeps until a moment, and says when it woke; both in Unix milliseconds."""

    async def main(self, due_ms: int) -> int:
        await sleep(EPOCH + timedelta(milliseconds=due_ms))
        return (now() - EPOCH) // timedelta(milliseconds=1)


class Marathon(Process):
    """Makes so many transitions of its own, then counts messages as `Tally` does."""

    marks = Channel[int]()
    done = Channel[None]()
    count: int = 0

    async def main(self, transitions: int) -> int:
        for _ in range(transitions):
            await sleep(0)
        while True:
            match await select(mark=recv(self.marks), done=recv(self.done)):
                case ("mark", _):
                    self.count += 1
                case _:
                    return self.count


class Ledger(Process):
    """Keeps a document of about so many bytes, of lines that all differ, and counts messages beside it."""

    marks = Channel[int]()
    done = Channel[None]()
    count: int = 0
    lines: list[str]

    async def main(self, size_bytes: int) -> int:
        self.lines = [f"{number:0100}" for number in range(size_bytes // 100)]
        while True:
            match await select(mark=recv(self.marks), done=recv(self.done)):
                case ("mark", _):
                    self.count += 1
                case _:
                    return self.count


class Crowd(Process):
    """So many goroutines that wait at one channel; each message wakes one of them."""

    marks = Channel[int]()
    done = Channel[None]()
    count: int = 0

    async def main(self, goroutine_count: int) -> int:
        for _ in range(goroutine_count):
            go(self.member())
        await recv(self.done)
        return self.count

    @durable
    async def member(self) -> None:
        while True:
            await recv(self.marks)
            self.count += 1
