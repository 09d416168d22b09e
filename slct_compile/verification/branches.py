"""Which suites an `if` or a `match` may lead into: what a select came to decides some of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from .code import Code, is_resume, names_in
from .drafts import Closed, Draft
from .expressions import forget, look, value_of
from .model import ChannelValue, ConstantValue, HandleValue, SelectedValue, SequenceValue, Value
from .sequences import number_of

Branch: TypeAlias = tuple[Sequence[ast.stmt], Draft]
"""A suite, and what is known where it begins."""


def branches_of_if(code: Code, node: ast.If, draft: Draft) -> Iterator[Branch]:
    truth = _truth(code, draft, node.test)
    if truth is None:
        look(code, draft, node.test)
    if truth is not False:
        yield node.body, draft.copy()
    if truth is not True:
        yield node.orelse, draft.copy()


def _truth(code: Code, draft: Draft, test: ast.expr) -> bool | None:
    """None: that depends on data."""
    match test:
        case ast.UnaryOp(ast.Not(), inner):
            truth = _truth(code, draft, inner)
            return None if truth is None else not truth
        case ast.Compare(one, [ast.Is() | ast.IsNot() as operator], [ast.Constant(None)]):
            found = _tested(code, draft, one)
            return None if found is None else (found == ConstantValue(None)) is isinstance(operator, ast.Is)
        case ast.Compare(ast.Attribute(ast.Name(name), "case"), [ast.Eq()], [ast.Constant(int(case) | str(case))]):
            selected = draft.variables.get(name)
            return selected.case == case if isinstance(selected, SelectedValue) else None
        case ast.Compare(one, [operator], [other]):
            left, right = number_of(code, draft, one), number_of(code, draft, other)
            return None if left is None or right is None else _compared(left, operator, right)
        case ast.Constant(value):
            return bool(value)
        case _:
            return _truth_of(_tested(code, draft, test))


def _tested(code: Code, draft: Draft, node: ast.expr) -> Value | None:
    found = draft.outcome if is_resume(node) else value_of(code, draft, node)
    return None if isinstance(found, Closed) else found


def _truth_of(value: Value | None) -> bool | None:
    match value:
        case ConstantValue(number):
            return bool(number)
        case ChannelValue() | HandleValue():
            return True
        case SequenceValue(items):
            return bool(items)
        case _:
            return None


def _compared(left: int, operator: ast.cmpop, right: int) -> bool | None:
    match operator:
        case ast.Eq():
            return left == right
        case ast.NotEq():
            return left != right
        case ast.Lt():
            return left < right
        case ast.LtE():
            return left <= right
        case ast.Gt():
            return left > right
        case ast.GtE():
            return left >= right
        case _:
            return None


def branches_of_match(code: Code, node: ast.Match, draft: Draft) -> Iterator[Branch]:
    """The cases that the outcome of a select may take, the others left out."""
    subject = draft.outcome if is_resume(node.subject) else value_of(code, draft, node.subject)
    if not isinstance(subject, SelectedValue):
        look(code, draft, node.subject)
    for case in node.cases:
        fits = _fits(case.pattern, subject)
        if fits is False:
            continue
        way = draft.copy()
        forget(way, names_in(case.pattern))
        look(code, way, case.guard)
        yield case.body, way
        if fits and case.guard is None:
            return
    yield [], draft.copy()


def _fits(pattern: ast.pattern, subject: object) -> bool | None:
    """Whether what a select came to fits a pattern; None: that depends on data."""
    match pattern:
        case ast.MatchAs(None, _):
            return True
        case ast.MatchSequence([ast.MatchValue(ast.Constant(first)), rest]) if isinstance(subject, SelectedValue):
            if first != subject.case:
                return False
            return True if isinstance(rest, ast.MatchAs) and rest.pattern is None else None
        case _:
            return None
