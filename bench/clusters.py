"""The runtime to be measured: embedded in this OS process, or runtime and worker as OS processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime_client import Client, Definitions

PROGRAMS = Path(__file__).parent / "programs"
STORE = "slct.db"
"""The name of the store in the folder of a cluster."""
LOG_CHARACTERS_SHOWN = 2_000
"""Of each log, when something has failed: the folder is gone by then."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is measured. `process_ids`: the OS processes of runtime and worker, this one if they are embedded here."""

    clients: list[Client]
    process_ids: tuple[int, ...]

    @property
    def client(self) -> Client:
        return self.clients[0]


@dataclass(frozen=True, slots=True)
class Built:
    """The programs, compiled into `build`."""

    build: Path
    definitions: Definitions

    def opened(self, mode: str, folder: Path, client_count: int = 1) -> AbstractAsyncContextManager[Cluster]:
        """Over the store in `folder`, whatever it holds by now. `mode`: embedded or gRPC."""
        if mode == "embedded":
            return embedded(folder, self.definitions, client_count)
        return over_grpc(folder, self.build, self.definitions, client_count)


def compile_programs(build: Path) -> Built:
    """The programs of the benchmark, compiled by the command that an author uses."""
    command = [sys.executable, "-m", "slct_compile", str(PROGRAMS), "--no-lock", "-o", str(build)]
    subprocess.run(command, check=True)
    sys.path.insert(0, str(build))
    from slct_definitions import defs

    assert isinstance(defs, Definitions)
    return Built(build, defs)


@asynccontextmanager
async def embedded(folder: Path, definitions: Definitions, client_count: int) -> AsyncIterator[Cluster]:
    """One runtime here; it has one client, given as often as asked for."""
    async with Client.embedded(str(folder / STORE), definitions) as client:
        yield Cluster([client] * client_count, (os.getpid(),))


@asynccontextmanager
async def over_grpc(
    folder: Path, build: Path, definitions: Definitions, client_count: int, *runtime_arguments: str
) -> AsyncIterator[Cluster]:
    """A runtime and a worker, each an OS process; every client has a connection of its own."""
    store = ("--store", f"sqlite:///{folder / STORE}", "--listen", "127.0.0.1:0")
    runtime = _command(folder / "runtime.log", "runtime", *store, *runtime_arguments)
    processes = [runtime]
    try:
        target = _said(runtime, "slct runtime listens on ").split(",")[0]
        worker = _command(folder / "worker.log", "worker", str(build), "--runtime", target, "--version", "1")
        processes.insert(0, worker)
        _said(worker, "slct worker serves ")
        async with AsyncExitStack() as stack:
            clients = [Client(target, definitions) for _ in range(client_count)]
            yield Cluster([await stack.enter_async_context(client) for client in clients], (runtime.pid, worker.pid))
    except Exception:
        for process, name in zip(processes, ("worker", "runtime")[-len(processes) :], strict=True):
            print(f"{name}, exit code {process.poll()}:\n{_last_said(folder / f'{name}.log')}", file=sys.stderr)
        raise
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.communicate()


def _command(log: Path, *arguments: str) -> subprocess.Popen[str]:
    """`slct ...` as an OS process; its first line comes through a pipe."""
    command = [sys.executable, "-m", "runtime_client.cli", *arguments]
    with log.open("w") as errors:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)


def _last_said(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-LOG_CHARACTERS_SHOWN:] if log.exists() else "nothing"


def _said(process: subprocess.Popen[str], start: str) -> str:
    """What follows `start` in the first line that the process says."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith(start):
        raise RuntimeError(f"{process.args!r} said {line!r} instead of {start!r}")
    return line.removeprefix(start).strip()
