"""A runtime and its workers as OS processes that can be killed, paused and told to leave."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Cluster:
    """One store, one runtime, some workers; each writes to a log of its own in `directory`."""

    directory: Path
    port: int
    worker_count: int
    runtime: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    leaving: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Workers that were told to stop and have not been seen to end."""

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.directory / 'chaos.db'}"

    def start(self) -> None:
        self.start_runtime()
        self.workers = [self.spawn_worker(index) for index in range(self.worker_count)]

    def start_runtime(self) -> None:
        self.runtime = self.spawn("runtime", "runtime", "--store", self.store, "--listen", self.target)

    def spawn_worker(self, index: int) -> subprocess.Popen[bytes]:
        build = str(self.directory / "build")
        return self.spawn(f"worker{index}", "worker", build, "--runtime", self.target, "--version", "1", "--drain", "1")

    def spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "runtime_client.cli", *arguments], stdout=log, stderr=log)

    def kill_runtime(self) -> None:
        assert self.runtime is not None
        end(self.runtime)
        self.start_runtime()

    def kill_worker(self, index: int) -> None:
        end(self.workers[index])
        self.workers[index] = self.spawn_worker(index)

    def drain_worker(self, index: int) -> None:
        """SIGTERM: it hands back what it cannot finish, and another one takes its place at once."""
        self.workers[index].send_signal(signal.SIGTERM)
        self.leaving.append(self.workers[index])
        self.workers[index] = self.spawn_worker(index)

    async def until_serving(self) -> None:
        """Return when the runtime has its store and listens."""
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return

    def challenge(self) -> str:
        """What a second runtime says that is started on the store while the first one has it; empty if it was let in."""
        command = [sys.executable, "-m", "runtime_client.cli", "runtime", "--store", self.store]
        try:
            done = subprocess.run(
                [*command, "--listen", f"127.0.0.1:{free_port()}"], capture_output=True, timeout=20, check=False
            )
        except subprocess.TimeoutExpired:
            return ""
        return done.stderr.decode() if done.returncode else ""

    def stop(self) -> None:
        for process in [*self.workers, *self.leaving, self.runtime]:
            if process is not None:
                end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
