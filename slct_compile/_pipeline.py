"""The passes, in order: parse → find → refuse → normalise → lower → analyse → name → emit → format → verify.

Each is a function from value to value, and each has a printed form (`slct-compile --show PASS`). One module at a time;
what other modules say comes from the index.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from textwrap import indent

import libcst as cst

from . import _checks, _normal
from ._definitions import (
    DurableFunction,
    Kind,
    ParsedModule,
    find_definitions,
    first_line,
    make_names,
    own_async_functions,
    stable_globals,
)
from ._described import describe, record
from ._fingerprints import fingerprints
from ._flow_checks import flow_findings
from ._format import Replacement, new_lines, splice
from ._imports import Imports, choose_imports
from ._index import Index, ModuleInfo
from ._local_functions import local_rows
from ._lock import Lock, LockedFunction
from ._loop_checks import unreachable
from ._names import Names
from ._normal import Body
from ._normalize import Normalizer
from ._outputs import FunctionOutput, ModuleOutput
from ._page import Page, Printed
from ._passes import PASSES
from ._places import Link, links
from ._scopes import own_nodes, rebound_handler_names
from ._slot_types import (
    declared_again,
    declared_locals,
    narrowed_members,
    reads_narrowed,
    returns_untyped,
    slot_types,
)
from ._stable_names import name_states
from ._stable_slots import Recorded, recorded_slots
from ._suspension import Suspensions
from ._unsupported import refuse
from .analysis.liveness import Layout, lay_out
from .diagnostics import CATALOGUE, Severity, Unsupported, sorted_diagnostics
from .emit import Compiled, assign_slots, emit
from .ir.check import check_graph, check_names, check_normal, check_states
from .ir.ops import BlockId, Graph, text_of
from .ir.pprint import show_graph, show_states
from .lower import lower
from .lower.states import StateCode, cut, merge_resumptions, simplify

checked = False
"""Whether the verifier runs between the passes; tests set it."""

RECURSION_MAX = 20_000
"""Trees are walked by recursion: a long chain of `elif`s is a deep tree."""


def compile_module(index: Index, info: ModuleInfo, show: str | None = None, lock: Lock | None = None) -> ModuleOutput:
    """Compile one module. Without durable code it comes out byte for byte; with findings it comes out as it was."""
    sys.setrecursionlimit(max(RECURSION_MAX, sys.getrecursionlimit()))
    findings = _checks.check_module(index, info)
    lock = lock or Lock()
    try:
        module = find_definitions(index, info, lock.prefixes(info.name))
    except Unsupported as error:
        return ModuleOutput(info, info.source, (), tuple(sorted_diagnostics([*findings, error.diagnostic])))
    if module is None:
        return ModuleOutput(info, info.source, diagnostics=tuple(sorted_diagnostics(findings)))
    trace = Trace(show)
    imports = choose_imports(module)
    stable = stable_globals(info)
    compiled: list[Compiled] = []
    known: dict[str, Compiled] = {}
    for function in module.functions:
        trace.add("find", partial(_heading, function))
        refused = refuse(index, info, function)
        findings += refused
        if refused or any(outer.qualname not in known for outer in function.enclosing):
            continue
        try:
            names = make_names(module, function, stable)
            around = tuple(known[outer.qualname] for outer in function.enclosing)
            known[function.qualname] = compile_function(module, function, names, imports, trace, lock, around)
            compiled.append(known[function.qualname])
            findings += flow_findings(index, info, known[function.qualname], imports.helpers)
            findings += unreachable(known[function.qualname].unreachable)
        except Unsupported as error:
            findings.append(error.diagnostic)
    diagnostics = tuple(dict.fromkeys(sorted_diagnostics(findings)))
    if any(CATALOGUE[d.code][1] is Severity.ERROR for d in diagnostics):
        return ModuleOutput(info, info.source, (), diagnostics, trace.text, is_settled=False)
    text, places = assemble(module, compiled, imports, trace)
    verify(text, info)
    trace.add("output", lambda: text)
    functions = tuple(FunctionOutput(one.function.qualname, describe(info, one), record(one)) for one in compiled)
    settled = all(_is_settled(info, one, f.locked, lock) for one, f in zip(compiled, functions, strict=True))
    return ModuleOutput(info, text, functions, diagnostics, trace.text, places, settled, tuple(compiled))


def _is_settled(info: ModuleInfo, one: Compiled, now: LockedFunction, lock: Lock) -> bool:
    """Whether a function would get the same names with those that it has now in the lock."""
    before = lock.function(info.name, one.function.qualname)
    retired = (before.names if before is not None else frozenset()) - {s.name for s in now.states}
    locked = LockedFunction(now.prefix, now.variables, now.states, retired)
    if locked == before:
        return True
    blocks = [s.block for s in one.states]
    try:
        return name_states(one.function, info.path, blocks, one.fingerprints, locked) == dict(one.names)
    except Unsupported:
        return False


def _heading(function: DurableFunction) -> str:
    return f"{function.kind.value} {function.qualname}({', '.join(function.own.parameters)})\n"


class Trace:
    """The printed form of the pass that is wanted, function by function."""

    def __init__(self, wanted: str | None) -> None:
        self.wanted = wanted
        self.text = ""

    def add(self, name: str, text: Callable[[], str]) -> None:
        if name == self.wanted:
            self.text += text()

    def function(self, name: str, function: DurableFunction, text: Callable[[], str]) -> None:
        self.add(name, lambda: f"{function.qualname}:\n{indent(text(), '    ')}\n")


def compile_function(
    module: ParsedModule,
    function: DurableFunction,
    names: Names,
    imports: Imports,
    trace: Trace,
    lock: Lock,
    around: tuple[Compiled, ...] = (),
) -> Compiled:
    """The passes over one function, up to what is emitted. `around`: the durable functions that define it, innermost first.

    Raises:
      Unsupported: a construct that is refused.
    """
    if around:  # states of one class stand beside each other
        taken = {name for one in around for name in one.names.values()}
        function = replace(function, class_members=function.class_members | taken)
    body = normalise(module, function, names, imports)
    if checked:
        check_normal(body)
    trace.function("normalised", function, lambda: _normal.show(body))
    rebound = rebound_handler_names(function.parsed, function.own.captured)
    graph = lower(body, names, function.parsed.lineno, imports.helpers, rebound)
    if checked:
        check_graph(graph)
    trace.function("ir", function, lambda: show_graph(graph))
    states = analyse_states(graph, names)
    variables = [*function.own.locals, *names.temporaries]
    captured = function.own.captured - {function.receiver}
    layout = lay_out(
        states,
        [v for v in variables if v != function.receiver],
        [p for p in function.own.parameters if p != function.receiver],
        captured,
        has_local_functions=bool(own_async_functions(function.parsed)),
    )
    _checks.refuse_local_definitions(module, function, states, layout)
    trace.function("states", function, lambda: show_states(states, layout.live))
    if checked:
        check_states(states, layout, function.own.mentioned, names.temporaries)
    known = fingerprints(graph, states, function.parsed, module.info.source, names.temporaries, function.own.locals)
    locked = lock.recorded(module.info.name, function.qualname, known.values())
    state_names = name_states(function, module.info.path, [s.block for s in states], known, locked)
    if checked:
        check_names(state_names, function.class_members)
    trace.function("names", function, lambda: "".join(f"{i} {n}\n" for i, n in state_names.items()))
    slots = assign_slots(function, names, layout, _recorded_slots(function, names, layout, state_names, locked))
    frame = "f" if "f" not in names.taken else names.reserve("frame")
    types = _annotations(function)
    shown = slot_types(function, module.info, imports.words.any)
    loose = _loose_states(function, module.info, states)
    declared = _declared_in_states(function, slots, states)
    made = local_rows(states, function, module.info.source, slots, names.temporaries)
    return Compiled(
        function,
        tuple(states),
        state_names,
        layout,
        slots,
        types,
        shown,
        loose,
        declared,
        rebound,
        frame,
        known,
        made,
        around,
        tuple(place for operation in graph.dropped if (place := module.place(operation)) is not None),
        names.meanings,
    )


def _recorded_slots(
    function: DurableFunction,
    names: Names,
    layout: Layout,
    state_names: Mapping[BlockId, str],
    locked: LockedFunction | None,
) -> Recorded:
    saved = (
        (state, [name for name in names.temporaries if name in layout.live[block] and name in layout.slots])
        for block, state in state_names.items()
        if block in layout.live
    )
    return recorded_slots(locked, saved, {*function.parameters, *function.own.locals})


_SHOWS_ITS_SOURCE = re.compile(r"=\s*(![rsa])?[:}]")
"""What a field `{x=}` ends in; few modules have one."""


def normalise(module: ParsedModule, function: DurableFunction, names: Names, imports: Imports) -> Body:
    """The function's body in normal form, without its docstring."""
    normalizer = Normalizer(Suspensions(), names, module.place, imports.helpers)
    node = function.node
    for default in (node.params, *node.decorators):
        if normalizer.suspensions.contains(default):
            raise normalizer.unsupported(default, "an await in the head of a function")
    if _SHOWS_ITS_SOURCE.search(module.info.source):
        normalizer.refuse_words_over_lines(node)
    statements: list[cst.BaseStatement | cst.BaseSmallStatement] = list(node.body.body)
    if node.get_docstring(clean=False) is not None:
        statements = _without_docstring(statements)
    return normalizer.body(statements)


def _without_docstring(
    statements: list[cst.BaseStatement | cst.BaseSmallStatement],
) -> list[cst.BaseStatement | cst.BaseSmallStatement]:
    first, *rest = statements
    if isinstance(first, cst.SimpleStatementLine) and len(first.body) > 1:
        return [first.with_changes(body=first.body[1:]), *rest]
    return rest


def analyse_states(graph: Graph, names: Names) -> list[StateCode]:
    """The graph cut into states, outcomes written where they are used."""
    return merge_resumptions(cut(simplify(graph)), names.temporaries)


def _annotations(function: DurableFunction) -> dict[str, str]:
    """The types that the source states, of parameters and locals; the first one counts."""
    arguments = function.parsed.args
    found: dict[str, str] = {}
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.annotation is not None:
            found[argument.arg] = ast.unparse(argument.annotation)
    if arguments.vararg is not None:
        found[arguments.vararg.arg] = "tuple"
    if arguments.kwarg is not None:
        found[arguments.kwarg.arg] = "dict"
    for node in own_nodes(function.parsed.body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, ast.unparse(node.annotation))
    return found


def _loose_states(function: DurableFunction, info: ModuleInfo, states: list[StateCode]) -> frozenset[BlockId]:
    members = narrowed_members(function, info)
    receiver = function.receiver
    if not members or receiver is None:
        return frozenset()
    return frozenset(s.block.id for s in states if reads_narrowed(_parsed(s), receiver, members))


def _declared_in_states(
    function: DurableFunction, slots: Mapping[str, str], states: list[StateCode]
) -> dict[BlockId, tuple[tuple[str, str], ...]]:
    types = declared_locals(function, slots)
    return {s.block.id: tuple(declared_again(_parsed(s), types)) for s in states} if types else {}


def _parsed(state: StateCode) -> ast.Module:
    return ast.parse(text_of(state.code))


def _has_untyped_returns(compiled: Compiled) -> bool:
    untyped = {name for one in (compiled, *compiled.around) for name in one.slots if name not in one.shown_types}
    if compiled.loose and compiled.function.receiver is not None:
        untyped.add(compiled.function.receiver)
    return returns_untyped(compiled.function, frozenset(untyped))


def _has_untyped(compiled: Compiled, any_name: str) -> bool:
    if compiled.function.overrides or compiled.function.is_of_the_class or compiled.loose:
        return True
    return any(any_name in compiled.shown_types.get(variable, any_name) for variable in compiled.slots)


def assemble(
    module: ParsedModule, compiled: list[Compiled], imports: Imports, trace: Trace
) -> tuple[str, tuple[Link, ...]]:
    """The author's text with the durable functions replaced and the imports added; and where its leaves came from."""
    newline = "\r\n" if "\r\n" in module.info.source else "\n"
    replacements = [
        imports.replacement(
            module,
            newline,
            has_untyped=any(_has_untyped(c, imports.words.any) for c in compiled),
            has_untyped_returns=any(map(_has_untyped_returns, compiled)),
        )
    ]
    pages: dict[int, Printed] = {}
    lines = module.info.source.split("\n")
    for one in compiled:
        if one.around:
            continue
        parsed = one.function.parsed
        first = first_line(parsed)
        page = Page(_indentation(lines[first - 1]), module.indent, newline)
        emit(one, [o for o in compiled if one in o.around], module.info, imports.words, page)
        pages[first] = page.printed()
        trace.function("emitted", one.function, partial(getattr, pages[first], "text"))
        replacements.append(Replacement(first, parsed.end_lineno or first, pages[first].text))
    lines_now = new_lines(replacements)
    return (
        splice(module.info.source, replacements),
        links((lines_now[first], page.leaves) for first, page in pages.items()),
    )


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def verify(text: str, info: ModuleInfo) -> None:
    """What was written must parse, and nothing durable may be left in it."""
    compile(text, info.path, "exec", dont_inherit=True)
    assert "__suspend__(" not in text or "__suspend__" in info.source, f"{info.path}: a marker was left"


__all__ = ["PASSES", "Kind", "ModuleOutput", "compile_module"]
