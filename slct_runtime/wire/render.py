"""Codec JSON as short Python-like text for people: `Order(id=1, when=datetime 2026-01-01T00:00:00)`.

Knows the codec's tags (runtime_client/_codec.py), not the author's classes. Never fails: what it does not understand is shown
as JSON. An object met again is shown as `#1=...` where it is written and `#1` elsewhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, TypeAlias

from .conform import REQUEST_TYPE

Json: TypeAlias = Any

ITEMS_MAX = 20
"""Items of a list, dict or object that are shown."""

TEXT_CHARS_MAX = 200
"""Characters of one piece of text that are shown."""

LEVELS_MAX = 8
"""Values nested in values that are shown."""

MORE = "..."


def render(json_value: Json) -> str:
    """Short readable text of one value in the codec's form."""
    if isinstance(json_value, dict) and json_value.get("$") == "deep":
        return _Rendering(json_value.get("deep")).text(json_value.get("v"), 0)
    return _Rendering(None).text(json_value, 0)


class _Rendering:
    """One rendering; `deep` is the document's table of deep parts."""

    def __init__(self, deep: Json) -> None:
        self.deep = deep if isinstance(deep, list) else []

    def text(self, node: Json, level: int) -> str:
        if level > LEVELS_MAX:
            return MORE
        match node:
            case None | bool() | int() | float():
                return repr(node)
            case str():
                return _cut(repr(node))
            case list():
                return f"[{self.items(node, level)}]"
            case dict() if "$" in node:
                return self.tagged(node, level)
            case dict() if "$ref" in node:
                return f"#{node['$ref']}"
            case dict() if "$deep" in node:
                return self.deep_part(node["$deep"], level)
            case dict():
                return "{" + self.pairs(node, level) + "}"
            case _:
                return _cut(repr(node))

    def tagged(self, node: dict[str, Json], level: int) -> str:
        show = _SHOWN.get(node["$"]) if isinstance(node["$"], str) else None
        try:
            text = show(self, node, level) if show is not None else _as_json(node)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            text = _as_json(node)
        return f"#{node['$id']}={text}" if "$id" in node else text

    def deep_part(self, index: Json, level: int) -> str:
        if type(index) is int and 0 <= index < len(self.deep):
            return self.text(self.deep[index], level)
        return MORE

    def items(self, nodes: list[Json], level: int) -> str:
        shown = [self.text(node, level + 1) for node in nodes[:ITEMS_MAX]]
        return ", ".join(shown + _rest(len(nodes)))

    def pairs(self, mapping: Json, level: int, join: str = ": ", bare: bool = False) -> str:
        """A mapping, whether it is an object or pairs; `bare` keys are names."""
        pairs = list(mapping.items()) if isinstance(mapping, dict) else [tuple(pair) for pair in mapping]
        shown = [
            (str(key) if bare else self.text(key, level + 1)) + join + self.text(value, level + 1)
            for key, value in pairs[:ITEMS_MAX]
        ]
        return ", ".join(shown + _rest(len(pairs)))

    def arguments(self, mapping: Json, level: int) -> str:
        return self.pairs(mapping, level, "=", bare=True)


def _rest(count: int) -> list[str]:
    return [f"{MORE} {count - ITEMS_MAX} more"] if count > ITEMS_MAX else []


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else text[:TEXT_CHARS_MAX] + MORE


def _as_json(node: Json) -> str:
    try:
        return _cut(json.dumps(node, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        return MORE


def _short(name: Json) -> str:
    return str(name).rpartition(":")[2]


def _object(rendering: _Rendering, node: dict[str, Json], level: int) -> str:
    if node["type"] == REQUEST_TYPE:
        return _request(rendering, node["v"], level)
    parts = []
    if "base" in node:
        base = node["base"]
        parts.append(
            rendering.text(base, level + 1) if not _is_pairs(base) else "{" + rendering.pairs(base, level) + "}"
        )
    if "state" in node:
        parts.append(rendering.text(node["state"], level + 1))
    if node.get("v"):
        parts.append(rendering.arguments(node["v"], level))
    return f"{_short(node['type'])}({', '.join(parts)})"


def _request(rendering: _Rendering, inner: dict[str, Json], level: int) -> str:
    """As Python shows one: what is asked is what matters, not under which id."""
    return f"<request {rendering.text(inner['value'], level + 1)}{', answered' if inner.get('is_answered') else ''}>"


def _is_pairs(node: Json) -> bool:
    return isinstance(node, list) and bool(node) and all(isinstance(item, list) and len(item) == 2 for item in node)


def _exception(rendering: _Rendering, node: dict[str, Json], level: int) -> str:
    text = f"{_short(node['type'])}: {node['text']}" if node.get("text") else _short(node["type"])
    cause = node.get("cause")
    return _cut(text) + (f" (from {rendering.text(cause, level + 1)})" if cause is not None else "")


def _timedelta_text(node: dict[str, Json]) -> str:
    days, seconds, microseconds = node["v"]
    parts = [f"{days}d"] if days else []
    parts += [f"{count}{unit}" for count, unit in ((seconds // 3600, "h"), (seconds // 60 % 60, "m")) if count]
    rest = seconds % 60 + microseconds / 1_000_000
    if rest or not parts:
        parts.append(f"{rest:g}s")
    return " ".join(parts)


def _moment(node: dict[str, Json]) -> str:
    return f"{node['$']} {node['v']}" + (f" {node['zone']}" if "zone" in node else "")


def _bytes(node: dict[str, Json]) -> str:
    content = base64.b64decode(node["v"])
    text = _cut(repr(content))
    return text if node["$"] == "bytes" else f"bytearray({text})"


def _tuple(rendering: _Rendering, node: dict[str, Json], level: int) -> str:
    return f"({rendering.items(node['v'], level)}{',' if len(node['v']) == 1 else ''})"


def _set(rendering: _Rendering, node: dict[str, Json], level: int) -> str:
    inside = f"{{{rendering.items(node['v'], level)}}}" if node["v"] else ""
    return inside if node["$"] == "set" and inside else f"{node['$']}({inside})"


def _enum(rendering: _Rendering, node: dict[str, Json], level: int) -> str:
    return f"{_short(node['type'])}.{node['v']}" if "v" in node else f"{_short(node['type'])}({node['value']})"


def _frame(rendering: _Rendering, node: dict[str, Json], level: int) -> str:
    slots = rendering.arguments(node["slots"], level)
    return f"<frame {_short(node['function'])} at {node['at']}{': ' + slots if slots else ''}>"


def _partial(rendering: _Rendering, node: dict[str, Json], level: int) -> str:
    parts = [rendering.text(node["function"], level + 1)]
    parts += [rendering.items(node["args"], level)] if node["args"] else []
    parts += [rendering.arguments(node["keywords"], level)] if node["keywords"] else []
    return f"partial({', '.join(parts)})"


def _outcome(rendering: _Rendering, node: dict[str, Json], level: int) -> str:
    return f"raised {rendering.text(node['error'], level)}" if "error" in node else rendering.text(node["value"], level)


_Show: TypeAlias = Callable[[_Rendering, dict[str, Json], int], str]


def _call(name: str) -> _Show:
    return lambda rendering, node, level: f"{name}({rendering.items(node['v'], level)})"


def _mapping(name: str) -> _Show:
    return lambda rendering, node, level: f"{name}({{{rendering.pairs(node['v'], level)}}})"


_SHOWN: dict[str, _Show] = {
    "int": lambda r, node, level: str(node["v"]),
    "float": lambda r, node, level: str(node["v"]),
    "complex": lambda r, node, level: f"complex({r.items(node['v'], level)})",
    "str": lambda r, node, level: _cut(repr("".join(node["v"]))),
    "bytes": lambda r, node, level: _bytes(node),
    "bytearray": lambda r, node, level: _bytes(node),
    "list": lambda r, node, level: f"[{r.items(node['v'], level)}]",
    "dict": lambda r, node, level: "{" + r.pairs(node["v"], level) + "}",
    "tuple": _tuple,
    "set": _set,
    "frozenset": _set,
    "range": _call("range"),
    "slice": _call("slice"),
    "deque": lambda r, node, level: f"deque([{r.items(node['v'], level)}])",
    "ordereddict": _mapping("OrderedDict"),
    "counter": _mapping("Counter"),
    "defaultdict": _mapping("defaultdict"),
    "view": lambda r, node, level: f"dict_{node['kind']}({r.text(node['v'], level + 1)})",
    "iterator": lambda r, node, level: f"<iterator over {r.text(node['v'], level + 1) if 'v' in node else 'nothing'}>",
    "date": lambda r, node, level: _moment(node),
    "time": lambda r, node, level: _moment(node),
    "datetime": lambda r, node, level: _moment(node),
    "timedelta": lambda r, node, level: f"timedelta {_timedelta_text(node)}",
    "timezone": lambda r, node, level: f"timezone {_timedelta_text(node)}",
    "zoneinfo": lambda r, node, level: f"ZoneInfo({node['v']!r})",
    "uuid": lambda r, node, level: f"UUID({node['v']!r})",
    "decimal": lambda r, node, level: f"Decimal({node['v']!r})",
    "fraction": _call("Fraction"),
    "path": lambda r, node, level: f"{node.get('kind', 'Path')}({_cut(repr(node['v']))})",
    "ip": lambda r, node, level: f"{node['kind']}({node['v']!r})",
    "pattern": lambda r, node, level: f"re.compile({r.text(node['v'], level + 1)})",
    "random": lambda r, node, level: "<random.Random>",
    "ellipsis": lambda r, node, level: "...",
    "notimplemented": lambda r, node, level: "NotImplemented",
    "process": lambda r, node, level: "self",
    "class": lambda r, node, level: _short(node["v"]),
    "function": lambda r, node, level: _short(node["v"]),
    "module": lambda r, node, level: f"<module {node['v']}>",
    "method": lambda r, node, level: f"{r.text(node['self'], level + 1)}.{node['v']}",
    "partial": _partial,
    "enum": _enum,
    "namedtuple": lambda r, node, level: f"{_short(node['type'])}({r.arguments(node['v'], level)})",
    "object": _object,
    "construct": _object,
    "struct": _object,
    "exception": _exception,
    "exceptiongroup": _exception,
    "selected": lambda r, node, level: f"Selected({r.items(node['v'], level)})",
    "outcome": _outcome,
    "channel": lambda r, node, level: f"<channel {node['v']}>",
    "goroutine": lambda r, node, level: f"<goroutine {node['v']}>",
    "child": lambda r, node, level: f"<process {node['v']!r}>",
    "frame": _frame,
    "lost": lambda r, node, level: str(node["v"]),
}
