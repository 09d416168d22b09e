"""The store in one SQLite file: WAL, `synchronous=FULL`, one commit per batch.

  1. One runtime at a time (`_lock.py`); other programs may read the file meanwhile.
  2. Two connections: one writes, one reads. Each is used by one thread at a time, whichever that is: a lock beside
     each sees to it, and so sqlite3's own check of the thread is off. Readers see the last commit and never wait for a
     writer.
  3. `commit` first tries the whole batch with one statement per kind of change. If a condition on `seq` does not hold
     (or commits of the batch concern each other), it starts over and goes through them one by one, so that a conflict
     leaves out its own commit and nothing else.
  4. A commit that fails is rolled back and the connections stay usable: once there is room on the disk, or the
     other program has let go, the next commit works.
  5. The write-ahead log is bounded: checkpoints by SQLite's own rule every 1,000 pages, the file cut back to
     `WAL_BYTES_MAX`, and emptied at close.
  6. Documents are kept in shorthand (`_shorthand.py`), but for those of processes that have just asked for an effect: these are
     replaced soon, and the time is worth more than the bytes. Whoever reads a document here spells it out.

NB: if the disk fails in the very moment of syncing the log, a commit that was reported as failed may come back after a
crash of the machine. SQLite offers no way to tell; a caller that repeats it under its key is safe (rule 15).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from ._codes import KIND_CODES, STATUS_CODES, STATUSES
from ._lock import StoreLock
from ._queries import ROWS_PER_STATEMENT_MAX, Row, load_queries
from ._rows import (
    definition_row,
    effect_row,
    inbox_row,
    is_independent,
    labels_text,
    output_row,
    process_row,
    process_summary,
    state_row,
)
from ._schema import migrate
from ._shorthand import shortened
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
    StateRow,
    StoreError,
    StoreUnavailable,
)

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another program that writes to the file."""

WAL_BYTES_MAX = 64 * 1024 * 1024
"""The log is cut back to this when it starts over."""

CACHE_KIB = 16 * 1024
"""Pages kept in memory by each of the two connections."""

STATEMENTS_CACHED = 256
"""Prepared statements kept: some twenty queries, most of them in nine sizes."""

VACUUM_PROCESSES_PER_COMMIT = 500
"""Deleted at a time, so that commits do not wait long."""

SQLITE_VERSION_MIN = (3, 35, 0)

_FOR_EVER_MS = 2**63 - 1

_QUERIES = load_queries()


class SqliteStore:
    """A `Store` in the file `path`, made if it is not there. Blocking; see the file head for threads.

    Raises:
      StoreInUse: another runtime holds the file.
      StoreUnavailable: it cannot be opened, read or written, or is not a store.
      SchemaTooNew: a newer slct has written it.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        _check_library()
        self.path = os.path.realpath(path)
        self._busy_timeout_ms = busy_timeout_ms
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._is_closed = False
        _check_place(self.path)
        self._lock = _lock(self.path)
        self._opened: list[sqlite3.Connection] = []
        try:
            with self._translated():
                self._writer = self._connect()
                self._prepare_file(self._writer)
                self._reader = self._connect()
                self._reader.execute("PRAGMA query_only = ON")
        except BaseException:
            self.close()
            raise

    # --- writing ---------------------------------------------------------------------------------------------------

    def commit(self, batch: Sequence[ProcessCommit]) -> list[Conflict]:
        """As `Store.commit`."""
        with self._writing() as connection:
            if not is_independent(batch):
                return _commit_each(connection, batch)
            if not _commit_all(connection, batch):
                connection.execute("ROLLBACK")
                connection.execute("BEGIN IMMEDIATE")
                return _commit_each(connection, batch)
            return []

    def put_definitions(self, rows: Sequence[DefinitionRow]) -> None:
        with self._writing() as connection:
            given = [(row.name, row.version, row.deployed_ms, row.manifest, row.policy) for row in rows]
            _run_rows(connection, "put_definitions", given)

    def put_queue(self, row: QueueRow) -> None:
        with self._writing() as connection:
            _run(connection, "put_queue", row.name, row.limits)

    def forget_states(self) -> None:
        with self._reading() as connection:
            if _run(connection, "any_state").fetchone() is None:
                return  # nothing to write: a runtime that only looks opens without a commit
        with self._writing() as connection:
            _run(connection, "forget_states")

    def delete_queue(self, name: str) -> None:
        with self._writing() as connection:
            _run(connection, "delete_queue", name)
            _run(connection, "forget_beginnings", name, _FOR_EVER_MS)

    def note_beginnings(self, rows: Sequence[BeginningRow]) -> None:
        with self._writing() as connection:
            for row in rows:
                _run(connection, "forget_beginnings", row.queue, row.forget_until_ms)
                _run(connection, "note_beginning", row.queue, row.at_ms, row.count)

    def vacuum(self, before_ms: int, keys_before_ms: int | None = None, count_max: int | None = None) -> int:
        """As `Store.vacuum`, in several transactions. Room in the file is used again; the file does not shrink."""
        deleted, wanted = 0, _FOR_EVER_MS if count_max is None else count_max
        while count := self._vacuum_processes(before_ms, min(VACUUM_PROCESSES_PER_COMMIT, wanted - deleted)):
            deleted += count
        for query in ("delete_old_keys", "delete_old_replies"):
            while self._vacuum_old(query, before_ms if keys_before_ms is None else keys_before_ms):
                pass
        return deleted

    def _vacuum_processes(self, before_ms: int, count_max: int) -> int:
        if not count_max:
            return 0
        with self._writing() as connection:
            ended = _run(connection, "ended_before", before_ms, count_max).fetchall()
            for table in ("_inbox", "_effects", "_keys", "_outputs", "_replies", "_history", "_states", "_watches", ""):
                _run_rows(connection, f"delete_processes{table}", ended)
            return len(ended)

    def _vacuum_old(self, query: str, before_ms: int) -> int:
        with self._writing() as connection:
            return _run(connection, query, before_ms, VACUUM_PROCESSES_PER_COMMIT * 10).rowcount

    # --- reading ---------------------------------------------------------------------------------------------------

    def load(self, process_ids: Sequence[str]) -> list[LoadedProcess]:
        given = [(process_id,) for process_id in dict.fromkeys(process_ids)]
        with self._reading() as connection:  # one snapshot: a row never comes with the inbox of another seq
            rows = _fetch_rows(connection, "load_processes", given)
            inbox = _by_process(map(inbox_row, _fetch_rows(connection, "load_inbox", given)))
            effects = _by_process(map(effect_row, _fetch_rows(connection, "load_effects", given)))
        return [
            LoadedProcess(process_row(row), tuple(inbox.get(row[0], ())), tuple(effects.get(row[0], ())), output_count)
            for *row, output_count in rows
        ]

    def due(self, until_ms: int, limit: int) -> list[tuple[str, int]]:
        with self._reading() as connection:
            return _run(connection, "due", until_ms, until_ms, limit).fetchall()

    def runnable(self, after_process_id: str, limit: int) -> list[str]:
        arm = (after_process_id, limit)
        with self._reading() as connection:
            return [process_id for (process_id,) in _run(connection, "runnable", *arm, *arm, *arm, limit)]

    def find_keys(self, wanted: Sequence[tuple[str, str]], since_ms: int) -> list[KeyRow]:
        with self._reading() as connection:
            rows = _fetch_rows(connection, "find_keys", list(dict.fromkeys(wanted)))
        return [row for row in (KeyRow(*values) for values in rows) if row.accepted_ms >= since_ms]

    def query(self, where: ProcessFilter, after_process_id: str, limit: int) -> list[ProcessSummary]:
        status = None if where.status is None else STATUS_CODES.get(where.status, -1)
        wanted = (after_process_id, where.definition, status, where.version, labels_text(where.labels), limit)
        with self._reading() as connection:
            return [process_summary(row) for row in _run(connection, "list_processes", *wanted)]

    def outputs(self, process_id: str, from_offset: int, limit: int) -> list[OutputRow]:
        with self._reading() as connection:
            return [output_row(row) for row in _run(connection, "list_outputs", process_id, from_offset, limit)]

    def find_reply(self, process_id: str, request_id: str) -> str | None:
        with self._reading() as connection:
            found = _run(connection, "find_reply", process_id, request_id).fetchone()
        return None if found is None else str(found[0])

    def history(self, process_id: str, after_seq: int, limit: int) -> list[HistoryRow]:
        with self._reading() as connection:
            return [HistoryRow(*row) for row in _run(connection, "list_history", process_id, after_seq, limit)]

    def find_state(self, process_id: str, seq: int) -> StateRow | None:
        with self._reading() as connection:
            found = _run(connection, "find_state", process_id, seq).fetchone()
        return None if found is None else state_row(found)

    def used_after(self, process_id: str, seq: int) -> list[str]:
        with self._reading() as connection:
            return [used for (used,) in _run(connection, "list_used", process_id, seq)]

    def watchers(self, process_ids: Sequence[str]) -> list[tuple[str, str]]:
        given = [(process_id,) for process_id in dict.fromkeys(process_ids)]
        with self._reading() as connection:
            found = _fetch_rows(connection, "list_watchers", given)
        return sorted((watcher, watched) for watcher, watched in found)

    def ended_watches(self, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        with self._reading() as connection:
            return _run(connection, "ended_watches", *after, limit).fetchall()

    def definitions(self) -> list[DefinitionRow]:
        with self._reading() as connection:
            return [definition_row(row) for row in _run(connection, "list_definitions")]

    def count_by_version(self) -> list[tuple[str, str, str, int]]:
        with self._reading() as connection:
            rows = _run(connection, "count_by_version")
            return [(definition, version, STATUSES[status], count) for definition, version, status, count in rows]

    def of_version(self, definition: str, version: str, status: str, after: int, limit: int) -> list[tuple[int, str]]:
        with self._reading() as connection:
            wanted = (definition, version, STATUS_CODES[status], after, limit)
            return _run(connection, "list_of_version", *wanted).fetchall()

    def queues(self) -> list[QueueRow]:
        with self._reading() as connection:
            return [QueueRow(*row) for row in _run(connection, "list_queues")]

    def beginnings(self) -> list[BeginningRow]:
        with self._reading() as connection:
            return [BeginningRow(*row) for row in _run(connection, "list_beginnings")]

    # --- opening and closing ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Empty the log into the file, and let go of it. Waits for a commit under way; harmless when repeated."""
        with self._write_lock, self._read_lock:
            if self._is_closed:
                return
            self._is_closed = True
            for connection in reversed(self._opened):
                with suppress(sqlite3.Error):  # what is in the log is durable there, and stays for the next open
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.close()
            self._lock.release()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_ms / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_CACHED,
        )
        self._opened.append(connection)
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    def _prepare_file(self, connection: sqlite3.Connection) -> None:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreUnavailable(self.path, f"its journal mode stays {mode!r}, not WAL", "use a local file system")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # where a plain fsync does not reach the platter (macOS)
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
        migrate(connection, self.path)
        _sync_directory(os.path.dirname(self.path))

    # --- transactions and errors -----------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed at the end of the block, rolled back if anything leaves it."""
        with self._write_lock, self._translated():
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite has rolled back by itself if the disk is full
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot. Results are fetched inside the block: an open cursor would keep the log from starting over."""
        with self._read_lock, self._translated():
            connection = self._reader
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Only `StoreError` leaves a store."""
        if self._is_closed:
            raise StoreUnavailable(self.path, "it is closed")
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreUnavailable(self.path, str(error), _help_for(str(error))) from error
        except (UnicodeError, OverflowError, sqlite3.Error) as error:
            raise StoreError(f"store {self.path!r} cannot keep a value: {error}") from error


def _commit_all(connection: sqlite3.Connection, batch: Sequence[ProcessCommit]) -> bool:
    """Write commits that do not concern each other; False, with some of it written, if a condition does not hold."""
    created, advanced, touched = [], [], []
    for commit in batch:
        match commit:
            case ProcessCommit(row=None):
                touched.append((commit.process_id,))
            case ProcessCommit(row=ProcessRow() as row, expected_seq=None):
                created.append(_created(row))
            case ProcessCommit(row=ProcessRow() as row):
                document = row.document if commit.effects_upsert else shortened(row.document)
                advanced.append(_advanced(row, commit.expected_seq, document))
    if _run_rows(connection, "advance_processes", advanced) < len(advanced):
        return False
    if _run_rows(connection, "create_processes", created) < len(created):
        return False
    if sum(count for (count,) in _fetch_rows(connection, "count_processes", touched)) < len(touched):
        return False
    _write_rest(connection, batch)
    return True


def _commit_each(connection: sqlite3.Connection, batch: Sequence[ProcessCommit]) -> list[Conflict]:
    """Write the commits in order, leaving out those whose condition does not hold."""
    conflicts = []
    for commit in batch:
        held = _run(connection, "held_seq", commit.process_id).fetchone()
        held_seq = None if held is None else held[0]
        if not _may_commit(commit, held_seq):
            conflicts.append(Conflict(commit.process_id, held_seq, commit.expected_seq))
        else:
            written = _commit_all(connection, [commit])
            assert written, f"process {commit.process_id!r} changed inside a transaction"
    return conflicts


def _may_commit(commit: ProcessCommit, held_seq: int | None) -> bool:
    if commit.row is None:
        return held_seq is not None
    return held_seq == commit.expected_seq


def _write_rest(connection: sqlite3.Connection, batch: Sequence[ProcessCommit]) -> None:
    """All that goes with the rows. Insertions first: a batch may hold what removes them again."""
    for query, rows in (
        ("create_processes", [_created(row) for commit in batch for row in commit.create]),
        ("insert_inbox", [_arrived(row) for commit in batch for row in commit.inbox_insert]),
        ("upsert_keys", [_key(row) for commit in batch for row in commit.keys_insert]),
        ("upsert_effects", [_effect(row) for commit in batch for row in commit.effects_upsert]),
        ("insert_outputs", [(r.process_id, r.offset, r.payload) for commit in batch for r in commit.outputs_insert]),
        (
            "insert_replies",
            [(r.process_id, r.request_id, r.at_ms, r.payload) for commit in batch for r in commit.replies_insert],
        ),
        (
            "insert_history",
            [(r.process_id, r.seq, r.at_ms, r.entry) for commit in batch for r in commit.history_insert],
        ),
        ("insert_states", [_state(row) for commit in batch for row in commit.states_insert]),
        ("delete_history", _forgotten(batch)),
        ("delete_states", _forgotten(batch)),
        ("insert_watches", [(commit.process_id, watched) for commit in batch for watched in commit.watches_insert]),
        ("delete_watches", [(commit.process_id, watched) for commit in batch for watched in commit.watches_delete]),
        ("delete_inbox", [(commit.process_id, at) for commit in batch for at in commit.inbox_delete]),
        ("delete_effects", [(commit.process_id, effect_id) for commit in batch for effect_id in commit.effects_delete]),
    ):
        _run_rows(connection, query, rows)


# --- rows as parameters, in the order of queries.sql ----------------------------------------------------------------


def _created(row: ProcessRow) -> Row:
    return (
        row.process_id,
        STATUS_CODES[row.status],
        row.is_ready,
        row.seq,
        row.due_ms,
        row.created_ms,
        row.updated_ms,
        row.definition,
        row.version,
        row.arguments_digest,
        labels_text(row.labels),
        row.core,
        shortened(row.document),
        row.arguments,
        row.result,
        row.error,
    )


def _advanced(row: ProcessRow, expected_seq: int | None, document: str) -> Row:
    return (
        row.process_id,
        expected_seq,
        STATUS_CODES[row.status],
        row.is_ready,
        row.seq,
        row.due_ms,
        row.updated_ms,
        row.definition,
        row.version,
        labels_text(row.labels),
        row.core,
        document,
        row.arguments,
        row.result,
        row.error,
    )


def _arrived(row: InboxRow) -> Row:
    return (row.process_id, row.position, KIND_CODES[row.kind], row.at_ms, row.name, row.payload, row.error)


def _key(row: KeyRow) -> Row:
    return (row.process_id, row.key, row.digest, row.accepted_ms)


def _effect(row: EffectRow) -> Row:
    return (
        row.process_id,
        row.effect_id,
        row.attempt,
        row.due_ms,
        row.requested_ms,
        row.request,
        row.progress,
        row.last_error,
    )


def _state(row: StateRow) -> Row:
    document = shortened(row.document)
    return (
        row.process_id,
        row.seq,
        row.version,
        labels_text(row.labels),
        row.core,
        document,
        row.arguments,
        row.used or None,
    )


def _forgotten(batch: Sequence[ProcessCommit]) -> list[Row]:
    return [(c.process_id, c.history_delete_until) for c in batch if c.history_delete_until is not None]


# --- statements -----------------------------------------------------------------------------------------------------


def _run(connection: sqlite3.Connection, query: str, *parameters: Any) -> sqlite3.Cursor:
    return connection.execute(_QUERIES[query].text, parameters)


def _run_rows(connection: sqlite3.Connection, query: str, rows: Sequence[Row]) -> int:
    """Run the query over all rows; how many it changed."""
    return sum(connection.execute(*statement).rowcount for statement in _statements(query, rows))


def _fetch_rows(connection: sqlite3.Connection, query: str, rows: Sequence[Row]) -> list[Row]:
    return [found for statement in _statements(query, rows) for found in connection.execute(*statement).fetchall()]


def _statements(query: str, rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
    for start in range(0, len(rows), ROWS_PER_STATEMENT_MAX):
        yield _QUERIES[query].for_rows(rows[start : start + ROWS_PER_STATEMENT_MAX])


R = TypeVar("R", InboxRow, EffectRow)


def _by_process(rows: Iterable[R]) -> dict[str, list[R]]:
    grouped: dict[str, list[R]] = {}
    for row in rows:
        grouped.setdefault(row.process_id, []).append(row)
    return grouped


# --- the file and what may be wrong with it --------------------------------------------------------------------------


def _check_library() -> None:
    if sqlite3.sqlite_version_info < SQLITE_VERSION_MIN:
        needed = ".".join(map(str, SQLITE_VERSION_MIN))
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old, {needed} or later is needed")


def _check_place(path: str) -> None:
    directory = os.path.dirname(path)
    if os.path.isdir(path):
        raise StoreUnavailable(path, "it is a directory", "name a file in it")
    # SQLite would open it read-only without a word, and refuse the first commit.
    if os.path.exists(path) and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise StoreUnavailable(path, "it is read-only", "the store needs write access to the file and its directory")
    if not os.path.isdir(directory):
        raise StoreUnavailable(path, f"there is no directory {directory!r}", f"make it: mkdir -p {directory}")


def _lock(path: str) -> StoreLock:
    try:
        return StoreLock(path)
    except OSError as error:
        reason = f"its lock file cannot be opened: {error.strerror}"
        raise StoreUnavailable(path, reason, "the store needs write access to its directory") from error


def _sync_directory(directory: str) -> None:
    """Make the name of a new file durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_HELP: tuple[tuple[str, str], ...] = (
    ("database or disk is full", "make room on the disk; nothing that was acknowledged is lost"),
    ("readonly database", "the store needs write access to the file and its directory"),
    ("unable to open database file", "the store needs write access to the file and its directory"),
    ("file is not a database", "name another file for the store"),
    ("malformed", "restore the file from a backup; `sqlite3 FILE .recover` may save some of it"),
    ("locked", "another program is writing to the file: end it, or wait for it"),
    ("disk I/O error", "look for errors of the disk in the system's log"),
)


def _help_for(reason: str) -> str:
    return next((help for fragment, help in _HELP if fragment in reason), "")
