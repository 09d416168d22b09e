"""`Definitions`: the process classes that a worker serves, by name, with the codec that their documents need.

A definition describes itself to a runtime by a manifest, JSON text that names channels, parameters, fields, functions and
states; a runtime knows no author's class. What the compiler knows besides comes from `slct_manifest.json` and is carried along.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from slct_manifest.schema import FORMAT
from slct_runtime.wire.work import DefinitionRecord

from ._codec import Codec
from ._errors import DefinitionError
from ._frame import Frame
from ._handwritten import MachineFrame, check_machine, entry_state, machine_frame
from ._process import Process, check_class, declared_channels, definition_name, is_compiled, shared_fields
from ._resolver import Resolver
from ._schedule import SCHEDULE_NAME, Schedule
from ._type_descriptions import describe, describe_parameters

MANIFEST_FORMAT = 1

LIBRARY_VERSION = "slct"
"""The version of the definitions that every worker serves: they belong to no build, and are served whatever its version."""


@dataclass(frozen=True)
class Definition:
    """One process class as it is deployed.

    `is_compiled`: its goroutines can be saved. `open_channels`: any channel name may be sent to.
    """

    name: str
    cls: type[Process]
    is_compiled: bool

    @cached_property
    def capacities(self) -> dict[str, int]:
        """Declared channels, and how many values each buffers."""
        return {name: channel.capacity for name, channel in declared_channels(self.cls).items()}

    @property
    def is_handwritten(self) -> bool:
        return not hasattr(self.cls, "main")

    @cached_property
    def open_channels(self) -> bool:
        """Where channels cannot be, or are not, declared: they come into being by their names."""
        return not self.capacities and (self.is_handwritten or self.cls.slct_function is not None)

    @property
    def fail_on_fault(self) -> bool:
        return self.cls.slct_on_fault == "fail"

    def main_frame(self, process: Process, args: list[Any], kwargs: dict[str, Any]) -> Frame:
        """The first frame of a new process.

        Raises:
          TypeError: the arguments do not fit.
        """
        if self.is_handwritten:
            entry = entry_state(self.cls)
            assert entry is not None, "checked when it was defined"
            return machine_frame(process, entry, tuple(args), kwargs)
        frame = process.main(*args, **kwargs)  # type: ignore[attr-defined]  # every definition has one (D12)
        if not isinstance(frame, Frame):
            raise TypeError(
                f"{self.cls.__qualname__}.main is not durable: it gave {frame!r}\n  help: write `async def main`"
            )
        return frame


class Definitions:
    """Process classes by name.

    Args:
      definitions: Name to class, or classes under their own names.
      modules: Further modules whose types and functions documents may name; the classes' own are always among them.
      manifest: The compiler's `slct_manifest.json`; what it says of a definition is added to the manifest.
      overrides: Modules to use in place of those imported under these names.

    Raises:
      DefinitionError: a class cannot be a definition.
    """

    def __init__(
        self,
        definitions: Mapping[str, type[Process]] | Sequence[type[Process]],
        *,
        modules: Sequence[str] = (),
        manifest: Path | None = None,
        overrides: Mapping[str, ModuleType] | None = None,
    ) -> None:
        named = dict(_named(definitions))
        self._definitions = {name: _definition(name, cls) for name, cls in named.items()}
        self._library = {SCHEDULE_NAME: _definition(SCHEDULE_NAME, Schedule)}
        self._compiled = _read_manifest(manifest)
        homes = [owner.__module__ for cls in named.values() for owner in cls.__mro__ if owner.__module__ in sys.modules]
        self.modules = tuple(dict.fromkeys([*modules, *(m for m in homes if not _is_ours(m))]))
        self._overrides = dict(overrides or {})
        renames = self._compiled.get("renames", {})
        self.codec = Codec(Resolver(self.modules, overrides=overrides, renames=renames))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._definitions)

    def definition(self, name: str) -> Definition:
        """The definition of that name.

        Raises:
          DefinitionError: there is none.
        """
        found = self._definitions.get(name) or self._library.get(name)
        if found is None:
            known = ", ".join(sorted(self._definitions)) or "none"
            raise DefinitionError(f"there is no definition {name!r} here\n  help: there are {known}")
        return found

    def require_compiled(self) -> None:
        """Raise DefinitionError if some class can only be simulated."""
        uncompiled = [d for d in self._definitions.values() if not d.is_compiled]
        if uncompiled:
            names = ", ".join(f"{d.name!r} ({d.cls.__module__}:{d.cls.__qualname__})" for d in uncompiled)
            raise DefinitionError(
                f"not compiled, and so not durable: {names}\n"
                "  help: run slct-compile src/ -o build/, and import `defs` from build/slct_definitions.py"
            )

    def records(self, version: str) -> tuple[DefinitionRecord, ...]:
        """What a runtime is told of these definitions, under this version."""
        return tuple(
            DefinitionRecord(d.name, served, json.dumps(self._manifest(d, served), separators=(",", ":")))
            for definitions, served in ((self._definitions, version), (self._library, LIBRARY_VERSION))
            for d in definitions.values()
        )

    def manifest(self, name: str, version: str = "") -> dict[str, Any]:
        """What a runtime is told of one of them.

        Raises:
          DefinitionError: there is none of that name.
        """
        return self._manifest(self.definition(name), version)

    def _manifest(self, definition: Definition, version: str) -> dict[str, Any]:
        cls, resolver = definition.cls, self.codec.resolver
        module = cls.__module__
        modules = self._modules_reached(cls)
        return {
            "format": MANIFEST_FORMAT,
            "name": definition.name,
            "version": version,
            "class": f"{module}:{cls.__qualname__}",
            "source": _source(cls),
            "on_fault": cls.slct_on_fault,
            "open_channels": definition.open_channels,
            "channels": {
                name: {"capacity": channel.capacity, "type": describe(_element_type(channel), resolver, module)}
                for name, channel in declared_channels(cls).items()
            },
            "fields": {name: describe(annotation, resolver, module) for name, annotation in shared_fields(cls).items()},
            "parameters": self._parameters(definition),
            "functions": {
                f"{kind.__module__}:{kind.FUNCTION}": _function_facts(kind) for kind in self._frames(modules)
            },
            **self._compiled_facts(definition, modules),
        }

    def _compiled_facts(self, definition: Definition, modules: Set[str]) -> dict[str, Any]:
        """What the compiler says of it, and of every function that it can reach: what a move to another version is decided by."""
        entry = self._compiled.get("definitions", {}).get(definition.name)
        if entry is None:
            return {}
        functions = {
            name: facts
            for name, facts in self._compiled.get("functions", {}).items()
            if name.partition(":")[0] in modules
        }
        compiled = {"format": self._compiled.get("format"), "definition": entry, "functions": functions}
        migrations = [m for m in self._compiled.get("migrations", ()) if m["function"].partition(":")[0] in modules]
        found = {"migrations": migrations, "renames": self._compiled.get("renames")}
        return {"compiled": compiled | {name: what for name, what in found.items() if what}}

    def _modules_reached(self, cls: type[Process]) -> set[str]:
        """Modules of these definitions whose functions and classes the class's own modules name, directly or by others."""
        reached: set[str] = set()
        new = {owner.__module__ for owner in cls.__mro__}.intersection(self.modules)
        while new:
            reached |= new
            new = {named for module in new for named in self._modules_named(module)} - reached
        return reached

    def _modules_named(self, name: str) -> set[str]:
        module = self._overrides.get(name) or sys.modules.get(name)
        things = list(vars(module).values()) if module is not None else []
        names = {t.__name__ if isinstance(t, ModuleType) else getattr(t, "__module__", None) for t in things}
        return {each for each in names if isinstance(each, str)}.intersection(self.modules)

    def _parameters(self, definition: Definition) -> list[dict[str, Any]]:
        cls = definition.cls
        if not definition.is_handwritten:
            main = inspect.getattr_static(cls, "main")
            return describe_parameters(getattr(main, "__func__", main), self.codec.resolver)
        entry = entry_state(cls)
        assert entry is not None, "checked when it was defined"
        return describe_parameters(getattr(cls, entry), self.codec.resolver)[1:]

    def _frames(self, modules: Set[str]) -> Iterator[type[Frame]]:
        """The frame classes of these modules, in a fixed order."""
        for name in self.modules:
            if name not in modules:
                continue
            module = self._overrides.get(name) or sys.modules.get(name)
            if module is not None:
                yield from _frame_classes(vars(module), name)


def _named(definitions: Mapping[str, type[Process]] | Sequence[type[Process]]) -> Iterator[tuple[str, type[Process]]]:
    if isinstance(definitions, Mapping):
        yield from definitions.items()
        return
    seen: dict[str, type[Process]] = {}
    for cls in definitions:
        name = definition_name(cls)
        if seen.setdefault(name, cls) is not cls:
            raise DefinitionError(
                f"two classes are called {name!r}: {seen[name]!r} and {cls!r}\n  help: Process, name=..."
            )
        yield name, cls


def _definition(name: str, cls: type[Process]) -> Definition:
    if not isinstance(name, str) or not name:
        raise DefinitionError(f"a definition name is a text that is not empty, got {name!r}")
    definition_name(cls)
    check_class(cls)
    check_machine(cls)
    if not hasattr(cls, "main") and entry_state(cls) is None:
        raise DefinitionError(
            f"{cls.__qualname__} has no main, and so is a base and not a definition\n  help: add `async def main(self, ...)`"
        )
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        raise DefinitionError(f"{cls.__qualname__} is abstract: {', '.join(missing)} is not defined")
    return Definition(name, cls, is_compiled(cls))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("runtime_client", "builtins", "typing", "abc")


def _read_manifest(path: Path | None) -> dict[str, Any]:
    """What the compiler says of the build."""
    if path is None:
        return {}
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DefinitionError(f"{path.name} cannot be read: {error}\n  help: run slct-compile again") from None
    if not isinstance(read, dict):
        return {}
    if read.get("format", FORMAT) != FORMAT:
        text = f"{path.name} has format {read['format']!r}, this slct reads {FORMAT}"
        raise DefinitionError(f"{text}\n  help: compile again with this version, or install the one that wrote it")
    return read


def _source(cls: type[Process]) -> str:
    from ._direct import source_of

    return next(
        (kind.SOURCE for kind in _frame_classes({cls.__name__: cls}, cls.__module__, "") if kind.SOURCE), ""
    ) or (source_of(cls.__module__))


def _element_type(channel: Any) -> Any:
    element = channel.element_type()
    return Any if element is None else element


def _frame_classes(namespace: Mapping[str, Any], module: str, prefix: str = "") -> Iterator[type[Frame]]:
    for name, thing in list(namespace.items()):
        if isinstance(thing, type) and thing.__module__ == module and thing.__qualname__ == prefix + name:
            if issubclass(thing, Frame):
                yield thing
            else:
                yield from _frame_classes(vars(thing), module, f"{prefix}{name}.")


def _function_facts(kind: type[Frame]) -> dict[str, Any]:
    goroutine = kind.FUNCTION.rpartition(".")[2] + "_" if issubclass(kind, MachineFrame) else ""
    return {
        "source": kind.SOURCE,
        **({"temporaries": list(kind.TEMPORARIES)} if kind.TEMPORARIES else {}),
        "states": {
            name: {"line": state.line, "live": None if state.live is None else list(state.live)}
            for name, state in kind.STATES.items()
            if name.startswith(goroutine)
        },
    }
