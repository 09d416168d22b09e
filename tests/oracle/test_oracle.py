"""CPython's own tests, compiled: a sample of them here, all of them with `make oracle` (docs/testing.md)."""

from __future__ import annotations

import ast
import importlib.util
import sys
import types
import unittest
from pathlib import Path

import oracle_run
import pytest
from oracle_cases import Installed, Method
from oracle_report import MODULES, run_module, table, unlisted

SAMPLE = {
    "test_patma": 40,
    "test_exceptions": 33,
    "test_contextlib": 50,
    "test_raise": 8,
    "test_fstring": 15,
    "test_generators": 12,
}
"""Modules, and one method in how many; the numbers keep it to seconds."""

needs_tests = pytest.mark.skipif(
    importlib.util.find_spec("test.test_patma") is None,
    reason="this interpreter was installed without its test package",
)


@needs_tests
@pytest.mark.parametrize("module", SAMPLE)
def test_a_sample_of_cpythons_tests_ends_the_same_compiled(module: str) -> None:
    report = run_module(module, "operands", every=SAMPLE[module])
    assert not unlisted([report]), "\n".join(f"{j.name}: {j.detail}" for j in unlisted([report]))


@needs_tests
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["statements", "operands"])
@pytest.mark.parametrize("module", MODULES)
def test_cpythons_tests_end_the_same_compiled(module: str, mode: str) -> None:
    report = run_module(module, mode)
    assert not unlisted([report]), table([report]) + "\n".join(f"\n{j.name}: {j.detail}" for j in unlisted([report]))


class Sums(unittest.TestCase):
    """What the oracle is tried on; pytest collects no test in it."""

    def sum_of_two(self) -> None:
        left = "a"
        assert left + "b" == "ab"


def test_the_oracle_sees_a_compiler_that_drops_an_operand(monkeypatch: pytest.MonkeyPatch) -> None:
    tests, method = _installed(monkeypatch)
    assert oracle_run.judge(tests, method, operands=True).kind == "passed"
    monkeypatch.setattr(oracle_run, "loaded", lambda source, output: _compiled(output.text.replace("'b'", "'c'")))
    assert oracle_run.judge(tests, method, operands=True).kind == "differing"


def test_the_oracle_sees_an_await_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    tests, method = _installed(monkeypatch)
    doubled = "f.resume()\n        slct_step(0).report()\n"
    monkeypatch.setattr(
        oracle_run, "loaded", lambda source, output: _compiled(output.text.replace("f.resume()\n", doubled))
    )
    assert oracle_run.judge(tests, method, operands=False).kind == "differing"


def _compiled(text: str) -> types.CodeType:
    return compile(text, "program.py", "exec", dont_inherit=True)


def _installed(monkeypatch: pytest.MonkeyPatch) -> tuple[Installed, Method]:
    """`Sums` as a test module of its own."""
    module = types.ModuleType("oracle_sums")
    monkeypatch.setitem(sys.modules, "oracle_sums", module)
    module.__dict__["Sums"] = Sums
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    node = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "sum_of_two")
    method = Method(Sums, Sums, "sum_of_two", node)
    return Installed(module, (method,), ()), method
