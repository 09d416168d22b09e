"""Every way of leaving every part of a statement, with and without awaits, as written, compiled, and saved at every suspension.

The first tests have one `try`, or jumps that meet in one. The matrix (`jump_matrix.py`, `jump_programs.py`) has one statement inside every
part of another, lets each await fail in turn, and compares lines of tracebacks: a sample by default, all of it with `slow`.
"""

from __future__ import annotations

import itertools
import os

import jump_matrix
import pytest
from compile_harness import compare, program
from jump_matrix import Found
from jump_programs import COUNT, Case, case, deeper_case

JUMPS = {
    "fall": "trace('fell')",
    "return": "return 'returned'",
    "break": "break",
    "continue": "continue",
    "raise": "raise ValueError(i)",
}
PARTS = ("body", "handler", "orelse", "final")


def suite(part: str, jump: str, *, awaits: bool, indent: str) -> str:
    """One part of the `try`: report, perhaps await, perhaps leave."""
    lines = [f"trace('{part}')", "seen()"]
    if awaits:
        lines += [f"x = await op('{part}', i)", "seen()"]
    lines.append(f"if i == 1: {JUMPS[jump]}" if jump != "fall" else JUMPS[jump])
    return "".join(f"{indent}{line}\n" for line in lines)


def try_program(jumps: dict[str, str], awaits: set[str], *, inner_raise: bool) -> str:
    """A `try` of four parts inside a loop inside another `try`, which shows what gets out."""
    raised = "        if i != 2: raise KeyError(i)\n" if inner_raise else ""
    return program(
        "x = None\n"
        "try:\n"
        "  for i in range(3):\n"
        "    trace(('turn', i, x))\n"
        "    try:\n"
        + suite("body", jumps["body"], awaits="body" in awaits, indent="        ")
        + raised
        + "    except KeyError as e:\n"
        + suite("handler", jumps["handler"], awaits="handler" in awaits, indent="        ")
        + "    else:\n"
        + suite("orelse", jumps["orelse"], awaits="orelse" in awaits, indent="        ")
        + "    finally:\n"
        + suite("final", jumps["final"], awaits="final" in awaits, indent="        ")
        + "    trace('after')\n"
        "  else:\n"
        "    trace('exhausted')\n"
        "except ValueError as error:\n"
        "  await op('caught', str(error))\n"
        "  seen()\n"
        "return ('end', x)"
    )


SINGLE = [(part, jump) for part in PARTS for jump in JUMPS]
AWAITS = [frozenset(c) for n in (1, 4) for c in itertools.combinations(PARTS, n)]


@pytest.mark.parametrize("awaits", AWAITS, ids=lambda a: "+".join(sorted(a)))
@pytest.mark.parametrize(("part", "jump"), SINGLE, ids=lambda p: str(p))
def test_one_part_is_left_by_every_jump(part: str, jump: str, awaits: frozenset[str]) -> None:
    jumps = dict.fromkeys(PARTS, "fall") | {part: jump}
    source = try_program(jumps, set(awaits), inner_raise=part in ("handler", "final"))
    compare(source, [1, 2, 3])
    if awaits:
        compare(source, [KeyError, 1, ValueError, 2, 3], compiled_once=True)


PAIRS = list(itertools.product(("return", "break", "continue", "raise"), repeat=2))


@pytest.mark.parametrize(("first", "last"), PAIRS, ids=lambda p: str(p))
def test_a_jump_in_finally_overrides_the_one_on_its_way(first: str, last: str) -> None:
    for part in ("body", "handler"):
        jumps = dict.fromkeys(PARTS, "fall") | {part: first, "final": last}
        compare(try_program(jumps, {part, "final"}, inner_raise=part == "handler"), [1, 2, 3, 4])


@pytest.mark.parametrize("jump", JUMPS)
def test_jumps_pass_two_finallys_and_a_handler(jump: str) -> None:
    body = (
        "for i in range(3):\n"
        "    try:\n"
        "        raise LookupError('outer')\n"
        "    except LookupError as outer:\n"
        "        try:\n"
        "            try:\n"
        "                await op('in', i)\n"
        f"                if i == 1: {JUMPS[jump]}\n"
        "            finally:\n"
        "                seen()\n"
        "                await op('first', i)\n"
        "                seen()\n"
        "        finally:\n"
        "            await op('second', str(outer))\n"
        "            seen()\n"
        "    finally:\n"
        "        seen()\n"
        "else:\n"
        "    trace('exhausted')\n"
        "return 'end'"
    )
    compare(program(body), [1, 2, 3])
    compare(program(body), [1, KeyError, 3, 4, ValueError], compiled_once=True)


STRIDE = 373
"""One in so many programs of the matrix is run by default. It has no divisor in common with the number of inner levels, so that
these differ from program to program."""


def check_all(cases: list[Case]) -> Found:
    found = Found()
    for one in jump_matrix.check_all(cases, os.cpu_count() or 1):
        found += one
    assert not found.differences, "\n".join(text for _, text in found.differences[:3])
    print(f"{found.programs} programs, {found.runs} runs in each world")
    return found


without_syntax_warnings = pytest.mark.filterwarnings("ignore::SyntaxWarning")
"""From Python 3.14 on: jumps in `finally`."""


@without_syntax_warnings
@pytest.mark.parametrize("group", list(jump_matrix.groups(range(0, COUNT, STRIDE))), ids=lambda g: f"from-{g[0]}")
def test_programs_of_the_matrix_do_the_same(group: range) -> None:
    found = jump_matrix.check([case(number) for number in group])
    assert not found.differences, found.differences[0][1]
    assert found.runs > 5 * found.programs


@without_syntax_warnings
def test_programs_of_three_levels_do_the_same() -> None:
    found = jump_matrix.check([deeper_case(seed) for seed in range(10)])
    assert not found.differences, found.differences[0][1]


@pytest.mark.slow
def test_the_whole_matrix_does_the_same() -> None:
    assert check_all([case(number) for number in range(COUNT)]).programs == COUNT


@pytest.mark.slow
def test_more_programs_of_three_levels_do_the_same() -> None:
    check_all([deeper_case(seed) for seed in range(5000)])
