"""A stored process as people want to see it: where every goroutine is, in the author's terms.

Reads the core's saved form and the worker's document as JSON; needs no author's class.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from ._engine import effect_request, restore_core
from .core import Process, describe_waits
from .store.base import EffectRow, LoadedProcess
from .wire.api import ChannelInfo, EffectInfo, FrameInfo, GoroutineInfo, ProcessDescription, ProcessInfo
from .wire.render import render


def describe(loaded: LoadedProcess) -> ProcessDescription:
    """Everything `slct show` prints of one process."""
    row = loaded.row
    core, later = restore_core(loaded)
    waiting = Counter(arrived.name for arrived in later if arrived.kind == "message")
    document = json.loads(row.document) if row.document else {}
    if document.get("$") == "deep":  # parts of it lie deep; what is shown here does not
        document = document["v"]
    info = ProcessInfo(
        row.process_id,
        row.definition,
        row.version,
        row.status,
        row.seq,
        row.created_ms,
        row.updated_ms,
        row.due_ms,
        dict(row.labels),
    )
    return ProcessDescription(
        info=info,
        fields={name: _text(value) for name, value in _pairs(document.get("process", {}))},
        goroutines=_goroutines(core, document),
        channels=tuple(
            ChannelInfo(name, channel.capacity, channel.length + _waiting(channel) + waiting[name], channel.is_closed)
            for name, channel in core.channels.items()
        ),
        effects=tuple(_effect(effect) for effect in loaded.effects if effect.effect_id > 0),
        result=row.result,
        error="" if row.error is None else error_text(row.error),
        unreceived_count=core.unreceived_count
        or sum(c.message_count for c in core.channels.values()) + waiting.total(),
    )


def _waiting(channel: Any) -> int:
    """Messages from outside that wait beyond the buffer."""
    return sum(1 for entry in channel.queue[channel.capacity :] if entry.position)


def _goroutines(core: Process, document: dict[str, Any]) -> tuple[GoroutineInfo, ...]:
    stacks = {saved[0]: saved[1] for saved in _items(document.get("goroutines", []))}
    return tuple(
        GoroutineInfo(
            goroutine_id,
            core.goroutines[goroutine_id].status.value,
            waits,
            tuple(_frame(frame) for frame in _items(stacks.get(goroutine_id, []))),
        )
        for goroutine_id, waits in describe_waits(core)
    )


def _frame(frame: Any) -> FrameInfo:
    if not isinstance(frame, dict) or frame.get("$") != "frame":
        return FrameInfo("?", "?", "", {})
    function = str(frame["function"]).rpartition(":")[2]
    slots = {name: _text(value) for name, value in _pairs(frame.get("slots", {}))}
    return FrameInfo(function, str(frame["state"]), str(frame.get("at", "")), slots)


def _effect(row: EffectRow) -> EffectInfo:
    return EffectInfo(row.effect_id, effect_request(row.request).function, row.attempt, row.due_ms)


def _text(value: Any) -> str:
    return render(value)


def _items(value: Any) -> list[Any]:
    """The elements of a list, tagged or plain."""
    if isinstance(value, dict):
        value = value.get("v", [])
    return value if isinstance(value, list) else []


def _pairs(value: Any) -> list[tuple[str, Any]]:
    """The items of a dict, tagged or plain."""
    if isinstance(value, dict) and "$" in value:
        value = value.get("v", {})
    if isinstance(value, dict):
        return list(value.items())
    return [(str(key), item) for key, item in value] if isinstance(value, list) else []


def error_text(error: str) -> str:
    """An encoded exception as text: its traceback if it has one, else type and message.

    Half surrogate pairs, which an author's message may hold, are written as escapes: not every way out takes them.
    """
    return _error_text(error).encode("utf-8", "backslashreplace").decode("utf-8")


def _error_text(error: str) -> str:
    try:
        node = json.loads(error)
    except ValueError:
        return error
    if not isinstance(node, dict):
        return error
    kind = str(node.get("type", "Exception")).rpartition(":")[2]
    message = node.get("text") or ", ".join(str(a) for a in _items(node.get("args", [])))
    traceback = node.get("traceback")
    head = f"{kind}: {message}" if message else kind
    return f"{str(traceback).rstrip()}\n{head}" if traceback and head not in str(traceback) else str(traceback or head)
