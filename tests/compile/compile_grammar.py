"""Random programs from a small grammar of our own: what is generated is harmless, ends, and reports what it does.

Loops are bounded by what they iterate or by a counter. Names may be unbound, values may be of the wrong type: the errors that
follow are part of what is compared.
"""

from __future__ import annotations

import random

NAMES = ("a", "b", "c", "p")
ERRORS = ("ValueError", "KeyError", "TypeError")


class Grammar:
    """One program per seed. `depth` bounds the nesting; `wide` adds local functions that
    share variables, lambdas, `except*`, and awaits in comprehensions and guards. Such programs run saved: a frame that is only copied
    is not the one that its functions share."""

    def __init__(self, seed: int, depth: int = 2, *, wide: bool = False) -> None:
        self.wide = wide
        self.random = random.Random(seed)
        self.depth = depth
        self.labels = 0

    def program(self) -> str:
        """The body of `main`."""
        lines = [f"{name} = {position}" for position, name in enumerate("abc") if self.chance(0.85)]
        lines += self.body(self.depth, loop=False, handler=False)
        lines += [f"return [a, {self.expression(2)}]"] if self.chance(0.7) else []
        return "\n".join(lines)

    def script(self) -> list[object]:
        """What the awaits end in, over and over."""
        kinds: list[object] = [0, 1, 2, True, False, 5, None, "s", ValueError, KeyError]
        return [self.random.choice(kinds[:6] if self.chance(0.8) else kinds) for _ in range(7)]

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def label(self) -> int:
        self.labels += 1
        return self.labels

    # --- statements ------------------------------------------------------------------------------------------------

    def body(self, depth: int, *, loop: bool, handler: bool) -> list[str]:
        lines: list[str] = []
        for _ in range(self.random.randint(1, 3)):
            lines += self.statement(depth, loop=loop, handler=handler)
        return lines

    def statement(self, depth: int, *, loop: bool, handler: bool) -> list[str]:
        simple = [self.assign, self.assign, self.augment, self.report, self.unpack, self.delete, self.seen]
        simple += [self.bind] if self.wide else []
        if depth <= 0 or self.chance(0.45):
            if self.chance(0.16):
                return [self.jump(loop, handler)]
            return [self.random.choice(simple)()]
        compound = [self.if_, self.while_, self.for_, self.try_, self.try_, self.with_, self.match_]
        compound += [self.closure, self.try_star] if self.wide else []
        return self.random.choice(compound)(depth - 1, loop, handler)

    def assign(self) -> str:
        return f"{self.name()} = {self.expression(2)}"

    def unpack(self) -> str:
        return f"{self.name()}, {self.name()} = {self.expression(1)}, {self.expression(1)}"

    def augment(self) -> str:
        return f"{self.name()} += {self.number(1)}"

    def report(self) -> str:
        return f"trace({self.expression(2)})"

    def seen(self) -> str:
        return "seen()"

    def delete(self) -> str:
        return f"del {self.name()}" if self.chance(0.3) else self.report()

    def jump(self, loop: bool, handler: bool) -> str:
        jumps = [f"return {self.expression(1)}", f"raise {self.random.choice(ERRORS)}({self.label()})"]
        jumps += ["break", "continue", "break", "continue"] if loop else []
        jumps += ["raise", "raise KeyError('from') from None", f"raise TypeError from {self.name()}"] if handler else []
        return self.random.choice(jumps)

    def bind(self) -> str:
        """A lambda that is called later, or now."""
        return f"g = lambda: {self.name()}" if self.chance(0.5) else "trace(g())"

    def closure(self, depth: int, loop: bool, handler: bool) -> list[str]:
        """A local function that shares a variable, and is called after what comes between."""
        name = f"f{self.label()}"
        lines = [f"def {name}(x={self.expression(1)}):", f"    nonlocal {self.name()}"]
        shared = lines[-1].split()[-1]
        lines += [f"    {shared} = (x, {self.name()})", f"    return {shared}"]
        return [*lines, *self.body(depth - 1, loop=loop, handler=handler), f"trace({name}())"]

    def try_star(self, depth: int, loop: bool, handler: bool) -> list[str]:
        """No clause may jump, so each is a few simple statements."""
        group = f"ExceptionGroup('g', [ValueError({self.label()}), KeyError({self.label()})])"
        lines = ["try:", *indent(self.body(depth - 1, loop=loop, handler=handler))]
        lines += [f"    raise {group}"] if self.chance(0.7) else []
        for kind in self.random.sample(("ValueError", "KeyError", "(TypeError, KeyError)"), self.random.randint(1, 2)):
            name = self.random.choice(("", " as e", " as a"))
            lines += [f"except* {kind}{name}:", *indent([self.assign(), self.report(), self.seen()])]
            lines += ["    raise"] if self.chance(0.2) else []
        if self.chance(0.4):
            lines += ["finally:", *indent(self.body(depth - 1, loop=loop, handler=handler))]
        return lines

    def if_(self, depth: int, loop: bool, handler: bool) -> list[str]:
        lines = [f"if {self.expression(2)}:", *indent(self.body(depth, loop=loop, handler=handler))]
        if self.chance(0.3):
            lines += [f"elif {self.expression(1)}:", *indent(self.body(depth, loop=loop, handler=handler))]
        if self.chance(0.5):
            lines += ["else:", *indent(self.body(depth, loop=loop, handler=handler))]
        return lines

    def while_(self, depth: int, loop: bool, handler: bool) -> list[str]:
        counter = f"n{self.label()}"
        test = f"{counter} < 3" + (f" and {self.expression(1)}" if self.chance(0.4) else "")
        lines = [f"{counter} = 0", f"while {test}:", f"    {counter} += 1"]
        lines += indent(self.body(depth, loop=True, handler=handler))
        if self.chance(0.4):
            lines += ["else:", *indent(self.body(depth, loop=loop, handler=handler))]
        return lines

    def for_(self, depth: int, loop: bool, handler: bool) -> list[str]:
        items = self.random.choice(
            ("range(3)", "[1, await op('it'), 3]", "{'x': 1, 'y': 2}", "enumerate('ab')", "(5, 6)")
        )
        lines = [f"for {self.name()} in {items}:", *indent(self.body(depth, loop=True, handler=handler))]
        if self.chance(0.4):
            lines += ["else:", *indent(self.body(depth, loop=loop, handler=handler))]
        return lines

    def try_(self, depth: int, loop: bool, handler: bool) -> list[str]:
        lines = ["try:", *indent(self.body(depth, loop=loop, handler=handler))]
        handlers = self.random.randint(0, 2)
        for _ in range(handlers):
            name = f" as {self.random.choice(('e', 'e', 'a'))}" if self.chance(0.5) else ""
            kind = self.random.choice((*ERRORS, "Exception", "(KeyError, ValueError)"))
            lines += [f"except {kind}{name}:", *indent(self.body(depth, loop=loop, handler=True))]
        if handlers and self.chance(0.3):
            lines += ["else:", *indent(self.body(depth, loop=loop, handler=handler))]
        if not handlers or self.chance(0.5):
            lines += ["finally:", *indent(self.body(depth, loop=loop, handler=handler))]
        return lines

    def with_(self, depth: int, loop: bool, handler: bool) -> list[str]:
        label = self.label()
        swallow = self.random.choice(("True", "False", "False"))
        fail = self.random.choice(("''", "''", "''", "''", "'enter'", "'exit'"))
        target = f" as {self.name()}" if self.chance(0.6) else ""
        head = f"with Manager({label}, swallow={swallow}, fail={fail}){target}:"
        if self.chance(0.2):
            head = f"with Manager({label}), Manager({self.expression(1)}, swallow={swallow}){target}:"
        return [head, *indent(self.body(depth, loop=loop, handler=handler))]

    def match_(self, depth: int, loop: bool, handler: bool) -> list[str]:
        lines = [f"match {self.expression(1)}:"]
        patterns = ["1", "0 | None", f"[{self.name()}, *_]", f"{{'k': {self.name()}}}", f"int({self.name()})", "str()"]
        for pattern in self.random.sample(patterns, self.random.randint(1, 3)):
            guard = f" if {self.expression(1) if self.wide else f'trace({self.name()})'}" if self.chance(0.3) else ""
            lines += [f"    case {pattern}{guard}:", *indent(indent(self.body(depth, loop=loop, handler=handler)))]
        if self.chance(0.5):
            lines += ["    case _:", *indent(indent(self.body(depth, loop=loop, handler=handler)))]
        return lines

    # --- expressions -----------------------------------------------------------------------------------------------

    def name(self) -> str:
        return self.random.choice(NAMES)

    def expression(self, depth: int) -> str:
        if depth <= 0:
            return self.leaf()
        return self.random.choice(
            (
                self.leaf,
                self.awaited,
                lambda: f"trace({self.expression(depth - 1)})",
                lambda: self.binary(depth - 1),
                lambda: self.boolean(depth - 1),
                lambda: self.ternary(depth - 1),
                lambda: self.comparison(depth - 1),
                lambda: self.display(depth - 1),
                lambda: self.formatted(depth - 1),
                lambda: f"(not {self.expression(depth - 1)})",
                lambda: f"({self.name()} := {self.expression(depth - 1)})",
                lambda: self.call(depth - 1),
                lambda: self.subscript(depth - 1),
                lambda: f"[({self.name()}, x) for x in [1, {self.expression(depth - 1)}]]",
                *((lambda: self.comprehension(depth - 1),) if self.wide else ()),
            )
        )()

    def leaf(self) -> str:
        choices = (
            self.name(),
            str(self.random.randint(0, 3)),
            str(self.random.randint(0, 3)),
            self.awaited(),
            self.truth(),
        )
        return self.random.choice(choices)

    def awaited(self) -> str:
        argument = self.name() if self.chance(0.3) else str(self.label())
        return f"(await op({argument}))"

    def truth(self) -> str:
        return f"Truth({self.label()}, {self.random.choice((True, False))})"

    def binary(self, depth: int) -> str:
        operator = self.random.choice(("+", "*", "-"))
        return f"({self.number(depth)} {operator} {self.number(depth)})"

    def number(self, depth: int) -> str:
        """Mostly a number; an operand of the wrong type ends most programs."""
        if self.chance(0.2):
            return self.expression(depth)
        return self.random.choice(
            (self.name(), str(self.random.randint(0, 3)), self.awaited(), f"(await op({self.label()}))")
        )

    def boolean(self, depth: int) -> str:
        parts = [self.expression(depth) for _ in range(self.random.randint(2, 3))]
        joined = parts[0]
        for part in parts[1:]:
            joined = f"{joined} {self.random.choice(('and', 'or'))} {part}"
        return f"({joined})"

    def ternary(self, depth: int) -> str:
        return f"({self.expression(depth)} if {self.expression(depth)} else {self.expression(depth)})"

    def comparison(self, depth: int) -> str:
        parts = [self.expression(depth) for _ in range(self.random.randint(2, 4))]
        joined = parts[0]
        for part in parts[1:]:
            joined += (
                f" {self.random.choice(('!=', '==', '!=', 'is not', '<'))} {part if self.chance(0.8) else '(1, 2)'}"
            )
        return f"({joined})"

    def display(self, depth: int) -> str:
        one, two = self.expression(depth), self.expression(depth)
        return self.random.choice(
            (f"[{one}, {two}]", f"({one}, {two})", f"{{'k': {one}, 'l': {two}}}", f"[*[{one}], {two}]")
        )

    def comprehension(self, depth: int) -> str:
        """One whose parts may suspend."""
        one, two = self.expression(depth), self.expression(depth)
        return self.random.choice(
            (
                f"[(x, {one}) for x in (1, 2)]",
                f"[x for x in (0, 1, 2) if {one}]",
                f"{{x: {one} for x in ('k', 'l')}}",
                f"[(x, y) for x in (1, 2) for y in [x, {two}]]",
            )
        )

    def formatted(self, depth: int) -> str:
        # Inner quotes must differ on Python 3.11.
        inner = [self.expression(depth - 1).replace("'", "").replace('"', "") for _ in range(2)]
        return 'f"{' + inner[0] + "} {" + inner[1] + '!r}"'

    def call(self, depth: int) -> str:
        one, two = self.expression(depth), self.expression(depth)
        return self.random.choice((f"trace(*[{one}])", f"dict(x={one}, **{{'y': {two}}})", f"[{one}].count({two})"))

    def subscript(self, depth: int) -> str:
        return f"{{0: 5, 1: 6, 2: 7, True: 8}}[{self.number(depth)}]"


def indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
