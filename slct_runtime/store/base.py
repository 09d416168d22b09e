"""The store: what a runtime asks of a database. Knows rows; knows nothing of channels, goroutines or workers.

What is durable of a process is its row at `seq` N, plus the inbox rows that arrived since and were not consumed:
  1. The row changes only in a commit that states the `seq` it started from, and then `seq` grows by one (rule 25).
  2. What comes from outside (messages, closes, effect outcomes, cancellations) is an inbox row, in order of `position`.
     A row is deleted in the same commit in which a transition consumed it.
  3. So a runtime that stops anywhere finds row + inbox, and applies the inbox again to the core.
A `ProcessCommit` is stored whole or not at all; a `Batch` of them is one database transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Protocol

from ..core.records import record


@record(frozen=True, slots=True)
class ProcessRow:
    """One process as stored. `core` is the core's JSON text; `document` the worker's; times are Unix milliseconds.

    `due_ms` is the earliest deadline, None without one. `is_ready`: some goroutine could run now.
    `arguments` are those of its start, `""` once a document exists and they are not needed; `arguments_digest` stays,
    to tell a repeated start from another one (rule 15).
    """

    process_id: str
    definition: str
    version: str
    status: str
    seq: int
    core: str
    document: str
    arguments: str
    arguments_digest: str
    due_ms: int | None
    is_ready: bool
    created_ms: int
    updated_ms: int
    labels: dict[str, str] = field(default_factory=dict)
    result: str | None = None
    error: str | None = None


@record(frozen=True, slots=True)
class InboxRow:
    """One arrival from outside. `position` is unique in its process and grows.

    `kind`: message | close | effect | child | cancel. `name`: channel, effect id, process id.
    For outcomes (`effect`, `child`), `payload` is the result and `error` the encoded exception.
    """

    position: int
    process_id: str
    kind: str
    name: str
    payload: str | None = None
    error: str | None = None
    at_ms: int = 0


@record(frozen=True, slots=True)
class EffectRow:
    """One requested effect without outcome. `attempt` counts attempts ended (or, for at-most-once, started).

    `progress`: what an attempt reported last. `last_error`: the encoded exception in which the one before ended.
    """

    process_id: str
    effect_id: int
    request: str
    attempt: int
    due_ms: int
    requested_ms: int
    progress: str | None = None
    last_error: str | None = None


@record(frozen=True, slots=True)
class KeyRow:
    """A message key that was accepted (rule 15). `digest` tells the same message from another one under its key."""

    process_id: str
    key: str
    digest: str
    accepted_ms: int


@record(frozen=True, slots=True)
class OutputRow:
    """One value of a process's output stream; `offset` counts from 0."""

    process_id: str
    offset: int
    payload: str


@record(frozen=True, slots=True)
class ReplyRow:
    """The answer to one request; `request_id` is the key under which the request was sent. The first answer counts."""

    process_id: str
    request_id: str
    payload: str
    at_ms: int


@record(frozen=True, slots=True)
class HistoryRow:
    """What one commit of a process did; `entry` is JSON text (see `_history.py`)."""

    process_id: str
    seq: int
    at_ms: int
    entry: str


@record(frozen=True, slots=True)
class StateRow:
    """A process as one commit has left it, kept as long as the entry of its history; another process can begin there.

    `version` is the one that wrote `document`. `core` is "" if it had ended. `used`: JSON text of what has left it since the state
    before, and that state had: messages that were received, requests of effects that ended; "" for nothing (see `_states.py`).
    """

    process_id: str
    seq: int
    version: str
    core: str
    document: str
    arguments: str
    labels: dict[str, str]
    used: str


@record(frozen=True, slots=True)
class DefinitionRow:
    """One deployed definition: `manifest` is its JSON text, `policy` says which processes move to it ("auto", "manual", "pin")."""

    name: str
    version: str
    manifest: str
    deployed_ms: int
    policy: str = "auto"


@record(frozen=True, slots=True)
class QueueRow:
    """What one queue of effects allows: `limits` is JSON text (see `_engine.py`)."""

    name: str
    limits: str


@record(frozen=True, slots=True)
class BeginningRow:
    """So many effects of a queue began then. `forget_until_ms`: when it is stored, those of the queue up to then are forgotten."""

    queue: str
    at_ms: int
    count: int
    forget_until_ms: int = 0


@record(frozen=True, slots=True)
class ProcessCommit:
    """All that one process changes at once. Stored whole or not at all.

    `row` None: only inbox, key and effect rows change, and there is no condition on `seq`.
    `expected_seq` None with a row: the process is created, and a conflict if its id exists.
    Otherwise the stored `seq` must equal `expected_seq`, or the whole commit is a conflict.
    `history_delete_until`: entries and states up to that seq are no longer kept.
    `watches_insert` and `watches_delete`: other processes whose ends it waits for, from now on or no more.
    `create` and `inbox_insert` may concern other processes (children started, messages sent): they stand and fall
    with this commit. A created process whose id exists already is left as it is (rule 15).
    """

    process_id: str
    row: ProcessRow | None = None
    expected_seq: int | None = None
    inbox_insert: tuple[InboxRow, ...] = ()
    inbox_delete: tuple[int, ...] = ()
    keys_insert: tuple[KeyRow, ...] = ()
    effects_upsert: tuple[EffectRow, ...] = ()
    effects_delete: tuple[int, ...] = ()
    outputs_insert: tuple[OutputRow, ...] = ()
    replies_insert: tuple[ReplyRow, ...] = ()
    history_insert: tuple[HistoryRow, ...] = ()
    history_delete_until: int | None = None
    states_insert: tuple[StateRow, ...] = ()
    watches_insert: tuple[str, ...] = ()
    watches_delete: tuple[str, ...] = ()
    create: tuple[ProcessRow, ...] = ()


@record(frozen=True, slots=True)
class Conflict:
    """A commit that was not stored: the process is held at another `seq` (None: it does not exist)."""

    process_id: str
    held_seq: int | None
    given_seq: int | None


@record(frozen=True, slots=True)
class LoadedProcess:
    """A row with everything that goes with it; inbox and effects in order of position and effect id.

    `output_count` is the offset that its next output takes.
    """

    row: ProcessRow
    inbox: tuple[InboxRow, ...]
    effects: tuple[EffectRow, ...]
    output_count: int = 0


@record(frozen=True, slots=True)
class ProcessFilter:
    """Which processes to list; None means any. Labels must all be there with these values."""

    definition: str | None = None
    status: str | None = None
    version: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


@record(frozen=True, slots=True)
class ProcessSummary:
    """A listed process: its row without the documents."""

    process_id: str
    definition: str
    version: str
    status: str
    seq: int
    created_ms: int
    updated_ms: int
    due_ms: int | None
    labels: dict[str, str]


class Store(Protocol):
    """Blocking by design: the shell calls it from one writer and one reader thread, never from its event loop."""

    def commit(self, batch: Sequence[ProcessCommit]) -> list[Conflict]:
        """Store all commits of the batch in one durable transaction; report those that met another `seq`.

        Raises:
          StoreUnavailable: nothing of the batch was stored (disk full, read-only, locked); trying again is safe.
        """
        ...

    def load(self, process_ids: Sequence[str]) -> list[LoadedProcess]:
        """The processes that exist among these, in any order."""
        ...

    def due(self, until_ms: int, limit: int) -> list[tuple[str, int]]:
        """(process_id, due_ms) of running processes due by `until_ms`, and of effects due by then, earliest first."""
        ...

    def runnable(self, after_process_id: str, limit: int) -> list[str]:
        """Processes that need attention at once: running ones that are ready or have inbox rows, and all with effects; by id."""
        ...

    def find_keys(self, wanted: Sequence[tuple[str, str]], since_ms: int) -> list[KeyRow]:
        """The accepted keys among these (process_id, key) pairs, not older than `since_ms`."""
        ...

    def query(self, where: ProcessFilter, after_process_id: str, limit: int) -> list[ProcessSummary]:
        """One page of processes, ordered by id."""
        ...

    def outputs(self, process_id: str, from_offset: int, limit: int) -> list[OutputRow]: ...

    def find_reply(self, process_id: str, request_id: str) -> str | None:
        """The answer to a request, if there is one."""
        ...

    def history(self, process_id: str, after_seq: int, limit: int) -> list[HistoryRow]:
        """What the process has done after that seq, oldest first."""
        ...

    def find_state(self, process_id: str, seq: int) -> StateRow | None:
        """The process as it was after that commit; None if that is not kept."""
        ...

    def used_after(self, process_id: str, seq: int) -> list[str]:
        """What was used in each commit after that one, in order: the `used` of states that have any."""
        ...

    def forget_states(self) -> None:
        """No state is kept any more, durably."""
        ...

    def watchers(self, process_ids: Sequence[str]) -> list[tuple[str, str]]:
        """(watcher, watched) for all that wait for the end of one of these, in order of both."""
        ...

    def ended_watches(self, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """(watcher, watched) where the watched one has ended, or does not exist; in order, later than `after`."""
        ...

    def put_definitions(self, rows: Sequence[DefinitionRow]) -> None:
        """Insert or replace deployed definitions, durably."""
        ...

    def definitions(self) -> list[DefinitionRow]: ...

    def count_by_version(self) -> list[tuple[str, str, str, int]]:
        """(definition, version, status, count) of the processes that have not ended, in order."""
        ...

    def of_version(self, definition: str, version: str, status: str, after: int, limit: int) -> list[tuple[int, str]]:
        """One page of the processes of a version: (place, process_id), by place. `after`: the last place of the page before, or 0."""
        ...

    def put_queue(self, row: QueueRow) -> None:
        """Insert or replace the limits of a queue, durably."""
        ...

    def delete_queue(self, name: str) -> None:
        """It has no limits any more, durably; what began in it is forgotten."""
        ...

    def note_beginnings(self, rows: Sequence[BeginningRow]) -> None:
        """Effects begin, durably; counts of one queue and moment add up."""
        ...

    def beginnings(self) -> list[BeginningRow]:
        """What began and is not forgotten, by queue and time."""
        ...

    def queues(self) -> list[QueueRow]:
        """All queues that have limits, by name."""
        ...

    def vacuum(self, before_ms: int, keys_before_ms: int | None = None, count_max: int | None = None) -> int:
        """Delete ended processes last updated before then, oldest first; return how many. At most `count_max`, if given.

        One with effects stays: they are orders to other processes that are not carried out yet. Keys and answers from
        before `keys_before_ms` (`before_ms`, if not given) are deleted too, those of living processes as well.
        """
        ...

    def close(self) -> None: ...


class StoreError(Exception):
    """Root of what a store may raise."""


class StoreUnavailable(StoreError):
    """The database cannot be written or read now; nothing was changed. `reason` is the database's own word."""

    def __init__(self, path: str, reason: str, help: str = "") -> None:
        super().__init__(f"store {path!r} is unavailable: {reason}" + (f"\n  help: {help}" if help else ""))
        self.path = path
        self.reason = reason
        self.help = help


class StoreInUse(StoreError):
    """Another runtime holds this store."""

    def __init__(self, path: str, holder: str) -> None:
        super().__init__(f"store {path!r} is in use by {holder}\n  help: stop that runtime, or use another file")
        self.path = path
        self.holder = holder


class SchemaTooNew(StoreError):
    """The file was written by a newer slct."""

    def __init__(self, path: str, held: int, known: int) -> None:
        super().__init__(
            f"store {path!r} has schema version {held}, this slct knows versions up to {known}\n  help: upgrade slct"
        )
        self.path = path
        self.held = held
        self.known = known
