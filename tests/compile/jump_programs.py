"""The programs of the jump matrix: every way of leaving every part of a statement, nested in every part of another.

Knows the text of programs, and nothing of how they are run. A level is a `try` with all its parts, or a `with`; one of its parts
ends in a jump, and awaits before or does not. A program is one level inside a part of another, in a loop of two turns.
`case(number)` is a program by its number: the numbers below `COUNT` are the whole product, once each.

What is no dimension of its own is drawn by the number: see `Choices`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product

JUMPS = ("fall", "return", "break", "continue", "raise", "raise from", "raise again")
TRY_PARTS = ("try", "except", "else", "finally")
MANAGERS = {
    "with": ("with", "Manager", "passes"),
    "with that swallows": ("with", "Manager", "swallows"),
    "with that fails": ("with", "Manager", "fails"),
    "async with": ("async with", "AsyncManager", "passes"),
    "async with that swallows": ("async with", "AsyncManager", "swallows"),
}
"""The kinds of `with`: its keyword, its manager, and what the manager does at its exit."""


@dataclass(frozen=True, slots=True)
class Level:
    """One statement. `part`: where the jump is; `awaits`: whether that part does; `place`: where the inner level is, if there is one."""

    kind: str
    part: str
    jump: str
    awaits: bool
    place: str = ""


def _levels(places: Sequence[str]) -> Iterator[Level]:
    for place, part, jump, awaits in product(places, TRY_PARTS, JUMPS, (False, True)):
        yield Level("try", part, jump, awaits, place)
    for kind, jump, awaits in product(MANAGERS, JUMPS, (False, True)):
        yield Level(kind, kind, jump, awaits, kind if places != ("",) else "")


INNER = tuple(_levels(("",)))
OUTER = tuple(_levels(TRY_PARTS))
COUNT = len(INNER) * len(OUTER)


class Between(Enum):
    """What is between two levels."""

    NOTHING = "nothing"
    LOOP = "loop"
    FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Choices:
    """What is drawn.

    awaits_elsewhere: parts without a jump await too. is_guarded: jumps are made in the first turn only. is_sheltered: all of it
    stands in a `try` that catches what gets out, and `raises_again` or goes on. is_caught: what jumps raise is what
    handlers of the programs take. names_error: handlers say which error they raise again. has_two_managers: each `with`
    has a second manager. calls: awaits, raises and what is returned go through a function.
    """

    awaits_elsewhere: bool
    is_guarded: bool
    is_sheltered: bool
    raises_again: bool
    is_caught: bool
    names_error: bool
    has_two_managers: bool
    calls: bool
    between: Between


def _choices(number: int) -> Choices:
    chance = random.Random(number)
    half = [chance.random() < 0.5 for _ in range(8)]
    return Choices(*half, between=chance.choice((Between.NOTHING, Between.NOTHING, Between.LOOP, Between.FUNCTION)))


@dataclass(frozen=True, slots=True)
class Case:
    """One program, by its number. Its levels from the outermost to the innermost."""

    number: int
    levels: tuple[Level, ...]
    choices: Choices

    @property
    def name(self) -> str:
        return f"case_{self.number}"


def case(number: int) -> Case:
    """A program of the product."""
    outer, inner = divmod(number, len(INNER))
    return Case(number, (OUTER[outer], INNER[inner]), _choices(number))


def deeper_case(seed: int) -> Case:
    """A program of three levels, by chance."""
    chance = random.Random(f"deeper {seed}")
    levels = (chance.choice(OUTER), chance.choice(OUTER), chance.choice(INNER))
    return Case(seed, levels, _choices(chance.getrandbits(32)))


HEAD = """from jump_words import note, op, seen, shown
from runtime_client import Process, durable


def fail(error):
    raise error


@durable
async def step(where):
    return await op(where)


class Manager:
    def __init__(self, name, way):
        self.name = name
        self.way = way

    def __enter__(self):
        note("enter", self.name)
        return self.name

    def __exit__(self, kind, error, traceback):
        shown("exit", self.name, error)
        seen()
        if self.way == "fails":
            raise ArithmeticError("exit")
        return self.way == "swallows"


class AsyncManager:
    def __init__(self, name, way):
        self.name = name
        self.way = way

    @durable
    async def __aenter__(self):
        await op("enter", self.name)
        return self.name

    @durable
    async def __aexit__(self, kind, error, traceback):
        shown("exit", self.name, error)
        seen()
        await op("exit", self.name)
        seen()
        return self.way == "swallows"


class Program(Process):
"""


def module(cases: Iterable[Case]) -> str:
    """A module whose process has a durable function for each program."""
    return HEAD + "\n".join("".join(f"    {line}\n" for line in _function(case)) for case in cases)


Lines = list[str]


def _function(case: Case) -> Lines:
    body = ["for turn in range(2):", *_indented(["note('turn', turn)", *_level(case, 0), "note('after')"])]
    body += ["else:", *_indented(["note('exhausted')"])]
    if case.choices.is_sheltered:
        body = ["try:", *_indented(body), "except Exception as caught:", *_indented(_shelter(case))]
    body = ["kept = None", *body, "await op('end')", "seen()", "return 'end', kept"]
    lines = [f"async def {case.name}(self):", *_indented(body)]
    if case.choices.between is Between.FUNCTION:
        for depth in range(1, len(case.levels)):
            lines += _called(case, depth)
    return lines


def _called(case: Case, depth: int) -> Lines:
    """A level in a function of its own."""
    loop = ["for again in range(2):", *_indented([*_level(case, depth), "seen()"])]
    body = ["kept = 'called'", *loop, "return 'ended', kept"]
    return ["", f"async def {case.name}_{depth}(self, turn):", *_indented(body)]


def _shelter(case: Case) -> Lines:
    return ["seen()", "await op('caught')", "seen()", "raise" if case.choices.raises_again else "kept = str(caught)"]


def _level(case: Case, depth: int) -> Lines:
    level = case.levels[depth]
    if level.kind == "try":
        lines = _try(case, depth)
    else:
        word, manager, way = MANAGERS[level.kind]
        first = f"{manager}('first {depth}', 'passes'), " if case.choices.has_two_managers else ""
        lines = [f"{word} {first}{manager}({depth}, {way!r}) as kept:", *_indented(_part(case, depth, level.part))]
    return [*lines, f"note('left {depth}', kept)", "seen()"]


def _try(case: Case, depth: int) -> Lines:
    lines: Lines = []
    for part in TRY_PARTS:
        head = f"except LookupError as error_{depth}" if part == "except" else part
        lines += [f"{head}:", *_indented(_part(case, depth, part))]
    return lines


def _part(case: Case, depth: int, part: str) -> Lines:
    """The suite of one part: it reports, holds the inner level, awaits, fails for the handler's sake, and jumps."""
    level, choices = case.levels[depth], case.choices
    where = f"{part} {depth}"
    lines = [f"note({where!r}, kept)", "seen()", f"kept = {where!r}"]
    if part == level.place:
        lines += _inside(case, depth)
    if level.awaits if part == level.part else choices.awaits_elsewhere:
        word = "step" if choices.calls else "op"
        lines += [f"note(await {word}({where!r}))", "seen()"]
    if part == "try" and "except" in (level.part, level.place):
        lines += ["if turn == 0:", f"    raise KeyError({where!r})"]
    if part == level.part and level.jump != "fall":
        jump = _jump(level, depth, choices)
        lines += ["if turn == 0:", f"    {jump}"] if choices.is_guarded else [jump]
    return lines


def _inside(case: Case, depth: int) -> Lines:
    """The next level, and what is between."""
    match case.choices.between:
        case Between.NOTHING:
            return _level(case, depth + 1)
        case Between.LOOP:
            return [f"for turn_{depth} in range(2):", *_indented(_level(case, depth + 1)), "seen()"]
        case Between.FUNCTION:
            return [f"kept = note(await self.{case.name}_{depth + 1}(turn))", "seen()"]


def _jump(level: Level, depth: int, choices: Choices) -> str:
    error = f"{'IndexError' if choices.is_caught else 'ValueError'}('{level.part} {depth}')"
    match level.jump:
        case "return":
            return "return note('returned', kept)" if choices.calls else "return kept"
        case "raise":
            return f"fail({error})" if choices.calls else f"raise {error}"
        case "raise from":
            cause = f"error_{depth}" if level.part == "except" else "KeyError('cause')"
            return f"raise {error} from {cause}"
        case "raise again":
            return f"raise error_{depth}" if choices.names_error and level.part == "except" else "raise"
        case _:
            return level.jump


def _indented(lines: Lines) -> Lines:
    return [f"    {line}" for line in lines]
