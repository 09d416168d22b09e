"""The trees whose builds are checked."""

from __future__ import annotations

from pathlib import Path

from slct_compile.cli import main as slct_compile

ROOT = Path(__file__).parents[2]

TREES = {
    "examples": ROOT / "examples",
    "behaviour": ROOT / "tests/behaviour/programs",
    "structured": ROOT / "tests/client/engine/structured",
    "simulation": ROOT / "simulation/programs",
    "typed": ROOT / "tests/typing/typed",
    "clean": ROOT / "tests/typing/programs",
}
"""Sources that mypy accepts in strict mode."""


def build(source: Path, target: Path) -> Path:
    """Compile a tree. The generated list of definitions is left out: each tree has one, of the same name."""
    assert slct_compile([str(source), "-o", str(target), "--no-lock", "-q"]) == 0
    (target / "slct_definitions.py").unlink()
    return target
