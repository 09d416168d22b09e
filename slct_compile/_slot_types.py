"""What types compiled code declares: those that the source states, or none where a type checker would stumble over them.

Knows annotations as they are written, and where the function tests a variable. A checker narrows a local by such a test, and
keeps that across an `await`; of an attribute in another state it knows only what was declared. So

  - a slot whose variable can be narrowed is `Any`, and so is one whose annotation means nothing in the class of a frame;
  - `self` is `Any` in a state that reads what another one has narrowed of it (`self.current`, tested or assigned there);
  - a local that is declared in one state and bound in another is declared there again.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator

from ._definitions import DurableFunction
from ._index import ModuleInfo, dotted_name, module_level
from ._scopes import bound_names, names_bound_by, own_nodes
from ._walk import walk

_NARROWED = frozenset({"Optional", "Union", "Literal", "Any", "object", "AnyStr"})
_MEANT_OF_THE_PLACE = frozenset({"Self", "Final", "ClassVar", "Unpack", "TypeAlias", "TypeGuard", "TypeIs"})
"""Forms that mean something else in a class body, or nothing."""

_OF_COROUTINES = frozenset({"close", "send", "throw"})
"""Attributes that a type checker sees in every frame, with types of their own."""

_PLAIN = frozenset({"int", "str", "bytes", "float", "complex", "bool", "list", "dict", "set", "tuple", "frozenset"})
"""Types that a test of a value hardly narrows."""


def slot_types(function: DurableFunction, info: ModuleInfo, any_name: str) -> dict[str, str]:
    """Variable to annotation, for those that are declared; the first declaration counts.

    any_name: what the module calls `typing.Any`.
    """
    aliases = _aliases(info)
    tested = _tested(function.parsed)
    variables = _type_parameters(function, info)
    known = _known(function, info)
    found: dict[str, str] = {}
    for name, annotation in _declared(function.parsed):
        is_known = info.stars or {n.partition(".")[0] for n in _first_names(annotation)} <= known
        if name not in found and name not in _OF_COROUTINES and is_known and _is_declarable(annotation, variables):
            used = _names(annotation)
            is_narrowed = name in tested and not used <= _PLAIN
            if not (is_narrowed or _is_union(annotation) or used & aliases):
                found[name] = ast.unparse(annotation)
    return {**_collected(function.parsed, variables, any_name), **found}


def _declared(node: ast.AsyncFunctionDef) -> Iterator[tuple[str, ast.expr]]:
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.annotation is not None:
            yield argument.arg, argument.annotation
    for child in own_nodes(node.body):
        if isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            yield child.target.id, child.annotation


def _collected(node: ast.AsyncFunctionDef, variables: frozenset[str], any_name: str) -> dict[str, str]:
    """`*args` and `**kwargs`."""
    found: dict[str, str] = {}
    for argument, form in ((node.args.vararg, "tuple[{}, ...]"), (node.args.kwarg, "dict[str, {}]")):
        if argument is not None:
            annotation = argument.annotation
            is_known = annotation is not None and _is_declarable(annotation, variables)
            found[argument.arg] = form.format(ast.unparse(annotation) if annotation and is_known else any_name)
    return found


def _is_declarable(annotation: ast.expr, variables: frozenset[str]) -> bool:
    names = _names(annotation)
    is_starred = any(isinstance(n, ast.Starred) for n in walk(annotation))
    return not is_starred and not names & (variables | _MEANT_OF_THE_PLACE)


def _is_union(annotation: ast.expr) -> bool:
    """Whether an assignment narrows it."""
    is_bar = isinstance(annotation, ast.BinOp) or (
        isinstance(annotation, ast.Constant) and isinstance(annotation.value, str) and "|" in annotation.value
    )
    return is_bar or dotted_name(annotation).rpartition(".")[2] in _NARROWED


def _names(annotation: ast.expr) -> frozenset[str]:
    """The last parts of the names in an annotation; those in text count too."""
    found: set[str] = set()
    for node in walk(annotation):
        match node:
            case ast.Name(name) | ast.Attribute(attr=name):
                found.add(name)
            case ast.Constant(str(text)):
                try:
                    found |= _names(ast.parse(text, mode="eval").body)
                except SyntaxError:
                    continue
    return frozenset(found)


def _tested(node: ast.AsyncFunctionDef) -> frozenset[str]:
    """Variables in tests: of branches and loops, in assertions, conditions and patterns."""
    found: set[str] = set()
    for child in walk(node):
        tests: list[ast.expr] = []
        match child:
            case ast.If() | ast.While() | ast.Assert() | ast.IfExp():
                tests = [child.test]
            case ast.BoolOp():
                tests = child.values
            case ast.comprehension():
                tests = child.ifs
            case ast.Match():
                tests = [child.subject]
            case ast.match_case(guard=ast.expr() as guard):
                tests = [guard]
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                tests = [child]
        found |= {n.id for test in tests for n in walk(test) if isinstance(n, ast.Name)}
    return frozenset(found)


def _aliases(info: ModuleInfo) -> frozenset[str]:
    """Names that the module assigns: as types, they stand for anything."""
    found: set[str] = set()
    for node in info.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) or type(node).__name__ == "TypeAlias":
            found |= set(names_bound_by(node))
    return frozenset(found)


def _type_parameters(function: DurableFunction, info: ModuleInfo) -> frozenset[str]:
    """Type variables, which mean nothing in the class of a frame."""
    found: set[str] = set()
    for node in info.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _makes_variable(node.value):
            found |= set(names_bound_by(node))
    owners = [info.classes[name].node for name in _prefixes(function.class_name) if name in info.classes]
    for owner in (function.parsed, *owners):
        found |= {parameter.name for parameter in getattr(owner, "type_params", ())}
    return frozenset(found)


def _makes_variable(call: ast.Call) -> bool:
    return dotted_name(call.func).rpartition(".")[2] in ("TypeVar", "ParamSpec", "TypeVarTuple")


def _prefixes(qualname: str) -> list[str]:
    parts = qualname.split(".")
    return [".".join(parts[: cut + 1]) for cut in range(len(parts))]


def _known(function: DurableFunction, info: ModuleInfo) -> set[str]:
    """The names that mean the same in the class of a frame as in the function: those of the module."""
    names = {name for statement in module_level(info.tree.body) for name in names_bound_by(statement)}
    hidden = {*function.own.locals, *(n for outer in function.enclosing for n in outer.own.locals)}
    if function.class_name in info.classes:
        hidden |= set(bound_names(info.classes[function.class_name].node.body))
    return (names | set(info.names) | set(dir(builtins))) - hidden


def _first_names(annotation: ast.expr) -> Iterator[str]:
    """The names that an annotation begins with, those in text too."""
    for node in walk(annotation):
        match node:
            case ast.Name(name):
                yield name
            case ast.Constant(str(text)):
                try:
                    yield from _first_names(ast.parse(text, mode="eval").body)
                except SyntaxError:
                    continue


# --- members of `self` --------------------------------------------------------------------------------------------------


def narrowed_members(function: DurableFunction, info: ModuleInfo) -> frozenset[str]:
    """Attributes of `self` that a type checker may know more narrowly than they are declared, after a test or an assignment."""
    receiver = function.receiver
    if receiver is None:
        return frozenset()
    found: set[str] = set()
    for child in walk(function.parsed):
        if isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
            found.add(_member(child, receiver))
    for operand in _narrowing(function.parsed):
        found.add(_member(operand, receiver))
    found.discard("")
    return frozenset(found - _plain_members(info, function.class_name)) if found else frozenset()


def reads_narrowed(tree: ast.Module, receiver: str, members: frozenset[str]) -> bool:
    """Whether a state reads such an attribute before it has tested or assigned it itself."""
    own = {id(node) for operand in _narrowing(tree) for node in walk(operand)}
    settled: set[str] = set()
    reads = [
        n for n in walk(tree) if isinstance(n, ast.Attribute) and _is_name(n.value, receiver) and n.attr in members
    ]
    for node in sorted(reads, key=lambda n: (n.lineno, n.col_offset)):
        if node.attr not in settled and id(node) not in own and isinstance(node.ctx, ast.Load):
            return True
        settled.add(node.attr)
    return False


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _member(node: ast.expr, receiver: str) -> str:
    """`node` of `self.node.parent["x"]`; empty for anything else."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and _is_name(node.value, receiver):
            return node.attr
        node = node.value
    return ""


def _narrowing(tree: ast.AST) -> Iterator[ast.expr]:
    """What tests in this code narrow."""
    for child in walk(tree):
        match child:
            case ast.If() | ast.While() | ast.Assert() | ast.IfExp():
                yield from _operands(child.test)
            case ast.BoolOp():
                yield from _operands(child)
            case ast.comprehension():
                for test in child.ifs:
                    yield from _operands(test)
            case ast.Match():
                yield from _operands(child.subject)
            case ast.match_case(guard=ast.expr() as guard):
                yield from _operands(guard)


def _operands(test: ast.expr) -> Iterator[ast.expr]:
    match test:
        case ast.Attribute() | ast.Subscript() | ast.Name():
            yield test
        case ast.UnaryOp(ast.Not(), operand):
            yield from _operands(operand)
        case ast.BoolOp(_, values):
            for value in values:
                yield from _operands(value)
        case ast.NamedExpr(_, value):
            yield from _operands(value)
        case ast.Compare(left, operators, others) if not any(isinstance(o, _ORDERING) for o in operators):
            for operand in (left, *others):
                yield from _operands(operand)
        case ast.Call(_, [first, *_]):
            yield from _operands(first)


_ORDERING = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def _plain_members(info: ModuleInfo, class_name: str) -> set[str]:
    """What the class body binds to things of one type: methods, channels, fields that nothing narrows."""
    found: set[str] = set()
    for statement in info.classes[class_name].node.body if class_name in info.classes else ():
        match statement:
            case ast.AnnAssign(ast.Name(name), annotation):
                if _is_plain(annotation):
                    found.add(name)
            case _:
                found.update(names_bound_by(statement))
    return found


def _is_plain(annotation: ast.expr) -> bool:
    if any(isinstance(n, ast.BinOp) for n in walk(annotation)) or _names(annotation) & _NARROWED:
        return False
    return dotted_name(annotation) in _PLAIN


# --- locals of states ---------------------------------------------------------------------------------------------------


def declared_again(tree: ast.Module, types: dict[str, ast.expr]) -> Iterator[tuple[str, str]]:
    """Variable and annotation, for those declared elsewhere that a state binds as locals of its own."""
    if not types:
        return
    bound = set(bound_names(tree.body))
    here = {
        n.target.id for n in own_nodes(tree.body) if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }
    for name, annotation in types.items():
        if name in bound - here:
            yield name, ast.unparse(annotation)


def declared_locals(function: DurableFunction, slots: Iterable[str]) -> dict[str, ast.expr]:
    """The declared variables that are not kept, with their annotations."""
    kept = {*slots, *function.own.parameters}
    found: dict[str, ast.expr] = {}
    for name, annotation in _declared(function.parsed):
        if name not in kept and not _names(annotation) & (_MEANT_OF_THE_PLACE - {"Self"}):
            found.setdefault(name, annotation)
    return found


def returns_untyped(function: DurableFunction, untyped: frozenset[str]) -> bool:
    """Whether an ordinary local function says what it returns, and uses variables that have no type in the frame."""
    return any(
        isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns) != "None"
        and not untyped.isdisjoint(n.id for n in walk(node) if isinstance(n, ast.Name))
        for node in walk(ast.Module(function.parsed.body, []))
    )


__all__ = ["declared_again", "declared_locals", "narrowed_members", "reads_narrowed", "returns_untyped", "slot_types"]
