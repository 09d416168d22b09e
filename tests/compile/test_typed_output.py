"""What is compiled from sources that mypy accepts, mypy accepts as well, in strict mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from slct_compile.cli import main as slct_compile

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_compiled_examples_are_clean_in_strict_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    build = tmp_path / "build"
    assert slct_compile([str(EXAMPLES), "-o", str(build), "--no-lock", "-q"]) == 0
    monkeypatch.chdir(build)
    cache = Path(__file__).parents[2] / ".mypy_cache" / "compiled_examples"
    out, err, code = api.run(
        ["--strict", "--config-file=", f"--cache-dir={cache}", *sorted(p.name for p in build.glob("*.py"))]
    )
    assert code == 0, out + err
