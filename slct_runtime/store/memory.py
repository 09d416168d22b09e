"""The store in memory: for tests, simulations and runtimes that need no tomorrow. Passes the contract of the others.

Safe to call from several threads: one lock, held for each call.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from ._codes import ENDED, KIND_CODES, OUTCOME_KINDS, RUNNING, STATUS_CODES, STATUSES
from .base import (
    BeginningRow,
    Conflict,
    DefinitionRow,
    EffectRow,
    HistoryRow,
    InboxRow,
    KeyRow,
    LoadedProcess,
    OutputRow,
    ProcessCommit,
    ProcessFilter,
    ProcessRow,
    ProcessSummary,
    QueueRow,
    ReplyRow,
    StateRow,
    StoreUnavailable,
)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class _Held:
    """One process and all that goes with it."""

    row: ProcessRow
    inbox: dict[int, InboxRow] = field(default_factory=dict)
    effects: dict[int, EffectRow] = field(default_factory=dict)
    keys: dict[str, KeyRow] = field(default_factory=dict)
    outputs: dict[int, OutputRow] = field(default_factory=dict)
    replies: dict[str, ReplyRow] = field(default_factory=dict)
    history: dict[int, HistoryRow] = field(default_factory=dict)
    states: dict[int, StateRow] = field(default_factory=dict)
    watches: set[str] = field(default_factory=set)

    def copy(self) -> _Held:
        return _Held(
            self.row,
            dict(self.inbox),
            dict(self.effects),
            dict(self.keys),
            dict(self.outputs),
            dict(self.replies),
            dict(self.history),
            dict(self.states),
            set(self.watches),
        )


def _exclusively(method: Callable[Concatenate[MemoryStore, P], R]) -> Callable[Concatenate[MemoryStore, P], R]:
    @wraps(method)
    def locked(self: MemoryStore, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._lock:
            if self._is_closed:
                raise StoreUnavailable("memory:", "it is closed")
            return method(self, *args, **kwargs)

    return locked


class MemoryStore:
    """A `Store` that ends with its process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: dict[str, _Held] = {}
        self._definitions: dict[tuple[str, str], DefinitionRow] = {}
        self._queues: dict[str, QueueRow] = {}
        self._beginnings: dict[tuple[str, int], int] = {}
        self._is_closed = False

    # --- writing ---------------------------------------------------------------------------------------------------

    @_exclusively
    def commit(self, batch: Sequence[ProcessCommit]) -> list[Conflict]:
        """As `Store.commit`."""
        changes = _Changes(self._processes)
        conflicts = [conflict for commit in batch if (conflict := changes.apply(commit)) is not None]
        self._processes.update(changes.changed)
        return conflicts

    @_exclusively
    def put_definitions(self, rows: Sequence[DefinitionRow]) -> None:
        self._definitions.update({(row.name, row.version): row for row in rows})

    @_exclusively
    def put_queue(self, row: QueueRow) -> None:
        self._queues[row.name] = row

    @_exclusively
    def forget_states(self) -> None:
        for held in self._processes.values():
            held.states = {}

    @_exclusively
    def delete_queue(self, name: str) -> None:
        self._queues.pop(name, None)
        self._forget_beginnings(name, None)

    @_exclusively
    def note_beginnings(self, rows: Sequence[BeginningRow]) -> None:
        for row in rows:
            self._forget_beginnings(row.queue, row.forget_until_ms)
            moment = (row.queue, row.at_ms)
            self._beginnings[moment] = self._beginnings.get(moment, 0) + row.count

    def _forget_beginnings(self, queue: str, until_ms: int | None) -> None:
        for name, at_ms in list(self._beginnings):
            if name == queue and (until_ms is None or at_ms <= until_ms):
                del self._beginnings[name, at_ms]

    @_exclusively
    def vacuum(self, before_ms: int, keys_before_ms: int | None = None, count_max: int | None = None) -> int:
        """As `Store.vacuum`."""
        ended = [held for held in self._processes.values() if _has_ended(held.row) and not held.effects]
        by_age = sorted((held.row.updated_ms, _by_id(held.row.process_id), held.row.process_id) for held in ended)
        old = [process_id for updated_ms, _, process_id in by_age if updated_ms < before_ms][:count_max]
        keys_before_ms = before_ms if keys_before_ms is None else keys_before_ms
        for process_id in old:
            del self._processes[process_id]
        for held in self._processes.values():
            held.keys = {key: row for key, row in held.keys.items() if row.accepted_ms >= keys_before_ms}
            held.replies = {one: row for one, row in held.replies.items() if row.at_ms >= keys_before_ms}
        return len(old)

    # --- reading ---------------------------------------------------------------------------------------------------

    @_exclusively
    def load(self, process_ids: Sequence[str]) -> list[LoadedProcess]:
        found = [self._processes[one] for one in dict.fromkeys(process_ids) if one in self._processes]
        return [
            LoadedProcess(_own(h.row), _in_order(h.inbox), _in_order(h.effects), max(h.outputs, default=-1) + 1)
            for h in found
        ]

    @_exclusively
    def due(self, until_ms: int, limit: int) -> list[tuple[str, int]]:
        running = [held for held in self._processes.values() if held.row.status == RUNNING]
        deadlines = [(h.row.process_id, h.row.due_ms) for h in running if h.row.due_ms is not None]
        deadlines += [(effect.process_id, effect.due_ms) for h in running for effect in h.effects.values()]
        return sorted((d for d in deadlines if d[1] <= until_ms), key=lambda d: (d[1], _by_id(d[0])))[:limit]

    @_exclusively
    def runnable(self, after_process_id: str, limit: int) -> list[str]:
        def needs_attention(held: _Held) -> bool:
            return bool(held.effects) or (held.row.status == RUNNING and bool(held.row.is_ready or held.inbox))

        return _page((id for id, held in self._processes.items() if needs_attention(held)), after_process_id, limit)

    @_exclusively
    def find_keys(self, wanted: Sequence[tuple[str, str]], since_ms: int) -> list[KeyRow]:
        held = ((self._processes.get(process_id), key) for process_id, key in dict.fromkeys(wanted))
        found = [one.keys[key] for one, key in held if one is not None and key in one.keys]
        return [row for row in found if row.accepted_ms >= since_ms]

    @_exclusively
    def query(self, where: ProcessFilter, after_process_id: str, limit: int) -> list[ProcessSummary]:
        wanted = (id for id, held in self._processes.items() if _matches(held.row, where))
        return [_summary(self._processes[id].row) for id in _page(wanted, after_process_id, limit)]

    @_exclusively
    def outputs(self, process_id: str, from_offset: int, limit: int) -> list[OutputRow]:
        held = self._processes.get(process_id)
        rows = () if held is None else _in_order(held.outputs)
        return [row for row in rows if row.offset >= from_offset][:limit]

    @_exclusively
    def find_reply(self, process_id: str, request_id: str) -> str | None:
        held = self._processes.get(process_id)
        row = None if held is None else held.replies.get(request_id)
        return None if row is None else row.payload

    @_exclusively
    def history(self, process_id: str, after_seq: int, limit: int) -> list[HistoryRow]:
        held = self._processes.get(process_id)
        rows = () if held is None else _in_order(held.history)
        return [row for row in rows if row.seq > after_seq][:limit]

    @_exclusively
    def find_state(self, process_id: str, seq: int) -> StateRow | None:
        held = self._processes.get(process_id)
        row = None if held is None else held.states.get(seq)
        return None if row is None else replace(row, labels=dict(row.labels))

    @_exclusively
    def used_after(self, process_id: str, seq: int) -> list[str]:
        held = self._processes.get(process_id)
        rows = () if held is None else _in_order(held.states)
        return [row.used for row in rows if row.seq > seq and row.used]

    @_exclusively
    def watchers(self, process_ids: Sequence[str]) -> list[tuple[str, str]]:
        wanted = set(process_ids)
        found = [(id, watched) for id, held in self._processes.items() for watched in held.watches & wanted]
        return sorted(found, key=lambda pair: (_by_id(pair[0]), _by_id(pair[1])))

    @_exclusively
    def ended_watches(self, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        found = [(id, watched) for id, held in self._processes.items() for watched in held.watches]
        ended = [pair for pair in found if pair[1] not in self._processes or _has_ended(self._processes[pair[1]].row)]
        ordered = sorted(ended, key=lambda pair: (_by_id(pair[0]), _by_id(pair[1])))
        return [pair for pair in ordered if (_by_id(pair[0]), _by_id(pair[1])) > (_by_id(after[0]), _by_id(after[1]))][
            :limit
        ]

    @_exclusively
    def definitions(self) -> list[DefinitionRow]:
        return [self._definitions[key] for key in sorted(self._definitions)]

    @_exclusively
    def count_by_version(self) -> list[tuple[str, str, str, int]]:
        rows = [held.row for held in self._processes.values() if not _has_ended(held.row)]
        counts = Counter((row.definition, row.version, STATUS_CODES[row.status]) for row in rows)
        return [(*key[:2], STATUSES[key[2]], count) for key, count in sorted(counts.items())]

    @_exclusively
    def of_version(self, definition: str, version: str, status: str, after: int, limit: int) -> list[tuple[int, str]]:
        wanted = (definition, version, status)
        rows = [held.row for held in self._processes.values()]  # in the order in which they were made
        places = enumerate(rows, 1)
        found = [(n, r.process_id) for n, r in places if n > after and (r.definition, r.version, r.status) == wanted]
        return found[:limit]

    @_exclusively
    def queues(self) -> list[QueueRow]:
        return sorted(self._queues.values(), key=lambda row: _by_id(row.name))

    @_exclusively
    def beginnings(self) -> list[BeginningRow]:
        rows = [BeginningRow(*moment, count) for moment, count in self._beginnings.items()]
        return sorted(rows, key=lambda row: (_by_id(row.queue), row.at_ms))

    def close(self) -> None:
        with self._lock:
            self._is_closed = True


class _Changes:
    """What one batch makes of the processes that it concerns; nothing is taken over before all of it is applied."""

    def __init__(self, processes: dict[str, _Held]) -> None:
        self._processes = processes
        self.changed: dict[str, _Held] = {}

    def apply(self, commit: ProcessCommit) -> Conflict | None:
        held = self._find(commit.process_id)
        held_seq = None if held is None else held.row.seq
        if commit.row is None:
            if held is None:
                return Conflict(commit.process_id, None, commit.expected_seq)
        elif held_seq != commit.expected_seq:
            return Conflict(commit.process_id, held_seq, commit.expected_seq)
        elif held is None:
            held = self._create(commit.row)
        else:
            created_ms, digest = held.row.created_ms, held.row.arguments_digest
            held.row = replace(_checked(commit.row), created_ms=created_ms, arguments_digest=digest)
        self._apply_rest(commit, held)
        return None

    def _apply_rest(self, commit: ProcessCommit, held: _Held) -> None:
        for row in commit.create:
            if self._find(row.process_id) is None:
                self._create(row)
        for arrived in commit.inbox_insert:
            self._arrive(arrived)
        for key in commit.keys_insert:
            if key.key not in held.keys or held.keys[key.key].accepted_ms < key.accepted_ms:
                held.keys[key.key] = key
        held.effects.update({row.effect_id: row for row in commit.effects_upsert})
        for output in commit.outputs_insert:
            _check(
                output.offset not in held.outputs, f"output {output.offset} of {output.process_id!r} is there already"
            )
            held.outputs[output.offset] = output
        for reply in commit.replies_insert:
            held.replies.setdefault(reply.request_id, reply)
        for entry in commit.history_insert:
            _check(entry.seq not in held.history, f"history {entry.seq} of {entry.process_id!r} is there already")
            held.history[entry.seq] = entry
        for state in commit.states_insert:
            _check(state.seq not in held.states, f"state {state.seq} of {state.process_id!r} is there already")
            held.states[state.seq] = replace(state, labels=dict(state.labels))
        if (until := commit.history_delete_until) is not None:
            held.history = {seq: entry for seq, entry in held.history.items() if seq > until}
            held.states = {seq: state for seq, state in held.states.items() if seq > until}
        held.watches |= set(commit.watches_insert)
        held.watches -= set(commit.watches_delete)
        for position in commit.inbox_delete:
            held.inbox.pop(position, None)
        for effect_id in commit.effects_delete:
            held.effects.pop(effect_id, None)

    def _arrive(self, row: InboxRow) -> None:
        assert row.kind in KIND_CODES, f"inbox row of unknown kind {row.kind!r}"
        held = self._find(row.process_id)
        if held is None:
            return
        if row.kind in OUTCOME_KINDS and any(
            (one.kind, one.name) == (row.kind, row.name) for one in held.inbox.values()
        ):
            return
        _check(row.position not in held.inbox, f"inbox position {row.position} of {row.process_id!r} is taken")
        held.inbox[row.position] = row

    def _find(self, process_id: str) -> _Held | None:
        """A copy to change, the same one for the whole batch."""
        if process_id not in self.changed and process_id in self._processes:
            self.changed[process_id] = self._processes[process_id].copy()
        return self.changed.get(process_id)

    def _create(self, row: ProcessRow) -> _Held:
        held = self.changed[row.process_id] = _Held(_checked(row))
        return held


def _check(condition: bool, reason: str) -> None:
    """What a database refuses by a constraint."""
    if not condition:
        raise StoreUnavailable("memory:", reason)


def _checked(row: ProcessRow) -> ProcessRow:
    assert row.status in STATUS_CODES, f"process row of unknown status {row.status!r}"
    return _own(row)


def _own(row: ProcessRow) -> ProcessRow:
    """A row whose labels nobody else can change."""
    return replace(row, labels=dict(row.labels))


def _has_ended(row: ProcessRow) -> bool:
    return row.status in ENDED


def _matches(row: ProcessRow, where: ProcessFilter) -> bool:
    return (
        where.definition in (None, row.definition)
        and where.status in (None, row.status)
        and where.version in (None, row.version)
        and where.labels.items() <= row.labels.items()
    )


def _summary(row: ProcessRow) -> ProcessSummary:
    return ProcessSummary(
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


T = TypeVar("T")


def _in_order(rows: dict[int, T]) -> tuple[T, ...]:
    return tuple(rows[key] for key in sorted(rows))


def _page(process_ids: Iterable[str], after: str, limit: int) -> list[str]:
    return sorted((one for one in process_ids if _by_id(one) > _by_id(after)), key=_by_id)[:limit]


def _by_id(process_id: str) -> bytes:
    """Databases order texts by their bytes."""
    return process_id.encode("utf-8")
