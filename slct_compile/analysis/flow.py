"""The states of one function as single steps, for questions about paths: defined here, suspended there, used after that.

A step evaluates something, then binds something, then goes on; it may also fail, and then has bound nothing. The steps are those
of the lowered states, so that what crosses a suspension here is what the frame saves (`liveness.py` follows the same edges).
A test of a variable against None is believed: where it is None, it is nothing else.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .._page import Page
from .._places import Leaf, Marked
from .._scopes import bound_names
from .._walk import walk
from ..ir import ops
from ..ir.ops import BlockId
from ..lower.states import StateCode


@dataclass(slots=True, eq=False)
class Step:
    """One step. `node`: the statement or expression; `parts`: what of it is evaluated here; `leaves`: of its state."""

    node: ast.AST | None = None
    parts: tuple[ast.AST, ...] = ()
    binds: frozenset[str] = frozenset()
    next: list[Step] = field(default_factory=list)
    errors: tuple[Step, ...] = ()
    leaves: Mapping[tuple[int, int], Marked] = field(default_factory=dict)
    suspends: bool = False
    exits: bool = False

    def nodes(self) -> Iterator[ast.AST]:
        """Everything that is evaluated here, bodies of inner functions included."""
        for part in self.parts:
            yield from walk(part)

    def read(self, name: str) -> ast.Name | None:
        """Where the step reads a variable."""
        for node in self.nodes():
            if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Store):
                return node
        return None

    def source(self, node: ast.AST) -> Marked | None:
        """The author's first name or literal in a node; None if it has none."""
        found = [(n.lineno, n.col_offset) for n in walk(node) if isinstance(n, ast.Name | ast.Constant | ast.JoinedStr)]
        known = sorted(place for place in found if place in self.leaves)
        return self.leaves[known[0]] if known else None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A value that is used after a suspension."""

    suspension: Step
    use: Step
    name: ast.Name


@dataclass(frozen=True, slots=True)
class _Final:
    body: Sequence[ast.stmt]
    around: _Around


@dataclass(frozen=True, slots=True)
class _Around:
    """Where a step may go instead of on. Jumps run the `finals`, innermost last; those of loops, the ones inside the loop."""

    errors: tuple[Step, ...] = ()
    on_break: Step | None = None
    on_continue: Step | None = None
    finals: tuple[_Final, ...] = ()
    loop_depth: int = 0


class Flow:
    """All steps of a function, by the state that they begin."""

    def __init__(self, states: Sequence[StateCode]) -> None:
        self.exit = Step(exits=True)
        self.entries: dict[BlockId, Step] = {s.block.id: Step() for s in states}
        self.steps: list[Step] = [*self.entries.values()]
        self._leaves: Mapping[tuple[int, int], Marked] = {}
        self.entry = self.entries[states[0].block.id]
        for state in states:
            tree = self._parsed(state)
            on_error = state.region.on_error
            errors = (self.entries[on_error],) if on_error is not None else ()
            self.entries[state.block.id].next = [self._body(tree, self.exit, _Around(errors))]

    def _parsed(self, state: StateCode) -> list[ast.stmt]:
        page = Page()
        page.nodes(0, state.code)
        printed = page.printed()
        self._leaves = _by_place(printed.leaves)
        return ast.parse(printed.text).body

    def crossing(self, start: Step, name: str) -> Crossing | None:
        """How what a step binds comes to be used after a suspension, by a shortest way."""
        waiting: deque[tuple[Step, Step | None]] = deque((step, None) for step in start.next)
        seen: set[tuple[int, bool]] = set()
        while waiting:
            step, crossed = waiting.popleft()
            if (id(step), crossed is not None) in seen:
                continue
            seen.add((id(step), crossed is not None))
            read = step.read(name)
            if read is not None and crossed is not None:
                return Crossing(crossed, step, read)
            if name not in step.binds or _may_fail(step):
                waiting += ((after, crossed) for after in step.errors)
            if name not in step.binds:
                waiting += ((after, (crossed or step) if step.suspends else crossed) for after in step.next)
        return None

    def reachable(self, start: Iterable[Step], stops: Callable[[Step], bool] = lambda step: False) -> list[Step]:
        """The steps on the ways from some, in order; those that stop are found, and not passed."""
        found: dict[int, Step] = {}
        waiting = deque(start)
        while waiting:
            step = waiting.popleft()
            if id(step) not in found:
                found[id(step)] = step
                if not stops(step):
                    waiting += (*step.next, *step.errors)
        return list(found.values())

    # --- building ----------------------------------------------------------------------------------------------------

    def _step(self, node: ast.AST, parts: Iterable[ast.AST | None], around: _Around, *after: Step) -> Step:
        evaluated = tuple(part for part in parts if part is not None)
        made = Step(node, evaluated, frozenset(bound_names(evaluated)), list(after), around.errors, self._leaves)
        self.steps.append(made)
        return made

    def _body(self, body: Sequence[ast.stmt], after: Step, around: _Around) -> Step:
        for statement in reversed(body):
            after = self._statement(statement, after, around)
        return after

    def _statement(self, node: ast.stmt, after: Step, around: _Around) -> Step:
        match node:
            case ast.Expr(ast.Call(func=ast.Name(ops.GOTO_MARKER), args=[ast.Constant(int(target))])):
                return self._jump(self.entries[target], around)
            case ast.Expr(ast.Call(func=ast.Name(ops.SUSPEND_MARKER), args=[ast.Constant(int(target)), operation])):
                step = self._step(node, [operation], around, self._jump(self.entries[target], around))
                step.suspends = True
                return step
            case ast.Return(value):
                return self._step(node, [value], around, self._jump(self.exit, around))
            case ast.Raise(exc, cause):
                return self._step(node, [exc, cause], around, *([] if around.errors else [self.exit]))
            case ast.Break():
                return self._leave(around.on_break, around)
            case ast.Continue():
                return self._leave(around.on_continue, around)
            case ast.If(test, body, orelse):
                return self._branch(
                    node, test, self._body(body, after, around), self._body(orelse, after, around), around
                )
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
            case _:
                return self._step(node, [node], around, after)

    def _jump(self, target: Step, around: _Around, depth: int = 0) -> Step:
        """To a step, by way of what must run before."""
        for final in around.finals[depth:]:
            target = self._body(final.body, target, final.around)
        return target

    def _leave(self, target: Step | None, around: _Around) -> Step:
        assert target is not None, "a jump outside a loop"
        return self._jump(target, around, around.loop_depth)

    def _branch(self, node: ast.AST, test: ast.expr, then: Step, other: Step, around: _Around) -> Step:
        nothing_if_true, nothing_if_false = _is_nothing(test)
        ways = [(then, nothing_if_true), (other, nothing_if_false)]
        if isinstance(test, ast.Constant):
            ways = ways[:1] if test.value else ways[1:]
        return self._step(node, [test], around, *(self._known_nothing(step, name) for step, name in ways))

    def _known_nothing(self, after: Step, name: str | None) -> Step:
        if name is None:
            return after
        made = Step(binds=frozenset({name}), next=[after])
        self.steps.append(made)
        return made

    def _while(self, node: ast.While, after: Step, around: _Around) -> Step:
        head = Step()
        inside = replace(around, on_break=after, on_continue=head, loop_depth=len(around.finals))
        body, orelse = self._body(node.body, head, inside), self._body(node.orelse, after, around)
        head.next = [self._branch(node, node.test, body, orelse, around)]
        self.steps.append(head)
        return head

    def _for(self, node: ast.For | ast.AsyncFor, after: Step, around: _Around) -> Step:
        head = self._step(node, [node.target], around)
        inside = replace(around, on_break=after, on_continue=head, loop_depth=len(around.finals))
        # The target is bound only where there is an item; that the old value is gone in both cases only silences.
        head.next = [self._body(node.body, head, inside), self._body(node.orelse, after, around)]
        return self._step(node, [node.iter], around, head)

    def _try(self, node: ast.Try | ast.TryStar, after: Step, around: _Around) -> Step:
        if node.finalbody:
            final = _Final(node.finalbody, around)
            after = self._body(node.finalbody, after, around)
            failed = self._body(node.finalbody, around.errors[0] if around.errors else self.exit, around)
            around = replace(around, errors=(failed, *around.errors), finals=(*around.finals, final))
        handlers = tuple(self._handler(h, after, around) for h in node.handlers)
        orelse = self._body(node.orelse, after, around)
        return self._body(node.body, orelse, replace(around, errors=(*handlers, *around.errors)))

    def _handler(self, node: ast.ExceptHandler, after: Step, around: _Around) -> Step:
        step = self._step(node, [node.type], around, self._body(node.body, after, around))
        step.binds |= {node.name} if node.name else frozenset()
        return step

    def _with(self, node: ast.With | ast.AsyncWith, after: Step, around: _Around) -> Step:
        # A manager may swallow an error anywhere in the body.
        entry = self._body(node.body, after, replace(around, errors=(*around.errors, after)))
        for item in reversed(node.items):
            entry = self._step(item, [item], around, entry)
        return entry

    def _match(self, node: ast.Match, after: Step, around: _Around) -> Step:
        subject = self._step(node, [node.subject], around)
        for case in node.cases:
            body = self._body(case.body, after, around)
            subject.next.append(self._step(case, [case.pattern, case.guard], around, body))
        subject.next.append(after)
        return subject


def _by_place(leaves: Iterable[Leaf]) -> dict[tuple[int, int], Marked]:
    return {(line + 1, column): leaf for line, column, leaf in leaves}


def _may_fail(step: Step) -> bool:
    """Whether a step that binds may fail before it does; plain values do not."""
    match step.node:
        case ast.Assign(_, ast.Name() | ast.Constant()) | None:
            return False
        case _:
            return True


def _is_nothing(test: ast.expr) -> tuple[str | None, str | None]:
    """The variable that is nothing of interest where a test is true, and where it is false."""
    match test:
        case ast.Compare(ast.Name(name), [ast.Is()], [ast.Constant(None)]):
            return name, None
        case ast.UnaryOp(ast.Not(), ast.Name(name)):
            return name, None
        case (
            ast.Compare(ast.Name(name), [ast.IsNot()], [ast.Constant(None)])
            | ast.Name(name)
            | ast.NamedExpr(ast.Name(name))
        ):
            return None, name
        case _:
            return None, None


__all__ = ["Crossing", "Flow", "Step"]
