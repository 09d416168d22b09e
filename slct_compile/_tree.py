"""A source tree, understood; a build tree, planned. Pure: from the files read to the files to be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._cache import digest, digest_of
from ._checks import check_tree
from ._files import MANIFEST, SourceFiles, read_files
from ._index import Index, ModuleInfo, read_module
from ._jobs import compile_all
from ._lock import Lock, function_data
from ._lock_checks import lock_findings
from ._manifest import DEFINITIONS, definitions_module, find_process_definitions, manifest
from ._migrations import migration_findings
from ._outputs import ModuleOutput, from_data
from ._pipeline import compile_module
from ._places import SOURCES, sources_file
from ._progress import Progress
from ._text import decode, encode, shown
from .diagnostics import CompileError, Diagnostic, Place, sorted_diagnostics


@dataclass(frozen=True, slots=True)
class SourceTree:
    """Every file by its path relative to the root, with `/`; Python modules also as text."""

    root: Path
    files: Mapping[str, bytes]
    modules: tuple[ModuleInfo, ...]
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would hold, and what was found on the way."""

    files: Mapping[str, bytes]
    diagnostics: tuple[Diagnostic, ...]
    outputs: Mapping[str, ModuleOutput]


def read_tree(source: Path) -> SourceTree:
    """Read a directory, or a single file.

    Raises:
      CompileError: it is not there, or cannot be read.
    """
    return understood(read_files(source))


def understood(files: SourceFiles) -> SourceTree:
    """Files, with the modules among them."""
    sources: dict[str, str] = {}
    modules: list[ModuleInfo] = []
    findings: list[Diagnostic] = []
    for path, content in files.contents.items():
        if is_python(path):
            _read_python(path, content, sources, modules, findings)
    return SourceTree(files.root, files.contents, tuple(modules), tuple(findings), sources)


def is_python(path: str) -> bool:
    return path.endswith(".py") and not path.endswith("/.py") and path != ".py"


def _read_python(
    path: str, content: bytes, sources: dict[str, str], modules: list[ModuleInfo], findings: list[Diagnostic]
) -> None:
    try:
        text = decode(content)
        sources[path] = text
        name, is_package = module_name(path)
        modules.append(read_module(name, path, text, is_package=is_package))
    except (RecursionError, MemoryError):
        findings.append(Diagnostic("SLC001", Place(path, 1), "the code is nested too deeply for the parser"))
    except SyntaxError as error:
        sources.setdefault(path, shown(content))
        findings.append(_syntax_error(path, error))
    except (UnicodeDecodeError, ValueError) as error:
        sources.setdefault(path, shown(content))
        findings.append(Diagnostic("SLC001", Place(path, 1), f"the file cannot be read as Python: {error}"))


def _syntax_error(path: str, error: SyntaxError) -> Diagnostic:
    line, column = error.lineno or 1, max(0, (error.offset or 1) - 1)
    end_line = error.end_lineno or line
    end = max(0, (error.end_offset or 0) - 1) if end_line == line else 0
    message = (error.msg or "invalid syntax").lower()
    return Diagnostic("SLC001", Place(path, line, column, line, max(end, column + 1)), message)


def module_name(path: str) -> tuple[str, bool]:
    """`a/b.py` → `a.b`; whether it is a package's `__init__`."""
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__" and len(parts) > 1:
        return ".".join(parts[:-1]), True
    return ".".join(parts), False


def plan(
    tree: SourceTree,
    show: str | None = None,
    lock: Lock | None = None,
    build: Path | None = None,
    known: Mapping[str, Any] | None = None,
    jobs: int | None = 1,
    progress: Progress | None = None,
    *,
    against_lock: bool = False,
    strict: bool = False,
) -> Plan:
    """Compile everything, in memory.

    Args:
      show: A pass whose printed form is wanted.
      lock: Names that are recorded.
      build: Where the build will be, so that it can say where its sources are.
      known: What earlier runs found, by `module_keys`.
      jobs: In how many OS processes; None: as many as pay.
      against_lock: Tell, too, what the lock has and the sources have no more.
      strict: Tell, too, what has no type and is saved.
    """
    index, lock = Index(tree.modules, strict=strict), lock or Lock()
    if show is None:
        outputs = _outputs(tree, index, lock, known or {}, jobs, progress)
    else:
        outputs = {m.path: compile_module(index.view(m), m, show, lock) for m in tree.modules}
    definitions = find_process_definitions(index)
    findings = [*tree.diagnostics, *check_tree(index, definitions), *migration_findings(index)]
    findings += [d for output in outputs.values() for d in output.diagnostics]
    if against_lock:
        findings += lock_findings(index, outputs, lock)
    files = dict(tree.files)
    for path, output in outputs.items():
        if output.text != output.info.source:
            files[path] = encode(output.text, tree.files[path])
    for name in (DEFINITIONS, MANIFEST, SOURCES):
        if name in files:
            where = tree.root / name
            raise CompileError(f"{where} is in the way: slct-compile writes a file of that name", "move or rename it")
    modules = sorted(m.name for m in tree.modules if m.name.rpartition(".")[2] not in ("__main__", "setup", "conftest"))
    files[DEFINITIONS] = definitions_module(definitions, modules).encode()
    if build is not None:
        files[SOURCES] = _sources(tree, outputs, build)
    files[MANIFEST] = manifest(index, outputs, definitions, [*files, MANIFEST]).encode()
    return Plan(files, tuple(sorted_diagnostics(findings)), outputs)


def _outputs(
    tree: SourceTree,
    index: Index,
    lock: Lock,
    known: Mapping[str, Any],
    jobs: int | None,
    progress: Progress | None,
) -> dict[str, ModuleOutput]:
    """What each module comes to, by path: what is known as it is known, the rest compiled."""
    keys = module_keys(tree, index, lock) if known else {}
    found = {m.path: output for m in tree.modules if (output := _known_output(m, known.get(keys.get(m.path, ""))))}
    wanted = [m for m in tree.modules if m.path not in found]
    for number, data in enumerate(compile_all(index, wanted, lock, jobs), 1):
        info = wanted[number - 1]
        found[info.path] = from_data(info, data)
        if progress is not None:
            progress.step(number, len(wanted), info.path)
    return {m.path: found[m.path] for m in tree.modules}


def _known_output(info: ModuleInfo, data: Any) -> ModuleOutput | None:
    try:
        return None if data is None else from_data(info, data)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # not what this compiler writes


def module_keys(tree: SourceTree, index: Index, lock: Lock) -> dict[str, str]:
    """A digest, by path, of all that the compilation of a module can see.

    That is its text, the texts of the modules in its view, which of their classes are durable (other modules decide that by
    deriving from them), its part of the lock, and whether types are asked for.
    """
    texts = {path: digest(content) for path, content in tree.files.items() if is_python(path)}
    durable: dict[str, list[str]] = {}
    for module, qualname in sorted(index.durable_classes()):
        durable.setdefault(module, []).append(qualname)
    parts: dict[str, dict[str, Any]] = {}
    for name, function in lock.functions.items():
        parts.setdefault(name.partition(":")[0], {})[name] = function_data(function)
    seen = {n: [n, m.path, m.is_package, texts[m.path], durable.get(n)] for n, m in index.modules.items()}
    return {
        m.path: digest_of([m.path, texts[m.path], [seen[n] for n in index.reach(m)], parts.get(m.name), index.strict])
        for m in tree.modules
    }


def _sources(tree: SourceTree, outputs: Mapping[str, ModuleOutput], build: Path) -> bytes:
    """What the loader needs to show the author's lines."""
    digests = {path: hashlib.sha256(tree.files[path]).hexdigest() for path, output in outputs.items() if output.links}
    content = sources_file(tree.root, build, {path: (d, outputs[path].links) for path, d in digests.items()})
    return (json.dumps(content, separators=(",", ":")) + "\n").encode()
