"""Channels that nobody can reach any more are dropped; all others stay, wherever their names stand."""

from __future__ import annotations

from core_world import World

from slct_runtime.core import (
    ChannelState,
    Goroutine,
    GoroutineStatus,
    Process,
    check,
    from_json,
    to_json,
    without_lost_channels,
)
from slct_runtime.core._channel import Entry, Waiter
from slct_runtime.core._line import Line
from slct_runtime.core.commands import Emit, MakeChannel, RecvCase, Reply, Resumption, ResumptionKind, SendCase


def handle(name: str) -> str:
    return f'{{"$":"channel","v":"{name}","capacity":1}}'


def left(process: Process, document: str = "{}") -> set[str]:
    kept = without_lost_channels(process, document)
    check(kept)
    return set(kept.channels)


def test_what_nobody_names_is_dropped_and_what_is_declared_stays() -> None:
    process = Process(
        "p", channels={"orders": ChannelState(3), "#1": ChannelState(1), "#2": ChannelState(is_closed=True)}
    )
    assert left(process) == {"orders"}
    assert without_lost_channels(process, handle("#1") + handle("#2")) is process


def test_a_name_in_the_document_keeps_that_channel_only() -> None:
    process = Process("p", channels={"#1": ChannelState(1), "#11": ChannelState(1)})
    assert left(process, f'{{"slots":{{"done":{handle("#11")}}}}}') == {"#11"}


def test_a_handle_in_a_value_on_its_way_keeps_its_channel() -> None:
    queued = Entry(handle("#1"))
    ready = Goroutine(1, GoroutineStatus.READY, Resumption(ResumptionKind.VALUE, 0, handle("#2")))
    process = Process(
        "p",
        goroutines={1: ready},
        ready=(1,),
        channels={
            "orders": ChannelState(2, queue=Line([queued])),
            **{f"#{number}": ChannelState(1) for number in (1, 2, 3)},
        },
    )
    assert left(process) == {"orders", "#1", "#2"}


def test_a_chain_of_channels_in_channels_is_followed_and_a_circle_is_not() -> None:
    def holding(name: str) -> ChannelState:
        return ChannelState(1, queue=Line([Entry(handle(name))]))

    process = Process(
        "p",
        channels={
            "#1": holding("#2"),
            "#2": holding("#3"),
            "#3": ChannelState(),
            "#4": holding("#5"),
            "#5": holding("#4"),
        },
    )
    assert left(process, handle("#1")) == {"#1", "#2", "#3"}


def test_who_waits_there_keeps_a_channel() -> None:
    receiver = Goroutine(1, GoroutineStatus.PARKED, cases=(RecvCase("#1"),), parked_order=1)
    sender = Goroutine(2, GoroutineStatus.PARKED, cases=(SendCase("#2", handle("#3")),), parked_order=2)
    process = Process(
        "p",
        goroutines={1: receiver, 2: sender},
        channels={
            "#1": ChannelState(receivers=(Waiter(1, 0),)),
            "#2": ChannelState(queue=Line([Entry(handle("#3"), 2)])),
            "#3": ChannelState(1),
            "#4": ChannelState(1),
        },
    )
    assert left(process) == {"#1", "#2", "#3"}


def test_a_channel_that_effects_or_clients_know_stays() -> None:
    w = World(c=1)
    w.start()
    made = tuple(MakeChannel(f"#{number}", 1) for number in range(1, 5))
    shown = (Emit(handle("#1")), Reply("question", handle("#2")))
    w.park(1, RecvCase("c"), do=(*made, *shown))
    assert left(w.process) == {"c", "#1", "#2"}
    again = from_json(to_json(w.process), w.process.process_id)
    assert set(without_lost_channels(again, "{}", [handle("#4")]).channels) == {"c", "#1", "#2", "#4"}
