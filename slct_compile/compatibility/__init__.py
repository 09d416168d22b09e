"""Whether processes that are parked under one build can go on under another: `compare(old, new)`, and nothing else.

Pure: two manifests in, verdicts with reasons out. Knows the manifest's schema; nothing of sources, runtimes or documents.

Reading order:
  model.py      verdicts and reasons
  types.py      whether values of one written type are values of another
  states.py     one state, old and new
  documents.py  what belongs to the whole process: shared fields and channels
  compare.py    two builds
  report.py     the same as text and as JSON

A runtime asks the same of single states, for the documents that it holds: `state_reasons`, `definition_reasons`.

Source: compiler.md, "Manifest and compatibility"; docs/changing-code.md.
"""

from __future__ import annotations

from .compare import compare
from .documents import definition_reasons
from .model import Comparison, DefinitionComparison, FunctionComparison, Reason, StateComparison, Verdict
from .states import local_function_reason, state_reasons

__all__ = [
    "Comparison",
    "DefinitionComparison",
    "FunctionComparison",
    "Reason",
    "StateComparison",
    "Verdict",
    "compare",
    "definition_reasons",
    "local_function_reason",
    "state_reasons",
]
