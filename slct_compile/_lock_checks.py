"""Findings against the lock: states that were there and are not, and slots that frames saved in them lack.

The lock says what the last build was, and the next build writes it anew: so only `--check` tells these, which writes nothing. Against what is deployed, `slct-compile diff` tells the same, and more (changing-code.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ._index import Index, ModuleInfo
from ._lock import Lock, LockedFunction
from ._migrations import find_migrations, find_renames
from ._outputs import FunctionOutput, ModuleOutput
from .diagnostics import Diagnostic, Place


def lock_findings(index: Index, outputs: Mapping[str, ModuleOutput], lock: Lock) -> Iterator[Diagnostic]:
    """What a lock records and the sources no longer have, but for what is migrated. Modules that have gone are not looked for."""
    if not lock.functions:
        return
    migrated = _Migrated(index)
    for name, before in lock.functions.items():
        module, _, qualname = name.partition(":")
        info = index.modules.get(module)
        if info is None or outputs[info.path].has_errors or migrated.is_moved(name):
            continue
        now = next((f for f in outputs[info.path].functions if f.qualname == qualname), None)
        if now is None:
            yield from _gone(info, name, before, migrated)
        else:
            yield from _changed(info, name, before, now, migrated)


class _Migrated:
    """What the sources say of frames of older versions."""

    def __init__(self, index: Index) -> None:
        modules = [m for m in index.modules.values() if "migrate" in m.source]
        self.moved = {old for m in modules for old, _ in find_renames(index, m)}
        self.states = {(found["function"], found["state"]) for m in modules for found in find_migrations(index, m)}

    def is_moved(self, function: str) -> bool:
        return any(
            function == old or function.startswith(old if old.endswith(":") else f"{old}.") for old in self.moved
        )

    def knows(self, function: str, state: str) -> bool:
        return any(of == function and named in (state, state.partition("_")[2]) for of, named in self.states)


def _gone(info: ModuleInfo, name: str, before: LockedFunction, migrated: _Migrated) -> Iterator[Diagnostic]:
    left = [s.name for s in before.states if not migrated.knows(name, s.name)]
    if left:
        qualname = name.partition(":")[2]
        owner = info.classes.get(qualname.rpartition(".")[0])
        finding = (
            f"slct.lock has {qualname} with {_words(left)}, and the sources have it no more: who is parked there stays"
        )
        yield Diagnostic("SLC501", _line(info, 1 if owner is None else owner.node.lineno), finding, _KEEP)


def _changed(
    info: ModuleInfo, name: str, before: LockedFunction, now: FunctionOutput, migrated: _Migrated
) -> Iterator[Diagnostic]:
    current = {s.name: s for s in now.locked.states}
    for state in before.states:
        if migrated.knows(name, state.name):
            continue
        after = current.get(state.name)
        if after is None:
            finding = (
                f"slct.lock has the state {state.name}, and there is no such await any more: who is parked there stays"
            )
            yield Diagnostic("SLC501", _line(info, now.described["line"]), finding, _KEEP)
            continue
        missing = sorted(set(after.live) - set(state.live))
        if missing:
            slots = ", ".join(_shown(now, slot) for slot in missing)
            verb = "is" if len(missing) == 1 else "are"
            finding = (
                f"{slots} {verb} read after this await, and {verb} not saved in frames that wait there, by slct.lock"
            )
            place = _line(info, now.described["states"][state.name]["line"])
            yield Diagnostic(
                "SLC502",
                place,
                finding,
                f"give {'it its value' if verb == 'is' else 'them their values'} after this await, or @migrate",
            )


def _shown(now: FunctionOutput, slot: str) -> str:
    held = now.described["temporaries"].get(slot)
    return repr(slot) if held is None else f"{held['text']} (line {held['line']})"


_KEEP = "keep it until nobody waits there, or say what becomes of them: @migrate"


def _words(names: list[str]) -> str:
    return f"the state {names[0]}" if len(names) == 1 else f"the states {', '.join(names)}"


def _line(info: ModuleInfo, number: int) -> Place:
    lines = info.source.split("\n")
    text = lines[number - 1].rstrip() if number <= len(lines) else ""
    return Place(info.path, number, len(text) - len(text.lstrip()), number, len(text))
