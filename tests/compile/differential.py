"""Random programs as written, and compiled and saved at every suspension; what differs is made small before it is shown.

`make differential SEED=7 COUNT=10000`, or `python tests/compile/differential.py`. Each seed is a program of `compile_grammar`, run
with two scripts. What is refused, by the compiler or at a suspension, is counted and is no difference. With `--new-processes` each
transition of the second script also runs in a new OS process with another hash seed (`fresh_processes.py`).
"""

from __future__ import annotations

import argparse
import ast
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from compile_grammar import Grammar
from compile_harness import HEAD, Script, compile_source, explain, folded, program, run_direct, run_saved
from fresh_processes import Interpreters, Refused

from runtime_client._errors import CodecError

DEPTH = 2
SHRINKS_MAX = 400
"""So many smaller programs are tried for each difference."""


@dataclass(frozen=True, slots=True)
class Case:
    source: str
    scripts: tuple[Script, ...]


def case_of(seed: int) -> Case | None:
    """The program of a seed; None if it is not Python: a capture bound twice, a name bound in its own guard."""
    grammar = Grammar(seed, depth=1 + seed % DEPTH, wide=True)
    source = program(grammar.program())
    return Case(source, (grammar.script(), grammar.script())) if is_python(source) else None


def is_python(source: str) -> bool:
    try:
        compile(source, "program", "exec")
    except SyntaxError:
        return False
    return True


def outcome_of(case: Case, interpreters: Interpreters | None = None) -> str:
    """`same`, `refused` by the compiler, `not saved`, or everything that is needed to see a difference."""
    output = compile_source(case.source)
    if output.has_errors:
        return "refused"
    word = "same"
    for number, script in enumerate(case.scripts):
        direct = run_direct(case.source, script)
        try:
            saved = run_saved(output.text, script)
            if folded(saved) != folded(direct):
                return "saved at every suspension:" + explain(case.source, output.text, script, direct, saved)
            if interpreters is not None and number == len(case.scripts) - 1:
                carried = interpreters.run(output.text, script)
                # They come from another process, where an object is no longer the one that the trace of this one has.
                if repr(folded(carried)) != repr(folded(direct)):
                    return "in new processes:" + explain(case.source, output.text, script, direct, carried)
        except (CodecError, Refused):
            word = "not saved"
    return word


WORDS = ("same", "refused", "not saved")


def verdict_of(case: Case, interpreters: Interpreters | None = None) -> str:
    """As `outcome_of`; a crash of the compiler is a difference."""
    try:
        return outcome_of(case, interpreters)
    except Exception as error:
        return f"{type(error).__name__}: {error}\n{case.source}"


def differs(case: Case) -> str:
    """The difference, or nothing."""
    found = verdict_of(case)
    return "" if found in WORDS else found


# --- smaller programs ---------------------------------------------------------------------------------------------------


def smallest(case: Case, is_wanted: Callable[[Case], bool] = lambda c: bool(differs(c))) -> Case:
    """A program from which nothing can be taken without losing what is wanted, or nearly so."""
    tries = 0
    shrunk = True
    while shrunk:
        shrunk = False
        for source in smaller(case.source):
            tries += 1
            if tries > SHRINKS_MAX:
                return case
            smaller_case = Case(source, case.scripts)
            if is_python(source) and is_wanted(smaller_case):
                case, shrunk = smaller_case, True
                break
    return case


def smaller(source: str) -> Iterator[str]:
    """Programs with one part less: a statement gone, a block in place of its statement, an operand in place of its expression."""
    for number in range(sum(1 for _ in _edits(_body(source)))):
        body = _body(source)
        edits = list(_edits(body))
        edits[number]()
        text = ast.unparse(ast.Module(body or [ast.Pass()], []))
        if program(text) != source:
            yield program(text)


def _body(source: str) -> list[ast.stmt]:
    definition = ast.parse(source.removeprefix(HEAD)).body[0]
    assert isinstance(definition, ast.ClassDef)
    main = definition.body[0]
    assert isinstance(main, ast.AsyncFunctionDef)
    return main.body


def _edits(body: list[ast.stmt]) -> Iterator[Callable[[], None]]:
    for suite in _suites(body):
        for position, statement in enumerate(suite):
            if len(suite) > 1 or suite is body:
                yield partial(suite.__delitem__, position)
            for inner in _own_suites(statement):
                yield partial(suite.__setitem__, slice(position, position + 1), inner)
    for node in ast.walk(ast.Module(body, [])):
        for field, value in ast.iter_fields(node):
            for part in ast.iter_child_nodes(value) if isinstance(value, ast.expr) else ():
                if isinstance(part, ast.expr) and not isinstance(getattr(value, "ctx", None), ast.Store | ast.Del):
                    yield partial(setattr, node, field, part)


def _suites(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    yield body
    for statement in body:
        for suite in _own_suites(statement):
            yield from _suites(suite)


def _own_suites(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    parts = [statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]
    for part in parts:
        for name in ("body", "orelse", "finalbody"):
            suite = getattr(part, name, None)
            if isinstance(suite, list) and suite:
                yield suite


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--all", action="store_true", help="go on after a difference")
    parser.add_argument("--new-processes", action="store_true", help="also with a new OS process for each transition")
    options = parser.parse_args()
    warnings.simplefilter("ignore", SyntaxWarning)
    with Interpreters() if options.new_processes else nullcontext() as interpreters:
        counts = counted(range(options.seed, options.seed + options.count), interpreters, go_on=options.all)
    print(", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
    return 1 if counts["different"] else 0


def counted(seeds: range, interpreters: Interpreters | None, *, go_on: bool) -> Counter[str]:
    """How many programs ended in which word; differences are printed as they are found."""
    counts: Counter[str] = Counter()
    for done, seed in enumerate(seeds):
        if done and done % 500 == 0:
            print(f"{done} of {len(seeds)}", file=sys.stderr, flush=True)
        case = case_of(seed)
        found = "not python" if case is None else verdict_of(case, interpreters)
        is_different = case is not None and found not in WORDS
        counts["different" if is_different else found] += 1
        if case is not None and is_different:
            smaller_case = smallest(case, lambda c: verdict_of(c, interpreters) not in WORDS)
            print(f"--- seed {seed}, the smallest program found\n{verdict_of(smaller_case, interpreters)}", flush=True)
            if not go_on:
                break
    return counts


if __name__ == "__main__":
    sys.exit(main())
