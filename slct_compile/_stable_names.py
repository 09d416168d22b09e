"""Names of states, in this order: the author's label; what the lock recorded for this suspension; derived.

States where a goroutine can be parked come first: their names are in saved documents. The entry is always `Main_Start`, for
goroutines that were saved before they ran. The others (loops, handlers) are jumped to and never saved; they are derived, and
give way to every name that was ever recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ._align import Ambiguity, align, without_options
from ._definitions import DurableFunction
from ._fingerprints import Fingerprint, with_names
from ._lock import LockedFunction
from .diagnostics import Diagnostic, Place, Unsupported
from .ir.ops import Block, BlockId


def name_states(
    function: DurableFunction,
    path: str,
    blocks: Sequence[Block],
    fingerprints: Mapping[BlockId, Fingerprint],
    locked: LockedFunction | None,
) -> dict[BlockId, str]:
    """A name per block, in the order given; the entry is the first.

    Raises:
      Unsupported: a label is taken (SLC504), or a recorded name would have to be guessed (SLC503).
    """
    naming = _Naming(function, path, locked, {b.id: b for b in blocks})
    naming.entry(blocks[0])
    resumed = [naming.blocks[i] for i in fingerprints]
    naming.labels(resumed)
    if locked is not None and locked.states:
        naming.recorded(resumed, list(fingerprints.values()), locked)
    for block in (*resumed, *blocks):
        naming.derived(block)
    return {block.id: naming.names[block.id] for block in blocks}


@dataclass(slots=True)
class _Naming:
    function: DurableFunction
    path: str
    locked: LockedFunction | None
    blocks: Mapping[BlockId, Block]
    names: dict[BlockId, str] = field(default_factory=dict)

    def entry(self, block: Block) -> None:
        self.names[block.id] = f"{self.function.prefix}_{block.hint}"

    def labels(self, resumed: Sequence[Block]) -> None:
        for block in resumed:
            if block.label is not None:
                name = f"{self.function.prefix}_{block.label}"
                self._refuse_taken(block, name)
                self.names[block.id] = name

    def _refuse_taken(self, block: Block, name: str) -> None:
        label = block.label or name
        if name in self.names.values():
            holder = self.blocks[next(i for i, n in self.names.items() if n == name)]
            raise self._refusal(
                "SLC504", block, f"the state {label} is there already, in line {holder.line}", "choose another label"
            )
        if name in self.function.class_members:
            raise self._refusal(
                "SLC504",
                block,
                f"the state {label} would be the method {name}, a name that is used beside it",
                "choose another label, or rename what is called so",
            )
        if self.locked is not None and name in self.locked.retired:
            raise self._refusal(
                "SLC504",
                block,
                f"the state {label} was removed earlier, and processes may still be parked in it",
                "choose another label; if its removal was never deployed, restore slct.lock from version control",
            )

    def recorded(self, resumed: Sequence[Block], new: list[Fingerprint], locked: LockedFunction) -> None:
        old = [s.fingerprint for s in locked.states]
        positions = {s.name: i for i, s in enumerate(locked.states)}
        anchors = {j: positions[self.names[b.id]] for j, b in enumerate(resumed) if self.names.get(b.id) in positions}
        variables = [n for n in self.function.own.locals if n != self.function.receiver]
        names = renamings(locked.variables, variables)
        aligned = align(_as_called_now(old, new, names), new, anchors)
        for ambiguity in aligned.ambiguities:
            self._refuse_guess(ambiguity, resumed, locked)
        for j, i in aligned.pairs.items():
            block = resumed[j]
            if block.id not in self.names:
                name = locked.states[i].name
                self._refuse_taken(block, name)
                self.names[block.id] = name

    def _refuse_guess(self, ambiguity: Ambiguity, resumed: Sequence[Block], locked: LockedFunction) -> None:
        """An error only if a name must be guessed: not if the author has named all of them anew."""
        unnamed = [resumed[j] for j in ambiguity.new if resumed[j].id not in self.names]
        if not unnamed:
            return
        candidates = [locked.states[i].name for i in ambiguity.old]
        words = ", ".join(candidates)
        numbers = [str(resumed[j].line) for j in ambiguity.new]
        lines = f"line{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
        label = candidates[0].removeprefix(f"{self.function.prefix}_")
        raise self._refusal(
            "SLC503",
            unnamed[0],
            f"slct.lock knows {words}, and nothing tells which of the equal awaits ({lines}) is which",
            f'say it: `# slct: state={label}` (for a select, label="{label}" too) where it is that one, another name where it is new',
        )

    def derived(self, block: Block) -> None:
        if block.id in self.names:
            return
        wanted = f"{self.function.prefix}_{block.hint}"
        used = {*self.names.values(), *self.function.class_members}
        if self.locked is not None:
            used |= self.locked.names
        name, number = wanted, 1
        while name in used:
            number += 1
            name = f"{wanted}{number}"
        self.names[block.id] = name

    def _refusal(self, code: str, block: Block, finding: str, help: str) -> Unsupported:
        return Unsupported(Diagnostic(code, Place(self.path, block.line, block.column), finding, help))


def renamings(before: Sequence[str], now: Sequence[str]) -> dict[str, str]:
    """Which local seems to be called what now: those that have gone and those that have come, in order, if as many."""
    gone = [n for n in before if n not in now]
    come = [n for n in now if n not in before]
    return dict(zip(gone, come, strict=True)) if len(gone) == len(come) else {}


def _as_called_now(old: list[Fingerprint], new: list[Fingerprint], names: Mapping[str, str]) -> list[Fingerprint]:
    """Old fingerprints with renamed variables, where just that makes them, or what they await, equal to one of the new text."""
    known = {f.statement for f in new} | {without_options(f.awaited) for f in new}
    found = []
    for one in old:
        changed = with_names(one, names) if names else one
        found.append(changed if known & {changed.statement, without_options(changed.awaited)} - {None} else one)
    return found
