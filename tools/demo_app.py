"""The OS process of `make demo` that runs durable processes: an embedded runtime on one SQLite file.

    python tools/demo_app.py BUILD STORE

An application would do the first half of `main`, and then its own work. Here commands come as JSON lines on stdin and
are answered, in their order, on stdout.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

from runtime_client import Client


async def main(build: str, store: str) -> None:
    sys.path.insert(0, build)
    from slct_definitions import defs  # type: ignore[import-not-found]  # made by slct-compile

    async with Client.embedded(store, defs) as client:
        # The same ids give the same processes: at the first start they begin, later they are already there.
        await client.start("counter", id="counter-1")
        await client.start("order", "ada", 100, id="order-17")
        await client.start("order_approval", "order-17", 900, id="approval-17")
        await obey(client)


async def obey(client: Client) -> None:
    """Carry out commands side by side, and answer in their order, until stdin ends."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    answers: asyncio.Queue[asyncio.Task[Any]] = asyncio.Queue()
    answering = asyncio.create_task(write_answers(answers))
    answers.put_nowait(asyncio.create_task(carry_out(client, {"verb": "ready"})))
    async for line in commands:
        answers.put_nowait(asyncio.create_task(carry_out(client, json.loads(line))))
    answering.cancel()


async def write_answers(answers: asyncio.Queue[asyncio.Task[Any]]) -> None:
    while True:
        print(json.dumps(await (await answers.get())), flush=True)


async def carry_out(client: Client, command: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": await _carry_out(client, command)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


async def _carry_out(client: Client, command: dict[str, Any]) -> Any:
    match command:
        case {"verb": "ready"}:
            return None
        case {"verb": "send", "id": process_id, "channel": channel, "value": value, "key": key}:
            return await client.get(process_id).send_json(channel, value, key=key)
        case {"verb": "result", "id": process_id}:
            return await client.get(process_id).result()
        case {"verb": "describe", "id": process_id}:
            return asdict(await client.get(process_id).describe())
    raise ValueError(f"unknown command {command!r}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
