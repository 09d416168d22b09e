"""Raw limits of this machine: what the disk and SQLite do when nothing stands between.

Measured on the file system of the benchmark itself, before and after each round of each workload. Two traps:
  1. SQLite leaves a page alone whose new content equals the old, and such a commit writes nothing: every value differs.
  2. A growing log is slower than one that starts over: each limit runs long enough to see checkpoints.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROW_BYTES = 300
"""About what a small process takes as a row."""
ROWS_PER_COMMIT = 100
ROW_COUNT = 10_000
"""Rows that are overwritten in turn."""
SYNC_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RawLimits:
    """Per second, each for itself."""

    fdatasyncs_s: float
    one_row_commits_s: float
    batched_rows_s: float


def measure(directory: Path, seconds: float) -> RawLimits:
    """Measure all of them, one after the other, `seconds` each, in a fresh folder of `directory`."""
    with tempfile.TemporaryDirectory(dir=directory, prefix="raw-") as name:
        folder = Path(name)
        return RawLimits(
            fdatasyncs_s=_fdatasyncs_s(folder / "sync.bin", seconds),
            one_row_commits_s=_commits_s(folder / "one.db", 1, seconds),
            batched_rows_s=_commits_s(folder / "many.db", ROWS_PER_COMMIT, seconds) * ROWS_PER_COMMIT,
        )


def _per_second(once: Callable[[int], None], seconds: float) -> float:
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        once(count)
        count += 1
    return count / passed


def _fdatasyncs_s(path: Path, seconds: float) -> float:
    """Append a page and sync it, again and again: what a log has to do."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    page = os.urandom(SYNC_BYTES)

    def once(_: int) -> None:
        os.write(file, page)
        os.fdatasync(file) if hasattr(os, "fdatasync") else os.fsync(file)

    try:
        return _per_second(once, seconds)
    finally:
        os.close(file)


def _commits_s(path: Path, row_count: int, seconds: float) -> float:
    """Commits per second of so many upserts each, with WAL and full synchronisation, as the store does."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE raw (k INTEGER PRIMARY KEY, v BLOB)")
    upsert = "INSERT INTO raw VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
    tail = os.urandom(ROW_BYTES - 8)

    def once(number: int) -> None:
        first = number * row_count
        rows = [(n % ROW_COUNT, n.to_bytes(8, "big") + tail) for n in range(first, first + row_count)]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(upsert, rows)
        connection.execute("COMMIT")

    try:
        return _per_second(once, seconds)
    finally:
        connection.close()
