"""Programs that are edited at random, one edit after the other, with an identity planted in every await.

A program is a tree of statements. An await knows its identity by the node, not by its text: a test finds the identity of a
state by its line, and can judge what a name means now. With `twins`, awaits are drawn from few texts, so that many are equal
to the letter; else each has an argument of its own.

Where two edits lead to the same text (of two equal neighbours, the first or the second was deleted), no compiler can tell
which one was made. `same_text` gives all the programs that an edit of this kind could have made of the same text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace

HEAD = "from runtime_client import Process, call\nfrom scripted import op, trace\n\n\nclass Program(Process):\n    async def main(self, a, b):\n"
PLAIN = ("a = b + 1", "b = a", "trace(a)", "b = [a, b]")
OPTIONS = ("", ", timeout=5", ", retry=None")
EQUAL = ("await op(a)", "b = await op(a)", "await op('paid')")
BLOCKS = ("if a:", "while b:", "try:", "for b in range(3):")


@dataclass(slots=True)
class Node:
    """A statement. `ident`: of an await, which suspension it is. `body`: of a compound statement."""

    text: str
    ident: int | None = None
    body: list[Node] | None = None


_VARIABLE = re.compile(r"\b[ab]\b")

Slot = tuple[int, ...]
"""Where a statement stands or would be put: indices from the root down."""


@dataclass(slots=True)
class Program:
    """`awaits` counts the identities given out; `names` is what variables are called."""

    body: list[Node] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=lambda: {"a": "a", "b": "b"})
    awaits: int = 0

    def source(self, labels: dict[int, str] | None = None) -> str:
        return "\n".join(text for text, _ in self.lines(labels or {})) + "\n"

    def lines(self, labels: dict[int, str]) -> list[tuple[str, int | None]]:
        """Every line of the module, with the identity of the await in it."""
        found: list[tuple[str, int | None]] = [(line, None) for line in HEAD.rstrip("\n").split("\n")]
        self._lines(self.body, "        ", labels, found)
        found.append(("        return a", None))
        return [(_VARIABLE.sub(lambda m: self.names[m.group()], text), ident) for text, ident in found]

    def _lines(
        self, body: list[Node], indent: str, labels: dict[int, str], found: list[tuple[str, int | None]]
    ) -> None:
        for node in body:
            label = f"  # slct: state={labels[node.ident]}" if node.ident in labels else ""
            found.append((f"{indent}{node.text}{label}", node.ident))
            if node.body is not None:
                self._lines(node.body, indent + "    ", labels, found)
                found += [] if node.body else [(f"{indent}    pass", None)]
                if node.text == "try:":
                    found += [(f"{indent}except ValueError:", None), (f"{indent}    trace(b)", None)]

    # --- places ----------------------------------------------------------------------------------------------------

    def slots(self, *, gaps: bool = False) -> list[Slot]:
        """Where statements stand; or, with `gaps`, where one could be put."""
        return list(_slots(self.body, (), gaps))

    def around(self, slot: Slot) -> list[Node]:
        body = self.body
        for index in slot[:-1]:
            inner = body[index].body
            assert inner is not None
            body = inner
        return body

    def idents(self) -> list[int]:
        return [i for _, i in self.lines({}) if i is not None]


def _slots(body: list[Node], prefix: Slot, gaps: bool) -> Iterator[Slot]:
    for index, node in enumerate(body):
        yield (*prefix, index)
        if node.body is not None:
            yield from _slots(node.body, (*prefix, index), gaps)
    if gaps:
        yield (*prefix, len(body))


# --- edits -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edit:
    """`kind`, and what it needs: the slot of its subject, the slot to go to, and a text."""

    kind: str
    slot: Slot = ()
    to: Slot = ()
    text: str = ""
    ident: int | None = None


def touched(program: Program, edit: Edit) -> set[int]:
    """Identities that the edit itself is about; the others are elsewhere."""
    if edit.kind in ("insert", "rename", "copy"):
        return set()
    node = program.around(edit.slot)[edit.slot[-1]]
    if edit.kind == "swap":
        return {*_idents([node]), *_idents([program.around(edit.to)[edit.to[-1]]])}
    return set(_idents([node])) if edit.kind != "edit" or node.body is None else set()


def _idents(body: list[Node]) -> Iterator[int]:
    for node in body:
        if node.ident is not None:
            yield node.ident
        yield from _idents(node.body or [])


def apply(program: Program, edit: Edit) -> Program | None:
    """The program after an edit; None if it cannot be."""
    made = deepcopy(program)
    match edit.kind:
        case "rename":
            made.names = made.names | {edit.text[0]: edit.text}
        case "insert":
            body: list[Node] | None = [] if edit.text in BLOCKS else None
            made.around(edit.slot).insert(edit.slot[-1], Node(edit.text, edit.ident, body))
            made.awaits += edit.ident is not None
        case "delete":
            made.around(edit.slot).pop(edit.slot[-1])
        case "edit":
            made.around(edit.slot)[edit.slot[-1]].text = edit.text
        case "wrap":
            around, index = made.around(edit.slot), edit.slot[-1]
            around[index] = Node(edit.text, None, [around[index]])
        case "copy":
            original = made.around(edit.slot)[edit.slot[-1]]
            copied = Node(original.text, edit.ident, None)
            made.around(edit.to).insert(edit.to[-1], copied)
            made.awaits += 1
        case "swap":
            if _overlap(edit.slot, edit.to):
                return None
            one, other = made.around(edit.slot), made.around(edit.to)
            one[edit.slot[-1]], other[edit.to[-1]] = other[edit.to[-1]], one[edit.slot[-1]]
        case "unwrap":
            around, index = made.around(edit.slot), edit.slot[-1]
            around[index : index + 1] = around[index].body or []
        case "move":
            if edit.to[: len(edit.slot)] == edit.slot:
                return None
            # Put a copy first, so that the slots are those of the program as it was; then take the original away.
            original = made.around(edit.slot)[edit.slot[-1]]
            home = made.around(edit.slot)
            made.around(edit.to).insert(edit.to[-1], deepcopy(original))
            home.pop(next(i for i, n in enumerate(home) if n is original))
        case other:
            raise AssertionError(other)
    return made


def _overlap(one: Slot, other: Slot) -> bool:
    return one[: len(other)] == other or other[: len(one)] == one


def all_edits(program: Program, edit: Edit) -> Iterator[Edit]:
    """Every edit of the same kind and text, wherever it could be made."""
    match edit.kind:
        case "move" | "copy":
            for slot in program.slots():
                for to in program.slots(gaps=True):
                    yield Edit(edit.kind, slot, to, ident=edit.ident)
        case "swap":
            yield from (Edit("swap", one, other) for one in program.slots() for other in program.slots())
        case "insert":
            yield from (Edit("insert", s, (), edit.text, edit.ident) for s in program.slots(gaps=True))
        case _:
            yield from (Edit(edit.kind, s, (), edit.text) for s in program.slots())


def same_text(program: Program, edit: Edit, text: str) -> Iterator[Program]:
    """What edits of this kind make of the program, where the text is this one."""
    if edit.kind in ("rename", "edit"):
        return
    if program.source() == text:
        yield program  # nothing was edited
    alike = [edit, replace(edit, kind="move")] if edit.kind == "swap" else [edit]
    for other in (other for one in alike for other in all_edits(program, one)):
        made = apply(program, other) if _fits(program, other) else None
        if made is not None and made.source() == text:
            yield made


def _fits(program: Program, edit: Edit) -> bool:
    if edit.kind == "copy":
        return program.around(edit.slot)[edit.slot[-1]].ident is not None
    if edit.kind != "unwrap":
        return True
    return program.around(edit.slot)[edit.slot[-1]].body is not None


class Author:
    """Writes a program and edits it, by seed."""

    def __init__(self, seed: int, *, twins: bool) -> None:
        self.random = random.Random(seed)
        self.twins = twins
        self.program = Program()
        while self.program.awaits < 5:
            made = apply(self.program, self.insert(self.program))
            assert made is not None
            self.program = made

    def edit(self) -> Edit:
        """One that can be made."""
        kinds = [
            "insert",
            "insert",
            "delete",
            "move",
            "edit",
            "edit",
            "option",
            "wrap",
            "unwrap",
            "rename",
            "copy",
            "swap",
        ]
        while True:
            kind = self.random.choice(kinds)
            edit = self.insert(self.program) if kind == "insert" else self._other(kind)
            if edit is not None and apply(self.program, edit) is not None:
                return edit

    def insert(self, program: Program) -> Edit:
        slot = self.random.choice(program.slots(gaps=True))
        chance = self.random.random()
        if chance < 0.5:
            return Edit("insert", slot, (), self._await(program.awaits), program.awaits)
        return Edit("insert", slot, (), self.random.choice(PLAIN if chance < 0.8 else BLOCKS))

    def _await(self, ident: int) -> str:
        if self.twins:
            return self.random.choice(EQUAL)
        operation = self.random.choice((f"op({ident}, a)", f"call(op, {ident}, a)"))
        return self.random.choice(("", "b = ")) + f"await {operation}"

    def _other(self, kind: str) -> Edit | None:
        program, choose = self.program, self.random.choice
        if not program.slots():
            return None
        slot = choose(program.slots())
        node = program.around(slot)[slot[-1]]
        match kind:
            case "rename":
                return Edit("rename", text=f"{choose('ab')}{self.random.randrange(1000)}")
            case "move":
                return Edit("move", slot, choose(program.slots(gaps=True)))
            case "wrap":
                return Edit("wrap", slot, (), choose(BLOCKS))
            case "unwrap":
                return Edit("unwrap", slot) if node.body is not None else None
            case "edit":
                return Edit("edit", slot, (), self._edited(node))
            case "option":
                return (
                    Edit("edit", slot, (), _with_option(node.text, choose(OPTIONS))) if "call(" in node.text else None
                )
            case "copy":
                gap = choose(program.slots(gaps=True))
                return Edit("copy", slot, gap, ident=program.awaits) if node.ident is not None else None
            case "swap":
                return Edit("swap", slot, choose(program.slots()))
            case _:
                return Edit(kind, slot)

    def _edited(self, node: Node) -> str:
        """Another text; of an await, another target."""
        if node.ident is not None:
            return node.text.removeprefix("b = ") if node.text.startswith("b = ") else f"b = {node.text}"
        if node.body is not None:
            # What hangs on a `try` makes it another statement.
            return node.text if node.text == "try:" else self.random.choice([b for b in BLOCKS if b != "try:"])
        return self.random.choice(PLAIN)


def _with_option(text: str, option: str) -> str:
    """The same call of an effect, tried otherwise."""
    return text.split(", timeout")[0].split(", retry")[0].rstrip(")") + option + ")"


def operation(text: str) -> str:
    """What an await is about: its text without target, options and names of variables."""
    return _with_option(_VARIABLE_NAMED.sub(lambda m: m.group()[0], text).removeprefix("b = "), "")


_VARIABLE_NAMED = re.compile(r"\b[ab]\d*\b")
