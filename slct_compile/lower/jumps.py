"""Jumps inside a statement that is kept: `return`, and the `break` and `continue` of loops that became states.

They are rewritten in place; the statement stays the author's otherwise. A jump to a block becomes the marker `__goto__(7)`.
A jump may be overridden on its way out of a kept statement: by an `__exit__` that fails, or in a `finally`. So what is to be
done when it has left (a completion record, an unbinding) is done in a block of its own, to which it goes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import libcst as cst

from .._visit import transform
from ..ir.ops import BlockId, Goto, goto_marker, may_jump
from .exits import Context, Departure, FinallyExit, Kind, UnbindExit, assign, depart

_Replaced: TypeAlias = cst.BaseSmallStatement | cst.FlattenSentinel[cst.BaseSmallStatement]
LeavingBlock: TypeAlias = Callable[[Kind, bool], tuple[BlockId, str]]
"""Makes a block that leaves by a kind, with a value or without one: the block, and the variable in which it takes the value."""


def rewrite_jumps(
    node: cst.BaseStatement, context: Context, result: str, leaving_block: LeavingBlock
) -> cst.BaseStatement:
    """The statement with every jump that leaves it lowered."""
    if not may_jump(node):
        return node
    rewriter = _Jumps(context, result, leaving_block)
    rewritten = transform(node, rewriter)
    assert isinstance(rewritten, cst.BaseStatement)
    return rewritten


class _Jumps(cst.CSTTransformer):
    def __init__(self, context: Context, result: str, leaving_block: LeavingBlock) -> None:
        super().__init__()
        self.context = context
        self.result = result
        self.leaving_block = leaving_block
        self.loops = 0  # kept loops around the statement being visited: their jumps stay
        self.overriders = 0  # what is kept around it and may override its jump

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

    def visit_With_body(self, node: cst.With) -> None:
        self.overriders += 1

    def leave_With_body(self, node: cst.With) -> None:
        self.overriders -= 1

    def visit_Try(self, node: cst.Try) -> None:
        self.overriders += node.finalbody is not None

    def visit_TryStar(self, node: cst.TryStar) -> None:
        self.overriders += node.finalbody is not None

    def visit_Finally_body(self, node: cst.Finally) -> None:
        self.overriders -= 1

    def leave_Break(self, original_node: cst.Break, updated_node: cst.Break) -> _Replaced:
        return updated_node if self.loops else self._leave(Kind.BREAK, None)

    def leave_Continue(self, original_node: cst.Continue, updated_node: cst.Continue) -> _Replaced:
        return updated_node if self.loops else self._leave(Kind.CONTINUE, None)

    def leave_Return(self, original_node: cst.Return, updated_node: cst.Return) -> _Replaced:
        if not any(isinstance(e, FinallyExit | UnbindExit) for e in self.context.exits):
            return updated_node
        return self._leave(Kind.RETURN, updated_node.value)

    def _leave(self, kind: Kind, value: cst.BaseExpression | None) -> _Replaced:
        departure = depart(kind, value, self.context, self.result)
        if not self.overriders or not departure.statements:
            return cst.FlattenSentinel(small_statements(departure))
        block, variable = self.leaving_block(kind, value is not None)
        kept = [] if value is None else [assign(variable, value)]
        return cst.FlattenSentinel([*kept, goto_marker(block)])


def small_statements(departure: Departure) -> list[cst.BaseSmallStatement]:
    """A departure as statements."""
    end = departure.terminator
    last = goto_marker(end.target) if isinstance(end, Goto) else cst.Return(end.value)
    return [*departure.statements, last]
