"""The history of a process: an entry for each thing that it did, if it did it, and as long as it is kept."""

from __future__ import annotations

import asyncio

import pytest

from runtime_client import Client, NoHistory, Unavailable
from runtime_client._cli_output import history_text
from slct_runtime._history import arguments_text
from slct_runtime.wire.api import HistoryEntry

from .shell_programs import defs
from .test_runtime import Disk, running


async def entries(client: Client, process_id: str) -> list[HistoryEntry]:
    return [entry async for entry in client.get(process_id).history(page_size=3)]


def test_every_transition_is_told_once() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk, history_transitions_max=100) as (_, client, _):
            ref = await client.start("sum", 100, id="s")
            await ref.send("numbers", 60)
            async for _ in ref.watch():
                if (await ref.describe()).fields["total"] == "60":
                    break
        async with running(disk, history_transitions_max=100) as (_, client, _):
            await client.get("s").send("numbers", 40)
            assert await client.get("s").result() == 100
            told = await entries(client, "s")
        assert [entry.seq for entry in told] == list(range(len(told)))
        assert [(e.event, e.goroutine_id, e.woken_by, e.value) for e in told] == [
            ("started", 0, "", "100"),
            ("transition", 1, "start", ""),
            ("transition", 1, "recv(numbers)", "60"),
            ("transition", 1, "recv(numbers)", "40"),
            ("transition", 1, "call(refuse_once)", "100"),
        ]
        assert [(e.from_state, e.to_state, e.asks, e.ending, e.status) for e in told[1:]] == [
            ("", "Main_Recv", ("recv(numbers)",), "parked", "running"),
            ("Main_Recv", "Main_Recv", ("recv(numbers)",), "parked", "running"),
            ("Main_Recv", "Main_Call", ("call(refuse_once)",), "parked", "running"),
            ("Main_Call", "", (), "finished", "completed"),
        ]
        assert told[2].function == "Sum.main"
        assert told[2].place == "shell_programs.py:2"
        assert told[1].waited_ms is None
        assert told[2].waited_ms is not None

    asyncio.run(scene())


def test_what_did_not_happen_is_not_told() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk, history_transitions_max=100) as (_, client, _):
            ref = await client.start("sum", 100, id="s")
            disk.full = True
            with pytest.raises(Unavailable):
                await ref.send("numbers", 60)
            disk.full = False
            await ref.send("numbers", 100)
            assert await ref.result() == 100
            assert [e.value for e in await entries(client, "s") if e.woken_by == "recv(numbers)"] == ["100"]

    asyncio.run(scene())


def test_ends_from_outside_are_told() -> None:
    async def scene() -> None:
        async with running(Disk(), history_transitions_max=100) as (_, client, _):
            ref = await client.start("sum", 100, id="s")
            await ref.terminate()
            last = (await entries(client, "s"))[-1]
            assert (last.event, last.status) == ("terminated", "terminated")

    asyncio.run(scene())


def test_only_the_newest_are_kept() -> None:
    async def scene() -> None:
        async with running(Disk(), history_transitions_max=10) as (_, client, _):
            ref = await client.start("sum", 1000, id="s")
            for _ in range(200):
                await ref.send("numbers", 1, wait=True)
            told = await entries(client, "s")
            assert len(told) <= 10 + 64
            assert told[-1].seq == (await ref.describe()).info.seq
            assert [e.seq for e in told] == list(range(told[0].seq, told[-1].seq + 1))

    asyncio.run(scene())


def test_a_runtime_that_keeps_none_says_so() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("sum", 1, id="s")
            with pytest.raises(NoHistory, match="keeps no history"):
                await entries(client, "s")
            await ref.send("numbers", 1)
            assert await ref.result() == 1
        assert disk.store.history("s", -1, 9) == []

    asyncio.run(scene())


def test_questions_and_arguments_are_told_as_their_author_would_write_them() -> None:
    async def scene() -> None:
        async with running(Disk(), history_transitions_max=100) as (_, client, _):
            ref = await client.start("desk")
            assert await ref.request("questions", "how many?", key="k") == 1
            assert await ref.request("questions", "end") == 2
            await ref.result()
            lines = [history_text(entry) for entry in await entries(client, ref.id)]
            started = await client.start("sum", 100)
            (first, *_) = await entries(client, started.id)
        assert "recv(questions) = <request 'how many?'>" in lines[2]
        assert lines[2].endswith("does reply 1 to k")
        assert first.value == "100"
        assert history_text(first).endswith("started (100)")

    asyncio.run(scene())


def test_arguments_nested_too_deep_for_plain_json_are_told_all_the_same() -> None:
    nested: list[object] = []
    for _ in range(5000):
        nested = [nested]
    assert arguments_text(defs.codec.encode([[nested], {}])).count("[") > 3
    assert arguments_text(defs.codec.encode([[1, "a"], {"rate": 2.5}])) == "1, 'a', rate=2.5"
    assert arguments_text(None) == ""
