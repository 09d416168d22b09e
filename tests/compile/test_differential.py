"""The same program, as written and compiled: results, exceptions with all they hang on, and traces agree.

Programs written for a reason stand in `samples/programs.txt`; random ones come from `compile_grammar` by their seed. To see
a failure again: `pytest tests/compile/test_differential.py -k 'seed-17'`. `SLCT_COMPILE_SEEDS=2000` runs more of them.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from compile_grammar import Grammar
from compile_harness import HEAD, Script, Truth, compare, compile_source, program
from differential import WORDS, Case, case_of, is_python, smallest, verdict_of

from slct_compile._outputs import ModuleOutput

SAMPLES = Path(__file__).parent / "samples"
SEEDS = int(os.environ.get("SLCT_COMPILE_SEEDS", "60"))
PROGRAMS_PER_SEED = 3
WIDE_PARTS = max(1, SEEDS // 5)
WIDE_PROGRAMS = 30


@dataclass(frozen=True)
class Sample:
    name: str
    scripts: tuple[list[object], ...]
    source: str


def read_samples(name: str) -> list[Sample]:
    text = (SAMPLES / name).read_text(encoding="utf-8")
    return [_sample(part) for part in text.split("\n== ")[1:]]


def _sample(text: str) -> Sample:
    name, scripts, body = text.split("\n", 2)
    assert scripts.startswith("scripts "), name
    lists = "[" + scripts.removeprefix("scripts ").replace("] [", "], [") + "]"
    whole = body.startswith("module\n")
    source = body.removeprefix("module\n") if whole else program(body)
    return Sample(name, tuple(eval(lists, {"Truth": Truth})), source)


@pytest.mark.parametrize("sample", read_samples("programs.txt"), ids=lambda s: s.name)
def test_a_program_does_the_same_compiled(sample: Sample) -> None:
    for number, script in enumerate(sample.scripts):
        compare(sample.source, script, compiled_once=number > 0)


without_syntax_warnings = pytest.mark.filterwarnings("ignore::SyntaxWarning")
"""Random programs compare literals with `is`, and such."""


@without_syntax_warnings
@pytest.mark.parametrize("seed", range(SEEDS), ids=lambda s: f"seed-{s}")
def test_random_programs_do_the_same_compiled(seed: int) -> None:
    for number in range(PROGRAMS_PER_SEED):
        grammar = Grammar(seed * PROGRAMS_PER_SEED + number, depth=1 + seed % 2)
        source = program(grammar.program())
        if is_python(source):
            compare(source, grammar.script())
            compare(source, grammar.script(), compiled_once=True)


@without_syntax_warnings
@pytest.mark.parametrize("part", range(WIDE_PARTS), ids=lambda n: f"part-{n}")
def test_random_programs_do_the_same_saved_at_every_suspension(part: int) -> None:
    """The whole grammar, as `make differential` runs it: `make differential SEED=n COUNT=1 ` shows one again."""
    counts = Counter(_verdict(seed) for seed in range(part * WIDE_PROGRAMS, (part + 1) * WIDE_PROGRAMS))
    assert counts["same"] >= WIDE_PROGRAMS // 2, counts


def _verdict(seed: int) -> str:
    case = case_of(seed)
    found = "not python" if case is None else verdict_of(case)
    assert case is None or found in WORDS, f"seed {seed}\n{found}"
    return found


def test_what_differs_is_made_small() -> None:
    """The wanted thing is taken for a difference: a call of `op` with 7 inside a `finally`."""
    script: Script = [None]
    whole = program(
        "total = 0\n"
        "for item in range(3):\n"
        "    try:\n"
        "        total += await op(item) or item\n"
        "    finally:\n"
        "        with Manager('m'):\n"
        "            total += (await op(7) or 0) + total\n"
        "return total"
    )
    wanted = smallest(Case(whole, (script,)), lambda c: "op(7)" in c.source.partition("finally:")[2])
    lines = [line.strip() for line in wanted.source.removeprefix(HEAD).splitlines() if line.strip()]
    assert is_python(wanted.source)
    assert "await op(7)" in lines[-1] or "op(7)" in lines[-1], wanted.source
    assert len(lines) <= 6, wanted.source


def test_a_crash_of_the_compiler_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashed(source: str) -> None:
        raise RuntimeError("crashed")

    case = Case(program("return await op(1)"), ([None],))
    assert verdict_of(case) == "same"
    monkeypatch.setattr("differential.compile_source", crashed)
    assert verdict_of(case).startswith("RuntimeError: crashed")


def test_a_difference_is_told_with_both_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(source: str) -> ModuleOutput:
        output = compile_source(source)
        return dataclasses.replace(output, text=output.text.replace("+ 1", "+ 2"))

    monkeypatch.setattr("differential.compile_source", mistaken)
    found = verdict_of(Case(program("return (await op(1) or 0) + 1"), ([None],)))
    assert found.startswith("saved at every suspension:")
    assert "'1'" in found and "'2'" in found
