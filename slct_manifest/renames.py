"""What is called otherwise in a later build: `migrate(new, moved_from=old)`, and an older manifest in the words of the later one.

A name is looked up under its old name first; only what is there no more is looked for under another. States begin with the name of
their function, so they are renamed with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .schema import DefinitionEntry, FunctionEntry, MigrationEntry


def renamed(name: str, renames: Mapping[str, str]) -> str:
    """What `module:qualname` is called now: it may have been renamed itself, or what it is in, its module included.

    Once for each rename at most, so that what goes round in circles ends.
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


@dataclass(frozen=True, slots=True)
class Translation:
    """Names of functions, and (function, state) of states, that are others in the later build."""

    functions: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def function(self, name: str) -> str:
        return self.functions.get(name, name)

    def state(self, function: str, state: str) -> str:
        return self.states.get((function, state), state)


def translate_functions(
    old: Mapping[str, FunctionEntry], new: Mapping[str, FunctionEntry], renames: Mapping[str, str]
) -> tuple[dict[str, FunctionEntry], Translation]:
    """The functions of an older build by the names that they have in the later one."""
    functions: dict[str, str] = {}
    states: dict[tuple[str, str], str] = {}
    found = {}
    for name, entry in old.items():
        later = name if name in new else renamed(name, renames)
        if later != name and later in new:
            functions[name] = later
            words = _state_names(entry, new[later])
            states.update({(name, state): word for state, word in words.items()})
            entry = _with_states(entry, words)
        else:
            later = name
        found[later] = _in_words(entry, _Words(renames))
    return found, Translation(functions, states)


class _Words:
    """Texts of an older build, such as types, with the names of the later one."""

    def __init__(self, renames: Mapping[str, str]) -> None:
        last = {_last(old): _last(new) for old, new in renames.items() if not old.endswith(":")}
        self._words = {old: new for old, new in last.items() if old != new}
        self._pattern = re.compile(rf"\b({'|'.join(map(re.escape, self._words))})\b") if self._words else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str | None) -> str | None:
        return None if text is None else self.word(text)

    def word(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(lambda found: self._words[found[1]], text)


def _last(name: str) -> str:
    return name.rpartition(":")[2].rpartition(".")[2]


def _in_words(entry: FunctionEntry, words: _Words) -> FunctionEntry:
    """With the types of its variables, and what its states call and wait for, as the later build calls them."""
    if not words:
        return entry
    states = {
        name: replace(
            state,
            calls=words.text(state.calls),
            cases=[replace(case, about=words.text(case.about)) for case in state.cases],
        )
        for name, state in entry.states.items()
    }
    return replace(entry, states=states, slots={name: words.text(kind) for name, kind in entry.slots.items()})


def _state_names(old: FunctionEntry, new: FunctionEntry) -> dict[str, str]:
    """Every state begins as the first one does, which is called `..._Start`."""
    was, becomes = (next(iter(entry.states), "").removesuffix("Start") for entry in (old, new))
    return {name: becomes + name.removeprefix(was) for name in old.states}


def _with_states(entry: FunctionEntry, words: Mapping[str, str]) -> FunctionEntry:
    states = {
        words[name]: replace(state, on_error=None if state.on_error is None else words[state.on_error])
        for name, state in entry.states.items()
    }
    return replace(entry, states=states)


def translate_definition(old: DefinitionEntry, renames: Mapping[str, str]) -> DefinitionEntry:
    words = _Words(renames)
    return replace(
        old,
        implementation=renamed(old.implementation, renames),
        channels={name: replace(each, type=words.text(each.type)) for name, each in old.channels.items()},
        fields={name: replace(each, type=words.word(each.type)) for name, each in old.fields.items()},
    )


def translate_migrations(old: Sequence[MigrationEntry], renames: Mapping[str, str]) -> list[MigrationEntry]:
    return [replace(m, name=renamed(m.name, renames), function=renamed(m.function, renames)) for m in old]
