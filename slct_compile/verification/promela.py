"""What `verify` explores, as a model for Spin: a proctype per way to start a goroutine, a label per wait, an option per case.

Channels and goroutines are numbers, so that they can be passed on. A channel's value says whether its sender is parked: two goroutines that both have a
`default`, or another case that is ready, do not meet (rule 10). Waits of all goroutines but main are valid end states: Spin's `invalid end state` is
a deadlock of main. What depends on data is a choice of Spin's, so that Spin also finds deadlocks that only some data lead to.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence

from .automata import Automaton, State, automaton_of, begun, operation
from .effects import (
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
    Frame,
)
from .proctypes import NIL_COUNT, Kind, Proctype
from .program import DeclaredChannel, Program

CHANNELS = 32
GOROUTINES = 32
GROUPS = 8

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


def promela(program: Program, command: str) -> str:
    """The model of one definition; `command` is what made it.

    Raises:
      Unknown: it cannot be written down.
    """
    return Model(program).text(command)


class Model:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.declared = len(program.channels)
        self.kinds: dict[State, Kind] = {}
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

    def _kind(self, first: State, title: str) -> Kind:
        name = "".join(letter if letter.isalnum() else "_" for letter in title)
        taken = {kind.name for kind in self.kinds.values()}
        free = next(one for one in (name, *(f"{name}_{n}" for n in range(2, 10_000))) if one not in taken)
        kind = self.kinds[first] = Kind(free, title, automaton_of(self.program, first))
        for number, state in enumerate(kind.automaton.steps):
            is_end = kind is not self.kinds[next(iter(self.kinds))] or not state.wait.cases
            kind.labels[state] = f"end_{number}" if is_end else f"at_{number}"
        return kind

    def _started(self, kind: Kind) -> Iterator[tuple[State, str]]:
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
        parts += ["\n" + "\n".join(Proctype(self, kind).lines()) + "\n" for kind in reversed(self.kinds.values())]
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
