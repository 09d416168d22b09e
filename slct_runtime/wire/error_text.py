"""Encoded exceptions as text, for whoever has none of the author's classes: read as JSON, tagged (`{"$": ..., "v": ...}`) or plain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

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


__all__ = ["error_text", "items", "pairs"]
