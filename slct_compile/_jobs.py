"""Compiling many modules: one after the other, or in several OS processes if that pays.

What comes back is plain data (`_outputs.to_data`) in the order asked for, so that nobody can tell how it was done.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ._index import Index, ModuleInfo, durable_functions
from ._lock import Lock
from ._outputs import to_data
from ._pipeline import compile_module

DURABLE_LINES_MIN = 1000
"""Fewer durable lines than this are compiled sooner than processes are started for them."""

_shared: tuple[Index, Sequence[ModuleInfo], Lock]
"""What a process of ours works on."""


def compile_all(index: Index, modules: Sequence[ModuleInfo], lock: Lock, jobs: int | None) -> Iterator[dict[str, Any]]:
    """What each module comes to, in order. `jobs`: so many processes; None: as many as pay."""
    count = min(_worthwhile(index, modules) if jobs is None else jobs, len(modules))
    done = 0
    if count > 1:
        try:
            for data in _in_processes(count, index, modules, lock):
                yield data
                done += 1
        except BrokenProcessPool:
            pass  # somebody killed one of them; the rest is compiled here
    yield from (_compiled(index, info, lock) for info in modules[done:])


def _in_processes(count: int, index: Index, modules: Sequence[ModuleInfo], lock: Lock) -> Iterator[dict[str, Any]]:
    # Where there is fork, the tree need not be sent, nor anything be imported again.
    start = multiprocessing.get_context("fork" if sys.platform.startswith("linux") else None)
    with ProcessPoolExecutor(count, start, _begin, (index, modules, lock)) as pool:
        yield from pool.map(_compile_nth, range(len(modules)))


def _worthwhile(index: Index, modules: Sequence[ModuleInfo]) -> int:
    found = (f.node for info in modules for f in durable_functions(index, info).values())
    lines = sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in found)
    return (os.cpu_count() or 1) if lines >= DURABLE_LINES_MIN else 1


def _begin(index: Index, modules: Sequence[ModuleInfo], lock: Lock) -> None:
    global _shared
    _shared = index, modules, lock


def _compile_nth(position: int) -> dict[str, Any]:
    index, modules, lock = _shared
    return _compiled(index, modules[position], lock)


def _compiled(index: Index, info: ModuleInfo, lock: Lock) -> dict[str, Any]:
    return to_data(compile_module(index.view(info), info, lock=lock.part(info.name)))
