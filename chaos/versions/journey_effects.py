"""What the journeys of every version call."""

from __future__ import annotations

import os


def stamp(process_id: str, mark: int, log: str) -> int:
    """Note the attempt, and give what the mark is to be stamped with."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{process_id} {mark}\n".encode())
    finally:
        os.close(file)
    return mark * mark
