"""What a suspension looks like in the author's text, so that it is known again after an edit (compiler.md, "State names").

A fingerprint says what is awaited, in which statement, inside which blocks, between which statements. It knows nothing of
lines, of formatting or of comments. Temporaries of the compiler are blanked, so that their numbers do not matter; the
neighbours are told by short hashes in which locals are blanked, so that renaming a variable does not make them strangers.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import libcst as cst

from ._print import text_of_node
from .ir.ops import BlockId, Graph, Suspend
from .lower.states import StateCode

TEXT_CHARACTERS_MAX = 160
"""A longer text is cut, and ends in a hash of the whole."""

EDGE = "-"
"""The neighbour of the first and of the last statement."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """statement: its text, of a compound one only the head. awaited: the operation. nth: among equal ones of a statement.

    within: the heads of the blocks around it, outermost first. before, after: its neighbours in the text. callee: what the
    state would be called.
    """

    statement: str
    awaited: str
    nth: int
    callee: str
    within: tuple[str, ...]
    before: str
    after: str

    @property
    def own(self) -> tuple[str, str, int]:
        """What it is, wherever it stands."""
        return self.statement, self.awaited, self.nth


@dataclass(frozen=True, slots=True)
class _Statement:
    node: ast.stmt
    text: str
    within: tuple[str, ...]


def fingerprints(
    graph: Graph,
    states: Iterable[StateCode],
    function: ast.AsyncFunctionDef,
    source: str,
    blank: Collection[str],
    variables: Collection[str],
) -> dict[BlockId, Fingerprint]:
    """A fingerprint per state that takes an outcome, in the order of the text.

    Args:
      source: The text of the module.
      blank: Temporaries of the compiler.
      variables: The function's own locals.
    """
    operations = {b.terminator.then: b.terminator for b in graph.blocks.values() if isinstance(b.terminator, Suspend)}
    blocks = sorted((s.block for s in states if s.block.resumes), key=lambda b: (b.line, b.column, b.id))
    if not blocks:
        return {}
    statements = tuple(_Reader(_lines(source), function).statements(function.body, ()))
    tokens = [EDGE, *(_short(blanked(s.text, variables)) for s in statements), EDGE]
    found: dict[BlockId, Fingerprint] = {}
    seen: Counter[tuple[int, str]] = Counter()
    for block in blocks:
        position = _statement_at(statements, block.line, block.column)
        statement = statements[position]
        awaited = bounded(blanked(_code(operations[block.id].operation), blank))
        nth = seen[position, awaited]
        seen[position, awaited] += 1
        found[block.id] = Fingerprint(
            bounded(statement.text), awaited, nth, block.hint, statement.within, tokens[position], tokens[position + 2]
        )
    return found


@lru_cache(maxsize=1)
def _lines(source: str) -> list[str]:
    """The lines of the module at hand, which its functions share."""
    return source.split("\n")


def _statement_at(statements: Sequence[_Statement], line: int, column: int) -> int:
    """The innermost statement around a place: the last one that begins before it and has not ended."""
    best = 0
    for position, statement in enumerate(statements):
        node = statement.node
        end = node.end_lineno or node.lineno
        if (node.lineno, node.col_offset) <= (line, column) and line <= end:
            best = position
    return best


class _Reader:
    """Reads statements off the author's text. Not by `ast.unparse`: what that prints depends on the version of Python."""

    def __init__(self, lines: Sequence[str], function: ast.AsyncFunctionDef) -> None:
        self.before = function.lineno - 1
        self.lines = [line.encode() for line in lines[self.before : function.end_lineno]]

    def text(self, node: ast.expr | ast.stmt | ast.pattern) -> str:
        return self._between((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))

    def _between(self, start: tuple[int, int], end: tuple[int, int]) -> str:
        lines = self.lines[start[0] - 1 - self.before : end[0] - self.before]
        if not lines:
            return ""
        lines[-1] = lines[-1][: end[1]]
        lines[0] = lines[0][start[1] :]
        return normalised(b"\n".join(lines).decode())

    def statements(self, body: Sequence[ast.stmt], within: tuple[str, ...]) -> Iterator[_Statement]:
        """All statements in the order of the text; not those of inner functions and classes."""
        for node in body:
            head = self._head(node)
            yield _Statement(node, head, within)
            for inner, block in self._blocks(node, bounded(head)):
                yield from self.statements(block, (*within, inner))

    def _head(self, node: ast.stmt) -> str:
        """The text of a statement without the blocks in it."""
        match node:
            case ast.Try() | ast.TryStar():
                kinds = [self.text(h.type) if h.type else "" for h in node.handlers]
                return " ".join(["try", *(f"except {k}".rstrip() for k in kinds)])
            case ast.If(body=[first, *_]) | ast.While(body=[first, *_]) | ast.For(body=[first, *_]):
                return self._up_to(node, first)
            case ast.AsyncFor(body=[first, *_]) | ast.With(body=[first, *_]) | ast.AsyncWith(body=[first, *_]):
                return self._up_to(node, first)
            case ast.Match(subject=subject):
                return f"match {self.text(subject)}"
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return f"{'class' if isinstance(node, ast.ClassDef) else 'def'} {node.name}"
            case _:
                return self.text(node)

    def _up_to(self, node: ast.stmt, first: ast.stmt) -> str:
        decorators = first.decorator_list if isinstance(first, ast.FunctionDef | ast.ClassDef) else []
        line, column = min([(first.lineno, first.col_offset), *((d.lineno, d.col_offset) for d in decorators)])
        text = self._between((node.lineno, node.col_offset), (line, column)).rstrip("@").rstrip().rstrip(":")
        return f"if{text[4:]}" if isinstance(node, ast.If) and text.startswith("elif") else text

    def _blocks(self, node: ast.stmt, head: str) -> Iterator[tuple[str, list[ast.stmt]]]:
        """The blocks of a compound statement, each with what it is called in a path."""
        match node:
            case ast.If(body=body, orelse=orelse) | ast.While(body=body, orelse=orelse):
                yield head, body
                yield f"else of {head}", orelse
            case ast.For(body=body, orelse=orelse) | ast.AsyncFor(body=body, orelse=orelse):
                yield head, body
                yield f"else of {head}", orelse
            case ast.With(body=body) | ast.AsyncWith(body=body):
                yield head, body
            case ast.Match(cases=cases):
                for case in cases:
                    guard = f" if {self.text(case.guard)}" if case.guard else ""
                    yield bounded(f"{head} case {self.text(case.pattern)}{guard}"), case.body
            case ast.Try() | ast.TryStar():
                yield "try", node.body
                for handler in node.handlers:
                    kind = f" {self.text(handler.type)}" if handler.type else ""
                    yield bounded(f"except{kind}"), handler.body
                yield "else of try", node.orelse
                yield "finally", node.finalbody
            case _:
                pass


def _code(node: cst.CSTNode) -> str:
    return normalised(text_of_node(node))


_TOKEN = re.compile(
    r"""
    (?P<string> (?:\b[A-Za-z]{1,2})? (?: \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3}
        | \"(?:[^"\\\n]|\\.)*\" | '(?:[^'\\\n]|\\.)*' ))
    | (?P<comment> \#[^\n]* )
    | (?P<continued> \\\r?\n )
    | (?P<word> [\w.]+ )
    | (?P<other> \S )
    """,
    re.VERBOSE | re.DOTALL,
)


def normalised(text: str) -> str:
    """Text whatever its layout, line breaks, comments, trailing commas and kind of quotes."""
    shown: list[str] = []
    last = ""
    for found in _TOKEN.finditer(text):
        kind, token = found.lastgroup, found.group()
        if kind in ("comment", "continued"):
            continue
        if kind == "string":
            token = _one_kind_of_quotes(token)
        if token in (")", "]", "}") and last == ",":
            shown.pop()
        is_apart = last in (",", ":") or (kind in ("word", "string") and _is_word(last))
        if is_apart and token not in (")", "]", "}", ","):
            shown.append(" ")
        shown.append(token)
        last = token
    return "".join(shown)


def _is_word(token: str) -> bool:
    return token[-1:].isalnum() or token[-1:] in ("_", '"', "'")


def _one_kind_of_quotes(token: str) -> str:
    inner = token[1:-1]
    return f'"{inner}"' if token[:1] == "'" and not {'"', "\\", "'"} & set(inner) else token


def bounded(text: str) -> str:
    """Text short enough for one line of the lock."""
    return text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[: TEXT_CHARACTERS_MAX - 20]}… {_short(text)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")


def blanked(text: str, names: Collection[str]) -> str:
    """A text in which it does not matter what these names are."""
    return _WORD.sub(lambda m: "_" if m.group() in names else m.group(), text)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A text with variables called otherwise."""
    return _WORD.sub(lambda m: names.get(m.group(), m.group()), text)


def with_names(fingerprint: Fingerprint, names: Mapping[str, str]) -> Fingerprint:
    """The fingerprint as it would be with variables called otherwise."""
    return Fingerprint(
        renamed(fingerprint.statement, names),
        renamed(fingerprint.awaited, names),
        fingerprint.nth,
        fingerprint.callee,
        tuple(renamed(w, names) for w in fingerprint.within),
        fingerprint.before,
        fingerprint.after,
    )
