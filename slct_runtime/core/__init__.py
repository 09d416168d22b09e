"""The core: what channels, select, timers, goroutines and processes mean. Pure: `step(process, event)` and nothing else.

Reading order:
  commands.py   what a transition asks for, and how it ended
  events.py     what enters      effects.py  what leaves
  _line.py      a queue as a value
  _channel.py   one channel, its queue and its invariants
  _goroutine.py the life of a goroutine: `STATUS_CHANGES`
  _model.py     the process as immutable data, and its invariants
  _draft.py     a process within one step: the books of who is ready, running and there
  _select.py    the three passes of select, and what wakes others: messages, close, timers
  _cancel.py    cancelling goroutines and processes
  _process.py   `step`: one function per event
  _document.py  the saved form
  _lost.py      channels that nobody can reach any more
  _views.py     questions about a process
"""

from __future__ import annotations

from ._channel import ChannelState
from ._document import QueuedMessage, UnknownFormat, from_json, to_json
from ._goroutine import Goroutine, GoroutineStatus
from ._lost import without_lost_channels
from ._model import Process, ProcessStatus, check
from ._process import Step, new_process, step
from ._views import (
    channel_facts,
    describe_case,
    describe_waits,
    filled_channels,
    is_ready,
    next_due_ms,
    payloads_under_way,
    watched_processes,
)

__all__ = [
    "ChannelState",
    "Goroutine",
    "GoroutineStatus",
    "Process",
    "ProcessStatus",
    "QueuedMessage",
    "Step",
    "UnknownFormat",
    "channel_facts",
    "check",
    "describe_case",
    "describe_waits",
    "filled_channels",
    "from_json",
    "is_ready",
    "new_process",
    "next_due_ms",
    "payloads_under_way",
    "step",
    "to_json",
    "watched_processes",
    "without_lost_channels",
]
