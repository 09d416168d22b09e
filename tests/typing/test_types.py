"""What type checkers say of correct and of wrong use of the public API."""

from __future__ import annotations

import re
from pathlib import Path

from typing_checked import Checked

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
