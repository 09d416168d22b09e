"""A source tree, read; a build tree, planned and written.

Planning is pure: from the files read to the files to be. Writing touches only what differs, removes only what an earlier
run wrote and this one does not, and says clearly why it cannot.
"""

from __future__ import annotations

import hashlib
import json
import os
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ._checks import check_tree
from ._index import Index, ModuleInfo, read_module
from ._lock import LOCK, Lock
from ._manifest import DEFINITIONS, MANIFEST, definitions_module, find_process_definitions, manifest
from ._pipeline import ModuleOutput, compile_module
from ._places import SOURCES, sources_file
from .diagnostics import CompileError, Diagnostic, Place, sorted_diagnostics

_SKIPPED_DIRECTORIES = frozenset({"__pycache__", ".git", ".hg", ".venv", "node_modules", ".mypy_cache", ".ruff_cache"})


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
    if not source.exists():
        raise CompileError(
            f"there is no {source}", "give the directory of your sources, as in `slct-compile src/ -o build/`"
        )
    root = source if source.is_dir() else source.parent
    paths = sorted(_walk(source)) if source.is_dir() else [source]
    files: dict[str, bytes] = {}
    sources: dict[str, str] = {}
    modules: list[ModuleInfo] = []
    findings: list[Diagnostic] = []
    for path in paths:
        relative = path.relative_to(root).as_posix()
        try:
            files[relative] = path.read_bytes()
        except OSError as error:
            raise CompileError(f"cannot read {path}: {error.strerror}") from error
        if path.suffix == ".py":
            _read_python(relative, files[relative], sources, modules, findings)
    return SourceTree(root, files, tuple(modules), tuple(findings), sources)


def _walk(directory: Path) -> Iterable[Path]:
    for entry in sorted(directory.iterdir()):
        if entry.is_dir():
            if entry.name not in _SKIPPED_DIRECTORIES:
                yield from _walk(entry)
        elif entry.is_file() and entry.suffix != ".pyc" and entry.name != LOCK:
            yield entry


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
        sources.setdefault(path, content.decode("utf-8", "replace"))
        findings.append(_syntax_error(path, error))
    except (UnicodeDecodeError, ValueError) as error:
        sources.setdefault(path, content.decode("utf-8", "replace"))
        findings.append(Diagnostic("SLC001", Place(path, 1), f"the file cannot be read as Python: {error}"))


def decode(content: bytes) -> str:
    """The text of a Python file, by its coding line, line ends as they are."""
    lines = iter(content.splitlines(keepends=True))
    encoding, _ = tokenize.detect_encoding(lambda: next(lines, b""))
    return content.decode(encoding)


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


def plan(tree: SourceTree, show: str | None = None, lock: Lock | None = None, build: Path | None = None) -> Plan:
    """Compile everything, in memory.

    `show`: a pass whose printed form is wanted. `lock`: names that are recorded. `build`: where the build will be, so that it
    can say where its sources are.
    """
    index = Index(tree.modules)
    outputs = {info.path: compile_module(index, info, show, lock) for info in tree.modules}
    definitions = find_process_definitions(index)
    findings = [*tree.diagnostics, *check_tree(index, definitions)]
    findings += [d for output in outputs.values() for d in output.diagnostics]
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


def _sources(tree: SourceTree, outputs: Mapping[str, ModuleOutput], build: Path) -> bytes:
    """What the loader needs to show the author's lines."""
    digests = {path: hashlib.sha256(tree.files[path]).hexdigest() for path, output in outputs.items() if output.links}
    content = sources_file(tree.root, build, {path: (d, outputs[path].links) for path, d in digests.items()})
    return (json.dumps(content, separators=(",", ":")) + "\n").encode()


def encode(text: str, original: bytes) -> bytes:
    """In the encoding of the author's file."""
    lines = iter(original.splitlines(keepends=True))
    encoding, _ = tokenize.detect_encoding(lambda: next(lines, b""))
    return text.encode(encoding)


# --- the build ---------------------------------------------------------------------------------------------------------


def check_places(source: Path, build: Path) -> None:
    """A build must not lie in its sources, nor be them.

    Raises:
      CompileError: it does.
    """
    root = (source if source.is_dir() else source.parent).resolve()
    target = build.resolve()
    if target == root:
        raise CompileError(f"the build would overwrite the sources in {source}", "choose another directory for -o")
    if root in target.parents and source.is_dir():
        raise CompileError(
            f"the build {build} lies inside the sources {source}", "choose a directory beside them for -o"
        )
    if target in root.parents:
        raise CompileError(f"the sources {source} lie inside the build {build}", "choose another directory for -o")
    if build.exists() and not build.is_dir():
        raise CompileError(f"{build} is not a directory", "choose another directory for -o")


def differences(plan: Plan, build: Path) -> list[str]:
    """Paths that are not in the build as they would be written."""
    stale = _written_before(build) - plan.files.keys()
    changed = [path for path, content in plan.files.items() if _content(build / path) != content]
    return sorted([*changed, *(path for path in stale if (build / path).exists())])


def write(plan: Plan, build: Path) -> list[str]:
    """Bring the build up to date; returns the paths that were written or removed.

    Raises:
      CompileError: it cannot be written.
    """
    changed = differences(plan, build)
    # The manifest last: it says what was written, so that a run cut short is finished by the next.
    ordered = sorted(changed, key=lambda p: p == MANIFEST)
    try:
        build.mkdir(parents=True, exist_ok=True)
        for path in ordered:
            target = build / path
            if path in plan.files:
                _write_file(target, plan.files[path])
            else:
                _remove(target, build)
    except OSError as error:
        where = error.filename or build
        raise CompileError(f"cannot write {where}: {error.strerror}", "check the directory's owner and mode") from error
    return changed


def _write_file(target: Path, content: bytes) -> None:
    """Whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _remove(target: Path, build: Path) -> None:
    target.unlink(missing_ok=True)
    for parent in target.parents:
        if parent == build or any(parent.iterdir()):
            return
        parent.rmdir()


def _written_before(build: Path) -> set[str]:
    """The files that the last run wrote, by its manifest; only plain relative paths are believed."""
    try:
        content = json.loads((build / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return set()
    files = content.get("files", []) if isinstance(content, dict) else []
    return {f for f in files if isinstance(f, str) and not f.startswith("/") and ".." not in f.split("/")}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
