"""One question, asked everywhere and answered once per node: may this node suspend?"""

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
        if kind in _MAYBE_ASYNCHRONOUS and node.asynchronous is not None:  # type: ignore[attr-defined]
            return True
        heads = _HEADS.get(kind)
        if heads is None:
            return any(map(self.contains, children(node)))
        return any(self.contains(head) for field in heads for head in _nodes(getattr(node, field)))


_MAYBE_ASYNCHRONOUS = frozenset({cst.For, cst.With, cst.CompFor})
_HEADS: dict[type[cst.CSTNode], tuple[str, ...]] = {
    cst.Lambda: ("params",),
    cst.FunctionDef: ("decorators", "params"),
    cst.ClassDef: ("decorators", "bases", "keywords"),
}
"""What of an inner scope is evaluated outside it."""


def _nodes(value: cst.CSTNode | Sequence[cst.CSTNode]) -> Sequence[cst.CSTNode]:
    return [value] if isinstance(value, cst.CSTNode) else value
