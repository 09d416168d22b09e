"""Findings about where a function can go: loops that never suspend and never end, recursion that never returns, awaits that
nothing leads to. On the lowered states, as `_flow_checks.py`, which asks the questions about values.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from ._flow_places import FlowPlaces
from ._index import dotted_name
from ._walk import walk
from .analysis.flow import Flow, Step
from .diagnostics import Diagnostic, Place
from .emit import Compiled


def has_loops(compiled: Compiled) -> bool:
    """Whether there is something to ask: loops that do not plainly wait each time around, or calls of itself."""
    function = compiled.function.parsed
    nodes = walk(ast.Module(function.body, []))
    return any((isinstance(n, ast.While) and not _waits(n)) or _is_call_of(n, function.name) for n in nodes)


def _waits(loop: ast.While) -> bool:
    """Whether a loop waits whenever it goes around: in its condition, or in a line that no `continue` stands before."""
    if _is_await(loop.test):
        return True
    for statement in loop.body:
        match statement:
            case ast.Expr(value) | ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value) if _is_await(
                value
            ):
                return True
            case _ if any(isinstance(n, ast.Continue) for n in walk(statement)):
                return False
            case _:
                pass
    return False


def _is_await(value: ast.expr) -> bool:
    return isinstance(value.value if isinstance(value, ast.NamedExpr) else value, ast.Await)


def loop_findings(compiled: Compiled, flow: Flow, places: FlowPlaces) -> Iterator[Diagnostic]:
    """The loops and the recursion of one function."""
    function = compiled.function.parsed
    found = dict.fromkeys(
        place for steps in (*_idle_cycles(flow), *_endless(flow)) if (place := places.loop_around(steps))
    )
    for place in found:
        finding = "once it is here, nothing in this loop can suspend or end it: the worker would run it for ever"
        yield Diagnostic(
            "SLC304", place, finding, "wait in it for what it needs: recv, sleep, select; or give it an exit"
        )
    if any(_is_call_of(n, function.name) for n in walk(ast.Module(function.body, []))):
        yield from _recursion(compiled, flow, places)


# --- loops -------------------------------------------------------------------------------------------------------------


def _idle_cycles(flow: Flow) -> Iterator[list[Step]]:
    """Cycles in which nothing is changed: who goes around once, goes around for ever."""
    idle = [step for step in flow.steps if _is_idle(step)]
    known = {id(step) for step in idle}
    for component in components(idle, lambda s: [n for n in s.next if id(n) in known]):
        if _is_cycle(component):
            yield component


def _is_idle(step: Step) -> bool:
    """Whether a step changes nothing, and calls nothing that could. What it reads stays the same."""
    if step.suspends or step.exits or isinstance(step.node, ast.Assert | ast.Delete | ast.Import | ast.ImportFrom):
        return False
    if step.node is None:
        return True
    return not step.binds and not any(isinstance(n, _ACTIVE) or _is_store(n) for n in step.nodes())


_ACTIVE = (ast.Call, ast.NamedExpr, ast.comprehension, ast.AugAssign)


def _is_store(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)


def _endless(flow: Flow) -> Iterator[list[Step]]:
    """Cycles without a suspension that nothing leads out of, but an error that nobody handles."""
    running = [step for step in flow.steps if not step.suspends]
    for component in components(running, lambda s: s.next):
        inside = {id(step) for step in component}
        is_closed = all(id(n) in inside for s in component for n in (*s.next, *s.errors))
        if is_closed and _is_cycle(component) and not any(s.exits for s in component):
            yield component


def _is_cycle(component: list[Step]) -> bool:
    (first, *others) = component
    return bool(others) or first in first.next


def components(steps: Iterable[Step], after: Callable[[Step], Iterable[Step]]) -> Iterator[list[Step]]:
    """The strongly connected components of a graph of steps. Those of `after` that are not among the steps count as ends.

    Source: Tarjan, "Depth-first search and linear graph algorithms", without recursion.
    """
    wanted = {id(step) for step in steps}
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[Step] = []
    on_path: set[int] = set()
    for root in list(steps):
        if id(root) in order:
            continue
        work: list[tuple[Step, Iterator[Step]]] = []
        _enter(root, order, low, path, on_path)
        work.append((root, iter([n for n in after(root) if id(n) in wanted])))
        while work:
            step, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[id(work[-1][0])] = min(low[id(work[-1][0])], low[id(step)])
                if low[id(step)] == order[id(step)]:
                    yield _leave(step, path, on_path)
            elif id(following) not in order:
                _enter(following, order, low, path, on_path)
                work.append((following, iter([n for n in after(following) if id(n) in wanted])))
            elif id(following) in on_path:
                low[id(step)] = min(low[id(step)], order[id(following)])


def _enter(step: Step, order: dict[int, int], low: dict[int, int], path: list[Step], on_path: set[int]) -> None:
    order[id(step)] = low[id(step)] = len(order)
    path.append(step)
    on_path.add(id(step))


def _leave(step: Step, path: list[Step], on_path: set[int]) -> list[Step]:
    found: list[Step] = []
    while True:
        found.append(path.pop())
        on_path.discard(id(found[-1]))
        if found[-1] is step:
            return found


# --- recursion ---------------------------------------------------------------------------------------------------------


def _recursion(compiled: Compiled, flow: Flow, places: FlowPlaces) -> Iterator[Diagnostic]:
    """Every way through the function awaits the function itself."""
    function = compiled.function
    again = [s for s in flow.steps if s.suspends and any(_is_own_call(n, compiled) for n in s.nodes())]
    known = {id(step) for step in again}
    before = flow.reachable([flow.entry], lambda s: id(s) in known)
    if not any(id(step) in known for step in before) or any(step.exits for step in before):
        return
    waits = [step for step in before if id(step) not in known]
    if any(_is_cycle(c) for c in components(waits, lambda s: (*s.next, *s.errors))):
        return
    first = next(step for step in before if id(step) in known)
    finding = f"{function.name!r} awaits itself on every way through it, and so never returns"
    yield Diagnostic("SLC308", places.waits(first), finding, "return before it in some case; or write it as a loop")


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Await) and isinstance(node.value, ast.Call) and _last_word(node.value.func) == name


def _last_word(func: ast.expr) -> str:
    return dotted_name(func).rpartition(".")[2]


def _is_own_call(node: ast.AST, compiled: Compiled) -> bool:
    function = compiled.function
    if not isinstance(node, ast.Call) or function.overrides:
        return False
    if function.class_name and function.outer is None:
        return dotted_name(node.func) == f"{function.receiver}.{function.name}"
    return dotted_name(node.func) == function.name and function.name not in function.own.locals


# --- awaits that nothing leads to --------------------------------------------------------------------------------------


def unreachable(places: Iterable[Place]) -> Iterator[Diagnostic]:
    """The first await that nothing leads to; the others follow from it."""
    first = min(places, key=lambda p: (p.line, p.column), default=None)
    if first is not None:
        finding = "no way through the function leads to this await"
        yield Diagnostic("SLC307", first, finding, "remove it; or mend the condition, loop or jump before it")
