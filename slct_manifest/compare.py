"""Two builds: every definition, and every state in which goroutines park, of the old one against the new one."""

from __future__ import annotations

from .documents import definition_reasons
from .model import Comparison, DefinitionComparison, FunctionComparison, Reason, StateComparison, Verdict
from .schema import FunctionEntry, Manifest
from .states import state_reasons


def compare(old: Manifest, new: Manifest) -> Comparison:
    """What becomes of processes that are parked under `old` when `new` takes over.

    Roll-back is the same question the other way round: `compare(new, old)`.
    """
    definitions = tuple(
        DefinitionComparison(name, tuple(entry.functions), tuple(definition_reasons(entry, new.definitions.get(name))))
        for name, entry in sorted(old.definitions.items())
    )
    functions = tuple(
        FunctionComparison(name, entry.source, _states(entry, new.functions.get(name)))
        for name, entry in sorted(old.functions.items())
    )
    return Comparison(definitions, functions)


def _states(old: FunctionEntry, new: FunctionEntry | None) -> tuple[StateComparison, ...]:
    return tuple(
        StateComparison(name, state.line, state.statement or "", _reasons(old, new, name))
        for name, state in old.states.items()
        if state.parks
    )


def _reasons(old: FunctionEntry, new: FunctionEntry | None, name: str) -> tuple[Reason, ...]:
    if new is None:
        gone = Reason(
            Verdict.STUCK,
            "there is no such function any more",
            "keep it under this name until nothing is parked in it",
        )
        return (gone,)
    return tuple(state_reasons(old, new, name))
