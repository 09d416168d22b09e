"""What a goroutine does to others between two waits.

Channels, goroutines and TaskGroups have numbers of its own here: first those that its variables hold, in their order, then those that it makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .model import Frame, Wait


@dataclass(frozen=True, slots=True)
class MakeChannel:
    """`capacity` None: it is not known."""

    capacity: int | None


@dataclass(frozen=True, slots=True)
class Close:
    """`channel` is open."""

    channel: int


@dataclass(frozen=True, slots=True)
class LoosenChannel:
    """Somebody who is not followed has it."""

    channel: int


@dataclass(frozen=True, slots=True)
class LoosenGoroutine:
    """Somebody who is not followed has its handle."""

    goroutine: int


@dataclass(frozen=True, slots=True)
class MakeGroup:
    pass


@dataclass(frozen=True, slots=True)
class Start:
    frame: Frame
    group: int | None = None


@dataclass(frozen=True, slots=True)
class StartOperation:
    """One operation of a `gather`, which has a goroutine of its own; `place` is where it is written."""

    place: Frame
    wait: Wait


@dataclass(frozen=True, slots=True)
class StartStranger:
    """Somebody in a TaskGroup of whom nothing is known."""

    place: Frame
    group: int


@dataclass(frozen=True, slots=True)
class Cancel:
    place: Frame
    goroutine: int


@dataclass(frozen=True, slots=True)
class CancelGroup:
    """A TaskGroup is left by an error."""

    place: Frame
    group: int


Effect: TypeAlias = (
    MakeChannel
    | Close
    | LoosenChannel
    | LoosenGoroutine
    | MakeGroup
    | Start
    | StartOperation
    | StartStranger
    | Cancel
    | CancelGroup
)
