"""What is called growth, and a soak of a few seconds that does all that a long one does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from test_bench_report import MACHINE

from bench import soak
from bench.growth import Growth, Limit, growths
from bench.plot import lines_svg
from bench.usage import IS_KNOWN
from runtime_client import Unavailable

LIMIT = {"memory": Limit(times=1.1, slack=2)}


def found(values: list[float]) -> Growth:
    (growth,) = growths({"memory": values, "other": []}, LIMIT)
    return growth


def test_what_fills_at_the_start_and_then_stays_has_not_grown() -> None:
    growth = found([10, 60, 90, *[100] * 4, 250, *[101] * 4])  # one bad sample decides nothing either
    assert growth.is_within and (growth.early, growth.late) == (100, 101)


def test_what_climbs_steadily_has_grown() -> None:
    growth = found([100 + 4 * number for number in range(40)])
    assert not growth.is_within and growth.late > growth.allowed > growth.early


def test_small_figures_may_differ_by_the_slack() -> None:
    assert found([1, 1, 1, 1, 3, 3]).is_within and not found([1, 1, 1, 1, 4, 4]).is_within


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="memory was sampled 2 times"):
        found([1, 1])


def samples_of(runtime_mb: list[float]) -> dict[str, list[float]]:
    steady = {quantity: [10.0] * len(runtime_mb) for quantity in soak.LIMITS}
    times = [5.0 * (number + 1) for number in range(len(runtime_mb))]
    nothing = [0.0] * len(times)
    rates = [20.0] * len(times)
    return {
        **steady,
        "runtime, MB": runtime_mb,
        "s": times,
        "left out": nothing,
        "rounds per s": rates,
        "load of the machine": nothing,
    }


def test_table_names_what_grew_and_what_was_left_out() -> None:
    samples = samples_of([100.0 + 10 * number for number in range(12)])
    samples["left out"] = [30.0] * 12  # of 1,200 done
    text = soak.table(MACHINE, samples, growths(samples, soak.LIMITS))
    assert "| runtime, MB | 140 | 200 | 151 | 210 | **no** |" in text
    assert text.count("| yes |") == len(soak.LIMITS) - 1
    assert "2.44% of them left out or refused" in text


def test_lines_are_a_picture() -> None:
    root = ElementTree.fromstring(lines_svg([1, 2, 3], {"a < b": [0, 0, 0], "c": [1, 5, 2]}))
    lines = [element.get("points") for element in root.iter() if element.tag.endswith("polyline")]
    assert len(lines) == 2 and len((lines[1] or "").split()) == 3


@pytest.fixture
def clean_imports() -> Iterator[None]:
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.startswith(("bench_", "slct_definitions"))]:
        del sys.modules[name]


@pytest.mark.slow
@pytest.mark.skipif(not IS_KNOWN, reason="memory is read from /proc")
@pytest.mark.usefixtures("clean_imports")
def test_soak_of_seconds(tmp_path: Path) -> None:
    plan = soak.Plan(seconds=3, parked=50, sample_s=0.25, rate_s=10)
    samples = asyncio.run(soak.soak(tmp_path, plan))
    assert {len(values) for values in samples.values()} == {len(samples["s"])}
    assert sum(samples["rounds per s"]) * plan.sample_s > 20 and samples["left out"][-1] == 0
    assert min(samples["runtime, MB"] + samples["worker, MB"] + samples["store, MB"]) > 0
    assert max(samples["message applied, p50 ms"]) > 0 < max(samples["ten effects, p99 ms"])
    growths(samples, soak.LIMITS)


def test_refused_rounds_are_counted_and_the_load_goes_on() -> None:
    class Refusing:
        def get(self, process_id: str) -> Any:
            raise Unavailable("no connection to a runtime")

    load = soak.Load(cast(Any, Refusing()), ["t"], ["p"])
    asyncio.run(load.round())
    assert (load.left_out, load.done, load.under_way) == (1, 0, 0)
