"""The saved form of the core: compact JSON, without the messages from outside that nobody has received.

Those stay inbox rows and are put back in their places on load: a value from a goroutine remembers after which message it
came. A goroutine that is running is saved as the first of the ready ones; tries of a faulting transition are not saved.

Format 2: an array of the format, the goroutines, the channels, the next place in the order of parking, and an object of what is
not as it is with most processes, named in `_others`; left out if that is nothing. Statuses and kinds are spelt out. Neither the id is in it,
which the row has, nor who receives at a channel: that follows from the cases of those who are parked, in the order in which they
parked (`check` has that as an invariant).

Format 1, which is read but no longer written: an object of all that by name, `id` and receivers included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeAlias, assert_never

from ._channel import UNDECLARED, ChannelState, Entry, Waiter, with_messages
from ._goroutine import Cancelling, Goroutine, GoroutineStatus
from ._line import Line
from ._model import Process, ProcessStatus
from .commands import (
    CallCase,
    Case,
    DefaultCase,
    EffectRequest,
    JoinCase,
    RecvCase,
    ResultCase,
    Resumption,
    ResumptionKind,
    SendCase,
    TimerCase,
)

FORMAT = 2
"""What is written. This and every earlier format is read."""

QueuedMessage: TypeAlias = tuple[int, str, str]
"""Position, channel and payload of a message from outside that nobody has received."""


class UnknownFormat(ValueError):
    """The core was saved in a format that this version does not read."""

    def __init__(self, given: object) -> None:
        super().__init__(
            f"the saved core has format {given!r}, this slct reads formats up to {FORMAT}\n  help: upgrade slct"
        )
        self.given = given
        self.known = FORMAT


_encode = json.JSONEncoder(separators=(",", ":")).encode


def to_json(process: Process) -> str:
    """The process as text, to be read back by `from_json` together with its id and its queued messages."""
    saved: list[Any] = [
        FORMAT,
        [_goroutine_json(g) for g in process.goroutines.values()],
        {name: _channel_json(c) for name, c in process.channels.items()},
        process.next_order,
    ]
    others = _others(process)
    if others:
        saved.append(others)
    return _encode(saved)


def _others(process: Process) -> dict[str, Any]:
    """What is not as it is with most processes most of the time."""
    others: dict[str, Any] = {}
    if process.status is not ProcessStatus.RUNNING:
        others["status"] = process.status.value
    for name, value in (
        ("ready", process.ready if process.running is None else (process.running, *process.ready)),
        ("position", process.last_position),
        ("open", process.open_channels),
        ("fail", process.fail_on_fault),
        ("cancelled", process.is_cancelled),
        ("unreceived", process.unreceived_count),
        ("attached", list(process.attached)),
        ("shown", sorted(process.shown)),
        ("by", process.written_by),
        ("from", process.origin),
    ):
        if value:
            others[name] = value
    return others


def from_json(text: str, process_id: str, messages: Iterable[QueuedMessage] = ()) -> Process:
    """The process as it was saved, with its queued messages back in their places.

    Messages at positions after the saved last one are left out: they arrived later, and are events still to come.

    Raises:
      UnknownFormat: a newer slct wrote it.
    """
    goroutines, channels, order, others = _parts(json.loads(text))
    process = Process(
        process_id,
        status=ProcessStatus(others.get("status", ProcessStatus.RUNNING)),
        open_channels=others.get("open", False),
        fail_on_fault=others.get("fail", False),
        goroutines={g.goroutine_id: g for g in map(_goroutine, goroutines)},
        channels={name: _channel(c) for name, c in channels.items()},
        ready=tuple(others.get("ready", ())),
        next_order=order,
        last_position=others.get("position", 0),
        is_cancelled=others.get("cancelled", False),
        unreceived_count=others.get("unreceived", 0),
        attached=dict.fromkeys(others.get("attached", ())),
        shown=frozenset(others.get("shown", ())),
        written_by=others.get("by", ""),
        origin=tuple(others["from"]) if "from" in others else None,
    )
    seen = [m for m in messages if m[0] <= process.last_position]
    return _indexed(_with_messages(process, seen))


def _parts(saved: Any) -> tuple[list[Any], dict[str, Any], int, dict[str, Any]]:
    """Goroutines, channels, order and others, of whatever format.

    Raises:
      UnknownFormat: it is none that this version reads.
    """
    if isinstance(saved, list) and saved[:1] == [FORMAT]:
        _, goroutines, channels, order, *rest = saved
        return goroutines, channels, order, rest[0] if rest else {}
    if isinstance(saved, dict) and saved.get("format") == 1:
        return saved["goroutines"], saved["channels"], saved["order"], saved
    raise UnknownFormat(saved.get("format") if isinstance(saved, dict) else next(iter(saved), None))


def _goroutine_json(g: Goroutine) -> list[Any]:
    out: list[Any] = [g.goroutine_id, g.cancelling.value if g.cancelling is not Cancelling.NO else ""]
    if g.status is GoroutineStatus.PARKED:
        return [*out, g.parked_order, [_case_json(case) for case in g.cases]]
    assert g.resumption is not None
    return [*out, [g.resumption.kind.value, g.resumption.case_index, g.resumption.payload]]


def _goroutine(saved: list[Any]) -> Goroutine:
    cancelling = Cancelling(saved[1] or "no")
    if len(saved) == 4:
        cases = tuple(_case(case) for case in saved[3])
        return Goroutine(saved[0], GoroutineStatus.PARKED, None, cases, saved[2], cancelling)
    kind, case_index, payload = saved[2]
    resumption = Resumption(ResumptionKind(kind), case_index, payload)
    return Goroutine(saved[0], GoroutineStatus.READY, resumption, cancelling=cancelling)


def _case_json(case: Case) -> list[Any]:
    match case:
        case RecvCase(channel):
            return ["recv", channel]
        case SendCase(channel, _):
            return ["send", channel]
        case TimerCase(deadline_ms):
            return ["after", deadline_ms]
        case CallCase(request):
            return ["call", request.effect_id, request.function]
        case JoinCase(goroutine_id):
            return ["join", goroutine_id]
        case ResultCase(process_id):
            return ["result", process_id]
        case DefaultCase():
            return ["default"]
        case _:
            assert_never(case)


def _case(saved: list[Any]) -> Case:
    match saved:
        case ["recv", channel]:
            return RecvCase(channel)
        case ["send", channel]:
            return SendCase(channel, "")
        case ["after", deadline_ms]:
            return TimerCase(deadline_ms)
        case ["call", effect_id, function]:
            return CallCase(EffectRequest(effect_id, function, ""))
        case ["join", goroutine_id]:
            return JoinCase(goroutine_id)
        case ["result", process_id]:
            return ResultCase(process_id)
        case ["default"]:
            return DefaultCase()
        case _:
            raise AssertionError(f"unknown case {saved!r}")


def _channel_json(channel: ChannelState) -> list[Any]:
    """Capacity, closed, values from goroutines; what is empty at the end is left out."""
    if channel.message_count < len(channel.queue):  # else all are messages from outside, perhaps very many
        values = [[e.payload, e.goroutine_id, e.case_index, e.after] for e in channel.queue if not e.position]
        return [channel.capacity, int(channel.is_closed), values]
    return [channel.capacity, 1] if channel.is_closed else [channel.capacity]


def _channel(saved: list[Any]) -> ChannelState:
    """NB: format 1 has the receivers in fourth place; they are found again in the cases of goroutines, as in format 2."""
    left_out: list[Any] = [0, []][len(saved) - 1 :]
    capacity, is_closed, values, *_ = [*saved, *left_out]
    queue = Line(Entry(payload, g, index, 0, after) for payload, g, index, after in values)
    return ChannelState(capacity, bool(is_closed), queue)


def _with_messages(process: Process, messages: list[QueuedMessage]) -> Process:
    by_channel: dict[str, list[Entry]] = {}
    for position, name, payload in sorted(messages):
        by_channel.setdefault(name, []).append(Entry(payload, position=position))
    channels = dict(process.channels)
    for name, entries in by_channel.items():
        channels[name] = with_messages(channels.get(name, UNDECLARED), entries)
    return replace(process, channels=channels)


def _indexed(process: Process) -> Process:
    """Fill what follows from the goroutines' cases: receivers of channels, and the indexes."""
    receivers: dict[str, list[Waiter]] = {}
    joins: dict[int, tuple[Waiter, ...]] = {}
    effects: dict[int, Waiter] = {}
    children: dict[str, tuple[Waiter, ...]] = {}
    timers: dict[int, int] = {}
    parked = [g for g in process.goroutines.values() if g.status is GoroutineStatus.PARKED]
    for g in sorted(parked, key=lambda g: g.parked_order):
        for index, case in enumerate(g.cases):
            waiter = Waiter(g.goroutine_id, index)
            match case:
                case RecvCase(str() as channel):
                    receivers.setdefault(channel, []).append(waiter)
                case JoinCase(goroutine_id):
                    joins[goroutine_id] = (*joins.get(goroutine_id, ()), waiter)
                case CallCase(request):
                    effects[request.effect_id] = waiter
                case ResultCase(process_id):
                    children[process_id] = (*children.get(process_id, ()), waiter)
                case TimerCase(deadline_ms):
                    timers[g.goroutine_id] = min(deadline_ms, timers.get(g.goroutine_id, deadline_ms))
                case _:
                    pass
    channels = dict(process.channels)
    for name, waiters in receivers.items():
        channels[name] = replace(channels.get(name, UNDECLARED), receivers=tuple(waiters))
    return replace(process, channels=channels, joins=joins, effects=effects, children=children, timers=timers)
