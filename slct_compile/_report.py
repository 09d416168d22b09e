"""What the command says, and the exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from .diagnostics import CATALOGUE, Diagnostic, Severity, render

OK, FINDINGS, USAGE = 0, 1, 2


def report(diagnostics: Iterable[Diagnostic], contents: Mapping[str, bytes]) -> None:
    """Print every finding, with its place in the sources."""
    for diagnostic in diagnostics:
        print(render(diagnostic, _text(contents.get(diagnostic.place.path, b""))))
        print()


def _text(content: bytes) -> str:
    from ._text import shown  # only where there is something to show

    return shown(content)


def error_count(diagnostics: Iterable[Diagnostic]) -> int:
    return sum(CATALOGUE[d.code][1] is Severity.ERROR for d in diagnostics)


def verdict(errors: int, quiet: bool) -> int:
    """The last word, where nothing is written."""
    if errors:
        print(f"error: {errors} finding{'s' if errors > 1 else ''}, nothing was written", file=sys.stderr)
        print("hint: slct-compile explain CODE tells more about each", file=sys.stderr)
        return FINDINGS
    if not quiet:
        print("no findings")
    return OK


def summary(build: Path, functions: int, written: int, files: int) -> str:
    """The last word, where something is."""
    words = f"{functions} durable function{'' if functions == 1 else 's'}"
    return f"{build}: {words}, {written} of {files} files written"
