"""What a build says of itself, and whether processes that are parked under one build can go on under another.

Pure: manifests in, verdicts with reasons out. Knows nothing of sources, runtimes or documents, and imports nothing of ours: the compiler writes
manifests, `slct-compile diff` compares them, and the runtime asks about the states that its documents are in.

Reading order:
  schema.py     the manifest: definitions, functions, states
  model.py      verdicts and reasons
  types.py      whether values of one written type are values of another
  states.py     one state, old and new
  documents.py  what belongs to the whole process: shared fields and channels
  renames.py    an older build in the words of a later one
  migrations.py what `@migrate` makes of either
  compare.py    two builds

Source: compiler.md, "Manifest and compatibility"; docs/changing-code.md.
"""

from __future__ import annotations

from .compare import compare
from .documents import channel_reasons
from .migrations import Between, between, migrated_definition_reasons, moving_reasons
from .model import Comparison, DefinitionComparison, FunctionComparison, Reason, StateComparison, Verdict
from .renames import Translation, renamed, translate_definition, translate_functions, translate_migrations
from .schema import (
    FORMAT,
    CompiledDefinition,
    DefinitionEntry,
    FunctionEntry,
    Manifest,
    ManifestError,
    MigrationEntry,
    StateEntry,
    manifest_data,
    read_definition,
    read_manifest,
)
from .states import local_function_reason

__all__ = [
    "FORMAT",
    "Between",
    "Comparison",
    "CompiledDefinition",
    "DefinitionComparison",
    "DefinitionEntry",
    "FunctionComparison",
    "FunctionEntry",
    "Manifest",
    "ManifestError",
    "MigrationEntry",
    "Reason",
    "StateComparison",
    "StateEntry",
    "Translation",
    "Verdict",
    "between",
    "channel_reasons",
    "compare",
    "local_function_reason",
    "manifest_data",
    "migrated_definition_reasons",
    "moving_reasons",
    "read_definition",
    "read_manifest",
    "renamed",
    "translate_definition",
    "translate_functions",
    "translate_migrations",
]
