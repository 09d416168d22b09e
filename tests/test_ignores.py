"""Where a checker is told to look away, the line says why."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MADE = ("slct_runtime/wire/slct/",)  # by protoc
IGNORE = re.compile(
    r"#\s*(?:ruff: )?(?:type: ignore|noqa|pragma: no cover)\b(?P<codes>\[[^]]*\]|: [A-Z0-9]+(?:, ?[A-Z0-9]+)*)?(?P<reason>.*)"
)
REASON = re.compile(r"\s+[#-] \S")


def ignores(path: Path) -> Iterator[tuple[int, str]]:
    """Lines whose comments, not texts, make a checker look away without a reason."""
    if not re.search(rb"type: ignore|noqa|no cover", path.read_bytes()):
        return
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            found = IGNORE.match(token.string) if token.type == tokenize.COMMENT else None
            if found and not (found["codes"] and REASON.match(found["reason"])):
                yield token.start[0], token.string


def test_what_checkers_are_to_ignore_has_codes_and_a_reason() -> None:
    directories = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "build"))]
    paths = [path for directory in directories for path in sorted(directory.rglob("*.py"))]
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    found = [
        f"{name}:{line}: {text}"
        for name, path in zip(names, paths, strict=True)
        if not name.startswith(MADE)
        for line, text in ignores(path)
    ]
    assert len(paths) > 400
    assert found == [], "\n".join(
        [*found, "help: say why, after another `# `; where mypy does not read (tests), leave it out"]
    )
