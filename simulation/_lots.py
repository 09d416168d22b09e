"""Many seeds, shared by OS processes in lots. A seed decides its run alone, so it does not matter where it runs."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from ._world import Failure, simulate

LOT = 20
"""So many seeds are given to a job at a time."""


@dataclass(frozen=True, slots=True)
class Lot:
    """What some seeds came to: how many ran, how many steps they took, and what failed."""

    count: int
    steps: int
    failures: tuple[str, ...]


def run_lot(seeds: range) -> Lot:
    steps, failures = 0, []
    for seed in seeds:
        try:
            steps += len(simulate(seed))
        except Failure as failure:
            failures.append(str(failure))
    return Lot(len(seeds), steps, tuple(failures))


def lots(seeds: range, jobs: int) -> Iterator[Lot]:
    """The lots in the order in which they end."""
    shares = [seeds[first : first + LOT] for first in range(0, len(seeds), LOT)]
    if jobs == 1:
        yield from map(run_lot, shares)
        return
    # Not forked: a simulated run must not depend on what its parent had in memory.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            for future in as_completed([pool.submit(run_lot, share) for share in shares]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)
