"""What a transition asks for: commands, how it ended, and what it is woken with next.

Knows nothing of storage, time, the network or the codec: a `Payload` is the codec's text for one value and is never
looked into here. Shared by the core (which obeys these), the wire (which carries them) and workers (which write them).

Source: docs/semantics.md, rules 3 to 13.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from .records import record

Payload: TypeAlias = str
"""One encoded value: self-describing JSON text. Opaque to the core."""

MAIN_GOROUTINE_ID = 1
"""The goroutine that runs `main`; the process ends with it (rule 5)."""


# --- effects -----------------------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class RetryPolicy:
    """How often an effect is attempted, and how far apart (rule 18, detail D20).

    `max_attempts` None means for ever. `non_retryable` names exception types as `module:qualname` or bare class names.
    """

    max_attempts: int | None = 10
    first_delay_ms: int = 500
    factor: float = 2.0
    delay_ms_max: int = 60_000
    jitter: float = 0.1
    non_retryable: tuple[str, ...] = ()


USUAL_RETRY = RetryPolicy()


@record(frozen=True, slots=True)
class EffectRequest:
    """One call to run outside the transition (rule 18). `effect_id` is unique in its process, for ever.

    `timeout_ms` is that of one attempt. `priority`: of what waits in queues the lowest goes first. `heartbeat_timeout_ms`: an attempt
    that is silent for so long has failed. `schedule_to_close_timeout_ms`: from the request to the outcome, over all attempts.
    """

    effect_id: int
    function: str
    arguments: Payload
    retry: RetryPolicy = USUAL_RETRY
    timeout_ms: int | None = None
    key: str | None = None
    queue: str = "default"
    at_most_once: bool = False
    priority: int = 0
    heartbeat_timeout_ms: int | None = None
    schedule_to_close_timeout_ms: int | None = None


# --- cases: what a goroutine may wait for --------------------------------------------------------------------------


@record(frozen=True, slots=True)
class RecvCase:
    """Receive from a channel; `None` is the nil channel, never ready (rule 8)."""

    channel: str | None


@record(frozen=True, slots=True)
class SendCase:
    channel: str | None
    payload: Payload


@record(frozen=True, slots=True)
class TimerCase:
    deadline_ms: int


@record(frozen=True, slots=True)
class CallCase:
    request: EffectRequest


@record(frozen=True, slots=True)
class JoinCase:
    """Wait until a goroutine has ended. One that the core no longer knows has ended already."""

    goroutine_id: int


@record(frozen=True, slots=True)
class ResultCase:
    """Wait for the end of another process."""

    process_id: str


@record(frozen=True, slots=True)
class DefaultCase:
    """Taken when no other case is ready (rule 10)."""


Case: TypeAlias = RecvCase | SendCase | TimerCase | CallCase | JoinCase | ResultCase | DefaultCase


# --- commands: what a transition did on the way, in the order called (detail D1) -----------------------------------


@record(frozen=True, slots=True)
class Go:
    goroutine_id: int


@record(frozen=True, slots=True)
class MakeChannel:
    channel: str
    capacity: int


@record(frozen=True, slots=True)
class Close:
    channel: str


@record(frozen=True, slots=True)
class CancelGoroutine:
    goroutine_id: int


@record(frozen=True, slots=True)
class Interrupt:
    """Wake a goroutine out of whatever it is parked on; its worker knows what is raised there (detail D7).

    One that is not parked keeps what it has: its worker raises at its next suspension. Unlike a cancellation it may
    happen any number of times.
    """

    goroutine_id: int


@record(frozen=True, slots=True)
class StartProcess:
    process_id: str
    definition: str
    arguments: Payload


@record(frozen=True, slots=True)
class SendTo:
    process_id: str
    channel: str
    payload: Payload


@record(frozen=True, slots=True)
class CancelProcess:
    """Cancel another process; one that has ended, or does not exist, is left as it is."""

    process_id: str


@record(frozen=True, slots=True)
class Attach:
    """Another process is to be cancelled when this one ends, however it ends."""

    process_id: str


@record(frozen=True, slots=True)
class Emit:
    payload: Payload


@record(frozen=True, slots=True)
class Reply:
    """Answer a request that arrived on a channel; the first answer counts (rule 14)."""

    request_id: str
    payload: Payload


@record(frozen=True, slots=True)
class SetLabels:
    labels: tuple[tuple[str, str], ...]


Command: TypeAlias = (
    Go
    | MakeChannel
    | Close
    | CancelGoroutine
    | Interrupt
    | StartProcess
    | SendTo
    | CancelProcess
    | Attach
    | Emit
    | Reply
    | SetLabels
)


# --- endings: how the transition ended for its goroutine -----------------------------------------------------------


@record(frozen=True, slots=True)
class Parked:
    """Suspended on these cases, in the order written; none at all parks for ever (rule 10)."""

    cases: tuple[Case, ...]


@record(frozen=True, slots=True)
class Finished:
    """Returned. `result` is set for the main goroutine only; other results stay in the document."""

    result: Payload | None = None


@record(frozen=True, slots=True)
class Failed:
    """An exception left the goroutine (rule 6). `is_process_error`: it fails the process rather than the code.

    The core decides: somebody joins it (the error is theirs), the process fails, or the transition is a fault. `is_held`:
    a gather or a TaskGroup has it, and so the error is theirs, whether they wait for it at this moment or not (detail D4).
    `is_cancellation`: it is the `Cancelled` that was raised in it, and no error of its own.
    """

    error: Payload
    is_process_error: bool
    is_held: bool = False
    is_cancellation: bool = False


@record(frozen=True, slots=True)
class Faulted:
    """The transition could not be completed at all (a value that cannot be saved, code that does not load)."""

    error: Payload


Ending: TypeAlias = Parked | Finished | Failed | Faulted


# --- resumptions: what a goroutine is woken with -------------------------------------------------------------------


class ResumptionKind(StrEnum):
    """What happened to the case that was taken."""

    START = "start"  # first run of the goroutine: nothing was awaited
    VALUE = "value"  # recv or call or result: `payload` is the value
    NONE = "none"  # send, timer, default: the value is None
    CLOSED = "closed"  # recv on a channel closed and drained
    SEND_CLOSED = "send_closed"  # send on a closed channel: raises ChannelClosed
    ERROR = "error"  # call or result failed: `payload` is the encoded exception
    UNKNOWN = "unknown"  # at-most-once call whose outcome is not known: raises EffectUnknown
    JOINED = "joined"  # join: the outcome is in the document, under the goroutine's id
    CANCELLED = "cancelled"  # raises Cancelled at the suspension point
    INTERRUPTED = "interrupted"  # raises there what the document has for it


@record(frozen=True, slots=True)
class Resumption:
    """What a parked goroutine is woken with, exactly once.

    `case_index` counts the cases as parked, from 0. `payload` is set for VALUE and ERROR.
    """

    kind: ResumptionKind
    case_index: int = 0
    payload: Payload | None = None


START = Resumption(ResumptionKind.START)
