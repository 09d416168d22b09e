"""What is known of lists, tuples and `range`s: how long they are, and which channels and goroutines are in them.

A list that somebody else may hold is shared, and must not change any more; one that holds nothing that is followed is not worth being known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from .code import Code
from .drafts import Draft
from .model import ConstantValue, ItemsValue, RangeValue, SequenceValue, Value, is_followed

ITEMS_MAX = 64
"""What is longer is not gone through in one go, nor kept."""


def as_shared(draft: Draft, name: str, found: SequenceValue) -> SequenceValue | None:
    """A list of which a second reference is made."""
    if not found.is_list or found.is_shared:
        return found
    if not is_followed(found):
        draft.variables.pop(name, None)
        return None
    draft.variables[name] = shared = replace(found, is_shared=True)
    return shared


def range_of(code: Code, draft: Draft, call: ast.Call) -> RangeValue | None:
    numbers = [number_of(code, draft, argument) for argument in call.args]
    if call.keywords or not numbers:
        return None
    match numbers:
        case [int(stop)]:
            return RangeValue(0, max(stop, 0))
        case [int(start), int(stop)]:
            return RangeValue(start, max(stop - start, 0))
        case _:
            return None


def number_of(code: Code, draft: Draft, node: ast.expr) -> int | None:
    """A number that does not depend on data."""
    match node:
        case ast.Constant(int(number)):
            return number
        case ast.Name(name):
            found = draft.variables.get(name)
            if found is None and name not in code.function.meanings.local:
                return code.function.constants.get(name)
            return found.value if isinstance(found, ConstantValue) else None
        case ast.Call(ast.Name("len") as name, [ast.Name(inner)]) if code.function.meanings.builtin(name):
            held = draft.variables.get(inner)
            return len(held.items) if isinstance(held, SequenceValue) else None
        case ast.BinOp(left, operator, right):
            one, other = number_of(code, draft, left), number_of(code, draft, right)
            return None if one is None or other is None else _computed(one, operator, other)
        case _:
            return None


def _computed(one: int, operator: ast.operator, other: int) -> int | None:
    match operator:
        case ast.Add():
            return one + other
        case ast.Sub():
            return one - other
        case ast.Mult():
            return one * other
        case _:
            return None


def subscript(code: Code, draft: Draft, node: ast.Subscript) -> Value | None:
    """`channels[0]`."""
    match node.value:
        case ast.Name(name) if isinstance(held := draft.variables.get(name), SequenceValue):
            number = number_of(code, draft, node.slice)
            is_there = number is not None and -len(held.items) <= number < len(held.items)
            return held.items[number] if is_there and number is not None else None
        case _:
            return None


def items_of(value: Value | None) -> tuple[Value | None, ...] | None:
    """All of them; None: too many, or not known."""
    match value:
        case SequenceValue(items) | ItemsValue(items):
            return items
        case RangeValue(first, count) if count <= ITEMS_MAX:
            return tuple(ConstantValue(number) for number in range(first, first + count))
        case _:
            return None


def cursor_of(value: Value | None) -> RangeValue | ItemsValue | None:
    """A loop over it that has not begun."""
    match value:
        case RangeValue() | ItemsValue():
            return value
        case SequenceValue(items):
            return ItemsValue(items)
        case _:
            return None


def advanced(cursor: RangeValue | ItemsValue) -> tuple[Value | None, RangeValue | ItemsValue] | None:
    """The next item, and what is left then; None: there are no more."""
    match cursor:
        case RangeValue(first, count):
            return (ConstantValue(first), RangeValue(first + 1, count - 1)) if count else None
        case ItemsValue(items):
            return (items[0], ItemsValue(items[1:])) if items else None


def numbered(items: tuple[Value | None, ...]) -> ItemsValue:
    """`enumerate`."""
    return ItemsValue(tuple(SequenceValue((ConstantValue(number), item)) for number, item in enumerate(items)))


def beside(several: list[tuple[Value | None, ...]]) -> ItemsValue:
    """`zip`."""
    return ItemsValue(tuple(SequenceValue(items) for items in zip(*several, strict=False)))


def is_plain_target(target: ast.expr) -> bool:
    """Names, and tuples of names."""
    match target:
        case ast.Name():
            return True
        case ast.Tuple(inner) | ast.List(inner):
            return all(map(is_plain_target, inner))
        case _:
            return False


def bind(draft: Draft, target: ast.expr, value: Value | None) -> None:
    """`a, b = value`."""
    for name, found in _bindings(target, value):
        draft.variables.pop(name, None)
        if found is not None:
            draft.variables[name] = found


def _bindings(target: ast.expr, value: Value | None) -> Iterator[tuple[str, Value | None]]:
    match target:
        case ast.Name(name):
            yield name, value
        case ast.Tuple(inner) | ast.List(inner):
            items = items_of(value)
            given = items if items is not None and len(items) == len(inner) else (None,) * len(inner)
            for one, item in zip(inner, given, strict=True):
                yield from _bindings(one, item)
        case _:
            raise AssertionError(target)
