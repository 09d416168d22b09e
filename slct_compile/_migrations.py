"""What a module says of frames and names of older versions: `@migrate` over a function, and `migrate(new, moved_from=old)` by itself (rule 23).

It is read and never run, so it must be told in texts; what is not is SLC506, and counts for nothing here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from ._index import Index, ModuleInfo, module_level
from ._unsupported import place_of
from .diagnostics import Diagnostic

HELP = (
    'write @migrate("Order.main", state="RecvPayments", to="RecvMoney") over a function, or by itself '
    'migrate("Order.main", moved_from="Order.run"); of a module, migrate("orders:", moved_from="shop:")'
)


def find_migrations(index: Index, info: ModuleInfo) -> Iterator[dict[str, Any]]:
    """What stands under `@migrate` at module level, in the order in which it is written."""
    for name, call in _over_functions(index, info):
        texts = _texts_of_migration(call)
        if texts is not None:
            yield {
                "name": f"{info.name}:{name}",
                "function": _full_name(info, texts["function"]),
                "state": texts.get("state"),
                "to": texts.get("to"),
            }


def find_renames(index: Index, info: ModuleInfo) -> Iterator[tuple[str, str]]:
    """Old and new names of what `migrate(new, moved_from=old)` says at module level."""
    for call in _by_themselves(index, info):
        texts = _texts_of_rename(call)
        if texts is not None:
            yield _full_name(info, texts["moved_from"]), _full_name(info, texts["function"])


def migration_findings(index: Index) -> Iterator[Diagnostic]:
    """Those that do not say in texts what they are about."""
    for info in index.modules.values():
        if "migrate" not in info.source:
            continue
        calls = [call for _, call in _over_functions(index, info) if _texts_of_migration(call) is None]
        calls += [call for call in _by_themselves(index, info) if _texts_of_rename(call) is None]
        for call in calls:
            finding = f"`{ast.unparse(call)}` does not say in texts what it is about"
            yield Diagnostic("SLC506", place_of(info, call), finding, HELP)


def _over_functions(index: Index, info: ModuleInfo) -> Iterator[tuple[str, ast.Call]]:
    """Functions of the module by name, with each `@migrate` over them, the lowest first."""
    for node in module_level(info.tree.body):
        if isinstance(node, ast.FunctionDef):
            for decorator in reversed(node.decorator_list):
                if isinstance(decorator, ast.Call) and _is_migrate(index, info, decorator):
                    yield node.name, decorator


def _by_themselves(index: Index, info: ModuleInfo) -> Iterator[ast.Call]:
    for node in module_level(info.tree.body):
        match node:
            case ast.Expr(ast.Call() as call) if _is_migrate(index, info, call):
                yield call
            case _:
                pass


def _is_migrate(index: Index, info: ModuleInfo, call: ast.Call) -> bool:
    return index.runtime_name(info.name, call.func) == "migrate"


def _texts_of_migration(call: ast.Call) -> dict[str, str] | None:
    texts = _texts(call)
    return None if texts is None or "moved_from" in texts else texts


def _texts_of_rename(call: ast.Call) -> dict[str, str] | None:
    texts = _texts(call)
    if texts is None or texts.keys() != {"function", "moved_from"}:
        return None
    return texts if texts["function"].endswith(":") is texts["moved_from"].endswith(":") else None


def _texts(call: ast.Call) -> dict[str, str] | None:
    """The arguments, if all of them are texts and one says of what function."""
    given = dict(zip(("function",), call.args, strict=False))
    given.update({keyword.arg or "**": keyword.value for keyword in call.keywords})
    texts = {key: value.value for key, value in given.items() if isinstance(value, ast.Constant)}
    plain = {key: value for key, value in texts.items() if isinstance(value, str)}
    return plain if len(call.args) <= 1 and len(plain) == len(given) and "function" in plain else None


def _full_name(info: ModuleInfo, name: str) -> str:
    return name if ":" in name else f"{info.name}:{name}"
