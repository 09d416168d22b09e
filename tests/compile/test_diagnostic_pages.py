"""The page of each code keeps its promise: its first example is refused with that code, its second is accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slct_compile import _lock_file
from slct_compile._lock import Lock
from slct_compile._tree import Plan, plan, read_tree
from slct_compile.diagnostics import CATALOGUE

PAGES = Path(__file__).parents[2] / "docs" / "diagnostics"
_EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def codes_of(example: str, directory: Path, lock: Lock | None = None, **checks: bool) -> list[str]:
    return [d.code for d in planned(example, directory, lock, **checks).diagnostics]


def planned(example: str, directory: Path, lock: Lock | None = None, **checks: bool) -> Plan:
    (directory / "example.py").write_text(example, encoding="utf-8")
    return plan(read_tree(directory), lock=lock, **checks)


def recorded(page: str, directory: Path) -> Lock | None:
    """The lock of the earlier version that a page shows, if it does."""
    earlier = re.search(r"```python before\n(.*?)```", page, re.DOTALL)
    if earlier is None:
        return None
    return _lock_file.after(Lock(), planned(earlier.group(1), directory).outputs.values(), whole=True)


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_page_shows_what_is_refused_and_what_to_write_instead(code: str, tmp_path: Path) -> None:
    page = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {code} {CATALOGUE[code][0]}\n")
    refused, accepted = _EXAMPLE.findall(page)
    lock = recorded(page, tmp_path)
    checks = {"against_lock": code in ("SLC501", "SLC502"), "strict": code == "SLC207"}
    assert set(codes_of(refused, tmp_path, lock, **checks)) == {code}
    assert codes_of(accepted, tmp_path, lock, **checks) == []


def test_every_page_belongs_to_a_code() -> None:
    assert {p.stem for p in PAGES.glob("SLC*.md")} == set(CATALOGUE)
