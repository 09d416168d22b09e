"""Channels that were made while a process ran, and that nobody can reach any more.

Made channels are named `#1`, `#2`, ... A handle can be in the worker's document; in a value on its way (queued in a channel, or about to
be given to a goroutine); with an effect, which may give it back; and, once it was emitted or answered, with a client, which may send it.
To other processes it does not go. So the names that stand in these texts, and those that clients have seen (`Process.shown`), are
all that can ever be sent to or received from. A text of the author's that looks like a name keeps a channel, which does no harm.

Dropping one is nothing that a process could notice, so when it is done is free: `Resident` does it when their number has doubled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ._channel import ChannelState, waiting_senders
from ._model import Process
from .commands import Payload

_NAME = re.compile(r'"(#\d+)"')


def made_channels_in(payload: Payload) -> list[str]:
    """The names of made channels that stand in it."""
    return _NAME.findall(payload)


def without_lost_channels(process: Process, document: str, lent: Iterable[str] = ()) -> Process:
    """The process without the made channels that nobody names: neither the document, nor anything on its way or with effects (`lent`)."""
    kept = {name for name, channel in process.channels.items() if not _is_made(name) or _has_waiters(channel)}
    texts = [document, *lent, *(p for g in process.goroutines.values() if g.resumption and (p := g.resumption.payload))]
    found = (
        set(process.shown) | _named(texts) | {name for channel in kept for name in _named(_values(process, channel))}
    )
    while fresh := (found & process.channels.keys()) - kept:
        kept |= fresh
        found = {name for channel in fresh for name in _named(_values(process, channel))}
    if len(kept) == len(process.channels):
        return process
    return replace(process, channels={name: c for name, c in process.channels.items() if name in kept})


def _is_made(name: str) -> bool:
    return name.startswith("#")


def _has_waiters(channel: ChannelState) -> bool:
    return bool(channel.receivers) or any(True for _ in waiting_senders(channel))


def _values(process: Process, channel: str) -> Iterator[str]:
    return (entry.payload for entry in process.channels[channel].queue)


def _named(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in made_channels_in(text)}
