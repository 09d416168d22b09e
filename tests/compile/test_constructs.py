"""Every construct of docs/constructs.md, three ways: as written, compiled, and saved and read back at every suspension."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from compile_harness import compare, compile_source, explain, folded, program, run_compiled, run_saved
from construct_rows import ROWS
from test_differential import SAMPLES, Sample, read_samples


@pytest.mark.parametrize("sample", read_samples("constructs.txt"), ids=lambda s: s.name)
def test_a_construct_means_the_same_compiled_and_saved(sample: Sample) -> None:
    output = compile_source(sample.source)
    for number, script in enumerate(sample.scripts):
        direct = compare(sample.source, script, compiled_once=number > 0)
        saved = run_saved(output.text, script)
        assert folded(saved) == folded(direct), explain(sample.source, output.text, script, direct, saved)


@pytest.mark.parametrize(
    ("expression", "tested"),
    [
        ("(a if c else b and d) or await op()", "cb"),
        ("(a if c else b and await op()) or a", "cb"),
        ("((d or b) if a else c) and await op()", "ad"),
        ("(b and d) or await op()", "b"),
        ("(a if d else b) and (c if b else a) and await op()", "daba"),
        ("(await op() or b) if (a and d) else c", "ad"),
        ("not (a if d else await op()) or await op()", "da"),
    ],
)
def test_what_is_tested_in_a_branch_is_not_tested_again_after_it(expression: str, tested: str) -> None:
    """Rule 2. How often the interpreter itself tests the value of a nested operation differs from version to version."""
    head = 'a, b, c, d = Truth("a", True), Truth("b", False), Truth("c", False), Truth("d", True)'
    run = run_compiled(compile_source(program(f"{head}\nreturn {expression}")).text, [1])
    assert "".join(name for kind, name, *_ in run.trace if kind == "bool") == tested


def test_every_row_has_programs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "constructs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \|", page, re.MULTILINE)[1:]
    assert rows == list(ROWS)
    files = ("programs.txt", "constructs.txt", "refused.txt")
    written = {
        n for f in files for n in re.findall(r"^== (.+)$", (SAMPLES / f).read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {name for names in ROWS.values() for name in names} <= written
