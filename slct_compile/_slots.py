"""Local names to slots: `total` to `f.total`, wherever the name means the function's own variable.

A transformer over the author's nodes that knows Python's scopes: inner functions, lambdas, comprehensions and classes
shadow; `nonlocal` does not; a walrus in a comprehension binds outside it. Where the grammar wants a bare name (captures,
imports, `def`, `except … as`), the name is bound first and the slot set from it.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import libcst as cst

from ._places import carried
from ._print import text_of_node
from ._scopes import bound_names, comprehension_targets, function_shadows
from ._visit import transform
from ._walk import child_nodes

_NodeT = TypeVar("_NodeT", bound=cst.CSTNode)
_HandlerT = TypeVar("_HandlerT", cst.ExceptHandler, cst.ExceptStarHandler)
Statement = cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]


@dataclass(frozen=True, slots=True)
class _Scope:
    """Names that an inner scope takes away. A class's do not reach into functions inside it."""

    shadows: frozenset[str]
    is_class: bool = False


class SlotRenamer(cst.CSTTransformer):
    """Rewrites one piece of a function's code.

    Args:
      slots: A name to the attribute of the frame, or of a frame around it (`outer.total`).
      stubs: What becomes of local async functions, by name.
    """

    def __init__(
        self,
        frame: str,
        slots: Mapping[str, str],
        rebound: frozenset[str],
        stubs: Mapping[str, Callable[[cst.FunctionDef], cst.FunctionDef]] | None = None,
    ) -> None:
        super().__init__()
        self.stubs = stubs or {}
        self.frame = frame
        self.slots = slots
        self.rebound = rebound  # names of handlers whose unbinding can be seen
        self.scopes: list[_Scope] = []
        self.quotes: list[str] = []  # of the formatted strings around

    # --- what a name means -----------------------------------------------------------------------------------------

    def slot(self, name: str) -> str | None:
        if name not in self.slots:
            return None
        for depth, scope in enumerate(reversed(self.scopes)):
            if name in scope.shadows and not (scope.is_class and depth > 0):
                return None
        return self.slots[name]

    def attribute(self, slot: str) -> cst.Attribute:
        *outer, own = slot.split(".")
        frame = self.frame_at(outer)
        return cst.Attribute(frame, cst.Name(carried(slot, own)))

    def frame_at(self, outer: Sequence[str]) -> cst.BaseExpression:
        frame: cst.BaseExpression = cst.Name(self.frame)
        for name in outer:
            frame = cst.Attribute(frame, cst.Name(name))
        return frame

    def let(self, values: Sequence[tuple[str, cst.BaseExpression]]) -> list[cst.Call]:
        """`f.let(x=x)` for slots of one frame after another."""
        equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        grouped: dict[str, list[cst.Arg]] = {}
        for slot, value in values:
            outer, _, own = slot.rpartition(".")
            grouped.setdefault(outer, []).append(cst.Arg(value, keyword=cst.Name(own), equal=equal))
        return [
            cst.Call(cst.Attribute(self.frame_at(outer.split(".") if outer else ()), cst.Name("let")), bound)
            for outer, bound in grouped.items()
        ]

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        slot = self.slot(updated_node.value)
        if slot is None:
            return updated_node
        slot = carried(updated_node.value, slot)
        return self.attribute(slot).with_changes(lpar=updated_node.lpar, rpar=updated_node.rpar)

    # --- names that are not variables ------------------------------------------------------------------------------

    def visit_Attribute_attr(self, node: cst.Attribute) -> None:
        self.scopes.append(_Scope(frozenset(self.slots)))

    def leave_Attribute_attr(self, node: cst.Attribute) -> None:
        self.scopes.pop()

    def visit_Arg_keyword(self, node: cst.Arg) -> None:
        self.scopes.append(_Scope(frozenset(self.slots)))

    def leave_Arg_keyword(self, node: cst.Arg) -> None:
        self.scopes.pop()

    def visit_MatchKeywordElement_key(self, node: cst.MatchKeywordElement) -> None:
        self.scopes.append(_Scope(frozenset(self.slots)))

    def leave_MatchKeywordElement_key(self, node: cst.MatchKeywordElement) -> None:
        self.scopes.pop()

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def visit_Global(self, node: cst.Global) -> bool:
        return False

    def visit_Nonlocal(self, node: cst.Nonlocal) -> bool:
        return False

    def leave_Nonlocal(
        self, original_node: cst.Nonlocal, updated_node: cst.Nonlocal
    ) -> cst.BaseSmallStatement | cst.RemovalSentinel:
        """In an inner function: what it declared is a slot now."""
        kept = [n for n in updated_node.names if self.slot(n.name.value) is None]
        if len(kept) == len(updated_node.names):
            return updated_node
        if not kept:
            return cst.RemoveFromParent()
        kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(names=kept)

    # --- inner scopes ----------------------------------------------------------------------------------------------

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.BaseExpression:
        parsed = _expression(original_node)
        assert isinstance(parsed, ast.Lambda)
        shadows = frozenset(function_shadows(parsed)[0])
        params = self._parameters(original_node.params)
        return updated_node.with_changes(params=params, body=self._inside(shadows, original_node.body))

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> Statement:
        parsed = _statement(original_node)
        assert isinstance(parsed, ast.FunctionDef | ast.AsyncFunctionDef)
        shadows = frozenset(function_shadows(parsed)[0])
        changed = updated_node.with_changes(
            params=self._parameters(original_node.params),
            returns=self._visit(original_node.returns),
            decorators=[self._visit(d) for d in original_node.decorators],
        )
        if original_node.asynchronous is not None:
            changed = self.stubs[original_node.name.value](changed)
        else:
            changed = changed.with_changes(body=self._inside(shadows, original_node.body))
        return self._then_set(changed, original_node.name.value)

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> Statement:
        parsed = _statement(original_node)
        assert isinstance(parsed, ast.ClassDef)
        free = {n for s in parsed.body for w in _own(s) if isinstance(w, ast.Nonlocal) for n in w.names}
        shadows = frozenset(set(bound_names(parsed.body)) - free)
        changed = updated_node.with_changes(
            bases=[self._visit(b) for b in original_node.bases],
            keywords=[self._visit(k) for k in original_node.keywords],
            decorators=[self._visit(d) for d in original_node.decorators],
            body=self._inside(shadows, original_node.body, is_class=True),
        )
        return self._then_set(changed, original_node.name.value)

    def _parameters(self, node: cst.Parameters) -> cst.Parameters:
        """Defaults and annotations are evaluated out here; the names are not ours."""
        return transform(node, _ParameterRenamer(self))  # type: ignore[no-any-return]  # renaming keeps the kind of node

    def _inside(self, shadows: frozenset[str], node: Any, *, is_class: bool = False) -> Any:
        self.scopes.append(_Scope(shadows, is_class))
        result = transform(node, self)
        self.scopes.pop()
        return result

    def _visit(self, node: Any) -> Any:
        return None if node is None else transform(node, self)

    def _comprehension(self, node: Any, updated: _NodeT) -> _NodeT:
        parsed = _expression(node)
        shadows = frozenset(comprehension_targets(parsed))  # type: ignore[arg-type]  # the text was printed from a comprehension
        first = transform(node.for_in.iter, self)
        self.scopes.append(_Scope(shadows))
        parts = {name: transform(getattr(node, name), self) for name in ("elt", "key", "value") if hasattr(node, name)}
        for_in = self._for_in(node.for_in).with_changes(iter=first)
        self.scopes.pop()
        return updated.with_changes(for_in=for_in, **parts)

    def _for_in(self, node: cst.CompFor) -> cst.CompFor:
        inner = None if node.inner_for_in is None else self._for_in(node.inner_for_in)
        return node.with_changes(
            target=transform(node.target, self),
            iter=transform(node.iter, self),
            ifs=[transform(i, self) for i in node.ifs],
            inner_for_in=inner,
        )

    def visit_ListComp(self, node: cst.ListComp) -> bool:
        return False

    def leave_ListComp(self, original_node: cst.ListComp, updated_node: cst.ListComp) -> cst.BaseExpression:
        return self._comprehension(original_node, updated_node)

    def visit_SetComp(self, node: cst.SetComp) -> bool:
        return False

    def leave_SetComp(self, original_node: cst.SetComp, updated_node: cst.SetComp) -> cst.BaseExpression:
        return self._comprehension(original_node, updated_node)

    def visit_DictComp(self, node: cst.DictComp) -> bool:
        return False

    def leave_DictComp(self, original_node: cst.DictComp, updated_node: cst.DictComp) -> cst.BaseExpression:
        return self._comprehension(original_node, updated_node)

    def visit_GeneratorExp(self, node: cst.GeneratorExp) -> bool:
        return False

    def leave_GeneratorExp(self, original_node: cst.GeneratorExp, updated_node: cst.GeneratorExp) -> cst.BaseExpression:
        return self._comprehension(original_node, updated_node)

    # --- places where only a bare name may be bound ----------------------------------------------------------------

    def _then_set(self, node: cst.BaseStatement, name: str) -> Statement:
        slot = self.slot(name)
        if slot is None:
            return node
        return cst.FlattenSentinel([node, _line(self._set(slot, cst.Name(name)))])

    def _set(self, slot: str, value: cst.BaseExpression) -> cst.Assign:
        return cst.Assign([cst.AssignTarget(self.attribute(slot))], value)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> bool:
        return False

    def leave_NamedExpr(self, original_node: cst.NamedExpr, updated_node: cst.NamedExpr) -> cst.BaseExpression:
        assert isinstance(original_node.target, cst.Name)
        value = transform(original_node.value, self)
        slot = self.slot(original_node.target.value)
        if slot is None:
            return updated_node.with_changes(value=value)
        assert isinstance(value, cst.BaseExpression)
        return self.let([(slot, value)])[0]

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Statement:
        """Imports: bound by name first, then set. Of a `nonlocal` that has gone the comments are left."""
        if not updated_node.body:
            has_comments = any(line.comment is not None for line in updated_node.leading_lines)
            return updated_node.with_changes(body=[cst.Pass()]) if has_comments else updated_node
        found: list[cst.BaseSmallStatement] = []
        for small in updated_node.body:
            if isinstance(small, cst.Import | cst.ImportFrom):
                found.append(small.with_changes(semicolon=cst.MaybeSentinel.DEFAULT))
                found += [self._set(s, cst.Name(n)) for n in _imported(small) if (s := self.slot(n)) is not None]
        if not found or not any(isinstance(s, cst.Assign) for s in found):
            return updated_node
        others: list[cst.BaseSmallStatement] = []
        for small in updated_node.body:
            if isinstance(small, cst.Import | cst.ImportFrom):
                others.append(small.with_changes(semicolon=cst.MaybeSentinel.DEFAULT))
                others += [self._set(s, cst.Name(n)) for n in _imported(small) if (s := self.slot(n)) is not None]
            else:
                others.append(small.with_changes(semicolon=cst.MaybeSentinel.DEFAULT))
        lines: list[cst.BaseStatement] = [_line(s) for s in others]
        lines[0] = lines[0].with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel(lines)

    def leave_AnnAssign(
        self, original_node: cst.AnnAssign, updated_node: cst.AnnAssign
    ) -> cst.BaseSmallStatement | cst.RemovalSentinel:
        """A slot's type stands in the frame class; here only the value is left."""
        if not isinstance(original_node.target, cst.Name) or self.slot(original_node.target.value) is None:
            return updated_node.with_changes(annotation=original_node.annotation)
        if updated_node.value is None:
            return cst.Pass()
        return cst.Assign([cst.AssignTarget(updated_node.target)], updated_node.value)

    def visit_ExceptHandler_name(self, node: cst.ExceptHandler) -> None:
        self.scopes.append(_Scope(frozenset(self.slots)))

    def leave_ExceptHandler_name(self, node: cst.ExceptHandler) -> None:
        self.scopes.pop()

    def leave_ExceptHandler(
        self, original_node: cst.ExceptHandler, updated_node: cst.ExceptHandler
    ) -> cst.ExceptHandler:
        return self._handler(original_node, updated_node)

    def visit_ExceptStarHandler_name(self, node: cst.ExceptStarHandler) -> None:
        self.scopes.append(_Scope(frozenset(self.slots)))

    def leave_ExceptStarHandler_name(self, node: cst.ExceptStarHandler) -> None:
        self.scopes.pop()

    def leave_ExceptStarHandler(
        self, original_node: cst.ExceptStarHandler, updated_node: cst.ExceptStarHandler
    ) -> cst.ExceptStarHandler:
        return self._handler(original_node, updated_node)

    def _handler(self, original_node: _HandlerT, updated_node: _HandlerT) -> _HandlerT:
        if original_node.name is None or not isinstance(original_node.name.name, cst.Name):
            return updated_node
        name = original_node.name.name.value
        slot = self.slot(name)
        if slot is None:
            return updated_node
        set_slot = _line(self._set(slot, cst.Name(name)))
        body: cst.BaseSuite = updated_node.body
        if name in self.rebound:
            ending = [_line(self._set(slot, cst.Name("None"))), _line(cst.Del(self.attribute(slot)))]
            body = cst.IndentedBlock([cst.Try(_indented(body), finalbody=cst.Finally(cst.IndentedBlock(ending)))])
        return updated_node.with_changes(body=_prepend([set_slot], body))

    # Captures of a pattern: the pattern binds plain names; the guard and the body set the slots from them.

    def visit_MatchCase(self, node: cst.MatchCase) -> bool:
        return False

    def leave_MatchCase(self, original_node: cst.MatchCase, updated_node: cst.MatchCase) -> cst.MatchCase:
        captures = [(n, s) for n in _captures(original_node) if (s := self.slot(n)) is not None]
        pattern = transform(original_node.pattern, _PatternRenamer(self))
        guard = self._visit(original_node.guard)
        body = transform(original_node.body, self)
        assert isinstance(body, cst.BaseSuite)
        if captures and guard is not None:
            guard = self._bind_then(captures, guard)
        elif captures:
            body = _prepend([_line(self._set(s, cst.Name(n))) for n, s in captures], body)
        return updated_node.with_changes(pattern=pattern, guard=guard, body=body)

    def _bind_then(self, captures: Sequence[tuple[str, str]], guard: cst.BaseExpression) -> cst.BaseExpression:
        """`[f.let(x=x)] and (guard)`: captures are bound before the guard, and stay bound; its parts are tested as a guard's are."""
        lets = cst.List([cst.Element(let) for let in self.let([(s, cst.Name(n)) for n, s in captures])])
        return cst.BooleanOperation(lets, cst.And(), _in_parentheses(guard))

    # A field `{total=}` shows the author's text.

    def visit_FormattedString(self, node: cst.FormattedString) -> None:
        self.quotes.append(node.end[0])

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        self.quotes.pop()
        return updated_node

    def leave_FormattedStringExpression(
        self, original_node: cst.FormattedStringExpression, updated_node: cst.FormattedStringExpression
    ) -> cst.BaseFormattedStringContent | cst.FlattenSentinel[cst.BaseFormattedStringContent]:
        if original_node.equal is None:
            return updated_node
        if _text(original_node.expression) == _text(updated_node.expression):
            return updated_node
        words = self._words(shown_words(original_node))
        return cst.FlattenSentinel([words, without_words(updated_node)])

    def _words(self, text: str) -> cst.BaseFormattedStringContent:
        """As text of the string; as a string of its own where that would mean something else, which Python 3.12 allows."""
        if "\\" in text or self.quotes[-1] in text:
            return cst.FormattedStringExpression(cst.SimpleString(repr(text)))
        return cst.FormattedStringText(text.replace("{", "{{").replace("}", "}}"))


def shown_words(part: cst.FormattedStringExpression) -> str:
    """What a field `{x=}` shows before the value: the source, white space and all."""
    assert part.equal is not None
    return _text(part.whitespace_before_expression) + _text(part.expression) + _text(part.equal)


def without_words(part: cst.FormattedStringExpression) -> cst.FormattedStringExpression:
    """A field `{x=}` without its words: the repr, unless it says more."""
    conversion = part.conversion or ("r" if part.format_spec is None else None)
    return part.with_changes(equal=None, conversion=conversion)


class _ParameterRenamer(cst.CSTTransformer):
    """Visits defaults and annotations of an inner function's parameters with another renamer."""

    def __init__(self, outer: SlotRenamer) -> None:
        super().__init__()
        self.outer = outer

    def visit_Param(self, node: cst.Param) -> bool:
        return False

    def leave_Param(self, original_node: cst.Param, updated_node: cst.Param) -> cst.Param:
        visit = self.outer._visit
        return updated_node.with_changes(
            default=visit(original_node.default), annotation=visit(original_node.annotation)
        )


class _PatternRenamer(cst.CSTTransformer):
    """Values in a pattern are read from slots; captures keep their names."""

    def __init__(self, outer: SlotRenamer) -> None:
        super().__init__()
        self.outer = outer

    def _value(self, node: Any, updated: _NodeT, field: str) -> _NodeT:
        return updated.with_changes(**{field: self.outer._visit(getattr(node, field))})

    def visit_MatchValue(self, node: cst.MatchValue) -> bool:
        return False

    def leave_MatchValue(self, original_node: cst.MatchValue, updated_node: cst.MatchValue) -> cst.MatchPattern:
        return self._value(original_node, updated_node, "value")

    def leave_MatchClass(self, original_node: cst.MatchClass, updated_node: cst.MatchClass) -> cst.MatchPattern:
        return self._value(original_node, updated_node, "cls")

    def leave_MatchMappingElement(
        self, original_node: cst.MatchMappingElement, updated_node: cst.MatchMappingElement
    ) -> cst.MatchMappingElement:
        return self._value(original_node, updated_node, "key")


def _text(node: cst.CSTNode) -> str:
    return text_of_node(node)


def _expression(node: cst.CSTNode) -> ast.expr:
    return ast.parse(f"({_text(node)})", mode="eval").body


def _statement(node: cst.CSTNode) -> ast.stmt:
    return ast.parse(textwrap.dedent(_text(node))).body[0]


def _own(node: ast.AST) -> Iterable[ast.AST]:
    yield node
    for child in child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _own(child)


def _captures(case: cst.MatchCase) -> list[str]:
    head = case.with_changes(body=cst.IndentedBlock([cst.SimpleStatementLine([cst.Pass()])]), leading_lines=())
    parsed = _statement(cst.Match(cst.Name("subject"), [head]))
    assert isinstance(parsed, ast.Match)
    return list(dict.fromkeys(bound_names([parsed.cases[0].pattern])))


def _imported(node: cst.Import | cst.ImportFrom) -> list[str]:
    parsed = _statement(cst.SimpleStatementLine([node]))
    return list(dict.fromkeys(bound_names([parsed])))


def _line(small: cst.BaseSmallStatement) -> cst.SimpleStatementLine:
    return cst.SimpleStatementLine([small])


def _indented(body: cst.BaseSuite) -> cst.IndentedBlock:
    if isinstance(body, cst.SimpleStatementSuite):
        return cst.IndentedBlock([cst.SimpleStatementLine(body.body)])
    assert isinstance(body, cst.IndentedBlock)
    return body


def _prepend(first: Sequence[cst.BaseStatement], body: cst.BaseSuite) -> cst.IndentedBlock:
    block = _indented(body)
    return block.with_changes(body=[*first, *block.body])


def _in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    return node if node.lpar else node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
