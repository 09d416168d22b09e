"""The durable functions of one module, each with all that the later passes need to know about it.

Knows the tree as parsed and what the index says; decides names of frames and prefixes of states, so that two functions of
one class never meet.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import libcst as cst

from ._index import DurableName, Index, ModuleInfo, dotted_name, durable_functions
from ._names import Names
from ._naming import camel, unique
from ._places import mark_leaves
from ._positions import Positions
from ._scopes import FunctionNames, function_names, own_nodes
from ._visit import children
from ._walk import walk
from .diagnostics import Diagnostic, Place, Unsupported


class Kind(Enum):
    METHOD = "method"  # states are methods of the class, beside the stub
    STATIC = "static"  # states are in the frame class, which is in the class
    FUNCTION = "function"  # states are in the frame class, at module level


@dataclass(frozen=True, slots=True)
class DurableFunction:
    """One durable function as found.

    overrides: a base class in the tree has a durable method of this name.
    outer: the durable function that defines it, whose variables it shares.
    """

    kind: Kind
    qualname: str
    node: cst.FunctionDef
    parsed: ast.AsyncFunctionDef
    own: FunctionNames
    frame_class: str
    prefix: str
    class_members: frozenset[str]
    methods: frozenset[str]
    is_classmethod: bool
    overrides: bool = False
    outer: DurableFunction | None = None

    @property
    def name(self) -> str:
        return self.parsed.name

    @property
    def class_name(self) -> str:
        return self.qualname.rpartition(".")[0] if self.outer is None else self.outer.class_name

    @property
    def enclosing(self) -> tuple[DurableFunction, ...]:
        """The durable functions around this one, innermost first."""
        return () if self.outer is None else (self.outer, *self.outer.enclosing)

    @property
    def is_of_the_class(self) -> bool:
        """Whether its `self` is a class: it is a class method, or in one."""
        return (self, *self.enclosing)[-1].is_classmethod

    @property
    def receiver(self) -> str | None:
        """The name of `self`; in a local function, of that of the method around it."""
        if self.outer is not None:
            return self.outer.receiver
        if self.kind is not Kind.METHOD or not self.own.parameters:
            return None
        positional = [*self.parsed.args.posonlyargs, *self.parsed.args.args]
        return positional[0].arg if positional else None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Without `self`."""
        return tuple(p for p in self.own.parameters if p != self.receiver)


@dataclass(frozen=True, slots=True)
class ParsedModule:
    """A module with durable code: the functions found, parsed for good, and where their nodes stand.

    indent: what a level of indentation is in this file.
    """

    info: ModuleInfo
    indent: str
    positions: Positions
    functions: tuple[DurableFunction, ...]

    def place(self, node: cst.CSTNode) -> Place | None:
        """Where a node of the tree stands; None for a node made since."""
        found = self.positions.get(node)
        if found is None:
            return None
        return Place(self.info.path, found.start.line, found.start.column, found.end.line, found.end.column)


def find_definitions(index: Index, info: ModuleInfo, prefixes: Mapping[str, str] | None = None) -> ParsedModule | None:
    """Parse a module for good and find its durable functions; None if it has none.

    `prefixes`: what the states of a function are known to begin with, by its qualified name.

    Raises:
      Unsupported: libcst does not know the syntax.
    """
    durable = durable_functions(index, info)
    if not durable:
        return None
    reader = _Reader(info)
    functions: list[DurableFunction] = []
    names = _NamesInUse(info)
    known = {f.qualname: (prefixes or {}).get(f.qualname) for f in durable.values()}
    known |= prefixes or {}
    for _, found in sorted(durable.items()):
        function = _describe(names, reader.read(found.node), found, known, overrides=_overrides(index, info, found))
        functions += [function, *_local_functions(names, function, known)]
    mark_leaves(reader.positions, info.source)
    return ParsedModule(info, reader.indent, reader.positions, tuple(functions))


class _Reader:
    """Parses functions one by one, each at its own indentation, so that what is not durable is never parsed for good."""

    def __init__(self, info: ModuleInfo) -> None:
        self.lines = info.source.split("\n")
        self._path = info.path
        self.indent = _indentation_unit(info.tree, self.lines)
        self.positions = Positions()
        self._config = cst.PartialParserConfig(
            default_indent=self.indent, default_newline="\r\n" if "\r\n" in info.source else "\n"
        )

    def read(self, function: ast.AsyncFunctionDef) -> cst.FunctionDef:
        first, last = first_line(function), function.end_lineno or function.lineno
        text = "\n".join(self.lines[first - 1 : last])
        is_inside = text[:1] in (" ", "\t", "\f")
        try:
            tree = cst.parse_module(f"if 1:\n{text}\n" if is_inside else f"{text}\n", self._config)
        except cst.ParserSyntaxError as error:
            raise self._unread(error, first - 1 if is_inside else first) from error
        self.positions.add(tree, first - 1 if is_inside else first)
        node = tree.body[0]
        if is_inside:
            assert isinstance(node, cst.If)
            node = node.body.body[0]  # type: ignore[assignment]  # an `if` has a block of statements here
        assert isinstance(node, cst.FunctionDef)
        return node

    def _unread(self, error: cst.ParserSyntaxError, first: int) -> Unsupported:
        """The interpreter has parsed the file; libcst knows a little less of Python. `first`: the line that its first one is."""
        at = re.search(r"error at (\d+):(\d+)", error.message)
        line = first + (int(at[1]) if at else error.raw_line) - 1
        finding = "the parser of the compiler, libcst, does not know this syntax, though the interpreter does"
        return Unsupported(
            Diagnostic("SLC001", Place(self._path, line), finding, "write the line in a more usual form")
        )


def first_line(function: ast.AsyncFunctionDef) -> int:
    """Where a function begins, decorators included."""
    return min([function.lineno, *(d.lineno for d in function.decorator_list)])


def _indentation_unit(tree: ast.Module, lines: Sequence[str]) -> str:
    """What the first indented block of a file is indented with."""
    for node in tree.body:
        body: list[ast.stmt] = getattr(node, "body", [])
        if body and body[0].lineno > node.lineno:
            line = lines[body[0].lineno - 1]
            return line[: len(line) - len(line.lstrip())]
    return "    "


def _describe(
    names: _NamesInUse,
    node: cst.FunctionDef,
    found: DurableName,
    known: Mapping[str, str | None],
    *,
    overrides: bool,
) -> DurableFunction:
    class_name = found.qualname.rpartition(".")[0]
    used = names.taken(class_name)
    own = function_names(found.node)
    others = {f"{p}Frame" for q, p in known.items() if p and q != found.qualname and q.rpartition(".")[0] == class_name}
    prefix = _prefix(known.get(found.qualname), camel(found.node.name) or "Function", used, others | own.mentioned)
    used.add(f"{prefix}Frame")
    return DurableFunction(
        kind=_kind(found.kind),
        qualname=found.qualname,
        node=node,
        parsed=found.node,
        own=own,
        frame_class=f"{prefix}Frame",
        prefix=prefix,
        class_members=names.members(class_name),
        methods=names.methods(class_name),
        is_classmethod=found.kind == "class",
        overrides=overrides,
    )


def _overrides(index: Index, info: ModuleInfo, found: DurableName) -> bool:
    owner = info.classes.get(found.qualname.rpartition(".")[0])
    bases = index.ancestors(owner)[1:] if owner is not None else []
    return any(found.node.name in base.async_methods for base in bases)


def _local_functions(
    names: _NamesInUse, outer: DurableFunction, known: Mapping[str, str | None]
) -> Iterator[DurableFunction]:
    """The `async def`s in the body of a durable function, each before those inside it."""
    nodes = {(node.lineno, node.col_offset): node for node in own_async_functions(outer.parsed)}
    if not nodes:
        return
    every = [
        n for n in walk(ast.Module(outer.parsed.body, [])) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    every.sort(key=lambda n: (n.lineno, n.col_offset))
    for parsed, node in zip(every, _function_nodes(outer.node.body), strict=True):
        if (parsed.lineno, parsed.col_offset) in nodes and isinstance(parsed, ast.AsyncFunctionDef):
            function = _describe_local(names, outer, node, parsed, known)
            yield function
            yield from _local_functions(names, function, known)


def _describe_local(
    names: _NamesInUse,
    outer: DurableFunction,
    node: cst.FunctionDef,
    parsed: ast.AsyncFunctionDef,
    known: Mapping[str, str | None],
) -> DurableFunction:
    used = names.taken(outer.class_name)
    own = function_names(parsed)
    qualname = f"{outer.qualname}.{parsed.name}"
    prefix = _prefix(known.get(qualname), f"{outer.prefix}_{camel(parsed.name) or 'Function'}", used, own.mentioned)
    used.add(f"{prefix}Frame")
    return replace(
        outer,
        qualname=qualname,
        node=node,
        parsed=parsed,
        own=own,
        frame_class=f"{prefix}Frame",
        prefix=prefix,
        outer=outer,
    )


def own_async_functions(function: ast.AsyncFunctionDef) -> list[ast.AsyncFunctionDef]:
    """The `async def`s of a function's own scope; not those in ordinary functions or classes in it."""
    return [n for n in own_nodes(function.body) if isinstance(n, ast.AsyncFunctionDef)]


def _function_nodes(node: cst.CSTNode) -> Iterator[cst.FunctionDef]:
    """All functions below a node, in the order of the text."""
    for child in children(node):
        if isinstance(child, cst.FunctionDef):
            yield child
        yield from _function_nodes(child)


class _NamesInUse:
    """What a module and its classes bind, each looked up once."""

    def __init__(self, info: ModuleInfo) -> None:
        self.info = info
        self._members: dict[str, frozenset[str]] = {}
        self._taken: dict[str, set[str]] = {}
        self._assigned: frozenset[str] | None = None

    def members(self, class_name: str) -> frozenset[str]:
        if class_name not in self._members:
            self._members[class_name] = frozenset(_members(self.info, class_name))
        return self._members[class_name]

    def taken(self, class_name: str) -> set[str]:
        """The members, and the frames that were named so far."""
        return self._taken.setdefault(class_name, set(self.members(class_name)))

    def methods(self, class_name: str) -> frozenset[str]:
        """Methods that nothing in the module assigns over: `self.name` is the same whenever it is read."""
        if not class_name:
            return frozenset()
        if self._assigned is None:
            self._assigned = frozenset(_assigned_attributes(self.info.tree))
        body = self.info.classes[class_name].node.body
        plain = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and not n.decorator_list}
        return frozenset(plain - self._assigned)


def _prefix(known: str | None, wanted: str, used: set[str], others: set[str] | frozenset[str]) -> str:
    """What the names of the states and of the frame begin with: as ever, or the first that meets no other name."""
    if known is not None and f"{known}Frame" not in used | others:
        return known
    prefix, number = wanted, 1
    while f"{prefix}Frame" in used | others or any(m.startswith(f"{prefix}_") for m in used):
        number += 1
        prefix = f"{wanted}{number}"
    return prefix


def _kind(kind: str) -> Kind:
    match kind:
        case "durable" | "process":
            return Kind.FUNCTION
        case "static":
            return Kind.STATIC
        case _:
            return Kind.METHOD


def _members(info: ModuleInfo, class_name: str) -> set[str]:
    """What a class or, for functions, the module binds: what new names beside them must not meet."""
    if not class_name:
        return {*info.names, *(n.id for n in walk(info.tree) if isinstance(n, ast.Name))}
    found: set[str] = set()
    for child in walk(info.classes[class_name].node):
        for field in ("name", "id", "attr"):
            value = getattr(child, field, None)
            if isinstance(value, str):
                found.add(value)
    return found


def _assigned_attributes(tree: ast.Module) -> Iterator[str]:
    for node in walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.attr


def stable_globals(info: ModuleInfo) -> frozenset[str]:
    """Global names that mean the same whenever they are read: bound once by def, class or import; untouched builtins."""
    bindings: dict[str, int] = {}
    steady: set[str] = set()
    rebound: set[str] = set()
    for node in walk(info.tree):
        if isinstance(node, ast.Global):
            rebound.update(node.names)
    for statement in info.tree.body:
        for name in _bound_at_top(statement):
            bindings[name] = bindings.get(name, 0) + 1
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            steady.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            steady.update(_bound_at_top(statement))
    free = {n for n in dir(builtins) if n not in bindings} if not info.stars else set()
    return frozenset(({n for n in steady if bindings[n] == 1} | free) - rebound)


def _bound_at_top(statement: ast.stmt) -> list[str]:
    from ._scopes import bound_names

    return list(bound_names([statement]))


def make_names(module: ParsedModule, function: DurableFunction, stable: frozenset[str]) -> Names:
    """The names of a function, ready to give out temporaries."""
    return Names(
        function.own,
        receiver=function.receiver,
        stable=stable.difference(*(o.own.locals for o in function.enclosing)),
        methods=function.methods,
        unsteady=_rebound_parameters(function),
        taken=(*module.info.names, *dir(builtins)),
    )


def _rebound_parameters(function: DurableFunction) -> frozenset[str]:
    """Parameters that are bound again, deleted, or open to an inner function."""
    from ._scopes import bound_names

    bound = set(bound_names(function.parsed.body))
    inner = {n for c in walk(function.parsed) if isinstance(c, ast.Nonlocal) for n in c.names}
    return frozenset(bound | inner)


def decorator_names(node: ast.AsyncFunctionDef) -> list[tuple[str, ast.expr]]:
    """Each decorator's dotted name, and its expression."""
    return [(dotted_name(d.func if isinstance(d, ast.Call) else d), d) for d in node.decorator_list]


__all__ = [
    "DurableFunction",
    "Kind",
    "ParsedModule",
    "decorator_names",
    "find_definitions",
    "make_names",
    "stable_globals",
    "unique",
]
