"""The compiler's own slots keep the names under which frames were saved: an edit elsewhere in the function renames none of them.

Temporaries are numbered as they are made, so an await that is put in before shifts them. The lock says what was saved in each state, in
the order of the frame. In a state that kept its name, as many temporaries of a kind (`value`, `items`) as before are the same ones, in that order; where
their number has changed nothing tells which is which, and they get names that no saved frame has. What they hold is compared
once more by whoever moves frames (`slct_manifest/states.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ._lock import LockedFunction


@dataclass(frozen=True, slots=True)
class Recorded:
    """kept: a temporary to the slot that it has. known: slots of all temporaries that the lock knows: no other may have one of these."""

    kept: Mapping[str, str]
    known: frozenset[str]


def recorded_slots(locked: LockedFunction | None, live: Iterable[tuple[str, list[str]]], author: set[str]) -> Recorded:
    """What the lock says of temporaries.

    Args:
      live: The states by name, each with the temporaries that are saved in it, in the order of the frame.
      author: Names of the author's, now; the lock has those of then.
    """
    if locked is None:
        return Recorded({}, frozenset())
    theirs = set(locked.variables)
    before = {state.name: [slot for slot in state.live if slot not in theirs] for state in locked.states}
    kept: dict[str, str] = {}
    for state, names in live:
        for name, slot in _pairs(before.get(state, []), names):
            if slot not in author and slot not in kept.values():
                kept.setdefault(name, slot)
    return Recorded(kept, frozenset(slot for slots in before.values() for slot in slots))


def _pairs(before: list[str], now: list[str]) -> Iterator[tuple[str, str]]:
    for kind in dict.fromkeys(map(_kind, now)):
        olds = [slot for slot in before if _kind(slot) == kind]
        news = [name for name in now if _kind(name) == kind]
        if len(olds) == len(news):
            yield from zip(news, olds, strict=True)


def _kind(name: str) -> str:
    return re.sub(r"\d+_*$", "", name)


def free_slot(name: str, taken: set[str]) -> str:
    """The name itself, or the next number of its kind."""
    kind, number = _kind(name), 1
    while name in taken:
        number += 1
        name = f"{kind}{number}"
    return name
