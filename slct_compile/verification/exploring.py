"""All that may happen to one process, up to a bound, and what follows from it.

A deadlock is reported if it can be brought about whatever the data: by the order in which goroutines run, and by what comes from outside and when.
That is a game on a finite graph: what is chosen against the author needs one move that leads to it, what depends on data all results.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import process_time

from .applying import woken
from .model import OUTSIDE, Channel, Frame, Goroutine, GroupEnd, Join, JoinAll, Joint, Outside, Unknown, Wait
from .moves import Move, moves
from .program import Function, Program

GOROUTINES_MAX = 12
CHANNELS_MAX = 24


@dataclass(frozen=True, slots=True)
class Place:
    function: str
    block: int


@dataclass(frozen=True, slots=True)
class Step:
    """What happened on the way to a deadlock: who was where, and which case came."""

    goroutines: tuple[tuple[str, Place], ...]
    case: str


@dataclass(frozen=True, slots=True)
class Deadlock:
    """`waiting`: every goroutine that is left, main first, and where."""

    steps: tuple[Step, ...]
    waiting: tuple[tuple[str, Place], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`never_left`: states that no message can ever leave. `outliving`: functions whose goroutines never end before main does.

    may_wait_for_ever: some data and some order lead to where main can never go on.
    may_rest: to where, besides, nothing at all can happen any more.
    """

    state_count: int
    deadlock: Deadlock | None
    never_left: tuple[Place, ...]
    outliving: tuple[str, ...]
    may_wait_for_ever: bool
    may_rest: bool


@dataclass(slots=True)
class _Graph:
    first: list[Joint]
    moves: dict[Joint, list[Move]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far one definition is looked at."""

    states: int = 5_000
    seconds: float = 60


def verify(program: Program, bounds: Bounds) -> Verdict:
    """What holds of a definition.

    Raises:
      Unknown: something cannot be followed, or there is more than may be looked at.
    """
    assert program.main is not None
    graph = _explored(program, program.main, bounds)
    bad = _stuck(graph)
    deadlock = _deadlock(program, graph, bad)
    hidden = {place for _, place in deadlock.waiting} if deadlock is not None else set()
    never_left = tuple(place for place in _never_left(graph) if place not in hidden)
    rests = any(_is_at_rest(graph, joint) for joint in bad)
    return Verdict(len(graph.moves), deadlock, never_left, tuple(_outliving(graph)), bool(bad), rests)


def _is_at_rest(graph: _Graph, joint: Joint) -> bool:
    return not graph.moves[joint]


def _explored(program: Program, main: Function, bounds: Bounds) -> _Graph:
    """Breadth first, so that a way that is found is a short one."""
    channels = tuple(Channel(c.capacity or 0, True, c.capacity is None) for c in program.channels)
    begun = Joint((Goroutine(main.name, (Frame(main.name, main.entry),), OUTSIDE),), channels)
    graph = _Graph(woken(program, begun, 0, None))
    waiting = deque(graph.first)
    ends_at = process_time() + bounds.seconds
    while waiting:
        joint = waiting.popleft()
        if joint in graph.moves:
            continue
        _check_bounds(main, joint, len(graph.moves), bounds, ends_at)
        graph.moves[joint] = _enough(joint, list(moves(program, joint)), graph)
        waiting += [result for move in graph.moves[joint] for result in move.results]
    return graph


def _enough(joint: Joint, found: list[Move], graph: _Graph) -> list[Move]:
    """Of what may happen, one thing is enough if whatever else may happen can do so as well after it as before.

    That is a timer, an effect or a first turn that leads one goroutine to its next wait and does nothing else. Where it leads to what was looked at
    already, nothing is left out, so that nothing is put off for ever.
    """
    for move in found:
        (index, *others) = move.goroutines
        alone = [one for one in found if index in one.goroutines and one is not move] == []
        if (
            alone
            and not others
            and _only_goes_on(joint, index, move)
            and not any(r in graph.moves for r in move.results)
        ):
            return [move]
    return found


def _only_goes_on(joint: Joint, index: int, move: Move) -> bool:
    wait = joint.goroutines[index].wait
    if wait is None or wait.is_select or wait.cases != (Outside(),) or not move.is_certain:
        return False
    return all(_is_same_but_for(joint, result, index) for result in move.results)


def _is_same_but_for(joint: Joint, result: Joint, index: int) -> bool:
    if result.has_ended or result.channels != joint.channels or len(result.goroutines) != len(joint.goroutines):
        return False
    goroutine = result.goroutines[index]
    expected = list(joint.goroutines)
    expected[index] = replace(expected[index], frames=goroutine.frames, wait=goroutine.wait)
    return goroutine.wait is not None and result.goroutines == tuple(expected)


def _check_bounds(main: Function, joint: Joint, count: int, bounds: Bounds, ends_at: float) -> None:
    line = main.compiled.function.parsed.lineno
    if count >= bounds.states:
        raise Unknown(f"there are more than {bounds.states} states (--states)", main.info.path, line)
    if process_time() > ends_at:
        text = f"{bounds.seconds:g} seconds of computing were not enough for more than {count} states (--seconds)"
        raise Unknown(text, main.info.path, line)
    if len(joint.goroutines) > GOROUTINES_MAX:
        raise Unknown(f"more than {GOROUTINES_MAX} goroutines are started", main.info.path, line)
    if len(joint.channels) > CHANNELS_MAX:
        raise Unknown(f"more than {CHANNELS_MAX} channels are made", main.info.path, line)


def _stuck(graph: _Graph) -> set[Joint]:
    """Where main can never go on again, whatever happens."""
    before: dict[Joint, set[Joint]] = defaultdict(set)
    for joint, found in graph.moves.items():
        for move in found:
            for result in move.results:
                before[result].add(joint)
    count = max((len(joint.goroutines) for joint in graph.moves), default=0)
    can_move = [_leading_to_a_move(graph, before, index) for index in range(count)]
    return {joint for joint in graph.moves if not joint.has_ended and _is_stuck(joint, 0, can_move, frozenset())}


def _leading_to_a_move(graph: _Graph, before: dict[Joint, set[Joint]], index: int) -> set[Joint]:
    """Where the process may end, it does not wait for ever."""
    waiting = [joint for joint, found in graph.moves.items() if any(_goes_on(move, index) for move in found)]
    reached: set[Joint] = set()
    while waiting:
        joint = waiting.pop()
        if joint not in reached:
            reached.add(joint)
            waiting += before[joint]
    return reached


def _goes_on(move: Move, index: int) -> bool:
    return index in move.goroutines or any(result.has_ended for result in move.results)


def _is_stuck(joint: Joint, index: int, can_move: list[set[Joint]], seen: frozenset[int]) -> bool:
    """Who waits for a goroutine that goes on for ever is not stuck, nor who said `select()`, which is to wait for ever."""
    wait = joint.goroutines[index].wait
    if index in seen:
        return True
    if wait is None or not wait.cases or joint in can_move[index]:
        return False
    return all(_is_stuck(joint, other, can_move, seen | {index}) for other in _joined(joint, wait))


def _joined(joint: Joint, wait: Wait) -> Iterator[int]:
    """The goroutines that it waits for."""
    for case in wait.cases:
        match case:
            case Join(number):
                yield number
            case JoinAll(several):
                yield from (number for number in several if joint.goroutines[number].wait is not None)
            case GroupEnd(group):
                yield from (n for n, one in enumerate(joint.goroutines) if one.group == group and one.wait is not None)
            case _:
                pass


def _deadlock(program: Program, graph: _Graph, bad: set[Joint]) -> Deadlock | None:
    chosen = _forced(graph, bad)
    if not graph.first or not all(joint in chosen for joint in graph.first):
        return None
    steps: list[Step] = []
    joint = _nearest(graph.first, chosen)
    while (move := chosen[joint].move) is not None:
        steps += _steps(program, joint, move)
        joint = _nearest(move.results, chosen)
    for _ in range(GOROUTINES_MAX):
        # Main is stuck already; who has a turn to come would be told as waiting where it was.
        if (move := _turn_to_come(program, graph, joint)) is None:
            break
        steps += _steps(program, joint, move)
        joint = move.results[0]
    waiting = [(program.by_name[g.frames[0].function].title, _place(g)) for g in joint.goroutines if g.frames]
    return Deadlock(tuple(steps), tuple(waiting))


def _nearest(joints: Sequence[Joint], chosen: Mapping[Joint, _Chosen]) -> Joint:
    return min(joints, key=lambda joint: chosen[joint].distance)


def _turn_to_come(program: Program, graph: _Graph, joint: Joint) -> Move | None:
    """A goroutine begins that has not begun, or goes on of which the value was taken already; None if there is none."""
    for move in graph.moves[joint]:
        (index, *others) = move.goroutines
        goroutine = joint.goroutines[index]
        is_new = bool(goroutine.started) and _place(goroutine).block == program.by_name[goroutine.started].entry
        if (is_new or _has_met(goroutine)) and not others and move.results:
            return move
    return None


def _has_met(goroutine: Goroutine) -> bool:
    return goroutine.wait is not None and goroutine.wait.is_over


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The move to make; None: it is there. `distance`: the most steps that it may take, by data."""

    move: Move | None
    distance: int


def _forced(graph: _Graph, bad: set[Joint]) -> dict[Joint, _Chosen]:
    """From where it can be brought about. The least fixed point, so every step comes nearer."""
    chosen: dict[Joint, _Chosen] = {}
    missing: dict[int, int] = {}
    needed: dict[Joint, list[tuple[Joint, Move]]] = defaultdict(list)
    for joint, found in graph.moves.items():
        for move in found:
            if move.is_certain and move.results:
                results = set(move.results)
                missing[id(move)] = len(results)
                for result in results:
                    needed[result].append((joint, move))
    waiting = [(joint, _Chosen(None, 0)) for joint in graph.moves if joint in bad]
    for joint, why in waiting:  # which grows
        if joint in chosen:
            continue
        chosen[joint] = why
        for source, move in needed[joint]:
            missing[id(move)] -= 1
            if missing[id(move)] == 0:
                waiting.append((source, _Chosen(move, why.distance + 1)))
    return chosen


def _steps(program: Program, joint: Joint, move: Move) -> Iterator[Step]:
    """That somebody goes on whose value was taken in an earlier step is not worth telling."""
    if not _has_met(joint.goroutines[move.goroutines[0]]):
        yield _step(program, joint, move)


def _step(program: Program, joint: Joint, move: Move) -> Step:
    who = tuple(
        (program.by_name[joint.goroutines[i].frames[0].function].title, _place(joint.goroutines[i]))
        for i in move.goroutines
    )
    wait = joint.goroutines[move.goroutines[0]].wait
    case = str(wait.names[move.case]) if wait is not None and wait.is_select else ""
    return Step(who, case)


def _place(goroutine: Goroutine) -> Place:
    return Place(goroutine.frames[-1].function, goroutine.frames[-1].block)


def _never_left(graph: _Graph) -> Iterator[Place]:
    """In the order in which they were found."""
    seen: dict[Place, None] = {}
    left: set[Place] = set()
    for joint, found in graph.moves.items():
        for goroutine in joint.goroutines:
            if goroutine.frames and goroutine.wait is not None and goroutine.wait.cases:
                place = _place(goroutine)
                seen[place] = None
                if any(isinstance(case, Join | JoinAll | GroupEnd) for case in goroutine.wait.cases):
                    left.add(place)  # to wait for a goroutine that never ends is a way to say so
        left |= {_place(joint.goroutines[index]) for move in found for index in move.goroutines}
    return (place for place in seen if place not in left)


def _outliving(graph: _Graph) -> list[str]:
    ends = [joint for joint in graph.moves if joint.has_ended]
    running = dict.fromkeys(g.started for joint in ends for g in joint.goroutines[1:] if g.wait and not g.is_operation)
    ended = {
        joint.goroutines[index].started
        for joint, found in graph.moves.items()
        for move in found
        for result in move.results
        for index in move.goroutines
        if _is_over(result, index)
    }
    return [started for started in running if started not in ended]


def _is_over(joint: Joint, index: int) -> bool:
    """Numbers that nobody needs are left out at the end."""
    is_told = bool(index and joint.goroutines)
    return is_told and (index >= len(joint.goroutines) or joint.goroutines[index].wait is None)
