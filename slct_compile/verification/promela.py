"""What `verify` explores, as a model for Spin: a proctype per way to start a goroutine, a label per wait, an option per case.

Channels and goroutines are numbers, so that they can be passed on. A channel's value says whether its sender is parked: two goroutines that both have a
`default`, or another case that is ready, do not meet (rule 10). Waits of all goroutines but main are valid end states: Spin's `invalid end state` is
a deadlock of main. What depends on data is a choice of Spin's, so that Spin also finds deadlocks that only some data lead to.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from .applying import Localized
from .automata import Automaton, Event, State, Step, automaton_of, begun, may_be_left, operation
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
    Frame,
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
from .program import DeclaredChannel, Program

CHANNELS = 32
GOROUTINES = 32
GROUPS = 8
NIL_COUNT = 2
"""Channels on which nothing ever happens: one for those who send, one for those who receive."""

_GLOBALS = {
    "ch": "chan ch[CHANNELS]; /* by number */",
    "size": "byte size[CHANNELS];",
    "held": "byte held[CHANNELS]; /* how many values are in it */",
    "closed": "bool closed[CHANNELS];",
    "outside": "bool outside[CHANNELS]; /* clients may send to it */",
    "wild": "bool wild[CHANNELS]; /* somebody who is not followed has it */",
    "ended": "bool ended[GOROUTINES];",
    "failed": "bool failed[GOROUTINES];",
    "loose": "bool loose[GOROUTINES]; /* somebody who is not followed has its handle */",
    "forever": "bool forever[GOROUTINES]; /* it waits for ever on purpose */",
    "running": "byte running[GROUPS]; /* goroutines of a TaskGroup; 0 is none */",
    "stranger": "bool stranger[GROUPS]; /* somebody of whom nothing is known is in it */",
    "away": "bool away[GROUPS]; /* one of them waits for ever on purpose */",
}
_HEAD = """\
#define CHANNELS {channels}
#define GOROUTINES {goroutines}
#define GROUPS {groups}
#define NO_RECEIVER 0 /* a channel that is nil, to those who send */
#define NO_SENDER 1 /* and to those who receive */

byte channels = {first};
byte goroutines = 1;
byte groups = 1;
bool over; /* main has returned, or the process has failed */
chan nil_0 = [0] of {{ bit }};
chan nil_1 = [0] of {{ bit }};
"""

_STRANGER = """
proctype stranger_in(byte group) { /* somebody in a TaskGroup of whom nothing is known */
end_wait: if
  :: atomic { true -> stranger[group] = false; running[group]--; goto stop }
  fi;
stop:
end_stop: false
}
"""


@dataclass(slots=True)
class _Kind:
    """All goroutines that are started in the same way."""

    name: str
    title: str
    automaton: Automaton
    labels: dict[State, str] = field(default_factory=dict)
    made: dict[tuple[State, int, int], str] = field(default_factory=dict)


def promela(program: Program, command: str) -> str:
    """The model of one definition; `command` is what made it.

    Raises:
      Unknown: it cannot be written down.
    """
    return _Model(program).text(command)


class _Model:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.declared = len(program.channels)
        self.kinds: dict[State, _Kind] = {}
        assert program.main is not None
        first, _ = begun(Frame(program.main.name, program.main.entry), self.declared)
        self.main = self._kind(first, program.main.title)
        waiting = deque([self.main])
        while waiting:
            for state, title in self._started(waiting.popleft()):
                if state not in self.kinds:
                    waiting.append(self._kind(state, title))
        every = [effect for kind in self.kinds.values() for effect in _effects(kind.automaton)]
        self.has_strangers = any(isinstance(effect, StartStranger) for effect in every)
        sizes = [e.capacity for e in every if isinstance(e, MakeChannel)] + [c.capacity for c in program.channels]
        self.has_buffers = any(sizes)
        self.has_groups = any(isinstance(effect, MakeGroup) for effect in every)
        self.has_loose = any(isinstance(effect, LoosenGoroutine) for effect in every)
        self.has_wild = any(isinstance(effect, LoosenChannel) for effect in every) or self._makes_wild(every)
        self.has_closes = any(isinstance(effect, Close) for effect in every)
        self.waits_on_purpose = any(not state.wait.cases for k in self.kinds.values() for state in k.automaton.steps)

    def _makes_wild(self, every: Sequence[Effect]) -> bool:
        made = any(isinstance(effect, MakeChannel) and effect.capacity is None for effect in every)
        return made or any(channel.capacity is None for channel in self.program.channels)

    def _kind(self, first: State, title: str) -> _Kind:
        name = "".join(letter if letter.isalnum() else "_" for letter in title)
        taken = {kind.name for kind in self.kinds.values()}
        free = next(one for one in (name, *(f"{name}_{n}" for n in range(2, 10_000))) if one not in taken)
        kind = self.kinds[first] = _Kind(free, title, automaton_of(self.program, first))
        for number, state in enumerate(kind.automaton.steps):
            is_end = kind is not self.kinds[next(iter(self.kinds))] or not state.wait.cases
            kind.labels[state] = f"end_{number}" if is_end else f"at_{number}"
        return kind

    def _started(self, kind: _Kind) -> Iterator[tuple[State, str]]:
        for effect in _effects(kind.automaton):
            match effect:
                case Start(frame):
                    yield begun(frame, self.declared)[0], self.program.by_name[frame.function].title
                case StartOperation(place, wait):
                    title = f"{self.program.by_name[place.function].title}_gathers"
                    yield operation(place, wait, self.declared)[0], title
                case _:
                    pass

    def text(self, command: str) -> str:
        parts = [_STRANGER] if self.has_strangers else []
        parts += ["\n" + "\n".join(_Proctype(self, kind).lines()) + "\n" for kind in reversed(self.kinds.values())]
        parts += ["\n" + "\n".join(self._init()) + "\n"]
        return "".join([*self._head(command, "".join(parts)), *parts])

    def _head(self, command: str, body: str) -> Iterator[str]:
        yield f"/* Made by {command}\n\n   spin -run -safety FILE   searches it; `invalid end state`: main can come to wait for ever\n"
        yield "   spin -t FILE             tells the way there\n*/\n"
        first = NIL_COUNT + self.declared
        yield _HEAD.format(channels=CHANNELS, goroutines=GOROUTINES, groups=GROUPS, first=first)
        yield from (f"{line}\n" for name, line in _GLOBALS.items() if re.search(rf"\b{name}\[", body))
        for number, channel in self._channels():
            yield f"chan declared_{number} = [{channel.capacity or 0}] of {{ bit }}; /* {channel.name} */\n"

    def _channels(self) -> Iterator[tuple[int, DeclaredChannel]]:
        yield from enumerate(self.program.channels, NIL_COUNT)

    def _init(self) -> Iterator[str]:
        yield "init {"
        yield "  atomic {"
        yield "    ch[NO_RECEIVER] = nil_0; ch[NO_SENDER] = nil_1;"
        for number, channel in self._channels():
            yield f"    ch[{number}] = declared_{number}; outside[{number}] = true; size[{number}] = {channel.capacity or 0};"
            if channel.capacity is None:
                yield f"    wild[{number}] = true;"
        yield f"    run {self.main.name}(0, 0)"
        yield "  }"
        yield "}"


def _effects(automaton: Automaton) -> Iterator[Effect]:
    for events in automaton.steps.values():
        for steps in events.values():
            for step in steps:
                yield from step.turn.effects


class _Proctype:
    def __init__(self, model: _Model, kind: _Kind) -> None:
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
