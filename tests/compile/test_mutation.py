"""The mutation gate, in parts: mutants are up to date and a few are found by default, all of them by `make mutation`."""

from __future__ import annotations

import pytest
from mutants import MUTANTS, Mutant
from mutation import ROOT, try_mutant

QUICK = ("dead slot saved",)


def test_every_mutant_is_up_to_date() -> None:
    assert len({m.name for m in MUTANTS}) == len(MUTANTS) >= 30
    for mutant in MUTANTS:
        text = (ROOT / mutant.path).read_text(encoding="utf-8")
        compile(mutant.applied(text), mutant.path, "exec")


def test_a_stale_mutant_is_no_mutant() -> None:
    with pytest.raises(ValueError, match="its text is in a file 0 times"):
        Mutant("stale", "a file", "gone", "new").applied("what is there now")


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_is_found(name: str) -> None:
    mutant = next(m for m in MUTANTS if m.name == name)
    suite = ["test_saved_slots"]
    assert not try_mutant(None, suite).killed_by
    assert try_mutant(mutant, suite).killed_by


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_every_fault_is_found(mutant: Mutant) -> None:
    assert try_mutant(mutant).killed_by
