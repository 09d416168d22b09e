"""The chaos script itself, a few kills long; `make chaos` does fifty and takes a seed."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_counts_are_exact_after_kills(seed: int) -> None:
    command = [sys.executable, "-m", "chaos", "--seed", str(seed), "--kills", "8", "--duration", "12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
