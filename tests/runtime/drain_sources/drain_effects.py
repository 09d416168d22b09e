"""An effect of two steps; a file `LOG.NAME.STEP` lets it take each. What it does stands in the log."""

from __future__ import annotations

import os

from runtime_client import current_effect, heartbeat


def walk(log: str, name: str) -> list[int]:
    """Gives the OS process of each step."""
    done: list[int] = current_effect().progress or []
    note(log, f"{name} begins at {len(done)}")
    while len(done) < 2:
        if os.path.exists(f"{log}.{name}.{len(done)}"):
            done.append(os.getpid())
            heartbeat(done)
            note(log, f"{name} is at {len(done)}")
        elif current_effect().wait_cancelled(0.01):
            note(log, f"{name} is stopped at {len(done)}")
            break
    return done


def note(log: str, line: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)
