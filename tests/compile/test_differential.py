"""The same program, as written and compiled: results, exceptions with all they hang on, and traces agree.

Programs written for a reason stand in `samples/programs.txt`; random ones come from `compile_grammar` by their seed. To see
a failure again: `pytest tests/compile/test_differential.py -k 'seed-17'`. `SLCT_COMPILE_SEEDS=2000` runs more of them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from compile_grammar import Grammar
from compile_harness import Truth, compare, program

SAMPLES = Path(__file__).parent / "samples"
SEEDS = int(os.environ.get("SLCT_COMPILE_SEEDS", "60"))
PROGRAMS_PER_SEED = 3


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


def is_python(source: str) -> bool:
    """Some random programs are none: a capture bound twice, a name bound in its own guard."""
    try:
        compile(source, "program", "exec")
    except SyntaxError:
        return False
    return True
