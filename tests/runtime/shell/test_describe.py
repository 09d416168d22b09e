"""What people are shown of a stored process."""

from __future__ import annotations

import asyncio
import json

from slct_runtime._documents import error_text

from .test_runtime import Disk, running


def test_the_compilers_own_slots_are_not_shown() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("sum", 5, id="s")
            await ref.send("numbers", 1, wait=True)
            (goroutine,) = (await ref.describe()).goroutines
            assert goroutine.frames[0].locals == {"goal": "5"}
            assert '"value":' in disk.store.load(["s"])[0].row.document

    asyncio.run(scene())


def test_an_error_is_its_type_and_message() -> None:
    assert error_text(json.dumps({"$": "exception", "type": "shop:SoldOut", "text": "no tea"})) == "SoldOut: no tea"


def test_half_a_surrogate_pair_is_shown_as_an_escape() -> None:
    assert error_text(json.dumps({"type": "builtins:ValueError", "text": "\ud800"})) == "ValueError: \\ud800"
