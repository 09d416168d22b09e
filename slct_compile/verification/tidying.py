"""Forgetting what nobody can reach any more, so that a loop that makes channels and goroutines comes back to where it was.

The goroutines keep their numbers, and a new one takes a free number: whoever is waited for is not forgotten, so that while somebody waits for a goroutine
its number stays its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from .model import (
    NOBODY,
    ChannelValue,
    Frame,
    Goroutine,
    GroupEnd,
    GroupValue,
    HandleValue,
    Join,
    JoinAll,
    Joint,
    Recv,
    Send,
    Value,
    Wait,
    inside,
)
from .renaming import Numbers, positions, renamed_frames, renamed_wait

FRAMES_KEPT = 4096


def tidy(joint: Joint) -> Joint:
    used = frozenset(one for goroutine in joint.goroutines for one in _used(goroutine))
    channels = [n for n, channel in enumerate(joint.channels) if channel.is_declared or ChannelValue(n) in used]
    groups = [number for number in range(joint.group_count) if GroupValue(number) in used]
    goroutines = [
        goroutine if goroutine.wait is not None or HandleValue(n) in used else NOBODY
        for n, goroutine in enumerate(joint.goroutines)
    ]
    while goroutines and goroutines[-1] == NOBODY:
        goroutines.pop()
    if len(channels) < len(joint.channels) or len(groups) < joint.group_count:
        numbers = Numbers(positions(channels), tuple(range(len(goroutines))), positions(groups))
        goroutines = [_renumbered(goroutine, numbers) for goroutine in goroutines]
    kept = tuple(joint.channels[number] for number in channels)
    return replace(joint, goroutines=tuple(goroutines), channels=kept, group_count=len(groups))


def _used(goroutine: Goroutine) -> Iterator[Value]:
    for frame in goroutine.frames:
        yield from _used_by_frame(frame)
    if goroutine.wait is not None:
        yield from _used_by_wait(goroutine.wait)
        if goroutine.group is not None:
            yield GroupValue(goroutine.group)


@lru_cache(FRAMES_KEPT)
def _used_by_frame(frame: Frame) -> tuple[Value, ...]:
    return tuple(one for _, value in frame.variables for one in inside(value))


def used_by_wait(wait: Wait) -> Iterator[Value]:
    """Channels, goroutines and TaskGroups that it is about."""
    yield from inside(wait.gives)
    yield from map(HandleValue, wait.cancels)
    for case in wait.cases:
        match case:
            case Send(number) | Recv(number):
                yield ChannelValue(number)
            case Join(number):
                yield HandleValue(number)
            case JoinAll(several):
                yield from map(HandleValue, several)
            case GroupEnd(number):
                yield GroupValue(number)
            case _:
                pass


@lru_cache(FRAMES_KEPT)
def _used_by_wait(wait: Wait) -> tuple[Value, ...]:
    return tuple(used_by_wait(wait))


def _renumbered(goroutine: Goroutine, numbers: Numbers) -> Goroutine:
    frames = renamed_frames(goroutine.frames, numbers)
    if goroutine.wait is None:
        return replace(goroutine, frames=frames, group=None)
    group = None if goroutine.group is None else numbers.groups[goroutine.group]
    return replace(goroutine, frames=frames, wait=renamed_wait(goroutine.wait, numbers), group=group)
