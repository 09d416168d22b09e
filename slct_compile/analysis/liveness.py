"""Which names live into each state: hence the slots of the frame, and what is saved where.

A backward analysis over the structured code of all states, until nothing changes. May-analysis: a name is live if some
path may read it before binding it, so a name read where it may be unbound is a slot, and says so there (rule 8). Errors
are paths: whatever an error handler reads is live throughout what it protects.

`del x` reads, since it fails on an unbound name. A local function or lambda reads what it captures wherever it is read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import libcst as cst

from .._scopes import bound_names, loads
from .._walk import walk
from ..ir import ops
from ..ir.ops import BlockId
from ..lower.states import StateCode

Live: TypeAlias = frozenset[str]
_NOTHING: Live = frozenset()


@dataclass(frozen=True, slots=True)
class Layout:
    """live: what lives into each state. slots: the names that need one. functions: names of local functions."""

    live: Mapping[BlockId, Live]
    slots: frozenset[str]
    functions: frozenset[str]
    classes: frozenset[str]


def lay_out(
    states: Sequence[StateCode],
    variables: Iterable[str],
    parameters: Iterable[str],
    captured: Iterable[str],
    *,
    has_local_functions: bool = False,
) -> Layout:
    """The frame layout.

    Args:
      variables: Every local and temporary. captured: Those that inner functions refer to.
      has_local_functions: Durable ones, which reach captured variables through the frame even if nothing else is saved.
    """
    names = frozenset(variables)
    parsed = {s.block.id: _parse(s.code) for s in states}
    functions = _local_functions([n for body in parsed.values() for n in body], names)
    live = _fixpoint(states, parsed, names, functions)
    # The engine sets and reads these between states.
    given = {n for s in states for n in (s.region.caught, s.region.handling) if n}
    crossing = {n for found in live.values() for n in found}
    slots = frozenset(
        crossing | set(parameters) | (set(captured) if len(states) > 1 or has_local_functions else set()) | given
    )
    classes = {n.name for body in parsed.values() for s in body for n in walk(s) if isinstance(n, ast.ClassDef)}
    return Layout(live, slots, frozenset(functions), frozenset(classes & names))


def _parse(code: Iterable[cst.BaseStatement]) -> list[ast.stmt]:
    return ast.parse(ops.text_of(code)).body


def _local_functions(body: Iterable[ast.stmt], names: Live) -> dict[str, Live]:
    """Local functions and named lambdas, with what they capture."""
    found: dict[str, Live] = {}
    for statement in body:
        for node in walk(statement):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found[name] = found.get(name, _NOTHING) | loads(node, names)
                case ast.Assign([ast.Name(name)], ast.Lambda() | ast.GeneratorExp() as value):
                    found[name] = found.get(name, _NOTHING) | loads(value, names)
                case _:
                    pass
    return found


def _fixpoint(
    states: Sequence[StateCode],
    parsed: Mapping[BlockId, list[ast.stmt]],
    names: Live,
    functions: Mapping[str, Live],
) -> dict[BlockId, Live]:
    live: dict[BlockId, Live] = {s.block.id: _NOTHING for s in states}
    changed = True
    while changed:
        changed = False
        for state in reversed(states):
            region = state.region
            on_error = _NOTHING
            if region.on_error is not None:
                on_error = live[region.on_error] - {region.caught or ""}
            flow = _Flow(names, functions, live)
            found = flow.body(parsed[state.block.id], _NOTHING, _Around(on_error)) | on_error
            if region.handling is not None:
                found |= {region.handling}
            if found != live[state.block.id]:
                live[state.block.id] = found
                changed = True
    return live


@dataclass(frozen=True, slots=True)
class _Around:
    """What is live where a statement may go instead of on."""

    on_error: Live = _NOTHING
    on_break: Live = _NOTHING
    on_continue: Live = _NOTHING


class _Flow:
    def __init__(self, names: Live, functions: Mapping[str, Live], live: Mapping[BlockId, Live]) -> None:
        self.names = names
        self.functions = functions
        self.live = live

    def reads(self, *nodes: ast.AST | None) -> Live:
        found: set[str] = set()
        for node in nodes:
            if node is not None:
                found |= loads(node, self.names)
        for name in tuple(found & self.functions.keys()):
            found |= self.functions[name]
        return frozenset(found)

    def body(self, body: Sequence[ast.stmt], after: Live, around: _Around) -> Live:
        for statement in reversed(body):
            after = self.statement(statement, after, around) | around.on_error
        return after

    def statement(self, node: ast.stmt, after: Live, around: _Around) -> Live:
        match node:
            case ast.Expr(ast.Call(func=ast.Name(ops.GOTO_MARKER), args=[ast.Constant(int(target))])):
                return self.live[target]
            case ast.Expr(ast.Call(func=ast.Name(ops.SUSPEND_MARKER), args=[ast.Constant(int(target)), operation])):
                return self.live[target] | self.reads(operation)
            case ast.Return(value):
                return self.reads(value)
            case ast.Raise(exc, cause):
                return self.reads(exc, cause) | around.on_error
            case ast.Break():
                return around.on_break
            case ast.Continue():
                return around.on_continue
            case ast.If(test, body, orelse):
                return self.reads(test) | self.body(body, after, around) | self.body(orelse, after, around)
            case ast.While():
                return self._while(node, after, around)
            case ast.For() | ast.AsyncFor():
                return self._for(node, after, around)
            case ast.Try() | ast.TryStar():
                return self._try(node, after, around)
            case ast.With() | ast.AsyncWith():
                return self._with(node, after, around)
            case ast.Match():
                return self._match(node, after, around)
            case ast.Delete(targets):
                return (after - _bound(targets)) | self.reads(*targets)
            case ast.AugAssign():
                return after | self.reads(node)
            case ast.AnnAssign(target, _, None):
                return after | (_NOTHING if isinstance(target, ast.Name) else self.reads(target))
            case _:
                return (after - _bound([node]) | self.reads(node)) if _always_binds(node) else after | self.reads(node)

    def _while(self, node: ast.While, after: Live, around: _Around) -> Live:
        head = _NOTHING
        while True:
            inside = replace(around, on_break=after, on_continue=head)
            found = self.reads(node.test) | self.body(node.body, head, inside) | self.body(node.orelse, after, around)
            if found == head:
                return head
            head = found

    def _for(self, node: ast.For | ast.AsyncFor, after: Live, around: _Around) -> Live:
        bound = _bound([node.target])
        head = self.body(node.orelse, after, around)
        while True:
            inside = replace(around, on_break=after, on_continue=head)
            body = self.body(node.body, head, inside)
            found = head | (body - bound) | self.reads(node.target)
            if found == head:
                return head | self.reads(node.iter)
            head = found

    def _try(self, node: ast.Try | ast.TryStar, after: Live, around: _Around) -> Live:
        if node.finalbody:
            # Whatever way the body is left, the final part runs; then it goes on, anywhere.
            final = self.body(node.finalbody, after | around.on_error, around)
            after = final
            around = _Around(around.on_error | final, around.on_break | final, around.on_continue | final)
        handlers = _NOTHING
        for handler in node.handlers:
            body = self.body(handler.body, after, around)
            handlers |= self.reads(handler.type) | (body - {handler.name or ""})
        orelse = self.body(node.orelse, after, around)
        inside = replace(around, on_error=around.on_error | handlers)
        return self.body(node.body, orelse, inside) | handlers

    def _with(self, node: ast.With | ast.AsyncWith, after: Live, around: _Around) -> Live:
        # A manager may swallow an error anywhere in the body.
        found = self.body(node.body, after, replace(around, on_error=around.on_error | after))
        for item in reversed(node.items):
            target = [item.optional_vars] if item.optional_vars else []
            found = (found - _bound(target)) | self.reads(item.context_expr, *target)
        return found | after

    def _match(self, node: ast.Match, after: Live, around: _Around) -> Live:
        found = after
        for case in reversed(node.cases):
            body = self.body(case.body, after, around) | self.reads(case.guard)
            found |= self.reads(case.pattern) | (body - _bound([case.pattern]))
        return found | self.reads(node.subject)


def _bound(nodes: Iterable[ast.AST]) -> Live:
    return frozenset(bound_names(nodes))


_BINDING = (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _always_binds(node: ast.stmt) -> bool:
    """Whether every name that the statement binds is bound when it is done; a walrus may not have been reached."""
    if not isinstance(node, _BINDING):
        return False
    return not any(isinstance(child, ast.NamedExpr) for child in walk(node))
