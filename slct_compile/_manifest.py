"""`slct_definitions.py` and `slct_manifest.json`: what the build defines, for people's imports and for the runtime.

The manifest says what a deployment must know to decide whether saved frames fit: functions, states, live slots with their
types, select cases, effects; and which files the compiler wrote, so that it removes those and no others. Its schema is
`slct_manifest/schema.py`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slct_manifest import FORMAT

from ._checks import definition_of
from ._files import MANIFEST
from ._index import ClassInfo, Index
from ._migrations import find_migrations, find_renames
from ._naming import definition_name
from ._outputs import ModuleOutput

DEFINITIONS = "slct_definitions.py"


@dataclass(frozen=True, slots=True)
class Definition:
    """A process class or `@process` function, by its deployed name."""

    name: str
    module: str
    qualname: str


def find_process_definitions(index: Index) -> list[Definition]:
    """All of the tree, by name."""
    found = []
    for info in index.modules.values():
        for class_info in info.classes.values():
            if index.is_process(class_info) and index.has_entry(class_info):
                found.append(Definition(_class_definition_name(class_info), info.name, class_info.qualname))
        for name, function in info.functions.items():
            if index.durable_decorator(info.name, function) == "process":
                found.append(Definition(definition_of(index, info, function) or name, info.name, name))
    return sorted(found, key=lambda d: (d.name, d.module, d.qualname))


def _class_definition_name(info: ClassInfo) -> str:
    for keyword in info.node.keywords:
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
            return keyword.value.value
    return definition_name(info.qualname.rpartition(".")[2])


def definitions_module(definitions: Sequence[Definition], modules: Sequence[str]) -> str:
    """The text of `slct_definitions.py`."""
    imported: dict[str, str] = {}
    lines: list[str] = []
    names: dict[tuple[str, str], str] = {}
    for definition in definitions:
        top, _, rest = definition.qualname.partition(".")
        alias = top if imported.get(top, definition.module) == definition.module else ""
        alias = alias if alias and alias not in _OWN else f"{definition.module.replace('.', '_')}_{top}"
        if imported.get(alias) != definition.module:
            imported[alias] = definition.module
            renamed = "" if alias == top else f" as {alias}"
            lines.append(f"from {definition.module} import {top}{renamed}")
        names[definition.module, definition.qualname] = f"{alias}.{rest}" if rest else alias
    entries = "".join(f'        "{d.name}": {names[d.module, d.qualname]},\n' for d in definitions)
    shown = "".join(f'        "{m}",\n' for m in modules)
    imports = "\n".join(sorted(lines))
    return (
        '"""Written by slct-compile: the definitions of this build. `slct_manifest.json` describes their states."""\n\n'
        "from pathlib import Path\n\n"
        f"from runtime_client import Definitions\nfrom runtime_client._source import show_sources\n\n"
        f"show_sources(Path(__file__).parent)\n\n{imports}{chr(10) if imports else ''}\n"
        f"defs = Definitions(\n    {{\n{entries}    }},\n    modules=(\n{shown}    ),\n"
        f'    manifest=Path(__file__).with_name("{MANIFEST}"),\n)\n'
    )


_OWN = frozenset({"Path", "Definitions", "defs", "show_sources"})


def manifest(
    index: Index, outputs: Mapping[str, ModuleOutput], definitions: Sequence[Definition], files: Sequence[str]
) -> str:
    """The text of `slct_manifest.json`."""
    functions = {
        f"{output.info.name}:{one.qualname}": one.described for output in outputs.values() for one in output.functions
    }
    content = {
        "format": FORMAT,
        "modules": sorted(m for m in index.modules if not m.endswith("__main__")),
        "definitions": {d.name: _definition(index, d, functions) for d in definitions},
        "functions": dict(sorted(functions.items())),
        "files": sorted(files),
        "migrations": [migration for info in index.modules.values() for migration in find_migrations(index, info)],
        "renames": {old: new for info in index.modules.values() for old, new in find_renames(index, info)},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _definition(index: Index, definition: Definition, functions: Mapping[str, Any]) -> dict[str, Any]:
    info = index.modules[definition.module]
    described: dict[str, Any] = {
        "class": f"{definition.module}:{definition.qualname}",
        "source": info.path,
        "modules": [definition.module],
        "functions": [],
        "channels": {},
        "fields": {},
        "parameters": [],
    }
    if definition.qualname not in info.classes:
        key = f"{definition.module}:{definition.qualname}"
        return described | {"functions": [key], "parameters": functions.get(key, {}).get("parameters", [])}
    ancestors = index.ancestors(info.classes[definition.qualname])
    found: dict[str, str] = {}
    for ancestor in ancestors:
        for name in ancestor.async_methods:
            found.setdefault(name, f"{ancestor.module}:{ancestor.qualname}.{name}")
    described["modules"] = sorted({a.module for a in ancestors})
    described["functions"] = sorted(found.values())
    for ancestor in reversed(ancestors):
        channels, fields = _attributes(index, ancestor)
        described["channels"].update(channels)
        described["fields"].update(fields)
    if "main" in found:
        described["parameters"] = functions.get(found["main"], {}).get("parameters", [])
    return described


def _attributes(index: Index, info: ClassInfo) -> tuple[dict[str, Any], dict[str, Any]]:
    """Declared channels and shared fields of one class."""
    channels: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for node in info.node.body:
        match node:
            case ast.Assign([ast.Name(name)], ast.Call() as value) | ast.AnnAssign(
                ast.Name(name), _, ast.Call() as value
            ) if index.runtime_name(info.module, value.func) == "Channel":
                channels[name] = {"type": _element_type(value), "capacity": _capacity(value)}
            case ast.AnnAssign(ast.Name(name), annotation, value):
                if "ClassVar" not in ast.unparse(annotation):
                    fields[name] = {"type": ast.unparse(annotation), "default": ast.unparse(value) if value else None}
            case _:
                pass
    return channels, fields


def _element_type(call: ast.Call) -> str | None:
    return ast.unparse(call.func.slice) if isinstance(call.func, ast.Subscript) else None


def _capacity(call: ast.Call) -> int | str:
    given = [*call.args, *(k.value for k in call.keywords if k.arg == "capacity")]
    if not given:
        return 0
    value = given[0]
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, int) else ast.unparse(value)


__all__ = ["DEFINITIONS", "MANIFEST", "Definition", "definitions_module", "find_process_definitions", "manifest"]
