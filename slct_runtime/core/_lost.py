"""Channels that were made while a process ran, and that nobody can reach any more.

Made channels are named `#1`, `#2`, ... A handle can be in the worker's document, in a value on its way (queued in a channel, or about to
be given to a goroutine), and nowhere else: what belongs to a process does not leave it. So the names that stand in these texts are
all that can ever be sent to or received from. A text of the author's that looks like a name keeps a channel, which does no harm.

Dropping one is nothing that a process could notice, so when it is done is free: `Resident` does it when their number has doubled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ._channel import ChannelState, waiting_senders
from ._model import Process

_NAME = re.compile(r'"(#\d+)"')


def without_lost_channels(process: Process, document: str) -> Process:
    """The process without the made channels that neither the document nor anything on its way names."""
    kept = {name for name, channel in process.channels.items() if not _is_made(name) or _has_waiters(channel)}
    texts = [document, *(p for g in process.goroutines.values() if g.resumption and (p := g.resumption.payload))]
    found = _named(texts) | {name for channel in kept for name in _named(_values(process, channel))}
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
    return {name for text in texts for name in _NAME.findall(text)}
