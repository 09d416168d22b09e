"""Visiting libcst trees without copying them.

`node.visit(visitor)` of libcst makes every node of the tree anew, with its white space, and checks it again. These passes change
little of what they see. So `transform` takes the same visitors and follows the same protocol (`visit_X`, `leave_X`,
`visit_X_field`, `leave_X_field`, sentinels), with three differences:

  1. a node below which nothing changed is the same node afterwards;
  2. white space, comments, parentheses, commas and operators are not visited;
  3. which methods a visitor has is looked up once for each of its classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import libcst as cst

NodeT = TypeVar("NodeT", bound=cst.CSTNode)
_Hook = Callable[..., Any] | None

_TRIVIA = frozenset(
    {
        "asynchronous",
        "colon",
        "comma",
        "dot",
        "equal",
        "first_line",
        "footer",
        "header",
        "last_line",
        "lbrace",
        "lbracket",
        "leading_lines",
        "lines_after_decorators",
        "lines_after_module_docstring",
        "lpar",
        "operator",
        "posonly_ind",
        "rbrace",
        "rbracket",
        "rpar",
        "semicolon",
        "separator",
        "trailing_whitespace",
    }
)


class _Field(NamedTuple):
    name: str
    before: _Hook
    after: _Hook


class _Plan(NamedTuple):
    """What a class of visitors does with a class of nodes."""

    visit: _Hook
    leave: _Hook
    fields: tuple[_Field, ...]


_plans: dict[type, dict[type, _Plan | None]] = {}
_names: dict[type, tuple[str, ...]] = {}


def field_names(kind: type) -> tuple[str, ...]:
    """The fields of a class of nodes in which something other than trivia may stand; none for what is no node."""
    found = _names.get(kind)
    if found is None:
        found = _names[kind] = tuple(_field_names(kind))
    return found


def _field_names(kind: type) -> Iterator[str]:
    if not issubclass(kind, cst.CSTNode) or not dataclasses.is_dataclass(kind):
        return
    for field in dataclasses.fields(kind):
        if not field.name.startswith("whitespace") and field.name not in _TRIVIA:
            yield field.name


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes right below, trivia left out."""
    for name in field_names(type(node)):
        value = getattr(node, name)
        if isinstance(value, tuple | list):
            yield from value
        elif type(value) not in _LEAVES and not isinstance(value, str):
            yield value


_LEAVES = frozenset({str, bool, int, type(None), cst.MaybeSentinel})


def _plan(kinds: dict[type, _Plan | None], visitor: type, kind: type) -> _Plan | None:
    plan = None
    if issubclass(kind, cst.CSTNode):
        name = kind.__name__
        fields = [
            _Field(f, _hook(visitor, f"visit_{name}_{f}"), _hook(visitor, f"leave_{name}_{f}"))
            for f in field_names(kind)
        ]
        plan = _Plan(_hook(visitor, f"visit_{name}"), _hook(visitor, f"leave_{name}"), tuple(fields))
    kinds[kind] = plan
    return plan


def _hook(visitor: type, name: str) -> _Hook:
    found: _Hook = getattr(visitor, name, None)
    return None if getattr(found, "_is_no_op", False) else found


_MISSING: Any = object()


def transform(node: NodeT, visitor: cst.CSTTransformer) -> Any:
    """As `node.visit(visitor)`."""
    return _transformed(node, visitor, _plans.setdefault(type(visitor), {}))


def _transformed(node: Any, visitor: Any, kinds: dict[type, _Plan | None]) -> Any:
    plan = kinds.get(type(node), _MISSING)
    if plan is _MISSING:
        plan = _plan(kinds, type(visitor), type(node))
    if plan is None:
        return node
    updated = node
    if plan.visit is None or plan.visit(visitor, node) is not False:
        changes: dict[str, Any] = {}
        for name, before, after in plan.fields:
            value = getattr(node, name)
            if value.__class__ in _LEAVES:
                continue
            if before is not None:
                before(visitor, node)
            new: Any
            if value.__class__ is tuple or value.__class__ is list:
                new = _sequence(value, visitor, kinds)
            else:
                new = _transformed(value, visitor, kinds)
                new = None if isinstance(new, cst.RemovalSentinel) else new
            if after is not None:
                after(visitor, node)
            if new is not value:
                changes[name] = new
        if changes:
            updated = node.with_changes(**changes)
    return updated if plan.leave is None else plan.leave(visitor, node, updated)


def _sequence(values: Sequence[Any], visitor: Any, kinds: dict[type, _Plan | None]) -> Sequence[Any]:
    found: list[Any] = []
    is_same = True
    for value in values:
        new = _transformed(value, visitor, kinds)
        if new is value:
            found.append(value)
            continue
        is_same = False
        if isinstance(new, cst.FlattenSentinel):
            found += new
        elif not isinstance(new, cst.RemovalSentinel) and (not _is_empty(new) or _is_empty(value)):
            found.append(new)
    return values if is_same else found


def _is_empty(node: Any) -> bool:
    """A line from which everything was taken is no line any more."""
    return isinstance(node, cst.SimpleStatementLine) and not node.body


def look(node: cst.CSTNode, visitor: cst.CSTVisitor) -> None:
    """As `node.visit(visitor)`, for one that only looks, and has no hooks for fields."""
    _look(node, visitor, _plans.setdefault(type(visitor), {}))


def _look(node: Any, visitor: Any, kinds: dict[type, _Plan | None]) -> None:
    plan = kinds.get(type(node), _MISSING)
    if plan is _MISSING:
        plan = _plan(kinds, type(visitor), type(node))
    if plan is None:
        return
    if plan.visit is None or plan.visit(visitor, node) is not False:
        for name, _, _ in plan.fields:
            value = getattr(node, name)
            if value.__class__ is tuple or value.__class__ is list:
                for item in value:
                    _look(item, visitor, kinds)
            elif value.__class__ not in _LEAVES:
                _look(value, visitor, kinds)
    if plan.leave is not None:
        plan.leave(visitor, node)


def swap(node: NodeT, replaced: Mapping[cst.CSTNode, cst.CSTNode]) -> NodeT:
    """The node with these very nodes below it replaced; nothing is looked for inside them."""
    changed = {id(old): new for old, new in replaced.items() if old is not new}
    result = _swapped(node, changed) if changed else node
    assert isinstance(result, type(node))
    return result


def _swapped(node: Any, replaced: Mapping[int, cst.CSTNode]) -> Any:
    if id(node) in replaced:
        return replaced[id(node)]
    changes: dict[str, Any] = {}
    for name in field_names(node.__class__):
        value = getattr(node, name)
        if value.__class__ is tuple or value.__class__ is list:
            items = [_swapped(item, replaced) for item in value]
            if any(new is not old for new, old in zip(items, value, strict=True)):
                changes[name] = items
        elif value.__class__ not in _LEAVES:
            new = _swapped(value, replaced)
            if new is not value:
                changes[name] = new
    return node.with_changes(**changes) if changes else node


__all__ = ["NodeT", "children", "field_names", "look", "swap", "transform"]
