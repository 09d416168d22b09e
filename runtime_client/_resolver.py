"""Names of types and functions in documents, and the things that they name; nothing else can be named.

A name is `module:qualname`, such as `orders:Order.main`. It resolves only to

  1. what the fixed list holds: types and exceptions of the builtins, a few types and functions of the standard library,
     and the types of `runtime_client` itself;
  2. what a definitions' own module defines (own modules are imported when they are first needed);
  3. what is in the namespace of an own module, under the name of where it was defined: `from shop import Item` there
     makes `shop:Item` a name, and `import shop` makes one of everything in `shop`;
  4. common exceptions of the standard library, from a fixed list of modules: they are caught where nobody imports them.

A module of compiled durable functions that an own module imports from counts as own, since its frames are saved in the
same documents. A document can so never cause an import that the definitions did not ask for.
"""

from __future__ import annotations

import array
import builtins
import collections
import contextlib
import datetime
import decimal
import enum
import fractions
import functools
import importlib
import ipaddress
import pathlib
import random
import re
import string
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from . import _channels, _errors, _frame, _handles, _operations, _requests
from ._errors import CodecError
from ._frame import Frame
from ._local_functions import Found, local_functions, row_of

CURSORS_MODULE = "runtime_client._cursors"
"""Iterators of compiled `for` loops: always an own module."""

LIBRARY_MODULES = (
    "runtime_client._star",
    "runtime_client._structured",
    "runtime_client._saga",
    "runtime_client._schedule",
)
"""`timeout`, `TaskGroup`, `Saga`, and the frames of what awaits for others: what these define, and no more, is known always."""

_BUILTIN_FUNCTIONS = (
    "abs all any ascii bin callable chr divmod format getattr hasattr hash hex isinstance issubclass iter len max min "
    "next oct ord pow print repr round sorted sum"
)

_STANDARD_TYPES: tuple[Any, ...] = (
    *(collections.deque, collections.defaultdict, collections.OrderedDict, collections.Counter, collections.ChainMap),
    *(collections.UserDict, collections.UserList, collections.UserString),
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta, datetime.timezone, zoneinfo.ZoneInfo),
    *(decimal.Decimal, fractions.Fraction, uuid.UUID, re.Pattern, random.Random, string.Template),
    *(pathlib.Path, pathlib.PurePath, pathlib.PurePosixPath, pathlib.PureWindowsPath),
    *(pathlib.PosixPath, pathlib.WindowsPath),
    *(ipaddress.IPv4Address, ipaddress.IPv4Network, ipaddress.IPv4Interface),
    *(ipaddress.IPv6Address, ipaddress.IPv6Network, ipaddress.IPv6Interface),
    *(enum.Enum, enum.IntEnum, enum.StrEnum, enum.Flag, enum.IntFlag, functools.partial, types.SimpleNamespace),
    *(contextlib.suppress, contextlib.nullcontext),
    *(type(None), type(...), type(NotImplemented), types.MappingProxyType, array.array),
    *(decimal.DecimalException, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow),
)


_STANDARD_EXCEPTIONS = """
    asyncio.exceptions: CancelledError InvalidStateError IncompleteReadError LimitOverrunError QueueEmpty QueueFull
    asyncio.queues: QueueEmpty QueueFull
    binascii: Error Incomplete
    concurrent.futures._base: CancelledError InvalidStateError BrokenExecutor
    configparser: Error NoSectionError NoOptionError ParsingError
    copy: Error
    csv: Error
    _csv: Error
    email.errors: MessageError MessageParseError HeaderParseError
    http.client: HTTPException BadStatusLine IncompleteRead InvalidURL RemoteDisconnected
    json.decoder: JSONDecodeError
    pickle: PickleError PicklingError UnpicklingError
    _pickle: PickleError PicklingError UnpicklingError
    queue: Empty Full
    _queue: Empty
    re: error
    re._constants: error
    shutil: Error SameFileError
    socket: gaierror herror
    sqlite3: Error DatabaseError DataError IntegrityError InterfaceError InternalError NotSupportedError OperationalError ProgrammingError
    ssl: SSLError SSLCertVerificationError SSLEOFError SSLWantReadError SSLZeroReturnError
    statistics: StatisticsError
    string: Error
    struct: error
    subprocess: SubprocessError CalledProcessError TimeoutExpired
    tarfile: TarError ReadError
    tomllib: TOMLDecodeError
    urllib.error: URLError HTTPError ContentTooShortError
    xml.etree.ElementTree: ParseError
    zipfile: BadZipFile LargeZipFile
    zlib: error
    zoneinfo._common: ZoneInfoNotFoundError
"""
"""Exceptions of the standard library, by module: saved also where the author's module has not imported them. Only these modules
are ever imported for a document's sake, and only to find one of these names."""


def _standard_exceptions() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for line in _STANDARD_EXCEPTIONS.split("\n"):
        module, _, names = line.strip().partition(": ")
        found.update({f"{module}:{name}": (module, name) for name in names.split()})
    return found


def _fixed_names() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for thing in vars(builtins).values():
        if isinstance(thing, type) and thing.__module__ == "builtins":
            names.setdefault(f"builtins:{thing.__qualname__}", thing)
    for name in _BUILTIN_FUNCTIONS.split():
        names[f"builtins:{name}"] = getattr(builtins, name)
    for kind in _STANDARD_TYPES:
        names[f"{kind.__module__}:{kind.__qualname__}"] = kind
    for module in (_errors, _operations, _channels, _handles, _frame, _requests):
        for name, thing in vars(module).items():
            if isinstance(thing, type) and thing.__module__ == module.__name__:
                names[f"runtime_client:{name}"] = thing
    return names


FIXED: dict[str, Any] = _fixed_names()
"""Name to type or function: resolvable everywhere, also by a client without definitions."""

STANDARD_EXCEPTIONS = _standard_exceptions()
"""Name to module and attribute."""

_FIXED_BY_ID = {id(thing): name for name, thing in FIXED.items()}


class Unresolvable(CodecError):
    """A name that means nothing here; an exception of such a type is read as a `RemoteError`."""


class Resolver:
    """Types and functions by name, for the modules of one set of definitions.

    Args:
      modules: The definitions' own modules, by name. They are imported when first needed.
      frames: Further frame classes to know, beside those found in the modules.
      overrides: Modules to use in place of those imported under these names.
      renames: Old names to new: `module:qualname`, or `module:` for all that is in it. What is found under its old name is not looked for
        under another.
    """

    def __init__(
        self,
        modules: Iterable[str] = (),
        frames: Iterable[type[Frame]] = (),
        overrides: Mapping[str, ModuleType] | None = None,
        renames: Mapping[str, str] | None = None,
    ) -> None:
        self._renames = dict(renames or {})
        self._overrides = dict(overrides or {})
        self.modules = tuple(dict.fromkeys(modules))
        self._given_frames = tuple(frames)
        self._names: dict[int, tuple[Any, str]] = {}
        self._things: dict[str, Any] = {}
        self._scan: _Scan | None = None
        self._locals: dict[int, tuple[type[Frame], Found]] = {}

    def type_name(self, cls: type) -> str:
        """The name of a type. Raises CodecError if it would not resolve back to this very type."""
        return self._name_of(cls, "type")

    def type_of(self, name: str) -> type:
        """The type of that name. Raises CodecError."""
        found = self._thing_of(name)
        if not isinstance(found, type):
            raise CodecError(f"{name!r} is not a type")
        return found

    def function_name(self, function: Callable[..., Any]) -> str:
        """The name of a module-level function, of one inside a class, or of a class. Raises CodecError."""
        return self._name_of(function, "function")

    def function_of(self, name: str) -> Callable[..., Any]:
        """The function (or other callable) of that name. Raises CodecError."""
        found = self._thing_of(name)
        if not callable(found):
            raise CodecError(f"{name!r} is not a function")
        return found  # type: ignore[no-any-return]  # `callable` says no more of it

    def constant_of(self, name: str) -> Any:
        """What a module holds under that name. Raises CodecError."""
        return self._thing_of(name)

    def frame_type(self, function_name: str) -> type[Frame]:
        """The frame class of a compiled durable function: `orders:Order.main`. Raises CodecError."""
        frames = self._scanned().frames
        found = frames.get(function_name) or self._scanned(fresh=True).frames.get(function_name)
        if found is None and (later := renamed(function_name, self._renames)) != function_name:
            return self.frame_type(later)
        if found is None:
            raise Unresolvable(
                f"there is no durable function {function_name!r} in these definitions",
                help="deploy the version that has it, or recompile with slct-compile",
            )
        return found

    def frame_name(self, cls: type[Frame]) -> str:
        """The name under which frames of this class are saved. Raises CodecError if it would not resolve back."""
        name = f"{cls.__module__}:{cls.FUNCTION}"
        if self.frame_type(name) is not cls:
            raise CodecError(
                f"two frame classes are called {name!r}", help="give the durable functions different names"
            )
        return name

    def local_function(self, function: FunctionType) -> tuple[type[Frame], Found] | None:
        """The local function of a compiled durable function that has this code; None if it is not one. Raises CodecError."""
        code = function.__code__
        if "<locals>" not in code.co_qualname:
            return None
        known = self._locals.get(id(code))
        if known is None:
            for kind in {**self._scanned().frames, **self._scanned(fresh=True).frames}.values():
                if kind.LOCALS and kind.__module__ == function.__module__:
                    for found in local_functions(kind).values():
                        self._locals.update({id(c): (kind, found) for c in found.codes})
            known = self._locals.get(id(code))
        if known is None and self._untold(function.__module__):
            raise CodecError(
                f"the code of {code.co_qualname} in {code.co_filename}:{code.co_firstlineno} cannot be told from that of others",
                help="without columns (python -X no_debug_ranges) only one lambda on a line can be saved",
            )
        return known

    def _untold(self, module: str) -> bool:
        """Whether there are local functions of durable code in this module that cannot be told apart."""
        kinds = (kind for kind in self._scanned().frames.values() if kind.__module__ == module)
        return any(len(local_functions(kind)) < len(kind.LOCALS) for kind in kinds)

    def local_function_of(self, function_name: str, name: str) -> tuple[type[Frame], Found]:
        """The local function of that name in a durable function: `orders:Order.main` and `add`. Raises CodecError."""
        kind = self.frame_type(function_name)
        row = row_of(kind, name)
        if row is None:
            raise Unresolvable(
                f"{function_name!r} has no local function {name!r} in these definitions",
                help="it was written by a version that has it as it was then; deploy that version, or recompile",
            )
        found = local_functions(kind).get(row)
        if found is None:
            raise CodecError(
                f"the code of {name!r} in {function_name} cannot be told from that of others",
                help="without columns (python -X no_debug_ranges) only one lambda on a line can be saved",
            )
        return kind, found

    def module_of(self, name: str) -> ModuleType:
        """An own module, or one that an own module has imported. Raises CodecError."""
        module = self._module(name)
        if module is None:
            raise Unresolvable(
                f"module {name!r} is not one of these definitions, nor imported by them",
                help=f"write `import {name}` in the module of the definition, and use it by that name",
            )
        return module

    # --- looking up -------------------------------------------------------------------------------------------

    def _name_of(self, thing: Any, what: str) -> str:
        known = self._names.get(id(thing))
        if known is not None:
            return known[1]
        name = _FIXED_BY_ID.get(id(thing)) or f"{_home(thing)}:{_qualname(thing)}"
        try:
            found = self._thing_of(name)
        except Unresolvable:
            # `operator.add` says that it lives in `_operator`, which nobody imports.
            public = name.removeprefix("_")
            if public == name or self._known(public) is not thing:
                raise _not_resolvable(thing, name, what) from None
            name, found = public, thing
        if found is not thing:
            raise CodecError(
                f"{what} {name!r} is not what is found under that name now",
                help="was it redefined, or decorated, after this one was made? keep one definition per name",
            )
        self._names[id(thing)] = (thing, name)
        return name

    def _known(self, name: str) -> Any:
        """What is called so, None if nothing is."""
        try:
            return self._thing_of(name)
        except Unresolvable:
            return None

    def _thing_of(self, name: str) -> Any:
        if name in FIXED:
            return FIXED[name]
        if name in self._things:
            return self._things[name]
        found = _standard_exception(*STANDARD_EXCEPTIONS[name]) if name in STANDARD_EXCEPTIONS else self._find(name)
        if found is None and (later := renamed(name, self._renames)) != name:
            found = self._thing_of(later)
        if found is None:
            raise Unresolvable(
                f"{name!r} is not known to these definitions",
                help="it must be defined in, or imported by, one of their modules",
            )
        self._things[name] = found
        return found

    def _find(self, name: str) -> Any:
        module_name, _, qualname = name.partition(":")
        parts = qualname.split(".")
        module = self._module(module_name)
        found = _walk(module, parts) if module is not None else None
        if module_name in LIBRARY_MODULES and getattr(found, "__module__", None) != module_name:
            found = None  # what it has imported is nobody's business
        if found is None:
            root = f"{module_name}:{parts[0]}"
            if root in FIXED and len(parts) == 2 and not parts[1].startswith("__"):
                return _walk(FIXED[root], parts[1:])  # a method of a builtin, such as str.upper
            start = self._scanned().reachable.get(root) or self._scanned(fresh=True).reachable.get(root)
            found = _walk(start, parts[1:]) if start is not None else None
        return found

    def _module(self, name: str) -> ModuleType | None:
        if name in self.modules or name in (CURSORS_MODULE, *LIBRARY_MODULES):
            return self._overrides.get(name) or _import(name)
        scan = self._scanned()
        if name in scan.own:
            return scan.own[name]
        top = name
        while top:
            if top in scan.imported:
                found = _walk(scan.imported[top], name[len(top) + 1 :].split(".") if top != name else [])
                return found if isinstance(found, ModuleType) else None
            top = top.rpartition(".")[0]
        return None

    def _scanned(self, fresh: bool = False) -> _Scan:
        """What the own modules hold; looked at again if they have changed and `fresh` is asked for."""
        if self._scan is None or (fresh and self._scan.is_stale()):
            self._scan = _Scan(self.modules, self._given_frames, self._overrides)
        return self._scan


def renamed(name: str, renames: Mapping[str, str]) -> str:
    """What `module:qualname` is called now: it may have been renamed itself, or what it is in, its module included.

    As `slct_manifest.renamed`, by which it was decided that a process can go on: once for each rename, one after the other.
    """
    for _ in range(len(renames)):
        later = _renamed_once(name, renames)
        if later == name:
            break
        name = later
    return name


def _renamed_once(name: str, renames: Mapping[str, str]) -> str:
    module, _, qualname = name.partition(":")
    parts = qualname.split(".")
    for count in range(len(parts), 0, -1):
        new = renames.get(f"{module}:{'.'.join(parts[:count])}")
        if new is not None:
            return ".".join([new, *parts[count:]])
    return renames.get(f"{module}:", f"{module}:") + qualname


class _Scan:
    """One look at the namespaces of the own modules.

    own: own modules by name. imported: modules in their namespaces. reachable: types and functions there, by the name
    of where they were defined. frames: frame classes, by the name of their function.
    """

    def __init__(
        self, modules: Iterable[str], frames: Iterable[type[Frame]], overrides: Mapping[str, ModuleType]
    ) -> None:
        self.overrides = overrides
        self.own: dict[str, ModuleType] = {}
        self.imported: dict[str, ModuleType] = {}
        self.reachable: dict[str, Any] = {}
        self.frames: dict[str, type[Frame]] = {f"{cls.__module__}:{cls.FUNCTION}": cls for cls in frames}
        for library in LIBRARY_MODULES:
            for cls in frame_classes(vars(_import(library)), library):
                self.frames[f"{library}:{cls.FUNCTION}"] = cls
        waiting = [overrides.get(name) or _import(name) for name in modules]
        while waiting:
            module = waiting.pop(0)
            if module.__name__ not in self.own:
                self.own[module.__name__] = module
                waiting.extend(self._look_at(module))
        self._sizes = self._measure()

    def is_stale(self) -> bool:
        return self._measure() != self._sizes

    def _measure(self) -> list[int]:
        return [len(vars(module)) for module in self.own.values()]

    def _look_at(self, module: ModuleType) -> Iterator[ModuleType]:
        """Index one own module; gives the modules that count as own because of it."""
        for thing in list(vars(module).values()):
            if isinstance(thing, ModuleType):
                self.imported.setdefault(thing.__name__, thing)
                if _has_frames(thing):
                    yield thing
                continue
            home = getattr(thing, "__module__", None)
            if not isinstance(home, str) or not isinstance(_qualname(thing), str):
                continue
            self.reachable.setdefault(f"{home}:{_qualname(thing)}", thing)
            origin = self.overrides.get(home) or sys.modules.get(home)
            if origin is not None and home not in self.own and _has_frames(origin):
                yield origin
        for cls in frame_classes(vars(module), module.__name__):
            self.frames.setdefault(f"{module.__name__}:{cls.FUNCTION}", cls)


def _has_frames(module: ModuleType) -> bool:
    return not module.__name__.startswith("runtime_client.") and any(
        True for _ in frame_classes(vars(module), module.__name__)
    )


def frame_classes(namespace: Any, module: str, prefix: str = "") -> Iterator[type[Frame]]:
    """Frame classes defined in this module, at its top and inside its classes. Aliases are not followed."""
    for name, thing in list(namespace.items()):
        if not isinstance(thing, type) or thing.__module__ != module or thing.__qualname__ != prefix + name:
            continue
        if issubclass(thing, Frame):
            yield thing
        else:
            yield from frame_classes(vars(thing), module, f"{prefix}{name}.")


def _import(name: str) -> ModuleType:
    module = sys.modules.get(name)
    if module is not None:
        return module
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise CodecError(f"module {name!r} of these definitions cannot be imported: {error}") from error


def _standard_exception(module: str, name: str) -> Any:
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError:  # of another version of Python, or left out of this one
        return None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _walk(start: Any, parts: list[str]) -> Any:
    """Follow attributes as they were written: no descriptors, no `__getattr__`. None if there is no such thing."""
    for part in parts:
        if not isinstance(start, ModuleType | type):
            return None
        start = vars(start).get(part)
    return start.__func__ if isinstance(start, staticmethod | classmethod) else start


def _qualname(thing: Any) -> Any:
    try:
        return getattr(thing, "__qualname__", None)
    except Exception:  # a hostile __getattr__ of an author's object is not our error
        return None


def _home(thing: Any) -> Any:
    """The module of a thing; that of its class, for a method of a builtin."""
    return getattr(getattr(thing, "__objclass__", thing), "__module__", None)


def _not_resolvable(thing: Any, name: str, what: str) -> CodecError:
    qualname = _qualname(thing)
    if isinstance(qualname, str) and "<lambda>" in qualname:
        return CodecError(f"a lambda cannot be saved ({name})", help="define a function at module level instead")
    if isinstance(qualname, str) and "<locals>" in qualname:
        return CodecError(
            f"{what} {qualname!r} is defined inside a function and cannot be saved",
            help=f"move the {what} to module level" + ("; functools.partial keeps arguments" if what != "type" else ""),
        )
    module = _home(thing)
    return CodecError(
        f"{what} {name!r} cannot be saved: it would not be found when read back",
        help=f"import it in the module of the definition, or give Definitions(modules=[..., {module!r}])",
    )
