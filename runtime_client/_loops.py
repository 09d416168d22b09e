"""The event loop of what serves for long: uvloop's, if it is installed (`pip install 'slct[fast]'`), else that of asyncio.

Knows nothing of runtimes or workers. Nothing depends on which loop it is: only its speed differs (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def run_serving(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on the fastest loop that is installed."""
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        return runner.run(work)


def fastest_loop() -> LoopFactory | None:
    """What makes loops; None for asyncio's own."""
    try:
        module = importlib.import_module("uvloop")
    except ImportError:
        return None
    factory: LoopFactory = module.new_event_loop
    return factory
