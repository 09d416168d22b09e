"""A process that lives through deployments: it notes which version has taken each mark. The first version."""

from __future__ import annotations

from journey_effects import stamp

from runtime_client import Channel, Process, call, recv

VERSION = 1


class Journey(Process):
    """Takes so many marks, and gives them back in order, each with its stamp and the version that took it."""

    marks = Channel[int]()
    taken: list[list[int]] = []

    async def main(self, count: int, log: str) -> list[list[int]]:
        while len(self.taken) < count:
            mark = await recv(self.marks)
            stamped = await call(stamp, self.id, mark, log)
            self.taken.append([mark, stamped, VERSION])
        return self.taken
