"""A value that cannot be saved, from the author's line to the operator's screen: the refusal, the state that stays, the way on."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime_client import Client, CodecError, Definitions
from runtime_client.testing import Simulation, StillRunning
from slct_compile.cli import main as compile_main

ORDERS = """
import io
import threading
from dataclasses import dataclass, field

from runtime_client import Channel, Process, go, recv, sleep


@dataclass
class Line:
    handle: object = None


@dataclass
class Basket:
    items: list = field(default_factory=list)


class Order(Process):
    steps = Channel[str](capacity=10)
    done: list = []
    shared: dict = {}

    async def main(self, kind):
        orders = Basket([Line(), Line()])
        self.done.append("begun")
        await recv(self.steps)
        self.done.append("not committed")
        orders.items[1].handle = KINDS[kind]()
        await recv(self.steps)
        return self.done if orders.items else []

    async def keep(self): ...


class Field(Process):
    steps = Channel[str](capacity=10)
    shared: dict = {}

    async def main(self, kind):
        await recv(self.steps)
        self.shared["a"] = [KINDS[kind]()]
        await recv(self.steps)


class Inner(Process):
    steps = Channel[str](capacity=10)

    async def main(self, kind):
        return await self.inner(kind)

    async def inner(self, kind):
        held = None
        held = KINDS[kind]()
        await recv(self.steps)
        return str(held)


KINDS = {"file": io.StringIO, "lock": threading.Lock, "generator": lambda: (x for x in ()), "sentinel": object, "text": str}
"""


def line_of(text: str, after: str = "") -> int:
    """The line of a text in the program, the first one after another."""
    start = ORDERS.index(after) if after else 0
    return ORDERS[: ORDERS.index(text, start + len(after))].count("\n") + 1


class Built:
    """The program, compiled into a directory; `fix` edits it and compiles it again."""

    def __init__(self, directory: Path) -> None:
        self.source, self.build = directory / "src", directory / "build"
        self.source.mkdir()
        self.text = ORDERS
        self.definitions = self.load()

    def load(self) -> Definitions:
        (self.source / "refused_orders.py").write_text(self.text)
        assert compile_main([str(self.source), "-o", str(self.build), "-q", "--no-cache"]) == 0
        self.forget()
        sys.path.insert(0, str(self.build))
        importlib.invalidate_caches()
        try:
            definitions = importlib.import_module("slct_definitions").defs
        finally:
            sys.path.remove(str(self.build))
        assert isinstance(definitions, Definitions)
        return definitions

    def fix(self, old: str, new: str) -> Definitions:
        assert old in self.text
        self.text = self.text.replace(old, new)
        return self.load()

    def forget(self) -> None:
        for name in ("refused_orders", "slct_definitions"):
            sys.modules.pop(name, None)


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Built]:
    made = Built(tmp_path)
    yield made
    made.forget()


def _assert_says(error: Any, what: str) -> None:
    """Variable, type, definition, suspension, and the way inside."""
    assert isinstance(error, CodecError)
    saved = line_of("await recv", "handle = KINDS")
    assert (error.variable, error.function, error.inside) == ("orders", "Order.main", "orders.items[1].handle")
    assert error.defined == f"refused_orders.py:{line_of('orders = Basket')}"
    assert error.place == f"refused_orders.py:{saved}"
    assert what in error.message
    assert error.help
    where = (
        f"local 'orders' of Order.main, defined at {error.defined}, saved at {error.place} (at orders.items[1].handle)"
    )
    assert where in str(error)


@pytest.mark.parametrize(
    ("kind", "what"),
    [("file", "StringIO"), ("lock", "a lock"), ("generator", "a live generator"), ("sentinel", "object()")],
)
def test_simulation_refuses_at_the_suspension(built: Built, kind: str, what: str) -> None:
    async def scene() -> None:
        async with Simulation(built.definitions) as simulation:
            ref = await simulation.start("order", kind)
            await ref.send("steps", "go")
            await simulation.advance(60)
            assert ref.status == "faulted"
            _assert_says(ref.error, what)
            with pytest.raises(StillRunning):
                await ref.result()

    asyncio.run(scene())


def test_a_shared_field_is_named_as_such(built: Built) -> None:
    async def scene() -> None:
        async with Simulation(built.definitions) as simulation:
            ref = await simulation.start("field", "lock")
            await ref.send("steps", "go")
            await simulation.advance(60)
            assert (ref.error.variable, ref.error.inside) == ("self.shared", "self.shared.a[0]")
            place = f"refused_orders.py:{line_of('await recv', 'self.shared[')}"
            assert f"shared field 'self.shared' of Field, saved at {place} (at self.shared.a[0])" in str(ref.error)

    asyncio.run(scene())


def test_of_several_definitions_the_last_before_the_suspension_is_named(built: Built) -> None:
    async def scene() -> None:
        async with Simulation(built.definitions) as simulation:
            ref = await simulation.start("inner", "file")
            await simulation.advance(60)
            error: Any = ref.error
            assert (error.function, error.variable) == ("Inner.inner", "held")
            assert error.defined == f"refused_orders.py:{line_of('held = KINDS')}"

    asyncio.run(scene())


async def _settled(ref: Any) -> Any:
    async with asyncio.timeout(30):
        async for event in ref.watch():
            if event.kind == "status" and event.status != "running":
                break
    return await ref.describe()


def test_a_faulted_process_goes_on_after_the_fix(built: Built, tmp_path: Path) -> None:
    """Refused, it stays where it last was, on disk; with the code mended, `retry` runs that transition again."""
    store = str(tmp_path / "orders.db")

    async def refused() -> None:
        async with Client.embedded(store, built.definitions) as client:
            ref = await client.start("order", "file", id="order-1")
            await ref.send("steps", "go")
            described = await _settled(ref)
            assert described.info.status == "faulted"
            assert described.fields["done"] == "['begun']"
            assert f"saved at refused_orders.py:{line_of('await recv', 'handle = KINDS')}" in described.error
            assert f"defined at refused_orders.py:{line_of('orders = Basket')}" in described.error
            assert "orders.items[1].handle" in described.error
            assert "help: close it before the suspension" in described.error

    async def mended() -> None:
        async with Client.embedded(store, built.fix("handle = KINDS[kind]()", 'handle = "a path"')) as client:
            ref = client.get("order-1")
            assert (await ref.describe()).info.status == "faulted"
            await ref.retry()
            await ref.send("steps", "end")
            assert await ref.result(10) == ["begun", "not committed"]

    asyncio.run(refused())
    asyncio.run(mended())
