"""What leaves the core: orders to the shell. Nothing here is carried out before its cause is durable (rule 26),
except `RunGoroutine`, which stays inside the runtime and may run ahead of the disk."""

from __future__ import annotations

from typing import TypeAlias

from .commands import CancelProcess, EffectRequest, Emit, Payload, Reply, Resumption, SendTo, SetLabels, StartProcess
from .records import record


@record(frozen=True, slots=True)
class RunGoroutine:
    """Run one transition: this goroutine, woken with this. At most one is out at any time."""

    goroutine_id: int
    resumption: Resumption


@record(frozen=True, slots=True)
class RequestEffect:
    request: EffectRequest


@record(frozen=True, slots=True)
class CancelEffect:
    """Nobody waits for it any more (rule 20)."""

    effect_id: int


@record(frozen=True, slots=True)
class WatchProcess:
    """A goroutine waits for the end of another process: answer with `ChildDone`."""

    process_id: str


@record(frozen=True, slots=True)
class Received:
    """The message at this inbox position was received by a goroutine; its row may go (rule 14)."""

    position: int


@record(frozen=True, slots=True)
class Finish:
    """The process has come to an end, or to a stand (faulted, deadlocked). `process.status` says which."""

    result: Payload | None
    error: Payload | None


Effect: TypeAlias = (
    RunGoroutine
    | RequestEffect
    | CancelEffect
    | WatchProcess
    | Received
    | Finish
    | StartProcess
    | SendTo
    | CancelProcess
    | Emit
    | Reply
    | SetLabels
)
