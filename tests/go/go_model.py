"""Every outcome that Go's rules allow a program, by trying all interleavings.

A goroutine that stands before an operation may have begun to wait in it, or not yet: nobody can tell. So two may meet on a
channel whenever both stand there, and a `default` may be taken whenever no buffer and no close makes a case ready. What Go
promises beyond that (who waited first is served first) cannot be seen from within a program, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from go_programs import NIL, Close, Merge, Operation, Outcome, Program, Range, Recovered, Recv, Select, Send, Spawn
from go_programs import Length as LengthOf

STATES_MAX = 60_000
"""A program with more states than these is left out."""


NOT_STARTED = -1


class TooLarge(Exception):
    """The program has too many states."""


@dataclass(frozen=True, slots=True)
class _State:
    """Where each goroutine stands, and its log; what each channel holds.

    at: `NOT_STARTED`, or the index of the operation before which it stands. turns: how many values its `Range` has had, or
    which channels of its `Merge` are closed, a bit each.
    """

    at: tuple[int, ...]
    turns: tuple[int, ...]
    logs: tuple[str, ...]
    buffers: tuple[tuple[int, ...], ...]
    closed: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class _Offer:
    """One way in which a goroutine could go on: `case` says which of a select's, -1 for no select."""

    goroutine: int
    operation: Send | Recv
    case: int


def outcomes(program: Program) -> frozenset[Outcome]:
    """All that a run may end in.

    Raises:
      TooLarge: there are more than `STATES_MAX` states.
    """
    return _Model(program).explore()


class _Model:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.count = len(program.goroutines)

    def explore(self) -> frozenset[Outcome]:
        channels, spawned = len(self.program.capacities), self.program.spawned
        at = tuple(NOT_STARTED if goroutine in spawned else 0 for goroutine in range(self.count))
        first = _State(at, (0,) * self.count, ("",) * self.count, ((),) * channels, (False,) * channels)
        seen, todo, found = {first}, [first], set[Outcome]()
        while todo:
            state = todo.pop()
            if all(at == len(operations) for at, operations in zip(state.at, self.program.goroutines, strict=True)):
                found.add(Outcome("ok", state.logs))
                continue
            ways = list(self.steps(state))
            if not ways:
                found.add(Outcome("deadlock"))
            for way in ways:
                if isinstance(way, Outcome):
                    found.add(way)
                elif way not in seen:
                    seen.add(way)
                    todo.append(way)
            if len(seen) > STATES_MAX:
                raise TooLarge
        return frozenset(found)

    def written(self, state: _State, goroutine: int) -> Operation | None:
        """The operation before which the goroutine stands; None if it has ended or was not started."""
        at, operations = state.at[goroutine], self.program.goroutines[goroutine]
        return operations[at] if NOT_STARTED < at < len(operations) else None

    def operation(self, state: _State, goroutine: int) -> Operation | None:
        written = self.written(state, goroutine)
        return written.operation if isinstance(written, Recovered) else written

    def steps(self, state: _State) -> Iterator[_State | Outcome]:
        for goroutine in range(self.count):
            match self.operation(state, goroutine):
                case Close(channel):
                    yield self.close(state, goroutine, channel)
                case LengthOf(channel):
                    capacity = max(self.program.capacities[channel], 0)
                    yield self.past(state, goroutine, f"l{len(state.buffers[channel])}of{capacity}")
                case Spawn(started):
                    yield self.past(replace(state, at=_with(state.at, started, 0)), goroutine, "g")
                case Merge() if not self.offers(state, goroutine):
                    yield self.past(state, goroutine, "mx")
                case Select(has_default=True) if not any(self.alone(state, o) for o in self.offers(state, goroutine)):
                    yield self.past(state, goroutine, "d")
                case _:
                    pass
            for offer in self.offers(state, goroutine):
                yield from self.alone(state, offer)
                yield from self.met(state, offer)

    def offers(self, state: _State, goroutine: int) -> list[_Offer]:
        match self.operation(state, goroutine):
            case Send() | Recv() as operation:
                return [_Offer(goroutine, operation, -1)]
            case Range(channel):
                return [_Offer(goroutine, Recv(channel), -1)]
            case Select(cases):
                return [_Offer(goroutine, case, number) for number, case in enumerate(cases)]
            case Merge(channels):
                return [
                    _Offer(goroutine, Recv(channel), number)
                    for number, channel in enumerate(channels)
                    if self.program.capacities[channel] != NIL and not state.turns[goroutine] >> number & 1
                ]
            case _:
                return []

    def alone(self, state: _State, offer: _Offer) -> list[_State | Outcome]:
        """What the offer does without a partner: by the buffer, or because the channel is closed."""
        channel, operation = offer.operation.channel, offer.operation
        capacity, buffer = self.program.capacities[channel], state.buffers[channel]
        if capacity == NIL:
            return []
        if isinstance(operation, Send):
            if state.closed[channel]:
                return [self.panic(state, offer.goroutine)]
            if len(buffer) < capacity:
                return [self.sent(_buffered(state, channel, (*buffer, operation.value)), offer)]
            return []
        if buffer:
            return [self.received(_buffered(state, channel, buffer[1:]), offer, buffer[0])]
        return [self.received(state, offer, None)] if state.closed[channel] else []

    def met(self, state: _State, offer: _Offer) -> Iterator[_State]:
        """A sender hands its value to a receiver."""
        sending, channel = offer.operation, offer.operation.channel
        if not isinstance(sending, Send) or self.program.capacities[channel] != 0 or state.closed[channel]:
            return
        for other in range(self.count):
            if other == offer.goroutine:
                continue
            for partner in self.offers(state, other):
                if isinstance(partner.operation, Recv) and partner.operation.channel == channel:
                    yield self.received(self.sent(state, offer), partner, sending.value)

    def close(self, state: _State, goroutine: int, channel: int) -> _State | Outcome:
        if self.program.capacities[channel] == NIL or state.closed[channel]:
            return self.panic(state, goroutine)
        return self.past(replace(state, closed=_with(state.closed, channel, True)), goroutine, "c")

    def panic(self, state: _State, goroutine: int) -> _State | Outcome:
        is_recovered = isinstance(self.written(state, goroutine), Recovered)
        return self.past(state, goroutine, "p") if is_recovered else Outcome("panic")

    def sent(self, state: _State, offer: _Offer) -> _State:
        return self.past(state, offer.goroutine, _word(offer, "s"))

    def received(self, state: _State, offer: _Offer, value: int | None) -> _State:
        goroutine, word = offer.goroutine, "x" if value is None else str(value)
        match self.operation(state, goroutine):
            case Range(_, limit):
                turns = state.turns[goroutine] + 1
                if value is None or turns >= limit:
                    return self.past(state, goroutine, f"i{word}")
                return self.turned(state, goroutine, turns, f"i{word}")
            case Merge():
                closed = state.turns[goroutine] | (1 << offer.case if value is None else 0)
                return self.turned(state, goroutine, closed, f"{offer.case}m{word}")
            case _:
                return self.past(state, goroutine, _word(offer, f"r{word}"))

    def turned(self, state: _State, goroutine: int, turns: int, word: str) -> _State:
        """The goroutine stands before the next turn of its loop."""
        logs = _with(state.logs, goroutine, f"{state.logs[goroutine]}{word},")
        return replace(state, turns=_with(state.turns, goroutine, turns), logs=logs)

    def past(self, state: _State, goroutine: int, word: str) -> _State:
        """The goroutine stands before its next operation."""
        return replace(
            state,
            at=_with(state.at, goroutine, state.at[goroutine] + 1),
            turns=_with(state.turns, goroutine, 0),
            logs=_with(state.logs, goroutine, f"{state.logs[goroutine]}{word},"),
        )


def _word(offer: _Offer, word: str) -> str:
    return word if offer.case < 0 else f"{offer.case}{word}"


def _buffered(state: _State, channel: int, buffer: tuple[int, ...]) -> _State:
    return replace(state, buffers=_with(state.buffers, channel, buffer))


def _with(items: tuple, index: int, item: object) -> tuple:
    return (*items[:index], item, *items[index + 1 :])
