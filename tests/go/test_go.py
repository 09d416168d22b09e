"""Channels, select and close end as Go's rules allow, for random programs and for those that Go's own tests are about.

Go itself is asked by `make go-oracle` (docs/testing.md); its answers are held against the same model as ours.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import go_oracle
from go_go import GoOutcomes
from go_model import outcomes
from go_oracle import differences, modelled
from go_programs import NIL, Close, Outcome, Program, Range, Recv, Select, Send
from go_python import OurOutcomes

sys.path.pop(0)


@pytest.mark.parametrize("first", [0, 100])
def test_random_programs_end_as_go_allows(first: int, tmp_path: Path) -> None:
    found = list(differences(list(modelled(range(first, first + 100))), tmp_path, f"go_random_{first}", go_runs=0))
    assert not found, "\n".join(found)


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
    for crash in (None, 1, 2):
        assert ideas.of(list(IDEAS).index(name), crash) in allowed


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("go") is None, reason="Go is installed by `make go-oracle`")
def test_go_itself_ends_those_as_the_model_says(tmp_path: Path) -> None:
    go = GoOutcomes([program for program, _ in IDEAS.values()], tmp_path)
    for number, (name, (_, allowed)) in enumerate(IDEAS.items()):
        assert go.of(number, 100) <= allowed, name


def test_the_oracle_sees_a_value_received_out_of_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program((2,), ((Send(0, 1), Send(0, 2), Recv(0), Recv(0)),))
    swapped = Program((2,), ((Send(0, 2), Send(0, 1), Recv(0), Recv(0)),))
    monkeypatch.setattr(
        go_oracle, "OurOutcomes", lambda programs, directory, name: OurOutcomes([swapped], directory, name)
    )
    (told,) = differences([(7, program, outcomes(program))], tmp_path, "go_swapped", go_runs=0)
    assert told.startswith("ours, seed 7: ok|s,s,r2,r1,\n")
