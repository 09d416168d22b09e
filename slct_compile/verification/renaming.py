"""Channels, goroutines and TaskGroups by other numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from .model import (
    Case,
    ChannelValue,
    Frame,
    FrameValue,
    GroupEnd,
    GroupValue,
    HandleValue,
    ItemsValue,
    Join,
    JoinAll,
    Locals,
    RecordValue,
    Recv,
    Send,
    SequenceValue,
    Value,
    Wait,
)

RENAMED_KEPT = 16_384


@dataclass(frozen=True, slots=True)
class Numbers:
    """New ones, by old ones as positions."""

    channels: tuple[int, ...]
    goroutines: tuple[int, ...]
    groups: tuple[int, ...]


def positions(numbers: Iterable[int]) -> tuple[int, ...]:
    """Where each of some numbers stands among them, by itself as a position; -1 for the others."""
    found = {number: position for position, number in enumerate(numbers)}
    return tuple(found.get(number, -1) for number in range(max(found, default=-1) + 1))


@lru_cache(RENAMED_KEPT)
def renamed_frames(frames: tuple[Frame, ...], numbers: Numbers) -> tuple[Frame, ...]:
    return tuple(renamed_frame(frame, numbers) for frame in frames)


def renamed_frame(frame: Frame, numbers: Numbers) -> Frame:
    return replace(frame, variables=_renamed_all(frame.variables, numbers))


def _renamed_all(variables: Locals, numbers: Numbers) -> Locals:
    found = ((name, renamed(value, numbers)) for name, value in variables)
    return tuple((name, value) for name, value in found if value is not None)


def renamed(value: Value | None, numbers: Numbers) -> Value | None:
    match value:
        case ChannelValue(number):
            return ChannelValue(numbers.channels[number])
        case HandleValue(number):
            return HandleValue(numbers.goroutines[number])
        case GroupValue(number):
            return GroupValue(numbers.groups[number])
        case FrameValue(frame):
            return FrameValue(renamed_frame(frame, numbers))
        case RecordValue(fields):
            return RecordValue(_renamed_all(fields, numbers))
        case SequenceValue(items) | ItemsValue(items):
            return replace(value, items=tuple(renamed(item, numbers) for item in items))
        case _:
            return value


@lru_cache(RENAMED_KEPT)
def renamed_wait(wait: Wait, numbers: Numbers) -> Wait:
    return replace(
        wait,
        cases=tuple(renamed_case(case, numbers) for case in wait.cases),
        gives=renamed(wait.gives, numbers),
        cancels=tuple(numbers.goroutines[number] for number in wait.cancels),
    )


def renamed_case(case: Case, numbers: Numbers) -> Case:
    match case:
        case Send(number):
            return Send(numbers.channels[number])
        case Recv(number):
            return Recv(numbers.channels[number])
        case Join(number):
            return Join(numbers.goroutines[number])
        case JoinAll(several):
            return JoinAll(tuple(numbers.goroutines[number] for number in several))
        case GroupEnd(number):
            return GroupEnd(numbers.groups[number])
        case _:
            return case
