"""docs/deploying.md is what happens: its commands are run in order, and print what stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .test_cli import TIMEOUT_S, free_port, serve, stop

PAGE = Path(__file__).parents[1] / "docs" / "deploying.md"
_BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)
_PROGRAMS = {"slct": "runtime_client.cli", "slct-compile": "slct_compile"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")


class Shell:
    """A folder in which the page is played, and the servers that it has started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self.servers: list[subprocess.Popen[str]] = []

    def play(self, page: str) -> str:
        """The page with what its commands print now."""
        return _BLOCK.sub(lambda block: f"```{block[1]}\n{''.join(self._block(block[1], block[2]))}```", page)

    def _block(self, kind: str, text: str) -> Iterator[str]:
        if kind == "python":
            path = self.folder / text.partition("\n")[0].removeprefix("# ")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            yield text
            return
        for line in text.splitlines():
            if line.startswith("$ "):
                yield line + "\n"
                yield self._run(line[2:]).replace(self.address, "127.0.0.1:9090")

    def _run(self, command: str) -> str:
        name, *words = shlex.split(command)
        if words[-1] == "&":
            return self._serve(words[:-1])
        done = subprocess.run(
            [sys.executable, "-m", _PROGRAMS[name], *words],
            cwd=self.folder,
            env={**os.environ, "SLCT_RUNTIME": self.address},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
        return _TIME.sub("2030-01-07 09:00:00Z", done.stdout)

    def _serve(self, words: list[str]) -> str:
        where = ["--listen" if words[0] == "runtime" else "--runtime", self.address]
        absolute = [str(self.folder / word) if word.startswith("build-") else word for word in words]
        stored = [word.replace("sqlite:///", f"sqlite:///{self.folder}/") for word in absolute]
        self.servers.append(serve(*stored, *where))
        names = "order" if words[0] == "worker" else ""
        if not names:
            return f"slct runtime listens on {self.address}, store {words[-1]}\n"
        return f"slct worker serves {names} as version {words[-1]} to {self.address}\n"

    def close(self) -> None:
        for server in reversed(self.servers):
            stop(server)


def test_the_page_about_deploying_is_what_happens(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    shell = Shell(tmp_path)
    try:
        played = shell.play(page)
    finally:
        shell.close()
    assert played == page
