"""All ways through the statements of a state, up to where it is left."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from .._index import dotted_name
from .._walk import child_nodes, walk
from ..ir import ops
from .branches import Branch, branches_of_if, branches_of_match
from .code import Code, is_marker, is_resume, names_in
from .drafts import Closed, Draft, Leaving, Suspension
from .expressions import contained, done, escape, forget, iterated, look, lose, made, unbind
from .model import ItemsValue, RangeValue, Value, is_followed
from .sequences import advanced, bind, is_plain_target, items_of

WAYS_MAX = 256
"""That a loop without an await may take, at once."""


def ways(code: Code, start: Draft) -> list[Draft]:
    """All of them, each with how it leaves; with a handler, also into that."""
    return list(_run(code, code.statements, _without_captured(code, start.copy())))


def _run(code: Code, statements: Sequence[ast.stmt], draft: Draft) -> Iterator[Draft]:
    found = [draft]
    for statement in statements:
        going = [way for way in found if way.leaves is None]
        yield from (way for way in found if way.leaves is not None)
        if code.on_error is not None:
            yield from (_failing(way, statement, code.on_error) for way in going)
        after = [one for way in going for one in _statement(code, statement, way)]
        found = [_raising(_without_captured(code, one)) for one in after]
    yield from found


def _failing(draft: Draft, statement: ast.stmt, on_error: int) -> Draft:
    """Anything may raise, at any place."""
    failed = draft.copy()
    unbind(failed, statement)
    return failed.left(on_error)


def _without_captured(code: Code, draft: Draft) -> Draft:
    """What durable functions inside this one may use and change is not followed."""
    for name in code.function.captured.intersection(draft.variables):
        lose(code, draft, name)
        draft.variables.pop(name, None)
    return draft


def _raising(draft: Draft) -> Draft:
    """What raises whatever the data does not go on."""
    return draft.left(ast.Raise()) if draft.raises else draft


def _statement(code: Code, node: ast.stmt, draft: Draft) -> Iterable[Draft]:
    leaves = _leaving(node)
    if leaves is not None:
        return [_left(code, draft, leaves)]
    match node:
        case ast.Assign(targets, value) if all(map(is_plain_target, targets)):
            return [_assigned(code, draft, targets, value)]
        case ast.AnnAssign(ast.Name() as target, _, ast.expr() as value):
            return [_assigned(code, draft, [target], value)]
        case ast.Expr(value):
            done(code, draft, value)
            return [draft]
        case ast.If():
            return _into(code, branches_of_if(code, node, draft))
        case ast.Match():
            return _into(code, branches_of_match(code, node, draft))
        case ast.For() if any(map(is_marker, walk(node))):
            return _looped(code, node, draft)
        case ast.For() if _is_worth_unrolling(code, node, draft):
            return _unrolled(code, node, draft)
        case ast.Try():
            return _tried(code, node, draft)
        case _:
            return _opaque(code, node, draft)


def _left(code: Code, draft: Draft, leaves: Leaving) -> Draft:
    """An awaited operation is looked at when its wait is made."""
    match leaves:
        case ast.Return(ast.expr() as value):
            draft.result = made(code, draft, value)
        case ast.Raise(error):
            look(code, draft, error)
        case _:
            pass
    return draft.left(leaves)


def _leaving(node: ast.stmt) -> Leaving | None:
    match node:
        case ast.Expr(ast.Call(ast.Name(ops.GOTO_MARKER), [ast.Constant(int(block))])):
            return block
        case ast.Expr(ast.Call(ast.Name(ops.SUSPEND_MARKER), [ast.Constant(int(block)), operation])):
            return Suspension(block, operation)
        case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
            return node
        case _:
            return None


def _into(code: Code, branches: Iterator[Branch]) -> Iterator[Draft]:
    for suite, draft in branches:
        yield from _run(code, suite, draft)


def _assigned(code: Code, draft: Draft, targets: list[ast.expr], value: ast.expr) -> Draft:
    found = made(code, draft, value)
    if len(targets) > 1:
        found = contained(code, draft, found)
    for target in targets:
        if not isinstance(target, ast.Name) and is_followed(found) and items_of(found) is None:
            escape(code, draft, found)
        bind(draft, target, found)
    return draft


def _looped(code: Code, node: ast.For, draft: Draft) -> Iterator[Draft]:
    """Another item as long as there are any: how many is known, or depends on data."""
    assert isinstance(node.iter, ast.Name)
    cursor = draft.variables.get(node.iter.id)
    if not isinstance(cursor, RangeValue | ItemsValue):
        return _some_item(code, node, draft)
    following = advanced(cursor)
    if following is None:
        return _run(code, node.orelse, draft)
    item, draft.variables[node.iter.id] = following
    return _of_an_item(code, node, draft, item)


def _some_item(code: Code, node: ast.For, draft: Draft) -> Iterator[Draft]:
    look(code, draft, node.iter)
    yield from _of_an_item(code, node, draft.copy(), None)
    forget(draft, names_in(node.target))
    yield from _run(code, node.orelse, draft)


def _is_worth_unrolling(code: Code, node: ast.For, draft: Draft) -> bool:
    """A loop without an await; where channels and goroutines are not touched, what it does is data."""
    names = [draft.variables.get(one.id) for one in walk(node) if isinstance(one, ast.Name)]
    return is_plain_target(node.target) and (code.acts(node) or code.calls(node) or any(map(is_followed, names)))


def _unrolled(code: Code, node: ast.For, draft: Draft) -> Iterable[Draft]:
    after = draft.copy()
    items = items_of(iterated(code, after, node.iter))
    if items is None:
        return _opaque(code, node, draft)
    found: list[Draft] = []
    going = [after]
    for item in items:
        ended = [way for start in going for way in _one_turn(code, node, start, item)]
        found += [way for way in ended if way.leaves is not None and not isinstance(way.leaves, ast.Continue)]
        going = [way for way in ended if way.leaves is None or isinstance(way.leaves, ast.Continue)]
        if len(going) > WAYS_MAX:
            raise code.unknown("too much may happen in a loop")
    found += [way for start in going for way in _run(code, node.orelse, start.going_on())]
    return [way.going_on() if isinstance(way.leaves, ast.Break) else way for way in found]


def _one_turn(code: Code, node: ast.For, draft: Draft, item: Value | None) -> Iterator[Draft]:
    bind(draft.going_on(), node.target, item)
    return _run(code, node.body, draft)


def _of_an_item(code: Code, node: ast.For, draft: Draft, item: Value | None) -> Iterator[Draft]:
    if is_plain_target(node.target):
        bind(draft, node.target, item)
    else:
        escape(code, draft, item)
        forget(draft, names_in(node.target))
    for way in _run(code, node.body, draft):
        if way.leaves is None:
            raise code.unknown("a loop that is not followed")
        yield way


def _tried(code: Code, node: ast.Try, draft: Draft) -> Iterator[Draft]:
    if code.acts(node):
        yield from _opaque(code, node, draft)
        return
    for way in _before_finally(code, node, draft):
        _go_through_finally(code, node, way)
        yield way


def _before_finally(code: Code, node: ast.Try, draft: Draft) -> Iterator[Draft]:
    handled = draft.copy()
    ends_a_loop = _ends_a_loop(node)
    is_closed = isinstance(draft.outcome, Closed)
    if not (ends_a_loop and is_closed):
        yield from _not_raising(code, node, draft)
    if not ends_a_loop or is_closed:
        yield from _handlers(code, node, handled, catches_all=ends_a_loop)


def _ends_a_loop(node: ast.Try) -> bool:
    """Whether it is what the compiler makes of `async for`: the only thing raised there is the end."""
    catches_end = any(h.type is not None and dotted_name(h.type) == "StopAsyncIteration" for h in node.handlers)
    return catches_end and any(is_resume(one) for one in walk(node))


def _not_raising(code: Code, node: ast.Try, draft: Draft) -> Iterator[Draft]:
    for way in _run(code, node.body, draft.copy()):
        if way.leaves is None:
            yield from _run(code, node.orelse, way)
        elif not isinstance(way.leaves, ast.Raise):
            yield way


def _go_through_finally(code: Code, node: ast.Try, draft: Draft) -> None:
    for statement in node.finalbody:
        if any(isinstance(one, ast.Return) or is_marker(one) for one in walk(statement)):
            raise code.unknown("a `finally` that leaves")
        look(code, draft, statement)
        unbind(draft, statement)


def _handlers(code: Code, node: ast.Try, start: Draft, *, catches_all: bool) -> Iterator[Draft]:
    """Of what stands before, anything may have been done."""
    for statement in node.body:
        look(code, start, statement)
        unbind(start, statement)
    for handler in node.handlers:
        catches_all |= handler.type is None or dotted_name(handler.type) == "BaseException"
        way = start.copy()
        forget(way, [handler.name or ""])
        yield from _run(code, handler.body, way)
    if not catches_all:
        yield start.copy().left(ast.Raise())


def _opaque(code: Code, node: ast.stmt, draft: Draft) -> list[Draft]:
    """A statement whose inside is not followed: it may fall through, or leave by any jump in it."""
    ends = [leaves for one in walk(node) if isinstance(one, ast.stmt) and (leaves := _leaving(one)) is not None]
    if isinstance(node, ast.For | ast.While):
        ends = [leaves for leaves in ends if not isinstance(leaves, ast.Break | ast.Continue)]
    if any(isinstance(leaves, Suspension) for leaves in ends):
        raise code.unknown("an await in a statement that is not followed")
    for child in child_nodes(node):
        look(code, draft, child)
    unbind(draft, node)
    return [draft, *(draft.copy().left(how) for how in ends)]
