"""The jump matrix: programs that leave every part of a statement in every way run as written, compiled, and saved at every suspension.

`make matrix`, or `python tests/compile/jump_matrix.py`; `--only 4711` shows one program. Each program of `jump_programs` runs without a
failure, and then once for each of its awaits and each of two kinds of error with that await failing. What must be the same: the
result or the error it ends in; wherever the program looks, what `sys.exc_info()` is; of all these errors the causes, contexts, and
tracebacks, which are compared as the function names and lines of the author's frames.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import types
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import compile_harness as harness
import jump_programs
from compile_harness import Run
from jump_programs import COUNT, Case, case, deeper_case

from runtime_client._codec import Codec
from runtime_client._resolver import Resolver
from runtime_client._source import relocated

MODULE = "jump_program"
FILE = f"{MODULE}.py"
PER_MODULE = 40
"""So many programs are compiled together."""
FAILURES = (KeyError, OSError)
"""What awaits fail with: an error that handlers of the programs take, and one that they do not."""

Line = tuple[str, int]
"""Of an author's frame: the function's name, and the line in the author's file."""


# --- what programs show ------------------------------------------------------------------------------------------------


def chain(error: BaseException | None) -> Any:
    """An error with its lines and all it hangs on."""
    if error is None:
        return None
    return (
        type(error).__name__,
        str(error),
        lines_of(error),
        chain(error.__cause__),
        chain(error.__context__),
        error.__suppress_context__,
    )


def lines_of(error: BaseException) -> tuple[Line, ...]:
    """The author's frames of its traceback, outermost first."""
    found = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == FILE:
            found.append((code.co_name, traceback.tb_lineno))
        traceback = traceback.tb_next
    return tuple(found)


def _words() -> types.ModuleType:
    """What programs import."""
    module = types.ModuleType("jump_words")

    def note(*values: Any) -> Any:
        harness._report(("note", *map(repr, values)))
        return values[-1]

    def shown(*values: Any) -> None:
        *words, error = values
        harness._report(("shown", *words, chain(error)))

    def seen() -> None:
        harness._report(("handling", chain(sys.exc_info()[1])))

    module.__dict__.update(op=lambda *arguments: harness.Op(arguments), note=note, seen=seen, shown=shown)
    return module


sys.modules["jump_words"] = _words()


# --- running -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worlds:
    """One module of programs, as written and as compiled."""

    source: str
    text: str
    written: dict[str, Any]
    compiled: dict[str, Any]

    @classmethod
    def of(cls, cases: Iterable[Case]) -> Worlds:
        source = jump_programs.module(cases)
        output = harness.compile_source(source)
        assert not output.has_errors, harness.findings(output)
        places = {(link.line, link.column): (link.source_line, link.source_column) for link in output.links}
        code = relocated(output.text.encode(), source.encode(), FILE, places)
        plain = compile(harness.as_written(source), FILE, "exec", dont_inherit=True)
        return cls(source, output.text, _executed(plain, f"written_{MODULE}"), _executed(code, MODULE))

    def run(self, name: str, script: harness.Script) -> dict[str, Run]:
        """The same program in each world, that as written first."""
        process = self.written["Program"]()
        compiled = harness.new_process(self.compiled)
        codec = Codec(Resolver(modules=(MODULE,)))
        return {
            "as written": harness.drive_written(getattr(process, name), script, chain),
            "compiled": harness.drive_compiled(getattr(compiled, name), script, chain),
            "saved at every suspension": harness.drive_saved(
                lambda: harness.new_process(self.compiled),
                lambda process: getattr(process, name)(),
                codec,
                script,
                chain,
            ),
        }


def _executed(code: types.CodeType, name: str) -> dict[str, Any]:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(code, module.__dict__)
    return module.__dict__


@dataclass(frozen=True, slots=True)
class Found:
    """What running some programs came to. `runs` counts runs as written; `differences`: by the number of the program, the first one."""

    programs: int = 0
    runs: int = 0
    differences: tuple[tuple[int, str], ...] = ()

    def __add__(self, other: Found) -> Found:
        return Found(self.programs + other.programs, self.runs + other.runs, (*self.differences, *other.differences))


def check(cases: Sequence[Case]) -> Found:
    """Compare everything of these programs, in one module."""
    worlds = Worlds.of(cases)
    found = Found(programs=len(cases))
    for one in cases:
        found += _check_one(worlds, one)
    return found


def _check_one(worlds: Worlds, one: Case) -> Found:
    runs = 0
    for script in _scripts(worlds, one):
        runs += 1
        written, *others = worlds.run(one.name, script).items()
        for world, run in others:
            if run != written[1]:
                return Found(0, runs, ((one.number, explain(one, script, written[1], world, run)),))
    return Found(0, runs)


def _scripts(worlds: Worlds, one: Case) -> Iterator[list[object]]:
    """No failure; then each await in turn, with each kind of error."""
    values = [f"value {turn}" for turn in range(harness.SUSPENSIONS_MAX)]
    yield list(values)
    run = harness.drive_written(getattr(worlds.written["Program"](), one.name), values, chain)
    awaits = sum(1 for event in run.trace if event[0] == "op")
    for turn in range(awaits):
        for failure in FAILURES:
            yield [*values[:turn], failure, *values[turn + 1 :]]


def explain(one: Case, script: Sequence[object], written: Run, world: str, run: Run) -> str:
    """The program alone with its lines as they are in the traces, the await that fails, and what first differs."""
    failing = next(
        (f"await {turn} fails with {end.__name__}" for turn, end in enumerate(script) if isinstance(end, type)),
        "no await fails",
    )
    source = jump_programs.module([one])
    pairs = [*harness._zip(written.trace, run.trace), (written.ended, run.ended)]
    first = next(n for n, (one, other) in enumerate(pairs) if one != other)
    before = "".join(f"  {one!r}\n" for one, _ in pairs[max(first - 3, 0) : first])
    return f"{source}\n--- {one}\n--- {failing}\n{before}- as written: {pairs[first][0]!r}\n- {world}: {pairs[first][1]!r}\n"


# --- many programs -----------------------------------------------------------------------------------------------------


def groups(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    """What is compiled together."""
    for start in range(0, len(cases), PER_MODULE):
        yield cases[start : start + PER_MODULE]


def check_all(cases: Sequence[Case], jobs: int) -> Iterator[Found]:
    """What was found, group by group, in their order."""
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start) as pool:
        yield from pool.map(check, groups(cases))


def _start() -> None:
    warnings.simplefilter("ignore", SyntaxWarning)  # from Python 3.14 on: a jump in `finally`


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="one in so many programs of two levels")
    parser.add_argument(
        "--deeper", type=int, default=0, metavar="COUNT", help="so many programs of three levels instead"
    )
    parser.add_argument("--seed", type=int, default=0, help="the first program, of either kind")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one program, with its text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    cases = _chosen(options)
    if options.only is not None:
        print(jump_programs.module(cases))
    started, found = time.monotonic(), Found()
    for one in check_all(cases, options.jobs):
        found += one
        for _, difference in one.differences:
            print(difference, flush=True)
        if sys.stdout.isatty():
            print(f"\r{found.programs} of {len(cases)} programs", end="", flush=True)
    seconds = time.monotonic() - started
    print(
        f"{found.programs} programs, {found.runs} runs in each world, {len(found.differences)} differing, {seconds:.0f} s"
    )
    return 1 if found.differences else 0


def _chosen(options: argparse.Namespace) -> list[Case]:
    make = deeper_case if options.deeper else case
    if options.only is not None:
        return [make(options.only)]
    if options.deeper:
        return [make(seed) for seed in range(options.seed, options.seed + options.deeper)]
    return [make(number) for number in range(options.seed, COUNT, options.every)]


if __name__ == "__main__":
    sys.exit(main())
