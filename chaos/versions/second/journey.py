"""The second version: whoever runs can go on under it. It has an await, a field and a channel more."""

from __future__ import annotations

from journey_effects import stamp

from runtime_client import Channel, Process, call, recv, sleep

VERSION = 2


class Journey(Process):
    """Takes so many marks, and gives them back in order, each with its stamp and the version that took it."""

    marks = Channel[int]()
    hints = Channel[str](capacity=5)
    taken: list[list[int]] = []
    pauses: list[int] = []

    async def main(self, count: int, log: str) -> list[list[int]]:
        while len(self.taken) < count:
            mark = await recv(self.marks)
            stamped = await call(stamp, self.id, mark, log)
            self.taken.append([mark, stamped, VERSION])
            if len(self.taken) % 3 == 0:
                await sleep(0.01)
                self.pauses.append(mark)
        return self.taken
