"""Verdicts and reasons: plain immutable data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of a goroutine that is parked in a state.

    MOVABLE: it goes on under the new build as it stands. MIGRATION: only if a function makes new slots, or another state, of
    the old ones. STUCK: there is nothing that it could go on in.
    """

    MOVABLE = "movable"
    MIGRATION = "needs migration"
    STUCK = "stuck"


_ORDER = (Verdict.MOVABLE, Verdict.MIGRATION, Verdict.STUCK)


def worst(verdicts: Iterator[Verdict]) -> Verdict:
    """The one that counts where several hold."""
    return max(verdicts, key=_ORDER.index, default=Verdict.MOVABLE)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something cannot go on as it stands, in the author's terms; and what to do. A verdict of MOVABLE makes it a warning."""

    verdict: Verdict
    text: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class StateComparison:
    """A state in which goroutines park under the old build. `line`: there; `statement`: what awaits, as written."""

    name: str
    line: int
    statement: str
    reasons: tuple[Reason, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return worst(reason.verdict for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class FunctionComparison:
    """A durable function of the old build, by its `module:qualname`; `source` is the file that it was in."""

    name: str
    source: str
    states: tuple[StateComparison, ...] = ()


@dataclass(frozen=True, slots=True)
class DefinitionComparison:
    """What concerns a process as a whole, whatever its goroutines wait for."""

    name: str
    functions: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return worst(reason.verdict for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every definition and every function of the old build, against the new one."""

    definitions: tuple[DefinitionComparison, ...]
    functions: tuple[FunctionComparison, ...]

    @property
    def is_breaking(self) -> bool:
        """Whether some process, parked somewhere, could not go on as it stands."""
        return any(d.verdict is not Verdict.MOVABLE for d in self.definitions) or any(
            state.verdict is not Verdict.MOVABLE for _, state in self.states()
        )

    def states(self) -> Iterator[tuple[FunctionComparison, StateComparison]]:
        for function in self.functions:
            for state in function.states:
                yield function, state

    def verdict_of(self, definition: str, function: str, state: str) -> Verdict:
        """Of a process of that definition with a goroutine in that state; STUCK if the old build has no such state."""
        of_process = next((d.verdict for d in self.definitions if d.name == definition), Verdict.STUCK)
        of_state = next((s.verdict for f, s in self.states() if (f.name, s.name) == (function, state)), Verdict.STUCK)
        return worst(iter((of_process, of_state)))
