"""The normal form to the graph: `statements` one function per node, `exits` how jumps leave, `jumps` those in kept nodes."""

from __future__ import annotations

from .statements import lower

__all__ = ["lower"]
