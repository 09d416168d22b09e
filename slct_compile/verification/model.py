"""A process with data abstracted away: which goroutine waits where for what, and how full its channels are. Plain hashable data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


class Unknown(Exception):
    """Something that cannot be followed, so that nothing can be said. `text` says what, `path` and `line` where."""

    def __init__(self, text: str, path: str, line: int) -> None:
        super().__init__(text)
        self.text = text
        self.path = path
        self.line = line


@dataclass(frozen=True, slots=True)
class ChannelValue:
    index: int


@dataclass(frozen=True, slots=True)
class HandleValue:
    """Of a goroutine."""

    index: int


@dataclass(frozen=True, slots=True)
class SelectedValue:
    """What a select came to: the index or the name of its case."""

    case: int | str


@dataclass(frozen=True, slots=True)
class ItemsValue:
    """What is left of `range(3)`."""

    count: int


Value: TypeAlias = ChannelValue | HandleValue | SelectedValue | ItemsValue
Locals: TypeAlias = tuple[tuple[str, Value], ...]
"""The variables of which something is known, by name."""


def known(variables: Mapping[str, Value]) -> Locals:
    return tuple(sorted(variables.items(), key=lambda item: item[0]))


@dataclass(frozen=True, slots=True)
class Channel:
    """`is_declared`: clients may send to it. `is_wild`: somebody who is not followed may use it, so that anything may happen."""

    capacity: int
    is_declared: bool = False
    is_wild: bool = False
    count: int = 0
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    channel: int


@dataclass(frozen=True, slots=True)
class Recv:
    channel: int


@dataclass(frozen=True, slots=True)
class Join:
    goroutine: int


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that comes by itself: a timer, an effect, another process, or the turn of a goroutine that was started."""


@dataclass(frozen=True, slots=True)
class Default:
    pass


@dataclass(frozen=True, slots=True)
class Wild:
    """What is not followed: it may come, or never."""


Case: TypeAlias = Send | Recv | Join | Outside | Default | Wild


@dataclass(frozen=True, slots=True)
class Wait:
    """Cases in the order in which they are tried. `is_select`: the outcome says which case it was, by its name.

    `ends_at_close`: a closed channel ends a loop, and raises nothing.
    """

    cases: tuple[Case, ...]
    names: tuple[int | str, ...] = ()
    is_select: bool = False
    ends_at_close: bool = False


OUTSIDE = Wait((Outside(),))


@dataclass(frozen=True, slots=True)
class Frame:
    """`function` by its `module:qualname`; `block`: the state that takes the outcome."""

    function: str
    block: int
    variables: Locals = ()


@dataclass(frozen=True, slots=True)
class Goroutine:
    """The innermost frame last; no frames: it has ended. `started`: the function that it was started with."""

    started: str
    frames: tuple[Frame, ...]
    wait: Wait | None


@dataclass(frozen=True, slots=True)
class Joint:
    """A whole process while all its goroutines wait: main first. `has_ended`: main has."""

    goroutines: tuple[Goroutine, ...]
    channels: tuple[Channel, ...]
    has_ended: bool = False
