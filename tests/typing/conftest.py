from __future__ import annotations

from pathlib import Path

import pytest
from typing_checked import Checked, check

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def checked() -> Checked:
    pytest.importorskip("mypy.api")
    return check([HERE / "public_types.py", HERE / "public_misuse.py"])
