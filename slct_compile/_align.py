"""Which suspension of an older text is which one of the newer: by evidence, never by position alone.

Two fingerprints are one suspension if they are equal and no other is like them. That holds wherever the statement has
moved to. Where several are alike, the longest common subsequence would have to guess (of three equal `sleep(1)`, which one
was deleted?), so their neighbours must tell, by rules under which no single edit can deceive:

- as many as before: in the order of the text, if every neighbourhood agrees with its own and with no other one better;
- else, or if not so: a pair whose two neighbours are the same, each of them found at no other of its kind, before or after.

What is left of several is ambiguous; only of as many as before, the one left on each side is one if a neighbour says so too.
The levels, each over what the one before left: statement and blocks; statement alone (it was moved, or wrapped); operation
(its target was edited); operation but for its options, in the same blocks (a retry policy was edited). Only the first two can be
ambiguous: the weaker ones match one to one or not at all, and then the old state is retired and the new one gets a new
name, which is safe.

Nothing else that was edited is followed. One await that goes and another that comes in its place, between two compilations,
give the same text as an edited argument does, and the name would mean another suspension.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

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
        self.old_texts = Counter(f.own for f in old)
        self.new_texts = Counter(f.own for f in new)

    def run(self) -> Alignment:
        self._level(lambda f: (f.own, f.within))
        self._level(lambda f: f.own, last=True)
        self._level(lambda f: (f.awaited, f.nth), weak=True)
        self._other_options()
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
            pairs = (
                self._alone(olds[0], news[0])
                if len(olds) == len(news) == 1
                else {}
                if weak
                else self._told_apart(olds, news)
            )
            self.result.pairs.update(pairs)
            rest_old = [i for i in olds if i not in pairs.values()]
            rest_new = [j for j in news if j not in pairs]
            if last and rest_old and rest_new:
                self.result.ambiguities.append(Ambiguity(tuple(rest_old), tuple(rest_new)))

    def _alone(self, i: int, j: int) -> dict[int, int]:
        """One old and one new of a kind: the same, unless others have its text, and nothing around it tells them apart."""
        is_single = self.old_texts[self.old[i].own] <= 1 and self.new_texts[self.new[j].own] <= 1
        return {j: i} if is_single or self._agreement(i, j) else {}

    # --- several that are alike ------------------------------------------------------------------------------------

    def _told_apart(self, olds: list[int], news: list[int]) -> dict[int, int]:
        if len(olds) == len(news) and self._in_order(olds, news):
            return dict(zip(news, olds, strict=True))
        pairs = self._by_neighbours(olds, news)
        rest_old = [i for i in olds if i not in pairs.values()]
        rest_new = [j for j in news if j not in pairs]
        if len(olds) == len(news) and len(rest_old) == len(rest_new) == 1 and self._agreement(rest_old[0], rest_new[0]):
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

    def _other_options(self) -> None:
        left_old, left_new = self._left()
        for i in left_old:
            alike = [j for j in left_new if self._differs_in_options(i, j)]
            if len(alike) == 1 and sum(self._differs_in_options(o, alike[0]) for o in left_old) == 1:
                self.result.pairs[alike[0]] = i

    def _differs_in_options(self, i: int, j: int) -> bool:
        one, other = self.old[i], self.new[j]
        if one.callee != other.callee or one.within != other.within:
            return False
        core = without_options(one.awaited)
        return core is not None and core == without_options(other.awaited)


OPTIONS = frozenset(
    {
        "retry",
        "timeout",
        "queue",
        "priority",
        "heartbeat_timeout",
        "schedule_to_close_timeout",
        "at_most_once",
        "transaction",
        "label",
    }
)
"""Arguments of `call` and `select` that say how, and not what."""


@lru_cache(maxsize=1024)
def without_options(operation: str) -> str | None:
    """What an operation is about, to be compared within one run; None if its text was cut, and so tells no more."""
    try:
        tree = ast.parse(operation, mode="eval")
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("call", "select"):
            node.keywords = [k for k in node.keywords if k.arg not in OPTIONS]
    return ast.dump(tree)
