"""An event loop whose clock jumps to the next timer: nobody waits, and a run is decided by its seed alone.

Work for executors is run on the loop itself, after a simulated delay, in the order in which each executor was given it.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable
from typing import Any


class Hang(AssertionError):
    """Nothing is left that could happen, or too much simulated time has passed."""


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting, time passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Hang("nothing is left that could happen")
        self.now_s += max(0.0, timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Use it with `asyncio.Runner(loop_factory=...)`; `time()` is the simulated time in seconds."""

    def __init__(self, chance: random.Random) -> None:
        self._jumping = _JumpingSelector()
        self._chance = chance
        self._busy_until_s: dict[int, float] = {}
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def run_in_executor(  # type: ignore[override]  # no coroutine: the future is given at once
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = func(*args)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        start_s = max(self.time(), self._busy_until_s.get(id(executor), 0.0))
        self._busy_until_s[id(executor)] = end_s = start_s + self._chance.uniform(0.0001, 0.01)
        self.call_at(end_s, work)
        return future
