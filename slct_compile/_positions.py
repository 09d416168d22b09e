"""Where the nodes of parsed functions stand in the author's file, at the price of printing each function once.

libcst's provider makes a range for every node there is; of those a handful are asked for. Here the printer notes between which
tokens each node stands, and lines and columns are counted when somebody asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import TracebackType

import libcst as cst
from libcst._nodes.internal import CodegenState
from libcst.metadata import CodePosition, CodeRange

_NEWLINE = re.compile(r"\r\n?|\n")


class Positions:
    """All nodes of the trees added. Lines from 1, columns from 0 in characters, as libcst counts."""

    def __init__(self) -> None:
        self._known: dict[cst.CSTNode, tuple[_Printer, int, int]] = {}

    def add(self, tree: cst.Module, first_line: int) -> None:
        """Note where every node of a tree stands, whose text begins on that line."""
        printer = _Printer(tree, first_line)
        tree._codegen(printer)
        self._known.update((node, (printer, start, end)) for node, (start, end) in printer.spans.items())

    def __iter__(self) -> Iterator[cst.CSTNode]:
        return iter(self._known)

    def start(self, node: cst.CSTNode) -> CodePosition:
        printer, start, _ = self._known[node]
        return printer.place(start)

    def get(self, node: cst.CSTNode) -> CodeRange | None:
        """Without the white space around it; None for a node of no tree that was added."""
        known = self._known.get(node)
        if known is None:
            return None
        printer, start, end = known
        return CodeRange(printer.place(start), printer.place(end))


class _Printer(CodegenState):
    """Notes for each node the tokens that it is between: those of its syntax, if it tells them, else all of its own."""

    def __init__(self, tree: cst.Module, first_line: int) -> None:
        super().__init__(default_indent=tree.default_indent, default_newline=tree.default_newline)
        self.first_line = first_line
        self.spans: dict[cst.CSTNode, tuple[int, int]] = {}
        self._open: list[int] = []
        self._places: list[CodePosition] = []

    def before_codegen(self, node: cst.CSTNode) -> None:
        self._open.append(len(self.tokens))

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self._open.pop()
        if node not in self.spans:
            self.spans[node] = start, len(self.tokens)

    def record_syntactic_position(  # type: ignore[override]  # `with` needs no more of it
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> _Span:
        return _Span(self, node, start_node, end_node)

    def place(self, index: int) -> CodePosition:
        """Where the token of this number begins."""
        if not self._places:
            self._places = list(self._count())
        return self._places[index]

    def _count(self) -> Iterator[CodePosition]:
        line, column = self.first_line, 0
        for token in self.tokens:
            yield CodePosition(line, column)
            if "\n" in token or "\r" in token:
                parts = _NEWLINE.split(token)
                line += len(parts) - 1
                column = len(parts[-1])
            else:
                column += len(token)
        yield CodePosition(line, column)


class _Span:
    __slots__ = ("end_node", "node", "printer", "start", "start_node")

    def __init__(
        self, printer: _Printer, node: cst.CSTNode, start_node: cst.CSTNode | None, end_node: cst.CSTNode | None
    ) -> None:
        self.printer = printer
        self.node = node
        self.start_node = start_node
        self.end_node = end_node
        self.start = 0

    def __enter__(self) -> None:
        self.start = len(self.printer.tokens)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        spans = self.printer.spans
        start = self.start if self.start_node is None else spans[self.start_node][0]
        end = len(self.printer.tokens) if self.end_node is None else spans[self.end_node][1]
        spans[self.node] = start, end


__all__ = ["Positions"]
