"""Rows as tests want them: everything has a default, and a commit reads like what it stands for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from slct_runtime.store.base import (
    EffectRow,
    HistoryRow,
    InboxRow,
    KeyRow,
    LoadedProcess,
    OutputRow,
    ProcessCommit,
    ProcessRow,
    ReplyRow,
    StateRow,
    Store,
)

NOBODY = ProcessRow(
    process_id="",
    definition="order",
    version="1",
    status="running",
    seq=0,
    core='{"goroutines":[]}',
    document="",
    arguments='[["ada",100],{}]',
    arguments_digest="0123456789abcdef",
    due_ms=None,
    is_ready=False,
    created_ms=1_000,
    updated_ms=1_000,
)


def process(process_id: str, seq: int = 0, **changes: Any) -> ProcessRow:
    return replace(NOBODY, process_id=process_id, seq=seq, **changes)


def creation(process_id: str, watches_insert: tuple[str, ...] = (), **changes: Any) -> ProcessCommit:
    return ProcessCommit(process_id, process(process_id, **changes), watches_insert=watches_insert)


def advance(process_id: str, expected_seq: int, row: dict[str, Any] | None = None, **rest: Any) -> ProcessCommit:
    return ProcessCommit(process_id, process(process_id, expected_seq + 1, **(row or {})), expected_seq, **rest)


def message(process_id: str, position: int, payload: str = '"hello"', name: str = "payments") -> InboxRow:
    return InboxRow(position, process_id, "message", name, payload, None, 7)


def outcome(process_id: str, position: int, effect_id: int, payload: str = "1", kind: str = "effect") -> InboxRow:
    return InboxRow(position, process_id, kind, str(effect_id), payload, None, 7)


def effect(process_id: str, effect_id: int, due_ms: int = 5, attempt: int = 0) -> EffectRow:
    return EffectRow(process_id, effect_id, '{"function":"orders_io:charge_card"}', attempt, due_ms, 5)


def key(process_id: str, text: str, digest: str = "d1", accepted_ms: int = 100) -> KeyRow:
    return KeyRow(process_id, text, digest, accepted_ms)


def output(process_id: str, offset: int, payload: str = "null") -> OutputRow:
    return OutputRow(process_id, offset, payload)


def reply(process_id: str, request_id: str, payload: str = "1", at_ms: int = 100) -> ReplyRow:
    return ReplyRow(process_id, request_id, payload, at_ms)


def history(process_id: str, seq: int, entry: str = "{}", at_ms: int = 100) -> HistoryRow:
    return HistoryRow(process_id, seq, at_ms, entry)


def state(process_id: str, seq: int, core: str = "{}", used: str = "") -> StateRow:
    return StateRow(process_id, seq, "1", core, '{"format":1,"process":{}}', "", {"x": "1"} if core else {}, used)


def load_one(store: Store, process_id: str) -> LoadedProcess:
    (loaded,) = store.load([process_id])
    return loaded
