"""The command `slct-compile graph BUILD [NAME ...]`.

Exit codes: 0 drawn, 2 it could not be.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from slct_manifest import FunctionEntry, Manifest

from .._report import OK
from ..compatibility.command import Compile, manifest_of
from ..diagnostics import CompileError
from .dot import dot_of
from .mermaid import mermaid_of
from .picture import Picture, picture_of

FORMATS = ("mermaid", "dot", "svg")
DOT_TIMEOUT_S = 120


def graph(arguments: Sequence[str], compile_tree: Compile, directory: Path) -> int:
    """Run the command; returns the exit code. `directory` is there to be written to.

    Raises:
      CompileError: there is no such build or function, or nothing that draws SVG.
    """
    parser = argparse.ArgumentParser(
        prog="slct-compile graph",
        description="Draw the states in which a program waits, and how it gets from one to the next.",
        epilog="BUILD: a build, a slct_manifest.json, a directory of sources, or REV:PATH for sources of a git revision.",
    )
    parser.add_argument("build", metavar="BUILD")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="definitions or functions: order, Order.main (default: all)"
    )
    parser.add_argument("--format", choices=FORMATS, default="mermaid", help="default: mermaid")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    manifest = manifest_of(options.build, compile_tree, directory / "build")
    picture = picture_of(manifest.functions, _chosen(manifest, options.names))
    write(picture, options.format, options.output)
    return OK


def write(picture: Picture, format: str, output: Path | None) -> None:
    """Into a file, or to standard output.

    Raises:
      CompileError: nothing is there that draws SVG.
    """
    text = mermaid_of(picture) if format == "mermaid" else dot_of(picture)
    if format == "svg":
        text = svg_of(text)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")


def _chosen(manifest: Manifest, names: Sequence[str]) -> list[str]:
    """Functions in the order of the manifest: all of them, or those that are named, each once."""
    wanted = {found for name in names for found in _named(manifest, name)}
    return [name for name in manifest.functions if not names or name in wanted]


def _named(manifest: Manifest, name: str) -> Iterator[str]:
    if name in manifest.definitions:
        yield from reached(manifest.functions, manifest.definitions[name].functions)
        return
    found = [each for each in manifest.functions if name in (each, each.rpartition(":")[2])]
    if not found:
        known = ", ".join([*manifest.definitions, *(each.rpartition(":")[2] for each in manifest.functions)])
        raise CompileError(f"there is neither a definition nor a function {name!r}", f"there are {known}")
    yield from found


def reached(functions: Mapping[str, FunctionEntry], first: Sequence[str]) -> list[str]:
    """These, and the functions that they call or start, by their last names."""
    found_all = [name for name in first if name in functions]
    for name in found_all:
        entry = functions.get(name)
        for state in entry.states.values() if entry is not None else ():
            for written in [*([state.calls] if state.calls else []), *state.starts]:
                last = written.rpartition(".")[2]
                found = [each for each in functions if each.rpartition(":")[2].rpartition(".")[2] == last]
                found_all += [each for each in found if len(found) == 1 and each not in found_all]
    return found_all


def svg_of(dot: str) -> str:
    """What Graphviz draws.

    Raises:
      CompileError: it is not installed, or refuses.
    """
    program = shutil.which("dot")
    if program is None:
        raise CompileError(
            "an SVG is drawn by Graphviz, and there is no program 'dot'",
            "install it (apt install graphviz, brew install graphviz), or take --format mermaid",
        )
    done = subprocess.run(
        [program, "-Tsvg"], input=dot, capture_output=True, text=True, timeout=DOT_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise CompileError(f"Graphviz refuses: {done.stderr.strip()}", "take --format dot, and see what it cannot read")
    return done.stdout
