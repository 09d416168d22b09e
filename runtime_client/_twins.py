"""Compiled twins of source classes, for tests: the same test runs its processes as written and as compiled.

The source tree of a class is compiled into a temporary directory, once per test run, and the modules that the compiler
rewrote are imported from there without disturbing the ones that the test has imported. Modules left as they were are shared,
so that their classes stay the same objects in both.
"""

from __future__ import annotations

import atexit
import filecmp
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

from ._definitions import Definitions
from ._errors import DefinitionError
from ._local_functions import local_functions
from ._process import Process
from ._resolver import frame_classes
from ._source import authored, debug_as_written, sourced


def compiled_twin(source: type[Process]) -> Definitions:
    """The definitions of a source class, compiled.

    Raises:
      DefinitionError: the compiler refuses the tree that the class lives in; its message is the compiler's.
    """
    module = sys.modules[source.__module__]
    if module.__file__ is None:
        raise DefinitionError(f"{source.__qualname__} has no source file\n  help: define it in a module")
    root = _source_root(Path(module.__file__).resolve(), module.__name__)
    modules = _compiled_modules(root, source.__module__)
    twin = modules[source.__module__]
    for part in source.__qualname__.split("."):
        if part == "<locals>":
            raise DefinitionError(f"{source.__qualname__} is local to a function\n  help: define it at module level")
        twin = getattr(twin, part)
    return Definitions([twin], modules=tuple(modules), overrides=modules)  # type: ignore[list-item]  # a definition: it was compiled from one


def load_build(directory: str | Path) -> Definitions:
    """The definitions of a build, whatever else is imported under the names of its modules: so a test holds several versions.

    Raises:
      DefinitionError: the directory is no build.
    """
    build = Path(directory).resolve()
    manifest = build / "slct_manifest.json"
    if not manifest.is_file():
        raise DefinitionError(f"{str(directory)!r} is not a build\n  help: slct-compile src/ -o {directory}")
    described = json.loads(manifest.read_text(encoding="utf-8"))
    files = {name: file for name in described["modules"] if (file := _file_of(build, name)) is not None}
    wanted = {"slct_definitions", *(each["name"].partition(":")[0] for each in described.get("migrations", ()))}
    with _imported_from({**files, "slct_definitions": build / "slct_definitions.py"}, build):
        for name in sorted(wanted):
            importlib.import_module(name)
        loaded: Definitions = sys.modules["slct_definitions"].defs
        modules = {name: sys.modules[name] for name in files if name in sys.modules}
        _find_local_functions(modules)
    classes = {name: loaded.definition(name).cls for name in loaded.names}
    return Definitions(classes, modules=tuple(modules), manifest=manifest, overrides=modules)


def _find_local_functions(modules: Mapping[str, ModuleType]) -> None:
    """Remember them while the modules are where they are looked for: under their own names."""
    for name, module in modules.items():
        for kind in frame_classes(vars(module), name):
            local_functions(kind)


def _file_of(build: Path, module: str) -> Path | None:
    path = build / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _source_root(file: Path, module_name: str) -> Path:
    """The directory that is on `sys.path` for this module."""
    depth = module_name.count(".") + (1 if file.name == "__init__.py" else 0)
    return file.parents[depth]


@cache
def _build(root: Path) -> Path:
    build = Path(tempfile.mkdtemp(prefix="slct-twins-"))
    atexit.register(shutil.rmtree, build, ignore_errors=True)
    command = [sys.executable, "-m", "slct_compile", str(root), "--no-lock", "-o", str(build)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DefinitionError(f"{root} does not compile:\n{done.stdout}{done.stderr}")
    return build


@cache
def _compiled_modules(root: Path, wanted: str) -> dict[str, ModuleType]:
    """Every module of the build that `wanted` needs, and `wanted` itself."""
    build = _build(root)
    rewritten = dict(_rewritten(root, build))
    rewritten.setdefault(wanted, build / f"{wanted.replace('.', '/')}.py")
    debug_as_written()
    with _imported_from(rewritten, build):
        importlib.import_module(wanted)
        modules = {name: sys.modules[name] for name in rewritten if name in sys.modules}
        _find_local_functions(modules)
        return modules


def _rewritten(root: Path, build: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(build.rglob("*.py")):
        relative = file.relative_to(build)
        if relative.name == "slct_definitions.py":
            continue
        original = root / relative
        if original.exists() and filecmp.cmp(original, file, shallow=False):
            continue
        parts = relative.with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


class _Finder(importlib.abc.MetaPathFinder):
    """Finds rewritten modules in the build; they show the positions of their sources."""

    def __init__(self, files: dict[str, Path], build: Path) -> None:
        self._files = files
        self._authored = authored(build)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        file = self._files.get(fullname)
        if file is None:
            return None
        locations = [str(file.parent)] if file.name == "__init__.py" else None
        spec = importlib.util.spec_from_file_location(fullname, file, submodule_search_locations=locations)
        return sourced(spec, self._authored)


@contextmanager
def _imported_from(files: dict[str, Path], build: Path) -> Iterator[None]:
    """Within it, these modules are imported from these files; afterwards everything is as it was."""
    before = {name: sys.modules.pop(name) for name in files if name in sys.modules}
    finder = _Finder(files, build)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in files:
            sys.modules.pop(name, None)
        sys.modules.update(before)
