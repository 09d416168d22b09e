"""Generated definitions to text, and that text into the author's file: what is not ours stays byte for byte.

Only generated code is formatted (by black). It is formatted at the depth at which it will stand, so that lines are broken
where they should be, and strings over several lines are never touched.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from .ir import ops

LINE_LENGTH = 120
_INDENT = "    "
_PLACEHOLDER = "slct: docstring"


@dataclass(frozen=True, slots=True)
class Replacement:
    """New text for lines `first` to `last` of the author's file, both included, counted from 1."""

    first: int
    last: int
    text: str


def definitions_text(nodes: Sequence[cst.BaseStatement], *, depth: int, indent: str) -> str:
    """The text of generated definitions, `depth` classes deep. `indent`: what the author indents with there."""
    docstrings: list[str] = []
    tree = ops.as_module(nodes)
    if _has_bare_strings(tree.code):
        tree = tree.visit(_Docstrings(docstrings))
        assert isinstance(tree, cst.Module)
    for _ in range(depth):
        tree = cst.Module([cst.ClassDef(cst.Name("_"), cst.IndentedBlock(tree.body))])
    formatted = pretty(tree.code).split("\n")
    text = "\n".join(formatted[depth:]).strip("\n") + "\n"
    if indent != _INDENT * depth:
        text = _reindented(text, _INDENT * depth, indent)
    for number, docstring in enumerate(docstrings):
        text = text.replace(f'"""{_PLACEHOLDER} {number}"""', docstring)
    return text


def pretty(text: str) -> str:
    """The text as black would have it."""
    import black  # it takes a while, and most runs have nothing to format

    return black.format_str(text, mode=black.Mode(line_length=LINE_LENGTH))


def _has_bare_strings(text: str) -> bool:
    return any(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for node in ast.walk(ast.parse(text))
    )


class _Docstrings(cst.CSTTransformer):
    """Takes docstrings out of black's hands: what the author wrote is what `__doc__` says."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> cst.Expr:
        if not isinstance(updated_node.value, cst.SimpleString | cst.ConcatenatedString):
            return updated_node
        self.found.append(cst.Module([]).code_for_node(updated_node.value))
        return cst.Expr(cst.SimpleString(f'"""{_PLACEHOLDER} {len(self.found) - 1}"""'))


def _reindented(text: str, old: str, new: str) -> str:
    """Another indentation for every line that does not begin inside a string."""
    inside = _lines_inside_strings(text)
    lines = text.split("\n")
    return "\n".join(
        line if number in inside or not line.startswith(old) or not line else new + line[len(old) :]
        for number, line in enumerate(lines, 1)
    )


def _lines_inside_strings(text: str) -> set[int]:
    inside: set[int] = set()
    source = "if True:\n" + text if text.startswith(" ") else text
    shift = 1 if source is not text else 0
    starts: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name == "STRING":
            inside.update(range(token.start[0] + 1 - shift, token.end[0] + 1 - shift))
        elif name.endswith("STRING_START"):
            starts.append(token.start[0])
        elif name.endswith("STRING_END"):
            inside.update(range(starts.pop() + 1 - shift, token.end[0] + 1 - shift))
    return inside


def splice(source: str, replacements: Sequence[Replacement]) -> str:
    """The author's file with these lines replaced."""
    newline = "\r\n" if "\r\n" in source else "\n"
    lines = source.split("\n")
    for replacement in sorted(replacements, key=lambda r: r.first, reverse=True):
        new = replacement.text.rstrip("\n").split("\n") if replacement.text else []
        if newline == "\r\n":
            new = [line + "\r" for line in new]
        lines[replacement.first - 1 : replacement.last] = new
    return "\n".join(lines)


def new_lines(replacements: Sequence[Replacement]) -> dict[int, int]:
    """Where each replacement begins in the new file, by its first line in the old."""
    found: dict[int, int] = {}
    shift = 0
    for replacement in sorted(replacements, key=lambda r: r.first):
        found[replacement.first] = replacement.first + shift
        added = len(replacement.text.rstrip("\n").split("\n")) if replacement.text else 0
        shift += added - (replacement.last - replacement.first + 1)
    return found
