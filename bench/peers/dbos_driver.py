"""DBOS on SQLite: steps, messages, parked workflows, timers. A library, like our embedded runtime: no network in it.

Usage: python dbos_driver.py FOLDER SECONDS
"""

import asyncio
import json
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig

CHAIN_LENGTH = 10
CONCURRENCIES = (1, 10, 100)
MESSAGES = 200
LATENCIES = 100
PARKED = 500
SLEEPERS = 500
START_S = 20.0
"""Until the sleepers are due: by then all of them sleep."""
FOR_EVER_S = 3600.0
DONE = -1

applied = asyncio.Queue[int]()
late_s: list[float] = []


@DBOS.step()
async def trivial(number: int) -> int:
    return number


@DBOS.workflow()
async def chain(length: int) -> int:
    total = 0
    for number in range(length):
        total += await trivial(number)
    return total


@DBOS.workflow()
async def tally() -> int:
    count = 0
    while await DBOS.recv_async(timeout_seconds=FOR_EVER_S) != DONE:
        count += 1
        applied.put_nowait(count)
    return count


@DBOS.workflow()
async def parked() -> Any:
    return await DBOS.recv_async(timeout_seconds=FOR_EVER_S)


@DBOS.workflow()
async def sleeper(due_s: float) -> bool:
    """Whether it began to sleep in time."""
    ahead_s = due_s - time.time()
    await DBOS.sleep_async(max(ahead_s, 0.0))
    late_s.append(time.time() - due_s)
    return ahead_s > 0


def tell(quantity: str, value: float, size: int = 0) -> None:
    print(json.dumps({"quantity": quantity, "value": value, "size": size}), flush=True)


async def steps(concurrency: int, seconds: float) -> None:
    finished, start = 0, time.perf_counter()

    async def one_after_the_other() -> None:
        nonlocal finished
        while time.perf_counter() < start + seconds:
            handle = await DBOS.start_workflow_async(chain, CHAIN_LENGTH)
            result = await handle.get_result()
            assert result == sum(range(CHAIN_LENGTH)), result
            finished += 1

    await asyncio.gather(*(one_after_the_other() for _ in range(concurrency)))
    tell(f"steps, {concurrency} processes at a time", finished * CHAIN_LENGTH / (time.perf_counter() - start))


async def latency() -> None:
    handle = await DBOS.start_workflow_async(tally)
    taken_ms = []
    for number in range(LATENCIES):
        start = time.perf_counter()
        await DBOS.send_async(handle.workflow_id, number)
        await applied.get()
        taken_ms.append((time.perf_counter() - start) * 1000)
    await DBOS.send_async(handle.workflow_id, DONE)
    counted = await handle.get_result()
    assert counted == LATENCIES, counted
    hundredths = statistics.quantiles(taken_ms, n=100)
    tell("message applied, p50 ms", hundredths[49])
    tell("message applied, p99 ms", hundredths[98])


async def messages() -> None:
    handle = await DBOS.start_workflow_async(tally)
    start = time.perf_counter()
    await asyncio.gather(*(DBOS.send_async(handle.workflow_id, number) for number in range(MESSAGES)))
    for _ in range(MESSAGES):
        await applied.get()
    tell("messages to one counter, per s", MESSAGES / (time.perf_counter() - start), MESSAGES)
    await DBOS.send_async(handle.workflow_id, DONE)
    counted = await handle.get_result()
    assert counted == MESSAGES, counted


async def park(store: Path) -> None:
    before, start = store.stat().st_size, time.perf_counter()
    handles = [await DBOS.start_workflow_async(parked) for _ in range(PARKED)]
    tell("start and park, per s", PARKED / (time.perf_counter() - start), PARKED)
    tell("parked, bytes of disk each", (store.stat().st_size - before) / PARKED, PARKED)
    for handle in handles:
        await DBOS.send_async(handle.workflow_id, DONE)
    assert [await handle.get_result() for handle in handles] == [DONE] * PARKED


async def timers() -> None:
    due_s = time.time() + START_S
    handles = [await DBOS.start_workflow_async(sleeper, due_s) for _ in range(SLEEPERS)]
    in_time = [await handle.get_result() for handle in handles]
    assert all(in_time), f"{in_time.count(False)} were started too late to sleep"
    tell("timers due together, p99 late in s", sorted(late_s)[math.ceil(SLEEPERS * 0.99) - 1], SLEEPERS)


async def main(folder: Path, seconds: float) -> None:
    store = folder / "dbos.sqlite"
    config: DBOSConfig = {"name": "bench", "system_database_url": f"sqlite:///{store}", "log_level": "CRITICAL"}
    DBOS(config=config)
    DBOS.launch()
    try:
        for concurrency in CONCURRENCIES:
            await steps(concurrency, seconds)
        await latency()
        await messages()
        await park(store)
        await timers()
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
