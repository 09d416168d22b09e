"""One way through the code of a state, as far as it has come."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TypeAlias

from .effects import Close, Effect, LoosenChannel, LoosenGoroutine, MakeChannel, MakeGroup, Start, StartOperation
from .model import ChannelValue, FrameValue, GroupValue, HandleValue, Value


@dataclass(frozen=True, slots=True)
class Closed:
    """The outcome of a loop over a channel that is closed."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """`operation` is awaited, and `block` takes the outcome."""

    block: int
    operation: ast.expr


Outcome: TypeAlias = Value | Closed | None
Leaving: TypeAlias = ast.Return | ast.Raise | ast.Break | ast.Continue | int | Suspension
"""How a state, or a suite in it, is left: an `int` is the block that comes next."""


@dataclass(frozen=True, slots=True)
class Others:
    """What was done so far to what others may have too, and how many there are of each. `closed`: channels that are."""

    channels: int
    goroutines: int
    groups: int
    closed: frozenset[int]
    effects: tuple[Effect, ...] = ()


@dataclass(slots=True)
class Draft:
    """What is known at one place of the code.

    leaves: how it ended, if it has.
    result: what it returns.
    raises: the statement raises, whatever the data.
    """

    variables: dict[str, Value]
    others: Others
    outcome: Outcome = None
    leaves: Leaving | None = None
    result: Value | None = None
    raises: bool = False

    def copy(self) -> Draft:
        return replace(self, variables=dict(self.variables))

    def left(self, how: Leaving) -> Draft:
        self.leaves = how
        return self

    def going_on(self) -> Draft:
        """After a `break` or `continue`."""
        self.leaves = None
        return self

    def take(self, other: Draft) -> None:
        """Become what another way came to."""
        self.variables, self.others, self.raises = other.variables, other.others, other.raises

    def do(self, effect: Effect) -> None:
        self.others = replace(self.others, effects=(*self.others.effects, effect))

    def make_channel(self, capacity: int | None) -> ChannelValue:
        self.do(MakeChannel(capacity))
        self.others = replace(self.others, channels=self.others.channels + 1)
        return ChannelValue(self.others.channels - 1)

    def make_group(self) -> GroupValue:
        self.do(MakeGroup())
        self.others = replace(self.others, groups=self.others.groups + 1)
        return GroupValue(self.others.groups - 1)

    def start(self, frame: FrameValue, group: int | None = None) -> HandleValue:
        """It begins at a turn of its own."""
        return self._started(Start(frame.frame, group))

    def start_operation(self, effect: StartOperation) -> HandleValue:
        return self._started(effect)

    def _started(self, effect: Start | StartOperation) -> HandleValue:
        self.do(effect)
        self.others = replace(self.others, goroutines=self.others.goroutines + 1)
        return HandleValue(self.others.goroutines - 1)

    def close(self, channel: int) -> None:
        """Closing it twice raises (rule 11)."""
        if channel in self.others.closed and LoosenChannel(channel) not in self.others.effects:
            self.raises = True
        else:
            self.do(Close(channel))
            self.others = replace(self.others, closed=self.others.closed | {channel})

    def loosen(self, effect: LoosenChannel | LoosenGoroutine) -> None:
        if effect not in self.others.effects:
            self.do(effect)
