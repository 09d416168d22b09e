"""The runtime under simulated time, disk and network (docs/testing.md): some seeds, and that a seed decides everything."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation._disk import Disk
from simulation._network import Network
from simulation._world import Failure, World, simulate
from simulation.bugs import BUGS, Bug, planted
from slct_runtime._engine import Engine
from slct_runtime.runtime import Runtime

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_rule_26_whatever_happens_to_the_machines_processes_end_as_they_should(first: int) -> None:
    for seed in range(first, first + 50):
        simulate(seed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_mistake_is_found(bug: Bug) -> None:
    """The seed that is named finds it, or, as another Python may run tasks in another order, one of the first."""
    tried = [bug.seed, *range(100)]
    with planted(bug), pytest.raises(Failure, match=f"seed ({'|'.join(map(str, tried))}):"):
        _simulate_all(tried)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Runtime, "open"),
        (World, "keep_up"),
        (World, "trouble"),
        (Engine, "_take_up"),
        (Engine, "_read_windows"),
        (Disk, "_check"),
        (Network, "delay"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_what_dies_in_the_background_is_what_the_world_fails_with(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise ZeroDivisionError("planted")

    async def broken_later(*_arguments: object, **_named: object) -> None:
        broken()

    is_async = inspect.iscoroutinefunction(getattr(owner, name))
    monkeypatch.setattr(owner, name, broken_later if is_async else broken)
    with pytest.raises(Failure, match="ZeroDivisionError: planted"):
        _simulate_all([*range(20)])


def _simulate_all(seeds: list[int]) -> None:
    for seed in seeds:
        simulate(seed)


def test_the_same_seed_gives_the_same_trace_under_every_hash_seed() -> None:
    traces = {_trace(hash_seed) for hash_seed in ("0", "1")}
    assert len(traces) == 1
    assert len(traces.pop().splitlines()) > 20


def _trace(hash_seed: str) -> str:
    program = "from simulation._world import simulate\nfor seed in range(8): print(*simulate(seed), sep='\\n')"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout
