"""Queues are values, and long ones cost no more than short ones (rule 16 lets a channel hold 10,000 messages)."""

from __future__ import annotations

import random
import statistics
import tracemalloc
from collections.abc import Callable

import pytest

from slct_runtime._resident import Resident
from slct_runtime.core import Process, new_process, step, to_json
from slct_runtime.core._line import TAKEN_MIN, Line
from slct_runtime.core.commands import Parked, RecvCase
from slct_runtime.core.events import Message, Started, TransitionDone
from slct_runtime.store.base import InboxRow


@pytest.mark.parametrize("seed", range(20))
def test_a_line_is_a_tuple_that_others_never_change(seed: int) -> None:
    chance = random.Random(seed)
    lines: list[tuple[Line[int], tuple[int, ...]]] = [(Line(), ())]
    for number in range(600):
        line, items = lines[-1] if chance.random() < 0.9 else chance.choice(lines)
        match chance.choice(["append", "append", "take", "put"]) if items else "append":
            case "append":
                lines.append((line.with_last(number), (*items, number)))
            case "take":
                lines.append((line.without_first(), items[1:]))
            case _:
                index = chance.randrange(len(items))
                lines.append((line.with_item(index, number), (*items[:index], number, *items[index + 1 :])))
    for line, items in lines:
        assert (tuple(line), len(line), line[1:3]) == (items, len(items), items[1:3])
        assert [line[index] for index in range(-len(items), len(items))] == [*items, *items]
        assert line == Line(items)
        assert line != Line((*items, -1))


def test_a_line_has_no_more_than_stands_in_it() -> None:
    line = Line(range(3))
    for outside in (3, -4):
        with pytest.raises(IndexError):
            line[outside]


def test_what_was_taken_is_let_go() -> None:
    line = Line(range(1000))
    for number in range(5000):
        line = line.with_last(number).without_first()
        assert len(line._shared) <= 2 * len(line) + TAKEN_MIN
    for _ in range(1000):
        line = line.without_first()
    assert not line
    assert not line._shared


def waiting_at(count: int) -> Process:
    """A process that receives, with so many messages behind the one that it works on."""
    process = step(new_process("p", capacities={"c": 0}), Started(0)).process
    for position in range(1, count + 1):
        process = step(process, Message(0, position, "c", '"some value"')).process
    return process


def bytes_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def message_bytes(count: int) -> float:
    """What is allocated at most while a message comes, another is received, and the process is written."""
    process = waiting_at(count)

    def work() -> None:
        nonlocal process
        process = step(process, Message(0, process.last_position + 1, "c", '"some value"')).process
        process = step(process, TransitionDone(0, 1, (), Parked((RecvCase("c"),)))).process
        to_json(process)

    return statistics.median(bytes_of(work) for _ in range(25))


def test_rule_16_a_message_costs_the_same_however_many_wait() -> None:
    assert message_bytes(10_000) < message_bytes(10) + 1000


def commit_bytes(count: int) -> float:
    """What is allocated at most while a commit stores one message and deletes another."""
    resident = Resident(
        "p", "d", "1", waiting_at(count), "{}", "[]", "", 1, 1, 0, 0, {}, stored_inbox=set(range(1, count + 1))
    )

    def work() -> None:
        position = resident.next_position()
        resident.pending.inbox[position] = InboxRow(position, "p", "message", "c", "1")
        resident.take()
        resident.pending.row_changed = True
        resident.absorbed.add(position - count)
        resident.take()

    return statistics.median(bytes_of(work) for _ in range(25))


def test_rule_16_a_commit_costs_the_same_however_many_wait() -> None:
    assert commit_bytes(10_000) < commit_bytes(10) + 1000
