"""What a picture of a build shows: functions as clusters, the states in which goroutines wait, and the ways between them.

States that nobody waits in are passed through: their ways are those of the states that lead to them, and what decides is said one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from slct_manifest import FunctionEntry, StateEntry

TEXT_CHARACTERS_MAX = 44
WAYS_THROUGH_MAX = 200
"""Of a state: more of them than anybody could read are not followed through states that nobody waits in."""


@dataclass(frozen=True, slots=True)
class Node:
    """A state. `name`: unique in the picture. `lines`: what to write in it. `is_call`: it waits for another durable function.

    `process_count`: processes that are there now.
    """

    name: str
    lines: tuple[str, ...]
    is_call: bool = False
    process_count: int = 0

    @property
    def all_lines(self) -> tuple[str, ...]:
        """With how many processes are there."""
        return (*self.lines, f"{self.process_count} here") if self.process_count else self.lines


@dataclass(frozen=True, slots=True)
class Edge:
    """From state to state. `is_loose`: a call or a start of a goroutine, beside what the function itself does."""

    source: str
    target: str
    label: str = ""
    is_loose: bool = False


@dataclass(frozen=True, slots=True)
class Cluster:
    """A function; `begin` and `end` are drawn as such. `end` None: it never returns."""

    title: str
    begin: str
    end: str | None
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    clusters: tuple[Cluster, ...]
    edges: tuple[Edge, ...]


Counts: TypeAlias = Mapping[tuple[str, str], int]
"""Function and state to how many processes are there."""


def picture_of(functions: Mapping[str, FunctionEntry], chosen: Iterable[str], counts: Counts | None = None) -> Picture:
    """These functions, by their names in the manifest; with how many processes are in each state, if that is known."""
    names = list(chosen)
    clusters, edges = [], list[Edge]()
    for name in names:
        drawing = _Drawing(name, functions[name], counts)
        own = list(drawing.edges())
        clusters.append(drawing.cluster(ends=any(edge.target == drawing.end for edge in own)))
        edges += [*own, *_loose(drawing, names)]
    return Picture(tuple(clusters), tuple(_merged(edges)))


def _merged(edges: Iterable[Edge]) -> Iterator[Edge]:
    """One edge for all ways from one state to another, with what decides line by line."""
    labels: dict[tuple[str, str, bool], dict[str, None]] = {}
    for edge in edges:
        labels.setdefault((edge.source, edge.target, edge.is_loose), {})[edge.label] = None
    for (source, target, is_loose), found in labels.items():
        yield Edge(source, target, "\n".join(word for word in found if word), is_loose)


class _Drawing:
    """One function."""

    def __init__(self, name: str, function: FunctionEntry, counts: Counts | None) -> None:
        self.name = name
        self.function = function
        self.counts = counts
        self.first = next(iter(function.states))

    def node_name(self, state: str) -> str:
        return f"{self.name}/{state}"

    @property
    def begin(self) -> str:
        return self.node_name("begin")

    @property
    def end(self) -> str:
        return self.node_name("end")

    def cluster(self, *, ends: bool) -> Cluster:
        title = f"{self.name.rpartition(':')[2]}  {self.function.source}"
        nodes = tuple(self._node(state, entry) for state, entry in self._waiting())
        return Cluster(title, self.begin, self.end if ends else None, nodes)

    def _waiting(self) -> Iterator[tuple[str, StateEntry]]:
        return ((state, entry) for state, entry in self.function.states.items() if entry.parks)

    def _node(self, state: str, entry: StateEntry) -> Node:
        place = f"{self.function.source}:{entry.line}"
        lines = (*map(_short, _waits(entry, state)), place)
        count = (self.counts or {}).get((self.name, state), 0)
        return Node(self.node_name(state), lines, entry.calls is not None, count)

    def edges(self) -> Iterator[Edge]:
        yield from self._from(self.begin, self.first, "")
        for state, _ in self._waiting():
            if state != self.first:
                yield from self._from(self.node_name(state), state, "")

    def _from(self, source: str, state: str, label: str, passed: frozenset[str] = frozenset()) -> Iterator[Edge]:
        """What a state leads to: by what is written in it, and by errors in it."""
        entry = self.function.states[state]
        if entry.on_error is not None:
            yield from self._to(source, entry.on_error, _joined(label, "error"), passed)
        for way in entry.ways:
            said = _joined(label, way.when or "")
            if way.state is None:
                yield Edge(source, self.end, said)
            else:
                yield from self._to(source, way.state, said, passed)

    def _to(self, source: str, state: str, label: str, passed: frozenset[str]) -> Iterator[Edge]:
        if self.function.states[state].parks:
            yield Edge(source, self.node_name(state), label)
        elif state not in passed and len(passed) < WAYS_THROUGH_MAX:
            yield from self._from(source, state, label, passed | {state})


def _waits(entry: StateEntry, state: str) -> list[str]:
    """What to write in a state: the cases of a select line by line, or what is awaited."""
    if len(entry.cases) > 1:
        return [f"{case.name}: {case.kind}({case.about or ''})" for case in entry.cases]
    return [entry.awaits or state]


def _joined(*words: str) -> str:
    """What decides, one after the other; of a way that was taken because of an error, what comes later decides nothing new."""
    return " · ".join(dict.fromkeys(word for word in words if word))


def _loose(drawing: _Drawing, names: list[str]) -> Iterator[Edge]:
    """Calls of, and starts of, functions that are in the picture too."""
    for state, entry in drawing.function.states.items():
        source = drawing.node_name(state) if entry.parks else drawing.begin
        wanted = [(entry.calls, "calls")] if entry.calls is not None else []
        wanted += [(each, "go") for each in entry.starts]
        for written, label in wanted:
            for found in _named(written, names):
                yield Edge(source, f"{found}/begin", label, is_loose=True)


def _named(written: str, names: list[str]) -> list[str]:
    """The functions that `self.remind` or `chat.approve` may mean: those of that last name, if it is one."""
    last = written.rpartition(".")[2]
    found = [name for name in names if name.rpartition(":")[2].rpartition(".")[2] == last]
    return found if len(found) == 1 else []


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_CHARACTERS_MAX else line[: TEXT_CHARACTERS_MAX - 1] + "…"
