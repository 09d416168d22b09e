"""What the documents say is so: the README's example is the example, its program runs, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_example_in_the_readme_is_the_example() -> None:
    source = (ROOT / "examples" / "counter.py").read_text()
    assert source.endswith(PROGRAMS[0])


def test_program_in_the_readme_runs(examples_build: Path, tmp_path: Path) -> None:
    (tmp_path / "build").symlink_to(examples_build)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[1]], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_that_documents_name_exist(document: Path) -> None:
    named = re.findall(
        r"`((?:docs|examples|slct_compile|slct_runtime|runtime_client|tests|tools)/[\w./-]*)`", document.read_text()
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_rule_and_detail_has_its_place() -> None:
    text = (ROOT / "docs" / "semantics.md").read_text()
    assert re.findall(r"^(\d+)\. ", text, re.MULTILINE) == [str(n) for n in range(1, 27)]
    assert re.findall(r"^- \*\*D(\d+)\.\*\*", text, re.MULTILINE) == [str(n) for n in range(1, 21)]
