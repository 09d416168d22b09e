"""The command `slct-compile verify SRC [NAME ...]`.

Exit codes: 0 nothing was found, 1 something was, 2 it could not be tried. A definition of which nothing can be said is no finding: it is said why.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._files import MANIFEST
from .._index import Index
from .._manifest import find_process_definitions
from .._pipeline import compile_module
from .._report import FINDINGS, OK
from .._tree import read_tree
from ..diagnostics import CompileError
from .exploring import Bounds, Deadlock, Place, Verdict, verify
from .model import Unknown
from .program import Function, Program
from .promela import promela

BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Said:
    """Of one definition. `verdict` None: nothing can be said, and `lines` say why."""

    name: str
    verdict: Verdict | None
    lines: tuple[str, ...]

    @property
    def is_finding(self) -> bool:
        return self.verdict is not None and bool(self.verdict.deadlock or self.verdict.never_left)


def verify_command(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code.

    Raises:
      CompileError: the sources do not compile, or have no such definition.
    """
    parser = argparse.ArgumentParser(
        prog="slct-compile verify",
        description="Look for deadlocks, and for waits that nothing can end, by trying every order of what may happen.",
        epilog="Data is left out of account: a deadlock is told if it can come whatever the data.",
    )
    parser.add_argument("source", type=Path, metavar="SRC", help="directory of the sources, or one file")
    parser.add_argument("names", nargs="*", metavar="NAME", help="definitions (default: all)")
    parser.add_argument(
        "--states",
        type=int,
        default=BOUNDS.states,
        metavar="N",
        help=f"look at no more of them per definition (default: {BOUNDS.states})",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=BOUNDS.seconds,
        metavar="N",
        help=f"take no longer per definition (default: {BOUNDS.seconds})",
    )
    parser.add_argument(
        "--promela",
        type=Path,
        metavar="OUT.pml",
        help="write one definition as a model for Spin, beside saying what is found",
    )
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    said = list(verified(options.source, options.names, Bounds(options.states, options.seconds)))
    for one in said:
        print("\n".join(one.lines))
    if options.promela is not None:
        names = [one.name for one in said]
        if len(names) != 1:
            raise CompileError("--promela writes one definition", f"name one of {', '.join(names)}")
        options.promela.write_text(exported(options.source, names[0]), encoding="utf-8")
    return FINDINGS if any(one.is_finding for one in said) else OK


def verified(source: Path, names: Sequence[str] = (), bounds: Bounds = BOUNDS) -> Iterator[Said]:
    """What can be said of each definition.

    Raises:
      CompileError: the sources do not compile, or have no such definition.
    """
    for name, program in programs(source, names):
        yield _said(program, name, bounds)


def exported(source: Path, name: str) -> str:
    """One definition as a model for Spin.

    Raises:
      CompileError: the sources do not compile, have no such definition, or it cannot be written down.
    """
    ((_, program),) = programs(source, [name])
    try:
        program.check()
        return promela(program, f"slct-compile verify {source} {name}")
    except Unknown as unknown:
        text = f"{name} cannot be written as a model: {unknown.path}:{unknown.line}: {unknown.text}"
        raise CompileError(text, "slct-compile verify looks at more than can be written down") from unknown


def programs(source: Path, names: Sequence[str] = ()) -> Iterator[tuple[str, Program]]:
    """Of each definition.

    Raises:
      CompileError: the sources do not compile, or have no such definition.
    """
    if (source / MANIFEST).is_file():
        raise CompileError(
            f"{source} is a build, and verify looks at sources",
            "give what slct-compile was given: slct-compile verify src/",
        )
    index = Index(read_tree(source).modules)
    functions = _functions(index)
    definitions = find_process_definitions(index)
    if not definitions:
        raise CompileError(
            f"{source} defines no process", "give the directory of your sources, as in `slct-compile verify src/`"
        )
    known = [d.name for d in definitions]
    for name in names:
        if name not in known:
            raise CompileError(f"there is no definition {name!r}", f"there are {', '.join(known)}")
    for definition in definitions:
        if not names or definition.name in names:
            yield definition.name, Program(index, functions, definition)


def _functions(index: Index) -> dict[tuple[str, str], Function]:
    found = {}
    for info in index.modules.values():
        output = compile_module(index.view(info), info)
        if output.has_errors:
            raise CompileError(f"{info.path} does not compile", "slct-compile --check says why")
        for compiled in output.compiled:
            found[info.name, compiled.function.qualname] = Function(index, info, compiled)
    return found


def _said(program: Program, name: str, bounds: Bounds) -> Said:
    try:
        program.check()
        verdict = verify(program, bounds)
    except Unknown as unknown:
        return Said(name, None, (f"{name}: not verified: {unknown.path}:{unknown.line}: {unknown.text}",))
    lines = [*_findings(program, verdict), *_notes(program, verdict)]
    head = f"{name}: {verdict.state_count} states" + ("" if lines else ", nothing found")
    return Said(name, verdict, (head, *(f"  {line}" for line in lines)))


def _findings(program: Program, verdict: Verdict) -> Iterator[str]:
    if verdict.deadlock is not None:
        yield from _deadlock(program, verdict.deadlock)
    for place in verdict.never_left:
        yield f"no message can ever end this wait: {_shown(program, place)}"


def _deadlock(program: Program, deadlock: Deadlock) -> Iterator[str]:
    yield "deadlock: main can come to wait for ever"
    for number, step in enumerate(deadlock.steps, 1):
        case = f"  [{step.case}]" if step.case else ""
        met = ", together with ".join(f"{who} from {_shown(program, place)}" for who, place in step.goroutines)
        yield f"  {number}. {met}{case}"
    for who, place in deadlock.waiting:
        yield f"  {who} waits at {_shown(program, place)}"


def _notes(program: Program, verdict: Verdict) -> Iterator[str]:
    for name in verdict.outliving:
        function = program.by_name[name]
        line = function.compiled.function.parsed.lineno
        yield f"note: {function.title} ({function.info.path}:{line}) is always dropped when main returns, never ended"
    for (path, line), text in sorted(program.loose.items()):
        yield f"note: not followed: {path}:{line}: {text}"


def _shown(program: Program, place: Place) -> str:
    function = program.by_name[place.function]
    if place.block == function.entry:
        return f"{function.info.path}:{function.line(place.block)}: its begin"
    return f"{function.info.path}:{function.line(place.block)}: {function.source_line(place.block)}"
