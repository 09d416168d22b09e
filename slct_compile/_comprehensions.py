"""A comprehension's own scope, where the comprehension becomes a loop of the function: its variables get new names.

Knows how names are found in an expression (attributes, keywords and what inner scopes bind are none of it); decides nothing else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import libcst as cst

from ._normal import code
from ._scopes import bound_names, free_names, loads
from ._slots import SlotRenamer
from ._visit import children, transform

Comprehension: TypeAlias = cst.ListComp | cst.SetComp | cst.DictComp | cst.GeneratorExp


def targets_of(node: Comprehension) -> list[str]:
    """The comprehension's variables, in the order in which they are bound."""
    found: dict[str, None] = {}
    for clause in clauses_of(node):
        found.update(dict.fromkeys(_bound(clause)))
    return list(found)


def _bound(clause: cst.CompFor) -> Iterator[str]:
    parsed = ast.parse(f"for {code(clause.target)} in (): pass").body[0]
    assert isinstance(parsed, ast.For)
    return bound_names([parsed.target])


def clauses_of(node: Comprehension) -> Iterator[cst.CompFor]:
    """Its `for` clauses, from the outermost on."""
    clause: cst.CompFor | None = node.for_in
    while clause is not None:
        yield clause
        clause = clause.inner_for_in


_AT_ONCE = frozenset({"all", "any", "dict", "frozenset", "list", "max", "min", "set", "sorted", "sum", "tuple"})
"""Functions that are done with what they are given when they return."""


def capturing(node: cst.CSTNode, names: frozenset[str]) -> cst.CSTNode | None:
    """The first lambda or generator expression below that may see one of these names later, when it means something else."""
    match node:
        case cst.Lambda():
            parsed = ast.parse(code(node).strip(), mode="eval").body
            assert isinstance(parsed, ast.Lambda)
            if free_names(parsed, names):
                return node
        case cst.GeneratorExp() if loads(ast.parse(f"({code(node)})", mode="eval"), names):
            return node
        case cst.Call(func=cst.Name(value=function), args=arguments) if function in _AT_ONCE:
            return _first(_insides(a.value for a in arguments), names)
        case _:
            pass
    return _first(children(node), names)


def _first(nodes: Iterable[cst.CSTNode], names: frozenset[str]) -> cst.CSTNode | None:
    return next((found for node in nodes if (found := capturing(node, names)) is not None), None)


def _insides(nodes: Iterable[cst.CSTNode]) -> Iterator[cst.CSTNode]:
    for node in nodes:
        if isinstance(node, cst.Lambda | cst.GeneratorExp):
            yield from children(node)
        else:
            yield node


def read_early(node: Comprehension) -> str | None:
    """A variable that an earlier part may read, unbound then: the next run would find what this one has left there."""
    later = frozenset(targets_of(node))
    for position, clause in enumerate(clauses_of(node)):
        found = _loads(clause.iter, later) if position else set()
        later -= frozenset(_bound(clause))
        for condition in clause.ifs:
            found |= _loads(condition.test, later)
        if found:
            return min(found)
    return None


def _loads(node: cst.CSTNode, names: frozenset[str]) -> set[str]:
    return loads(ast.parse(f"({code(node)})", mode="eval"), names)


def renamed(node: cst.CSTNode, names: Mapping[str, str]) -> cst.CSTNode:
    """An expression or target with other names in place of these."""
    if not names:
        return node
    changed: cst.CSTNode = transform(node, _Renaming(names))
    return changed


class _Renaming(SlotRenamer):
    """The comprehension's own variables to new names, by the scope rules of locals and slots."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__("", names, frozenset())

    def attribute(self, slot: str) -> cst.Name:  # type: ignore[override]  # a plain name stands where a slot would
        return cst.Name(slot)


__all__ = [
    "Comprehension",
    "capturing",
    "clauses_of",
    "read_early",
    "renamed",
    "targets_of",
]
