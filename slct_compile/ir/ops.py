"""The graph of one durable function: blocks that end in exactly one of Goto, Branch, Suspend, Return, Raise.

Only suspending constructs become operations. A statement without a suspension stands in a block as the author's own
libcst node. Where such a node leaves its block (a `break` in an untouched `if`), that jump is a marker statement
`__goto__(7)`; it is plain syntax, so every later pass can print and parse what it works on.

Names are the author's and temporaries', not yet slots. A block belongs to one region: what happens to an exception that
leaves it, and what is being handled while it runs (compiler.md, rules 5 and 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never, cast

import libcst as cst

from .._print import text_of_node
from .._visit import look

BlockId: TypeAlias = int

GOTO_MARKER = "__goto__"
SUSPEND_MARKER = "__suspend__"
RESUME_MARKER = "__resume__"
MARKERS = frozenset({GOTO_MARKER, SUSPEND_MARKER, RESUME_MARKER})


@dataclass(frozen=True, slots=True)
class Region:
    """Where an exception goes that leaves a block, and the variable of the exception being handled in it."""

    on_error: BlockId | None = None
    caught: str | None = None
    handling: str | None = None


@dataclass(frozen=True, slots=True)
class Goto:
    target: BlockId


@dataclass(frozen=True, slots=True)
class Test:
    """`if expression`: targets are the true one and the other."""

    expression: cst.BaseExpression


@dataclass(frozen=True, slots=True)
class Advance:
    """`for target in cursor`: targets are the one with an item and the one when there are no more."""

    target: cst.BaseAssignTargetExpression
    cursor: str


@dataclass(frozen=True, slots=True)
class MatchCases:
    """`match subject`: a target per case, and the one when none fits."""

    subject: cst.BaseExpression
    cases: tuple[cst.MatchCase, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """`except type as name`; a bare `except` has no type."""

    type: cst.BaseExpression | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Handlers:
    """Which clause takes the exception being handled: a target per clause; none fits: it is raised on."""

    clauses: tuple[Clause, ...]


Choice: TypeAlias = Test | Advance | MatchCases | Handlers


@dataclass(frozen=True, slots=True)
class Branch:
    on: Choice
    targets: tuple[BlockId, ...]


@dataclass(frozen=True, slots=True)
class Suspend:
    """Wait for `operation`, then go on with `then`, which begins by taking the outcome."""

    operation: cst.BaseExpression
    then: BlockId


@dataclass(frozen=True, slots=True)
class Return:
    value: cst.BaseExpression | None = None


@dataclass(frozen=True, slots=True)
class Raise:
    """The author's `raise`, or a bare one of ours that raises on what is being handled."""

    statement: cst.Raise


Terminator: TypeAlias = Goto | Branch | Suspend | Return | Raise


@dataclass(slots=True)
class Block:
    """Straight-line statements and one terminator.

    hint: what a state that begins here is called after (`While`, `RecvOrders`).
    column: where the statement begins, with `line`; only for one that resumes.
    label: the name that the author gave it, which wins.
    resumes: whether it begins by taking the outcome of a suspension.
    """

    id: BlockId
    hint: str
    line: int
    region: Region
    resumes: bool = False
    column: int = 0
    label: str | None = None
    statements: list[cst.BaseStatement] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    terminator: Terminator | None = None


@dataclass(slots=True)
class Graph:
    """All blocks of one function, by id; the entry first. `dropped`: operations of suspensions that nothing leads to."""

    entry: BlockId
    blocks: dict[BlockId, Block]
    dropped: tuple[cst.BaseExpression, ...] = ()


def successors(terminator: Terminator) -> tuple[BlockId, ...]:
    """Where a block goes by its terminator; not the jumps inside its statements, nor errors."""
    match terminator:
        case Goto(target):
            return (target,)
        case Branch(_, targets):
            return targets
        case Suspend(_, then):
            return (then,)
        case Return() | Raise():
            return ()
        case _:
            assert_never(terminator)


def as_argument(value: cst.BaseExpression) -> cst.BaseExpression:
    """An expression where a comma or a `:=` of its own would mean something else."""
    if not value.lpar and isinstance(value, cst.Tuple | cst.NamedExpr | cst.GeneratorExp | cst.Yield):
        return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return value


def as_module(statements: Iterable[cst.BaseStatement]) -> cst.Module:
    """Statements as a module, to be printed or visited as one."""
    return cst.Module(cast("list[cst.SimpleStatementLine | cst.BaseCompoundStatement]", list(statements)))


def text_of(statements: Iterable[cst.BaseStatement]) -> str:
    """Statements as text."""
    return "".join(map(text_of_node, statements))


def marker(name: str, *arguments: cst.BaseExpression) -> cst.Expr:
    """A marker statement such as `__goto__(7)`."""
    return cst.Expr(cst.Call(cst.Name(name), [cst.Arg(a) for a in arguments]))


def goto_marker(target: BlockId) -> cst.Expr:
    return marker(GOTO_MARKER, cst.Integer(str(target)))


def marker_arguments(node: cst.CSTNode, name: str) -> tuple[cst.BaseExpression, ...] | None:
    """The arguments of a marker call of this name, or None if the node is something else."""
    match node:
        case cst.Expr(value=cst.Call(func=cst.Name(value=found), args=arguments)) if found == name:
            return tuple(a.value for a in arguments)
        case _:
            return None


def marker_target(node: cst.CSTNode, name: str = GOTO_MARKER) -> BlockId | None:
    """The block that a marker leads to."""
    arguments = marker_arguments(node, name)
    if not arguments:
        return None
    assert isinstance(arguments[0], cst.Integer)
    return int(arguments[0].value)


class _Jumps(cst.CSTVisitor):
    def __init__(self) -> None:
        self.found: list[BlockId] = []

    def visit_Expr(self, node: cst.Expr) -> bool:
        target = marker_target(node)
        if target is not None:
            self.found.append(target)
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False


def may_jump(statement: cst.BaseStatement) -> bool:
    """Whether a marker may stand inside. In a plain line it may not: a jump of its own ends the block."""
    return not isinstance(statement, cst.SimpleStatementLine)


def jumps_inside(block: Block) -> Iterator[BlockId]:
    """The jumps out of a block from inside its statements."""
    visitor = _Jumps()
    for statement in filter(may_jump, block.statements):
        look(statement, visitor)
    yield from visitor.found


def leads_to(block: Block) -> list[BlockId]:
    """Everything that may follow a block, errors included."""
    assert block.terminator is not None
    found = [*successors(block.terminator), *jumps_inside(block)]
    if block.region.on_error is not None:
        found.append(block.region.on_error)
    return found
