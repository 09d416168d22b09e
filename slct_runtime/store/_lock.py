"""Exclusive use of a store file: one runtime at a time, told apart by an advisory lock on `<path>.lock`.

The lock belongs to the open file, so it ends with its holder, however that dies; the file stays, as removing it would
let two runtimes lock two files of one name. Its text (process id, host) is only for the message to whoever is refused.
"""

from __future__ import annotations

import fcntl
import os
import socket

from .base import StoreInUse

_HOLDER_BYTES_MAX = 400


class StoreLock:
    """Held from construction until `release`.

    Raises:
      StoreInUse: another runtime holds it.
      OSError: the lock file cannot be made or opened.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, _HOLDER_BYTES_MAX, 0).decode("utf-8", "replace").strip()
            self.release()
            raise StoreInUse(path, holder or "another process") from None
        except OSError:
            self.release()
            raise
        self._write_holder()

    def _write_holder(self) -> None:
        """Best effort: on a full disk the lock holds all the same."""
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError:
            pass

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
