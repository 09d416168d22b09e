"""One question, asked everywhere and answered once per node: may this node suspend?"""

from __future__ import annotations

import libcst as cst


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
        match node:
            case cst.Await():
                return True
            case cst.For() | cst.With() | cst.CompFor() if node.asynchronous is not None:
                return True
            case cst.Lambda():
                return self.contains(node.params)
            case cst.FunctionDef():
                return any(map(self.contains, (*node.decorators, node.params)))
            case cst.ClassDef():
                return any(map(self.contains, (*node.decorators, *node.bases, *node.keywords)))
            case _:
                return any(map(self.contains, node.children))
