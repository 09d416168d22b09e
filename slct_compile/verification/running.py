"""From a wake-up to the next wait: all that one goroutine may do in between, with data abstracted away.

Every outcome that depends on data is a result of its own. Followed are channels, goroutines, what a select came to, and loops over `range(3)`.
`statements.py` goes through the code of one state; here one state leads to the next, through calls, returns and handlers.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import assert_never

from .code import Code
from .drafts import Draft, Outcome, Suspension
from .expressions import arguments
from .model import Frame, Joint, Unknown, Value, Wait, known
from .program import Function, Program
from .statements import ways
from .waits import wait_of

STEPS_MAX = 5_000
"""States that run between two waits, over all ways."""
FRAMES_MAX = 20


@dataclass(frozen=True, slots=True)
class _Running:
    draft: Draft
    frames: tuple[Frame, ...]


def woken(program: Program, joint: Joint, index: int, outcome: Outcome) -> list[Joint]:
    """All that a process may be once this goroutine, woken with that, waits again or has ended."""
    frames = joint.goroutines[index].frames
    turn = _Turn(program, index)
    turn.waiting.append(_Running(_draft(joint, frames[-1], outcome), frames))
    return turn.run()


def failed(program: Program, joint: Joint, index: int) -> list[Joint]:
    """The same, where an error is raised at its wait."""
    frames = joint.goroutines[index].frames
    turn = _Turn(program, index)
    turn.raised(_draft(joint, frames[-1], None), frames)
    return turn.run()


class _Turn:
    def __init__(self, program: Program, index: int) -> None:
        self.program = program
        self.index = index
        self.found: dict[Joint, None] = {}
        self.waiting: list[_Running] = []
        self.seen: set[object] = set()

    def run(self) -> list[Joint]:
        for _ in range(STEPS_MAX):
            if not self.waiting:
                return list(self.found)
            running = self.waiting.pop()
            key = _key(running)
            if key not in self.seen:
                self.seen.add(key)
                self._one(running)
        raise self._too_much(running.frames[-1])

    def _too_much(self, frame: Frame) -> Unknown:
        function = self.program.by_name[frame.function]
        line = function.compiled.function.parsed.lineno
        return Unknown("too much may happen between two waits", function.info.path, line)

    def _one(self, running: _Running) -> None:
        code = self._code(running.frames[-1])
        for draft in ways(code, running.draft):
            self._left(code, draft, running.frames)

    def _code(self, frame: Frame) -> Code:
        return Code(self.program, self.program.by_name[frame.function], frame.block)

    def _left(self, code: Code, draft: Draft, frames: tuple[Frame, ...]) -> None:
        match draft.leaves:
            case int(block):
                frame = replace(frames[-1], block=block)
                self.waiting.append(_Running(_turned(draft, code.function, block), (*frames[:-1], frame)))
            case Suspension():
                self._suspended(code, draft, frames, draft.leaves)
            case ast.Raise():
                self.raised(draft, frames)
            case ast.Return() | None:
                self._returned(draft, frames[:-1])
            case _:
                assert_never(draft.leaves)

    def _suspended(self, code: Code, draft: Draft, frames: tuple[Frame, ...], suspension: Suspension) -> None:
        match suspension.operation:
            case ast.Call(func) as call if (called := code.called(func)) is not None:
                given = arguments(code, draft, call, called)
                self._entered(code, draft, called, given, _parked(code, draft, frames, suspension.block))
            case operation:
                wait = wait_of(code, draft, operation)
                self._ended(draft, _parked(code, draft, frames, suspension.block), wait)

    def _entered(
        self, code: Code, draft: Draft, called: Function, given: dict[str, Value], frames: tuple[Frame, ...]
    ) -> None:
        if len(frames) >= FRAMES_MAX:
            raise code.unknown("durable functions call each other too deeply")
        entered = replace(draft, variables=given, outcome=None, leaves=None)
        self.waiting.append(_Running(entered, (*frames, Frame(called.name, called.entry))))

    def _returned(self, draft: Draft, frames: tuple[Frame, ...]) -> None:
        if not frames:
            self._ended(draft, (), None)
        else:
            resumed = Draft(dict(frames[-1].variables), draft.channels, draft.goroutines, None)
            self.waiting.append(_Running(resumed, frames))

    def raised(self, draft: Draft, frames: tuple[Frame, ...]) -> None:
        """To the innermost handler; if there is none, the process ends, or the goroutine does and who waits for it hears of it."""
        for depth in range(len(frames), 0, -1):
            frame = frames[depth - 1]
            on_error = self._code(frame).on_error
            if on_error is not None:
                variables = dict(frame.variables) if depth < len(frames) else draft.variables
                caught = Draft(dict(variables), draft.channels, draft.goroutines, None)
                self.waiting.append(_Running(caught, (*frames[: depth - 1], replace(frame, block=on_error))))
                return
        self.found[Joint((), (), has_ended=True)] = None
        if self.index:
            self._ended(draft, (), None)

    def _ended(self, draft: Draft, frames: tuple[Frame, ...], wait: Wait | None) -> None:
        goroutines = list(draft.goroutines)
        goroutines[self.index] = replace(goroutines[self.index], frames=frames, wait=wait)
        self.found[Joint(tuple(goroutines), tuple(draft.channels), self.index == 0 and not frames)] = None


def _key(running: _Running) -> object:
    """Equal for what goes on in the same way: a loop without a wait comes back to where it was."""
    draft, (*callers, frame) = running.draft, running.frames
    state = (draft.outcome, tuple(draft.channels), tuple(draft.goroutines))
    return tuple(callers), frame.function, frame.block, known(draft.variables), state


def _draft(joint: Joint, frame: Frame, outcome: Outcome) -> Draft:
    return Draft(dict(frame.variables), list(joint.channels), list(joint.goroutines), outcome)


def _turned(draft: Draft, function: Function, block: int) -> Draft:
    """With the variables that live into a state."""
    live = function.compiled.layout.live[block]
    kept = {name: value for name, value in draft.variables.items() if name in live}
    return Draft(kept, draft.channels, draft.goroutines, None)


def _parked(code: Code, draft: Draft, frames: tuple[Frame, ...], block: int) -> tuple[Frame, ...]:
    """The innermost frame with what it keeps until `block` takes the outcome."""
    kept = known(_turned(draft, code.function, block).variables)
    return (*frames[:-1], Frame(code.function.name, block, kept))
