"""One proctype of a model: the options that a goroutine has where it waits, and what it does when one is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from .applying import Localized
from .automata import Automaton, Event, State, Step, begun, may_be_left, operation
from .effects import (
    Cancel,
    CancelGroup,
    Close,
    Effect,
    LoosenChannel,
    LoosenGoroutine,
    MakeChannel,
    MakeGroup,
    Start,
    StartOperation,
    StartStranger,
)
from .model import (
    Case,
    Default,
    GroupEnd,
    Join,
    JoinAll,
    Never,
    Outside,
    Recv,
    Send,
    Wait,
    Wild,
)

if TYPE_CHECKING:
    from .promela import Model

NIL_COUNT = 2
"""Channels on which nothing ever happens: one for those who send, one for those who receive."""


@dataclass(slots=True)
class Kind:
    """All goroutines that are started in the same way."""

    name: str
    title: str
    automaton: Automaton
    labels: dict[State, str] = field(default_factory=dict)
    made: dict[tuple[State, int, int], str] = field(default_factory=dict)


class Proctype:
    def __init__(self, model: Model, kind: Kind) -> None:
        self.model = model
        self.kind = kind
        self.is_main = kind is model.main
        self.body: list[str] = []
        self.used: set[str] = set()

    def lines(self) -> Iterator[str]:
        first = self.kind.automaton.first
        given = [f"c{n}" for n in range(self.model.declared, first.channels)]
        given += [f"h{n}" for n in range(first.goroutines)] + [f"g{n}" for n in range(first.groups)]
        body = [line for state in self.kind.automaton.steps for line in self._state(state)]
        yield f"proctype {self.kind.name}({'; '.join(f'byte {name}' for name in ('me', 'group', *given))}) {{"
        names = sorted(self.used.difference(given), key=lambda name: (name[0], int(name[1:])))
        if names:
            yield f"  byte {', '.join(names)};"
        for (_, _, capacity), name in self.kind.made.items():
            yield f"  chan {name} = [{capacity}] of {{ bit }};"
        yield from body
        if any("goto on_purpose" in line for line in body):
            yield "on_purpose:"
            yield "end_on_purpose: false;"
        yield "stop:"
        yield "end_stop: false"
        yield "}"

    def _waits_on_purpose(self, state: State) -> Iterator[str]:
        """Who waits for a goroutine that said `select()`, which is to wait for ever, says so too."""
        if not self.model.waits_on_purpose:
            return
        for case in state.wait.cases:
            match case:
                case Join(number):
                    yield f"timeout && forever[{self._goroutine(number)}]"
                case JoinAll(several):
                    yield from (f"timeout && forever[{self._goroutine(number)}]" for number in several)
                case GroupEnd(number):
                    yield f"timeout && away[{self._group(number)}]"
                case _:
                    pass

    def _state(self, state: State) -> Iterator[str]:
        label = self.kind.labels[state]
        frame = state.frames[-1]
        function = self.model.program.by_name[frame.function]
        source = "its begin" if frame.block == function.entry else function.source_line(frame.block)
        yield f"/* {function.info.path}:{function.line(frame.block)}: {source.replace('*/', '* /')} */"
        yield f"{label}: if"
        yield "  :: over -> goto stop"
        for guard, event in self._options(state):
            yield f"  :: atomic {{ {guard} ->"
            yield from (f"    {line}" for line in self._counted(guard, state.wait.cases, event))
            yield f'    printf("{self.kind.title}, {function.info.path}:{function.line(frame.block)}{self._case(state, event)}\\n");'
            yield from self._event(state, event)
            yield "  }"
        for guard in self._waits_on_purpose(state):
            yield f"  :: {guard} -> forever[me] = true; away[group] = true; goto on_purpose"
        yield "  fi;"

    def _counted(self, guard: str, cases: Sequence[Case], event: Event) -> Iterator[str]:
        """How many values a buffer holds is counted beside it: Spin goes back on its steps, and finds the channel again by its number only if that
        does not depend on what the step itself has changed.
        """
        if self.model.has_buffers and guard.startswith("ch["):
            case = cases[event.case]
            assert isinstance(case, Send | Recv)
            channel = self._channel(case.channel)
            sign = "+" if isinstance(case, Send) else "-"
            yield f"held[{channel}] = held[{channel}] {sign} (size[{channel}] > 0 -> 1 : 0);"

    def _case(self, state: State, event: Event) -> str:
        if event.raises:
            return ", an error"
        return f", {state.wait.names[event.case]}" if state.wait.is_select else ""

    def _options(self, state: State) -> Iterator[tuple[str, Event]]:
        """Guards, each with what comes."""
        wait = state.wait
        alone = [self._alone(case) for case in wait.cases]
        for number, case in enumerate(wait.cases):
            first, last = _none_of(alone[:number]), _none_of(alone) if wait.is_select else ""
            turn = _Turn(first, last, any(isinstance(one, Default) for one in wait.cases))
            for guard, comes in self._case_options(case, turn, wait):
                yield guard, Event(0 if comes.raises else number, comes.raises, comes.is_closed)
        if may_be_left(self.model.program, state):
            yield "!over", Event(0, raises=True)
        elif self.model.has_loose and not self.is_main:
            yield "loose[me]", Event(0, raises=True)

    def _case_options(self, case: Case, turn: _Turn, wait: Wait) -> Iterator[tuple[str, Event]]:
        here, over = Event(0), Event(0, raises=True)
        match case:
            case Send(number):
                channel = self._channel(number)
                yield from ((guard, here) for guard in self._sends(channel, turn))
                if self.model.has_closes:
                    yield _both(turn.first, self._closed(channel)), over
                if self.model.has_wild:
                    yield f"wild[{channel}]", here
            case Recv(number):
                channel = self._channel(number)
                yield from ((guard, here) for guard in self._receives(channel, turn))
                yield from ((guard, here) for guard in self._from_outside(channel, number))
                if self.model.has_closes:
                    empty = _both(turn.first, _both(self._closed(channel), self._empty(channel)))
                    yield empty, here if wait.is_select else Event(0, is_closed=True) if wait.ends_at_close else over
                if self.model.has_wild and wait.ends_at_close:
                    yield f"wild[{channel}]", Event(0, is_closed=True)
            case Join(number):
                yield from self._joins(case, (number,), turn)
            case JoinAll(several):
                yield from self._joins(case, several, turn)
            case GroupEnd():
                yield _both(turn.first, self._alone(case)), here
            case Default():
                yield turn.last or "true", here
            case Outside() | Wild():
                yield "!over", here
            case Never():
                pass
            case _:
                assert_never(case)

    def _joins(self, case: Case, several: Sequence[int], turn: _Turn) -> Iterator[tuple[str, Event]]:
        failed = " || ".join(f"failed[{self._goroutine(one)}]" for one in several)
        all_ended = _both(turn.first, self._alone(case))
        yield _both(all_ended, f"!({failed})" if failed else ""), Event(0)
        if failed:
            yield _both(all_ended, f"({failed})"), Event(0, raises=True)

    def _sends(self, channel: str, turn: _Turn) -> Iterator[str]:
        """Its value says whether it can have been parked."""
        guard = _both(turn.first, self._open(channel))
        parked = "0" if turn.has_default else f"({turn.last})" if turn.last else "1"
        yield f"ch[{_if(guard, channel, 'NO_RECEIVER')}]!{parked}"

    def _receives(self, channel: str, turn: _Turn) -> Iterator[str]:
        guard = _both(turn.first, self._tame(channel))
        if not turn.has_default and turn.last == turn.first:
            yield f"ch[{_if(guard, channel, 'NO_SENDER')}]?_"
            return
        yield f"ch[{_if(guard, channel, 'NO_SENDER')}]?1"
        texts = [f"size[{channel}] > 0"] if self.model.has_buffers else []
        texts += [] if turn.has_default else [turn.last]
        if texts:
            parked = _both(guard, f"({' || '.join(texts)})")
            yield f"ch[{_if(parked, channel, 'NO_SENDER')}]?0"

    def _from_outside(self, channel: str, number: int) -> Iterator[str]:
        if number < self.model.declared:
            yield "!over"
        elif self.model.has_wild:
            yield f"outside[{channel}] || wild[{channel}]"
        elif self.model.declared:
            yield f"outside[{channel}]"

    def _alone(self, case: Case) -> str:
        """When it is ready without anybody on the other side; empty: never."""
        match case:
            case Send(number):
                channel = self._channel(number)
                return self._ready(channel, f"held[{channel}] < size[{channel}]")
            case Recv(number):
                channel = self._channel(number)
                return self._ready(channel, f"held[{channel}] > 0")
            case Join(number):
                return f"ended[{self._goroutine(number)}]"
            case JoinAll(several):
                return " && ".join(f"ended[{self._goroutine(one)}]" for one in several) or "true"
            case GroupEnd(number):
                return f"running[{self._group(number)}] == 0"
            case _:
                return ""

    def _ready(self, channel: str, buffered: str) -> str:
        texts = [f"closed[{channel}]"] if self.model.has_closes else []
        texts += [buffered] if self.model.has_buffers else []
        if not texts:
            return ""
        return _both(self._tame(channel), texts[0] if len(texts) == 1 else f"({' || '.join(texts)})")

    def _empty(self, channel: str) -> str:
        return f"held[{channel}] == 0" if self.model.has_buffers else ""

    def _tame(self, channel: str) -> str:
        return f"!wild[{channel}]" if self.model.has_wild else ""

    def _closed(self, channel: str) -> str:
        return _both(self._tame(channel), f"closed[{channel}]")

    def _open(self, channel: str) -> str:
        return _both(self._tame(channel), f"!closed[{channel}]" if self.model.has_closes else "")

    def _channel(self, number: int) -> str:
        return str(number + NIL_COUNT) if number < self.model.declared else self._variable("c", number)

    def _goroutine(self, number: int) -> str:
        return self._variable("h", number)

    def _group(self, number: int) -> str:
        return self._variable("g", number)

    def _variable(self, letter: str, number: int) -> str:
        self.used.add(f"{letter}{number}")
        return f"{letter}{number}"

    def _event(self, state: State, event: Event) -> Iterator[str]:
        steps = self.kind.automaton.steps[state][event]
        if len(steps) == 1:
            yield from (f"    {line}" for line in self._step(state, steps[0]))
            return
        yield "    if"
        for step in steps:
            lines = list(self._step(state, step))
            yield f"    :: {self._condition(step)} -> {lines[0]}"
            yield from (f"       {line}" for line in lines[1:])
        yield "    fi"

    def _condition(self, step: Step) -> str:
        texts = [f"({self._closed(self._channel(number))})" for number in sorted(step.closed)]
        texts += [f"!({self._closed(self._channel(number))})" for number in sorted(step.open)]
        return " && ".join(texts) or "true"

    def _step(self, state: State, step: Step) -> Iterator[str]:
        counts = [state.channels, state.goroutines, state.groups]
        for position, effect in enumerate(step.turn.effects):
            yield from self._effect(state, effect, counts, position)
        if step.target is None:
            yield from self._ended(has_failed=step.turn.has_failed)
            return
        moved = [
            *self._moved("c", step.channels, self.model.declared),
            *self._moved("h", step.goroutines, 0),
            *self._moved("g", step.groups, 0),
        ]
        yield from self._in_order(moved)
        if not step.target.wait.cases:
            yield "forever[me] = true; away[group] = true;"
        yield f"goto {self.kind.labels[step.target]}"

    def _in_order(self, moved: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Assignments that happen at once; by way of `t0` and so on where one would overwrite what another needs."""
        targets = {target for target, _ in moved}
        if not any(source in targets for _, source in moved):
            yield from (f"{target} = {source};" for target, source in moved)
            return
        yield from (f"{self._variable('t', number)} = {source};" for number, (_, source) in enumerate(moved))
        yield from (f"{target} = t{number};" for number, (target, _) in enumerate(moved))

    def _moved(self, letter: str, sources: Sequence[int], first: int) -> Iterator[tuple[str, str]]:
        for number, source in enumerate(sources):
            if number >= first and number != source:
                yield self._variable(letter, number), self._variable(letter, source)

    def _ended(self, *, has_failed: bool) -> Iterator[str]:
        if self.is_main:
            yield "over = true;"
        elif has_failed:
            yield "if"
            yield ":: true -> over = true"
            yield f":: true -> failed[me] = true; {self._no_more()}"
            yield "fi;"
        else:
            yield self._no_more()
        yield "goto stop"

    def _no_more(self) -> str:
        fewer = " running[group] = running[group] - (group > 0 -> 1 : 0);" if self.model.has_groups else ""
        return f"ended[me] = true;{fewer}"

    def _effect(self, state: State, effect: Effect, counts: list[int], position: int) -> Iterator[str]:
        match effect:
            case MakeChannel(capacity):
                yield from self._made(state, capacity, counts[0], position)
                counts[0] += 1
            case Close(number):
                yield f"closed[{self._channel(number)}] = true;"
            case LoosenChannel(number):
                yield f"wild[{self._channel(number)}] = true;"
            case LoosenGoroutine(number):
                yield f"loose[{self._goroutine(number)}] = true;"
            case MakeGroup():
                yield f"assert(groups < GROUPS); {self._group(counts[2])} = groups; groups++;"
                counts[2] += 1
            case Start(frame, group):
                first, local = begun(frame, self.model.declared)
                yield from self._run(first, local, counts, "0" if group is None else self._group(group))
            case StartOperation(place, wait):
                first, local = operation(place, wait, self.model.declared)
                yield from self._run(first, local, counts, "0")
            case StartStranger(_, number):
                name = self._group(number)
                yield "if"
                yield f":: stranger[{name}] -> skip"
                yield f":: else -> stranger[{name}] = true; running[{name}]++; run stranger_in({name})"
                yield "fi;"
            case Cancel() | CancelGroup():
                raise AssertionError(effect)  # an automaton has none
            case _:
                assert_never(effect)

    def _made(self, state: State, capacity: int | None, number: int, position: int) -> Iterator[str]:
        key = (state, position, capacity or 0)
        name = self.kind.made.setdefault(key, f"made_{len(self.kind.made)}")
        variable = self._channel(number)
        yield f"assert(channels < CHANNELS); {variable} = channels; channels++;"
        wild = f" wild[{variable}] = true;" if capacity is None else ""
        yield f"ch[{variable}] = {name}; size[{variable}] = {capacity or 0};{wild}"

    def _run(self, first: State, local: Localized, counts: list[int], group: str) -> Iterator[str]:
        variable = self._goroutine(counts[1])
        counts[1] += 1
        given = [self._channel(number) for number in local.channels[self.model.declared :]]
        given += [self._goroutine(number) for number in local.goroutines]
        given += [self._group(number) for number in local.groups]
        yield f"assert(goroutines < GOROUTINES); {variable} = goroutines; goroutines++;"
        if group != "0":
            yield f"running[{group}]++;"
        yield f"run {self.model.kinds[first].name}({', '.join([variable, group, *given])});"


@dataclass(frozen=True, slots=True)
class _Turn:
    """`first`: no case before this one is ready alone; `last`: none at all is; empty: always."""

    first: str
    last: str
    has_default: bool


def _none_of(alone: Sequence[str]) -> str:
    texts = [text for text in alone if text]
    return f"!({' || '.join(f'({text})' for text in texts)})" if texts else ""


def _both(one: str, other: str) -> str:
    return f"{one} && {other}" if one and other else one or other


def _if(guard: str, channel: str, nil: str) -> str:
    return f"({guard} -> {channel} : {nil})" if guard else channel
