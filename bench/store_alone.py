"""What our own store can do with nothing above it: steps like those of the workload, handed to it ready made."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from slct_runtime.store import SqliteStore
from slct_runtime.store.base import EffectRow, ProcessCommit, ProcessRow

PROCESSES_PER_COMMIT = 100
TEXT_CHARACTERS = 100
"""Of each core, document and effect request, about as in the workload."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """A step: one process row replaced, one effect inserted, one deleted."""

    single_steps_s: float
    batched_steps_s: float


def measure(directory: Path, seconds: float) -> StoreLimits:
    return StoreLimits(_steps_s(directory, 1, seconds), _steps_s(directory, PROCESSES_PER_COMMIT, seconds))


def _steps_s(directory: Path, process_count: int, seconds: float) -> float:
    with tempfile.TemporaryDirectory(dir=directory, prefix="store-") as folder:
        store = SqliteStore(Path(folder) / "slct.db")
        names = [f"chain-{number:016x}" for number in range(process_count)]
        store.commit([ProcessCommit(name, _row(name, 0)) for name in names])
        seq, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds:
            conflicts = store.commit([_step(name, seq) for name in names])
            assert not conflicts
            seq += 1
        store.close()
    return seq * process_count / passed


def _step(name: str, seq: int) -> ProcessCommit:
    request = EffectRow(name, seq + 1, "r" * TEXT_CHARACTERS, attempt=0, due_ms=seq, requested_ms=seq)
    return ProcessCommit(name, _row(name, seq + 1), seq, effects_upsert=(request,), effects_delete=(seq,))


def _row(name: str, seq: int) -> ProcessRow:
    return ProcessRow(
        process_id=name,
        definition="chain",
        version="1",
        status="running",
        seq=seq,
        core="c" * TEXT_CHARACTERS,
        document=f"{seq:0{TEXT_CHARACTERS}}",
        arguments="",
        arguments_digest="0123456789abcdef",
        due_ms=None,
        is_ready=False,
        created_ms=0,
        updated_ms=seq,
    )
