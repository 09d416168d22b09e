"""Goroutines that begin, and those that are cancelled."""

from __future__ import annotations

from dataclasses import replace

from .code import Code
from .drafts import Draft
from .model import NOBODY, OUTSIDE, Frame, FrameValue, Goroutine, HandleValue, Wait, Wild


def start(draft: Draft, frame: FrameValue, group: int | None = None) -> HandleValue:
    """It begins at a turn of its own."""
    return _added(draft, Goroutine(frame.frame.function, (frame.frame,), OUTSIDE, group))


def start_operation(code: Code, draft: Draft, block: int, wait: Wait) -> HandleValue:
    """One operation of a `gather`, which has a goroutine of its own."""
    return _added(draft, Goroutine("", (Frame(code.function.name, block),), wait, is_operation=True))


def start_stranger(code: Code, draft: Draft, group: int) -> None:
    """Somebody in a TaskGroup of whom nothing is known: one stands for all."""
    if not any(other.group == group and other.wait == Wait((Wild(),)) for other in draft.goroutines):
        place = Frame(code.function.name, code.block)
        _added(draft, Goroutine("", (place,), Wait((Wild(),)), group, is_operation=True))


def _added(draft: Draft, goroutine: Goroutine) -> HandleValue:
    for index, other in enumerate(draft.goroutines):
        if other == NOBODY:
            draft.goroutines[index] = goroutine
            return HandleValue(index)
    draft.goroutines.append(goroutine)
    return HandleValue(len(draft.goroutines) - 1)


def cancel(code: Code, draft: Draft, index: int) -> None:
    """It ends, with those whom it has started in a `gather` (D5); one that cleans up does, or goes on, at any time."""
    goroutine = draft.goroutines[index]
    if goroutine.wait is None:
        return
    if not goroutine.is_operation and not all(_just_ends(code, frame) for frame in goroutine.frames):
        code.loosen("a goroutine that handles errors may be cancelled")
        draft.goroutines[index] = replace(goroutine, is_wild=True)
        return
    draft.goroutines[index] = replace(goroutine, frames=(), wait=None, has_failed=True)
    for other in goroutine.wait.cancels:
        cancel(code, draft, other)


def cancel_group(code: Code, draft: Draft, group: int) -> None:
    """A TaskGroup is left by an error."""
    for index, goroutine in enumerate(draft.goroutines):
        if goroutine.group == group:
            cancel(code, draft, index)


def _just_ends(code: Code, frame: Frame) -> bool:
    """No handler stands around it; if it has not begun, it may have by then, and no handler stands anywhere in it."""
    function = code.program.by_name[frame.function]
    blocks = function.states if frame.block == function.entry else (frame.block,)
    return all(function.states[block].region.on_error is None for block in blocks)
