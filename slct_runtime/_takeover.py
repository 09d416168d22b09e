"""Whether a parked process can go on under another version of its definition (rule 22).

Two manifests and a document in, obstacles out. Knows no author's class, no process in memory and no store. What a state of one
version needs of the other is for `slct_manifest` to say; here it is asked for whatever a document holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from slct_manifest import (
    Between,
    CompiledDefinition,
    DefinitionEntry,
    FunctionEntry,
    ManifestError,
    Reason,
    Translation,
    Verdict,
    between,
    channel_reasons,
    local_function_reason,
    manifest_data,
    migrated_definition_reasons,
    moving_reasons,
    read_definition,
    translate_definition,
    translate_functions,
    translate_migrations,
)

LIBRARY_PACKAGE = "runtime_client"
"""Its functions belong to slct, and to every version."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a process cannot go on under the other version.

    function, state: where one of its frames is; both "" if it is the process as a whole. place, statement: of that state, in the
    sources of the version that it is on: `orders.py:17`.
    """

    function: str
    state: str
    place: str
    statement: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """What a document holds, and the other version must have: a frame in a state, or a local function of a function."""

    function: str
    state: str = ""
    local_function: str = ""


class Takeover:
    """What becomes of the processes of one version of a definition under another one: both as the catalogue has them."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._of_spots: dict[Spot, Obstacle | None] = {}
        self._old: dict[str, FunctionEntry] = {}
        self._new: dict[str, FunctionEntry] = {}
        self._of_channels: dict[str, Reason] = {}
        self._migrations = Between()
        self._words = Translation()
        try:
            before, after = _compiled(old), _compiled(new)
        except ManifestError as error:
            self._of_process: tuple[Reason, ...] = (Reason(Verdict.STUCK, str(error)),)
            return
        renames = after.renames
        self._old, self._words = translate_functions(before.functions, after.functions, renames)
        self._new = after.functions
        self._migrations = between(translate_migrations(before.migrations, renames), after.migrations)
        definition = translate_definition(before.definition, renames)
        reasons = _definition_reasons(definition, after.definition, self._migrations)
        self._of_process = tuple(_hindering(reasons))
        self._of_channels = _gone_channels(definition, after.definition)

    @property
    def migrations(self) -> str:
        """What the new version's worker has to make of the document first (rule 23), as JSON; "" for nothing."""
        if not self._migrations.ahead:
            return ""
        return json.dumps([manifest_data(migration) for migration in self._migrations.ahead], separators=(",", ":"))

    def obstacles(
        self, document: str, filled_channels: Set[str], under_way: Iterable[str] = ()
    ) -> tuple[Obstacle, ...]:
        """All that keeps a process from going on.

        Args:
          document: As its own version wrote it; "" of one that has not begun.
          filled_channels: Those that hold something. (Who waits at one is in a state that says so.)
          under_way: Values that were sent and are not received yet: frames may be among them.
        """
        whole = [*self._of_process, *(self._of_channels[name] for name in self._of_channels if name in filled_channels)]
        if whole:
            return (Obstacle("", "", "", "", tuple(whole)),)
        texts = [document] if document else []
        texts += [text for text in under_way if _FRAME_OR_LOCAL.search(text)]
        spots = dict.fromkeys(self._translated(spot) for text in texts for spot in _spots(json.loads(text)))
        return tuple(obstacle for spot in spots if (obstacle := self._of_spot(spot)) is not None)

    def _translated(self, spot: Spot) -> Spot:
        words = self._words
        return replace(spot, function=words.function(spot.function), state=words.state(spot.function, spot.state))

    def _of_spot(self, spot: Spot) -> Obstacle | None:
        if spot not in self._of_spots:
            self._of_spots[spot] = self._obstacle(spot)
        return self._of_spots[spot]

    def _obstacle(self, spot: Spot) -> Obstacle | None:
        old, new = self._old.get(spot.function), self._new.get(spot.function)
        if old is None:
            return _unless_of_library(spot)
        state = old.states.get(spot.state)
        line, statement = (state.line, state.statement or "") if state is not None else (old.line, spot.local_function)
        reasons = tuple(_hindering(_reasons(old, new, spot, self._migrations)))
        return Obstacle(spot.function, spot.state, f"{old.source}:{line}", statement, reasons) if reasons else None


def _reasons(old: FunctionEntry, new: FunctionEntry | None, spot: Spot, migrations: Between) -> Iterator[Reason]:
    if new is not None and spot.local_function in old.local_functions:
        reason = local_function_reason(old, new, spot.local_function)
        if reason is not None:
            yield reason
    elif new is None or spot.state in old.states:
        yield from moving_reasons(old, new, spot.function, spot.state, migrations)
    else:
        yield Reason(Verdict.STUCK, "its own version does not tell what is needed there")


def _unless_of_library(spot: Spot) -> Obstacle | None:
    if spot.function.partition(".")[0] == LIBRARY_PACKAGE:
        return None
    unknown = Reason(Verdict.STUCK, "its own version does not tell what is needed there")
    return Obstacle(spot.function, spot.state, "", spot.local_function, (unknown,))


_FRAME_OR_LOCAL = re.compile(r'"(frame|local)"')
"""Few values have one, and those that have none need not be parsed."""


def _spots(document: Any) -> Iterator[Spot]:
    """Every frame and every local function of a parsed document: on the stacks, and in any value."""
    open_nodes = [document]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, list):
            open_nodes.extend(node)
        elif isinstance(node, dict):
            match node.get("$"):
                case "frame":
                    yield Spot(str(node.get("function")), state=str(node.get("state")))
                case "local":
                    yield Spot(str(node.get("function")), local_function=str(node.get("name")))
                case _:
                    pass
            open_nodes.extend(node.values())


def _compiled(manifest: Mapping[str, Any]) -> CompiledDefinition:
    compiled = manifest.get("compiled")
    if compiled is None:
        name, version = manifest.get("name"), manifest.get("version")
        raise ManifestError(
            f"version {version!r} of {name!r} does not say what its states need",
            "it was written by hand, or deployed by an older slct",
        )
    return read_definition(compiled)


def _definition_reasons(old: DefinitionEntry, new: DefinitionEntry, migrations: Between) -> Iterator[Reason]:
    if old.implementation != new.implementation:
        text = f"it was {old.implementation}, and is {new.implementation}"
        yield Reason(Verdict.MIGRATION, text, "keep the class where it was, under its name")
    kept = {name: channel for name, channel in old.channels.items() if name in new.channels}
    yield from migrated_definition_reasons(replace(old, channels=kept), new, migrations)


def _gone_channels(old: DefinitionEntry, new: DefinitionEntry) -> dict[str, Reason]:
    """Why processes that use a channel which is declared no more cannot go on; others do without it."""
    return {
        name: reason
        for name, channel in old.channels.items()
        if name not in new.channels
        for reason in _hindering(channel_reasons(replace(old, channels={name: channel}), new))
    }


def _hindering(reasons: Iterator[Reason]) -> Iterator[Reason]:
    return (reason for reason in reasons if reason.verdict is not Verdict.MOVABLE)
