"""A process with data abstracted away: which goroutine waits where for what, and how full its channels are. Plain hashable data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias


class _Hashed:
    """Is hashed once, when it is made: what is looked up again and again is made of parts that are shared."""

    __slots__ = ("_hash",)
    _hash: int

    def __post_init__(self) -> None:
        values = tuple([getattr(self, name) for name in type(self).__slots__])
        object.__setattr__(self, "_hash", hash(values))

    def __hash__(self) -> int:
        return self._hash


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
class ConstantValue:
    """A number that is written in the code, True, False or None. None is also the channel on which nothing ever happens."""

    value: int | None


@dataclass(frozen=True, slots=True)
class ErrorValue:
    """An exception that is being handled."""


@dataclass(frozen=True, slots=True)
class GroupValue:
    """A TaskGroup."""

    index: int


@dataclass(frozen=True, slots=True)
class TimeoutValue:
    """A `timeout(...)`."""


@dataclass(frozen=True, slots=True)
class FrameValue:
    """A durable function that was called, and has not begun."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class SequenceValue:
    """A tuple, or a list. `is_shared`: somebody else may hold it too, so that it must not change any more."""

    items: tuple[Value | None, ...]
    is_list: bool = False
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class RecordValue:
    """A dataclass into whose fields nobody puts anything else; those of which something is known."""

    fields: Locals


@dataclass(frozen=True, slots=True)
class RangeValue:
    """What is left of `range(1, 3)`."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class ItemsValue:
    """What is left of a loop over a sequence."""

    items: tuple[Value | None, ...]


Value: TypeAlias = (
    ChannelValue
    | HandleValue
    | SelectedValue
    | ConstantValue
    | ErrorValue
    | GroupValue
    | TimeoutValue
    | FrameValue
    | SequenceValue
    | RecordValue
    | RangeValue
    | ItemsValue
)
Locals: TypeAlias = tuple[tuple[str, Value], ...]
"""The variables of which something is known, by name."""


def inside(value: Value | None) -> Iterator[Value]:
    """A value, and what it holds."""
    if value is None:
        return
    yield value
    match value:
        case SequenceValue(items) | ItemsValue(items):
            for item in items:
                yield from inside(item)
        case FrameValue(frame):
            for _, argument in frame.variables:
                yield from inside(argument)
        case RecordValue(fields):
            for _, held in fields:
                yield from inside(held)
        case _:
            pass


def is_followed(value: Value | None) -> bool:
    """Whether channels or goroutines are in it."""
    return any(isinstance(one, ChannelValue | HandleValue | GroupValue | FrameValue) for one in inside(value))


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
class JoinAll:
    """The end of a `gather`: of all of these."""

    goroutines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GroupEnd:
    """The end of all goroutines of a TaskGroup."""

    group: int


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that comes by itself: a timer, an effect, another process, or the turn of a goroutine that was started."""


@dataclass(frozen=True, slots=True)
class Default:
    pass


@dataclass(frozen=True, slots=True)
class Never:
    """An operation on None."""


@dataclass(frozen=True, slots=True)
class Wild:
    """What is not followed: it may come, or never."""


Case: TypeAlias = Send | Recv | Join | JoinAll | GroupEnd | Outside | Default | Never | Wild


@dataclass(frozen=True, slots=True)
class Wait(_Hashed):
    """Cases in the order in which they are tried. `is_select`: the outcome says which case it was, by its name.

    `ends_at_close`: a closed channel ends a loop, and raises nothing. `gives`: what it comes to. `cancels`: goroutines that end if it is left by an error.
    `is_over`: what it was for has come, and only the turn of its goroutine has not.
    """

    __hash__ = _Hashed.__hash__

    cases: tuple[Case, ...]
    names: tuple[int | str, ...] = ()
    is_select: bool = False
    ends_at_close: bool = False
    gives: Value | None = None
    cancels: tuple[int, ...] = ()
    is_over: bool = False


OUTSIDE = Wait((Outside(),))


@dataclass(frozen=True, slots=True)
class Frame(_Hashed):
    """`function` by its `module:qualname`; `block`: the state that takes the outcome."""

    __hash__ = _Hashed.__hash__

    function: str
    block: int
    variables: Locals = ()


@dataclass(frozen=True, slots=True)
class Goroutine(_Hashed):
    """The innermost frame last; no frames: it has ended. `started`: the function that it was started with.

    `group`: the TaskGroup that it is in. `is_operation`: it is one operation of a `gather`, and its frame says only where that is.
    `has_failed`: it has ended with an error, which is raised where it is waited for. `is_wild`: it may be cancelled at any time.
    """

    __hash__ = _Hashed.__hash__

    started: str
    frames: tuple[Frame, ...]
    wait: Wait | None
    group: int | None = None
    is_operation: bool = False
    has_failed: bool = False
    is_wild: bool = False


NOBODY = Goroutine("", (), None)
"""In the place of a goroutine that has ended, and for which nobody can wait any more."""


@dataclass(frozen=True, slots=True)
class Joint(_Hashed):
    """A whole process while all its goroutines wait: main first. `has_ended`: main has. `group_count`: TaskGroups are numbered below that."""

    __hash__ = _Hashed.__hash__

    goroutines: tuple[Goroutine, ...]
    channels: tuple[Channel, ...]
    has_ended: bool = False
    group_count: int = 0


ENDED = Joint((), (), has_ended=True)
