"""What type checkers say of correct and of wrong use of the public API."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typing_checked import Checked, check
from typing_programs import TREES

HERE = Path(__file__).parent


def test_correct_use_has_the_types_that_an_author_expects(checked: Checked) -> None:
    assert checked.errors(HERE / "public_types.py") == []


def test_wrong_use_is_refused_line_by_line(checked: Checked) -> None:
    path = HERE / "public_misuse.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    expected = {
        (number, code)
        for number, line in enumerate(lines, 1)
        if (marked := re.search(r"# E: (.+)", line)) is not None
        for code in marked[1].split()
    }
    assert {(error.line, error.code) for error in checked.errors(path)} == expected


@pytest.mark.parametrize("name", TREES)
def test_what_is_compiled_from_clean_sources_is_clean(name: str, builds: dict[str, Path], checked: Checked) -> None:
    paths = sorted(builds[name].glob("*.py"))
    assert paths
    assert [error for path in paths for error in checked.errors(path)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", TREES)
def test_the_sources_are_clean_as_written(name: str, tmp_path: Path) -> None:
    pytest.importorskip("mypy.api")
    for path in TREES[name].glob("*.py"):
        shutil.copy(path, tmp_path)
    paths = sorted(tmp_path.glob("*.py"))
    checked = check(paths)
    assert [error for path in paths for error in checked.errors(path)] == []
