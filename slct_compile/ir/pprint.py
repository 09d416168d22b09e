"""The graph as text: what `slct-compile --show ir` prints and what the samples compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, assert_never

import libcst as cst

from . import ops
from .ops import Block, BlockId, Branch, Goto, Graph, Region, Suspend

if TYPE_CHECKING:
    from ..lower.states import StateCode

_EMPTY = cst.Module([])


def show_graph(graph: Graph) -> str:
    """All blocks, the entry first."""
    ordered = sorted(graph.blocks.values(), key=lambda b: (b.id != graph.entry, b.id))
    return "".join(show_block(b) for b in ordered)


def show_block(block: Block) -> str:
    assert block.terminator is not None
    label = f" label={block.label}" if block.label else ""
    head = f"{block.id} {block.hint}{label}{show_region(block.region)}:\n"
    body = "".join(_lines(_code(s)) for s in block.statements)
    return head + body + _lines(show_terminator(block.terminator))


def show_region(region: Region) -> str:
    parts = []
    if region.on_error is not None:
        parts.append(f" error→{region.on_error} as {region.caught}")
    if region.handling is not None:
        parts.append(f" handling {region.handling}")
    return "".join(parts)


def _code(node: cst.CSTNode) -> str:
    return _EMPTY.code_for_node(node).strip("\n")


def _lines(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines() if line.strip())


def show_terminator(terminator: ops.Terminator) -> str:
    match terminator:
        case Goto(target):
            return f"goto {target}"
        case Branch(on, targets):
            return _branch(on, targets)
        case Suspend(operation, then):
            return f"suspend {_code(operation)} then {then}"
        case ops.Return(value):
            return f"return {_code(value)}" if value is not None else "return"
        case ops.Raise(statement):
            return _code(statement)
        case _:
            assert_never(terminator)


def _branch(on: ops.Choice, targets: tuple[BlockId, ...]) -> str:
    match on:
        case ops.Test(expression):
            return f"if {_code(expression)} goto {targets[0]} else {targets[1]}"
        case ops.Advance(target, cursor):
            return f"next {_code(target)} in {cursor} goto {targets[0]} else {targets[1]}"
        case ops.MatchCases(subject, cases):
            shown = "".join(f"\n  case {_case(c)} goto {t}" for c, t in zip(cases, targets, strict=False))
            return f"match {_code(subject)}{shown}\n  else {targets[-1]}"
        case ops.Handlers(clauses):
            shown = "".join(f"\n  except{_clause(c)} goto {t}" for c, t in zip(clauses, targets, strict=True))
            return f"handle{shown}\n  else raise"
        case _:
            assert_never(on)


def _case(case: cst.MatchCase) -> str:
    return _code(case.pattern) + (f" if {_code(case.guard)}" if case.guard else "")


def _clause(clause: ops.Clause) -> str:
    kind = f" {_code(clause.type)}" if clause.type is not None else ""
    return kind + (f" as {clause.name}" if clause.name else "")


def show_states(states: Sequence[StateCode], live: Mapping[BlockId, frozenset[str]]) -> str:
    """The states with what lives into them."""
    shown = []
    for state in states:
        names = ", ".join(sorted(live[state.block.id]))
        head = f"state {state.block.id} {state.block.hint}{show_region(state.region)} live({names}):\n"
        shown.append(head + _lines(ops.text_of(state.code)))
    return "".join(shown)
