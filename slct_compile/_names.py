"""Names of one function: what is local, what nothing can rebind, and new ones that meet no other."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import libcst as cst

from ._print import text_of_node
from ._scopes import FunctionNames

SOURCE_CHARACTERS_MAX = 60
"""A longer text of the author's is cut where it is told what a temporary holds."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a temporary holds, as its author would say it: "the value of `self.paid`". `source`: the expression, if it is that of one."""

    text: str
    line: int
    source: str = ""


class Names:
    """Gives out temporaries, and says which expressions need none.

    `stable` are global names bound once, by a def, class or import, and builtins that the module does not touch.
    `methods` are the names of methods of the own class: `self.name` of such a name cannot change under way.
    """

    def __init__(
        self,
        own: FunctionNames,
        *,
        receiver: str | None = None,
        stable: frozenset[str] = frozenset(),
        methods: frozenset[str] = frozenset(),
        unsteady: frozenset[str] = frozenset(),
        taken: Iterable[str] = (),
    ) -> None:
        self.own = own
        self.receiver = receiver
        self.stable = stable - frozenset(own.locals)
        self.methods = methods
        # Parameters that are never bound again: always bound, never different.
        self.steady = frozenset(own.parameters) - unsteady
        self.taken = {*own.mentioned, *own.locals, *taken}
        self.temporaries: list[str] = []
        self.meanings: dict[str, Meaning] = {}

    def fresh(self, base: str, meaning: Meaning) -> str:
        """A name that nothing else in the function has."""
        name = self.reserve(base)
        self.temporaries.append(name)
        self.meanings[name] = meaning
        return name

    def value_of(self, node: cst.CSTNode, line: int, what: str = "the value of {}") -> Meaning:
        """That of an expression, of which parts may be in temporaries already."""
        source = self._source(node)
        return Meaning(what.format(f"`{_cut(source)}`"), line, source)

    def shown(self, node: cst.CSTNode) -> str:
        """The text of an expression on one line, as the author wrote it."""
        return _cut(self._source(node))

    def _source(self, node: cst.CSTNode) -> str:
        return " ".join(in_words(text_of_node(node), self.meanings).split())

    def reserve(self, base: str) -> str:
        """As `fresh`, for a name that is no variable."""
        number = 1
        name = base
        while name in self.taken:
            number += 1
            name = f"{base}{number}"
        self.taken.add(name)
        return name

    def is_temporary(self, node: cst.CSTNode) -> bool:
        return isinstance(node, cst.Name) and node.value in self.temporaries

    def is_constant(self, node: cst.CSTNode) -> bool:
        """Whether evaluating it later gives the same, and nobody can see that it was later."""
        match node:
            case cst.Integer() | cst.Float() | cst.Imaginary() | cst.SimpleString() | cst.Ellipsis():
                return True
            case cst.Name(value=name):
                return (
                    name in ("None", "True", "False")
                    or name == self.receiver
                    or name in self.stable
                    or name in self.steady
                    or name in self.temporaries
                )
            case cst.Attribute(value=cst.Name(value=name), attr=attribute):
                return name == self.receiver and name is not None and attribute.value in self.methods
            case _:
                return False


def in_words(text: str, meanings: Mapping[str, Meaning]) -> str:
    """The text of an expression, with what the author wrote in the place of temporaries; as it is if it is no expression."""
    if not any(name in text for name in meanings):
        return text
    try:
        tree = ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        return text
    lines = text.encode().split(b"\n")
    for node, stands_alone in sorted(_names(tree), key=lambda one: (one[0].lineno, one[0].col_offset), reverse=True):
        meaning = meanings.get(node.id)
        if meaning is not None and meaning.source:
            source = meaning.source if stands_alone or _is_atom(meaning.source) else f"({meaning.source})"
            start = node.col_offset - (node.lineno == 1)
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line[:start] + source.encode() + line[start + len(node.id.encode()) :]
    return b"\n".join(lines).decode()


def _names(tree: ast.expr) -> Iterator[tuple[ast.Name, bool]]:
    """Each name, and whether anything may stand there. Not those in formatted strings: before Python 3.12 their places are not told."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, True)]
    while waiting:
        node, stands_alone = waiting.pop()
        if isinstance(node, ast.Name):
            yield node, stands_alone
        elif not isinstance(node, ast.JoinedStr):
            for child in ast.iter_child_nodes(node):
                is_argument = isinstance(node, ast.Call) and child is not node.func
                waiting.append((child, is_argument or isinstance(node, _LISTS)))


_LISTS = (ast.keyword, ast.List, ast.Set, ast.Tuple)


def _is_atom(source: str) -> bool:
    """Whether it may stand before a dot."""
    try:
        node = ast.parse(source, mode="eval").body
    except SyntaxError:
        return False
    return isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.List | ast.Dict | ast.Set)


def _cut(source: str) -> str:
    return source if len(source) <= SOURCE_CHARACTERS_MAX else f"{source[:SOURCE_CHARACTERS_MAX]}..."
