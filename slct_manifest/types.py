"""Whether every value of one type, as written, is a value of another: what can be told from the text alone."""

from __future__ import annotations

import ast

_NUMBERS = {("bool", "int"), ("bool", "float"), ("int", "float"), ("bool", "complex"), ("int", "complex")}
"""What a type checker takes one for the other: the saved value stays what it is."""

_ABSTRACT = {
    "list": {"Sequence", "MutableSequence", "Iterable", "Collection"},
    "tuple": {"Sequence", "Iterable", "Collection"},
    "dict": {"Mapping", "MutableMapping"},
    "set": {"MutableSet", "Iterable", "Collection"},
    "frozenset": {"Iterable", "Collection"},
    "str": {"Sequence", "Iterable", "Collection"},
}


def is_widened(old: str | None, new: str | None) -> bool:
    """Whether what was saved as `old` may be read as `new`. A type that is not written is no promise, in either direction."""
    if old is None or new is None:
        return True
    try:
        parsed_old, parsed_new = _parsed(old), _parsed(new)
    except SyntaxError:
        return old == new
    return _accepts(parsed_new, parsed_old)


def _parsed(text: str) -> ast.expr:
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _parsed(node.value)
    return node


def _accepts(new: ast.expr, old: ast.expr) -> bool:
    olds = _members(old)
    news = _members(new)
    return all(any(_accepts_one(n, o) for n in news) for o in olds)


def _accepts_one(new: ast.expr, old: ast.expr) -> bool:
    name_new, name_old = _name(new), _name(old)
    if ast.unparse(new) == ast.unparse(old) or name_new in ("Any", "object"):
        return True
    if (name_old, name_new) in _NUMBERS:
        return True
    if name_new != name_old and name_new not in _ABSTRACT.get(name_old, ()):
        return False
    return _accepts_arguments(_arguments(new), _arguments(old))


def _accepts_arguments(new: list[ast.expr], old: list[ast.expr]) -> bool:
    if not new:
        return True  # `list` takes a `list[int]`
    return len(new) == len(old) and all(map(_accepts, new, old))


def _members(node: ast.expr) -> list[ast.expr]:
    """The types of a union, whichever way it is written."""
    match node:
        case ast.BinOp(left, ast.BitOr(), right):
            return [*_members(left), *_members(right)]
        case ast.Subscript(value, ast.Tuple(elements)) if _name(value) == "Union":
            return [member for each in elements for member in _members(each)]
        case ast.Subscript(value, inner) if _name(value) == "Optional":
            return [*_members(inner), ast.Constant(None)]
        case ast.Subscript(value, inner) if _name(value) in ("Final", "Annotated"):
            return _members(inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
        case ast.Constant(str()):
            return _members(_parsed(node.value)) if isinstance(node.value, str) else [node]
        case _:
            return [node]


def _name(node: ast.expr) -> str:
    """`list` of `list[int]`, `Sequence` of `collections.abc.Sequence[int]`."""
    match node:
        case ast.Subscript(value, _):
            return _name(value)
        case ast.Attribute(_, attribute):
            return attribute
        case ast.Name(name):
            return name.lower() if name in ("List", "Dict", "Set", "Tuple", "FrozenSet") else name
        case _:
            return ast.unparse(node)


def _arguments(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.Subscript(_, ast.Tuple(elements)):
            return list(elements)
        case ast.Subscript(_, inner):
            return [inner]
        case _:
            return []
