"""Diagnostics: the catalogue of codes, and how one is shown.

Each code owns a page in `docs/diagnostics/`. A message names the pattern found; the cure stands under `help`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = [
    "CATALOGUE",
    "CompileError",
    "Diagnostic",
    "Edit",
    "Note",
    "Place",
    "Severity",
    "Unsupported",
    "diagnostic_data",
    "read_diagnostic",
    "render",
    "sorted_diagnostics",
]


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Place:
    """A range of the author's text. Lines from 1, columns from 0, as libcst counts."""

    path: str
    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Another place that matters, of the same file, and what happens there: `suspended here`, `used here`."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A range of the author's text, and what would stand there instead."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `code` is a key of the catalogue; `finding` and `help` are lower case, without a full stop.

    edits: the rewrite that mends it, if there is one that is safe; all of them, or none.
    """

    code: str
    place: Place
    finding: str
    help: str = ""
    notes: tuple[Note, ...] = ()
    edits: tuple[Edit, ...] = ()

    @property
    def severity(self) -> Severity:
        return CATALOGUE[self.code][1]


class Unsupported(Exception):
    """A construct that is refused; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.finding)
        self.diagnostic = diagnostic


class CompileError(Exception):
    """What stops the compiler as a whole: `error:` and `hint:` on stderr, exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


CATALOGUE: dict[str, tuple[str, Severity]] = {
    "SLC001": ("syntax-error", Severity.ERROR),
    "SLC002": ("definition-name-taken", Severity.ERROR),
    "SLC003": ("reserved-attribute", Severity.ERROR),
    "SLC004": ("process-constructor", Severity.ERROR),
    "SLC005": ("decorated-durable-method", Severity.ERROR),
    "SLC006": ("redefined-durable-method", Severity.ERROR),
    "SLC007": ("misplaced-definition", Severity.ERROR),
    "SLC008": ("channel-without-value", Severity.WARNING),
    "SLC009": ("unknown-import", Severity.ERROR),
    "SLC101": ("suspension-not-possible-here", Severity.ERROR),
    "SLC102": ("yield-in-durable-function", Severity.ERROR),
    "SLC103": ("frame-introspection", Severity.ERROR),
    "SLC104": ("local-class-across-suspension", Severity.ERROR),
    "SLC201": ("unsaveable-across-suspension", Severity.WARNING),
    "SLC202": ("lock-across-suspension", Severity.WARNING),
    "SLC203": ("manager-across-suspension", Severity.WARNING),
    "SLC204": ("iterator-across-suspension", Severity.WARNING),
    "SLC205": ("global-not-saved", Severity.WARNING),
    "SLC206": ("identity-across-suspension", Severity.WARNING),
    "SLC207": ("untyped-across-suspension", Severity.WARNING),
    "SLC209": ("context-after-suspension", Severity.WARNING),
    "SLC301": ("blocking-call", Severity.WARNING),
    "SLC302": ("durable-call-not-awaited", Severity.ERROR),
    "SLC303": ("await-of-non-durable", Severity.ERROR),
    "SLC304": ("endless-loop", Severity.WARNING),
    "SLC305": ("select-without-case", Severity.WARNING),
    "SLC306": ("one-sided-channel", Severity.WARNING),
    "SLC307": ("unreachable-await", Severity.WARNING),
    "SLC308": ("endless-recursion", Severity.WARNING),
    "SLC401": ("clock-across-suspension", Severity.WARNING),
    "SLC402": ("asyncio-in-durable-code", Severity.ERROR),
    "SLC403": ("mutable-default", Severity.ERROR),
    "SLC404": ("worker-fact-across-suspension", Severity.WARNING),
    "SLC501": ("state-removed", Severity.WARNING),
    "SLC502": ("slot-not-saved", Severity.WARNING),
    "SLC503": ("ambiguous-state", Severity.ERROR),
    "SLC504": ("state-name-taken", Severity.ERROR),
    "SLC505": ("state-label-is-no-name", Severity.ERROR),
    "SLC506": ("migration-not-in-texts", Severity.ERROR),
}
"""Code to name and severity."""


def sorted_diagnostics(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Once each, in the order of the text."""
    return sorted(set(found), key=lambda d: (d.place.path, d.place.line, d.place.column, d.code, d.finding))


def diagnostic_data(one: Diagnostic) -> list[Any]:
    """As plain data, for JSON."""
    notes = [[*_range(note.place), note.text] for note in one.notes]
    edits = [[*_range(edit.place), edit.text] for edit in one.edits]
    return [one.code, one.place.path, *_range(one.place), one.finding, one.help, notes, edits]


def _range(place: Place) -> list[int]:
    return [place.line, place.column, place.end_line, place.end_column]


def read_diagnostic(data: list[Any]) -> Diagnostic:
    """The reverse of `diagnostic_data`."""
    code, path, line, column, end_line, end_column, finding, help, notes, edits = data
    return Diagnostic(
        code,
        Place(path, line, column, end_line, end_column),
        finding,
        help,
        tuple(Note(Place(path, *place), text) for *place, text in notes),
        tuple(Edit(Place(path, *place), text) for *place, text in edits),
    )


def render(diagnostic: Diagnostic, source: str) -> str:
    """The form of style.md: place, code and name; the line with carets; the finding; other places; the help.

    What can be compiled all the same says that it is a warning.
    """
    place = diagnostic.place
    kind = "warning: " if diagnostic.severity is Severity.WARNING else ""
    head = f"{place.path}:{place.line}:{place.column + 1}: {kind}{diagnostic.code} {CATALOGUE[diagnostic.code][0]}"
    shown = [head, *_excerpt(place, source), f"  {diagnostic.finding}"]
    for note in diagnostic.notes:
        shown += [*_excerpt(note.place, source), f"  {note.text}"]
    if diagnostic.help:
        shown.append(f"  help: {diagnostic.help}")
    return "\n".join(shown)


def _excerpt(place: Place, source: str) -> list[str]:
    lines = source.splitlines()
    if not 1 <= place.line <= len(lines):
        return []
    text = lines[place.line - 1]
    end = place.end_column if place.end_line == place.line else len(text.rstrip())
    carets = "^" * max(1, end - place.column)
    # Tabs stay tabs, so that the carets stand under what they point at.
    indent = "".join("\t" if c == "\t" else " " for c in text[: place.column])
    number = f"{place.line:5}"
    return [f"{number} | {text}", f"{' ' * len(number)} | {indent}{carets}"]
