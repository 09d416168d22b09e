"""The command `slct-compile`.

An unchanged tree with an unchanged build is answered from the cache (`_cache`), without importing anything that compiles.

Exit codes: 0 all is well, 1 findings (or a build that differs, with --locked), 2 it could not be tried, 130 Ctrl-C. Findings go to
stdout in the form of `diagnostics.render`; errors to stderr as `error:` and `hint:`.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from slct_manifest import ManifestError

from ._cache import Cache, Stamp, cache_directory, digest
from ._files import LOCK, SourceFiles, check_places, content_of, read_files
from ._passes import PASSES
from ._report import FINDINGS, OK, USAGE, error_count, report, summary, verdict
from ._rules import is_strict
from .diagnostics import CATALOGUE, CompileError, read_diagnostic

INTERRUPTED = 130
"""What a shell reports for a command that was ended by Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_output()
    try:
        code = _run(given)
        sys.stdout.flush()
        return code
    except (CompileError, ManifestError) as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:  # files are replaced whole: what was written may stay, and the next run writes the rest
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FINDINGS
    except OSError as error:  # those of sources and builds are told where they come up
        print(f"error: {error.filename or 'the output'}: {error.strerror or error}", file=sys.stderr)
        _forget_output()
        return USAGE


def _run(given: Sequence[str]) -> int:
    match given[:1]:
        case ["explain"]:
            return _explain(given[1:])
        case ["diff"]:
            return _diff(given[1:])
        case ["graph"]:
            return _graph(given[1:])
        case ["verify"]:
            return _verify(given[1:])
        case _:
            return _compile(given)


def _prepare_output() -> None:
    """A terminal that cannot show a character of the sources shows an escape; one that is closed shows nothing."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as this OS process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """What could not be written is not tried again when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slct-compile",
        description="Compile async def in process classes to state machines that can be saved at every await.",
        epilog="slct-compile explain SLC104 tells what a finding means. "
        "slct-compile diff OLD NEW tells which parked processes could go on under another build. "
        "slct-compile graph SRC draws the states. "
        "slct-compile verify SRC looks for deadlocks.",
    )
    parser.add_argument("source", type=Path, metavar="SRC", help="directory of the sources, or one file")
    parser.add_argument("-o", "--output", type=Path, metavar="BUILD", help="directory that the compiled tree goes to")
    parser.add_argument("--check", action="store_true", help="only look for findings; write nothing")
    parser.add_argument(
        "--fix", action="store_true", help="rewrite in SRC what can be mended safely, then go on with what is left"
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "github", "sarif"),
        default="text",
        help="how findings are told (default: text)",
    )
    parser.add_argument("--locked", action="store_true", help="fail if BUILD or slct.lock is not what would be written")
    parser.add_argument(
        "--no-lock", action="store_true", help="neither read nor write slct.lock: for builds that are never deployed"
    )
    parser.add_argument("--show", choices=PASSES, metavar="PASS", help=f"print a pass instead: {', '.join(PASSES)}")
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="compile in so many processes; by itself, in as many as pay"
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="compile everything anew, and remember nothing ($SLCT_CACHE_DIR)"
    )
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="say on stderr what is being compiled, if it takes longer than a second; by itself, on a terminal",
    )
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
    if options.fix and (options.locked or options.show is not None):
        raise CompileError(
            "--fix changes sources, and --locked and --show do not", "run slct-compile --check --fix first"
        )
    if options.jobs is not None and options.jobs < 1:
        raise CompileError(f"{options.jobs} jobs compile nothing", "give --jobs 1 or more")
    if options.output is not None and options.source.exists():
        check_places(options.source, options.output)
    files = read_files(options.source)
    if options.fix:
        from ._build import mend

        files = mend(files, options)
    cache = _cache(options)
    lock = None if options.no_lock else content_of(files.root / LOCK)
    known = cache.stamp(cache.key(files, lock))
    if known is not None:
        code = _unchanged(known, files, options)
        if code is not None:
            return code
    from ._build import build  # the passes, and libcst: most runs need neither

    return build(files, cache, options)


def _cache(options: argparse.Namespace) -> Cache:
    is_wanted = not options.no_cache and options.show is None
    output = "" if options.output is None else os.path.realpath(options.output)
    chosen = [output, str(options.no_lock), str(options.check), str(is_strict(options.source))]
    return Cache(cache_directory() if is_wanted else None, options.source, chosen)


def _unchanged(known: Stamp, files: SourceFiles, options: argparse.Namespace) -> int | None:
    """Say again what was found, if the build is there as it was left; None if there is something to do."""
    diagnostics = [read_diagnostic(d) for d in known.diagnostics]
    errors = error_count(diagnostics)
    if errors == 0 and not options.check and not _is_as_left(known, files, options.output):
        return None
    found = report(diagnostics, files.contents, options.source, options.format)
    if errors or options.check:
        return verdict(found, options.quiet, options.format)
    if not options.quiet and not options.locked:
        print(summary(options.output, known.function_count, 0, known.file_count, len(found)))
    return OK


def _is_as_left(known: Stamp, files: SourceFiles, build: Path) -> bool:
    for path in {**files.contents, **known.files}:
        found = content_of(os.path.join(build, path))
        expected = known.files.get(path)
        if found is None or (found != files.contents[path] if expected is None else digest(found) != expected):
            return False
    return True


def _diff(arguments: Sequence[str]) -> int:
    import tempfile

    from .compatibility.command import diff

    with tempfile.TemporaryDirectory(prefix="slct-diff-") as directory:
        return diff(arguments, _compile, Path(directory))


def _graph(arguments: Sequence[str]) -> int:
    import tempfile

    from .graph.command import graph

    with tempfile.TemporaryDirectory(prefix="slct-graph-") as directory:
        return graph(arguments, _compile, Path(directory))


def _verify(arguments: Sequence[str]) -> int:
    from .verification.command import verify_command

    return verify_command(arguments)


def _explain(arguments: Sequence[str]) -> int:
    match arguments:
        case ["-h" | "--help"]:
            print("usage: slct-compile explain CODE\n       slct-compile explain --all\n\nTell what a finding means.")
            return OK
        case ["--all"]:
            for each, (name, severity) in CATALOGUE.items():
                print(f"{each}  {severity.value:7}  {name}")
            return OK
        case [_]:
            pass
        case _:
            raise CompileError("which code?", "slct-compile explain SLC104, or --all for a list")
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
