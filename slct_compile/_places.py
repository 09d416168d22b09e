"""Where generated code came from: the author's position of every name and literal that was carried over.

Names and literals are the leaves of the author's tree. Each is marked with its position once, when the tree is parsed; the
mark is on the text of the leaf itself, which every pass hands on. At the end generated definitions are printed (`_page`), and
the printer notes where each marked leaf comes to stand.

All columns are those of `ast`: bytes of UTF-8, from 0. The loader (`runtime_client/_source.py`) does the rest: it finds the
author's expressions and statements from their leaves.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import libcst as cst

from ._positions import Positions


class Link(NamedTuple):
    """One leaf: its place in the generated module, and in the author's."""

    line: int
    column: int
    source_line: int
    source_column: int


class Marked(str):
    """The text of a leaf that knows its place in the author's file."""

    __slots__ = ("column", "line")

    line: int
    column: int


Leaf: TypeAlias = tuple[int, int, Marked]
"""Where a marked leaf stands in what was printed: line and column; and the leaf."""


def mark_leaves(positions: Positions, source: str) -> None:
    """Mark the names and literals of parsed functions. The nodes are our own, and nobody else sees them."""
    lines = source.split("\n")
    for node in positions:
        attribute = _TEXTS.get(type(node))
        if attribute is not None:
            start = positions.start(node)
            marked = Marked(getattr(node, attribute))
            marked.line, marked.column = start.line, _bytes(lines[start.line - 1], start.column)
            object.__setattr__(node, attribute, marked)


def carried(text: str, renamed: str) -> str:
    """Another name for a leaf, at the same place."""
    if not isinstance(text, Marked):
        return renamed
    marked = Marked(renamed)
    marked.line, marked.column = text.line, text.column
    return marked


_TEXTS: dict[type[cst.CSTNode], str] = {
    cst.Name: "value",
    cst.Integer: "value",
    cst.Float: "value",
    cst.Imaginary: "value",
    cst.SimpleString: "value",
    cst.FormattedString: "start",
}


def _bytes(line: str, column: int) -> int:
    return column if line.isascii() else len(line[:column].encode())


def links(definitions: Iterable[tuple[int, Iterable[Leaf]]]) -> tuple[Link, ...]:
    """The leaves of a generated module. Each definition: the line on which it begins, and its leaves counted from there."""
    return tuple(
        Link(first + line, column, leaf.line, leaf.column)
        for first, leaves in definitions
        for line, column, leaf in leaves
    )


SOURCES = "slct_sources.json"
"""The file of a build that the loader reads."""


def sources_file(root: Path, build: Path, modules: Mapping[str, tuple[str, Sequence[Link]]]) -> dict[str, Any]:
    """What the loader must know. `modules`: digest of the author's text, and leaves, by path.

    The way from the build to the sources is relative, so that the same checkout gives the same bytes everywhere.
    """
    try:
        way = Path(os.path.relpath(root.resolve(), build.resolve())).as_posix()
    except ValueError:  # another drive
        way = ""
    files = {
        path: {"sha256": digest, "places": [number for link in found for number in link]}
        for path, (digest, found) in modules.items()
    }
    return {"format": 1, "root": way, "files": dict(sorted(files.items()))}


__all__ = ["SOURCES", "Leaf", "Link", "Marked", "carried", "links", "mark_leaves", "sources_file"]
