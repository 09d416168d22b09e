"""How `break`, `continue` and `return` leave what encloses them: a tuple of exits, the innermost last.

A `finally` is entered with its completion record set (rule 6): None, `("return", value)`, `("break", None)` or
`("continue", None)`. Between a `finally` and the statement that jumps through it lies no loop that the jump could mean,
so a kind is enough to know where it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, assert_never

import libcst as cst

from ..ir.ops import BlockId, Goto, Region, Return, as_argument


class Kind(Enum):
    RETURN = "return"
    BREAK = "break"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class LoopExit:
    break_to: BlockId
    continue_to: BlockId


@dataclass(frozen=True, slots=True)
class FinallyExit:
    """`kinds` collects how the block is left through the `finally`, so that its end knows where to go on."""

    entry: BlockId
    completion: str
    kinds: dict[Kind, None] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class UnbindExit:
    """The end of `except … as name`, where that can be seen (rule 8)."""

    name: str


Exit: TypeAlias = LoopExit | FinallyExit | UnbindExit


ANYWHERE = Region()


@dataclass(frozen=True, slots=True)
class Context:
    """Where a statement stands: its region, and what encloses it."""

    region: Region = ANYWHERE
    exits: tuple[Exit, ...] = ()


@dataclass(frozen=True, slots=True)
class Departure:
    """What a jump does: statements, then a terminator."""

    statements: tuple[cst.BaseSmallStatement, ...]
    terminator: Goto | Return


def depart(kind: Kind, value: cst.BaseExpression | None, context: Context, result: str) -> Departure:
    """Leave by `kind`. `result` is a variable that may hold the value while names are unbound."""
    done: list[cst.BaseSmallStatement] = []
    for position in range(len(context.exits) - 1, -1, -1):
        match context.exits[position]:
            case LoopExit(break_to, continue_to):
                if kind is Kind.BREAK:
                    return Departure(tuple(done), Goto(break_to))
                if kind is Kind.CONTINUE:
                    return Departure(tuple(done), Goto(continue_to))
            case FinallyExit() as through:
                through.kinds[kind] = None
                done.append(assign(through.completion, _record(kind, value)))
                return Departure(tuple(done), Goto(through.entry))
            case UnbindExit(name):
                if value is not None and not _outlives(value, name):
                    done.append(assign(result, value))
                    value = cst.Name(result)
                done += unbind(name)
            case other:
                assert_never(other)
    assert kind is Kind.RETURN, "a jump outside a loop"
    return Departure(tuple(done), Return(value))


def _outlives(value: cst.BaseExpression, name: str) -> bool:
    """Whether a value is the same after a name has been unbound."""
    return isinstance(value, cst.BaseNumber) or (isinstance(value, cst.Name) and value.value != name)


def _record(kind: Kind, value: cst.BaseExpression | None) -> cst.BaseExpression:
    word = cst.SimpleString(f'"{kind.value}"')
    return cst.Tuple([cst.Element(word), cst.Element(as_argument(value or cst.Name("None")))])


def assign(name: str, value: cst.BaseExpression) -> cst.Assign:
    return cst.Assign([cst.AssignTarget(cst.Name(name))], value)


def unbind(name: str) -> list[cst.BaseSmallStatement]:
    """As Python ends an `except … as name`: bound first, in case the handler deleted it."""
    return [assign(name, cst.Name("None")), cst.Del(cst.Name(name))]
