"""Changing a value in a stored document by hand: to repair a process that a mistake has left with a wrong one.

A document and the new values in, a document out; knows manifests and the codec's JSON, no author's class. What cannot be checked is not changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._documents import is_frame, stacks
from .wire.api import ApiError, EditRequest, ErrorCode
from .wire.conform import DoesNotFit, conform
from .wire.render import render

PLAIN_TYPES: Mapping[str, Mapping[str, Any]] = {
    name: {"kind": kind} for name, kind in (("int", "int"), ("str", "str"), ("float", "float"), ("bool", "bool"))
}
"""Types of locals that can be changed, as the manifest has them: those whose values say all of themselves in JSON."""


@dataclass(frozen=True, slots=True)
class Edited:
    """`changes`: what was changed, for people: `paid = 100 (was 40)`."""

    document: str
    changes: tuple[str, ...]


def edited(document: str, request: EditRequest, manifest: Mapping[str, Any]) -> Edited:
    """The document with the values of a request.

    Args:
      manifest: Of the version that has written the document.

    Raises:
      ApiError: INVALID_ARGUMENT for a value of another type; NOT_FOUND for a field or local that is not there;
        FAILED_PRECONDITION for one that cannot be changed by hand.
    """
    root = json.loads(document)
    try:
        changes = _changes(root, request, manifest)
    except ApiError as error:
        error.facts["process_id"] = request.process_id
        raise
    return Edited(json.dumps(root, separators=(",", ":")), tuple(changes))


def cannot_edit(process_id: str, reason: str) -> ApiError:
    """Nothing of the process can be changed just now."""
    facts = {"request": "edit", "process_id": process_id, "path": "", "reason": reason}
    text = f"process {process_id!r} cannot be changed by hand: {reason}"
    return ApiError(ErrorCode.FAILED_PRECONDITION, text, "try again, or cancel it", facts)


def _changes(root: dict[str, Any], request: EditRequest, manifest: Mapping[str, Any]) -> list[str]:
    if root.get("$") == "deep":
        raise _cannot("the process", "", "its document is nested too deep")
    return [*_fields(root, request.fields, manifest), *_locals(root, request.locals, manifest)]


def _fields(root: dict[str, Any], wanted: Mapping[str, str], manifest: Mapping[str, Any]) -> Iterator[str]:
    held, declared = root["process"], manifest.get("fields", {})
    for name, text in wanted.items():
        if name not in declared:
            raise _absent(f"a shared field {name!r}", declared)
        if not isinstance(held, dict) or "$" in held:
            raise _cannot(f"field {name!r}", name, "the fields of this process are not saved as plain names")
        yield _changed(held, name, _value(text, declared[name], name), f"field {name!r}", name)


def _locals(root: dict[str, Any], wanted: Mapping[str, str], manifest: Mapping[str, Any]) -> Iterator[str]:
    for path, text in wanted.items():
        frame, name = _frame_with(root, path)
        functions = manifest.get("compiled", {}).get("functions", {})
        written = functions.get(frame["function"], {}).get("slots", {}).get(name)
        if written not in PLAIN_TYPES:
            raise _cannot(
                f"local {path!r}",
                path,
                f"it is {written or 'of a type that is not known'}, not {' or '.join(PLAIN_TYPES)}",
            )
        yield _changed(frame["slots"], name, _value(text, PLAIN_TYPES[written], path), f"local {path!r}", path)


def _frame_with(root: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The one frame of that function which has that local: `main.total`, or `Order.main.total`."""
    function, _, name = path.rpartition(".")
    frames = [frame for stack in stacks(root).values() for frame in stack if is_frame(frame)]
    named = [f for f in frames if f".{f['function'].rpartition(':')[2]}".endswith(f".{function}")]
    found = [f for f in named if isinstance(f.get("slots"), dict) and name in f["slots"]]
    if not found:
        there = (
            f"{f['function'].rpartition(':')[2]}.{slot}" for f in frames for slot in f.get("slots", ()) if slot != "$"
        )
        raise _absent(f"a local {path!r} where it waits", there)
    if len(found) > 1:
        raise _cannot(f"local {path!r}", path, f"there are {len(found)} frames of {function}")
    return found[0], name


def _changed(holder: dict[str, Any], name: str, value: Any, what: str, path: str) -> str:
    old = holder.get(name)
    if '"$id"' in json.dumps(old):
        raise _cannot(what, path, "something else refers to what it holds now")
    holder[name] = value
    return f"{path} = {render(value)} (was {render(old)})"


def _value(text: str, description: Any, path: str) -> Any:
    try:
        return conform(json.loads(text), description, path)
    except DoesNotFit as error:
        raise ApiError(ErrorCode.INVALID_ARGUMENT, str(error), "", {"path": error.path}) from error
    except (ValueError, RecursionError) as error:
        raise ApiError(ErrorCode.INVALID_ARGUMENT, f"{path}: not JSON: {error}") from error


def _absent(what: str, there: Any) -> ApiError:
    return ApiError(
        ErrorCode.NOT_FOUND, f"the process has not {what}", f"it has {', '.join(sorted(set(there))) or 'none'}"
    )


def _cannot(what: str, path: str, why: str) -> ApiError:
    help = "deploy a version that repairs it: @migrate, or a `try` around what fails"
    return ApiError(
        ErrorCode.FAILED_PRECONDITION,
        f"{what} cannot be changed by hand: {why}",
        help,
        {"request": "edit", "path": path, "reason": why},
    )
