"""A process while one step changes it: waking, parking, and the queues that both must keep in order.

The only mutable thing in the core; it lives within one `step` and is frozen at its end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, assert_never

from ._model import Cancelling, ChannelState, Entry, Goroutine, GoroutineStatus, Process, Waiter
from .commands import (
    CallCase,
    Case,
    DefaultCase,
    EffectRequest,
    JoinCase,
    Payload,
    RecvCase,
    ResultCase,
    Resumption,
    ResumptionKind,
    SendCase,
    TimerCase,
)
from .effects import CancelEffect, Effect, Received, RequestEffect, WatchProcess

Key = TypeVar("Key", int, str)


class Draft:
    """A mutable copy of a process, and the effects of the step so far."""

    def __init__(self, process: Process) -> None:
        self.base = process
        self.goroutines = dict(process.goroutines)
        self.channels = dict(process.channels)
        self.ready = list(process.ready)
        self.joins = dict(process.joins)
        self.effects = dict(process.effects)
        self.children = dict(process.children)
        self.timers = dict(process.timers)
        self.status = process.status
        self.running = process.running
        self.next_order = process.next_order
        self.last_position = process.last_position
        self.is_cancelled = process.is_cancelled
        self.fault_count = process.fault_count
        self.retry_at_ms = process.retry_at_ms
        self.unreceived_count = process.unreceived_count
        self.out: list[Effect] = []

    def freeze(self) -> Process:
        return replace(
            self.base,
            status=self.status,
            goroutines=self.goroutines,
            channels=self.channels,
            ready=tuple(self.ready),
            running=self.running,
            joins=self.joins,
            effects=self.effects,
            children=self.children,
            timers=self.timers,
            next_order=self.next_order,
            last_position=self.last_position,
            is_cancelled=self.is_cancelled,
            fault_count=self.fault_count,
            retry_at_ms=self.retry_at_ms,
            unreceived_count=self.unreceived_count,
        )

    # --- goroutines ------------------------------------------------------------------------------------------------

    def add_ready(self, goroutine: Goroutine, resumption: Resumption) -> None:
        """To the back of the queue (rule 4)."""
        self.goroutines[goroutine.goroutine_id] = replace(
            goroutine, status=GoroutineStatus.READY, resumption=resumption, cases=(), parked_order=0
        )
        self.ready.append(goroutine.goroutine_id)

    def wake(self, waiter: Waiter, kind: ResumptionKind, payload: Payload | None = None) -> None:
        """One case of a parked goroutine was taken: withdraw the others and make it ready (rule 10)."""
        goroutine = self.goroutines[waiter.goroutine_id]
        assert goroutine.status is GoroutineStatus.PARKED
        self.withdraw(goroutine, taken=waiter.case_index)
        self.add_ready(goroutine, Resumption(kind, waiter.case_index, payload))

    def withdraw(self, goroutine: Goroutine, taken: int | None) -> None:
        """Take a goroutine out of every queue that its cases stand in. An effect that was not taken is cancelled."""
        self.timers.pop(goroutine.goroutine_id, None)
        for index, case in enumerate(goroutine.cases):
            self._withdraw_case(goroutine.goroutine_id, index, case, is_taken=index == taken)

    def _withdraw_case(self, goroutine_id: int, index: int, case: Case, is_taken: bool) -> None:
        waiter = Waiter(goroutine_id, index)
        match case:
            case RecvCase(channel) if channel is not None:
                state = self.channels[channel]
                if waiter in state.receivers:
                    receivers = tuple(w for w in state.receivers if w != waiter)
                    self.channels[channel] = replace(state, receivers=receivers)
            case SendCase(channel, _) if channel is not None:
                state = self.channels[channel]
                queue = tuple(e for e in state.queue if (e.goroutine_id, e.case_index) != (goroutine_id, index))
                if len(queue) != len(state.queue):
                    self.channels[channel] = replace(state, queue=queue)
            case CallCase(request):
                if self.effects.pop(request.effect_id, None) is not None and not is_taken:
                    self.out.append(CancelEffect(request.effect_id))
            case JoinCase(joined_id):
                _drop(self.joins, joined_id, waiter)
            case ResultCase(process_id):
                _drop(self.children, process_id, waiter)
            case RecvCase() | SendCase() | TimerCase() | DefaultCase():
                pass
            case _:
                assert_never(case)

    def end(self, goroutine_id: int) -> None:
        """The goroutine has ended: whoever joins it is woken, in the order in which they came."""
        del self.goroutines[goroutine_id]
        for waiter in self.joins.pop(goroutine_id, ()):
            self.wake(waiter, ResumptionKind.JOINED, str(goroutine_id))

    # --- parking ---------------------------------------------------------------------------------------------------

    def park(self, goroutine: Goroutine, cases: tuple[Case, ...]) -> None:
        """Stand in the queue of every case. What a queue keeps itself is not kept in the case as well."""
        order, self.next_order = self.next_order, self.next_order + 1
        self.goroutines[goroutine.goroutine_id] = replace(
            goroutine,
            status=GoroutineStatus.PARKED,
            resumption=None,
            cases=tuple(_without_payload(case) for case in cases),
            parked_order=order,
        )
        for index, case in enumerate(cases):
            self._enqueue(Waiter(goroutine.goroutine_id, index), case)

    def _enqueue(self, waiter: Waiter, case: Case) -> None:
        match case:
            case RecvCase(channel):
                if channel is not None:
                    state = self.channel(channel)
                    self.channels[channel] = replace(state, receivers=(*state.receivers, waiter))
            case SendCase(channel, payload):
                if channel is not None:
                    self.append(channel, Entry(payload, waiter.goroutine_id, waiter.case_index, 0, self.last_position))
            case TimerCase(deadline_ms):
                held = self.timers.get(waiter.goroutine_id)
                self.timers[waiter.goroutine_id] = deadline_ms if held is None else min(held, deadline_ms)
            case CallCase(request):
                self.effects[request.effect_id] = waiter
                self.out.append(RequestEffect(request))
            case JoinCase(goroutine_id):
                self.joins[goroutine_id] = (*self.joins.get(goroutine_id, ()), waiter)
            case ResultCase(process_id):
                self.children[process_id] = (*self.children.get(process_id, ()), waiter)
                self.out.append(WatchProcess(process_id))
            case DefaultCase():
                raise AssertionError("a select with a default never parks")
            case _:
                assert_never(case)

    # --- channels --------------------------------------------------------------------------------------------------

    def channel(self, name: str) -> ChannelState:
        """The channel of that name; one that nobody has declared is unbuffered."""
        return self.channels.get(name) or ChannelState()

    def append(self, name: str, entry: Entry) -> None:
        state = self.channel(name)
        count = state.message_count + (1 if entry.position else 0)
        self.channels[name] = replace(state, queue=(*state.queue, entry), message_count=count)

    def take_value(self, name: str) -> Payload:
        """The oldest value. The longest-waiting sender moves into the room that it leaves (rule 8)."""
        state = self.channels[name]
        entry, queue = state.queue[0], state.queue[1:]
        count = state.message_count - (1 if entry.position else 0)
        let_in: Waiter | None = None
        if state.capacity and len(queue) >= state.capacity and queue[state.capacity - 1].goroutine_id:
            newcomer = queue[state.capacity - 1]
            let_in = Waiter(newcomer.goroutine_id, newcomer.case_index)
            stays = replace(newcomer, goroutine_id=0, case_index=0)
            queue = (*queue[: state.capacity - 1], stays, *queue[state.capacity :])
        self.channels[name] = replace(state, queue=queue, message_count=count)
        if entry.position:
            self.out.append(Received(entry.position))
        if entry.goroutine_id:
            self.wake(Waiter(entry.goroutine_id, entry.case_index), ResumptionKind.NONE)
        if let_in is not None:
            self.wake(let_in, ResumptionKind.NONE)
        return entry.payload

    def give_value(self, name: str, payload: Payload, position: int = 0) -> bool:
        """Hand a value to the receiver that waited longest; False if there is none."""
        state = self.channel(name)
        if not state.receivers:
            return False
        self.wake(state.receivers[0], ResumptionKind.VALUE, payload)
        if position:
            self.out.append(Received(position))
        return True

    def close(self, name: str) -> None:
        """Rule 11. Parked senders and receivers are woken in the order in which they came; the rest stays to be received."""
        state = self.channel(name)
        if state.is_closed:
            return
        senders = [Waiter(e.goroutine_id, e.case_index) for e in state.queue if e.goroutine_id]
        self.channels[name] = replace(state, is_closed=True)
        parked = [(w, ResumptionKind.SEND_CLOSED) for w in senders]
        parked += [(w, ResumptionKind.CLOSED) for w in state.receivers]
        parked.sort(key=lambda item: self.goroutines[item[0].goroutine_id].parked_order)
        for waiter, kind in parked:
            # A select that stands here twice is woken by the first of its cases.
            if self.goroutines[waiter.goroutine_id].status is GoroutineStatus.PARKED:
                self.wake(waiter, kind)

    # --- cancelling ------------------------------------------------------------------------------------------------

    def cancel(self, goroutine_id: int) -> None:
        """Detail D5: where it is parked, or at its next suspension; one that never started never runs."""
        goroutine = self.goroutines.get(goroutine_id)
        if goroutine is None or goroutine.cancelling is not Cancelling.NO:
            return
        if goroutine.status is GoroutineStatus.PARKED:
            self.withdraw(goroutine, taken=None)
            raised = replace(goroutine, cancelling=Cancelling.RAISED)
            self.add_ready(raised, Resumption(ResumptionKind.CANCELLED))
        else:
            self.goroutines[goroutine_id] = replace(goroutine, cancelling=Cancelling.DUE)


def _drop(index: dict[Key, tuple[Waiter, ...]], key: Key, waiter: Waiter) -> None:
    rest = tuple(w for w in index.get(key, ()) if w != waiter)
    if rest:
        index[key] = rest
    else:
        index.pop(key, None)


def _without_payload(case: Case) -> Case:
    match case:
        case SendCase(channel, _):
            return SendCase(channel, "")
        case CallCase(request):
            return CallCase(EffectRequest(request.effect_id, request.function, ""))
        case _:
            return case
