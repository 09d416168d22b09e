"""The scripts give the output written in them. `SLCT_REWRITE=1 pytest ...` writes what they give now: review the diff."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from core_script import rewritten

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.txt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path) -> None:
    written = path.read_text()
    given = rewritten(written)
    if os.environ.get("SLCT_REWRITE"):
        path.write_text(given)
    else:
        assert given == written, f"{path.name}: if the new output is right, rewrite it with SLCT_REWRITE=1"


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 6
