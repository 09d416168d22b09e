"""Random processes: whatever they do, values are received exactly once and in order, and storage changes nothing.

The programs come from a small grammar: each transition asks for a few things and ends somehow. `World` checks every step
for its invariants, for purity and for surviving storage; this machine checks what the outside may rely on.
"""

from __future__ import annotations

from typing import Any

from core_world import World, call, stored
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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

DECLARED = {"a": 0, "b": 1, "c": 2}
CHANNELS = st.sampled_from([*DECLARED, "#1", "#2", None])
GOROUTINE_COUNT_MAX = 6
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
        self.world = World(**DECLARED)
        self.resumption: Resumption | None = None
        self.awaited: dict[int, tuple[Case, ...]] = {}
        self.seen: list[tuple[str, str, int]] = []  # channel, sender, number: in the order received
        self.sent: set[str] = set()  # sends that completed, and messages
        self.withdrawn: set[str] = set()
        self.requested: set[int] = set()
        self.ids = {"goroutine": 1, "effect": 0, "value": 0}

    # --- what happens ----------------------------------------------------------------------------------------------

    @initialize(made=st.integers(0, 2))
    def start(self, made: int) -> None:
        self.note(self.world.start())
        self.awaited[1] = (TimerCase(0),)
        self.note(self.world.park(1, *self.awaited[1], do=(MakeChannel("#1", 0), MakeChannel("#2", made))))

    @rule(channel=st.sampled_from(list(DECLARED)))
    def message(self, channel: str) -> None:
        payload = self.value("outside", channel)
        was_closed = (state := self.world.process.channels.get(channel)) is not None and state.is_closed
        if self.lives and not was_closed:
            self.sent.add(payload)
        self.note(self.world.message(channel, payload))

    @precondition(lambda self: self.world.process.running is not None)
    @rule(data=st.data())
    def transition(self, data: Any) -> None:
        goroutine_id = self.world.process.running
        assert goroutine_id is not None
        commands = data.draw(st.lists(st.sampled_from(["go", "close", "cancel"]), max_size=2))
        do = tuple(c for c in (self.command(data, goroutine_id, name) for name in commands) if c is not None)
        ending = self.ending(data, goroutine_id)
        effects = self.world.done(goroutine_id, ending, do)
        if self.world.committed and isinstance(ending, Parked):
            self.awaited[goroutine_id] = ending.cases
        self.note(effects)

    @rule(by_ms=st.integers(1, 400))
    def time(self, by_ms: int) -> None:
        self.note(self.world.time(self.world.now_ms + by_ms))

    @rule(data=st.data(), outcome=st.sampled_from([{"result": "r"}, {"error": "e"}, {}]))
    def effect(self, data: Any, outcome: dict[str, str]) -> None:
        effect_id = data.draw(st.sampled_from(sorted(self.requested) or [99]))
        self.requested.discard(effect_id)
        self.note(self.world.effect_done(effect_id, **outcome))

    @rule()
    def child(self) -> None:
        self.note(self.world.child_done("q", "r"))

    @rule()
    def lose(self) -> None:
        self.note(self.world.lose(self.world.process.running or 1))

    @rule()
    def restart(self) -> None:
        """The runtime is killed, and another takes up what was stored."""
        if self.lives:
            self.world.process = stored(self.world.process, self.world.inbox)
        self.note(self.world.time(self.world.now_ms))

    @rule(channel=st.sampled_from(list(DECLARED)), chance=st.integers(0, 9))
    def close(self, channel: str, chance: int) -> None:
        if chance == 0:
            self.note(self.world.close(channel))

    @rule(chance=st.integers(0, 9))
    def administer(self, chance: int) -> None:
        if chance == 0:
            self.note(self.world.cancel())
        elif chance == 1:
            self.note(self.world.apply(RetryRequested(self.world.now_ms)))
        elif chance == 2 and len(self.seen) > 20:
            self.note(self.world.apply(TerminateRequested(self.world.now_ms)))

    # --- programs --------------------------------------------------------------------------------------------------

    def command(self, data: Any, goroutine_id: int, name: str) -> Command | None:
        if name == "go":
            if len(self.world.process.goroutines) + 1 >= GOROUTINE_COUNT_MAX:
                return None
            return Go(self.next("goroutine"))
        if name == "close":
            channel = data.draw(CHANNELS)
            return Close(channel) if channel is not None and data.draw(st.integers(0, 4)) == 0 else None
        return CancelGoroutine(data.draw(st.integers(1, self.ids["goroutine"])))

    def ending(self, data: Any, goroutine_id: int) -> Ending:
        match data.draw(st.integers(0, 24)):
            case 0 if goroutine_id != 1 or len(self.seen) > 20:
                return Finished("9")
            case 1 if goroutine_id in self.world.process.joins:
                return Failed("e", data.draw(st.booleans()))
            case 2:
                return Failed("e", False)
            case 3:
                return Faulted("e")
            case _:
                size = data.draw(st.integers(0, 12))
                return Parked(tuple(self.case(data, goroutine_id) for _ in range(min(3, size))))

    def case(self, data: Any, goroutine_id: int) -> Case:
        match data.draw(st.integers(0, 12)):
            case 0 | 1 | 2 | 3:
                return RecvCase(data.draw(CHANNELS))
            case 4 | 5 | 6 | 7:
                channel = data.draw(CHANNELS)
                return SendCase(channel, self.value(str(goroutine_id), str(channel)))
            case 8 | 9:
                return TimerCase(self.world.now_ms + data.draw(st.integers(-1, 300)))
            case 10:
                return call(self.next("effect"))
            case 11:
                return JoinCase(data.draw(st.integers(1, self.ids["goroutine"])))
            case _:
                return data.draw(st.sampled_from([ResultCase("q"), DefaultCase()]))

    def value(self, sender: str, channel: str) -> str:
        return f"v {channel} {sender} {self.next('value')}"

    def next(self, what: str) -> int:
        self.ids[what] += 1
        return self.ids[what]

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

    def woken(self, goroutine_id: int, resumption: Resumption) -> None:
        """A goroutine runs; again with the same if its last try was lost or a fault."""
        cases = self.awaited.get(goroutine_id, ())
        if resumption.kind is K.START:
            assert cases == ()
            return
        taken = None if resumption.kind is K.CANCELLED else cases[resumption.case_index]
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

    @invariant()
    def what_was_sent_was_received_or_is_still_there(self) -> None:
        received = {f"v {channel} {sender} {number}" for channel, sender, number in self.seen}
        assert not received & self.withdrawn, "rule 10: a send that lost was received"
        if not self.lives:
            return
        queued = [e.payload for channel in self.world.process.channels.values() for e in channel.queue]
        assert len(queued) == len(set(queued))
        assert not received & set(queued), "rule 9: received, and still there"
        assert self.sent <= received | set(queued) | self.values_at_hand(), "rule 9: a value was lost"

    @invariant()
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
TestProcesses.settings = settings(
    max_examples=80,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
