"""The code of one state, and what its words mean there. Nothing is known here of what happens when it runs."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from .._index import dotted_name
from .._walk import walk
from ..ir import ops
from .model import Frame, Unknown
from .program import Function, Program, runtime_word


@dataclass(frozen=True, slots=True)
class Code:
    """A state of a function. `is_guarded`: an error that is raised here is handled somewhere, not only passed on by TaskGroups."""

    program: Program
    function: Function
    block: int
    is_guarded: bool = True

    @property
    def statements(self) -> Sequence[ast.stmt]:
        return self.function.code[self.block]

    @property
    def place(self) -> Frame:
        return Frame(self.function.name, self.block)

    @property
    def on_error(self) -> int | None:
        """The block that handles what is raised here."""
        return self.function.states[self.block].region.on_error if self.is_guarded else None

    def unknown(self, text: str) -> Unknown:
        return Unknown(text, self.function.info.path, self.function.line(self.block))

    def loosen(self, text: str) -> None:
        """From here on, something is not followed: it may do anything that it can reach."""
        self.program.loosen(self.place, text)

    def word(self, func: ast.expr) -> str:
        """`recv`, if it is that of `runtime_client`."""
        return runtime_word(self.function, func)

    def calls(self, node: ast.AST) -> bool:
        """Whether a durable function is called anywhere in it."""
        return any(isinstance(one, ast.Call) and self.called(one.func) is not None for one in walk(node))

    def called(self, func: ast.expr) -> Function | None:
        """The durable function that an expression names."""
        return self.program.called(self.function, func)

    def is_helper(self, func: ast.expr, name: str) -> bool:
        """A helper of the compiler, which the author's code does not name."""
        if not isinstance(func, ast.Name) or func.id != name:
            return False
        known = (self.function.meanings.local, self.function.info.names, self.function.info.functions)
        return not any(name in names for names in known)

    def acts(self, node: ast.AST) -> bool:
        """Whether goroutines begin, or channels or goroutines end, anywhere in it."""
        return any(isinstance(one, ast.Call) and self._is_act(one.func) for one in walk(node))

    def _is_act(self, func: ast.expr) -> bool:
        return self.word(func) in ("go", "close", "make_channel") or last_name(func) in (
            "go",
            "create_task",
            "close",
            "cancel",
        )


def last_name(func: ast.expr) -> str:
    """`go` of `group.go`."""
    return dotted_name(func).rpartition(".")[2]


def is_resume(node: ast.AST) -> bool:
    """Whether it stands for what the state is woken with."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == ops.RESUME_MARKER


def is_marker(node: ast.AST) -> bool:
    """Whether the compiler has put it there."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ops.MARKERS


def names_in(node: ast.AST) -> set[str]:
    """All names that it reads or binds."""
    found = {n.id for n in walk(node) if isinstance(n, ast.Name)}
    found |= {n.name for n in walk(node) if isinstance(n, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and n.name}
    return found | {n.rest for n in walk(node) if isinstance(n, ast.MatchMapping) and n.rest}
