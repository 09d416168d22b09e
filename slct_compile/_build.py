"""One run of the compiler in which there is something to do: compile, report, write, remember."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _lock_file
from ._cache import Cache, Stamp, digest
from ._files import LOCK, SourceFiles, content_of, differences, write
from ._fix import fix
from ._index import Index
from ._lock import Lock, changes, lock_text
from ._outputs import to_data
from ._progress import Progress
from ._report import FINDINGS, OK, error_count, report, summary, verdict
from ._rules import is_strict, read_rules, told
from ._tree import Plan, SourceTree, module_keys, plan, understood
from .diagnostics import Diagnostic, diagnostic_data


def build(files: SourceFiles, cache: Cache, options: argparse.Namespace) -> int:
    """What the command asks for; returns the exit code."""
    with without_collector():
        return _build(files, cache, options)


def mend(files: SourceFiles, options: argparse.Namespace) -> SourceFiles:
    """Rewrite what can be mended safely; returns the files as they are then."""
    rules, lock = read_rules(options.source), Lock() if options.no_lock else _lock_file.load(files.root)

    def look(now: SourceFiles) -> list[Diagnostic]:
        return told(
            rules, plan(understood(now), lock=lock, jobs=options.jobs, strict=rules.strict).diagnostics, now.contents
        )

    with without_collector():
        fixed = fix(files, look)
    if fixed.finding_count and not options.quiet:
        findings = f"{fixed.finding_count} finding{'' if fixed.finding_count == 1 else 's'}"
        print(f"fixed {findings} in {fixed.file_count} file{'' if fixed.file_count == 1 else 's'}", file=sys.stderr)
    return fixed.files


@contextmanager
def without_collector() -> Iterator[None]:
    """Trees hold no cycles and live until the end: looking for garbage among them took three quarters of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _build(files: SourceFiles, cache: Cache, options: argparse.Namespace) -> int:
    tree = understood(files)
    lock = Lock() if options.no_lock else _lock_file.load(files.root)
    known = cache.modules()
    progress = Progress(options.progress)
    planned = plan(
        tree,
        options.show,
        lock,
        options.output,
        known,
        options.jobs,
        progress,
        against_lock=options.check,
        strict=is_strict(options.source),
    )
    progress.end()
    found = report(planned.diagnostics, files.contents, options.source, options.format)
    errors = error_count(planned.diagnostics)
    if options.show is not None:
        _show(planned)
        return FINDINGS if errors else OK
    if errors or options.check:
        _remember(_Run(cache, known, files, tree, planned, options), lock, lock)
        return verdict(found, options.quiet, options.format)
    updated = lock
    if not options.no_lock:
        updated = _lock_file.after(lock, planned.outputs.values(), whole=files.is_whole)
        if not options.locked:
            _lock_file.store(updated, files.root)
        elif _refuse_update(lock, updated):
            return FINDINGS
    code = (
        _locked(planned, options.output)
        if options.locked
        else _write(planned, options.output, options.quiet, len(found))
    )
    if code == OK:
        _remember(_Run(cache, known, files, tree, planned, options), lock, updated)
    return code


@dataclass(frozen=True, slots=True)
class _Run:
    cache: Cache
    known: Mapping[str, Any]
    files: SourceFiles
    tree: SourceTree
    planned: Plan
    options: argparse.Namespace


def _remember(run: _Run, used: Lock, lock: Lock) -> None:
    """Keep what was found with the lock `used`, as far as it would be found again with the lock as it is now."""
    if run.cache.directory is None:
        return
    keys = module_keys(run.tree, Index(run.tree.modules, strict=is_strict(run.options.source)), lock)
    every = run.planned.outputs
    outputs = {keys[path]: output for path, output in every.items() if output.is_settled or lock == used}
    if outputs.keys() != run.known.keys():
        run.cache.put_modules({key: to_data(output) for key, output in outputs.items()})
    is_final = lock == used or _lock_file.after(lock, every.values(), whole=run.files.is_whole) == lock
    content = None if run.options.no_lock else content_of(run.files.root / LOCK)
    is_as_written = content is None or content == lock_text(lock).encode()
    if is_final and is_as_written and len(outputs) == len(every):
        run.cache.put_stamp(run.cache.key(run.files, content), _stamp(run))


def _stamp(run: _Run) -> Stamp:
    planned = run.planned
    made = {path: digest(c) for path, c in planned.files.items() if run.files.contents.get(path) != c}
    functions = sum(len(o.functions) for o in planned.outputs.values())
    return Stamp([diagnostic_data(d) for d in planned.diagnostics], functions, len(planned.files), made)


def _show(planned: Plan) -> None:
    for output in planned.outputs.values():
        print(output.shown, end="")


def _refuse_update(lock: Lock, updated: Lock) -> bool:
    """Say what the lock lacks, if it does."""
    if lock == updated:
        return False
    print(f"error: {LOCK} is not up to date with the sources", file=sys.stderr)
    for line in changes(lock, updated):
        print(f"  {line}", file=sys.stderr)
    print("hint: run slct-compile without --locked, and commit what it writes", file=sys.stderr)
    return True


def _locked(planned: Plan, build: Path) -> int:
    changed = differences(planned.files, build)
    if not changed:
        return OK
    shown = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    print(f"error: {build} is not what would be written: {shown}", file=sys.stderr)
    print("hint: run slct-compile without --locked, and commit what it writes", file=sys.stderr)
    return FINDINGS


def _write(planned: Plan, build: Path, quiet: bool, warnings: int) -> int:
    changed = write(planned.files, build)
    if not quiet:
        functions = sum(len(o.functions) for o in planned.outputs.values())
        print(summary(build, functions, len(changed), len(planned.files), warnings))
    return OK
