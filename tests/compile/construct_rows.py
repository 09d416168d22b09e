"""The rows of docs/constructs.md, and the programs in `samples/` that show each."""

from __future__ import annotations

ROWS: dict[str, tuple[str, ...]] = {
    "store to a subscript or attribute": (
        "assignment evaluates the right side first",
        "chained assignment, augmented assignment and del with awaits",
    ),
    "augmented assignment": (
        "augmented assignment takes the old value first",
        "augmented assignment to a global of the module",
    ),
    "call": (
        "callee first, then positionals, then keywords",
        "a method is fetched before its arguments",
        "star arguments are consumed at their turn",
        "star arguments with awaits before, between and after",
    ),
    "attribute, subscript, slice": ("attribute, subscript and slice",),
    "comparison chain": ("comparison chains",),
    "`and`, `or`, `not`, ternary": (
        "truth is tested once",
        "ternaries",
        "truth of ternaries around awaits",
    ),
    "f-string, format specification, `{x=}`": (
        "f-strings format each field before the next",
        "fields, specifications and self-documenting fields",
        "self-documenting fields with quotes",
    ),
    "displays": ("displays",),
    "walrus": (
        "walrus",
        "a comprehension's variables do not leak, a walrus does",
    ),
    "comprehension": (
        "a comprehension around an await",
        "dict and set comprehensions with awaits on both sides",
        "comprehensions in comprehensions",
        "one name in every scope of a comprehension",
        "a lambda sees a variable of a comprehension around an await",
    ),
    "generator expression with await, `yield`": (
        "await in a generator expression",
        "yield",
    ),
    "lambda and inner `def`": (
        "lambdas and local functions see variables as they are when called",
        "heads of local functions, lambdas and classes",
    ),
    "`assert`": ("assert",),
    "starred and nested targets": (
        "unpacking into targets that await",
        "bare tuples",
    ),
    "`del`": (
        "deleted locals",
        "chained assignment, augmented assignment and del with awaits",
    ),
    "`return` in `try`": (
        "the return value waits for finally",
        "finally overrides",
        "finally swallows by return",
    ),
    "`raise X from Y`": (
        "raise from",
        "raise with an awaited cause",
    ),
    "loops with `else`": (
        "while with else",
        "break in else belongs to the outer loop",
        "a loop target that awaits",
    ),
    "`for` over what Python iterates": (
        "for over what Python iterates",
        "for over iterators of itertools",
        "a dict changed in its own loop",
        "a set changed in its own loop",
    ),
    "`async for`": (
        "async with and async for over durable objects",
        "StopAsyncIteration in the body does not end the loop",
    ),
    "`with`, `async with`, several items": (
        "with around awaits",
        "with is left by jumps",
        "with: entering, leaving and swallowing fail",
        "with and annotated targets that await",
    ),
    "`try`": (
        "try, except, else, finally",
        "nested finallys with returns from inside a loop",
    ),
    "`except (await T())`": ("exception types are awaited lazily, in order",),
    "`except*`": (
        "except* splits, re-raises and collects",
        "except* around a naked exception",
        "except* nested, with awaits in its clauses",
        "except* that raises one new exception",
        "except* unbinds its name",
    ),
    "exceptions being handled": (
        "what is being handled",
        "bare raise after an await",
    ),
    "StopIteration leaving a durable function": ("StopIteration becomes RuntimeError",),
    "`match`": (
        "match: captures, guards, every pattern",
        "guards await in order",
        "patterns and guards that await",
        "guards that await in a loop, and jumps out of cases",
    ),
    "nested class": (
        "a class body between awaits",
        "a local class alive across an await",
    ),
    "recursion, inheritance": (
        "functions call each other, and themselves",
        "inheritance and super",
    ),
    "private names, `super()`": ("private names",),
    "conditional and local imports, `global`": (
        "local classes and imports",
        "augmented assignment to a global of the module",
    ),
    "`locals()`, `eval`, `exec`, frames": ("locals, eval, exec, vars and dir of the frame",),
    "annotated assignment": (
        "annotations of locals are not evaluated",
        "an annotated target",
    ),
    "class methods": (
        "durable class methods",
        "static durable methods",
    ),
}
