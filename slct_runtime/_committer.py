"""Group commit: everything that became ready since the last flush goes to the store as one transaction.

While one commit is in flight the next batch fills, so the disk's own speed sets the size of a batch. Nothing is released
before the store has said that it is durable (rule 26). A refused commit loses its processes from memory: nothing of them
has left, so going back to the disk is always right.

A commit is made by a thread of its own, so that the event loop goes on. Where the disk is quick and nothing else is under way, to hand it
over and to be woken again takes longer than the commit: then the loop makes it itself.

Where many processes begin at once, one whose first transition is under way is held back for it, so that both are one row and one commit;
not for longer than `START_HELD_S`. Where few begin, nobody is: who starts one process is not to wait for a worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ._resident import Release, Resident
from .settings import Settings
from .store.base import Conflict, ProcessCommit, Store, StoreError
from .wire.api import ApiError, ErrorCode

STARTS_HELD_MIN = 8
"""So many that have just begun are many."""
START_HELD_S = 0.05
"""A worker with a full hand has answered by then."""
TRANSITION_AWAITED_S = 1.0
"""So long at most what has arrived waits for the end of the transition that is under way (`Resident.may_wait`)."""

_log = logging.getLogger("slct.runtime")


class Committer:
    """Writes what residents have pending. `lost` is told which residents went down with a refused commit, and why."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        lost: Callable[[Resident, ApiError], None],
        is_busy: Callable[[], bool],
    ) -> None:
        self._store = store
        self._batch_processes_max = settings.batch_processes_max
        self._at_once_s_max = settings.commit_at_once_ms_max / 1000
        self._lost = lost
        self._is_busy = is_busy
        self._last_s = 1.0  # how long the last commit took
        self._dirty: dict[str, Resident] = {}
        self._waiting: dict[str, Resident] = {}  # those that wait for the end of a transition, or have
        self._waited: set[str] = set()  # those that have waited long enough
        self._held_until: dict[str, float] = {}  # those that have been held back: until when that may be
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._flushed = asyncio.Event()  # a new one for each commit
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="slct-writer")
        self._task = asyncio.create_task(self._run(), name="slct-committer")
        self.failure: ApiError | None = None  # why the last commit was refused; None once one has succeeded

    def mark(self, resident: Resident) -> None:
        """The resident has something to store."""
        self._dirty[resident.process_id] = resident
        self._settled.clear()
        self._wake.set()

    async def settle(self) -> None:
        """Wait until everything marked so far, and what follows from it, is stored or refused."""
        await self._settled.wait()

    async def next_flush(self, timeout_s: float) -> None:
        """Wait for the end of the next commit, or until that time is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._flushed.wait(), timeout_s)

    async def stop(self) -> None:
        """Write what there is. Where the whole event loop is being torn down, nobody writes any more, and nothing is waited for."""
        settling = asyncio.ensure_future(self.settle())
        await asyncio.wait({settling, self._task}, return_when=asyncio.FIRST_COMPLETED)
        settling.cancel()
        self._task.cancel()
        await asyncio.gather(settling, self._task, return_exceptions=True)
        self._writer.shutdown(wait=True)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            # One turn of the loop for workers in this process: a message and its transition then share the commit.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            batch = self._take()
            if batch:
                await self._flush(batch)
                self._flushed.set()
                self._flushed = asyncio.Event()
            if not self._dirty:
                self._wake.clear()
                self._settled.set()
            elif not batch:  # all that is left is held back: until it is marked again, or long enough
                self._wake.clear()
                asyncio.get_running_loop().call_later(START_HELD_S, self._wake.set)

    def _take(self) -> list[tuple[Resident, ProcessCommit, list[Release]]]:
        batch = []
        held = self._held()
        for process_id in [each for each in self._dirty if each not in held][: self._batch_processes_max]:
            resident = self._dirty.pop(process_id)
            self._held_until.pop(process_id, None)
            if resident.is_lost or not resident.has_pending or self._waits(resident):
                continue
            resident.in_commit = True
            batch.append((resident, *resident.take()))
        return batch

    def _waits(self, resident: Resident) -> bool:
        """Whether it is stored with the end of its transition. If that does not come soon, it is stored without."""
        has_waited = resident.process_id in self._waited
        self._waited.discard(resident.process_id)
        if has_waited or not resident.may_wait:
            return False
        if not self._waiting:
            asyncio.get_running_loop().call_later(TRANSITION_AWAITED_S, self._wait_no_longer)
        self._waiting[resident.process_id] = resident
        return True

    def _wait_no_longer(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for process_id, resident in waiting.items():
            if resident.has_pending and resident.may_wait:
                self._waited.add(process_id)
                self.mark(resident)

    def _held(self) -> Set[str]:
        """Who waits for the end of its first transition, to be stored with what that leads to."""
        beginning = [process_id for process_id, resident in self._dirty.items() if resident.is_beginning]
        if len(beginning) < STARTS_HELD_MIN and not self._held_until:
            return frozenset()
        now = asyncio.get_running_loop().time()
        until = self._held_until
        return {process_id for process_id in beginning if until.setdefault(process_id, now + START_HELD_S) > now}

    async def _flush(self, batch: list[tuple[Resident, ProcessCommit, list[Release]]]) -> None:
        commits = [commit for _, commit, _ in batch]
        try:
            conflicts = await self._commit(commits)
        except Exception as error:  # a fault of the store is no reason to stop writing for ever
            self.failure = ApiError(ErrorCode.UNAVAILABLE, *_words(error))
            _log.error("%s", error, exc_info=None if isinstance(error, StoreError) else error)
            for resident, _, releases in batch:
                self._refuse(resident, releases, self.failure)
            return
        self.failure = None
        fenced = {conflict.process_id: conflict for conflict in conflicts}
        for resident, _, releases in batch:
            conflict = fenced.get(resident.process_id)
            if conflict is not None:
                self._refuse(resident, releases, _fenced(conflict))
            else:
                self._release(resident, releases)

    async def _commit(self, commits: list[ProcessCommit]) -> list[Conflict]:
        loop = asyncio.get_running_loop()
        if len(commits) == 1 and self._last_s <= self._at_once_s_max and not self._dirty and not self._is_busy():
            return self._timed(commits, loop.time)
        return await loop.run_in_executor(self._writer, self._timed, commits, loop.time)

    def _timed(self, commits: list[ProcessCommit], clock_s: Callable[[], float]) -> list[Conflict]:
        start_s = clock_s()
        try:
            return self._store.commit(commits)
        finally:
            self._last_s = clock_s() - start_s

    def _release(self, resident: Resident, releases: list[Release]) -> None:
        resident.in_commit = False
        for release in releases:
            try:
                release.durable()
            except Exception:  # a fault of one must not stop the writing for all
                _log.exception("process %r: what waited for a commit failed", resident.process_id)

    def _refuse(self, resident: Resident, releases: list[Release], error: ApiError) -> None:
        """Nothing of it was stored: whoever waits is told, here and in what came after."""
        resident.in_commit = False
        later, resident.is_lost = resident.pending, True
        for release in [*releases, *later.releases, *later.row_releases]:
            if release.lost is not None:
                release.lost(error)
        self._lost(resident, error)


def _words(error: Exception) -> tuple[str, str]:
    """What a request is told that could not be stored, and what helps, each once."""
    help = getattr(error, "help", "")
    return f"nothing was changed: {error}".removesuffix(f"\n  help: {help}"), help


def _fenced(conflict: Conflict) -> ApiError:
    return ApiError(
        ErrorCode.UNAVAILABLE,
        f"process {conflict.process_id!r} is at seq {conflict.held_seq}, the write started from seq {conflict.given_seq}",
        "another runtime changed it; send the request again",
        {"process_id": conflict.process_id, "held": str(conflict.held_seq), "given": str(conflict.given_seq)},
    )
