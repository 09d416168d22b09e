"""What a client asks of a runtime, and what it gets, as plain data; and the errors that may come back.

`RuntimeApi` is implemented by the runtime itself (embedded) and by `GrpcTransport` (over the network): a client cannot
tell which it holds. Payloads are the codec's text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any, Protocol

from ..core.commands import Payload
from ..core.queues import DEFAULT_QUEUE, QueueLimits
from ..core.records import record
from .work import DefinitionRecord, FromWorker, ToWorker


class ErrorCode(StrEnum):
    """Why a request was refused. One table maps these to gRPC status codes (wire/status.py); nothing else does."""

    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    FAILED_PRECONDITION = "failed_precondition"
    INVALID_ARGUMENT = "invalid_argument"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    INTERNAL = "internal"


class ApiError(Exception):
    """A request that was refused; nothing was changed.

    `help` says what to do instead, `facts` carries the values that the message names.
    """

    def __init__(self, code: ErrorCode, message: str, help: str = "", facts: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.facts = dict(facts or {})


@record(frozen=True, slots=True)
class EditRequest:
    """Values to put in the place of those that a process has. `fields`: shared ones, by name; `locals`: `main.total`; both as JSON texts.

    `who` and `why` are kept with what was changed.
    """

    process_id: str
    fields: dict[str, str]
    locals: dict[str, str]
    who: str
    why: str


@record(frozen=True, slots=True)
class ForkRequest:
    """Begin a new process with what `process_id` had after transition `seq`. `new_id` None: the runtime makes one.

    `who` and `why` are kept in the history of the new process.
    """

    process_id: str
    seq: int
    new_id: str | None
    who: str
    why: str


class MovePolicy(StrEnum):
    """Which processes of earlier versions go on under a version (rule 22).

    AUTO: those that can, at their next transition. MANUAL: those that are told to. PIN: none.
    """

    AUTO = "auto"
    MANUAL = "manual"
    PIN = "pin"


@record(frozen=True, slots=True)
class StartRequest:
    """`arguments` is the codec's text of `[positional list, keyword dict]`; `process_id` None: the runtime makes one."""

    definition: str
    arguments: Payload
    process_id: str | None = None
    version: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


@record(frozen=True, slots=True)
class Started:
    """`created` is False if a process of that id was there already, with the same arguments (rule 15)."""

    process_id: str
    created: bool


@record(frozen=True, slots=True)
class SendRequest:
    """`wait`: answer when a goroutine has received it (rule 14), rather than when it is durable."""

    process_id: str
    channel: str
    payload: Payload
    key: str | None = None
    wait: bool = False


@record(frozen=True, slots=True)
class AskRequest:
    """A question on a channel of requests. `key` names it: the same key again waits for the same answer (rule 15)."""

    process_id: str
    channel: str
    payload: Payload
    key: str
    timeout_ms: int | None = None


@record(frozen=True, slots=True)
class ProcessInfo:
    """One line of a list."""

    process_id: str
    definition: str
    version: str
    status: str
    seq: int
    created_ms: int
    updated_ms: int
    due_ms: int | None
    labels: dict[str, str]


@record(frozen=True, slots=True)
class FrameInfo:
    """One activation: `locals` are readable JSON texts, name to value; `place` is `file.py:line`, "" if unknown."""

    function: str
    state: str
    place: str
    locals: dict[str, str]


@record(frozen=True, slots=True)
class GoroutineInfo:
    """`waits_for` reads like the source: `recv(payments)`, `after 2026-01-01T00:00:00+00:00`, `call(charge_card)`."""

    goroutine_id: int
    status: str
    waits_for: tuple[str, ...]
    frames: tuple[FrameInfo, ...]


@record(frozen=True, slots=True)
class ChannelInfo:
    """`length` counts values in the buffer and messages from outside that nobody has received yet."""

    name: str
    capacity: int
    length: int
    closed: bool


@record(frozen=True, slots=True)
class EffectInfo:
    """`last_error` and `progress` are readable text: how the attempt before ended, and what `heartbeat` was given last."""

    effect_id: int
    function: str
    attempt: int
    due_ms: int
    last_error: str = ""
    progress: str = ""
    queue: str = DEFAULT_QUEUE


@record(frozen=True, slots=True)
class ProcessDescription:
    """Everything `slct show` prints. `fields` are the shared fields as readable JSON; `error` is readable text.

    `worker_count`: workers connected that serve its version of the definition. `forked_from`: the process, and after which transition
    of it, where this one began.
    """

    info: ProcessInfo
    fields: dict[str, str]
    goroutines: tuple[GoroutineInfo, ...]
    channels: tuple[ChannelInfo, ...]
    effects: tuple[EffectInfo, ...]
    result: Payload | None = None
    error: str = ""
    unreceived_count: int = 0
    worker_count: int = 0
    forked_from: tuple[str, int] | None = None

    @property
    def status(self) -> str:
        """`running`, `completed`, `faulted`, ...: that of `info`."""
        return self.info.status


@record(frozen=True, slots=True)
class ProcessOutcome:
    """How a process ended. `status`: completed, failed, cancelled, terminated. `error` is an encoded exception."""

    status: str
    result: Payload | None = None
    error: Payload | None = None


@record(frozen=True, slots=True)
class WatchEvent:
    """One thing that happened to a process: `kind` is `status`, `output` or `transition`."""

    kind: str
    seq: int
    at_ms: int
    status: str = ""
    offset: int = -1
    payload: Payload | None = None
    text: str = ""


@record(frozen=True, slots=True)
class HistoryEntry:
    """One thing that a process has done: `event` is `started`, `transition`, `moved`, `edited`, or the status that it came to.

    woken_by: what its goroutine was woken with, as the source has it (`recv(payments)`), and `value` as readable text. asks: what it
    waits for now; does: what else it did. ending: parked, finished or failed. waited_ms: since it was parked, None if not known;
    ran_ms: from the order to the worker to its answer. moved_to: the version that it went to: just before a transition, since that was
    deployed; or, if `event` is `moved`, since it was told to.
    """

    seq: int
    at_ms: int
    event: str = "transition"
    goroutine_id: int = 0
    woken_by: str = ""
    value: str = ""
    function: str = ""
    from_state: str = ""
    to_state: str = ""
    place: str = ""
    asks: tuple[str, ...] = ()
    does: tuple[str, ...] = ()
    ending: str = ""
    status: str = ""
    error: str = ""
    waited_ms: int | None = None
    ran_ms: int = 0
    moved_to: str = ""


@record(frozen=True, slots=True)
class VersionInfo:
    """One deployed version of a definition. `status_counts`: its processes, by status; none of a status is left out.

    `worker_count`: workers connected that run its transitions. `is_newest`: new processes start on it.
    """

    definition: str
    version: str
    policy: MovePolicy
    deployed_ms: int
    is_newest: bool
    worker_count: int
    status_counts: dict[str, int]

    @property
    def live_count(self) -> int:
        """Processes that have not ended."""
        return sum(count for status, count in self.status_counts.items() if status not in ENDED_STATUSES)


ENDED_STATUSES = frozenset({"completed", "failed", "cancelled", "terminated"})


@record(frozen=True, slots=True)
class ParkedCount:
    """So many processes have a goroutine in that state: it waits there, or what it has called does."""

    function: str
    state: str
    process_count: int


@record(frozen=True, slots=True)
class HeldReason:
    """Why what is parked somewhere cannot go on as it stands. `is_stuck`: no migration would help. `help` may be empty."""

    text: str
    help: str
    is_stuck: bool


@record(frozen=True, slots=True)
class HeldPlace:
    """A state of the old version that keeps processes from moving, and how many are parked there.

    function, state: both "" for the process as a whole. place, statement: in the old sources, `orders.py:17`.
    """

    function: str
    state: str
    place: str
    statement: str
    process_count: int
    reasons: tuple[HeldReason, ...]


@record(frozen=True, slots=True)
class TakeoverInfo:
    """What becomes of the processes of one deployed version under another one.

    `process_count`: those that have not ended. `movable_count`: those of them that can go on. `worker_count`: workers connected
    that run the old version: without one, the others wait.
    """

    definition: str
    from_version: str
    to_version: str
    process_count: int
    movable_count: int
    worker_count: int
    held: tuple[HeldPlace, ...]

    @property
    def held_count(self) -> int:
        """Processes that stay on the old version."""
        return self.process_count - self.movable_count

    @property
    def is_stranding(self) -> bool:
        """Whether processes would stay that nobody runs."""
        return self.held_count > 0 and self.worker_count == 0


@record(frozen=True, slots=True)
class QueueInfo:
    """One queue of effects as it is now.

    `waiting_count`: effects that wait for a place or a worker, not those whose next attempt is not due. `worker_count`: workers
    connected that take effects from it.
    """

    limits: QueueLimits
    waiting_count: int
    running_count: int
    worker_count: int

    @property
    def name(self) -> str:
        return self.limits.name


@record(frozen=True, slots=True)
class ListRequest:
    definition: str | None = None
    status: str | None = None
    version: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    after_process_id: str = ""
    limit: int = 100


class WorkerSession(Protocol):
    """One registered worker, seen from the worker: take orders, answer them, batched both ways."""

    async def take(self) -> list[ToWorker]:
        """Wait for orders, in the order given; an empty list means that the runtime has closed the session."""
        ...

    async def answer(self, batch: list[FromWorker]) -> None: ...

    async def close(self) -> None:
        """Leave: what was dispatched here and not answered is given to another worker at once."""
        ...


class RuntimeApi(Protocol):
    """The narrow door between clients or workers and a runtime.

    Every method raises ApiError and nothing else that a caller can cause.
    """

    async def start(self, request: StartRequest) -> Started: ...
    async def send(self, request: SendRequest) -> None: ...
    async def ask(self, request: AskRequest) -> Payload:
        """Wait for the answer; ApiError DEADLINE_EXCEEDED after `timeout_ms`."""
        ...

    async def close_channel(self, process_id: str, channel: str) -> None: ...
    async def cancel(self, process_id: str) -> None: ...
    async def terminate(self, process_id: str) -> None: ...
    async def retry(self, process_id: str) -> None: ...
    async def edit(self, request: EditRequest) -> Sequence[str]:
        """Change values of a parked process, durably; gives what was changed, for people."""
        ...

    async def fork(self, request: ForkRequest) -> Started:
        """Begin a new process where another one was, durably; the other one is left as it is."""
        ...

    async def describe(self, process_id: str) -> ProcessDescription: ...
    async def list(self, request: ListRequest) -> list[ProcessInfo]: ...
    async def result(self, process_id: str, timeout_ms: int | None) -> ProcessOutcome:
        """Wait for the end; ApiError DEADLINE_EXCEEDED after `timeout_ms`."""
        ...

    async def history(self, process_id: str, after_seq: int, limit: int) -> Sequence[HistoryEntry]:
        """A page of what it has done, oldest first: entries later than `after_seq`."""
        ...

    def watch(self, process_id: str, from_offset: int = 0) -> AsyncIterator[WatchEvent]: ...
    async def deploy(self, definitions: tuple[DefinitionRecord, ...], policy: MovePolicy = MovePolicy.AUTO) -> None:
        """Make these versions the newest of their definitions, durably; processes of others move as the policy says."""
        ...

    async def check(self, definitions: tuple[DefinitionRecord, ...]) -> Sequence[TakeoverInfo]:
        """What would become of the processes of all other versions under these; nothing is changed."""
        ...

    async def parked(self, definition: str, version: str | None) -> Sequence[ParkedCount]:
        """Where the processes of a version are that have not ended; of the newest, if None."""
        ...

    async def versions(self) -> Sequence[VersionInfo]:
        """Every deployed version; by definition, the one deployed last at its end."""
        ...

    async def move(self, process_id: str, version: str) -> None:
        """Let a process go on under another version; durable. ApiError FAILED_PRECONDITION if it cannot."""
        ...

    async def definitions(self) -> tuple[DefinitionRecord, ...]: ...
    async def set_queue(self, limits: QueueLimits) -> None:
        """Limit a queue of effects, in place of the limits that it had; durable."""
        ...

    async def queues(self) -> Sequence[QueueInfo]:
        """Every queue that has limits, or something in it; by name."""
        ...

    async def serve(self, registration: Any) -> WorkerSession:
        """Register a worker (a `work.Register`)."""
        ...

    async def aclose(self) -> None: ...
