"""What may happen next to a process in which all goroutines wait (docs/semantics.md, rules 8 to 11)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .applying import failed, woken
from .drafts import Closed, Outcome
from .model import (
    Case,
    Default,
    Goroutine,
    GroupEnd,
    Join,
    JoinAll,
    Joint,
    Outside,
    Recv,
    SelectedValue,
    Send,
    Wait,
    Wild,
)
from .program import Program
from .running import is_guarded


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that may happen, and what it may lead to, by data. `goroutines`: who goes on, the one that asked first.

    `is_certain`: it can be made to happen, by the order of goroutines and by what comes from outside.
    """

    goroutines: tuple[int, ...]
    case: int
    is_certain: bool
    results: tuple[Joint, ...]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A case that can be taken. `partner`: goroutine and case that it meets."""

    case: int
    partner: tuple[int, int] | None = None


def moves(program: Program, joint: Joint) -> Iterator[Move]:
    """All of them."""
    if joint.has_ended:
        return
    for index, goroutine in enumerate(joint.goroutines):
        if goroutine.wait is None:
            continue
        for one in _ready(joint, index, goroutine.wait):
            move = _taken(program, joint, index, goroutine.wait, one)
            is_wild = any(joint.goroutines[number].is_wild for number in move.goroutines)
            yield replace(move, is_certain=False) if is_wild else move
        for number, case in enumerate(goroutine.wait.cases):
            if _may_come_from_outside(joint, case):
                is_certain = _may_park(joint, goroutine.wait) and not (_is_wild(joint, case) or goroutine.is_wild)
                yield _from_outside(program, joint, index, goroutine.wait, number, is_certain)
        if goroutine.is_wild or (not goroutine.is_operation and is_guarded(program, goroutine.frames)):
            yield Move((index,), 0, False, tuple(failed(program, joint, index)))


def may_be_left(program: Program, goroutine: Goroutine) -> bool:
    """By an error that comes at any time."""
    assert goroutine.wait is not None
    if goroutine.wait.is_over:
        return False
    return goroutine.is_wild or (not goroutine.is_operation and is_guarded(program, goroutine.frames))


def _ready(joint: Joint, index: int, wait: Wait) -> list[_Ready]:
    """All that a goroutine may take when its turn comes (rule 10): of the others, any may have had theirs already, or not yet."""
    found: list[_Ready] = []
    for number, case in enumerate(wait.cases):
        if _is_ready_alone(joint, case):
            return [*found, _Ready(number)]
        found += [_Ready(number, partner) for partner in _partners(joint, index, case)]
    return found + [_Ready(n) for n, case in enumerate(wait.cases) if isinstance(case, Default)]


def _may_park(joint: Joint, wait: Wait) -> bool:
    """Whether a goroutine waits here if it is the first whose turn comes."""
    return not any(isinstance(case, Default) or _is_ready_alone(joint, case) for case in wait.cases)


def _is_ready_alone(joint: Joint, case: Case) -> bool:
    match case:
        case Send(number):
            channel = joint.channels[number]
            return not channel.is_wild and (channel.is_closed or channel.count < channel.capacity)
        case Recv(number):
            channel = joint.channels[number]
            return not channel.is_wild and (channel.is_closed or channel.count > 0)
        case Join(number):
            return joint.goroutines[number].wait is None
        case JoinAll(several):
            return all(joint.goroutines[number].wait is None for number in several)
        case GroupEnd(group):
            return not any(goroutine.group == group and goroutine.wait is not None for goroutine in joint.goroutines)
        case _:
            return False


def _partners(joint: Joint, index: int, case: Case) -> Iterator[tuple[int, int]]:
    """Those who wait on the other side of an unbuffered channel."""
    if not isinstance(case, Send | Recv):
        return
    channel = joint.channels[case.channel]
    if channel.is_wild or channel.capacity:
        return
    wanted: Case = Recv(case.channel) if isinstance(case, Send) else Send(case.channel)
    for other, goroutine in enumerate(joint.goroutines):
        if other != index and goroutine.wait is not None and _may_park(joint, goroutine.wait):
            for number, theirs in enumerate(goroutine.wait.cases):
                if theirs == wanted:
                    yield other, number
                    break


def _is_wild(joint: Joint, case: Case) -> bool:
    match case:
        case Send(number) | Recv(number):
            return joint.channels[number].is_wild
        case _:
            return isinstance(case, Wild)


def _may_come_from_outside(joint: Joint, case: Case) -> bool:
    if isinstance(case, Outside) or _is_wild(joint, case):
        return True
    return isinstance(case, Recv) and joint.channels[case.channel].is_declared


def _outcome(wait: Wait, case: int) -> Outcome:
    return SelectedValue(wait.names[case]) if wait.is_select else wait.gives


def _from_outside(program: Program, joint: Joint, index: int, wait: Wait, case: int, is_certain: bool) -> Move:
    results = woken(program, joint, index, _outcome(wait, case))
    if wait.ends_at_close and _is_wild(joint, wait.cases[case]):
        results += woken(program, joint, index, Closed())
    return Move((index,), case, is_certain, tuple(results))


def _taken(program: Program, joint: Joint, index: int, wait: Wait, ready: _Ready) -> Move:
    if ready.partner is not None:
        return _met(program, joint, index, wait, ready.case, ready.partner)
    case = wait.cases[ready.case]
    outcome = _outcome(wait, ready.case)
    if _raises(joint, case):
        return Move((index,), ready.case, True, tuple(failed(program, joint, index)))
    if isinstance(case, Send | Recv):
        channel = joint.channels[case.channel]
        if isinstance(case, Send) and channel.is_closed:
            return Move((index,), ready.case, True, tuple(failed(program, joint, index)))
        if isinstance(case, Recv) and channel.count == 0:
            if not wait.is_select and not wait.ends_at_close:
                return Move((index,), ready.case, True, tuple(failed(program, joint, index)))
            outcome = outcome or Closed()
        elif isinstance(case, Recv):
            joint = _counted(joint, case.channel, -1)
        else:
            joint = _counted(joint, case.channel, 1)
    return Move((index,), ready.case, True, tuple(woken(program, joint, index, outcome)))


def _raises(joint: Joint, case: Case) -> bool:
    """Whether what is waited for has ended with an error."""
    match case:
        case Join(number):
            return joint.goroutines[number].has_failed
        case JoinAll(several):
            return any(joint.goroutines[number].has_failed for number in several)
        case _:
            return False


def _counted(joint: Joint, number: int, change: int) -> Joint:
    channels = list(joint.channels)
    channels[number] = replace(channels[number], count=channels[number].count + change)
    return replace(joint, channels=tuple(channels))


def _met(program: Program, joint: Joint, index: int, wait: Wait, case: int, partner: tuple[int, int]) -> Move:
    """A value passed from one goroutine to another: the receiver goes on, and the sender when its turn comes."""
    other, their_case = partner
    theirs = joint.goroutines[other].wait
    assert theirs is not None
    parts = [(index, _outcome(wait, case)), (other, _outcome(theirs, their_case))]
    if isinstance(wait.cases[case], Send):
        parts.reverse()
    (receiver, got), (sender, sent) = parts
    assert not isinstance(sent, Closed)
    goroutines = list(joint.goroutines)
    goroutines[sender] = replace(goroutines[sender], wait=Wait((Outside(),), gives=sent, is_over=True))
    results = woken(program, replace(joint, goroutines=tuple(goroutines)), receiver, got)
    return Move((index, other), case, True, _distinct(results))


def _distinct(found: Sequence[Joint]) -> tuple[Joint, ...]:
    return tuple(dict.fromkeys(found))
