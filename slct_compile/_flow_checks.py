"""Findings about values that cross a suspension: where they were made, where the process waits, where they are used after.

On the lowered states (`analysis/flow.py`), and only for functions that call something of interest: the others cost a look at
their calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

from ._flow_places import FlowPlaces
from ._index import Index, ModuleInfo, dotted_name, module_level
from ._kinds import (
    ENVIRONMENT,
    GENERATOR,
    LAST_WORDS,
    LOCK,
    MANAGER,
    NAIVE,
    NAIVE_CLOCKS,
    PASSED_ON,
    UNSAVEABLE,
    VOLATILE,
    Kind,
)
from ._loop_checks import has_loops, loop_findings
from ._meanings import Meanings
from ._normalize import Helpers
from ._scopes import names_bound_by, own_nodes
from ._strict_checks import untyped_variables
from ._walk import walk
from .analysis.flow import Crossing, Flow, Step
from .diagnostics import Diagnostic, Note
from .emit import Compiled

_OF_PATHS = {"open": UNSAVEABLE["open"], "iterdir": GENERATOR, "glob": GENERATOR, "rglob": GENERATOR}
"""Methods of paths."""


def flow_findings(index: Index, info: ModuleInfo, compiled: Compiled, helpers: Helpers) -> list[Diagnostic]:
    """What crosses suspensions in one function, and where it can go."""
    places = FlowPlaces(info, compiled)
    checks = _Checks(index, info, compiled, helpers, places)
    crosses, loops = checks.is_of_interest(), has_loops(compiled)
    untyped = [*untyped_variables(index, info, compiled, places)] if index.strict else []
    if not crosses and not loops:
        return untyped
    flow = Flow(compiled.states)
    return [
        *untyped,
        *(checks.findings(flow) if crosses else ()),
        *(loop_findings(compiled, flow, places) if loops else ()),
    ]


class _Checks:
    """The checks of one function, which share what its names mean and where its nodes stand."""

    def __init__(
        self, index: Index, info: ModuleInfo, compiled: Compiled, helpers: Helpers, places: FlowPlaces
    ) -> None:
        function = compiled.function
        self.index = index
        self.info = info
        self.places = places
        self.helpers = helpers
        self.parsed = function.parsed
        self.owner = info.classes.get(function.class_name)
        around = (name for outer in function.enclosing for name in outer.own.locals)
        self.meanings = Meanings(index, info, self.owner, function.parsed, around)
        self.authored = frozenset(function.own.locals)
        self.snapshots: dict[str, ast.expr] = {}

    def is_of_interest(self) -> bool:
        return any(self._is_interesting(node) for node in walk(ast.Module(self.parsed.body, [])))

    def _is_interesting(self, node: ast.AST) -> bool:
        match node:
            case ast.Call(func):
                word = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
                return word in LAST_WORDS or word in _OF_PATHS or word == "acquire" or self._of_tree(func) is not None
            case ast.Attribute(attr="environ"):
                return True
            case ast.withitem(context_expr=ast.Name() | ast.Attribute() as manager):
                return self._made(manager) is not None
            case ast.Attribute(value=ast.Name(variable)):
                return variable in self._context_variables
            case _:
                return False

    # --- values ------------------------------------------------------------------------------------------------------

    def findings(self, flow: Flow) -> Iterator[Diagnostic]:
        self.snapshots = {
            name: value for step in flow.steps for name, value in _bindings(step) if name not in self.authored
        }
        for step in flow.steps:
            for name, value in _bindings(step):
                yield from self._kept(flow, step, name, value)
            yield from self._acquired(flow, step)
        yield from self._contexts(flow)

    def _kept(self, flow: Flow, step: Step, name: str, value: ast.expr) -> Iterator[Diagnostic]:
        is_loop = isinstance(value, ast.Call) and dotted_name(value.func) == self.helpers.iterate
        kind = self._iterated(value) if is_loop else self._kind(value, by_name=name not in self.authored)
        crossing = flow.crossing(step, name) if kind is not None else None
        if kind is None or crossing is None:
            return
        if is_loop:
            yield self._told("SLC204", kind, step, value, crossing)
        elif self._is_manager(flow, name):
            yield self._told("SLC202" if kind is LOCK else "SLC203", kind, step, value, crossing)
        else:
            yield self._told(kind.code, kind, step, value, crossing)

    def _told(self, code: str, kind: Kind, step: Step, value: ast.expr, crossing: Crossing) -> Diagnostic:
        name = crossing.name.id
        finding, help = _WORDS[code].format(what=kind.what, name=name), _HELP.get(code, kind.help)
        notes = [Note(self.places.waits(crossing.suspension), "the process waits here")]
        used = self.places.place(crossing.use, crossing.name)
        if used is not None and name in self.authored:
            notes.append(Note(used, f"{name!r} is used here, after that"))
        place = self.places.place(step, value) or self.places.place(step, step.node) or notes[0].place
        return Diagnostic(code, place, finding, help, tuple(notes))

    def _is_manager(self, flow: Flow, name: str) -> bool:
        """Whether a variable is the manager of a `with` block that was taken apart."""
        if name in self.authored:
            return False
        enters = (self.helpers.enter, self.helpers.enter_async)
        calls = (n for step in flow.steps if step.read(name) for n in step.nodes() if isinstance(n, ast.Call))
        return any(dotted_name(call.func) in enters and call.args for call in calls)

    # --- what a value is -----------------------------------------------------------------------------------------------

    def _kind(self, value: ast.expr, *, by_name: bool = False) -> Kind | None:
        match value:
            case ast.Call():
                return self._call_kind(value)
            case ast.Subscript(mapping, _) if self.meanings.absolute(mapping) == "os.environ":
                return ENVIRONMENT
            case ast.BinOp(left, _, right):
                return self._deadline(left) or self._deadline(right)
            case ast.Name() | ast.Attribute() if by_name:
                return self._made(value)
            case _:
                return None

    def _call_kind(self, call: ast.Call) -> Kind | None:
        func = call.func
        if isinstance(func, ast.Name):  # a function may have been fetched before the suspension in its arguments
            func = self.snapshots.get(func.id, func)
        name = self.meanings.name(func)
        known = UNSAVEABLE.get(name) or VOLATILE.get(name)
        if known is not None:
            return known
        match func:
            case ast.Attribute(ast.Call(path), method) if self.meanings.absolute(path) == "pathlib.Path":
                return _OF_PATHS.get(method)
            case ast.Name("iter") if self.meanings.builtin(func):
                return next(filter(None, map(self._iterated_kind, call.args)), None)
            case _:
                return self._of_tree(func)

    def _deadline(self, value: ast.expr) -> Kind | None:
        """A point in time that only this machine, or only this time zone, understands."""
        if not isinstance(value, ast.Call):
            return None
        name = self.meanings.absolute(value.func)
        known = VOLATILE.get(name)
        if known is not None and known.code == "SLC401":
            return known
        is_naive = not (value.args or value.keywords)
        return NAIVE if name in NAIVE_CLOCKS and is_naive else None

    def _of_tree(self, func: ast.expr) -> Kind | None:
        """What a function of the tree gives, if it is a generator."""
        absolute = self.meanings.absolute(func)
        found = self.index.function(absolute) if absolute else None
        if found is None or not isinstance(found[1], ast.FunctionDef):
            return None
        module, function = found
        if not any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own_nodes(function.body)):
            return None
        if not function.decorator_list:
            return GENERATOR
        names = [self.index.resolve(module.name, dotted_name(d)) for d in function.decorator_list]
        return MANAGER if names == ["contextlib.contextmanager"] else None

    def _iterated(self, value: ast.expr) -> Kind | None:
        """What a loop goes over, if that cannot be saved half-way."""
        assert isinstance(value, ast.Call)
        return self._iterated_kind(value.args[0])

    def _iterated_kind(self, value: ast.expr) -> Kind | None:
        match value:
            case ast.Call(func, arguments) if self.meanings.builtin(func) in PASSED_ON:
                return next(filter(None, map(self._iterated_kind, arguments)), None)
            case ast.Call():
                kind = self._call_kind(value)
            case ast.Name() | ast.Attribute():
                kind = self._made(value)
            case _:
                return None
        return kind if kind is not None and kind.is_iterated else None

    def _made(self, value: ast.expr) -> Kind | None:
        """What a variable or field holds that is bound once, to such a call."""
        call = self._binding(value)
        return self._call_kind(call) if call is not None else None

    def _maker(self, value: ast.expr) -> str:
        call = self._binding(value)
        return self.meanings.absolute(call.func) if call is not None else ""

    def _binding(self, value: ast.expr) -> ast.Call | None:
        match value:
            case ast.Name(name) if name in self.authored:
                return _only_call(name, own_nodes(self.parsed.body))
            case ast.Name(name) if name not in self.meanings.local:
                return _only_call(name, module_level(self.info.tree.body))
            case ast.Attribute(ast.Name(receiver), name) if receiver == self.meanings.receiver and self.owner:
                is_set = any(_is_set(node, name) for node in walk(self.owner.node))
                return None if is_set else _only_call(name, self.owner.node.body)
            case _:
                return None

    # --- locks and contexts --------------------------------------------------------------------------------------------

    def _acquired(self, flow: Flow, step: Step) -> Iterator[Diagnostic]:
        """`lock.acquire()` with a suspension before `lock.release()`."""
        match step.node:
            case ast.Expr(ast.Call(ast.Attribute(lock, "acquire") as func)) if self._made(lock) is LOCK:
                release = ast.unparse(lock) + ".release"
            case _:
                return
        held = flow.reachable(step.next, lambda s: s.suspends or _calls(s, release))
        waits = next((s for s in held if s.suspends), None)
        if waits is None:
            return
        notes = [Note(self.places.waits(waits), "the process waits here")]
        freed = next((s for s in flow.reachable(waits.next) if _calls(s, release)), None)
        place = self.places.place(freed, freed.node) if freed is not None else None
        if place is not None:
            notes.append(Note(place, "it is released here, after that"))
        finding = _WORDS["SLC202"].format(what=LOCK.what)
        yield Diagnostic("SLC202", self.places.place(step, func) or notes[0].place, finding, LOCK.help, tuple(notes))

    def _contexts(self, flow: Flow) -> Iterator[Diagnostic]:
        """Context variables and thread-local data, read after a suspension that nobody has set them since."""
        for name, attribute in self._context_variables.items():
            waits = [s for s in flow.steps if s.suspends and _is_read_after(flow, s, name, attribute)]
            for step in flow.steps:
                read = _context_read(step, name, attribute)
                first = next((s for s in waits if step in _before_it_is_set(flow, s, name)), None)
                if read is None or first is None:
                    continue
                note = Note(self.places.waits(first), "the process waits here")
                finding = f"{name!r} is read after a suspension, and what was set before is not saved"
                place = self.places.place(step, read) or note.place
                yield Diagnostic("SLC209", place, finding, "pass the value explicitly: keep it in a local", (note,))

    @cached_property
    def _context_variables(self) -> dict[str, str]:
        """Context variables and thread-local data of the module, with the attribute by which they are read; empty for any."""
        if "ContextVar" not in self.info.source and "threading" not in self.info.source:
            return {}
        found: dict[str, str] = {}
        for node in module_level(self.info.tree.body):
            for name in names_bound_by(node) - self.meanings.local:
                maker = self._maker(ast.Name(name, ast.Load()))
                if maker in _CONTEXTS:
                    found[name] = _CONTEXTS[maker]
        return found


def _bindings(step: Step) -> Iterator[tuple[str, ast.expr]]:
    """Names that a step binds to the value of an expression, or to a part of it."""
    match step.node:
        case ast.Assign(targets, value):
            for target in targets:
                for node in [target] if isinstance(target, ast.Name) else getattr(target, "elts", []):
                    if isinstance(node, ast.Name):
                        yield node.id, value
        case ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
            yield name, value
        case _:
            pass
    for node in step.nodes():
        if isinstance(node, ast.NamedExpr):
            yield node.target.id, node.value


def _only_call(name: str, nodes: Iterable[ast.AST]) -> ast.Call | None:
    """The call that a name is bound to, if nothing else binds it among these nodes."""
    found: list[ast.Call | None] = []
    for node in nodes:
        match node:
            case ast.Assign([ast.Name(bound)], value) | ast.AnnAssign(ast.Name(bound), _, ast.expr() as value) if (
                bound == name
            ):
                found.append(value if isinstance(value, ast.Call) else None)
            case ast.stmt() if not isinstance(node, ast.Assign | ast.AnnAssign) and name in names_bound_by(node):
                found.append(None)
            case ast.Assign() if name in names_bound_by(node):
                found.append(None)
            case _:
                pass
    return found[0] if len(found) == 1 else None


def _is_set(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name and not isinstance(node.ctx, ast.Load)


def _calls(step: Step, function: str) -> bool:
    return any(isinstance(n, ast.Call) and ast.unparse(n.func) == function for n in step.nodes())


def _context_read(step: Step, name: str, attribute: str) -> ast.Attribute | None:
    """Where a step reads a context variable or thread-local data."""
    for node in step.nodes():
        match node:
            case ast.Attribute(ast.Name(variable), read, ast.Load()) if variable == name and attribute in (read, ""):
                return node
            case _:
                pass
    return None


def _before_it_is_set(flow: Flow, suspension: Step, name: str) -> list[Step]:
    """What follows a suspension, up to where the variable is set anew."""
    return flow.reachable(suspension.next, lambda s: _sets(s, name))


def _is_read_after(flow: Flow, suspension: Step, name: str, attribute: str) -> bool:
    return any(_context_read(s, name, attribute) for s in _before_it_is_set(flow, suspension, name))


def _sets(step: Step, variable: str) -> bool:
    return _calls(step, f"{variable}.set") or any(
        isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and ast.unparse(n.value) == variable
        for n in step.nodes()
    )


_CONTEXTS = {"contextvars.ContextVar": "get", "threading.local": ""}
"""What makes one, and the attribute by which it is read; empty for any."""

_WORDS = {
    "SLC201": "{what} is alive across a suspension, and cannot be saved",
    "SLC202": "{what} is held across a suspension, and is not held after a restart",
    "SLC203": "the block of a `with` is suspended, and its manager, {what}, cannot be saved",
    "SLC204": "the loop is suspended half-way, and what it goes over, {what}, cannot be saved",
    "SLC206": "{what} is kept in {name!r} across a suspension, and means nothing on another worker",
    "SLC401": "{what} is kept in {name!r} across a suspension, and means nothing on another worker",
    "SLC404": "{what} is kept in {name!r} across a suspension, and may not hold on another worker",
}
_HELP = {"SLC204": "loop over list(...) of it, or keep how far the loop has come"}

__all__ = ["flow_findings"]
