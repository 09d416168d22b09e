"""Findings for other programs: JSON, annotations of GitHub's, SARIF 2.1.0. Paths are as the caller gave the sources.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/; GitHub, "Workflow commands".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .diagnostics import CATALOGUE, Diagnostic, Place, Severity

FORMATS = ("text", "json", "github", "sarif")


def formatted(diagnostics: Sequence[Diagnostic], form: str, source: Path) -> str:
    """All findings in one of these forms, except `text`."""
    root = source if source.is_dir() else source.parent
    match form:
        case "json":
            return json.dumps([_json(d, root) for d in diagnostics], indent=1, ensure_ascii=False)
        case "github":
            return "\n".join(_github(d, root) for d in diagnostics)
        case "sarif":
            return json.dumps(_sarif(diagnostics, root), indent=1, ensure_ascii=False)
        case _:
            raise AssertionError(form)


def _path(diagnostic: Diagnostic, root: Path) -> str:
    return (root / diagnostic.place.path).as_posix()


def _json(diagnostic: Diagnostic, root: Path) -> dict[str, Any]:
    place = diagnostic.place
    return {
        "code": diagnostic.code,
        "name": CATALOGUE[diagnostic.code][0],
        "severity": diagnostic.severity.value,
        "path": _path(diagnostic, root),
        **_json_range(place),
        "finding": diagnostic.finding,
        "help": diagnostic.help,
        "notes": [{**_json_range(note.place), "text": note.text} for note in diagnostic.notes],
        "edits": [{**_json_range(edit.place), "text": edit.text} for edit in diagnostic.edits],
    }


def _json_range(place: Place) -> dict[str, int]:
    return {
        "line": place.line,
        "column": place.column + 1,
        "end_line": place.end_line or place.line,
        "end_column": place.end_column + 1,
    }


def _github(diagnostic: Diagnostic, root: Path) -> str:
    place, name = diagnostic.place, CATALOGUE[diagnostic.code][0]
    facts = {
        "file": _path(diagnostic, root),
        "line": str(place.line),
        "col": str(place.column + 1),
        "endLine": str(place.end_line or place.line),
        "title": f"{diagnostic.code} {name}",
    }
    shown = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in facts.items())
    notes = [f"line {note.place.line}: {note.text}" for note in diagnostic.notes]
    text = "\n".join([diagnostic.finding, *notes, *([f"help: {diagnostic.help}"] if diagnostic.help else [])])
    return f"::{diagnostic.severity.value} {shown}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _sarif(diagnostics: Sequence[Diagnostic], root: Path) -> dict[str, Any]:
    codes = sorted({d.code for d in diagnostics})
    rules = [{"id": code, "name": CATALOGUE[code][0]} for code in codes]
    driver = {"name": "slct-compile", "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(d, root, codes) for d in diagnostics]}],
    }


def _result(diagnostic: Diagnostic, root: Path, codes: list[str]) -> dict[str, Any]:
    text = f"{diagnostic.finding}\nhelp: {diagnostic.help}" if diagnostic.help else diagnostic.finding
    result = {
        "ruleId": diagnostic.code,
        "ruleIndex": codes.index(diagnostic.code),
        "level": "error" if diagnostic.severity is Severity.ERROR else "warning",
        "message": {"text": text},
        "locations": [_location(diagnostic, diagnostic.place, root)],
    }
    if diagnostic.notes:
        related = [{**_location(diagnostic, n.place, root), "message": {"text": n.text}} for n in diagnostic.notes]
        result["relatedLocations"] = related
    return result


def _location(diagnostic: Diagnostic, place: Place, root: Path) -> dict[str, Any]:
    region = {"startLine": place.line, "startColumn": place.column + 1}
    if place.end_line:
        region |= {"endLine": place.end_line, "endColumn": place.end_column + 1}
    return {"physicalLocation": {"artifactLocation": {"uri": _path(diagnostic, root)}, "region": region}}
