"""What the whole tree says about itself, by name: modules, their imports, their classes, their decorated functions.

Read with `ast`, which is fast, before any module is parsed for good. Answers one question for the rest: what does this
dotted name, written in that module, mean? Either something of `runtime_client`, or a class or function of the tree, or
something unknown. Names are resolved as written; nothing is imported or executed.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ._scopes import bound_names

RUNTIME = "runtime_client"
"""The package whose `Process`, `durable` and `process` make code durable."""


@dataclass(slots=True)
class ClassInfo:
    """A class statement at module level, or inside another class."""

    module: str
    qualname: str
    bases: tuple[str, ...]
    node: ast.ClassDef
    async_methods: tuple[str, ...]
    states: tuple[str, ...]


@dataclass(slots=True)
class ModuleInfo:
    """One module of the tree. `names` maps what it binds at module level to an absolute dotted name."""

    name: str
    path: str
    source: str
    tree: ast.Module
    is_package: bool
    names: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    classes: dict[str, ClassInfo] = field(default_factory=dict)
    functions: dict[str, ast.AsyncFunctionDef | ast.FunctionDef] = field(default_factory=dict)


Found: TypeAlias = str | ClassInfo | None
"""A name of `runtime_client` or outside the tree (absolute, dotted), a class of the tree, or not known."""


def read_module(name: str, path: str, source: str, *, is_package: bool = False) -> ModuleInfo:
    """Index one module.

    Raises:
      SyntaxError: it cannot be parsed.
    """
    info = ModuleInfo(name, path, source, ast.parse(source, filename=path), is_package)
    for node in module_level(info.tree.body):
        _read_statement(info, node)
    return info


def module_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at import, also those under `if`, `try` and `with`."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers"):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for child in getattr(node, part, ()):
                yield from module_level(child.body if isinstance(child, ast.ExceptHandler) else [child])


def all_statements(body: Sequence[ast.stmt], is_inside: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement at any depth, and whether it stands inside a function. Expressions are not looked at: they are many."""
    for node in body:
        yield node, is_inside
        inside = is_inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for part in ("body", "orelse", "finalbody"):
            yield from all_statements(getattr(node, part, ()), inside)
        for part in ("handlers", "cases"):
            for child in getattr(node, part, ()):
                yield from all_statements(child.body, inside)


def _read_statement(info: ModuleInfo, node: ast.stmt) -> None:
    match node:
        case ast.Import(names):
            for alias in names:
                bound = alias.asname or alias.name.partition(".")[0]
                info.names[bound] = alias.name if alias.asname else bound
        case ast.ImportFrom(module, names, level):
            origin = _absolute(info, module, level)
            for alias in names:
                if alias.name == "*":
                    info.stars.append(origin)
                else:
                    info.names[alias.asname or alias.name] = f"{origin}.{alias.name}"
        case ast.ClassDef():
            _read_class(info, node, node.name)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            info.functions[node.name] = node
            info.names[node.name] = f"{info.name}.{node.name}"
        case ast.Assign([ast.Name(alias)], ast.Name() | ast.Attribute() as value):
            dotted = dotted_name(value)
            first, _, rest = dotted.partition(".")
            if first in info.names:
                info.names[alias] = info.names[first] + (f".{rest}" if rest else "")
        case _:
            pass


def _absolute(info: ModuleInfo, module: str | None, level: int) -> str:
    if not level:
        return module or ""
    parts = info.name.split(".")
    kept = parts[: len(parts) - level + (1 if info.is_package else 0)]
    return ".".join([*kept, module] if module else kept)


def _read_class(info: ModuleInfo, node: ast.ClassDef, qualname: str) -> None:
    info.names.setdefault(node.name, f"{info.name}.{qualname}")
    info.classes[qualname] = ClassInfo(
        info.name,
        qualname,
        tuple(filter(None, (dotted_name(b) for b in node.bases))),
        node,
        tuple(s.name for s in node.body if isinstance(s, ast.AsyncFunctionDef)),
        tuple(s.name for s in node.body if isinstance(s, ast.FunctionDef) and s.name.startswith("Main_")),
    )
    for child in node.body:
        if isinstance(child, ast.ClassDef):
            _read_class(info, child, f"{qualname}.{child.name}")


def dotted_name(node: ast.expr) -> str:
    """`a.b.c` as written, subscripts (`Base[int]`) left off; empty if it is not a name."""
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value, attribute):
            inner = dotted_name(value)
            return f"{inner}.{attribute}" if inner else ""
        case ast.Subscript(value):
            return dotted_name(value)
        case _:
            return ""


class Index:
    """Every module of the tree, and what names in them mean. `strict`: every variable that is saved is to have a type."""

    def __init__(self, modules: Sequence[ModuleInfo], *, strict: bool = False) -> None:
        self.strict = strict
        self.modules = {m.name: m for m in modules}
        self._sorted = sorted(self.modules)
        self._reached: dict[int, frozenset[str]] = {}
        self._kinds: dict[tuple[str, str], bool] = {}
        self._durable_classes: set[tuple[str, str]] | None = None

    def view(self, info: ModuleInfo) -> Index:
        """All of the tree that the compilation of one module may look at: it sees no more, so that nothing else can matter."""
        reached = self.reach(info)
        view = Index([self.modules[name] for name in reached], strict=self.strict)
        seen = frozenset(reached)
        view._durable_classes = {key for key in self.durable_classes() if key[0] in seen}
        return view

    def reach(self, info: ModuleInfo) -> list[str]:
        """The names of the modules that a module can name something of, itself included: whatever it imports, and so on."""
        found = {info.name}
        waiting = [*self._imported(info), *self._imported(self.modules[info.name])]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._imported(self.modules[name])
        return sorted(found)

    def _imported(self, info: ModuleInfo) -> frozenset[str]:
        """The modules of the tree that the names bound in a module may lead to, directly."""
        known = self._reached.get(id(info))
        if known is None:
            known = frozenset(self._targets({*info.names.values(), *info.stars}))
            self._reached[id(info)] = known
        return known

    def _targets(self, targets: set[str]) -> Iterator[str]:
        for target in targets:
            parts = target.split(".")
            yield from (prefix for cut in range(len(parts)) if (prefix := ".".join(parts[: cut + 1])) in self.modules)
            # `import package` names everything in it, by `package.module.name`.
            first = bisect_left(self._sorted, f"{target}.")
            for name in self._sorted[first:]:
                if not name.startswith(f"{target}."):
                    break
                yield name

    def resolve(self, module: str, dotted: str) -> Found:
        """What `dotted`, written in `module`, means."""
        return self._resolve(module, dotted, frozenset())

    def _resolve(self, module: str, dotted: str, seen: frozenset[tuple[str, str]]) -> Found:
        if (module, dotted) in seen or module not in self.modules:
            return None
        seen = seen | {(module, dotted)}
        info = self.modules[module]
        if dotted in info.classes:
            return info.classes[dotted]
        first, _, rest = dotted.partition(".")
        if first in info.names:
            target = info.names[first] + (f".{rest}" if rest else "")
            return self._resolve_absolute(target, seen)
        for star in info.stars:
            found = self._resolve_absolute(f"{star}.{dotted}", seen)
            if found is not None:
                return found
        return None

    def _resolve_absolute(self, target: str, seen: frozenset[tuple[str, str]]) -> Found:
        parts = target.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:cut])
            if module in self.modules:
                rest = ".".join(parts[cut:])
                info = self.modules[module]
                if rest in info.functions:
                    return target
                found = self._resolve(module, rest, seen)
                return target if found is None and rest.partition(".")[0] in info.functions else found
        return target

    def function(self, absolute: str) -> tuple[ModuleInfo, ast.AsyncFunctionDef | ast.FunctionDef] | None:
        """The module-level function of the tree of this absolute name."""
        module, _, name = absolute.rpartition(".")
        info = self.modules.get(module)
        if info is None or name not in info.functions:
            return None
        return info, info.functions[name]

    def runtime_name(self, module: str, node: ast.expr) -> str:
        """`recv` if the expression names `runtime_client.recv`, by whatever import; empty otherwise."""
        dotted = dotted_name(node)
        found = self.resolve(module, dotted) if dotted else None
        return found.removeprefix(RUNTIME + ".") if isinstance(found, str) and found.startswith(RUNTIME + ".") else ""

    def bases(self, info: ClassInfo) -> list[Found]:
        """What the bases of a class mean, in order."""
        scope = info.qualname.rpartition(".")[0]
        return [self._in_class(info.module, scope, base) for base in info.bases]

    def _in_class(self, module: str, scope: str, dotted: str) -> Found:
        if scope and f"{scope}.{dotted}" in self.modules[module].classes:
            return self.modules[module].classes[f"{scope}.{dotted}"]
        return self.resolve(module, dotted)

    def ancestors(self, info: ClassInfo) -> list[ClassInfo]:
        """The class and its bases in the tree, itself first, each once."""
        found: dict[tuple[str, str], ClassInfo] = {}
        self._collect(info, found)
        return list(found.values())

    def _collect(self, info: ClassInfo, found: dict[tuple[str, str], ClassInfo]) -> None:
        key = (info.module, info.qualname)
        if key in found:
            return
        found[key] = info
        for base in self.bases(info):
            if isinstance(base, ClassInfo):
                self._collect(base, found)

    def is_process(self, info: ClassInfo) -> bool:
        """Whether a class derives from `runtime_client.Process`, directly or through classes of the tree."""
        key = (info.module, info.qualname)
        if key not in self._kinds:
            self._kinds[key] = any(base == f"{RUNTIME}.Process" for a in self.ancestors(info) for base in self.bases(a))
        return self._kinds[key]

    def process_classes(self) -> list[ClassInfo]:
        """Every process class of the tree, in the order of modules and text."""
        return [c for m in self.modules.values() for c in m.classes.values() if self.is_process(c)]

    def durable_classes(self) -> set[tuple[str, str]]:
        """Classes whose `async def`s are durable: process classes and what they derive from (detail D12)."""
        if self._durable_classes is None:
            every = (a for c in self.process_classes() for a in self.ancestors(c))
            self._durable_classes = {(a.module, a.qualname) for a in every}
        return self._durable_classes

    def has_entry(self, info: ClassInfo) -> bool:
        """Whether a process class is a definition: it has `main`, or states written by hand, own or inherited.

        One with a method that is still abstract is a base, as one without `main` is.
        """
        if self._is_abstract(info):
            return False
        for ancestor in self.ancestors(info):
            if ancestor.states:
                return True
            for node in ancestor.node.body:
                if isinstance(node, ast.AsyncFunctionDef) and node.name == "main":
                    return True
        return False

    def _is_abstract(self, info: ClassInfo) -> bool:
        """Whether the first binding of some name, in the order of inheritance, is an abstract method."""
        seen: set[str] = set()
        for ancestor in self.ancestors(info):
            own = {name: node for node in ancestor.node.body for name in bound_names([node])}
            if any(name not in seen and _is_abstract_method(node) for name, node in own.items()):
                return True
            seen |= own.keys()
        return False

    def durable_decorator(self, module: str, node: ast.AsyncFunctionDef | ast.FunctionDef) -> str:
        """`durable` or `process` if a function is decorated so, else empty."""
        for decorator in node.decorator_list:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = self.runtime_name(module, target)
            if name in ("durable", "process"):
                return name
        return ""


@dataclass(frozen=True, slots=True)
class DurableName:
    """Where a durable function is: its qualified name in its module, and how it was declared."""

    qualname: str
    kind: str
    node: ast.AsyncFunctionDef


def durable_functions(index: Index, info: ModuleInfo) -> dict[tuple[int, int], DurableName]:
    """The durable functions of a module, by line and column of their `async`."""
    found: dict[tuple[int, int], DurableName] = {}
    durable_classes = index.durable_classes()
    for function in _top_functions(info.tree.body):
        kind = index.durable_decorator(info.name, function)
        if kind:
            found[function.lineno, function.col_offset] = DurableName(function.name, kind, function)
    for class_info in info.classes.values():
        in_process = (info.name, class_info.qualname) in durable_classes
        for child in class_info.node.body:
            if isinstance(child, ast.AsyncFunctionDef) and (in_process or index.durable_decorator(info.name, child)):
                qualname = f"{class_info.qualname}.{child.name}"
                found[child.lineno, child.col_offset] = DurableName(qualname, _method_kind(child), child)
    return found


def _top_functions(body: Sequence[ast.stmt]) -> Iterator[ast.AsyncFunctionDef]:
    for node in module_level(body):
        if isinstance(node, ast.AsyncFunctionDef):
            yield node


def _method_kind(node: ast.AsyncFunctionDef) -> str:
    names = {dotted_name(d) for d in node.decorator_list}
    if "staticmethod" in names:
        return "static"
    return "class" if "classmethod" in names else "method"


def _is_abstract_method(node: ast.stmt) -> bool:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
    return any(dotted_name(d).rpartition(".")[2].startswith("abstract") for d in decorators)
