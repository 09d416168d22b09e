"""Ids that the runtime makes for processes: no two alike, and those made later sort later.

An index of ids that come in order is filled from one end: commits of many new processes change few of its pages, however many there
are already. Nine characters are milliseconds since 1970 (45 bits), ten are random (50 bits).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache

_DIGITS = "0123456789abcdefghijklmnopqrstuv"
"""In the order in which they sort."""
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)
_RANDOM_BYTES = 7
_READ_AT_ONCE = 512 * _RANDOM_BYTES
"""To ask the system for randomness costs more than the randomness does."""


class Ids:
    """Makes them. An OS process that is forked goes on with other random numbers than the one it came from."""

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def new(self, definition: str, now_ms: int) -> str:
        """`order-1hv0d4j2c5k8q3n7m1b`."""
        return f"{definition}-{_time_text(now_ms)}{next(self._random)}"

    def _begin(self) -> None:
        self._random = _random_texts()


def _random_texts() -> Iterator[str]:
    while True:
        read, pairs = os.urandom(_READ_AT_ONCE), _PAIRS
        for start in range(0, _READ_AT_ONCE, _RANDOM_BYTES):
            n = int.from_bytes(read[start : start + _RANDOM_BYTES], "big")
            yield (
                pairs[n & 1023]
                + pairs[n >> 10 & 1023]
                + pairs[n >> 20 & 1023]
                + pairs[n >> 30 & 1023]
                + pairs[n >> 40 & 1023]
            )


@lru_cache(maxsize=2)
def _time_text(now_ms: int) -> str:
    return "".join([_DIGITS[now_ms >> shift & 31] for shift in (40, 35, 30, 25, 20, 15, 10, 5, 0)])


IDS = Ids()
"""Of this OS process."""
