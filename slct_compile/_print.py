"""Nodes as text. libcst's printer, without what only its own position provider needs, and each statement once."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache

import libcst as cst
from libcst._nodes.internal import CodegenState

NODES_MAX = 10_000
"""So many texts are kept: the nodes of a function are printed by several passes, one after the other."""


class Printer(CodegenState):
    """Collects tokens and nothing else."""

    def record_syntactic_position(  # type: ignore[override]  # `with` needs no more of it
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> nullcontext[None]:
        return _NOTHING


_NOTHING = nullcontext()


@lru_cache(NODES_MAX)
def text_of_node(node: cst.CSTNode) -> str:
    """The node as text, indented as if it stood at the left margin. Nodes are never changed, so the text is kept."""
    printer = Printer(default_indent="    ", default_newline="\n")
    node._codegen(printer)
    return "".join(printer.tokens)


__all__ = ["Printer", "text_of_node"]
