"""The pytest plugin that ships with slct: the fixture `sim` and the marker `slct`.

    @pytest.mark.slct(both=True)
    def test_late_order(sim): ...

The fixture gives a `Simulation`. With `both=True` the test runs twice: with the source classes running directly, and with
their compiled twins, saved and restored at every suspension. `compiled=True` runs it compiled only; `crash=SEED` adds kills.
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
        "slct(both=False, compiled=False, crash=None): how the `sim` fixture runs source classes: directly, compiled, or both",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("slct")
    if marker is None or "sim" not in metafunc.fixturenames:
        return
    if marker.kwargs.get("both"):
        metafunc.parametrize("sim", ["direct", "compiled"], indirect=True)
    elif marker.kwargs.get("compiled"):
        metafunc.parametrize("sim", ["compiled"], indirect=True)


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Simulation:
    """A simulation, made as the test's `slct` marker says."""
    from .testing import Simulation

    marker = request.node.get_closest_marker("slct")
    crash = marker.kwargs.get("crash") if marker is not None else None
    return Simulation(compiled=getattr(request, "param", "direct") == "compiled", crash=crash)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test that uses `sim`, if no plugin for asynchronous tests has taken it."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or "sim" not in pyfuncitem.fixturenames:
        return None
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True
