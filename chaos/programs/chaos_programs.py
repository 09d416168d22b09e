"""The load: one process that counts keyed messages, and many that each do a chain of effects."""

from __future__ import annotations

from chaos_effects import note

from runtime_client import Channel, Process, call, recv


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
    """Does effects one after the other and keeps the token that each of them gave."""

    async def main(self, log: str, length: int) -> list[str]:
        tokens: list[str] = []
        for index in range(length):
            tokens.append(await call(note, log, index))
        return tokens
