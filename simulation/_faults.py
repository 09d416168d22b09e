"""What went wrong where nobody waits: in a background task, or in the midst of a batch, where a machine logs it and goes on."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from slct_runtime.store.base import StoreError
from slct_runtime.wire.api import ApiError


class Faults(logging.Handler):
    """Keeps the first. Refusals and the errors of a store are no faults: they are what is simulated."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.first: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is not None:
            self.note(record.exc_info[1])

    def unseen(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Of a task or future that nobody asks any more."""
        self.note(context.get("exception"))

    def note(self, error: BaseException | None) -> None:
        if error is not None and self.first is None and not isinstance(error, ApiError | StoreError):
            self.first = error
