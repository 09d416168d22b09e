"""Frames: saved activations of durable functions, and the five words a compiled state speaks.

A compiled function is a subclass of `Frame` with a table of its states, and one plain method per state. A state runs to
its end and returns what comes next:

    f.goto(self.Main_While)            continue with that state, in this transition
    f.suspend(awaited, then=self.X)    wait for an operation, or run another frame; X begins with `f.resume()`
    f.finish(value)                    the function returns

`f.resume()` gives the value of what was awaited, or raises its error there, inside the region of the state that calls it
(compiler.md, rule 4). `f.let(name=value)` assigns a slot inside an expression and gives the value.

The locals that live across suspensions are the instance's own attributes, one per slot; nothing else is ever put there.
Names that `Frame` itself uses are in `RESERVED`: the compiler renames an author's local of such a name by appending `_`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from enum import Enum
from types import FrameType, GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from slct_runtime.core.records import record

from ._type_variables import ValueT


@dataclass(frozen=True, slots=True)
class State:
    """One row of a function's static state table.

    line: where it begins in the author's file.
    live: the slots that are read later; others are dropped when the goroutine parks here. None keeps all.
    on_error: the state that takes an exception leaving this one, None if it leaves the function; the exception
      is first put into the slot `caught`.
    handling: the slot of the exception being handled while this state runs: bare `raise`, `sys.exc_info()` and
      `__context__` see it (compiler.md, rule 7). Nothing is being handled if the slot is unset or None.
    """

    line: int
    live: tuple[str, ...] | None = None
    on_error: str | None = None
    caught: str | None = None
    handling: str | None = None


@dataclass(frozen=True, slots=True)
class LocalFunction:
    """One row of a function's static table of the functions and lambdas that its states make; see `_local_functions.py`.

    line: where it is in the author's file. state: whose code makes it. index: among those of its name there, in the order of
    their bodies. slots: the variables of the frame that it refers to. cells: other variables of enclosing scopes that it
    refers to, those of a lambda or comprehension around it.
    """

    line: int
    state: str
    index: int = 0
    slots: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()


class Instruction(Enum):
    """What a state method returns: what the driver does next."""

    GOTO = "goto"
    SUSPEND = "suspend"
    FINISH = "finish"


class FrameStatus(Enum):
    """Where a frame is in its life; started once, ever. One that has ended may be shared by functions that it made."""

    NEW = "new"
    STARTED = "started"
    ENDED = "ended"


if TYPE_CHECKING:

    class _Coroutine(Coroutine[Any, Any, ValueT]):
        """What calling an `async def` gives in the author's source: so a frame is for a type checker."""

        def send(self, value: Any, /) -> Any: ...
        def throw(self, *error: Any) -> Any: ...
        def close(self) -> None: ...

else:

    class _Coroutine:
        """Nothing, outside of type checkers: a frame is driven by the engine."""

        __slots__ = ()
        __class_getitem__ = classmethod(GenericAlias)


class Frame(_Coroutine[ValueT]):
    """An activation of a durable function that can be saved at every suspension. `Frame[int]` is one that returns an int.

    Calling a durable function makes one that has not started; `await` runs it in this goroutine, `go()` in a new one.
    """

    FUNCTION: ClassVar[str] = ""
    """Qualified name as the author wrote it: `Order.main`."""
    SOURCE: ClassVar[str] = ""
    """The author's file, relative to the source root: `orders.py`."""
    TEMPORARIES: ClassVar[tuple[str, ...]] = ()
    """Slots that are the compiler's: what an expression or a loop has so far. People are not shown them."""
    STATES: ClassVar[dict[str, State]] = {}
    """All states; the first is the entry."""
    LOCALS: ClassVar[dict[str, LocalFunction]] = {}
    """The functions made in the states, by the names under which they are saved."""
    OUTER: ClassVar[str] = ""
    """The durable function that defines this one, and shares its variables with it; empty for none."""

    __slots__ = (
        "__dict__",
        "__weakref__",
        "frame_awaited",
        "frame_outcome",
        "frame_receiver",
        "frame_state",
        "frame_status",
        "outer",
    )

    def __init__(self, receiver: Any = None, outer: Frame | None = None, /, **slots: Any) -> None:
        self.frame_receiver = receiver  # the `self` of a method; None for a module-level function
        self.outer = outer  # the activation of OUTER that made this one
        self.frame_state = next(iter(type(self).STATES), "")
        self.frame_status = FrameStatus.NEW
        self.frame_awaited: Any = None  # what `suspend` waits for, or what `finish` returns
        self.frame_outcome: Outcome | None = None  # what `resume` gives
        self.__dict__.update(slots)

    def goto(self, state: Callable[..., Any], /) -> Instruction:
        """Continue with another state of this function, in the same transition."""
        self.frame_state = state.__name__
        return Instruction.GOTO

    def suspend(self, awaited: Any, /, *, then: Callable[..., Any]) -> Instruction:
        """Wait for `awaited` (an operation, a handle or a frame) and go on with `then`."""
        self.frame_awaited = awaited
        self.frame_state = then.__name__
        return Instruction.SUSPEND

    def finish(self, value: Any = None, /) -> Instruction:
        """Return from the function."""
        self.frame_awaited = value
        return Instruction.FINISH

    def resume(self) -> Any:
        """The value of what was awaited; raises if it ended in an error. Called once, first thing in a resumed state."""
        outcome, self.frame_outcome = self.frame_outcome, None
        assert outcome is not None, f"{type(self).__name__}.{self.frame_state} resumed without an outcome"
        return outcome.unwrap()

    def let(self, /, **slot: Any) -> Any:
        """Assign slots inside an expression; gives the last value."""
        self.__dict__.update(slot)
        return next(reversed(slot.values()))

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "frame_")):
            raise AttributeError(name)
        _raise_unbound(self, name, sys._getframe(1))

    def __delattr__(self, name: str) -> None:
        """`del` of a local: fails as it would on an unbound one."""
        if name not in self.__dict__ and not hasattr(type(self), name):
            _raise_unbound(self, name, sys._getframe(1))
        object.__delattr__(self, name)

    def __await__(self) -> Generator[Any, Any, ValueT]:
        """For uncompiled code: hand the frame up to the driver, which runs it and sends back how it ended."""
        outcome: Outcome = yield FrameCall(self, sys.exc_info()[1])
        value: ValueT = outcome.unwrap()
        return value

    def __repr__(self) -> str:
        return f"<frame {type(self).FUNCTION or type(self).__name__} at {self.frame_state}>"


def author_name(slot: str) -> str:
    """The author's local that a slot holds: one whose name a frame uses itself has another slot."""
    name = slot.removeprefix("_") if slot.startswith("_frame_") else slot
    return name.rstrip("_") if name.rstrip("_") in RESERVED else name


def _raise_unbound(frame: Frame, name: str, reader: FrameType) -> NoReturn:
    """What reading an unbound variable raises, in Python's words for the function itself and for functions inside it (rule 8)."""
    shown = author_name(name)
    code = reader.f_code
    is_own = any(reader.f_locals.get(argument) is frame for argument in code.co_varnames[: code.co_argcount])
    if is_own:
        raise UnboundLocalError(f"cannot access local variable {shown!r} where it is not associated with a value")
    raise NameError(
        f"cannot access free variable {shown!r} where it is not associated with a value in enclosing scope", name=shown
    )


@record(frozen=True, slots=True)
class Outcome:
    """How something awaited ended: a value, or an exception."""

    value: Any = None
    error: BaseException | None = None

    def unwrap(self) -> Any:
        """The value; raises the error, here."""
        if self.error is not None:
            raise self.error
        return self.value


@record(frozen=True, slots=True)
class Returned(Outcome):
    """How a called frame ended. Its error is on its way already: it is passed on, with the context it was raised in."""

    def unwrap(self) -> Any:
        """The value; passes on the error."""
        error = self.error
        if error is None:
            return self.value
        context = error.__context__
        try:
            raise error
        except BaseException:
            error.__context__ = context  # `raise` has replaced it by what the caller handles
            raise


@record(frozen=True, slots=True)
class FrameCall:
    """A frame awaited by uncompiled code, and the exception that this code was handling then."""

    frame: Frame
    handled: BaseException | None


RESERVED = frozenset(name for name in dir(Frame) if not name.startswith("__"))
"""Names that no slot may have."""
