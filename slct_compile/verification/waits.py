"""What an awaited expression waits for."""

from __future__ import annotations

import ast

from .code import Code
from .drafts import Draft
from .effects import CancelGroup, StartOperation
from .expressions import all_wild, done, look, look_at_all, made, value_of
from .model import (
    OUTSIDE,
    Case,
    ChannelValue,
    ConstantValue,
    Default,
    Frame,
    FrameValue,
    GroupEnd,
    GroupValue,
    HandleValue,
    Join,
    JoinAll,
    Never,
    Outside,
    Recv,
    Send,
    TimeoutValue,
    Value,
    Wait,
    Wild,
)
from .sequences import items_of

SHOWN_MAX = 40
"""Letters of an expression."""


def wait_of(code: Code, draft: Draft, node: ast.expr, block: int) -> Wait:
    """`block` takes the outcome."""
    match node:
        case ast.Call(func) if code.word(func) == "select":
            return _select(code, draft, node)
        case ast.Call(func) if code.word(func) == "gather":
            return _gather(code, draft, node, block)
        case ast.Call(func, [ast.expr() as manager, *error]) if code.is_helper(func, "leave_async"):
            held = value_of(code, draft, manager)
            if isinstance(held, GroupValue):
                return _end_of_group(code, draft, held, has_error=bool(error))
            if isinstance(held, TimeoutValue):
                return OUTSIDE
        case ast.Call(func, [manager]) if code.is_helper(func, "enter_async"):
            held = value_of(code, draft, manager)
            if isinstance(held, GroupValue | TimeoutValue):
                return Wait((Outside(),), gives=held)
        case _:
            pass
    if isinstance(node, ast.Call) and code.word(node.func) in ("recv", "send") and _is_none(node.args[:1]):
        return Wait(())  # as `select()`: on purpose
    iterates = isinstance(node, ast.Call) and code.is_helper(node.func, "next_async")
    return Wait((_case(code, draft, node),), ends_at_close=iterates)


def _is_none(given: list[ast.expr]) -> bool:
    return bool(given) and isinstance(given[0], ast.Constant) and given[0].value is None


def _end_of_group(code: Code, draft: Draft, group: GroupValue, *, has_error: bool) -> Wait:
    """It swallows no error: whoever leaves it by one raises it on."""
    if has_error:
        draft.do(CancelGroup(code.place, group.index))
    return Wait((GroupEnd(group.index),), gives=ConstantValue(False))


def _gather(code: Code, draft: Draft, node: ast.Call, block: int) -> Wait:
    """Frames and operations get goroutines of their own; those end with it."""
    after = draft.copy()
    started: list[int] = []
    several = [_gathered(code, after, one, block, started) for one in node.args]
    found = [indexes for indexes in several if indexes is not None]
    if len(found) < len(several):
        return Wait((_wild(code, draft, node),))
    draft.take(after)
    return Wait((JoinAll(tuple(index for indexes in found for index in indexes)),), cancels=tuple(started))


def _gathered(code: Code, draft: Draft, node: ast.expr, block: int, started: list[int]) -> list[int] | None:
    """The goroutines of one argument; None: it is not known which."""
    found = made(code, draft, node.value) if isinstance(node, ast.Starred) else None
    items = items_of(found) if isinstance(node, ast.Starred) else (_awaited(code, draft, node, block),)
    if items is None:
        return None
    indexes = []
    for item in items:
        match item:
            case HandleValue(index):
                indexes.append(index)
            case FrameValue():
                indexes.append(draft.start(item).index)
                started.append(indexes[-1])
            case _:
                return None
    return indexes


def _awaited(code: Code, draft: Draft, node: ast.expr, block: int) -> Value | None:
    """A handle that is given is that of a goroutine which `gather` does not cancel."""
    if isinstance(node, ast.Call) and not code.calls(node.func) and code.called(node.func) is None:
        if code.word(node.func) == "go":
            return done(code, draft, node)
        wait = wait_of(code, draft, node, block)
        return draft.start_operation(StartOperation(Frame(code.function.name, block), wait))
    return made(code, draft, node)


def _select(code: Code, draft: Draft, node: ast.Call) -> Wait:
    given: list[tuple[int | str | None, ast.expr]] = list(enumerate(node.args))
    given += [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg != "label"]
    if any(name is None or isinstance(value, ast.Starred) for name, value in given):
        return Wait((_wild(code, draft, node),))
    cases = tuple(_case(code, draft, value) for _, value in given)
    return Wait(cases, tuple(name for name, _ in given if name is not None), is_select=True)


def _case(code: Code, draft: Draft, node: ast.expr) -> Case:
    match node:
        case ast.Call(ast.Attribute(_, "result"), []) if not code.program.has_durable("result"):
            look(code, draft, node)
            return Outside()
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
            return Join(handle.index) if isinstance(handle, HandleValue) else None
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
        case "recv" | "send", ConstantValue(None):
            return Never()
        case _:
            return None


def _wild(code: Code, draft: Draft, node: ast.expr) -> Wild:
    all_wild(code, draft, f"{_shown(node)} is awaited, and not followed")
    look(code, draft, node)
    return Wild()


def _shown(node: ast.expr) -> str:
    """What the author awaits there: the compiler has put helpers around some of it."""
    match node:
        case ast.Call(ast.Name("enter_async" | "leave_async" | "next_async" as helper)):
            return {"enter_async": "the begin of an `async with`", "leave_async": "the end of an `async with`"}.get(
                helper, "an item of an `async for`"
            )
        case _:
            text = ast.unparse(node)
            return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
