"""A comprehension's own scope, where the comprehension becomes a loop of the function: its variables get new names.

Knows how names are found in an expression (attributes, keywords and what inner scopes bind are none of it); decides nothing else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import libcst as cst

from ._normal import code
from ._scopes import bound_names, loads
from ._visit import children, transform

Comprehension: TypeAlias = cst.ListComp | cst.SetComp | cst.DictComp | cst.GeneratorExp


def targets_of(node: Comprehension) -> list[str]:
    """The comprehension's variables, in the order in which they are bound."""
    found: dict[str, None] = {}
    for clause in clauses_of(node):
        parsed = ast.parse(f"for {code(clause.target)} in (): pass").body[0]
        assert isinstance(parsed, ast.For)
        found.update(dict.fromkeys(bound_names([parsed.target])))
    return list(found)


def clauses_of(node: Comprehension) -> Iterator[cst.CompFor]:
    """Its `for` clauses, from the outermost on."""
    clause: cst.CompFor | None = node.for_in
    while clause is not None:
        yield clause
        clause = clause.inner_for_in


def capturing(node: cst.CSTNode, names: frozenset[str]) -> cst.CSTNode | None:
    """The first lambda or generator expression below that refers to one of these names: it would see them later."""
    if isinstance(node, cst.Lambda | cst.GeneratorExp):
        parsed = ast.parse(f"({code(node)})", mode="eval")
        return node if loads(parsed, names) else None
    return next((found for child in children(node) if (found := capturing(child, names)) is not None), None)


def renamed(node: cst.CSTNode, names: Mapping[str, str]) -> cst.CSTNode:
    """An expression or target with other names in place of these."""
    if not names:
        return node
    changed: cst.CSTNode = transform(node, _Renaming(names))
    return changed


def shown_words(part: cst.FormattedStringExpression) -> str:
    """What a field `{x=}` shows before the value: the source, white space and all."""
    assert part.equal is not None
    return code(part.whitespace_before_expression) + code(part.expression) + code(part.equal)


def without_words(part: cst.FormattedStringExpression) -> cst.FormattedStringExpression:
    """A field `{x=}` without its words: the repr, unless it says more."""
    conversion = part.conversion or ("r" if part.format_spec is None else None)
    return part.with_changes(equal=None, conversion=conversion)


class CannotRename(Exception):
    """A field `{x=}` shows the name of a variable, and its words cannot be written out in its string."""

    def __init__(self, node: cst.CSTNode) -> None:
        super().__init__(code(node))
        self.node = node


class _Renaming(cst.CSTTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self.names = names

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        new = self.names.get(original_node.value)
        return updated_node if new is None else updated_node.with_changes(value=new)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        return updated_node.with_changes(attr=original_node.attr)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        return updated_node.with_changes(keyword=original_node.keyword)

    def leave_FormattedStringExpression(
        self, original_node: cst.FormattedStringExpression, updated_node: cst.FormattedStringExpression
    ) -> cst.FormattedStringExpression | cst.FlattenSentinel[cst.BaseFormattedStringContent]:
        """`{x=}` shows the author's name: its words are written out."""
        if original_node.equal is None or updated_node.expression is original_node.expression:
            return updated_node
        words = shown_words(original_node)
        if set(words) & set("'\"\\\n"):
            raise CannotRename(original_node)
        text = cst.FormattedStringText(words.replace("{", "{{").replace("}", "}}"))
        return cst.FlattenSentinel([text, without_words(updated_node)])

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False  # it refers to none of them, or the comprehension was refused

    def visit_GeneratorExp(self, node: cst.GeneratorExp) -> bool:
        return False

    def visit_ListComp(self, node: cst.ListComp) -> bool:
        return False

    def visit_SetComp(self, node: cst.SetComp) -> bool:
        return False

    def visit_DictComp(self, node: cst.DictComp) -> bool:
        return False

    def leave_ListComp(self, original_node: cst.ListComp, updated_node: cst.ListComp) -> cst.BaseExpression:
        return self._comprehension(original_node)

    def leave_SetComp(self, original_node: cst.SetComp, updated_node: cst.SetComp) -> cst.BaseExpression:
        return self._comprehension(original_node)

    def leave_DictComp(self, original_node: cst.DictComp, updated_node: cst.DictComp) -> cst.BaseExpression:
        return self._comprehension(original_node)

    def _comprehension(self, node: cst.ListComp | cst.SetComp | cst.DictComp) -> cst.BaseExpression:
        """One inside: what it binds itself is its own; only its first iterable is evaluated out here."""
        own = targets_of(node)
        inside = {old: new for old, new in self.names.items() if old not in own}
        changes: dict[str, object] = {"for_in": self._clause(node.for_in, inside, is_first=True)}
        parts = ("key", "value") if isinstance(node, cst.DictComp) else ("elt",)
        changes |= {part: renamed(getattr(node, part), inside) for part in parts}
        return node.with_changes(**changes)

    def _clause(self, node: cst.CompFor, inside: Mapping[str, str], *, is_first: bool) -> cst.CompFor:
        inner = node.inner_for_in
        return node.with_changes(
            target=renamed(node.target, inside),
            iter=renamed(node.iter, self.names if is_first else inside),
            ifs=[each.with_changes(test=renamed(each.test, inside)) for each in node.ifs],
            inner_for_in=None if inner is None else self._clause(inner, inside, is_first=False),
        )


__all__ = [
    "CannotRename",
    "Comprehension",
    "capturing",
    "clauses_of",
    "renamed",
    "shown_words",
    "targets_of",
    "without_words",
]
