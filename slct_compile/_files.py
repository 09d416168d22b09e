"""Files: the sources as they are read, the build as it is brought up to date.

Knows nothing of Python. Writing touches only what differs, removes only what an earlier run wrote and this one does not, and
says clearly why it cannot.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .diagnostics import CompileError

LOCK = "slct.lock"
MANIFEST = "slct_manifest.json"
DEFINITIONS = "slct_definitions.py"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SKIPPED_DIRECTORIES = frozenset({"__pycache__", ".git", ".hg", ".venv", "node_modules", ".mypy_cache", ".ruff_cache"})


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """Every file by its path relative to the root, with `/`, in order. `is_whole`: a directory was given, not one file."""

    root: Path
    is_whole: bool
    contents: Mapping[str, bytes]


def read_files(source: Path) -> SourceFiles:
    """Read a directory, or a single file.

    Raises:
      CompileError: it is not there, or cannot be read.
    """
    if not source.exists():
        raise CompileError(
            f"there is no {source}", "give the directory of your sources, as in `slct-compile src/ -o build/`"
        )
    is_whole = source.is_dir()
    root = source if is_whole else source.parent
    try:
        paths = sorted(_walk(os.fspath(source), ""), key=lambda p: p.split("/")) if is_whole else [source.name]
    except OSError as error:
        raise CompileError(f"cannot read {error.filename or source}: {error.strerror}") from error
    for path in paths:
        _check_name(root, path)
    return SourceFiles(root, is_whole, {path: _read(root, path) for path in paths})


def _check_name(root: Path, path: str) -> None:
    """Builds name their files in text that any machine can read."""
    try:
        path.encode()
    except UnicodeEncodeError:
        where = f"{os.fspath(root)!r}/{path!r}"
        raise CompileError(
            f"the name of {where} is no text here", "rename it, or set a locale that can read it: LC_ALL=C.UTF-8"
        ) from None


def _walk(directory: str, prefix: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name not in _SKIPPED_DIRECTORIES:
                    yield from _walk(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file() and not entry.name.endswith(".pyc") and entry.name != LOCK:
                yield prefix + entry.name


def _read(root: Path, path: str) -> bytes:
    where = os.path.join(root, path)
    try:
        with open(where, "rb") as file:
            return file.read()
    except OSError as error:
        raise CompileError(f"cannot read {where}: {error.strerror}") from error


def content_of(path: str | Path) -> bytes | None:
    """What a file holds; None if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


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


def differences(files: Mapping[str, bytes], build: Path) -> list[str]:
    """Paths that are not in the build as they would be written."""
    stale = _written_before(build) - files.keys()
    changed = [path for path, content in files.items() if content_of(os.path.join(build, path)) != content]
    return sorted([*changed, *(path for path in stale if (build / path).exists())])


def write(files: Mapping[str, bytes], build: Path) -> list[str]:
    """Bring the build up to date; returns the paths that were written or removed.

    Raises:
      CompileError: it cannot be written.
    """
    changed = differences(files, build)
    # The manifest last: it says what was written, so that a run cut short is finished by the next.
    ordered = sorted(changed, key=lambda p: p == MANIFEST)
    try:
        build.mkdir(parents=True, exist_ok=True)
        for path in ordered:
            target = build / path
            if path in files:
                write_file(target, files[path])
            else:
                _remove(target, build)
    except OSError as error:
        where = error.filename or build
        hint = "make room on the disk" if error.errno in _FULL else "check the directory's owner and mode"
        raise CompileError(f"cannot write {where}: {error.strerror}", hint) from error
    return changed


def write_file(target: Path, content: bytes) -> None:
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
