"""The text of a Python file, by its coding line, line ends as they are."""

from __future__ import annotations

import tokenize


def decode(content: bytes) -> str:
    """The text of a Python file.

    Raises:
      SyntaxError, UnicodeDecodeError: it is not in the encoding that it says.
    """
    return content.decode(_encoding(content))


def encode(text: str, original: bytes) -> bytes:
    """In the encoding of the author's file."""
    return text.encode(_encoding(original))


def shown(content: bytes) -> str:
    """What can be shown of a file, whatever is in it."""
    try:
        return decode(content)
    except (SyntaxError, ValueError):
        return content.decode("utf-8", "replace")


def _encoding(content: bytes) -> str:
    lines = iter(content.splitlines(keepends=True))
    return tokenize.detect_encoding(lambda: next(lines, b""))[0]
