"""One goroutine by itself: where it may wait, and where each outcome leads. What `promela.py` writes down.

An `Automaton` stands for all goroutines that were started in the same way: with the same function, and channels that are theirs in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, combinations

from .applying import Localized
from .drafts import Closed, Outcome
from .effects import Cancel, CancelGroup, Close, MakeChannel, MakeGroup, Start, StartOperation, StartStranger
from .model import (
    OUTSIDE,
    ChannelValue,
    Frame,
    GroupValue,
    HandleValue,
    Recv,
    SelectedValue,
    Unknown,
    Value,
    Wait,
    inside,
)
from .program import Program
from .renaming import Numbers, positions, renamed_frames, renamed_wait
from .running import Turn, WakeUp, is_guarded, turns
from .tidying import used_by_wait

STATES_MAX = 2_000
"""Of one goroutine."""


@dataclass(frozen=True, slots=True)
class State:
    """`channels`, `goroutines`, `groups`: how many of each it holds, by numbers of its own. `is_operation`: of a `gather`."""

    frames: tuple[Frame, ...]
    wait: Wait
    channels: int
    goroutines: int
    groups: int
    is_operation: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """`closed` and `open`: the channels that were when it began, of those that it closes. `target` None: the goroutine has ended.

    `channels`, `goroutines`, `groups` say what those of the target are, in the order of its own numbers, by numbers of the state that it comes from.
    """

    turn: Turn
    closed: frozenset[int]
    open: frozenset[int]
    target: State | None
    channels: tuple[int, ...] = ()
    goroutines: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """A case that comes, by its number; `raises`: what comes is an error. `is_closed`: a loop over a channel ends."""

    case: int
    raises: bool = False
    is_closed: bool = False


@dataclass(slots=True)
class Automaton:
    first: State
    steps: dict[State, dict[Event, list[Step]]] = field(default_factory=dict)


def automaton_of(program: Program, first: State) -> Automaton:
    """All that it may come to.

    Raises:
      Unknown: it cannot be written down.
    """
    found = Automaton(first)
    waiting = deque([first])
    while waiting:
        state = waiting.popleft()
        if state in found.steps:
            continue
        if len(found.steps) >= STATES_MAX:
            raise _not_written(program, state, f"a goroutine has more than {STATES_MAX} states")
        found.steps[state] = dict(_steps(program, state))
        waiting += [step.target for several in found.steps[state].values() for step in several if step.target]
    _check_loops(program, found)
    return found


def begun(frame: Frame, declared_count: int) -> tuple[State, Localized]:
    """Of a goroutine that was started with that, and what its numbers are for who starts it."""
    return _state((frame,), OUTSIDE, declared_count)


def operation(place: Frame, wait: Wait, declared_count: int) -> tuple[State, Localized]:
    state, local = _state((place,), wait, declared_count)
    return replace(state, is_operation=True), local


def _state(frames: tuple[Frame, ...], wait: Wait, declared_count: int) -> tuple[State, Localized]:
    held: dict[Value, None] = dict.fromkeys(ChannelValue(number) for number in range(declared_count))
    for frame in frames:
        held.update(dict.fromkeys(one for _, value in frame.variables for one in inside(value)))
    held.update(dict.fromkeys(used_by_wait(wait)))
    channels = tuple(one.index for one in held if isinstance(one, ChannelValue))
    goroutines = tuple(one.index for one in held if isinstance(one, HandleValue))
    groups = tuple(one.index for one in held if isinstance(one, GroupValue))
    numbers = Numbers(positions(channels), positions(goroutines), positions(groups))
    own = renamed_frames(frames, numbers)
    state = State(own, renamed_wait(wait, numbers), len(channels), len(goroutines), len(groups))
    return state, Localized(own, None, channels, goroutines, groups)


def _steps(program: Program, state: State) -> Iterator[tuple[Event, list[Step]]]:
    wait = state.wait
    for number, case in enumerate(wait.cases):
        outcome: Outcome = SelectedValue(wait.names[number]) if wait.is_select else wait.gives
        yield Event(number), _after(program, state, outcome)
        if wait.ends_at_close and isinstance(case, Recv):
            yield Event(number, is_closed=True), _after(program, state, Closed())
    if wait.cancels and may_be_left(program, state):
        raise _not_written(program, state, "goroutines are cancelled")
    yield Event(0, raises=True), _after(program, state, None, raises=True)


def _after(program: Program, state: State, outcome: Outcome, *, raises: bool = False) -> list[Step]:
    if state.is_operation:
        return [Step(Turn((), (), None, raises), frozenset(), frozenset(), None)]
    counts = state.channels, state.goroutines, state.groups
    wake_up = WakeUp(state.frames, outcome, raises, *counts, frozenset())
    first = turns(program, wake_up)
    closes = sorted({e.channel for turn in first for e in turn.effects if isinstance(e, Close)} & set(range(counts[0])))
    found = []
    for several in chain.from_iterable(combinations(closes, count) for count in range(len(closes) + 1)):
        closed = frozenset(several)
        for turn in turns(program, replace(wake_up, closed=closed)):
            found.append(_step(program, state, turn, closed, frozenset(closes) - closed))
    return found


def _step(program: Program, state: State, turn: Turn, closed: frozenset[int], open_: frozenset[int]) -> Step:
    for effect in turn.effects:
        if isinstance(effect, Cancel | CancelGroup):
            raise _not_written(program, state, "goroutines are cancelled")
    if turn.wait is None:
        return Step(turn, closed, open_, None)
    target, local = _state(turn.frames, turn.wait, len(program.channels))
    return Step(turn, closed, open_, target, local.channels, local.goroutines, local.groups)


def _check_loops(program: Program, automaton: Automaton) -> None:
    """Whatever makes channels or goroutines comes only once: they have no end of their own in Promela."""
    following = {
        state: [step.target for several in events.values() for step in several if step.target is not None]
        for state, events in automaton.steps.items()
    }
    for state, events in automaton.steps.items():
        for step in chain.from_iterable(events.values()):
            is_making = any(isinstance(effect, _MAKING) for effect in step.turn.effects)
            if is_making and step.target is not None and _reaches(following, step.target, state):
                raise _not_written(program, state, "channels or goroutines are made in a loop")


_MAKING = (MakeChannel, MakeGroup, Start, StartOperation, StartStranger)


def _reaches(following: dict[State, list[State]], start: State, wanted: State) -> bool:
    waiting, seen = [start], {start}
    while waiting:
        state = waiting.pop()
        if state == wanted:
            return True
        waiting += [one for one in following[state] if one not in seen]
        seen.update(following[state])
    return False


def may_be_left(program: Program, state: State) -> bool:
    """By an error that comes at any time."""
    return not state.is_operation and is_guarded(program, state.frames)


def _not_written(program: Program, state: State, text: str) -> Unknown:
    frame = state.frames[-1]
    function = program.by_name[frame.function]
    return Unknown(text, function.info.path, function.line(frame.block))
