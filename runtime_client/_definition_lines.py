"""Where a local variable of a durable function got its value, for messages: read from the author's source, if it is there.

Compiled code carries the author's file name where its loader has found the sources (`_source.py`); where not, nothing is said.
"""

from __future__ import annotations

import ast
import linecache
import sys
from functools import lru_cache
from types import CodeType

from ._frame import Frame, author_name


def defined_at(frame: type[Frame], slot: str, suspended: int) -> int | None:
    """The line that last gave a local its value, in the order of the text, before a suspension; None if that is not known."""
    file = next((code.co_filename for name in frame.STATES if (code := code_of(frame, name)) is not None), "")
    lines = _bindings(file, frame.FUNCTION).get(author_name(slot), ())
    before = [line for line in lines if line <= suspended]
    return max(before) if before else min(lines, default=None)


def code_of(frame: type[Frame], state: str) -> CodeType | None:
    """The code of a state; those of methods are in the class that the frame's class is in."""
    found = vars(frame).get(state) or getattr(_owner(frame), state, None)
    code = getattr(found, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _owner(frame: type[Frame]) -> object | None:
    found: object | None = sys.modules.get(frame.__module__)
    for part in frame.__qualname__.split(".")[:-1]:
        found = getattr(found, part, None)
    return found


@lru_cache(maxsize=64)
def _bindings(file: str, function: str) -> dict[str, tuple[int, ...]]:
    """The lines in which each name of a function is bound."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return {}
    node = _find(tree, function.split("."))
    found: dict[str, list[int]] = {}
    for inner in ast.walk(node) if node is not None else ():
        match inner:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                found.setdefault(name, []).append(inner.lineno)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.setdefault(name, []).append(inner.lineno)
            case _:
                pass
    return {name: tuple(lines) for name, lines in found.items()}


def _find(tree: ast.AST, parts: list[str]) -> ast.AsyncFunctionDef | None:
    for part in parts:
        inner = (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef | ast.AsyncFunctionDef | ast.FunctionDef))
        found = next((n for n in inner if n.name == part and n is not tree), None)
        if found is None:
            return None
        tree = found
    return tree if isinstance(tree, ast.AsyncFunctionDef) else None
