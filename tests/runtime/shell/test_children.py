"""A process that waits for another one learns of its end, whatever happens to the runtime meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtime_client import Client, ClientError, ProcessCancelled, ProcessFailed, Unavailable
from slct_runtime.runtime import Runtime

from .test_runtime import Disk, running


async def parked(client: Client, process_id: str) -> None:
    """Return when all goroutines of the process wait, as far as is stored."""
    async with asyncio.timeout(10):
        while True:
            try:
                told = await client.get(process_id).describe()
            except ClientError:
                told = None
            if told is not None and told.goroutines and all(g.status == "parked" for g in told.goroutines):
                return
            await asyncio.sleep(0)


def test_a_parent_that_nobody_has_loaded_learns_of_the_end() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            await client.start("parent", 5, id="p")
            await parked(client, "p")
            await parked(client, "p-child")
        async with running(disk) as (runtime, client, _):
            await client.get("p-child").send("numbers", 5)  # nobody asks for the parent
            async with asyncio.timeout(10):
                while runtime._engine.residents.get("p") is None:
                    await asyncio.sleep(0)
                assert await client.get("p").result() == 5
        assert disk.store.watchers(["p-child"]) == []

    asyncio.run(scene())


def test_rule_5_an_attached_process_that_has_ended_is_forgotten() -> None:
    """Nobody awaits it, nobody has loaded the one that it is attached to, and a runtime ends in between."""

    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            supervisor = await client.start("supervisor", id="s")
            for goal in (5, 6):
                await supervisor.send("goals", goal)
                await parked(client, f"s-{goal}")
        async with running(disk) as (runtime, client, _):
            await client.get("s-5").send("numbers", 5)
            assert await client.get("s-5").result() == 5
            await attached(runtime, "s", ["s-6"])
        async with running(disk) as (runtime, client, _):
            await client.get("s").send("goals", 7)
            await parked(client, "s-7")
            await attached(runtime, "s", ["s-6", "s-7"])
            await client.get("s").terminate()
            for goal in (6, 7):
                with pytest.raises(ProcessCancelled):
                    await client.get(f"s-{goal}").result(10)

    asyncio.run(scene())


async def attached(runtime: Runtime, process_id: str, expected: list[str]) -> None:
    """Return when these are attached to it, in memory."""
    async with asyncio.timeout(10):
        while (found := runtime._engine.residents.get(process_id)) is None or list(found.core.attached) != expected:
            await asyncio.sleep(0)


@pytest.mark.parametrize("dies_at", range(1, 16))
def test_deaths_at_every_commit(dies_at: int) -> None:
    """The end of a child reaches its parent, whatever commit is the last that a runtime makes."""

    async def begin(client: Client) -> Any:
        await client.start("parent", 5, id="p")
        async with asyncio.timeout(10):
            while True:
                try:
                    await client.get("p-child").send("numbers", 5, key="five")
                    return
                except Unavailable:
                    raise
                except ClientError as error:  # not there yet, or at its end
                    if "has ended" in str(error):
                        return
                    await asyncio.sleep(0)

    async def scene() -> None:
        disk = Disk()
        disk.dies_at = dies_at
        try:
            async with running(disk) as (_, client, _):
                await begin(client)
                await client.get("p").result(timeout=0.3)
        except (Unavailable, TimeoutError):
            pass
        disk.dies_at = None
        async with running(disk) as (_, client, _):
            await begin(client)
            assert await client.get("p").result(timeout=10) == 5

    asyncio.run(scene())


def test_who_no_longer_waits_is_not_told() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("parent", 5, id="p")
            await parked(client, "p")
            assert disk.store.watchers(["p-child"]) == [("p", "p-child")]
            await ref.send("hurry", "now")
            assert await ref.result() == "late"
            assert disk.store.watchers(["p-child"]) == []

    asyncio.run(scene())


def test_a_child_that_was_terminated() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            await client.start("parent", 5, id="p")
            await parked(client, "p")
            await parked(client, "p-child")
        async with running(disk) as (_, client, _):
            await client.get("p-child").terminate()
            with pytest.raises(ProcessFailed) as caught:
                await client.get("p").result(timeout=10)
            assert "was terminated" in str(caught.value.__cause__)

    asyncio.run(scene())


def test_a_child_that_cannot_be_started() -> None:
    async def scene() -> None:
        async with running(Disk()) as (_, client, _):
            await client.start("sum", 7, id="p-child")  # the id that the parent will want, for something else
            ref = await client.start("parent", 5, id="p")
            with pytest.raises(ProcessFailed) as caught:
                await ref.result(timeout=10)
            assert "could not be started" in str(caught.value.__cause__)

    asyncio.run(scene())
