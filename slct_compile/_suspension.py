"""One question, asked everywhere and answered once per node: may this node suspend?

There is one kind of statement that cannot, and of which the answer is yes, so that it becomes states: a `try` in whose `finally` a
jump may be overridden in turn. While it runs, another jump may wait for its end; in a plain method there is one place for both, the
instruction that the method returns.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from ._visit import children


class Suspensions:
    """Remembers for every node of a function whether a suspension stands in it, inner functions' bodies excepted."""

    def __init__(self) -> None:
        # The node is kept beside the answer, so that its id stays its own.
        self._known: dict[int, tuple[cst.CSTNode, bool]] = {}

    def contains(self, node: cst.CSTNode) -> bool:
        """Whether evaluating this node in its own scope may suspend."""
        known = self._known.get(id(node))
        if known is None:
            known = (node, self._ask(node))
            self._known[id(node)] = known
        return known[1]

    def _ask(self, node: cst.CSTNode) -> bool:
        kind = type(node)
        if kind is cst.Await:
            return True
        if kind in _TRIES and _overrides_twice(node):
            return True
        if kind in _MAYBE_ASYNCHRONOUS and node.asynchronous is not None:  # type: ignore[attr-defined]  # its kind has it
            return True
        heads = _HEADS.get(kind)
        if heads is None:
            return any(map(self.contains, children(node)))
        return any(self.contains(head) for field in heads for head in _nodes(getattr(node, field)))


_TRIES = frozenset({cst.Try, cst.TryStar})
_JUMPS = frozenset({cst.Return, cst.Break, cst.Continue})
_MAYBE_ASYNCHRONOUS = frozenset({cst.For, cst.With, cst.CompFor})
_HEADS: dict[type[cst.CSTNode], tuple[str, ...]] = {
    cst.Lambda: ("params",),
    cst.FunctionDef: ("decorators", "params"),
    cst.ClassDef: ("decorators", "bases", "keywords"),
}
"""What of an inner scope is evaluated outside it."""


def _overrides_twice(node: cst.CSTNode) -> bool:
    """Whether in the `finally` of a `try` there is a jump in a `with`, or in a `try` that has a `finally` of its own."""
    final = getattr(node, "finalbody", None)
    return final is not None and _has_jump(final.body, is_overridden=False)


def _has_jump(node: cst.CSTNode, *, is_overridden: bool) -> bool:
    kind = type(node)
    if kind in _JUMPS:
        return is_overridden
    if kind in _HEADS:
        return False
    inside = is_overridden or kind is cst.With or (kind in _TRIES and getattr(node, "finalbody", None) is not None)
    return any(_has_jump(child, is_overridden=inside) for child in children(node))


def _nodes(value: cst.CSTNode | Sequence[cst.CSTNode]) -> Sequence[cst.CSTNode]:
    return [value] if isinstance(value, cst.CSTNode) else value
