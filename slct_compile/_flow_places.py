"""Where the author wrote what a step of the lowered states does."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property

from ._index import ModuleInfo
from ._unsupported import place_of
from ._walk import walk
from .analysis.flow import Step
from .diagnostics import Place
from .emit import Compiled


class FlowPlaces:
    """For the steps of one function."""

    def __init__(self, info: ModuleInfo, compiled: Compiled) -> None:
        self.info = info
        self.states = compiled.states
        self.parsed = compiled.function.parsed

    @cached_property
    def _nodes(self) -> dict[tuple[int, int], list[ast.AST]]:
        """The author's nodes by where they begin, the outermost first."""
        found: dict[tuple[int, int], list[ast.AST]] = {}
        for node in walk(self.parsed):
            if isinstance(node, ast.expr | ast.stmt):
                found.setdefault((node.lineno, node.col_offset), []).append(node)
        return found

    def place(self, step: Step, node: ast.AST | None) -> Place | None:
        """Where a node of a step stands; None for one of the compiler's."""
        leaf = step.source(node) if node is not None else None
        if leaf is None:
            return None
        here = self._nodes.get((leaf.line, leaf.column), [])
        same = [n for n in here if type(n) is type(node)]
        return place_of(self.info, (same or here)[0]) if here else Place(self.info.path, leaf.line, leaf.column)

    def waits(self, step: Step) -> Place:
        """Where a suspension stands: its operation, or the statement that it is part of."""
        assert isinstance(step.node, ast.Expr) and isinstance(step.node.value, ast.Call)
        target, operation = step.node.value.args
        place = self.place(step, operation)
        if place is not None:
            return place
        (block,) = [s.block for s in self.states if s.block.id == ast.literal_eval(target)]
        here = self._nodes.get((block.line, block.column), [])
        if not here:
            return Place(self.info.path, block.line, block.column)
        found = place_of(self.info, here[0])
        return found if found.line == found.end_line else Place(self.info.path, found.line, found.column)

    def loop_around(self, steps: Iterable[Step]) -> Place | None:
        """Where the innermost loop begins that all these steps belong to."""
        lines = {leaf.line for step in steps for part in step.parts if (leaf := step.source(part)) is not None}
        if not lines:
            return None
        loops = [n for n in walk(self.parsed) if isinstance(n, ast.While)]
        around = [n for n in loops if n.lineno <= min(lines) and max(lines) <= (n.end_lineno or n.lineno)]
        if not around:
            return None
        innermost = max(around, key=lambda n: (n.lineno, n.col_offset))
        head = place_of(self.info, innermost)
        test = place_of(self.info, innermost.test)
        return Place(head.path, head.line, head.column, test.end_line, test.end_column)
