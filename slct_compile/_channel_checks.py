"""Findings about channels with one end: those that a function makes for itself, and those that a process declares.

Clients may send to a declared channel, so that only its other end is looked for, and only where this code sends. It may be
anywhere in the tree, under its name, on whatever object: one that is handed on, looked at or named in a text is left alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from ._index import RUNTIME, ClassInfo, Index, ModuleInfo
from ._meanings import Meanings
from ._scopes import names_bound_by
from ._unsupported import place_of
from ._walk import walk
from .diagnostics import Diagnostic

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


# --- declared channels --------------------------------------------------------------------------------------------------


class Definition(Protocol):
    """As much of one as is asked for."""

    @property
    def module(self) -> str: ...
    @property
    def qualname(self) -> str: ...


def unreceived_channels(index: Index, definitions: Sequence[Definition]) -> list[Diagnostic]:
    """Channels that processes declare, and that the tree sends to, and nowhere receives from or hands on."""
    declared = {
        (module, id(node)): (index.modules[module], node, name)
        for definition in definitions
        for module, node, name in _declared(index, definition)
    }
    if not declared or any(_looks_up_by_name(info) for info in index.modules.values()):
        return []
    wanted = {name for _, _, name in declared.values()} - _plainly_received(index)
    uses = _uses_in_tree(index, wanted) if wanted else {}
    found = []
    for info, node, name in declared.values():
        if name in wanted and "sent" in uses[name] and "other" not in uses[name]:
            finding = f"the channel {name!r} is sent to, and nothing receives from it"
            found.append(Diagnostic("SLC306", place_of(info, node), finding, "receive from it, or delete it"))
    return found


def _declared(index: Index, definition: Definition) -> Iterator[tuple[str, ast.stmt, str]]:
    info = index.modules[definition.module].classes.get(definition.qualname)
    for one in index.ancestors(info) if info is not None else ():
        for node in one.node.body:
            match node:
                case ast.Assign([ast.Name(name)], ast.Call(func)) | ast.AnnAssign(
                    ast.Name(name), _, ast.Call(func)
                ) if index.runtime_name(one.module, func) == "Channel":
                    yield one.module, node, name
                case _:
                    pass


_PLAINLY = re.compile(
    r"\brecv\(\s*(?:self\.(\w+)|[\"'](\w+)[\"'])\s*\)|\.(\w+)\.recv\(|async for [^\n]* in self\.(\w+)"
)


def _plainly_received(index: Index) -> set[str]:
    """Names that the text receives from in the usual ways: most trees need no closer look."""
    found = (match for info in index.modules.values() for match in _PLAINLY.findall(info.source))
    return {name for groups in found for name in groups if name}


def _looks_up_by_name(info: ModuleInfo) -> bool:
    """Whether a module takes channels by a name that only running it tells."""
    if not _BY_NAME.search(info.source):
        return False
    nodes = walk(info.tree)
    texts = {
        n.arg
        for n in nodes
        if isinstance(n, ast.arg) and isinstance(n.annotation, ast.Name) and n.annotation.id == "str"
    }
    return any(isinstance(n, ast.Call) and _is_dynamic(n, texts) for n in nodes)


_BY_NAME = re.compile(r"\bgetattr\(|\bvars\(|\brecv\(|__dict__")


def _is_dynamic(call: ast.Call, texts: set[str]) -> bool:
    match call:
        case ast.Call(ast.Name("getattr"), [_, name, *_]):
            return not isinstance(name, ast.Constant)
        case ast.Call(ast.Name("vars")):
            return True
        case ast.Call(ast.Name("recv") | ast.Attribute(attr="recv"), [channel]):
            return channel.id in texts if isinstance(channel, ast.Name) else not isinstance(channel, _NAMED)
        case _:
            return False


_NAMED = (ast.Attribute, ast.Constant)


def _uses_in_tree(index: Index, names: set[str]) -> dict[str, set[str]]:
    """What is done anywhere with attributes and texts of these names."""
    found: dict[str, set[str]] = {name: set() for name in names}
    word = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")
    for info in index.modules.values():
        if word.search(info.source):
            for name, use in _mentions(info.tree, names):
                found[name].add(use)
    return found


def _mentions(tree: ast.Module, names: set[str]) -> Iterator[tuple[str, str]]:
    known: dict[int, str] = {}
    for node in walk(tree):
        match node:
            case ast.Call(ast.Attribute(attr="send"), [ast.Attribute()]):
                pass  # one channel is sent over another
            case ast.Call(ast.Name(word) | ast.Attribute(attr=word), arguments) if word in _TO:
                ends = [n for n in arguments[:2] if n is arguments[0] or isinstance(n, ast.Constant)]
                known.update((id(end), _TO[word]) for end in ends)
        match node:
            case ast.Call(ast.Attribute(ast.Attribute() as channel, word)) if word in _TO:
                known[id(channel)] = _TO[word]
            case ast.Attribute(attr=name) if name in names and isinstance(node.ctx, ast.Load):
                yield name, known.get(id(node), "other")
            case ast.Constant(str(name)) if name in names:
                yield name, known.get(id(node), "other")
            case _:
                pass


_TO = {"send": "sent", "request": "sent", "close": "closed"}
"""What is done to the end of a channel that values go into; the channel is the first argument, or the second after an id."""
