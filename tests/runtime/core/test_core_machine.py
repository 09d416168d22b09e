"""Random processes: whatever they do, values are received exactly once and in order, and storage changes nothing.

The programs come from a small grammar, by a seed: each transition asks for a few things and ends somehow. `World` checks every step
for its invariants, for purity and for surviving storage; this machine checks what the outside may rely on.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

import pytest
from core_world import World, call, stored
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from slct_runtime.core.commands import (
    CallCase,
    CancelGoroutine,
    Case,
    Close,
    Command,
    DefaultCase,
    Ending,
    Failed,
    Faulted,
    Finished,
    Go,
    Interrupt,
    JoinCase,
    MakeChannel,
    Parked,
    RecvCase,
    ResultCase,
    Resumption,
    ResumptionKind,
    SendCase,
    TimerCase,
)
from slct_runtime.core.effects import CancelEffect, Effect, RequestEffect, RunGoroutine
from slct_runtime.core.events import RetryRequested, TerminateRequested

DECLARED = ("a", "b", "c")
CHANNELS = ["a", "a", "b", "b", "b", "c", "#1", "#2", None]
ENDINGS = ["park"] * 30 + ["finish", "fail", "held", "err", "fault"]
CASES = ["send"] * 5 + ["recv"] * 4 + ["after"] * 4 + ["call", "join", "result", "default"]
COMMANDS = ["go"] * 6 + ["nothing"] * 6 + ["close", "cancel", "interrupt"]
ARRIVALS = ["message"] * 6 + ["effect"] * 3 + ["retry"] * 3 + ["child", "close", "cancel", "terminate"]
OUTCOMES: list[dict[str, str]] = [{"result": "r"}, {"error": "e"}, {}]
RARELY = [False] * 7 + [True]
GOROUTINE_COUNT_MAX = 6
T = TypeVar("T")
K = ResumptionKind
FITTING: dict[type, set[ResumptionKind]] = {
    RecvCase: {K.VALUE, K.CLOSED},
    SendCase: {K.NONE, K.SEND_CLOSED},
    TimerCase: {K.NONE},
    DefaultCase: {K.NONE},
    CallCase: {K.VALUE, K.ERROR, K.UNKNOWN},
    JoinCase: {K.JOINED},
    ResultCase: {K.VALUE, K.ERROR},
}
"""What each case may be taken with."""


class Processes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.random = Random(0)
        self.world = World(a=0, b=1, c=2)
        self.resumption: Resumption | None = None
        self.awaited: dict[int, tuple[Case, ...]] = {}
        self.seen: list[tuple[str, str, int]] = []  # channel, sender, number: in the order received
        self.sent: set[str] = set()  # sends that completed, and messages
        self.withdrawn: set[str] = set()
        self.requested: set[int] = set()
        self.ids = {"goroutine": 1, "effect": 0, "value": 0}

    # --- what happens ----------------------------------------------------------------------------------------------

    @initialize(seed=st.integers(0, 2**32), made=st.integers(0, 2))
    def start(self, seed: int, made: int) -> None:
        """Main starts four others and makes two channels. What they do follows from the seed."""
        self.random = Random(seed)
        self.note(self.world.start())
        self.awaited[1] = (TimerCase(0),)
        others = tuple(Go(self.next("goroutine")) for _ in range(4))
        self.note(self.world.park(1, *self.awaited[1], do=(MakeChannel("#1", 0), MakeChannel("#2", made), *others)))

    @rule()
    def transitions(self) -> None:
        for _ in range(30):
            if self.world.process.running is not None:
                self.transition(self.world.process.running)
            elif self.pick([True, False]):
                self.pass_time()
            else:
                self.arrival()

    @rule()
    def arrival(self) -> None:
        match self.pick(ARRIVALS):
            case "message":
                self.message(self.pick(DECLARED))
            case "effect":
                effect_id = self.pick(sorted(self.requested) or [99])
                self.requested.discard(effect_id)
                self.note(self.world.effect_done(effect_id, **self.pick(OUTCOMES)))
            case "child":
                self.note(self.world.child_done("q", "r"))
            case "retry":
                self.note(self.world.apply(RetryRequested(self.world.now_ms)))
            case "close" if self.pick(RARELY):
                self.note(self.world.close(self.pick(DECLARED)))
            case "cancel" if self.pick(RARELY):
                self.note(self.world.cancel())
            case "terminate" if len(self.seen) > 5 and self.pick(RARELY):
                self.note(self.world.apply(TerminateRequested(self.world.now_ms)))
            case _:
                pass

    @rule(is_worker=st.booleans())
    def death(self, is_worker: bool) -> None:
        """A worker dies; or the runtime does, and another takes up what was stored."""
        if is_worker:
            self.note(self.world.lose(self.world.process.running or 1))
            return
        if self.lives:
            self.world.process = stored(self.world.process, self.world.inbox)
        self.note(self.world.time(self.world.now_ms))

    def message(self, channel: str) -> None:
        payload = self.value("outside", channel)
        if self.lives and not self.world.process.channels[channel].is_closed:
            self.sent.add(payload)
        self.note(self.world.message(channel, payload))

    def transition(self, goroutine_id: int) -> None:
        names = [self.pick(COMMANDS) for _ in range(self.between(0, 2))]
        commands = [self.command(name) for name in names]
        ending = self.ending(goroutine_id)
        effects = self.world.done(goroutine_id, ending, tuple(c for c in commands if c is not None))
        if self.world.committed and isinstance(ending, Parked):
            self.awaited[goroutine_id] = ending.cases
        self.note(effects)

    def pass_time(self) -> None:
        self.note(self.world.time(self.world.now_ms + self.between(1, 400)))

    # --- programs --------------------------------------------------------------------------------------------------

    def command(self, name: str) -> Command | None:
        match name:
            case "go" if len(self.world.process.goroutines) + 1 < GOROUTINE_COUNT_MAX:
                return Go(self.next("goroutine"))
            case "close" if self.pick(RARELY):
                return Close(self.pick([*DECLARED, "#1", "#2"]))
            case "cancel":
                return CancelGoroutine(self.between(2, 1 + self.ids["goroutine"]))
            case "interrupt":
                return Interrupt(self.between(1, 1 + self.ids["goroutine"]))
            case _:
                return None

    def ending(self, goroutine_id: int) -> Ending:
        match self.pick(ENDINGS):
            case "finish" if goroutine_id != 1 or len(self.seen) > 20:
                return Finished("9")
            case "fail" if goroutine_id in self.world.process.joins:
                return Failed("e", self.pick([True, False]))
            case "held" if goroutine_id != 1:
                return Failed("e", self.pick([True, False]), is_held=True)
            case "err":
                return Failed("e", False)
            case "fault":
                return Faulted("e")
            case _:
                size = self.pick([1, 1, 1, 2, 2, 3, 0])
                return Parked(tuple(self.case(goroutine_id) for _ in range(size)))

    def case(self, goroutine_id: int) -> Case:
        match self.pick(CASES):
            case "recv":
                return RecvCase(self.pick(CHANNELS))
            case "send":
                channel = self.pick(CHANNELS)
                return SendCase(channel, self.value(str(goroutine_id), str(channel)))
            case "after":
                return TimerCase(self.world.now_ms + self.between(-1, 300))
            case "call":
                return call(self.next("effect"))
            case "join":
                return JoinCase(self.between(1, self.ids["goroutine"]))
            case "result":
                return ResultCase("q")
            case _:
                return DefaultCase()

    def value(self, sender: str, channel: str) -> str:
        return f"v {channel} {sender} {self.next('value')}"

    def next(self, what: str) -> int:
        self.ids[what] += 1
        return self.ids[what]

    def pick(self, options: Sequence[T]) -> T:
        return self.random.choice(options)

    def between(self, first: int, last: int) -> int:
        return self.random.randint(first, last)

    # --- what is known ---------------------------------------------------------------------------------------------

    @property
    def lives(self) -> bool:
        return not self.world.process.status.is_end

    def note(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case RequestEffect(request):
                    self.requested.add(request.effect_id)
                case CancelEffect(effect_id):
                    self.requested.discard(effect_id)
                case RunGoroutine(goroutine_id, resumption):
                    self.woken(goroutine_id, resumption)
                case _:
                    pass
        self.what_was_sent_was_received_or_is_still_there()
        self.somebody_runs_or_something_may_come()

    def woken(self, goroutine_id: int, resumption: Resumption) -> None:
        """A goroutine runs; again with the same if its last try was lost or a fault."""
        cases = self.awaited.get(goroutine_id, ())
        if resumption.kind is K.START:
            assert cases == ()
            return
        taken = None if resumption.kind in (K.CANCELLED, K.INTERRUPTED) else cases[resumption.case_index]
        if taken is not None:
            assert resumption.kind in FITTING[type(taken)]
        sends = {case.payload for case in cases if isinstance(case, SendCase)}
        if isinstance(taken, SendCase) and resumption.kind is K.NONE:
            self.sent.add(taken.payload)
            sends.discard(taken.payload)
        self.withdrawn |= sends
        if isinstance(taken, RecvCase) and resumption.kind is K.VALUE:
            assert resumption.payload is not None
            self.received(taken, resumption.payload)

    def received(self, case: RecvCase, payload: str) -> None:
        _, channel, sender, number = payload.split()
        assert channel == case.channel
        entry = (channel, sender, int(number))
        if entry in self.seen:
            assert entry in self.seen[-1:], "received twice"
            return
        earlier = [n for c, s, n in self.seen if (c, s) == (channel, sender)]
        assert not earlier or earlier[-1] < int(number), "rule 9: in the order of sending"
        self.seen.append(entry)

    def values_at_hand(self) -> set[str]:
        """What goroutines were woken with and have not done anything with."""
        resumptions = [g.resumption for g in self.world.process.goroutines.values()]
        return {r.payload for r in resumptions if r is not None and r.payload is not None and r.kind is K.VALUE}

    def what_was_sent_was_received_or_is_still_there(self) -> None:
        received = {f"v {channel} {sender} {number}" for channel, sender, number in self.seen}
        assert not received & self.withdrawn, "rule 10: a send that lost was received"
        if not self.lives:
            return
        queued = [e.payload for channel in self.world.process.channels.values() for e in channel.queue]
        assert len(queued) == len(set(queued))
        assert not received & set(queued), "rule 9: received, and still there"
        assert self.sent <= received | set(queued) | self.values_at_hand(), "rule 9: a value was lost"

    def somebody_runs_or_something_may_come(self) -> None:
        process = self.world.process
        if process.status.value == "running" and process.running is None:
            assert not process.ready or process.retry_at_ms > self.world.now_ms
        if process.status.value == "deadlocked":
            assert not process.ready
            assert not process.timers
            assert not process.effects
            assert not process.children
            assert not any(process.channels[name].receivers for name in DECLARED)


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(max_examples=40, stateful_step_count=8, deadline=None)


@pytest.mark.parametrize("seed", range(60))
def test_a_process_by_its_seed(seed: int) -> None:
    processes = Processes()
    processes.start(seed, seed % 3)
    for _ in range(6):
        processes.transitions()
        processes.death(is_worker=processes.pick([True, False]))
