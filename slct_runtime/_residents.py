"""Processes that somebody keeps at hand, those used longest ago first, and how much their documents take in all.

A runtime keeps some in memory, a worker some of them decoded. Knows two bounds and who is first to go; whether that one may go
is asked. A process that may not go now counts as used: the next ones are asked instead, a few each time, so that many that
cannot go cost no more than few.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from ._resident import Resident

ASKED_AT_A_TIME = 8


class Residents:
    """`add`, then `make_room`. A process whose document has changed is to be `measure`d."""

    def __init__(self, count_max: int, document_bytes_max: int) -> None:
        self.document_bytes = 0
        self._count_max = count_max
        self._document_bytes_max = document_bytes_max
        self._held: OrderedDict[str, Resident] = OrderedDict()
        self._counted_bytes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Resident]:
        """As they are now: those that come or go meanwhile do not matter."""
        return iter(tuple(self._held.values()))

    def __getitem__(self, process_id: str) -> Resident:
        return self._held[process_id]

    def get(self, process_id: str) -> Resident | None:
        return self._held.get(process_id)

    def use(self, process_id: str) -> Resident | None:
        """The same, and it has been used now."""
        resident = self._held.get(process_id)
        if resident is not None:
            self._held.move_to_end(process_id)
        return resident

    def add(self, resident: Resident) -> None:
        """It has been used now."""
        self._held[resident.process_id] = resident
        self._held.move_to_end(resident.process_id)
        self.measure(resident)

    def measure(self, resident: Resident) -> None:
        """Count its document as it is now; nothing if it has left memory."""
        process_id = resident.process_id
        if self._held.get(process_id) is resident:
            now = len(resident.document)
            self.document_bytes += now - self._counted_bytes.get(process_id, 0)
            self._counted_bytes[process_id] = now

    def remove(self, process_id: str) -> bool:
        """Returns whether it was there."""
        was_there = self._held.pop(process_id, None) is not None
        self.document_bytes -= self._counted_bytes.pop(process_id, 0)
        return was_there

    def make_room(self, may_go: Callable[[Resident], bool], evict: Callable[[Resident], None]) -> None:
        """Let go of those used longest ago, until both bounds hold or a few have been asked in vain. `evict` removes one."""
        in_vain = 0
        while self._is_too_much and in_vain < ASKED_AT_A_TIME:
            process_id, resident = next(iter(self._held.items()))
            if may_go(resident):
                evict(resident)
            else:
                self._held.move_to_end(process_id)
                in_vain += 1

    @property
    def _is_too_much(self) -> bool:
        """The last one stays, however large it is."""
        return len(self._held) > self._count_max or (
            self.document_bytes > self._document_bytes_max and len(self._held) > 1
        )
