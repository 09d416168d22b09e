"""`Process`, `@durable` and `@process`: what authors derive from and decorate with.

A process class says: a definition name, shared fields, declared channels, and durable functions. What happens to it here:

  1. Every `async def` of an uncompiled class, and of the mixins beside it, becomes a stub that gives a frame (`_direct.py`);
     a compiled class has such stubs already.
  2. Methods called `Goroutine_State` that belong to no frame are states written by hand (`_handwritten.py`).
  3. What can never work is refused when the class is made: `__init__`, reserved names, `yield` in a durable function.

An instance is made by the runtime only, without `__init__`. Its `__dict__` is exactly what is saved as shared fields.
"""

from __future__ import annotations

import abc
import copy
import inspect
import re
import typing
from collections.abc import Callable, Coroutine, Iterator
from types import FunctionType
from typing import Any, ClassVar, Generic, Protocol, TypeVar, overload
from weakref import WeakKeyDictionary

from ._channels import Channel
from ._direct import FRAME_ATTRIBUTE, CoroutineFrame, make_stub
from ._errors import DefinitionError
from ._frame import Frame
from ._type_descriptions import annotations_of
from ._type_variables import ValueT

F = TypeVar("F", bound=Callable[..., Any])

RESERVED_ATTRIBUTES = frozenset({"id", "labels", "name", "version", "status", "seq"})
"""Names that a process class may not use (detail D12)."""


class Process:
    """Base of all process classes.

    `class Order(Process, name="order.v2", on_fault="fail")`: `name` is the definition name, the class name in snake_case
    by default; `on_fault="fail"` fails the process at the first fault of its code, instead of trying again (rule 6).
    """

    __slots__ = ("__dict__", "__weakref__", "_slct_id", "_slct_labels")

    slct_name: ClassVar[str] = ""
    slct_on_fault: ClassVar[str] = "park"
    slct_function: ClassVar[Callable[..., Frame] | None] = None

    _slct_id: str
    _slct_labels: dict[str, str]

    def __init_subclass__(cls, *, name: str | None = None, on_fault: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.slct_name = name if name is not None else snake_case(cls.__name__)
        if on_fault is not None:
            if on_fault not in ("park", "fail"):
                raise DefinitionError(f"on_fault is 'park' or 'fail', got {on_fault!r}")
            cls.slct_on_fault = on_fault
        check_class(cls)
        for base in reversed(cls.__mro__):
            if base not in _BASES:
                wrap_coroutines(base)
        from ._handwritten import find_states  # it needs `Process`

        find_states(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            f"{type(self).__name__} is a process: it is started, not called\n"
            f"  help: await client.start({type(self).__name__}, ...), or start({type(self).__name__}, ...) in durable code"
        )

    @property
    def id(self) -> str:
        """The id of this process."""
        return self._slct_id

    @property
    def labels(self) -> dict[str, str]:
        """Searchable from outside; changes are stored when this transition commits."""
        return self._slct_labels

    def __repr__(self) -> str:
        return f"<process {getattr(self, '_slct_id', '(not started)')!r}: {type(self).__name__}>"


class Startable(Protocol[ValueT]):
    """A process class whose `main` returns a `ValueT`."""

    def main(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, ValueT]: ...


_BASES: frozenset[Any] = frozenset({object, Process, abc.ABC, Generic, Protocol})


# --- names --------------------------------------------------------------------------------------------------------------


def definition_name(definition: type[Process]) -> str:
    """The name under which a process class is deployed (detail D12).

    Raises:
      TypeError: not a process class.
    """
    if not (isinstance(definition, type) and issubclass(definition, Process)):
        raise TypeError(f"{definition!r} is not a process class\n  help: derive it from Process, or give its name")
    return definition.slct_name


_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """`HTTPOrder2Go` to `http_order2_go`."""
    return _WORD_STARTS.sub("_", name).lower()


# --- checks -------------------------------------------------------------------------------------------------------------


def check_class(cls: type[Process]) -> None:
    """Raise DefinitionError for what can never work in a process class."""
    for owner in cls.__mro__:
        if owner not in _BASES and isinstance(vars(owner).get("__init__"), FunctionType) and not _is_protocol(owner):
            raise DefinitionError(
                f"process class {cls.__qualname__} has an __init__ (in {owner.__qualname__}), which would never run\n"
                "  help: give fields defaults, and set the rest at the top of main"
            )
    for name in {*vars(cls), *_annotated_names(cls)}:
        if name in RESERVED_ATTRIBUTES:
            raise DefinitionError(
                f"process class {cls.__qualname__} defines {name!r}, which every process has already\n"
                f"  help: call it something else; reserved are {', '.join(sorted(RESERVED_ATTRIBUTES))}"
            )


def _is_protocol(cls: type) -> bool:
    return bool(getattr(cls, "_is_protocol", False))


def wrap_coroutines(cls: type) -> None:
    """Make the coroutine functions of a class durable: calling one gives a frame that has not started."""
    if cls.__module__ in ("builtins", "abc", "typing", "contextlib"):
        return
    for name, value in list(vars(cls).items()):
        if isinstance(value, staticmethod) and _is_coroutine(value.__func__):
            _replace(cls, name, staticmethod(make_stub(value.__func__, has_receiver=False)))
        elif isinstance(value, classmethod) and _is_coroutine(value.__func__):
            stub = make_stub(value.__func__, has_receiver=True)
            _replace(cls, name, classmethod(stub))
        elif _is_coroutine(value):
            _replace(cls, name, make_stub(value, has_receiver=True))
        _show_frame_class(cls, vars(cls)[name])


def _is_coroutine(value: Any) -> typing.TypeGuard[FunctionType]:
    return isinstance(value, FunctionType) and (inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value))


def _replace(cls: type, name: str, stub: Any) -> None:
    setattr(cls, name, stub)


def _show_frame_class(cls: type, value: Any) -> None:
    """Put the frame class of a stub where the codec looks for frame classes: beside it, as compiled code has it."""
    kind = getattr(getattr(value, "__func__", value), FRAME_ATTRIBUTE, None)
    if isinstance(kind, type) and kind.__qualname__ == f"{cls.__qualname__}.{kind.__name__}":
        setattr(cls, kind.__name__, kind)


# --- fields and channels ------------------------------------------------------------------------------------------------


def declared_channels(cls: type[Process]) -> dict[str, Channel[Any]]:
    """Declared channels, bases first, in the order written."""
    found: dict[str, Channel[Any]] = {}
    for owner in reversed(cls.__mro__):
        for name, value in vars(owner).items():
            if isinstance(value, Channel):
                found[name] = value
            else:
                found.pop(name, None)
    return found


def shared_fields(cls: type[Process]) -> dict[str, Any]:
    """Annotated attributes with their annotations: name to annotation. `ClassVar` and channels are no fields."""
    annotations = annotations_of(cls)
    return {
        name: annotations.get(name, Any)
        for owner in reversed(cls.__mro__)
        if owner not in _BASES
        for name in _annotated_names(owner)
        if not _is_class_var(annotations.get(name)) and not isinstance(getattr(cls, name, None), Channel)
    }


def _annotated_names(owner: type) -> Iterator[str]:
    try:
        annotations = inspect.get_annotations(owner)
    except Exception:  # from Python 3.14 on they are evaluated here, and names may not be defined
        annotations = dict.fromkeys(_deferred_names(owner))
    for name, annotation in annotations.items():
        if not (isinstance(annotation, str) and re.match(r"(typing\.)?ClassVar\b", annotation)):
            yield name


def _deferred_names(owner: type) -> list[str]:
    import annotationlib  # type: ignore[import-not-found, unused-ignore]  # from Python 3.14 on

    return list(annotationlib.get_annotations(owner, format=annotationlib.Format.STRING))


def _is_class_var(annotation: Any) -> bool:
    return annotation is ClassVar or typing.get_origin(annotation) is ClassVar


def new_instance(cls: type[Process], process_id: str) -> Process:
    """A process with its fields' defaults; mutable ones are its own, and those that shared an object share a copy."""
    process = bare_instance(cls, process_id)
    add_new_fields(process)
    return process


def add_new_fields(process: Process) -> None:
    """Give it a copy of the default of each shared field that it has no value of: all of a new process, and those that a later
    version has added.
    """
    cls = type(process)
    memo: dict[int, Any] = {}
    for name in _field_names(cls):
        if name in process.__dict__:
            continue
        default = inspect.getattr_static(cls, name, _MISSING)
        if default is not _MISSING and not hasattr(type(default), "__get__"):
            process.__dict__[name] = copy.deepcopy(default, memo)


def missing_fields(process: Process) -> list[str]:
    """Declared shared fields that it has no value of."""
    return [name for name in _field_names(type(process)) if name not in process.__dict__]


def _field_names(cls: type[Process]) -> tuple[str, ...]:
    """The names of `shared_fields`, remembered: to resolve annotations takes longer than to run a transition."""
    found = _known_names.get(cls)
    if found is None:
        found = _known_names[cls] = tuple(shared_fields(cls))
    return found


_known_names: WeakKeyDictionary[type[Process], tuple[str, ...]] = WeakKeyDictionary()


def bare_instance(cls: type[Process], process_id: str) -> Process:
    """A process without any fields yet."""
    process = object.__new__(cls)
    process._slct_id = process_id
    process._slct_labels = {}
    return process


_MISSING = object()


# --- decorators -----------------------------------------------------------------------------------------------------------


def durable(function: F) -> F:
    """Make a coroutine function durable: calling it gives a frame that has not started; `await` or `go` runs it.

    For functions of a module, and for methods of ordinary classes. Methods of process classes need no decorator.

    Raises:
      DefinitionError: not a coroutine function.
    """
    if is_durable(function):
        return function
    if not _is_coroutine(function):
        raise DefinitionError(f"@durable goes on an `async def`, got {_shown(function)}\n  help: write `async def`")
    owner = function.__qualname__.rpartition(".")[0]
    stub: Any = make_stub(function, has_receiver=bool(owner) and not owner.endswith("<locals>"))
    if not owner:
        kind = getattr(stub, FRAME_ATTRIBUTE)
        function.__globals__[kind.__name__] = kind  # where the codec looks for it, as compiled code has it
    return stub  # type: ignore[no-any-return]  # a type checker is to see what was decorated


def is_durable(function: Any) -> bool:
    """Whether calling it gives a frame: it was decorated, or compiled."""
    return hasattr(function, FRAME_ATTRIBUTE) or _is_compiled_stub(function)


def _is_compiled_stub(function: Any) -> bool:
    """Whether it says that it returns a frame, as the stubs do that the compiler writes."""
    if not isinstance(function, FunctionType):
        return False
    annotation = _returned(function)
    if isinstance(annotation, str):
        annotation = function.__globals__.get(annotation.partition("[")[0])
    kind = typing.get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, Frame)


def _returned(function: FunctionType) -> Any:
    """What a function says that it returns; its text, where what it names is not there."""
    try:
        return function.__annotations__.get("return")
    except Exception:  # from Python 3.14 on it is evaluated here
        import annotationlib  # type: ignore[import-not-found, unused-ignore]  # from Python 3.14 on

        return annotationlib.get_annotations(function, format=annotationlib.Format.STRING).get("return")


def _shown(thing: Any) -> str:
    return getattr(thing, "__qualname__", None) or repr(thing)


@overload
def process(function: Callable[..., Any], /) -> type[Process]: ...


@overload
def process(
    *, name: str | None = None, on_fault: str | None = None
) -> Callable[[Callable[..., Any]], type[Process]]: ...


def process(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None, on_fault: str | None = None
) -> type[Process] | Callable[[Callable[..., Any]], type[Process]]:
    """Make a process class of one coroutine function: its locals are the state.

    Raises:
      DefinitionError: not a coroutine function of a module.
    """
    if function is None:
        return lambda given: _process_of(given, name, on_fault)
    return _process_of(function, name, on_fault)


def _process_of(function: Callable[..., Any], name: str | None, on_fault: str | None) -> type[Process]:
    if not (_is_coroutine(function) or is_durable(function)):
        raise DefinitionError(f"@process goes on an `async def`, got {_shown(function)}\n  help: write `async def`")
    if "." in function.__qualname__:
        raise DefinitionError(f"@process goes on functions of a module, {function.__qualname__} is not one")
    stub: Any = make_stub(function, has_receiver=False) if _is_coroutine(function) else function
    namespace: dict[str, Any] = {
        "__module__": function.__module__,
        "__qualname__": function.__qualname__,
        "__doc__": function.__doc__,
        "main": staticmethod(stub),
        "slct_function": staticmethod(stub),
    }
    kind = getattr(stub, FRAME_ATTRIBUTE, None)
    if kind is not None:
        kind.__qualname__ = f"{function.__qualname__}.{kind.__name__}"
    made: Any = type(Process)
    cls: type[Process] = made(
        function.__name__, (Process,), namespace, name=name or snake_case(function.__name__), on_fault=on_fault
    )
    return cls


def is_compiled(cls: type[Process]) -> bool:
    """Whether no durable function of this class is a live coroutine when it runs."""
    for owner in cls.__mro__:
        for value in vars(owner).values():
            if hasattr(getattr(value, "__func__", value), FRAME_ATTRIBUTE):
                return False
    return True


__all__ = ["CoroutineFrame", "Process", "definition_name", "durable", "process"]
