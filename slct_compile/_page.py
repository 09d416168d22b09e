"""Generated definitions on paper: lines of ours, nodes of the author's, and where each marked leaf comes to stand.

The author's nodes are printed as they were written, comments, line breaks and all; only what is ours is laid out here, once,
as it is printed. There is no pass that formats afterwards: it would cost more than all others together, and touch code that is
not ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst
from libcst._nodes.internal import CodegenState

from ._places import Leaf, Marked
from ._print import Printer

LINE_LENGTH = 120
"""Generated lines are broken beyond this. The author's own are not."""


@dataclass(frozen=True, slots=True)
class Printed:
    """Text, and its leaves by their place: lines from 0, from the first of the text."""

    text: str
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class _Verbatim(cst.BaseSmallStatement):
    """A statement of ours that is text already."""

    text: str
    semicolon: cst.MaybeSentinel = cst.MaybeSentinel.DEFAULT

    def _visit_and_replace_children(self, visitor: object) -> _Verbatim:
        return self

    def _codegen_impl(self, state: CodegenState, default_semicolon: bool = False) -> None:
        state.add_token(self.text)


class Page:
    """Written from top to bottom. `indent`: what stands before depth 0; `unit`: what one level adds, as in the author's file."""

    def __init__(self, indent: str = "", unit: str = "    ", newline: str = "\n") -> None:
        self.indent = indent
        self.unit = unit
        self.newline = newline
        self._state = Printer(default_indent=unit, default_newline=newline)

    def line(self, depth: int, text: str) -> None:
        self._state.tokens.append(f"{self.indent}{self.unit * depth}{text}{self.newline}")

    def blank(self) -> None:
        self._state.tokens.append(self.newline)

    def call(self, depth: int, head: str, arguments: Sequence[str], tail: str) -> None:
        """`head(arguments)tail` on one line, or an argument a line."""
        for text in call_lines(self.width(depth), self.unit, head, arguments, tail):
            self.line(depth, text)

    def verbatim(self, depth: int, head: str, arguments: Sequence[str]) -> cst.SimpleStatementLine:
        """A call as a statement among nodes."""
        texts = call_lines(self.width(depth), self.unit, head, arguments, "")
        text = f"{self.newline}{self.indent}{self.unit * depth}".join(texts)
        return cst.SimpleStatementLine([_Verbatim(text)])

    def nodes(self, depth: int, statements: Sequence[cst.BaseStatement]) -> None:
        self._state.indent_tokens = [self.indent, *[self.unit] * depth]
        for statement in statements:
            statement._codegen(self._state)

    def width(self, depth: int) -> int:
        """What a line of ours may hold at a depth."""
        return LINE_LENGTH - len((self.indent + self.unit * depth).expandtabs(4))

    def printed(self) -> Printed:
        """The text, and the places of its leaves."""
        leaves: list[Leaf] = []
        line, column = 0, 0
        for token in self._state.tokens:
            if isinstance(token, Marked):
                leaves.append((line, column, token))
            if "\n" in token:
                line += token.count("\n")
                token = token[token.rindex("\n") + 1 :]
                column = 0
            column += len(token) if token.isascii() else len(token.encode())
        return Printed("".join(self._state.tokens), tuple(leaves))


def call_lines(width: int, unit: str, head: str, arguments: Sequence[str], tail: str) -> list[str]:
    """`head(arguments)tail` within a width if that is possible: whole, or the arguments on one line or on one each."""
    joined = ", ".join(arguments)
    if len(head) + len(joined) + len(tail) + 2 <= width or not arguments:
        return [f"{head}({joined}){tail}"]
    if len(unit) + len(joined) <= width:
        return [f"{head}(", f"{unit}{joined}", f"){tail}"]
    return [f"{head}(", *(f"{unit}{a}," for a in arguments), f"){tail}"]
