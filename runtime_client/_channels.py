"""Channels as authors see them: declared on a process class, made at run time, or named.

A `Channel` object is a name with facts; the values are the runtime's. Equal and hashed by that name within a process, so
that a handle stays the same key after storage (detail D10).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Generic, ParamSpec, Protocol, cast, get_args

from ._context import current
from ._operations import Operation, Recv, Send
from ._type_variables import T, ValueT


class Channel(Generic[T]):
    """A FIFO queue between the goroutines of one process, with Go's semantics (rules 8 to 12).

    `payments = Channel[int](capacity=0)` in a process class declares one, which clients may send to by its name.
    """

    def __init__(self, capacity: int = 0, *, channel_id: str = "") -> None:
        if not isinstance(capacity, int) or isinstance(capacity, bool) or capacity < 0:
            raise ValueError(f"a channel's capacity is a whole number from 0 up, got {capacity!r}")
        self.channel_id = channel_id
        self._capacity = capacity

    def __set_name__(self, owner: type, name: str) -> None:
        self.channel_id = name

    @property
    def capacity(self) -> int:
        """How many values the buffer holds; 0: a send meets a receiver."""
        return self._capacity

    @property
    def closed(self) -> bool:
        """Whether it was closed when this transition began (detail D10)."""
        return current().channel_fact(self.channel_id).closed

    def __len__(self) -> int:
        return current().channel_fact(self.channel_id).length

    def __bool__(self) -> bool:
        return True

    def recv(self) -> Recv[T]:
        """Wait for a value; raises `ChannelClosed` once closed and drained."""
        return Recv(self)

    def send(self, value: T) -> Send:
        """Wait for a receiver, or for room in the buffer."""
        return Send(self, value)

    def close(self) -> None:
        """Close it. Raises `ChannelClosed` if it is closed already."""
        current().close(self.channel_id)

    def __aiter__(self) -> AsyncIterator[T]:
        return cast(AsyncIterator[T], _ChannelIterator(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Channel) and other.channel_id == self.channel_id

    def __hash__(self) -> int:
        return hash((Channel, self.channel_id))

    def __repr__(self) -> str:
        return f"<channel {self.channel_id or '(undeclared)'}>"

    def element_type(self) -> Any:
        """The `T` of `Channel[T]` as written, or None: what messages from outside are checked against."""
        arguments = get_args(getattr(self, "__orig_class__", None))
        return arguments[0] if arguments else None


P = ParamSpec("P")


class Takes(Protocol[P]):
    """A `Channel[T]`, for what takes a channel and a value for it: the value is inferred in view of T, as that of `channel.send` is."""

    def send(self, *args: P.args, **kwargs: P.kwargs) -> Send: ...


class Gives(Protocol[ValueT]):
    """A `Channel[T]`, for what receives from it: one of ints is good where any object is wanted."""

    def recv(self) -> Recv[ValueT]: ...


class _ChannelIterator:
    """`async for` over a channel: ends when it is closed and drained."""

    def __init__(self, channel: Channel[Any]) -> None:
        self.channel = channel

    def __aiter__(self) -> _ChannelIterator:
        return self

    def __anext__(self) -> Operation[Any]:
        return ReceiveNext(self.channel)


class ReceiveNext(Recv[Any]):
    """A receive that raises StopAsyncIteration at the end, for `async for`."""

    __slots__ = ()
