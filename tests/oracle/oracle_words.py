"""What rewritten methods await: `slct_step`, `slct_same` and `slct_bridge`. A driver carries them out with `outcome_of`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Generator
from dataclasses import dataclass
from typing import Any

from runtime_client._frame import Outcome
from runtime_client._operations import Operation

SHOWN = (bool, int, str, bytes, type(None), float)
"""Types whose values are reported themselves; of others only the type is."""

ADDRESS = re.compile("0x[0-9a-fA-F]+")

SUSPENSIONS_MAX = 20_000

trace: list[Any] = []
"""What the run reported."""


@dataclass(frozen=True, slots=True, eq=False)
class Step(Operation):
    """A suspension that gives `value` back; a bridge gives what `value`, a plain awaitable, ends in."""

    number: int
    value: Any = None
    is_bridge: bool = False

    def report(self) -> None:
        shown = repr(self.value) if type(self.value) in SHOWN else type(self.value).__name__
        shown = ADDRESS.sub("0x", shown)
        trace.append((self.number, shown))

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self)


def slct_step(number: int) -> Step:
    return Step(number)


def slct_same(number: int, value: object) -> Step:
    return Step(number, value)


def slct_bridge(number: int, awaitable: Awaitable[Any]) -> Step:
    return Step(number, awaitable, is_bridge=True)


unsaveable: list[str] = []
"""What of the method's locals storage would have refused."""


class TooLong(BaseException):
    """The method suspends more often than is worth it: every further await raises, and nothing is reported any more."""


def outcome_of(step: Step) -> Outcome:
    """Carry an operation out, and report it."""
    if len(trace) >= SUSPENSIONS_MAX:
        return Outcome(error=TooLong())
    step.report()
    if not step.is_bridge:
        return Outcome(step.value)
    try:
        return Outcome(_run(step.value))
    except BaseException as error:
        return Outcome(error=error)


def _run(awaitable: Awaitable[Any]) -> Any:
    """What an awaitable ends in that never waits for anything."""
    iterator = awaitable.__await__()
    try:
        next(iterator)
    except StopIteration as stop:
        return stop.value
    raise NeedsALoop


class NeedsALoop(Exception):
    """The method awaits something that an event loop would have to complete."""
