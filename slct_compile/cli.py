"""The command `slct-compile`.

Exit codes: 0 all is well, 1 findings (or a build that differs, with --locked), 2 it could not be tried. Findings go to
stdout in the form of `diagnostics.render`; errors to stderr as `error:` and `hint:`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import _lock_file
from ._lock import LOCK, Lock, changes
from ._pipeline import PASSES
from ._tree import Plan, SourceTree, check_places, differences, plan, read_tree, write
from .diagnostics import CATALOGUE, CompileError, Severity, render

OK, FINDINGS, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _explain(given[1:]) if given[:1] == ["explain"] else _compile(given)
    except CompileError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        sys.stderr.close()
        return FINDINGS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slct-compile",
        description="Compile async def in process classes to state machines that can be saved at every await.",
        epilog="slct-compile explain SLC104 tells what a finding means.",
    )
    parser.add_argument("source", type=Path, metavar="SRC", help="directory of the sources, or one file")
    parser.add_argument("-o", "--output", type=Path, metavar="BUILD", help="directory that the compiled tree goes to")
    parser.add_argument("--check", action="store_true", help="only look for findings; write nothing")
    parser.add_argument("--locked", action="store_true", help="fail if BUILD or slct.lock is not what would be written")
    parser.add_argument(
        "--no-lock", action="store_true", help="neither read nor write slct.lock: for builds that are never deployed"
    )
    parser.add_argument("--show", choices=PASSES, metavar="PASS", help=f"print a pass instead: {', '.join(PASSES)}")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing when all is well")
    return parser


def _compile(arguments: Sequence[str]) -> int:
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    if options.output is None and not options.check and options.show is None:
        raise CompileError("where should the build go?", "add -o build/, or --check to look for findings only")
    if options.output is not None and options.source.exists():
        check_places(options.source, options.output)
    tree = read_tree(options.source)
    lock = Lock() if options.no_lock else _lock_file.load(tree.root)
    planned = plan(tree, options.show, lock, options.output)
    errors = _report(planned, tree)
    if options.show is not None:
        _show(planned)
        return FINDINGS if errors else OK
    if errors or options.check:
        return _verdict(errors, options.quiet)
    if not options.no_lock:
        updated = _lock_file.after(lock, planned.outputs.values(), whole=options.source.is_dir())
        if not options.locked:
            _lock_file.store(updated, tree.root)
        elif _refuse_update(lock, updated):
            return FINDINGS
    return _locked(planned, options.output) if options.locked else _write(planned, options.output, options.quiet)


def _report(planned: Plan, tree: SourceTree) -> int:
    """Print every finding; returns how many are errors."""
    for diagnostic in planned.diagnostics:
        print(render(diagnostic, tree.sources.get(diagnostic.place.path, "")))
        print()
    return sum(CATALOGUE[d.code][1] is Severity.ERROR for d in planned.diagnostics)


def _verdict(errors: int, quiet: bool) -> int:
    if errors:
        print(f"error: {errors} finding{'s' if errors > 1 else ''}, nothing was written", file=sys.stderr)
        print("hint: slct-compile explain CODE tells more about each", file=sys.stderr)
        return FINDINGS
    if not quiet:
        print("no findings")
    return OK


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
    changed = differences(planned, build)
    if not changed:
        return OK
    shown = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    print(f"error: {build} is not what would be written: {shown}", file=sys.stderr)
    print("hint: run slct-compile without --locked, and commit what it writes", file=sys.stderr)
    return FINDINGS


def _write(planned: Plan, build: Path, quiet: bool) -> int:
    changed = write(planned, build)
    if not quiet:
        functions = sum(len(o.compiled) for o in planned.outputs.values())
        words = f"{functions} durable function{'' if functions == 1 else 's'}"
        print(f"{build}: {words}, {len(changed)} of {len(planned.files)} files written")
    return OK


def _explain(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        raise CompileError("which code?", "slct-compile explain SLC104")
    code = arguments[0].upper()
    if code not in CATALOGUE:
        raise CompileError(f"there is no code {arguments[0]!r}", f"there are {', '.join(CATALOGUE)}")
    page = _page(code)
    print(page if page is not None else f"{code}: {CATALOGUE[code][0]}")
    return OK


def _page(code: str) -> str | None:
    """The page in an installed package, or in a checkout."""
    here = Path(__file__).parent
    for directory in (here / "diagnostics_pages", here.parent / "docs" / "diagnostics"):
        path = directory / f"{code}.md"
        if path.is_file():
            return path.read_text(encoding="utf-8").rstrip("\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
