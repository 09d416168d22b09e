"""An effect that does nothing: what is left is the cost of having it durable."""

from __future__ import annotations


async def trivial(number: int) -> int:
    return number
