"""What enters the core. Every event brings its own time: the core has no clock.

Events that come from outside carry `position`, their place in the inbox: positions of one process grow, with gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from .commands import Command, Ending, Payload
from .records import record


@record(frozen=True, slots=True)
class Started:
    """The first event of every process: its main goroutine becomes ready."""

    now_ms: int


@record(frozen=True, slots=True)
class Message:
    """A value from outside for a channel (rule 14)."""

    now_ms: int
    position: int
    channel: str
    payload: Payload


@record(frozen=True, slots=True)
class Closed:
    """A client closed a channel (rule 11)."""

    now_ms: int
    position: int
    channel: str


@record(frozen=True, slots=True)
class TimerDue:
    """Time has come to `now_ms`: fire every deadline that is not later (rule 13)."""

    now_ms: int


@record(frozen=True, slots=True)
class EffectDone:
    """An effect has its final outcome. Exactly one of `result` and `error` is set, or neither: unknown (rule 19)."""

    now_ms: int
    position: int
    effect_id: int
    result: Payload | None
    error: Payload | None


@record(frozen=True, slots=True)
class ChildDone:
    """Another process, awaited with `ref.result()`, has ended."""

    now_ms: int
    position: int
    process_id: str
    result: Payload | None
    error: Payload | None


@record(frozen=True, slots=True)
class TransitionDone:
    """The running goroutine came to its next suspension, its end or a failure (rule 3)."""

    now_ms: int
    goroutine_id: int
    commands: tuple[Command, ...]
    ending: Ending


@record(frozen=True, slots=True)
class TransitionLost:
    """The worker that ran the transition is gone: run it again, from the same resumption."""

    now_ms: int
    goroutine_id: int


@record(frozen=True, slots=True)
class CancelRequested:
    """Cancel the process: `Cancelled` is raised once in each goroutine (detail D5)."""

    now_ms: int
    position: int


@record(frozen=True, slots=True)
class TerminateRequested:
    """End the process at once; no code of it runs any more."""

    now_ms: int


@record(frozen=True, slots=True)
class RetryRequested:
    """Take a faulted process up again from its last committed state (rule 6)."""

    now_ms: int


@record(frozen=True, slots=True)
class VersionChanged:
    """It goes on under another version of its definition: what that declares (rule 22).

    `capacities`: declared channels, and how many values each buffers. Those that were declared before are no smaller.
    """

    now_ms: int
    capacities: Mapping[str, int]
    open_channels: bool
    fail_on_fault: bool


Event: TypeAlias = (
    Started
    | Message
    | Closed
    | TimerDue
    | EffectDone
    | ChildDone
    | TransitionDone
    | TransitionLost
    | CancelRequested
    | TerminateRequested
    | RetryRequested
    | VersionChanged
)
