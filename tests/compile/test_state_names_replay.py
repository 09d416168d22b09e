"""Random edits, replayed: a name never comes to mean another suspension, and edits elsewhere rename nothing.

`SLCT_REPLAYS` sets how many programs are edited; the counts are printed with `-s`.
"""

from __future__ import annotations

import os
from collections import Counter

import compile_harness as harness
import pytest
from edited_programs import Author, Edit, Program, apply, operation, same_text, touched

from slct_compile import _lock_file, _pipeline
from slct_compile._index import Index, read_module
from slct_compile._lock import Lock, lock_text, read_lock
from slct_compile.diagnostics import Severity

REPLAYS = int(os.environ.get("SLCT_REPLAYS", "12"))
EDITS = 14


def compile_names(source: str, lock: Lock) -> tuple[dict[int, str], Lock] | None:
    """Names of the states that resume, by line; None if the compiler asks."""
    info = read_module("program", "program.py", source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pipeline, "checked", True)
        output = _pipeline.compile_module(Index([info]), info, lock=lock)
    if output.has_errors:
        assert {d.code for d in output.diagnostics if d.severity is Severity.ERROR} == {"SLC503"}, (
            harness.findings(output) + source
        )
        return None
    (one,) = output.compiled
    after = _lock_file.after(lock, [output], whole=True)
    assert read_lock(lock_text(after).encode(), "slct.lock") == after
    return {s.block.line: one.names[s.block.id] for s in one.states if s.block.resumes}, after


def by_identity(program: Program, names: dict[int, str]) -> dict[int, str]:
    found = [ident for _, ident in program.lines({})]
    return {ident: names[line] for line, ident in enumerate(found, 1) if ident is not None and line in names}


def operations(program: Program) -> dict[int, str]:
    """What each await is about, by identity."""
    return {ident: operation(text.strip()) for text, ident in program.lines({}) if ident is not None}


class Replay:
    """One program under edit. `meaning`: what each name has ever meant; `current`: the names now, by identity."""

    def __init__(self, seed: int, *, twins: bool, counts: Counter[str]) -> None:
        self.author = Author(seed, twins=twins)
        self.counts = counts
        made = compile_names(self.author.program.source(), Lock())
        assert made is not None
        names, self.lock = made
        self.current = by_identity(self.author.program, names)
        self.meaning = {name: ident for ident, name in self.current.items()}

    def step(self) -> None:
        edit = self.author.edit()
        while edit.kind == "swap" and self.author.twins:
            edit = self.author.edit()  # of equal awaits: two moves at once, and many that give the same text
        before = self.author.program
        program = apply(before, edit)
        assert program is not None
        self.counts["edits"] += 1
        made = compile_names(program.source(), self.lock)
        if made is None:
            self.counts["asked"] += 1
            made = self.answered(program)
        names, self.lock = made
        if not self.is_right(program, names):
            # Another edit makes the very same text, and may be the one under which the names are right.
            others = [p for p in same_text(before, edit, program.source()) if self.is_right(p, names)]
            self.counts["same text"] += bool(others)
            if not others:
                self.counts["wrong"] += 1
                raise AssertionError(self.explain(before, edit, program, names))
            program = others[0]
        self.judge_renamings(before, edit, program, names)
        self.author.program = program

    def leap(self, edits: int) -> None:
        """Several edits, compiled once. Where awaits have one text, no compiler can tell which of them was deleted or moved."""
        before, itself = self.author.program, set[int]()
        texts = operations(before)
        for _ in range(edits):
            edit = self.author.edit()
            itself |= touched(self.author.program, edit)
            made = apply(self.author.program, edit)
            assert made is not None
            self.author.program = made
        self.counts["edits"] += edits
        compiled = compile_names(self.author.program.source(), self.lock)
        if compiled is None:
            self.counts["asked"] += 1
            compiled = self.answered(self.author.program)
        names, self.lock = compiled
        now, texts = by_identity(self.author.program, names), texts | operations(self.author.program)
        for ident, name in now.items():
            meant = self.meaning.get(name, ident)
            if meant != ident:
                self.judge_exchange(name, texts[meant], texts[ident])
            elif self.current.get(ident, name) == name:
                self.counts["kept"] += 1
            else:
                self.counts["renamed" if ident in itself else "renamed elsewhere"] += 1
        self.meaning |= {name: ident for ident, name in now.items()}
        self.current = now

    def judge_exchange(self, name: str, meant: str, means: str) -> None:
        """A name has gone over to another await: never to one with another text."""
        self.counts["of equal text"] += meant == means
        assert meant == means, f"{name} meant {meant}, now it means {means}"

    def answered(self, program: Program) -> tuple[dict[int, str], Lock]:
        """The author says it by labels: names that are recorded, and new ones."""
        labels = {i: self.current.get(i, f"Main_New{i}").removeprefix("Main_") for i in program.idents()}
        made = compile_names(program.source(labels), self.lock)
        assert made is not None, program.source(labels)
        return made

    def is_right(self, program: Program, names: dict[int, str]) -> bool:
        now = by_identity(program, names)
        return all(self.meaning.get(name, ident) == ident for ident, name in now.items())

    def judge_renamings(self, before: Program, edit: Edit, program: Program, names: dict[int, str]) -> None:
        now = by_identity(program, names)
        itself = touched(before, edit)
        for ident, name in now.items():
            if ident in self.current:
                self.counts["kept" if self.current[ident] == name else "renamed"] += 1
                if self.current[ident] != name and ident not in itself:
                    self.counts["renamed elsewhere"] += 1
                    raise AssertionError(self.explain(before, edit, program, names))
        # What cannot be reached has no state; it keeps no name, and gets no other's.
        self.current = now
        self.meaning |= {name: ident for ident, name in now.items()}

    def explain(self, before: Program, edit: Edit, program: Program, names: dict[int, str]) -> str:
        return (
            f"{edit}\n{before.source()}{self.current}\n--- became ---\n{program.source()}{by_identity(program, names)}\n"
            f"{self.meaning}"
        )


@pytest.mark.parametrize("twins", [False, True], ids=["each await its own text", "many awaits of one text"])
def test_replayed_edits_never_change_what_a_name_means(twins: bool) -> None:
    counts: Counter[str] = Counter()
    for seed in range(REPLAYS):
        replay = Replay(seed, twins=twins, counts=counts)
        for _ in range(EDITS):
            replay.step()
    print(dict(counts))
    assert counts["wrong"] == counts["renamed elsewhere"] == 0


@pytest.mark.parametrize("twins", [False, True], ids=["each await its own text", "many awaits of one text"])
def test_several_edits_at_once_never_change_what_a_name_means(twins: bool) -> None:
    counts: Counter[str] = Counter()
    for seed in range(REPLAYS // 2):
        replay = Replay(1000 + seed, twins=twins, counts=counts)
        for _ in range(EDITS // 2):
            replay.leap(4)
    print(dict(counts))
