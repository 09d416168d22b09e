"""What is known of an expression, and what it does to what is followed: channels, handles, and what a select came to.

Followed is what stays in variables and arguments. A channel that goes anywhere else is wild from then on; a durable function that does is `Unknown`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from .._scopes import names_bound_by
from .._walk import child_nodes, walk
from .code import Code, is_resume, last_name, names_in
from .drafts import Draft
from .model import (
    OUTSIDE,
    Channel,
    ChannelValue,
    Frame,
    Goroutine,
    HandleValue,
    ItemsValue,
    SelectedValue,
    Value,
    known,
)
from .program import Function, capacity_of


def value_of(code: Code, draft: Draft, node: ast.expr) -> Value | None:
    """What is known of an expression that does nothing."""
    match node:
        case ast.Name(name):
            return draft.variables.get(name)
        case ast.Attribute(ast.Name(receiver), name) if receiver == code.function.receiver:
            return _declared(code, name)
        case ast.Constant(str(name)):
            return _declared(code, name)
        case _:
            return None


def _declared(code: Code, name: str) -> ChannelValue | None:
    number = code.program.channel_numbers.get(name)
    return None if number is None else ChannelValue(number)


def made(code: Code, draft: Draft, node: ast.expr) -> Value | None:
    """What an expression comes to, with what it does."""
    match node:
        case ast.Call() if is_resume(node):
            return draft.outcome if isinstance(draft.outcome, SelectedValue) else None
        case ast.Call(func) if code.word(func) == "make_channel":
            return _made_channel(draft, node)
        case ast.Call(func, [ast.expr() as source]) if code.is_helper(func, "iterate"):
            found: Value | None = _items(code, source)
        case ast.Call(func, [ast.expr() as source, *_]) if code.is_helper(func, "iterate_async"):
            found = value_of(code, draft, source)
        case _:
            found = value_of(code, draft, node)
    return done(code, draft, node) if found is None else found


def _made_channel(draft: Draft, call: ast.Call) -> ChannelValue:
    capacity = capacity_of(call)
    draft.channels.append(Channel(capacity or 0, is_wild=capacity is None))
    return ChannelValue(len(draft.channels) - 1)


def _items(code: Code, source: ast.expr) -> ItemsValue | None:
    match source:
        case ast.Call(ast.Name("range") as name, [ast.Constant(int(count))]) if count >= 0:
            return ItemsValue(count) if code.function.meanings.builtin(name) else None
        case _:
            return None


def done(code: Code, draft: Draft, node: ast.expr) -> HandleValue | None:
    """What an expression does; the handle, if it starts a goroutine."""
    match node:
        case ast.Call(func, [ast.Call() as frame], []) if code.word(func) == "go":
            called = code.called(frame.func)
            if called is not None:
                return _started(code, draft, frame, called)
        case ast.Call(func, [channel], []) if code.word(func) == "close" and _closed(code, draft, channel):
            return None
        case ast.Call(ast.Attribute(channel, "close"), [], []) if _closed(code, draft, channel):
            return None
        case _:
            pass
    look(code, draft, node)
    return None


def _started(code: Code, draft: Draft, frame: ast.Call, called: Function) -> HandleValue:
    begun = Frame(called.name, called.entry, known(arguments(code, draft, frame, called)))
    draft.goroutines.append(Goroutine(called.name, (begun,), OUTSIDE))
    return HandleValue(len(draft.goroutines) - 1)


def _closed(code: Code, draft: Draft, node: ast.expr) -> bool:
    """Closes a channel, if it is known which."""
    channel = value_of(code, draft, node)
    if not isinstance(channel, ChannelValue):
        return False
    draft.channels[channel.index] = replace(draft.channels[channel.index], is_closed=True)
    return True


def arguments(code: Code, draft: Draft, call: ast.Call, called: Function) -> dict[str, Value]:
    """What is known of the parameters of a call."""
    if called.has_local_functions:
        raise code.unknown(f"{called.title} defines durable functions of its own")
    found: dict[str, Value] = {}
    for name, argument in _given(call, called):
        value = value_of(code, draft, argument)
        if value is not None and name in called.parameters:
            found[name] = value
        else:
            look(code, draft, argument)
    return found


def _given(call: ast.Call, called: Function) -> Iterator[tuple[str, ast.expr]]:
    """Arguments with the parameters that they are for; no name: that is not known."""
    if len(call.args) > len(called.parameters) or any(isinstance(argument, ast.Starred) for argument in call.args):
        yield from (("", argument) for argument in (*call.args, *(k.value for k in call.keywords)))
        return
    yield from zip(called.parameters, call.args, strict=False)
    yield from ((keyword.arg or "", keyword.value) for keyword in call.keywords)


def look_at_all(code: Code, draft: Draft, nodes: Iterable[ast.expr]) -> None:
    for node in nodes:
        look(code, draft, node)


def look(code: Code, draft: Draft, node: ast.AST | None) -> None:
    """Whatever an expression may do with what is followed: its channels are wild from then on."""
    match node:
        case None:
            return
        case ast.Attribute(inner, "capacity" | "closed") if value_of(code, draft, inner):
            return
        case ast.Call(ast.Name("len"), [inner], []) if value_of(code, draft, inner) is not None:
            return
        case ast.Attribute(ast.Name(receiver)) if receiver == code.function.receiver:
            _look_at_own(code, draft, node)
        case ast.Name():
            _look_at_name(code, draft, node)
        case _:
            _look_inside(code, draft, node)


def _look_at_own(code: Code, draft: Draft, node: ast.Attribute) -> None:
    if code.program.method(node.attr) is not None:
        raise code.unknown(f"{code.function.receiver}.{node.attr} is handed on, not called or started here")
    _escape(code, draft, value_of(code, draft, node))


def _look_at_name(code: Code, draft: Draft, node: ast.Name) -> None:
    if node.id == code.function.receiver:
        raise code.unknown(f"{node.id} itself is handed on")
    if code.called(node) is not None:
        raise code.unknown(f"{node.id} is handed on, not called or started here")
    _escape(code, draft, draft.variables.get(node.id))


def _look_inside(code: Code, draft: Draft, node: ast.AST) -> None:
    if isinstance(node, ast.Call) and last_name(node.func) in ("go", "create_task"):
        all_wild(code, draft)
    if isinstance(node, ast.Attribute) and code.called(node) is not None:
        raise code.unknown("a durable function is handed on, not called or started here")
    for child in child_nodes(node):
        look(code, draft, child)


def _escape(code: Code, draft: Draft, value: Value | None) -> None:
    if isinstance(value, ChannelValue):
        draft.channels[value.index] = replace(draft.channels[value.index], is_wild=True)
    elif isinstance(value, HandleValue):
        raise code.unknown("the handle of a goroutine is handed on, or used otherwise than to wait for it")


def all_wild(code: Code, draft: Draft) -> None:
    """Durable code runs that is not followed: it may use every declared channel."""
    for number in code.program.channel_numbers.values():
        draft.channels[number] = replace(draft.channels[number], is_wild=True)


def unbind(draft: Draft, node: ast.stmt) -> None:
    """Nothing is known any more of what a statement may bind."""
    for one in walk(node):
        if isinstance(one, ast.stmt):
            forget(draft, names_bound_by(one))
        elif isinstance(one, ast.ExceptHandler | ast.pattern | ast.NamedExpr):
            forget(draft, names_in(one))


def forget(draft: Draft, names: Iterable[str]) -> None:
    for name in names:
        draft.variables.pop(name, None)
