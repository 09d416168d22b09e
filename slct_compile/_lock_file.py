"""`slct.lock` on disk: read before the passes, brought up to date from what they made, written before the build.

Before, because a build whose names were not recorded could be deployed; a lock that is ahead of its build does no harm.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ._files import LOCK
from ._lock import Lock, lock_text, read_lock, updated
from ._outputs import ModuleOutput
from .diagnostics import CompileError


def load(root: Path) -> Lock:
    """The lock beside the sources; an empty one if there is none yet.

    Raises:
      CompileError: it cannot be read.
    """
    where = root / LOCK
    try:
        return read_lock(where.read_bytes(), str(where))
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise CompileError(f"cannot read {where}: {error.strerror}") from error


def after(lock: Lock, outputs: Iterable[ModuleOutput], *, whole: bool) -> Lock:
    """The lock with what this build made. `whole`: the tree was compiled, so that what it lacks has gone."""
    made = list(outputs)
    seen = {output.info.name for output in made}
    current = {f"{o.info.name}:{one.qualname}": one.locked for o in made for one in o.functions}
    return updated(lock, current, lambda module: whole or module in seen)


def store(lock: Lock, root: Path) -> bool:
    """Write the lock if it differs; whole or not at all. Returns whether it did.

    Raises:
      CompileError: it cannot be written.
    """
    where = root / LOCK
    content = lock_text(lock).encode()
    try:
        before = where.read_bytes() if where.exists() else None
        if before == content or (before is None and not lock.functions):
            return False
        temporary = where.with_name(f".{LOCK}.{os.getpid()}")
        try:
            temporary.write_bytes(content)
            temporary.replace(where)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CompileError(
            f"cannot write {where}: {error.strerror}",
            "update it where the sources can be written, and commit it; --no-lock is for builds that are never deployed",
        ) from error
    return True
