"""How the `slct` command prints processes: as text for people, as JSON for programs. Knows no network.

Values arrive as the codec's JSON, or as text for reading already; nothing here needs an author's class.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TextIO

from slct_runtime.core.queues import DEFAULT_QUEUE, RateLimit
from slct_runtime.wire.api import (
    ChannelInfo,
    EffectInfo,
    FrameInfo,
    GoroutineInfo,
    HistoryEntry,
    ProcessDescription,
    ProcessInfo,
    ProcessOutcome,
    QueueInfo,
    WatchEvent,
)
from slct_runtime.wire.render import render

STATUSES = ("running", "completed", "failed", "cancelled", "terminated", "faulted", "deadlocked")

ENDED = frozenset({"completed", "failed", "cancelled", "terminated"})

TEXT_KINDS = frozenset({"str", "path", "uuid", "datetime", "date", "time", "bytes", "bytearray"})
"""Kinds of types whose values are text in plain JSON, and nothing else."""
LOCAL_CHARACTERS_MAX = 200
"""Longer values are cut in text; `--format json` has them whole."""
LIST_PAGE = 100
"""Rows of a list that share their column widths."""


# --- one process -----------------------------------------------------------------------------------------------------


def description_text(description: ProcessDescription) -> str:
    return "\n".join(_description_lines(description))


def _description_lines(description: ProcessDescription) -> Iterator[str]:
    info = description.info
    yield f"{info.process_id}  {info.definition} version {info.version}  {info.status}  seq {info.seq}"
    yield f"  created {time_text(info.created_ms)}, updated {time_text(info.updated_ms)}"
    if info.labels:
        yield "  labels: " + _labels(info.labels)
    if description.result is not None:
        yield f"  result: {payload_text(description.result)}"
    if description.error:
        yield from _indented("  error: ", description.error)
    if info.status not in ENDED and not description.worker_count:
        yield f"  no worker serves version {info.version} of {info.definition}: nothing of it runs until one does"
    if description.forked_from is not None:
        process_id, seq = description.forked_from
        yield f"  forked from {process_id} at {seq}"
    if description.unreceived_count:
        yield f"  messages {_lost_or_waiting(description)}: {description.unreceived_count}"
    yield from _values(description.fields, "  ")
    for goroutine in description.goroutines:
        yield from _goroutine_lines(goroutine)
    if description.channels:
        yield "  channels: " + ", ".join(map(_channel_text, description.channels))
    for effect in description.effects:
        yield from _indented("  call ", _effect_text(effect))


def _lost_or_waiting(description: ProcessDescription) -> str:
    """A process that can still go on may still receive them (rule 5)."""
    return "never received" if description.info.status in ENDED else "not received yet"


def _goroutine_lines(goroutine: GoroutineInfo) -> Iterator[str]:
    waits = f", waits for {' | '.join(goroutine.waits_for)}" if goroutine.waits_for else ""
    yield f"  goroutine {goroutine.goroutine_id} is {goroutine.status}{waits}"
    for frame in goroutine.frames:
        yield from _frame_lines(frame)


def _frame_lines(frame: FrameInfo) -> Iterator[str]:
    yield "    " + "  ".join(part for part in (frame.place, frame.function, frame.state) if part)
    yield from _values(frame.locals, "      ")


def _values(values: dict[str, str], indent: str) -> Iterator[str]:
    for name, text in values.items():
        yield f"{indent}{name} = {_cut(text)}"


def _channel_text(channel: ChannelInfo) -> str:
    count = f"{channel.length} of {channel.capacity}" if channel.capacity else f"{channel.length} waiting"
    return f"{channel.name} ({count}{', closed' if channel.closed else ''})"


def _effect_text(effect: EffectInfo) -> str:
    done = (
        "no attempt has ended"
        if not effect.attempt
        else f"{effect.attempt} attempt{'s' if effect.attempt > 1 else ''} made"
    )
    parts = [f"{effect.function.rpartition(':')[2]}: {done}, due {time_text(effect.due_ms)}"]
    if effect.queue != DEFAULT_QUEUE:
        parts.append(f"queue {effect.queue}")
    if effect.progress:
        parts.append(f"progress: {_cut(effect.progress)}")
    if effect.last_error:
        parts.append(f"last error: {effect.last_error}")
    return ", ".join(parts)


def description_json(description: ProcessDescription) -> str:
    """The description as it is; fields and locals are texts for reading, the result is JSON of the codec's."""
    data = asdict(description) | {"result": _parsed(description.result)}
    return json.dumps(data, indent=2, ensure_ascii=False)


# --- how it ended ----------------------------------------------------------------------------------------------------


def payload_text(payload: str | None) -> str:
    """A value for reading: a text as it is, anything else much as Python would print it."""
    if payload is None:
        return ""
    value = _parsed(payload)
    return value if isinstance(value, str) else render(value)


def history_json(entry: HistoryEntry) -> str:
    return json.dumps(asdict(entry))


def history_text(entry: HistoryEntry) -> str:
    """One line, and one more for each thing that went on besides."""
    return "\n".join(_history_lines(entry))


def _history_lines(entry: HistoryEntry) -> Iterator[str]:
    head = f"{entry.seq:>6}  {time_text(entry.at_ms)}"
    if entry.moved_to:
        yield f"{head}  moved to version {entry.moved_to} {'as told' if entry.event == 'moved' else 'by deploy'}"
    if entry.event == "started":
        yield f"{head}  started ({_cut(entry.value)})"
    elif entry.event == "transition":
        woken = entry.woken_by + (f" = {_cut(entry.value)}" if entry.value else "")
        waited = "" if entry.waited_ms is None else f", parked {entry.waited_ms / 1000:g} s"
        to = entry.to_state if entry.ending == "parked" else entry.ending
        states = " -> ".join(state for state in (entry.from_state, to) if state)
        where = f" ({entry.place})" if entry.place and entry.ending == "parked" else ""
        yield f"{head}  goroutine {entry.goroutine_id}  {woken}{waited}: {entry.function} {states}{where}, {entry.ran_ms} ms"
    elif entry.event != "moved":
        yield f"{head}  {entry.event}" + (f" {_cut(entry.value)}" if entry.value else "")
    for what, things in (("waits for", entry.asks), ("does", entry.does)):
        if things:
            yield f"{'':>8}{what} {' | '.join(map(_cut, things))}"
    if entry.status not in ("", "running", entry.event):
        yield f"{'':>8}the process is {entry.status}"
    if entry.error:
        yield from _indented(f"{'':>8}", entry.error)


def outcome_json(outcome: ProcessOutcome) -> str:
    data = {"status": outcome.status, "result": _parsed(outcome.result), "error": _parsed(outcome.error)}
    return json.dumps(data, indent=2, ensure_ascii=False)


# --- many processes --------------------------------------------------------------------------------------------------


async def write_list_text(processes: AsyncIterator[ProcessInfo], out: TextIO) -> None:
    """A table, a page at a time, so that a long list begins at once."""
    rows: list[tuple[str, ...]] = [("ID", "DEFINITION", "VERSION", "STATUS", "SEQ", "UPDATED", "LABELS")]
    async for info in processes:
        updated = time_text(info.updated_ms)
        labels = _labels(info.labels)
        rows.append((info.process_id, info.definition, info.version, info.status, str(info.seq), updated, labels))
        if len(rows) > LIST_PAGE:
            write_table(rows, out)
            rows.clear()
    write_table(rows, out)


def write_table(rows: list[tuple[str, ...]], out: TextIO) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        out.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


async def write_list_json(processes: AsyncIterator[ProcessInfo], out: TextIO) -> None:
    """One JSON array, an element per line, written as the pages arrive."""
    opening = "[\n"
    async for info in processes:
        out.write(opening + json.dumps(asdict(info), ensure_ascii=False))
        opening = ",\n"
    out.write("[]\n" if opening == "[\n" else "\n]\n")


# --- queues of effects -----------------------------------------------------------------------------------------------


def write_queues_text(queues: Sequence[QueueInfo], out: TextIO) -> None:
    rows = [("QUEUE", "WAITING", "RUNNING", "WORKERS", "LIMITS")]
    rows += [(q.name, str(q.waiting_count), str(q.running_count), str(q.worker_count), _limits(q)) for q in queues]
    write_table(list(rows), out)


def _limits(queue: QueueInfo) -> str:
    limits = queue.limits
    shown = {
        "concurrency": limits.concurrency,
        "worker concurrency": limits.worker_concurrency,
        "rate": limits.rate and rate_text(limits.rate),
        "worker rate": limits.worker_rate and rate_text(limits.worker_rate),
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items() if value is not None) or "none"


def rate_text(rate: RateLimit) -> str:
    """As it is given on the command line."""
    return f"{rate.count}/{rate.per_ms / 1000:g}"


def queues_json(queues: Sequence[QueueInfo]) -> str:
    return json.dumps([asdict(queue) for queue in queues], indent=2, ensure_ascii=False)


# --- what happens ----------------------------------------------------------------------------------------------------


def event_text(event: WatchEvent) -> str:
    head = f"{time_text(event.at_ms)}  seq {event.seq}  {event.kind}"
    match event.kind:
        case "output":
            return f"{head} {event.offset}: {_cut(payload_text(event.payload))}"
        case _:
            return "  ".join(part for part in (head, event.status, event.text) if part)


def event_json(event: WatchEvent) -> str:
    return json.dumps(asdict(event) | {"payload": _parsed(event.payload)}, ensure_ascii=False)


# --- small things ----------------------------------------------------------------------------------------------------


def is_text(text: str, description: Any) -> bool:
    """Whether a word on the command line is meant as it is, for a type as a manifest describes it.

    It is, where only text can fit: `100` for a `str` is text. For `str | None` it is too, unless it says `null`.
    """
    match description:
        case {"kind": "union", "of": [*members]}:
            others = [member for member in members if member != {"kind": "none"}]
            return text != "null" and bool(others) and all(is_text(text, member) for member in others)
        case {"kind": kind}:
            return kind in TEXT_KINDS
        case _:
            return False


def time_text(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _labels(labels: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _indented(head: str, text: str) -> Iterator[str]:
    """A text after its head; one of several lines stands below it."""
    lines = text.splitlines()
    if len(lines) <= 1:
        yield head + text
    else:
        if head.strip():
            yield head.rstrip()
        yield from ("    " + line for line in lines)


def _cut(text: str) -> str:
    return text if len(text) <= LOCAL_CHARACTERS_MAX else text[:LOCAL_CHARACTERS_MAX] + f"... ({len(text)} characters)"


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text
