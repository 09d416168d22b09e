"""The pytest plugin that ships with slct: the fixture `sim` and the marker `slct`.

    @pytest.mark.slct(both=True)
    def test_late_order(sim): ...

The fixture gives a `Simulation`. With `both=True` the test runs twice: with the source classes running directly, and with
their compiled twins, saved and restored at every suspension. `compiled=True` runs it compiled only; `crash=SEED` adds kills;
`explore=N` runs it under N schedules, each a test of its own: `test_late_order[direct-schedule17]`.
Tests that are `async def` run in an event loop of their own if no other plugin takes them.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .testing import Simulation


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "slct(both=False, compiled=False, crash=None, explore=None): how the `sim` fixture runs source classes: directly, compiled, "
        "or both; with kills; under how many schedules",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("slct")
    if marker is None or "sim" not in metafunc.fixturenames:
        return
    worlds: list[bool] = [False, True] if marker.kwargs.get("both") else [bool(marker.kwargs.get("compiled"))]
    schedules: list[int | None] = list(range(marker.kwargs["explore"])) if marker.kwargs.get("explore") else [None]
    runs = [(is_compiled, schedule) for is_compiled in worlds for schedule in schedules]
    if runs != [(False, None)]:
        metafunc.parametrize("sim", runs, indirect=True, ids=[_shown(*run) for run in runs])


def _shown(is_compiled: bool, schedule: int | None) -> str:
    world = "compiled" if is_compiled else "direct"
    return world if schedule is None else f"{world}-schedule{schedule}"


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Simulation:
    """A simulation, made as the test's `slct` marker says."""
    from .testing import Simulation

    marker = request.node.get_closest_marker("slct")
    crash = marker.kwargs.get("crash") if marker is not None else None
    is_compiled, schedule = getattr(request, "param", (False, None))
    return Simulation(compiled=is_compiled, crash=crash, schedule=schedule)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test that uses `sim`, if no plugin for asynchronous tests has taken it."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or "sim" not in pyfuncitem.fixturenames:
        return None
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True
