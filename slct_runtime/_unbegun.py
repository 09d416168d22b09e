"""Processes that were started and have not begun, and the starts that wait until fewer are.

Each of them is in memory until a worker has run its first transition. So who starts processes faster than workers take them, or while there
is no worker, is slowed down, and memory does not grow with what is asked for (rule 16). Knows ids and a limit; one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Unbegun:
    """Starts come in by `wait_for_room`, first come, first served; `add` and `discard` say which processes there are."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._process_ids: set[str] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._process_ids)

    def add(self, process_id: str) -> None:
        self._process_ids.add(process_id)

    def discard(self, process_id: str) -> None:
        if process_id in self._process_ids:
            self._process_ids.remove(process_id)
            self._wake_first()

    async def wait_for_room(self, timeout_s: float) -> bool:
        """Returns whether there is room for one more. It is the caller's only until it awaits something else."""
        if self._has_room and not self._waiting:
            return True
        wait = self._waiting.append
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    wait(future)
                    await future
                    if self._has_room:
                        return True
                    wait = self._waiting.appendleft  # somebody else was let in meanwhile: it is still the next one
        except TimeoutError:
            return False
        finally:
            self._wake_first()  # there may be room for another one, who looks again; and who gives up passes on what it was told

    @property
    def _has_room(self) -> bool:
        return len(self._process_ids) < self._count_max

    def _wake_first(self) -> None:
        while self._waiting and self._has_room:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return
