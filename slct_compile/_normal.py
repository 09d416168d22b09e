"""The normal form of a function body: few statements, in which a suspension stands only as `target = await operation`.

`Keep` holds the author's own statement, which cannot suspend. Everything else is what the graph must know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

import libcst as cst

from .diagnostics import Place


@dataclass(frozen=True, slots=True)
class Keep:
    node: cst.BaseStatement
    place: Place


@dataclass(frozen=True, slots=True)
class Comment:
    """The author's comment lines above a statement that was taken apart."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Await:
    """`target = await operation`. `hint` is what the state after it is called, `label` what the author calls it."""

    operation: cst.BaseExpression
    target: str | None
    hint: str
    place: Place
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Return:
    value: cst.BaseExpression | None
    place: Place


@dataclass(frozen=True, slots=True)
class Break:
    place: Place


@dataclass(frozen=True, slots=True)
class Continue:
    place: Place


@dataclass(frozen=True, slots=True)
class Raise:
    node: cst.Raise
    place: Place


@dataclass(frozen=True, slots=True)
class If:
    test: cst.BaseExpression
    body: Body
    orelse: Body
    place: Place


@dataclass(frozen=True, slots=True)
class While:
    """`prelude` is what the test suspends on; it runs before every test."""

    prelude: Body
    test: cst.BaseExpression
    body: Body
    orelse: Body
    place: Place


@dataclass(frozen=True, slots=True)
class For:
    """`for target in iterable`; `asynchronous`: each item is awaited."""

    target: cst.BaseAssignTargetExpression
    iterable: cst.BaseExpression
    body: Body
    orelse: Body
    asynchronous: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Case:
    """A case of a match: the author's head, and a body of ours."""

    head: cst.MatchCase
    body: Body
    place: Place


@dataclass(frozen=True, slots=True)
class Match:
    subject: cst.BaseExpression
    cases: tuple[Case, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Handler:
    type: cst.BaseExpression | None
    name: str | None
    body: Body
    place: Place


@dataclass(frozen=True, slots=True)
class TryExcept:
    body: Body
    handlers: tuple[Handler, ...]
    orelse: Body
    place: Place


@dataclass(frozen=True, slots=True)
class StarHandler:
    """A clause of `except*`. `prelude` is what its type suspends on; it runs when the clause's turn has come."""

    prelude: Body
    type: cst.BaseExpression
    name: str | None
    body: Body
    place: Place


@dataclass(frozen=True, slots=True)
class TryStar:
    body: Body
    handlers: tuple[StarHandler, ...]
    orelse: Body
    place: Place


@dataclass(frozen=True, slots=True)
class TryFinally:
    body: Body
    final: Body
    place: Place


Normal: TypeAlias = (
    Keep
    | Comment
    | Await
    | Return
    | Break
    | Continue
    | Raise
    | If
    | While
    | For
    | Match
    | TryExcept
    | TryStar
    | TryFinally
)
Body: TypeAlias = tuple[Normal, ...]

_BLANK = cst.Module([])


def code(node: cst.CSTNode) -> str:
    """The text of a node."""
    return _BLANK.code_for_node(node)


def show(body: Body, indent: str = "") -> str:
    """The normal form as Python, with the prelude of a `while` test in a comment-like block of its own."""
    return "".join(_show(statement, indent) for statement in body) or f"{indent}pass\n"


def _show(statement: Normal, indent: str) -> str:
    deeper = indent + "    "
    match statement:
        case Keep(node):
            text = code(node).strip("\n")
            return "".join(f"{indent}{line}\n" for line in text.splitlines())
        case Comment(lines):
            return "".join(f"{indent}{line}\n" for line in lines)
        case Await(operation, target):
            return f"{indent}{target + ' = ' if target else ''}await {code(operation)}\n"
        case Return(value):
            return f"{indent}return{' ' + code(value) if value else ''}\n"
        case Break():
            return f"{indent}break\n"
        case Continue():
            return f"{indent}continue\n"
        case Raise(node):
            return f"{indent}{code(node)}\n"
        case If(test, body, orelse):
            tail = f"{indent}else:\n{show(orelse, deeper)}" if orelse else ""
            return f"{indent}if {code(test)}:\n{show(body, deeper)}{tail}"
        case While(prelude, test, body, orelse):
            head = f"{indent}before each test:\n{show(prelude, deeper)}" if prelude else ""
            tail = f"{indent}else:\n{show(orelse, deeper)}" if orelse else ""
            return f"{head}{indent}while {code(test)}:\n{show(body, deeper)}{tail}"
        case For(target, iterable, body, orelse, asynchronous):
            tail = f"{indent}else:\n{show(orelse, deeper)}" if orelse else ""
            word = "async for" if asynchronous else "for"
            return f"{indent}{word} {code(target)} in {code(iterable)}:\n{show(body, deeper)}{tail}"
        case Match(subject, cases):
            shown = "".join(f"{deeper}{_head(c.head)}\n{show(c.body, deeper + '    ')}" for c in cases)
            return f"{indent}match {code(subject)}:\n{shown}"
        case TryExcept(body, handlers, orelse):
            shown = "".join(f"{indent}{_clause(h)}:\n{show(h.body, deeper)}" for h in handlers)
            tail = f"{indent}else:\n{show(orelse, deeper)}" if orelse else ""
            return f"{indent}try:\n{show(body, deeper)}{shown}{tail}"
        case TryStar(body, star_handlers, orelse):
            shown = "".join(_show_star(h, indent) for h in star_handlers)
            tail = f"{indent}else:\n{show(orelse, deeper)}" if orelse else ""
            return f"{indent}try:\n{show(body, deeper)}{shown}{tail}"
        case TryFinally(body, final):
            return f"{indent}try:\n{show(body, deeper)}{indent}finally:\n{show(final, deeper)}"
        case _:
            assert_never(statement)


def _show_star(handler: StarHandler, indent: str) -> str:
    deeper = indent + "    "
    prelude = f"{indent}before the next type:\n{show(handler.prelude, deeper)}" if handler.prelude else ""
    name = " as " + handler.name if handler.name else ""
    return f"{prelude}{indent}except* {code(handler.type)}{name}:\n{show(handler.body, deeper)}"


def _head(case: cst.MatchCase) -> str:
    guard = f" if {code(case.guard)}" if case.guard else ""
    return f"case {code(case.pattern)}{guard}:"


def _clause(handler: Handler) -> str:
    kind = f" {code(handler.type)}" if handler.type else ""
    return f"except{kind}{' as ' + handler.name if handler.name else ''}"
