"""The third way to run a program: at every suspension the document is carried to a new OS process with another hash seed.

How it works:
  1. A few interpreters are started, each with a PYTHONHASHSEED of its own. They import what programs need, and no program.
  2. For each transition one of them, never the one of the transition before, forks. The child executes the program's
     module, reads the document, runs to the next suspension, writes the document, says what it has seen, and exits.

So nothing is left of a transition but its document: module state, ids, interned strings and set orders are others. What is
not covered: a fresh import of `runtime_client` itself, which all children of an interpreter inherit as it was imported.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any

import compile_harness as harness
from compile_harness import SUSPENSIONS_MAX, Run, Script

from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._frame import Frame, FrameStatus, Outcome
from runtime_client._resolver import Resolver
from runtime_client._trampoline import Stack, run_to_suspension

HASH_SEEDS = ("1", "2", "3")


@dataclass(frozen=True, slots=True)
class Transition:
    """What a child is to do. `document` is None at the start; `outcome` is how the await ended."""

    text: str
    document: str | None
    outcome: Outcome | None
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a child did. `ended` is None if it waits, with its `document`; `fault` is its own failure, or a refusal."""

    trace: tuple[Any, ...] = ()
    ended: tuple[str, Any] | None = None
    document: str | None = None
    fault: str = ""


class Refused(Exception):
    """Something in the program cannot be saved at a suspension; carries the codec's words."""


class Interpreters:
    """Interpreters to fork from, by hash seed. Use it as a context manager."""

    def __init__(self, seeds: Sequence[str] = HASH_SEEDS) -> None:
        paths = [p for p in sys.path if p]
        self._started = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-W",
                    "ignore::SyntaxWarning",
                    "-c",
                    "import slct_compile, runtime_client, fresh_processes as f; f.serve()",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(paths)},
            )
            for seed in seeds
        ]
        self._turn = 0

    def __enter__(self) -> Interpreters:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.wait(timeout=30)
            process.stdout.close()

    def ask(self, transition: Transition) -> Seen:
        """Have a child of the next interpreter run a transition."""
        process = self._started[self._turn]
        self._turn = (self._turn + 1) % len(self._started)
        assert process.stdin is not None and process.stdout is not None
        pickle.dump(transition, process.stdin)
        process.stdin.flush()
        seen = pickle.load(process.stdout)
        assert isinstance(seen, Seen)
        return seen

    def run(self, text: str, script: Script, *arguments: Any) -> Run:
        """Run a compiled program to its end, as `compile_harness.run_direct` does.

        Raises:
          Refused: it holds what cannot be saved.
        """
        trace: list[Any] = []
        document, outcome = None, None
        for turn in range(SUSPENSIONS_MAX):
            seen = self.ask(Transition(text, document, outcome, arguments))
            trace += seen.trace
            if seen.ended is not None:
                return Run(seen.ended, tuple(trace))
            if seen.fault.startswith("refused"):
                raise Refused(seen.fault)
            assert not seen.fault, seen.fault
            document = seen.document
            outcome = harness._outcome(script[turn % len(script)] if script else None)
        return Run(("cut", None), tuple(trace))


# --- in the interpreters ------------------------------------------------------------------------------------------------


def serve() -> None:
    """Fork a child per transition, until there are no more."""
    source, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            transition = pickle.load(source)
        except EOFError:
            return
        child = os.fork()
        if child == 0:
            _answer(transition, answers)
        _, status = os.waitpid(child, 0)
        if status:
            pickle.dump(Seen(fault=f"the child ended with status {status}"), answers)
            answers.flush()


def _answer(transition: Transition, answers: IO[bytes]) -> None:
    """The whole life of a child."""
    try:
        seen = _seen(transition)
    except BaseException:
        seen = Seen(fault=traceback.format_exc())
    pickle.dump(seen, answers)
    answers.flush()
    os._exit(0)


def _seen(transition: Transition) -> Seen:
    harness._trace.clear()
    namespace = harness.namespace_of(transition.text, "compiled_program")
    codec = Codec(Resolver(modules=("compiled_program", "compile_harness")))
    process = object.__new__(namespace["Program"])
    if transition.document is None:
        frames: list[Frame] = [process.main(*transition.arguments)]
        frames[0].frame_status = FrameStatus.STARTED
    else:
        fields, frames = codec.decode(transition.document, process=process)
        process.__dict__.update(fields)
    stack = Stack(frames)
    found: Any = run_to_suspension(stack, transition.outcome)
    if isinstance(found, Outcome):
        return Seen(tuple(harness._trace), harness.ended_in(found))
    harness._report(("op", repr(found.arguments)))
    try:
        document = codec.encode([process.__dict__, stack.frames], process=process, active=stack.frames)
    except CodecError as error:
        return Seen(fault=f"refused: {error}")
    return Seen(tuple(harness._trace), document=document)
