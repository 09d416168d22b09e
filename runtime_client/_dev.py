"""`slct dev`: a runtime that follows the sources. What is saved is compiled and deployed, and running processes go on under it if they can.

Every state of the sources is a version of its own, named after what it compiles to: the same code is the same version, in every run. Workers are
OS processes, one for each version that still has something to run; `Development` alone decides which.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from slct_runtime.runtime import Runtime
from slct_runtime.server import serve_grpc
from slct_runtime.settings import Settings
from slct_runtime.wire.api import MovePolicy

from ._cli_versions import write_takeovers
from ._definitions import LIBRARY_VERSION

POLL_S = 0.2
"""How often the sources are looked at."""
VERSION_CHARACTERS = 10
WORKER_START_S_MAX = 30.0

Signature = dict[Path, tuple[int, int]]
"""Of each source its time of change and its size."""


def signature(source: Path) -> Signature:
    """What tells whether something was saved."""
    files = [source] if source.is_file() else sorted(source.rglob("*.py"))
    found = {}
    for path in files:
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue  # deleted, or being replaced: seen the next time
        found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


def build_version(build: Path) -> str:
    """The name of a build by its content."""
    digest = hashlib.sha256()
    for path in sorted(build.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(build)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:VERSION_CHARACTERS]


def defined_names(build: Path) -> list[str]:
    """The definitions of a build."""
    return sorted(json.loads((build / "slct_manifest.json").read_text(encoding="utf-8"))["definitions"])


@dataclass
class Development:
    """The sources, the runtime that follows them, and a worker for each version that has something to run."""

    source: Path
    directory: Path
    runtime: Runtime
    target: str
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    newest: str = ""

    def build_of(self, version: str) -> Path:
        return self.directory / "builds" / version

    async def begin(self) -> None:
        """Workers for the versions on which processes are left; then the sources as they are."""
        for info in await self.runtime.versions():
            if info.live_count and info.version != LIBRARY_VERSION and self.build_of(info.version).is_dir():
                self.serve(info.version)
        await self.follow()

    async def follow(self) -> None:
        """Compile what is there, and deploy it if it compiles."""
        began = time.monotonic()
        version = await asyncio.to_thread(self.compile)
        if version is None:
            tell("not deployed: mend what is told above; what runs goes on as it was")
            return
        if version == self.newest:
            return
        tell(f"compiled in {time.monotonic() - began:.2f} s: version {version}")
        if not defined_names(self.build_of(version)):
            tell("no process is defined yet: there is nothing to deploy")
            return
        if await self.deploy(version):
            self.newest = version
        await self.tidy()

    def compile(self) -> str | None:
        """The version that the sources compile to; None if they do not. Findings go to stderr."""
        from slct_compile.cli import main as compile_main

        build = self.directory / "build"
        if compile_main([str(self.source), "-o", str(build), "-q", "--no-progress"]) != 0:
            return None
        version = build_version(build)
        kept = self.build_of(version)
        if not kept.is_dir():
            unfinished = kept.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(build, unfinished, ignore=shutil.ignore_patterns("__pycache__"))
            unfinished.rename(kept)
        return version

    async def deploy(self, version: str) -> bool:
        """A worker for it; then it is the newest, and what becomes of the others is told."""
        self.serve(version)
        if not await self._is_served(version):
            tell(f"not deployed: version {version} cannot be imported, or its worker has ended")
            return False
        records = tuple(record for record in await self.runtime.definitions() if record.version == version)
        found = await self.runtime.check(records)
        await self.runtime.deploy(records)
        tell(f"version {version} is deployed: {', '.join(defined_names(self.build_of(version)))}")
        if found:
            write_takeovers(found, MovePolicy.AUTO, sys.stdout)
            sys.stdout.flush()
        return True

    def serve(self, version: str) -> None:
        if version in self.workers and self.workers[version].poll() is None:
            return
        words = ("worker", str(self.build_of(version)), "--runtime", self.target, "--version", version, "--while-stdin")
        self.workers[version] = subprocess.Popen(
            [sys.executable, "-m", "runtime_client.cli", *words],
            stdin=subprocess.PIPE,  # closed with us, however we end
            start_new_session=True,  # Ctrl-C is for us: workers are told to drain
        )

    async def _is_served(self, version: str) -> bool:
        deadline = time.monotonic() + WORKER_START_S_MAX
        while time.monotonic() < deadline and self.workers[version].poll() is None:
            if any(info.version == version and info.worker_count for info in await self.runtime.versions()):
                return True
            await asyncio.sleep(0.02)
        return False

    async def tidy(self) -> None:
        """Stop workers of versions on which nothing is left."""
        left = {info.version: info for info in await self.runtime.versions() if info.live_count}
        for version, worker in list(self.workers.items()):
            if version != self.newest and version not in left:
                worker.send_signal(signal.SIGTERM)
                del self.workers[version]
                tell(f"nothing is left on version {version}: its worker is stopped")

    async def end(self) -> None:
        for worker in self.workers.values():
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self.workers.values():
            await asyncio.to_thread(worker.wait)


async def watch(development: Development, stopping: Callable[[], Awaitable[bool]]) -> None:
    """Follow every change until it is time to stop."""
    seen = signature(development.source)
    await development.begin()
    while not await stopping():
        found = signature(development.source)
        if found != seen:
            seen = found
            await development.follow()
        await development.tidy()


async def run(arguments: argparse.Namespace, stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    source, directory = Path(arguments.source).resolve(), Path(arguments.directory).resolve()
    (directory / "builds").mkdir(parents=True, exist_ok=True)
    (directory / ".gitignore").write_text("*\n", encoding="utf-8")
    store = f"sqlite:///{directory / 'dev.db'}"
    runtime = await Runtime.open(store, settings=Settings(history_transitions_max=arguments.history))
    try:
        server = await serve_grpc(runtime, arguments.listen)
        target = server.address
        tell(
            f"slct dev follows {os.path.relpath(source)}, listens on {target}, and keeps processes in {os.path.relpath(directory)}"
        )
        development = Development(source, directory, runtime, target)
        try:
            await watch(development, lambda: _is_set(stop, POLL_S))
        finally:
            await development.end()
            await server.stop()
    finally:
        await runtime.aclose()


async def _is_set(stop: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await stop.wait()
    except TimeoutError:
        return False
    return True


def tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


__all__ = ["Development", "build_version", "run", "signature", "watch"]
