"""What type a slot is declared with: the one that the source states, or none where a type checker would stumble over it.

Knows annotations as they are written, and where the function tests a variable. A checker narrows a local by such a test, and
keeps that across an `await`; of an attribute in another state it knows only what was declared. So a slot whose variable can
be narrowed is `Any`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ._definitions import DurableFunction
from ._index import ModuleInfo, dotted_name
from ._scopes import names_bound_by
from ._walk import walk

_NARROWED = frozenset({"Optional", "Union", "Literal", "Any", "object", "AnyStr"})
_MEANT_OF_THE_PLACE = frozenset({"Self", "Final", "ClassVar", "Unpack", "TypeGuard", "TypeIs"})
"""Forms that mean something else in a class body, or nothing."""

_PLAIN = frozenset({"int", "str", "bytes", "float", "complex", "bool", "list", "dict", "set", "tuple", "frozenset"})
"""Types that a test of a value hardly narrows."""


def slot_types(function: DurableFunction, info: ModuleInfo, any_name: str) -> dict[str, str]:
    """Variable to annotation, for those that are declared; the first declaration counts.

    any_name: what the module calls `typing.Any`.
    """
    aliases = _aliases(info)
    tested = _tested(function.parsed)
    variables = _type_parameters(function, info)
    found: dict[str, str] = {}
    for name, annotation in _declared(function.parsed):
        if name not in found and _is_declarable(annotation, variables):
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
    for child in walk(node):
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


__all__ = ["slot_types"]
