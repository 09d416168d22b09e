"""States to classes: a frame class with its state table, the public stub, and one method per state.

What comes out is text in the shape that a person would write by hand, printed on a page: the author's statements as libcst
nodes, everything around them as lines.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import libcst as cst

from ._definitions import DurableFunction, Kind
from ._fingerprints import Fingerprint
from ._index import ModuleInfo
from ._local_functions import LocalRow
from ._names import Meaning, Names
from ._page import Page
from ._print import text_of_node
from ._scopes import bound_names, names_bound_by
from ._slots import SlotRenamer
from ._stable_slots import Recorded, free_slot
from ._visit import transform
from ._walk import walk
from .analysis.liveness import Layout
from .diagnostics import Place
from .ir import ops
from .ir.ops import BlockId
from .lower.states import StateCode

RESERVED = frozenset(
    {
        "FUNCTION",
        "LOCALS",
        "OUTER",
        "SOURCE",
        "STATES",
        "TEMPORARIES",
        "finish",
        "goto",
        "let",
        "outer",
        "resume",
        "suspend",
    }
)
"""Names of `runtime_client.Frame` itself, which no slot may have; so are all that begin with `frame_`. Compared by a test."""


@dataclass(frozen=True, slots=True)
class RuntimeNames:
    """Under which names the module imports what generated code uses."""

    frame: str = "Frame"
    state: str = "State"
    instruction: str = "Instruction"
    local: str = "LocalFunction"
    any: str = "Any"


@dataclass(frozen=True, slots=True)
class Compiled:
    """One function, all passes done but the text: what is emitted, and what the manifest says.

    types: what the source declares variables as; shown_types: as what their slots are declared.
    loose: the states to which `self` has no type; declared: what states declare again of locals. See `_slot_types.py`.
    around: the durable functions that define it, innermost first.
    unreachable: awaits that nothing leads to. meanings: what each of the compiler's own variables holds.
    """

    function: DurableFunction
    states: tuple[StateCode, ...]
    names: Mapping[BlockId, str]
    layout: Layout
    slots: Mapping[str, str]
    types: Mapping[str, str]
    shown_types: Mapping[str, str]
    loose: frozenset[BlockId]
    declared: Mapping[BlockId, tuple[tuple[str, str], ...]]
    rebound: frozenset[str]
    frame: str
    fingerprints: Mapping[BlockId, Fingerprint]
    local_functions: tuple[LocalRow, ...] = ()
    around: tuple[Compiled, ...] = ()
    unreachable: tuple[Place, ...] = ()
    meanings: Mapping[str, Meaning] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, str]:
        """Where a name is, seen from the frame: `total`, or `outer.total` for one of the function around."""
        found: dict[str, str] = {}
        hidden = {*self.function.own.locals, *self.function.own.globals}
        for depth, one in enumerate(self.around, start=1):
            for name, slot in one.slots.items():
                if name not in hidden:
                    found[name] = "outer." * depth + slot
            hidden |= {*one.function.own.locals, *one.function.own.globals}
        return found | dict(self.slots)

    @property
    def temporaries(self) -> tuple[str, ...]:
        """The slots that are the compiler's and not the author's."""
        authored = {*self.function.own.locals, *self.function.own.parameters}
        return tuple(slot for name, slot in self.slots.items() if name not in authored)

    def live(self, state: StateCode) -> tuple[str, ...]:
        """The slots that live into a state, in the order of the frame."""
        found = self.layout.live[state.block.id]
        return tuple(slot for name, slot in self.slots.items() if name in found)


def assign_slots(function: DurableFunction, names: Names, layout: Layout, recorded: Recorded) -> dict[str, str]:
    """Slot names, parameters first, then in the order in which names are first bound."""
    author = {*function.parameters, *function.own.locals}
    slots: dict[str, str] = {}
    taken = set(author)
    for name in dict.fromkeys([*function.parameters, *function.own.locals, *names.temporaries]):
        if name not in layout.slots or name == function.receiver:
            continue
        if name in recorded.kept:
            slots[name] = recorded.kept[name]
        elif name in author:
            slots[name] = _slot_name(function, name, taken - {name})
        else:
            others = taken | recorded.known | set(recorded.kept.values())
            slots[name] = _slot_name(function, free_slot(name, others), others)
        taken.add(slots[name])
    return slots


def _slot_name(function: DurableFunction, name: str, taken: set[str]) -> str:
    """A private name is mangled here and now, because the frame class would mangle it otherwise (rule 12)."""
    slot = name
    if is_private(name):
        owner = function.class_name.rpartition(".")[2].lstrip("_")
        slot = f"_{owner}{name}" if owner else f"local{name}"
    if slot.startswith("frame_"):
        slot = f"_{slot}"
    while slot in RESERVED or (slot != name and slot in taken) or slot.startswith(f"{function.prefix}_"):
        slot += "_"
    return slot


def is_private(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


def emit(compiled: Compiled, inner: Sequence[Compiled], info: ModuleInfo, words: RuntimeNames, page: Page) -> None:
    """Print what replaces the function in its class or module. `inner`: the durable functions that it defines."""
    emitters = [_Emitter(one, inner, info, words, page) for one in (compiled, *inner)]
    is_function = compiled.function.kind is Kind.FUNCTION
    for emitter in emitters:
        emitter.frame_class()
        page.blank()
        if is_function:
            page.blank()
    emitters[0].stub()
    if compiled.function.kind is Kind.METHOD:
        for emitter in emitters:
            emitter.state_methods(0)


class _Emitter:
    def __init__(
        self, compiled: Compiled, inner: Sequence[Compiled], info: ModuleInfo, words: RuntimeNames, page: Page
    ) -> None:
        self.compiled = compiled
        self.inner = {one.function.name: one for one in inner if one.around[0].function is compiled.function}
        self.function = compiled.function
        self.info = info
        self.words = words
        self.page = page
        self.frame = compiled.frame

    # --- the frame class -------------------------------------------------------------------------------------------

    def frame_class(self) -> None:
        line = self.page.line
        line(0, f"class {self.function.frame_class}({self.words.frame}):")
        line(1, f'FUNCTION = "{self.function.qualname}"')
        line(1, f'SOURCE = "{self.info.path}"')
        if self.compiled.around:
            around = self.compiled.around[0].function
            owner = f"{self.function.class_name}." if self.function.class_name else ""
            line(1, f'OUTER = "{around.qualname}"')
            line(1, f'outer: "{owner}{around.frame_class}"')
        for name, slot in self.compiled.slots.items():
            line(1, f"{slot}: {self._type(name)}{self._written(name)}")
        if self.compiled.temporaries:
            names = ", ".join(f'"{slot}"' for slot in self.compiled.temporaries)
            line(1, f"TEMPORARIES = ({names},)")
        line(1, "STATES = {")
        for state in self.compiled.states:
            self._row(state)
        line(1, "}")
        self._local_functions()
        if self.function.kind is not Kind.METHOD:
            self.state_methods(1)

    def _type(self, name: str) -> str:
        written = self.compiled.shown_types.get(name)
        if written is None:
            return self.words.any
        return written if self._is_known_here(written) else repr(written)

    def _written(self, name: str) -> str:
        """What the author says of a slot that is declared as nothing in particular."""
        written = self.compiled.types.get(name)
        return "" if written is None or name in self.compiled.shown_types else f"  # {written}"

    def _is_known_here(self, annotation: str) -> bool:
        """Whether an annotation means the same in the frame class, when it is made, as where it was written."""
        try:
            parsed = ast.parse(annotation, mode="eval")
        except SyntaxError:
            return False
        names = {n.id for n in walk(parsed) if isinstance(n, ast.Name)}
        known = (self._bound_earlier() | _BUILTINS) - self._bound_in_class()
        return names <= known

    def _bound_in_class(self) -> set[str]:
        owner = self.function.class_name
        body = self.info.classes[owner].node.body if owner else []
        return {name for statement in body for name in names_bound_by(statement)}

    def _bound_earlier(self) -> set[str]:
        found: set[str] = set()
        for statement in self.info.tree.body:
            if statement.lineno >= self.function.parsed.lineno or (statement.end_lineno or 0) >= (
                self.function.parsed.lineno
            ):
                break
            if not isinstance(statement, ast.If | ast.Try):
                found.update(names_bound_by(statement))
        return found

    def _row(self, state: StateCode) -> None:
        region = state.region
        parts = [str(state.block.line)]
        if state.block.resumes:
            parts.append(f"live={_tuple(self.compiled.live(state))}")
        if region.on_error is not None:
            parts.append(f'on_error="{self._name(region.on_error)}"')
        if region.on_error is not None and region.caught is not None:
            parts.append(f'caught="{self.compiled.slots[region.caught]}"')
        if region.handling is not None:
            parts.append(f'handling="{self.compiled.slots[region.handling]}"')
        self.page.call(2, f'"{self._name(state.block.id)}": {self.words.state}', parts, ",")

    def _local_functions(self) -> None:
        if not self.compiled.local_functions:
            return
        self.page.line(1, "LOCALS = {")
        for row in self.compiled.local_functions:
            parts = [str(row.line), f'"{self._name(row.state)}"']
            parts += [f"index={row.index}"] if row.index else []
            slots = tuple(self.compiled.slots[v] for v in row.variables)
            parts += [f"{word}={_tuple(names)}" for word, names in (("slots", slots), ("cells", row.cells)) if names]
            self.page.call(2, f'"{row.name}": {self.words.local}', parts, ",")
        self.page.line(1, "}")

    def _name(self, block_id: BlockId) -> str:
        return self.compiled.names[block_id]

    # --- the stub --------------------------------------------------------------------------------------------------

    def stub(self) -> None:
        """Signature, decorators and docstring as they were; the body makes the frame."""
        function = self.function
        made = self.page.verbatim(1, f"return {self._frame_reference()}", self._frame_arguments())
        stub = function.node.with_changes(
            asynchronous=None,
            returns=self._returns(function.node),
            body=cst.IndentedBlock([*_docstring_lines(function.node), made]),
            leading_lines=(),
        )
        self.page.nodes(0, [stub])

    def _returns(self, node: cst.FunctionDef) -> cst.Annotation:
        """`Frame[str]` for what gives a str when it is awaited: to a type checker the same as the author's `async def`."""
        frame = cst.Name(self.words.frame)
        if node.returns is None:
            return cst.Annotation(frame)
        return cst.Annotation(cst.Subscript(frame, [cst.SubscriptElement(cst.Index(node.returns.annotation))]))

    def _frame_arguments(self) -> list[str]:
        function = self.function
        around = [one.frame for one in self.compiled.around[:1]]
        return [
            function.receiver or "None",
            *around,
            *(f"{self.compiled.slots[p]}={p}" for p in function.parameters),
        ]

    def local_stub(self, name: str, node: cst.FunctionDef, depth: int) -> cst.FunctionDef:
        """A local async function as a function that makes its frame, where it was defined."""
        emitter = _Emitter(self.inner[name], (), self.info, self.words, self.page)
        reference = emitter._frame_reference()
        made = self.page.verbatim(depth + 1, f"return {reference}", emitter._frame_arguments())
        docstring = _docstring_lines(node)
        return node.with_changes(
            asynchronous=None,
            returns=emitter._returns(node),
            body=cst.IndentedBlock([*docstring, made]),
        )

    def _qualified_frame(self) -> str:
        """The frame class as annotations name it: as text, for it need not be there yet."""
        owner = self.function.class_name
        return f"{owner}.{self.function.frame_class}" if owner else self.function.frame_class

    def _frame_reference(self) -> str:
        """How the stub names its frame class, whatever its parameters are called and whoever inherits it."""
        function = self.function
        if function.kind is Kind.FUNCTION:
            return function.frame_class
        owner = function.class_name
        hidden = {*function.own.parameters, *(n for o in function.enclosing for n in o.own.locals)}
        plain = "." not in owner and owner not in hidden and not self._is_rebound(owner)
        return f"{owner if plain else '__class__'}.{function.frame_class}"

    def _is_rebound(self, name: str) -> bool:
        info = self.info.classes[name]
        return bool(info.node.decorator_list) or is_private(name)

    # --- the states ------------------------------------------------------------------------------------------------

    def state_methods(self, depth: int) -> None:
        for state in self.compiled.states:
            self.page.blank()
            self._state_method(state, depth)

    def _state_method(self, state: StateCode, depth: int) -> None:
        function = self.function
        annotation, returns = function.frame_class, self.words.instruction
        if function.kind is not Kind.METHOD:
            annotation = f'"{self._qualified_frame()}"'  # it is being made
        if function.overrides:
            annotation = returns = self.words.any  # a base class may have a state of this name, with frames of its own
        receiver = "" if function.receiver is None else f"{function.receiver}{self._receiver_type(state)}, "
        head = f"def {self._name(state.block.id)}({receiver}{self.frame}: {annotation}) -> {returns}:"
        self.page.line(depth, f"{head}  # {self.info.path}:{state.block.line}")
        self._globals(state, depth + 1)
        for name, annotation in self.compiled.declared.get(state.block.id, ()):
            self.page.line(depth + 1, f"{name}: {annotation}")
        self.page.nodes(depth + 1, self._body(state, depth + 1))

    def _receiver_type(self, state: StateCode) -> str:
        """A type checker must be told that `self` is the class itself, or that another state knows more of it."""
        is_untyped = self.function.is_of_the_class or state.block.id in self.compiled.loose
        return f": {self.words.any}" if is_untyped else ""

    def _globals(self, state: StateCode, depth: int) -> None:
        """`global` for what this state binds or reads of what the function declared."""
        if not self.function.own.globals:
            return
        tree = ast.parse(ops.text_of(state.code))
        mentioned = {n.id for n in walk(tree) if isinstance(n, ast.Name)}
        names = sorted(self.function.own.globals & (mentioned | set(bound_names(tree.body))))
        if names:
            self.page.line(depth, f"global {', '.join(names)}")

    def _body(self, state: StateCode, depth: int) -> list[cst.BaseStatement]:
        module = ops.as_module(_with_comments(state.code))
        renamer = SlotRenamer(self.frame, self.compiled.places, self.compiled.rebound, self._stubs(depth))
        renamed = transform(module, renamer)
        assert isinstance(renamed, cst.Module)
        finished = transform(renamed, _Instructions(self, depth))
        assert isinstance(finished, cst.Module)
        return _without_blank_head(finished.body)

    def _stubs(self, depth: int) -> dict[str, Callable[[cst.FunctionDef], cst.FunctionDef]]:
        return {name: partial(self.local_stub, name, depth=depth) for name in self.inner}

    def state_reference(self, target: BlockId) -> cst.BaseExpression:
        owner = self.function.receiver or self.frame
        return cst.Attribute(cst.Name(owner), cst.Name(self._name(target)))

    def frame_call(self, method: str, arguments: Sequence[cst.Arg]) -> cst.Call:
        return cst.Call(cst.Attribute(cst.Name(self.frame), cst.Name(method)), arguments)


class _Expand(cst.CSTTransformer):
    """One-line suites to indented ones; comments to what follows; `global` goes, it stands at the head of the state."""

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        if not any(isinstance(s, cst.SimpleStatementLine) and not s.body for s in updated_node.body):
            return updated_node
        return updated_node.with_changes(body=_comments_moved(updated_node.body))

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.BaseSuite:
        line = cst.SimpleStatementLine(updated_node.body, trailing_whitespace=updated_node.trailing_whitespace)
        return cst.IndentedBlock([line])

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def leave_Global(self, original_node: cst.Global, updated_node: cst.Global) -> cst.BaseSmallStatement:
        return cst.Pass()


class _Instructions(cst.CSTTransformer):
    """Markers and returns to what the driver understands."""

    def __init__(self, emitter: _Emitter, depth: int) -> None:
        super().__init__()
        self.emitter = emitter
        self.depth = depth

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:
        self.depth += 1

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        self.depth -= 1
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> cst.BaseSmallStatement:
        target = ops.marker_target(updated_node)
        if target is not None:
            return cst.Return(self.emitter.frame_call("goto", [cst.Arg(self.emitter.state_reference(target))]))
        suspended = ops.marker_arguments(updated_node, ops.SUSPEND_MARKER)
        if suspended is None:
            return updated_node
        number, operation = suspended
        assert isinstance(number, cst.Integer)
        then = self.emitter.state_reference(int(number.value))
        equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        arguments = [cst.Arg(ops.as_argument(operation)), cst.Arg(then, keyword=cst.Name("then"), equal=equal)]
        call = self.emitter.frame_call("suspend", arguments)
        return cst.Return(_broken(call, self.emitter.page.width(self.depth), self.emitter.page.unit))

    def leave_Return(self, original_node: cst.Return, updated_node: cst.Return) -> cst.Return:
        arguments = [] if updated_node.value is None else [cst.Arg(ops.as_argument(updated_node.value))]
        return cst.Return(self.emitter.frame_call("finish", arguments))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        match updated_node.func:
            case cst.Name(value=ops.RESUME_MARKER):
                return updated_node.with_changes(func=cst.Attribute(cst.Name(self.emitter.frame), cst.Name("resume")))
            case _:
                return updated_node


def _tuple(names: Sequence[str]) -> str:
    return "(" + ", ".join(f'"{n}"' for n in names) + ("," if len(names) == 1 else "") + ")"


def _docstring_lines(node: cst.FunctionDef) -> list[cst.BaseStatement]:
    if node.get_docstring(clean=False) is None:
        return []
    first = node.body.body[0]
    if isinstance(first, cst.SimpleStatementLine):
        return [first.with_changes(body=[first.body[0].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])]
    assert isinstance(first, cst.Expr)
    return [cst.SimpleStatementLine([first.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])]


def _with_comments(code: Iterable[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """A state's code as the other passes of this module want it."""
    return _comments_moved([_expanded(s) if not _is_comment(s) else s for s in code])


def _is_comment(statement: cst.BaseStatement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and not statement.body


def _comments_moved(code: Iterable[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """Comment lines that stand alone move above what follows them."""
    merged: list[cst.BaseStatement] = []
    waiting: list[cst.EmptyLine] = []
    for statement in code:
        if isinstance(statement, cst.SimpleStatementLine) and not statement.body:
            waiting += [line for line in statement.leading_lines if line.comment is not None]
            continue
        if waiting:
            statement = statement.with_changes(leading_lines=[*waiting, *statement.leading_lines])  # type: ignore[attr-defined]  # every kind of statement has them
            waiting = []
        merged.append(statement)
    return merged


def _expanded(statement: cst.BaseStatement) -> cst.BaseStatement:
    if isinstance(statement, cst.SimpleStatementLine):
        words = [s for s in statement.body if not isinstance(s, cst.Global)]
        return statement if len(words) == len(statement.body) else statement.with_changes(body=words)
    result = transform(statement, _Expand())
    assert isinstance(result, cst.BaseStatement)
    return result


def _without_blank_head(statements: Sequence[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """No empty lines between the head of a state and what it does."""
    first, *rest = statements
    lines = list(getattr(first, "leading_lines", ()))
    while lines and lines[0].comment is None:
        lines.pop(0)
    return [first.with_changes(leading_lines=lines), *rest] if hasattr(first, "leading_lines") else list(statements)


def _broken(call: cst.Call, width: int, unit: str) -> cst.Call:
    """What a state returns within a width, if that is possible: as it is, its arguments on one line, or on one each."""
    text = text_of_node(call)
    if len("return ") + len(text) <= width or "\n" in text:
        return call  # what the author has broken stays so
    texts = [text_of_node(a).rstrip(", ") for a in call.args]
    inside = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(unit))
    end = cst.ParenthesizedWhitespace(indent=True)
    if len(unit) + len(", ".join(texts)) <= width:
        last = call.args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=end)
        return call.with_changes(whitespace_before_args=inside, args=[*call.args[:-1], last])
    *before, last = call.args
    args = [a.with_changes(comma=cst.Comma(whitespace_after=inside)) for a in before]
    args.append(last.with_changes(comma=cst.Comma(whitespace_after=end)))
    return call.with_changes(whitespace_before_args=inside, args=args)


_BUILTINS = frozenset(dir(builtins))
