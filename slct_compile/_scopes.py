"""Which names are local to a function, and which of them inner scopes read: a scope pass of our own.

Works on `ast`, where every name says whether it is loaded or stored. Tests compare it with `symtable`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from ._walk import child_nodes, walk

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class FunctionNames:
    """The names of one function. `locals` in the order in which they are first bound, parameters first."""

    parameters: tuple[str, ...]
    locals: tuple[str, ...]
    globals: frozenset[str]
    nonlocals: frozenset[str]
    captured: frozenset[str]
    mentioned: frozenset[str]


def parameter_names(arguments: ast.arguments) -> tuple[str, ...]:
    """In the order of the signature."""
    found = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    if arguments.vararg:
        found.append(arguments.vararg.arg)
    found += [a.arg for a in arguments.kwonlyargs]
    if arguments.kwarg:
        found.append(arguments.kwarg.arg)
    return tuple(found)


@lru_cache(64)
def function_names(node: Function) -> FunctionNames:
    """What a function binds, and how."""
    parameters = parameter_names(node.args)
    bound = dict.fromkeys(parameters)
    outer_globals, nonlocals = _declared(node.body)
    bound.update(dict.fromkeys(bound_names(node.body)))
    local = tuple(n for n in bound if n not in outer_globals and n not in nonlocals)
    return FunctionNames(
        parameters,
        local,
        frozenset(outer_globals),
        frozenset(nonlocals),
        frozenset(captured_names(node.body, frozenset(local))),
        frozenset(_mentioned(node)),
    )


def _declared(body: Iterable[ast.stmt]) -> tuple[set[str], set[str]]:
    outer_globals: set[str] = set()
    nonlocals: set[str] = set()
    for node in own_nodes(body):
        if isinstance(node, ast.Global):
            outer_globals.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            nonlocals.update(node.names)
    return outer_globals, nonlocals


def _mentioned(node: ast.AST) -> Iterator[str]:
    """Every identifier anywhere below, attributes included: what a new name must not meet."""
    for child in walk(node):
        for name in ("id", "attr", "arg", "name", "asname", "rest"):
            value = getattr(child, name, None)
            if isinstance(value, str):
                yield from value.split(".")
        if isinstance(child, ast.Global | ast.Nonlocal):
            yield from child.names


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Every node of this scope, comprehensions included (their walrus targets are ours), inner functions not."""
    for node in body:
        yield node
        yield from own_nodes(scope_children(node))


def scope_children(node: ast.AST) -> list[ast.AST]:
    """The children of a node that are evaluated in the node's own scope."""
    if isinstance(node, _FUNCTIONS):
        return [*node.decorator_list, *_defaults(node.args), *_annotations(node)]
    if isinstance(node, ast.Lambda):
        return list(_defaults(node.args))
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *node.keywords]
    return list(child_nodes(node))


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]


def _annotations(node: Function) -> list[ast.expr]:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = [a.annotation for a in every if a is not None and a.annotation is not None]
    return [*found, *([node.returns] if node.returns else [])]


def bound_names(body: Iterable[ast.AST]) -> Iterator[str]:
    """Names bound by these nodes in their own scope, in order, repeats and all."""
    for node in body:
        yield from _binds(node)
        if isinstance(node, COMPREHENSIONS):
            yield from _walruses(node)
        else:
            yield from bound_names(scope_children(node))


@lru_cache(4096)
def names_bound_by(statement: ast.stmt) -> frozenset[str]:
    """Names bound by one statement in its own scope; asked again and again of those at module level."""
    return frozenset(bound_names([statement]))


def _binds(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(name, ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names) | ast.ImportFrom(names=names):
            for alias in names:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case _:
            pass


def _walruses(node: ast.AST) -> Iterator[str]:
    """What a comprehension binds in the scope around it."""
    for child in scope_children(node):
        if isinstance(child, ast.NamedExpr):
            yield child.target.id
        yield from _walruses(child)


def comprehension_targets(node: Comprehension) -> set[str]:
    """The comprehension's own variables."""
    return {n for g in node.generators for n in bound_names([g.target])}


def loads(node: ast.AST, local: frozenset[str]) -> set[str]:
    """Those of the names in `local` that are read below, inner scopes included."""
    found: set[str] = set()
    _loads(node, local, local, found)
    return found


def _loads(node: ast.AST, local: frozenset[str], beyond: frozenset[str], found: set[str]) -> None:
    """`local`: what a name here may mean. `beyond`: what it may mean in a function inside (class scopes are skipped)."""
    match node:
        case ast.Name(name, ast.Load() | ast.Del()):
            found.update({name} & local)
        case ast.AugAssign(target=ast.Name(name)):
            found.update({name} & local)
            _loads(node.value, local, beyond, found)
        case ast.AnnAssign():
            for part in (node.target, node.value):
                if part is not None:
                    _loads(part, local, beyond, found)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            for child in scope_children(node):
                _loads(child, local, beyond, found)
            inside = beyond - function_shadows(node)[0]
            for child in node.body if isinstance(node.body, list) else [node.body]:
                _loads(child, inside, inside, found)
            if not isinstance(node, ast.Lambda):
                found.update(beyond & _declared(node.body)[1])
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            _comprehension_loads(node, local, beyond, found)
        case ast.ClassDef():
            for child in scope_children(node):
                _loads(child, local, beyond, found)
            inside = beyond - set(bound_names(node.body)) | beyond & _declared(node.body)[1]
            for child in node.body:
                _loads(child, inside, beyond, found)
        case _:
            for child in child_nodes(node):
                _loads(child, local, beyond, found)


def _comprehension_loads(node: Comprehension, local: frozenset[str], beyond: frozenset[str], found: set[str]) -> None:
    inside = beyond - comprehension_targets(node)
    for position, generator in enumerate(node.generators):
        _loads(generator.iter, *((local, beyond) if position == 0 else (inside, inside)), found)
        for part in (generator.target, *generator.ifs):
            _loads(part, inside, inside, found)
    elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    for element in elements:
        _loads(element, inside, inside, found)


def function_shadows(node: Function | ast.Lambda) -> tuple[set[str], set[str]]:
    """The names that mean something else inside a function than around it; and those of them that are global there."""
    body = node.body if isinstance(node.body, list) else [node.body]
    if isinstance(node, ast.Lambda):
        return {*parameter_names(node.args), *bound_names(body)}, set()
    outer_globals, nonlocals = _declared(node.body)
    return ({*parameter_names(node.args), *bound_names(body)} | outer_globals) - nonlocals, outer_globals


def free_names(node: Function | ast.Lambda, names: frozenset[str]) -> set[str]:
    """Those of the names around a function that its body refers to, functions inside it included."""
    inside = names - function_shadows(node)[0]
    found: set[str] = set()
    for child in node.body if isinstance(node.body, list) else [node.body]:
        _loads(child, inside, inside, found)
    return found if isinstance(node, ast.Lambda) else found | (names & _declared(node.body)[1])


def captured_names(body: Iterable[ast.AST], local: frozenset[str]) -> set[str]:
    """Those of `local` that a function, lambda or generator inside refers to: they are read whenever that one runs."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, (*_FUNCTIONS, ast.Lambda, ast.GeneratorExp, ast.ClassDef)):
            found |= loads(node, local)
        elif isinstance(node, COMPREHENSIONS):
            # A comprehension runs at once; but a lambda made inside it may see the function's names.
            found |= captured_names(child_nodes(node), local - comprehension_targets(node))
        else:
            found |= captured_names(child_nodes(node), local)
    return found


def rebound_handler_names(node: Function, captured: Collection[str] = ()) -> frozenset[str]:
    """Names of `except … as name` whose end can be seen: read outside every handler of that name, nested in one, or captured."""
    names = {h.name for h in walk(node) if isinstance(h, ast.ExceptHandler) and h.name is not None}
    found = names & set(captured)
    _rebound(node.body, frozenset(), names, found)
    return frozenset(found)


def _rebound(nodes: Iterable[ast.AST], inside: frozenset[str], names: set[str], found: set[str]) -> None:
    for node in nodes:
        match node:
            case ast.Name(name, ast.Load() | ast.Del()) if name in names and name not in inside:
                found.add(name)
            case ast.ExceptHandler(name=str(name)):
                if name in inside:
                    found.add(name)
                _rebound([*filter(None, [node.type]), *node.body], inside | {name}, names, found)
                continue
            case _:
                pass
        _rebound(child_nodes(node), inside, names, found)
