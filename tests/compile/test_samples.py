"""What the passes print, one sample after another in text files.

A sample is `== name`, the source, and after each `-- pass` what that pass prints. `SLCT_REWRITE=1 pytest tests/compile/test_samples.py`
writes what is printed now; the diff is then to be reviewed like code.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from slct_compile import _pipeline
from slct_compile._index import Index, read_module
from slct_compile.diagnostics import render

SAMPLES = Path(__file__).parent / "samples"
PRINTED = ("passes.txt", "output.txt", "refused.txt", "left_alone.txt")


@dataclass(frozen=True)
class Sample:
    file: str
    name: str
    source: str
    expected: tuple[tuple[str, str], ...]


def read(file: str) -> tuple[str, list[Sample]]:
    head, *parts = (SAMPLES / file).read_text(encoding="utf-8").split("\n== ")
    return head, [_sample(file, part) for part in parts]


def _sample(file: str, text: str) -> Sample:
    name, rest = text.split("\n", 1)
    source, *printed = ("\n" + rest).split("\n-- ")
    expected = tuple(tuple(p.split("\n", 1)) if "\n" in p else (p, "") for p in printed)
    return Sample(file, name, source.strip("\n") + "\n", expected)


def everything() -> list[Sample]:
    return [s for file in PRINTED for s in read(file)[1]]


def printed(sample: Sample, what: str) -> str:
    """What a pass says about a sample's source."""
    info = read_module("sample", "sample.py", sample.source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pipeline, "checked", True)
        output = _pipeline.compile_module(Index([info]), info, None if what == "findings" else what)
    found = "\n\n".join(render(d, sample.source) for d in output.diagnostics)
    if what == "findings":
        return found or "none"
    assert not found, found
    if what == "unchanged":
        assert output.text == sample.source
        return ""
    return output.shown.strip("\n")


@pytest.mark.parametrize("sample", everything(), ids=lambda s: f"{s.file}: {s.name}")
def test_a_sample_prints_what_its_file_says(sample: Sample) -> None:
    assert sample.expected, "a sample without a `-- pass`"
    for what, text in sample.expected:
        found = printed(sample, what)
        if not os.environ.get("SLCT_REWRITE"):
            assert found == text.strip("\n"), f"-- {what}\n{found}"
    if os.environ.get("SLCT_REWRITE"):
        rewrite(sample)


def rewrite(sample: Sample) -> None:
    head, samples = read(sample.file)
    shown = [head.rstrip("\n")]
    for one in samples:
        parts = [f"== {one.name}", one.source.strip("\n")]
        for what, text in one.expected:
            written = printed(one, what) if one.name == sample.name else text.strip("\n")
            parts.append(f"-- {what}" + (f"\n{written}" if written else ""))
        shown.append("\n".join(parts))
    (SAMPLES / sample.file).write_text("\n\n".join(shown) + "\n", encoding="utf-8")
