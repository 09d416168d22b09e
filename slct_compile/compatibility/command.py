"""The command `slct-compile diff OLD NEW`.

Either side is a build, a manifest, sources, or `REV:PATH`: sources as a git revision has them, with the lock that was committed with
them. Sources are compiled into a temporary directory.

Exit codes: 0 everything parked under OLD can go on under NEW, 1 something cannot as it stands, 2 it could not be tried.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from slct_manifest import Manifest, compare, read_manifest

from .._files import DEFINITIONS, MANIFEST
from .._report import FINDINGS, OK
from ..diagnostics import CompileError
from .report import json_of, text_of

Compile = Callable[[Sequence[str]], int]


def diff(arguments: Sequence[str], compile_tree: Compile, directory: Path) -> int:
    """Run the command; returns the exit code. `directory` is there to be written to.

    Raises:
      CompileError: a side is none of these.
    """
    parser = argparse.ArgumentParser(
        prog="slct-compile diff",
        description="Say which parked processes could go on under another build, and what stands in the way of the others.",
        epilog="OLD, NEW: a build, a slct_manifest.json, a directory of sources, or REV:PATH for sources of a git revision.",
    )
    parser.add_argument("old", metavar="OLD")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing; the exit code tells")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    old, new = (
        manifest_of(given, compile_tree, directory / name)
        for given, name in ((options.old, "old"), (options.new, "new"))
    )
    forth, back = compare(old, new), compare(new, old)
    if not options.quiet:
        print(json_of(forth, back) if options.format == "json" else text_of(forth, back))
    return FINDINGS if forth.is_breaking else OK


def manifest_of(given: str, compile_tree: Compile, directory: Path) -> Manifest:
    """The manifest of a build, a file, sources, or sources of a git revision.

    Raises:
      CompileError: it is none of these.
    """
    path = Path(given)
    if path.is_file() and path.suffix == ".json":
        return read_manifest(path.read_text(encoding="utf-8"), given)
    if (path / MANIFEST).is_file():
        return read_manifest((path / MANIFEST).read_text(encoding="utf-8"), str(path / MANIFEST))
    directory.mkdir(parents=True)
    if not path.exists() and ":" in given:
        path = _checked_out(given, directory / "src")
    if not path.is_dir():
        raise CompileError(
            f"{given!r} is no build, no sources and no revision",
            "give a directory that slct-compile wrote, one of sources, or REV:PATH as for `git show`",
        )
    if (path / DEFINITIONS).is_file():
        raise CompileError(f"{given!r} is a build without its {MANIFEST}", "run slct-compile again")
    if not any(path.rglob("*.py")):
        raise CompileError(
            f"{given!r} holds neither a build nor Python", "give a directory that slct-compile wrote, or one of sources"
        )
    return _compiled(path, given, compile_tree, directory / "build")


def _checked_out(given: str, directory: Path) -> Path:
    revision, _, path = given.partition(":")
    command = ["git", "archive", "--format=tar", revision, *([path] if path else [])]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise CompileError(
            f"git has no {given!r}: {done.stderr.decode(errors='replace').strip()}", "REV:PATH, from here"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(directory, filter="data")
    return directory / path


def _compiled(source: Path, given: str, compile_tree: Compile, build: Path) -> Manifest:
    """With the lock as it is, which is left as it is: a state that it does not know has a name of its own."""
    copied = build.with_name("tree")
    _copy_tree(source, copied)
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(io.StringIO()):
        code = compile_tree([str(copied), "-o", str(build), "-q"])
    if code != OK:
        text = told.getvalue().replace(f"{copied}/", "").rstrip()
        raise CompileError(f"{given} does not compile:\n{text}", "compile it first: slct-compile --check")
    return read_manifest((build / MANIFEST).read_text(encoding="utf-8"), given)


def _copy_tree(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file() and (path.suffix == ".py" or path.name == "slct.lock"):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
