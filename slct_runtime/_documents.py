"""A worker's document, read as JSON: where each goroutine is, in the author's terms. Needs no author's class.

Parts of a document may be tagged (`{"$": ..., "v": ...}`) where plain JSON would not do; what is read here is found either way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


def parse_document(text: str) -> dict[str, Any]:
    """The document as JSON; empty if there is none yet."""
    document: dict[str, Any] = json.loads(text) if text else {}
    if document.get("$") == "deep":  # parts of it lie deep; what is read here does not
        document = document["v"]
    return document


def stacks(document: dict[str, Any]) -> dict[int, list[Any]]:
    """Goroutine id to its frames, outermost first."""
    return {saved[0]: items(saved[1]) for saved in items(document.get("goroutines", []))}


def is_frame(node: Any) -> bool:
    return isinstance(node, dict) and node.get("$") == "frame"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a goroutine is: its innermost frame, and what it waits for (`recv(payments)`)."""

    function: str = ""
    state: str = ""
    place: str = ""
    waits: tuple[str, ...] = ()


def positions(document: dict[str, Any]) -> dict[int, Position]:
    """Goroutine id to where it is."""
    waits = {
        saved[0]: tuple(_wait_text(case) for case in items(saved[2])) for saved in items(document.get("waits", []))
    }
    return {
        goroutine_id: _position(frames[-1] if frames else None, waits.get(goroutine_id, ()))
        for goroutine_id, frames in stacks(document).items()
    }


def _position(frame: Any, waits: tuple[str, ...]) -> Position:
    if not is_frame(frame):
        return Position(waits=waits)
    function = str(frame["function"]).rpartition(":")[2]
    return Position(function, str(frame["state"]), str(frame.get("at", "")), waits)


def _wait_text(case: Any) -> str:
    kind, subject = (*items(case), "", None)[:2]
    word = {"next": "recv", "ended": "join"}.get(kind, kind)
    return f"{word}({subject})" if subject is not None else str(word)


def items(value: Any) -> list[Any]:
    """The elements of a list or tuple, tagged or plain."""
    if isinstance(value, dict):
        value = value.get("v", [])
    return value if isinstance(value, list) else []


def pairs(value: Any) -> list[tuple[str, Any]]:
    """The items of a dict, tagged or plain."""
    if isinstance(value, dict) and "$" in value:
        value = value.get("v", {})
    if isinstance(value, dict):
        return list(value.items())
    return [(str(key), item) for key, item in value] if isinstance(value, list) else []


# --- errors -----------------------------------------------------------------------------------------------------------


CHAIN_MAX = 12
"""How many exceptions of one error are shown: causes, contexts and members of groups."""
_CAUSED = "The above exception was the direct cause of the following exception:"
_MEANWHILE = "During handling of the above exception, another exception occurred:"


def error_text(error: str) -> str:
    """An encoded exception as Python prints it: what caused it first, tracebacks, notes, and the members of a group.

    Half surrogate pairs, which an author's message may hold, are written as escapes: not every way out takes them.
    """
    try:
        node = json.loads(error)
    except ValueError:
        node = None
    table = []
    if isinstance(node, dict) and node.get("$") == "deep":
        node, table = node["v"], node["deep"]
    text = "\n".join(_error_lines(node, table, CHAIN_MAX)) if isinstance(node, dict) else error
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _error_lines(node: dict[str, Any], table: list[Any], left: int) -> Iterator[str]:
    before, words = _error_before(node, table)
    if before is not None and left > 1:
        yield from _error_lines(before, table, left - 1)
        yield f"\n{words}\n"
    kind = str(node.get("type", "Exception")).rpartition(":")[2]
    message = node.get("text") or ", ".join(str(a) for a in items(node.get("args", [])))
    head = f"{kind}: {message}" if message else kind
    if isinstance(traceback := node.get("traceback"), str) and traceback:
        yield traceback.rstrip()
    if head not in str(traceback):
        yield head
    for note in items(dict(pairs(node.get("v", {}))).get("__notes__", [])):
        yield str(note)
    members = [member for member in items(node.get("exceptions", [])) if isinstance(member, dict)]
    for number, member in enumerate(members[: max(0, left - 1)], 1):
        text = "\n".join(_error_lines(member, table, left - len(members)))
        yield f"  {number}: " + text.lstrip().replace("\n", "\n     ")


def _error_before(node: dict[str, Any], table: list[Any]) -> tuple[dict[str, Any] | None, str]:
    """What an exception came of, and how that is said; None if nothing is to be shown."""
    for key, words in (("cause", _CAUSED), ("context", _MEANWHILE)):
        before = node.get(key)
        if isinstance(before, dict) and "$deep" in before:
            before = table[before["$deep"]]
        if isinstance(before, dict) and before.get("$") in ("exception", "exceptiongroup"):
            return before, words
        if key == "cause" and (before is not None or node.get("suppress") is True):
            break
    return None, ""
