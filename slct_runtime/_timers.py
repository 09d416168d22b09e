"""Deadlines that are near, earliest first. Knows process ids and times; fires nothing early (rule 13).

Entries are hints: whoever is woken looks at the process for what is really due, so a stale entry does no harm.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable


class Timers:
    """A heap of (due_ms, process_id) and one event-loop timer for its head."""

    def __init__(self, now_ms: Callable[[], int], fire: Callable[[list[str]], None]) -> None:
        self._now_ms = now_ms
        self._fire = fire
        self._heap: list[tuple[int, str]] = []
        self._earliest: dict[str, int] = {}  # the earliest entry per process: later ones need not be pushed
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_ms: int | None = None

    def add(self, due_ms: int, process_id: str) -> None:
        """Wake `process_id` at `due_ms`, or as soon after as can be."""
        held = self._earliest.get(process_id)
        if held is not None and held <= due_ms:
            # NB: a later deadline is looked up again when the earlier one has been served.
            return
        self._earliest[process_id] = due_ms
        heapq.heappush(self._heap, (due_ms, process_id))
        self._arm()

    def _arm(self) -> None:
        if not self._heap:
            return
        due_ms = self._heap[0][0]
        if self._alarm is not None:
            if self._alarm_ms is not None and self._alarm_ms <= due_ms:
                return
            self._alarm.cancel()
        self._alarm_ms = due_ms
        delay_s = max(0.0, (due_ms - self._now_ms()) / 1000)
        # One hour at most: the wall clock may be set while the loop's own clock runs on.
        self._alarm = asyncio.get_running_loop().call_later(min(delay_s, 3600.0), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._alarm_ms = None
        now = self._now_ms()
        due: list[str] = []
        while self._heap and self._heap[0][0] <= now:
            due_ms, process_id = heapq.heappop(self._heap)
            if self._earliest.get(process_id) == due_ms:
                del self._earliest[process_id]
                due.append(process_id)
        if due:
            self._fire(due)
        self._arm()

    def stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
