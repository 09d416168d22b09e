"""Questions about a process that the shell and people ask. They change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from ._model import Process, ProcessStatus
from .commands import CallCase, Case, DefaultCase, JoinCase, Payload, RecvCase, ResultCase, SendCase, TimerCase


def next_due_ms(process: Process) -> int | None:
    """The earliest time at which `TimerDue` would change something, in Unix milliseconds; None without one."""
    if process.status is not ProcessStatus.RUNNING:
        return None
    earliest_ms = min(process.timers.values(), default=None)
    if not process.retry_at_ms or process.running is not None:
        return earliest_ms
    return process.retry_at_ms if earliest_ms is None else min(earliest_ms, process.retry_at_ms)


def is_ready(process: Process) -> bool:
    """Whether some goroutine could run now, or runs."""
    return process.status is ProcessStatus.RUNNING and bool(process.ready or process.running is not None)


def watched_processes(process: Process) -> tuple[str, ...]:
    """The other processes whose ends are waited for, and those attached to this one."""
    return (*process.children, *(each for each in process.attached if each not in process.children))


def channel_facts(process: Process) -> Iterator[tuple[str, int, bool]]:
    """Name, values in the buffer, and closed: of channels that are closed or hold values."""
    for name, channel in process.channels.items():
        if channel.is_closed or channel.length:
            yield name, channel.length, channel.is_closed


def filled_channels(process: Process) -> frozenset[str]:
    """Channels in which something was sent that nobody has received."""
    return frozenset(name for name, channel in process.channels.items() if channel.queue)


def payloads_under_way(process: Process) -> Iterator[Payload]:
    """Values that nobody holds yet: in channels, and what goroutines are woken with whose turn is to come."""
    for channel in process.channels.values():
        yield from (entry.payload for entry in channel.queue)
    for goroutine in process.goroutines.values():
        if goroutine.resumption is not None and goroutine.resumption.payload is not None:
            yield goroutine.resumption.payload


def describe_waits(process: Process) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Goroutine id and what it waits for, as the source would write it; nothing for one that is ready or runs."""
    for goroutine in process.goroutines.values():
        yield goroutine.goroutine_id, tuple(map(describe_case, goroutine.cases))


def describe_case(case: Case) -> str:
    """`recv(payments)`, `after 2030-01-01T00:00:00+00:00`, `call(charge_card)` ..."""
    match case:
        case RecvCase(channel):
            return f"recv({channel})"
        case SendCase(channel, _):
            return f"send({channel})"
        case TimerCase(deadline_ms):
            return f"after {_iso_time(deadline_ms)}"
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


def _iso_time(unix_ms: int) -> str:
    """A moment in UTC. By hand: the core imports no clock, and a deadline may lie past the year 9999."""
    seconds, ms = divmod(unix_ms, 1000)
    days, second_of_day = divmod(seconds, 86_400)
    year, month, day = _date(days)
    hour, second_of_hour = divmod(second_of_day, 3600)
    fraction = f".{ms:03}" if ms else ""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{second_of_hour // 60:02}:{second_of_hour % 60:02}{fraction}+00:00"


def _date(days: int) -> tuple[int, int, int]:
    """Days since 1970-01-01 as year, month and day, in the Gregorian calendar; its 400 years have 146,097 days."""
    # Years are counted from 1 March, so that the day of a leap year comes last.
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_month = (5 * day_of_year + 2) // 153
    month = march_month + 3 if march_month < 10 else march_month - 9
    year = era * 400 + year_of_era + (1 if month <= 2 else 0)
    return year, month, day_of_year - (153 * march_month + 2) // 5 + 1
