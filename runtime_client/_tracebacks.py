"""Tracebacks as text, and tracebacks made of such text: what `traceback.format_exc()` shows after an error was stored.

A frame cannot be stored, but what is printed of it can: file, line, function and the text of the line. When an exception is read, its
traceback is made anew, of frames that never run: they have the file, the line and the name of the old ones, and no variables.
Columns are not kept, so no carets are printed. Each such frame keeps its text, by which it is stored again; the file may
have changed by then.

Source: compiler.md, rule 7; docs/semantics.md, details D15 and D18.
"""

from __future__ import annotations

import os
import re
import traceback
from collections import deque
from collections.abc import Iterator
from types import CodeType, FunctionType, GeneratorType, TracebackType
from typing import Any

FRAMES_MAX = 40
"""Frames of a traceback that are kept; the innermost are kept."""
CHARS_MAX = 16_000
"""Longest text kept of a traceback, in characters; the innermost frames are kept."""

_PACKAGE_DIR = os.path.dirname(os.path.abspath(__file__)) + os.sep
_TEXT = "__slct_traceback_text__"
"""Under this name the globals of a frame that was made here have its text."""


def text_of(head: TracebackType | None) -> str:
    """The frames of a traceback as Python prints them, without those of this package."""
    frames = deque((frame for frame, _ in traceback.walk_tb(head)), maxlen=FRAMES_MAX)
    texts: list[str] = [frame.f_globals.get(_TEXT, "") for frame in frames]
    if not all(texts):
        summaries = traceback.extract_tb(head, limit=-len(frames))
        texts = [
            kept or ("" if found.filename.startswith(_PACKAGE_DIR) else "".join(traceback.format_list([found])))
            for kept, found in zip(texts, summaries, strict=True)
        ]
    return "".join(_innermost(texts))


def _innermost(texts: list[str]) -> list[str]:
    """As many of the last ones as may be kept."""
    left = CHARS_MAX
    for position in range(len(texts) - 1, -1, -1):
        left -= len(texts[position])
        if left < 0:
            return texts[position + 1 :]
    return texts


def from_text(text: str) -> TracebackType | None:
    """A traceback that is printed as this text is; None if there is no frame in it."""
    head: TracebackType | None = None
    for file, line, name, shown in reversed(list(_entries(text))[-FRAMES_MAX:]):
        head = _made(file, line, name, shown, head)
    return head


_ENTRY = re.compile(r'  File "([^"\n]*)", line (\d{1,9}), in ([^\n]*)\n')


def _entries(text: str) -> Iterator[tuple[str, int, str, str]]:
    found = list(_ENTRY.finditer(text))
    starts = [entry.start() for entry in found]
    for entry, end in zip(found, [*starts[1:], len(text)], strict=False):
        yield entry[1], int(entry[2]), entry[3], text[entry.start() : end]


def _made(file: str, line: int, name: str, text: str, inner: TracebackType | None) -> TracebackType:
    """One frame. It is that of a generator that is never started: no line of it runs, for a breakpoint or coverage to see."""
    # Whoever prints it reads the file: a document may not name a device.
    shown = file if file.endswith(".py") or file.startswith("<") else f"<{file}>"
    code = NEVER_RUN.replace(co_filename=shown, co_name=name, co_qualname=name, co_firstlineno=line)
    generator: GeneratorType[Any, Any, Any] = FunctionType(code, {_TEXT: text})()
    frame = generator.gi_frame
    assert frame is not None
    return TracebackType(inner, frame, 0, line)


def _template() -> Iterator[None]:
    yield


def _without_columns(code: CodeType) -> CodeType:
    """All of it on its first line. An entry of the table stands for eight instructions at most; its kind 13 has no columns."""
    sizes = [8] * (len(code.co_code) // 16) + [len(code.co_code) // 2 % 8]
    return code.replace(co_linetable=b"".join(bytes([0x80 | 13 << 3 | size - 1, 0]) for size in sizes if size))


NEVER_RUN = _without_columns(_template.__code__)
