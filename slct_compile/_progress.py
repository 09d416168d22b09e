"""What is being compiled, for people who wait for it: on stderr, once it takes longer than a second, and not into a pipe."""

from __future__ import annotations

import sys
import time
from typing import TextIO

QUIET_S = 1.0
LINE_S = 1.0
"""Where lines cannot be overwritten, there is one in so many seconds."""


class Progress:
    """`is_wanted`: as the user says; None: if stderr is a terminal."""

    def __init__(self, is_wanted: bool | None, stream: TextIO | None = None, quiet_s: float = QUIET_S) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.is_terminal = self.stream.isatty()
        self.is_wanted = self.is_terminal if is_wanted is None else is_wanted
        self._next = time.monotonic() + quiet_s
        self._is_shown = False

    def step(self, done: int, count: int, path: str) -> None:
        """So many of the modules are done; `path` was the last."""
        if not self.is_wanted or time.monotonic() < self._next:
            return
        text = f"compiled {done} of {count} modules: {path}"
        if self.is_terminal:
            self.stream.write(f"\r{text}\x1b[K")
        else:
            self.stream.write(f"{text}\n")
            self._next = time.monotonic() + LINE_S
        self.stream.flush()
        self._is_shown = True

    def end(self) -> None:
        """Nothing of it stays on a terminal."""
        if self._is_shown and self.is_terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
