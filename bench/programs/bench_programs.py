"""What is measured."""

from __future__ import annotations

from bench_effects import trivial

from runtime_client import Channel, Process, call, recv, select


class Chain(Process):
    """Effects one after the other; each is a request, an outcome and a transition, all of them durable."""

    async def main(self, length: int) -> int:
        total = 0
        for number in range(length):
            total += await call(trivial, number)
        return total


class Tally(Process):
    """Counts what arrives on `marks`, until something arrives on `done`."""

    marks = Channel[int]()
    done = Channel[None]()
    count: int = 0

    async def main(self) -> int:
        while True:
            match await select(mark=recv(self.marks), done=recv(self.done)):
                case ("mark", _):
                    self.count += 1
                case _:
                    return self.count
