"""Where a state leads, and what it starts: read off its code, for pictures and for the manifest.

A way is labelled with what decides that it is taken: a case of the select, a condition, an item of a loop. Errors lead to the state's own
`on_error`, and are no ways.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import libcst as cst

from ._index import dotted_name
from ._print import text_of_node
from ._walk import walk
from .ir import ops
from .ir.ops import BlockId
from .lower.states import StateCode

Statement: TypeAlias = cst.BaseStatement | cst.BaseSmallStatement
LABEL_CHARACTERS_MAX = 60


@dataclass(frozen=True, slots=True)
class Way:
    """`target` None: the function ends. `label` None: nothing decides, it is the only way or the rest."""

    target: BlockId | None
    label: str | None


def ways(state: StateCode) -> list[Way]:
    """All of a state, in the order of its code, each once."""
    return list(dict.fromkeys(_ways(state.code, None)))


def started(state: StateCode) -> list[str]:
    """The durable functions whose frames it gives to `go`, as written."""
    tree = ast.parse(ops.text_of(state.code))
    return [
        ast.unparse(node.args[0].func)
        for node in walk(tree)
        if isinstance(node, ast.Call)
        and dotted_name(node.func).rpartition(".")[2] in ("go", "create_task")
        and node.args
        and isinstance(node.args[0], ast.Call)
    ]


def _ways(statements: Sequence[Statement], label: str | None) -> Iterator[Way]:
    for statement in statements:
        yield from _of_statement(statement, label)
        if isinstance(statement, cst.If) and statement.orelse is None and _always_leaves(statement.body.body):
            label = label or "else"


def _of_statement(statement: Statement, label: str | None) -> Iterator[Way]:
    match statement:
        case cst.SimpleStatementLine(body=parts) | cst.SimpleStatementSuite(body=parts):
            for part in parts:
                yield from _of_small(part, label)
        case cst.If():
            yield from _of_if(statement, label)
        case cst.Match(cases=cases):
            for case in cases:
                yield from _ways(case.body.body, _case_label(case))
        case cst.For(target=target, body=body, orelse=orelse):
            yield from _ways(body.body, f"for {_short(target)}")
            yield from _of_else(orelse, label)
        case cst.While(test=test, body=body, orelse=orelse):
            yield from _ways(body.body, _short(test))
            yield from _of_else(orelse, label)
        case cst.Try() | cst.TryStar():
            yield from _of_try(statement, label)
        case cst.With(body=body):
            yield from _ways(body.body, label)
        case _:
            pass


def _of_small(part: cst.BaseSmallStatement, label: str | None) -> Iterator[Way]:
    for name in (ops.GOTO_MARKER, ops.SUSPEND_MARKER):
        target = ops.marker_target(part, name)
        if target is not None:
            yield Way(target, label)
    if isinstance(part, cst.Return):
        yield Way(None, label)


def _of_if(statement: cst.If, label: str | None) -> Iterator[Way]:
    yield from _ways(statement.body.body, _short(statement.test))
    match statement.orelse:
        case cst.If() as otherwise:
            yield from _of_if(otherwise, label)
        case cst.Else(body=body):
            yield from _ways(body.body, label or "else")
        case None:
            pass


def _of_try(statement: cst.Try | cst.TryStar, label: str | None) -> Iterator[Way]:
    yield from _ways(statement.body.body, label)
    for handler in statement.handlers:
        yield from _ways(handler.body.body, "except" if handler.type is None else f"except {_short(handler.type)}")
    yield from _of_else(statement.orelse, label)
    if statement.finalbody is not None:
        yield from _ways(statement.finalbody.body.body, label)


def _of_else(orelse: cst.Else | None, label: str | None) -> Iterator[Way]:
    if orelse is not None:
        yield from _ways(orelse.body.body, label)


def _always_leaves(statements: Sequence[Statement]) -> bool:
    if not statements:
        return False
    last = statements[-1]
    if not isinstance(last, cst.SimpleStatementLine):
        return False
    part = last.body[-1]
    is_marker = any(ops.marker_target(part, name) is not None for name in (ops.GOTO_MARKER, ops.SUSPEND_MARKER))
    return is_marker or isinstance(part, cst.Return | cst.Raise)


def _case_label(case: cst.MatchCase) -> str:
    """Of `case ("payment", amount)` the name of the select's case; else the pattern."""
    pattern = case.pattern
    if isinstance(pattern, cst.MatchTuple | cst.MatchList) and pattern.patterns:
        first = pattern.patterns[0]
        if isinstance(first, cst.MatchSequenceElement) and isinstance(first.value, cst.MatchValue):
            value = first.value.value
            if isinstance(value, cst.SimpleString) and isinstance(name := value.evaluated_value, str):
                return name if case.guard is None else f"{name} if {_short(case.guard)}"
    return _short(pattern)


def _short(node: cst.CSTNode) -> str:
    text = " ".join(text_of_node(node).split())
    return text if len(text) <= LABEL_CHARACTERS_MAX else text[: LABEL_CHARACTERS_MAX - 1] + "…"
