"""Deployed definitions as the runtime knows them: names, versions, channels and the types of what comes from outside.

Knows manifests (JSON), no author's class. Everything that enters from outside is checked here, before it is accepted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slct_manifest import Reason, Verdict

from ._takeover import Obstacle, Takeover
from .store.base import DefinitionRow
from .wire.api import ApiError, ErrorCode, MovePolicy
from .wire.compact_json import make_encoder
from .wire.conform import DoesNotFit, conform, name_of, request_json

_json_text = make_encoder()


@dataclass(frozen=True)
class Deployed:
    """One version of one definition. `manifest` is the parsed text of its record; `policy`: who moves to it."""

    name: str
    version: str
    manifest: Mapping[str, Any]
    deployed_ms: int
    policy: MovePolicy = MovePolicy.AUTO

    @cached_property
    def capacities(self) -> dict[str, int]:
        """Declared channels and how many values each buffers."""
        return {name: int(channel.get("capacity", 0)) for name, channel in self.manifest.get("channels", {}).items()}

    @property
    def open_channels(self) -> bool:
        return bool(self.manifest.get("open_channels", False))

    @property
    def fail_on_fault(self) -> bool:
        return self.manifest.get("on_fault") == "fail"

    def obstacles_to_begin(self, document: str, arguments: str) -> tuple[Obstacle, ...]:
        """Why a process that has not begun yet, with these arguments, cannot begin here; nothing for one that has."""
        if document:
            return ()
        try:
            self.conform_arguments(arguments)
        except ApiError as error:
            return (Obstacle("", "", "", "", (Reason(Verdict.MIGRATION, error.message, error.help),)),)
        return ()

    def conform_message(self, channel: str, payload: str) -> str:
        """The payload as the channel's declared type has it.

        Raises:
          ApiError: NOT_FOUND for a channel that is not declared, INVALID_ARGUMENT for a value that does not fit.
        """
        channels = self.manifest.get("channels", {})
        if channel not in channels:
            if self.open_channels:
                return payload
            raise _no_channel(self.name, channel, channels)
        return _conform_text(payload, channels[channel].get("type"), channel)

    def conform_question(self, channel: str, payload: str, request_id: str) -> str:
        """The request that the process will receive, with a question as the channel's declared type has it.

        Raises:
          ApiError: as `conform_message`, and INVALID_ARGUMENT for a channel that takes no requests.
        """
        channels = self.manifest.get("channels", {})
        if channel not in channels and not self.open_channels:
            raise _no_channel(self.name, channel, channels)
        declared = channels.get(channel, {}).get("type") or {"kind": "any"}
        if declared["kind"] not in ("request", "any"):
            raise ApiError(
                ErrorCode.INVALID_ARGUMENT,
                f"channel {channel!r} of definition {self.name!r} takes {name_of(declared)}, and no requests",
                f"declare it as Channel[Request[Q, A]], or send({channel!r}, ...) without an answer",
                {"definition": self.name, "channel": channel},
            )
        question = _conform(parse(payload, channel), declared.get("value"), channel)
        return json.dumps(request_json(request_id, question), separators=(",", ":"))

    def conform_arguments(self, arguments: str) -> str:
        """`[positional, keywords]` as the parameters of `main` have them.

        Raises:
          ApiError: INVALID_ARGUMENT for an argument too many, too few, unknown, or of another type.
        """
        if self.manifest.get("parameters") is None:
            return arguments
        positional, keywords = _parse_arguments(arguments)
        return self._binding.bind(positional, keywords)

    @cached_property
    def _binding(self) -> _Binding:
        return _Binding(self.name, list(self.manifest["parameters"]))


def deployed_of(row: DefinitionRow) -> Deployed:
    return Deployed(row.name, row.version, json.loads(row.manifest), row.deployed_ms, MovePolicy(row.policy))


class _Binding:
    """Python's rules for arguments, by the manifest's list of parameters."""

    def __init__(self, definition: str, parameters: list[dict[str, Any]]) -> None:
        self.definition = definition
        self.by_position = [p for p in parameters if p["kind"] in ("positional_only", "positional_or_keyword")]
        self.by_name = {p["name"]: p for p in parameters if p["kind"] in ("positional_or_keyword", "keyword_only")}
        self.rest = next((p for p in parameters if p["kind"] == "var_positional"), None)
        self.rest_keywords = next((p for p in parameters if p["kind"] == "var_keyword"), None)
        self.required = [p for p in parameters if p.get("required")]

    def bind(self, positional: list[Any], keywords: dict[str, Any]) -> str:
        if len(positional) > len(self.by_position) and self.rest is None:
            raise self.refused(f"takes {len(self.by_position)} positional arguments, got {len(positional)}")
        given = [p["name"] for p in self.by_position[: len(positional)]]
        for name in keywords:
            if name in given and name in self.by_name:
                raise self.refused(f"got argument {name!r} twice")
            if name not in self.by_name and self.rest_keywords is None:
                raise self.refused(
                    f"has no parameter {name!r}", f"its parameters are {', '.join(self.by_name) or 'none'}"
                )
        missing = [p["name"] for p in self.required if p["name"] not in given and p["name"] not in keywords]
        if missing:
            raise self.refused(f"is missing {', '.join(repr(name) for name in missing)}")
        return _json_text([self._positional(positional), self._keywords(keywords)])

    def _positional(self, values: list[Any]) -> list[Any]:
        out = []
        for index, value in enumerate(values):
            parameter = self.by_position[index] if index < len(self.by_position) else self.rest
            assert parameter is not None, "checked by bind"
            out.append(_conform(value, parameter.get("type"), parameter["name"]))
        return out

    def _keywords(self, values: dict[str, Any]) -> dict[str, Any]:
        out = {}
        for name, value in values.items():
            parameter = self.by_name.get(name) or self.rest_keywords
            assert parameter is not None, "checked by bind"
            out[name] = _conform(value, parameter.get("type"), name)
        return out

    def refused(self, what: str, help: str = "") -> ApiError:
        return ApiError(
            ErrorCode.INVALID_ARGUMENT, f"definition {self.definition!r} {what}", help, {"definition": self.definition}
        )


class Catalogue:
    """All deployed definitions. The version deployed last is the one that new processes run on."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, Deployed]] = {}
        self._takeovers: dict[tuple[str, str, str], Takeover] = {}
        self.deployed_ms = 0  # the last of them

    def add(self, rows: Iterable[DefinitionRow]) -> None:
        for row in sorted(rows, key=lambda r: (r.deployed_ms, r.name, r.version)):
            versions = self._versions.setdefault(row.name, {})
            versions.pop(row.version, None)  # deployed again: it is the newest now
            versions[row.version] = deployed_of(row)
            self.deployed_ms = max(self.deployed_ms, row.deployed_ms)
            for key in [key for key in self._takeovers if key[0] == row.name and row.version in key[1:]]:
                del self._takeovers[key]

    def find(self, name: str, version: str | None) -> Deployed:
        """That version, or the newest if None.

        Raises:
          ApiError: NOT_FOUND, with the names or versions that exist.
        """
        versions = self._versions.get(name)
        if not versions:
            known = ", ".join(sorted(self._versions)) or "none yet"
            raise ApiError(
                ErrorCode.NOT_FOUND,
                f"no definition {name!r} is deployed",
                f"deployed definitions: {known}"
                + ("" if self._versions else "; start a worker with `slct worker build/`"),
                {"definition": name},
            )
        if version is None:
            return next(reversed(versions.values()))
        if version not in versions:
            raise ApiError(
                ErrorCode.NOT_FOUND,
                f"definition {name!r} has no version {version!r}",
                f"its versions are {', '.join(versions)}",
                {"definition": name, "version": version},
            )
        return versions[version]

    def functions(self, name: str, version: str) -> Mapping[str, Any]:
        """What the manifest says of each durable function; nothing for a version that is not deployed."""
        held = self._versions.get(name, {}).get(version)
        found: Mapping[str, Any] = {} if held is None else held.manifest.get("functions", {})
        return found

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._versions))

    def versions(self, name: str) -> tuple[Deployed, ...]:
        """All of that definition, the one deployed last at the end."""
        return tuple(self._versions.get(name, {}).values())

    def later(self, name: str, version: str) -> Iterator[Deployed]:
        """Versions deployed after that one, the one deployed last first."""
        for deployed in reversed(self._versions.get(name, {}).values()):
            if deployed.version == version:
                return
            yield deployed

    def takeover(self, name: str, old: str, new: str) -> Takeover:
        """What becomes of processes of one version under the other. Both are deployed."""
        key = (name, old, new)
        if key not in self._takeovers:
            versions = self._versions[name]
            self._takeovers[key] = Takeover(versions[old].manifest, versions[new].manifest)
        return self._takeovers[key]

    def knows(self, name: str, version: str) -> bool:
        return version in self._versions.get(name, {})

    def holds(self, name: str, version: str, manifest: str) -> bool:
        held = self._versions.get(name, {}).get(version)
        return held is not None and held.manifest == json.loads(manifest)

    def has_several(self, name: str) -> bool:
        """Whether that definition is deployed in more than one version."""
        return len(self._versions.get(name, {})) > 1

    def is_newest(self, name: str, version: str) -> bool:
        return next(reversed(self._versions.get(name, {})), None) == version


def _no_channel(definition: str, channel: str, channels: Iterable[str]) -> ApiError:
    names = ", ".join(sorted(channels)) or "none"
    return ApiError(
        ErrorCode.NOT_FOUND,
        f"definition {definition!r} declares no channel {channel!r}",
        f"its channels are: {names}",
        {"definition": definition, "channel": channel},
    )


def _conform(value: Any, description: Any, path: str) -> Any:
    if description is None:
        return value
    try:
        return conform(value, description, path)
    except DoesNotFit as error:
        raise ApiError(ErrorCode.INVALID_ARGUMENT, str(error), "", {"path": error.path}) from error


def _conform_text(payload: str, description: Any, path: str) -> str:
    return _json_text(_conform(parse(payload, path), description, path))


def parse(payload: str, path: str) -> Any:
    """Payload text to JSON value; INVALID_ARGUMENT if it is none."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ApiError(ErrorCode.INVALID_ARGUMENT, f"{path}: not JSON: {error}") from error


def _parse_arguments(arguments: str) -> tuple[list[Any], dict[str, Any]]:
    match parse(arguments, "arguments"):
        case [list() as positional, dict() as keywords]:
            return positional, keywords
        case _:
            raise ApiError(
                ErrorCode.INVALID_ARGUMENT, "arguments must be a list of positional and a dict of keyword arguments"
            )
