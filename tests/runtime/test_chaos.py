"""The chaos script itself: each kind of fault once by default, more with `slow`; `make chaos` does fifty and takes a seed."""

from __future__ import annotations

import subprocess
import sys

import pytest

SMALL = ("--messages", "300", "--chains", "20", "--onces", "8", "--families", "2")


def test_counts_are_exact_after_one_fault_of_each_kind() -> None:
    done = _chaos("--seed", "1", "--kills", "6", "--duration", "5", *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n  ") == 6, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_counts_are_exact_after_many_faults(seed: int) -> None:
    done = _chaos("--seed", str(seed), "--kills", "20", "--duration", "30")
    assert done.returncode == 0, done.stdout + done.stderr


def test_versions_are_rolled_out_and_back_under_load() -> None:
    """Rules 22, 24 and 25: no process is lost, none runs where it does not fit, and each refusal was announced."""
    _roll("--seed", "3", "--marks", "12")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_versions_are_rolled_out_and_back_under_load_many_times(seed: int) -> None:
    _roll("--seed", str(seed))


def _roll(*options: str) -> None:
    command = [sys.executable, "-m", "chaos.rolling", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _chaos(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "chaos", *options], capture_output=True, text=True, check=False)
