"""What is checked: the public API as it is used, and the builds of all programs here that mypy accepts as they are written.

mypy runs once: its time is mostly that of reading the packages.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typing_checked import Checked, check
from typing_programs import TREES, build

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The trees, compiled."""
    pytest.importorskip("mypy.api")
    target = tmp_path_factory.mktemp("typed")
    return {name: build(source, target / name) for name, source in TREES.items()}


@pytest.fixture(scope="session")
def checked(builds: dict[str, Path]) -> Checked:
    compiled = [path for directory in builds.values() for path in sorted(directory.glob("*.py"))]
    return check([HERE / "public_types.py", HERE / "public_misuse.py", *compiled])
