"""Questions about a process that the shell and people ask. They change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import assert_never

from ._model import GoroutineStatus, Process, ProcessStatus
from .commands import CallCase, Case, DefaultCase, JoinCase, RecvCase, ResultCase, SendCase, TimerCase


def next_due_ms(process: Process) -> int | None:
    """The earliest time at which `TimerDue` would change something, in Unix milliseconds; None without one."""
    if process.status is not ProcessStatus.RUNNING:
        return None
    dues = list(process.timers.values())
    if process.retry_at_ms and process.running is None:
        dues.append(process.retry_at_ms)
    return min(dues, default=None)


def is_ready(process: Process) -> bool:
    """Whether some goroutine could run now, or runs."""
    return process.status is ProcessStatus.RUNNING and bool(process.ready or process.running is not None)


def watched_processes(process: Process) -> tuple[str, ...]:
    """The other processes whose ends are waited for."""
    return tuple(process.children)


def channel_facts(process: Process) -> Iterator[tuple[str, int, bool]]:
    """Name, values in the buffer, and closed: of channels that are closed or hold values."""
    for name, channel in process.channels.items():
        if channel.is_closed or (channel.queue and channel.capacity):
            yield name, channel.length, channel.is_closed


def describe_waits(process: Process) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Goroutine id and what it waits for, as the source would write it; nothing for one that is ready."""
    for goroutine in process.goroutines.values():
        parked = goroutine.status is GoroutineStatus.PARKED
        yield goroutine.goroutine_id, tuple(map(describe_case, goroutine.cases)) if parked else ()


def describe_case(case: Case) -> str:
    """`recv(payments)`, `after 2030-01-01T00:00:00+00:00`, `call(charge_card)` ..."""
    match case:
        case RecvCase(channel):
            return f"recv({channel})"
        case SendCase(channel, _):
            return f"send({channel})"
        case TimerCase(deadline_ms):
            return f"after {datetime.fromtimestamp(deadline_ms / 1000, UTC).isoformat()}"
        case CallCase(request):
            return f"call({request.function.rpartition(':')[2]})"
        case JoinCase(goroutine_id):
            return f"join(goroutine {goroutine_id})"
        case ResultCase(process_id):
            return f"result({process_id})"
        case DefaultCase():
            return "default"
        case _:
            assert_never(case)
