"""Dataclasses that hold channels: what their fields are, where nobody ever puts another value into one."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from .._index import ClassInfo, dotted_name
from .code import Code

_MAKERS = ("__init__", "__post_init__", "__new__", "__getattribute__", "__getattr__", "__setattr__")


def fields_of(code: Code, call: ast.Call) -> Sequence[tuple[str, ast.expr]] | None:
    """What a call gives to the fields of a dataclass, by their names, in the order of the call; None: it makes none that is followed."""
    dotted = dotted_name(call.func)
    if not dotted or dotted.partition(".")[0] in code.function.meanings.local:
        return None
    found = code.program.index.resolve(code.function.info.name, dotted)
    names = _field_names(code, found) if isinstance(found, ClassInfo) else None
    if names is None or len(call.args) > len(names) or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    if not names.keys().isdisjoint(code.program.stored_attributes) or any(
        one.arg not in names for one in call.keywords
    ):
        return None
    given = list(zip(names, call.args, strict=False))
    return [*given, *((keyword.arg or "", keyword.value) for keyword in call.keywords)]


def _field_names(code: Code, info: ClassInfo) -> dict[str, None] | None:
    if info.bases or len(info.node.decorator_list) != 1 or not _is_dataclass(code, info, info.node.decorator_list[0]):
        return None
    names: dict[str, None] = {}
    for node in info.node.body:
        match node:
            case ast.AnnAssign(ast.Name(name)):
                names[name] = None
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) if name not in _MAKERS:
                pass
            case ast.Expr(ast.Constant(str())) | ast.Pass():
                pass
            case _:
                return None
    return names


def _is_dataclass(code: Code, info: ClassInfo, node: ast.expr) -> bool:
    dotted = dotted_name(node.func if isinstance(node, ast.Call) else node)
    return bool(dotted) and code.program.index.resolve(info.module, dotted) == "dataclasses.dataclass"
