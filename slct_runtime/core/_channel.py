"""Channels: FIFO queues between the goroutines of one process, and from outside into it.

Knows nothing of goroutines but their ids, of storage or of time; every function here is from value to value. One queue
holds everything sent and not received: its first `capacity` entries are the buffer, the others wait for room or for a
receiver. Entries from goroutines and messages from outside stand in one line, in order of arrival (rule 9).
Invariants, verified by `check_channel`:
  1. The buffer comes first: in the first `capacity` entries nobody waits any more.
  2. What is behind the buffer has a sender who waits, or came from outside.
  3. `receivers` is non-empty only if the queue is empty, but for entries of the very goroutines that receive here.
  4. A closed channel has no receivers, and no goroutine waits in its queue. Messages from outside may (rule 11).
  5. `message_count` counts the entries from outside.
NB: 3 has its exception because one select may send and receive here, and does not meet itself (rule 10).
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import NamedTuple

from ._line import Line
from .commands import Payload
from .records import record


class Waiter(NamedTuple):
    """A goroutine's place in a queue: which of its cases stands there. A tuple, because long queues are searched for it."""

    goroutine_id: int
    case_index: int


@record(frozen=True, slots=True)
class Entry:
    """One value in a channel's queue.

    `goroutine_id` 0: nobody waits for it to be taken. `position` 0: it came from a goroutine. `after`: the last message
    from outside that had come before it, so that both find their places again on load.
    """

    payload: Payload
    goroutine_id: int = 0
    case_index: int = 0
    position: int = 0
    after: int = 0


@record(frozen=True, slots=True)
class ChannelState:
    """One channel: values in order of arrival, and receivers in order of arrival."""

    capacity: int = 0
    is_closed: bool = False
    queue: Line[Entry] = field(default_factory=Line)
    receivers: tuple[Waiter, ...] = ()
    message_count: int = 0

    @property
    def length(self) -> int:
        """How many values are in the buffer."""
        return min(len(self.queue), self.capacity)

    @property
    def has_room(self) -> bool:
        return len(self.queue) < self.capacity


UNDECLARED = ChannelState()
"""A channel that nobody has declared is unbuffered, open and empty."""


@record(frozen=True, slots=True)
class Taken:
    """The oldest value, the channel without it, and the senders who may go on: whose it was, and who was let in."""

    channel: ChannelState
    entry: Entry
    woken: tuple[Waiter, ...]


def take(channel: ChannelState) -> Taken:
    """Take the oldest value. The longest-waiting sender moves into the room that it leaves (rule 8)."""
    entry, queue = channel.queue[0], channel.queue.without_first()
    woken: tuple[Waiter, ...] = ()
    if entry.goroutine_id:
        woken = (Waiter(entry.goroutine_id, entry.case_index),)
    last = channel.capacity - 1
    if last >= 0 and len(queue) > last and queue[last].goroutine_id:
        sender = queue[last]
        woken = (*woken, Waiter(sender.goroutine_id, sender.case_index))
        queue = queue.with_item(last, replace(sender, goroutine_id=0, case_index=0))
    count = channel.message_count - (1 if entry.position else 0)
    return Taken(ChannelState(channel.capacity, channel.is_closed, queue, channel.receivers, count), entry, woken)


def let_in(channel: ChannelState) -> tuple[ChannelState, Waiter] | None:
    """The same after its first sender was let in who waits within the buffer, as they do after it was made larger; None without one."""
    for place, entry in enumerate(channel.queue[: channel.capacity]):
        if entry.goroutine_id:
            queue = channel.queue.with_item(place, replace(entry, goroutine_id=0, case_index=0))
            return replace(channel, queue=queue), Waiter(entry.goroutine_id, entry.case_index)
    return None


def append(channel: ChannelState, entry: Entry) -> ChannelState:
    """To the end of the line: into the buffer if there is room, behind it if not."""
    count = channel.message_count + (1 if entry.position else 0)
    queue = channel.queue.with_last(entry)
    return ChannelState(channel.capacity, channel.is_closed, queue, channel.receivers, count)


def add_receiver(channel: ChannelState, waiter: Waiter) -> ChannelState:
    return _with_receivers(channel, (*channel.receivers, waiter))


def without_first_receiver(channel: ChannelState) -> ChannelState:
    return _with_receivers(channel, channel.receivers[1:])


def without_receiver(channel: ChannelState, waiter: Waiter) -> ChannelState:
    if waiter not in channel.receivers:
        return channel
    place = channel.receivers.index(waiter)
    return _with_receivers(channel, channel.receivers[:place] + channel.receivers[place + 1 :])


def without_sender(channel: ChannelState, waiter: Waiter) -> ChannelState:
    """Without what it would have sent. A value already in the buffer stays: nobody waits for that."""
    goroutine_id, case_index = waiter
    queue = Line(e for e in channel.queue if e.goroutine_id != goroutine_id or e.case_index != case_index)
    return replace(channel, queue=queue)


def closed(channel: ChannelState) -> ChannelState:
    """Closed, and without those who wait; the buffer and messages from outside stay to be received (rule 11)."""
    queue = Line(e for e in channel.queue if e.goroutine_id == 0)
    return replace(channel, is_closed=True, queue=queue, receivers=())


def waiting_senders(channel: ChannelState) -> tuple[Waiter, ...]:
    return tuple(Waiter(e.goroutine_id, e.case_index) for e in channel.queue[channel.capacity :] if e.goroutine_id)


def with_messages(channel: ChannelState, messages: list[Entry]) -> ChannelState:
    """Put messages from outside, in order of position, back among the values from goroutines: before what came after them."""
    queue: list[Entry] = []
    left = messages[::-1]
    for entry in channel.queue:
        while left and left[-1].position <= entry.after:
            queue.append(left.pop())
        queue.append(entry)
    queue.extend(reversed(left))
    return replace(channel, queue=Line(queue), message_count=channel.message_count + len(messages))


def check_channel(channel: ChannelState) -> None:
    """Assert the invariants at the head of this file."""
    receivers = {w.goroutine_id for w in channel.receivers}
    assert all(entry.goroutine_id == 0 for entry in channel.queue[: channel.capacity])
    assert all(entry.goroutine_id or entry.position for entry in channel.queue[channel.capacity :])
    assert not receivers or all(entry.goroutine_id in receivers for entry in channel.queue)
    assert not (channel.is_closed and (receivers or waiting_senders(channel)))
    assert channel.message_count == sum(1 for entry in channel.queue if entry.position)


def _with_receivers(channel: ChannelState, receivers: tuple[Waiter, ...]) -> ChannelState:
    return ChannelState(channel.capacity, channel.is_closed, channel.queue, receivers, channel.message_count)
