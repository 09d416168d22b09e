"""`gather`, `timeout` and `TaskGroup`: structured concurrency, from goroutines, joins and one hidden timer.

What runs here are library frames in the shape that the compiler writes, so that they are saved at every suspension, are
called by uncompiled code as well, and cannot differ between the two.

  scopes     The timeouts and groups that a goroutine is inside of, outermost first; kept in the document beside its stack.
             Where it parks, the engine adds the deadline that comes first as a last, hidden case: what is ready is never
             timed out. It raises at that suspension point, and the timeout is spent.
  holders    Who is told when a goroutine ends, and takes its error (rule 6, detail D4): groups and gathers. Told in the
             very transition, it cancels the others there; and a group whose body is still running interrupts it: `Cancelled`
             is raised where its goroutine is parked, or at its next suspension. This is no cancellation in the sense of
             detail D5, which happens once: a group takes it back by ending.

Whoever leaves a group or a gather waits for one goroutine after the other, the last one first, until none is left. An
exception that comes from outside meanwhile, `Cancelled` or the `TimeoutError` of a timeout around it, cancels those that are
left, and goes on when they have ended.

Source: docs/semantics.md, rules 6 and 13, details D4 to D7.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Coroutine
from enum import StrEnum
from types import TracebackType
from typing import Any, ClassVar, TypeAlias, overload

from ._context import TransitionContext, current
from ._direct import as_frame
from ._errors import Cancelled
from ._frame import Frame, FrameStatus, Instruction, State
from ._functions import check_deadline, go, shown
from ._handles import ChildRef, Handle
from ._operations import Deadline, Default, Ended, Join, Operation, Select, deadline_ms
from ._trampoline import OWN_FILES, already_started
from ._type_variables import T0, T1, T2, T3, T

OWN_FILES.add(__file__)

Awaited: TypeAlias = Coroutine[Any, Any, T] | Operation[T] | Handle[T]
"""What `gather` waits for: durable functions that were called, operations, goroutines."""

SOURCE = "runtime_client"
"""Where the frames of this module say that they come from."""


# --- timeout ------------------------------------------------------------------------------------------------------------


class timeout:
    """`async with timeout(t):` raises `TimeoutError` at the suspension point inside that outlives it, once (detail D7).

    `t` is a `timedelta`, a number of seconds, an aware `datetime`, or None: for ever. The deadline is fixed on entering. Of two
    due at once the outer one fires; what is ready is never timed out; a goroutine that is being joined goes on.
    """

    __slots__ = ("_deadline", "_due_ms", "_error", "_has_fired", "_is_entered")
    __slct_saveable__ = True

    def __init__(self, deadline: Deadline | None) -> None:
        self._deadline = None if deadline is None else check_deadline(deadline)
        self._due_ms: int | None = None
        self._error: TimeoutError | None = None
        self._has_fired = False
        self._is_entered = False

    def expired(self) -> bool:
        """Whether it has raised."""
        return self._has_fired

    def __aenter__(self) -> Awaitable[timeout]:
        return _Enter(None, scope=self)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Awaitable[None]:
        return _LeaveTimeout(None, scope=self)

    def enter(self, context: TransitionContext) -> None:
        """From here on it counts. Raises RuntimeError if it has been entered before."""
        if self._is_entered:
            raise RuntimeError("this timeout has been entered already\n  help: async with timeout(...), a new one")
        self._is_entered = True
        if self._deadline is not None:
            self._due_ms = deadline_ms(self._deadline, context.now_ms)
        context.scopes.append(self)

    def due_ms(self) -> int | None:
        """When it is due, in Unix milliseconds; None if it never fires, or has fired."""
        return None if self._has_fired else self._due_ms

    def fire(self) -> TimeoutError:
        """What it raises."""
        self._has_fired = True
        self._error = TimeoutError("the block has taken longer than its timeout")
        return self._error

    def raised(self, error: BaseException | None) -> bool:
        """Whether this is what it has raised."""
        return error is not None and error is self._error

    def leave(self, context: TransitionContext) -> None:
        """From here on it does not count."""
        context.scopes.remove(self)
        self._error = None  # nobody asks any more


class _Enter(Frame):
    """Enters a timeout or a group. Does not suspend."""

    FUNCTION: ClassVar[str] = "__aenter__"
    SOURCE: ClassVar[str] = SOURCE
    scope: timeout | TaskGroup
    STATES: ClassVar[dict[str, State]] = {"Enter_Start": State(0)}

    def Enter_Start(self) -> Instruction:
        self.scope.enter(current())
        return self.finish(self.scope)


class _LeaveTimeout(Frame):
    """Leaves a timeout. Does not suspend; what is being raised goes on."""

    FUNCTION: ClassVar[str] = "timeout.__aexit__"
    SOURCE: ClassVar[str] = SOURCE
    scope: timeout
    STATES: ClassVar[dict[str, State]] = {"Leave_Start": State(0)}

    def Leave_Start(self) -> Instruction:
        self.scope.leave(current())
        return self.finish()


# --- holders ------------------------------------------------------------------------------------------------------------


class Holder:
    """Holds goroutines: their errors are its business, from when they are started until they have ended (detail D4).

    children: ids of those that it started and that are still there, in order. failed: those whose errors count, in the order
    in which they failed; as handles, so that their outcomes are kept. is_stopping: it has cancelled its children.
    """

    __slots__ = ("children", "failed", "is_stopping")
    __slct_saveable__ = True

    def __init__(self) -> None:
        self.children: list[int] = []
        self.failed: list[Handle] = []
        self.is_stopping = False

    def start(self, frame: Coroutine[Any, Any, T]) -> Handle[T]:
        """Run a frame in a goroutine that this holds."""
        handle = go(frame)
        self.children.append(handle.goroutine_id)
        current().hold(handle.goroutine_id, self)
        return handle

    def one_ended(self) -> Operation[Any]:
        """The end of one of its children: the last, which mostly finds the others ended as well."""
        return Ended(self.children[-1])

    def stop(self, context: TransitionContext) -> None:
        """Cancel what is left; once."""
        if not self.is_stopping:
            self.is_stopping = True
            for goroutine_id in tuple(self.children):
                context.cancel(goroutine_id)

    def has_ended(self, context: TransitionContext, goroutine_id: int, error: BaseException | None) -> None:
        """A goroutine that it holds has ended; part of the transition in which it did."""
        if goroutine_id in self.children:
            self.children.remove(goroutine_id)
        if error is not None:
            self.has_failed(context, goroutine_id, error)

    def has_failed(self, context: TransitionContext, goroutine_id: int, error: BaseException) -> None:
        """What an error means."""
        raise NotImplementedError


# --- gather -------------------------------------------------------------------------------------------------------------


@overload
def gather(a0: Awaited[T0], /) -> Frame[list[T0]]: ...
@overload
def gather(a0: Awaited[T0], a1: Awaited[T1], /) -> Frame[list[T0 | T1]]: ...
@overload
def gather(a0: Awaited[T0], a1: Awaited[T1], a2: Awaited[T2], /) -> Frame[list[T0 | T1 | T2]]: ...
@overload
def gather(a0: Awaited[T0], a1: Awaited[T1], a2: Awaited[T2], a3: Awaited[T3], /) -> Frame[list[T0 | T1 | T2 | T3]]: ...
@overload
def gather(*awaited: Awaited[T]) -> Frame[list[T]]: ...
def gather(*awaited: Any) -> Frame[Any]:
    """Wait for several durable functions, operations and goroutines at once. Gives their values in the order written.

    Each function and operation runs in a goroutine of its own, started when the gather is awaited. The first error cancels
    those, and is raised when all of them have ended; later errors are dropped. Handles are waited for, and never cancelled.

    Raises:
      TypeError: one of them cannot be waited for.
    """
    return _Gather(None, awaited=tuple(_gathered(index, each) for index, each in enumerate(awaited)))


def _gathered(index: int, awaited: Any) -> Frame | Operation | Handle:
    awaited = as_frame(awaited)
    match awaited:
        case Join():
            return Handle(awaited.goroutine_id)
        case Default():
            help = "default() is a case of select(...)"
        case Frame() | Operation() | Handle():
            return awaited
        case ChildRef():
            help = "ref.result() waits for the end of a process"
        case _ if inspect.iscoroutine(awaited):
            awaited.close()
            help = "mark it with @durable, or run it as an effect: call(...)"
        case _:
            help = "self.method(...), recv, send, after, call, a handle, ..."
    raise TypeError(f"argument {index} of gather() cannot be waited for: {shown(awaited)}\n  help: {help}")


class _Gathering(Holder):
    """The goroutines of one gather, and the handles given to it. Its first error counts (detail D6)."""

    __slots__ = ()

    def has_failed(self, context: TransitionContext, goroutine_id: int, error: BaseException) -> None:
        if not self.is_stopping:
            self.failed.append(Handle(goroutine_id))
            self.stop(context)


class _Gather(Frame):
    """Starts everything, waits for its own goroutines, then for the handles given; see `gather`."""

    FUNCTION: ClassVar[str] = "gather"
    SOURCE: ClassVar[str] = SOURCE
    awaited: tuple[Frame | Operation | Handle, ...]
    gathering: _Gathering
    handles: list[Handle]
    given: list[Handle]
    outside: BaseException
    STATES: ClassVar[dict[str, State]] = {
        "Gather_Start": State(0),
        "Gather_Wait": State(0),
        "Gather_Woken": State(0, on_error="Gather_Outside", caught="outside"),
        "Gather_Outside": State(0),
        "Gather_End": State(0),
    }

    def Gather_Start(self) -> Instruction:
        awaited = self.awaited
        del self.awaited
        _check_new([each for each in awaited if isinstance(each, Frame)])
        self.gathering = _Gathering()
        self.handles = [each if isinstance(each, Handle) else self._start(each) for each in awaited]
        self.given = [each for each in awaited if isinstance(each, Handle)]
        context = current()
        for handle in self.given:
            outcome = context.outcome_of(handle.goroutine_id)
            if outcome is None:
                context.hold(handle.goroutine_id, self.gathering)
            else:
                self.gathering.has_ended(context, handle.goroutine_id, outcome.error)
        return self.goto(self.Gather_Wait)

    def _start(self, awaited: Frame | Operation) -> Handle:
        return self.gathering.start(awaited if isinstance(awaited, Frame) else _Alone(None, operation=awaited))

    def Gather_Wait(self) -> Instruction:
        if self.gathering.children:
            return self.suspend(self.gathering.one_ended(), then=self.Gather_Woken)
        left = [] if self.gathering.is_stopping else [h for h in self.given if _is_there(h)]
        if left:
            cases = tuple(Ended(handle.goroutine_id) for handle in left)
            return self.suspend(Select(tuple(range(len(cases))), cases), then=self.Gather_Woken)
        return self.goto(self.Gather_End)

    def Gather_Woken(self) -> Instruction:
        self.resume()
        return self.goto(self.Gather_Wait)

    def Gather_Outside(self) -> Instruction:
        self.gathering.stop(current())
        return self.goto(self.Gather_Wait)

    def Gather_End(self) -> Instruction:
        context = current()
        for handle in self.given:
            context.release(handle.goroutine_id, self.gathering)
        if "outside" in self.__dict__:
            raise self.outside
        for handle in (*self.gathering.failed, *self.handles):
            outcome = context.outcome_of(handle.goroutine_id)
            assert outcome is not None
            outcome.unwrap()
        return self.finish([_value(context, handle) for handle in self.handles])


class _Alone(Frame):
    """One operation of a gather, in its goroutine."""

    FUNCTION: ClassVar[str] = "gather.case"
    SOURCE: ClassVar[str] = SOURCE
    operation: Operation
    STATES: ClassVar[dict[str, State]] = {"Case_Start": State(0), "Case_End": State(0, live=())}

    def Case_Start(self) -> Instruction:
        return self.suspend(self.operation, then=self.Case_End)

    def Case_End(self) -> Instruction:
        return self.finish(self.resume())


def _check_new(frames: list[Frame]) -> None:
    """Raise RuntimeError, before anything is started, if a frame has been started or is there twice."""
    seen: set[int] = set()
    for frame in frames:
        if frame.frame_status is not FrameStatus.NEW or id(frame) in seen:
            raise already_started(frame)
        seen.add(id(frame))


def _is_there(handle: Handle) -> bool:
    return current().outcome_of(handle.goroutine_id) is None


def _value(context: TransitionContext, handle: Handle) -> Any:
    outcome = context.outcome_of(handle.goroutine_id)
    assert outcome is not None
    return outcome.value


# --- TaskGroup ----------------------------------------------------------------------------------------------------------


class GroupStatus(StrEnum):
    """Where a TaskGroup is in its life."""

    NEW = "new"
    OPEN = "open"  # its body runs
    LEAVING = "leaving"  # its body has ended; its goroutines may still start others
    FINISHED = "finished"


class TaskGroup(Holder):
    """`async with TaskGroup() as tg: tg.go(...)`: the block ends when all goroutines started in it have ended.

    The first error of the body or of a goroutine cancels the others, and the body (with `Cancelled`); when all have ended,
    all errors are raised as one `ExceptionGroup`. `Cancelled`, and the `TimeoutError` of a timeout around the block, pass through.
    A goroutine that is cancelled is not an error. As in asyncio (detail D7).
    """

    __slots__ = ("interruption", "owner", "status")

    def __init__(self) -> None:
        super().__init__()
        self.status = GroupStatus.NEW
        self.owner = 0
        self.interruption: Cancelled | None = None

    def go(self, frame: Coroutine[Any, Any, T], /) -> Handle[T]:
        """Run a durable function in this group.

        Raises:
          RuntimeError: the group has not been entered, has finished, or is cancelling its goroutines.
        """
        if self.status is GroupStatus.NEW:
            raise RuntimeError("this TaskGroup has not been entered\n  help: async with TaskGroup() as tg: tg.go(...)")
        if self.status is GroupStatus.FINISHED:
            raise RuntimeError("this TaskGroup has finished\n  help: start it inside the block, or with go(...)")
        if self.is_stopping:
            raise RuntimeError("this TaskGroup is shutting down: one of its goroutines has failed, or it was cancelled")
        return self.start(frame)

    def __aenter__(self) -> Awaitable[TaskGroup]:
        return _Enter(None, scope=self)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Awaitable[None]:
        return _LeaveGroup(None, group=self, error=error)

    def enter(self, context: TransitionContext) -> None:
        """Its body begins. Raises RuntimeError if it has been entered before."""
        if self.status is not GroupStatus.NEW:
            raise RuntimeError("this TaskGroup has been entered already\n  help: async with TaskGroup(), a new one")
        self.status = GroupStatus.OPEN
        self.owner = context.goroutine_id
        context.scopes.append(self)

    def has_failed(self, context: TransitionContext, goroutine_id: int, error: BaseException) -> None:
        if isinstance(error, Cancelled):
            return
        self.failed.append(Handle(goroutine_id))
        is_first = not self.is_stopping
        self.stop(context)
        if is_first and self.status is GroupStatus.OPEN:
            self.interruption = Cancelled()
            context.interrupt(self.owner, self, self.interruption)


class _LeaveGroup(Frame):
    """Waits for the goroutines of a group, and raises what there is to raise.

    `own` is an error of the body; `passing` is what comes from outside, if anything: the last of it.
    """

    FUNCTION: ClassVar[str] = "TaskGroup.__aexit__"
    SOURCE: ClassVar[str] = SOURCE
    group: TaskGroup
    error: BaseException | None
    own: list[BaseException]
    passing: BaseException | None
    STATES: ClassVar[dict[str, State]] = {
        "Leave_Start": State(0),
        "Leave_Wait": State(0),
        "Leave_Woken": State(0, on_error="Leave_Outside", caught="passing"),
        "Leave_Outside": State(0),
        "Leave_End": State(0),
    }

    def Leave_Start(self) -> Instruction:
        group, error, context = self.group, self.error, current()
        group.status = GroupStatus.LEAVING
        context.leave_group(group)
        self.own, self.passing = [], None
        if error is not None:
            group.stop(context)
            if isinstance(error, Cancelled) or _is_of_timeout_around(context, error):
                self.passing = error if error is not group.interruption else None
            else:
                self.own.append(error)
        return self.goto(self.Leave_Wait)

    def Leave_Wait(self) -> Instruction:
        if self.group.children:
            return self.suspend(self.group.one_ended(), then=self.Leave_Woken)
        return self.goto(self.Leave_End)

    def Leave_Woken(self) -> Instruction:
        self.resume()
        return self.goto(self.Leave_Wait)

    def Leave_Outside(self) -> Instruction:
        self.group.stop(current())
        return self.goto(self.Leave_Wait)

    def Leave_End(self) -> Instruction:
        self.group.status = GroupStatus.FINISHED
        context = current()
        outcomes = [context.outcome_of(handle.goroutine_id) for handle in self.group.failed]
        errors = [outcome.error for outcome in outcomes if outcome is not None and outcome.error is not None]
        self.group.failed, self.group.interruption = [], None  # the group may be kept; they need not be
        if errors or self.own:
            if isinstance(self.passing, Cancelled):
                context.raise_next(self.passing)  # errors come first, but it must not be lost
            raise BaseExceptionGroup("unhandled errors in a TaskGroup", errors + self.own)
        if self.passing is not None and self.passing is not self.error:
            raise self.passing
        return self.finish()


def _is_of_timeout_around(context: TransitionContext, error: BaseException) -> bool:
    return any(isinstance(scope, timeout) and scope.raised(error) for scope in context.scopes)


__all__ = ["TaskGroup", "gather", "timeout"]
