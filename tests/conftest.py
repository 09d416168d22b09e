"""What several suites share: the examples, compiled once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _cache_of_these_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """slct-compile remembers nothing from earlier runs of the tests, and leaves nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLCT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def examples_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples as `slct-compile` leaves them."""
    build = tmp_path_factory.mktemp("examples") / "build"
    command = [Path(sys.executable).with_name("slct-compile"), ROOT / "examples", "-o", build]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return build
