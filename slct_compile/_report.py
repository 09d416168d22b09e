"""What the command says, and the exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .diagnostics import CATALOGUE, Diagnostic, Severity, render

OK, FINDINGS, USAGE = 0, 1, 2


def report(
    diagnostics: Iterable[Diagnostic], contents: Mapping[str, bytes], source: Path, form: str = "text"
) -> list[Diagnostic]:
    """Print every finding that is to be told, with its place in the sources; gives these findings.

    Raises:
      CompileError: `[tool.slct]` in pyproject.toml is wrong.
    """
    found = list(diagnostics)
    if not found and form == "text":
        return []
    from ._rules import read_rules, told  # an unchanged tree without findings needs neither these, nor formats

    shown = told(read_rules(source), found, contents)
    if form != "text":
        from ._formats import formatted

        print(formatted(shown, form, source))
        return shown
    for diagnostic in shown:
        print(render(diagnostic, _text(contents.get(diagnostic.place.path, b""))))
        print()
    return shown


def _text(content: bytes) -> str:
    from ._text import shown  # only where there is something to show

    return shown(content)


def error_count(diagnostics: Iterable[Diagnostic]) -> int:
    return sum(CATALOGUE[d.code][1] is Severity.ERROR for d in diagnostics)


def verdict(found: Sequence[Diagnostic], quiet: bool, form: str = "text") -> int:
    """The last word, where nothing is written."""
    if found:
        print(f"error: {len(found)} finding{'s' if len(found) > 1 else ''}, nothing was written", file=sys.stderr)
        print("hint: slct-compile explain CODE tells more about each", file=sys.stderr)
        return FINDINGS
    if not quiet and form == "text":
        print("no findings")
    return OK


def summary(build: Path, functions: int, written: int, files: int, warnings: int = 0) -> str:
    """The last word, where something is."""
    words = f"{functions} durable function{'' if functions == 1 else 's'}"
    warned = f", {warnings} warning{'' if warnings == 1 else 's'}" if warnings else ""
    return f"{build}: {words}, {written} of {files} files written{warned}"
