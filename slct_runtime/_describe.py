"""A stored process as people want to see it: where every goroutine is, in the author's terms.

Reads the core's saved form and the worker's document as JSON; needs no author's class.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ._documents import is_frame, pairs, parse_document, stacks
from ._engine import effect_request, restore_core
from .core import Process, describe_waits
from .store.base import EffectRow, LoadedProcess
from .wire.api import ChannelInfo, EffectInfo, FrameInfo, GoroutineInfo, ProcessDescription, ProcessInfo
from .wire.error_text import error_text
from .wire.render import render


def describe(loaded: LoadedProcess, functions: Mapping[str, Any]) -> ProcessDescription:
    """Everything `slct show` prints of one process. `functions`: what the manifest says of each durable function."""
    row = loaded.row
    core, later = restore_core(loaded)
    waiting = Counter(arrived.name for arrived in later if arrived.kind == "message")
    document = parse_document(row.document)
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
        fields={name: _text(value) for name, value in pairs(document.get("process", {}))},
        goroutines=_goroutines(core, document, functions),
        channels=tuple(
            ChannelInfo(name, channel.capacity, channel.length + _waiting(channel) + waiting[name], channel.is_closed)
            for name, channel in core.channels.items()
        ),
        effects=tuple(_effect(effect) for effect in loaded.effects if effect.effect_id > 0),
        result=row.result,
        error="" if row.error is None else error_text(row.error),
        unreceived_count=core.unreceived_count
        or sum(c.message_count for c in core.channels.values()) + waiting.total(),
        forked_from=core.origin,
    )


def _waiting(channel: Any) -> int:
    """Messages from outside that wait beyond the buffer."""
    return sum(1 for entry in channel.queue[channel.capacity :] if entry.position)


def _goroutines(core: Process, document: dict[str, Any], functions: Mapping[str, Any]) -> tuple[GoroutineInfo, ...]:
    frames = stacks(document)
    return tuple(
        GoroutineInfo(
            goroutine_id,
            core.goroutines[goroutine_id].status.value,
            waits,
            tuple(_frame(frame, functions) for frame in frames.get(goroutine_id, [])),
        )
        for goroutine_id, waits in describe_waits(core)
    )


def _frame(frame: Any, functions: Mapping[str, Any]) -> FrameInfo:
    if not is_frame(frame):
        return FrameInfo("?", "?", "", {})
    function = str(frame["function"]).rpartition(":")[2]
    hidden = functions.get(str(frame["function"]), {}).get("temporaries", ())
    slots = {name: _text(value) for name, value in pairs(frame.get("slots", {})) if name not in hidden}
    return FrameInfo(function, str(frame["state"]), str(frame.get("at", "")), slots)


def _effect(row: EffectRow) -> EffectInfo:
    request = effect_request(row.request)
    return EffectInfo(
        row.effect_id,
        request.function,
        row.attempt,
        row.due_ms,
        "" if row.last_error is None else error_text(row.last_error),
        "" if row.progress is None else _text(json.loads(row.progress)),
        request.queue,
    )


def _text(value: Any) -> str:
    return render(value)
