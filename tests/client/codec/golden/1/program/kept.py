"""A process that keeps something of every kind while it waits. Documents of format 1 were written by it; it stays as it is."""

import collections
import datetime
import enum
from dataclasses import dataclass, field
from decimal import Decimal

from runtime_client import Channel, Process, TaskGroup, after, call, emit, gather, go, recv, select, sleep, timeout


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Line:
    what: str
    price: Decimal = Decimal("1.10")
    tags: list = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Key:
    part: tuple


def charge(name: str, total: Decimal) -> str:
    return f"{name} paid {total}"


class Kept(Process):
    inbox = Channel[int](capacity=10)
    lines: list = []
    count: int = 0

    async def main(self, name: str) -> dict:
        line = Line("book", tags=self.lines)
        self.lines.append(line)
        things = {
            "key": Key((1, "a")),
            "colour": Colour.RED,
            "when": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
            "queue": collections.deque([1, 2], maxlen=3),
            "numbers": {3, 1, 2},
            "big": 2**70,
            "raw": b"\xff",
            "line": line,
        }
        watcher = go(self.watch(line))
        got = []
        for thing, value in things.items():
            got.append((thing, await recv(self.inbox)))
            if value is line:
                break
        try:
            raise KeyError("missing")
        except KeyError as error:
            await sleep(1)
            error.add_note("seen")
            caught = error
        async with timeout(60):
            got.append(await recv(self.inbox))
        doubled = await gather(self.double(1), self.double(2))
        async with TaskGroup() as group:
            child = group.go(self.double(3))
        match await select(more=recv(self.inbox), late=after(5)):
            case ("more", value):
                got.append(value)
            case ("late", _):
                got.append("late")
        receipt = await call(charge, name, line.price * self.count)
        return {
            "got": got,
            "caught": (caught.args, caught.__notes__),
            "doubled": [*doubled, await child],
            "receipt": receipt,
            "watched": await watcher.join(),
            "is_one": things["line"] is self.lines[0] and line.tags is self.lines,
            "things": [str(things["key"]), things["colour"].name, things["when"].year, sorted(things["numbers"])],
        }

    async def watch(self, line: Line) -> int:
        while self.count < 3:
            await sleep(10)
            self.count += 1
            emit((self.count, line.what))
        return self.count

    async def double(self, number: int) -> int:
        await sleep(number)
        return number * 2
