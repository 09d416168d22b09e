"""Which findings are told: `# noqa` in the line, and `[tool.slct]` in pyproject.toml. Pure, but for reading that file.

Only warnings can be left out. What has an error cannot be compiled, and saying nothing would not change that.

    [tool.slct]
    select = ["SLC3"]            # only codes that begin so; by itself, all
    ignore = ["SLC301"]
    per-file-ignores = { "scripts/*" = ["SLC301"] }
    strict = true                # SLC207, which nobody sees otherwise
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._files import content_of
from .diagnostics import CATALOGUE, CompileError, Diagnostic, Severity

CONFIG = "pyproject.toml"
_NOQA = re.compile(r"#\s*noqa(?::\s*(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?", re.IGNORECASE)
_KEYS = ("select", "ignore", "per-file-ignores", "strict")


@dataclass(frozen=True, slots=True)
class Rules:
    """Beginnings of codes. `select`: what is told, None for all; `ignore`: what is not; `by_file`: the same for paths that match.

    strict: whether SLC207 is looked for."""

    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    by_file: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strict: bool = False

    def tells(self, diagnostic: Diagnostic, line: str) -> bool:
        """Whether this finding is told; `line` is the text that it points at."""
        if diagnostic.severity is Severity.ERROR:
            return True
        code, path = diagnostic.code, diagnostic.place.path
        ignored = [
            *self.ignore,
            *(c for pattern, codes in self.by_file.items() if _matches(path, pattern) for c in codes),
        ]
        is_chosen = self.select is None or code.startswith(self.select)
        return is_chosen and not code.startswith(tuple(ignored)) and not is_silenced(code, line)


def _matches(path: str, pattern: str) -> bool:
    return fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path.rpartition("/")[2], pattern)


def is_silenced(code: str, line: str) -> bool:
    """Whether the line says `# noqa`, or `# noqa:` with this code."""
    found = _NOQA.search(line)
    return found is not None and (found["codes"] is None or code in re.split(r"[,\s]+", found["codes"].upper()))


def told(rules: Rules, diagnostics: Iterable[Diagnostic], contents: Mapping[str, bytes]) -> list[Diagnostic]:
    """Those that are told, in their order."""
    return [d for d in diagnostics if rules.tells(d, _line(contents.get(d.place.path, b""), d.place.line))]


def _line(content: bytes, number: int) -> str:
    lines = content.splitlines()
    return lines[number - 1].decode("utf-8", "replace") if 1 <= number <= len(lines) else ""


def read_rules(source: Path) -> Rules:
    """From the nearest pyproject.toml, at or above the sources, that has `[tool.slct]`.

    Raises:
      CompileError: it cannot be read, or has what is not known.
    """
    for directory in (source.resolve(), *source.resolve().parents):
        path = directory / CONFIG
        if path.is_file() and (table := _table(path)) is not None:
            return _rules(table, path)
    return Rules()


def is_strict(source: Path) -> bool:
    """Whether the table asks for types. Asked on every run, so that a table without the word is not looked at any closer."""
    contents = (content_of(directory / CONFIG) for directory in (source.resolve(), *source.resolve().parents))
    return any(c is not None and b"slct" in c and b"strict" in c for c in contents) and read_rules(source).strict


def _table(path: Path) -> dict[str, Any] | None:
    import tomllib  # most runs have nothing to read

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CompileError(f"{path} cannot be read: {error}") from error
    table = content.get("tool", {}).get("slct")
    return table if isinstance(table, dict) else None


def _rules(table: dict[str, Any], path: Path) -> Rules:
    unknown = sorted(table.keys() - set(_KEYS))
    if unknown:
        raise CompileError(f"{path}: [tool.slct] has no {unknown[0]!r}", f"it has {', '.join(_KEYS)}")
    by_file = table.get("per-file-ignores", {})
    if not isinstance(by_file, dict):
        raise CompileError(
            f"{path}: per-file-ignores is {by_file!r}", 'per-file-ignores = { "scripts/*" = ["SLC301"] }'
        )
    strict = table.get("strict", False)
    if not isinstance(strict, bool):
        raise CompileError(f"{path}: strict is {strict!r}", "strict = true, or false")
    return Rules(
        _codes(table["select"], "select", path, may_be_errors=True) if "select" in table else None,
        _codes(table.get("ignore", []), "ignore", path),
        {pattern: _codes(codes, "per-file-ignores", path) for pattern, codes in by_file.items()},
        strict,
    )


def _codes(given: Any, key: str, path: Path, *, may_be_errors: bool = False) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(code, str) for code in given):
        raise CompileError(f"{path}: {key} is {given!r}, not a list of codes", f'{key} = ["SLC301"]')
    for code in given:
        meant = [known for known in CATALOGUE if known.startswith(code)] if code else []
        if not meant:
            raise CompileError(
                f"{path}: {key} has {code!r}, which no code begins with", f"there are {', '.join(CATALOGUE)}"
            )
        if not may_be_errors and all(CATALOGUE[known][1] is Severity.ERROR for known in meant):
            raise CompileError(
                f"{path}: {key} has {code!r}, which is an error: what has it cannot be compiled",
                f"slct-compile explain {meant[0]} tells what to write instead",
            )
    return tuple(given)
