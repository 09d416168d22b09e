"""Programs of the compiler's tests that mypy accepts as they are written, it accepts compiled.

They have no annotations to speak of; so mypy infers what it can, and checks functions without annotations too. Many programs are
about what no checker accepts (names that may be unbound, rebound with another type): these are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typing_checked import Checked, check

COMPILER_TESTS = Path(__file__).parents[1] / "compile"
sys.path.insert(0, str(COMPILER_TESTS))

from compile_harness import compile_source  # noqa: E402 - after the path is set
from test_differential import read_samples  # noqa: E402 - after the path is set

INFERRED = (
    "--allow-untyped-defs",
    "--allow-incomplete-defs",
    "--allow-untyped-calls",
    "--allow-any-generics",
    "--allow-untyped-decorators",
    "--allow-subclassing-any",
    "--no-warn-return-any",
    "--ignore-missing-imports",
    "--check-untyped-defs",
)
UNCLEAN = {
    "local classes and imports": "a class in a function is an attribute of the frame, which is no type",
    "functions of one name": "functions that share a name and not their parameters are told apart by their frames only at run time",
}
"""Programs that are clean as written and not when compiled, and why."""
CRASHING = {"a global is bound by every kind of statement"}
"""Programs on which mypy itself fails, as they are written."""
CLEAN_MIN = 120


def test_what_mypy_accepts_of_the_samples_it_accepts_compiled(tmp_path: Path) -> None:
    pytest.importorskip("mypy.api")
    samples = [
        sample
        for name in ("programs.txt", "constructs.txt", "closures.txt")
        for sample in read_samples(name)
        if sample.name not in CRASHING
    ]
    cache = f"--cache-dir={tmp_path / 'cache'}"  # the shared one goes by module names, and these are others each time
    (tmp_path / "written").mkdir()
    (tmp_path / "compiled").mkdir()
    written = {_path(tmp_path / "written", n): sample for n, sample in enumerate(samples)}
    for path, sample in written.items():
        path.write_text(sample.source, encoding="utf-8")
    checked = check(list(written), *INFERRED, cache)
    clean = {tmp_path / "compiled" / path.name: sample for path, sample in written.items() if not checked.errors(path)}
    assert len(clean) >= CLEAN_MIN
    for path, sample in clean.items():
        path.write_text(compile_source(sample.source).text, encoding="utf-8")
    compiled = check(list(clean), *INFERRED, cache)
    assert {sample.name: _told(compiled, path) for path, sample in clean.items() if compiled.errors(path)}.keys() == (
        UNCLEAN.keys()
    ), "\n".join(f"{sample.name}: {_told(compiled, path)}" for path, sample in clean.items() if compiled.errors(path))


def _path(directory: Path, number: int) -> Path:
    return directory / f"sample_{number:03}.py"


def _told(checked: Checked, path: Path) -> str:
    return "; ".join(f"line {error.line}: {error.message}" for error in checked.errors(path))
