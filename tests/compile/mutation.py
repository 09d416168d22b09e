"""The mutation gate: every fault of `mutants.py`, put into a copy of the compiler and its driver, must fail the tests.

`python tests/compile/mutation.py [words of names]` tries all mutants, or those whose names contain the words, and prints for each
what found it. A mutant that no test finds is a test that is missing. The tests run in an interpreter of their own, against the copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("slct_compile", "runtime_client")
SUITE = (
    "test_saved_slots",
    "test_closures",
    "test_differential",
    "test_jump_matrix",
    "test_compiled_shape",
    "test_scopes",
)
SEEDS = 8
SECONDS_MAX = 300
"""A fault that keeps the tests from ending is found, too; without any they end in a fraction of this."""
TESTS_FAILED = 1
"""What pytest exits with; anything else that is not 0 says that it could not run them."""

_CHILD = """
import sys, pytest, slct_compile, runtime_client
assert all(p.__file__.startswith(sys.argv[1]) for p in (slct_compile, runtime_client)), "not the copy"
sys.exit(pytest.main(sys.argv[2:]))
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`killed_by`: the test that found the mutant, or empty if it survived."""

    name: str
    killed_by: str


class Unusable(Exception):
    """The tests did not run, which is neither: the mutant must be mended."""


def try_mutant(mutant: Mutant | None, suite: Iterable[str] = SUITE) -> Verdict:
    """Run the tests against a copy with a fault in it; None for the copy alone.

    Raises:
      ValueError: the mutant's text has changed.
      Unusable: the tests could not be run.
    """
    name = "no fault" if mutant is None else mutant.name
    with tempfile.TemporaryDirectory(prefix="slct-mutant-") as directory:
        copy = Path(directory)
        for package in PACKAGES:
            shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        if mutant is not None:
            path = copy / mutant.path
            path.write_text(mutant.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
        tests = [str(ROOT / "tests" / "compile" / f"{each}.py") for each in suite]
        known = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"  # the packages, from the copy
        options = [
            "-W",
            known,
            "-x",
            "--tb=no",
            "-rf",
            "-m",
            "not slow",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(ROOT),
            *tests,
        ]
        try:
            done = _run(copy, options)
        except subprocess.TimeoutExpired:
            return Verdict(name, f"{ROOT.name}::no end within {SECONDS_MAX} s")
    if done.returncode not in (0, TESTS_FAILED):
        raise Unusable(f"{name}: pytest exited with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    assert bool(failed) == (done.returncode == TESTS_FAILED), f"{done.returncode}\n{done.stdout}{done.stderr}"
    return Verdict(name, failed[0].removeprefix("FAILED ").partition(" - ")[0] if failed else "")


def _run(copy: Path, options: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", _CHILD, str(copy), *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "SLCT_COMPILE_SEEDS": str(SEEDS)},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def verdicts(mutants: Iterable[Mutant], jobs: int) -> Iterator[Verdict]:
    """Try many, some at a time; in their order."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(try_mutant, mutants)


def main(words: list[str]) -> int:
    chosen = [m for m in MUTANTS if all(word in m.name for word in words)]
    baseline = try_mutant(None)
    if baseline.killed_by:
        print(f"without any fault the tests fail: {baseline.killed_by}")
        return 2
    survived = 0
    for verdict in verdicts(chosen, jobs=int(os.environ.get("JOBS", os.cpu_count() or 1))):
        survived += not verdict.killed_by
        found = verdict.killed_by.partition("::")[2]
        print(f"killed    {verdict.name}: {found}" if found else f"SURVIVED  {verdict.name}", flush=True)
    print(f"{len(chosen)} mutants, {len(chosen) - survived} killed, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
