"""Rewrites that mend a finding, where one is safe: what was meant is plain, and nothing else can change. Edits of the author's text.

Whoever applies them (`_fix.py`) still looks whether the tree compiles as before.
"""

from __future__ import annotations

import ast
from functools import cached_property

from ._index import RUNTIME, Index, ModuleInfo
from ._unsupported import place_of
from ._walk import child_nodes, walk
from .diagnostics import Edit, Place


class Rewrites:
    """For the findings of one module."""

    def __init__(self, index: Index, info: ModuleInfo) -> None:
        self.index = index
        self.info = info

    def edits(self, code: str, node: ast.AST) -> tuple[Edit, ...]:
        """What mends a finding of this code at this node; nothing if an author must decide."""
        match code, node:
            case "SLC008", ast.AnnAssign(ast.Name() as name, annotation):
                return self._replace(self._between(name, annotation), " = ") + self._insert_after(annotation, "()")
            case "SLC301" | "SLC402", ast.Call():
                return self._durable_sleep(code, node)
            case "SLC302", ast.Call() if self._is_operation(node) and self._may_await(node):
                return self._replace(self._start(node), "await ")
            case "SLC303", ast.expr():
                return self._without_await(node)
            case "SLC403", ast.expr():
                return self._made_inside(node)
            case _:
                return ()

    # --- one for each ------------------------------------------------------------------------------------------------

    def _durable_sleep(self, code: str, call: ast.Call) -> tuple[Edit, ...]:
        """`time.sleep(1)` as a statement, and `await asyncio.sleep(1)`."""
        parent = self._parents.get(id(call))
        if self._last_word(call.func) != "sleep" or len(call.args) != 1 or call.keywords or not self._may_await(call):
            return ()
        if isinstance(call.args[0], ast.Starred):
            return ()
        name, imported = self._runtime_name("sleep")
        if not name:
            return ()
        match code, parent:
            case "SLC402", ast.Await():
                return self._replace(place_of(self.info, call.func), name) + imported
            case "SLC301", ast.Expr():
                return self._replace(place_of(self.info, call.func), f"await {name}") + imported
            case _:
                return ()

    def _without_await(self, value: ast.expr) -> tuple[Edit, ...]:
        parent = self._parents.get(id(value))
        if not isinstance(parent, ast.Await) or isinstance(value, ast.Call):
            return ()
        start, end = place_of(self.info, parent), place_of(self.info, value)
        words = Place(self.info.path, start.line, start.column, end.line, end.column)
        return self._replace(words, "") if self._text(words).split() == ["await"] else ()

    def _made_inside(self, default: ast.expr) -> tuple[Edit, ...]:
        """`lines=[]` to `lines=None`, and made at the beginning of the body."""
        arguments = self._parents.get(id(default))
        function = self._parents.get(id(arguments)) if isinstance(arguments, ast.arguments) else None
        if not isinstance(arguments, ast.arguments) or not isinstance(function, ast.AsyncFunctionDef):
            return ()
        name = _parameter_of(arguments, default)
        body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
        if name is None or not body:
            return ()
        first = body[0]
        line = self.info.source.split("\n")[first.lineno - 1]
        indent = line[: len(line) - len(line.lstrip())]
        is_alone = len(indent.encode()) == first.col_offset and not getattr(first, "decorator_list", [])
        if not is_alone or not isinstance(default, ast.List | ast.Dict | ast.Set | ast.Call):
            return ()
        newline = "\r\n" if line.endswith("\r") else "\n"
        text = f"{indent}if {name} is None:{newline}{indent}    {name} = {ast.unparse(default)}{newline}"
        at = Place(self.info.path, first.lineno, 0, first.lineno, 0)
        return (*self._replace(place_of(self.info, default), "None"), Edit(at, text))

    def _is_operation(self, call: ast.Call) -> bool:
        """Not a durable function: that may be meant for `go`."""
        is_of_channel = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Attribute)
        return is_of_channel or bool(self.index.runtime_name(self.info.name, call.func))

    # --- names ---------------------------------------------------------------------------------------------------------

    def _runtime_name(self, name: str) -> tuple[str, tuple[Edit, ...]]:
        """How the module calls something of the runtime, with the import that this needs; empty if the name is taken."""
        for bound, meaning in self.info.names.items():
            if meaning == f"{RUNTIME}.{name}":
                return (bound, ()) if bound not in self._bound_elsewhere else ("", ())
        imports = [
            n for n in self.info.tree.body if isinstance(n, ast.ImportFrom) and n.module == RUNTIME and not n.level
        ]
        if not imports or name in self._bound_elsewhere | set(self.info.names) or self.info.stars:
            return "", ()
        return name, self._insert_after(imports[0].names[-1], f", {name}")

    @cached_property
    def _bound_elsewhere(self) -> set[str]:
        """Names that something other than an import at module level binds, or that are read without an import."""
        found: set[str] = set()
        for node in walk(self.info.tree):
            match node:
                case ast.Name(name, ast.Store() | ast.Del()) | ast.arg(arg=name):
                    found.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    found.add(name)
                case ast.Import() | ast.ImportFrom() if node not in self.info.tree.body:
                    found |= {alias.asname or alias.name for alias in node.names}
                case _:
                    pass
        return found

    def _last_word(self, func: ast.expr) -> str:
        return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")

    # --- places --------------------------------------------------------------------------------------------------------

    @cached_property
    def _parents(self) -> dict[int, ast.AST]:
        return {id(child): node for node in walk(self.info.tree) for child in child_nodes(node)}

    def _may_await(self, node: ast.AST) -> bool:
        """Whether the innermost function around a node is asynchronous."""
        parent = self._parents.get(id(node))
        while parent is not None and not isinstance(parent, ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef):
            if isinstance(parent, ast.GeneratorExp | ast.ClassDef):
                return False
            parent = self._parents.get(id(parent))
        return isinstance(parent, ast.AsyncFunctionDef)

    def _start(self, node: ast.AST) -> Place:
        place = place_of(self.info, node)
        return Place(place.path, place.line, place.column, place.line, place.column)

    def _between(self, one: ast.AST, other: ast.AST) -> Place:
        start, end = place_of(self.info, one), place_of(self.info, other)
        return Place(start.path, start.end_line, start.end_column, end.line, end.column)

    def _replace(self, place: Place, text: str) -> tuple[Edit, ...]:
        return (Edit(place, text),)

    def _insert_after(self, node: ast.AST, text: str) -> tuple[Edit, ...]:
        place = place_of(self.info, node)
        return (Edit(Place(place.path, place.end_line, place.end_column, place.end_line, place.end_column), text),)

    def _text(self, place: Place) -> str:
        lines = self.info.source.split("\n")
        if place.line != place.end_line:
            return ""
        return lines[place.line - 1][place.column : place.end_column]


def _parameter_of(arguments: ast.arguments, default: ast.expr) -> str | None:
    """The parameter that has this default, if it has no annotation that None would contradict."""
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    found = next((argument for argument, value in pairs if value is default), None)
    return found.arg if found is not None and found.annotation is None else None


__all__ = ["Rewrites"]
