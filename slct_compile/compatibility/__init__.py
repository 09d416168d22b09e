"""Whether processes that are parked under one build can go on under another: `compare(old, new)`, and nothing else.

Pure: two manifests in, verdicts with reasons out. Knows the manifest's schema; nothing of sources, runtimes or documents.

Reading order:
  model.py      verdicts and reasons
  types.py      whether values of one written type are values of another
  states.py     one state, old and new
  documents.py  what belongs to the whole process: shared fields and channels
  compare.py    two builds
  report.py     the same as text and as JSON

Source: compiler.md, "Manifest and compatibility"; docs/changing-code.md.
"""

from __future__ import annotations

from .compare import compare
from .model import Comparison, DefinitionComparison, FunctionComparison, Reason, StateComparison, Verdict

__all__ = [
    "Comparison",
    "DefinitionComparison",
    "FunctionComparison",
    "Reason",
    "StateComparison",
    "Verdict",
    "compare",
]
