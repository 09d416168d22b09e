"""What the manifest and the lock say about one compiled function: plain data, made once, kept and sent as it is."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from typing import Any

import libcst as cst

from ._index import ModuleInfo, dotted_name
from ._local_functions import LocalRow
from ._lock import LockedFunction, LockedState
from ._naming import words_of
from ._print import text_of_node
from ._visit import look
from ._walk import walk
from .emit import Compiled
from .ir import ops
from .lower.states import StateCode


def record(one: Compiled) -> LockedFunction:
    """What the lock keeps of a function."""
    states = {s.block.id: s for s in one.states}
    return LockedFunction(
        one.function.prefix,
        tuple(n for n in one.function.own.locals if n != one.function.receiver),
        tuple(LockedState(one.names[i], found, one.live(states[i])) for i, found in one.fingerprints.items()),
    )


def describe(info: ModuleInfo, one: Compiled) -> dict[str, Any]:
    """The manifest's entry."""
    awaited = _Awaited(one.states).operations
    return {
        "source": info.path,
        "line": one.function.parsed.lineno,
        "parameters": _parameters(one),
        "slots": {slot: one.types.get(name) for name, slot in one.slots.items()},
        "states": {one.names[s.block.id]: _state(one, s, awaited.get(s.block.id)) for s in one.states},
        "local_functions": {row.name: _local_function(one, row) for row in one.local_functions},
    }


def _local_function(one: Compiled, row: LocalRow) -> dict[str, Any]:
    return {"line": row.line, "slots": [one.slots[v] for v in row.variables], "cells": list(row.cells)}


def _parameters(one: Compiled) -> list[dict[str, Any]]:
    arguments = one.function.parsed.args
    plain = [*arguments.posonlyargs, *arguments.args]
    required = len(plain) - len(arguments.defaults)
    found = [
        _parameter(a, "positional-only" if i < len(arguments.posonlyargs) else "positional", i < required)
        for i, a in enumerate(plain)
    ]
    if arguments.vararg:
        found.append(_parameter(arguments.vararg, "var-positional", False))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(_parameter(argument, "keyword-only", default is None))
    if arguments.kwarg:
        found.append(_parameter(arguments.kwarg, "var-keyword", False))
    return [p for p in found if p["name"] != one.function.receiver]


def _parameter(argument: ast.arg, kind: str, required: bool) -> dict[str, Any]:
    annotation = ast.unparse(argument.annotation) if argument.annotation is not None else None
    return {"name": argument.arg, "kind": kind, "required": required, "type": annotation}


def _state(one: Compiled, state: StateCode, operation: cst.BaseExpression | None) -> dict[str, Any]:
    live = list(one.live(state)) if state.block.resumes else None
    described: dict[str, Any] = {
        "line": state.block.line,
        "fingerprint": fingerprint(state),
        "parks": state.block.resumes,
        "live": live,
    }
    if operation is not None:
        described["awaits"] = _text(operation)
        described["cases"] = _cases(operation)
        described["effects"] = _effects(operation)
    return described


def fingerprint(state: StateCode) -> str:
    """What a state does, whatever it is called and wherever it stands."""
    text = "".join(_text(s).strip() for s in state.code)
    return hashlib.sha256(f"{state.block.hint}\n{text}".encode()).hexdigest()[:16]


class _Awaited(cst.CSTVisitor):
    """The operation whose outcome a state takes, by the state's block."""

    def __init__(self, states: Sequence[StateCode]) -> None:
        self.operations: dict[int, cst.BaseExpression] = {}
        for state in states:
            look(ops.as_module(state.code), self)

    def visit_Expr(self, node: cst.Expr) -> None:
        arguments = ops.marker_arguments(node, ops.SUSPEND_MARKER)
        if arguments is not None:
            self.operations.setdefault(int(_text(arguments[0])), arguments[1])


def _cases(operation: cst.BaseExpression) -> list[str]:
    if not isinstance(operation, cst.Call) or words_of(operation.func) != "select":
        return []
    return [a.keyword.value if a.keyword else str(i) for i, a in enumerate(operation.args)]


def _effects(operation: cst.BaseExpression) -> list[str]:
    """The functions that are called by `call(...)` in an operation, as written."""
    tree = ast.parse(_text(operation).strip(), mode="eval") if "\n" not in _text(operation) else _lenient(operation)
    calls = [n for n in walk(tree) if isinstance(n, ast.Call) and dotted_name(n.func).rpartition(".")[2] == "call"]
    return [ast.unparse(c.args[0]) for c in calls if c.args]


def _lenient(operation: cst.BaseExpression) -> ast.Expression:
    return ast.parse(f"({_text(operation)})", mode="eval")


def _text(node: cst.CSTNode) -> str:
    return text_of_node(node)
