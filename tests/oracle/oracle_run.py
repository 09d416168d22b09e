"""One test method, three times: as it is; rewritten, as a plain coroutine; rewritten and compiled, by the engine's driver.

The first two are to agree, or the rewriting changes what the method means and the method is no evidence. The last two are to
agree in everything: what the test ended in, and the sequence of awaits with their values.

A rewritten method is executed in the namespace of its test module, in a subclass of the test case by the same name: so its
globals, its `super()`, its private names and its qualified name are what they were.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import functools
import gc
import random
import types
import unittest
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import oracle_words
from libcst import ParserSyntaxError
from oracle_cases import Installed, Method
from oracle_rewrite import Place, rewrite

from runtime_client._frame import Frame, Outcome
from runtime_client._source import relocated
from runtime_client._trampoline import Stack, run_to_suspension
from slct_compile import _pipeline
from slct_compile._index import Index, read_module
from slct_compile._pipeline import compile_module
from slct_compile.diagnostics import Severity, render

WORDS = (
    "from runtime_client import durable as slct_durable\nfrom oracle_words import slct_bridge, slct_same, slct_step\n"
)

REFUSAL = "expression of durable code"
"""What the engine says to an author's `await` of a coroutine, future or the like that is not durable."""

RUNS_AGAIN = 3

ORDER = (Place.DEFINITIONS, Place.HEADS, Place.HANDLERS, Place.COMPREHENSIONS, Place.FIELDS)
LESS = tuple(frozenset(ORDER[:count]) for count in range(len(ORDER) + 1))
"""What is left out, in turn, when a method is refused or cannot be written."""


@dataclass(slots=True)
class Verdict:
    """What became of one method in one mode.

    kind: "passed" (all agree), "differing" (compiled against coroutine), "changed" (coroutine against the method as it is),
      "refused" (by `codes`), or "unfit" (cannot be written, or waits for an event loop).
    refused: the codes of what was refused with all operands.
    """

    kind: str
    codes: list[str] = field(default_factory=list)
    detail: str = ""
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ended:
    """What unittest was told, in order; and the awaits. A run that suspends too often is cut off and ends in nothing."""

    events: tuple[Any, ...]
    trace: tuple[Any, ...] = ()
    refused: str = field(default="", compare=False)
    """What a local held across a suspension that storage would have refused there."""

    @property
    def is_cut(self) -> bool:
        return len(self.trace) >= oracle_words.SUSPENSIONS_MAX


class Recorder(unittest.TestResult):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.events.append("success")

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.events.append(("error", shown(err[1])))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.events.append(("failure", shown(err[1])))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.events.append(("skip", reason))

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.events.append(("expected failure", shown(err[1])))

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self.events.append("unexpected success")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.events.append(("subtest", subtest._subDescription(), shown(err[1])))


def shown(error: BaseException | None, depth: int = 0) -> Any:
    """An exception with what it hangs on; addresses are not compared."""
    if error is None or depth > 6:
        return None
    try:
        text = oracle_words.ADDRESS.sub("0x", str(error))
    except Exception as failed:
        text = f"no text: {type(failed).__name__}"
    return (
        type(error).__name__,
        text,
        shown(error.__cause__, depth + 1),
        shown(error.__context__, depth + 1),
        error.__suppress_context__,
    )


def judge(tests: Installed, method: Method, *, operands: bool) -> Verdict:
    """Run a method three times and compare."""
    native = run_native(method)
    if _skipped(native):
        return Verdict("skipped", detail=str(native.events))
    codes: list[str] = []
    detail = ""
    for without in LESS if operands else LESS[:2]:
        left_out = sorted(p.value for p in without)
        try:
            source = source_of(tests, method, operands, without)
            compile(source, "program.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            detail = detail or f"cannot be written: {error}"
            continue
        try:
            output = compile_source(source)
        except ParserSyntaxError as error:
            # `slct-compile` says so as SLC001: libcst does not know all of Python.
            codes, detail = codes or ["SLC001"], detail or str(error)
            continue
        errors = [d for d in output.diagnostics if d.severity is Severity.ERROR]  # warnings refuse nothing
        if errors:
            codes = codes or sorted({d.code for d in errors})
            detail = detail or "\n".join(render(d, source) for d in errors)
            continue
        runs = (
            functools.partial(_run_as_coroutine, tests, method, source),
            functools.partial(run_rewritten, tests, method, loaded(source, output), drive_frames),
        )
        direct = runs[0]()
        if "NeedsALoop" in str(direct.events):
            return Verdict("unfit", detail="waits for an event loop")
        if not direct.is_cut and direct.events != native.events:
            return Verdict("changed", codes, f"as it is {native.events}\nrewritten {direct.events}\n{source}", left_out)
        compiled = runs[1]()
        try:
            does_agree = _agree(direct, compiled) or _agree_but_for_chance(direct, compiled, runs)
        except _ByChance:
            return Verdict("unfit", codes, "does not do the same each time", left_out)
        if not does_agree:
            if REFUSAL in str(compiled.events):
                return Verdict("refused", ["at run time"], str(compiled.events), left_out)
            if compiled.refused:
                return Verdict("refused", ["at run time"], f"{compiled.refused} is alive across a suspension", left_out)
            return Verdict("differing", codes, explain(direct, compiled, source, output.text), left_out)
        return Verdict("passed", codes, left_out=left_out)
    return Verdict("refused" if codes else "unfit", codes, detail)


def _agree(direct: Ended, compiled: Ended) -> bool:
    if direct.is_cut and compiled.is_cut:
        return direct.trace == compiled.trace
    return direct == compiled


class _ByChance(Exception):
    """The method itself does not do the same each time, as one that looks at all objects of the interpreter."""


def _agree_but_for_chance(direct: Ended, compiled: Ended, again: Sequence[Callable[[], Ended]]) -> bool:
    """Whether all that differs are values that also differ from run to run of one side: hashes, ids, what `gc` counts.

    Raises:
      _ByChance: the coroutine does not suspend in the same places each time.
    """
    varying: set[int] = set()
    kept: list[object] = []
    first = (direct, compiled)
    for run in range(RUNS_AGAIN):
        kept += [{*range(size % 9)} for size in range(500)] + [bytearray(size) for size in range(16, 4096, 16 + run)]
        others = [_after_collection(side) for side in again]
        if _agree(*others):
            return True
        if _places(others[0]) != _places(direct):
            raise _ByChance
        for one, other in zip(first, others, strict=True):
            varying |= {i for i, (a, b) in enumerate(zip(one.trace, other.trace, strict=False)) if a != b}
    differing = {i for i, (a, b) in enumerate(zip(direct.trace, compiled.trace, strict=False)) if a != b}
    return _places(direct) == _places(compiled) and differing <= varying


def _after_collection(run: Callable[[], Ended]) -> Ended:
    gc.collect()
    return run()


def _places(ended: Ended) -> tuple[Any, ...]:
    return (ended.events, [number for number, _ in ended.trace])


def _skipped(ended: Ended) -> bool:
    return bool(ended.events) and all(isinstance(e, tuple) and e[0] == "skip" for e in ended.events)


def explain(direct: Ended, compiled: Ended, source: str, text: str) -> str:
    first = next((n for n, (a, b) in enumerate(zip(direct.trace, compiled.trace, strict=False)) if a != b), None)
    if first is None:
        where = f"{len(direct.trace)} and {len(compiled.trace)} awaits"
    else:
        where = f"await {first}: {direct.trace[first]} and {compiled.trace[first]}"
    return f"coroutine {direct.events}\ncompiled  {compiled.events}\n{where}\n{source}\n--- compiled ---\n{text}"


# --- the text -----------------------------------------------------------------------------------------------------------


def source_of(tests: Installed, method: Method, operands: bool, without: frozenset[Place]) -> str:
    """A module with the rewritten method in a subclass of its test case.

    The names of the test module are imported from it: the compiler is to see that they are taken.
    """
    written, makers = rewrite(copy.deepcopy(method.node), operands=operands, without=without, taken=vars(tests.module))
    written.decorator_list = [ast.Name("slct_durable", ast.Load())]
    name = method.case.__name__
    holder = ast.ClassDef(method.owner.__name__, [ast.Name(name, ast.Load())], [], [written], [], type_params=[])
    tree = ast.fix_missing_locations(ast.Module([*makers, holder], []))
    taken = ", ".join(n for n in vars(tests.module) if n.isidentifier() and not n.startswith("__"))
    future = "from __future__ import annotations\n" if hasattr(tests.module, "annotations") else ""
    return f"{future}{WORDS}from {tests.module.__name__} import {taken}\n\n\n{ast.unparse(tree)}\n"


def compile_source(source: str) -> _pipeline.ModuleOutput:
    info = read_module("program", "program.py", source)
    _pipeline.checked = True
    return compile_module(Index([info]), info)


def loaded(source: str, output: _pipeline.ModuleOutput) -> types.CodeType:
    """What the loader makes of a compiled module: the author's places and names."""
    links = {(link.line, link.column): (link.source_line, link.source_column) for link in output.links}
    return relocated(output.text.encode(), source.encode(), "program.py", links)


# --- running ------------------------------------------------------------------------------------------------------------


def run_native(method: Method) -> Ended:
    return _run_case(method.case, method.name)


def _run_as_coroutine(tests: Installed, method: Method, source: str) -> Ended:
    """Compiled by the interpreter each time, so that constants are other objects."""
    plain = source.replace("from runtime_client import", "from oracle_plain import", 1)
    return run_rewritten(tests, method, compile(plain, "program.py", "exec", dont_inherit=True), drive_coroutine)


def run_rewritten(tests: Installed, method: Method, code: types.CodeType, drive: Callable[[Any], Any]) -> Ended:
    """Execute the code in the test module, and run the method as unittest would."""
    with _namespace(tests.module) as namespace:
        exec(code, namespace)
        kind = namespace[method.owner.__name__]
        authored = kind.__dict__[method.name]

        def runner(self: Any, /, *arguments: Any, **keywords: Any) -> Any:
            return drive(authored(self, *arguments, **keywords))

        async def waiting(self: Any, /, *arguments: Any, **keywords: Any) -> Any:
            return runner(self, *arguments, **keywords)

        decorated: Any = waiting if isinstance(method.node, ast.AsyncFunctionDef) else runner
        decorated.__name__ = method.name
        for decorator in reversed(method.node.decorator_list):
            evaluated = eval(
                compile(ast.Expression(decorator), "decorator", "eval"), namespace, dict(vars(method.owner))
            )
            decorated = evaluated(decorated)
        setattr(kind, method.name, decorated)
        return _run_case(kind, method.name)


@contextlib.contextmanager
def _namespace(module: types.ModuleType) -> Iterator[dict[str, Any]]:
    """The test module's own; afterwards it is as it was, and so are the builtins."""
    spaces = [vars(module), vars(builtins)]
    before = [dict(space) for space in spaces]
    try:
        yield vars(module)
    finally:
        for space, names in zip(spaces, before, strict=True):
            space.update(names)
            for name in space.keys() - names.keys():
                del space[name]


def _run_case(kind: type[unittest.TestCase], name: str) -> Ended:
    recorder = Recorder()
    oracle_words.trace.clear()
    oracle_words.unsaveable.clear()
    random.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unittest.TestSuite([kind(name)]).run(recorder)
    return Ended(tuple(recorder.events), tuple(oracle_words.trace), "".join(oracle_words.unsaveable[:1]))


def drive_coroutine(coroutine: Any) -> Any:
    """Run a plain coroutine to its end."""
    outcome = Outcome()
    try:
        while True:
            try:
                step = coroutine.send(outcome.value) if outcome.error is None else coroutine.throw(outcome.error)
            except StopIteration as stop:
                return stop.value
            outcome = oracle_words.outcome_of(step)
            del step
    finally:
        coroutine.close()


def _unsaveable(values: Iterable[object]) -> list[str]:
    """Generators that are alive; Python's own frames and coroutines are like them. Asks nothing of the values themselves."""
    kinds = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType)
    return [type(v).__name__ for v in values if type(v) in kinds]


def drive_frames(frame: Frame) -> Any:
    """Run a compiled function to its end."""
    stack = Stack([frame])
    outcome: Outcome | None = None
    while True:
        found = run_to_suspension(stack, outcome)
        if isinstance(found, Outcome):
            return found.unwrap()
        assert isinstance(found, oracle_words.Step)
        oracle_words.unsaveable += _unsaveable([*vars(frame).values(), found.value])
        outcome = oracle_words.outcome_of(found)
        del found
