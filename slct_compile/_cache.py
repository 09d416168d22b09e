"""What earlier runs found out, so that it need not be found out again.

Two files per source tree, in the user's cache directory and never in a build:

  1. the stamp: everything that went into a run (each file, the lock, the options, this compiler, this Python) as one digest, and
     what came of it: the findings, and the digest of each file of the build. If nothing differs, there is nothing to do;
  2. the modules: what each came to, by a key of all that its compilation could see (`_tree.module_keys`).

Nothing in them is believed without its checksum, and what cannot be read is as if it were not there. Files are replaced
whole, so that compilers may run at the same time: the last one to end leaves its files, which are as good as the others'.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ._files import SourceFiles, content_of, write_file

_MAGIC = b"slct-cache 1 "
UNUSED_DAYS_MAX = 30
"""Files that no run has used for longer are removed."""


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def digest_of(value: Any) -> str:
    """Of plain data."""
    return digest(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Stamp:
    """What came of a run. `files`: the digest of every file of the build that is not the source's file of that name."""

    diagnostics: Sequence[Any]
    function_count: int
    file_count: int
    files: Mapping[str, str]


class Cache:
    """What is known of one source tree. Without a directory, nothing is known and nothing kept."""

    def __init__(self, directory: Path | None, source: Path, options: Sequence[str]) -> None:
        self.directory = directory
        self.compiler = compiler_id() if directory is not None else ""
        tree = digest_of([os.path.realpath(source), self.compiler])
        self._stamp = None if directory is None else directory / f"{digest_of([tree, *options])}.stamp"
        self._modules = None if directory is None else directory / f"{tree}.modules"
        self._options = list(options)

    def key(self, files: SourceFiles, lock: bytes | None) -> str:
        """Of a whole run."""
        if self.directory is None:
            return ""
        contents = [[path, digest(content)] for path, content in files.contents.items()]
        return digest_of(
            [self.compiler, self._options, files.is_whole, contents, None if lock is None else digest(lock)]
        )

    def stamp(self, key: str) -> Stamp | None:
        """What a run with this key came to."""
        try:
            data = _load(self._stamp)
            if data["key"] != key:
                return None
            return Stamp(data["diagnostics"], data["functions"], data["count"], data["files"])
        except (KeyError, TypeError):
            return None

    def put_stamp(self, key: str, stamp: Stamp) -> None:
        data = {
            "key": key,
            "diagnostics": stamp.diagnostics,
            "functions": stamp.function_count,
            "count": stamp.file_count,
            "files": stamp.files,
        }
        _store(self._stamp, data)

    def modules(self) -> dict[str, Any]:
        """What modules came to, as `_outputs.to_data` has it, by key."""
        data = _load(self._modules)
        return data if isinstance(data, dict) else {}

    def put_modules(self, modules: Mapping[str, Any]) -> None:
        _store(self._modules, modules)
        self._remove_unused()

    def _remove_unused(self) -> None:
        if self.directory is None:
            return
        oldest = time.time() - UNUSED_DAYS_MAX * 24 * 60 * 60
        try:
            for entry in os.scandir(self.directory):
                if entry.name.endswith((".stamp", ".modules")) and entry.stat().st_mtime < oldest:
                    os.unlink(entry.path)
        except OSError:
            pass  # somebody else may be doing the same


def _load(path: Path | None) -> Any:
    """The data in a file; None if it is not there, or is not what was written."""
    content = content_of(path) if path is not None else None
    if path is None or content is None or not content.startswith(_MAGIC):
        return None
    checksum, _, payload = content[len(_MAGIC) :].partition(b"\n")
    if checksum.decode("ascii", "replace") != digest(payload):
        return None
    try:
        os.utime(path)
        return json.loads(payload)
    except (OSError, ValueError, RecursionError):
        return None


def _store(path: Path | None, data: Any) -> None:
    if path is None:
        return
    try:
        payload = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        write_file(path, _MAGIC + digest(payload).encode() + b"\n" + payload)
    except OSError:
        pass  # a cache that cannot be written is no reason to fail


def compiler_id() -> str:
    """Which compiler this is, to the byte: its own files, libcst, and the Python that runs it."""
    here = Path(__file__).parent
    own = [(str(p.relative_to(here)), digest(p.read_bytes())) for p in sorted(here.rglob("*.py"))]
    spec = find_spec("libcst")
    origin = Path(spec.origin) if spec is not None and spec.origin is not None else None
    version = content_of(origin.with_name("_version.py")) if origin is not None else None
    return digest_of([own, sys.version, digest(version) if version is not None else str(origin)])


def cache_directory() -> Path | None:
    """Where the cache is: `$SLCT_CACHE_DIR`, or `slct` in the user's cache directory; None if there is no such place."""
    given = os.environ.get("SLCT_CACHE_DIR")
    if given is not None:
        return Path(given) if given else None
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "slct" if os.path.isabs(base) else None


__all__ = ["Cache", "Stamp", "cache_directory", "digest", "digest_of"]
