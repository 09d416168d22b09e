"""Two builds: every definition, and every state in which goroutines park, of the old one against the new one."""

from __future__ import annotations

from .migrations import Between, between, migrated_definition_reasons, moving_reasons
from .model import Comparison, DefinitionComparison, FunctionComparison, StateComparison
from .renames import translate_definition, translate_functions, translate_migrations
from .schema import FunctionEntry, Manifest


def compare(old: Manifest, new: Manifest) -> Comparison:
    """What becomes of processes that are parked under `old` when `new` takes over.

    Roll-back is the same question the other way round: `compare(new, old)`.
    """
    renames = new.renames
    migrations = between(translate_migrations(old.migrations, renames), new.migrations)
    old_functions, _ = translate_functions(old.functions, new.functions, renames)
    definitions = tuple(
        DefinitionComparison(
            name,
            tuple(entry.functions),
            tuple(
                migrated_definition_reasons(translate_definition(entry, renames), new.definitions.get(name), migrations)
            ),
        )
        for name, entry in sorted(old.definitions.items())
    )
    functions = tuple(
        FunctionComparison(name, entry.source, _states(name, entry, new.functions.get(name), migrations))
        for name, entry in sorted(old_functions.items())
    )
    return Comparison(definitions, functions)


def _states(
    function: str, old: FunctionEntry, new: FunctionEntry | None, migrations: Between
) -> tuple[StateComparison, ...]:
    return tuple(
        StateComparison(
            name, state.line, state.statement or "", tuple(moving_reasons(old, new, function, name, migrations))
        )
        for name, state in old.states.items()
        if state.parks
    )
