"""Random programs with functions, lambdas and async functions inside of functions, by seed; a grammar of our own.

They bind, read, delete and share variables at every depth, keep functions in lists and fields, and call them later. Calls are
counted, so that recursion ends; errors are part of what is compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable

HEAD = '''
from runtime_client import Process
from scripted import op
import scripted

calls = 0

def run(f, *values):
    """Call what can be called, a bounded number of times."""
    global calls
    calls += 1
    if calls > 2000:
        raise KeyError("too many calls")
    if not callable(f):
        return f
    try:
        return f(*values)
    except RecursionError:
        return "deep"

def plain(value, depth=0):
    if isinstance(value, list) and depth < 6:
        return [plain(v, depth + 1) for v in value]
    return type(value).__name__ if callable(value) else value

def trace(value):
    scripted.trace(plain(value))
    return value

class Program(Process):
    async def main(self, p=1):
'''


class ClosureGrammar:
    """One program per seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.functions = 0

    def program(self) -> str:
        lines = ["kept = []", "a = 1"]
        lines += [f"{name} = {value}" for name, value in (("b", 2), ("c", 3)) if self.chance(0.85)]
        lines += self.body(["a", "b", "c", "p"], 3, is_async=True, count=6)
        lines += ["await op('end')", "return plain([a, p, [run(f) for f in kept]])"]
        # Every name is a local of main, whatever was generated.
        lines += ["b = c = None"]
        return HEAD + "".join(f"        {line}\n" for line in lines)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def name(self, names: list[str]) -> str:
        return self.random.choice(names)

    # --- expressions -----------------------------------------------------------------------------------------------

    def number(self, names: list[str]) -> str:
        return self.random.choice((self.name(names), str(self.random.randint(0, 5))))

    def expression(self, names: list[str], depth: int, *, is_async: bool = False, is_lambda: bool = False) -> str:
        if depth <= 0:
            return self.number(names)

        def inner() -> str:
            return self.expression(names, depth - 1, is_async=is_async, is_lambda=is_lambda)

        choices: list[Callable[[], str]] = [
            lambda: self.name(names),
            lambda: f"({self.number(names)} + {self.number(names)})",
            lambda: f"[{inner()}, {inner()}]",
            lambda: f"trace({inner()})",
            lambda: self.function(names, depth - 1),
            lambda: self.function(names, depth - 1),
            lambda: f"[{self.function([*names, 'i'], depth - 1)} for i in range(2)]",
            lambda: f"run({self.name(names)}, {inner()})",
            lambda: f"run({self.name(names)})",
        ]
        if not is_lambda:
            choices.append(lambda: f"({self.name(names)} := {inner()})")
        if is_async:
            choices += [
                lambda: f"(await op(plain({self.name(names)})))",
                lambda: f"run({self.name(names)}, await op(1))",
            ]
        return self.random.choice(choices)()

    def function(self, names: list[str], depth: int) -> str:
        parameter = self.random.choice("vw")
        heads = (": ", f" {parameter}=1: ", f" {parameter}={self.name(names)}: ", f" *{parameter}: ")
        head = self.random.choice(heads)
        inside = names if head == ": " else [*names, parameter]
        return f"(lambda{head}{self.expression(inside, depth, is_lambda=True)})"

    # --- statements ------------------------------------------------------------------------------------------------

    def body(self, names: list[str], depth: int, *, is_async: bool, count: int | None = None) -> list[str]:
        lines: list[str] = []
        for _ in range(count or self.random.randint(1, 4)):
            lines += self.statement(names, depth, is_async=is_async)
        return lines

    def statement(self, names: list[str], depth: int, *, is_async: bool) -> list[str]:
        if depth <= 0 or self.chance(0.45):
            simple = [self.simple(names, is_async=is_async)]
            return guarded(simple) if self.chance(0.9) else simple
        inner = indent(self.body(names, depth - 1, is_async=is_async))
        match self.random.randint(0, 5):
            case 0:
                return [f"for {self.name(names)} in range(2):", *inner]
            case 1:
                test = self.expression(names, 1, is_async=is_async)
                return [f"if {test}:", *inner, "else:", *indent(self.body(names, depth - 1, is_async=is_async))]
            case 2:
                name = self.random.choice(("e", self.name(names)))
                handler = indent(self.body([*names, "e"], depth - 1, is_async=is_async, count=1))
                return ["try:", *inner, f"except (TypeError, NameError) as {name}:", *handler]
            case _:
                return self.definition(names, depth - 1, is_async=is_async)

    def simple(self, names: list[str], *, is_async: bool) -> str:
        value = self.expression(names, 2, is_async=is_async)
        choices = (
            f"{self.name(names)} = {value}",
            f"{self.name(names)} = {value}",
            f"{self.name(names)} += {self.number(names)}",
            f"trace({value})",
            f"kept.append({self.function(names, 2)})",
            "trace([run(f) for f in kept])",
            f"self.field = {value}",
            "trace(run(self.field))",
            f"del {self.name(names)}",
        )
        return self.random.choice(choices)

    def definition(self, names: list[str], depth: int, *, is_async: bool) -> list[str]:
        """A function, sync or not, with variables of its own and some of those around it; kept, and mostly called."""
        self.functions += 1
        name = f"f{self.functions}"
        is_async_itself = is_async and self.chance(0.4)
        own = self.random.sample(["x", "y"], self.random.randint(0, 2))
        shared = [n for n in dict.fromkeys(names) if n not in (*own, "e", "v", "w", "i") and self.chance(0.5)]
        seen = [n for n in names if n not in own]
        lines = [f"nonlocal {', '.join(shared)}"] if shared else []
        lines += [f"{n} = {self.random.randint(0, 9)}" for n in own]
        if own or shared:
            lines += self.body([*own, *shared], depth, is_async=is_async_itself)
        lines.append(f"return [{self.expression([*own, *seen], 2, is_lambda=True)}, {self.name([*own, *seen])}]")
        parameter = self.random.choice(("", "m=1", f"m={self.name(names)}"))
        head = f"{'async ' if is_async_itself else ''}def {name}({parameter}):"
        call = f"trace(await {name}())" if is_async_itself else f"trace(run({name}))"
        after = [] if is_async_itself else [f"{self.name(names)} = {name}"]
        after += guarded([call]) if self.chance(0.8) else []
        return [head, *indent(lines), *after, *(["await op('z')"] if is_async else [])]


def guarded(lines: list[str]) -> list[str]:
    return ["try:", *indent(lines), "except Exception as err:", "    trace(repr(err))"]


def indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
