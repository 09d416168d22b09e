"""What `@migrate` makes of frames and fields that an older build saved (rule 23).

A migration is written for processes that come from builds which do not have it: those that a build already has, they have been through.
So what a process goes through follows from two builds, whichever of them is older, and each only once. A build that lacks a
migration which the process's own build has cannot know what was made there: who waits there stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .documents import channel_reasons, definition_reasons
from .model import Reason, Verdict
from .schema import DefinitionEntry, FunctionEntry, MigrationEntry
from .states import local_function_reasons, state_reasons


@dataclass(frozen=True, slots=True)
class Between:
    """The migrations on the way from one build to another, in the order in which they are written.

    ahead: what the processes of the old build go through. lost: what they may have been through, and the new build does not have.
    """

    ahead: tuple[MigrationEntry, ...] = ()
    lost: tuple[MigrationEntry, ...] = ()


def between(old: Sequence[MigrationEntry], new: Sequence[MigrationEntry]) -> Between:
    return Between(tuple(m for m in new if m not in old), tuple(m for m in old if m not in new))


def moving_reasons(
    old: FunctionEntry, new: FunctionEntry | None, function: str, state: str, migrations: Between
) -> Iterator[Reason]:
    """Why a frame of `old` in this state cannot go on in `new`, after those migrations; and what deserves a look."""
    if new is None:
        yield Reason(
            Verdict.STUCK,
            "there is no such function any more",
            "keep it under this name until nothing is parked in it",
        )
        return
    for migration in migrations.lost:
        if migration.function == function and _leads_to(migration, state, old):
            yield _lost(migration)
    passed, target = route(function, state, migrations.ahead)
    if not passed:
        yield from state_reasons(old, new, state)
        return
    by = ", ".join(migration.name for migration in passed)
    arrived = state_called(target, new.states)
    if arrived is None or not new.states[arrived].parks:
        yield Reason(
            Verdict.MIGRATION,
            f"{by} makes {target!r} of it, and nothing waits there",
            f"name a state in which it may wait: {', '.join(n for n, s in new.states.items() if s.parks)}",
        )
        return
    yield from local_function_reasons(old, new)
    yield Reason(Verdict.MOVABLE, f"{by} makes {arrived} of it")


def route(function: str, state: str, migrations: Iterable[MigrationEntry]) -> tuple[tuple[MigrationEntry, ...], str]:
    """The migrations that a frame in this state goes through, one after the other, and the state that it is in then."""
    passed = []
    for migration in migrations:
        if migration.function == function and migration.state is not None and is_called(state, migration.state):
            passed.append(migration)
            state = state if migration.to is None else migration.to
    return tuple(passed), state


def is_called(state: str, word: str) -> bool:
    """Whether an author may call the state so: `Main_RecvPayments` in full, or without the name of its function."""
    return word in (state, state.partition("_")[2])


def state_called(word: str, states: Iterable[str]) -> str | None:
    """The state that an author calls so; None if there is none, or several."""
    found = [name for name in states if name == word] or [name for name in states if is_called(name, word)]
    return found[0] if len(found) == 1 else None


def _leads_to(migration: MigrationEntry, state: str, function: FunctionEntry) -> bool:
    word = migration.to or migration.state
    return word is not None and state_called(word, function.states) == state


def _lost(migration: MigrationEntry) -> Reason:
    return Reason(
        Verdict.MIGRATION,
        f"it is as {migration.name} makes it, and the other build has no such migration",
        "keep the migration: one that is there is not gone through again",
    )


def migrated_definition_reasons(
    old: DefinitionEntry, new: DefinitionEntry | None, migrations: Between
) -> Iterator[Reason]:
    """As `definition_reasons`; shared fields are what a migration of the class makes of them, if there is one."""
    yield from (_lost(migration) for migration in migrations.lost if _is_of_fields(migration, old))
    if new is not None and any(_is_of_fields(migration, new) for migration in migrations.ahead):
        yield from channel_reasons(old, new)
    else:
        yield from definition_reasons(old, new)


def _is_of_fields(migration: MigrationEntry, definition: DefinitionEntry) -> bool:
    return migration.state is None and migration.function == definition.implementation
