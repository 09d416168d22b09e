"""What generated code imports, under names that the author's module does not use."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from ._definitions import DurableFunction, ParsedModule
from ._format import Replacement
from ._normalize import Helpers
from ._walk import walk
from .emit import RuntimeNames

_HELPERS = ("iterate", "iterate_async", "next_async", "enter", "leave", "enter_async", "leave_async", "StarHandling")
_HELPER_MODULES = {**dict.fromkeys(_HELPERS, "runtime_client._cursors"), "StarHandling": "runtime_client._star"}
_FIELDS = {"StarHandling": "handle_star"}
"""Fields of `Helpers` that are not called like what they name."""


@dataclass(frozen=True, slots=True)
class Imports:
    """The names chosen for one module."""

    words: RuntimeNames
    helpers: Helpers
    needs_helpers: bool

    def replacement(
        self, module: ParsedModule, newline: str, *, has_untyped: bool, has_untyped_returns: bool
    ) -> Replacement:
        """The import lines, after the module's first imports. `has_untyped`: there are slots of which the source states no type.

        has_untyped_returns: local functions with a declared result return what is in them.
        """
        line = insertion_line(module.info.tree)
        words = self.words
        pairs = [("Frame", words.frame), ("Instruction", words.instruction), ("State", words.state)]
        if any(map(_makes_functions, module.functions)):
            pairs.insert(2, ("LocalFunction", words.local))
        text = f"from runtime_client import {_names(pairs)}\n"
        if has_untyped and not _imports_any(module.info.tree):
            text = f"from typing import {_names([('Any', words.any)])}\n" + text
        if self.needs_helpers:
            used: dict[str, list[tuple[str, str]]] = {}
            for helper in _needed(module):
                alias: str = getattr(self.helpers, _FIELDS.get(helper, helper))
                used.setdefault(_HELPER_MODULES[helper], []).append((helper, alias))
            text += "".join(f"from {home} import {_names(tuple(names))}\n" for home, names in used.items())
        if has_untyped_returns:
            text += "# Local functions return what frames keep, and not all of that has a type.\n# mypy: no-warn-return-any\n"
        return Replacement(line, line - 1, text.replace("\n", newline))


def _names(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(name if name == alias else f"{name} as {alias}" for name, alias in pairs)


def choose_imports(module: ParsedModule) -> Imports:
    """Each under its own name, or `slct_name` if the module mentions that name anywhere."""
    mentioned = _mentioned(module.info.tree)

    def choose(name: str) -> str:
        while name in mentioned:
            name = f"slct_{name}"
        return name

    any_name = "Any" if _imports_any(module.info.tree) else choose("Any")
    words = RuntimeNames(choose("Frame"), choose("State"), choose("Instruction"), choose("LocalFunction"), any_name)
    helpers = Helpers(**{_FIELDS.get(name, name): choose(name) for name in _HELPERS})
    return Imports(words, helpers, bool(_needed(module)))


def _imports_any(tree: ast.Module) -> bool:
    """Whether the module itself imports `Any` under its name."""
    wanted = ("Any", None)
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "typing"
        and any((a.name, a.asname) == wanted for a in node.names)
        for node in tree.body
    )


def _needed(module: ParsedModule) -> list[str]:
    """The helpers that the module's suspending loops and `with` blocks call."""
    found: dict[str, None] = {}
    for function in module.functions:
        for node in walk(function.parsed):
            match node:
                case ast.AsyncFor():
                    found.update(dict.fromkeys(("iterate_async", "next_async")))
                case ast.AsyncWith():
                    found.update(dict.fromkeys(("enter_async", "leave_async")))
                case ast.For() if _suspends(node):
                    found["iterate"] = None
                case ast.ListComp() | ast.SetComp() | ast.DictComp() if _suspends(node):
                    found["iterate"] = None
                    if any(each.is_async for each in node.generators):
                        found.update(dict.fromkeys(("iterate_async", "next_async")))
                case ast.TryStar() if _suspends(node):
                    found["StarHandling"] = None
                case ast.With() if _suspends(node):
                    found.update(dict.fromkeys(("enter", "leave")))
                case _:
                    pass
    return [h for h in _HELPERS if h in found]


def _makes_functions(function: DurableFunction) -> bool:
    kinds = (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, kinds) for node in walk(ast.Module(function.parsed.body, [])))


def _suspends(node: ast.AST) -> bool:
    return any(
        isinstance(n, ast.Await | ast.AsyncFor | ast.AsyncWith)
        or (isinstance(n, ast.comprehension) and bool(n.is_async))
        for n in walk(node)
    )


def _mentioned(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in walk(tree):
        for name in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, name, None)
            if isinstance(value, str):
                found.update(value.split("."))
    return found


def insertion_line(tree: ast.Module) -> int:
    """The line before which imports go: after the docstring and the imports that the module opens with.

    What begins on the line on which one of those ends, after a semicolon, stays before them whole.
    """
    line = 1
    for position, node in enumerate(tree.body):
        docstring = position == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not isinstance(node, ast.Import | ast.ImportFrom) and node.lineno >= line:
            break
        line = (node.end_lineno or node.lineno) + 1
    return line
