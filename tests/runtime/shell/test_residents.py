"""What stays in memory: bounds by number and by bytes, and that nothing which cannot go makes the rest dear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from slct_runtime._residents import ASKED_AT_A_TIME, Residents

from .test_runtime import Disk, running


def resident(process_id: str, size: int = 1) -> Any:
    return SimpleNamespace(process_id=process_id, document="d" * size)


def names(residents: Residents) -> list[str]:
    return [one.process_id for one in residents]


def make_room(residents: Residents, may_go: Callable[[Any], bool] = lambda one: True) -> None:
    residents.make_room(may_go, lambda one: residents.remove(one.process_id))


def filled(residents: Residents, *held: Any) -> Residents:
    for one in held:
        residents.add(one)
    return residents


def test_those_used_longest_ago_go_first() -> None:
    residents = filled(Residents(2, 100), resident("a"), resident("b"), resident("c"))
    residents.use("a")
    make_room(residents)
    assert names(residents) == ["c", "a"]


def test_documents_are_counted_as_they_grow_and_go() -> None:
    large = resident("a", 10)
    residents = filled(Residents(10, 100), large, resident("b", 10), resident("c", 10))
    make_room(residents)
    assert len(residents) == 3 and residents.document_bytes == 30
    large.document = "d" * 95
    residents.measure(large)
    residents.use("a")
    make_room(residents)
    assert names(residents) == ["a"] and residents.document_bytes == 95
    assert residents.remove("a") and not residents.remove("a") and residents.document_bytes == 0


def test_one_that_is_too_large_alone_stays() -> None:
    residents = filled(Residents(10, 100), resident("a", 1_000))
    make_room(residents)
    assert names(residents) == ["a"]


def test_what_has_left_is_not_counted_again() -> None:
    residents, one = Residents(10, 100), resident("a", 10)
    residents.add(one)
    residents.remove("a")
    residents.measure(one)
    assert residents.document_bytes == 0


def test_few_are_asked_at_a_time_and_others_the_next_time() -> None:
    residents = filled(Residents(1, 100_000), *(resident(str(number)) for number in range(100)))
    asked: list[str] = []

    def refuse(one: Any) -> bool:
        asked.append(one.process_id)
        return False

    make_room(residents, refuse)
    make_room(residents, refuse)
    assert asked == [str(number) for number in range(2 * ASKED_AT_A_TIME)]


def test_documents_that_are_too_many_leave_memory_and_come_back() -> None:
    async def scene() -> None:
        async with running(Disk(), resident_document_bytes_max=2_000) as (runtime, client, _):
            refs = [await client.start("sum", 7) for _ in range(20)]
            for ref in refs:
                await ref.send("numbers", 3, wait=True)
            held = runtime._engine.residents
            assert 0 < len(held) < 20 and held.document_bytes <= 2_000 + max(len(one.document) for one in held)
            for ref in refs:
                await ref.send("numbers", 4)
            assert await asyncio.gather(*(ref.result(5) for ref in refs)) == [7] * 20

    asyncio.run(scene())
