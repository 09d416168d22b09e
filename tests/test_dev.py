"""`slct dev`: what is saved is compiled, deployed, and taken over by what runs; what cannot be is told, and changes nothing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime_client import Client

from .test_cli import SLCT, TIMEOUT_S, free_port

GREETER = """
from runtime_client import Channel, Process, recv


class Greeter(Process):
    names = Channel[str]()

    async def main(self) -> str:
        name = await recv(self.names)
        return f"hello {name}"
"""


class Console:
    """A running `slct dev`, and what it prints."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "src" / "greeter.py"
        if not self.source.exists():
            self.source.parent.mkdir()
            self.source.write_text(GREETER, encoding="utf-8")
        self.target = f"127.0.0.1:{free_port()}"
        self._process = subprocess.Popen(
            [*SLCT, "dev", "src", "--listen", self.target],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.lines: list[str] = []

    def until(self, pattern: str) -> str:
        """Read on until a line matches; gives the line."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"{pattern!r} was not told: {''.join(self.lines)}")

    def edit(self, old: str, new: str) -> None:
        text = self.source.read_text(encoding="utf-8")
        assert old in text
        self.source.write_text(text.replace(old, new), encoding="utf-8")

    def end(self) -> tuple[int, str]:
        self._process.send_signal(signal.SIGINT)
        output, _ = self._process.communicate(timeout=TIMEOUT_S)
        return self._process.returncode, output

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    console = Console(tmp_path)
    yield console
    console.kill()


def test_running_processes_follow_the_sources(console: Console) -> None:
    console.until("is deployed: greeter")

    async def test() -> None:
        async with Client(console.target) as client:
            ref = await client.start("greeter")
            while not (await ref.describe()).goroutines[0].waits_for:
                await asyncio.sleep(0.01)
            console.edit("hello", "good day")
            await asyncio.to_thread(console.until, "1 can go on under")
            console.edit("return f", "return (f")
            await asyncio.to_thread(console.until, "not deployed: mend what is told above")
            assert any("greeter.py:10:" in line and "SLC001" in line for line in console.lines)
            await ref.send("names", "ada")
            assert await ref.result() == "good day ada"

    asyncio.run(test())
    code, output = console.end()
    assert (code, "Traceback" in output) == (130, False)


def test_what_cannot_go_on_stays_and_is_told_also_after_a_restart(tmp_path: Path, console: Console) -> None:
    console.until("is deployed: greeter")

    async def started() -> str:
        async with Client(console.target) as client:
            ref = await client.start("greeter")
            while not (await ref.describe()).goroutines[0].waits_for:
                await asyncio.sleep(0.01)
            return ref.id

    process_id = asyncio.run(started())
    console.edit("name = await", 'word = "late"\n        name = await')
    console.until("is deployed: greeter")
    console.edit("hello", "{word}")
    console.until("1 cannot, and stay on")
    assert "'word' is read after it" in console.until("is read after it")
    assert console.end()[0] == 130
    again = Console(tmp_path)
    try:
        again.until("is deployed: greeter")

        async def ended() -> str:
            async with Client(again.target) as client:
                ref = client.get(process_id)
                await ref.send("names", "ada")
                result: str = await ref.result()
                return result

        assert asyncio.run(ended()) == "hello ada"
        assert again.end()[0] == 130
    finally:
        again.kill()


def test_sources_that_are_not_there_are_refused(tmp_path: Path) -> None:
    done = subprocess.run([*SLCT, "dev", str(tmp_path / "nowhere")], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there are no sources" in done.stderr
