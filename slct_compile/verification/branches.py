"""Which suites an `if` or a `match` may lead into: what a select came to decides some of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from .code import Code, is_resume, names_in
from .drafts import Draft
from .expressions import forget, look, value_of
from .model import SelectedValue

Branch: TypeAlias = tuple[Sequence[ast.stmt], Draft]
"""A suite, and what is known where it begins."""


def branches_of_if(code: Code, node: ast.If, draft: Draft) -> Iterator[Branch]:
    truth = _truth(draft, node.test)
    if truth is None:
        look(code, draft, node.test)
    if truth is not False:
        yield node.body, draft.copy()
    if truth is not True:
        yield node.orelse, draft.copy()


def _truth(draft: Draft, test: ast.expr) -> bool | None:
    match test:
        case ast.Constant(value):
            return bool(value)
        case ast.Compare(ast.Attribute(ast.Name(name), "case"), [ast.Eq()], [ast.Constant(int(case) | str(case))]):
            found = draft.variables.get(name)
            return found.case == case if isinstance(found, SelectedValue) else None
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
