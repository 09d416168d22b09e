"""What is known of an expression, and what it does to what is followed: channels, goroutines, and what a select came to.

Followed is what stays in variables, arguments, lists and tuples. A channel that goes anywhere else is wild from then on; a goroutine that does is `Unknown`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from .._scopes import names_bound_by
from .._walk import child_nodes, walk
from .code import Code, is_resume, last_name, names_in
from .drafts import Closed, Draft
from .effects import Cancel, LoosenChannel, LoosenGoroutine, StartStranger
from .model import (
    ChannelValue,
    ConstantValue,
    Frame,
    FrameValue,
    GroupValue,
    HandleValue,
    ItemsValue,
    RecordValue,
    SequenceValue,
    TimeoutValue,
    Value,
    inside,
    is_followed,
    known,
)
from .program import Function, capacity_argument
from .records import fields_of
from .sequences import (
    as_shared,
    beside,
    bind,
    cursor_of,
    is_plain_target,
    items_of,
    number_of,
    numbered,
    range_of,
    subscript,
)


def value_of(code: Code, draft: Draft, node: ast.expr) -> Value | None:
    """What is known of an expression that does nothing."""
    match node:
        case ast.Name(name):
            return draft.variables.get(name)
        case ast.Attribute(ast.Name(receiver), name) if receiver == code.function.receiver:
            return _declared(code, name)
        case ast.Attribute(inner, name) if isinstance(held := value_of(code, draft, inner), RecordValue):
            return dict(held.fields).get(name)
        case ast.Constant(str(name)):
            return _declared(code, name)
        case ast.Constant(int() | None as value):
            return ConstantValue(value)
        case ast.Subscript():
            return subscript(code, draft, node)
        case _:
            return None


def _declared(code: Code, name: str) -> ChannelValue | None:
    number = code.program.channel_numbers.get(name)
    return None if number is None else ChannelValue(number)


def made(code: Code, draft: Draft, node: ast.expr) -> Value | None:
    """What an expression comes to, with what it does; where it goes, it may be held by somebody else too."""
    found = _made(code, draft, node)
    if isinstance(node, ast.Name) and isinstance(found, SequenceValue):
        return as_shared(draft, node.id, found)
    return done(code, draft, node) if found is None else found


def _made(code: Code, draft: Draft, node: ast.expr) -> Value | None:
    """None: nothing is known, and nothing was done yet."""
    match node:
        case ast.Call() if is_resume(node):
            return None if isinstance(draft.outcome, Closed) else draft.outcome
        case ast.Call():
            return _made_by_call(code, draft, node)
        case ast.Tuple(inner) | ast.List(inner) if not any(isinstance(one, ast.Starred) for one in inner):
            items = tuple(contained(code, draft, made(code, draft, one)) for one in inner)
            return SequenceValue(items, isinstance(node, ast.List))
        case ast.ListComp(element, [one]) | ast.GeneratorExp(element, [one]):
            return _comprehended(code, draft, node, element, one)
        case _:
            return value_of(code, draft, node)


def _made_by_call(code: Code, draft: Draft, node: ast.Call) -> Value | None:
    called = code.called(node.func)
    if called is not None:
        return FrameValue(Frame(called.name, called.entry, known(arguments(code, draft, node, called))))
    match code.word(node.func):
        case "make_channel":
            return _made_channel(code, draft, node)
        case "TaskGroup":
            return draft.make_group()
        case "timeout":
            look_at_all(code, draft, node.args)
            return TimeoutValue()
        case _:
            pass
    if (given := fields_of(code, node)) is not None:
        return _made_record(code, draft, given)
    if code.is_helper(node.func, "iterate") and len(node.args) == 1:
        return cursor_of(iterated(code, draft, node.args[0]))
    if code.is_helper(node.func, "iterate_async") and node.args:
        return value_of(code, draft, node.args[0])
    return None


def _made_record(code: Code, draft: Draft, given: Sequence[tuple[str, ast.expr]]) -> RecordValue:
    found = {name: contained(code, draft, made(code, draft, value)) for name, value in given}
    return RecordValue(known({name: value for name, value in found.items() if value is not None}))


def _made_channel(code: Code, draft: Draft, call: ast.Call) -> ChannelValue:
    argument = capacity_argument(call)
    capacity = 0 if argument is None else number_of(code, draft, argument)
    return draft.make_channel(capacity)


def iterated(code: Code, draft: Draft, source: ast.expr) -> Value | None:
    """What a loop goes over."""
    match source:
        case ast.Call(ast.Name() as name, arguments) as call if not call.keywords:
            return _iterated_call(code, draft, call, code.function.meanings.builtin(name), arguments)
        case ast.Name(name) if not is_followed(draft.variables.get(name)):
            found = draft.variables.get(name)
            draft.variables.pop(name, None)  # who goes through it may change it meanwhile
            return found
        case _:
            return made(code, draft, source)


def _iterated_call(code: Code, draft: Draft, call: ast.Call, builtin: str, arguments: list[ast.expr]) -> Value | None:
    match builtin:
        case "range":
            return range_of(code, draft, call)
        case "enumerate" | "reversed" | "list" | "tuple" if len(arguments) == 1:
            items = items_of(iterated(code, draft, arguments[0]))
            if items is None:
                return None
            if builtin == "enumerate":
                return numbered(items)
            return ItemsValue(items[::-1] if builtin == "reversed" else items)
        case "zip":
            several = [items_of(iterated(code, draft, argument)) for argument in arguments]
            found = [items for items in several if items is not None]
            return beside(found) if len(found) == len(several) else None
        case _:
            return made(code, draft, call)


def _comprehended(code: Code, draft: Draft, node: ast.expr, element: ast.expr, one: ast.comprehension) -> Value | None:
    """`[go(self.work(n)) for n in range(3)]`."""
    if one.ifs or one.is_async or not is_plain_target(one.target):
        return None
    after = draft.copy()
    items = items_of(iterated(code, after, one.iter))
    if items is None or not (code.acts(element) or code.calls(element) or any(map(is_followed, items))):
        return None
    around = dict(after.variables)
    found = []
    for item in items:
        bind(after, one.target, item)
        found.append(contained(code, after, made(code, after, element)))
    for name in names_in(one.target):
        after.variables.pop(name, None)
        if name in around:
            after.variables[name] = around[name]
    draft.take(after)
    return SequenceValue(tuple(found), is_list=isinstance(node, ast.ListComp))


def contained(code: Code, draft: Draft, value: Value | None) -> Value | None:
    """As an item of a sequence: what is changed through another name would not be seen there."""
    match value:
        case SequenceValue(_, is_list=True):
            return replace(value, is_shared=True) if is_followed(value) else None
        case _:
            return value


def done(code: Code, draft: Draft, node: ast.expr) -> Value | None:
    """What an expression does; the handle, if it starts a goroutine."""
    match node:
        case ast.Call(func, [frame], []) if code.word(func) == "go":
            if (handle := _started(code, draft, frame, None)) is not None:
                return handle
        case ast.Call(func, [channel], []) if code.word(func) == "close" and _closed(code, draft, channel):
            return None
        case ast.Call(ast.Attribute(ast.expr() as receiver, method), arguments, []):
            is_done, found = _done_to(code, draft, value_of(code, draft, receiver), receiver, method, arguments)
            if is_done:
                return found
        case _:
            pass
    look(code, draft, node)
    return None


def _done_to(
    code: Code, draft: Draft, held: Value | None, receiver: ast.expr, method: str, arguments: list[ast.expr]
) -> tuple[bool, Value | None]:
    """A method of what is followed; False: it is not known what that does."""
    match held, method, arguments:
        case ChannelValue(), "close", []:
            return _closed(code, draft, receiver), None
        case GroupValue(group), "go", [frame]:
            handle = _started(code, draft, frame, group)
            return handle is not None, handle
        case HandleValue(index), "cancel", []:
            draft.do(Cancel(code.place, index))
            return True, None
        case SequenceValue(is_list=True), "append", [item] if isinstance(receiver, ast.Name):
            return _appended(code, draft, receiver.id, held, item), None
        case _:
            return False, None


def _appended(code: Code, draft: Draft, name: str, held: SequenceValue, node: ast.expr) -> bool:
    item = contained(code, draft, made(code, draft, node))
    if held.is_shared or (item is None and is_followed(held)):
        raise code.unknown(f"{name} is changed in a way that is not followed")
    if is_followed(item):
        draft.variables[name] = replace(held, items=(*held.items, item))
    else:
        draft.variables.pop(name, None)
    return True


def _started(code: Code, draft: Draft, node: ast.expr, group: int | None) -> HandleValue | None:
    frame = made(code, draft, node) if code.calls(node) or isinstance(node, ast.Name | ast.Subscript) else None
    return draft.start(frame, group) if isinstance(frame, FrameValue) else None


def _closed(code: Code, draft: Draft, node: ast.expr) -> bool:
    """Closes a channel, if it is known which. Closing None raises."""
    found = value_of(code, draft, node)
    if found == ConstantValue(None):
        draft.raises = True
        return True
    if not isinstance(found, ChannelValue):
        return False
    draft.close(found.index)
    return True


def arguments(code: Code, draft: Draft, call: ast.Call, called: Function) -> dict[str, Value]:
    """What is known of the parameters of a call."""
    found: dict[str, Value] = {}
    for name, argument in _given(call, called):
        value = made(code, draft, argument)
        if value is None and (number := number_of(code, draft, argument)) is not None:
            value = ConstantValue(number)
        if value is not None and name in called.parameters:
            found[name] = value
        else:
            escape(code, draft, value)
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
        case ast.Attribute(inner, "capacity" | "closed") if isinstance(value_of(code, draft, inner), ChannelValue):
            return
        case ast.Call(ast.Name("len"), [inner], []) if value_of(code, draft, inner) is not None:
            return
        case ast.Call(ast.Attribute(inner, "done"), [], []) if isinstance(value_of(code, draft, inner), HandleValue):
            return
        case ast.Attribute(ast.Name(receiver)) if receiver == code.function.receiver:
            _look_at_own(code, draft, node)
        case ast.Name():
            _look_at_name(code, draft, node)
        case _:
            _look_inside(code, draft, node)


def _look_at_own(code: Code, draft: Draft, node: ast.Attribute) -> None:
    if code.program.method(node.attr) is not None:
        all_wild(code, draft, f"{code.function.receiver}.{node.attr} is handed on, not called or started here")
    escape(code, draft, value_of(code, draft, node))


def _look_at_name(code: Code, draft: Draft, node: ast.Name) -> None:
    if node.id == code.function.receiver:
        all_wild(code, draft, f"{node.id} itself is handed on")
    elif code.called(node) is not None:
        all_wild(code, draft, f"{node.id} is handed on, not called or started here")
    lose(code, draft, node.id)


def lose(code: Code, draft: Draft, name: str) -> None:
    """Somebody who is not followed has what a variable holds."""
    found = draft.variables.get(name)
    if isinstance(found, SequenceValue) and found.is_list:
        if found.is_shared:
            raise code.unknown(f"{name} is used in a way that is not followed")
        draft.variables.pop(name)
    escape(code, draft, found)


def _look_inside(code: Code, draft: Draft, node: ast.AST) -> None:
    if isinstance(node, ast.Call) and last_name(node.func) in ("go", "create_task"):
        all_wild(code, draft, "what is started here is not followed")
    if isinstance(node, ast.Attribute) and code.called(node) is not None:
        all_wild(code, draft, "a durable function is handed on, not called or started here")
    if isinstance(node, ast.NamedExpr):
        forget(draft, names_in(node.target))
    for child in child_nodes(node):
        look(code, draft, child)


def escape(code: Code, draft: Draft, value: Value | None) -> None:
    """Somebody who is not followed has it."""
    for one in inside(value):
        match one:
            case ChannelValue(index):
                code.loosen("a channel is handed on, or used otherwise than to wait for it")
                draft.loosen(LoosenChannel(index))
            case HandleValue(index):
                code.loosen("the handle of a goroutine is handed on, or used otherwise than to wait for it")
                draft.loosen(LoosenGoroutine(index))
            case GroupValue(index):
                code.loosen("a TaskGroup is handed on")
                draft.do(StartStranger(code.place, index))
            case FrameValue(frame):
                title = code.program.by_name[frame.function].title
                all_wild(code, draft, f"{title} is handed on, not awaited or started here")
            case _:
                pass


def all_wild(code: Code, draft: Draft, text: str) -> None:
    """Durable code runs that is not followed: it may use every declared channel."""
    code.loosen(text)
    for number in code.program.channel_numbers.values():
        draft.loosen(LoosenChannel(number))


def unbind(draft: Draft, node: ast.stmt) -> None:
    """Nothing is known any more of what a statement may bind."""
    for one in walk(node):
        if isinstance(one, ast.stmt):
            forget(draft, names_bound_by(one))
        elif isinstance(one, ast.ExceptHandler):
            forget(draft, (one.name or "",))
        elif isinstance(one, ast.pattern):
            forget(draft, names_in(one))
        elif isinstance(one, ast.NamedExpr):
            forget(draft, (one.target.id,))


def forget(draft: Draft, names: Iterable[str]) -> None:
    for name in names:
        draft.variables.pop(name, None)
