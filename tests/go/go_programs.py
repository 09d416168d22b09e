"""Small concurrent programs as data, drawn by seed. Knows channels and goroutines; nothing of Go's text, Python's or how one runs.

The first goroutine starts the others, in order, but for those that a `Spawn` starts; does its own operations, and waits for all
of them. Each keeps a log of its own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TypeAlias

NIL = -1
"""The capacity of a channel that is nil."""


@dataclass(frozen=True, slots=True)
class Send:
    channel: int
    value: int


@dataclass(frozen=True, slots=True)
class Recv:
    channel: int


@dataclass(frozen=True, slots=True)
class Close:
    channel: int


@dataclass(frozen=True, slots=True)
class Range:
    """Receives until the channel is closed; `limit` values at most, then it leaves the loop."""

    channel: int
    limit: int


@dataclass(frozen=True, slots=True)
class Select:
    cases: tuple[Send | Recv, ...]
    has_default: bool


@dataclass(frozen=True, slots=True)
class Merge:
    """Receives from all of these until each is closed; one that is, is set to nil."""

    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Length:
    """Looks at `len` and `cap`."""

    channel: int


@dataclass(frozen=True, slots=True)
class Spawn:
    """Starts a goroutine with a higher number."""

    goroutine: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """Goes on with the next operation if this one panics."""

    operation: Send | Close | Select


Operation: TypeAlias = Send | Recv | Close | Range | Select | Merge | Length | Spawn | Recovered


@dataclass(frozen=True, slots=True)
class Program:
    """capacities: of each channel, `NIL` for one that was never made. goroutines: the operations of each, main's first."""

    capacities: tuple[int, ...]
    goroutines: tuple[tuple[Operation, ...], ...]

    @property
    def spawned(self) -> frozenset[int]:
        """The goroutines that main does not start at once."""
        return frozenset(o.goroutine for operations in self.goroutines for o in operations if isinstance(o, Spawn))


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """How a run ended: `ok` with a log per goroutine, `deadlock`, or `panic`."""

    status: str
    logs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "|".join((self.status, *self.logs))


def random_program(seed: int) -> Program:
    """Two to four goroutines over one to three channels: messages with a sender and a receiver each, and some operations more."""
    return _Draw(random.Random(seed)).program()


class _Draw:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.values = 0
        self.capacities = tuple(self.capacity() for _ in range(chance.randint(1, 3)))
        self.goroutines: list[list[Operation]] = [[] for _ in range(chance.randint(2, 4))]

    def capacity(self) -> int:
        return NIL if self.chance.random() < 0.04 else self.chance.choice((0, 0, 0, 1, 2))

    def program(self) -> Program:
        for _ in range(self.chance.randint(1, 5)):
            self.message()
        if self.chance.random() < 0.4:
            self.series()
        if self.chance.random() < 0.4:
            self.one().append(self.operation())
        if self.chance.random() < 0.3:
            self.insert(self.one(), Length(self.channel()))
        if self.chance.random() < 0.3:
            self.merged()
        if len(self.goroutines) > 2 and self.chance.random() < 0.3:
            self.insert(self.chance.choice(self.goroutines[:-1]), Spawn(len(self.goroutines) - 1))
        return Program(self.capacities, tuple(tuple(map(self.perhaps_recovered, g)) for g in self.goroutines))

    def insert(self, operations: list[Operation], operation: Operation) -> None:
        operations.insert(self.chance.randint(0, len(operations)), operation)

    def merged(self) -> None:
        """One goroutine receives from two channels until both are closed."""
        channels = (self.channel(), self.channel())
        for channel in {*channels}:
            sender = self.chance.choice(self.goroutines[1:])
            sender += [self.send(channel) for _ in range(self.chance.randint(0, 1))]
            sender.append(Close(channel))
        self.goroutines[0].append(Merge(channels))

    def perhaps_recovered(self, operation: Operation) -> Operation:
        if isinstance(operation, Send | Close | Select) and self.chance.random() < 0.25:
            return Recovered(operation)
        return operation

    def one(self) -> list[Operation]:
        return self.chance.choice(self.goroutines)

    def message(self) -> None:
        """One goroutine sends, another receives, either perhaps by a select."""
        channel = self.channel()
        sender, receiver = self.chance.sample(self.goroutines, 2)
        sender.append(self.perhaps_selected(self.send(channel)))
        receiver.append(self.perhaps_selected(Recv(channel)))

    def series(self) -> None:
        """One goroutine sends and closes, another receives until then."""
        channel = self.channel()
        sender, receiver = self.chance.sample(self.goroutines, 2)
        sender += [self.send(channel) for _ in range(self.chance.randint(0, 2))]
        sender.append(Close(channel))
        receiver.append(Range(channel, self.chance.choice((1, 9, 9))))

    def perhaps_selected(self, operation: Send | Recv) -> Operation:
        if self.chance.random() < 0.6:
            return operation
        cases = [operation, *(self.case() for _ in range(self.chance.randint(0, 2)))]
        self.chance.shuffle(cases)
        return Select(tuple(cases), self.chance.random() < 0.25)

    def operation(self) -> Operation:
        match self.chance.choice(("close", "range", "select", "case")):
            case "close":
                return Close(self.channel())
            case "range":
                return Range(self.channel(), self.chance.choice((1, 2, 9)))
            case "select":
                cases = tuple(self.case() for _ in range(self.chance.randint(0, 3)))
                return Select(cases, self.chance.random() < 0.5)
            case _:
                return self.case()

    def case(self) -> Send | Recv:
        channel = self.channel()
        return Recv(channel) if self.chance.random() < 0.5 else self.send(channel)

    def send(self, channel: int) -> Send:
        self.values += 1
        return Send(channel, self.values)

    def channel(self) -> int:
        return self.chance.randrange(len(self.capacities))
