"""`slct.lock`: which names the states of durable functions have, so that a name never comes to mean another suspension.

It stands beside the sources and is committed with them. Text for people, for diffs and for merges: one state a line, functions
by name, states in the order of the text (the alignment needs that order), and nothing stands last in a list but null, so that
what two branches add meets only where their sources do. It holds no line numbers, so that an edit changes
the lines of what it touches and of its neighbours. A function that has gone keeps its names as retired: frames saved under
its qualified name may still hold them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
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

    def fits(self, texts: Collection[Fingerprint]) -> int:
        """How many of the states look just so, neighbours included."""
        return sum(s.fingerprint in texts for s in self.states)


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

    def recorded(self, module: str, qualname: str, now: Collection[Fingerprint]) -> LockedFunction | None:
        """What was recorded of a function that looks so now; only names to avoid if another's body has come under its name.

        Where `b` was renamed to `a` and there was an `a` before, frames of the old `a` must not go on in what was `b`.
        """
        own = self.function(module, qualname)
        if own is None or not own.states:
            return own
        texts = frozenset(now)
        fits = own.fits(texts)
        if fits == len(texts):
            return own
        others = self.part(module).functions.values()
        best = max((f.fits(texts) for f in others if f is not own), default=0)
        is_another = best > fits and 2 * best > len(texts)
        return LockedFunction(own.prefix, own.variables, (), own.names) if is_another else own

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
    return found or ["~ variables"]


# --- as text -----------------------------------------------------------------------------------------------------------


def lock_text(lock: Lock) -> str:
    """The file. Valid JSON, laid out by hand so that a line is a state."""
    entries = "".join(f"{_function_text(name, function)},\n" for name, function in sorted(lock.functions.items()))
    functions = f'{{\n{entries}  "": null\n }}' if entries else "{}"
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
    """A line for all that may come or go alone; each ends in a comma, so that an addition changes no other line."""
    states = "".join(f"    {_json(s.name)}: {_json(_state(s))},\n" for s in function.states)
    return (
        f"  {_json(name)}: {{\n"
        f'   "prefix": {_json(function.prefix)},\n'
        f'   "variables": {_lines(function.variables)},\n'
        f'   "states": {{\n{states}    "": null\n   }},\n'
        f'   "retired": {_lines(sorted(function.retired))}\n'
        "  }"
    )


def _lines(names: Iterable[str]) -> str:
    return "[\n" + "".join(f"    {_json(name)},\n" for name in names) + "    null\n   ]"


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
        text = content.decode()
        _refuse_conflict(text, where)
        data = json.loads(text, object_pairs_hook=_without_twins)
        if data["format"] != FORMAT:
            raise CompileError(
                f"{where} has format {data['format']!r}, this slct-compile reads {FORMAT}",
                "use the version of slct-compile that wrote it, or a newer one",
            )
        return Lock({name: _checked(name, read_function(e)) for name, e in data["functions"].items() if name})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CompileError(
            f"{where} cannot be read: {error or type(error).__name__}",
            "resolve what a merge left in it, or restore it from version control; names of parked states depend on it",
        ) from error


def _refuse_conflict(text: str, where: str) -> None:
    """Say where version control has left a conflict."""
    lines = [number for number, line in enumerate(text.split("\n"), 1) if line.startswith("<<<<<<<")]
    if lines:
        raise CompileError(
            f"{where} has conflicts from a merge, in line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}",
            "keep the lines of both sides, and where both have a line for one name, that of the branch that was deployed; "
            "then compile",
        )


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A merge may leave a line twice; the later one would silently win."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(
                f"{key!r} is there twice{_statements(found[key], value)}; of two branches that gave one name to two awaits, "
                "keep the line of the one that was deployed, and the other await gets a new name"
            )
        found[key] = value
    return found


def _statements(*entries: Any) -> str:
    texts = [e["statement"] for e in entries if isinstance(e, dict) and isinstance(e.get("statement"), str)]
    return f", for `{'` and for `'.join(texts)}`" if texts else ""


def _checked(name: str, function: LockedFunction) -> LockedFunction:
    both = sorted(function.retired & {s.name for s in function.states})
    if both:
        raise ValueError(
            f"{both[0]!r} of {name} is retired and in use; if one branch removed its await, delete the line under states"
        )
    return function


def read_function(entry: Mapping[str, Any]) -> LockedFunction:
    """The reverse of `function_data`, and of what is written for it."""
    found = {name: s for name, s in entry["states"].items() if name}
    states = tuple(LockedState(name, _fingerprint(s), _texts(s["live"])) for name, s in found.items())
    return LockedFunction(
        _text(entry["prefix"]), _names(entry["variables"]), states, frozenset(_names(entry["retired"]))
    )


def _names(values: Iterable[object]) -> tuple[str, ...]:
    """The texts of a list that may end in null."""
    return _texts([v for v in values if v is not None] if isinstance(values, list) else values)


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
