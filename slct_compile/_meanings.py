"""What the names in one durable function mean: absolute dotted names, by whatever import, also one inside the function."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator

from ._index import ClassInfo, Index, ModuleInfo, dotted_name, module_level
from ._scopes import function_names, names_bound_by
from ._walk import walk


class Meanings:
    """For one function. `owner`: the class that it is a method of. `around`: variables of the functions around it."""

    def __init__(
        self,
        index: Index,
        info: ModuleInfo,
        owner: ClassInfo | None,
        function: ast.AsyncFunctionDef,
        around: Iterable[str] = (),
    ) -> None:
        self.index = index
        self.info = info
        self.local = frozenset(function_names(function).locals).union(around)
        self.imported = dict(_imported_names(function))
        positional = [*function.args.posonlyargs, *function.args.args]
        self.receiver = positional[0].arg if owner is not None and positional else None

    def absolute(self, func: ast.expr) -> str:
        """The absolute name of what an expression names; empty if it is the function's own, or not known."""
        dotted = dotted_name(func)
        first, _, rest = dotted.partition(".") if dotted else ("", "", "")
        if first in self.imported:
            return f"{self.imported[first]}.{rest}" if rest else self.imported[first]
        if not dotted or first in self.local:
            return ""
        found = self.index.resolve(self.info.name, dotted)
        return found if isinstance(found, str) else ""

    def builtin(self, func: ast.expr) -> str:
        """The name of a builtin, if nobody has bound it."""
        if not isinstance(func, ast.Name) or func.id not in _BUILTINS or self.info.stars:
            return ""
        known = (self.local, self.info.names, self.info.functions, self.info.classes)
        if any(func.id in names for names in known):
            return ""
        return "" if any(func.id in names_bound_by(node) for node in module_level(self.info.tree.body)) else func.id

    def name(self, func: ast.expr) -> str:
        """Either."""
        return self.absolute(func) or self.builtin(func)


_BUILTINS = frozenset(dir(builtins))


def _imported_names(function: ast.AsyncFunctionDef) -> Iterator[tuple[str, str]]:
    """Names that imports in a body bind, and what they mean."""
    for node in walk(ast.Module(function.body, [])):
        match node:
            case ast.Import(names):
                for alias in names:
                    yield (
                        alias.asname or alias.name.partition(".")[0],
                        alias.name if alias.asname else alias.name.partition(".")[0],
                    )
            case ast.ImportFrom(str(module), names, 0):
                for alias in names:
                    yield alias.asname or alias.name, f"{module}.{alias.name}"
            case _:
                pass
