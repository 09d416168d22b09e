"""`record`: a frozen dataclass to whoever checks types, and one of plain stores to whoever runs it.

A frozen dataclass sets each field through `object.__setattr__`. Some hundred fields are set for every step of a process, which made a
tenth of its cost; the type checker sees every assignment that a frozen class would refuse. Source: docs/performance.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    def record(*, frozen: bool, slots: bool, eq: bool = True):
        """As `dataclass`; one that is equal by value has the hash of its value, as frozen ones have."""
        assert frozen, "what may change is no record"
        return dataclass(slots=slots, eq=eq, unsafe_hash=eq)


__all__ = ["record"]
