"""`@migrate`: what becomes of saved frames and fields under code that they were not made for (rule 23).

The compiler reads the decorators and writes them into the manifest; a runtime finds out which of them a process has to go through on
its way to a new version, and says so with the first transition there. Here they are carried out, on what was just decoded.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from ._errors import DefinitionError
from ._frame import RESERVED, Frame, FrameStatus
from ._process import Process
from ._resolver import Resolver

Convert: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
ConvertT = TypeVar("ConvertT", bound=Convert)


def migrate(
    function: str, *, state: str | None = None, to: str | None = None, moved_from: str | None = None
) -> Callable[[ConvertT], ConvertT]:
    """Let processes go on that older code has saved where this code could not take them over.

    Put it on a function from the saved variables of a frame, by name, to those that the new code is to find; what it does not give is
    gone. It is called once for each frame of a process that comes from a version without this migration.

        @migrate("Order.main", state="RecvPayments")
        def with_currency(slots: dict[str, Any]) -> dict[str, Any]:
            return slots | {"currency": "sek"}

    By itself, it says that something has another name now, for all that was saved under the old one:

        migrate("Order.pack", moved_from="Order.packing")    # a durable function
        migrate("Parcel", moved_from="Box")                  # a class: of a process, or of values
        migrate("orders:", moved_from="shop:")               # a module

    Args:
      function: The durable function, as in its module (`Order.main`), or `module:Order.main`. A process class: its shared fields.
      state: Where the frames wait, `Main_RecvPayments` or short `RecvPayments`. None for shared fields.
      to: The state of the new code that they are in then. None: the same. What the goroutine waits for stays: the new state
        resumes with that.
      moved_from: What it was called before.

    Raises:
      DefinitionError: it is not used so.

    Source: rule 23.
    """
    for word in (function, state, to, moved_from):
        if word is not None and (not isinstance(word, str) or not word):
            raise DefinitionError(f'{word!r} is no name\n  help: @migrate("Order.main", state="RecvPayments")')
    if moved_from is not None and state is not None:
        raise DefinitionError(f"moved_from={moved_from!r} with a state\n  help: a state is renamed by state= and to=")
    if state is None and to is not None:
        raise DefinitionError(f"to={to!r} without a state\n  help: say from which state, or leave both out for fields")

    def keep(convert: ConvertT) -> ConvertT:
        if moved_from is not None:
            raise DefinitionError(f"moved_from={moved_from!r} over a function\n  help: write migrate(...) by itself")
        if not inspect.isfunction(convert) or inspect.iscoroutinefunction(convert) or "." in convert.__qualname__:
            raise DefinitionError(
                f"{convert!r} cannot migrate anything\n  help: put @migrate on a `def` at the top level of a module"
            )
        return convert

    return keep


@dataclass(frozen=True, slots=True)
class Migration:
    """One of them, as the order for a transition names it; see `MigrationEntry` of the compiler."""

    name: str
    function: str
    state: str | None
    to: str | None


class MigrationFailed(Exception):
    """The process cannot go on here: a migration raised, or gave too little."""


def migrations_of(text: str) -> tuple[Migration, ...]:
    """Those that an order names."""
    return tuple(Migration(**each) for each in json.loads(text)) if text else ()


def carry_out(migrations: Sequence[Migration], resolver: Resolver, instance: Process, frames: Sequence[Frame]) -> None:
    """Change frames and fields as they say, one migration after the other.

    Raises:
      MigrationFailed: one of them raised, or gave something else than what is needed.
    """
    own = {f"{cls.__module__}:{cls.__qualname__}" for cls in type(instance).__mro__}
    changed: dict[int, str] = {}
    for migration in migrations:
        if migration.state is None:
            if migration.function in own:
                _replace(instance.__dict__, migration, resolver)
            continue
        for frame in frames:
            if _is_about(migration, frame):
                _replace(frame.__dict__, migration, resolver)
                frame.frame_state = _state(migration, frame)
                changed[id(frame)] = migration.name
    for frame in frames:
        _check(frame, changed.get(id(frame)))


def _is_about(migration: Migration, frame: Frame) -> bool:
    if frame.frame_status is FrameStatus.ENDED:
        return False  # nothing of it will run: it is there for functions that were made in it
    kind = type(frame)
    return f"{kind.__module__}:{kind.FUNCTION}" == migration.function and _is_called(
        frame.frame_state, migration.state or ""
    )


def _is_called(state: str, word: str) -> bool:
    return word in (state, state.partition("_")[2])


def _state(migration: Migration, frame: Frame) -> str:
    """The state that it leads to; the word itself if it leads to another migration."""
    if migration.to is None:
        return frame.frame_state
    found = [name for name in type(frame).STATES if _is_called(name, migration.to)]
    return migration.to if migration.to in found or len(found) != 1 else found[0]


def _replace(values: dict[str, Any], migration: Migration, resolver: Resolver) -> None:
    try:
        made = resolver.function_of(migration.name)(dict(values))
    except Exception as error:
        raise MigrationFailed(f"{migration.name} raised {type(error).__name__}: {error}") from error
    if not isinstance(made, dict) or not all(isinstance(name, str) and name.isidentifier() for name in made):
        raise MigrationFailed(f"{migration.name} gave {made!r:.80}, and is to give a dict of variables by name")
    values.clear()
    values.update(made)


def _check(frame: Frame, by: str | None) -> None:
    """Whether the new code finds what it reads."""
    state = type(frame).STATES.get(frame.frame_state)
    if state is None:
        raise MigrationFailed(f"{type(frame).FUNCTION} has no state {frame.frame_state!r}")
    if by is None or frame.frame_status is FrameStatus.ENDED:
        return
    if wrong := sorted(frame.__dict__.keys() & RESERVED):
        raise MigrationFailed(f"{by} gave {', '.join(map(repr, wrong))}: no variables are called so")
    if missing := sorted(_needed(frame) - frame.__dict__.keys()):
        raise MigrationFailed(f"{by} gave no {', '.join(map(repr, missing))}, which {frame.frame_state} reads")


def _needed(frame: Frame) -> set[str]:
    state = type(frame).STATES[frame.frame_state]
    needed = set(state.live or ())
    return needed if state.handling is None else needed | {state.handling}
