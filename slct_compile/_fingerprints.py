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

import libcst as cst

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
    blank: Collection[str],
    variables: Collection[str],
) -> dict[BlockId, Fingerprint]:
    """A fingerprint per state that takes an outcome, in the order of the text.

    Args:
      blank: Temporaries of the compiler.
      variables: The function's own locals.
    """
    operations = {b.terminator.then: b.terminator for b in graph.blocks.values() if isinstance(b.terminator, Suspend)}
    blocks = sorted((s.block for s in states if s.block.resumes), key=lambda b: (b.line, b.column, b.id))
    statements = tuple(_statements(function.body, ()))
    tokens = [EDGE, *(_short(_blanked(s.text, variables)) for s in statements), EDGE]
    found: dict[BlockId, Fingerprint] = {}
    seen: Counter[tuple[int, str]] = Counter()
    for block in blocks:
        position = _statement_at(statements, block.line, block.column)
        statement = statements[position]
        awaited = bounded(_blanked(_one_line(_code(operations[block.id].operation)), blank))
        nth = seen[position, awaited]
        seen[position, awaited] += 1
        found[block.id] = Fingerprint(
            bounded(statement.text), awaited, nth, block.hint, statement.within, tokens[position], tokens[position + 2]
        )
    return found


def _statement_at(statements: Sequence[_Statement], line: int, column: int) -> int:
    """The innermost statement around a place: the last one that begins before it and has not ended."""
    best = 0
    for position, statement in enumerate(statements):
        node = statement.node
        end = node.end_lineno or node.lineno
        if (node.lineno, node.col_offset) <= (line, column) and line <= end:
            best = position
    return best


def _statements(body: Sequence[ast.stmt], within: tuple[str, ...]) -> Iterator[_Statement]:
    """All statements in the order of the text; not those of inner functions and classes."""
    for node in body:
        head = _head(node)
        yield _Statement(node, head, within)
        for inner, block in _blocks(node, bounded(head)):
            yield from _statements(block, (*within, inner))


def _blocks(node: ast.stmt, head: str) -> Iterator[tuple[str, list[ast.stmt]]]:
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
                guard = f" if {ast.unparse(case.guard)}" if case.guard else ""
                yield bounded(f"{head} case {ast.unparse(case.pattern)}{guard}"), case.body
        case ast.Try() | ast.TryStar():
            yield "try", node.body
            for handler in node.handlers:
                kind = f" {ast.unparse(handler.type)}" if handler.type else ""
                yield bounded(f"except{kind}"), handler.body
            yield "else of try", node.orelse
            yield "finally", node.finalbody
        case _:
            pass


def _head(node: ast.stmt) -> str:
    """The text of a statement without the blocks in it."""
    match node:
        case ast.Try() | ast.TryStar():
            kinds = [ast.unparse(h.type) if h.type else "" for h in node.handlers]
            return " ".join(["try", *(f"except {k}".rstrip() for k in kinds)])
        case ast.If() | ast.While() | ast.For() | ast.AsyncFor() | ast.With() | ast.AsyncWith() | ast.Match():
            return _one_line(ast.unparse(node).split("\n", 1)[0]).rstrip(":")
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return _one_line(f"{type(node).__name__} {node.name}")
        case _:
            return _one_line(ast.unparse(node))


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def bounded(text: str) -> str:
    """Text short enough for one line of the lock."""
    return text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[: TEXT_CHARACTERS_MAX - 20]}… {_short(text)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")


def _blanked(text: str, names: Collection[str]) -> str:
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
