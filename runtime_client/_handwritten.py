"""State machines written by hand: methods `Goroutine_State(self, p)` and the `Step` that they are given.

    def Main_Start(self, p: Step) -> None:
        p.recv("counter").to(self.Main_Count).after(timedelta(hours=1)).to(self.Main_Done)

A method runs to its end, says on `p` what to wait for, and where each case leads; the cases are tried in the order in
which they were said. The method that a case leads to may take the value as a second parameter, and `ok` as a third. A method that
says nothing ends its goroutine, with what it returns as the result.

A goroutine of this kind is one `MachineFrame`: its state is the method that ran last, its slot `then` the names of the
methods that the cases lead to. An error that is raised by a case (a failed call, a send on a closed channel) leaves the goroutine.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from types import FunctionType
from typing import Any, ClassVar

from slct_runtime.core.queues import DEFAULT_QUEUE

from . import _functions
from ._channels import Channel
from ._context import current
from ._direct import source_of
from ._errors import DefinitionError
from ._frame import Frame, FrameStatus, Outcome, State
from ._handles import ChildRef, Handle
from ._operations import Deadline, Operation, Result, Retry, Select, Selected
from ._process import Process
from ._trampoline import OWN_FILES, trim_traceback

OWN_FILES.add(__file__)

_STATE_NAME = re.compile(r"([A-Z][A-Za-z0-9]*)_[A-Za-z0-9_]+")

MACHINES_ATTRIBUTE = "slct_machines"
"""Attribute of a process class: goroutine name to the class of its frames."""


class MachineFrame(Frame):
    """A goroutine that is written by hand."""

    __slots__ = ()

    STATES: ClassVar[dict[str, State]] = {}

    def frame_advance(self, outcome: Outcome | None, handled: BaseException | None) -> Outcome | None:
        """Run one method; see `_trampoline`."""
        arguments = self.__dict__.pop("arguments", ())
        then = self.__dict__.pop("then", ())
        if outcome is not None:
            if outcome.error is not None:
                return Outcome(error=outcome.error)
            selected: Selected = outcome.value
            self.frame_state = then[selected.case]
            arguments = (selected.value, selected.ok)
        method = getattr(self.frame_receiver, self.frame_state)
        step = Step(self.frame_receiver)
        try:
            result = method(step, *(arguments if outcome is None else _wanted(method, arguments)))
            return self._wait(step, method, result)
        except BaseException as error:
            trim_traceback(error)
            return Outcome(error=error)

    def _wait(self, step: Step, method: Any, result: Any) -> Outcome | None:
        """What the method has said to wait for; the end of the goroutine if nothing."""
        if not step.cases:
            return Outcome(result)
        if result is not None and result is not step and not isinstance(result, Case):
            raise TypeError(
                f"{method.__qualname__} says what to wait for, and returns {result!r}\n"
                "  help: a method either goes on or ends its goroutine with a result"
            )
        self.__dict__["then"] = [case.target() for case in step.cases]
        self.frame_awaited = Select(tuple(range(len(step.cases))), tuple(case.operation for case in step.cases))
        return None


def _wanted(method: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """As many of value and ok as the method takes after the step."""
    kinds = [p.kind for p in inspect.signature(method).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return arguments
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return arguments[: max(0, sum(kind in by_position for kind in kinds) - 1)]


class Case:
    """A case of a step, until `.to(method)` says where it leads."""

    def __init__(self, step: Step, operation: Operation, what: str) -> None:
        self.operation = operation
        self._step = step
        self._what = what
        self._target = ""

    def to(self, method: Callable[..., Any]) -> Step:
        """Go on with this method, which may take the value as a second parameter and `ok` as a third."""
        if self._target:
            raise RuntimeError(f"{self._what} leads to {self._target} already")
        self._target = self._step.state_name(method)
        return self._step

    def target(self) -> str:
        """Where it leads. Raises RuntimeError if nobody said."""
        if not self._target:
            raise RuntimeError(f"{self._what} leads nowhere\n  help: {self._what}.to(self.Some_Method)")
        return self._target


class Step:
    """What a method written by hand is given: it says on it what to wait for. Cases are tried in the order written."""

    def __init__(self, process: Process) -> None:
        self.cases: list[Case] = []
        self._process = process

    def recv(self, channel: Channel[Any] | str | None) -> Case:
        """A value from a channel; None, and `ok` False, once it is closed and drained."""
        return self._case(_functions.recv(channel), f"p.recv({channel!r})")

    def send(self, channel: Channel[Any] | str | None, value: Any) -> Case:
        """A receiver for a value, or room in the buffer."""
        return self._case(_functions.send(channel, value), f"p.send({channel!r}, ...)")

    def after(self, deadline: Deadline) -> Case:
        """A time: a `timedelta`, seconds, or an aware `datetime`."""
        return self._case(_functions.after(deadline), f"p.after({deadline!r})")

    def call(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        retry: Retry | None = None,
        timeout: float | timedelta | None = None,
        key: str | None = None,
        at_most_once: bool = False,
        queue: str = DEFAULT_QUEUE,
        priority: int = 0,
        heartbeat_timeout: float | timedelta | None = None,
        schedule_to_close_timeout: float | timedelta | None = None,
        **kwargs: Any,
    ) -> Case:
        """The result of an effect; see `runtime_client.call`."""
        operation = _functions.call(
            function,
            *args,
            retry=retry,
            timeout=timeout,
            key=key,
            at_most_once=at_most_once,
            queue=queue,
            priority=priority,
            heartbeat_timeout=heartbeat_timeout,
            schedule_to_close_timeout=schedule_to_close_timeout,
            **kwargs,
        )
        return self._case(operation, f"p.call({getattr(function, '__name__', function)}, ...)")

    def join(self, handle: Handle) -> Case:
        """The end of a goroutine: its result, or its exception, which then leaves this goroutine."""
        if not isinstance(handle, Handle):
            raise TypeError(f"p.join() takes what go() returned, got {handle!r}")
        return self._case(handle.join(), f"p.join({handle!r})")

    def result(self, ref: ChildRef) -> Case:
        """The end of another process."""
        if not isinstance(ref, ChildRef):
            raise TypeError(f"p.result() takes what start() returned, got {ref!r}")
        return self._case(Result(ref.process_id), f"p.result({ref!r})")

    def default(self) -> Case:
        """Taken when no other case is ready."""
        return self._case(_functions.default(), "p.default()")

    def go(self, method: Callable[..., Any] | Frame, /, *args: Any, **kwargs: Any) -> Handle:
        """Run a method written by hand, or a durable function, in a new goroutine."""
        if isinstance(method, Frame):
            return current().go(method)
        name = getattr(method, "__name__", "")
        if getattr(method, "__self__", None) is self._process and name in _states_of(type(self._process)):
            if kwargs:
                raise TypeError(f"p.go({name}, ...) takes positional arguments only")
            inspect.signature(method).bind(self, *args)
            return current().go(machine_frame(self._process, name, args))
        return _functions.go(method(*args, **kwargs))

    def close(self, channel: Channel[Any] | str) -> None:
        """Close a channel."""
        _functions.close(channel)

    def make_channel(self, capacity: int = 0) -> Channel[Any]:
        """A new channel of this process."""
        return _functions.make_channel(capacity)

    def start(self, definition: str | type[Process], /, *args: Any, id: str | None = None, **kwargs: Any) -> ChildRef:
        """Start another process."""
        return _functions.start(definition, *args, id=id, **kwargs)

    def state_name(self, method: Callable[..., Any]) -> str:
        """The name of a method of this process. Raises TypeError if a case cannot lead there."""
        name: str = getattr(method, "__name__", "")
        if getattr(method, "__self__", None) is not self._process or name not in _states_of(type(self._process)):
            raise TypeError(
                f"a case cannot lead to {getattr(method, '__qualname__', method)!r}\n"
                "  help: .to(self.Goroutine_State), a method of this process with such a name"
            )
        return name

    def _case(self, operation: Operation, what: str) -> Case:
        case = Case(self, operation, what)
        self.cases.append(case)
        return case


# --- process classes ----------------------------------------------------------------------------------------------------


def find_states(cls: type[Process]) -> None:
    """Make the frame classes of the goroutines that this class writes by hand: one for each `Goroutine` in `Goroutine_State`."""
    names = [n for n in _candidates(cls) if n not in _compiled_states(cls)]
    states = {name: State(inspect.getattr_static(cls, name).__code__.co_firstlineno) for name in names}
    machines: dict[str, type[MachineFrame]] = {}
    for name in names:
        goroutine = name.partition("_")[0]
        if goroutine not in machines:
            machines[goroutine] = _machine(cls, goroutine, states)
    setattr(cls, MACHINES_ATTRIBUTE, machines)


def _candidates(cls: type[Process]) -> list[str]:
    """Methods with the name of a state, bases first, in the order written."""
    found = {
        name: None
        for owner in reversed(cls.__mro__)
        for name, value in vars(owner).items()
        if isinstance(value, FunctionType) and _STATE_NAME.fullmatch(name)
    }
    return [name for name in found if isinstance(inspect.getattr_static(cls, name), FunctionType)]


def _compiled_states(cls: type[Process]) -> set[str]:
    frames = [v for o in cls.__mro__ for v in vars(o).values() if isinstance(v, type) and issubclass(v, Frame)]
    return {name for frame in frames if not issubclass(frame, MachineFrame) for name in frame.STATES}


def _machine(cls: type[Process], goroutine: str, states: dict[str, State]) -> type[MachineFrame]:
    attribute = f"_slct_machine_{goroutine}"
    machine = type(
        attribute,
        (MachineFrame,),
        {
            "__slots__": (),
            "__module__": cls.__module__,
            "__qualname__": f"{cls.__qualname__}.{attribute}",
            "FUNCTION": f"{cls.__qualname__}.{goroutine}",
            "SOURCE": source_of(cls.__module__),
            "STATES": states,
        },
    )
    setattr(cls, attribute, machine)
    return machine


def _states_of(cls: type[Process]) -> dict[str, State]:
    machines: dict[str, type[MachineFrame]] = getattr(cls, MACHINES_ATTRIBUTE)
    return next((machine.STATES for machine in machines.values()), {})


def entry_state(cls: type[Process]) -> str | None:
    """The method that a process written by hand begins with: `Main_Start`, or the first `Main_` method."""
    names = [name for name in _states_of(cls) if name.startswith("Main_")]
    return "Main_Start" if "Main_Start" in names else next(iter(names), None)


def machine_frame(
    process: Process, state: str, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None
) -> Frame:
    """A goroutine that begins with this method.

    Raises:
      TypeError: the arguments do not fit it.
    """
    if keywords:
        bound = inspect.signature(getattr(process, state)).bind(None, *arguments, **keywords)
        if bound.kwargs:
            raise TypeError(f"{state} takes positional arguments only, got {', '.join(bound.kwargs)}")
        arguments = bound.args[1:]
    machines: dict[str, type[MachineFrame]] = getattr(type(process), MACHINES_ATTRIBUTE)
    frame = machines[state.partition("_")[0]](process, **({"arguments": arguments} if arguments else {}))
    frame.frame_state = state
    assert frame.frame_status is FrameStatus.NEW
    return frame


def check_machine(cls: type[Process]) -> None:
    """Raise DefinitionError if states written by hand have no entry."""
    if _states_of(cls) and entry_state(cls) is None and not hasattr(cls, "main"):
        raise DefinitionError(
            f"{cls.__qualname__} has states, and none to begin with\n  help: call the first one Main_Start"
        )


__all__ = ["Case", "Step", "entry_state", "find_states", "machine_frame"]
