"""`slct.lock`: which names the states of durable functions have, so that a name never comes to mean another suspension.

It stands beside the sources and is committed with them. Text for people and for diffs: one state a line, functions by
name, states in the order of the text (the alignment needs that order). It holds no line numbers, so that an edit changes
the lines of what it touches and of its neighbours. A function that has gone keeps its names as retired: frames saved under
its qualified name may still hold them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._fingerprints import Fingerprint
from .diagnostics import CompileError

FORMAT = 1
HEAD = "names of the states where processes are parked; written by slct-compile, to be committed, not to be edited"


@dataclass(frozen=True, slots=True)
class LockedState:
    """A state as recorded: what it looked like, and what was saved in it."""

    name: str
    fingerprint: Fingerprint
    live: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LockedFunction:
    """A durable function as recorded. `variables` are its locals, for seeing that one was renamed."""

    prefix: str
    variables: tuple[str, ...] = ()
    states: tuple[LockedState, ...] = ()
    retired: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """All that were ever given out."""
        return self.retired | {s.name for s in self.states}


@dataclass(frozen=True, slots=True)
class Lock:
    """Functions by `module:qualname`."""

    functions: Mapping[str, LockedFunction] = field(default_factory=dict)

    def function(self, module: str, qualname: str) -> LockedFunction | None:
        return self.functions.get(f"{module}:{qualname}")

    def part(self, module: str) -> Lock:
        """What concerns one module."""
        start = f"{module}:"
        return Lock({k: f for k, f in self.functions.items() if k.startswith(start)})

    def prefixes(self, module: str) -> dict[str, str]:
        """What the names of each function of a module begin with, by its qualified name."""
        start = f"{module}:"
        return {k.removeprefix(start): f.prefix for k, f in self.functions.items() if k.startswith(start)}


def updated(lock: Lock, current: Mapping[str, LockedFunction], is_seen: Callable[[str], bool]) -> Lock:
    """The lock after a build.

    Args:
      current: The functions of this build, with the states that they have now.
      is_seen: Whether a module was part of this build; functions of others stay as they are.
    """
    functions: dict[str, LockedFunction] = {}
    for name in sorted({*lock.functions, *current}):
        before, now = lock.functions.get(name), current.get(name)
        if now is not None:
            names = {s.name for s in now.states}
            retired = (before.names if before is not None else frozenset()) - names
            functions[name] = LockedFunction(now.prefix, now.variables, now.states, retired)
        elif before is not None:
            gone = LockedFunction(before.prefix, (), (), before.names)
            functions[name] = gone if is_seen(name.partition(":")[0]) else before
    return Lock({n: f for n, f in functions.items() if f.names})


def changes(before: Lock, after: Lock) -> list[str]:
    """What an update would do, a line each: `+` a new state, `-` a removed one, `~` a changed one."""
    found: list[str] = []
    for name in sorted({*before.functions, *after.functions}):
        old = {s.name: s for s in before.functions.get(name, LockedFunction("")).states}
        new = {s.name: s for s in after.functions.get(name, LockedFunction("")).states}
        found += [f"- {name} {n}: {s.fingerprint.statement}" for n, s in old.items() if n not in new]
        found += [f"+ {name} {n}: {s.fingerprint.statement}" for n, s in new.items() if n not in old]
        found += [f"~ {name} {n}: {s.fingerprint.statement}" for n, s in new.items() if n in old and old[n] != s]
    return found


# --- as text -----------------------------------------------------------------------------------------------------------


def lock_text(lock: Lock) -> str:
    """The file. Valid JSON, laid out by hand so that a line is a state."""
    entries = [_function_text(name, function) for name, function in sorted(lock.functions.items())]
    functions = "{\n" + ",\n".join(entries) + "\n }" if entries else "{}"
    return f'{{\n "slct.lock": {_json(HEAD)},\n "format": {FORMAT},\n "functions": {functions}\n}}\n'


def function_data(function: LockedFunction) -> dict[str, object]:
    """One function, as in the file."""
    return {
        "prefix": function.prefix,
        "variables": list(function.variables),
        "states": {s.name: _state(s) for s in function.states},
        "retired": sorted(function.retired),
    }


def _function_text(name: str, function: LockedFunction) -> str:
    states = ",\n".join(f"    {_json(s.name)}: {_json(_state(s))}" for s in function.states)
    retired = ",\n".join(f"    {_json(n)}" for n in sorted(function.retired))
    return (
        f"  {_json(name)}: {{\n"
        f'   "prefix": {_json(function.prefix)},\n'
        f'   "variables": {_json(list(function.variables))},\n'
        f'   "states": {_wrapped("{", states, "}")},\n'
        f'   "retired": {_wrapped("[", retired, "]")}\n'
        "  }"
    )


def _wrapped(left: str, inner: str, right: str) -> str:
    return f"{left}\n{inner}\n   {right}" if inner else left + right


def _state(state: LockedState) -> dict[str, object]:
    one = state.fingerprint
    return {
        "statement": one.statement,
        "awaits": one.awaited,
        **({"nth": one.nth} if one.nth else {}),
        "callee": one.callee,
        "within": list(one.within),
        "between": [one.before, one.after],
        "live": list(state.live),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_lock(content: bytes, where: str) -> Lock:
    """The lock in a file.

    Raises:
      CompileError: it cannot be understood; guessing would risk the meaning of names.
    """
    try:
        data = json.loads(content, object_pairs_hook=_without_twins)
        if data["format"] != FORMAT:
            raise CompileError(
                f"{where} has format {data['format']!r}, this slct-compile reads {FORMAT}",
                "use the version of slct-compile that wrote it, or a newer one",
            )
        return Lock({name: read_function(entry) for name, entry in data["functions"].items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CompileError(
            f"{where} cannot be read: {error or type(error).__name__}",
            "resolve what a merge left in it, or restore it from version control; names of parked states depend on it",
        ) from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A merge may leave a line twice; the later one would silently win."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is there twice")
        found[key] = value
    return found


def read_function(entry: Mapping[str, Any]) -> LockedFunction:
    """The reverse of `function_data`."""
    states = tuple(LockedState(name, _fingerprint(s), _texts(s["live"])) for name, s in entry["states"].items())
    return LockedFunction(
        _text(entry["prefix"]), _texts(entry["variables"]), states, frozenset(_texts(entry["retired"]))
    )


def _fingerprint(entry: Mapping[str, Any]) -> Fingerprint:
    before, after = _texts(entry["between"])
    nth = entry.get("nth", 0)
    if not isinstance(nth, int):
        raise ValueError(f"nth is {nth!r}")
    return Fingerprint(
        _text(entry["statement"]),
        _text(entry["awaits"]),
        nth,
        _text(entry["callee"]),
        _texts(entry["within"]),
        before,
        after,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise ValueError(f"{values!r} is no list")
    return tuple(_text(v) for v in values)
