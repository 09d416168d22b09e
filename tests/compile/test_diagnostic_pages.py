"""The page of each code keeps its promise: its first example is refused with that code, its second is accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slct_compile._tree import plan, read_tree
from slct_compile.diagnostics import CATALOGUE

PAGES = Path(__file__).parents[2] / "docs" / "diagnostics"
_EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def codes_of(example: str, directory: Path) -> list[str]:
    (directory / "example.py").write_text(example, encoding="utf-8")
    return [d.code for d in plan(read_tree(directory)).diagnostics]


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_page_shows_what_is_refused_and_what_to_write_instead(code: str, tmp_path: Path) -> None:
    page = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {code} {CATALOGUE[code][0]}\n")
    refused, accepted = _EXAMPLE.findall(page)
    assert set(codes_of(refused, tmp_path)) == {code}
    assert codes_of(accepted, tmp_path) == []


def test_every_page_belongs_to_a_code() -> None:
    assert {p.stem for p in PAGES.glob("SLC*.md")} == set(CATALOGUE)
