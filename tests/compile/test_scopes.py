"""Our own scope pass says what `symtable` says."""

from __future__ import annotations

import ast
import symtable
from pathlib import Path

import pytest
from compile_grammar import Grammar
from compile_harness import program

from slct_compile._scopes import function_names

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "slct_compile").rglob("*.py")), *sorted((ROOT / "examples").glob("*.py"))]


def compared(source: str, path: str) -> int:
    """Compare every function of a module; returns how many there were."""
    table = symtable.symtable(source, path, "exec")
    functions = {
        (n.name, n.lineno): n
        for n in ast.walk(ast.parse(source))
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    found = 0
    for scope in scopes(table):
        first = [
            n for (name, line), n in functions.items() if name == scope.get_name() and starts(n) == scope.get_lineno()
        ]
        if scope.get_type() != "function" or not first:
            continue
        names = function_names(first[0])
        assert isinstance(scope, symtable.Function)
        # Since 3.12 a comprehension is part of its function, and its targets are among the locals.
        inner = {n for c in ast.walk(first[0]) if isinstance(c, ast.comprehension) for n in targets(c)}
        assert set(scope.get_locals()) - inner == set(names.locals) - inner, (path, scope.get_name())
        assert scope.get_parameters() == scope.get_parameters()
        assert set(scope.get_parameters()) == set(names.parameters)
        cells = {s.get_name() for s in scope.get_symbols() if s.is_local() and is_free_below(scope, s.get_name())}
        assert cells - inner <= set(names.captured) | comprehended(first[0]), (path, scope.get_name())
        found += 1
    return found


def starts(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def scopes(table: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    return [table, *(s for child in table.get_children() for s in scopes(child))]


def targets(node: ast.comprehension) -> set[str]:
    return {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}


def is_free_below(scope: symtable.SymbolTable, name: str) -> bool:
    return any(name in child.get_identifiers() and child.lookup(name).is_free() for child in scope.get_children())


def comprehended(node: ast.AST) -> set[str]:
    """Names that only comprehensions refer to: they run at once, and so capture nothing."""
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp)
    return {n.id for c in ast.walk(node) if isinstance(c, kinds) for n in ast.walk(c) if isinstance(n, ast.Name)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_locals_are_those_of_symtable(path: Path) -> None:
    compared(path.read_text(encoding="utf-8"), path.name)


def test_locals_of_awkward_functions_are_those_of_symtable() -> None:
    source = """
import os
def f(a, /, b=1, *c, d, **e):
    global g, h
    g = 1
    import os.path, x.y as z
    from q import (r, s as t)
    [u for u in b if (v := u)]
    class K:
        inner = a
        def method(self): return b, K
    def n(aa=d, *bb):
        nonlocal b
        b = aa
        def deeper(): return a
    try: pass
    except E as err: pass
    with w as (p1, [p2, *p3]), o as p4.attr: pass
    for i, j[k] in l: pass
    match m:
        case {"a": ma, **mr} | [ma, *mr]: pass
        case C(x=mc) as md: pass
    (lambda lam: (wal := lam))
    del dd
    an: int
    at.x: int = 1
    return lambda: [e for e in c]
"""
    assert compared(source, "awkward") >= 3


@pytest.mark.parametrize("seed", range(20))
def test_locals_of_random_programs_are_those_of_symtable(seed: int) -> None:
    source = program(Grammar(seed, depth=1).program())
    try:
        compile(source, "random", "exec")
    except SyntaxError:
        return
    compared(source, f"seed {seed}")
