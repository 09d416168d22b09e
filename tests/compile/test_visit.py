"""Our visiting does what libcst's does: for every transformer-like change, the same text; and no copies."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest

import slct_compile
from slct_compile._visit import children, look, swap, transform

TEXTS = [p.read_text(encoding="utf-8") for p in sorted(Path(slct_compile.__file__).parent.glob("_[n-s]*.py"))]


class _Renamer(cst.CSTTransformer):
    """Uses every kind of hook."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes = 0
        self.seen: list[str] = []

    def visit_Attribute_attr(self, node: cst.Attribute) -> None:
        self.attributes += 1

    def leave_Attribute_attr(self, node: cst.Attribute) -> None:
        self.attributes -= 1

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        self.seen.append(original_node.value)
        if self.attributes or original_node.value in ("None", "True", "False"):
            return updated_node
        return cst.Name(f"{updated_node.value}_")

    def leave_Pass(self, original_node: cst.Pass, updated_node: cst.Pass) -> cst.RemovalSentinel:
        return cst.RemovalSentinel.REMOVE

    def leave_Return(
        self, original_node: cst.Return, updated_node: cst.Return
    ) -> cst.FlattenSentinel[cst.BaseSmallStatement]:
        return cst.FlattenSentinel([cst.Expr(cst.Name("returning")), updated_node])

    def leave_Annotation(self, original_node: cst.Annotation, updated_node: cst.Annotation) -> cst.Annotation:
        return updated_node.with_changes(annotation=cst.Name("T"))


class _Names(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def visit_Name(self, node: cst.Name) -> None:
        self.found.append(node.value)

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False


@pytest.mark.parametrize("text", TEXTS)
def test_transforming_gives_what_libcst_gives(text: str) -> None:
    tree = cst.parse_module(text)
    ours, theirs = _Renamer(), _Renamer()
    assert transform(tree, ours).code == tree.visit(theirs).code != text
    assert sorted(ours.seen) == sorted(theirs.seen)


@pytest.mark.parametrize("text", TEXTS)
def test_looking_sees_what_libcst_sees(text: str) -> None:
    tree = cst.parse_module(text)
    ours, theirs = _Names(), _Names()
    look(tree, ours)
    tree.visit(theirs)
    assert sorted(ours.found) == sorted(theirs.found) != []


def test_what_is_not_changed_is_not_copied() -> None:
    tree = cst.parse_module("def f():\n    a = 1\n    return a\n\n\nx = 2  # two\n")
    changed = transform(tree, _Renamer())
    assert changed is not tree
    assert transform(tree, cst.CSTTransformer()) is tree
    assert swap(tree, {}) is tree
    assert swap(tree, {tree.body[0]: tree.body[0]}) is tree


def test_swapping_replaces_the_very_node_and_keeps_the_rest() -> None:
    tree = cst.parse_module("a + a\n")
    sum_of = tree.body[0].body[0].value
    swapped = swap(tree, {sum_of.right: cst.Name("b")})
    assert swapped.code == "a + b\n"


def test_children_are_nodes_without_trivia() -> None:
    call = cst.parse_expression("f( a, # why\n *b)")
    assert [type(c).__name__ for c in children(call)] == ["Name", "Arg", "Arg"]
