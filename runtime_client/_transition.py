"""One transition: a goroutine of a process, from its resumption to its next suspension, and the document it leaves (rule 3).

Pure towards the outside: `run_transition` takes an order and gives an answer; what user code or values can cause is in the
answer. Knows the codec and the trampoline, no network, store or clock.

The document is one text, and so one alias domain (rule 1):

    format      DOCUMENT_FORMAT of whoever wrote it
    process     shared fields, by name
    goroutines  [[id, [frame, ...]], ...], innermost frame last
    waits       [[id, names, [[kind, subject], ...]], ...]: what each parked goroutine waits for; `names` are those of a select's cases,
                None if a single operation was awaited
    scopes      [[id, [scope, ...]], ...]: timeouts and groups that a goroutine is inside of, outermost first
    pending     [[id, exception], ...]: what is raised in a goroutine at its next suspension
    holders     [[id, [holder, ...]], ...]: groups and gathers that take the error of a goroutine (see `_structured.py`)
    outcomes    [[id, outcome], ...] of goroutines that have ended: the very object for every joiner (detail D4)
    pinned      ids of goroutines whose handles have left the process, so that their outcomes may yet be asked for
    sent        [[id, count], ...]: so many values on their way through channels have the handle of that goroutine
    next        counters: goroutine, channel, effect, child

Of scopes, pending, holders and sent, what is empty is left out. An outcome is kept while something in the document or in a channel still
names its goroutine, or once its handle has left the process. NB: a value that was to be sent and was not (another case of its select was
taken, the channel was closed) counts as on its way for ever.

A process of uncompiled code has live coroutines, which no document can hold: it is kept in `LiveProcess` only, its document is
"", and a transition of it cannot be run again.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, assert_never

from slct_runtime.core.commands import (
    MAIN_GOROUTINE_ID,
    Attach,
    CallCase,
    CancelGoroutine,
    CancelProcess,
    Case,
    Close,
    Command,
    DefaultCase,
    EffectRequest,
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
    Payload,
    RecvCase,
    Reply,
    ResultCase,
    Resumption,
    ResumptionKind,
    RetryPolicy,
    SendCase,
    SendTo,
    SetLabels,
    StartProcess,
    TimerCase,
)
from slct_runtime.wire.work import ChannelFact, RunTransition, TransitionAnswer

from . import _context
from ._channels import Channel, ReceiveNext
from ._codec import Codec
from ._codec_plain import PlainNodes, Unusual, are_plain, dumps
from ._definition_lines import defined_at
from ._definitions import Definition, Definitions
from ._direct import CoroutineFrame
from ._effects import function_of_call
from ._errors import (
    CallFailed,
    Cancelled,
    ChannelClosed,
    CodecError,
    EffectUnknown,
    ProcessCancelled,
    ProcessError,
    ProcessFailed,
)
from ._frame import Frame, FrameStatus, Outcome
from ._handles import ChildRef, Handle
from ._migrations import MigrationFailed, carry_out, migrations_of
from ._operations import (
    DEFAULT_RETRY,
    After,
    Call,
    Default,
    Ended,
    Join,
    Operation,
    Recv,
    Result,
    Retry,
    Select,
    Selected,
    Send,
    deadline_ms,
    duration_ms,
)
from ._process import Process, add_new_fields, bare_instance, definition_name, missing_fields, new_instance
from ._structured import Holder, TaskGroup, timeout
from ._trampoline import Stack, already_started, run_to_suspension

# --- a process in memory ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """What a parked goroutine waits for: enough of it to make a value, or an error, of its resumption.

    `names` are those of a select's cases, None for a single operation. Each case is (kind, subject): the name of a channel or of
    a function, the id of a goroutine or of a process.
    """

    names: tuple[int | str, ...] | None
    cases: tuple[tuple[str, Any], ...]


@dataclass(slots=True, eq=False)
class Goroutine:
    """One goroutine between two transitions. One without `wait` has not begun to run."""

    stack: Stack
    wait: Wait | None = None
    scopes: list[timeout | TaskGroup] = field(default_factory=list)
    pending: BaseException | None = None
    texts: tuple[str, str] | None = None
    """Its frames and its wait as they stand in the document, if they cannot change until it runs."""


@dataclass(slots=True)
class Counters:
    """The next numbers to be given out."""

    goroutine: int = MAIN_GOROUTINE_ID + 1
    channel: int = 1
    effect: int = 1
    child: int = 1


@dataclass(slots=True, eq=False)
class LiveProcess:
    """A decoded process, between two transitions."""

    definition: Definition
    instance: Process
    goroutines: dict[int, Goroutine] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    holders: dict[int, list[Holder]] = field(default_factory=dict)
    pinned: set[int] = field(default_factory=set)
    sent: Counter[int] = field(default_factory=Counter)
    counters: Counters = field(default_factory=Counters)
    broken: dict[int, TransitionAnswer] = field(default_factory=dict)
    """Uncompiled goroutines that have failed, and so cannot be run again: how they did."""
    received_by: tuple[int, Wait] | None = None
    """If the last transition asked for nothing and ended in waiting to receive: its goroutine, and that wait."""
    is_looping: bool = False
    """So did the one before it, in the same wait: the next one may be run ahead."""
    has_seen_time: bool = False
    """The last transition has asked for the time."""


def _new_process(definition: Definition, codec: Codec, order: RunTransition) -> LiveProcess:
    instance = new_instance(definition.cls, order.process_id)
    _set_labels(instance, order)
    args, kwargs = codec.decode(order.arguments or "[[],{}]", process=instance, may_be_older=True)
    frame = definition.main_frame(instance, args, kwargs)
    frame.frame_status = FrameStatus.STARTED
    return LiveProcess(definition, instance, {MAIN_GOROUTINE_ID: Goroutine(Stack([frame]))})


DOCUMENT_FORMAT = 1
"""Format of the documents that are written. Documents of this and of every earlier format are read."""


_FORMAT_OF = re.compile(r'(?:\{"\$":"deep","v":)?\{"format":(\d+)')


def _decode_document(
    codec: Codec, text: str, instance: Process, frames: list[Frame] | None = None, *, may_be_older: bool = False
) -> dict[str, Any]:
    """`frames` and `may_be_older` are as in `Codec.decode`. Raises CodecError: it is none, or of a format that this version does not know; that is
    seen before it is read.
    """
    begin = _FORMAT_OF.match(text)
    if begin is not None:
        _check_format(int(begin[1]))
    document = codec.decode(text, process=instance, frames=frames, may_be_older=may_be_older)
    if not isinstance(document, dict):
        raise CodecError(f"a document is an object, not a {type(document).__name__}")
    _check_format(document.get("format", 1))
    return document


def _check_format(found: Any) -> None:
    if type(found) is not int or not 1 <= found <= DOCUMENT_FORMAT:
        raise CodecError(
            f"the document has format {found!r}, this slct reads formats up to {DOCUMENT_FORMAT}",
            help="it was written by a newer slct: upgrade the worker, or let one of that version go on with the process",
        )


class UnreadableDocument(Exception):
    """Another version has written the document, and this one cannot read it."""


def _read_document(definition: Definition, codec: Codec, order: RunTransition) -> LiveProcess:
    instance = bare_instance(definition.cls, order.process_id)
    migrations = migrations_of(order.migrations)
    frames: list[Frame] | None = [] if migrations else None
    try:
        document = _decode_document(codec, order.document or "", instance, frames, may_be_older=order.is_moved)
        instance.__dict__.update(document["process"])
        carry_out(migrations, codec.resolver, instance, frames or ())
    except (CodecError, MigrationFailed) as error:
        if order.is_moved:
            raise UnreadableDocument(str(error)) from error
        raise
    add_new_fields(instance)
    if order.is_moved and (missing := missing_fields(instance)):
        raise UnreadableDocument(f"it has no value of {', '.join(map(repr, missing))}")
    waits = {
        goroutine_id: Wait(None if names is None else tuple(names), tuple((kind, subject) for kind, subject in cases))
        for goroutine_id, names, cases in document["waits"]
    }
    scopes, pending = dict(document.get("scopes", ())), dict(document.get("pending", ()))
    return LiveProcess(
        definition,
        instance,
        {
            number: Goroutine(Stack(frames), waits.get(number), scopes.get(number, []), pending.get(number))
            for number, frames in document["goroutines"]
        },
        dict(document["outcomes"]),
        dict(document.get("holders", ())),
        set(document["pinned"]),
        Counter(dict(document.get("sent", ()))),
        Counters(**document["next"]),
    )


_NAMED_GOROUTINE = re.compile(r'\{"\$":"goroutine","v":(\d+)')
"""A handle in a text of the codec; a text of the author's never looks so, since its quotes are escaped."""


def _goroutines_in(text: str) -> set[int]:
    """The goroutines whose handles stand in it."""
    if '"goroutine"' not in text:
        return set()
    return {int(number) for number in _NAMED_GOROUTINE.findall(text)}


_OWN_THINGS = re.compile(r'\{"\$":"(channel|goroutine)"')
"""A channel or a handle in a text of the codec."""


def _write_document(live: LiveProcess, codec: Codec) -> str:
    """The document. Outcomes that nobody can ask for any more are dropped.

    Raises:
      CodecError: something that lives across this suspension cannot be saved.
    """
    _refuse_coroutines(live)
    text = _encode_document(live, codec)
    if live.outcomes:
        named = _goroutines_in(text) | live.pinned | live.sent.keys() | _joined(live)
        unnamed = live.outcomes.keys() - named
        if unnamed:
            for number in unnamed:
                del live.outcomes[number]
            text = _encode_document(live, codec)
    return text


def _encode_document(live: LiveProcess, codec: Codec) -> str:
    try:
        return _plain_document(live, codec)
    except (Unusual, CodecError):
        pass  # that the short way is not open is no part of what may be wrong on the long one
    return _whole_document(live, codec)


def _plain_document(live: LiveProcess, codec: Codec) -> str:
    """The document of a process in which nothing is met twice, and in which no gathers, timeouts or groups are under way.

    Raises:
      Unusual, CodecError: it has to be written as a whole.
    """
    if live.holders:
        raise Unusual
    nodes = PlainNodes(codec.plain, live.instance)
    nodes.meet(live.instance.__dict__)
    fields = nodes.mapping(live.instance.__dict__)
    frames, waits = list[str](), list[str]()
    has_several = len(live.goroutines) > 1
    for number, goroutine in live.goroutines.items():
        if goroutine.pending is not None:
            raise Unusual
        texts = goroutine.texts
        if texts is None:
            texts = _goroutine_texts(number, goroutine, nodes, is_kept=has_several)
        else:
            for frame in goroutine.stack.frames:
                nodes.meet(frame)
        frames.append(texts[0])
        if texts[1]:
            waits.append(texts[1])
    outcomes = [[number, nodes.encode(outcome)] for number, outcome in live.outcomes.items()]
    sent = f'"sent":{dumps(sorted(live.sent.items()))},' if live.sent else ""
    counters = live.counters
    return (
        f'{{"format":{DOCUMENT_FORMAT},"process":{dumps(fields) if fields else "{}"},"goroutines":[{",".join(frames)}],'
        f'"waits":[{",".join(waits)}],"outcomes":{dumps(outcomes) if outcomes else "[]"},'
        f'"pinned":{dumps(sorted(live.pinned)) if live.pinned else "[]"},{sent}'
        f'"next":{{"goroutine":{counters.goroutine},"channel":{counters.channel},'
        f'"effect":{counters.effect},"child":{counters.child}}}}}'
    )


def _goroutine_texts(number: int, goroutine: Goroutine, nodes: PlainNodes, *, is_kept: bool) -> tuple[str, str]:
    """Its frames and its wait. Kept if all that its frames hold are values that nobody can change. Raises Unusual."""
    if goroutine.scopes:
        raise Unusual
    frames = ",".join([nodes.frame_text(frame) for frame in goroutine.stack.frames])
    wait, wait_text = goroutine.wait, ""
    if wait is not None:
        if any(kind in _SCOPED for kind, _ in wait.cases):
            raise Unusual
        wait_text = dumps([number, wait.names, wait.cases])
    texts = f"[{number},[{frames}]]", wait_text
    if is_kept and all(_is_its_own(frame, nodes.process) for frame in goroutine.stack.frames):
        goroutine.texts = texts
    return texts


def _is_its_own(frame: Frame, process: object) -> bool:
    """Whether nobody else can change what is written of it: an object whose method it runs may be in other hands, too."""
    receiver = frame.frame_receiver
    return (receiver is None or receiver is process) and are_plain(frame.__dict__.values())


_SCOPED = frozenset({"raise", "timeout"})
"""Kinds of cases whose subject is an exception or a scope."""


def _whole_document(live: LiveProcess, codec: Codec) -> str:
    counters = live.counters
    document = {
        "format": DOCUMENT_FORMAT,
        "process": live.instance.__dict__,
        "goroutines": [[number, goroutine.stack.frames] for number, goroutine in live.goroutines.items()],
        "waits": [
            [number, None if wait.names is None else list(wait.names), [list(case) for case in wait.cases]]
            for number, goroutine in live.goroutines.items()
            if (wait := goroutine.wait) is not None
        ],
        **{name: entries for name, entries in _structure(live).items() if entries},
        "outcomes": [[number, outcome] for number, outcome in live.outcomes.items()],
        "pinned": sorted(live.pinned),
        **({"sent": [list(each) for each in sorted(live.sent.items())]} if live.sent else {}),
        "next": {
            "goroutine": counters.goroutine,
            "channel": counters.channel,
            "effect": counters.effect,
            "child": counters.child,
        },
    }
    active = [frame for goroutine in live.goroutines.values() for frame in goroutine.stack.frames]
    return codec.encode(document, process=live.instance, active=active)


def _structure(live: LiveProcess) -> dict[str, list[list[Any]]]:
    """The parts of a document that belong to gathers, timeouts and groups."""
    goroutines = live.goroutines.items()
    return {
        "scopes": [[number, goroutine.scopes] for number, goroutine in goroutines if goroutine.scopes],
        "pending": [[number, goroutine.pending] for number, goroutine in goroutines if goroutine.pending is not None],
        "holders": [[number, holders] for number, holders in live.holders.items()],
    }


def _joined(live: LiveProcess) -> set[int]:
    """Goroutines that others wait for."""
    waits = [goroutine.wait for goroutine in live.goroutines.values() if goroutine.wait is not None]
    return {subject for wait in waits for kind, subject in wait.cases if kind == "join"}


def _refuse_coroutines(live: LiveProcess) -> None:
    for goroutine in live.goroutines.values():
        for frame in goroutine.stack.frames:
            if isinstance(frame, CoroutineFrame) and frame.frame_status is FrameStatus.STARTED:
                kind = type(frame)
                raise CodecError(
                    f"{kind.__module__}:{kind.FUNCTION} is not compiled, and so cannot be saved while it waits",
                    help="run slct-compile over the tree that it is in",
                )


# --- the transition -----------------------------------------------------------------------------------------------------


def run_transition(
    definitions: Definitions, order: RunTransition, held: LiveProcess | None
) -> tuple[TransitionAnswer, LiveProcess | None]:
    """Run one goroutine from its resumption to its next suspension.

    Args:
      held: The process as this function left it at `order.seq`, if the order brings no document. It is used up.

    Returns:
      The answer, and the process to hold for `seq + 1`: None if it must be forgotten.

    Raises:
      UnreadableDocument: the process has moved to this version, which cannot read what the other one has written (rule 22).
    """
    try:
        definition = definitions.definition(order.definition)
        if definition.is_compiled:
            return _compiled_transition(definition, definitions.codec, order, held)
        return _direct_transition(definition, definitions.codec, order, held)
    except UnreadableDocument:
        raise
    except Exception as error:
        return _faulted(definitions.codec, order, error), None


def _compiled_transition(
    definition: Definition, codec: Codec, order: RunTransition, held: LiveProcess | None
) -> tuple[TransitionAnswer, LiveProcess | None]:
    live = _process_of(definition, codec, order, held)
    transition = _Transition(live, codec, order)
    ending = transition.run()
    document: str | None = None
    match ending:
        case Finished() if order.goroutine_id == MAIN_GOROUTINE_ID:
            document = _last_document(live, codec)
        case Failed(error):
            document = _document_after_failure(live, codec, order)
            ending = ending if document is not None else Faulted(error)
        case Parked() | Finished():
            try:
                document = _write_document(live, codec)
            except CodecError as error:
                ending = transition.refused(error)
        case Faulted():
            pass
        case _:
            assert_never(ending)
    _note_loop(live, order, ending, transition.commands)
    has_ended = order.goroutine_id == MAIN_GOROUTINE_ID and not isinstance(ending, Parked)
    is_kept = document is not None and not has_ended and not isinstance(ending, Failed)
    commands = () if isinstance(ending, Faulted) else tuple(transition.commands)
    answer = TransitionAnswer(order.dispatch_id, ending, commands, document, transition.has_seen_channels)
    return answer, live if is_kept else None


def _note_loop(live: LiveProcess, order: RunTransition, ending: Ending, commands: list[Command]) -> None:
    received_by = None
    if isinstance(ending, Parked) and not commands:
        wait = live.goroutines[order.goroutine_id].wait
        if wait is not None and all(kind in _RECEIVING for kind, _ in wait.cases):
            received_by = order.goroutine_id, wait
    live.is_looping = received_by is not None and received_by == live.received_by
    live.received_by = received_by


_RECEIVING = frozenset({"recv", "next"})


def _direct_transition(
    definition: Definition, codec: Codec, order: RunTransition, held: LiveProcess | None
) -> tuple[TransitionAnswer, LiveProcess | None]:
    """The same for uncompiled code: the process stays in memory, and a goroutine that has failed stays so."""
    live = held if held is not None else _process_of(definition, codec, order, held)
    if order.goroutine_id in live.broken:
        return live.broken[order.goroutine_id], live
    transition = _Transition(live, codec, order)
    ending = transition.run()
    answer = TransitionAnswer(order.dispatch_id, ending, tuple(transition.commands), "", transition.has_seen_channels)
    if isinstance(ending, Failed | Faulted):
        live.broken[order.goroutine_id] = answer
    return answer, live


def _process_of(definition: Definition, codec: Codec, order: RunTransition, held: LiveProcess | None) -> LiveProcess:
    if order.document == "":
        return _new_process(definition, codec, order)
    if order.document is None:
        if held is None:
            raise RuntimeError(f"process {order.process_id!r} is not held here at seq {order.seq}")
        live = held
    else:
        live = _read_document(definition, codec, order)
    _set_labels(live.instance, order)
    return live


def _set_labels(instance: Process, order: RunTransition) -> None:
    """The labels as stored; one dict for the life of the instance."""
    labels = dict(order.labels)
    if instance._slct_labels != labels:
        instance._slct_labels.clear()
        instance._slct_labels.update(labels)


def _last_document(live: LiveProcess, codec: Codec) -> str:
    """What is left of a process that has completed: its fields, to be looked at; none if they cannot be saved."""
    live.goroutines.clear()
    live.holders.clear()
    live.outcomes.clear()
    try:
        return _encode_document(live, codec)
    except CodecError:
        live.instance.__dict__.clear()
        return _encode_document(live, codec)


def _document_after_failure(live: LiveProcess, codec: Codec, order: RunTransition) -> str | None:
    """The document with the failure in it: the process fails, or somebody joins. None if it cannot be written."""
    try:
        return _write_document(live, codec)
    except CodecError:
        error = live.outcomes[order.goroutine_id].error
        assert error is not None
        live.outcomes[order.goroutine_id] = Outcome(
            error=codec.decode(_encode_error(codec, error), process=live.instance)
        )
    try:
        return _write_document(live, codec)
    except CodecError:
        return _last_document(live, codec) if order.goroutine_id == MAIN_GOROUTINE_ID else None


def _faulted(codec: Codec, order: RunTransition, error: BaseException) -> TransitionAnswer:
    return TransitionAnswer(order.dispatch_id, Faulted(_encode_error(codec, error)), (), None, has_seen_channels=True)


def _encode_error(codec: Codec, error: BaseException) -> Payload:
    """An exception as text, whatever the author has put into it."""
    try:
        return codec.encode(error)
    except Exception as failure:
        try:
            text = str(error)
        except Exception:
            text = "(its text cannot be shown)"
        return codec.encode(RuntimeError(f"{type(error).__qualname__}: {text} (not saved: {failure})"))


class _Transition:
    """The running transition: what durable code reaches through `_context`, and what it leaves behind."""

    def __init__(self, live: LiveProcess, codec: Codec, order: RunTransition) -> None:
        self.process_id = order.process_id
        self.commands: list[Command] = []
        self._live = live
        self._codec = codec
        self._order = order
        self._facts = {fact.channel: fact for fact in order.channels}
        self.has_seen_channels = False
        self._closed: set[str] = set()
        live.has_seen_time = False

    @property
    def now_ms(self) -> int:
        self._live.has_seen_time = True
        return self._order.now_ms

    def run(self) -> Ending:
        """Run it, and say how it ended."""
        live, goroutine_id = self._live, self._order.goroutine_id
        goroutine = live.goroutines.get(goroutine_id)
        if goroutine is None:
            raise RuntimeError(f"process {self.process_id!r} has no goroutine {goroutine_id}")
        is_new = goroutine.wait is None
        outcome = self._outcome(goroutine)
        if is_new and outcome is not None:
            ended = outcome  # cancelled before it began: it never runs
        else:
            before = _context.enter(self)
            try:
                parked = self._run(goroutine, outcome)
            finally:
                _context.enter(before)
            if not isinstance(parked, Outcome):
                return self._refused_labels() or parked
            ended = parked
        return self._ended(ended)

    def _run(self, goroutine: Goroutine, outcome: Outcome | None) -> Parked | Outcome:
        """Run until it waits for something that can be waited for; what cannot is an error at that await."""
        while True:
            awaited = run_to_suspension(goroutine.stack, outcome)
            if isinstance(awaited, Outcome):
                return awaited
            try:
                return self._park(goroutine, awaited)
            except CodecError as error:
                outcome = Outcome(error=self._placed(error, goroutine))
            except Exception as error:  # an undeclared channel, a value that the author's code cannot take apart
                outcome = Outcome(error=error)

    # --- how it ends -----------------------------------------------------------------------------------------------

    def _ended(self, outcome: Outcome) -> Ending:
        goroutine_id = self._order.goroutine_id
        goroutine = self._live.goroutines.pop(goroutine_id)
        error = outcome.error
        if error is None:
            return self._refused_labels() or self._finished(goroutine, outcome.value)
        if isinstance(error, KeyboardInterrupt):
            raise error
        if _is_debugger_quit(error):
            raise KeyboardInterrupt("the debugger was quit") from error
        self._live.outcomes[goroutine_id] = Outcome(error=error)
        is_held = goroutine_id in self._live.holders
        self._tell_holders(goroutine_id)
        is_cancellation = isinstance(error, Cancelled)
        return Failed(_encode_error(self._codec, error), _is_process_error(error), is_held, is_cancellation)

    def _tell_holders(self, goroutine_id: int) -> None:
        """A goroutine has ended: its groups and gathers see to the others."""
        for holder in self._live.holders.pop(goroutine_id, ()):
            holder.has_ended(self, goroutine_id, self._live.outcomes[goroutine_id].error)

    def _finished(self, goroutine: Goroutine, value: Any) -> Ending:
        if self._order.goroutine_id != MAIN_GOROUTINE_ID:
            self._live.outcomes[self._order.goroutine_id] = Outcome(value)
            self._tell_holders(self._order.goroutine_id)
            return Finished()
        try:
            return Finished(self._encode_out(value))
        except CodecError as error:
            error.message += f": the result of {self._live.definition.cls.__qualname__}"
            return self.refused(error)

    def refused(self, error: CodecError) -> Faulted:
        """The transition cannot be committed: something in it cannot be saved."""
        goroutine = self._live.goroutines.get(self._order.goroutine_id)
        return Faulted(_encode_error(self._codec, self._placed(error, goroutine)))

    def _refused_labels(self) -> Faulted | None:
        """Store the labels if they have changed; a fault if they are no texts."""
        labels = self._live.instance._slct_labels
        if labels == dict(self._order.labels):
            return None
        for key, value in labels.items():
            if not isinstance(key, str) or not isinstance(value, str):
                error = TypeError(f"labels are texts, got {key!r}: {value!r}\n  help: self.labels[...] = str(...)")
                return Faulted(_encode_error(self._codec, error))
        self.commands.append(SetLabels(tuple(sorted(labels.items()))))
        return None

    def _park(self, goroutine: Goroutine, awaited: Operation) -> Parked:
        if goroutine.pending is not None:
            goroutine.wait, goroutine.pending = Wait(None, (("raise", goroutine.pending),)), None
            return Parked((TimerCase(self.now_ms),))  # ready at once, and what is awaited is not carried out
        names = None
        if isinstance(awaited, Select):
            names = awaited.names
            cases = tuple([self._case(operation) for operation in awaited.cases])
            subjects = tuple([_subject(op, case) for op, case in zip(awaited.cases, cases, strict=True)])
        else:
            cases = (self._case(awaited),)
            subjects = (_subject(awaited, cases[0]),)
        has_limit = goroutine.scopes and DefaultCase() not in cases
        limit = _next_timeout(goroutine.scopes, self.now_ms) if has_limit else None
        if limit is not None:
            due_ms, scope = limit
            cases, subjects = (*cases, TimerCase(due_ms)), (*subjects, ("timeout", scope))
        goroutine.wait = Wait(names, subjects)
        return Parked(cases)

    def _case(self, operation: Operation) -> Case:
        match operation:
            case Recv(channel):
                return RecvCase(self._channel_name(channel))
            case Send(channel, value):
                return SendCase(self._channel_name(channel), self._encode(value))
            case After(deadline):
                return TimerCase(deadline_ms(deadline, self.now_ms))
            case Call():
                return CallCase(self._request(operation))
            case Join(goroutine_id):
                return JoinCase(goroutine_id)
            case Result(process_id):
                return ResultCase(process_id)
            case Default():
                return DefaultCase()
            case _:
                raise TypeError(f"{operation!r} cannot be waited for")

    def _request(self, call: Call) -> EffectRequest:
        function, arguments, keywords = function_of_call(self._codec.resolver, call)
        effect_id = self._live.counters.effect
        self._live.counters.effect += 1
        return EffectRequest(
            effect_id,
            function,
            self._encode_out([list(arguments), keywords]),
            _policy(call.retry),
            _timeout_ms(call.timeout),
            call.key,
            call.queue,
            call.at_most_once,
            call.priority,
            _timeout_ms(call.heartbeat_timeout),
            _timeout_ms(call.schedule_to_close_timeout),
        )

    def _channel_name(self, channel: Channel[Any] | str | None) -> str | None:
        """The name of a channel of this process.

        Raises:
          LookupError: it declares none of that name.
        """
        if channel is None:
            return None
        name = channel if isinstance(channel, str) else channel.channel_id
        definition = self._live.definition
        if not name:
            raise TypeError("a channel that belongs to no process\n  help: declare it, or make it with make_channel()")
        if not (definition.open_channels or name in definition.capacities or self._is_made(name)):
            names = ", ".join(sorted(definition.capacities)) or "none"
            raise LookupError(
                f"definition {definition.name!r} declares no channel {name!r}\n  help: its channels are: {names}"
            )
        return name

    def _is_made(self, name: str) -> bool:
        number = name[1:]
        return name.startswith("#") and number.isdecimal() and int(number) < self._live.counters.channel

    def _encode(self, value: Any) -> Payload:
        """A value that crosses a channel of this process; handles in it come back when it is received."""
        text = self._codec.encode(value, process=self._live.instance)
        self._live.sent.update(_goroutines_in(text))
        return text

    def _received(self, text: Payload) -> None:
        """A value has come out of a channel. One that a client sent has handles which are pinned, if any."""
        for number in _goroutines_in(text) & self._live.sent.keys():
            self._live.sent[number] -= 1
            if not self._live.sent[number]:
                del self._live.sent[number]

    def _encode_out(self, value: Any) -> Payload:
        """A value that leaves the process, and so cannot hold the process itself."""
        text = self._codec.encode(value)
        self._live.pinned.update(_goroutines_in(text))
        return text

    def _encode_for_another(self, value: Any) -> Payload:
        """A value for another process, where names of this one's channels and goroutines mean something else.

        Raises:
          CodecError: it holds one.
        """
        text = self._codec.encode(value)
        if found := _OWN_THINGS.search(text):
            raise CodecError(
                f"a {found[1]} of this process cannot be sent to another process",
                help="send the id of this process, and the name of a channel that it declares",
            )
        return text

    def _placed(self, error: CodecError, goroutine: Goroutine | None) -> CodecError:
        """The error, saying where in the author's code the value would have been saved."""
        if error.variable:
            return _with_definition(error, self._live)
        frame = goroutine.stack.frames[-1] if goroutine is not None and goroutine.stack.frames else None
        if frame is not None:
            kind = type(frame)
            state = kind.STATES.get(frame.frame_state)
            error.function, error.place = kind.FUNCTION, kind.SOURCE + (f":{state.line}" if state is not None else "")
        match error.path:
            case ("process", str() as name, *_):
                error.variable, error.function = f"self.{name}", self._live.definition.cls.__qualname__
            case _ if frame is not None:
                error.message += f", at {error.function}, {error.place}"
        error.args = (error.message, error.path, error.help)
        return error

    # --- what it is woken with -------------------------------------------------------------------------------------

    def _outcome(self, goroutine: Goroutine) -> Outcome | None:
        """The resumption as the outcome of what the goroutine awaits; None if it starts."""
        resumption = self._order.resumption
        wait, goroutine.wait = goroutine.wait, None
        goroutine.texts = None
        if resumption.kind is ResumptionKind.START:
            return None
        if resumption.kind is ResumptionKind.CANCELLED:
            goroutine.pending = None  # it is being cancelled anyway
            return Outcome(error=Cancelled())
        if resumption.kind is ResumptionKind.INTERRUPTED:
            pending, goroutine.pending = goroutine.pending, None
            return Outcome(error=Cancelled() if pending is None else pending)
        if wait is None or not 0 <= resumption.case_index < len(wait.cases):
            raise RuntimeError(f"goroutine {self._order.goroutine_id} of {self.process_id!r} does not wait for that")
        kind, subject = wait.cases[resumption.case_index]
        outcome = self._case_outcome(resumption, kind, subject, wait.names is not None)
        if wait.names is None or outcome.error is not None:
            return outcome
        is_ok = resumption.kind is not ResumptionKind.CLOSED
        return Outcome(Selected(wait.names[resumption.case_index], outcome.value, is_ok))

    def _case_outcome(self, resumption: Resumption, kind: str, subject: Any, is_select: bool) -> Outcome:
        match resumption.kind:
            case ResumptionKind.VALUE:
                payload = resumption.payload
                if kind in ("recv", "next") and payload is not None:
                    self._received(payload)
                return Outcome(
                    None
                    if payload is None
                    else self._codec.decode(payload, process=self._live.instance, may_be_older=True)
                )
            case ResumptionKind.NONE if kind == "timeout":
                return Outcome(error=subject.fire())
            case ResumptionKind.NONE if kind == "raise":
                return Outcome(error=subject)
            case ResumptionKind.NONE:
                return Outcome()
            case ResumptionKind.CLOSED if is_select:
                return Outcome()
            case ResumptionKind.CLOSED:
                return Outcome(error=StopAsyncIteration() if kind == "next" else ChannelClosed(str(subject)))
            case ResumptionKind.SEND_CLOSED:
                return Outcome(error=ChannelClosed(str(subject), "nothing can be sent"))
            case ResumptionKind.ERROR:
                return Outcome(error=self._failure(kind, subject, resumption.payload))
            case ResumptionKind.UNKNOWN:
                return Outcome(error=EffectUnknown(str(subject), "its outcome is not known"))
            case ResumptionKind.JOINED:
                outcome = self._joined_outcome(subject)
                return Outcome() if kind == "ended" else outcome
            case ResumptionKind.START | ResumptionKind.CANCELLED | ResumptionKind.INTERRUPTED:
                raise AssertionError("translated by the caller")
            case _:
                assert_never(resumption.kind)

    def _failure(self, kind: str, subject: Any, payload: Payload | None) -> BaseException:
        """The error of a failed call, or of another process, with its cause (details D19 and D20)."""
        cause = None if payload is None else self._codec.decode(payload, process=self._live.instance, may_be_older=True)
        if not isinstance(cause, BaseException):
            cause = None
        if isinstance(cause, ProcessCancelled) and kind == "result":
            return cause
        reason = "" if cause is None else f"{type(cause).__name__}: {cause}".removesuffix(": ")
        error: ProcessError
        if kind == "call":
            error = CallFailed(str(subject), reason)
        elif cause is None or isinstance(cause, Cancelled):
            error = ProcessCancelled(str(subject), "cancelled")
        else:
            error = ProcessFailed(str(subject), reason)
        error.__cause__ = cause
        return error

    def _joined_outcome(self, goroutine_id: int) -> Outcome:
        """How a goroutine ended. One that was cancelled before it began has no outcome yet."""
        if goroutine_id not in self._live.outcomes:
            self._drop(goroutine_id)
        return self._live.outcomes[goroutine_id]

    def _drop(self, goroutine_id: int) -> None:
        """A goroutine was cancelled before it began: it never runs."""
        self._live.goroutines.pop(goroutine_id, None)
        self._live.outcomes[goroutine_id] = Outcome(error=Cancelled())
        self._tell_holders(goroutine_id)

    # --- what durable code asks for (TransitionContext) ------------------------------------------------------------

    def go(self, frame: Frame) -> Handle:
        if frame.frame_status is not FrameStatus.NEW:
            raise already_started(frame)
        goroutine_id = self._live.counters.goroutine
        self._live.counters.goroutine += 1
        frame.frame_status = FrameStatus.STARTED
        self._live.goroutines[goroutine_id] = Goroutine(Stack([frame]))
        self.commands.append(Go(goroutine_id))
        return Handle(goroutine_id)

    def close(self, channel_id: str) -> None:
        name = self._channel_name(channel_id)
        assert name is not None
        if name in self._closed or self.channel_fact(name).closed:
            raise ChannelClosed(name, "it was closed before")
        self._closed.add(name)
        self.commands.append(Close(name))

    def make_channel(self, capacity: int) -> Channel[Any]:
        name = f"#{self._live.counters.channel}"
        self._live.counters.channel += 1
        self.commands.append(MakeChannel(name, capacity))
        return Channel(capacity, channel_id=name)

    def channel_fact(self, channel_id: str) -> ChannelFact:
        self.has_seen_channels = True
        return self._facts.get(channel_id) or ChannelFact(channel_id, 0, False)

    def is_done(self, goroutine_id: int) -> bool:
        return goroutine_id not in self._live.goroutines

    def cancel(self, goroutine_id: int) -> None:
        goroutine = self._live.goroutines.get(goroutine_id)
        if goroutine is None:
            return
        self.commands.append(CancelGoroutine(goroutine_id))
        if goroutine.wait is None and goroutine_id != self._order.goroutine_id:
            self._drop(goroutine_id)

    # --- gathers, timeouts and groups ------------------------------------------------------------------------------

    @property
    def goroutine_id(self) -> int:
        return self._order.goroutine_id

    @property
    def scopes(self) -> list[timeout | TaskGroup]:
        """What the running goroutine is inside of, outermost first."""
        return self._live.goroutines[self._order.goroutine_id].scopes

    def outcome_of(self, goroutine_id: int) -> Outcome | None:
        """How a goroutine has ended; None if it is still there."""
        return None if goroutine_id in self._live.goroutines else self._joined_outcome(goroutine_id)

    def hold(self, goroutine_id: int, holder: Holder) -> None:
        self._live.holders.setdefault(goroutine_id, []).append(holder)

    def release(self, goroutine_id: int, holder: Holder) -> None:
        left = [held for held in self._live.holders.pop(goroutine_id, ()) if held is not holder]
        if left:
            self._live.holders[goroutine_id] = left

    def interrupt(self, goroutine_id: int, group: TaskGroup, error: Cancelled) -> None:
        """Raise the interruption of a group in its goroutine. That of a group around it comes first."""
        goroutine = self._live.goroutines[goroutine_id]
        inside = goroutine.scopes[goroutine.scopes.index(group) + 1 :]
        pending = goroutine.pending
        if pending is None or any(isinstance(s, TaskGroup) and s.interruption is pending for s in inside):
            goroutine.pending = error
        self.commands.append(Interrupt(goroutine_id))

    def leave_group(self, group: TaskGroup) -> None:
        """The body of a group has ended: it cannot be interrupted any more."""
        goroutine = self._live.goroutines[self._order.goroutine_id]
        goroutine.scopes.remove(group)
        if goroutine.pending is not None and goroutine.pending is group.interruption:
            goroutine.pending = None

    def raise_next(self, error: Cancelled) -> None:
        """Raise this in the running goroutine, at its next suspension."""
        self._live.goroutines[self._order.goroutine_id].pending = error

    def emit(self, value: Any) -> None:
        self.commands.append(Emit(self._encode_out(value)))

    def reply(self, request_id: str, answer: Any) -> None:
        self.commands.append(Reply(request_id, self._encode_out(answer)))

    def start(
        self, definition: str | type[Process], args: tuple[Any, ...], kwargs: dict[str, Any], process_id: str | None
    ) -> ChildRef:
        name = definition if isinstance(definition, str) else definition_name(definition)
        number = self._live.counters.child
        if process_id is None:
            self._live.counters.child += 1
            process_id = f"{self.process_id}.{number}"
        self.commands.append(StartProcess(process_id, name, self._encode_for_another([list(args), kwargs])))
        return ChildRef(process_id)

    def cancel_process(self, process_id: str) -> None:
        self.commands.append(CancelProcess(process_id))

    def attach(self, process_id: str) -> None:
        self.commands.append(Attach(process_id))

    def send_to(self, process_id: str, channel: str, value: Any) -> None:
        self.commands.append(SendTo(process_id, channel, self._encode_for_another(value)))


# --- operations as the core has them -----------------------------------------------------------------------------------


def _subject(operation: Operation, case: Case) -> tuple[str, Any]:
    """What a resumption of this case is about: see `Wait`."""
    match case:
        case RecvCase(channel):
            return "next" if isinstance(operation, ReceiveNext) else "recv", channel
        case SendCase(channel):
            return "send", channel
        case TimerCase():
            return "after", None
        case CallCase(request):
            return "call", request.function.partition(":")[2]
        case JoinCase(goroutine_id):
            return "ended" if isinstance(operation, Ended) else "join", goroutine_id
        case ResultCase(process_id):
            return "result", process_id
        case DefaultCase():
            return "default", None
        case _:
            assert_never(case)


def _with_definition(error: CodecError, live: LiveProcess) -> CodecError:
    """The error, saying where the local got its value."""
    frames = [frame for goroutine in live.goroutines.values() for frame in goroutine.stack.frames]
    kind = next((type(f) for f in frames if error.function == f.FUNCTION and error.variable in f.__dict__), None)
    source, _, line = error.place.rpartition(":")
    if kind is not None and line.isdecimal():
        found = defined_at(kind, error.variable, int(line))
        error.defined = f"{source}:{found}" if found is not None else ""
    return error


def _next_timeout(scopes: list[timeout | TaskGroup], now_ms: int) -> tuple[int, timeout] | None:
    """The timeout that comes first, and when; of several due at once the outermost (detail D7)."""
    running = [
        (due_ms, scope) for scope in scopes if isinstance(scope, timeout) and (due_ms := scope.due_ms()) is not None
    ]
    return min(running, key=lambda each: max(each[0], now_ms), default=None)


def _is_debugger_quit(error: BaseException) -> bool:
    """Whether somebody quit pdb in durable code: that ends what runs it, and is nothing that the process did."""
    debugger = sys.modules.get("bdb")
    return debugger is not None and isinstance(error, debugger.BdbQuit)


def _is_process_error(error: BaseException) -> bool:
    """Whether it is of the durable API, and so fails the process rather than the code (rule 6)."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_process_error(each) for each in error.exceptions)
    return isinstance(error, ProcessError | TimeoutError | Cancelled)


def _timeout_ms(timeout: float | timedelta | None) -> int | None:
    return None if timeout is None else max(1, duration_ms(timeout))


def _policy(retry: Retry) -> RetryPolicy:
    return _USUAL_POLICY if retry is DEFAULT_RETRY else _as_policy(retry)


def _as_policy(retry: Retry) -> RetryPolicy:
    return RetryPolicy(
        retry.max_attempts,
        duration_ms(retry.first),
        float(retry.factor),
        duration_ms(retry.longest),
        float(retry.jitter),
        tuple(f"{kind.__module__}:{kind.__qualname__}" for kind in retry.non_retryable),
    )


_USUAL_POLICY = _as_policy(DEFAULT_RETRY)
