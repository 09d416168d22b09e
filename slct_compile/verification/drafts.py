"""One way through the code of a state, as far as it has come."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TypeAlias

from .model import Channel, Goroutine, Value


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


@dataclass(slots=True)
class Draft:
    """What is known at one place of the code.

    leaves: how it ended, if it has.
    result: what it returns.
    raises: the statement raises, whatever the data.
    """

    variables: dict[str, Value]
    channels: list[Channel]
    goroutines: list[Goroutine]
    outcome: Outcome
    group_count: int
    leaves: Leaving | None = None
    result: Value | None = None
    raises: bool = False

    def copy(self) -> Draft:
        return replace(
            self, variables=dict(self.variables), channels=list(self.channels), goroutines=list(self.goroutines)
        )

    def left(self, how: Leaving) -> Draft:
        self.leaves = how
        return self

    def going_on(self) -> Draft:
        """After a `break` or `continue`."""
        self.leaves = None
        return self

    def take(self, other: Draft) -> None:
        """Become what another way came to."""
        self.variables, self.channels, self.goroutines = other.variables, other.channels, other.goroutines
        self.group_count, self.raises = other.group_count, other.raises
