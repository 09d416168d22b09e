"""`Saga`: what was done is undone in reverse, durably, when a block fails or is cancelled.

A library on top of frames and effects, in the shape that the compiler writes; the runtime knows nothing of it. A saga is
a list of compensations; leaving the block by an exception awaits them one after the other, the last one first.

What comes from outside while they run (`Cancelled`, the `TimeoutError` of a timeout around the block) does not stop them: a
call that it interrupts is made again, under the idempotency key that it had, and what came is raised when all are done.

Source: docs/semantics.md, "Sagas"; rules 18 and 20, details D5 and D7. Garcia-Molina and Salem, "Sagas", 1987.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from enum import StrEnum
from types import TracebackType
from typing import Any, ClassVar

from ._context import current
from ._direct import as_frame
from ._errors import Cancelled, CompensationFailed
from ._frame import Frame, FrameStatus, Instruction, State
from ._functions import shown
from ._operations import Call, Default, Operation
from ._structured import SOURCE, timeout
from ._trampoline import OWN_FILES, already_started

OWN_FILES.add(__file__)


class SagaStatus(StrEnum):
    """Where a saga is in its life."""

    NEW = "new"
    OPEN = "open"  # its body runs
    FINISHED = "finished"


class Saga:
    """`async with Saga() as saga:` undoes, in reverse, what `saga.compensate(...)` was told of, if the block fails.

        async with Saga() as saga:
            saga.compensate(call(cancel_flight, trip))      # said first: the booking may fail half-way
            await call(book_flight, trip)
            saga.compensate(call(cancel_hotel, trip))
            await call(book_hotel, trip)

    A block that ends well undoes nothing. One that is left by an exception (also `Cancelled`) awaits all compensations, and
    then raises that exception; if some of them failed, `CompensationFailed` with their errors takes its place.
    """

    __slots__ = ("compensations", "status")
    __slct_saveable__ = True

    def __init__(self) -> None:
        self.compensations: list[Operation | Frame] = []
        self.status = SagaStatus.NEW

    def compensate(self, compensation: Coroutine[Any, Any, Any] | Operation, /) -> None:
        """Undo with this, should the block fail: an operation such as `call(...)`, or a durable function that was called.

        A call without a `key` is given one, so that each of its attempts has the same idempotency key.

        Raises:
          TypeError: it is neither. RuntimeError: the saga is not inside its block, or the function has been started.
        """
        if self.status is not SagaStatus.OPEN:
            has = "has not been entered" if self.status is SagaStatus.NEW else "has finished"
            raise RuntimeError(f"this Saga {has}\n  help: async with Saga() as saga: saga.compensate(...)")
        self.compensations.append(_checked(compensation))

    def __aenter__(self) -> Awaitable[Saga]:
        return _EnterSaga(None, saga=self)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Awaitable[None]:
        return _LeaveSaga(None, saga=self, error=error)


def _checked(compensation: Any) -> Operation | Frame:
    compensation = as_frame(compensation)
    match compensation:
        case Call(key=None):
            return replace(compensation, key=f"saga-{uuid.uuid4().hex}")
        case Frame():
            if compensation.frame_status is not FrameStatus.NEW:
                raise already_started(compensation)
            return compensation
        case Operation() if not isinstance(compensation, Default):
            return compensation
        case _:
            if inspect.iscoroutine(compensation):
                compensation.close()
            raise TypeError(
                f"compensate() takes what can be awaited later, got {shown(compensation)}\n"
                "  help: saga.compensate(call(function, ...)), or a durable function that was called"
            )


class _EnterSaga(Frame):
    """Begins a saga. Does not suspend."""

    FUNCTION: ClassVar[str] = "Saga.__aenter__"
    SOURCE: ClassVar[str] = SOURCE
    saga: Saga
    STATES: ClassVar[dict[str, State]] = {"Enter_Start": State(0)}

    def Enter_Start(self) -> Instruction:
        if self.saga.status is not SagaStatus.NEW:
            raise RuntimeError("this Saga has been entered already\n  help: async with Saga(), a new one")
        self.saga.status = SagaStatus.OPEN
        return self.finish(self.saga)


class _LeaveSaga(Frame):
    """Awaits the compensations of a saga whose block has failed.

    `running` is the compensation that is awaited; `caught` what it raised; `failures` are those that failed for good;
    `passing` is what came from outside meanwhile, if anything: the last of it.
    """

    FUNCTION: ClassVar[str] = "Saga.__aexit__"
    SOURCE: ClassVar[str] = SOURCE
    saga: Saga
    error: BaseException | None
    running: Operation | Frame
    caught: BaseException
    failures: list[BaseException]
    passing: BaseException | None
    STATES: ClassVar[dict[str, State]] = {
        "Leave_Start": State(0),
        "Leave_Next": State(0),
        "Leave_Compensated": State(0, on_error="Leave_Caught", caught="caught"),
        "Leave_Caught": State(0),
        "Leave_End": State(0),
    }

    def Leave_Start(self) -> Instruction:
        self.saga.status = SagaStatus.FINISHED
        self.failures, self.passing = [], None
        if self.error is None:
            self.saga.compensations.clear()
            return self.finish()
        return self.goto(self.Leave_Next)

    def Leave_Next(self) -> Instruction:
        if not self.saga.compensations:
            return self.goto(self.Leave_End)
        self.running = self.saga.compensations.pop()
        return self.suspend(self.running, then=self.Leave_Compensated)

    def Leave_Compensated(self) -> Instruction:
        self.resume()
        return self.goto(self.Leave_Next)

    def Leave_Caught(self) -> Instruction:
        error, running = self.caught, self.running
        del self.caught, self.running
        if not _is_from_outside(error):
            self.failures.append(error)
        else:
            self.passing = error
            if isinstance(running, Operation):
                return self._again(running)
        return self.goto(self.Leave_Next)

    def _again(self, running: Operation) -> Instruction:
        """Interrupted, not done: a call is made again; a function has seen what interrupted it, and has ended."""
        self.running = running
        return self.suspend(running, then=self.Leave_Compensated)

    def Leave_End(self) -> Instruction:
        error, passing, failures = self.error, self.passing, self.failures
        if failures:
            if isinstance(passing, Cancelled):
                current().raise_next(passing)  # the failures come first, but it must not be lost
            raise CompensationFailed(len(failures), tuple(failures)) from error
        if passing is not None and passing is not error:
            raise passing
        return self.finish()


def _is_from_outside(error: BaseException) -> bool:
    """Whether it was raised at a suspension rather than by what was awaited."""
    if isinstance(error, Cancelled):
        return True
    return any(isinstance(scope, timeout) and scope.raised(error) for scope in current().scopes)


__all__ = ["Saga"]
