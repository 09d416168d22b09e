"""The test methods of an installed test module, each with the syntax that it was made of."""

from __future__ import annotations

import ast
import importlib
import inspect
import types
import unittest
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from oracle_rewrite import METHOD


@dataclass(frozen=True, slots=True)
class Method:
    """A test method. `owner` is the class whose statement has it: that of the test case, or a base of it."""

    case: type[unittest.TestCase]
    owner: type
    name: str
    node: METHOD

    @property
    def label(self) -> str:
        return f"{self.case.__qualname__}.{self.name}"


@dataclass(frozen=True, slots=True)
class Installed:
    module: types.ModuleType
    methods: tuple[Method, ...]
    elsewhere: tuple[str, ...]
    """Tests without a method of their own in this file: generated, doctests, or inherited from another file."""


def read_installed(name: str) -> Installed:
    """Import it, and find the tests that unittest finds."""
    module = importlib.import_module(f"test.{name}")
    source = inspect.getsource(module)
    nodes = dict(_methods(ast.parse(source).body, ""))
    methods: list[Method] = []
    elsewhere: list[str] = []
    for case in _cases(unittest.defaultTestLoader.loadTestsFromModule(module)):
        found = _method(case, module, nodes)
        if found is None:
            elsewhere.append(case.id())
        else:
            methods.append(found)
    return Installed(module, tuple(methods), tuple(elsewhere))


def _cases(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from _cases(one)
        else:
            yield one


def _methods(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, METHOD]]:
    for node in body:
        match node:
            case ast.ClassDef():
                yield from _methods(node.body, f"{prefix}{node.name}.")
            case ast.FunctionDef() | ast.AsyncFunctionDef() if prefix:
                yield prefix + node.name, node
            case ast.If() | ast.Try() | ast.With():
                for part in ("body", "orelse", "finalbody"):
                    yield from _methods(getattr(node, part, []), prefix)


def _method(case: unittest.TestCase, module: types.ModuleType, nodes: dict[str, METHOD]) -> Method | None:
    name: str = case._testMethodName
    kind = type(case)
    owner: Any = next((c for c in kind.__mro__ if name in c.__dict__), None)
    if owner is None or owner.__module__ != module.__name__:
        return None
    # The class must be the one that the text binds, or names in the method would mean another.
    if getattr(module, kind.__name__, None) is not kind or "." in owner.__qualname__:
        return None
    node = nodes.get(f"{owner.__qualname__}.{name}")
    return None if node is None else Method(kind, owner, name, node)
