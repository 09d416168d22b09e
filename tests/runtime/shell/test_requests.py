"""Requests and their answers over a real runtime: asked once, answered once, durably, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from runtime_client import AlreadyExists, Client, InvalidValue, NotFound, NotRunning, SyncClient, Unavailable

from .shell_programs import defs
from .test_runtime import Disk, running


async def kept(client: Client) -> None:
    """Return when the desk has kept a question."""
    async with asyncio.timeout(10):
        async for _ in client.get("d").watch():
            if (await client.get("d").describe()).fields.get("kept", "[]") != "[]":
                return


def test_an_answer_comes_when_the_process_gives_it() -> None:
    async def scene() -> None:
        async with running(Disk()) as (_, client, _):
            ref = await client.start("desk", id="d")
            later = asyncio.create_task(ref.request("questions", "keep"))
            await kept(client)
            assert await ref.request("questions", "answer") == 2
            assert await later == 0

    asyncio.run(scene())


def test_a_question_waits_through_a_restart() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (runtime, client, _):
            await client.start("desk", id="d")
            asking = asyncio.create_task(client.get("d").request("questions", "keep", key="k"))
            await kept(client)
            await runtime.aclose()
            with pytest.raises(Unavailable):
                await asking
        async with running(disk) as (_, client, _):
            again = asyncio.create_task(client.get("d").request("questions", "keep", key="k"))
            assert await client.get("d").request("questions", "answer") == 2  # asked once, not again
            assert await again == 0
            assert await client.get("d").request("questions", "keep", key="k") == 0

    asyncio.run(scene())


@pytest.mark.parametrize("dies_at", range(1, 9))
def test_deaths_at_every_commit(dies_at: int) -> None:
    """Whatever commit is the last, asking again under the same keys gives each question its one answer."""

    async def ask_all(client: Client) -> list[Any]:
        ref = await client.start("desk", id="d")
        return [await ref.request("questions", "count", key=str(n), timeout=10) for n in range(5)]

    async def scene() -> None:
        disk = Disk()
        disk.dies_at = dies_at
        try:
            async with running(disk) as (_, client, _):
                await ask_all(client)
        except Unavailable:
            pass
        disk.dies_at = None
        async with running(disk) as (_, client, _):
            assert await ask_all(client) == [1, 2, 3, 4, 5]

    asyncio.run(scene())


def test_an_answer_leaves_when_it_is_durable() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("desk", id="d")
            later = asyncio.create_task(ref.request("questions", "keep", key="k"))
            await kept(client)
            disk.full = True
            with pytest.raises(Unavailable):
                await ref.request("questions", "answer", key="a")
            assert not later.done()
            assert disk.store.find_reply("d", "k") is None
            disk.full = False
            assert await ref.request("questions", "answer", key="a") == 2
            assert await later == 0

    asyncio.run(scene())


def test_an_answer_given_while_the_store_was_asked_for_it_is_found() -> None:
    async def scene() -> None:
        async with running(Disk()) as (runtime, client, _):
            ref = await client.start("desk", id="d")
            engine, answered, is_first = runtime._engine, asyncio.Event(), [True]
            read = engine.read

            async def slow(query: Any, *arguments: Any) -> Any:
                found = await read(query, *arguments)
                if query == engine.store.find_reply and is_first:
                    is_first.clear()
                    await answered.wait()
                return found

            engine.read = slow
            early = asyncio.create_task(ref.request("questions", "end", key="k"))
            while is_first:
                await asyncio.sleep(0)
            assert await ref.request("questions", "end", key="k") == 1
            assert await ref.result(5) is None
            answered.set()
            assert await early == 1

    asyncio.run(scene())


def test_what_is_refused() -> None:
    async def scene() -> None:
        async with running(Disk()) as (_, client, _):
            ref = await client.start("desk", id="d")
            with pytest.raises(InvalidValue, match="questions: expected str, got 7"):
                await ref.request("questions", 7)
            with pytest.raises(InvalidValue, match="takes str, and no requests"):
                await ref.request("hints", "x")
            with pytest.raises(InvalidValue, match="expected Request"):
                await ref.send("questions", "x")
            with pytest.raises(NotFound, match="no channel 'question'"):
                await ref.request("question", "x")
            with pytest.raises(NotFound, match="nobody"):
                await client.get("nobody").request("questions", "x")
            with pytest.raises(TimeoutError, match="has not answered after 1 ms"):
                await ref.request("questions", "keep", key="k", timeout=0.001)
            again = asyncio.create_task(ref.request("questions", "keep", key="k"))
            await kept(client)  # one millisecond may have been too short to ask at all
            with pytest.raises(AlreadyExists, match="key 'k' was used for another message"):
                await ref.request("questions", "count", key="k")
            assert await ref.request("questions", "end") == 2
            with pytest.raises(NotRunning, match="has ended without an answer: it is completed"):
                await again
            with pytest.raises(NotRunning, match="has ended: it is completed"):
                await ref.request("questions", "keep", key="k")

    asyncio.run(scene())


def test_without_await(tmp_path: Path) -> None:
    with SyncClient.embedded(str(tmp_path / "slct.db"), defs) as client:
        assert client.start("desk").request("questions", "count", timeout=10) == 1
