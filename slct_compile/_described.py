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
from ._names import in_words
from ._print import text_of_node
from ._visit import look
from ._walk import walk
from ._ways import started, ways
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
        "temporaries": {
            slot: {"line": meaning.line, "text": meaning.text}
            for name, slot in one.slots.items()
            if (meaning := one.meanings.get(name)) is not None
        },
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
    """One row: see `_manifest_schema.StateEntry`."""
    block, region = state.block, state.region
    text = None if operation is None else in_words(_text(operation), one.meanings)
    known = one.fingerprints.get(block.id)
    calls, cases = _waits(text)
    return {
        "line": block.line,
        "fingerprint": fingerprint(state),
        "parks": block.resumes,
        "live": _live(one, state),
        "within": list(known.within) if known is not None else [],
        "on_error": None if region.on_error is None else one.names[region.on_error],
        "caught": None if region.caught is None else one.slots.get(region.caught),
        "handling": None if region.handling is None else one.slots.get(region.handling),
        "statement": known.statement if known is not None else None,
        "awaits": text,
        "calls": calls,
        "cases": cases,
        "effects": _effects(text),
        "ways": [
            {"state": None if way.target is None else one.names[way.target], "when": way.label} for way in ways(state)
        ],
        "starts": started(state),
    }


def _live(one: Compiled, state: StateCode) -> list[str] | None:
    """The slots that are saved in a state: those of a frame that has not begun are its parameters."""
    if state.block.resumes:
        return list(one.live(state))
    if state is one.states[0]:
        return [one.slots[name] for name in one.function.own.parameters if name in one.slots]
    return None


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


_OPERATIONS = frozenset({"recv", "send", "after", "sleep", "call", "join", "result", "default", "select", "gather"})


def _waits(text: str | None) -> tuple[str | None, list[dict[str, Any]]]:
    """The durable function that is called, if one is; else what is waited for, in the order in which it is tried."""
    if text is None:
        return None, []
    node = _parsed(text)
    if not isinstance(node, ast.Call):
        return None, [_case(None, node)]
    kind = dotted_name(node.func).rpartition(".")[2]
    if kind == "select":
        positional = [_case(str(i), a) for i, a in enumerate(node.args)]
        return None, positional + [_case(k.arg, k.value) for k in node.keywords if k.arg != "label"]
    return (None, [_case(None, node)]) if kind in _OPERATIONS else (ast.unparse(node.func), [])


def _case(name: str | None, node: ast.expr) -> dict[str, Any]:
    if not isinstance(node, ast.Call):
        return {"name": name, "kind": "await", "about": ast.unparse(node)}
    kind = dotted_name(node.func).rpartition(".")[2] or ast.unparse(node.func)
    if isinstance(node.func, ast.Attribute) and kind in ("recv", "send", "join", "result"):
        about: ast.expr | None = node.func.value
    else:
        about = node.args[0] if node.args else None
    return {"name": name, "kind": kind, "about": None if about is None else ast.unparse(about)}


def _effects(text: str | None) -> list[dict[str, Any]]:
    """The functions that are called by `call(...)` in an operation, as written."""
    found = [n for n in walk(_parsed(text)) if isinstance(n, ast.Call)] if text is not None else []
    return [
        {
            "function": ast.unparse(n.args[0]),
            "options": {k.arg: ast.unparse(k.value) for k in n.keywords if k.arg in _CALL_OPTIONS},
        }
        for n in found
        if dotted_name(n.func).rpartition(".")[2] == "call" and n.args
    ]


_CALL_OPTIONS = (
    "retry",
    "timeout",
    "key",
    "queue",
    "priority",
    "heartbeat_timeout",
    "schedule_to_close_timeout",
    "at_most_once",
    "transaction",
)


def _parsed(text: str) -> ast.expr:
    return ast.parse(f"({text})", mode="eval").body


def _text(node: cst.CSTNode) -> str:
    return text_of_node(node)
