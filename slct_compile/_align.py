"""Which suspension of an older text is which one of the newer: by evidence, never by position alone.

Two fingerprints are one suspension if they are equal and no other is like them. That holds wherever the statement has
moved to. Where several are alike, the longest common subsequence would have to guess (of three equal `sleep(1)`, which one
was deleted?), so their neighbours must tell, by rules under which no single edit can deceive:

- as many as before: in the order of the text, if every neighbourhood agrees with its own and with no other one better;
- else, or if not so: a pair whose two neighbours are the same, each of them found at no other of its kind, before or after.

What is left of several is ambiguous; only of as many as before, the one left on each side is one. The levels, each over
what the one before left: statement and blocks; statement alone (it was moved, or wrapped); operation (its target was
edited); callee in the same gap between the same neighbours (an argument was edited). Only the first two can be ambiguous:
the weaker ones match one to one or not at all, and then the old state is retired and the new one gets a new name, which is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from ._fingerprints import Fingerprint


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """These are alike, and nothing tells which is which."""

    old: tuple[int, ...]
    new: tuple[int, ...]


@dataclass(slots=True)
class Alignment:
    """`pairs`: from the index of a new one to that of the old one."""

    pairs: dict[int, int] = field(default_factory=dict)
    ambiguities: list[Ambiguity] = field(default_factory=list)


def align(
    old: Sequence[Fingerprint], new: Sequence[Fingerprint], anchors: Mapping[int, int] | None = None
) -> Alignment:
    """Align two texts. `anchors`: pairs that the author states by labels."""
    return _Aligner(old, new, anchors or {}).run()


class _Aligner:
    def __init__(self, old: Sequence[Fingerprint], new: Sequence[Fingerprint], anchors: Mapping[int, int]) -> None:
        self.old = old
        self.new = new
        self.anchors = anchors
        self.result = Alignment(dict(anchors))

    def run(self) -> Alignment:
        self._level(lambda f: (f.own, f.within))
        self._level(lambda f: f.own, last=True)
        self._level(lambda f: (f.awaited, f.nth), weak=True)
        self._edited_in_place()
        return self.result

    def _left(self) -> tuple[list[int], list[int]]:
        settled = {i for a in self.result.ambiguities for i in a.old} | set(self.result.pairs.values())
        unsettled = {i for a in self.result.ambiguities for i in a.new} | self.result.pairs.keys()
        return (
            [i for i in range(len(self.old)) if i not in settled],
            [i for i in range(len(self.new)) if i not in unsettled],
        )

    def _level(self, key: Callable[[Fingerprint], Hashable], *, last: bool = False, weak: bool = False) -> None:
        """Match what has the same key. `last`: what is not told apart here is ambiguous. `weak`: one to one or not."""
        left_old, left_new = self._left()
        groups: dict[Hashable, tuple[list[int], list[int]]] = {}
        for i in left_old:
            groups.setdefault(key(self.old[i]), ([], []))[0].append(i)
        for j in left_new:
            groups.setdefault(key(self.new[j]), ([], []))[1].append(j)
        for olds, news in groups.values():
            if not olds or not news:
                continue
            pairs = {news[0]: olds[0]} if len(olds) == len(news) == 1 else {} if weak else self._told_apart(olds, news)
            self.result.pairs.update(pairs)
            rest_old = [i for i in olds if i not in pairs.values()]
            rest_new = [j for j in news if j not in pairs]
            if last and rest_old and rest_new:
                self.result.ambiguities.append(Ambiguity(tuple(rest_old), tuple(rest_new)))

    # --- several that are alike ------------------------------------------------------------------------------------

    def _told_apart(self, olds: list[int], news: list[int]) -> dict[int, int]:
        if len(olds) == len(news) and self._in_order(olds, news):
            return dict(zip(news, olds, strict=True))
        pairs = self._by_neighbours(olds, news)
        rest_old = [i for i in olds if i not in pairs.values()]
        rest_new = [j for j in news if j not in pairs]
        if len(olds) == len(news) and len(rest_old) == len(rest_new) == 1:
            pairs[rest_new[0]] = rest_old[0]
        return pairs

    def _agreement(self, i: int, j: int) -> int:
        return (self.old[i].before == self.new[j].before) + (self.old[i].after == self.new[j].after)

    def _in_order(self, olds: list[int], news: list[int]) -> bool:
        """Whether each stands where it stood, and none could as well stand where another did."""
        for place, (i, j) in enumerate(zip(olds, news, strict=True)):
            own = self._agreement(i, j)
            if own == 2:
                continue
            others = [self._agreement(i, n) for p, n in enumerate(news) if p != place]
            others += [self._agreement(o, j) for p, o in enumerate(olds) if p != place]
            if own <= max(others):
                return False
        return True

    def _by_neighbours(self, olds: list[int], news: list[int]) -> dict[int, int]:
        found: dict[int, int] = {}
        for i in olds:
            for j in news:
                if self._agreement(i, j) == 2 and self._single(i, olds, self.old) and self._single(j, news, self.new):
                    found[j] = i
        return found

    def _single(self, index: int, group: list[int], among: Sequence[Fingerprint]) -> bool:
        """Whether both neighbours are found at no other of the group: then no deletion or copy can bring them about."""
        one = among[index]
        return all(
            one.before != among[other].before and one.after != among[other].after for other in group if other != index
        )

    # --- edited in place -------------------------------------------------------------------------------------------

    def _edited_in_place(self) -> None:
        left_old, left_new = self._left()
        for i in left_old:
            alike = [j for j in left_new if self._is_edited(i, j)]
            if len(alike) == 1 and sum(self._is_edited(o, alike[0]) for o in left_old) == 1:
                self.result.pairs[alike[0]] = i

    def _is_edited(self, i: int, j: int) -> bool:
        one, other = self.old[i], self.new[j]
        return one.callee == other.callee and one.within == other.within and self._agreement(i, j) == 2
