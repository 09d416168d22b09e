"""Generated text into the author's file: what is not ours stays byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Replacement:
    """New text for lines `first` to `last` of the author's file, both included, counted from 1; line ends as they are there."""

    first: int
    last: int
    text: str


def splice(source: str, replacements: Sequence[Replacement]) -> str:
    """The author's file with these lines replaced."""
    lines = source.split("\n")
    for replacement in sorted(replacements, key=_place, reverse=True):
        new = replacement.text.rstrip("\n").split("\n") if replacement.text else []
        lines[replacement.first - 1 : replacement.last] = new
    return "\n".join(lines)


def _place(replacement: Replacement) -> tuple[int, int]:
    """What replaces nothing stands before what replaces the line there."""
    return replacement.first, replacement.last


def new_lines(replacements: Sequence[Replacement]) -> dict[int, int]:
    """Where each replacement begins in the new file, by its first line in the old."""
    found: dict[int, int] = {}
    shift = 0
    for replacement in sorted(replacements, key=_place):
        found[replacement.first] = replacement.first + shift
        added = len(replacement.text.rstrip("\n").split("\n")) if replacement.text else 0
        shift += added - (replacement.last - replacement.first + 1)
    return found
