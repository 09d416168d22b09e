"""From a wake-up to the next wait: all that one goroutine may do in between, with data abstracted away.

Every outcome that depends on data is a result of its own. Followed are channels, goroutines, what a select came to, and loops over `range(3)`.
`statements.py` goes through the code of one state; here one state leads to the next, through calls, returns and handlers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from .code import Code
from .drafts import Draft, Others, Outcome, Suspension
from .effects import Effect
from .expressions import escape, made, value_of
from .model import ConstantValue, ErrorValue, Frame, FrameValue, Locals, Unknown, Value, Wait, Wild, known
from .program import Function, Program
from .statements import ways
from .waits import wait_of

STEPS_MAX = 5_000
"""States that run between two waits, over all ways."""
FRAMES_MAX = 20
RECURSIONS_MAX = 3
"""Of one function, where no number says how many there are."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one goroutine did from a wake-up to the next wait. `frames` empty: it has ended, `has_failed`: by an error that nothing takes."""

    effects: tuple[Effect, ...]
    frames: tuple[Frame, ...]
    wait: Wait | None
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class WakeUp:
    """By numbers of its own: `channels`, `goroutines`, `groups` say how many of each it has, `closed` which of the channels are."""

    frames: tuple[Frame, ...]
    outcome: Outcome
    raises: bool
    channels: int
    goroutines: int
    groups: int
    closed: frozenset[int]


def turns(program: Program, wake_up: WakeUp) -> tuple[Turn, ...]:
    """All that may come of it, by data."""
    found = program.turns.get(wake_up)
    if found is None:
        found = program.turns[wake_up] = tuple(_Running(program).run(wake_up))
    return found


def is_guarded(program: Program, frames: Sequence[Frame]) -> bool:
    """Whether an error that is raised in the innermost frame is handled, and not only passed on by TaskGroups."""
    return any(program.by_name[frame.function].is_guarded(frame.block) for frame in frames)


@dataclass(frozen=True, slots=True)
class _Place:
    draft: Draft
    frames: tuple[Frame, ...]


class _Running:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.found: dict[Turn, None] = {}
        self.waiting: list[_Place] = []
        self.seen: set[object] = set()

    def run(self, wake_up: WakeUp) -> Iterable[Turn]:
        others = Others(wake_up.channels, wake_up.goroutines, wake_up.groups, wake_up.closed)
        draft = Draft(dict(wake_up.frames[-1].variables), others, wake_up.outcome)
        if wake_up.raises:
            self._raised(draft, wake_up.frames)
        else:
            self.waiting.append(_Place(draft, wake_up.frames))
        for _ in range(STEPS_MAX):
            if not self.waiting:
                return self.found
            place = self.waiting.pop()
            key = _key(place)
            if key not in self.seen:
                self.seen.add(key)
                self._one(place)
        raise self._too_much(place.frames[-1])

    def _too_much(self, frame: Frame) -> Unknown:
        function = self.program.by_name[frame.function]
        line = function.compiled.function.parsed.lineno
        return Unknown("too much may happen between two waits", function.info.path, line)

    def _one(self, place: _Place) -> None:
        code = self._code(place.frames)
        for draft in ways(code, place.draft):
            self._left(code, draft, place.frames)

    def _code(self, frames: tuple[Frame, ...]) -> Code:
        frame = frames[-1]
        return Code(self.program, self.program.by_name[frame.function], frame.block, is_guarded(self.program, frames))

    def _left(self, code: Code, draft: Draft, frames: tuple[Frame, ...]) -> None:
        match draft.leaves:
            case int(block):
                frame = replace(frames[-1], block=block)
                self.waiting.append(_Place(_turned(draft, code.function, block), (*frames[:-1], frame)))
            case Suspension():
                self._suspended(code, draft, frames, draft.leaves)
            case ast.Raise():
                self._raised(draft, frames)
            case ast.Return() | None:
                self._returned(code, draft, frames[:-1])
            case ast.Break() | ast.Continue():
                raise code.unknown("a jump that is not followed")
            case _:
                assert_never(draft.leaves)

    def _suspended(self, code: Code, draft: Draft, frames: tuple[Frame, ...], suspension: Suspension) -> None:
        match suspension.operation:
            case ast.Call(func) as call if code.called(func) is not None:
                self._entered(code, draft, made(code, draft, call), frames, suspension.block)
            case operation if isinstance(called := value_of(code, draft, operation), FrameValue):
                self._entered(code, draft, called, frames, suspension.block)
            case operation:
                wait = wait_of(code, draft, operation, suspension.block)
                self._ended(draft, _parked(code, draft, frames, suspension.block), wait)

    def _entered(self, code: Code, draft: Draft, called: Value | None, frames: tuple[Frame, ...], block: int) -> None:
        assert isinstance(called, FrameValue)
        here = _parked(code, draft, frames, block)
        if _is_too_deep(frames, called.frame):
            escape(code, draft, called)
            self._ended(draft, here, Wait((Wild(),)))
            return
        entered = replace(draft, variables=dict(called.frame.variables), outcome=None, leaves=None)
        self.waiting.append(_Place(entered, (*here, replace(called.frame, variables=()))))

    def _returned(self, code: Code, draft: Draft, frames: tuple[Frame, ...]) -> None:
        if not frames:
            escape(code, draft, draft.result)
            self._ended(draft)
        else:
            resumed = _resumed(draft, frames[-1].variables)
            resumed.outcome = draft.result
            self.waiting.append(_Place(resumed, frames))

    def _raised(self, draft: Draft, frames: tuple[Frame, ...]) -> None:
        """To the innermost handler; if there is none, the process ends, or the goroutine does and who waits for it hears of it."""
        guarded = is_guarded(self.program, frames)
        for depth in range(len(frames) if guarded else 0, 0, -1):
            frame = frames[depth - 1]
            region = self.program.by_name[frame.function].states[frame.block].region
            if region.on_error is not None:
                caught = _resumed(draft, known(draft.variables) if depth == len(frames) else frame.variables)
                if region.caught is not None:
                    caught.variables[region.caught] = ErrorValue()
                self.waiting.append(_Place(caught, (*frames[: depth - 1], replace(frame, block=region.on_error))))
                return
        self._ended(draft, has_failed=True)

    def _ended(
        self, draft: Draft, frames: tuple[Frame, ...] = (), wait: Wait | None = None, *, has_failed: bool = False
    ) -> None:
        self.found[Turn(draft.others.effects, frames, wait, has_failed)] = None


def _is_too_deep(frames: tuple[Frame, ...], called: Frame) -> bool:
    """A recursion of which it is not known where it ends is not followed to its end."""
    count = sum(frame.function == called.function for frame in frames)
    is_counted = any(isinstance(value, ConstantValue) for _, value in called.variables)
    return len(frames) >= FRAMES_MAX or (count >= RECURSIONS_MAX and not is_counted)


def _key(place: _Place) -> object:
    """Equal for what goes on in the same way: a loop without a wait comes back to where it was."""
    draft, (*callers, frame) = place.draft, place.frames
    return tuple(callers), frame.function, frame.block, known(draft.variables), draft.outcome, draft.others


def _resumed(draft: Draft, variables: Locals) -> Draft:
    """Another frame goes on, or another state of this one."""
    return Draft(dict(variables), draft.others)


def _turned(draft: Draft, function: Function, block: int) -> Draft:
    """With the variables that live into a state."""
    live = function.compiled.layout.live[block]
    return _resumed(draft, tuple((name, value) for name, value in draft.variables.items() if name in live))


def _parked(code: Code, draft: Draft, frames: tuple[Frame, ...], block: int) -> tuple[Frame, ...]:
    """The innermost frame with what it keeps until `block` takes the outcome."""
    kept = known(_turned(draft, code.function, block).variables)
    return (*frames[:-1], Frame(code.function.name, block, kept))
