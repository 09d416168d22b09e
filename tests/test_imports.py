"""Imports point one way (docs/architecture.md, "Packages"); `runtime_client` exports what it says it exports."""

from __future__ import annotations

import ast
import importlib
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("slct_manifest", "slct_compile", "runtime_client", "slct_runtime")
RUN_THE_RUNTIME = {"runtime_client._client", "runtime_client.cli"}
"""Where the runtime itself is run: `Client.embedded` and `slct runtime`. They import it when they do so, not before."""
DEVELOPMENT = "runtime_client._dev"
"""`slct dev` puts compiler, runtime and workers together; `slct` imports it when it does so."""
SIMULATION = ("runtime_client.testing",)
"""`Simulation` is a runtime of its own around the core."""
CORE_MAY_IMPORT = {"__future__", "collections", "dataclasses", "enum", "functools", "heapq", "json", "re", "typing"}
"""No clock, no randomness, no input or output, nothing to await with."""


@dataclass(frozen=True)
class Import:
    importer: str
    imported: str
    line: int
    is_local: bool
    """Inside a function: carried out only when that is called."""

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def imports_of(package: str) -> Iterator[Import]:
    for path in sorted((ROOT / package).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        is_package = path.name == "__init__.py"
        tree = ast.parse(path.read_text())
        local = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(module, alias.name, node.lineno, id(node) in local)
            elif isinstance(node, ast.ImportFrom):
                yield Import(module, absolute(module, is_package, node), node.lineno, id(node) in local)


def absolute(module: str, is_package: bool, node: ast.ImportFrom) -> str:
    """What `from ..x import y` in a module names: `package.x`."""
    if node.level == 0:
        assert node.module is not None
        return node.module
    parents = module.split(".") if is_package else module.split(".")[:-1]
    parents = parents[: len(parents) - node.level + 1]
    return ".".join([*parents, *([node.module] if node.module else [])])


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def test_manifests_import_nothing_of_ours() -> None:
    wrong = [i for i in imports_of("slct_manifest") if i.imported.split(".")[0] in set(OURS) - {"slct_manifest"}]
    assert not wrong, "\n".join(map(str, wrong))


def test_compiler_imports_nothing_of_ours_but_manifests() -> None:
    wrong = [i for i in imports_of("slct_compile") if i.imported.split(".")[0] in {"runtime_client", "slct_runtime"}]
    assert not wrong, "\n".join(map(str, wrong))


def test_runtime_imports_neither_compiler_nor_client() -> None:
    wrong = [i for i in imports_of("slct_runtime") if i.imported.split(".")[0] in {"slct_compile", "runtime_client"}]
    assert not wrong, "\n".join(map(str, wrong))


def test_client_imports_only_the_wire_and_the_data_that_it_carries() -> None:
    wire = ("slct_runtime.wire", *(f"slct_runtime.core.{data}" for data in ("commands", "queues", "records")))
    wrong = [
        i
        for i in imports_of("runtime_client")
        if is_in(i.imported, "slct_runtime")
        and not any(is_in(i.imported, allowed) for allowed in wire)
        and not any(is_in(i.importer, simulation) for simulation in SIMULATION)
        and not (i.importer in RUN_THE_RUNTIME and i.is_local)
        and i.importer != DEVELOPMENT
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_core_imports_nothing_outside_itself() -> None:
    wrong = [
        i
        for i in imports_of("slct_runtime/core")
        if not is_in(i.imported, "slct_runtime.core") and i.imported.split(".")[0] not in CORE_MAY_IMPORT
    ]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("package", ["runtime_client", "runtime_client.testing"])
def test_all_names_what_is_public(package: str) -> None:
    module = importlib.import_module(package)
    reachable = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and getattr(value, "__module__", "").split(".")[0] == "runtime_client"
        and (package == "runtime_client" or value.__module__ == package)
    }
    exported = set(module.__all__)
    assert len(exported) == len(module.__all__), "a name is exported twice"
    assert exported - set(vars(module)) == set()
    assert reachable - exported == set()
