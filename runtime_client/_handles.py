"""Handles: what `go()` and `start()` give back, as values that may be stored, passed, sent and saved.

Equal and hashed by what they name, so that a handle is the same key after storage (detail D10).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, Self, overload

from ._channels import Channel, P, Takes
from ._context import current
from ._frame import Outcome
from ._operations import Join, Result
from ._type_variables import ValueT


class Handle(Generic[ValueT]):
    """A goroutine of this process. `await handle` joins it: gives its result, or raises its exception (rule 6)."""

    __slots__ = ("goroutine_id",)

    def __init__(self, goroutine_id: int) -> None:
        self.goroutine_id = goroutine_id

    def join(self) -> Join[ValueT]:
        """Wait until it has ended; every joiner gets the very same object (detail D4)."""
        return Join(self.goroutine_id)

    def done(self) -> bool:
        """Whether it has ended."""
        return current().is_done(self.goroutine_id)

    def cancel(self) -> None:
        """Raise `Cancelled` in it, once, where it is parked or at its next suspension (detail D5)."""
        current().cancel(self.goroutine_id)

    def __await__(self) -> Generator[Any, Any, ValueT]:
        outcome: Outcome = yield self.join()
        value: ValueT = outcome.unwrap()
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and other.goroutine_id == self.goroutine_id

    def __hash__(self) -> int:
        return hash((Handle, self.goroutine_id))

    def __repr__(self) -> str:
        return f"<goroutine {self.goroutine_id}>"


class ChildRef(Generic[ValueT]):
    """Another process, as durable code holds it: from `start()`."""

    __slots__ = ("process_id",)

    def __init__(self, process_id: str) -> None:
        self.process_id = process_id

    def result(self) -> Result[ValueT]:
        """Wait for its end; raises `ProcessFailed` (detail D19)."""
        return Result(self.process_id)

    @overload
    def send(self, channel: str, value: Any) -> None: ...
    @overload
    def send(self, channel: Takes[P], /, *value: P.args, **keyword: P.kwargs) -> None: ...
    def send(self, channel: Any, value: Any) -> None:  # type: ignore[misc]  # P is one value, as a channel takes it
        """Send to one of its channels, exactly once, when this transition commits. Does not suspend."""
        current().send_to(self.process_id, channel.channel_id if isinstance(channel, Channel) else channel, value)

    def cancel(self) -> None:
        """Cancel it when this transition commits. Does not suspend; one that has ended stays as it is."""
        current().cancel_process(self.process_id)

    def attached(self) -> Self:
        """This reference. The process is cancelled when the one that says so ends, however it ends; else it lives on."""
        current().attach(self.process_id)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChildRef) and other.process_id == self.process_id

    def __hash__(self) -> int:
        return hash((ChildRef, self.process_id))

    def __repr__(self) -> str:
        return f"<process {self.process_id!r}>"
