"""A base in another module, with a method that is left to its subclasses."""

from __future__ import annotations

from abc import abstractmethod

from runtime_client import Process, sleep


class Greeter(Process):
    greeting: str = "hello"

    async def main(self, name: str) -> str:
        await sleep(0)
        return await self.decorated(f"{self.greeting} {name}")

    @abstractmethod
    async def decorated(self, text: str) -> str: ...
