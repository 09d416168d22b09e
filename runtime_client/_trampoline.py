"""The driver of one goroutine: runs its stack of frames from a resumption to the next suspension (rule 3).

Knows frames and outcomes; knows nothing of channels, documents or commands. How it works:

  1. A stack is a list of frames, innermost last. `advance` runs the innermost until it awaits, returns or raises.
  2. Awaiting a frame is a call: it is pushed, and how it ends becomes the outcome of its caller's await. So nothing
     recurses, and 10,000 calls deep is a list of 10,000 frames.
  3. An exception that leaves a state goes to the state that its table names; else it ends the frame.
  4. A state that runs while an exception is being handled runs inside `try: raise it`, so that bare `raise`,
     `sys.exc_info()` and `__context__` see it. What a caller handles counts for what it calls. Nothing else is ever run inside
     an `except` of the driver, so it adds no context of its own; and its own lines are taken out of tracebacks.

There are three kinds of frames: compiled (a table of states), coroutines of uncompiled code (`_direct.py`), and state
machines written by hand (`_handwritten.py`).

Source: compiler.md, rules 4, 5 and 7; docs/semantics.md, rules 3 and 4, details D14 and D18.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any

from . import _context, _cursors, _frame, _operations
from ._frame import Frame, FrameCall, FrameStatus, Instruction, Outcome, Returned, State
from ._handles import ChildRef, Handle
from ._local_functions import shared_slots
from ._operations import Default, Operation


class Stack:
    """The frames of one goroutine, innermost last; `handled` is what the caller of each handled when it made the call."""

    __slots__ = ("frames", "handled")

    def __init__(self, frames: list[Frame]) -> None:
        self.frames = frames
        self.handled: list[BaseException | None] = [None]
        for caller in frames[:-1]:
            self.handled.append(_handled_by(caller, self.handled[-1]))

    def push(self, frame: Frame, handled: BaseException | None) -> None:
        frame.frame_status = FrameStatus.STARTED
        self.frames.append(frame)
        self.handled.append(handled)

    def pop(self) -> None:
        self.frames.pop()
        self.handled.pop()


def run_to_suspension(stack: Stack, outcome: Outcome | None) -> Operation | Outcome:
    """Run until the goroutine awaits an operation, or has ended.

    Args:
      outcome: What the innermost frame awaited ended in; None if it has not started.

    Returns:
      The operation, not carried out; or the outcome of the outermost frame, the stack being empty then.
    """
    frames = stack.frames
    while True:
        frame = frames[-1]
        ended = _advance(frame, outcome, stack.handled[-1])
        if ended is not None:
            stack.pop()
            _end(frame)
            if not frames:
                return ended
            outcome = Returned(ended.value, ended.error)
            continue
        awaited, frame.frame_awaited = frame.frame_awaited, None
        _drop_dead_slots(frame)
        if isinstance(awaited, Handle):
            awaited = awaited.join()
        if isinstance(awaited, Frame):
            outcome = _call(stack, awaited, None)
        elif isinstance(awaited, FrameCall):
            outcome = _call(stack, awaited.frame, awaited.handled)
        elif isinstance(awaited, Operation) and not isinstance(awaited, Default):
            return awaited
        else:
            outcome = Outcome(error=not_awaitable(awaited))
            if inspect.iscoroutine(awaited):
                awaited.close()  # it will never be awaited: no warning about that


def _call(stack: Stack, frame: Frame, handled: BaseException | None) -> Outcome | None:
    """Push a called frame; the error of the await if it cannot be called."""
    if frame.frame_status is not FrameStatus.NEW:
        return Outcome(error=already_started(frame))
    stack.push(frame, handled or _handled_by(stack.frames[-1], stack.handled[-1]))
    return None


def already_started(frame: Frame) -> RuntimeError:
    """What awaiting or starting a frame for the second time raises."""
    return RuntimeError(
        f"{frame!r} has been started already, and a frame runs once\n  help: call the durable function again"
    )


def not_awaitable(awaited: Any) -> TypeError:
    """What awaiting something that is not durable raises, there (detail D14)."""
    what = f"object {type(awaited).__name__} can't be used in 'await' expression"
    match awaited:
        case Default():
            help = "default() is a case of select(...)"
        case ChildRef():
            help = "await ref.result() waits for the end of a process"
        case _ if inspect.iscoroutine(awaited):
            help = f"mark {awaited.__qualname__}() with @durable, or run it as an effect: await call(...)"
        case _:
            help = (
                "durable code awaits durable functions and operations; run anything else as an effect: await call(...)"
            )
    return TypeError(f"{what} of durable code\n  help: {help}")


# --- compiled frames ----------------------------------------------------------------------------------------------------


def _advance(frame: Frame, outcome: Outcome | None, handled: BaseException | None) -> Outcome | None:
    """Run one frame until it awaits (None: see `frame_awaited`) or ends."""
    own_way: Callable[..., Outcome | None] | None = getattr(type(frame), "frame_advance", None)
    return _advance_states(frame, outcome, handled) if own_way is None else own_way(frame, outcome, handled)


def _advance_states(frame: Frame, outcome: Outcome | None, inherited: BaseException | None) -> Outcome | None:
    frame.frame_outcome = outcome
    rows = type(frame).STATES
    methods = methods_of(frame)
    arguments = (frame,) if frame.frame_receiver is None else (frame.frame_receiver, frame)
    while True:
        row = rows[frame.frame_state]
        method = methods[frame.frame_state]
        held = _held(frame, row, inherited)
        try:
            instruction = run_handling(held, method, *arguments) if held else method(*arguments)
        except BaseException as error:
            trim_traceback(error)
            if row.on_error is None:
                return Outcome(error=_leaving(error))
            if row.caught is not None:
                frame.__dict__[row.caught] = error
            frame.frame_state = row.on_error
            frame.frame_outcome = None
            continue
        if instruction is Instruction.SUSPEND:
            return None
        if instruction is Instruction.FINISH:
            value, frame.frame_awaited = frame.frame_awaited, None
            return Outcome(value)
        if instruction is not Instruction.GOTO:
            return Outcome(error=_no_instruction(frame, method, instruction))


def _no_instruction(frame: Frame, method: Any, returned: Any) -> TypeError:
    return TypeError(
        f"state {method.__qualname__} of {type(frame).FUNCTION} returned {returned!r}, which is no instruction\n"
        "  help: return f.goto(...), f.suspend(..., then=...) or f.finish(...)"
    )


def _leaving(error: BaseException) -> BaseException:
    """The error with which a frame ends: as in a coroutine, StopIteration cannot leave it."""
    if not isinstance(error, StopIteration):
        return error
    changed = RuntimeError("coroutine raised StopIteration")
    changed.__cause__ = changed.__context__ = error
    changed.__traceback__ = error.__traceback__
    return changed


def methods_of(frame: Frame) -> dict[str, Callable[..., Any]]:
    """State name to function. They are those of the class that holds the frame class, whatever a subclass calls its own."""
    kind = type(frame)
    receiver = frame.frame_receiver
    owner = kind if receiver is None else (receiver if isinstance(receiver, type) else type(receiver))
    known: dict[type, dict[str, Callable[..., Any]]] | None = kind.__dict__.get("frame_methods")
    if known is None:
        known = {}
        kind.frame_methods = known  # type: ignore[attr-defined]  # kept with the class that it is known of
    if owner not in known:
        holder = kind if receiver is None else _holder(owner, kind)
        known[owner] = {name: _unwrapped(holder.__dict__[name]) for name in kind.STATES}
    return known[owner]


def _holder(owner: type, kind: type[Frame]) -> type:
    for cls in owner.__mro__:
        if cls.__dict__.get(kind.__name__) is kind or any(value is kind for value in vars(cls).values()):
            return cls
    raise TypeError(f"{owner.__qualname__} does not have the durable function {kind.FUNCTION}")


def _unwrapped(method: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = method.__func__ if isinstance(method, staticmethod | classmethod) else method
    return function


def _drop_dead_slots(frame: Frame) -> None:
    """Forget the locals that nothing reads any more (compiler.md, rule 3)."""
    row = type(frame).STATES.get(frame.frame_state)
    if row is None or row.live is None:
        return
    slots, shared = frame.__dict__, shared_slots(type(frame))
    for name in [n for n in slots if n not in row.live and n != row.handling and n not in shared]:
        del slots[name]


def _end(frame: Frame) -> None:
    """A frame that has ended keeps what functions made in it may still refer to (compiler.md, rule 9)."""
    frame.frame_status = FrameStatus.ENDED
    slots, shared = frame.__dict__, shared_slots(type(frame))
    for name in [n for n in slots if n not in shared]:
        del slots[name]


# --- exceptions being handled -----------------------------------------------------------------------------------------


def _handled_in(frame: Frame, row: State) -> BaseException | None:
    """What this state handles itself."""
    if row.handling is None:
        return None
    held = frame.__dict__.get(row.handling)
    return held if isinstance(held, BaseException) else None


def _handled_by(caller: Frame, inherited: BaseException | None) -> BaseException | None:
    """What a frame handles while it waits for one that it called."""
    row = type(caller).STATES.get(caller.frame_state)
    own = None if row is None else _handled_in(caller, row)
    return inherited if own is None else own


def _held(frame: Frame, row: State, inherited: BaseException | None) -> list[BaseException]:
    """What a state runs in the handler of, for `run_handling`; empty if nothing is handled."""
    if row.handling is None and inherited is None:
        return []
    own = _handled_in(frame, row)
    handled = inherited if own is None else own  # an author's exception may be false
    return [] if handled is None else [handled]


def run_handling(held: list[BaseException], function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function as the body of an `except` clause that handles the exception in the list.

    The list is emptied: a traceback keeps the frames that the function was called from, and in Python those hold no
    exception that is handled. It would live on in a cycle.
    """
    handled = held.pop()
    before = (handled.__traceback__, handled.__context__)
    try:
        raise handled
    except BaseException:
        handled.__traceback__, handled.__context__ = before
        del handled, before
        return function(*arguments)


OWN_FILES = {__file__, _context.__file__, _cursors.__file__, _frame.__file__, _operations.__file__}
"""Files whose lines are taken out of tracebacks as they grow: the driver, what raises on its behalf, and what stands for a
statement of the author's."""


def trim_traceback(error: BaseException) -> None:
    """Take our lines out at the head of a traceback: before, and just after, the author's own line.

    Otherwise an error that passes through thousands of frames would carry several of our lines for each.
    """
    head = _skip_own(error.__traceback__)
    if head is not None:
        rest = _skip_own(head.tb_next)
        if rest is not head.tb_next:
            head.tb_next = rest
    error.__traceback__ = head


def _skip_own(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code.co_filename in OWN_FILES:
        traceback = traceback.tb_next
    return traceback
