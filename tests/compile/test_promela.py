"""`slct-compile verify --promela`: the text of small models, and what Spin finds in models is what `verify` finds in programs."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

import pytest
from test_verify import CLEAN, DEADLOCKS, HEAD, SHAPES, random_programs, text_of

from slct_compile.cli import main
from slct_compile.verification.command import programs
from slct_compile.verification.exploring import Bounds, verify
from slct_compile.verification.model import Unknown
from slct_compile.verification.program import Program
from slct_compile.verification.promela import promela

ROOT = Path(__file__).parents[2]
MODELS = Path(__file__).parent / "promela"
BOUNDS = Bounds(states=3_000)
needs_spin = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")), reason="spin or gcc is missing: apt-get install spin gcc"
)


@pytest.mark.parametrize("name", ["late", "group"])
def test_the_model_of_a_small_program(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proctype per goroutine, a label per wait with its source line, an option per case."""
    monkeypatch.chdir(MODELS)
    main(["verify", f"{name}.py", "--promela", str(tmp_path / "out.pml")])
    assert (tmp_path / "out.pml").read_text(encoding="utf-8") == (MODELS / f"{name}.pml").read_text(encoding="utf-8")


def test_the_program_of_the_page_is_the_one_whose_model_is_compared() -> None:
    page = (ROOT / "docs" / "verifying.md").read_text(encoding="utf-8")
    assert (MODELS / "late.py").read_text(encoding="utf-8") in page


def test_one_definition_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.pml"
    assert main(["verify", str(ROOT / "bench" / "programs"), "--promela", str(out)]) == 2
    assert "--promela writes one definition" in capsys.readouterr().err
    assert not out.exists()


NOT_WRITTEN = {
    "goroutines are cancelled": "async def main(self):\n    handle = go(self.work())\n    handle.cancel()\nasync def work(self):\n    await sleep(1)",
    "channels or goroutines are made in a loop": "async def main(self):\n    while True:\n        await go(self.work())\n"
    "async def work(self):\n    await sleep(1)",
}


@pytest.mark.parametrize("words", NOT_WRITTEN)
def test_what_cannot_be_written_is_told(words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.py").write_text(HEAD + "\n\nclass P(Process):\n" + indent(NOT_WRITTEN[words], "    "))
    assert main(["verify", str(tmp_path / "app.py"), "--promela", str(tmp_path / "out.pml")]) == 2
    assert re.search(rf"p cannot be written as a model: app.py:\d+: {words}", capsys.readouterr().err)


@dataclass(frozen=True, slots=True)
class Compared:
    """`spin`: whether Spin finds an invalid end state; None: it cannot be asked. `verify`: whether `verify` finds that main can come to rest for ever."""

    name: str
    verify: bool | None
    spin: bool | None


def compared(source: Path, where: Path) -> Iterator[Compared]:
    for name, program in programs(source):
        yield Compared(name, _found_by_verify(program), _found_by_spin(program, where))


def _found_by_verify(program: Program) -> bool | None:
    try:
        program.check()
        return verify(program, BOUNDS).may_rest
    except Unknown:
        return None


def _found_by_spin(program: Program, where: Path) -> bool | None:
    try:
        program.check()
        (where / "model.pml").write_text(promela(program, "a test"), encoding="utf-8")
    except Unknown:
        return None
    for command in (["spin", "-a", "model.pml"], ["gcc", "-w", "-DSAFETY", "-o", "pan", "pan.c"]):
        subprocess.run(command, cwd=where, check=True, capture_output=True, timeout=60)
    said = subprocess.run(["./pan", "-w18"], cwd=where, check=True, capture_output=True, text=True, timeout=60).stdout
    if "invalid end state" in said.split("(Spin Version")[0]:
        return True
    assert "errors: 0" in said and "max search depth too small" not in said, said
    return False


def check_agreement(tmp_path: Path, bodies: Sequence[str], most_left_out: float) -> None:
    (tmp_path / "app.py").write_text(HEAD + "".join(bodies), encoding="utf-8")
    found = list(compared(tmp_path / "app.py", tmp_path))
    asked = [one for one in found if one.spin is not None and one.verify is not None]
    assert not [one for one in asked if one.spin is not one.verify]
    assert {one.spin for one in asked} == {True, False}
    assert len(found) - len(asked) <= most_left_out * len(found)


def with_choices(text: str, seed: int) -> str:
    """Some of its operations happen only for some data."""
    draw = random.Random(seed)

    def chosen(found: re.Match[str]) -> str:
        return f"{found[1]}if self.n: {found[2]}" if draw.random() < 0.3 else found[0]

    return re.sub(r"^( +)((?:await (?:send|recv|select)|close)\(.*)$", chosen, text, flags=re.MULTILINE)


@needs_spin
@pytest.mark.slow
def test_spin_agrees_on_the_programs_of_the_verification_tests(tmp_path: Path) -> None:
    bodies = [dedent(body).strip() for body in (*DEADLOCKS.values(), *CLEAN.values())]
    texts = [f"\n\nclass P{n}(Process):\n{indent(body, '    ')}\n" for n, body in enumerate(bodies)]
    check_agreement(tmp_path, texts, most_left_out=0.1)


@needs_spin
@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 100, 200])
def test_spin_agrees_on_generated_programs(first: int, tmp_path: Path) -> None:
    seeds = range(first, first + 100)
    texts = [text_of(n, one, SHAPES[n % len(SHAPES)]) for n, one in enumerate(random_programs(seeds))]
    check_agreement(
        tmp_path, [with_choices(text, n) if n % 4 in (0, 3) else text for n, text in enumerate(texts)], most_left_out=0
    )


@needs_spin
@pytest.mark.slow
@pytest.mark.parametrize("where", ["examples", "bench/programs", "chaos/programs", "simulation/programs"])
def test_spin_agrees_on_the_programs_of_this_repository(where: str, tmp_path: Path) -> None:
    asked = [one for one in compared(ROOT / where, tmp_path) if one.spin is not None and one.verify is not None]
    assert asked and not [one for one in asked if one.spin is not one.verify]
