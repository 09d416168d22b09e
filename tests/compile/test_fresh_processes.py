"""Programs whose every transition runs in a new OS process with another hash seed do as they do as written.

See `fresh_processes.py` for what that covers. The default run takes a part of the programs, `slow` all of them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest
from compile_grammar import Grammar
from compile_harness import compile_source, explain, findings, folded, program, run_direct
from differential import is_python
from fresh_processes import Interpreters, Refused
from test_differential import Sample, read_samples, without_syntax_warnings

EVERY = 4
"""Of the programs written by hand, one in so many is run by default; of the generated ones, `GENERATED`."""
GENERATED = 25

NOT_SAVED = {
    "code evaluated in a namespace of its own": "type '_frozen_importlib:BuiltinImporter' cannot be saved",
    "augmented assignment takes the old value first": "type 'Program.Main_Start.<locals>.Box' is defined inside a function",
    "f-strings format each field before the next": "type 'Program.Main_Start.<locals>.Shown' is defined inside a function",
    "for targets of every kind": "type 'Program.Main_Start.<locals>.Box' is defined inside a function",
    "local classes and imports": "module 'posixpath' is not one of these definitions",
}
if sys.version_info >= (3, 14):
    NOT_SAVED["for over iterators of itertools"] = "an iterator of itertools cannot be saved"
"""Programs that hold what cannot be saved, and what the refusal says. They are compared in memory only."""

IN_MODULES = {"augmented assignment to a global of the module", "a global is bound by every kind of statement"}
"""Programs that count on a global of their module, which is nobody's to save: a new process has it as it began."""


SAMPLES = [s for s in (*read_samples("programs.txt"), *read_samples("closures.txt")) if s.name not in IN_MODULES]


@pytest.fixture(scope="module")
def interpreters() -> Iterator[Interpreters]:
    with Interpreters() as started:
        yield started


def check(interpreters: Interpreters, source: str, scripts: list[list[object]]) -> int:
    """Compare all runs; gives how many of them were refused at a suspension."""
    output = compile_source(source)
    assert not output.has_errors, findings(output)
    refused = 0
    for script in scripts:
        direct = run_direct(source, script)
        try:
            fresh = interpreters.run(output.text, script)
        except Refused:
            refused += 1
            continue
        assert repr(folded(fresh)) == repr(folded(direct)), explain(source, output.text, script, direct, fresh)
    return refused


def test_no_two_transitions_share_a_process_or_a_hash_seed(interpreters: Interpreters) -> None:
    source = program(
        "seen = [(os.getpid(), hash('slct'))]\n"
        "for _ in range(2):\n"
        "    await op()\n"
        "    seen.append((os.getpid(), hash('slct')))\n"
        "return len({pid for pid, _ in seen}), len({h for _, h in seen}), seen[-1][0] == os.getpid()"
    )
    ended = interpreters.run(compile_source(f"import os\n{source}").text, [None]).ended
    assert ended == ("return", "(3, 3, True)")


def _marked(sample: Sample, position: int) -> object:
    return pytest.param(sample, id=sample.name, marks=() if position % EVERY == 0 else pytest.mark.slow)


@pytest.mark.parametrize("sample", [_marked(s, n) for n, s in enumerate(SAMPLES)])
def test_a_program_does_the_same_in_new_processes(interpreters: Interpreters, sample: Sample) -> None:
    if sample.name in NOT_SAVED:
        with pytest.raises(Refused, match=re.escape(NOT_SAVED[sample.name])):
            interpreters.run(compile_source(sample.source).text, sample.scripts[0])
        return
    assert check(interpreters, sample.source, list(sample.scripts)) == 0


def generated(interpreters: Interpreters, seeds: range) -> None:
    refused = runs = 0
    for seed in seeds:
        grammar = Grammar(seed, depth=1 + seed % 2)
        source = program(grammar.program())
        if is_python(source):
            scripts = [grammar.script(), grammar.script()]
            refused += check(interpreters, source, scripts)
            runs += len(scripts)
    print(f"{runs} runs, {refused} refused at a suspension")
    assert refused * 20 <= runs, f"{refused} of {runs} runs were refused"


@without_syntax_warnings
def test_random_programs_do_the_same_in_new_processes(interpreters: Interpreters) -> None:
    generated(interpreters, range(GENERATED))


@pytest.mark.slow
@without_syntax_warnings
def test_more_random_programs_do_the_same_in_new_processes(interpreters: Interpreters) -> None:
    generated(interpreters, range(GENERATED, 1000))
