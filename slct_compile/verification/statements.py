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
from .expressions import done, forget, look, made, unbind, value_of
from .model import ItemsValue


def ways(code: Code, start: Draft) -> list[Draft]:
    """All of them, each with how it leaves; with a handler, also into that."""
    found = list(_run(code, code.statements, start.copy()))
    if code.on_error is not None:
        found.append(_failing(code, start, code.on_error))
    return found


def _failing(code: Code, start: Draft, on_error: int) -> Draft:
    """Anything may raise, at any place."""
    failed = start.copy()
    for statement in code.statements:
        if code.acts(statement):
            raise code.unknown("goroutines, or ends of channels, in a `try` or `with`")
        unbind(failed, statement)
    return failed.left(on_error)


def _run(code: Code, statements: Sequence[ast.stmt], draft: Draft) -> Iterator[Draft]:
    found = [draft]
    for statement in statements:
        going = [way for way in found if way.leaves is None]
        yield from (way for way in found if way.leaves is not None)
        found = [after for way in going for after in _statement(code, statement, way)]
    yield from found


def _statement(code: Code, node: ast.stmt, draft: Draft) -> Iterable[Draft]:
    leaves = _leaving(node)
    if leaves is not None:
        look(code, draft, _last_expression(leaves))
        return [draft.left(leaves)]
    match node:
        case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
            return [_assigned(code, draft, name, value)]
        case ast.Expr(value):
            done(code, draft, value)
            return [draft]
        case ast.If():
            return _into(code, branches_of_if(code, node, draft))
        case ast.Match():
            return _into(code, branches_of_match(code, node, draft))
        case ast.For() if isinstance(items := value_of(code, draft, node.iter), ItemsValue):
            return _next_item(code, node, draft, items)
        case ast.For() if any(map(is_marker, walk(node))):
            return _some_item(code, node, draft)
        case ast.Try():
            return _tried(code, node, draft)
        case _:
            return _opaque(code, node, draft)


def _leaving(node: ast.stmt) -> Leaving | None:
    match node:
        case ast.Expr(ast.Call(ast.Name(ops.GOTO_MARKER), [ast.Constant(int(block))])):
            return block
        case ast.Expr(ast.Call(ast.Name(ops.SUSPEND_MARKER), [ast.Constant(int(block)), operation])):
            return Suspension(block, operation)
        case ast.Return() | ast.Raise():
            return node
        case _:
            return None


def _last_expression(leaves: Leaving) -> ast.expr | None:
    """What is evaluated last; an awaited operation is looked at when its wait is made."""
    match leaves:
        case ast.Return(value):
            return value
        case ast.Raise(error):
            return error
        case _:
            return None


def _into(code: Code, branches: Iterator[Branch]) -> Iterator[Draft]:
    for suite, draft in branches:
        yield from _run(code, suite, draft)


def _assigned(code: Code, draft: Draft, name: str, value: ast.expr) -> Draft:
    found = made(code, draft, value)
    draft.variables.pop(name, None)
    if found is not None:
        draft.variables[name] = found
    return draft


def _next_item(code: Code, node: ast.For, draft: Draft, items: ItemsValue) -> Iterator[Draft]:
    """Another item as long as there are any: how many is known."""
    assert isinstance(node.iter, ast.Name)
    if items.count == 0:
        return iter([draft])
    draft.variables[node.iter.id] = ItemsValue(items.count - 1)
    if node.orelse:
        raise code.unknown("a loop that is not followed")
    return _of_an_item(code, node, draft)


def _some_item(code: Code, node: ast.For, draft: Draft) -> Iterator[Draft]:
    """Another item, or none: that depends on data."""
    look(code, draft, node.iter)
    yield from _of_an_item(code, node, draft.copy())
    forget(draft, names_in(node.target))
    yield from _run(code, node.orelse, draft)


def _of_an_item(code: Code, node: ast.For, draft: Draft) -> Iterator[Draft]:
    forget(draft, names_in(node.target))
    for way in _run(code, node.body, draft):
        if way.leaves is None:
            raise code.unknown("a loop that is not followed")
        yield way


def _tried(code: Code, node: ast.Try, draft: Draft) -> Iterator[Draft]:
    if code.acts(node):
        raise code.unknown("goroutines, or ends of channels, in a `try`")
    handled = draft.copy()
    ends_a_loop = _ends_a_loop(node)
    is_closed = isinstance(draft.outcome, Closed)
    if not (ends_a_loop and is_closed):
        yield from _not_raising(code, node, draft)
    _look_at_finally(code, node, handled)
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


def _look_at_finally(code: Code, node: ast.Try, draft: Draft) -> None:
    for statement in node.finalbody:
        if any(isinstance(one, ast.Return) or is_marker(one) for one in walk(statement)):
            raise code.unknown("a `finally` that leaves")
        look(code, draft, statement)


def _handlers(code: Code, node: ast.Try, start: Draft, *, catches_all: bool) -> Iterator[Draft]:
    for statement in node.body:
        unbind(start, statement)
    for handler in node.handlers:
        catches_all |= handler.type is None or dotted_name(handler.type) == "BaseException"
        yield from _run(code, handler.body, start.copy())
    if not catches_all:
        yield start.copy().left(ast.Raise())


def _opaque(code: Code, node: ast.stmt, draft: Draft) -> list[Draft]:
    """A statement whose inside is not followed: it may fall through, or leave by any jump in it."""
    if code.acts(node):
        raise code.unknown("goroutines or channels, made or ended in a statement that is not followed")
    ends = [leaves for one in walk(node) if isinstance(one, ast.stmt) and (leaves := _leaving(one)) is not None]
    if any(isinstance(leaves, Suspension) for leaves in ends):
        raise code.unknown("an await in a statement that is not followed")
    for child in child_nodes(node):
        look(code, draft, child)
    unbind(draft, node)
    return [draft, *(draft.copy().left(how) for how in ends)]
