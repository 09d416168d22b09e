"""Rows between their two forms: as the databases return them, and as `base.py` defines them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ._codes import KINDS, STATUSES
from ._queries import Row
from ._shorthand import spelt_out
from .base import DefinitionRow, EffectRow, InboxRow, OutputRow, ProcessCommit, ProcessRow, ProcessSummary, StateRow


def is_independent(batch: Sequence[ProcessCommit]) -> bool:
    """Whether no commit of the batch concerns the process of another: then they may be written in any order."""
    own = {commit.process_id for commit in batch}
    if len(own) < len(batch):
        return False
    concerned: Counter[str] = Counter()
    created: set[str] = set()
    for commit in batch:
        created.update(row.process_id for row in commit.create)
        concerned.update(_foreign_ids(commit))
    return own.isdisjoint(concerned) and all(concerned[process_id] == 1 for process_id in created - own)


def _foreign_ids(commit: ProcessCommit) -> set[str]:
    """The other processes that a commit concerns: started by it, or sent to."""
    concerned = {row.process_id for row in commit.create} | {row.process_id for row in commit.inbox_insert}
    return concerned - {commit.process_id}


def process_row(values: Sequence[Any]) -> ProcessRow:
    process_id, definition, version, status, seq, core, document, arguments, digest, due_ms, is_ready, *rest = values
    created_ms, updated_ms, labels, result, error = rest
    return ProcessRow(
        process_id,
        definition,
        version,
        STATUSES[status],
        seq,
        core,
        spelt_out(document),
        arguments,
        digest,
        due_ms,
        bool(is_ready),
        created_ms,
        updated_ms,
        labels_of(labels),
        result,
        error,
    )


def process_summary(values: Row) -> ProcessSummary:
    process_id, definition, version, status, seq, created_ms, updated_ms, due_ms, labels = values
    return ProcessSummary(
        process_id, definition, version, STATUSES[status], seq, created_ms, updated_ms, due_ms, labels_of(labels)
    )


def inbox_row(values: Row) -> InboxRow:
    position, process_id, kind, name, payload, error, at_ms = values
    return InboxRow(position, process_id, KINDS[kind], name, payload, error, at_ms)


def effect_row(values: Row) -> EffectRow:
    return EffectRow(*values)


def output_row(values: Row) -> OutputRow:
    return OutputRow(*values)


def state_row(values: Row) -> StateRow:
    process_id, seq, version, labels, core, document, arguments, used = values
    return StateRow(process_id, seq, version, core, spelt_out(document), arguments, labels_of(labels), used or "")


def definition_row(values: Row) -> DefinitionRow:
    return DefinitionRow(*values)


def labels_text(labels: dict[str, str]) -> str | None:
    """Labels as a JSON object; None for none, as most processes have none."""
    return json.dumps(labels, separators=(",", ":"), sort_keys=True) if labels else None


def labels_of(text: str | None) -> dict[str, str]:
    return {} if text is None else dict(json.loads(text))
