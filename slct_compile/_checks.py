"""Findings about whole modules, and about what a layout shows: the linter's part."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Protocol

from ._definitions import DurableFunction, ParsedModule
from ._index import Index, ModuleInfo
from ._normalize import Unsupported
from ._unsupported import place_of
from .analysis.liveness import Layout
from .diagnostics import Diagnostic
from .lower.states import StateCode


def check_module(index: Index, info: ModuleInfo) -> list[Diagnostic]:
    """What can be said without compiling."""
    return []


def refuse_local_definitions(
    module: ParsedModule, function: DurableFunction, states: Sequence[StateCode], layout: Layout
) -> None:
    """A local function, lambda or class must not be alive where the frame is saved.

    Raises:
      Unsupported: one is.
    """
    saved = {n for s in states if s.block.resumes for n in layout.live[s.block.id]}
    for node in _definitions(function.parsed):
        name, code, what, help = _described(node)
        if name in saved:
            finding = f"{what} {name!r} is alive across a suspension, and has no module-level name to be saved by"
            raise Unsupported(Diagnostic(code, place_of(module.info, node), finding, help))


def _definitions(parsed: ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    for node in ast.walk(parsed):
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node
            case ast.Assign([ast.Name()], ast.Lambda() | ast.GeneratorExp()):
                yield node
            case _:
                pass


def _described(node: ast.stmt) -> tuple[str, str, str, str]:
    match node:
        case ast.ClassDef(name=name):
            return name, "SLC104", "the local class", "move it to module level"
        case ast.FunctionDef(name=name):
            return name, "SLC101", "the local function", "move it to module level and pass it what it needs"
        case ast.Assign([ast.Name(name)], ast.Lambda()):
            return name, "SLC101", "the lambda", "use a module-level function, or define it again after the await"
        case ast.Assign([ast.Name(name)], _):
            return name, "SLC101", "the generator", "make a list of it"
        case _:
            raise TypeError(type(node).__name__)


def definition_of(index: Index, info: ModuleInfo, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """The name in `@process(name="...")`."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and index.runtime_name(info.name, decorator.func) == "process":
            for keyword in decorator.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return None


def check_tree(index: Index, definitions: Sequence[Named]) -> list[Diagnostic]:
    """Findings between modules: two definitions of one name."""
    found: list[Diagnostic] = []
    seen: dict[str, Named] = {}
    for definition in definitions:
        first = seen.setdefault(definition.name, definition)
        if first is not definition:
            info = index.modules[definition.module]
            node = _node_of(info, definition.qualname)
            where = f"{first.module}:{first.qualname}"
            text = f"the definition name {definition.name!r} is taken by {where}"
            found.append(Diagnostic("SLC002", place_of(info, node), text, "give one of them name=\"...\""))
    return found


class Named(Protocol):
    """A definition, as far as its name goes."""

    @property
    def name(self) -> str: ...
    @property
    def module(self) -> str: ...
    @property
    def qualname(self) -> str: ...


def _node_of(info: ModuleInfo, qualname: str) -> ast.AST:
    if qualname in info.classes:
        return info.classes[qualname].node
    return info.functions[qualname]
