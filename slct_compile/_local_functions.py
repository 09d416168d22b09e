"""The table of functions and lambdas that the states of a function make: what each is called when it is saved.

A `def` goes by its name, inside another one by both, joined by a dot. A lambda, and a `def` whose name stands twice beside it,
go by a digest of their text and of the kinds of variables that they refer to: whatever else is edited, a saved name means the
same code or nothing. What is written alike twice is numbered; any of those will do for another.

The order of rows that differ only in their digest is the order of their bodies in the text of the state, by which the runtime
finds their code (`runtime_client/_local_functions.py`).
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ._definitions import DurableFunction
from ._fingerprints import blanked, normalised
from ._scopes import COMPREHENSIONS, Function, comprehension_targets, free_names, function_shadows, scope_children
from ._walk import child_nodes, walk
from .ir import ops
from .ir.ops import Block, BlockId
from .lower.states import StateCode

AnyFunction: TypeAlias = Function | ast.Lambda


_FUNCTIONS = (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class LocalRow:
    """A function made in a state: where its code is, and which variables it shares; see `LocalFunction` of the runtime."""

    name: str
    line: int
    state: BlockId
    index: int
    variables: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(slots=True)
class _Met:
    """A function as it was met in the code of a state. `place`: where its body begins."""

    own_name: str
    parent: _Met | None
    state: Block
    place: tuple[int, int]
    text: str
    variables: tuple[str, ...]
    cells: tuple[str, ...]
    name: str = ""

    @property
    def family(self) -> tuple[BlockId, int, str]:
        """What it could be taken for: those of one parent and one name."""
        return self.state.id, id(self.parent), self.own_name


def local_rows(
    states: Sequence[StateCode],
    function: DurableFunction,
    source: str,
    slots: Iterable[str],
    temporaries: Collection[str],
) -> tuple[LocalRow, ...]:
    """A row per function made in these states, in the order of the text.

    Args:
      source: The text of the module. slots: The variables that the frame has.
      temporaries: Names of the compiler's, in the place of awaits in default arguments: what they are called does not matter.
    """
    parsed = function.parsed
    if not any(isinstance(n, _FUNCTIONS) for n in walk(ast.Module(parsed.body, []))):
        return ()
    shared, others = frozenset(slots), frozenset(function.own.locals) - {*slots, function.receiver}
    met: list[_Met] = []
    for state in states:
        text = ops.text_of(state.code)
        reader = _Reader(state.block, text.encode().split(b"\n"), met, temporaries)
        reader.nodes(ast.parse(text).body, _Scope(shared, others))
    _name(met)
    lines = _lines(parsed, source)
    return tuple(
        LocalRow(m.name, lines.get(m.text, m.state.line), m.state.id, _index(m, met), m.variables, m.cells) for m in met
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names mean here: `shared` are variables of the frame, `cells` others of enclosing scopes."""

    shared: frozenset[str]
    cells: frozenset[str]
    parent: _Met | None = None
    classes: tuple[str, ...] = ()

    def inside(self, node: AnyFunction, parent: _Met) -> _Scope:
        shadows, outer = function_shadows(node)
        return _Scope(self.shared - shadows, (self.cells - shadows) | (shadows - outer), parent)

    def comprehension(self, targets: set[str]) -> _Scope:
        return _Scope(self.shared - targets, self.cells | targets, self.parent, self.classes)


@dataclass(slots=True)
class _Reader:
    state: Block
    lines: Sequence[bytes]
    met: list[_Met]
    temporaries: Collection[str]

    def nodes(self, nodes: Iterable[ast.AST], scope: _Scope) -> None:
        for node in nodes:
            self.node(node, scope)

    def node(self, node: ast.AST, scope: _Scope) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self.nodes(scope_children(node), scope)
                self._function(node, scope)
            case ast.ClassDef(name=name, body=body):
                self.nodes(scope_children(node), scope)
                self.nodes(body, _Scope(scope.shared, scope.cells, scope.parent, (*scope.classes, name)))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                inside = scope.comprehension(comprehension_targets(node))
                self.node(node.generators[0].iter, scope)
                first = node.generators[0].iter
                self.nodes((n for n in _parts(node) if n is not first), inside)
            case _:
                self.nodes(child_nodes(node), scope)

    def _function(self, node: AnyFunction, scope: _Scope) -> None:
        body = node.body if isinstance(node.body, list) else [node.body]
        first = body[0] if isinstance(node, ast.Lambda) else node
        own_name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        met = _Met(
            ".".join((*scope.classes, own_name)),
            scope.parent,
            self.state,
            (first.lineno, first.col_offset),
            self._text(node),
            tuple(sorted(free_names(node, scope.shared))),
            tuple(sorted(free_names(node, scope.cells))),
        )
        self.met.append(met)
        if not isinstance(node, ast.AsyncFunctionDef):
            self.nodes(body, scope.inside(node, met))

    def _text(self, node: ast.expr | ast.stmt) -> str:
        return blanked(_segment(self.lines, node), self.temporaries)


def _parts(node: ast.AST) -> list[ast.AST]:
    assert isinstance(node, COMPREHENSIONS)
    found: list[ast.AST] = [n for g in node.generators for n in (g.iter, g.target, *g.ifs)]
    return [*found, *([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])]


def _segment(lines: Sequence[bytes], node: ast.expr | ast.stmt) -> str:
    """The text of a node, whatever its layout."""
    assert node.end_lineno is not None and node.end_col_offset is not None
    found = list(lines[node.lineno - 1 : node.end_lineno])
    found[-1] = found[-1][: node.end_col_offset]
    found[0] = found[0][node.col_offset :]
    return normalised(b"\n".join(found).decode())


def _name(met: Sequence[_Met]) -> None:
    """Outer ones come first: a name begins with that of the function around it."""
    beside = Counter((id(m.parent), m.own_name) for m in met)
    given: Counter[str] = Counter()
    for one in met:
        classes, dot, own = one.own_name.rpartition(".")
        if own == "<lambda>":
            own = f"<lambda {_digest(one)}>"
        elif beside[id(one.parent), one.own_name] > 1:
            own = f"{own} {_digest(one)}"
        name = f"{one.parent.name}." if one.parent is not None else ""
        name += f"{classes}{dot}{own}"
        given[name] += 1
        one.name = name if given[name] == 1 else f"{name} #{given[name]}"


def _digest(one: _Met) -> str:
    text = "\n".join((one.text, *one.cells))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _index(one: _Met, met: Sequence[_Met]) -> int:
    return sum(other.place < one.place for other in met if other.family == one.family)


def _lines(parsed: ast.AsyncFunctionDef, source: str) -> Mapping[str, int]:
    """The author's line of each function, by its text."""
    lines = source.encode().split(b"\n")
    found: dict[str, int] = {}
    for node in walk(ast.Module(parsed.body, [])):
        if isinstance(node, _FUNCTIONS):
            found.setdefault(_segment(lines, node), node.lineno)
    return found
