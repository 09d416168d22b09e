"""One goroutine's turn in the whole process: its own numbers become those of the process, and what it does to others is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import assert_never

from .drafts import Closed, Outcome
from .effects import (
    Cancel,
    CancelGroup,
    Close,
    Effect,
    LoosenChannel,
    LoosenGoroutine,
    MakeChannel,
    MakeGroup,
    Start,
    StartOperation,
    StartStranger,
)
from .model import (
    ENDED,
    NOBODY,
    OUTSIDE,
    Channel,
    ChannelValue,
    Frame,
    Goroutine,
    GroupValue,
    HandleValue,
    Joint,
    Value,
    Wait,
    Wild,
    inside,
)
from .program import Program
from .renaming import Numbers, positions, renamed, renamed_frame, renamed_frames, renamed_wait
from .running import Turn, WakeUp, turns
from .tidying import tidy

FRAMES_KEPT = 8192


@dataclass(frozen=True, slots=True)
class Localized:
    """A goroutine's frames by numbers of its own; which those are in the process, by their positions."""

    frames: tuple[Frame, ...]
    outcome: Outcome
    channels: tuple[int, ...]
    goroutines: tuple[int, ...]
    groups: tuple[int, ...]


def woken(program: Program, joint: Joint, index: int, outcome: Outcome) -> list[Joint]:
    """All that a process may be once this goroutine, woken with that, waits again or has ended."""
    return _after(program, joint, index, outcome, raises=False)


def failed(program: Program, joint: Joint, index: int) -> list[Joint]:
    """The same, where an error is raised at its wait."""
    goroutine = joint.goroutines[index]
    if goroutine.wait is not None and goroutine.wait.cancels:
        draft = _Process(program, joint)
        for other in goroutine.wait.cancels:
            draft.cancel(goroutine.frames[-1], other)
        joint = draft.joint()
    return _after(program, joint, index, None, raises=True)


def _after(program: Program, joint: Joint, index: int, outcome: Outcome, *, raises: bool) -> list[Joint]:
    goroutine = joint.goroutines[index]
    if goroutine.is_operation:
        return _applied(program, joint, index, Turn((), (), None, raises), Localized((), None, (), (), ()))
    local = localized(goroutine.frames, outcome, len(program.channels))
    closed = frozenset(position for position, number in enumerate(local.channels) if _is_closed(joint, number))
    counts = len(local.channels), len(local.goroutines), len(local.groups)
    wake_up = WakeUp(local.frames, local.outcome, raises, *counts, closed)
    found = [after for turn in turns(program, wake_up) for after in _applied(program, joint, index, turn, local)]
    return list(dict.fromkeys(found))


def _is_closed(joint: Joint, number: int) -> bool:
    return joint.channels[number].is_closed and not joint.channels[number].is_wild


@lru_cache(FRAMES_KEPT)
def localized(frames: tuple[Frame, ...], outcome: Outcome, declared_count: int) -> Localized:
    held: dict[Value, None] = dict.fromkeys(ChannelValue(number) for number in range(declared_count))
    for frame in frames:
        held.update(dict.fromkeys(one for _, value in frame.variables for one in inside(value)))
    if not isinstance(outcome, Closed):
        held.update(dict.fromkeys(inside(outcome)))
    channels = tuple(one.index for one in held if isinstance(one, ChannelValue))
    goroutines = tuple(one.index for one in held if isinstance(one, HandleValue))
    groups = tuple(one.index for one in held if isinstance(one, GroupValue))
    numbers = Numbers(positions(channels), positions(goroutines), positions(groups))
    own = outcome if isinstance(outcome, Closed) else renamed(outcome, numbers)
    return Localized(renamed_frames(frames, numbers), own, channels, goroutines, groups)


def _applied(program: Program, joint: Joint, index: int, turn: Turn, local: Localized) -> list[Joint]:
    process = _Process(program, joint, local)
    for effect in turn.effects:
        process.do(effect)
    numbers = process.numbers
    wait = None if turn.wait is None else renamed_wait(turn.wait, numbers)
    frames = renamed_frames(turn.frames, numbers)
    process.goroutines[index] = replace(process.goroutines[index], frames=frames, wait=wait, has_failed=turn.has_failed)
    if index == 0 and turn.wait is None:
        return [ENDED if turn.has_failed else process.over()]
    return [ENDED, process.joint()] if turn.has_failed else [process.joint()]


class _Process:
    """A process while a turn is done to it."""

    def __init__(self, program: Program, joint: Joint, local: Localized | None = None) -> None:
        self.program = program
        self.channels = list(joint.channels)
        self.goroutines = list(joint.goroutines)
        self.group_count = joint.group_count
        self.own_channels = list(local.channels) if local else []
        self.own_goroutines = list(local.goroutines) if local else []
        self.own_groups = list(local.groups) if local else []

    @property
    def numbers(self) -> Numbers:
        return Numbers(tuple(self.own_channels), tuple(self.own_goroutines), tuple(self.own_groups))

    def joint(self) -> Joint:
        return tidy(Joint(tuple(self.goroutines), tuple(self.channels), group_count=self.group_count))

    def over(self) -> Joint:
        """Main has returned: of the others it is only kept whether they had ended, or would have at their next turn."""
        had_ended = [g.wait is None or g.wait.is_over for g in self.goroutines]
        dropped = (
            Goroutine(g.started, (), None if ended else OUTSIDE, is_operation=g.is_operation)
            for g, ended in zip(self.goroutines, had_ended, strict=True)
        )
        return Joint(tuple(dropped), (), has_ended=True)

    def do(self, effect: Effect) -> None:
        match effect:
            case MakeChannel(capacity):
                self.own_channels.append(len(self.channels))
                self.channels.append(Channel(capacity or 0, is_wild=capacity is None))
            case Close(own):
                number = self.own_channels[own]
                self.channels[number] = replace(self.channels[number], is_closed=True)
            case LoosenChannel(own):
                number = self.own_channels[own]
                self.channels[number] = replace(self.channels[number], is_wild=True)
            case LoosenGoroutine(own):
                number = self.own_goroutines[own]
                self.goroutines[number] = replace(self.goroutines[number], is_wild=True)
            case MakeGroup():
                self.own_groups.append(self.group_count)
                self.group_count += 1
            case Start() | StartOperation() | StartStranger():
                self._start(effect)
            case Cancel(place, own):
                self.cancel(place, self.own_goroutines[own])
            case CancelGroup(place, own):
                self._cancel_group(place, self.own_groups[own])
            case _:
                assert_never(effect)

    def _start(self, effect: Start | StartOperation | StartStranger) -> None:
        match effect:
            case Start(frame, group):
                begun = renamed_frame(frame, self.numbers)
                in_group = None if group is None else self.own_groups[group]
                self.own_goroutines.append(self._added(Goroutine(frame.function, (begun,), OUTSIDE, in_group)))
            case StartOperation(place, wait):
                operation = Goroutine("", (place,), renamed_wait(wait, self.numbers), is_operation=True)
                self.own_goroutines.append(self._added(operation))
            case StartStranger(place, group):
                stranger = Goroutine("", (place,), Wait((Wild(),)), self.own_groups[group], is_operation=True)
                if stranger not in self.goroutines:  # one stands for all
                    self._added(stranger)

    def _added(self, goroutine: Goroutine) -> int:
        if NOBODY in self.goroutines:
            number = self.goroutines.index(NOBODY)
            self.goroutines[number] = goroutine
            return number
        self.goroutines.append(goroutine)
        return len(self.goroutines) - 1

    def cancel(self, place: Frame, number: int) -> None:
        """It ends, with those whom it has started in a `gather` (D5); one that cleans up does, or goes on, at any time."""
        goroutine = self.goroutines[number]
        if goroutine.wait is None:
            return
        if goroutine.wait.is_over or (
            not goroutine.is_operation and not all(self._just_ends(frame) for frame in goroutine.frames)
        ):
            self.program.loosen(place, "a goroutine that handles errors may be cancelled")
            self.goroutines[number] = replace(goroutine, is_wild=True)
            return
        self.goroutines[number] = replace(goroutine, frames=(), wait=None, has_failed=True)
        for other in goroutine.wait.cancels:
            self.cancel(place, other)

    def _cancel_group(self, place: Frame, group: int) -> None:
        for number, goroutine in enumerate(self.goroutines):
            if goroutine.group == group:
                self.cancel(place, number)

    def _just_ends(self, frame: Frame) -> bool:
        """No handler stands around it; if it has not begun, it may have by then, and no handler stands anywhere in it."""
        function = self.program.by_name[frame.function]
        blocks = function.states if frame.block == function.entry else (frame.block,)
        return all(function.states[block].region.on_error is None for block in blocks)
