"""Many surface forms to few: awaits out of expressions, `with` into `try`, `elif` into `else`.

Rule 1 (operands): of operands evaluated in the order c1 … cn, of which L is the last that suspends, everything before L is
evaluated and kept, L is taken apart, and the rest stays where it is. What is kept is a constant, or goes into a temporary.
Since everything before it is kept, the value of the last await is the first thing evaluated in what remains; that is why
it may later stand there as `f.resume()`.

Rule 2 (truth once): what is tested is tested once. Where control flow must come between, the truth is kept as a real
bool (`not not x`), whose own truth nobody can observe.

What is not known here is refused, never passed through.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

from ._comprehensions import Comprehension, capturing, clauses_of, read_early, renamed, targets_of
from ._names import Meaning, Names
from ._naming import label_argument, label_in_comment, operation_hint, operation_label
from ._normal import (
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
    code,
)
from ._slots import shown_words, without_words
from ._suspension import Suspensions
from ._visit import NodeT, children, swap
from .diagnostics import Diagnostic, Place, Unsupported
from .ir.ops import as_argument

Expression = cst.BaseExpression


@dataclass(frozen=True, slots=True)
class Helpers:
    """The names under which the module imports what compiled loops and `with` blocks call."""

    iterate: str = "iterate"
    iterate_async: str = "iterate_async"
    next_async: str = "next_async"
    enter: str = "enter"
    leave: str = "leave"
    enter_async: str = "enter_async"
    leave_async: str = "leave_async"
    handle_star: str = "StarHandling"


class Normalizer:
    """Normalises the body of one durable function."""

    def __init__(
        self,
        suspensions: Suspensions,
        names: Names,
        place_of: Callable[[cst.CSTNode], Place | None],
        helpers: Helpers,
    ) -> None:
        self.suspensions = suspensions
        self.names = names
        self._place_of = place_of
        self.helpers = helpers
        self.out: list[Normal] = []
        self.place = Place("", 0)
        self.label: str | None = None

    def place_of(self, node: cst.CSTNode) -> Place:
        """Where a node stands; for one of ours, where the statement stands that it came from."""
        return self._place_of(node) or self.place

    def refuse_words_over_lines(self, node: cst.FunctionDef) -> None:
        """A field `{x=}` shows its source with all its white space, and what is moved is indented anew.

        Raises:
          Unsupported: such a field goes over several lines.
        """
        for field in _documented(node):
            if "\n" in shown_words(field):
                raise self.unsupported(
                    field.expression, "a self-documenting field over several lines", "write the field on one line"
                )

    # --- statements ------------------------------------------------------------------------------------------------

    def body(self, statements: Iterable[cst.BaseStatement | cst.BaseSmallStatement]) -> Body:
        """Normalise a suite, into a list of its own."""
        outer, self.out = self.out, []
        place, label = self.place, self.label
        for statement in statements:
            self.statement(statement)
        self.out, inner = outer, self.out
        self.place, self.label = place, label
        return tuple(inner)

    def suite(self, suite: cst.BaseSuite) -> Body:
        """The statements of an indented or one-line suite, without the docstring's special role."""
        return self.body(suite.body)

    def statement(self, node: cst.BaseStatement | cst.BaseSmallStatement) -> None:
        self.place = self.place_of(node)
        self.label = _label(node)
        if isinstance(node, cst.SimpleStatementLine):
            self._line(node)
        elif isinstance(node, cst.BaseSmallStatement):
            self._small_alone(node)
        elif not self.suspensions.contains(node):
            self.out.append(Keep(node, self.place))
        else:
            self._comments(node)
            self._compound(node)

    def _line(self, node: cst.SimpleStatementLine) -> None:
        if not self.suspensions.contains(node) and not any(isinstance(s, _JUMPS) for s in node.body):
            self.out.append(Keep(node, self.place))
            return
        self._comments(node)
        for small in node.body:
            self._small_alone(small)

    def _small_alone(self, small: cst.BaseSmallStatement) -> None:
        small = small.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
        if self.suspensions.contains(small):
            self.small(small)
        else:
            self._plain_small(small)

    def _plain_small(self, small: cst.BaseSmallStatement) -> None:
        match small:
            case cst.Return(value=value):
                self.out.append(Return(value, self.place))
            case cst.Break():
                self.out.append(Break(self.place))
            case cst.Continue():
                self.out.append(Continue(self.place))
            case cst.Raise():
                self.out.append(Raise(small, self.place))
            case _:
                self.keep_statement(small)

    def _comments(self, node: cst.CSTNode) -> None:
        lines = [line.comment.value for line in getattr(node, "leading_lines", ()) if line.comment]
        trailing = getattr(node, "trailing_whitespace", None)
        if trailing is not None and trailing.comment is not None:
            lines.append(trailing.comment.value)
        body = getattr(node, "body", None)
        if isinstance(body, cst.IndentedBlock) and body.header.comment is not None:
            lines.append(body.header.comment.value)
        if lines:
            self.out.append(Comment(tuple(lines)))

    def keep_statement(self, small: cst.BaseSmallStatement) -> None:
        self.out.append(Keep(cst.SimpleStatementLine([small]), self.place))

    def assign(self, name: str, value: Expression) -> None:
        """`name = value`, of ours."""
        self.keep_statement(cst.Assign([cst.AssignTarget(cst.Name(name))], _held_together(value)))

    def small(self, small: cst.BaseSmallStatement) -> None:
        """A small statement that suspends."""
        match small:
            case cst.Expr(value=cst.Await(expression=operation)):
                self.wait(operation, None)
            case cst.Expr(value=value):
                residual = self.flatten(value)
                if not self.names.is_temporary(residual):
                    self.keep_statement(cst.Expr(residual))
            case cst.Assign():
                self._assign(small)
            case cst.AnnAssign(value=None):
                self._declared(small)
            case cst.AnnAssign(value=value) if value is not None:
                self._annotated(small, value)
            case cst.AugAssign():
                self._augmented(small)
            case cst.Return(value=value):
                assert value is not None
                self.out.append(Return(self.flatten(value), self.place))
            case cst.Raise():
                self._raise(small)
            case cst.Assert():
                self._assert(small)
            case cst.Del(target=target):
                self._delete(target)
            case _:
                raise self.unsupported(small)

    def _assign(self, small: cst.Assign) -> None:
        """Right side first, then the targets, left to right."""
        value = self.flatten(small.value)
        if not any(self.suspensions.contains(t) for t in small.targets):
            self.keep_statement(small.with_changes(value=value))
            return
        kept = self.keep(value)
        for target in small.targets:
            self._store(target.target, kept)

    def _annotated(self, small: cst.AnnAssign, value: Expression) -> None:
        """The annotation of a local is never evaluated."""
        self._refuse_if_suspends(small.annotation, "an annotation")
        if self.suspensions.contains(small.target):
            self._store(small.target, self.keep(self.flatten(value)))
        else:
            self.keep_statement(small.with_changes(value=self.flatten(value)))

    def _declared(self, small: cst.AnnAssign) -> None:
        """An annotation without a value: the parts of the target are evaluated, and no more."""
        self._refuse_if_suspends(small.annotation, "an annotation")
        match small.target:
            case cst.Attribute(value=value):
                parts = [value]
            case cst.Subscript():
                parts = self._slice_parts(small.target)
            case target:
                raise self.unsupported(target)
        for part in parts:
            self._small_alone(cst.Expr(part))

    def _store(self, target: cst.BaseExpression, value: Expression) -> None:
        """`target = value`. A target's own parts are evaluated before it is stored to: object, then key."""
        if isinstance(target, cst.Tuple | cst.List) and self.suspensions.contains(target):
            self._unpack(target, value)
            return
        residual = self.flatten(target)
        assert isinstance(residual, cst.BaseAssignTargetExpression)
        self.keep_statement(cst.Assign([cst.AssignTarget(residual)], value))

    def _unpack(self, target: cst.Tuple | cst.List, value: Expression) -> None:
        """All of it first, then the stores from left to right; what is nested is unpacked at its turn."""
        what = f"the {{}} item of what is unpacked into `{self.names.shown(target)}`"
        names = [
            cst.Name(self.names.fresh("item", self._meaning(what.format(_ordinal(number)))))
            for number in range(1, len(target.elements) + 1)
        ]
        stars = [isinstance(element, cst.StarredElement) for element in target.elements]
        pattern = [
            cst.StarredElement(name, comma=cst.Comma()) if star else cst.Element(name, comma=cst.Comma())
            for name, star in zip(names, stars, strict=True)
        ]
        self.keep_statement(cst.Assign([cst.AssignTarget(cst.Tuple(pattern))], value))
        for element, name in zip(target.elements, names, strict=True):
            self._store(element.value, name)

    def _augmented(self, small: cst.AugAssign) -> None:
        """Object, key, old value, right side, in-place operator, store."""
        target = self._kept_target(small.target)
        old = self._fresh("old", target)
        self.assign(old, _plain(target))
        value = self.flatten(small.value)
        self.keep_statement(small.with_changes(target=cst.Name(old), value=value))
        self.keep_statement(cst.Assign([cst.AssignTarget(target)], cst.Name(old)))

    def _kept_target(self, target: cst.BaseAssignTargetExpression) -> cst.BaseAssignTargetExpression:
        match target:
            case cst.Name():
                return target
            case cst.Attribute(value=value):
                return target.with_changes(value=self.keep(self.flatten(value)))
            case cst.Subscript():
                parts = self._slice_parts(target)
                kept = [self.keep(self.flatten(p)) for p in parts]
                return swap(target, dict(zip(parts, kept, strict=True)))
            case _:
                raise self.unsupported(target)

    def _raise(self, small: cst.Raise) -> None:
        """The exception, then its cause."""
        assert small.exc is not None
        parts = [small.exc, *([small.cause.item] if small.cause else [])]
        residual = self.operands(parts)
        self.out.append(Raise(swap(small, residual), self.place))

    def _assert(self, small: cst.Assert) -> None:
        """`if __debug__: if not test: raise AssertionError(message)`: nothing under -O, the message only on failure."""
        arguments = [] if small.msg is None else [cst.Arg(small.msg)]
        failure = cst.Raise(cst.Call(cst.Name("AssertionError"), arguments))
        test = cst.UnaryOperation(cst.Not(), parenthesized(small.test))
        inner = cst.If(test, cst.IndentedBlock([cst.SimpleStatementLine([failure])]))
        self.out.append(If(cst.Name("__debug__"), self.body([inner]), (), self.place))

    def _delete(self, target: cst.BaseDelTargetExpression) -> None:
        if isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                assert isinstance(element.value, cst.BaseDelTargetExpression)
                self._delete(element.value)
            return
        residual = self.flatten(target) if self.suspensions.contains(target) else target
        assert isinstance(residual, cst.BaseDelTargetExpression)
        self.keep_statement(cst.Del(residual))

    def _compound(self, node: cst.CSTNode) -> None:
        match node:
            case cst.If():
                self._if(node)
            case cst.While():
                self._while(node)
            case cst.For():
                self._for(node)
            case cst.Match():
                self._match(node)
            case cst.Try():
                self._try(node)
            case cst.With():
                self._with(node)
            case cst.TryStar():
                self._try_star(node)
            case cst.FunctionDef() | cst.ClassDef():
                self._head(node)
            case _:
                raise self.unsupported(node)

    def _if(self, node: cst.If) -> None:
        place = self.place
        test = self.test(node.test)
        self.out.append(If(test, self.suite(node.body), self._orelse(node.orelse), place))

    def _orelse(self, node: cst.If | cst.Else | None) -> Body:
        match node:
            case None:
                return ()
            case cst.Else():
                return self.suite(node.body)
            case cst.If():
                return self.body([node])

    def _while(self, node: cst.While) -> None:
        place = self.place
        outer, self.out = self.out, []
        test = self.test(node.test)
        prelude, self.out = tuple(self.out), outer
        self.out.append(While(prelude, test, self.suite(node.body), self._orelse(node.orelse), place))

    def _for(self, node: cst.For) -> None:
        place = self.place
        iterable = self.flatten(node.iter)
        asynchronous = node.asynchronous is not None
        target, stored = self._loop_target(node.target)
        body, orelse = stored + self.suite(node.body), self._orelse(node.orelse)
        self.out.append(For(target, iterable, body, orelse, asynchronous, place))

    def _loop_target(self, target: cst.BaseAssignTargetExpression) -> tuple[cst.BaseAssignTargetExpression, Body]:
        """What the loop assigns to, and what each turn begins with: where the target suspends, it is stored to there."""
        if not self.suspensions.contains(target):
            return target, ()
        item = cst.Name(self.names.fresh("item", self._meaning(f"what the loop gives to `{self.names.shown(target)}`")))
        return item, self._aside(lambda: self._store(target, item))

    def _aside(self, append: Callable[[], None]) -> Body:
        """What `append` appends, as a body of its own."""
        outer, self.out = self.out, []
        append()
        self.out, inner = outer, self.out
        return tuple(inner)

    def _match(self, node: cst.Match) -> None:
        place = self.place
        subject = self.flatten(node.subject)
        if any(case.guard is not None and self.suspensions.contains(case.guard) for case in node.cases):
            subject = self.keep(subject)
        self._cases(subject, node.cases, place)

    def _cases(self, subject: Expression, nodes: Sequence[cst.MatchCase], place: Place) -> None:
        """A match; one with a guard that suspends ends there, and the cases after it are a match of their own."""
        plain = list(itertools.takewhile(lambda c: c.guard is None or not self.suspensions.contains(c.guard), nodes))
        cases = [Case(_case_head(c), self.suite(c.body), self.place_of(c)) for c in plain]
        if len(plain) == len(nodes):
            self.out.append(Match(subject, tuple(cases), place))
            return
        guarded, *rest = nodes[len(plain) :]
        missed = self.names.fresh("missed", self._meaning("whether the cases before have failed"))
        self.assign(missed, cst.Name("False"))
        cases += self._guarded_case(guarded, missed)
        self.out.append(Match(subject, tuple(cases), place))
        if rest:
            self.out.append(If(cst.Name(missed), self._aside(lambda: self._cases(subject, rest, place)), (), place))

    def _guarded_case(self, node: cst.MatchCase, missed: str) -> list[Case]:
        """A case whose guard suspends: what it captures is bound, then the guard is asked. `missed` says if it was not taken."""
        assert node.guard is not None
        guard, place = node.guard, self.place_of(node)
        is_missed = self._aside(lambda: self.assign(missed, cst.Name("True")))

        def body() -> None:
            test = self.test(guard)
            self.out.append(If(test, self.suite(node.body), is_missed, place))

        taken = Case(_case_head(node.with_changes(guard=None)), self._aside(body), place)
        if _is_irrefutable(node.pattern):
            return [taken]
        return [taken, Case(cst.MatchCase(cst.MatchAs(), cst.IndentedBlock([])), is_missed, place)]

    def _try(self, node: cst.Try) -> None:
        place = self.place
        if node.finalbody is not None:
            inner = self.body([node.with_changes(finalbody=None)]) if node.handlers else self.suite(node.body)
            self.out.append(TryFinally(inner, self.suite(node.finalbody.body), place))
            return
        body = self.suite(node.body)
        handlers = self._handlers(node.handlers)
        self.out.append(TryExcept(body, handlers, self._orelse(node.orelse), place))

    def _handlers(self, nodes: Sequence[cst.ExceptHandler]) -> tuple[Handler, ...]:
        """Types are evaluated in turn, while the exception is handled. From the first that suspends on, inside a handler of all."""
        plain = list(itertools.takewhile(lambda h: h.type is None or not self.suspensions.contains(h.type), nodes))
        handlers = [Handler(h.type, _name_of(h), self.suite(h.body), self.place_of(h)) for h in plain]
        if len(plain) < len(nodes):
            first, *rest = nodes[len(plain) :]
            handlers.append(
                Handler(None, None, self._aside(lambda: self._late_handler(first, rest)), self.place_of(first))
            )
        return tuple(handlers)

    def _late_handler(self, first: cst.ExceptHandler, rest: Sequence[cst.ExceptHandler]) -> None:
        """`except (await kind()) as name`: the kind, and then the exception once more."""
        assert first.type is not None
        place = self.place_of(first)
        kind = self.keep(self.flatten(first.type))
        handler = Handler(kind, _name_of(first), self.suite(first.body), place)
        again = Raise(cst.Raise(), place)
        self.out.append(TryExcept((again,), (handler, *self._handlers(rest)), (), place))

    def _try_star(self, node: cst.TryStar) -> None:
        place = self.place
        if node.finalbody is not None:
            inner = self.body([node.with_changes(finalbody=None)])
            self.out.append(TryFinally(inner, self.suite(node.finalbody.body), place))
            return
        body = self.suite(node.body)
        handlers = tuple(self._star_handler(h) for h in node.handlers)
        self.out.append(TryStar(body, handlers, self._orelse(node.orelse), place))

    def _star_handler(self, node: cst.ExceptStarHandler) -> StarHandler:
        outer, self.out = self.out, []
        kind = self.flatten(node.type)
        self.out, prelude = outer, tuple(self.out)
        return StarHandler(prelude, kind, _name_of(node), self.suite(node.body), self.place_of(node))

    def _head(self, node: cst.FunctionDef | cst.ClassDef) -> None:
        """What of a local function or class is evaluated where it stands: decorators, then defaults or bases."""
        parts = [decorator.decorator for decorator in node.decorators]
        if isinstance(node, cst.FunctionDef):
            parts += _defaults(node.params)
        else:
            parts += [argument.value for argument in (*node.bases, *node.keywords)]
        head = swap(node, self.operands(parts))
        if self.suspensions.contains(head):
            raise self.unsupported(node)
        self.out.append(Keep(head, self.place))

    def _with(self, node: cst.With) -> None:
        """Rule 11, item by item: context, enter, bind; exits in reverse; a truthy exit suppresses."""
        first, *rest = node.items
        inner: cst.BaseSuite = node.body
        if rest:
            inner = cst.IndentedBlock([node.with_changes(items=rest, leading_lines=())])
        self._with_item(first, inner, asynchronous=node.asynchronous is not None)

    def _with_item(self, item: cst.WithItem, inner: cst.BaseSuite, *, asynchronous: bool) -> None:
        place, words = self.place, self.helpers
        entry = self._meaning(f"what `with {self.names.shown(item.item)}` has entered")
        manager = self._fresh("manager", item.item, "what the `with` of {} has entered")
        entered = self.names.fresh("entered", entry)
        unfinished = self.names.fresh(
            "unfinished", self._meaning(f"whether `with {self.names.shown(item.item)}` is left yet")
        )
        self.assign(manager, self.flatten(item.item))
        if asynchronous:
            self.wait(_call(words.enter_async, cst.Name(manager)), entered)
        else:
            self.assign(entered, _call(words.enter, cst.Name(manager)))
        self.assign(unfinished, cst.Name("True"))

        def leave(*arguments: Expression) -> Expression:
            call = _call(words.leave_async if asynchronous else words.leave, cst.Name(manager), *arguments)
            return cst.Await(call) if asynchronous else call

        bound: list[cst.BaseStatement] = []
        if item.asname is not None:
            target = item.asname.name
            assert isinstance(target, cst.BaseAssignTargetExpression)
            bound = [_line(cst.Assign([cst.AssignTarget(target)], cst.Name(entered)))]
        error = self.names.fresh("error", self._meaning("the exception that leaves the `with`"))
        handling: list[cst.BaseStatement] = [
            _line(cst.Assign([cst.AssignTarget(cst.Name(unfinished))], cst.Name("False"))),
            cst.If(
                cst.UnaryOperation(cst.Not(), leave(cst.Name(error))),
                cst.IndentedBlock([_line(cst.Raise())]),
            ),
        ]
        final: list[cst.BaseStatement] = [cst.If(cst.Name(unfinished), cst.IndentedBlock([_line(cst.Expr(leave()))]))]
        body = self.body(bound) + self.suite(inner)
        handler = Handler(cst.Name("BaseException"), error, self.body(handling), place)
        guarded = TryExcept(body, (handler,), (), place)
        self.out.append(TryFinally((guarded,), self.body(final), place))

    def _refuse_if_suspends(self, node: cst.CSTNode | None, what: str, help: str = "") -> None:
        if node is not None and self.suspensions.contains(node):
            raise self.unsupported(node, f"an await in {what}", help or "await it in a statement before this one")

    def unsupported(self, node: cst.CSTNode, finding: str = "", help: str = "") -> Unsupported:
        words = finding or f"an await in {_kind(node)}"
        return Unsupported(
            Diagnostic(
                "SLC101",
                self.place_of(node),
                f"{words} cannot be resumed from a stored frame",
                help or "await in a statement of its own, and use its value here",
            )
        )

    # --- expressions -----------------------------------------------------------------------------------------------

    def wait(self, operation: Expression, target: str | None) -> None:
        """Append the await of an operation. What it is called goes by the author's words, not by what is left of them."""
        self._refuse_label(operation)
        hint = operation_hint(operation)
        flat = self.flatten(operation)
        self.out.append(Await(flat, target, hint, self.place, self.label))
        self.label = None

    def _refuse_label(self, operation: Expression) -> None:
        """A label that can be no name would be ignored, and the state called after something else."""
        label = label_argument(operation)
        if label is not None and operation_label(operation) is None:
            raise Unsupported(
                Diagnostic(
                    "SLC505",
                    self.place_of(label),
                    f"{code(label)} cannot be part of the name of a state",
                    'write the label as a plain string that is an identifier, as in `label="Paid"`',
                )
            )

    def keep(self, value: Expression) -> Expression:
        """Evaluate now, use later: the value itself if nothing can change it, else a temporary."""
        if self.names.is_constant(value):
            return value
        name = self._fresh("value", value)
        self.assign(name, _plain(value))
        return cst.Name(name)

    def _fresh(self, base: str, node: cst.CSTNode, what: str = "the value of {}") -> str:
        """A temporary for what an expression comes to."""
        return self.names.fresh(base, self.names.value_of(node, self.place.line, what))

    def _meaning(self, text: str) -> Meaning:
        return Meaning(text, self.place.line)

    def flatten(self, node: Expression) -> Expression:
        """Append what must run first; give what is left to evaluate."""
        if not self.suspensions.contains(node):
            return node
        match node:
            case cst.Await(expression=operation):
                name = self._fresh("value", node)
                self.wait(operation, name)
                return cst.Name(name, lpar=node.lpar, rpar=node.rpar)
            case cst.BooleanOperation():
                return self._boolean(node)
            case cst.IfExp():
                return self._ternary(node)
            case cst.Comparison():
                return self._comparison(node)
            case cst.UnaryOperation(operator=cst.Not()):
                # As the interpreter does: a value is made of an `and` inside, and that is tested.
                return node.with_changes(expression=parenthesized(self.flatten(node.expression)))
            case cst.Call():
                return self._call(node)
            case cst.FormattedString():
                return self._formatted(node)
            case cst.ConcatenatedString():
                return self.flatten(_added(node))
            case cst.ListComp() | cst.SetComp() | cst.DictComp() | cst.GeneratorExp():
                return self._comprehension(node)
            case cst.Tuple() | cst.List() | cst.Set():
                return self._display(node)
            case cst.Dict():
                return self._dict(node)
            case cst.Attribute(value=value):
                return swap(node, self.operands([value]))
            case cst.Subscript():
                return swap(node, self.operands(self._slice_parts(node)))
            case cst.BinaryOperation(left=left, right=right):
                return swap(node, self.operands([left, right]))
            case cst.UnaryOperation(expression=expression):
                return swap(node, self.operands([expression]))
            case cst.NamedExpr(value=value):
                return swap(node, self.operands([value]))
            case cst.Lambda(params=parameters):
                return swap(node, self.operands(_defaults(parameters)))
            case _:
                raise self.unsupported(node)

    def operands(self, parts: Sequence[Expression]) -> dict[cst.CSTNode, cst.CSTNode]:
        """Rule 1: what each operand becomes."""
        suspending = [i for i, part in enumerate(parts) if self.suspensions.contains(part)]
        last = suspending[-1] if suspending else -1
        residual: dict[cst.CSTNode, cst.CSTNode] = {}
        for position, part in enumerate(parts[: last + 1]):
            flat = self.flatten(part)
            residual[part] = flat if position == last else self.keep(flat)
        return residual

    def _call(self, node: cst.Call) -> Expression:
        """Callee (a method is fetched), positionals and `*it` in order, then keywords and `**m`."""
        positionals = [a for a in node.args if a.keyword is None and a.star != "**"]
        keywords = [a for a in node.args if a.keyword is not None or a.star == "**"]
        return self._unpacked(node, [node.func], [*positionals, *keywords])

    def _display(self, node: cst.Tuple | cst.List | cst.Set) -> Expression:
        return self._unpacked(node, [], node.elements)

    def _dict(self, node: cst.Dict) -> Expression:
        parts: list[cst.CSTNode] = []
        for element in node.elements:
            parts += [element.key, element] if isinstance(element, cst.DictElement) else [element]
        return self._unpacked(node, [], parts)

    def _unpacked(self, node: NodeT, before: Sequence[Expression], parts: Sequence[cst.CSTNode]) -> NodeT:
        """Operands of which some are `*it` or `**m`, consumed at their turn."""
        items: list[tuple[Expression, str]] = [(b, "") for b in before]
        items += [_item(part) for part in parts]
        suspending = [i for i, (value, _) in enumerate(items) if self.suspensions.contains(value)]
        last = suspending[-1] if suspending else -1
        residual: dict[cst.CSTNode, cst.CSTNode] = {}
        for position, (value, star) in enumerate(items[: last + 1]):
            flat = self.flatten(value)
            if position < last:
                flat = self.keep(_consumed(flat, star))
            residual[value] = flat
        return swap(node, residual)

    def _slice_parts(self, node: cst.Subscript) -> list[Expression]:
        parts: list[Expression] = [node.value]
        for element in node.slice:
            match element.slice:
                case cst.Index(value=value, star=star):
                    if star is not None and self.suspensions.contains(node):
                        raise self.unsupported(node)
                    parts.append(value)
                case cst.Slice(lower=lower, upper=upper, step=step):
                    parts += [p for p in (lower, upper, step) if p is not None]
        return parts

    def _formatted(self, node: cst.FormattedString) -> Expression:
        """Each field is formatted before the next is evaluated."""
        return node.with_changes(parts=self._fields(node.parts, node))

    def _fields(
        self, parts: Sequence[cst.BaseFormattedStringContent], whole: cst.FormattedString
    ) -> list[cst.BaseFormattedStringContent]:
        last = max(i for i, p in enumerate(parts) if self.suspensions.contains(p))
        flat: list[cst.BaseFormattedStringContent] = []
        for position, part in enumerate(parts):
            if position > last or not isinstance(part, cst.FormattedStringExpression):
                flat.append(part)
                continue
            *words, field = self._field(part, whole)
            if position < last:
                text = cst.FormattedString([field], start=whole.start, end=whole.end)
                field = cst.FormattedStringExpression(self.keep(text))
            flat += [*words, field]
        return flat

    def _field(
        self, part: cst.FormattedStringExpression, whole: cst.FormattedString
    ) -> list[cst.FormattedStringExpression]:
        """One field: value, conversion, then what its format specification nests. `{…=}` has words before it."""
        words: list[cst.FormattedStringExpression] = []
        if part.equal is not None and self.suspensions.contains(part):
            words, part = self._spelt_out(part)
        value = self.flatten(part.expression)
        if not any(self.suspensions.contains(each) for each in part.format_spec or ()):
            return [*words, part.with_changes(expression=value)]
        assert part.format_spec is not None
        if part.conversion is not None:
            plain = part.with_changes(expression=value, format_spec=None)
            value = cst.FormattedString([plain], start=whole.start, end=whole.end)
        value = self.keep(value)
        specification = whole.with_changes(parts=self._fields(part.format_spec, whole), lpar=(), rpar=())
        nested = [cst.FormattedStringExpression(self.keep(specification))]
        return [*words, part.with_changes(expression=value, conversion=None, format_spec=nested)]

    def _spelt_out(
        self, part: cst.FormattedStringExpression
    ) -> tuple[list[cst.FormattedStringExpression], cst.FormattedStringExpression]:
        """`{await x()=}` as its words, which are the author's, and the field itself: its repr, unless it says more."""
        name = self.names.fresh("words", self._meaning("words of a formatted string"))
        self.assign(name, cst.SimpleString(repr(shown_words(part))))
        return [cst.FormattedStringExpression(cst.Name(name))], without_words(part)

    def _comprehension(self, node: Comprehension) -> Expression:
        """A loop that fills a list, set or dict, if anything but its first iterable suspends: that one is evaluated out here."""
        first = node.for_in
        others = [c for c in node.children if c is not first]
        others += [c for c in first.children if c is not first.iter]
        if first.asynchronous is None and not any(self.suspensions.contains(c) for c in others):
            return swap(node, {first.iter: self.flatten(first.iter)})
        if isinstance(node, cst.GeneratorExp):
            raise self.unsupported(node, help="make a list of it, with [...]; or send the values on a channel")
        own = frozenset(targets_of(node))
        captor = capturing(node, own)
        if captor is not None:
            raise self.unsupported(
                captor,
                "a lambda or generator that sees a variable of a comprehension with an await",
                "give a lambda the value as a default, as in `lambda ..., x=x: ...`; make a list of a generator",
            )
        early = read_early(node)
        if early is not None:
            raise self.unsupported(
                node,
                f"{early!r}, read before its comprehension binds it,",
                "choose another name, or write it as a loop",
            )
        made = {
            name: self.names.fresh(name, Meaning(f"`{name}` of a comprehension", self.place.line, name))
            for name in targets_of(node)
        }
        return self._filled(node, made)

    def _filled(self, node: cst.ListComp | cst.SetComp | cst.DictComp, names: Mapping[str, str]) -> Expression:
        result = self._fresh(_RESULT_NAMES[type(node)], node, "what is there already of {}")
        iterable = self.flatten(node.for_in.iter)
        self.assign(result, _empty(node))
        self._clause(list(clauses_of(node)), iterable, names, lambda: self._fill(node, result, names))
        return cst.Name(result)

    def _clause(
        self,
        clauses: Sequence[cst.CompFor],
        iterable: Expression,
        names: Mapping[str, str],
        innermost: Callable[[], None],
    ) -> None:
        """`for target in iterable if … if …`, and what is inside of it."""
        clause, *rest = clauses
        place = self.place

        def inside() -> None:
            if not rest:
                innermost()
                return
            inner = self.flatten(_expression(renamed(rest[0].iter, names)))
            self._clause(rest, inner, names, innermost)

        target, stored = self._loop_target(_target(renamed(clause.target, names)))
        body = stored + self._aside(lambda: self._conditions(clause.ifs, names, inside))
        self.out.append(For(target, iterable, body, (), clause.asynchronous is not None, place))

    def _conditions(self, ifs: Sequence[cst.CompIf], names: Mapping[str, str], inside: Callable[[], None]) -> None:
        if not ifs:
            inside()
            return
        test = _held_together(self.test(_expression(renamed(ifs[0].test, names))))
        self.out.append(If(test, self._aside(lambda: self._conditions(ifs[1:], names, inside)), (), self.place))

    def _fill(self, node: cst.ListComp | cst.SetComp | cst.DictComp, result: str, names: Mapping[str, str]) -> None:
        if isinstance(node, cst.DictComp):
            key = self._fresh("key", node.key, "the key {}")
            self.assign(key, self.flatten(_expression(renamed(node.key, names))))
            value = self.flatten(_expression(renamed(node.value, names)))
            item = cst.Subscript(cst.Name(result), [cst.SubscriptElement(cst.Index(cst.Name(key)))])
            self.keep_statement(cst.Assign([cst.AssignTarget(item)], _held_together(_plain(value))))
            return
        element = self.flatten(_expression(renamed(node.elt, names)))
        method = cst.Name("append" if isinstance(node, cst.ListComp) else "add")
        filling = cst.Call(cst.Attribute(cst.Name(result), method), [cst.Arg(as_argument(element))])
        self.keep_statement(cst.Expr(filling))

    def _ternary(self, node: cst.IfExp) -> Expression:
        if not self.suspensions.contains(node.body) and not self.suspensions.contains(node.orelse):
            return node.with_changes(test=self.test(node.test))
        test = _held_together(self.test(node.test))
        name = self._fresh("value", node)
        place = self.place
        self.out.append(If(test, self._into(name, node.body), self._into(name, node.orelse), place))
        return cst.Name(name)

    def _into(self, name: str, value: Expression) -> Body:
        """`name = value` as a body of its own."""
        outer, self.out = self.out, []
        self.assign(name, _plain(self.flatten(value)))
        self.out, inner = outer, self.out
        return tuple(inner)

    def _comparison(self, node: cst.Comparison) -> Expression:
        """Middle operands once; a false link ends the chain."""
        operands = [node.left, *(c.comparator for c in node.comparisons)]
        last = max(i for i, o in enumerate(operands) if self.suspensions.contains(o))
        if last <= 1:
            return swap(node, self.operands(operands[:2]))
        left = self.keep(self.flatten(node.left))
        name = self._fresh("value", node)
        self._links(name, left, list(node.comparisons))
        return cst.Name(name)

    def _links(self, name: str, left: Expression, links: list[cst.ComparisonTarget]) -> None:
        link, *rest = links
        right = self.flatten(link.comparator)
        if rest:
            right = self.keep(right)
        self.assign(name, cst.Comparison(left, [link.with_changes(comparator=parenthesized(right))]))
        if rest:
            outer, self.out = self.out, []
            self._links(name, right, rest)
            self.out, inner = outer, self.out
            self.out.append(If(cst.Name(name), tuple(inner), (), self.place))

    def _boolean(self, node: cst.BooleanOperation) -> Expression:
        if not self._branches(node):
            return node.with_changes(left=self.flatten(node.left))
        name = self._fresh("value", node)
        self._boolean_into(node, name, None)
        return cst.Name(name)

    def _branches(self, node: Expression) -> bool:
        """Whether a suspension is reached only on some way through an `and`, an `or` or a ternary."""
        match node:
            case cst.BooleanOperation(left=left, right=right):
                return self.suspensions.contains(right) or self._branches(left)
            case cst.IfExp(body=body, orelse=orelse):
                return self.suspensions.contains(body) or self.suspensions.contains(orelse)
            case _:
                return False

    def _boolean_into(self, node: Expression, value: str | None, truth: str | None) -> None:
        """Leave the value of an expression in `value` and its truth, tested once, in `truth`; either may be unwanted."""
        if isinstance(node, cst.IfExp) and (truth is not None or self._branches(node)):
            self._ternary_into(node, value, truth)
            return
        if not isinstance(node, cst.BooleanOperation):
            self._leaf_into(node, value, truth)
            return
        is_tested_inside = isinstance(node.left, cst.BooleanOperation | cst.IfExp)
        first = truth or (self._fresh("value", node.left, _TRUTH) if is_tested_inside else None)
        self._boolean_into(node.left, value, first)
        test: Expression = cst.Name(first or value or "")
        if isinstance(node.operator, cst.Or):
            test = cst.UnaryOperation(cst.Not(), test)
        outer, self.out = self.out, []
        self._boolean_into(node.right, value, truth)
        self.out, inner = outer, self.out
        self.out.append(If(test, tuple(inner), (), self.place))

    def _leaf_into(self, node: Expression, value: str | None, truth: str | None) -> None:
        if value is None:
            assert truth is not None
            self.assign(truth, _truth(self.test(node)))
            return
        self.assign(value, _plain(self.flatten(node)))
        if truth is not None:
            self.assign(truth, _truth(cst.Name(value)))

    def test(self, node: Expression) -> Expression:
        """As `flatten`, for an expression of which only the truth is wanted (rule 2)."""
        if not self.suspensions.contains(node):
            return node
        match node:
            case cst.UnaryOperation(operator=cst.Not()):
                return node.with_changes(expression=parenthesized(self.test(node.expression)))
            case cst.BooleanOperation() if self._branches(node):
                truth = self._fresh("value", node, _TRUTH)
                self._boolean_into(node, None, truth)
                return cst.Name(truth)
            case cst.BooleanOperation():
                return node.with_changes(left=parenthesized(self.test(node.left)))
            case cst.IfExp() if self.suspensions.contains(node.body) or self.suspensions.contains(node.orelse):
                return self._ternary_test(node)
            case _:
                return self.flatten(node)

    def _ternary_test(self, node: cst.IfExp) -> Expression:
        """A ternary of which only the truth is wanted: it is taken in each branch, not once more after it."""
        truth = self._fresh("value", node, _TRUTH)
        self._ternary_into(node, None, truth)
        return cst.Name(truth)

    def _ternary_into(self, node: cst.IfExp, value: str | None, truth: str | None) -> None:
        """As `_boolean_into`, for a ternary: what is tested in a branch is not tested once more after it."""
        test = _held_together(self.test(node.test))
        place = self.place
        bodies = []
        for branch in (node.body, node.orelse):
            outer, self.out = self.out, []
            self._boolean_into(branch, value, truth)
            self.out, inner = outer, self.out
            bodies.append(tuple(inner))
        self.out.append(If(test, bodies[0], bodies[1], place))


def _documented(node: cst.CSTNode) -> Iterator[cst.FormattedStringExpression]:
    """The fields `{x=}` below a node."""
    if isinstance(node, cst.FormattedStringExpression) and node.equal is not None:
        yield node
    for child in children(node):
        yield from _documented(child)


_TRUTH = "the truth of {}"
_JUMPS = (cst.Return, cst.Break, cst.Continue, cst.Raise)


def _ordinal(number: int) -> str:
    """`2nd`; there are seldom many."""
    return f"{number}{'th' if 10 < number % 100 < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _line(small: cst.BaseSmallStatement) -> cst.SimpleStatementLine:
    return cst.SimpleStatementLine([small])


def _call(function: str, *arguments: Expression) -> cst.Call:
    return cst.Call(cst.Name(function), [cst.Arg(as_argument(a)) for a in arguments])


_RESULT_NAMES: dict[type[cst.CSTNode], str] = {cst.ListComp: "listed", cst.SetComp: "members", cst.DictComp: "mapped"}


def _empty(node: cst.ListComp | cst.SetComp | cst.DictComp) -> Expression:
    match node:
        case cst.ListComp():
            return cst.List([])
        case cst.SetComp():
            return cst.Set([cst.StarredElement(cst.Tuple([]))])  # `set` may be a name of the author's
        case cst.DictComp():
            return cst.Dict([])


def _expression(node: cst.CSTNode) -> Expression:
    assert isinstance(node, cst.BaseExpression)
    return node


def _target(node: cst.CSTNode) -> cst.BaseAssignTargetExpression:
    assert isinstance(node, cst.BaseAssignTargetExpression)
    return node


def _defaults(parameters: cst.Parameters) -> list[Expression]:
    """Default values in the order in which they are evaluated."""
    every = (*parameters.posonly_params, *parameters.params, *parameters.kwonly_params)
    return [each.default for each in every if each.default is not None]


def _name_of(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> str | None:
    if handler.name is None:
        return None
    assert isinstance(handler.name.name, cst.Name)
    return handler.name.name.value


def _case_head(case: cst.MatchCase) -> cst.MatchCase:
    return case.with_changes(body=cst.IndentedBlock([]), leading_lines=())


def _is_irrefutable(pattern: cst.MatchPattern) -> bool:
    """Whether it matches everything: Python allows no case after such a one."""
    match pattern:
        case cst.MatchAs(pattern=inner):
            return inner is None or _is_irrefutable(inner)
        case cst.MatchOr(patterns=patterns):
            return _is_irrefutable(patterns[-1].pattern)
        case _:
            return False


def _item(part: cst.CSTNode) -> tuple[Expression, str]:
    match part:
        case cst.Arg(value=value, star=star):
            return value, star
        case cst.StarredElement(value=value):
            return value, "*"
        case cst.StarredDictElement(value=value):
            return value, "**"
        case cst.Element(value=value) | cst.DictElement(value=value):
            return value, ""
        case cst.BaseExpression():
            return part, ""
        case _:
            raise TypeError(f"not an operand: {type(part).__name__}")


def _consumed(value: Expression, star: str) -> Expression:
    """What is unpacked is unpacked at its turn, into a tuple or dict of ours."""
    match star:
        case "*":
            return cst.Tuple([cst.StarredElement(value, comma=cst.Comma())])
        case "**":
            return cst.Dict([cst.StarredDictElement(value)])
        case _:
            return value


def _truth(value: Expression) -> Expression:
    """A real bool, by one test."""
    if isinstance(value, cst.UnaryOperation) and isinstance(value.operator, cst.Not):
        return value
    return cst.UnaryOperation(cst.Not(), cst.UnaryOperation(cst.Not(), parenthesized(value)))


def _added(node: cst.ConcatenatedString) -> Expression:
    """Adjacent strings as a sum, each part a string of its own."""
    right = node.right
    return cst.BinaryOperation(
        node.left,
        cst.Add(),
        parenthesized(_added(right)) if isinstance(right, cst.ConcatenatedString) else right,
        lpar=[cst.LeftParen()],
        rpar=[cst.RightParen()],
    )


_SIMPLE = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.BaseNumber, cst.List, cst.Dict, cst.Set)


def parenthesized(node: Expression) -> Expression:
    """Safe as an operand of anything."""
    if isinstance(node, _SIMPLE) or node.lpar:
        return _held_together(node)
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _held_together(node: Expression) -> Expression:
    """In brackets of its own, if it was broken over lines inside brackets that it has been taken out of."""
    if node.lpar or "\n" not in code(node):
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _plain(node: cst.CSTNode) -> Expression:
    """A target or operand as the right side of an assignment."""
    assert isinstance(node, cst.BaseExpression)
    return node if isinstance(node, cst.Tuple) else as_argument(node)


def _label(node: cst.CSTNode) -> str | None:
    """The name in `# slct: state=Paid`, above the statement or at its end."""
    comments = [line.comment for line in getattr(node, "leading_lines", ())]
    trailing = getattr(node, "trailing_whitespace", None)
    body = getattr(node, "body", None)
    if trailing is not None:
        comments.append(trailing.comment)
    if isinstance(body, cst.IndentedBlock):
        comments.append(body.header.comment)
    for comment in comments:
        label = label_in_comment(comment.value) if comment is not None else None
        if label:
            return label
    return None


_KINDS: dict[type[cst.CSTNode], str] = {
    cst.ListComp: "a list comprehension",
    cst.SetComp: "a set comprehension",
    cst.DictComp: "a dict comprehension",
    cst.GeneratorExp: "a generator expression",
    cst.FunctionDef: "the head of a local function",
    cst.ClassDef: "the head of a local class",
    cst.Tuple: "the target of an assignment to several names",
    cst.List: "the target of an assignment to several names",
}


def _kind(node: cst.CSTNode) -> str:
    """What a node is, in words; for one not thought of, its class."""
    return _KINDS.get(type(node), f"this construct ({type(node).__name__})")


__all__ = ["Helpers", "Normalizer", "code", "parenthesized", "swap"]
