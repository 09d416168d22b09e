"""Types as authors annotate them, described as JSON, so that a runtime without the author's code can check values.

A description is an object with a "kind":

    any | none | bool | int | float | str | bytes | bytearray | complex      path | uuid | decimal | fraction
    datetime | date | time | timedelta
    list, deque, set, frozenset  of: description          tuple      items: [description] | of: description
    dict       key, value: descriptions                   union      of: [description]
    literal    values: codec JSON                         enum       type, members: [name], values: codec JSON of each
    dataclass, namedtuple  type, fields, subclasses, [construct: true]        typeddict  fields
    ref        type: the enclosing description of that name (recursive types)
    request    value, answer: descriptions (a question that comes with a way to answer it)
    class      type, subclasses: only values written by the codec fit

A field is `{"name", "type": description, "required": bool, ["default": codec JSON]}`. `construct` says that the class computes
part of itself (`__post_init__`, factories): the value is then made by calling it. Annotations that cannot be resolved, and
those that say nothing about a value (TypeVar, Callable, Protocol), are `any`.

Counterpart: slct_runtime/wire/conform.py.
"""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import fractions
import inspect
import json
import pathlib
import sys
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ._codec import Codec
from ._errors import CodecError
from ._requests import Request
from ._resolver import Resolver

Description: TypeAlias = dict[str, Any]

ANY: Description = {"kind": "any"}

_SCALARS: dict[Any, str] = {
    None: "none",
    type(None): "none",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    bytearray: "bytearray",
    complex: "complex",
    uuid.UUID: "uuid",
    pathlib.Path: "path",
    pathlib.PurePath: "path",
    decimal.Decimal: "decimal",
    fractions.Fraction: "fraction",
    datetime.datetime: "datetime",
    datetime.date: "date",
    datetime.time: "time",
    datetime.timedelta: "timedelta",
}

_SEQUENCES: dict[Any, str] = {
    **dict.fromkeys((list, collections.abc.Sequence, collections.abc.MutableSequence), "list"),
    **dict.fromkeys((collections.abc.Iterable, collections.abc.Collection), "list"),
    **dict.fromkeys((set, collections.abc.Set, collections.abc.MutableSet), "set"),
    frozenset: "frozenset",
    collections.deque: "deque",
}

_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)

_WRAPPERS = (typing.Annotated, typing.ClassVar, typing.Final, typing.Required, typing.NotRequired)

_SIMPLE_FACTORIES = (list, dict, set, frozenset, tuple, str, int, float, collections.deque)


def describe(annotation: Any, resolver: Resolver, module: str | None = None) -> Description:
    """The description of one annotation.

    Args:
      annotation: A type, a typing construct, or the text of one.
      module: Where names in text are looked up.
    """
    return _Describer(resolver, module).describe(annotation)


def describe_parameters(function: Callable[..., Any], resolver: Resolver) -> list[dict[str, Any]]:
    """Parameters of a function: `[{"name", "kind", "required", "type"}]`, without a leading `self`."""
    hints = annotations_of(function)
    module = getattr(function, "__module__", None)
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name == "self":
        parameters = parameters[1:]
    return [
        {
            "name": parameter.name,
            "kind": parameter.kind.name.lower(),
            "required": parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD),
            "type": describe(hints.get(parameter.name, Any), resolver, module),
        }
        for parameter in parameters
    ]


def annotations_of(thing: Any) -> dict[str, Any]:
    """Annotations of a class (with its bases), function or module, texts resolved in its module; `Any` where that fails."""
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except Exception:  # one bad name spoils all: take them one by one
        pass
    found: dict[str, Any] = {}
    for owner in reversed(thing.__mro__) if isinstance(thing, type) else (thing,):
        namespace = vars(sys.modules[owner.__module__]) if getattr(owner, "__module__", None) in sys.modules else {}
        for name, annotation in _raw_annotations(owner).items():
            found[name] = _resolved(annotation, namespace)
    return found


def _raw_annotations(owner: Any) -> dict[str, Any]:
    try:
        return inspect.get_annotations(owner)
    except Exception:  # from Python 3.14 on annotations are evaluated here
        return {}


def _resolved(annotation: Any, namespace: Mapping[str, Any]) -> Any:
    """What a text means in a module, `Any` if nothing."""
    text = annotation.__forward_arg__ if isinstance(annotation, typing.ForwardRef) else annotation
    if not isinstance(text, str):
        return annotation
    try:
        return eval(text, dict(namespace))  # the author's own annotation, as `get_type_hints` evaluates it
    except Exception:
        return Any


class _Describer:
    """Describes nested types; `enclosing` are the classes being described, for recursive ones."""

    def __init__(self, resolver: Resolver, module: str | None) -> None:
        self.resolver = resolver
        self.codec = Codec(resolver)
        self.namespace = vars(sys.modules[module]) if module in sys.modules else {}
        self.enclosing: list[type] = []

    def describe(self, annotation: Any) -> Description:
        annotation = _resolved(annotation, self.namespace)
        if isinstance(annotation, typing.NewType):
            return self.describe(annotation.__supertype__)
        if isinstance(annotation, typing.TypeVar) or annotation in (Any, object):
            return ANY
        if _is_hashable(annotation) and annotation in _SCALARS:
            return {"kind": _SCALARS[annotation]}
        alias = getattr(annotation, "__value__", None)  # `type X = ...` of Python 3.12
        if alias is not None and type(annotation).__name__ == "TypeAliasType":
            return self.describe(alias)
        origin = typing.get_origin(annotation)
        if origin is not None:
            return self._generic(annotation, origin, typing.get_args(annotation))
        return self._class(annotation) if isinstance(annotation, type) else ANY

    def _generic(self, annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> Description:
        if origin in _WRAPPERS:
            return self.describe(arguments[0])
        if origin in (typing.Union, types.UnionType):
            return {"kind": "union", "of": [self.describe(argument) for argument in arguments]}
        if origin is Request:
            return {"kind": "request", "value": self.describe(arguments[0]), "answer": self.describe(arguments[1])}
        if origin is typing.Literal:
            return {"kind": "literal", "values": [self._json(value) for value in arguments]}
        if origin is tuple:
            if len(arguments) == 2 and arguments[1] is ...:
                return {"kind": "tuple", "of": self.describe(arguments[0])}
            return {"kind": "tuple", "items": [self.describe(argument) for argument in arguments]}
        if origin in _SEQUENCES:
            return {"kind": _SEQUENCES[origin], "of": self.describe(arguments[0])}
        if origin in _MAPPINGS:
            return {"kind": "dict", "key": self.describe(arguments[0]), "value": self.describe(arguments[1])}
        return self._class(origin) if isinstance(origin, type) else ANY

    def _class(self, cls: type) -> Description:
        if cls in _SEQUENCES:
            return {"kind": _SEQUENCES[cls], "of": ANY}
        if cls is tuple:
            return {"kind": "tuple", "of": ANY}
        if cls in _MAPPINGS:
            return {"kind": "dict", "key": ANY, "value": ANY}
        if cls is Request:
            return {"kind": "request", "value": ANY, "answer": ANY}
        if issubclass(cls, enum.Enum):
            return self._enum(cls)
        if cls in self.enclosing:
            return {"kind": "ref", "type": self._name(cls)}
        self.enclosing.append(cls)
        try:
            return self._structure(cls)
        finally:
            self.enclosing.pop()

    def _structure(self, cls: Any) -> Description:
        if typing.is_typeddict(cls):
            hints = annotations_of(cls)
            fields = [
                {"name": name, "type": self.describe(hint), "required": _is_required(cls, name, hint)}
                for name, hint in hints.items()
            ]
            return {"kind": "typeddict", "type": self._name(cls), "fields": fields}
        if dataclasses.is_dataclass(cls) and getattr(cls, "__dataclass_params__").init:  # noqa: B009 - not in the types of a dataclass
            return self._dataclass(cls)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return self._named_tuple(cls)
        if getattr(cls, "_is_protocol", False) or cls.__module__ in ("collections.abc", "typing"):
            return ANY
        return {"kind": "class", "type": self._name(cls), "subclasses": self._subclasses(cls)}

    def _dataclass(self, cls: Any) -> Description:
        hints = annotations_of(cls)
        construct = hasattr(cls, "__post_init__") or "__dataclass_fields__" not in vars(cls)
        fields: list[dict[str, Any]] = []
        for field in dataclasses.fields(cls):
            if not field.init:
                construct = construct or field.default is dataclasses.MISSING
                continue
            entry = {"name": field.name, "type": self.describe(hints.get(field.name, Any)), "required": True}
            if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING:
                entry["required"] = False
                construct = not self._put_default(field, entry) or construct
            fields.append(entry)
        found = {"kind": "dataclass", "type": self._name(cls), "fields": fields, "subclasses": self._subclasses(cls)}
        return {**found, "construct": True} if construct else found

    def _put_default(self, field: dataclasses.Field[Any], entry: dict[str, Any]) -> bool:
        """Write a field's default into its entry; False if only the class itself can make it."""
        factory: Any = field.default_factory
        if factory is not dataclasses.MISSING and factory not in _SIMPLE_FACTORIES:
            return False
        try:
            entry["default"] = self._json(field.default if factory is dataclasses.MISSING else factory())
        except CodecError:
            return False
        return True

    def _named_tuple(self, cls: Any) -> Description:
        hints = annotations_of(cls)
        fields: list[dict[str, Any]] = []
        for name in cls._fields:
            entry = {
                "name": name,
                "type": self.describe(hints.get(name, Any)),
                "required": name not in cls._field_defaults,
            }
            if name in cls._field_defaults:
                entry["default"] = self._json(cls._field_defaults[name])
            fields.append(entry)
        found = {"kind": "namedtuple", "type": self._name(cls), "fields": fields, "subclasses": self._subclasses(cls)}
        return {**found, "construct": True} if cls.__dictoffset__ else found

    def _enum(self, cls: type[enum.Enum]) -> Description:
        values: list[Any] = []
        for member in cls:
            try:
                values.append(self._json(member.value))
            except CodecError:
                values.append(None)
        return {"kind": "enum", "type": self._name(cls), "members": [member.name for member in cls], "values": values}

    def _subclasses(self, cls: type) -> list[str]:
        found: set[str] = set()
        waiting: list[Any] = [cls]
        while waiting:
            for subclass in type.__subclasses__(waiting.pop()):
                if self._name(subclass) not in found:
                    found.add(self._name(subclass))
                    waiting.append(subclass)
        return sorted(found - {self._name(cls)})

    def _name(self, cls: type) -> str:
        try:
            return self.resolver.type_name(cls)
        except CodecError:
            return f"{cls.__module__}:{cls.__qualname__}"

    def _json(self, value: Any) -> Any:
        return json.loads(self.codec.encode(value))


def _is_required(cls: Any, name: str, hint: Any) -> bool:
    """Whether a key of a TypedDict must be there; `__required_keys__` does not see markers in annotations kept as text."""
    marker = typing.get_origin(hint)
    return marker is typing.Required or (marker is not typing.NotRequired and name in cls.__required_keys__)


def _is_hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True
