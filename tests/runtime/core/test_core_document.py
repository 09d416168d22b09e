"""The saved form: what is in it, what is left out, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from core_world import World, call, settled, stored

from slct_runtime.core import UnknownFormat, check, from_json, to_json
from slct_runtime.core.commands import (
    Close,
    Go,
    JoinCase,
    MakeChannel,
    RecvCase,
    ResultCase,
    SendCase,
    TimerCase,
)
from slct_runtime.core.effects import RunGoroutine
from slct_runtime.core.events import TimerDue


def crowded() -> World:
    """Something of everything."""
    w = World(is_open=True, fail_on_fault=True, c=0, d=2, e=0)
    w.start()
    w.park(1, RecvCase("c"), TimerCase(90), do=(MakeChannel("#1", 3), Go(2), Go(3), Go(4), Go(5), Close("e")))
    w.park(2, SendCase("#1", "ä\u2028"))
    w.park(3, SendCase("c", "x"), ResultCase("child"), call(7))
    w.park(4, JoinCase(2), RecvCase(None))
    w.message("d", "1")
    w.message("d", "2")
    return w


def test_a_process_comes_back_as_it_was() -> None:
    w = crowded()
    assert stored(w.process, w.inbox) == settled(w.process)


def test_a_running_goroutine_comes_back_as_the_first_of_the_ready_ones() -> None:
    w = crowded()
    assert w.process.running is not None
    back = stored(w.process, w.inbox)
    assert back.running is None
    assert back.ready == (w.process.running, *w.process.ready)
    w.process = back
    effects = w.apply(TimerDue(0))
    assert [type(e) for e in effects] == [RunGoroutine]
    assert w.process.ready == back.ready[1:]


def test_messages_are_not_in_it_and_find_their_places_again() -> None:
    w = World(c=0)
    w.start()
    w.park(1, RecvCase("other"), do=(Go(2), Go(3)))
    w.message("c", "m1")
    w.park(2, SendCase("c", "g2"))
    w.message("c", "m2")
    w.message("c", "m3")
    w.park(3, SendCase("c", "g3"))
    w.message("c", "m4")
    assert "m1" not in to_json(w.process)
    back = stored(w.process, w.inbox)
    assert [e.payload for e in back.channels["c"].queue] == ["m1", "g2", "m2", "m3", "g3", "m4"]


def test_messages_of_later_positions_are_events_still_to_come() -> None:
    w = World(c=0)
    w.start()
    w.message("c", "m1")
    back = from_json(to_json(w.process), w.process.process_id, [(2, "c", "m2"), (1, "c", "m1")])
    assert [e.payload for e in back.channels["c"].queue] == ["m1"]
    assert back.last_position == 1


def test_tries_of_a_fault_are_not_saved() -> None:
    w = World()
    w.start()
    w.err(1)
    back = stored(w.process, w.inbox)
    assert (back.fault_count, back.retry_at_ms) == (0, 0)
    check(back)


def receiving() -> World:
    """Three that receive at one channel, of whom one waits twice and the first came last; and one that has parked again."""
    w = World(c=0)
    w.start()
    w.park(1, RecvCase("c"), do=(Go(2), Go(3)))
    w.park(2, RecvCase("c"), TimerCase(90), RecvCase("c"))
    w.park(3, RecvCase("c"))
    w.message("c", "first")
    w.park(1, RecvCase("c"))
    return w


def test_who_receives_follows_from_who_is_parked() -> None:
    w = receiving()
    back = stored(w.process, w.inbox)
    assert [(r.goroutine_id, r.case_index) for r in back.channels["c"].receivers] == [(2, 0), (2, 2), (3, 0), (1, 0)]
    assert back == settled(w.process)


RECEIVING_SAVED = (
    '[2,[[1,"",4,[["recv","c"]]],[2,"",2,[["recv","c"],["after",90],["recv","c"]]],[3,"",3,[["recv","c"]]]],'
    '{"c":[0]},5,{"position":1}]'
)
CROWDED_SAVED = (
    '[2,[[1,"",["value",0,"x"]],[2,"",["none",0,null]],[3,"",["none",0,null]],[4,"",2,[["join",2],["recv",null]]],'
    '[5,"",["start",0,null]]],{"c":[0],"d":[2],"e":[0,1],"#1":[3,0,[["\\u00e4\\u2028",0,0,0]]]},3,'
    '{"ready":[5,2,1,3],"position":2,"open":true,"fail":true}]'
)


@pytest.mark.parametrize(("make", "saved"), [(receiving, RECEIVING_SAVED), (crowded, CROWDED_SAVED)])
def test_what_is_written_stays_the_same(make: Callable[[], World], saved: str) -> None:
    assert to_json(make().process) == saved


RECEIVING_SAVED_1 = (
    '{"format":1,"id":"p","status":"running","goroutines":[[1,"",4,[["recv","c"]]],[2,"",2,[["recv","c"],["after",90],'
    '["recv","c"]]],[3,"",3,[["recv","c"]]]],"ready":[],"channels":{"c":[0,0,[],[[2,0],[2,2],[3,0],[1,0]]]},"order":5,'
    '"position":1}'
)
CROWDED_SAVED_1 = (
    '{"format":1,"id":"p","status":"running","goroutines":[[1,"",["value",0,"x"]],[2,"",["none",0,null]],[3,"",["none",0,'
    'null]],[4,"",2,[["join",2],["recv",null]]],[5,"",["start",0,null]]],"ready":[5,2,1,3],"channels":{"c":[0],"d":[2],'
    '"e":[0,1],"#1":[3,0,[["\\u00e4\\u2028",0,0,0]]]},"order":3,"position":2,"open":true,"fail":true}'
)


@pytest.mark.parametrize(("make", "saved"), [(receiving, RECEIVING_SAVED_1), (crowded, CROWDED_SAVED_1)])
def test_what_format_1_has_kept_is_read(make: Callable[[], World], saved: str) -> None:
    w = make()
    assert from_json(saved, "p", list(w.inbox.values())) == settled(w.process)


def test_an_ended_process_keeps_its_count_and_its_closed_channels() -> None:
    w = World(c=0)
    w.start()
    w.message("c")
    w.finish(1, "1", do=(Close("c"),))
    messages = list(w.inbox.values()) if not w.process.status.is_end else []
    back = from_json(to_json(w.process), w.process.process_id, messages)
    assert back == w.process
    assert back.unreceived_count == 1
    assert back.channels["c"].is_closed


@pytest.mark.parametrize("given", [3, None])
def test_another_format_is_refused(given: int | None) -> None:
    w = World()
    _, *rest = json.loads(to_json(w.process))
    for saved in ([given, *rest], {"format": given}):
        with pytest.raises(UnknownFormat, match="upgrade slct") as raised:
            from_json(json.dumps(saved), "p")
        assert (raised.value.given, raised.value.known) == (given, 2)
