"""The verifier: what must hold between the passes. Run over everything that the tests compile.

Each check asserts, since what it finds is a fault of the compiler and never of the author.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, assert_never

import libcst as cst

from .. import _normal
from .._normal import Body, Normal
from .._suspension import Suspensions
from .._walk import walk
from . import ops
from .ops import Block, BlockId, Graph, Suspend

if TYPE_CHECKING:
    from ..analysis.liveness import Layout
    from ..lower.states import StateCode


def check_normal(body: Body) -> None:
    """After `normalise` a suspension stands only as `target = await operation`."""
    suspensions = Suspensions()
    for statement in _all(body):
        for node in _nodes(statement):
            assert not suspensions.contains(node), f"an await was left in {_normal.code(node)!r}"


def _all(body: Body) -> Iterable[Normal]:
    for statement in body:
        yield statement
        for part in _bodies(statement):
            yield from _all(part)


def _bodies(statement: Normal) -> list[Body]:
    match statement:
        case _normal.If() | _normal.For():
            return [statement.body, statement.orelse]
        case _normal.While():
            return [statement.prelude, statement.body, statement.orelse]
        case _normal.Match():
            return [case.body for case in statement.cases]
        case _normal.TryExcept():
            return [statement.body, *(h.body for h in statement.handlers), statement.orelse]
        case _normal.TryStar():
            parts = [part for h in statement.handlers for part in (h.prelude, h.body)]
            return [statement.body, *parts, statement.orelse]
        case _normal.TryFinally():
            return [statement.body, statement.final]
        case _normal.Keep() | _normal.Comment() | _normal.Await() | _normal.Return() | _normal.Break():
            return []
        case _normal.Continue() | _normal.Raise():
            return []
        case _:
            assert_never(statement)


def _nodes(statement: Normal) -> list[cst.CSTNode]:
    """The author's nodes in one statement, without those in its bodies."""
    match statement:
        case _normal.Keep(node) | _normal.Raise(node):
            return [node]
        case _normal.Await(operation):
            return [operation]
        case _normal.Return(value):
            return [value] if value is not None else []
        case _normal.If(test) | _normal.While(_, test):
            return [test]
        case _normal.For(target, iterable):
            return [target, iterable]
        case _normal.Match(subject, cases):
            return [subject, *(case.head for case in cases)]
        case _normal.TryExcept(_, handlers):
            return [h.type for h in handlers if h.type is not None]
        case _normal.TryStar(_, star_handlers):
            return [h.type for h in star_handlers]
        case _normal.TryFinally() | _normal.Comment() | _normal.Break() | _normal.Continue():
            return []
        case _:
            assert_never(statement)


def check_graph(graph: Graph) -> None:
    """Every block ends in one terminator, leads to blocks that exist, can be reached, and resumes where it should."""
    reached: set[BlockId] = set()
    waiting = [graph.entry]
    while waiting:
        block_id = waiting.pop()
        if block_id in reached:
            continue
        reached.add(block_id)
        block = graph.blocks[block_id]
        _check_block(graph, block)
        waiting += ops.leads_to(block)
    assert reached == graph.blocks.keys(), f"unreachable blocks: {sorted(graph.blocks.keys() - reached)}"


def _check_block(graph: Graph, block: Block) -> None:
    assert block.terminator is not None, f"block {block.id} does not end"
    for target in ops.leads_to(block):
        assert target in graph.blocks, f"block {block.id} leads to {target}, which does not exist"
        suspends = isinstance(block.terminator, Suspend) and block.terminator.then == target
        resumes = graph.blocks[target].resumes
        assert suspends == resumes, f"block {block.id} leads to {target}: suspends {suspends}, resumes {resumes}"
    if block.resumes:
        first = ops_text(block.statements[0])
        assert ops.RESUME_MARKER in first, f"block {block.id} does not begin by taking its outcome: {first}"
    for statement in block.statements:
        assert block.resumes or ops.RESUME_MARKER not in ops_text(statement), f"block {block.id} takes no outcome"


def ops_text(node: cst.CSTNode) -> str:
    return _normal.code(node)


def check_states(states: Sequence[StateCode], layout: Layout, author: frozenset[str], temporaries: list[str]) -> None:
    """Jumps lead to states, each with one region; what lives into a state has a slot; no name is used for two things."""
    known = {s.block.id for s in states}
    assert len(known) == len(states), "two states have one block"
    for state in states:
        _check_state(state, known)
        missing = layout.live[state.block.id] - layout.slots
        assert not missing, f"state {state.block.id}: no slot for {sorted(missing)}"
        for name in (state.region.caught, state.region.handling):
            assert name is None or name in layout.slots, f"state {state.block.id}: no slot for {name}"
    clash = author & set(temporaries)
    assert not clash, f"temporaries meet the author's names: {sorted(clash)}"
    assert len(set(temporaries)) == len(temporaries), "a temporary was given out twice"


def _check_state(state: StateCode, known: set[BlockId]) -> None:
    on_error = state.region.on_error
    assert on_error is None or on_error in known, f"state {state.block.id}: errors go to {on_error}, no state"
    body = ast.parse(ops.text_of(state.code)).body
    resumptions = 0
    for node in walk(ast.Module(body, [])):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in (ops.GOTO_MARKER, ops.SUSPEND_MARKER):
            target = node.args[0]
            assert isinstance(target, ast.Constant), "a jump to nowhere"
            assert target.value in known, f"state {state.block.id} jumps to {target.value!r}, which is no state"
        resumptions += node.func.id == ops.RESUME_MARKER
    assert resumptions == (1 if state.block.resumes else 0), f"state {state.block.id} takes {resumptions} outcomes"
    assert _leaves(body), f"state {state.block.id} falls off its end:\n{ops.text_of(state.code)}"


def _leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether code always ends in a jump, a suspension, a return or a raise."""
    return any(_leaves_by(statement) for statement in body)


def _leaves_by(node: ast.stmt) -> bool:
    match node:
        case ast.Return() | ast.Raise():
            return True
        case ast.Expr(ast.Call(func=ast.Name(name))):
            return name in (ops.GOTO_MARKER, ops.SUSPEND_MARKER)
        case ast.If(_, body, orelse):
            return _leaves(body) and _leaves(orelse)
        case ast.Try(body, handlers, orelse, final):
            main = _leaves(body) or _leaves(orelse)
            return (main and all(_leaves(h.body) for h in handlers)) or _leaves(final)
        case ast.Match(_, cases):
            last = cases[-1]
            closed = last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
            return closed and all(_leaves(c.body) for c in cases)
        case ast.While(ast.Constant(True)):
            return not any(isinstance(n, ast.Break) for n in walk(node))
        case ast.With(_, body):
            return _leaves(body)
        case _:
            return False


def check_names(names: Mapping[BlockId, str], taken: Iterable[str]) -> None:
    """State names are different from each other and from whatever else stands beside them."""
    found = list(names.values())
    assert len(set(found)) == len(found), f"one name for two states: {found}"
    assert not set(found) & set(taken), "a state has the name of something else"
