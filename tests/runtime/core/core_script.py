"""Scripts: events in, effects out, as text that a reader can follow. In the manner of raft's `testdata`.

A script is blocks of input lines, `----`, and the output that they gave; blank lines separate blocks, `#` starts a comment.

    process [open] [fail] [channel=capacity ...]
    start | time MS | message CHANNEL PAYLOAD | close CHANNEL | cancel | terminate | retry | lost GOROUTINE
    effect ID result PAYLOAD | effect ID error PAYLOAD | effect ID unknown
    child PROCESS result PAYLOAD | child PROCESS error PAYLOAD
    GOROUTINE: [COMMAND, ...] => ENDING          one transition
    show                                         who is where, and what the channels hold

COMMAND: go G, make #N CAPACITY, close CHANNEL, cancel G, interrupt G, emit V, label K V, start PROCESS DEFINITION, send PROCESS CHANNEL V.
ENDING: CASE | CASE ..., nothing, returned [V], failed E (a ProcessError), error E (any other),
held E (an error that a gather or a TaskGroup takes), faulted E.
CASE: recv CHANNEL, send CHANNEL V, after MS, call ID, join G, result PROCESS, default. The nil channel is `nil`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from core_world import World, call

from slct_runtime.core import GoroutineStatus, describe_case
from slct_runtime.core.commands import (
    CancelGoroutine,
    Case,
    Close,
    Command,
    DefaultCase,
    Emit,
    Ending,
    Failed,
    Faulted,
    Finished,
    Go,
    Interrupt,
    JoinCase,
    MakeChannel,
    Parked,
    RecvCase,
    ResultCase,
    Resumption,
    SendCase,
    SendTo,
    SetLabels,
    StartProcess,
    TimerCase,
)
from slct_runtime.core.effects import (
    CancelEffect,
    Effect,
    Finish,
    Received,
    RequestEffect,
    RunGoroutine,
    WatchProcess,
)
from slct_runtime.core.events import RetryRequested, TerminateRequested


def rewritten(script: str) -> str:
    """The script with the output that it gives now."""
    world = World()
    blocks = []
    for block in script.strip().split("\n\n"):
        source = block.partition("\n----")[0].rstrip()
        lines = [line for line in source.split("\n") if not line.startswith("#")]
        output: list[str] = []
        for line in lines:
            if line.startswith("process"):
                world = _made(line.split()[1:])
            else:
                output.extend(_carried_out(world, line))
        blocks.append("\n".join([source, "----", *output]) if lines else source)
    return "\n\n".join(blocks) + "\n"


def _made(words: list[str]) -> World:
    capacities = {name: int(capacity) for name, capacity in (w.split("=") for w in words if "=" in w)}
    return World(is_open="open" in words, fail_on_fault="fail" in words, **capacities)


def _carried_out(world: World, line: str) -> Iterator[str]:
    if line == "show":
        yield from _shown(world)
        return
    before = world.status
    head, colon, rest = line.partition(":")
    if colon and head.isdigit():
        if world.process.running != int(head):
            raise ValueError(f"{line!r}: goroutine {world.process.running} runs")
        commands, _, ending = rest.partition("=>")
        effects = world.done(int(head), _ending(ending.strip()), tuple(_commands(commands)))
        if not world.committed:
            yield "not committed"
    else:
        effects = _event(world, shlex.split(line, posix=False))
    for effect in effects:
        yield _effect(effect)
    if world.status != before:
        yield f"status {world.status}"


def _event(world: World, words: list[str]) -> list[Effect]:
    match words:
        case ["start"]:
            return world.start()
        case ["time", now_ms]:
            return world.time(int(now_ms))
        case ["message", channel, payload]:
            return world.message(channel, payload)
        case ["close", channel]:
            return world.close(channel)
        case ["cancel"]:
            return world.cancel()
        case ["terminate"]:
            return world.apply(TerminateRequested(world.now_ms))
        case ["retry"]:
            return world.apply(RetryRequested(world.now_ms))
        case ["lost", goroutine_id]:
            return world.lose(int(goroutine_id))
        case ["effect", effect_id, "unknown"]:
            return world.effect_done(int(effect_id))
        case ["effect", effect_id, "result" | "error" as kind, payload]:
            return world.effect_done(int(effect_id), **{kind: payload})
        case ["child", process_id, "result" | "error" as kind, payload]:
            return world.child_done(process_id, **{kind: payload})
        case _:
            raise ValueError(f"no event reads {' '.join(words)!r}")


def _commands(text: str) -> Iterator[Command]:
    for part in filter(None, (part.strip() for part in text.split(","))):
        match part.split():
            case ["go", goroutine_id]:
                yield Go(int(goroutine_id))
            case ["make", channel, capacity]:
                yield MakeChannel(channel, int(capacity))
            case ["close", channel]:
                yield Close(channel)
            case ["cancel", goroutine_id]:
                yield CancelGoroutine(int(goroutine_id))
            case ["interrupt", goroutine_id]:
                yield Interrupt(int(goroutine_id))
            case ["emit", payload]:
                yield Emit(payload)
            case ["label", key, value]:
                yield SetLabels(((key, value),))
            case ["start", process_id, definition]:
                yield StartProcess(process_id, definition, "[[],{}]")
            case ["send", process_id, channel, payload]:
                yield SendTo(process_id, channel, payload)
            case _:
                raise ValueError(f"no command reads {part!r}")


def _ending(text: str) -> Ending:
    match text.split(maxsplit=1):
        case ["nothing"]:
            return Parked(())
        case ["returned"]:
            return Finished()
        case ["returned", payload]:
            return Finished(payload)
        case ["failed", error]:
            return Failed(error, True)
        case ["cancelled"]:
            return Failed('"Cancelled"', True, is_cancellation=True)
        case ["error", error]:
            return Failed(error, False)
        case ["held", error]:
            return Failed(error, False, is_held=True)
        case ["faulted", error]:
            return Faulted(error)
        case _:
            return Parked(tuple(_case(part.split()) for part in text.split("|")))


def _case(words: list[str]) -> Case:
    match words:
        case ["recv", channel]:
            return RecvCase(None if channel == "nil" else channel)
        case ["send", channel, payload]:
            return SendCase(None if channel == "nil" else channel, payload)
        case ["after", deadline_ms]:
            return TimerCase(int(deadline_ms))
        case ["call", effect_id]:
            return call(int(effect_id))
        case ["join", goroutine_id]:
            return JoinCase(int(goroutine_id))
        case ["result", process_id]:
            return ResultCase(process_id)
        case ["default"]:
            return DefaultCase()
        case _:
            raise ValueError(f"no case reads {' '.join(words)!r}")


def _effect(effect: Effect) -> str:
    match effect:
        case RunGoroutine(goroutine_id, resumption):
            return f"run {goroutine_id} {_resumption(resumption)}"
        case RequestEffect(request):
            return f"request effect {request.effect_id}"
        case CancelEffect(effect_id):
            return f"cancel effect {effect_id}"
        case WatchProcess(process_id):
            return f"watch {process_id}"
        case Received(position):
            return f"received {position}"
        case Finish(result, error):
            return f"finish result={result} error={error}"
        case StartProcess(process_id, definition, _):
            return f"start process {process_id} {definition}"
        case SendTo(process_id, channel, payload):
            return f"send to {process_id} {channel} {payload}"
        case Emit(payload):
            return f"emit {payload}"
        case SetLabels(labels):
            return f"labels {dict(labels)}"


def _resumption(resumption: Resumption) -> str:
    payload = "" if resumption.payload is None else f" {resumption.payload}"
    return f"{resumption.kind.value} case {resumption.case_index}{payload}"


def _shown(world: World) -> Iterator[str]:
    for g in world.process.goroutines.values():
        if g.status is GoroutineStatus.PARKED:
            what = " | ".join(map(describe_case, g.cases)) or "nothing"
        else:
            assert g.resumption is not None
            what = _resumption(g.resumption)
        cancelling = "" if g.cancelling.value == "no" else f", cancelled: {g.cancelling.value}"
        yield f"goroutine {g.goroutine_id} {g.status.value}: {what}{cancelling}"
    for name, channel in world.process.channels.items():
        values = [f"{e.payload}{f' (of {e.goroutine_id})' if e.goroutine_id else ''}" for e in channel.queue]
        closed = ", closed" if channel.is_closed else ""
        yield f"channel {name} {channel.length}/{channel.capacity}: {', '.join(values) or 'empty'}{closed}"
    yield f"order {world.order()}, unreceived {world.process.unreceived_count}, status {world.status}"
