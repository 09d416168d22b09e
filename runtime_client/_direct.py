"""Uncompiled durable functions: the author's coroutines, run as they are written.

Calling such a function gives a `CoroutineFrame` that has not started: it holds the bound arguments as slots, like a compiled
frame that has not started, and can be saved and sent like one. Started, it is a live coroutine and can only be driven.

What a durable coroutine awaits is handed up to the driver: operations by `Operation.__await__`, frames by `Frame.__await__`;
each is sent back an `Outcome`. A frame awaited by a coroutine is pushed on the goroutine's stack, not nested in Python's, so
that recursion has no limit; what the caller was handling then is kept with it, so that `sys.exc_info()` behaves as in Python.

NB: the coroutine of a goroutine that is dropped must not run its `finally` blocks (detail D8), and Python runs them when it
destroys a coroutine. So each live coroutine is given one reference that nobody holds, until it ends: a dropped one stays
in memory, suspended, for as long as the interpreter lives. Uncompiled code is for tests, where that does not matter.
"""

from __future__ import annotations

import ctypes
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine
from types import CodeType, CoroutineType, FunctionType, GeneratorType, ModuleType
from typing import Any

from ._errors import DefinitionError
from ._frame import RESERVED, Frame, FrameCall, Outcome, State
from ._handles import Handle
from ._operations import Operation
from ._trampoline import OWN_FILES, not_awaitable, run_handling, trim_traceback

OWN_FILES.add(__file__)

_AWAITS: set[CodeType] = {cls.__await__.__code__ for cls in (Operation, Handle, Frame)}
"""Code of the `__await__` methods that speak to the driver."""

FRAME_ATTRIBUTE = "frame_class"
"""Attribute of an uncompiled durable function: the class of its frames."""


class CoroutineFrame(Frame):
    """An activation of an uncompiled durable function."""

    __slots__ = ("frame_coroutine",)

    AUTHORED: Callable[..., Coroutine[Any, Any, Any]]
    SIGNATURE: inspect.Signature
    HAS_RECEIVER: bool

    def frame_advance(self, outcome: Outcome | None, handled: BaseException | None) -> Outcome | None:
        """Run it until it awaits or ends; see `_trampoline`."""
        coroutine = getattr(self, "frame_coroutine", None)
        if coroutine is None:
            coroutine = self.frame_coroutine = self._begin()
        send: Callable[[Any], Any] = coroutine.send
        argument: Any = outcome
        while True:
            try:
                awaited = send(argument) if handled is None else run_handling([handled], send, argument)
            except StopIteration as stop:
                _let_die(coroutine)
                return Outcome(stop.value)
            except BaseException as error:
                _let_die(coroutine)
                trim_traceback(error)
                return Outcome(error=error)
            wrong = _wrongly_awaited(coroutine, awaited)
            if wrong is None:
                self.frame_awaited = awaited
                return None
            send, argument = coroutine.throw, not_awaitable(wrong)

    def _begin(self) -> Coroutine[Any, Any, Any]:
        kind = type(self)
        bound = inspect.BoundArguments(kind.SIGNATURE, {})
        slots = self.__dict__
        names = list(kind.SIGNATURE.parameters)
        if kind.HAS_RECEIVER:
            bound.arguments[names.pop(0)] = self.frame_receiver
        for name in names:
            bound.arguments[name] = slots[_slot_name(name)]
        coroutine = kind.AUTHORED(*bound.args, **bound.kwargs)
        _keep_alive(coroutine)
        return coroutine


def make_stub(function: FunctionType, *, has_receiver: bool) -> Callable[..., CoroutineFrame]:
    """The public stub of an uncompiled durable function: same name, signature and docstring; gives a frame.

    Raises:
      DefinitionError: the function yields.
    """
    if inspect.isasyncgenfunction(function):
        raise DefinitionError(
            f"{function.__qualname__} yields, and a durable function cannot\n  help: send the values on a channel"
        )
    kind = _frame_class(function, has_receiver)

    @functools.wraps(function)
    def stub(*args: Any, **kwargs: Any) -> CoroutineFrame:
        try:
            bound = kind.SIGNATURE.bind(*args, **kwargs)
        except TypeError:
            function(*args, **kwargs).close()  # raises the TypeError that Python words for this call
            raise
        _show(kind)
        bound.apply_defaults()
        names = list(bound.arguments)
        receiver = bound.arguments[names.pop(0)] if has_receiver else None
        return kind(receiver, **{_slot_name(name): bound.arguments[name] for name in names})

    setattr(stub, FRAME_ATTRIBUTE, kind)
    return stub


def _frame_class(function: FunctionType, has_receiver: bool) -> type[CoroutineFrame]:
    owner, _, name = function.__qualname__.rpartition(".")
    attribute = f"_slct_frame_{name}"
    return type(
        attribute,
        (CoroutineFrame,),
        {
            "__slots__": (),
            "__module__": function.__module__,
            "__qualname__": f"{owner}.{attribute}" if owner else attribute,
            "FUNCTION": function.__qualname__,
            "SOURCE": source_of(function.__module__),
            "STATES": {"Start": State(function.__code__.co_firstlineno)},
            "AUTHORED": staticmethod(function),
            "SIGNATURE": inspect.signature(function, follow_wrapped=False),
            "HAS_RECEIVER": has_receiver,
        },
    )


class LocalCoroutineFrame(CoroutineFrame):
    """An activation of a local `async def` of an uncompiled durable function: its coroutine is there already."""

    __slots__ = ("frame_made",)

    def _begin(self) -> Coroutine[Any, Any, Any]:
        made: Coroutine[Any, Any, Any] = self.frame_made
        return made


def as_frame(value: Any) -> Any:
    """A coroutine of a local `async def` of durable code as a frame, as compiled code has it; anything else as it is.

    Raises:
      RuntimeError: it has been started already.
    """
    if not isinstance(value, CoroutineType) or not _is_local_to_durable(value):
        return value
    if inspect.getcoroutinestate(value) != inspect.CORO_CREATED:
        raise RuntimeError(f"{value!r} has been started already, and runs once\n  help: call the function again")
    _keep_alive(value)
    code = value.cr_code
    module = _globals_of(value)["__name__"]
    kind = type(
        "LocalCoroutineFrame",
        (LocalCoroutineFrame,),
        {
            "__slots__": (),
            "__module__": module,
            "FUNCTION": code.co_qualname.replace(".<locals>", ""),
            "SOURCE": source_of(module),
            "STATES": {"Start": State(code.co_firstlineno)},
        },
    )
    frame = kind()
    frame.frame_made = value
    return frame


def _is_local_to_durable(coroutine: CoroutineType[Any, Any, Any]) -> bool:
    """Whether its function is defined in a durable function, as the code of that says."""
    first, inside, _ = coroutine.cr_code.co_qualname.partition(".<locals>.")
    found: Any = _globals_of(coroutine) if inside else {}
    for part in first.split("."):
        found = (vars(found) if isinstance(found, type) else found if isinstance(found, dict) else {}).get(part)
    kind = getattr(found.__func__ if isinstance(found, staticmethod) else found, FRAME_ATTRIBUTE, None)
    return kind is not None and _holds(kind.AUTHORED.__code__, coroutine.cr_code)


def _globals_of(coroutine: CoroutineType[Any, Any, Any]) -> dict[str, Any]:
    """The names of its module; none of one that has ended."""
    return coroutine.cr_frame.f_globals if coroutine.cr_frame is not None else {}


def _holds(code: CodeType, inner: CodeType) -> bool:
    return any(c is inner or _holds(c, inner) for c in code.co_consts if isinstance(c, CodeType))


def _show(kind: type[CoroutineFrame]) -> None:
    """Put a frame class where the codec looks for it: in the class of the function, as compiled code has it.

    Process classes do this when they are made; ordinary ones do not exist yet when their methods are decorated.
    """
    owner: Any = sys.modules.get(kind.__module__)
    parts = kind.__qualname__.split(".")
    for part in parts[:-1]:
        owner = vars(owner).get(part) if isinstance(owner, type | ModuleType) else None
    if isinstance(owner, type) and parts[-1] not in vars(owner):
        setattr(owner, parts[-1], kind)


def source_of(module_name: str) -> str:
    """The file of a module relative to its source root, as the compiler names it."""
    module = sys.modules.get(module_name)
    is_package = module is not None and hasattr(module, "__path__")
    return module_name.replace(".", "/") + ("/__init__.py" if is_package else ".py")


def _slot_name(parameter: str) -> str:
    while parameter in RESERVED:
        parameter += "_"
    return parameter


def _wrongly_awaited(coroutine: Any, awaited: Any) -> Any:
    """What is awaited at the end of the chain of awaits if that is nothing durable, else None.

    Between the durable function and the operation there may be local coroutines of it, and nothing else. A plain
    coroutine is noticed when it suspends; one that never does cannot be told from a call.
    """
    inner = coroutine.cr_await
    while isinstance(inner, CoroutineType):
        if "<locals>" not in inner.cr_code.co_qualname:
            return inner
        inner = inner.cr_await
    speaks = isinstance(inner, GeneratorType) and inner.gi_code in _AWAITS
    if speaks and isinstance(awaited, Operation | FrameCall):
        return None
    return inner if inner is not None else awaited


def _keep_alive(coroutine: Coroutine[Any, Any, Any]) -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


def _let_die(coroutine: Coroutine[Any, Any, Any]) -> None:
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(coroutine))
