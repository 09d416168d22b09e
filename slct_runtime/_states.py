"""Processes as they were: kept beside the history, so that another process can begin where one has been (`slct fork`).

A state is what a commit has left: core, document and labels. Two things are not in it, since they would be stored again with each state
for as long as they last: messages that nobody has received, and requests of effects that are under way. They are where they always
are, in the inbox and among the effects; and when they leave there, the next state notes them as used. So what a state had is what
is there now and was there then, and what was used since.

That holds as long as every commit keeps its state: a runtime that keeps no history forgets all of them when it opens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .core import Process, ProcessStatus, from_json, to_json
from .core.effects import Effect, Received
from .store.base import InboxRow, LoadedProcess, StateRow
from .wire.api import ApiError, ErrorCode, ForkRequest


class StateKeeper:
    """Notes what one process uses, from one of its states to the next."""

    __slots__ = ("_position", "_used")

    def __init__(self, core: Process) -> None:
        self._position = core.last_position  # what came later was in no state yet
        self._used: list[list[Any]] = []

    def received(self, before: Process, effects: Iterable[Effect]) -> None:
        """What a step has taken from the queues of the process as it was before."""
        for effect in effects:
            if isinstance(effect, Received) and effect.position <= self._position:
                self._used.append(["message", *_queued(before, effect.position)])

    def ended(self, effect_id: int, request: str) -> None:
        """An effect has its outcome, or nobody waits for it any more; `request` as it was stored."""
        self._used.append(["effect", effect_id, request])

    def keep(
        self,
        process_id: str,
        seq: int,
        version: str,
        core: Process,
        document: str,
        arguments: str,
        labels: Mapping[str, str],
    ) -> StateRow:
        """The process as it is now. What has ended is no place to begin at; what it used counts all the same."""
        used = json.dumps(self._used, separators=(",", ":")) if self._used else ""
        self._position, self._used = core.last_position, []
        if core.status.is_end:
            return StateRow(process_id, seq, version, "", "", "", {}, used)
        given = "" if document else arguments
        return StateRow(process_id, seq, version, to_json(core), document, given, dict(labels), used)


def _queued(process: Process, position: int) -> tuple[int, str, str]:
    """The message from outside at that position of the inbox: with its channel and payload."""
    return next(
        (position, name, entry.payload)
        for name, channel in process.channels.items()
        for entry in channel.queue
        if entry.position == position
    )


@dataclass(frozen=True, slots=True)
class Past:
    """What another process begins with. `messages` in order; `effects`: requests as stored, by id."""

    version: str
    core: Process
    document: str
    arguments: str
    labels: dict[str, str]
    messages: tuple[InboxRow, ...]
    effects: dict[int, str]


def past(request: ForkRequest, new_id: str, state: StateRow, now: LoadedProcess, used: Iterable[str]) -> Past:
    """The process as it was, under another id, and so that it runs on by itself.

    Args:
      now: It as it is stored now, read before `used`: what every state after that one has used.
    """
    messages, effects = _here(now)
    for kind, number, *rest in (each for text in used for each in json.loads(text)):
        if kind == "message":
            messages[number] = InboxRow(number, new_id, "message", *rest)
        else:
            effects[number] = rest[0]
    core = from_json(
        state.core, new_id, [(at, row.name, row.payload or "null") for at, row in sorted(messages.items())]
    )
    status = ProcessStatus.RUNNING if core.status is ProcessStatus.FAULTED else core.status
    waiting = {entry.position for channel in core.channels.values() for entry in channel.queue}
    return Past(
        state.version,
        replace(core, status=status, attached={}, written_by="", origin=(request.process_id, request.seq)),
        state.document,
        state.arguments,
        dict(state.labels),
        tuple(replace(row, process_id=new_id) for at, row in sorted(messages.items()) if at in waiting),
        {effect_id: effects[effect_id] for effect_id in core.effects},
    )


def _here(now: LoadedProcess) -> tuple[dict[int, InboxRow], dict[int, str]]:
    """Messages and requests of effects that a process has now."""
    messages = {row.position: row for row in now.inbox if row.kind == "message"}
    return messages, {row.effect_id: row.request for row in now.effects}


def cannot_fork(request: ForkRequest, reason: str, help: str = "") -> ApiError:
    """Nothing can begin there."""
    return ApiError(
        ErrorCode.FAILED_PRECONDITION,
        f"process {request.process_id!r} cannot be forked at {request.seq}: {reason}",
        help,
        {"request": "fork", "process_id": request.process_id, "seq": str(request.seq), "reason": reason},
    )
