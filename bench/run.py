"""The workloads. Each runs for some seconds in a closed loop and checks what comes out of it."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from runtime_client import Client, LimitExceeded

from .figures import Measured

CHAIN_LENGTH = 10
CONCURRENCIES = (1, 10, 100)
SENDERS = 8
IN_FLIGHT_PER_SENDER = 32
BACK_OFF_S = 0.005


@dataclass(frozen=True, slots=True)
class Workload:
    """`unit` is what `rate_s` counts; `client_count` clients are given to `run`, with the seconds it may take."""

    name: str
    unit: str
    client_count: int
    run: Callable[[list[Client], float], Awaitable[Measured]] = field(repr=False)


def workloads() -> list[Workload]:
    """All of them, in the order in which they are shown."""
    return [
        *(_steps(concurrency) for concurrency in CONCURRENCIES),
        Workload(f"messages to one counter, {SENDERS} clients", "messages", SENDERS, messages),
        Workload("message sent to message applied, one at a time", "messages", 1, latency),
    ]


def _steps(concurrency: int) -> Workload:
    async def run(clients: list[Client], seconds: float) -> Measured:
        return await steps(clients[0], concurrency, seconds)

    return Workload(f"steps, {concurrency} processes at a time", "steps", 1, run)


async def steps(client: Client, concurrency: int, seconds: float) -> Measured:
    """Processes of ten effects, `concurrency` at a time; a new one starts where one has ended. One effect is one step."""
    finished = 0

    async def one_after_the_other(until: float) -> None:
        nonlocal finished
        while time.perf_counter() < until:
            ref = await client.start("chain", CHAIN_LENGTH)
            result = await ref.result()
            assert result == sum(range(CHAIN_LENGTH)), f"{ref} came to {result}"
            finished += 1

    start = time.perf_counter()
    await asyncio.gather(*(one_after_the_other(start + seconds) for _ in range(concurrency)))
    done = finished * CHAIN_LENGTH
    return Measured(rate_s=done / (time.perf_counter() - start), count=done)


async def messages(clients: list[Client], seconds: float) -> Measured:
    """Many messages under way to one process; measured until the last of them is counted."""
    tally = await clients[0].start("tally")
    acknowledged = 0

    async def send_until(client: Client, until: float) -> None:
        nonlocal acknowledged
        ref = client.get(tally.id)
        while time.perf_counter() < until:
            try:
                await ref.send("marks", acknowledged)
            except LimitExceeded:
                await asyncio.sleep(BACK_OFF_S)
            else:
                acknowledged += 1

    start = time.perf_counter()
    senders = [client for client in clients for _ in range(IN_FLIGHT_PER_SENDER)]
    await asyncio.gather(*(send_until(client, start + seconds) for client in senders))
    await tally.send("done", None)
    counted = await tally.result()
    passed = time.perf_counter() - start
    assert counted == acknowledged, f"{acknowledged} messages were acknowledged, {counted} counted"
    return Measured(rate_s=acknowledged / passed, count=acknowledged)


async def latency(clients: list[Client], seconds: float) -> Measured:
    """One message at a time, each waited for until the process has received it and that is durable."""
    tally = await clients[0].start("tally")
    taken_ms: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        await tally.send("marks", len(taken_ms), wait=True)
        taken_ms.append((time.perf_counter() - start) * 1000)
    await tally.send("done", None)
    assert await tally.result() == len(taken_ms)
    hundredths = statistics.quantiles(taken_ms, n=100)
    return Measured(rate_s=len(taken_ms) / seconds, p50_ms=hundredths[49], p99_ms=hundredths[98], count=len(taken_ms))
