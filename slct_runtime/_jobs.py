"""What is given to workers: one transition, or one attempt of an effect."""

from __future__ import annotations

from typing import TypeAlias, assert_never

from ._resident import EffectRun, Resident
from .core.commands import Resumption
from .core.records import record


@record(frozen=True, slots=True, eq=False)
class TransitionJob:
    """One transition to be run, or running."""

    resident: Resident
    goroutine_id: int
    resumption: Resumption

    @property
    def is_stale(self) -> bool:
        """Nobody waits for it any more."""
        return self.resident.is_lost


@record(frozen=True, slots=True, eq=False)
class EffectJob:
    """One attempt of an effect to be run, or running."""

    resident: Resident
    run: EffectRun

    @property
    def queue(self) -> str:
        return self.run.request.queue

    @property
    def is_stale(self) -> bool:
        """Nobody waits for it any more."""
        resident = self.resident
        return resident.is_lost or resident.effects.get(self.run.request.effect_id) is not self.run


Job: TypeAlias = TransitionJob | EffectJob
DefinitionKey: TypeAlias = tuple[str, str]
"""Name and version."""


def definition_key(job: Job) -> DefinitionKey:
    match job:
        case TransitionJob(resident):
            return (resident.definition, resident.version)
        case EffectJob(resident, run):
            return (resident.definition, run.version)
        case _:
            assert_never(job)
