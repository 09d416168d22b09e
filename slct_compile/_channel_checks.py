"""Findings about channels that a function makes for itself: one that only ever goes in, or out, leads nowhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ._index import RUNTIME, ClassInfo, Index, ModuleInfo
from ._meanings import Meanings
from ._scopes import names_bound_by
from ._walk import walk

Finding = tuple[str, ast.AST, str, str]

_SIDES = {"send": "sent", "recv": "received", "close": "closed"}


def one_sided_channels(
    index: Index, info: ModuleInfo, owner: ClassInfo | None, function: ast.AsyncFunctionDef
) -> Iterator[Finding]:
    """Channels of `make_channel()` that never leave the function, and that it only sends to, or only receives from."""
    if "make_channel" not in info.source:
        return
    nodes = walk(ast.Module(function.body, []))
    meanings = Meanings(index, info, owner, function)
    for node in nodes:
        match node:
            case ast.Assign([ast.Name(name)], ast.Call(func)) if meanings.absolute(func) == f"{RUNTIME}.make_channel":
                uses = _uses(name, nodes, meanings)
                if uses == {"sent"} or uses == {"sent", "closed"}:
                    finding = f"{name!r} is sent to, and nobody can receive from it: it never leaves this function"
                    yield "SLC306", node, finding, "receive from it, give it to somebody who does, or delete it"
                elif uses == {"received"}:
                    finding = f"{name!r} is received from, and nobody can send to it: it never leaves this function"
                    yield "SLC306", node, finding, "send to it, give it to somebody who does, or delete it"
            case _:
                pass


def _uses(name: str, nodes: tuple[ast.AST, ...], meanings: Meanings) -> set[str]:
    """What is done with a channel; `other` for anything that may hand it to somebody else."""
    known: dict[int, str] = {}
    bindings = 0
    for node in nodes:
        match node:
            case ast.Call(func, [ast.Name(first), *_]) if first == name:
                known[id(node.args[0])] = _SIDES.get(meanings.absolute(func).removeprefix(f"{RUNTIME}."), "other")
            case ast.Call(ast.Attribute(ast.Name(first) as channel, method)) if first == name:
                known[id(channel)] = _SIDES.get(method, "other")
            case ast.AsyncFor(_, ast.Name(first) as channel) if first == name:
                known[id(channel)] = "received"
            case ast.stmt() if not isinstance(node, _COMPOUND):
                bindings += name in names_bound_by(node)
            case _:
                pass
    if bindings != 1:
        return {"other"}
    reads = (n for n in nodes if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load))
    return {known.get(id(read), "other") for read in reads}


_COMPOUND = (ast.If, ast.While, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.Try, ast.Match)
