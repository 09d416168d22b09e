"""The schema of `slct_manifest.json`: what a build says of itself, as `diff` and a deployment read it.

Read strictly: a key that is missing, unknown or of another type is refused, as is another format. Types and defaults are
texts as the author wrote them; names of functions are `module:qualname`.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, Union

FORMAT = 1


class ManifestError(Exception):
    """A manifest that cannot be read. `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChannelEntry:
    """`capacity` is a number, or an expression that is none."""

    type: str | None
    capacity: int | str


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """A shared field. `default`: the expression; None if it has none."""

    type: str
    default: str | None


@dataclass(frozen=True, slots=True)
class ParameterEntry:
    """`kind` as in `inspect`."""

    name: str
    kind: str
    required: bool
    type: str | None


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """What a parked goroutine waits for. `name`: of a select's case, by keyword or position; None of a single operation.

    kind: the operation, `recv`. about: its first argument, such as a channel or a function; None if it has none.
    """

    name: str | None
    kind: str
    about: str | None


@dataclass(frozen=True, slots=True)
class EffectEntry:
    """A `call`. `options`: retry, timeout, key, queue, priority, heartbeat_timeout, schedule_to_close_timeout, at_most_once,
    transaction, if given.
    """

    function: str
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class WayEntry:
    """Where a state leads. `state` None: the function ends. `when`: what decides; None if nothing does."""

    state: str | None
    when: str | None


@dataclass(frozen=True, slots=True)
class StateEntry:
    """A state. `parks`: a goroutine may be saved in it, waiting; in the first state of a function, as one that has not begun.

    live: slots that are saved there. within: the blocks around its await, outermost first. on_error: the state that takes an
    exception; caught, handling: the slots of that exception, and of the one being handled. calls: the durable function
    whose frame is on top of this one, as written. statement, awaits: the text; None where nothing is awaited. ways: where it leads
    when it runs; starts: durable functions that it gives to `go`, as written.
    """

    line: int
    fingerprint: str
    parks: bool
    live: list[str] | None
    within: list[str]
    on_error: str | None
    caught: str | None
    handling: str | None
    statement: str | None
    awaits: str | None
    calls: str | None
    cases: list[CaseEntry]
    effects: list[EffectEntry]
    ways: list[WayEntry]
    starts: list[str]


@dataclass(frozen=True, slots=True)
class LocalFunctionEntry:
    """A function or lambda made in the body that may outlive a suspension, and the variables that it shares."""

    line: int
    slots: list[str]
    cells: list[str]


@dataclass(frozen=True, slots=True)
class TemporaryEntry:
    """A variable that the compiler has made. text: what it holds, as the author would say it: "the value of `self.paid`"."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class FunctionEntry:
    """A durable function. `slots`: name to type, in the order of the frame. `temporaries`: those of them that are the compiler's."""

    source: str
    line: int
    parameters: list[ParameterEntry]
    slots: dict[str, str | None]
    states: dict[str, StateEntry]
    local_functions: dict[str, LocalFunctionEntry]
    temporaries: dict[str, TemporaryEntry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DefinitionEntry:
    """A process class or `@process` function. `implementation`: its `module:qualname`; `class` in the file."""

    implementation: str
    source: str
    modules: list[str]
    functions: list[str]
    channels: dict[str, ChannelEntry]
    fields: dict[str, FieldEntry]
    parameters: list[ParameterEntry]


@dataclass(frozen=True, slots=True)
class MigrationEntry:
    """A function under `@migrate`. name: `module:qualname` of it. function: whose frames, or whose fields, it is about.

    state, to: of frames before and after, as the author calls them; `state` None: it is about shared fields; `to` None: the same.
    """

    name: str
    function: str
    state: str | None
    to: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A build. `files`: those that the compiler wrote. `migrations`: in the order in which they are written. `renames`: old names to new."""

    format: int
    modules: list[str]
    definitions: dict[str, DefinitionEntry]
    functions: dict[str, FunctionEntry]
    files: list[str]
    migrations: list[MigrationEntry] = field(default_factory=list)
    renames: dict[str, str] = field(default_factory=dict)


_SPELT = {"implementation": "class"}
"""Fields that are called otherwise in the file."""


def read_manifest(text: str, where: str = "slct_manifest.json") -> Manifest:
    """The manifest in a text.

    Raises:
      ManifestError: it is none, or of another format.
    """
    try:
        data = json.loads(text)
        if isinstance(data, dict) and data.get("format") != FORMAT:
            raise ManifestError(
                f"{where} has format {data.get('format')!r}, this slct-compile reads {FORMAT}",
                "compile again with this version, or compare with the one that wrote it",
            )
        return _read_entry(Manifest, data, "")
    except ValueError as error:
        raise ManifestError(f"{where} cannot be read: {error}", "run slct-compile again") from error


@dataclass(frozen=True, slots=True)
class CompiledDefinition:
    """One definition, and the functions and migrations that concern its processes."""

    definition: DefinitionEntry
    functions: dict[str, FunctionEntry]
    migrations: list[MigrationEntry]
    renames: dict[str, str]


def read_definition(data: Mapping[str, Any]) -> CompiledDefinition:
    """What a deployed definition says of its states.

    Raises:
      ManifestError: it is none, or of another format.
    """
    if data.get("format") != FORMAT:
        raise ManifestError(
            f"its states are described in format {data.get('format')!r}, this slct reads {FORMAT}",
            "deploy it again, compiled with this version",
        )
    try:
        definition: DefinitionEntry = _read(DefinitionEntry, data.get("definition"), "definition")
        functions: dict[str, FunctionEntry] = _read(dict[str, FunctionEntry], data.get("functions"), "functions")
        migrations: list[MigrationEntry] = _read(list[MigrationEntry], data.get("migrations", []), "migrations")
        renames: dict[str, str] = _read(dict[str, str], data.get("renames", {}), "renames")
    except ValueError as error:
        raise ManifestError(f"what it says of its states cannot be read: {error}", "deploy it again") from error
    return CompiledDefinition(definition, functions, migrations, renames)


def manifest_data(entry: Any) -> Any:
    """The reverse: plain data for JSON."""
    if dataclasses.is_dataclass(entry):
        return {_SPELT.get(f.name, f.name): manifest_data(getattr(entry, f.name)) for f in dataclasses.fields(entry)}
    if isinstance(entry, dict):
        return {key: manifest_data(value) for key, value in entry.items()}
    return [manifest_data(value) for value in entry] if isinstance(entry, list) else entry


def _read(kind: Any, data: Any, path: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _read_entry(typing.cast(type, kind), data, path)
    if origin in (types.UnionType, Union):
        if any(type(data) is a for a in arguments if isinstance(a, type)):
            return data
    elif origin is list and isinstance(data, list):
        return [_read(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(data)]
    elif origin is dict and isinstance(data, dict):
        return {key: _read(arguments[1], item, f"{path}.{key}".lstrip(".")) for key, item in data.items()}
    elif kind is type(data):
        return data
    if origin in (types.UnionType, Union) and isinstance(data, list):
        return _read(next(a for a in arguments if typing.get_origin(a) is list), data, path)
    raise ValueError(f"{path or 'the whole'} is {data!r:.80}, not {getattr(kind, '__name__', kind)}")


def _read_entry(kind: type[T], data: Any, path: str) -> T:
    hints = typing.get_type_hints(kind)
    if not isinstance(data, dict):
        raise ValueError(f"{path or 'the whole'} is not an object")
    names = {_SPELT.get(name, name): name for name in hints}
    optional = {
        f.name for f in dataclasses.fields(typing.cast(Any, kind)) if f.default_factory is not dataclasses.MISSING
    }
    different = sorted((names.keys() ^ data.keys()) - (optional - data.keys()))
    if different:
        raise ValueError(f"{path or 'the whole'} lacks, or should not have, {', '.join(different)}")
    return kind(
        **{names[key]: _read(hints[names[key]], item, f"{path}.{key}".lstrip(".")) for key, item in data.items()}
    )
