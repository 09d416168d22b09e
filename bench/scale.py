"""Workloads of a size, not of a time: many parked processes, many timers, long lives, large processes.

Each has a store of its own, checks its own counts in the file of the store, and gives findings. What is counted there is
what is durable; the file is read beside the runtime, in short snapshots.
"""

from __future__ import annotations

import asyncio
import math
import os
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from runtime_client import Client, ProcessRef
from slct_runtime.store import SqliteStore

from .bars import Finding
from .clusters import STORE, Built, Cluster
from .usage import cpu_s, resident_bytes

STARTS_UNDER_WAY = 200
WARM_UP_COUNT = 50
LOOK_EVERY_S = 0.05
COPIES_PER_COMMIT = 20_000
TRANSITIONS = 30
"""Measured of each large process; the median counts."""
RESUMES = 5
DOCUMENT_BYTES = (1_000, 10_000, 100_000, 1_000_000)
GOROUTINE_COUNTS = (1, 10, 100, 1_000)
STARTS_PER_S_MIN = 400
"""Slower than this, sleepers would be started when they are due already."""
STORM_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything. `FULL` is what the bars speak of; the default takes a few minutes in all."""

    parked: int = 5_000
    multitude: int = 100_000
    timers: tuple[int, ...] = (2_000,)
    lives: tuple[int, ...] = (10, 1_000, 10_000)
    document_bytes: tuple[int, ...] = DOCUMENT_BYTES
    goroutines: tuple[int, ...] = GOROUTINE_COUNTS
    idle_s: float = 5.0


FULL = Sizes(
    parked=100_000,
    multitude=1_000_000,
    timers=(5_000, 50_000),
    lives=(10, 100, 1_000, 10_000, 100_000, 1_000_000),
    idle_s=30.0,
)


@dataclass(frozen=True, slots=True)
class ScaleWorkload:
    """`run` gets the mode, an empty folder for the store, the programs and the sizes."""

    name: str
    run: Callable[[str, Path, Built, Sizes], Awaitable[list[Finding]]] = field(repr=False)


def scale_workloads() -> list[ScaleWorkload]:
    """All of them; memory first, before others have left room in this OS process."""
    return [
        ScaleWorkload("parked processes", parked),
        ScaleWorkload("multitude of parked processes", multitude),
        ScaleWorkload("timers due together", timers),
        ScaleWorkload("resume after a long life", resume),
        ScaleWorkload("large documents", documents),
        ScaleWorkload("many goroutines", goroutines),
    ]


# --- parked ----------------------------------------------------------------------------------------------------------


async def parked(mode: str, folder: Path, built: Built, sizes: Sizes) -> list[Finding]:
    """Start and park; then end the runtime, start it again over what is parked, let it idle, and wake one."""
    count = sizes.parked
    empty_bytes = _empty_store_bytes(folder)
    async with built.opened(mode, folder) as cluster:
        await _start_many(cluster.client, "parked", [()] * WARM_UP_COUNT)
        await _until(folder, PARKED, WARM_UP_COUNT)
        before = resident_bytes(cluster.process_ids)
        start = time.perf_counter()
        woken = await _start_many(cluster.client, "parked", [()] * count)
        await _until(folder, PARKED, count + WARM_UP_COUNT)
        rate_s = count / (time.perf_counter() - start)
        grown_bytes = resident_bytes(cluster.process_ids) - before
    disk_bytes = (folder / STORE).stat().st_size - empty_bytes
    missing = count + WARM_UP_COUNT - _counted(folder, PARKED)
    measured = {
        "start and park, per s": rate_s,
        "parked, bytes of disk each": disk_bytes / (count + WARM_UP_COUNT),
        "parked, growth of memory in MB": grown_bytes / 1e6,
        "parked, missing": float(missing),
        **await _after_cold_start(mode, folder, built, woken, sizes.idle_s),
    }
    return [Finding(quantity, mode, value, count) for quantity, value in measured.items()]


async def _after_cold_start(mode: str, folder: Path, built: Built, process_id: str, idle_s: float) -> dict[str, float]:
    opening = time.perf_counter()
    async with built.opened(mode, folder) as cluster:
        opened_s = time.perf_counter() - opening
        waking = time.perf_counter()
        ref = cluster.client.get(process_id)
        await ref.send("wake", 7, wait=True)
        woken_ms = (time.perf_counter() - waking) * 1000
        result = await ref.result()
        assert result == 7, f"{ref} was woken with 7 and came to {result}"
        share = await _idle_share(cluster, idle_s)
    return {"cold start, s": opened_s, "wake one after a cold start, ms": woken_ms, "idle, share of one core": share}


async def multitude(mode: str, folder: Path, built: Built, sizes: Sizes) -> list[Finding]:
    """Cold start, idle and wake over very many. One parks; the others are copies of its row under ids of their own."""
    async with built.opened(mode, folder) as cluster:
        first = (await cluster.client.start("parked")).id
        await _until(folder, PARKED, 1)
    _multiply(folder, first, sizes.multitude)
    assert _counted(folder, PARKED) == sizes.multitude
    measured = await _after_cold_start(mode, folder, built, _any_other(folder, first), sizes.idle_s)
    return [Finding(quantity, mode, value, sizes.multitude) for quantity, value in measured.items()]


def _multiply(folder: Path, process_id: str, count: int) -> None:
    """So many copies that there are `count` in all."""
    with closing(sqlite3.connect(folder / STORE, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        own = {"process_key", "process_id"}
        names = [row[1] for row in connection.execute("PRAGMA table_info(process)") if row[1] not in own]
        others = ", ".join(names)
        for done in range(1, count, COPIES_PER_COMMIT):
            connection.execute(
                f"""
                INSERT INTO process (process_id, {others})
                WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?),
                     fresh (id) AS MATERIALIZED (SELECT 'parked-' || lower(hex(randomblob(8))) FROM number)
                SELECT fresh.id, {others} FROM fresh, process WHERE process_id = ?
                """,
                (min(COPIES_PER_COMMIT, count - done), process_id),
            )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _any_other(folder: Path, process_id: str) -> str:
    with closing(_reader(folder)) as connection:
        wanted = "SELECT process_id FROM process WHERE process_id <> ? ORDER BY process_key DESC LIMIT 1"
        (found,) = connection.execute(wanted, (process_id,)).fetchone()
    return str(found)


async def _idle_share(cluster: Cluster, seconds: float) -> float:
    used, start = cpu_s(cluster.process_ids), time.perf_counter()
    await asyncio.sleep(seconds)
    return (cpu_s(cluster.process_ids) - used) / (time.perf_counter() - start)


def _empty_store_bytes(folder: Path) -> int:
    """What the file takes with nothing in it."""
    path = folder / "empty.db"
    SqliteStore(path).close()
    return path.stat().st_size


# --- timers ----------------------------------------------------------------------------------------------------------


async def timers(mode: str, folder: Path, built: Built, sizes: Sizes) -> list[Finding]:
    findings = []
    for count in sizes.timers:
        place = folder / str(count)
        place.mkdir()
        async with built.opened(mode, place) as cluster:
            findings += await _storm(mode, place, cluster.client, count)
    return findings


async def _storm(mode: str, folder: Path, client: Client, count: int) -> list[Finding]:
    """Sleepers until one moment, far enough ahead that all sleep by then."""
    due_ms = round(time.time() * 1000) + 2_000 + count * 1000 // STARTS_PER_S_MIN
    await _start_many(client, "sleeper", [(due_ms,)] * count)
    await _until(folder, PARKED, count)
    ahead_s = due_ms / 1000 - time.time()
    if ahead_s <= 0:
        raise RuntimeError(f"{count} sleepers took {-ahead_s:.1f} s longer to start than the time until they were due")
    await asyncio.sleep(ahead_s)
    ended = await _ended(folder, count, time.perf_counter() + STORM_PATIENCE_S)
    late_ms = sorted(updated_ms - due_ms for updated_ms, _ in ended)
    early = sum(woke_ms < due_ms for _, woke_ms in ended)
    p99_ms = late_ms[math.ceil(len(late_ms) * 0.99) - 1] if late_ms else math.inf
    return [
        Finding("timers due together, p99 late in s", mode, p99_ms / 1000, count),
        Finding("timers due together, early", mode, early, count),
        Finding("timers due together, lost", mode, count - len(ended), count),
    ]


async def _ended(folder: Path, count: int, until: float) -> list[tuple[int, int]]:
    """(when its end was, what it returned) of those that have completed: all of them, or what there is by then."""
    while _counted(folder, COMPLETED) < count and time.perf_counter() < until:
        await asyncio.sleep(LOOK_EVERY_S)
    with closing(_reader(folder)) as connection:
        rows = connection.execute("SELECT updated_ms, result FROM process WHERE status = 1").fetchall()
    return [(int(updated_ms), int(result)) for updated_ms, result in rows]


# --- long lives ------------------------------------------------------------------------------------------------------


async def resume(mode: str, folder: Path, built: Built, sizes: Sizes) -> list[Finding]:
    """From the first message to a runtime just started until it is applied, after so many transitions."""
    findings = []
    for transitions in sizes.lives:
        place = folder / str(transitions)
        place.mkdir()
        taken_ms = await _resumes_ms(mode, place, built, transitions)
        findings.append(Finding("resume, ms", mode, statistics.median(taken_ms), transitions))
    medians = [finding.value for finding in findings]
    ratio = max(medians) / min(medians)
    return [*findings, Finding("resume, longest to shortest", mode, ratio, max(sizes.lives))]


async def _resumes_ms(mode: str, folder: Path, built: Built, transitions: int) -> list[float]:
    async with built.opened(
        "embedded", folder
    ) as cluster:  # what is on disk is the same, and is there ten times sooner
        runner = await cluster.client.start("marathon", transitions)
        await _live(runner, transitions)
    taken_ms = []
    for number in range(RESUMES):
        async with built.opened(mode, folder) as cluster:
            ref = cluster.client.get(runner.id)
            start = time.perf_counter()
            await ref.send("marks", number, wait=True)
            taken_ms.append((time.perf_counter() - start) * 1000)
    async with built.opened(mode, folder) as cluster:
        ref = cluster.client.get(runner.id)
        await ref.send("done", None)
        counted = await ref.result()
    assert counted == RESUMES, f"{RESUMES} messages were sent to {ref}, {counted} counted"
    return taken_ms


async def _live(runner: ProcessRef[int], transitions: int) -> None:
    """Wait until it has made so many transitions, of its own accord: with a message for each that would take twice as long."""
    while (await runner.describe()).info.seq < transitions:
        await asyncio.sleep(LOOK_EVERY_S)


# --- large processes -------------------------------------------------------------------------------------------------


async def documents(mode: str, folder: Path, built: Built, sizes: Sizes) -> list[Finding]:
    costs = await _costs(mode, folder, built, "ledger", sizes.document_bytes)
    return _cost_findings("document of bytes", "document of 1 MB to 100 kB, ratio of cost", mode, costs)


async def goroutines(mode: str, folder: Path, built: Built, sizes: Sizes) -> list[Finding]:
    costs = await _costs(mode, folder, built, "crowd", sizes.goroutines)
    return _cost_findings("goroutines", "1,000 goroutines to 100, ratio of cost", mode, costs)


async def _costs(
    mode: str, folder: Path, built: Built, definition: str, sizes: Sequence[int]
) -> dict[int, tuple[float, float]]:
    """(wall, CPU) milliseconds of one message to a process of each size, from sent to applied and durable."""
    async with built.opened(mode, folder) as cluster:
        return {size: await _cost_ms(cluster, definition, size) for size in sizes}


async def _cost_ms(cluster: Cluster, definition: str, size: int) -> tuple[float, float]:
    ref = await cluster.client.start(definition, size)
    await ref.send("marks", 0, wait=True)  # by now the process is there as large as it will be
    all_ids = {*cluster.process_ids, os.getpid()}
    taken_ms, used = [], cpu_s(all_ids)
    for number in range(TRANSITIONS):
        start = time.perf_counter()
        await ref.send("marks", number, wait=True)
        taken_ms.append((time.perf_counter() - start) * 1000)
    used_ms = (cpu_s(all_ids) - used) * 1000 / TRANSITIONS
    await ref.send("done", None)
    counted = await ref.result()
    assert counted == TRANSITIONS + 1, f"{ref} counted {counted} of {TRANSITIONS + 1} messages"
    return statistics.median(taken_ms), used_ms


def _cost_findings(what: str, ratio: str, mode: str, costs: dict[int, tuple[float, float]]) -> list[Finding]:
    findings = [
        finding
        for size, (wall_ms, cpu_ms) in costs.items()
        for finding in (
            Finding(f"{what}: ms per transition", mode, wall_ms, size),
            Finding(f"{what}: CPU ms per transition", mode, cpu_ms, size),
        )
    ]
    smaller, larger = sorted(costs)[-2:]
    return [*findings, Finding(ratio, mode, costs[larger][0] / costs[smaller][0], larger)]


# --- starting, and counting in the file ------------------------------------------------------------------------------

PARKED = "SELECT count(*) FROM process WHERE status = 0 AND is_ready = 0 AND seq > 0"
COMPLETED = "SELECT count(*) FROM process WHERE status BETWEEN 1 AND 4 AND status = 1"
"""Written so that the index of ended processes serves it."""


async def _start_many(client: Client, definition: str, arguments: Sequence[tuple[int, ...]]) -> str:
    """Start one for each, so many at a time; returns the id of one in the middle. All ids would count as memory of an embedded runtime."""
    remaining = iter(enumerate(arguments))
    middle = ""

    async def start_some() -> None:
        nonlocal middle
        for number, given in remaining:
            ref = await client.start(definition, *given)
            middle = ref.id if number == len(arguments) // 2 else middle

    await asyncio.gather(*(start_some() for _ in range(STARTS_UNDER_WAY)))
    return middle


async def _until(folder: Path, query: str, count: int) -> None:
    """Wait until so many are counted; looking costs something, so it looks the less often the longer a look takes."""
    while True:
        start = time.perf_counter()
        if _counted(folder, query) >= count:
            return
        await asyncio.sleep(max(LOOK_EVERY_S, 5 * (time.perf_counter() - start)))


def _counted(folder: Path, query: str) -> int:
    with closing(_reader(folder)) as connection:
        (count,) = connection.execute(query).fetchone()
    return int(count)


def _reader(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{folder / STORE}?mode=ro", uri=True)
