"""What is compiled from sources that mypy accepts, mypy accepts as well, in strict mode."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slct_compile.cli import main as slct_compile

ROOT = Path(__file__).parents[2]
TYPED = Path(__file__).with_name("typed")
"""Programs with what a compiler may make a type checker stumble over."""


@pytest.mark.parametrize("source", [ROOT / "examples", TYPED], ids=lambda path: path.name)
def test_what_is_compiled_from_clean_sources_is_clean(source: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    assert slct_compile([str(source), "-o", str(build), "--no-lock", "-q"]) == 0
    assert mypy_findings(build) == ""


def test_the_programs_are_clean_as_written(tmp_path: Path) -> None:
    shutil.copytree(TYPED, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    assert mypy_findings(tmp_path / "src") == ""


def mypy_findings(directory: Path) -> str:
    """What mypy says in strict mode of the modules in a directory, in an OS process of its own; nothing if it is content."""
    pytest.importorskip("mypy")
    cache = ROOT / ".mypy_cache" / "compiled"
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", "."]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
