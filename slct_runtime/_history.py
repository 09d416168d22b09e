"""What a process has done, one line per transition: what woke it, from where to where, what it asked for, and how long it took.

Kept only where the setting `history_transitions_max` says so. An entry is written in the commit of its transition, so it is there if
and only if that happened; it is a record to read, and nothing is ever replayed from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import assert_never

from ._documents import Position, parse_document, positions
from .core import describe_case
from .core.commands import (
    Attach,
    CancelGoroutine,
    CancelProcess,
    Close,
    Command,
    Emit,
    Ending,
    Failed,
    Faulted,
    Finished,
    Go,
    Interrupt,
    MakeChannel,
    Parked,
    Reply,
    Resumption,
    ResumptionKind,
    SendTo,
    SetLabels,
    StartProcess,
)
from .store.base import HistoryRow
from .wire.api import HistoryEntry
from .wire.render import render

VALUE_CHARACTERS_MAX = 200
"""How much is kept of a value that a goroutine was woken with."""

TRIM_EVERY = 64
"""Old entries are deleted so many at a time: their number may exceed the setting by this."""


class Recorder:
    """Makes the entries of one process. Knows where its goroutines were after the transition before, and on which version."""

    __slots__ = ("_ordered_ms", "_parked_ms", "_positions", "_version")

    def __init__(self, document: str, version: str) -> None:
        self._version = version
        self._positions = positions(parse_document(document))
        self._parked_ms: dict[int, int] = {}  # since when a goroutine waits, if that is known
        self._ordered_ms = 0

    def ordered(self, now_ms: int) -> None:
        """A transition was given to a worker."""
        self._ordered_ms = now_ms

    def moved(self, seq: int, now_ms: int, version: str) -> HistoryEntry:
        """The entry of a move that was told, and is stored by itself."""
        self._version = version
        return HistoryEntry(seq, now_ms, event="moved", moved_to=version)

    def transition(
        self,
        goroutine_id: int,
        resumption: Resumption,
        commands: tuple[Command, ...],
        ending: Ending,
        document: str | None,
        seq: int,
        now_ms: int,
        status: str,
        error: str,
        version: str,
    ) -> HistoryEntry:
        """The entry of a transition that was accepted; `document` is the one that it has left, `version` the one that it ran on."""
        moved_to = version if version != self._version else ""
        self._version = version
        before = self._positions.get(goroutine_id, Position())
        if document is not None:
            self._positions = positions(parse_document(document))
        after = self._positions.get(goroutine_id, Position())
        parked_ms = self._parked_ms.pop(goroutine_id, None)
        self._parked_ms[goroutine_id] = now_ms
        return HistoryEntry(
            seq=seq,
            at_ms=now_ms,
            event="transition",
            goroutine_id=goroutine_id,
            woken_by=_woken_by(before, resumption),
            value=value_text(resumption.payload),
            function=(after if after.function else before).function,
            from_state=before.state,
            to_state=after.state,
            place=after.place,
            asks=tuple(_asks(ending)),
            does=tuple(map(_does, commands)),
            ending=_ending(ending),
            status=status,
            error=error,
            waited_ms=None if parked_ms is None else max(0, self._ordered_ms - parked_ms),
            ran_ms=max(0, now_ms - self._ordered_ms),
            moved_to=moved_to,
        )


def _woken_by(before: Position, resumption: Resumption) -> str:
    match resumption.kind:
        case ResumptionKind.START:
            return "start"
        case ResumptionKind.CANCELLED:
            return "cancelled"
        case ResumptionKind.INTERRUPTED:
            return "interrupted"
        case kind:
            known = resumption.case_index < len(before.waits)
            what = before.waits[resumption.case_index] if known else ""
            plain = (ResumptionKind.VALUE, ResumptionKind.NONE, ResumptionKind.JOINED)
            return what if kind in plain and what else f"{what} {kind.value}".strip()


def arguments_text(payload: str | None) -> str:
    """What a process was started with, as in a call: `100, rate=2`."""
    match json.loads(payload) if payload is not None else None:
        case [list(positional), dict(named)] if "$" not in named:
            given = [*map(render, positional), *(f"{name}={render(value)}" for name, value in named.items())]
            return _cut(", ".join(given))
        case _:  # nested so deep that the codec has written it otherwise
            return value_text(payload)


def value_text(payload: str | None) -> str:
    """A payload as readable text, cut where it is long; empty for none."""
    if payload is None:
        return ""
    return _cut(render(json.loads(payload)))


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[:VALUE_CHARACTERS_MAX] + "..."


def _asks(ending: Ending) -> Iterable[str]:
    return map(describe_case, ending.cases) if isinstance(ending, Parked) else ()


def _does(command: Command) -> str:
    match command:
        case Go(goroutine_id):
            return f"go {goroutine_id}"
        case MakeChannel(channel, capacity):
            return f"make_channel {channel} ({capacity})"
        case Close(channel):
            return f"close {channel}"
        case CancelGoroutine(goroutine_id):
            return f"cancel {goroutine_id}"
        case Interrupt(goroutine_id):
            return f"interrupt {goroutine_id}"
        case StartProcess(process_id, definition, _):
            return f"start {definition} {process_id}"
        case SendTo(process_id, channel, _):
            return f"send {process_id} {channel}"
        case CancelProcess(process_id):
            return f"cancel {process_id}"
        case Attach(process_id):
            return f"attach {process_id}"
        case Emit(payload):
            return f"emit {value_text(payload)}"
        case Reply(request_id, payload):
            return f"reply {value_text(payload)} to {request_id}"
        case SetLabels():
            return "labels"
        case _:
            assert_never(command)


def _ending(ending: Ending) -> str:
    match ending:
        case Parked():
            return "parked"
        case Finished():
            return "finished"
        case Failed():
            return "failed"
        case Faulted():
            raise AssertionError("a fault is never accepted")
        case _:
            assert_never(ending)


# --- rows -------------------------------------------------------------------------------------------------------------

_DEFAULTS = {f.name: f.default for f in fields(HistoryEntry)}


def history_row(process_id: str, entry: HistoryEntry) -> HistoryRow:
    """An entry as stored: what says nothing is left out."""
    facts = {name: value for name, value in asdict(entry).items() if name not in ("seq", "at_ms")}
    told = {name: value for name, value in facts.items() if value != _DEFAULTS[name]}
    return HistoryRow(process_id, entry.seq, entry.at_ms, json.dumps(told, separators=(",", ":")))


def history_entry(row: HistoryRow) -> HistoryEntry:
    """A stored entry."""
    facts = json.loads(row.entry)
    lists = {name: tuple(facts[name]) for name in ("asks", "does") if name in facts}
    return HistoryEntry(row.seq, row.at_ms, **{**facts, **lists})
