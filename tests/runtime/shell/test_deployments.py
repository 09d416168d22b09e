"""Which version is the latest: decided once, also where several workers come at the same moment."""

from __future__ import annotations

import asyncio

from runtime_client._definitions import Definitions
from slct_runtime.runtime import Runtime
from slct_runtime.wire.work import Register

from .shell_programs import Sum
from .test_runtime import Disk

EPOCH_MS = 1_800_000_000_000


def registration(worker: str, version: str) -> Register:
    return Register(worker, Definitions({"sum": Sum}).records(version), 1, 1)


def test_rule_22_versions_that_come_at_the_same_moment_have_an_order() -> None:
    """The first worker of each version deploys it, and the clock stands still."""

    async def scene() -> None:
        store = Disk()
        runtime = await Runtime.open(store, now_ms=lambda: EPOCH_MS)
        workers = [registration("a", "2"), registration("b", "1"), registration("c", "2"), registration("d", "1")]
        await asyncio.gather(*map(runtime.serve, workers))
        told = [(each.version, each.is_newest) for each in await runtime.versions() if each.definition == "sum"]
        assert told == [("2", False), ("1", True)]
        times = [row.deployed_ms for row in store.store.definitions() if row.name == "sum"]
        assert len(set(times)) == 2
        await runtime.aclose()
        runtime = await Runtime.open(store, now_ms=lambda: EPOCH_MS)
        again = [(each.version, each.is_newest) for each in await runtime.versions() if each.definition == "sum"]
        assert again == told
        await runtime.aclose()

    asyncio.run(scene())
