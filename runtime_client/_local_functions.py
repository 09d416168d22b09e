"""Functions and lambdas made inside compiled durable functions: which code they have, by a name that can be saved.

A state makes them in place, as the author wrote them; what they capture of the durable function they reach through its frame,
so the frame is the cell that they share (compiler.md, rule 9). The compiler lists them in `LOCALS` of the frame class: a `def`
by its name, a lambda by a digest of its text, so that a saved name can never come to mean another lambda after an edit. What
stands inside another local function, or in the body of a local class, has the name of that before a dot.

From a name to code: the rows of one state, parent and kind of name are counted in the order of their bodies, and so is the code
found inside the state's own code. Nothing is taken from the order of constants, which is Python's business. Positions of a
module that was loaded with its author's (`_source.py`) are not in the order of the generated text; there a copy compiled at its
own positions is walked in step.

Source: compiler.md, rule 9; docs/semantics.md, detail D15.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from ._errors import CodecError
from ._frame import Frame, LocalFunction

LAMBDA = "<lambda>"


@dataclass(frozen=True, slots=True)
class Found:
    """A local function in the code of its module, and how its free variables are named.

    frame, receiver: what its state calls its frame and its `self`; empty for no receiver.
    """

    name: str
    row: LocalFunction
    codes: tuple[CodeType, ...]
    state: FunctionType
    frame: str
    receiver: str

    @property
    def code(self) -> CodeType:
        return self.codes[0]

    @property
    def refers_to_frame(self) -> bool:
        return self.frame in self.code.co_freevars and self.frame not in self.row.cells

    @property
    def refers_to_receiver(self) -> bool:
        return bool(self.receiver) and self.receiver in self.code.co_freevars and self.receiver not in self.row.cells

    def shared_cell(self, name: str) -> CellType | None:
        """The state's own cell of that name, such as `__class__`."""
        names = self.state.__code__.co_freevars
        closure = self.state.__closure__
        return closure[names.index(name)] if closure is not None and name in names else None


def shared_slots(kind: type[Frame]) -> frozenset[str]:
    """The slots that functions made in a frame of this class may refer to."""
    if not kind.LOCALS:
        return _NOTHING
    found: frozenset[str] | None = kind.__dict__.get("frame_shared")
    if found is None:
        found = frozenset(slot for row in kind.LOCALS.values() for slot in row.slots)
        kind.frame_shared = found  # type: ignore[attr-defined]  # kept with the class that it is known of
    return found


_NOTHING: frozenset[str] = frozenset()


def local_functions(kind: type[Frame]) -> dict[str, Found]:
    """The functions that states of this class make, by the names under which they are saved; not those that cannot be told apart."""
    found: dict[str, Found] | None = kind.__dict__.get("frame_locals")
    if found is None:
        found = _find(kind) if kind.LOCALS else {}
        kind.frame_locals = found  # type: ignore[attr-defined]  # kept with the class that it is known of
    return found


def row_of(kind: type[Frame], name: str) -> str | None:
    """The row of a saved name; None if there is none. Of lambdas that are written alike any will do."""
    if name in kind.LOCALS:
        return name
    base = _ORDINAL.sub("", name)
    return base if base in kind.LOCALS else None


_ORDINAL = re.compile(r" #\d+")


def _find(kind: type[Frame]) -> dict[str, Found]:
    holder = _holder(kind)
    trees = {row.state: _Tree.of(kind, holder, row.state) for row in kind.LOCALS.values()}
    found: dict[str, Found] = {}
    for name, row in kind.LOCALS.items():
        tree = trees[row.state]
        codes = tree.codes(kind, name)
        if not codes:
            continue
        arguments = tree.state.__code__.co_varnames[: tree.state.__code__.co_argcount]
        found[name] = Found(name, row, codes, tree.state, arguments[-1], arguments[0] if len(arguments) > 1 else "")
    return found


def _holder(kind: type[Frame]) -> type:
    """The class that has the states: the frame class, or the one around it."""
    if next(iter(kind.STATES)) in vars(kind):
        return kind
    owner: Any = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split(".")[:-1]:
        owner = vars(owner).get(part) if isinstance(owner, type | ModuleType) else None
    if not isinstance(owner, type):
        raise CodecError(f"the class around {kind.__qualname__} is not found", help="was it defined anew?")
    return owner


@dataclass(slots=True)
class _Tree:
    """The code inside one state, in step with the same code at the positions of the generated text."""

    state: FunctionType
    plain: dict[int, CodeType] | None

    @staticmethod
    def of(kind: type[Frame], holder: type, state: str) -> _Tree:
        function = vars(holder).get(state)
        if isinstance(function, staticmethod | classmethod):
            function = function.__func__
        if not isinstance(function, FunctionType):
            raise CodecError(f"{kind.FUNCTION} has no state {state!r}", help="was its class changed after it was made?")
        plain: dict[int, CodeType] = {}
        module = _plain_module(kind)
        if module is not None:
            other = _inner_code(module, [*holder.__qualname__.split("."), state])
            if other is None or not _in_step(function.__code__, other, plain):
                return _Tree(function, None)
        return _Tree(function, plain)

    def codes(self, kind: type[Frame], name: str) -> tuple[CodeType, ...]:
        """The code of a row, from the state inwards; Python may compile what stands in a `finally` more than once.

        Nothing if it cannot be told: the module is not what it was loaded from, or two lambdas are on one line and Python runs
        without columns.
        """
        if self.plain is None:
            return ()
        parts = name.split(".")
        codes: tuple[CodeType, ...] = (self.state.__code__,)
        for depth, part in enumerate(parts, start=1):
            path = ".".join(parts[:depth])
            row = kind.LOCALS.get(path)
            found: dict[tuple[int, int], list[CodeType]] = {}
            for code in (c for outer in codes for c in children(outer) if c.co_name == _code_name(part)):
                found.setdefault(self._position(code), []).append(code)
            # A class has no row, and there is one of its name.
            rows = [path] if row is None else [n for n in kind.LOCALS if _is_beside(kind, n, path)]
            if len(found) != len(rows):
                return ()
            codes = tuple(found[sorted(found)[0 if row is None else row.index]])
        return codes

    def _position(self, code: CodeType) -> tuple[int, int]:
        return _begin((self.plain or {}).get(id(code), code))


def _code_name(part: str) -> str:
    return LAMBDA if part.startswith("<lambda ") else part.partition(" ")[0]


def _is_beside(kind: type[Frame], one: str, other: str) -> bool:
    """Whether two rows have the same state, parent and kind of name."""
    (parent, _, own), (other_parent, _, other_own) = one.rpartition("."), other.rpartition(".")
    same_name = _code_name(own) == _code_name(other_own)
    return parent == other_parent and same_name and kind.LOCALS[one].state == kind.LOCALS[other].state


def children(code: CodeType) -> Iterator[CodeType]:
    """Functions and classes made by code, also by comprehensions in it, which may or may not have code of their own."""
    seen: set[int] = set()
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and id(constant) not in seen:
            seen.add(id(constant))
            if constant.co_name.startswith("<") and constant.co_name != LAMBDA:
                yield from children(constant)
            elif constant.co_name != "__annotate__":
                yield constant


def _begin(code: CodeType) -> tuple[int, int]:
    """Where the body begins: of lambdas by line and column, of others by the line of the `def`."""
    if code.co_name != LAMBDA:
        return code.co_firstlineno, 0
    for line, end_line, column, end_column in code.co_positions():
        if line is not None and column is not None and (end_line, end_column) != (line, column):
            return line, column
    return code.co_firstlineno, 0


def _in_step(code: CodeType, plain: CodeType, found: dict[int, CodeType]) -> bool:
    """Pair the code of two compilations that differ in positions only."""
    found[id(code)] = plain
    ours = [c for c in code.co_consts if isinstance(c, CodeType)]
    others = [c for c in plain.co_consts if isinstance(c, CodeType)]
    if [_signature(c) for c in ours] != [_signature(c) for c in others]:
        return False
    return all(_in_step(one, other, found) for one, other in zip(ours, others, strict=True))


def _signature(code: CodeType) -> tuple[object, ...]:
    """What positions do not change."""
    return code.co_name, code.co_varnames, code.co_freevars, code.co_names


def _plain_module(kind: type[Frame]) -> CodeType | None:
    """The module at its own positions, if it was loaded at its author's."""
    spec = getattr(sys.modules.get(kind.__module__), "__spec__", None)
    get_plain = getattr(getattr(spec, "loader", None), "plain_code", None)
    return get_plain() if get_plain is not None else None


def _inner_code(code: CodeType, names: list[str]) -> CodeType | None:
    for name in names:
        found = [c for c in children(code) if c.co_name == name]
        if len(found) != 1:
            return None
        code = found[0]
    return code
