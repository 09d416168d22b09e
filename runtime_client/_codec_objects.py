"""How instances, exceptions, references to code, and the runtime's own things are written and read; and what is refused.

`make_writer` decides once per class. An instance is written by its attributes (`__dict__` and slots), or by `__getstate__` and
`__setstate__` if its class defines them; its `__init__` is not called when it is read. Classes of the standard library are
not taken apart: those that are supported have tags of their own, or stand in `_PLAIN_STANDARD_TYPES`.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import pathlib
import random
import re
import string
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import _codec_sets, _tracebacks
from ._channels import Channel
from ._codec_plain import FrameText, leaf_maker, object_maker
from ._errors import CodecError, RemoteError
from ._frame import RESERVED, Frame, FrameStatus, LocalFunction, Outcome, State
from ._handles import ChildRef, Handle
from ._local_functions import shared_slots
from ._operations import Selected
from ._resolver import CURSORS_MODULE, FIXED, Resolver, Unresolvable

if TYPE_CHECKING:
    from ._codec import Codec, Decoder, Encoder, Json, Writer

T = TypeVar("T")

TEXT_CHARS_MAX = 10_000
"""Longest `str()` of an exception kept beside its arguments, in characters."""

_PLAIN_STANDARD_TYPES: frozenset[type] = frozenset(
    {
        *(contextlib.suppress, contextlib.nullcontext, types.SimpleNamespace, string.Template),
        *(collections.UserDict, collections.UserList, collections.UserString, collections.ChainMap),
    }
)


def make_writer(codec: Codec, cls: type, value: Any) -> Writer:
    """How instances of `cls` are written. `value` is the first one met. Raises CodecError if they cannot be saved."""
    fixed = _WRITERS.get(cls)
    if fixed is not None:
        return fixed
    if issubclass(cls, enum.Enum):
        enum_writer = _enum_writer(codec.resolver.type_name(cls))
        codec.plain.makers[cls] = leaf_maker(enum_writer)
        return enum_writer
    if issubclass(cls, type):
        return _write_class
    if issubclass(cls, BaseException):
        return _write_exception
    if issubclass(cls, Frame):
        frame_name = codec.resolver.frame_name(cls)
        codec.plain.frame_texts[cls] = FrameText(cls, frame_name)
        return _frame_writer(cls, frame_name)
    if issubclass(cls, Channel):
        return _write_channel
    if _is_wrapper(value):
        return _write_wrapper
    if _constant_name(cls, value):
        return _write_constant
    refusal = refuse(cls, codec.resolver)
    if refusal is not None:
        raise refusal
    generic = _generic_of(cls)
    if generic is not None:
        return _parametrised_writer(layout_of(cls, codec.resolver), codec.resolver.type_name(generic[0]), generic[1])
    name = codec.resolver.type_name(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields") and not cls.__dictoffset__:
        return _named_tuple_writer(cls, name)
    if _is_struct(cls):
        return _struct_writer(cls, name)
    layout = layout_of(cls, codec.resolver)
    if _is_its_attributes(layout):
        codec.plain.makers[cls] = object_maker(layout, name)
    return _object_writer(layout, name)


# --- references to code -----------------------------------------------------------------------------------------


def _write_class(encoder: Encoder, value: type) -> Json:
    return {"$": "class", "v": encoder.codec.resolver.type_name(value)}


def write_function(encoder: Encoder, value: Any) -> Json:
    return {"$": "function", "v": encoder.codec.resolver.function_name(value)}


def _write_module(encoder: Encoder, value: types.ModuleType) -> Json:
    if encoder.codec.resolver.module_of(value.__name__) is not value:
        raise CodecError(f"module {value.__name__!r} is not what is imported under that name")
    return {"$": "module", "v": value.__name__}


def _read_class(decoder: Decoder, node: dict[str, Json]) -> type:
    return decoder.resolver.type_of(node["v"])


def _read_function(decoder: Decoder, node: dict[str, Json]) -> Callable[..., Any]:
    return decoder.resolver.function_of(node["v"])


def _read_module(decoder: Decoder, node: dict[str, Json]) -> types.ModuleType:
    return decoder.resolver.module_of(node["v"])


def _write_builtin(encoder: Encoder, value: Any) -> Json:
    if value.__self__ is None or isinstance(value.__self__, types.ModuleType):
        return write_function(encoder, value)
    return {"$": "method", "v": value.__name__, "self": encoder.field("__self__", value.__self__)}


def _write_method(encoder: Encoder, value: types.MethodType) -> Json:
    owner = value.__self__
    found = [
        (name, cls)
        for cls in (owner if isinstance(owner, type) else type(owner)).__mro__
        for name, raw in vars(cls).items()
        if raw is value.__func__ or (isinstance(raw, classmethod) and raw.__func__ is value.__func__)
    ]
    if not found:
        raise CodecError(
            f"bound method {value.__func__.__qualname__!r} is not an attribute of its object's class",
            help="call it through a function at module level",
        )
    name, cls = next(((name, cls) for name, cls in found if name == value.__func__.__name__), found[0])
    node: Json = {"$": "method", "v": name, "self": encoder.field("__self__", owner)}
    if _method(owner, name, None) != (value.__func__, True):
        node["owner"] = encoder.codec.resolver.type_name(cls)
    return node


def _method(owner: Any, name: str, cls: type | None) -> tuple[Any, bool]:
    """What is called `name` in the class of `owner` (from `cls` on), and whether it is a Python function."""
    mro = (owner if isinstance(owner, type) else type(owner)).__mro__
    for base in mro[mro.index(cls) :] if cls is not None else mro:
        raw = vars(base).get(name)
        if raw is None:
            continue
        if isinstance(raw, classmethod) and isinstance(owner, type):
            return raw.__func__, True
        if isinstance(raw, types.FunctionType) and not isinstance(owner, type):
            return raw, True
        return raw, False
    return None, False


def _read_method(decoder: Decoder, node: dict[str, Json]) -> Any:
    owner = decoder.value(node["self"])
    name = node["v"]
    function, is_python = _method(owner, name, decoder.resolver.type_of(node["owner"]) if "owner" in node else None)
    if is_python:
        return types.MethodType(function, owner)
    if isinstance(function, types.MethodDescriptorType) and not isinstance(owner, type):
        return function.__get__(owner, type(owner))
    if isinstance(function, types.ClassMethodDescriptorType) and isinstance(owner, type):
        return function.__get__(None, owner)
    raise CodecError(f"{type(owner).__name__} has no method {name!r}")


def _is_wrapper(value: Any) -> bool:
    """A callable object around a function, as `functools.lru_cache` makes; it goes by the function's name."""
    if not callable(value):
        return False
    try:
        return isinstance(getattr(value, "__qualname__", None), str) and hasattr(value, "__wrapped__")
    except Exception:
        return False


def _write_wrapper(encoder: Encoder, value: Any) -> Json:
    if _is_wrapper(value):
        return write_function(encoder, value)
    return _object_writer(
        layout_of(type(value), encoder.codec.resolver), encoder.codec.resolver.type_name(type(value))
    )(encoder, value)


def _write_partial(encoder: Encoder, value: functools.partial[Any]) -> Json:
    node: Json = {"$": "partial"}
    encoder.memo[id(value)] = node
    node["function"] = encoder.field("func", value.func)
    node["args"] = encoder.array(value.args)
    node["keywords"] = encoder.mapping(value.keywords)
    attributes = getattr(value, "__dict__", None)
    if attributes:
        node["attributes"] = encoder.mapping(attributes)
    return node


def _nothing() -> None:
    """What a partial calls while it is being read."""


def _fill_partial(decoder: Decoder, value: Any, node: dict[str, Json]) -> None:
    function = decoder.value(node["function"])
    arguments = tuple(decoder.array(node["args"]))
    keywords = dict(decoder.attributes(node["keywords"]))
    attributes = dict(decoder.attributes(node["attributes"])) if "attributes" in node else {}
    value.__setstate__((function, arguments, keywords, attributes))


def _constant_name(cls: type, value: Any) -> str:
    """The name of a value that says of itself, by a `__reduce__` that gives a text, that it is a constant of its module."""
    reduce = getattr(cls, "__reduce__", None)
    if reduce is object.__reduce__ or not callable(reduce) or issubclass(cls, type):
        return ""
    try:
        name = reduce(value)
    except Exception:
        return ""
    return f"{cls.__module__}:{name}" if isinstance(name, str) else ""


def _write_constant(encoder: Encoder, value: Any) -> Json:
    name = _constant_name(type(value), value)
    if encoder.codec.resolver.constant_of(name) is not value:
        raise CodecError(f"{name!r} is not this very {type(value).__qualname__}", help="use a member of an Enum")
    return {"$": "constant", "v": name}


def _read_constant(decoder: Decoder, node: dict[str, Json]) -> Any:
    found = decoder.resolver.constant_of(node["v"])
    if _constant_name(type(found), found) != node["v"]:
        raise CodecError(f"{node['v']!r} is not a constant")
    return found


# --- enums and named tuples -------------------------------------------------------------------------------------


def _enum_writer(name: str) -> Writer:
    def write(encoder: Encoder, value: Any) -> Json:
        if value.name is not None and type(value).__members__.get(value.name) is value:
            return {"$": "enum", "type": name, "v": value.name}
        return {"$": "enum", "type": name, "value": value.value}  # a combination of flags

    return write


def _read_enum(decoder: Decoder, node: dict[str, Json]) -> Any:
    cls = decoder.resolver.type_of(node["type"])
    if not issubclass(cls, enum.Enum):
        raise CodecError(f"{node['type']!r} is not an Enum")
    if "value" in node:
        return cls(node["value"])
    if node["v"] not in cls.__members__:
        raise CodecError(f"{node['type']!r} has no member {node['v']!r}")
    return cls.__members__[node["v"]]


def _named_tuple_writer(cls: Any, name: str) -> Writer:
    fields: tuple[str, ...] = cls._fields

    def write(encoder: Encoder, value: Any) -> Json:
        known = encoder.local.get(id(value))
        if known is not None:
            return encoder.refer(known)
        node = {
            "$": "namedtuple",
            "type": name,
            "v": encoder.mapping(dict(zip(fields, tuple.__iter__(value), strict=True))),
        }
        encoder.local[id(value)] = node
        return node

    return write


def _read_named_tuple(decoder: Decoder, node: dict[str, Json]) -> Any:
    cls: Any = decoder.resolver.type_of(node["type"])
    if not issubclass(cls, tuple) or not hasattr(cls, "_fields"):
        raise CodecError(f"{node['type']!r} is not a named tuple")
    values = {**cls._field_defaults, **dict(decoder.attributes(node["v"]))}
    if set(values) != set(cls._fields):
        raise CodecError(f"{node['type']!r} has fields {list(cls._fields)}, the document {list(values)}")
    return tuple.__new__(cls, [values[name] for name in cls._fields])


def _is_struct(cls: type) -> bool:
    """Whether it derives from `msgspec.Struct`, which can only be made by calling it."""
    return any(base.__name__ == "Struct" and base.__module__ == "msgspec" for base in cls.__mro__)


def _struct_writer(cls: Any, name: str) -> Writer:
    fields: tuple[str, ...] = cls.__struct_fields__

    def write(encoder: Encoder, value: Any) -> Json:
        node: Json = {"$": "struct", "type": name}
        encoder.memo[id(value)] = node
        node["v"] = encoder.mapping({field: getattr(value, field) for field in fields})
        if getattr(value, "__dict__", None):
            node["attributes"] = encoder.mapping(value.__dict__)
        if hasattr(cls, "__post_init__"):
            encoder.is_doubtful = True  # it runs when the struct is read, and may object
        return node

    return write


def _make_struct(decoder: Decoder, node: dict[str, Json]) -> Any:
    """A struct can only be made by calling its class; what its `__post_init__` does to the fields is undone afterwards."""
    cls: Any = decoder.resolver.type_of(node["type"])
    if not _is_struct(cls):
        raise CodecError(f"{node['type']!r} is not a msgspec.Struct")
    if type(node["v"]) is not dict:
        raise CodecError("expected an object")
    if hasattr(cls, "__post_init__"):
        node["v"] = dict(decoder.attributes(node["v"]))
        return cls(**node["v"])
    return cls(**dict.fromkeys(node["v"]))


def _fill_struct(decoder: Decoder, value: Any, node: dict[str, Json]) -> None:
    put = sys.modules["msgspec"].structs.force_setattr
    given = node["v"] if hasattr(type(value), "__post_init__") else dict(decoder.attributes(node["v"]))
    for name, item in given.items():
        put(value, name, item)
    if "attributes" in node:
        value.__dict__.update(decoder.attributes(node["attributes"]))


# --- instances --------------------------------------------------------------------------------------------------


class Layout:
    """How instances of one class are taken apart and put together.

    base: the builtin type whose content they carry besides attributes, None if there is none.
    slots: name to descriptor. has_state: `__getstate__` or `__setstate__` of its own. later: attributes of our own classes that
    came after the format was fixed, with what they are where nothing was saved; that is not saved. fields: of a dataclass that older
    code may have saved otherwise, None if what was saved can be taken as it is.
    """

    __slots__ = ("base", "cls", "fields", "has_dict", "has_state", "later", "slots")

    def __init__(self, cls: type, base: type | None, slots: dict[str, Any], has_state: bool) -> None:
        self.cls = cls
        self.base = base
        self.slots = slots
        self.has_dict = cls.__dictoffset__ != 0
        self.has_state = has_state
        self.later: dict[str, Any] = getattr(cls, "SAVED_IF_GIVEN", {}) if cls in _RUNTIME_OBJECTS else {}
        self.fields = _evolving_fields(cls, slots)

    def attributes(self, value: Any) -> dict[str, Any]:
        found = dict(object.__getattribute__(value, "__dict__")) if self.has_dict else {}
        found.pop("__orig_class__", None)  # left by `Box[int](...)`; typing only
        for name, slot in self.slots.items():
            try:
                found[name] = slot.__get__(value)
            except AttributeError:
                pass  # not set
        for name, default in self.later.items():
            if found[name] == default:
                del found[name]
        return found

    def set_attributes(self, value: Any, attributes: list[tuple[str, Any]]) -> None:
        for name, default in self.later.items():
            self.slots[name].__set__(value, default)
        for name, item in attributes:
            slot = self.slots.get(name)
            if slot is not None:
                slot.__set__(value, item)
            elif self.has_dict:
                value.__dict__[name] = item
            else:
                raise CodecError(f"{self.cls.__qualname__} has no attribute {name!r}")


@dataclasses.dataclass(frozen=True, slots=True)
class EvolvingFields:
    """Fields of a dataclass that older code did not have, or called otherwise.

    names: of all its fields. renames: older names, by `field(metadata={"moved_from": "old"})`. defaults: makes the value of a field for
    which nothing was saved, where the class itself does not give one.
    """

    names: frozenset[str]
    renames: dict[str, str]
    defaults: dict[str, Callable[[], Any]]

    def adapted(self, saved: list[tuple[str, Any]], may_be_older: bool) -> list[tuple[str, Any]]:
        """What was saved under the names of now; and what older code has not saved, unless it cannot be older: then it was deleted."""
        found = [(name if name in self.names else self.renames.get(name, name), item) for name, item in saved]
        if not may_be_older:
            return found
        known = {name for name, _ in found}
        return found + [(name, make()) for name, make in self.defaults.items() if name not in known]


def _evolving_fields(cls: type, slots: dict[str, Any]) -> EvolvingFields | None:
    if not dataclasses.is_dataclass(cls):
        return None
    fields = dataclasses.fields(cls)
    renames = {old: f.name for f in fields if isinstance(old := f.metadata.get("moved_from"), str)}
    defaults: dict[str, Callable[[], Any]] = {}
    for each in fields:
        if each.default_factory is not dataclasses.MISSING:
            defaults[each.name] = each.default_factory
        elif each.default is not dataclasses.MISSING and each.name in slots:
            defaults[each.name] = functools.partial(_same, each.default)
    return EvolvingFields(frozenset(f.name for f in fields), renames, defaults) if renames or defaults else None


def _same(value: Any) -> Any:
    return value


_layouts: dict[type, Layout] = {}


def layout_of(cls: type, resolver: Resolver) -> Layout:
    """How instances of this class are written. Raises CodecError if they must not be, or cannot be made again."""
    _check_allowed(cls, resolver)
    layout = _layouts.get(cls)
    if layout is None:
        layout = Layout(cls, _builtin_base(cls), _slots(cls), _has_state(cls))
        _check_reducible(layout)
        _layouts[cls] = layout
    return layout


def _check_allowed(cls: type, resolver: Resolver) -> None:
    home = cls.__module__
    if issubclass(cls, enum.Enum | type | BaseException | Frame):
        raise CodecError(f"{cls.__qualname__} is not a class of plain objects")
    if _is_process_class(cls):
        raise CodecError(
            f"another process ({cls.__qualname__}) cannot be saved inside this one",
            help="keep what start() returned, or the process id",
        )
    if home.partition(".")[0] == "runtime_client":
        allowed = home == CURSORS_MODULE or getattr(cls, "__slct_saveable__", False) or cls in _RUNTIME_OBJECTS
    else:
        is_standard = home.partition(".")[0] in sys.stdlib_module_names and home not in resolver.modules
        allowed = cls in _PLAIN_STANDARD_TYPES or not is_standard
    if not allowed:
        raise _unsupported(cls)


def _is_process_class(cls: type) -> bool:
    return any(base.__name__ == "Process" and base.__module__ == "runtime_client._process" for base in cls.__mro__)


def _builtin_base(cls: type) -> type | None:
    return next((base for base in cls.__mro__ if base in _BASES), None)


def _slots(cls: type) -> dict[str, Any]:
    """Descriptors of slots, bases first, in the order in which they were declared."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        declared = vars(base).get("__slots__", ())
        names = (declared,) if isinstance(declared, str) else tuple(declared)
        order = [
            f"_{base.__name__.lstrip('_')}{n}" if n.startswith("__") and not n.endswith("__") else n for n in names
        ]
        slots = {name: raw for name, raw in vars(base).items() if isinstance(raw, types.MemberDescriptorType)}
        if "__slots__" in vars(base) and base not in _BASES and base not in _ABOVE_BASES:
            found.update({name: slots[name] for name in order if name in slots})
            found.update({name: raw for name, raw in slots.items() if name not in found})
    return found


def _has_state(cls: type) -> bool:
    """Whether a class has `__getstate__` or `__setstate__` of its own: not those of `object`, of a base or of a dataclass."""
    for name in ("__getstate__", "__setstate__"):
        owner = next((base for base in cls.__mro__ if name in vars(base)), object)
        if owner is not object and owner not in _BASES and vars(owner)[name].__module__ != "dataclasses":
            return True
    return False


def _check_reducible(layout: Layout) -> None:
    """Raise CodecError if instances could not be made again from their content."""
    cls = layout.cls
    for base in cls.__mro__:
        if base in _BASES or base in _PLAIN_STANDARD_TYPES or base is object:
            break
        if ("__reduce__" in vars(base) or "__reduce_ex__" in vars(base)) and not layout.has_state:
            raise CodecError(
                f"{cls.__qualname__} defines __reduce__, which this codec does not run",
                help="define __getstate__ and __setstate__ instead",
            )
    try:
        _new(layout, None)
    except TypeError:
        raise _unsupported(cls) from None


def _unsupported(cls: type) -> CodecError:
    return CodecError(
        f"a {cls.__module__}.{cls.__qualname__} cannot be saved",
        help="keep what it is made from, and make it again after the suspension",
    )


def _new(layout: Layout, content: Any) -> Any:
    base: Any = layout.base
    if base is None:
        is_namespace = issubclass(layout.cls, types.SimpleNamespace)
        return types.SimpleNamespace.__new__(layout.cls) if is_namespace else object.__new__(layout.cls)
    if base in _IMMUTABLE_BASES:
        arguments = _ARGUMENTS.get(base, _itself)(content) if content is not None else _BLANK.get(base, ())
        return base.__new__(layout.cls, *arguments)
    return base.__new__(layout.cls)


def _itself(content: Any) -> tuple[Any, ...]:
    return (content,)


_ARGUMENTS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    datetime.datetime: lambda value: value.__reduce_ex__(4)[1],
    datetime.time: lambda value: value.__reduce_ex__(4)[1],
    datetime.date: lambda value: (value.year, value.month, value.day),
    datetime.timedelta: lambda value: (value.days, value.seconds, value.microseconds),
    fractions.Fraction: lambda value: (value.numerator, value.denominator),
}
"""What is given to `__new__` of a base for a content, where that is not the content itself."""

_BLANK: dict[type, tuple[Any, ...]] = {
    bytes: (b"",),
    datetime.datetime: (1, 1, 1),
    datetime.date: (1, 1, 1),
}
"""What `__new__` needs at least."""


_IMMUTABLE_BASES: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    complex: lambda value: complex(complex.real.__get__(value), complex.imag.__get__(value)),
    bytes: lambda value: bytes(memoryview(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    decimal.Decimal: decimal.Decimal,
    fractions.Fraction: lambda value: fractions.Fraction(value.numerator, value.denominator),
    datetime.datetime: lambda value: datetime.datetime.combine(
        _exact_date(value), _exact_time(datetime.datetime.timetz(value))
    ),
    datetime.date: lambda value: _exact_date(value),
    datetime.time: lambda value: _exact_time(value),
    datetime.timedelta: lambda value: datetime.timedelta(value.days, value.seconds, value.microseconds),
    pathlib.PurePosixPath: lambda value: pathlib.PurePosixPath(str(value)),
    pathlib.PureWindowsPath: lambda value: pathlib.PureWindowsPath(str(value)),
}
"""Immutable builtins, and values of the standard library, that classes derive from: to the exact value."""


def _exact_date(value: datetime.date) -> datetime.date:
    return datetime.date(value.year, value.month, value.day)


def _exact_time(value: datetime.time) -> datetime.time:
    return datetime.time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)


_MUTABLE_BASES: dict[type, str] = {
    list: "array",
    set: "array",
    collections.deque: "array",
    bytearray: "bytes",
    collections.OrderedDict: "mapping",
    collections.Counter: "mapping",
    collections.defaultdict: "mapping",
    dict: "mapping",
    random.Random: "random",
}
"""Mutable builtins that classes derive from: to the form of their content."""

_BASES = {**_IMMUTABLE_BASES, **_MUTABLE_BASES}

_ABOVE_BASES = frozenset({pathlib.PurePath, *pathlib.PurePath.__mro__[1:-1]})
"""Classes of the standard library between a base and `object`; their slots are caches of its content."""


def _object_writer(layout: Layout, name: str) -> Writer:
    if _is_its_attributes(layout):
        return _plain_object_writer(layout, name)

    def write(encoder: Encoder, value: Any) -> Json:
        node: Json = {"$": "object", "type": name}
        encoder.memo[id(value)] = node
        if layout.base is not None:
            _write_base(encoder, layout.base, value, node)
        if layout.has_state:
            node["state"] = encoder.field("__getstate__()", encoder.temporary(value.__getstate__()))
        else:
            attributes = layout.attributes(value)
            if attributes:
                node["v"] = encoder.mapping(attributes)
        return node

    return write


def _is_its_attributes(layout: Layout) -> bool:
    return layout.base is None and not layout.has_state


def _plain_object_writer(layout: Layout, name: str) -> Writer:
    def write(encoder: Encoder, value: Any) -> Json:
        node: Json = {"$": "object", "type": name}
        encoder.memo[id(value)] = node
        node["v"] = encoder.mapping(layout.attributes(value))
        return node

    return write


def _generic_of(cls: Any) -> tuple[type, tuple[Any, ...]] | None:
    """What a class made by subscription, such as pydantic's `Page[int]`, was made of."""
    made = vars(cls).get("__pydantic_generic_metadata__") or {}
    return (made["origin"], tuple(made["args"])) if made.get("origin") is not None else None


def _parametrised_writer(layout: Layout, name: str, arguments: tuple[Any, ...]) -> Writer:
    write_plain = _object_writer(layout, name)

    def write(encoder: Encoder, value: Any) -> Json:
        node = write_plain(encoder, value)
        node["of"] = encoder.array(arguments)
        return node

    return write


def _type_of_object(decoder: Decoder, node: dict[str, Json]) -> type:
    cls: Any = decoder.resolver.type_of(node["type"])
    if "of" not in node:
        return cls  # type: ignore[no-any-return]  # a type, as the resolver says
    if "__pydantic_generic_metadata__" not in vars(cls):
        raise CodecError(f"{node['type']!r} is not made by subscription")
    made: type = cls[tuple(decoder.array(node["of"]))]
    return made


def _write_base(encoder: Encoder, base: type, value: Any, node: dict[str, Json]) -> None:
    """Put the content that an instance has as a builtin into "base"."""
    if base in _IMMUTABLE_BASES:
        before = encoder.reference_count, len(encoder.deep)
        node["base"] = encoder.encode(encoder.temporary(_IMMUTABLE_BASES[base](value)))
        if (encoder.reference_count, len(encoder.deep)) != before:
            encoder.is_doubtful = True  # a tuple that leads back to itself cannot be made
        return
    match _MUTABLE_BASES[base]:
        case "array":
            members = base.__iter__(value)  # type: ignore[attr-defined]  # those of `_MUTABLE_BASES` have it
            node["base"] = encoder.array(_codec_sets.in_order(members) if base is set else members)
        case "bytes":
            node["base"] = encoder.encode(bytes(value))
        case "random":
            node["base"] = encoder.encode(encoder.temporary(random.Random.getstate(value)))
        case _:
            node["base"] = encoder.mapping(dict(base.items(value)))  # type: ignore[attr-defined]  # the bases left are mappings
    if base is collections.deque and value.maxlen is not None:
        node["maxlen"] = value.maxlen
    if base is collections.defaultdict:
        node["factory"] = encoder.field("default_factory", value.default_factory)


def _make_object(decoder: Decoder, node: dict[str, Json]) -> Any:
    layout = layout_of(_type_of_object(decoder, node), decoder.resolver)
    base = layout.base
    if base in _IMMUTABLE_BASES:
        content = decoder.value(node["base"])
        if type(content) is not base:
            raise CodecError(f"expected the {base.__name__} that a {node['type']!r} is, got {type(content).__name__}")
        return _new(layout, content)
    value = _new(layout, None)
    if base is collections.deque:
        collections.deque.__init__(value, (), node.get("maxlen"))
    return value


def _fill_object(decoder: Decoder, value: Any, node: dict[str, Json]) -> None:
    layout = layout_of(type(value), decoder.resolver)
    if layout.base in _MUTABLE_BASES:
        _fill_base(decoder, layout.base, value, node)
    if "state" in node:
        # A state that holds what is still being read (a cycle) is given at the end: `__setstate__` may look into it.
        is_place = layout.cls.__module__ == CURSORS_MODULE
        decoder.when_read(
            node["state"], decoder.value, lambda state: _set_state(layout, value, state), is_place=is_place
        )
    elif "v" in node:
        attributes = decoder.attributes(node["v"])
        if layout.fields is not None:
            attributes = layout.fields.adapted(attributes, decoder.may_be_older)
        layout.set_attributes(value, attributes)


def _fill_base(decoder: Decoder, base: Any, value: Any, node: dict[str, Json]) -> None:
    content = node["base"]
    if base is list or base is collections.deque:
        base.extend(value, decoder.array(content))
    elif base is set:
        decoder.when_read(content, decoder.array, lambda items: _codec_sets.fill(value, items))
    elif base is bytearray:
        bytearray.extend(value, decoder.value(content))
    elif base is random.Random:
        random.Random.setstate(value, decoder.value(content))
    else:
        put = base.__setitem__ if base is collections.OrderedDict else dict.__setitem__
        if base is collections.defaultdict:
            value.default_factory = decoder.value(node["factory"])

        def use(items: list[tuple[Any, Any]]) -> None:
            _codec_sets.check_hashes(key for key, _ in items)
            for key, item in items:
                put(value, key, item)

        decoder.when_read(content, decoder.mapping, use)


def _set_state(layout: Layout, value: Any, state: Any) -> None:
    put = getattr(layout.cls, "__setstate__", None)
    if not layout.has_state:
        raise CodecError(f"{layout.cls.__qualname__} has no state of its own")
    if put is not None:
        put(value, state)
    elif isinstance(state, dict):
        layout.set_attributes(value, list(state.items()))
    elif state is not None:
        raise CodecError(
            f"{layout.cls.__qualname__} has __getstate__ but no __setstate__, and its state is a {type(state).__name__}",
            help="define __setstate__ too",
        )


def _read_construct(decoder: Decoder, node: dict[str, Json]) -> Any:
    """A dataclass or named tuple that came from outside and computes part of itself: its class is called."""
    cls: Any = decoder.resolver.type_of(node["type"])
    if not (dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))):
        raise CodecError(f"{node['type']!r} is neither a dataclass nor a named tuple")
    _check_allowed(cls, decoder.resolver)
    return cls(**dict(decoder.attributes(node["v"])))


# --- exceptions -------------------------------------------------------------------------------------------------

_MEMBERS: tuple[tuple[type[BaseException], tuple[str, ...]], ...] = (
    (OSError, ("errno", "strerror", "filename", "filename2")),
    (ImportError, ("msg", "name", "path")),
    (AttributeError, ("name",)),
    (NameError, ("name",)),
    (StopIteration, ("value",)),
    (SystemExit, ("code",)),
    (UnicodeDecodeError, ("encoding", "object", "start", "end", "reason")),
    (UnicodeEncodeError, ("encoding", "object", "start", "end", "reason")),
    (UnicodeTranslateError, ("object", "start", "end", "reason")),
    (SyntaxError, ("msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset")),
)
"""What exceptions of the builtins keep outside `args` and `__dict__`."""


def _members(cls: type[BaseException]) -> tuple[str, ...]:
    return next((names for base, names in _MEMBERS if issubclass(cls, base)), ())


def _write_exception(encoder: Encoder, value: BaseException) -> Json:
    cls = type(value)
    is_group = isinstance(value, BaseExceptionGroup)
    node: Json = {"$": "exceptiongroup" if is_group else "exception", "type": _exception_name(encoder, cls)}
    encoder.memo[id(value)] = node
    node["text"] = encoder.encode(_text_of(value))
    if isinstance(value, BaseExceptionGroup):
        _write_group(encoder, value, node)
    node["args"] = [] if is_group else _arguments(encoder, value)
    slots = {name: slot.__get__(value) for name, slot in _slots(cls).items() if _is_set(slot, value)}
    for key, items in (("v", {**value.__dict__, **slots}), ("members", _member_values(value))):
        if items:
            node[key] = {name: encoder.part(name, item) for name, item in items.items()}
    _write_chain(encoder, value, node)
    text = _tracebacks.text_of(value.__traceback__)
    if text:
        node["traceback"] = encoder.encode(text)
    return node


def _exception_name(encoder: Encoder, cls: type[BaseException]) -> str:
    try:
        return encoder.codec.resolver.type_name(cls)
    except CodecError:
        if not encoder.tolerant:
            raise
        return f"{cls.__module__}:{cls.__qualname__}"  # will be read as a RemoteError


def _arguments(encoder: Encoder, value: BaseException) -> list[Json]:
    try:
        return [encoder.part(str(index), item) for index, item in enumerate(value.args)]
    except CodecError as error:
        error.path = ("args", *error.path)
        raise


def _member_values(value: BaseException) -> dict[str, Any]:
    found = {name: getattr(value, name, None) for name in _members(type(value))}
    return {name: item for name, item in found.items() if item is not None}


def _is_set(slot: Any, value: Any) -> bool:
    try:
        slot.__get__(value)
    except AttributeError:
        return False
    return True


def _write_group(encoder: Encoder, value: BaseExceptionGroup[Any], node: dict[str, Json]) -> None:
    node["message"] = encoder.encode(value.message)
    before = encoder.reference_count
    node["exceptions"] = encoder.array(value.exceptions)
    if encoder.reference_count != before:
        encoder.is_doubtful = True  # a member that leads back to its group
    if len(value.args) == 2 and type(value.args[1]) is tuple:
        node["tuple"] = True  # `repr` shows how it was given; `except*` makes groups of tuples


def _write_chain(encoder: Encoder, value: BaseException, node: dict[str, Json]) -> None:
    """Causes and contexts are written as well as can be: they come by themselves, and must not forbid saving."""
    encoder.tolerant += 1
    if value.__cause__ is not None:
        node["cause"] = encoder.encode(value.__cause__)
    if value.__context__ is not None:
        node["context"] = encoder.encode(value.__context__)
    encoder.tolerant -= 1
    if value.__suppress_context__:
        node["suppress"] = True


def _text_of(value: BaseException) -> str:
    try:
        text = str(value)
    except Exception as error:  # an author's __str__
        return f"(str() failed with {type(error).__name__})"
    return without_addresses(text if len(text) <= TEXT_CHARS_MAX else text[:TEXT_CHARS_MAX] + "...")


def without_addresses(text: str) -> str:
    """The same value must give the same bytes, so no `at 0x7f3a2c888210`."""
    return _ADDRESS.sub(">", text) if " at 0x" in text else text


_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+>")


def _make_exception(decoder: Decoder, node: dict[str, Json]) -> BaseException:
    name = node["type"]
    try:
        cls = decoder.resolver.type_of(name)
    except Unresolvable:
        return RemoteError(str(name), str(decoder.value(node.get("text", ""))))
    if not issubclass(cls, BaseException):
        raise CodecError(f"{name!r} is not an exception")
    if issubclass(cls, BaseExceptionGroup):
        if node["$"] != "exceptiongroup":
            raise CodecError(f"{name!r} is an exception group")
        group: Any = BaseExceptionGroup if not issubclass(cls, Exception) else ExceptionGroup
        message, exceptions = decoder.value(node["message"]), decoder.array(node["exceptions"])
        return group.__new__(cls, message, tuple(exceptions) if node.get("tuple") is True else exceptions)  # type: ignore[no-any-return]  # an exception group
    native = next(base for base in cls.__mro__ if base.__module__ == "builtins")
    return native.__new__(cls)  # type: ignore[call-overload,no-any-return]  # an exception


def _fill_exception(decoder: Decoder, value: BaseException, node: dict[str, Json]) -> None:
    is_standing_in = type(value) is RemoteError and node["type"] != "runtime_client:RemoteError"
    if is_standing_in:
        _skim(decoder, node)
    elif node["$"] == "exception":
        _fill_own(decoder, value, node)
    if "v" in node and not is_standing_in:
        slots = _slots(type(value))
        for name, item in decoder.attributes(node["v"]):
            slots[name].__set__(value, item) if name in slots else value.__dict__.__setitem__(name, item)
    if "cause" in node:
        value.__cause__ = decoder.value(node["cause"])
    if "context" in node:
        value.__context__ = decoder.value(node["context"])
    value.__suppress_context__ = node.get("suppress") is True
    if "traceback" in node:
        value.__traceback__ = _read_traceback(decoder, node["traceback"])


def _read_traceback(decoder: Decoder, node: Json) -> types.TracebackType | None:
    """The same one for the same text: parts of a group are raised on with the traceback of the group."""
    text = decoder.value(node)
    if type(text) is not str:
        raise CodecError(f"a traceback is text, not {type(text).__name__}")
    known = decoder.interned
    if ("traceback", text) not in known:
        known["traceback", text] = _tracebacks.from_text(text)
    found: types.TracebackType | None = known["traceback", text]
    return found


def _fill_own(decoder: Decoder, value: BaseException, node: dict[str, Json]) -> None:
    level = decoder.level
    try:
        value.args = tuple(decoder.array(node["args"]))
    except Unresolvable:  # a client without the definitions still gets the message
        decoder.level = level
        value.args = (decoder.value(node["text"]),)
    if "members" in node:
        allowed = _members(type(value))
        for name, item in decoder.attributes(node["members"]):
            if name not in allowed:
                raise CodecError(f"{type(value).__qualname__} has no member {name!r}")
            setattr(value, name, item)


def _skim(decoder: Decoder, node: dict[str, Json]) -> None:
    """Read the parts of an exception whose type is not known, only so that what is in them can be referred to."""
    level = decoder.level
    for key in ("args", "v", "exceptions"):
        try:
            decoder.value(node.get(key))
        except Unresolvable:
            decoder.level = level


# --- the runtime's own things -----------------------------------------------------------------------------------


def _frame_writer(cls: type[Frame], name: str) -> Writer:
    def write(encoder: Encoder, value: Frame) -> Json:
        state = cls.STATES.get(value.frame_state)
        place = f"{cls.SOURCE}:{state.line}" if state is not None and state.line else cls.SOURCE
        node: Json = {"$": "frame", "function": name, "state": value.frame_state, "at": place}
        encoder.memo[id(value)] = node
        slots = _slots_to_write(encoder, value, state)
        try:
            node["slots"] = encoder.object_of(slots)
        except CodecError as error:
            if not error.variable and error.path:
                error.variable, error.function, error.place = str(error.path[0]), cls.FUNCTION, place
            raise
        if is_ended(encoder, value):
            node["ended"] = True
        elif value.frame_receiver is not None:
            node["receiver"] = encoder.field("self", value.frame_receiver)
        if value.frame_status is FrameStatus.NEW:
            node["new"] = True
        if value.outer is not None:
            row = type(value.outer).LOCALS[cls.FUNCTION.rpartition(".")[2]]
            node["outer"] = write_shared_frame(encoder, value.outer, row)
        return node

    return write


def write_shared_frame(encoder: Encoder, frame: Frame, row: LocalFunction) -> Json:
    """The frame that a local function was made in, at least with what the function refers to."""
    encoder.hold(frame, row.slots)
    if frame.frame_status is FrameStatus.STARTED and id(frame) not in encoder.active:
        encoder.lending.add(id(frame))
    return encoder.encode(frame)


def _slots_to_write(encoder: Encoder, value: Frame, state: State | None) -> dict[str, Any]:
    """Not written are shared variables that neither the frame nor a function made in it will read."""
    slots, held = value.__dict__, encoder.held.get(id(value), set())
    if is_ended(encoder, value):
        slots = {name: item for name, item in slots.items() if name in held}
    elif value.frame_status is FrameStatus.STARTED and state is not None and state.live is not None:
        dead = shared_slots(type(value)).difference(state.live, held, {state.handling})
        slots = {name: item for name, item in slots.items() if name not in dead} if dead else slots
    encoder.written[id(value)] = set(slots)
    return slots


def is_ended(encoder: Encoder, frame: Frame) -> bool:
    """Whether a frame only lends its variables to functions: it has ended, or is copied because of one."""
    return frame.frame_status is FrameStatus.ENDED or id(frame) in encoder.lending


def _make_frame(decoder: Decoder, node: dict[str, Json]) -> Frame:
    cls = decoder.resolver.frame_type(node["function"])
    state = node["state"]
    if state not in cls.STATES and node["function"] != f"{cls.__module__}:{cls.FUNCTION}":
        state = _renamed_state(cls, state)
    if state not in cls.STATES and decoder.frames is None:
        raise CodecError(
            f"{node['function']!r} has no state {state!r}",
            help="the process was saved by another version; deploy that version again, or migrate",
        )
    frame = cls.__new__(cls)
    Frame.__init__(frame)
    frame.frame_state = state
    frame.frame_status = FrameStatus.STARTED
    if node.get("new") is True or node.get("ended") is True:
        frame.frame_status = FrameStatus.NEW if "new" in node else FrameStatus.ENDED
    if decoder.frames is not None:
        decoder.frames.append(frame)
    return frame


def _renamed_state(cls: type[Frame], state: str) -> str:
    """A state of a function that was called otherwise: states begin with the name of theirs, as the first one does."""
    begin = next(iter(cls.STATES), "").removesuffix("Start")
    return begin + state.split("_", begin.count("_"))[-1]


def _fill_frame(decoder: Decoder, value: Frame, node: dict[str, Json]) -> None:
    for name, item in decoder.attributes(node["slots"]):
        if name in RESERVED:
            raise CodecError(f"{name!r} is not the name of a slot")
        value.__dict__[name] = item
    if "receiver" in node:
        value.frame_receiver = decoder.value(node["receiver"])
    if type(value).OUTER:
        value.outer = read_shared_frame(decoder, node["outer"], type(value).__module__, type(value).OUTER)


def read_shared_frame(decoder: Decoder, node: Json, module: str, function: str) -> Frame:
    """The frame that a local function was made in. Raises CodecError if it is another."""
    frame = decoder.value(node)
    if not isinstance(frame, Frame) or type(frame) is not decoder.resolver.frame_type(f"{module}:{function}"):
        raise CodecError(f"what was made in {function} belongs to a frame of it, got {type(frame).__name__}")
    return frame


def _write_outcome(encoder: Encoder, value: Outcome) -> Json:
    node: Json = {"$": "outcome"}
    encoder.memo[id(value)] = node
    if value.error is not None:
        node["error"] = encoder.field("error", value.error)
    else:
        node["value"] = encoder.field("value", value.value)
    return node


def _fill_outcome(decoder: Decoder, value: Outcome, node: dict[str, Json]) -> None:
    error = decoder.value(node["error"]) if "error" in node else None
    if error is not None and not isinstance(error, BaseException):
        raise CodecError("the error of an outcome is not an exception")
    object.__setattr__(value, "error", error)
    object.__setattr__(value, "value", decoder.value(node.get("value")))


def _write_channel(encoder: Encoder, value: Channel[Any]) -> Json:
    if not value.channel_id:
        raise CodecError(
            "a channel that belongs to no process cannot be saved", help="declare it, or use make_channel()"
        )
    return {"$": "channel", "v": value.channel_id, "capacity": value.capacity}


def _read_channel(decoder: Decoder, node: dict[str, Json]) -> Channel[Any]:
    """The declared channel itself if the process has it; one object per name otherwise (detail D10)."""
    name, capacity = node["v"], node.get("capacity", 0)
    if type(name) is not str:
        raise CodecError("a channel's name is text")
    declared = getattr(type(decoder.process), name, None) if decoder.process is not None else None
    if isinstance(declared, Channel) and declared.channel_id == name:
        return declared
    return _interned(decoder, ("channel", name, capacity), lambda: Channel(capacity, channel_id=name))


def _read_handle(decoder: Decoder, node: dict[str, Json]) -> Handle:
    number = node["v"]
    if type(number) is not int:
        raise CodecError("a goroutine's id is a whole number")
    return _interned(decoder, ("goroutine", number), lambda: Handle(number))


def _read_child(decoder: Decoder, node: dict[str, Json]) -> ChildRef:
    name = node["v"]
    if type(name) is not str:
        raise CodecError("a process id is text")
    return _interned(decoder, ("child", name), lambda: ChildRef(name))


def _interned(decoder: Decoder, key: tuple[Any, ...], make: Callable[[], T]) -> T:
    if key not in decoder.interned:
        decoder.interned[key] = make()
    return cast(T, decoder.interned[key])


def _write_selected(encoder: Encoder, value: Selected) -> Json:
    node: Json = {"$": "selected", "v": encoder.array(tuple.__iter__(value))}
    if not value.ok:
        node["ok"] = False
    return node


def _read_selected(decoder: Decoder, node: dict[str, Json]) -> Selected:
    case, value = decoder.array(node["v"])
    return Selected(case, value, node.get("ok") is not False)


def _read_process(decoder: Decoder, node: dict[str, Json]) -> Any:
    if decoder.process is None:
        raise CodecError("the document refers to its process, but is read outside of it")
    return decoder.process


# --- what cannot be saved ---------------------------------------------------------------------------------------

_REFUSED: tuple[tuple[str, str, str], ...] = (
    (
        "io:IOBase",
        "an open file",
        "close it before the suspension; keep its path and position, and open it again after",
    ),
    ("builtins:generator", "a live generator", "use a list, or keep what is needed to begin again"),
    ("builtins:async_generator", "a live async generator", "send the values on a channel"),
    ("builtins:coroutine", "a coroutine", "await call(fn, ...) runs an async function as an effect"),
    ("builtins:memoryview", "a memoryview", "keep bytes(view)"),
    ("builtins:traceback", "a traceback", "keep the exception: its traceback is saved as text"),
    ("builtins:frame", "an interpreter frame", "keep the values that are needed"),
    ("builtins:code", "a code object", "keep a module-level function"),
    ("builtins:cell", "a closure cell", "move the function to module level"),
    ("weakref:*", "a weak reference", "keep the object itself, or a key"),
    ("_thread:lock", "a lock", "release it before the suspension, or use a channel"),
    ("_thread:RLock", "a lock", "release it before the suspension, or use a channel"),
    ("threading:*", "a thread or its lock", "release it before the suspension, or use a channel"),
    ("_thread:_local", "thread-local data", "pass the values explicitly"),
    ("_socket:socket", "a socket", "keep the address, and connect again in an effect"),
    ("asyncio:*", "an asyncio object", "use the durable counterpart: channels, go(), sleep()"),
    ("_asyncio:*", "an asyncio object", "use the durable counterpart: channels, go(), sleep()"),
    ("contextlib:*", "a context manager of contextlib", "use nested `with` statements, or make the manager a class"),
    ("itertools:batched", "an iterator of itertools", "make a list of it, or loop over range(0, len(items), size)"),
    ("itertools:*", "an iterator of itertools", "make a list of it"),
    ("logging:*", "a logger", "use the module's own logger by its name"),
    ("sqlite3:*", "a database connection", "connect again in an effect"),
    ("subprocess:*", "a child of the operating system", "run it within one effect"),
    ("tempfile:*", "a temporary file", "keep its path, or its content"),
    ("_contextvars:*", "a context variable", "pass the value explicitly"),
    ("re:Match", "a match of a regular expression", "keep match.group(...) or match.groupdict()"),
    ("select:*", "an object of the operating system", "open it again after the suspension"),
    ("_hashlib:*", "a hash that is being computed", "keep the bytes, or the digest"),
    ("typing:*", "a typing construct", "use it at module level, by its name"),
)
"""(module:qualname of a class or one it derives from, what it is, the cure). `*`: every class of that module."""


def refuse(cls: type, resolver: Resolver) -> CodecError | None:
    """Why values of a class that has no writer cannot be saved; None if its instances may be taken apart."""
    if cls is object:
        return CodecError("an object() sentinel cannot be saved", help="use a member of an Enum: it stays identical")
    if cls in _PLAIN_STANDARD_TYPES:
        return None
    if issubclass(cls, io.IOBase):
        return CodecError(
            f"an open file ({cls.__qualname__}) cannot be saved",
            help="close it before the suspension; keep its path and position, and open it again after",
        )
    for base in cls.__mro__:
        for name, what, help in _REFUSED:
            module, _, qualname = name.partition(":")
            if _belongs(base, module) and qualname in ("*", base.__qualname__) and base is not object:
                if base is not cls and qualname == "*":
                    continue  # an author's class derived from it is judged by its content
                return CodecError(f"{what} cannot be saved ({cls.__module__}.{cls.__qualname__})", help=help)
    is_standard = cls.__module__.partition(".")[0] in sys.stdlib_module_names and cls.__module__ not in resolver.modules
    is_plain_tuple = issubclass(cls, tuple) and hasattr(cls, "_fields")
    return _unsupported(cls) if is_standard and not is_plain_tuple else None


def _belongs(cls: type, module: str) -> bool:
    return cls.__module__ == module or cls.__module__.startswith(module + ".")


# --- tables -----------------------------------------------------------------------------------------------------

_RUNTIME_OBJECTS: frozenset[Any] = frozenset(
    thing
    for name, thing in FIXED.items()
    if getattr(thing, "__module__", "")
    in (
        "runtime_client._operations",
        "runtime_client._channels",
    )
)
"""Awaitable values of the authoring API: saved by their attributes, like an author's own."""

_WRITERS: dict[type, Writer] = {
    types.BuiltinFunctionType: _write_builtin,
    types.MethodDescriptorType: write_function,
    types.MethodType: _write_method,
    types.ModuleType: _write_module,
    functools.partial: _write_partial,
    type: _write_class,
    Outcome: _write_outcome,
    Handle: lambda encoder, value: {"$": "goroutine", "v": value.goroutine_id},
    ChildRef: lambda encoder, value: {"$": "child", "v": value.process_id},
    Selected: _write_selected,
}

SHELLS: dict[Any, tuple[Callable[..., Any], Callable[..., None]]] = {
    "object": (_make_object, _fill_object),
    "exception": (_make_exception, _fill_exception),
    "exceptiongroup": (_make_exception, _fill_exception),
    "frame": (_make_frame, _fill_frame),
    "outcome": (lambda decoder, node: object.__new__(Outcome), _fill_outcome),
    "partial": (lambda decoder, node: functools.partial(_nothing), _fill_partial),
    "struct": (_make_struct, _fill_struct),
}

READERS: dict[Any, Callable[[Decoder, dict[str, Json]], Any]] = {
    "class": _read_class,
    "function": _read_function,
    "module": _read_module,
    "method": _read_method,
    "enum": _read_enum,
    "constant": _read_constant,
    "namedtuple": _read_named_tuple,
    "construct": _read_construct,
    "channel": _read_channel,
    "goroutine": _read_handle,
    "child": _read_child,
    "selected": _read_selected,
    "process": _read_process,
}
