"""What effects do: note the attempt in a file, and give a token that no other attempt gives."""

from __future__ import annotations

import os
import uuid

from runtime_client import current_effect


def note(log: str, index: int) -> str:
    """Append `key index token` to the log in one write; returns the token."""
    token = uuid.uuid4().hex
    line = f"{current_effect().idempotency_key} {index} {token}\n"
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
    return token


def stumble(log: str, index: int) -> str:
    """As `note`, but the first attempt fails."""
    token = note(log, index)
    if current_effect().attempt == 1:
        raise OSError(f"{token} is no result")
    return token
