"""A debugger for durable code: `breakpoint()` and pdb as if the author's coroutine were what runs.

A compiled function runs as one method per state, called by a driver. Plain pdb would show that: `next` over an `await` ends up
in the driver, a local is `f.total`, and `where` lists the engine. So this is pdb with four answers of its own:

  1. Where a state ends and another one of the same activation goes on, now or after the await, `next` and `return` go on too.
  2. Names are the author's: those of the activation's slots, of the state's own locals, and of enclosing activations.
  3. The stack is the author's: activations that await the current one stand in it with their lines and names; frames of
     the engine and of the event loop are left out.
  4. What a function returns is shown as its value, not as an instruction to the driver.

It knows frames and the driver's stack; nothing of processes or runtimes. Loading a compiled build (`_source.py`) makes it what
`breakpoint()` starts, unless PYTHONBREAKPOINT or somebody else has chosen; `pytest --pdbcls=runtime_client.debugger:Pdb` does
that under pytest. Source: docs/architecture.md, "source truth".
"""

from __future__ import annotations

import asyncio
import inspect
import os
import pdb
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from types import CodeType, FrameType, FunctionType, ModuleType, TracebackType
from typing import Any

from . import _context, _definition_lines, _trampoline
from ._frame import Frame, Instruction, author_name
from ._tracebacks import NEVER_RUN

_HIDDEN_DIRS = tuple(
    os.path.dirname(os.path.abspath(file)) + os.sep for file in (__file__, asyncio.__file__) if file is not None
)
_ACTIVATION = "__slct_activation__"
"""Under this name the globals of a frame that stands for a waiting activation have it."""


def set_trace() -> None:
    """Stop in the debugger where this is called from: what `breakpoint()` does while a compiled build is loaded."""
    Pdb().set_trace(sys._getframe().f_back)


class Pdb(pdb.Pdb):
    """pdb that shows and steps through durable code as its author wrote it; other code as pdb does."""

    _next: Place | None = None
    """The activation in which `next` or `until` stops again, whichever of its states runs then."""
    _returning: Place | None = None
    """The activation at whose end `return` stops."""
    _resumed: FrameType | None = None
    """The state that has just taken up its await again, or a handler that was just entered: the line of the await, and that
    of the `try`, were shown before."""
    _until_line: int = 0

    # --- names ---

    @property
    def curframe_locals(self) -> Any:
        """The author's names at the frame that is looked at."""
        return self._locals

    @curframe_locals.setter
    def curframe_locals(self, found: Any) -> None:
        activation = _activation_at(self.curframe) if self.curframe is not None else None
        self._locals = found if activation is None else _Names(activation, found)

    def do_args(self, arg: str) -> None:
        """Print the arguments of the current function, as pdb does; those of a durable function by its own head."""
        activation = _activation_at(self.curframe) if self.curframe is not None else None
        if activation is None:
            super().do_args(arg)
            return
        for name in _parameters(activation):
            self.message(
                f"{name} = {self._locals[name]!r}" if name in self._locals else f"{name} is not needed any more"
            )

    do_a = do_args

    # --- the stack ---

    def get_stack(self, f: FrameType | None, t: TracebackType | None) -> tuple[list[tuple[FrameType, int]], int]:
        """As in `bdb`: the frames with their lines, outermost first, and the position of the one to look at."""
        stack, position = super().get_stack(f, t)
        if not stack or _is_hidden(stack[position][0].f_code):
            return stack, position
        shown: list[tuple[FrameType, int]] = []
        place = 0
        for number, (frame, line) in enumerate(stack):
            shown.extend(_waiting(frame))
            if not _is_hidden(frame.f_code):
                shown.append((frame, line))
            if number == position:
                place = len(shown) - 1
        return shown, place

    # --- stepping ---

    def set_next(self, frame: FrameType) -> None:
        """`next`: the next line of this function, however long it waits in between."""
        super().set_next(frame)
        self._go_on_in(_place_of(frame))

    def set_until(self, frame: FrameType, lineno: int | None = None) -> None:
        """`until`: as `next`, but not before a later line."""
        super().set_until(frame, lineno)
        self._go_on_in(_place_of(frame), frame.f_lineno + 1 if lineno is None else lineno)

    def set_return(self, frame: FrameType) -> None:
        """`return`: the end of this function, in whatever state."""
        activation = _activation_of(frame)
        if activation is None:
            super().set_return(frame)
        else:
            self._stop_nowhere(frame)
        self._go_on_in(None)
        self._returning = _place_of(frame)

    def set_step(self) -> None:
        """`step`: the next line of anybody's but ours."""
        super().set_step()
        self._go_on_in(None)

    def set_continue(self) -> None:
        """`continue`: the next breakpoint."""
        super().set_continue()
        self._go_on_in(None)

    def _go_on_in(self, place: Place | None, line: int = 0) -> None:
        self._next, self._until_line, self._returning = place, line, None

    def _stop_nowhere(self, frame: FrameType) -> None:
        self._set_stopinfo(frame, None, -1)  # type: ignore[attr-defined]  # `bdb` has it under this name in all versions

    def stop_here(self, frame: FrameType) -> bool:
        """Whether stepping stops at this frame: never in ours, and in every state of the activation stepped through."""
        if _is_hidden(frame.f_code):
            return False
        if self._next is not None and _place_of(frame) == self._next:
            return frame.f_lineno >= self._until_line
        return super().stop_here(frame)

    def dispatch_call(self, frame: FrameType, arg: None) -> Any:
        """A state that is not the first is no call: its function has been running."""
        activation = _activation_of(frame)
        if activation is None and _makes_activation(frame):
            return None
        if activation is None or _is_entry(activation):
            return super().dispatch_call(frame, arg)
        is_followed = _place_of(frame) in (self._next, self._returning)
        if not (is_followed or self.stop_here(frame) or self.break_anywhere(frame)):
            return None
        row = type(activation).STATES.get(activation.frame_state)
        if activation.frame_outcome is not None or (row is not None and row.handling is not None):
            self._resumed = frame
        return self.trace_dispatch

    def dispatch_line(self, frame: FrameType) -> Any:
        """Nothing stops a second time at the line of an await, when that has ended."""
        if frame is self._resumed:
            activation = _activation_of(frame)
            row = None if activation is None else type(activation).STATES.get(activation.frame_state)
            if row is not None and row.line == frame.f_lineno and not self.break_here(frame):
                return self.trace_dispatch
            self._resumed = None
        return super().dispatch_line(frame)

    def dispatch_exception(self, frame: FrameType, arg: Any) -> Any:
        """The end of an iterator is none of the author's errors, though a loop over a cursor of ours meets it as one."""
        if arg[0] is StopIteration and _activation_of(frame) is not None and _is_raised_in_ours(arg[2]):
            return self.trace_dispatch
        return super().dispatch_exception(frame, arg)

    def dispatch_return(self, frame: FrameType, arg: Any) -> Any:
        """A state that ends is a return only where it ends its function."""
        activation = _activation_of(frame)
        if activation is None:
            return super().dispatch_return(frame, arg)
        if isinstance(arg, Instruction) and arg is not Instruction.FINISH:
            return self.trace_dispatch
        row = type(activation).STATES.get(activation.frame_state)
        if arg is None and row is not None and row.on_error is not None:
            return self.trace_dispatch  # an error that the function handles
        place = _place_of(frame)
        if self._returning == place:
            self.returnframe = frame
        result = super().dispatch_return(frame, activation.frame_awaited if arg is Instruction.FINISH else None)
        if self._next is not None and self._next == place:
            self._stop_nowhere(frame)
            self._go_on_in(place.caller())
        return result


@dataclass(frozen=True, slots=True)
class Place:
    """An activation by where it is: between two states it may have been stored, and be another object."""

    process_id: str
    goroutine_id: int
    depth: int

    def caller(self) -> Place | None:
        """Where the activation is that awaits this one."""
        return None if self.depth == 0 else replace(self, depth=self.depth - 1)


# --- activations --------------------------------------------------------------------------------------------------------


def _activation_of(frame: FrameType) -> Frame | None:
    """The activation of which a Python frame runs a state; None for other code."""
    code = frame.f_code
    if code.co_argcount not in (1, 2) or _is_hidden(code):
        return None
    found = frame.f_locals.get(code.co_varnames[code.co_argcount - 1])
    return found if isinstance(found, Frame) and code in _codes(found) else None


def _activation_at(frame: FrameType) -> Frame | None:
    """The same; also of a frame that stands for an activation that waits for another one."""
    found = frame.f_globals.get(_ACTIVATION)
    return found if isinstance(found, Frame) else _activation_of(frame)


def _codes(activation: Frame) -> set[CodeType]:
    return {method.__code__ for method in _trampoline.methods_of(activation).values()}


def _is_entry(activation: Frame) -> bool:
    return activation.frame_state == next(iter(type(activation).STATES), "")


def _makes_activation(frame: FrameType) -> bool:
    """Whether this is a durable function being called: it runs nothing of the author's yet."""
    module = sys.modules.get(frame.f_globals.get("__name__", ""))
    return module is not None and frame.f_code.co_qualname in _durable_functions(module)


@lru_cache(maxsize=64)
def _durable_functions(module: ModuleType) -> frozenset[str]:
    """The qualified names of the compiled functions of a module."""
    found, left = set(), [vars(module)]
    while left:
        for value in list(left.pop().values()):
            if isinstance(value, type) and value.__module__ == module.__name__:
                found.add(getattr(value, "FUNCTION", ""))
                left.append(dict(vars(value)))
    return frozenset(found - {""})


def _is_raised_in_ours(traceback: TracebackType | None) -> bool:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and _is_hidden(traceback.tb_frame.f_code)


def _is_hidden(code: CodeType) -> bool:
    return code.co_filename.startswith(_HIDDEN_DIRS)


def _driver_stack(frame: FrameType | None) -> list[Frame]:
    """The activations of the goroutine that a frame of the driver runs, outermost first."""
    while frame is not None:
        if frame.f_code is _trampoline.run_to_suspension.__code__:
            stack: _trampoline.Stack = frame.f_locals["stack"]
            return list(stack.frames)
        frame = frame.f_back
    return []


def _place_of(frame: FrameType) -> Place | None:
    """Where the activation is of which a Python frame runs a state; None for other code."""
    activation = _activation_of(frame)
    if activation is None:
        return None
    depth = next((n for n, one in enumerate(_driver_stack(frame.f_back)) if one is activation), 0)
    context = _context.running()
    return Place("", 0, depth) if context is None else Place(context.process_id, context.goroutine_id, depth)


def _waiting(frame: FrameType) -> Iterator[tuple[FrameType, int]]:
    """Frames that stand for the activations which wait for the innermost one, where the driver stands in a stack."""
    if frame.f_code is not _trampoline.run_to_suspension.__code__:
        return
    for activation in _driver_stack(frame)[:-1]:
        row = type(activation).STATES.get(activation.frame_state)
        code = _definition_lines.code_of(type(activation), activation.frame_state)
        if row is not None and code is not None:
            yield _standing_for(activation, code, row.line), row.line


def _standing_for(activation: Frame, code: CodeType, line: int) -> FrameType:
    name = type(activation).FUNCTION.rpartition(".")[2]
    shown = NEVER_RUN.replace(
        co_filename=code.co_filename, co_name=name, co_qualname=type(activation).FUNCTION, co_firstlineno=line
    )
    module = sys.modules.get(type(activation).__module__)
    names = {**(vars(module) if module is not None else {}), _ACTIVATION: activation}
    frame: FrameType = FunctionType(shown, names)().gi_frame
    return frame


def _parameters(activation: Frame) -> tuple[str, ...]:
    """The names in the head of the author's function."""
    holder: Any = sys.modules.get(type(activation).__module__)
    for part in type(activation).__qualname__.split(".")[:-1]:
        holder = getattr(holder, part, None)
    function = getattr(holder, type(activation).FUNCTION.rpartition(".")[2], None)
    code: CodeType | None = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    if code is None:
        return tuple(activation.__dict__)
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return code.co_varnames[:count]


class _Names(dict[str, Any]):
    """The author's names at a state; what is assigned to one goes to where the state reads it."""

    def __init__(self, activation: Frame, own: Any) -> None:
        hidden = {name for name, value in own.items() if value is activation}
        temporaries = set(type(activation).TEMPORARIES)
        chain = list(_enclosing(activation))
        super().__init__({} if _ACTIVATION in own else {k: v for k, v in own.items() if k not in hidden | temporaries})
        for one in chain:
            left_out = set(type(one).TEMPORARIES)
            self.update({author_name(k): v for k, v in one.__dict__.items() if k not in left_out})
        if activation.frame_receiver is not None and "self" in _parameters(activation):
            super().__setitem__("self", activation.frame_receiver)
        self._chain, self._own = chain, own

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        for one in reversed(self._chain):
            slot = next((slot for slot in _slots(one) if author_name(slot) == name), None)
            if slot is not None:
                one.__dict__[slot] = value
                return
        self._own[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        for one in self._chain:
            one.__dict__.pop(name, None)
        self._own.pop(name, None)


def _enclosing(activation: Frame) -> Iterator[Frame]:
    """The activations whose variables are seen, outermost first."""
    if activation.outer is not None:
        yield from _enclosing(activation.outer)
    yield activation


def _slots(activation: Frame) -> set[str]:
    return {*activation.__dict__, *inspect.get_annotations(type(activation))}
