"""One way through the code of a state, as far as it has come."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TypeAlias

from .model import Channel, Goroutine, SelectedValue, Value


@dataclass(frozen=True, slots=True)
class Closed:
    """The outcome of a loop over a channel that is closed."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """`operation` is awaited, and `block` takes the outcome."""

    block: int
    operation: ast.expr


Outcome: TypeAlias = SelectedValue | Closed | None
Leaving: TypeAlias = ast.Return | ast.Raise | int | Suspension
"""How a state is left: an `int` is the block that comes next."""


@dataclass(slots=True)
class Draft:
    """What is known at one place of the code. `leaves`: how it ended, if it has."""

    variables: dict[str, Value]
    channels: list[Channel]
    goroutines: list[Goroutine]
    outcome: Outcome
    leaves: Leaving | None = None

    def copy(self) -> Draft:
        return Draft(dict(self.variables), list(self.channels), list(self.goroutines), self.outcome, self.leaves)

    def left(self, how: Leaving) -> Draft:
        self.leaves = how
        return self
