"""What durable code may await: plain values that say what to wait for.

Nothing happens when one is made; it is carried out when it is awaited. An operation is a value: it may be stored, passed
and saved before it is awaited (detail D9). Uncompiled code reaches the driver through `__await__`, which hands the
operation itself up the coroutine chain and is sent an `Outcome`; compiled code returns it from a state with `f.suspend(...)`.

Source: authoring.md, "Suspension points"; docs/semantics.md, rules 8 to 13 and 18.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeAlias

from slct_runtime.core.queues import DEFAULT_QUEUE
from slct_runtime.core.records import record

from ._type_variables import CaseT, ValueT

if TYPE_CHECKING:
    from ._channels import Channel
    from ._frame import Outcome

Deadline: TypeAlias = timedelta | datetime | float | int
"""When to wake: a duration (`timedelta`, or seconds), or an aware `datetime`."""


def deadline_ms(deadline: Deadline, now_ms: int) -> int:
    """A moment in Unix milliseconds; never early: rounded up (rule 13)."""
    if isinstance(deadline, datetime):
        return -((_EPOCH - deadline) // _MILLISECOND)
    return now_ms + duration_ms(deadline)


def duration_ms(duration: float | timedelta) -> int:
    """A duration in milliseconds, rounded up."""
    if not isinstance(duration, timedelta):
        return math.ceil(duration * 1000)
    return -(-duration // _MILLISECOND)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Operation(Generic[ValueT]):
    """Root of everything that may be awaited, except frames and handles. `Operation[int]` gives an int."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, ValueT]:
        outcome: Outcome = yield self
        value: ValueT = outcome.unwrap()
        return value


@record(frozen=True, slots=True)
class Recv(Operation[ValueT]):
    channel: Channel[Any] | str | None


@record(frozen=True, slots=True)
class Send(Operation[None]):
    channel: Channel[Any] | str | None
    value: Any


@record(frozen=True, slots=True)
class After(Operation[None]):
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Retry:
    """How often an effect is attempted (detail D20).

    `first` and `longest` are delays in seconds (or timedeltas); each delay is the last one times `factor`, give or take `jitter`.
    `max_attempts` None: for ever. `non_retryable`: exception types that end it at once.
    """

    max_attempts: int | None = 10
    first: float | timedelta = 0.5
    factor: float = 2.0
    longest: float | timedelta = 60.0
    jitter: float = 0.1
    non_retryable: tuple[type[BaseException], ...] = ()

    @classmethod
    def never(cls) -> Retry:
        """One attempt."""
        return cls(max_attempts=1)


DEFAULT_RETRY = Retry()


@record(frozen=True, slots=True)
class Call(Operation[ValueT]):
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    retry: Retry = DEFAULT_RETRY
    timeout: float | timedelta | None = None
    key: str | None = None
    at_most_once: bool = False
    queue: str = DEFAULT_QUEUE
    priority: int = 0
    heartbeat_timeout: float | timedelta | None = None
    schedule_to_close_timeout: float | timedelta | None = None

    SAVED_IF_GIVEN: ClassVar[dict[str, Any]] = {
        "priority": 0,
        "heartbeat_timeout": None,
        "schedule_to_close_timeout": None,
    }


@record(frozen=True, slots=True)
class Join(Operation[ValueT]):
    goroutine_id: int


@record(frozen=True, slots=True)
class Ended(Join[Any]):
    """Wait until a goroutine has ended, and never mind how. Only the runtime's own frames await it."""


@record(frozen=True, slots=True)
class Result(Operation[ValueT]):
    process_id: str


@record(frozen=True, slots=True)
class Default(Operation[None]):
    """The case taken when no other is ready. Only inside a select."""


@record(frozen=True, slots=True)
class Select(Operation[ValueT]):
    """Cases in the order written; `names` are their indexes or names. Gives a `Selected`."""

    names: tuple[int | str, ...]
    cases: tuple[Operation[Any], ...]


class Selected(tuple[CaseT, ValueT], Generic[CaseT, ValueT]):
    """What a `select` evaluates to: the pair `(case, value)`, with `.ok` beside it (detail D9).

    `.ok` is False where a receive fired because its channel is closed and drained; its value is None then, whatever its type says.
    """

    ok: bool
    __match_args__ = ("case", "value")

    def __new__(cls, case: CaseT, value: ValueT, ok: bool = True) -> Self:
        self = super().__new__(cls, (case, value))
        self.ok = ok
        return self

    @property
    def case(self) -> CaseT:
        return self[0]

    @property
    def value(self) -> ValueT:
        return self[1]

    def __repr__(self) -> str:
        return f"Selected(case={self[0]!r}, value={self[1]!r}, ok={self.ok!r})"

    def __getnewargs__(self) -> tuple[Any, Any, bool]:
        return (self[0], self[1], self.ok)
