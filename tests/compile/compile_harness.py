"""The same program, twice: as written, run as plain coroutines; and compiled, run by the engine's own driver.

A program is the text of a module with `class Program(Process)`. Its awaits are `op(...)` of `scripted`; a script says for
each, in the order in which they come, what value or exception it ends in. What is compared: the result or the exception
with its whole chain, and the trace of everything that the program reported on the way.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest

from runtime_client._codec import Codec
from runtime_client._frame import Frame, FrameStatus, Outcome
from runtime_client._operations import Operation
from runtime_client._resolver import Resolver
from runtime_client._trampoline import Stack, run_to_suspension
from slct_compile import _pipeline
from slct_compile._index import Index, read_module
from slct_compile._pipeline import ModuleOutput, compile_module
from slct_compile.diagnostics import render

SUSPENSIONS_MAX = 60
"""A program that suspends more often is cut off, in both modes at the same place."""


@dataclass(frozen=True, slots=True)
class Op(Operation):
    """An operation that a script decides.

    As written, the outcome is sent in and raised here. An error thrown into a coroutine that handles another one would lose the
    lines of the functions that it is called through: an error of the interpreter, up to Python 3.11.
    """

    arguments: tuple[Any, ...]

    def __await__(self) -> Generator[Any, Any, Any]:
        sent = yield self
        return sent.unwrap() if isinstance(sent, Outcome) else sent


@dataclass(frozen=True, slots=True)
class Run:
    """What a run showed. `ended` is ("return", value), ("raise", chain) or ("cut", None)."""

    ended: tuple[str, Any]
    trace: tuple[Any, ...]


Script = Sequence[object]
"""Values, or exception instances' makers (a type, or a callable that makes one)."""


class Truth:
    """A value that reports every test of its truth."""

    def __init__(self, name: str, value: bool) -> None:
        self.name = name
        self.value = value

    def __bool__(self) -> bool:
        _report(("bool", self.name))
        return self.value

    def __repr__(self) -> str:
        return f"Truth({self.name})"


class Manager:
    """A context manager that reports, and swallows errors if told to."""

    def __init__(self, name: object, *, swallow: bool = False, fail: str = "") -> None:
        self.name = name
        self.swallow = swallow
        self.fail = fail

    def __enter__(self) -> object:
        _report(("enter", repr(self.name)))
        if self.fail == "enter":
            raise ValueError("enter")
        return self.name

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        _report(("exit", repr(self.name), _chain(error)))
        if self.fail == "exit":
            raise ValueError("exit")
        return self.swallow


_trace: list[Any] = []


def _report(event: object) -> None:
    _trace.append(event)


def _scripted_module() -> types.ModuleType:
    module = types.ModuleType("scripted")

    def trace(value: Any) -> Any:
        _report(("trace", repr(value)))
        return value

    def seen() -> None:
        _report(("handling", _chain(sys.exc_info()[1])))

    module.__dict__.update(
        op=lambda *arguments: Op(arguments),
        trace=trace,
        seen=seen,
        Truth=Truth,
        Manager=Manager,
    )
    return module


def _plain_module() -> types.ModuleType:
    """What programs import instead of `runtime_client` to run as plain coroutines."""
    module = types.ModuleType("plain_client")

    class Process:
        pass

    module.__dict__.update(Process=Process, durable=lambda f: f)
    return module


sys.modules["scripted"] = _scripted_module()
sys.modules["plain_client"] = _plain_module()


HEAD = "from runtime_client import Process, durable\nfrom scripted import Manager, Truth, op, seen, trace\n\n\n"


def program(body: str, parameters: str = "self, p=1") -> str:
    """A module whose `main` has this body."""
    indented = "".join(f"        {line}\n" if line.strip() else "\n" for line in body.strip("\n").split("\n"))
    return f"{HEAD}class Program(Process):\n    async def main({parameters}):\n{indented}"


def compile_source(source: str) -> ModuleOutput:
    """Compile one module on its own."""
    info = read_module("program", "program.py", source)
    with pytest.MonkeyPatch.context() as patch:
        # The verifier runs between the passes.
        patch.setattr(_pipeline, "checked", True)
        return compile_module(Index([info]), info)


def findings(output: ModuleOutput) -> str:
    return "\n".join(render(d, output.info.source) for d in output.diagnostics)


_compiled: dict[str, ModuleOutput] = {}


def compare(source: str, script: Script, *arguments: Any, compiled_once: bool = False) -> Run:
    """Run both ways; fails with everything that is needed to see why they differ.

    `compiled_once`: the same source was compiled for the call before.
    """
    output = _compiled[source] if compiled_once else compile_source(source)
    _compiled.clear()
    _compiled[source] = output
    assert not output.has_errors, findings(output) + "\n" + source
    direct = run_direct(source, script, *arguments)
    compiled = run_compiled(output.text, script, *arguments)
    assert folded(compiled) == folded(direct), explain(source, output.text, script, direct, compiled)
    return direct


def folded(run: Run) -> Run:
    """Without what differs between interpreters, and is the same for all of them compiled.

    From 3.12 on, the interpreter itself tests an operand twice in a row where `and` stands inside `or`; compiled code never does.
    Before 3.12, a comprehension is a function of the interpreter's: a local that it finds unbound is a free variable to it.
    Compiled, it is part of the function that it stands in, as it is from 3.12 on.
    """
    if sys.version_info < (3, 12):
        return replace(run, ended=_with_locals(run.ended), trace=_with_locals(run.trace))
    trace = [e for i, e in enumerate(run.trace) if e[0] != "bool" or i == 0 or run.trace[i - 1] != e]
    return replace(run, trace=type(run.trace)(trace))


_FREE = re.compile("cannot access free variable ('[^']*') where it is not associated with a value in enclosing scope")


def _with_locals(told: Any) -> Any:
    match told:
        case ("NameError", str(text), *rest) if (found := _FREE.match(text)) is not None:
            said = f"cannot access local variable {found[1]} where it is not associated with a value"
            return ("UnboundLocalError", said, *map(_with_locals, rest))
        case tuple():
            return tuple(map(_with_locals, told))
        case _:
            return told


def explain(source: str, text: str, script: Script, direct: Run, compiled: Run) -> str:
    shown = "\n".join(f"  {a!r:60} {b!r}" for a, b in _zip(direct.trace, compiled.trace))
    return (
        f"\n{source}\n--- compiled ---\n{text}\n--- script {script}\n--- as written | compiled\n{shown}\n"
        f"  {direct.ended}\n  {compiled.ended}"
    )


def _zip(left: Sequence[Any], right: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    for position in range(max(len(left), len(right))):
        yield (
            left[position] if position < len(left) else None,
            right[position] if position < len(right) else None,
        )


def namespace_of(source: str, name: str) -> dict[str, Any]:
    """Execute a module's text."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, f"{name}.py", "exec", dont_inherit=True), module.__dict__)
    return module.__dict__


def run_direct(source: str, script: Script, *arguments: Any) -> Run:
    """As written, by the coroutine protocol."""
    namespace = namespace_of(as_written(source), "direct_program")
    return drive_written(lambda: namespace["Program"]().main(*arguments), script)


def as_written(source: str) -> str:
    """A program that needs no engine."""
    return source.replace("from runtime_client import", "from plain_client import")


Chain: TypeAlias = Callable[[BaseException | None], Any]
"""What of an error is compared."""


def drive_written(call: Callable[[], Any], script: Script, chain: Chain | None = None) -> Run:
    """Run the coroutine that a call makes."""
    coroutine: Any = None

    def advance(outcome: Outcome | None) -> Op | Outcome:
        nonlocal coroutine
        if outcome is None:
            coroutine = call()
        try:
            return _operation(coroutine.send(outcome))
        except StopIteration as stop:
            return Outcome(stop.value)
        except BaseException as error:
            return Outcome(error=error)

    try:
        return _run(advance, script, chain)
    finally:
        if coroutine is not None:
            coroutine.close()


def run_compiled(text: str, script: Script, *arguments: Any) -> Run:
    """Compiled, by the engine's driver; every frame is rebuilt from its slots at every suspension."""
    process = new_process(namespace_of(text, "compiled_program"))
    return drive_compiled(lambda: process.main(*arguments), script)


def new_process(namespace: dict[str, Any]) -> Any:
    """A process of the program, which has no fields: only a start makes one that has."""
    return object.__new__(namespace["Program"])


def drive_compiled(call: Callable[[], Frame], script: Script, chain: Chain | None = None) -> Run:
    """Run the frame that a call makes; every frame is rebuilt from its slots at every suspension."""
    stack: Stack | None = None

    def advance(outcome: Outcome | None) -> Op | Outcome:
        nonlocal stack
        if stack is None:
            stack = Stack([call()])
        else:
            stack = Stack([_restored(f) for f in stack.frames])
        return _operation(run_to_suspension(stack, outcome))

    return _run(advance, script, chain)


def run_saved(text: str, script: Script, *arguments: Any) -> Run:
    """Compiled; the whole process goes through the codec at every suspension."""
    namespace = namespace_of(text, "compiled_program")
    codec = Codec(Resolver(modules=("compiled_program",)))
    return drive_saved(lambda: new_process(namespace), lambda process: process.main(*arguments), codec, script)


def drive_saved(
    make: Callable[[], Any], call: Callable[[Any], Frame], codec: Codec, script: Script, chain: Chain | None = None
) -> Run:
    """Run the frame that a call on a process makes; the whole process goes through the codec at every suspension."""
    process = make()
    frames = [call(process)]
    frames[0].frame_status = FrameStatus.STARTED

    def advance(outcome: Outcome | None) -> Op | Outcome:
        nonlocal process, frames
        if outcome is not None:
            document = codec.encode([process.__dict__, frames], process=process, active=frames)
            process = make()
            fields, frames = codec.decode(document, process=process)
            process.__dict__.update(fields)
        stack = Stack(frames)
        found = _operation(run_to_suspension(stack, outcome))
        frames = stack.frames
        return found

    return _run(advance, script, chain)


def _restored(frame: Frame) -> Frame:
    """The frame as storage would give it back: its state and its live slots."""
    made = type(frame).__new__(type(frame))
    Frame.__init__(made, frame.frame_receiver, frame.outer)
    made.frame_state = frame.frame_state
    made.frame_status = FrameStatus.STARTED
    made.__dict__.update(frame.__dict__)
    return made


def _operation(found: Any) -> Any:
    return found


def _run(advance: Callable[[Outcome | None], Any], script: Script, chain: Chain | None) -> Run:
    _trace.clear()
    outcome: Outcome | None = None
    for turn in range(SUSPENSIONS_MAX):
        found = advance(outcome)
        if isinstance(found, Outcome):
            return Run(ended_in(found, chain), tuple(_trace))
        _report(("op", repr(found.arguments)))
        outcome = _outcome(script[turn % len(script)] if script else None)
    trace = tuple(_trace)
    return Run(("cut", None), trace)


def ended_in(found: Outcome, chain: Chain | None = None) -> tuple[str, Any]:
    """What a program ended in, as it is compared."""
    return ("raise", (chain or _chain)(found.error)) if found.error is not None else ("return", repr(found.value))


def _outcome(scripted: object) -> Outcome:
    """A script names exceptions by their types, so that each run has its own."""
    if isinstance(scripted, type) and issubclass(scripted, BaseException):
        return Outcome(error=scripted("scripted"))
    if callable(scripted):
        return Outcome(scripted())
    return Outcome(scripted)


def _text(error: BaseException) -> str:
    """Of what cannot be awaited, Python and the engine say the same, and the engine says more."""
    return str(error).partition(" of durable code\n  help: ")[0]


def _chain(error: BaseException | None, depth: int = 0) -> Any:
    """An exception with all it hangs on."""
    if error is None or depth > 8:
        return None
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return (
        type(error).__name__,
        (_text(error), *(_chain(e, depth + 1) for e in parts)) if parts else _text(error),
        _chain(error.__cause__, depth + 1),
        _chain(error.__context__, depth + 1),
        error.__suppress_context__,
    )
