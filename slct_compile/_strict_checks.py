"""Strict mode (`[tool.slct] strict = true`): variables that are saved, and whose type nobody can tell from the source (SLC207).

Knows what a reader knows without running anything: annotations, literals, constructors, what functions and channels of the tree
declare. It follows no values: a variable is told as soon as one of its bindings is not plain.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ._flow_places import FlowPlaces
from ._index import RUNTIME, ClassInfo, Index, ModuleInfo, dotted_name
from ._meanings import Meanings
from ._scopes import own_nodes
from ._unsupported import place_of
from ._walk import walk
from .analysis.flow import Crossing, Flow
from .diagnostics import Diagnostic, Note
from .emit import Compiled

_CONSTRUCTORS = frozenset(
    {"bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "len", "list", "ord", "range", "repr", "set",
     "sorted", "str", "tuple"}
)  # fmt: skip
"""Builtins whose value has the type that the name says, or always the same one."""

_OF_RUNTIME = frozenset({"Channel", "Retry", "gather", "go", "make_channel", "now", "select", "start"})
"""What gives a value of one known type."""

_PLAIN = (ast.JoinedStr, ast.Compare, ast.List, ast.Dict, ast.Set, ast.Tuple, ast.ListComp, ast.DictComp, ast.SetComp)


def untyped_variables(index: Index, info: ModuleInfo, compiled: Compiled, places: FlowPlaces) -> Iterator[Diagnostic]:
    """A finding for each variable of one function that is alive across a suspension and has no type."""
    checks = _Types(index, info, compiled)
    unknown = {name: node for name in compiled.slots if (node := checks.untyped_binding(name)) is not None}
    if not unknown:
        return
    flow = Flow(compiled.states)
    for name, node in unknown.items():
        crossing = _crossing(flow, name, is_parameter=name in compiled.function.own.parameters)
        if crossing is not None:
            notes = [Note(places.waits(crossing.suspension), "the process waits here")]
            used = places.place(crossing.use, crossing.name)
            if used is not None:
                notes.append(Note(used, f"{name!r} is used here, after that"))
            finding = f"{name!r} is alive across a suspension, and nothing says what type it has"
            yield Diagnostic("SLC207", place_of(info, node), finding, f"annotate it: {name}: ...", tuple(notes))


def _crossing(flow: Flow, name: str, *, is_parameter: bool) -> Crossing | None:
    begins = [step for step in flow.steps if name in step.binds]
    found = (flow.crossing(step, name) for step in ([flow.entry] if is_parameter else []) + begins)
    return next((crossing for crossing in found if crossing is not None), None)


class _Types:
    """What the source of one function says about the types of its variables."""

    def __init__(self, index: Index, info: ModuleInfo, compiled: Compiled) -> None:
        function = compiled.function
        self.index = index
        self.info = info
        self.types = compiled.types
        self.parsed = function.parsed
        self.authored = frozenset(function.own.locals)
        self.receiver = function.receiver
        self.owner = info.classes.get(function.class_name)
        around = (name for outer in function.enclosing for name in outer.own.locals)
        self.meanings = Meanings(index, info, self.owner, function.parsed, around)

    def untyped_binding(self, name: str) -> ast.AST | None:
        """The first place that binds a variable to something of unknown type; None if its type is known."""
        if name not in self.authored or name in self.types or name == self.receiver:
            return None
        return next((node for node, value in self._bindings(name) if value is None or not self._is_known(value)), None)

    def _bindings(self, name: str) -> Iterator[tuple[ast.AST, ast.expr | None]]:
        """Where a variable is bound, and to which value; None where it is to a part of one, or by a caller."""
        arguments = self.parsed.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if argument.arg == name:
                yield argument, None
        for node in own_nodes(self.parsed.body):
            match node:
                case ast.Assign(targets, value) if any(_is_name(target, name) for target in targets):
                    yield next(target for target in targets if _is_name(target, name)), value
                case ast.NamedExpr(target, value) if target.id == name:
                    yield target, value
                case ast.AugAssign():
                    continue  # its first value has told
                case ast.For(target, ast.Call(func)) if (
                    _is_name(target, name) and self.meanings.builtin(func) == "range"
                ):
                    continue
                case ast.Assign(targets):
                    yield from ((leaf, None) for target in targets for leaf in _leaves(target, name))
                case ast.For(target) | ast.AsyncFor(target):
                    yield from ((leaf, None) for leaf in _leaves(target, name))
                case ast.withitem(_, ast.expr() as target):
                    yield from ((leaf, None) for leaf in _leaves(target, name))
                case ast.MatchAs(_, str(bound)) | ast.MatchStar(str(bound)) | ast.MatchMapping(_, _, str(bound)) if (
                    bound == name
                ):
                    yield node, None
                case _:
                    pass

    # --- values ------------------------------------------------------------------------------------------------------

    def _is_known(self, value: ast.expr) -> bool:
        match value:
            case ast.Constant(None):
                return False  # it is to become something else
            case ast.Constant() | ast.UnaryOp(ast.Not()):
                return True
            case ast.UnaryOp(_, operand):
                return self._is_known(operand)
            case ast.BinOp(left, _, right):
                return self._is_known(left) and self._is_known(right)
            case ast.IfExp(_, then, other):
                return self._is_known(then) and self._is_known(other)
            case ast.Name(name):
                return name in self.types
            case ast.Attribute(ast.Name(name), field) if name == self.receiver:
                return self._has_declared(field)
            case ast.Await(operation):
                return self._is_known_result(operation)
            case ast.Call():
                return self._is_known_call(value)
            case _:
                return isinstance(value, _PLAIN)

    def _is_known_call(self, call: ast.Call) -> bool:
        name = self.meanings.name(call.func)
        if name in _CONSTRUCTORS or name.removeprefix(f"{RUNTIME}.") in _OF_RUNTIME:
            return True
        if self._is_class(call.func):
            return True
        function = self._function(call.func)
        return isinstance(function, ast.FunctionDef) and function.returns is not None

    def _is_known_result(self, operation: ast.expr) -> bool:
        """What an awaited operation gives."""
        match operation:
            case ast.Call(func, [first, *_]) if self._runtime_word(func) == "call":
                called = self._function(first)
                return called is not None and called.returns is not None
            case ast.Call(func, [channel]) if self._runtime_word(func) == "recv":
                return self._is_typed_channel(channel)
            case ast.Call(ast.Attribute(channel, "recv"), []):
                return self._is_typed_channel(channel)
            case ast.Call(func) if self._runtime_word(func) in ("gather", "select"):
                return True
            case ast.Call(func):
                awaited = self._function(func)
                return isinstance(awaited, ast.AsyncFunctionDef) and awaited.returns is not None
            case _:
                return False

    def _runtime_word(self, func: ast.expr) -> str:
        name = self.meanings.absolute(func)
        return name.removeprefix(f"{RUNTIME}.") if name.startswith(f"{RUNTIME}.") else ""

    def _is_class(self, func: ast.expr) -> bool:
        """Whether a class is called: one of the tree, or, by the custom of capitals, one of elsewhere."""
        dotted = dotted_name(func)
        first = dotted.partition(".")[0]
        if not dotted or first in self.meanings.local:
            return False
        if isinstance(self.index.resolve(self.info.name, dotted), ClassInfo):
            return True
        return self.meanings.absolute(func).rpartition(".")[2][:1].isupper()

    def _function(self, func: ast.expr) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function of the tree, or the method of this class, that an expression names."""
        match func:
            case ast.Attribute(ast.Name(name), method) if name == self.receiver and self.owner is not None:
                return next((n for n in self._members() if isinstance(n, _FUNCTIONS) and n.name == method), None)
            case _:
                absolute = self.meanings.absolute(func)
                found = self.index.function(absolute) if absolute else None
                return found[1] if found is not None else None

    # --- members -----------------------------------------------------------------------------------------------------

    def _members(self) -> Iterator[ast.stmt]:
        for one in self.index.ancestors(self.owner) if self.owner is not None else ():
            yield from one.node.body

    def _has_declared(self, field: str) -> bool:
        """Whether a shared field says its type, or is of the process itself."""
        if field in ("id", "labels"):
            return True
        return any(isinstance(n, ast.AnnAssign) and _is_name(n.target, field) for n in self._members())

    def _is_typed_channel(self, channel: ast.expr) -> bool:
        match channel:
            case ast.Attribute(ast.Name(name), field) if name == self.receiver:
                return any(_declares_typed(n, field) for n in self._members())
            case ast.Name(name):
                return "[" in self.types.get(name, "")
            case _:
                return False


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _leaves(target: ast.expr, name: str) -> Iterator[ast.Name]:
    """Where a target binds a variable."""
    for node in walk(target):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            yield node


def _declares_typed(node: ast.stmt, field: str) -> bool:
    match node:
        case ast.Assign([ast.Name(name)], ast.Call(ast.Subscript())):
            return name == field
        case ast.AnnAssign(ast.Name(name), ast.Subscript()):
            return name == field
        case _:
            return False


__all__ = ["untyped_variables"]
