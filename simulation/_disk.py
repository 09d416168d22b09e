"""A disk under simulated runtimes: it dies around commits, refuses them, and checks what each of them may change.

`Disk` is the machine's: it outlives runtimes. `DiskHandle` is what one runtime holds; after the death of that runtime
nothing of it reaches the disk any more.
"""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slct_runtime.store import MemoryStore
from slct_runtime.store.base import Conflict, ProcessCommit, ProcessRow, StoreUnavailable
from slct_runtime.store.sqlite import SqliteStore

ENDED = frozenset({"completed", "failed", "cancelled", "terminated"})


class Violation(AssertionError):
    """Something that must always hold did not."""


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Violation(what)


class Disk:
    """What is durable. `ever` remembers what was, so that whatever leaves a runtime can be held against it.

    directory: where a SQLite file is kept; None keeps everything in memory.
    """

    def __init__(self, chance: random.Random, trace: Callable[[str], None], directory: Path | None) -> None:
        self.chance = chance
        self.trace = trace
        self.is_calm = False
        self.violation: Violation | None = None
        self.effects_ever: set[tuple[str, int]] = set()
        self.progress: dict[tuple[str, int], list[str]] = defaultdict(list)
        self.keys_ever: set[tuple[str, str]] = set()
        self.replies: dict[tuple[str, str], str] = {}
        self.outputs: dict[str, list[str]] = defaultdict(list)
        self.status: dict[str, str] = {}
        self.versions: dict[str, str] = {}  # of a definition; a process moves to later ones only
        self._seq: dict[str, int] = {}
        self._outcomes: set[tuple[str, str, str]] = set()
        self._positions: set[tuple[str, int]] = set()
        self.messages: dict[tuple[str, int], str] = {}
        self._consumed: set[tuple[str, int]] = set()
        self._late: list[ProcessCommit] = []
        self._directory = directory
        self._generation = 0
        self._memory = MemoryStore()
        self._sqlite: SqliteStore | None = None
        self._open()

    @property
    def store(self) -> Any:
        return self._memory if self._sqlite is None else self._sqlite

    def _open(self) -> None:
        if self._directory is not None:
            self._sqlite = SqliteStore(self._path)
            self._sqlite._writer.execute(
                "PRAGMA synchronous = OFF"
            )  # the disk is simulated: nothing waits for a real one

    @property
    def _path(self) -> Path:
        assert self._directory is not None
        return self._directory / f"store{self._generation}.db"

    def restart(self, torn_from: int | None) -> None:
        """The machine comes back: what was not synced when it died is lost from a random byte on."""
        if self._sqlite is None:
            return
        before, log = self._path, Path(f"{self._path}-wal")
        self._generation += 1
        shutil.copyfile(before, self._path)
        if log.exists():
            shutil.copyfile(log, f"{self._path}-wal")
            if torn_from is not None:
                size = log.stat().st_size
                with Path(f"{self._path}-wal").open("r+b") as file:
                    file.truncate(self.chance.randint(min(torn_from, size), size))
        self._sqlite.close()
        self._open()
        before.unlink()

    def log_size(self) -> int:
        log = Path(f"{self._path}-wal") if self._sqlite is not None else None
        return log.stat().st_size if log is not None and log.exists() else 0

    # --- a machine that was paused ------------------------------------------------------------------------------------

    def pause(self, batch: Sequence[ProcessCommit]) -> None:
        """A machine stops in the midst of a commit, and another takes over before it goes on."""
        self._late += [commit for commit in batch if commit.row is not None]

    def wake(self) -> None:
        """It goes on: whatever has changed since is not its own any more (rule 25)."""
        late, self._late = self._late, []
        held = {loaded.row.process_id: loaded.row.seq for loaded in self.store.load([c.process_id for c in late])}
        stale = [c for c in late if held.get(c.process_id) != c.expected_seq]
        self.trace(f"a paused runtime wakes up, and writes {[c.process_id for c in stale]}")
        refused = {conflict.process_id for conflict in self.store.commit(stale)}
        wrong = [c.process_id for c in stale if c.process_id not in refused]
        if wrong and self.violation is None:
            self.violation = Violation(f"{wrong} were changed by a runtime that had lost its right to them")

    # --- what must hold of every commit ----------------------------------------------------------------------------

    def committed(self, batch: Sequence[ProcessCommit], conflicts: Sequence[Conflict]) -> None:
        refused = {conflict.process_id for conflict in conflicts}
        for commit in batch:
            if commit.process_id not in refused:
                self._check(commit)

    def _check(self, commit: ProcessCommit) -> None:
        pid = commit.process_id
        self.trace(f"disk {pid} {commit.row and (commit.row.seq, commit.row.status)} {_shown(commit)}")
        if commit.row is not None:
            held = self._seq.get(pid)
            require(held == commit.expected_seq, f"{pid}: a write from seq {commit.expected_seq} met seq {held}")
            is_next = commit.row.seq > (-1 if held is None else held)
            require(is_next, f"{pid}: seq went from {held} to {commit.row.seq}")
            require(self.status.get(pid) not in ENDED, f"{pid}: it has ended, and was changed")
            before = self.versions.get(pid, commit.row.version)
            if commit.row.version != before:
                self._check_move(commit.row, before)
            self._seq[pid], self.status[pid] = commit.row.seq, commit.row.status
            self.versions[pid] = commit.row.version
        for row in commit.inbox_insert:
            require((pid, row.position) not in self._positions, f"{pid}: position {row.position} was used again")
            self._positions.add((pid, row.position))
            if row.kind == "effect":
                require((pid, "effect", row.name) not in self._outcomes, f"{pid}: two outcomes of effect {row.name}")
                require((pid, int(row.name)) in self.effects_ever, f"{pid}: outcome of unknown effect {row.name}")
                self._outcomes.add((pid, "effect", row.name))
            elif row.kind == "message":
                self.messages[pid, row.position] = row.payload or ""
        for position in commit.inbox_delete:
            require((pid, position) not in self._consumed, f"{pid}: position {position} was consumed twice")
            self._consumed.add((pid, position))
        for key in commit.keys_insert:
            require((pid, key.key) not in self.keys_ever, f"{pid}: key {key.key} was accepted twice")
            self.keys_ever.add((pid, key.key))
        self.effects_ever.update((pid, row.effect_id) for row in commit.effects_upsert)
        for effect in commit.effects_upsert:
            if effect.progress is not None:
                told = self.progress[pid, effect.effect_id]
                is_next = not told or len(effect.progress) >= len(told[-1])
                require(is_next, f"{pid}: progress of {effect.effect_id} went from {told[-1:]} to {effect.progress}")
                told.append(effect.progress)
        for output in commit.outputs_insert:
            require(output.offset == len(self.outputs[pid]), f"{pid}: output at {output.offset}")
            self.outputs[pid].append(output.payload)
        for reply in commit.replies_insert:
            self.replies.setdefault((pid, reply.request_id), reply.payload)

    def _check_move(self, row: ProcessRow, before: str) -> None:
        """A process moves to versions that were deployed later, and to no others."""
        deployed_ms = {d.version: d.deployed_ms for d in self.store.definitions() if d.name == row.definition}
        is_later = deployed_ms[row.version] > deployed_ms[before]
        require(is_later, f"{row.process_id}: went from version {before} back to {row.version}")
        self.trace(f"{row.process_id} has moved to version {row.version}")


def _shown(commit: ProcessCommit) -> str:
    arrived = [f"{row.kind}:{row.name}@{row.position}" for row in commit.inbox_insert]
    effects = [f"{row.effect_id}#{row.attempt}" for row in commit.effects_upsert]
    return f"+{arrived} -{list(commit.inbox_delete)} effects +{effects} -{list(commit.effects_delete)}"


class DiskHandle:
    """The store as one runtime has it."""

    def __init__(self, disk: Disk, died: Callable[[int | None], None]) -> None:
        self._disk = disk
        self._died = died
        self.is_dead = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._disk.store, name)

        def read(*arguments: Any) -> Any:
            self._alive()
            if not self._disk.is_calm and self._disk.chance.random() < 0.03:
                raise StoreUnavailable("simulated", "database is locked")
            return method(*arguments)

        return read

    def forget_states(self) -> None:
        """Without an error of its own: no history is kept in these runs, and a seed means what it meant before there were states."""
        self._alive()

    def commit(self, batch: Sequence[ProcessCommit]) -> list[Conflict]:
        self._alive()
        disk = self._disk
        fate = 1.0 if disk.is_calm else disk.chance.random()
        if fate < 0.02:
            disk.trace("disk is full")
            raise StoreUnavailable("simulated", "database or disk is full")
        if fate < 0.03:
            disk.pause(batch)
            self._die(None)
        size = disk.log_size()
        conflicts: list[Conflict] = disk.store.commit(batch)
        is_torn = fate < 0.04 and disk._sqlite is not None
        if is_torn:
            disk.restart(size)
            self._recount(batch, conflicts)
            self._die(size)
        self._note(batch, conflicts)
        if fate < 0.05:
            self._die(None)
        return conflicts

    def _note(self, batch: Sequence[ProcessCommit], conflicts: Sequence[Conflict]) -> None:
        try:
            self._disk.committed(batch, conflicts)
        except Violation as violation:
            self._disk.violation = self._disk.violation or violation

    def _recount(self, batch: Sequence[ProcessCommit], conflicts: Sequence[Conflict]) -> None:
        """After a torn write: all of the batch is there, or nothing of it."""
        refused = {conflict.process_id for conflict in conflicts}
        rows = [c for c in batch if c.process_id not in refused and c.row is not None]
        kept = [c for c in rows if _is_held(self._disk.store, c)]
        if rows and kept and len(kept) != len(rows):
            self._disk.violation = Violation("half of a batch was stored")
        if not rows:
            arrived = [r for c in batch if c.process_id not in refused for r in c.inbox_insert]
            held = {r.position for p in self._disk.store.load([r.process_id for r in arrived]) for r in p.inbox}
            if not arrived or not {r.position for r in arrived} <= held:
                return
        elif not kept:
            return
        self._note(batch, conflicts)

    def _die(self, torn_from: int | None) -> None:
        self.is_dead = True
        self._disk.trace("the runtime dies")
        self._died(torn_from)
        raise StoreUnavailable("simulated", "the machine is gone")

    def _alive(self) -> None:
        if self.is_dead:
            raise StoreUnavailable("simulated", "the machine is gone")

    def close(self) -> None:
        """The disk lives on."""


def _is_held(store: Any, commit: ProcessCommit) -> bool:
    assert commit.row is not None
    loaded = store.load([commit.process_id])
    return bool(loaded) and loaded[0].row.seq >= commit.row.seq
