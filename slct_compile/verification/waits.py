"""What an awaited expression waits for."""

from __future__ import annotations

import ast

from .code import Code
from .drafts import Draft
from .expressions import all_wild, done, look, look_at_all, made, value_of
from .model import Case, ChannelValue, Default, HandleValue, Join, Outside, Recv, Send, Value, Wait, Wild


def wait_of(code: Code, draft: Draft, node: ast.expr) -> Wait:
    if isinstance(node, ast.Call) and code.word(node.func) == "select":
        return _select(code, draft, node)
    iterates = isinstance(node, ast.Call) and code.is_helper(node.func, "next_async")
    return Wait((_case(code, draft, node),), ends_at_close=iterates)


def _select(code: Code, draft: Draft, node: ast.Call) -> Wait:
    given: list[tuple[int | str | None, ast.expr]] = list(enumerate(node.args))
    given += [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg != "label"]
    if any(name is None or isinstance(value, ast.Starred) for name, value in given):
        return Wait((_wild(code, draft, node),))
    cases = tuple(_case(code, draft, value) for _, value in given)
    return Wait(cases, tuple(name for name, _ in given if name is not None), is_select=True)


def _case(code: Code, draft: Draft, node: ast.expr) -> Case:
    match node:
        case ast.Call(ast.Attribute(inner, "recv" | "send" | "join")):
            found = _method_case(code, draft, node, inner) or _word_case(code, draft, node)
        case ast.Call():
            found = _word_case(code, draft, node)
        case _:
            found = _operation("join", value_of(code, draft, node))
    return _wild(code, draft, node) if found is None else found


def _method_case(code: Code, draft: Draft, node: ast.Call, receiver: ast.expr) -> Case | None:
    """`channel.recv()`."""
    assert isinstance(node.func, ast.Attribute)
    found = _operation(node.func.attr, value_of(code, draft, receiver))
    if found is not None:
        _look_at_arguments(code, draft, node, 0)
    return found


def _word_case(code: Code, draft: Draft, node: ast.Call) -> Case | None:
    """`recv(channel)`, or what the compiler makes of a loop over one."""
    word = "recv" if code.is_helper(node.func, "next_async") else code.word(node.func)
    match word:
        case "recv" | "send" | "join" if node.args:
            found = _operation(word, _given(code, draft, node.args[0]))
            if found is not None:
                _look_at_arguments(code, draft, node, 1)
            return found
        case "go":
            handle = done(code, draft, node)
            return None if handle is None else Join(handle.index)
        case "after" | "sleep" | "call" | "default":
            _look_at_arguments(code, draft, node, 0)
            return Default() if word == "default" else Outside()
        case _:
            return None


def _given(code: Code, draft: Draft, node: ast.expr) -> Value | None:
    """What is known of an argument; a channel may be made there."""
    is_new = isinstance(node, ast.Call) and code.word(node.func) == "make_channel"
    return made(code, draft, node) if is_new else value_of(code, draft, node)


def _look_at_arguments(code: Code, draft: Draft, node: ast.Call, first: int) -> None:
    look_at_all(code, draft, [*node.args[first:], *(keyword.value for keyword in node.keywords)])


def _operation(word: str, found: Value | None) -> Case | None:
    match word, found:
        case "recv", ChannelValue(number):
            return Recv(number)
        case "send", ChannelValue(number):
            return Send(number)
        case "join", HandleValue(number):
            return Join(number)
        case _:
            return None


def _wild(code: Code, draft: Draft, node: ast.expr) -> Wild:
    all_wild(code, draft)
    look(code, draft, node)
    return Wild()
