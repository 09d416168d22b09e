"""Channels, select and close end as Go's rules allow, for random programs and for those that Go's own tests are about.

Go itself is asked by `make go-oracle` (docs/testing.md); its answers are held against the same model as ours.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from go_go import GoOutcomes
from go_model import outcomes
from go_oracle import Modelled, differences, modelled
from go_programs import (
    NIL,
    Close,
    Length,
    Merge,
    Outcome,
    Program,
    Range,
    Recovered,
    Recv,
    Select,
    Send,
    Spawn,
)
from go_python import OurOutcomes

sys.path.pop(0)

from slct_runtime.core import _channel, _select
from slct_runtime.core._channel import ChannelState, Taken
from slct_runtime.core._draft import Draft
from slct_runtime.core._line import Line
from slct_runtime.core.commands import Case, DefaultCase, Resumption

RANDOM = 60


@pytest.fixture(scope="module")
def wanted() -> list[Modelled]:
    return list(modelled(range(RANDOM)))


@pytest.fixture(scope="module")
def ours(wanted: list[Modelled], tmp_path_factory: pytest.TempPathFactory) -> OurOutcomes:
    return OurOutcomes([program for _, program, _ in wanted], tmp_path_factory.mktemp("random"), "go_random")


def test_random_programs_end_as_go_allows(wanted: list[Modelled], ours: OurOutcomes) -> None:
    found = list(differences(wanted, ours))
    assert not found, "\n".join(found)


def test_random_programs_end_as_go_allows_as_written(tmp_path: Path) -> None:
    wanted = list(modelled(range(RANDOM, RANDOM + 160)))
    ours = OurOutcomes([program for _, program, _ in wanted], tmp_path, "go_written", is_compiled=False)
    found = list(differences(wanted, ours, schedules=2))
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 2000, 250))
def test_more_random_programs_under_more_schedules(first: int, tmp_path: Path) -> None:
    wanted = list(modelled(range(first, first + 250)))
    ours = OurOutcomes([program for _, program, _ in wanted], tmp_path, f"go_random_{first}")
    found = list(differences(wanted, ours, schedules=8))
    assert not found, "\n".join(found)


def _default_first(draft: Draft, cases: tuple[Case, ...], now_ms: int) -> Resumption | None:
    return _TRIED(draft, tuple(sorted(cases, key=lambda case: not isinstance(case, DefaultCase)))[:1], now_ms)


def _newest_first(channel: ChannelState) -> Taken:
    *older, newest = channel.queue
    return _channel.take(replace(channel, queue=Line((newest, *older))))


_TRIED = _select._take_first_ready

FAULTS: dict[str, tuple[object, str, object]] = {
    "the newest value is received first": (_select, "take", _newest_first),
    "a default is taken though a case is ready": (_select, "_take_first_ready", _default_first),
    "the cases of a select that lost stay": (_select, "leave_queues", lambda *_, **__: None),
    "closing drops what was buffered": (_select, "closed", lambda c: replace(_channel.closed(c), queue=Line())),
    "closing leaves senders parked": (_select, "waiting_senders", lambda _: ()),
    "what waits to be sent is counted by len": (ChannelState, "length", property(lambda c: len(c.queue))),
    "a buffer has room for one more": (ChannelState, "has_room", property(lambda c: len(c.queue) <= c.capacity)),
    "the first receiver stays": (_select, "without_first_receiver", lambda c: c),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_core_is_found(
    name: str, wanted: list[Modelled], ours: OurOutcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*FAULTS[name])
    try:
        found = next(differences(wanted, ours), None)
    except (AssertionError, LookupError) as error:
        found = repr(error)
    assert found is not None


OK, DEADLOCK, PANIC = "ok", Outcome("deadlock"), Outcome("panic")


def ok(*logs: str) -> Outcome:
    return Outcome(OK, logs)


IDEAS: dict[str, tuple[Program, set[Outcome]]] = {
    "a nil channel is never ready, and its default is taken": (
        Program((NIL,), ((Select((Send(0, 1), Recv(0)), True),),)),
        {ok("d,")},
    ),
    "a receive from nil waits for ever": (Program((NIL,), ((Recv(0),),)), {DEADLOCK}),
    "a select of nothing waits for ever": (Program((0,), ((Select((), False),),)), {DEADLOCK}),
    "a nil channel cannot be closed": (Program((NIL,), ((Close(0),),)), {PANIC}),
    "a channel is closed once": (Program((0,), ((Close(0), Close(0)),)), {PANIC}),
    "a send on a closed channel panics, in a select too": (
        Program((1,), ((Close(0), Select((Send(0, 1),), True)),)),
        {PANIC},
    ),
    "what a closed channel holds is still received, then it reports closed": (
        Program((2,), ((Send(0, 1), Send(0, 2), Close(0), Recv(0), Recv(0), Recv(0), Recv(0)),)),
        {ok("s,s,c,r1,r2,rx,rx,")},
    ),
    "a loop over a closed channel has the rest": (
        Program((2,), ((Send(0, 1), Send(0, 2), Close(0), Range(0, 9)),)),
        {ok("s,s,c,i1,i2,ix,")},
    ),
    "closing wakes every receiver": (
        Program((0,), ((Close(0),), (Recv(0),), (Recv(0),), (Range(0, 9),))),
        {ok("c,", "rx,", "rx,", "ix,")},
    ),
    "closing under a parked sender panics": (
        Program((0,), ((Close(0),), (Send(0, 1),))),
        {PANIC},
    ),
    "a full buffer makes a sender wait, and no longer than it is full": (
        Program((1,), ((Send(0, 1), Send(0, 2)), (Recv(0), Recv(0)))),
        {ok("s,s,", "r1,r2,")},
    ),
    "a select does not meet itself": (
        Program((0,), ((Select((Send(0, 1), Recv(0)), False),),)),
        {DEADLOCK},
    ),
    "two selects meet once, either way": (
        Program((0,), ((Select((Send(0, 1), Recv(0)), False),), (Select((Recv(0), Send(0, 2)), False),))),
        {ok("0s,", "0r1,"), ok("1r2,", "1s,")},
    ),
    "one select of several, and the others stay": (
        Program(
            (1, 1), ((Send(0, 1), Send(1, 2), Select((Recv(0), Recv(1)), False), Select((Recv(0), Recv(1)), False)),)
        ),
        {ok("s,s,0r1,1r2,"), ok("s,s,1r2,0r1,")},
    ),
    "one channel twice in a select gives one value": (
        Program((1,), ((Send(0, 1), Select((Recv(0), Recv(0)), False), Select((Recv(0),), True)),)),
        {ok("s,0r1,d,"), ok("s,1r1,d,")},
    ),
    "values of one sender stay in order": (
        Program((0,), ((Range(0, 3),), (Send(0, 1), Send(0, 2), Send(0, 3)))),
        {ok("i1,i2,i3,", "s,s,s,")},
    ),
    "ping and pong": (
        Program((0, 0), ((Send(0, 1), Recv(1), Send(0, 3), Recv(1)), (Recv(0), Send(1, 2), Recv(0), Send(1, 4)))),
        {ok("s,r2,s,r4,", "r1,s,r3,s,")},
    ),
    "len and cap are of the buffer, also when senders wait": (
        Program((1, 0, NIL), ((Length(0), Send(0, 1), Length(0), Length(1), Length(2), Recv(0), Length(0)),)),
        {ok("l0of1,s,l1of1,l0of0,l0of0,r1,l0of1,")},
    ),
    "a panic of one operation may be recovered from": (
        Program(
            (1, NIL),
            ((Close(0), Recovered(Send(0, 1)), Recovered(Close(0)), Recovered(Close(1)), Recv(0)),),
        ),
        {ok("c,p,p,p,rx,")},
    ),
    "a sender that was parked when the channel closed may recover": (
        Program((0, 0), ((Recovered(Send(0, 1)), Send(1, 2)), (Close(0), Recv(1)))),
        {ok("p,s,", "c,r2,")},
    ),
    "closed channels are set to nil until none is left": (
        Program((2, 0, NIL), ((Merge((0, 1, 2)),), (Send(0, 1), Close(0)), (Close(1),))),
        {
            ok("0m1,0mx,1mx,mx,", "s,c,", "c,"),
            ok("0m1,1mx,0mx,mx,", "s,c,", "c,"),
            ok("1mx,0m1,0mx,mx,", "s,c,", "c,"),
        },
    ),
    "a token goes down a chain of goroutines, each started by the one before": (
        Program(
            (0, 0, 0),
            (
                (Send(0, 1), Recv(2)),
                (Spawn(2), Recv(0), Send(1, 2)),
                (Spawn(3), Recv(1), Send(2, 3)),
                (),
            ),
        ),
        {ok("s,r3,", "g,r1,s,", "g,r2,s,", "")},
    ),
    "two receivers share what one sends, and nobody has it twice": (
        Program((0,), ((Send(0, 1), Send(0, 2), Close(0)), (Range(0, 9),), (Range(0, 9),))),
        {
            ok("s,s,c,", "i1,i2,ix,", "ix,"),
            ok("s,s,c,", "i1,ix,", "i2,ix,"),
            ok("s,s,c,", "i2,ix,", "i1,ix,"),
            ok("s,s,c,", "ix,", "i1,i2,ix,"),
        },
    ),
    "a buffered channel is a semaphore": (
        Program((1, 0), ((Send(0, 1), Length(0), Recv(0)), (Send(0, 2), Length(0), Recv(0)))),
        {ok("s,l1of1,r1,", "s,l1of1,r2,")},
    ),
    "a select with a default does not wait for a partner that never comes": (
        Program((0,), ((Select((Recv(0),), True), Select((Send(0, 1),), True)),)),
        {ok("d,d,")},
    ),
    "a ring of sends is a deadlock": (
        Program((0, 0), ((Send(0, 1), Recv(1)), (Send(1, 2), Recv(0)))),
        {DEADLOCK},
    ),
}
"""What Go's own tests of channels are about, and all that may come of it."""


@pytest.fixture(scope="module")
def ideas(tmp_path_factory: pytest.TempPathFactory) -> OurOutcomes:
    programs = [program for program, _ in IDEAS.values()]
    return OurOutcomes(programs, tmp_path_factory.mktemp("ideas"), "go_ideas")


@pytest.mark.parametrize("name", IDEAS)
def test_an_idea_of_gos_own_tests(name: str, ideas: OurOutcomes) -> None:
    program, allowed = IDEAS[name]
    assert outcomes(program) == allowed
    for schedule in range(6):
        assert ideas.of(list(IDEAS).index(name), schedule) <= allowed


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("go") is None, reason="Go is installed by `make go-oracle`")
def test_go_itself_ends_those_as_the_model_says(tmp_path: Path) -> None:
    go = GoOutcomes([program for program, _ in IDEAS.values()], tmp_path)
    for number, (name, (_, allowed)) in enumerate(IDEAS.items()):
        assert go.of(number, 100) <= allowed, name


def test_the_oracle_sees_a_value_received_out_of_order(tmp_path: Path) -> None:
    program = Program((2,), ((Send(0, 1), Send(0, 2), Recv(0), Recv(0)),))
    swapped = Program((2,), ((Send(0, 2), Send(0, 1), Recv(0), Recv(0)),))
    ours = OurOutcomes([swapped], tmp_path, "go_swapped")
    (told,) = differences([(7, program, outcomes(program))], ours, schedules=1)
    assert told.startswith("ours, schedule 0, seed 7: ok|s,s,r2,r1,\n")
