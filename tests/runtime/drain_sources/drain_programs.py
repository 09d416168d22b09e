"""A process of one long effect, for workers that are told to leave or killed."""

from __future__ import annotations

from drain_effects import walk

from runtime_client import Process, Retry, call


class Walk(Process):
    async def main(self, log: str, name: str) -> list[int]:
        return await call(walk, log, name, queue="walks", retry=Retry(first=0.01))
