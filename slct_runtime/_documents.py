"""A worker's document, read as JSON: where each goroutine is, in the author's terms. Needs no author's class.

Parts of a document may be tagged (`{"$": ..., "v": ...}`) where plain JSON would not do; what is read here is found either way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .wire.error_text import items, pairs


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


__all__ = ["Position", "is_frame", "items", "pairs", "parse_document", "positions", "stacks"]
