"""The core: what channels, select, timers, goroutines and processes mean. Pure: `step(process, event)` and nothing else.

Reading order:
  commands.py   what a transition asks for, and how it ended
  events.py     what enters      effects.py  what leaves
  _model.py     the process as immutable data, and its invariants
  _draft.py     one process within one step: queues, waking, parking, closing
  _select.py    the three passes of select
  _process.py   `step`: one function per event
  _document.py  the saved form
  _views.py     questions about a process
"""

from __future__ import annotations

from ._document import QueuedMessage, from_json, to_json
from ._model import ChannelState, Goroutine, GoroutineStatus, Process, ProcessStatus, check
from ._process import Step, new_process, step
from ._views import channel_facts, describe_case, describe_waits, is_ready, next_due_ms, watched_processes

__all__ = [
    "ChannelState",
    "Goroutine",
    "GoroutineStatus",
    "Process",
    "ProcessStatus",
    "QueuedMessage",
    "Step",
    "channel_facts",
    "check",
    "describe_case",
    "describe_waits",
    "from_json",
    "is_ready",
    "new_process",
    "next_due_ms",
    "step",
    "to_json",
    "watched_processes",
]
