"""Where generated code came from: the author's position of every name and literal that was carried over.

Names and literals are the leaves of the author's tree. Each is marked with its position once, when the tree is parsed; the
mark is on the text of the leaf itself, which every pass hands on. What is left to do at the end is to find the leaves again:

  1. generated definitions are printed, and the printer notes where each marked leaf stands;
  2. `ast` gives the same tree before and after formatting, so that walking both gives the place of each in the module.

All columns are those of `ast`: bytes of UTF-8, from 0. The loader (`runtime_client/_source.py`) does the rest: it finds the
author's expressions and statements from their leaves. A definition whose places cannot be told has none, and is loaded as it is.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import libcst as cst
from libcst._nodes.internal import CodegenState
from libcst.metadata import CodeRange

from .ir import ops


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


def mark_leaves(positions: Mapping[cst.CSTNode, CodeRange], source: str) -> None:
    """Mark the names and literals of a parsed module. The nodes are our own, and nobody else sees them."""
    lines = source.split("\n")
    for node, found in positions.items():
        attribute = _TEXTS.get(type(node))
        if attribute is not None:
            start = found.start
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


def links(text: str, definitions: Sequence[tuple[int, Sequence[cst.BaseStatement]]]) -> tuple[Link, ...]:
    """The leaves of a generated module. Each definition: the line of its frame class, and what was generated for it."""
    starts = _statements_by_line(ast.parse(text))
    found: list[Link] = []
    for line, nodes in definitions:
        printed = _Printer.of(nodes)
        before = ast.parse(printed.text).body
        after = starts.get(line, [])[: len(before)]
        pairs = [pair for one, other in zip(before, after, strict=False) for pair in _pairs(one, other)]
        for one, other in pairs:
            marked, place = printed.leaves.get(anchor(one) or (0, 0)), anchor(other)
            if marked is not None and place is not None:
                found.append(Link(*place, marked.line, marked.column))
    return tuple(sorted(set(found)))


def _statements_by_line(tree: ast.Module) -> dict[int, list[ast.stmt]]:
    """Each class at the line where it begins, with what follows it in the same body."""
    found: dict[int, list[ast.stmt]] = {}
    for node in ast.walk(tree):
        for _, body in ast.iter_fields(node):
            if isinstance(body, list):
                for index, statement in enumerate(body):
                    if isinstance(statement, ast.ClassDef):
                        found.setdefault(statement.lineno, body[index:])
    return found


def _pairs(one: ast.AST, other: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Two trees of the same shape, node by node; nothing below a place where they are not."""
    if type(one) is not type(other):
        return
    yield one, other
    children, others = list(ast.iter_child_nodes(one)), list(ast.iter_child_nodes(other))
    if len(children) == len(others):
        for child, counterpart in zip(children, others, strict=True):
            yield from _pairs(child, counterpart)


def anchor(node: ast.AST) -> tuple[int, int] | None:
    """Where the leaf of a node stands: line and column; None if it has none."""
    match node:
        case ast.Name() | ast.Constant() | ast.JoinedStr() | ast.arg():
            return node.lineno, node.col_offset
        case ast.Attribute():
            assert node.end_lineno is not None and node.end_col_offset is not None
            return node.end_lineno, node.end_col_offset - len(node.attr.encode())
        case _:
            return None


@dataclass(slots=True)
class _Printed:
    text: str
    leaves: dict[tuple[int, int], Marked]


class _Printer(CodegenState):
    """libcst's printer, which also notes where marked leaves come to stand."""

    @staticmethod
    def of(nodes: Sequence[cst.BaseStatement]) -> _Printed:
        module = ops.as_module(nodes)
        state = _Printer(default_indent=module.default_indent, default_newline=module.default_newline)
        module._codegen(state)
        leaves: dict[tuple[int, int], Marked] = {}
        line, column = 1, 0
        for token in state.tokens:
            if isinstance(token, Marked):
                leaves[line, column] = token
            head, newline, tail = token.rpartition("\n")
            line += head.count("\n") + 1 if newline else 0
            column = len(tail.encode()) if newline else column + len(tail.encode())
        return _Printed("".join(state.tokens), leaves)


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


__all__ = ["SOURCES", "Link", "carried", "links", "mark_leaves", "sources_file"]
