"""The graph cut into states: each a piece of plain, structured code that runs to a jump, a suspension or a return.

A block begins a state if it is the entry, takes an outcome or an error, has more than one way in, or lies in another
region than what leads to it (rule 5: each state is in exactly one region). Any other block is written where it is led to.
The code is the author's statements plus markers (`__goto__(7)`, `__suspend__(8, operation)`, `__resume__()`), which is
syntax that every later pass can parse.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import assert_never

import libcst as cst

from .._visit import look, transform
from ..ir import ops
from ..ir.ops import Block, BlockId, Branch, Goto, Graph, Region, Suspend


@dataclass(frozen=True, slots=True)
class StateCode:
    """One state: its head block, and its code with markers."""

    block: Block
    code: tuple[cst.BaseStatement, ...]

    @property
    def region(self) -> Region:
        return self.block.region


def simplify(graph: Graph) -> Graph:
    """Jumps to an empty block lead where that one leads, and blocks that nobody leads to any more are dropped."""
    forward = {i: _end_of(graph, i) for i in graph.blocks}
    for block in graph.blocks.values():
        assert block.terminator is not None
        block.terminator = _retarget(block.terminator, forward)
        block.statements = [_retarget_markers(s, forward) for s in block.statements]
        on_error = block.region.on_error
        if on_error is not None:
            block.region = replace(block.region, on_error=forward.get(on_error, on_error))
    entry = graph.entry
    reached: set[BlockId] = set()
    waiting = [entry]
    while waiting:
        block_id = waiting.pop()
        if block_id not in reached:
            reached.add(block_id)
            waiting += ops.leads_to(graph.blocks[block_id])
    return Graph(entry, {i: b for i, b in graph.blocks.items() if i in reached})


def _end_of(graph: Graph, block_id: BlockId) -> BlockId:
    seen = {block_id}
    while True:
        block = graph.blocks[block_id]
        if block.statements or not isinstance(block.terminator, Goto) or block.terminator.target in seen:
            return block_id
        block_id = block.terminator.target
        seen.add(block_id)


def _retarget(terminator: ops.Terminator, forward: dict[BlockId, BlockId]) -> ops.Terminator:
    match terminator:
        case Goto(target):
            return Goto(forward[target])
        case Branch(on, targets):
            return Branch(on, tuple(forward[t] for t in targets))
        case Suspend() | ops.Return() | ops.Raise():
            return terminator  # what follows a suspension takes an outcome, and so is never empty
        case _:
            assert_never(terminator)


class _Retarget(cst.CSTTransformer):
    def __init__(self, forward: dict[BlockId, BlockId]) -> None:
        super().__init__()
        self.forward = forward

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> cst.Expr:
        target = ops.marker_target(updated_node)
        if target is None or self.forward[target] == target:
            return updated_node
        return ops.goto_marker(self.forward[target])


def _retarget_markers(statement: cst.BaseStatement, forward: dict[BlockId, BlockId]) -> cst.BaseStatement:
    if not ops.may_jump(statement):
        return statement
    result = transform(statement, _Retarget(forward))
    assert isinstance(result, cst.BaseStatement)
    return result


def cut(graph: Graph) -> list[StateCode]:
    """The states of a graph, the entry first, then in the order of the text."""
    cutter = _Cutter(graph)
    heads = [b for b in graph.blocks.values() if cutter.is_head(b)]
    heads.sort(key=lambda b: (b.id != graph.entry, b.line, b.id))
    return [StateCode(b, tuple(cutter.code(b))) for b in heads]


def is_plain_return(block: Block) -> bool:
    """Nothing but `return`: written wherever it is led to."""
    return not block.statements and block.terminator == ops.Return(None)


class _Cutter:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.heads = _heads(graph)

    def is_head(self, block: Block) -> bool:
        return block.id in self.heads

    def code(self, block: Block) -> list[cst.BaseStatement]:
        written = [self._resolve_markers(s) for s in block.statements]
        return [*written, *self._terminator(block)]

    def _resolve_markers(self, statement: cst.BaseStatement) -> cst.BaseStatement:
        if not ops.may_jump(statement):
            return statement
        result = transform(statement, _PlainReturns(self.graph))
        assert isinstance(result, cst.BaseStatement)
        return result

    def _goto(self, target: BlockId) -> list[cst.BaseStatement]:
        block = self.graph.blocks[target]
        if is_plain_return(block) and not self.is_head(block):
            return [_line(cst.Return())]
        return [_line(ops.goto_marker(target))] if self.is_head(block) else self.code(block)

    def _terminator(self, block: Block) -> list[cst.BaseStatement]:
        assert block.terminator is not None
        match block.terminator:
            case Goto(target):
                return self._goto(target)
            case Branch():
                return self._branch(block.terminator)
            case Suspend(operation, then):
                return [_line(ops.marker(ops.SUSPEND_MARKER, cst.Integer(str(then)), operation))]
            case ops.Return(value):
                return [_line(cst.Return(value))]
            case ops.Raise(statement):
                return [_line(statement)]
            case other:
                assert_never(other)

    def _branch(self, branch: Branch) -> list[cst.BaseStatement]:
        parts = [self._goto(t) for t in branch.targets]
        match branch.on:
            case ops.Test(expression):
                return [cst.If(expression, _block(parts[0])), *parts[1]]
            case ops.Advance(target, cursor):
                return [cst.For(target, cst.Name(cursor), _block(parts[0])), *parts[1]]
            case ops.MatchCases(subject, cases):
                written = [c.with_changes(body=_block(p)) for c, p in zip(cases, parts, strict=False)]
                rest = [] if is_irrefutable(cases[-1]) else parts[-1]
                return [cst.Match(subject, written), *rest]
            case ops.Handlers(clauses):
                handlers = [_handler(c, p) for c, p in zip(clauses, parts, strict=True)]
                return [cst.Try(_block([_line(cst.Raise())]), handlers)]
            case other:
                assert_never(other)


def _heads(graph: Graph) -> set[BlockId]:
    heads = {graph.entry}
    ways_in: Counter[BlockId] = Counter()
    for block in graph.blocks.values():
        assert block.terminator is not None
        if block.resumes:
            heads.add(block.id)
        if block.region.on_error is not None:
            heads.add(block.region.on_error)
        for target in ops.successors(block.terminator):
            ways_in[target] += 1
            if graph.blocks[target].region != block.region:
                ways_in[target] += 1
        for target in ops.jumps_inside(block):
            ways_in[target] += 2
    many = {i for i, count in ways_in.items() if count > 1 and not is_plain_return(graph.blocks[i])}
    return heads | many


class _PlainReturns(cst.CSTTransformer):
    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> cst.BaseSmallStatement:
        target = ops.marker_target(updated_node)
        if target is not None and is_plain_return(self.graph.blocks[target]):
            return cst.Return()
        return updated_node


def is_irrefutable(case: cst.MatchCase) -> bool:
    """Whether nothing gets past a case."""
    return case.guard is None and isinstance(case.pattern, cst.MatchAs) and case.pattern.pattern is None


def _handler(clause: ops.Clause, body: list[cst.BaseStatement]) -> cst.ExceptHandler:
    name = cst.AsName(cst.Name(clause.name)) if clause.name else None
    # Without a type, libcst wants no space after `except`.
    space = cst.SimpleWhitespace(" " if clause.type is not None else "")
    return cst.ExceptHandler(_block(body), clause.type, name, whitespace_after_except=space)


def _block(statements: list[cst.BaseStatement]) -> cst.IndentedBlock:
    return cst.IndentedBlock(statements)


def _line(small: cst.BaseSmallStatement) -> cst.SimpleStatementLine:
    return cst.SimpleStatementLine([small])


# --- the outcome where it is used --------------------------------------------------------------------------------------


def merge_resumptions(states: list[StateCode], temporaries: list[str]) -> list[StateCode]:
    """`value = f.resume()` and one use of it, evaluated first in the very next statement: written as one."""
    known = set(temporaries)
    uses: Counter[str] = Counter()
    for state in states:
        text = ops.text_of(state.code)
        uses.update(name for name in _WORD.findall(text) if name in known)
    return [replace(s, code=_merged(s.code, uses, known)) for s in states]


_WORD = re.compile(r"[^\W\d]\w*")


def _merged(
    code: tuple[cst.BaseStatement, ...], uses: Counter[str], temporaries: set[str]
) -> tuple[cst.BaseStatement, ...]:
    name = _taken_name(code[0]) if len(code) > 1 else None
    if name is None or name not in temporaries or uses[name] != 2:
        return code
    head = _head_of(code[1])
    if head is None or name not in _names_in(head):
        return code
    merged = transform(code[1], _Resume(name))
    assert isinstance(merged, cst.BaseStatement)
    return (merged, *code[2:])


def _taken_name(statement: cst.BaseStatement) -> str | None:
    match statement:
        case cst.SimpleStatementLine(
            body=[
                cst.Assign(
                    targets=[cst.AssignTarget(target=cst.Name(value=name))],
                    value=cst.Call(func=cst.Name(value=ops.RESUME_MARKER)),
                )
            ]
        ):
            return name
        case _:
            return None


def _head_of(statement: cst.BaseStatement) -> cst.CSTNode | None:
    """What a statement evaluates first, once."""
    match statement:
        case cst.SimpleStatementLine():
            return statement
        case cst.If(test=head) | cst.Match(subject=head) | cst.For(iter=head):
            return head
        case _:
            return None


class _NameCounter(cst.CSTVisitor):
    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False  # what it has as defaults is written with the function, and may not be a marker

    def visit_Name(self, node: cst.Name) -> None:
        self.found[node.value] += 1


def _names_in(node: cst.CSTNode) -> Counter[str]:
    counter = _NameCounter()
    look(node, counter)
    return counter.found


class _Resume(cst.CSTTransformer):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        if updated_node.value != self.name:
            return updated_node
        return cst.Call(cst.Name(ops.RESUME_MARKER), lpar=updated_node.lpar, rpar=updated_node.rpar)
