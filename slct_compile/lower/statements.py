"""One function per normal form: `while` reads like the labels on paper.

The builder has a current block; each function appends to it, ends it, and leaves another one current. After a statement
that never falls through, what follows goes into a block that nobody leads to; it is dropped at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import libcst as cst

from .. import _naming
from .._names import Meaning, Names
from .._normal import (
    Await,
    Body,
    Break,
    Case,
    Comment,
    Continue,
    For,
    Handler,
    If,
    Keep,
    Match,
    Normal,
    Raise,
    Return,
    StarHandler,
    TryExcept,
    TryFinally,
    TryStar,
    While,
)
from .._normalize import Helpers
from ..ir import ops
from ..ir.ops import Advance, Block, BlockId, Branch, Clause, Goto, Graph, Handlers, MatchCases, Region, Suspend, Test
from .exits import Context, FinallyExit, Kind, LoopExit, UnbindExit, assign, depart, unbind
from .jumps import rewrite_jumps


def lower(body: Body, names: Names, line: int, helpers: Helpers, rebound: frozenset[str] = frozenset()) -> Graph:
    """The graph of a function body. `rebound`: names of handlers whose unbinding can be seen."""
    lowering = _Lowering(names, helpers, rebound)
    entry = lowering.block("Start", line, Context())
    lowering.current = entry
    lowering.body(body, Context())
    lowering.end(ops.Return())
    return lowering.graph(entry.id)


class _Lowering:
    def __init__(self, names: Names, helpers: Helpers, rebound: frozenset[str]) -> None:
        self.names = names
        self.helpers = helpers
        self.rebound = rebound
        self.result = ""
        self.blocks: dict[BlockId, Block] = {}
        self.current = Block(0, "", 0, Region())

    # --- blocks ----------------------------------------------------------------------------------------------------

    def block(self, hint: str, line: int, context: Context) -> Block:
        made = Block(len(self.blocks), hint, line, context.region)
        self.blocks[made.id] = made
        return made

    def end(self, terminator: ops.Terminator) -> None:
        """End the current block, unless a jump has done so."""
        if self.current.terminator is None:
            self.current.terminator = terminator

    def go_on(self, block: Block) -> None:
        self.end(Goto(block.id))
        self.current = block

    def add(self, *statements: cst.BaseSmallStatement) -> None:
        self._live().statements += [cst.SimpleStatementLine([s]) for s in statements]

    def _live(self) -> Block:
        """The current block; a fresh one, led to by nobody, if it has ended."""
        if self.current.terminator is not None:
            self.current = self.block("Unreachable", self.current.line, Context(self.current.region))
        return self.current

    def graph(self, entry: BlockId) -> Graph:
        """What can be reached, in the order in which it was made."""
        reached: set[BlockId] = set()
        waiting = [entry]
        while waiting:
            block_id = waiting.pop()
            if block_id not in reached:
                reached.add(block_id)
                waiting += ops.leads_to(self.blocks[block_id])
        dropped = (b.terminator for i, b in self.blocks.items() if i not in reached)
        operations = tuple(t.operation for t in dropped if isinstance(t, Suspend))
        return Graph(entry, {i: b for i, b in self.blocks.items() if i in reached}, operations)

    def result_name(self) -> str:
        self.result = self.result or self.names.fresh("result", Meaning("what is being returned", self.current.line))
        return self.result

    # --- statements ------------------------------------------------------------------------------------------------

    def body(self, body: Body, context: Context) -> None:
        for statement in body:
            self._live()
            self.statement(statement, context)

    def statement(self, statement: Normal, context: Context) -> None:
        block = self.current
        if not block.statements and block.hint.startswith("After") and not isinstance(statement, Comment):
            block.line = statement.place.line  # of what it does, not of what it comes after
        match statement:
            case Keep(node):
                self.current.statements.append(self._kept(node, context))
            case Comment(lines):
                self.current.statements += comment_lines(lines)
            case Await():
                self._await(statement, context)
            case Return(value):
                self._leave(Kind.RETURN, value, context)
            case Break():
                self._leave(Kind.BREAK, None, context)
            case Continue():
                self._leave(Kind.CONTINUE, None, context)
            case Raise(node):
                self.end(ops.Raise(node))
            case If():
                self._if(statement, context)
            case While():
                self._while(statement, context)
            case For():
                self._for_async(statement, context) if statement.asynchronous else self._for(statement, context)
            case Match():
                self._match(statement, context)
            case TryExcept():
                self._try_except(statement, context)
            case TryStar():
                self._try_star(statement, context)
            case TryFinally():
                self._try_finally(statement, context)
            case _:
                assert_never(statement)

    def _kept(self, node: cst.BaseStatement, context: Context) -> cst.BaseStatement:
        def leaving_block(kind: Kind, has_value: bool) -> tuple[BlockId, str]:
            returned = Meaning("what is being returned", self.current.line)
            variable = self.names.fresh("result", returned) if has_value else ""
            leaving = self.block(f"Leave{kind.value.capitalize()}", self.current.line, context)
            self._leave_in(leaving, kind, cst.Name(variable) if has_value else None, context)
            return leaving.id, variable

        return rewrite_jumps(node, context, self._result_for(context), leaving_block)

    def _leave_in(self, block: Block, kind: Kind, value: cst.BaseExpression | None, context: Context) -> None:
        """Leave, from a block that is not the current one."""
        rest, self.current = self.current, block
        self._leave(kind, value, context)
        self.current = rest

    def _result_for(self, context: Context) -> str:
        return self.result_name() if any(isinstance(e, UnbindExit) for e in context.exits) else ""

    def _leave(self, kind: Kind, value: cst.BaseExpression | None, context: Context) -> None:
        departure = depart(kind, value, context, self._result_for(context))
        self.add(*departure.statements)
        self.end(departure.terminator)

    def _await(self, statement: Await, context: Context) -> None:
        resumed = self.block(statement.hint, statement.place.line, context)
        resumed.resumes, resumed.column = True, statement.place.column
        resumed.label = statement.label or _naming.operation_label(statement.operation)
        self.end(Suspend(_naming.without_label(statement.operation), resumed.id))
        self.current = resumed
        taken = cst.Call(cst.Name(ops.RESUME_MARKER))
        self.add(assign(statement.target, taken) if statement.target else cst.Expr(taken))

    def _if(self, statement: If, context: Context) -> None:
        line = statement.place.line
        then = self.block("Then", line, context)
        orelse = self.block("Else", line, context) if statement.orelse else None
        after = self.block("AfterIf", line, context)
        self.end(Branch(Test(statement.test), (then.id, (orelse or after).id)))
        self._part(then, statement.body, after, context)
        if orelse is not None:
            self._part(orelse, statement.orelse, after, context)
        self.current = after

    def _part(self, start: Block, body: Body, after: Block, context: Context) -> None:
        """A body from a block of its own, falling through to `after`."""
        self.current = start
        self.body(body, context)
        self.end(Goto(after.id))

    def _while(self, statement: While, context: Context) -> None:
        line = statement.place.line
        head = self.block("While", line, context)
        self.go_on(head)
        after = self.block("AfterWhile", line, context)
        inside = Context(context.region, (*context.exits, LoopExit(after.id, head.id)))
        self.body(statement.prelude, context)
        if _is_always_true(statement.test) and not statement.prelude:
            self.body(statement.body, inside)
            self.end(Goto(head.id))
            self.current = after
            return
        body = self.block("WhileBody", line, context)
        orelse = self.block("WhileElse", line, context) if statement.orelse else after
        self.end(Branch(Test(statement.test), (body.id, orelse.id)))
        self._part(body, statement.body, head, inside)
        if statement.orelse:
            self._part(orelse, statement.orelse, after, context)
        self.current = after

    def _for(self, statement: For, context: Context) -> None:
        line = statement.place.line
        cursor = self.names.fresh("items", self._loop(statement))
        self.add(assign(cursor, _call(self.helpers.iterate, statement.iterable)))
        head = self.block("For", line, context)
        self.go_on(head)
        body = self.block("ForBody", line, context)
        after = self.block("AfterFor", line, context)
        orelse = self.block("ForElse", line, context) if statement.orelse else after
        inside = Context(context.region, (*context.exits, LoopExit(after.id, head.id)))
        self.end(Branch(Advance(statement.target, cursor), (body.id, orelse.id)))
        self._part(body, statement.body, head, inside)
        if statement.orelse:
            self._part(orelse, statement.orelse, after, context)
        self.current = after

    def _loop(self, statement: For) -> Meaning:
        return self.names.value_of(statement.iterable, statement.place.line, "the loop over {}")

    def _for_async(self, statement: For, context: Context) -> None:
        """Only StopAsyncIteration out of the receive itself ends the loop."""
        line = statement.place.line
        source = self.names.fresh("source", self._loop(statement))
        item = self.names.fresh("item", Meaning(f"an item of `{self.names.shown(statement.iterable)}`", line))
        self.add(assign(source, _call(self.helpers.iterate_async, statement.iterable)))
        head = self.block("AsyncFor", line, context)
        self.go_on(head)
        after = self.block("AfterFor", line, context)
        orelse = self.block("ForElse", line, context) if statement.orelse else after
        received = self.block("Next" + _naming.camel(_naming.words_of(statement.iterable)), line, context)
        received.resumes, received.column = True, statement.place.column
        self.end(Suspend(_call(self.helpers.next_async, cst.Name(source)), received.id))
        self.current = received
        taken = assign(item, cst.Call(cst.Name(ops.RESUME_MARKER)))
        received.statements.append(_stopped(taken, orelse.id))
        self.add(cst.Assign([cst.AssignTarget(statement.target)], cst.Name(item)))
        inside = Context(context.region, (*context.exits, LoopExit(after.id, head.id)))
        self.body(statement.body, inside)
        self.end(Goto(head.id))
        if statement.orelse:
            self._part(orelse, statement.orelse, after, context)
        self.current = after

    def _match(self, statement: Match, context: Context) -> None:
        after = self.block("AfterMatch", statement.place.line, context)
        bodies = [self.block("Case", case.place.line, context) for case in statement.cases]
        targets = (*(b.id for b in bodies), after.id)
        heads = tuple(case.head for case in statement.cases)
        self.end(Branch(MatchCases(statement.subject, heads), targets))
        for case, body in zip(statement.cases, bodies, strict=True):
            self._case(case, body, after, context)
        self.current = after

    def _case(self, case: Case, body: Block, after: Block, context: Context) -> None:
        self._part(body, case.body, after, context)

    def _try_except(self, statement: TryExcept, context: Context) -> None:
        line = statement.place.line
        caught = self.names.fresh("caught", Meaning(_CAUGHT, line))
        handling = Region(context.region.on_error, context.region.caught, caught)
        dispatch = self.block("Except", line, Context(handling))
        after = self.block("AfterTry", line, context)
        protected = Context(Region(dispatch.id, caught, context.region.handling), context.exits)
        start = self.block("Try", line, protected)
        self.go_on(start)
        self.body(statement.body, protected)
        if statement.orelse:
            orelse = self.block("TryElse", line, context)
            self.go_on(orelse)
            self.body(statement.orelse, context)
        self.end(Goto(after.id))
        self._dispatch(dispatch, statement.handlers, after, Context(handling, context.exits))
        self.current = after

    def _dispatch(self, dispatch: Block, handlers: Sequence[Handler], after: Block, context: Context) -> None:
        bodies = [self.block(_naming.handler_hint(h.type), h.place.line, context) for h in handlers]
        clauses = tuple(Clause(h.type, self._bound_by(h)) for h in handlers)
        dispatch.terminator = Branch(Handlers(clauses), tuple(b.id for b in bodies))
        for handler, clause, body in zip(handlers, clauses, bodies, strict=True):
            if clause.name != handler.name:
                assert handler.name is not None
                assert clause.name is not None
                body.statements.append(cst.SimpleStatementLine([assign(handler.name, cst.Name(clause.name))]))
                self._unbinding_handler(handler, body, after, context)
            else:
                self._part(body, handler.body, after, context)

    def _try_star(self, statement: TryStar, context: Context) -> None:
        """PEP 654. Each clause handles its part of the group; what they raise is kept, and joined at the end."""
        line = statement.place.line
        caught = self.names.fresh("caught", Meaning(_CAUGHT, line))
        handling = self.names.fresh("handling", Meaning("what the `except*` have handled so far", line))
        region = Region(context.region.on_error, context.region.caught, caught)
        dispatch = self.block("Except", line, Context(region))
        after = self.block("AfterTry", line, context)
        protected = Context(Region(dispatch.id, caught, context.region.handling), context.exits)
        self.go_on(self.block("Try", line, protected))
        self.body(statement.body, protected)
        if statement.orelse:
            self.go_on(self.block("TryElse", line, context))
            self.body(statement.orelse, context)
        self.end(Goto(after.id))
        self.current = dispatch
        self.add(assign(handling, _call(self.helpers.handle_star, cst.Name(caught))))
        for handler in statement.handlers:
            self._star_clause(handler, handling, Context(region))
        error = self.names.fresh("error", Meaning("what the `except*` have left", line))
        self.add(assign(error, _method(handling, "end")))
        raising = self.block("Reraise", line, Context(Region(context.region.on_error, context.region.caught, error)))
        raising.terminator = ops.Raise(cst.Raise())
        self.end(Branch(Test(_is_not_none(cst.Name(error))), (raising.id, after.id)))
        self.current = after

    def _star_clause(self, handler: StarHandler, handling: str, context: Context) -> None:
        """One clause: what it handles is what is being handled while it runs; what it raises goes no further."""
        line = handler.place.line
        self.body(handler.prelude, context)
        matched = self.names.fresh("matched", Meaning("what the `except*` handles", line))
        failure = self.names.fresh("failure", Meaning("what the `except*` raises", line))
        self.add(assign(matched, _method(handling, "match", handler.type)))
        rest = self.block("NextClause", line, context)
        failed = self.block("ClauseFailed", line, context)
        inside = Context(Region(failed.id, failure, matched))
        body = self.block(_naming.handler_hint(handler.type), line, inside)
        self.end(Branch(Test(_is_not_none(cst.Name(matched))), (body.id, rest.id)))
        unbinding = unbind(handler.name) if handler.name is not None else []
        self.current = body
        if handler.name is not None:
            self.add(assign(handler.name, cst.Name(matched)))
        self.body(handler.body, inside)
        if self.current.terminator is None:
            self.add(*unbinding)
        self.end(Goto(rest.id))
        self.current = failed
        self.add(*unbinding, cst.Expr(_method(handling, "failed", cst.Name(failure))))
        self.end(Goto(rest.id))
        self.current = rest

    def _bound_by(self, handler: Handler) -> str | None:
        """The name in the clause: the author's, unless its end is ours to write."""
        if handler.name not in self.rebound:
            return handler.name
        return self.names.fresh("error", Meaning(f"the exception `{handler.name}`", handler.place.line))

    def _unbinding_handler(self, handler: Handler, start: Block, after: Block, context: Context) -> None:
        """Rule 8: a handler's name is unbound on every way out, where anything could see that it is not."""
        assert handler.name is not None
        line = handler.place.line
        # An exception that leaves the handler: unbind, and raise it on. What it was raised under is settled by then.
        caught = self.names.fresh("caught", Meaning(_CAUGHT, line))
        cleanup = self.block("Unbind", line, Context(Region(context.region.on_error, context.region.caught, caught)))
        cleanup.statements += [cst.SimpleStatementLine([s]) for s in unbind(handler.name)]
        cleanup.terminator = ops.Raise(cst.Raise())
        region = Region(cleanup.id, caught, context.region.handling)
        inside = Context(region, (*context.exits, UnbindExit(handler.name)))
        body = self.block(start.hint, line, inside)
        start.terminator = Goto(body.id)
        self.current = body
        self.body(handler.body, inside)
        if self.current.terminator is None:
            self.add(*unbind(handler.name))
        self.end(Goto(after.id))

    def _try_finally(self, statement: TryFinally, context: Context) -> None:
        """Rule 6. `completion` says how the body was left; `caught` holds the exception, if one left it."""
        line = statement.place.line
        caught = self.names.fresh("caught", Meaning(_CAUGHT, line))
        completion = self.names.fresh("completion", Meaning("how the `try` of this `finally` was left", line))
        outer = context.region.handling
        handling = Region(context.region.on_error, context.region.caught, caught)
        final = self.block("Finally", line, Context(handling))
        after = self.block("AfterTry", line, context)
        raised = self._raised_block(outer, final, completion, line)
        through = FinallyExit(final.id, completion)
        protected = Context(Region(raised.id, caught, outer), (*context.exits, through))
        self.add(assign(caught, cst.Name(outer or "None")), assign(completion, cst.Name("None")))
        before, record = self.current, self.current.statements[-1]
        start = self.block("Try", line, protected)
        self.go_on(start)
        self.body(statement.body, protected)
        self.end(Goto(final.id))
        if outer is None and not through.kinds:
            before.statements = [s for s in before.statements if s is not record]
        self.current = final
        # In here a jump leaves for good: it drops the record, as in Python.
        self.body(statement.final, Context(handling, context.exits))
        if self.current.terminator is None:
            self._complete(through, caught, outer, after, Context(handling, context.exits))
        self.current = after

    def _raised_block(self, outer: str | None, final: Block, completion: str, line: int) -> Block:
        """Where an exception of the body goes: the `finally` itself, unless an outer one is being handled as well.

        Then `caught` is set in any case, and the record must say that it is this one that is to be raised on.
        """
        if outer is None:
            return final
        raised = self.block("Raised", line, Context(final.region))
        word = cst.Tuple([cst.Element(cst.SimpleString('"raise"')), cst.Element(cst.Name("None"))])
        raised.statements.append(cst.SimpleStatementLine([assign(completion, word)]))
        raised.terminator = Goto(final.id)
        return raised

    def _complete(self, through: FinallyExit, caught: str, outer: str | None, after: Block, context: Context) -> None:
        """The end of a `finally`: go on as the record says."""
        line = after.line
        completion = cst.Name(through.completion)
        is_raised = _is_kind(completion, "raise") if outer else _is_not_none(cst.Name(caught))
        raising = self.block("Reraise", line, context)
        raising.terminator = ops.Raise(cst.Raise())
        self._choose(is_raised, raising)
        for kind in through.kinds:
            leaving = self.block(f"Leave{kind.value.capitalize()}", line, context)
            self._choose(_is_kind(completion, kind.value), leaving)
            self._leave_in(leaving, kind, _second(completion) if kind is Kind.RETURN else None, context)
        self.end(Goto(after.id))

    def _choose(self, test: cst.BaseExpression, then: Block) -> None:
        rest = self.block("Complete", then.line, Context(self.current.region))
        self.end(Branch(Test(test), (then.id, rest.id)))
        self.current = rest


_CAUGHT = "the exception that was caught"


def _call(function: str, *arguments: cst.BaseExpression) -> cst.Call:
    return cst.Call(cst.Name(function), [cst.Arg(ops.as_argument(a)) for a in arguments])


def _method(owner: str, name: str, *arguments: cst.BaseExpression) -> cst.Call:
    method = cst.Attribute(cst.Name(owner), cst.Name(name))
    return cst.Call(method, [cst.Arg(ops.as_argument(a)) for a in arguments])


def _is_always_true(test: cst.BaseExpression) -> bool:
    return (isinstance(test, cst.Name) and test.value == "True") or (
        isinstance(test, cst.Integer) and test.evaluated_value != 0
    )


def _is_not_none(value: cst.BaseExpression) -> cst.Comparison:
    return cst.Comparison(value, [cst.ComparisonTarget(cst.IsNot(), cst.Name("None"))])


def _is_kind(completion: cst.Name, kind: str) -> cst.BaseExpression:
    """`completion is not None and completion[0] == "return"`."""
    first = cst.Subscript(completion, [cst.SubscriptElement(cst.Index(cst.Integer("0")))])
    same = cst.Comparison(first, [cst.ComparisonTarget(cst.Equal(), cst.SimpleString(f'"{kind}"'))])
    return cst.BooleanOperation(_is_not_none(completion), cst.And(), same)


def _second(completion: cst.Name) -> cst.BaseExpression:
    return cst.Subscript(completion, [cst.SubscriptElement(cst.Index(cst.Integer("1")))])


def _stopped(taken: cst.BaseSmallStatement, target: BlockId) -> cst.Try:
    """`try: item = f.resume()`, and away when there are no more."""
    handler = cst.ExceptHandler(
        cst.IndentedBlock([cst.SimpleStatementLine([ops.goto_marker(target)])]), cst.Name("StopAsyncIteration")
    )
    return cst.Try(cst.IndentedBlock([cst.SimpleStatementLine([taken])]), [handler])


def comment_lines(lines: Sequence[str]) -> list[cst.BaseStatement]:
    """Comments as a statement of nothing; the emitter moves them to what follows."""
    leading = [cst.EmptyLine(comment=cst.Comment(line)) for line in lines]
    return [cst.SimpleStatementLine([], leading_lines=leading)]
