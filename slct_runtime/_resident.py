"""One process in memory, and what of it is not on disk yet.

Knows the core and the store's rows; awaits nothing and talks to nobody. Invariants:
  1. `core` and `document` together are the process after its last accepted transition and all events since. They may be
     ahead of the disk; what follows from them is held back in `pending` until it is durable (rule 26).
  2. A commit writes the row only if a transition (or an administrative change) happened since the last one; otherwise
     only what arrived from outside is written, as inbox rows.
  3. With the row go all its consequences: inbox rows absorbed by it are deleted or, if never written, not written at all.
  4. Commits of one process are taken in order and never overlap: `stored_seq` is what the next one expects to find.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ._history import Recorder
from ._states import StateKeeper
from .core import Process, is_ready, next_due_ms, to_json, watched_processes, without_lost_channels
from .core.commands import Case, Command, EffectRequest, Ending, Parked, Payload, RecvCase
from .core.records import record
from .store.base import (
    EffectRow,
    HistoryRow,
    InboxRow,
    KeyRow,
    OutputRow,
    ProcessCommit,
    ProcessRow,
    ReplyRow,
    StateRow,
)
from .wire.api import ApiError

CHANNELS_MIN = 32
"""With fewer channels than this nothing is gained by looking for those that nobody can reach."""


@record(frozen=True, slots=True)
class Release:
    """What waits for durability: done when it is durable, told if it was lost."""

    durable: Callable[[], None]
    lost: Callable[[ApiError], None] | None = None


@dataclass(slots=True)
class EffectRun:
    """One effect without outcome. `attempt` counts those ended, or for at-most-once those started."""

    request: EffectRequest
    attempt: int
    due_ms: int
    requested_ms: int
    dispatch_id: int | None = None
    is_queued: bool = False
    place: int = 0  # in its queue, among requests of the same moment
    is_begun: bool = False  # the order to run this attempt has left: a worker may have begun
    is_durable: bool = False  # its row is on disk as it stands here; until then nobody may run it (rule 26)
    progress: Payload | None = None
    unstored_progress_count: int = 0  # reports that are on their way to the disk: the next attempt waits for them
    last_error: Payload | None = None
    version: str = ""  # of the definition: workers of that version run it

    def texts(self) -> list[Payload]:
        """All that its attempts know, and so may give back."""
        return [text for text in (self.request.arguments, self.progress, self.last_error) if text is not None]


@dataclass(slots=True)
class Pending:
    """Changes since the last commit was taken. The second half is written only together with the row."""

    inbox: dict[int, InboxRow] = field(default_factory=dict)
    keys: list[KeyRow] = field(default_factory=list)
    attempts: dict[int, EffectRow] = field(default_factory=dict)
    posts_ended: set[int] = field(default_factory=set)  # orders to other processes that were carried out
    releases: list[Release] = field(default_factory=list)

    row_changed: bool = False
    requests: dict[int, EffectRow] = field(default_factory=dict)
    effects_ended: set[int] = field(default_factory=set)
    outputs: list[OutputRow] = field(default_factory=list)
    replies: list[ReplyRow] = field(default_factory=list)
    history: list[HistoryRow] = field(default_factory=list)
    history_until: int | None = None
    states: list[StateRow] = field(default_factory=list)
    row_releases: list[Release] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.row_changed or self.inbox or self.keys or self.attempts or self.posts_ended or self.releases)


@record(frozen=True, slots=True)
class Loop:
    """A goroutine whose last transition asked for nothing and ended in waiting to receive, and in what cases.

    `is_repeated`: so did the one before it, in the same cases.
    """

    goroutine_id: int = 0
    cases: tuple[Case, ...] = ()
    is_repeated: bool = False

    def after(self, goroutine_id: int, commands: tuple[Command, ...], ending: Ending) -> Loop:
        """The same after one more transition."""
        if commands or not isinstance(ending, Parked) or not all(isinstance(case, RecvCase) for case in ending.cases):
            return NO_LOOP
        return Loop(goroutine_id, ending.cases, (self.goroutine_id, self.cases) == (goroutine_id, ending.cases))


NO_LOOP = Loop()


@dataclass(frozen=True, slots=True, eq=False)
class MoveOrder:
    """Somebody wants the process to go on under this version; `future` is told what became of it."""

    version: str
    future: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Resident:
    """One process in memory. Mutable, owned by the event loop of its runtime."""

    process_id: str
    definition: str
    version: str
    core: Process
    document: str
    arguments: str
    arguments_digest: str
    seq: int
    stored_seq: int | None  # None: not in the store yet
    created_ms: int
    updated_ms: int
    labels: dict[str, str]
    position: int = 0  # the last one given out
    output_count: int = 0
    result: str | None = None
    error: str | None = None
    made_pending: Pending | None = None  # what is not on disk yet; made when it is asked for, since most processes rest
    in_commit: bool = False
    is_with_worker: bool = False  # a worker runs a transition of it
    is_lost: bool = False  # dropped after a refused commit: everything that still names it must let go
    absorbed: set[int] = field(default_factory=set)  # inbox positions that the next row makes obsolete
    stored_inbox: set[int] = field(default_factory=set)  # inbox positions that are rows now
    effects: dict[int, EffectRun] = field(default_factory=dict)
    stored_watches: frozenset[str] = frozenset()  # other processes whose ends it waits for, as stored
    is_posting: bool = False  # orders to other processes are being carried out, one after the other
    recorder: Recorder | None = None  # None: no history is kept
    keeper: StateKeeper | None = None  # the same
    keys: dict[str, str] = field(default_factory=dict)  # accepted here and perhaps not durable yet: key to digest
    received_waiters: dict[int, list[Release]] = field(default_factory=dict)
    loop: Loop = NO_LOOP
    moved_from: str | None = (
        None  # the version that wrote the document, until the one that it has moved to writes the next
    )
    told: MoveOrder | None = None  # to move as soon as no transition runs
    refused_by: set[str] = field(default_factory=set)  # versions whose workers could not read the document as it is
    channels_next: int = CHANNELS_MIN  # with so many channels it looks for those that nobody can reach

    @property
    def pending(self) -> Pending:
        """Changes since the last commit was taken."""
        if self.made_pending is None:
            self.made_pending = Pending()
        return self.made_pending

    @property
    def has_pending(self) -> bool:
        return self.made_pending is not None and not self.made_pending.is_empty

    @property
    def status(self) -> str:
        return str(self.core.status.value)

    @property
    def written_by(self) -> str:
        """The version that has written the document: until another one has, nothing has moved."""
        return self.moved_from or self.version

    @property
    def has_ended(self) -> bool:
        return self.core.status.is_end

    @property
    def is_beginning(self) -> bool:
        """Its first transition is under way, and it is not stored."""
        return self.stored_seq is None and self.core.running is not None

    def drop_lost_channels(self) -> None:
        """After a transition: let go of channels that it made and nobody can reach, when there are twice as many as last time."""
        if len(self.core.channels) >= self.channels_next and self.document:
            lent = (text for run in self.effects.values() for text in run.texts())
            self.core = without_lost_channels(self.core, self.document, lent)
            self.channels_next = max(CHANNELS_MIN, 2 * len(self.core.channels))

    @property
    def is_idle(self) -> bool:
        """Nothing would be lost if it were dropped from memory now."""
        return (
            not self.has_pending
            and not self.in_commit
            and not self.effects
            and not self.received_waiters
            and (self.has_ended or not is_ready(self.core))
        )

    def unreleased(self) -> list[Release]:
        """All that waits for something of it to be durable, or to be received."""
        receiving = [release for releases in self.received_waiters.values() for release in releases]
        return [*self.pending.releases, *self.pending.row_releases, *receiving]

    @property
    def may_wait(self) -> bool:
        """Whether what is pending may as well be stored with the row that is to come: it has only arrived, and nobody waits for it.

        So a message on whose effect its sender waits, or the outcome of an effect, costs one commit and not two. If the runtime dies
        before, it is as if that had come a moment later: the sender was told nothing, and the effect has no outcome.
        """
        pending = self.pending
        has_others = pending.row_changed or pending.attempts or pending.posts_ended or pending.releases
        return self.is_with_worker and not has_others

    def next_position(self) -> int:
        self.position = max(self.position, self.core.last_position) + 1
        return self.position

    def remember_key(self, key: str, digest: str) -> None:
        """Keep the newest keys at hand; older ones are durable and are found in the store."""
        self.keys[key] = digest
        if len(self.keys) > KEYS_AT_HAND_MAX:
            del self.keys[next(iter(self.keys))]

    def take(self) -> tuple[ProcessCommit, list[Release]]:
        """What to store now, and what waits for it. From here on it counts as stored; a failure loses the resident."""
        pending, self.made_pending = self.pending, None
        if pending.row_changed:
            return self._take_row(pending)
        self._keep_row_changes(pending)
        self.stored_inbox.update(pending.inbox)  # in place, as all that is done to it: it may be long
        commit = ProcessCommit(
            self.process_id,
            inbox_insert=tuple(pending.inbox.values()),
            keys_insert=tuple(pending.keys),
            effects_upsert=tuple(pending.attempts.values()),
            effects_delete=tuple(sorted(pending.posts_ended)),
        )
        return commit, pending.releases

    def _keep_row_changes(self, pending: Pending) -> None:
        """What belongs to the next row waits for it."""
        self.pending.requests = pending.requests
        self.pending.effects_ended = pending.effects_ended
        self.pending.outputs = pending.outputs
        self.pending.replies = pending.replies
        self.pending.history, self.pending.history_until = pending.history, pending.history_until
        self.pending.states = pending.states
        self.pending.row_releases = pending.row_releases

    def _take_row(self, pending: Pending) -> tuple[ProcessCommit, list[Release]]:
        insert, delete = self._settle_inbox(pending)
        upserts, deleted = _settle_effects(pending)
        watches = self.stored_watches
        if watches or self.core.children or self.core.attached:
            watches = frozenset(watched_processes(self.core))
        watched, self.stored_watches = self.stored_watches, watches
        expected, self.stored_seq = self.stored_seq, self.seq
        commit = ProcessCommit(
            self.process_id,
            row=self._row(),
            expected_seq=expected,
            inbox_insert=insert,
            inbox_delete=delete,
            keys_insert=tuple(pending.keys),
            effects_upsert=upserts,
            effects_delete=deleted,
            outputs_insert=tuple(pending.outputs),
            replies_insert=tuple(pending.replies),
            history_insert=tuple(pending.history),
            history_delete_until=pending.history_until,
            states_insert=tuple(pending.states),
            watches_insert=tuple(sorted(watches - watched)) if watches is not watched else (),
            watches_delete=tuple(sorted(watched - watches)) if watches is not watched else (),
        )
        return commit, pending.releases + pending.row_releases

    def _settle_inbox(self, pending: Pending) -> tuple[tuple[InboxRow, ...], tuple[int, ...]]:
        """What of the inbox is still to be written with this row, and what it makes obsolete."""
        absorbed, stored = self.absorbed, self.stored_inbox
        if not absorbed and not pending.inbox:
            return (), ()
        insert = {position: row for position, row in pending.inbox.items() if position not in absorbed}
        delete = tuple(sorted(absorbed & stored)) if stored else ()
        stored -= absorbed
        stored.update(insert)
        self.absorbed = set()
        return tuple(insert.values()), delete

    def _row(self) -> ProcessRow:
        ended = self.has_ended
        return ProcessRow(
            process_id=self.process_id,
            definition=self.definition,
            version=self.version if self.core.written_by else self.written_by,
            status=self.status,
            seq=self.seq,
            core=to_json(self.core),
            document=self.document,
            arguments="" if self.document else self.arguments,
            arguments_digest=self.arguments_digest,
            due_ms=None if ended else next_due_ms(self.core),
            is_ready=not ended and is_ready(self.core),
            created_ms=self.created_ms,
            updated_ms=self.updated_ms,
            labels=self.labels,
            result=self.result,
            error=self.error,
        )


def _settle_effects(pending: Pending) -> tuple[tuple[EffectRow, ...], tuple[int, ...]]:
    """The rows of effects to be written, and the effects whose rows go."""
    ended = pending.effects_ended
    upserts = {**pending.requests, **pending.attempts} if pending.attempts else pending.requests
    if not ended:
        return tuple(upserts.values()), tuple(sorted(pending.posts_ended))
    never_stored = pending.requests.keys() & ended
    rows = tuple([row for effect_id, row in upserts.items() if effect_id not in ended])
    return rows, tuple(sorted((ended - never_stored) | pending.posts_ended))


KEYS_AT_HAND_MAX = 20_000
"""More than one channel's messages in flight: what is forgotten here has long been stored."""

ENDED = frozenset({"completed", "failed", "cancelled", "terminated"})
"""Statuses from which no process comes back (detail D19)."""
