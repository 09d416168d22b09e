"""Jumps inside a statement that is kept: `return`, and the `break` and `continue` of loops that became states.

They are rewritten in place; the statement stays the author's otherwise. A jump to a block becomes the marker `__goto__(7)`.
"""

from __future__ import annotations

from typing import TypeAlias

import libcst as cst

from .._visit import transform
from ..ir.ops import Goto, goto_marker, may_jump
from .exits import Context, Departure, FinallyExit, Kind, UnbindExit, depart

_Replaced: TypeAlias = cst.BaseSmallStatement | cst.FlattenSentinel[cst.BaseSmallStatement]


def rewrite_jumps(node: cst.BaseStatement, context: Context, result: str) -> cst.BaseStatement:
    """The statement with every jump that leaves it lowered."""
    if not may_jump(node):
        return node
    rewriter = _Jumps(context, result)
    rewritten = transform(node, rewriter)
    assert isinstance(rewritten, cst.BaseStatement)
    return rewritten


class _Jumps(cst.CSTTransformer):
    def __init__(self, context: Context, result: str) -> None:
        super().__init__()
        self.context = context
        self.result = result
        self.loops = 0  # kept loops around the statement being visited: their jumps stay

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def visit_For_body(self, node: cst.For) -> None:
        self.loops += 1

    def leave_For_body(self, node: cst.For) -> None:
        self.loops -= 1

    def visit_While_body(self, node: cst.While) -> None:
        self.loops += 1

    def leave_While_body(self, node: cst.While) -> None:
        self.loops -= 1

    def leave_Break(self, original_node: cst.Break, updated_node: cst.Break) -> _Replaced:
        return updated_node if self.loops else self._leave(Kind.BREAK, None)

    def leave_Continue(self, original_node: cst.Continue, updated_node: cst.Continue) -> _Replaced:
        return updated_node if self.loops else self._leave(Kind.CONTINUE, None)

    def leave_Return(self, original_node: cst.Return, updated_node: cst.Return) -> _Replaced:
        if not any(isinstance(e, FinallyExit | UnbindExit) for e in self.context.exits):
            return updated_node
        return self._leave(Kind.RETURN, updated_node.value)

    def _leave(self, kind: Kind, value: cst.BaseExpression | None) -> _Replaced:
        return cst.FlattenSentinel(small_statements(depart(kind, value, self.context, self.result)))


def small_statements(departure: Departure) -> list[cst.BaseSmallStatement]:
    """A departure as statements."""
    end = departure.terminator
    last = goto_marker(end.target) if isinstance(end, Goto) else cst.Return(end.value)
    return [*departure.statements, last]
