"""The transition that is running, as durable code reaches it: `go`, `close`, `now`, ...

One transition runs at a time in one thread; what it asks for is collected here and carried out when it commits.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from slct_runtime.wire.work import ChannelFact

    from ._channels import Channel
    from ._errors import Cancelled
    from ._frame import Frame, Outcome
    from ._handles import ChildRef, Handle
    from ._process import Process
    from ._structured import Holder, TaskGroup, timeout


class TransitionContext(Protocol):
    """What durable code may ask of the running transition."""

    process_id: str

    @property
    def now_ms(self) -> int: ...
    @property
    def goroutine_id(self) -> int: ...
    @property
    def scopes(self) -> list[timeout | TaskGroup]: ...
    def go(self, frame: Frame) -> Handle: ...
    def close(self, channel_id: str) -> None: ...
    def make_channel(self, capacity: int) -> Channel[Any]: ...
    def channel_fact(self, channel_id: str) -> ChannelFact: ...
    def is_done(self, goroutine_id: int) -> bool: ...
    def outcome_of(self, goroutine_id: int) -> Outcome | None: ...
    def cancel(self, goroutine_id: int) -> None: ...
    def hold(self, goroutine_id: int, holder: Holder) -> None: ...
    def release(self, goroutine_id: int, holder: Holder) -> None: ...
    def interrupt(self, goroutine_id: int, group: TaskGroup, error: Cancelled) -> None: ...
    def leave_group(self, group: TaskGroup) -> None: ...
    def raise_next(self, error: Cancelled) -> None: ...
    def emit(self, value: Any) -> None: ...
    def reply(self, request_id: str, answer: Any) -> None: ...
    def start(
        self, definition: str | type[Process], args: tuple[Any, ...], kwargs: dict[str, Any], process_id: str | None
    ) -> ChildRef: ...
    def cancel_process(self, process_id: str) -> None: ...
    def attach(self, process_id: str) -> None: ...
    def send_to(self, process_id: str, channel: str, value: Any) -> None: ...


_local = threading.local()


def current() -> TransitionContext:
    """The running transition.

    Raises:
      RuntimeError: called outside durable code.
    """
    context: TransitionContext | None = getattr(_local, "context", None)
    if context is None:
        raise RuntimeError(
            "this can only be used inside a durable function while it runs\n  help: call it from a Process method"
        )
    return context


def running() -> TransitionContext | None:
    """The running transition of this thread; None outside of durable code."""
    found: TransitionContext | None = getattr(_local, "context", None)
    return found


def enter(context: TransitionContext | None) -> TransitionContext | None:
    """Make this the running transition; returns what was before, to be given back."""
    before: TransitionContext | None = getattr(_local, "context", None)
    _local.context = context
    return before
