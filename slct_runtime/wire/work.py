"""What a runtime and a worker say to each other, as plain data. `slct.v1.Workers.Serve` carries exactly these.

A dispatch is one order to a worker; its answer names it by `dispatch_id`, unique within one session. A session ends
with its connection: everything dispatched on it is given to another worker, and late answers are never seen.
"""

from __future__ import annotations

from typing import TypeAlias

from ..core.commands import Command, EffectRequest, Ending, Payload, Resumption
from ..core.records import record


@record(frozen=True, slots=True)
class DefinitionRecord:
    """One definition as a worker serves it. `manifest` is JSON text: see docs/architecture.md, "Manifest"."""

    name: str
    version: str
    manifest: str


@record(frozen=True, slots=True)
class Register:
    """First word of a worker. `queues`: of those that it takes effects from; none means all.

    `ahead_count_max`: how many transitions of one process it takes ahead (`RunTransition.is_ahead`).
    """

    worker_id: str
    definitions: tuple[DefinitionRecord, ...]
    transition_credits: int
    effect_credits: int
    queues: tuple[str, ...] = ()
    ahead_count_max: int = 0


@record(frozen=True, slots=True)
class ChannelFact:
    """What a process knew of one channel when a transition began. Sent for channels that are closed or hold values."""

    channel: str
    length: int
    closed: bool


@record(frozen=True, slots=True)
class RunTransition:
    """Run one goroutine from its resumption to its next suspension.

    `document` None: the worker still holds this process, decoded, at `seq`. `""`: the process is new and is made from
    `arguments` (the codec's text of `[positional list, keyword dict]`), which is set only then.

    `is_ahead`: it is given before the transition before it is answered. It is run only if that one has ended in waiting for what it
    had waited for, all of it to be received, and has asked for nothing; else it is returned, and so are those after it.
    `is_moved`: another version has written the document. If it cannot be read, the order is returned, and nothing has happened.
    `migrations`: JSON of what the document has to go through first (rule 23), "" for nothing: entries as in the manifest.
    """

    dispatch_id: int
    process_id: str
    definition: str
    version: str
    seq: int
    document: str | None
    arguments: Payload | None
    goroutine_id: int
    resumption: Resumption
    now_ms: int
    labels: tuple[tuple[str, str], ...] = ()
    channels: tuple[ChannelFact, ...] = ()
    is_ahead: bool = False
    is_moved: bool = False
    migrations: Payload = ""


@record(frozen=True, slots=True)
class TransitionAnswer:
    """How it went. `document` is the whole process as it is now, `None` after `Faulted`.

    The worker keeps the decoded process as that of `seq + 1`, unless `ending` is Failed or Faulted: then it forgets it.
    `has_seen_channels`: it has used what the order says of channels.
    """

    dispatch_id: int
    ending: Ending
    commands: tuple[Command, ...]
    document: str | None
    has_seen_channels: bool = False


@record(frozen=True, slots=True)
class TransitionReturned:
    """One that was not run: it was given ahead, and the one before it has ended otherwise than was expected.

    Or the process has moved, and its document cannot be read: then `reason` says why.
    """

    dispatch_id: int
    reason: str = ""


@record(frozen=True, slots=True)
class Follows:
    """The transition that probably follows an effect of the same process, and of the same definition, woken with its result.

    Its facts are those of `RunTransition`, at the moment at which the effect is ordered. It has no time: that at which the effect will have
    ended is not known then, and deadlines count from it.
    """

    dispatch_id: int
    seq: int
    goroutine_id: int
    case_index: int
    labels: tuple[tuple[str, str], ...] = ()
    channels: tuple[ChannelFact, ...] = ()


@record(frozen=True, slots=True)
class RunEffect:
    """Run one attempt of an effect. `attempt` counts from 1; `deadline_ms` None: no timeout.

    `progress` is what an earlier attempt reported last, `last_error` the encoded exception in which the one before ended.
    `then`: if the attempt succeeds, and the process is still decoded here as it was when this order came, the worker may run that at
    once (`EffectAnswer.is_followed`).
    """

    dispatch_id: int
    process_id: str
    definition: str
    version: str
    request: EffectRequest
    attempt: int
    deadline_ms: int | None
    progress: Payload | None = None
    last_error: Payload | None = None
    then: Follows | None = None


@record(frozen=True, slots=True)
class EffectProgress:
    """How far a running attempt has come: what `heartbeat` was given last."""

    dispatch_id: int
    progress: Payload


@record(frozen=True, slots=True)
class EffectAnswer:
    """How one attempt went: exactly one of `result` and `error` (an encoded exception).

    `error_type` is the exception's `module:qualname` followed by those of its bases, for `Retry(non_retryable=...)`.
    `is_followed`: `RunEffect.then` was run, has not asked for the time, and its answer is the next word. If not, the worker may hold the
    process as nobody knows it.
    """

    dispatch_id: int
    result: Payload | None
    error: Payload | None
    error_types: tuple[str, ...] = ()
    is_followed: bool = False


@record(frozen=True, slots=True)
class EffectReturned:
    """The attempt has no outcome, and does not run any more: it was stopped, or, with `has_begun` False, it never began."""

    dispatch_id: int
    has_begun: bool


@record(frozen=True, slots=True)
class CancelEffectRun:
    """Stop this attempt; its answer is dropped (rule 20). It is answered all the same, when it has ended: by `EffectReturned`."""

    dispatch_id: int


@record(frozen=True, slots=True)
class ForgetProcess:
    """The worker may drop what it holds of this process."""

    process_id: str


@record(frozen=True, slots=True)
class Draining:
    """The worker takes nothing new (SIGTERM); what it runs it will still answer. It is answered by `NothingMore`."""


@record(frozen=True, slots=True)
class NothingMore:
    """Nothing is given to this worker any more; it may stop other effects of it still."""


ToWorker: TypeAlias = RunTransition | RunEffect | CancelEffectRun | ForgetProcess | NothingMore
FromWorker: TypeAlias = (
    Register | TransitionAnswer | TransitionReturned | EffectAnswer | EffectProgress | EffectReturned | Draining
)

__all__ = [
    "CancelEffectRun",
    "ChannelFact",
    "DefinitionRecord",
    "Draining",
    "EffectAnswer",
    "EffectProgress",
    "EffectReturned",
    "Follows",
    "ForgetProcess",
    "FromWorker",
    "NothingMore",
    "Register",
    "RunEffect",
    "RunTransition",
    "ToWorker",
    "TransitionAnswer",
    "TransitionReturned",
]
