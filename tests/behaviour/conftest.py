"""The four worlds in which the behaviour scenarios run."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime_client import Client, Definitions, Worker, _transition
from runtime_client.testing import SimulatedRef, Simulation

PROGRAMS = Path(__file__).parent / "programs"
SETTLED = {"completed", "failed", "cancelled", "terminated", "faulted", "deadlocked"}


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The behaviour programs, compiled."""
    target = tmp_path_factory.mktemp("behaviour") / "build"
    command = [sys.executable, "-m", "slct_compile", str(PROGRAMS), "--no-lock", "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def _import(path: Path, name: str, names: tuple[str, ...]) -> Iterator[Any]:
    """Import a module from a directory, alone: its siblings are forgotten afterwards."""
    for each in names:
        sys.modules.pop(each, None)
    sys.path.insert(0, str(path))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(path))
        for each in names:
            sys.modules.pop(each, None)


@pytest.fixture(scope="session", autouse=True)
def documents() -> Iterator[None]:
    """Every document is written in both ways, which must agree."""
    encode, differing = _transition._encode_document, list[str]()

    def encode_in_both_ways(live: Any, codec: Any) -> str:
        text = encode(live, codec)
        if text != (whole := _transition._whole_document(live, codec)):
            differing.append(f"{text}\n{whole}")
        return text

    _transition._encode_document = encode_in_both_ways
    yield
    _transition._encode_document = encode
    assert not differing, "\n".join(differing)


MODULES = ("behaviour_programs", "behaviour_helpers", "slct_definitions")


@pytest.fixture(scope="module")
def compiled(build: Path) -> Iterator[Definitions]:
    """What `slct-compile` generated."""
    for module in _import(build, "slct_definitions", MODULES):
        yield module.defs


@pytest.fixture(scope="module")
def source() -> Iterator[Definitions]:
    """The same programs as written."""
    from runtime_client import Process

    for module in _import(PROGRAMS, "behaviour_programs", MODULES):
        found = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Process)]
        classes = [c for c in found if c.__module__ == module.__name__ and hasattr(c, "main")]
        yield Definitions(classes, modules=("behaviour_programs", "behaviour_helpers"))


class SimulatedWorld:
    """Virtual time, in memory."""

    short = 30.0

    def __init__(self, definitions: Definitions, crash: int | None = None) -> None:
        self.simulation = Simulation(definitions, crash=crash)

    async def start(self, program: str, *args: Any, **kwargs: Any) -> SimulatedRef:
        return await self.simulation.start(program, *args, **kwargs)

    async def pass_time(self, by: timedelta | float) -> None:
        await self.simulation.advance(by)

    async def outputs(self, ref: SimulatedRef) -> list[Any]:
        return ref.outputs

    async def status(self, ref: SimulatedRef, awaited: str) -> str:
        return ref.status

    async def error(self, ref: SimulatedRef) -> str:
        return str(ref.error)

    async def parked(self, ref: SimulatedRef) -> None:
        """Everything has come to rest."""


class RealWorld:
    """Real time, through a client."""

    short = 0.03

    def __init__(self, client: Client) -> None:
        self.client = client

    async def start(self, program: str, *args: Any, **kwargs: Any) -> Any:
        return await self.client.start(program, *args, **kwargs)

    async def pass_time(self, by: timedelta | float) -> None:
        """Time passes by itself; whoever needs it waits for what it brings."""

    async def outputs(self, ref: Any) -> list[Any]:
        return [self.client.codec.decode(e.payload) async for e in ref.watch() if e.kind == "output"]

    async def status(self, ref: Any, awaited: str) -> str:
        status = (await ref.describe()).info.status
        if status in SETTLED:
            return str(status)
        async with asyncio.timeout(20):
            async for event in ref.watch():
                if event.kind == "status" and event.status in SETTLED:
                    return str(event.status)
        return str((await ref.describe()).info.status)

    async def error(self, ref: Any) -> str:
        return str((await ref.describe()).error)

    async def parked(self, ref: Any) -> None:
        async with asyncio.timeout(20):
            while any(g.status != "parked" for g in (await ref.describe()).goroutines):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def embedded_world(definitions: Definitions, directory: Path) -> AsyncIterator[RealWorld]:
    async with Client.embedded(str(directory / "embedded.db"), definitions) as client:
        yield RealWorld(client)


@asynccontextmanager
async def grpc_world(definitions: Definitions, directory: Path) -> AsyncIterator[RealWorld]:
    from slct_runtime.runtime import Runtime
    from slct_runtime.server import serve_grpc

    runtime = await Runtime.open(f"sqlite:///{directory / 'grpc.db'}")
    server = await serve_grpc(runtime, "127.0.0.1:0")
    target = f"127.0.0.1:{server.port}"
    worker = Worker(target, definitions)
    serving = asyncio.create_task(worker.run())
    try:
        await asyncio.wait_for(worker.connected.wait(), 10)
        async with Client(target, definitions) as client:
            yield RealWorld(client)
    finally:
        worker.stop()
        await serving
        await server.stop(0)
        await runtime.aclose()
