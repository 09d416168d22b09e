"""Every rule and detail of docs/semantics.md that holds is shown by tests that carry its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
NOT_YET = {f"rule {number}" for number in (21,)}
"""Rules that the document says do not hold yet."""

RULES = [f"rule {number}" for number in re.findall(r"^(\d+)\. ", TEXT, re.MULTILINE)]
DETAILS = [f"detail {name}" for name in re.findall(r"^- \*\*D(\d+)\.\*\*", TEXT, re.MULTILINE)]


def names_of_tests() -> set[str]:
    """Of tests, and of the scenarios that tests run in every world."""
    found: set[str] = set()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path.name.startswith("test_") or path.name == "scenarios.py":
            found.update(re.findall(r"^(?:async )?def (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    return found


def numbers_in(name: str) -> set[str]:
    """What a name says that it shows: `rule_6_...`, `rules_18_and_19_...`, `d4_...`, `detail_d4_...`."""
    rules = re.search(r"(?:^|_)rules?_(\d+)(?:_and_(\d+))?(?=_|$)", name)
    found = {f"rule {number}" for number in rules.groups() if number} if rules else set()
    return found | {f"detail {number}" for number in re.findall(r"(?:^|_)d(\d+)(?=_)", name)}


SHOWN = {number for name in names_of_tests() for number in numbers_in(name)}


def test_the_document_has_them_all() -> None:
    assert [f"rule {number}" for number in range(1, 27)] == RULES
    assert [f"detail {number}" for number in range(1, 21)] == DETAILS


@pytest.mark.parametrize("number", [each for each in RULES + DETAILS if each not in NOT_YET])
def test_a_test_carries_its_number(number: str) -> None:
    assert number in SHOWN
