"""What the simulated processes call; the simulation sets `world`."""

from __future__ import annotations

import asyncio
from typing import Any

from runtime_client import current_effect, heartbeat

world: Any = None


async def note(value: int) -> list[Any]:
    """A token that no other attempt gives."""
    token: list[Any] = await world.attempt(current_effect().idempotency_key, value)
    return token


async def fail_first(value: int) -> int:
    """Fails at the first attempt."""
    await world.attempt(current_effect().idempotency_key, value)
    if current_effect().attempt == 1:
        raise OSError("not yet")
    return value


async def clock() -> int:
    time_ms: int = world.clock_ms()
    return time_ms


async def slow(value: int) -> int:
    await world.pause()
    return value


async def falter(value: int) -> int:
    """Fails now and then, or hangs."""
    await world.attempt(current_effect().idempotency_key, value)
    if world.stumbles():
        raise OSError("faltered")
    if world.stumbles():
        await asyncio.sleep(1000)
    return value


async def hand_back(value: Any) -> Any:
    await world.pause()
    return value


async def walk(steps: int) -> list[int]:
    """Goes on where an earlier attempt was last heard of; stumbles now and then."""
    done: list[int] = current_effect().progress or []
    while len(done) < steps:
        await world.pause()
        done = [*done, len(done)]
        heartbeat(done)
        if world.stumbles():
            raise OSError(f"stumbled after {len(done)}")
    return done
