"""The runtime over real stores: what is acknowledged stays, whatever happens to the runtime, its workers or its disk."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime_client import (
    AlreadyExists,
    Client,
    ClientError,
    InvalidValue,
    LimitExceeded,
    NotFound,
    NotRunning,
    Unavailable,
    Worker,
)
from runtime_client._cli_output import description_text
from runtime_client._transition import run_transition
from slct_runtime.runtime import Runtime
from slct_runtime.settings import Settings
from slct_runtime.store import MemoryStore
from slct_runtime.store.base import Conflict, LoadedProcess, ProcessCommit, StoreUnavailable

from .shell_programs import ATTEMPTS, defs


class Disk:
    """A memory store that outlives its runtimes, and can refuse or cut off commits."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.commits = 0
        self.full = False
        self.loads_refused = 0
        self.ended = threading.Event()  # set when a process is stored as completed
        self.dies_at: int | None = None  # the commit after which nothing is stored any more: the runtime is dead

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, batch: Sequence[ProcessCommit]) -> list[Conflict]:
        self.commits += 1
        if self.full:
            raise StoreUnavailable("disk", "database or disk is full")
        if self.dies_at is not None and self.commits > self.dies_at:
            raise StoreUnavailable("disk", "the machine is gone")
        conflicts = self.store.commit(batch)
        if any(commit.row is not None and commit.row.status == "completed" for commit in batch):
            self.ended.set()
        return conflicts

    def load(self, process_ids: Sequence[str]) -> list[LoadedProcess]:
        if self.loads_refused > 0:
            self.loads_refused -= 1
            raise StoreUnavailable("disk", "database is locked")
        return self.store.load(process_ids)

    def close(self) -> None:
        """The store lives on."""


@asynccontextmanager
async def running(disk: Disk, **settings: Any) -> AsyncIterator[tuple[Runtime, Client, Worker]]:
    runtime = await Runtime.open(disk, settings=Settings(store_retry_ms=1, **settings))
    worker = Worker(runtime, defs)
    serving = asyncio.create_task(worker.run())
    await worker.connected.wait()
    try:
        yield runtime, Client(runtime, defs), worker
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await runtime.aclose()


def test_a_process_goes_on_in_the_next_runtime() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("sum", 100, id="s")
            await ref.send("numbers", 60)
        async with running(disk) as (_, client, _):
            ref = client.get("s")
            assert (await ref.describe()).fields == {"total": "60"}
            await ref.send("numbers", 50)
            assert await ref.result(5) == 110

    asyncio.run(scene())


def test_a_process_that_could_not_be_read_when_the_runtime_began_goes_on_unasked() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk):
            pass  # the definitions are known
        runtime = await Runtime.open(disk)
        await Client(runtime, defs).start("chain", 2, id="c")
        await runtime.aclose()
        disk.loads_refused = 3
        async with running(disk):
            assert await asyncio.to_thread(disk.ended.wait, 5)
        assert disk.loads_refused == 0

    asyncio.run(scene())


def test_other_code_under_a_known_version_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        runtime = await Runtime.open(Disk())
        records = defs.records("1")
        await runtime.deploy(records)
        await runtime.deploy(records)
        assert not caplog.text
        changed = {**json.loads(records[0].manifest), "source": "elsewhere.py"}
        await runtime.deploy((replace(records[0], manifest=json.dumps(changed)),))
        await runtime.aclose()
        assert f"definition {records[0].name!r} version '1' now has other code than before" in caplog.text

    asyncio.run(scene())


@pytest.mark.parametrize("seed", range(20))
def test_rule_26_whatever_was_acknowledged_survives_a_death_at_any_commit(seed: int) -> None:
    """The runtime dies after a random commit, again and again; clients repeat what was not acknowledged."""

    async def scene() -> None:
        chance = random.Random(seed)
        disk = Disk()
        count, acknowledged, results = 30, set[int](), {}
        while len(results) < 4:
            disk.dies_at = disk.commits + chance.randrange(1, 25)
            try:
                async with asyncio.timeout(10), running(disk) as (_, client, _):
                    try:
                        ref = await client.start("sum", sum(range(count)), id="s")
                        for index in range(3):
                            await client.start("chain", 4, id=f"c{index}")
                        for number in range(count):
                            if number not in acknowledged:
                                await ref.send("numbers", number, key=f"n{number}")
                                acknowledged.add(number)
                        results["s"] = await ref.result(0.2)
                        for index in range(3):
                            results[f"c{index}"] = await client.get(f"c{index}").result(0.2)
                    except (Unavailable, TimeoutError):
                        pass
                    except NotRunning:
                        results["s"] = await client.get("s").result(0.2)
                    finally:
                        disk.full = True  # dead: not even the last commits of an orderly end
            finally:
                disk.full = False
        assert results["s"] == sum(range(count))
        assert [results[f"c{index}"] for index in range(3)] == [[0, 1, 2, 3]] * 3

    asyncio.run(scene())


def test_rule_15_a_key_is_delivered_once_and_stands_for_one_message() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("sum", 100, id="s")
            await asyncio.gather(*(ref.send("numbers", 30, key="k") for _ in range(20)))
        async with running(disk) as (_, client, _):
            ref = client.get("s")
            await ref.send("numbers", 30, key="k")
            with pytest.raises(AlreadyExists, match="key 'k'"):
                await ref.send("numbers", 31, key="k")
            assert (await ref.describe()).fields == {"total": "30"}

    asyncio.run(scene())


def test_rule_15_a_key_that_was_accepted_is_acknowledged_after_the_end() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("sum", 30, id="s")
            await ref.send("numbers", 30, key="k")
            assert await ref.result() == 30
            await ref.send("numbers", 30, key="k")
        async with running(disk) as (_, client, _):
            ref = client.get("s")
            await ref.send("numbers", 30, key="k", wait=True)
            with pytest.raises(AlreadyExists, match="key 'k'"):
                await ref.send("numbers", 31, key="k")
            for key in ("another", None):
                with pytest.raises(NotRunning, match="has ended: it is completed"):
                    await ref.send("numbers", 30, key=key)

    asyncio.run(scene())


def test_rule_15_a_start_with_a_known_id_gives_that_process() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            refs = await asyncio.gather(*(client.start("sum", 5, id="s") for _ in range(5)))
            assert {ref.id for ref in refs} == {"s"}
            with pytest.raises(AlreadyExists):
                await client.start("sum", 6, id="s")
            with pytest.raises(AlreadyExists):
                await client.start("chain", 5, id="s")
            assert len([info async for info in client.list()]) == 1

    asyncio.run(scene())


def test_rule_16_a_full_channel_refuses_and_names_the_limit() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk, channel_messages_max=3) as (_, client, worker):
            ref = await client.start("nap", 3600, id="n")
            await client.start("sum", 10**9, id="s")
            worker.stop()
            while worker.connected.is_set():
                await asyncio.sleep(0)
            ref = client.get("s")
            for number in range(4):  # the first one wakes the goroutine, the rest wait
                await ref.send("numbers", number)
            with pytest.raises(LimitExceeded, match="channel_messages_max is 3"):
                await ref.send("numbers", 9)

    asyncio.run(scene())


def test_rule_17_requests_to_what_is_not_there() -> None:
    async def scene() -> None:
        async with running(Disk()) as (_, client, _):
            with pytest.raises(NotFound, match="no process 'x'"):
                await client.get("x").send("numbers", 1)
            ref = await client.start("nap", 0)
            assert await ref.result(5) == "rested"
            with pytest.raises(NotRunning, match="completed"):
                await ref.send("numbers", 1)
            with pytest.raises(NotFound, match="deployed definitions: chain"):
                await client.start("somme", 1)
            with pytest.raises(InvalidValue, match="missing 'goal'"):
                await client.start("sum")
            with pytest.raises(InvalidValue, match="expected int"):
                await client.start("sum", "ten")

    asyncio.run(scene())


def test_rule_26_that_a_process_has_ended_is_not_told_before_it_is_stored() -> None:
    """Who sends while the end is being written hears how that went."""

    async def scene() -> None:
        disk = Disk()
        runtime = await Runtime.open(disk, settings=Settings(store_retry_ms=1))
        client = Client(runtime, defs)
        worker = await runtime.serve(Worker(runtime, defs)._registration)
        ref = await client.start("watch")
        (start,) = await worker.take()
        answer, live = run_transition(defs, start, None)
        await worker.answer([answer])
        await ref.send("numbers", 0)
        (received,) = await worker.take()
        answer, _ = run_transition(defs, received, live)
        disk.full = True
        await worker.answer([answer])
        with pytest.raises(Unavailable):
            await ref.send("numbers", 1)
        await worker.close()
        await runtime.aclose()

    asyncio.run(scene())


def test_rule_26_that_a_channel_is_closed_is_not_told_before_it_is_stored() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("sum", 1)
            async for _ in ref.watch():
                if (await ref.describe()).goroutines[0].waits_for:
                    break
            disk.full = True
            told = await asyncio.gather(ref.close("numbers"), ref.send("numbers", 1), return_exceptions=True)
            assert [type(error) for error in told] == [Unavailable, Unavailable]
            disk.full = False
            async with asyncio.timeout(10):
                while True:
                    try:
                        await ref.close("numbers")
                        break
                    except Unavailable:
                        await asyncio.sleep(0.001)
            with pytest.raises(NotRunning, match=r"is closed|has ended"):
                await ref.send("numbers", 1)

    asyncio.run(scene())


def test_rule_18_an_effect_keeps_its_key_over_attempts() -> None:
    async def scene() -> None:
        ATTEMPTS.clear()
        async with running(Disk()) as (_, client, _):
            ref = await client.start("sum", 0, id="effect-key")
            assert await ref.result(5) == 0
        assert ATTEMPTS == [("effect-key:1", 1), ("effect-key:1", 2)]

    asyncio.run(scene())


def test_a_full_disk_refuses_and_loses_nothing() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("sum", 100, id="s")
            await ref.send("numbers", 10)
            disk.full = True
            with pytest.raises(Unavailable, match="disk is full"):
                await ref.send("numbers", 20)
            with pytest.raises(Unavailable):
                await client.start("nap", 1, id="n")
            assert (await ref.describe()).fields == {"total": "10"}
            disk.full = False
            await ref.send("numbers", 90)
            assert await ref.result(5) == 100

    asyncio.run(scene())


def test_a_value_that_cannot_be_saved_leaves_the_last_state(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with running(Disk()) as (_, client, _):
            ref = await client.start("keeper", id="k")
            async for event in ref.watch():
                if event.kind == "status" and event.status != "running":
                    break
            described = await ref.describe()
            assert described.info.status == "faulted"
            assert described.fields == {"before": "1"}
            assert "'file'" in described.error
            assert "Keeper.main" in described.error
            assert "shell_programs.py:" in described.error
            assert described.status == described.info.status

    asyncio.run(scene())
    assert "process 'k' is faulted\n" in caplog.text
    assert "shell_programs.py:" in caplog.text and "then: slct retry k" in caplog.text


def test_an_error_is_not_shown_of_a_process_that_was_taken_up_again() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, worker):
            ref = await client.start("keeper", id="k")
            async for event in ref.watch():
                if event.kind == "status" and event.status != "running":
                    break
            with pytest.raises(TimeoutError, match=r"still faulted(.|\n)*`slct retry`"):
                await ref.result(0.01)
            worker.stop()
            while worker.connected.is_set():
                await asyncio.sleep(0)
            await ref.retry()
            described = await ref.describe()
            assert (described.status, described.error) == ("running", "")

    asyncio.run(scene())


def test_a_second_worker_takes_over_at_once() -> None:
    async def scene() -> None:
        runtime = await Runtime.open(Disk())
        first, second = Worker(runtime, defs), Worker(runtime, defs)
        tasks = [asyncio.create_task(first.run()), asyncio.create_task(second.run())]
        await asyncio.gather(first.connected.wait(), second.connected.wait())
        client = Client(runtime, defs)
        refs = [await client.start("chain", 20) for _ in range(10)]
        tasks[0].cancel()
        results = await asyncio.gather(*(ref.result(5) for ref in refs))
        assert results == [list(range(20))] * 10
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runtime.aclose()

    asyncio.run(scene())


def test_timers_of_processes_that_left_memory_fire() -> None:
    async def scene() -> None:
        async with running(Disk(), resident_count_max=2) as (runtime, client, _):
            refs = [await client.start("nap", 0.05) for _ in range(20)]
            assert len(runtime._engine.residents) <= 3
            assert await asyncio.gather(*(ref.result(5) for ref in refs)) == ["rested"] * 20

    asyncio.run(scene())


def test_rule_25_a_runtime_that_lost_its_right_cannot_commit() -> None:
    """Two runtimes over one store, as after a pause of the first: it finds another seq, and goes back to the disk."""

    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, old, _):
            ref = await old.start("sum", 100, id="s")
            async with running(disk) as (_, new, _):
                await new.get("s").send("numbers", 10)
                await new.get("s").describe()
            with pytest.raises(Unavailable, match=r"is at seq \d+, the write started from seq \d+"):
                await ref.send("numbers", 20)
            await ref.send("numbers", 90)
            assert await ref.result(5) == 100

    asyncio.run(scene())


def test_output_goes_on_at_its_offset_in_the_next_runtime() -> None:
    async def scene() -> None:
        disk = Disk()
        for word in ("a", "b"):
            async with running(disk) as (_, client, _):
                ref = await client.start("speaker", id="s")
                await ref.send("words", word)
                async for event in ref.watch():
                    if event.kind == "output" and client.codec.decode(event.payload) == word:
                        break
        async with running(disk) as (_, client, _):
            await client.get("s").terminate()
            said = [
                (e.offset, client.codec.decode(e.payload)) async for e in client.get("s").watch() if e.kind == "output"
            ]
            assert said == [(0, "a"), (1, "b")]

    asyncio.run(scene())


def test_messages_that_no_worker_has_seen_are_shown() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, worker):
            await client.start("sum", 10**9, id="s")
            assert (await client.get("s").describe()).worker_count == 1
            worker.stop()
            while worker.connected.is_set():
                await asyncio.sleep(0)
            for number in range(3):
                await client.get("s").send("numbers", number)
            described = await client.get("s").describe()
            assert described.unreceived_count == 3
            assert described.worker_count == 0
            said = "  no worker serves version 1 of sum: nothing of it runs until one does"
            assert said in description_text(described).splitlines()
            assert [channel.length for channel in described.channels] == [3]

    asyncio.run(scene())


def test_a_process_that_cannot_be_read_keeps_nobody_else_from_running() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, worker):
            await client.start("sum", 10, id="good")
            await client.start("sum", 10, id="newer")
            worker.stop()
            while worker.connected.is_set():
                await asyncio.sleep(0)
            for process_id in ("good", "newer"):
                await client.get(process_id).send("numbers", 10)
        held = disk.store._processes["newer"]
        held.row = replace(held.row, core=held.row.core.replace("[2,", "[92,", 1))
        async with running(disk) as (_, client, _):
            assert await client.get("good").result(5) == 10
            with pytest.raises(ClientError, match="process 'newer' cannot be read from the store"):
                await client.get("newer").result(5)

    asyncio.run(scene())


def test_a_row_that_cannot_be_read_keeps_no_other_from_being_loaded(tmp_path: Path) -> None:
    """It comes with others in one query, and the store itself cannot make sense of it."""

    async def scene() -> None:
        path = tmp_path / "s.db"
        async with Client.embedded(str(path), defs) as client:
            for process_id in ("good", "broken"):
                await client.start("sum", 10, id=process_id)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE process SET labels = '{' WHERE process_id = 'broken'")
        async with asyncio.timeout(10), Client.embedded(str(path), defs) as client:
            good, broken = client.get("good"), client.get("broken")
            both = await asyncio.gather(good.send("numbers", 10), broken.send("numbers", 10), return_exceptions=True)
            assert both[0] is None
            assert isinstance(both[1], ClientError)
            assert "process 'broken' cannot be read from the store" in str(both[1])
            assert await good.result(5) == 10

    asyncio.run(scene())


def test_sqlite_serves_the_same(tmp_path: Path) -> None:
    async def scene() -> None:
        path = str(tmp_path / "s.db")
        async with Client.embedded(path, defs) as client:
            ref = await client.start("sum", 100, id="s", labels={"country": "se"})
            await ref.send("numbers", 60)
        async with Client.embedded(path, defs) as client:
            assert [info.process_id async for info in client.list(labels={"country": "se"})] == ["s"]
            await client.get("s").send("numbers", 40)
            assert await client.get("s").result(5) == 100

    asyncio.run(scene())
