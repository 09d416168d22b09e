"""Durable processes in plain Python: what authors and clients import. The whole public surface is `__all__`, below.

Reading order of the parts:
  _process.py      `Process`, `@durable`, `@process`       _functions.py   recv, send, select, call, go, ...
  _operations.py   what may be awaited                     _channels.py, _handles.py, _requests.py   values that name things of a process
  _structured.py   gather, timeout, TaskGroup              _saga.py        Saga
  _schedule.py     processes started by the clock
  _frame.py        what compiled code speaks               _direct.py, _handwritten.py   the other two kinds of frames
  _trampoline.py   runs the frames of one goroutine        _transition.py  one transition of a process
  _effects.py      runs effects                            _codec.py       how everything is saved
  _definitions.py  classes as deployed                     _client.py, _worker.py   the two ends of the wire
"""

from __future__ import annotations

from ._channels import Channel
from ._client import Client, ProcessRef, Rate, SyncClient, SyncProcessRef
from ._definitions import Definitions
from ._effects import Effect, current_effect, heartbeat
from ._errors import (
    AlreadyExists,
    CallFailed,
    Cancelled,
    CannotEdit,
    CannotFork,
    CannotMove,
    CannotRetry,
    ChannelClosed,
    ClientError,
    CodecError,
    CompensationFailed,
    DefinitionError,
    EffectUnknown,
    InvalidValue,
    LimitExceeded,
    NoHistory,
    NotFound,
    NotRunning,
    ProcessCancelled,
    ProcessError,
    ProcessFailed,
    RemoteError,
    SlctError,
    Unavailable,
)
from ._frame import Frame, Instruction, LocalFunction, State
from ._functions import (
    after,
    call,
    close,
    default,
    emit,
    go,
    make_channel,
    now,
    recv,
    select,
    send,
    sleep,
    start,
)
from ._handles import ChildRef, Handle
from ._handwritten import Step
from ._migrations import migrate
from ._operations import Operation, Retry, Selected
from ._process import Process, durable, process
from ._requests import Request
from ._saga import Saga
from ._schedule import Schedule, ScheduleSpec
from ._structured import TaskGroup, gather, timeout
from ._worker import Worker, manage_defs

__all__ = [  # noqa: RUF022 - in the order in which a reader needs them
    # --- what a process is made of
    "Process",
    "Channel",
    "Request",
    "durable",
    "process",
    "Definitions",
    "Step",
    "migrate",
    # --- what it may await
    "recv",
    "send",
    "after",
    "sleep",
    "call",
    "select",
    "default",
    "gather",
    "timeout",
    "TaskGroup",
    "Saga",
    "Retry",
    "Selected",
    "Operation",
    # --- what takes effect when a transition commits
    "go",
    "start",
    "close",
    "make_channel",
    "now",
    "emit",
    "Handle",
    "ChildRef",
    # --- within effects
    "current_effect",
    "heartbeat",
    "Effect",
    # --- using it
    "Client",
    "SyncClient",
    "ProcessRef",
    "SyncProcessRef",
    "Rate",
    "Schedule",
    "ScheduleSpec",
    "Worker",
    "manage_defs",
    # --- what compiled code speaks
    "Frame",
    "State",
    "Instruction",
    "LocalFunction",
    # --- errors
    "SlctError",
    "ProcessError",
    "ChannelClosed",
    "CallFailed",
    "EffectUnknown",
    "CompensationFailed",
    "ProcessFailed",
    "ProcessCancelled",
    "CodecError",
    "RemoteError",
    "DefinitionError",
    "ClientError",
    "NotFound",
    "AlreadyExists",
    "NotRunning",
    "CannotEdit",
    "CannotFork",
    "CannotMove",
    "CannotRetry",
    "NoHistory",
    "InvalidValue",
    "LimitExceeded",
    "Unavailable",
    "Cancelled",
]
