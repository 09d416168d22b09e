"""From a wake-up to the next wait: all that one goroutine may do in between, with data abstracted away.

Every outcome that depends on data is a result of its own. Followed are channels, goroutines, what a select came to, and loops over `range(3)`, as long
as they stay in variables and arguments. A channel that goes anywhere else is wild from then on; a frame that does is `Unknown`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from .._index import dotted_name
from .._scopes import names_bound_by
from .._walk import child_nodes, walk
from ..ir import ops
from .model import (
    Case,
    Channel,
    ChannelValue,
    Default,
    Frame,
    Goroutine,
    HandleValue,
    ItemsValue,
    Join,
    Joint,
    Outside,
    Recv,
    SelectedValue,
    Send,
    Unknown,
    Value,
    Wait,
    Wild,
)
from .program import Function, Program, capacity_of, runtime_word

STEPS_MAX = 5_000
"""States that run between two waits, over all ways."""
FRAMES_MAX = 20
OUTSIDE = Wait((Outside(),))
_HELPERS = ("iterate", "iterate_async", "next_async")


@dataclass(frozen=True, slots=True)
class Closed:
    """The outcome of a loop over a channel that is closed."""


Outcome: TypeAlias = SelectedValue | Closed | None


@dataclass(slots=True)
class Draft:
    """One way through a state, as far as it has come. `leaves`: how it ended, if it has."""

    variables: dict[str, Value]
    channels: list[Channel]
    goroutines: list[Goroutine]
    outcome: Outcome
    leaves: ast.Return | ast.Raise | int | tuple[int, ast.expr] | None = None

    def copy(self) -> Draft:
        return Draft(dict(self.variables), list(self.channels), list(self.goroutines), self.outcome, self.leaves)

    def left(self, how: ast.Return | ast.Raise | int | tuple[int, ast.expr]) -> Draft:
        self.leaves = how
        return self


@dataclass(frozen=True, slots=True)
class _Running:
    draft: Draft
    frames: tuple[Frame, ...]


def woken(program: Program, joint: Joint, index: int, outcome: Outcome) -> list[Joint]:
    """All that a process may be once this goroutine, woken with that, waits again or has ended."""
    return _Turn(program, index).run(joint, outcome)


def failed(program: Program, joint: Joint, index: int) -> list[Joint]:
    """The same, where an error is raised at its wait."""
    return _Turn(program, index).run_raised(joint)


class _Turn:
    def __init__(self, program: Program, index: int) -> None:
        self.program = program
        self.index = index
        self.found: dict[Joint, None] = {}
        self.waiting: list[_Running] = []
        self.seen: set[object] = set()

    def run(self, joint: Joint, outcome: Outcome) -> list[Joint]:
        frames = joint.goroutines[self.index].frames
        self.waiting = [_Running(_draft(joint, frames[-1], outcome), frames)]
        return self._all()

    def run_raised(self, joint: Joint) -> list[Joint]:
        frames = joint.goroutines[self.index].frames
        self._raised(_draft(joint, frames[-1], None), frames)
        return self._all()

    def _all(self) -> list[Joint]:
        for _ in range(STEPS_MAX):
            if not self.waiting:
                return list(self.found)
            running = self.waiting.pop()
            key = _key(running)
            if key not in self.seen:
                self.seen.add(key)
                self._one(running)
        function = self.program.by_name[self.frames_seen[-1].function]
        raise Unknown(
            "too much may happen between two waits", function.info.path, function.compiled.function.parsed.lineno
        )

    def _one(self, running: _Running) -> None:
        self.frames_seen = running.frames
        frame = running.frames[-1]
        function = self.program.by_name[frame.function]
        for draft in _State(self.program, function, frame.block).ways(running.draft):
            self._left(draft, running.frames, function)

    def _left(self, draft: Draft, frames: tuple[Frame, ...], function: Function) -> None:
        match draft.leaves:
            case int(block):
                frame = replace(frames[-1], block=block)
                self.waiting.append(_Running(_turned(draft, function, block), (*frames[:-1], frame)))
            case (int(block), ast.expr() as operation):
                self._suspended(draft, frames, function, block, operation)
            case ast.Raise():
                self._raised(draft, frames)
            case ast.Return() | None:
                self._returned(draft, frames[:-1])

    def _suspended(
        self, draft: Draft, frames: tuple[Frame, ...], function: Function, block: int, operation: ast.expr
    ) -> None:
        state = _State(self.program, function, frames[-1].block)
        called = self.program.called(function, operation.func) if isinstance(operation, ast.Call) else None
        wait = None
        given: dict[str, Value] = {}
        if called is not None:
            assert isinstance(operation, ast.Call)
            given = state.arguments(draft, operation, called)
        else:
            wait = state.wait(draft, operation)
        kept = _turned(draft, function, block).variables
        here = (*frames[:-1], Frame(function.name, block, _known(kept)))
        if called is None:
            self._ended(draft, here, wait)
        elif len(here) >= FRAMES_MAX:
            raise state.unknown("durable functions call each other too deeply", operation)
        else:
            entered = replace(draft, variables=given, outcome=None, leaves=None)
            self.waiting.append(_Running(entered, (*here, Frame(called.name, called.entry))))

    def _returned(self, draft: Draft, frames: tuple[Frame, ...]) -> None:
        if not frames:
            self._ended(draft, (), None)
        else:
            resumed = Draft(dict(frames[-1].variables), draft.channels, draft.goroutines, None)
            self.waiting.append(_Running(resumed, frames))

    def _raised(self, draft: Draft, frames: tuple[Frame, ...]) -> None:
        """To the innermost handler; if there is none, the process ends, or the goroutine does and who waits for it hears of it."""
        for depth in range(len(frames), 0, -1):
            frame = frames[depth - 1]
            on_error = self.program.by_name[frame.function].states[frame.block].region.on_error
            if on_error is not None:
                variables = dict(frame.variables) if depth < len(frames) else draft.variables
                caught = Draft(dict(variables), draft.channels, draft.goroutines, None)
                self.waiting.append(_Running(caught, (*frames[: depth - 1], replace(frame, block=on_error))))
                return
        self.found[Joint((), (), has_ended=True)] = None
        if self.index:
            self._ended(draft, (), None)

    def _ended(self, draft: Draft, frames: tuple[Frame, ...], wait: Wait | None) -> None:
        goroutines = list(draft.goroutines)
        goroutines[self.index] = replace(goroutines[self.index], frames=frames, wait=wait)
        self.found[Joint(tuple(goroutines), tuple(draft.channels), self.index == 0 and not frames)] = None


def _key(running: _Running) -> object:
    """Equal for what goes on in the same way: a loop without a wait comes back to where it was."""
    draft = running.draft
    state = (draft.outcome, tuple(draft.channels), tuple(draft.goroutines))
    return running.frames[:-1], running.frames[-1].function, running.frames[-1].block, _known(draft.variables), state


def _draft(joint: Joint, frame: Frame, outcome: Outcome) -> Draft:
    return Draft(dict(frame.variables), list(joint.channels), list(joint.goroutines), outcome)


def _turned(draft: Draft, function: Function, block: int) -> Draft:
    """With the variables that live into a state."""
    live = function.compiled.layout.live[block]
    kept = {name: value for name, value in draft.variables.items() if name in live}
    return Draft(kept, draft.channels, draft.goroutines, None)


def _known(variables: dict[str, Value]) -> tuple[tuple[str, Value], ...]:
    return tuple(sorted(variables.items(), key=lambda item: item[0]))


class _State:
    """The code of one state."""

    def __init__(self, program: Program, function: Function, block: int) -> None:
        self.program = program
        self.function = function
        self.block = block

    def unknown(self, text: str, node: ast.AST | None = None) -> Unknown:
        return Unknown(text, self.function.info.path, self.function.line(self.block))

    def ways(self, start: Draft) -> list[Draft]:
        code = self.function.code[self.block]
        found = list(self.run(code, start.copy()))
        on_error = self.function.states[self.block].region.on_error
        if on_error is not None:
            if any(self._acts(node) for statement in code for node in walk(statement)):
                raise self.unknown("goroutines, or ends of channels, in a `try` or `with`")
            failed = start.copy()
            for statement in code:
                self._unbind(failed, statement)
            found.append(failed.left(on_error))
        return found

    def _acts(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and (
            runtime_word(self.function, node.func) in ("go", "close", "make_channel")
            or dotted_name(node.func).rpartition(".")[2] in ("go", "create_task", "close", "cancel")
        )

    def run(self, code: Sequence[ast.stmt], draft: Draft) -> Iterator[Draft]:
        """All ways through statements; those that leave have said how."""
        ways = [draft]
        for statement in code:
            going = [way for way in ways if way.leaves is None]
            yield from (way for way in ways if way.leaves is not None)
            ways = [after for way in going for after in self.statement(statement, way)]
        yield from ways

    def statement(self, node: ast.stmt, draft: Draft) -> Iterable[Draft]:
        match node:
            case ast.Expr(ast.Call(ast.Name(ops.GOTO_MARKER), [ast.Constant(int(block))])):
                return [draft.left(block)]
            case ast.Expr(ast.Call(ast.Name(ops.SUSPEND_MARKER), [ast.Constant(int(block)), operation])):
                return [draft.left((block, operation))]
            case ast.Return(value):
                self.look(draft, value)
                return [draft.left(node)]
            case ast.Raise():
                self.look(draft, node.exc)
                return [draft.left(node)]
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                return self._assigned(draft, name, value)
            case ast.Expr(value):
                self._done(draft, value)
                return [draft]
            case ast.If():
                return self._tested(node, draft)
            case ast.Match():
                return self._matched(node, draft)
            case ast.For() if isinstance(items := self.value(draft, node.iter), ItemsValue):
                return self._next_item(node, draft, items)
            case ast.For() if any(map(_is_marker, walk(node))):
                return self._some_item(node, draft)
            case ast.Try():
                return self._tried(node, draft)
            case _:
                return self._opaque(node, draft)

    def _assigned(self, draft: Draft, name: str, value: ast.expr) -> list[Draft]:
        found = self._made(draft, value)
        draft.variables.pop(name, None)
        if found is not None:
            draft.variables[name] = found
        return [draft]

    def _made(self, draft: Draft, node: ast.expr) -> Value | None:
        """What an expression comes to, with what it does."""
        if _is_resume(node):
            return draft.outcome if isinstance(draft.outcome, SelectedValue) else None
        if isinstance(node, ast.Call):
            if runtime_word(self.function, node.func) == "make_channel":
                capacity = capacity_of(node)
                draft.channels.append(Channel(capacity or 0, is_wild=capacity is None))
                return ChannelValue(len(draft.channels) - 1)
            if self._is_helper(node.func, "iterate"):
                match node.args:
                    case [ast.Call(ast.Name("range") as name, [ast.Constant(int(count))])] if (
                        self.function.meanings.builtin(name) and count >= 0
                    ):
                        return ItemsValue(count)
            if self._is_helper(node.func, "iterate_async"):
                found = self.value(draft, node.args[0])
                if found is not None:
                    return found
        known = self.value(draft, node)
        if known is not None:
            return known
        return self._done(draft, node)

    def _done(self, draft: Draft, node: ast.expr) -> Value | None:
        """What an expression does; the handle, if it starts a goroutine."""
        match node:
            case ast.Call(func, [ast.Call() as frame], []) if runtime_word(self.function, func) == "go":
                called = self.program.called(self.function, frame.func)
                if called is not None:
                    given = self.arguments(draft, frame, called)
                    begun = Frame(called.name, called.entry, _known(given))
                    draft.goroutines.append(Goroutine(called.name, (begun,), OUTSIDE))
                    return HandleValue(len(draft.goroutines) - 1)
            case ast.Call(func, [channel], []) if runtime_word(self.function, func) == "close":
                if isinstance(found := self.value(draft, channel), ChannelValue):
                    self._close(draft, found)
                    return None
            case ast.Call(ast.Attribute(channel, "close"), [], []):
                if isinstance(found := self.value(draft, channel), ChannelValue):
                    self._close(draft, found)
                    return None
            case _:
                pass
        self.look(draft, node)
        return None

    def _close(self, draft: Draft, found: ChannelValue) -> None:
        draft.channels[found.index] = replace(draft.channels[found.index], is_closed=True)

    def arguments(self, draft: Draft, call: ast.Call, called: Function) -> dict[str, Value]:
        """What is known of the parameters of a call."""
        if called.has_local_functions:
            raise self.unknown(f"{called.title} defines durable functions of its own", call)
        found: dict[str, Value] = {}
        given = [*zip(called.parameters, call.args, strict=False), *((k.arg or "", k.value) for k in call.keywords)]
        if len(call.args) > len(called.parameters) or any(isinstance(a, ast.Starred) for a in call.args):
            given = [("", argument) for argument in (*call.args, *(k.value for k in call.keywords))]
        for name, argument in given:
            value = self.value(draft, argument)
            if value is not None and name in called.parameters:
                found[name] = value
            else:
                self.look(draft, argument)
        return found

    def value(self, draft: Draft, node: ast.expr) -> Value | None:
        """What is known of an expression that does nothing."""
        match node:
            case ast.Name(name):
                return draft.variables.get(name)
            case ast.Attribute(ast.Name(receiver), name) if receiver == self.function.receiver:
                number = self.program.channel_numbers.get(name)
                return None if number is None else ChannelValue(number)
            case ast.Constant(str(name)):
                number = self.program.channel_numbers.get(name)
                return None if number is None else ChannelValue(number)
            case _:
                return None

    def look(self, draft: Draft, node: ast.AST | None) -> None:
        """Whatever an expression may do with what is followed: its channels are wild from then on."""
        match node:
            case None:
                return
            case ast.Attribute(inner, "capacity" | "closed") if isinstance(inner, ast.expr) and self.value(
                draft, inner
            ):
                return
            case ast.Call(ast.Name("len"), [inner], []) if self.value(draft, inner) is not None:
                return
            case ast.Attribute(ast.Name(receiver), name) if receiver == self.function.receiver:
                if self.program.method(name) is not None:
                    raise self.unknown(f"{receiver}.{name} is handed on, not called or started here", node)
                self._escape(draft, self.value(draft, node))
            case ast.Name(name) | ast.Constant(str(name)):
                if isinstance(node, ast.Name) and name == self.function.receiver:
                    raise self.unknown(f"{name} itself is handed on", node)
                if isinstance(node, ast.Name):
                    if self.program.called(self.function, node) is not None:
                        raise self.unknown(f"{name} is handed on, not called or started here", node)
                    self._escape(draft, draft.variables.get(name))
            case _:
                if isinstance(node, ast.Call) and dotted_name(node.func).rpartition(".")[2] in ("go", "create_task"):
                    self._all_wild(draft)
                if isinstance(node, ast.Attribute) and self.program.called(self.function, node) is not None:
                    raise self.unknown("a durable function is handed on, not called or started here", node)
                for child in child_nodes(node):
                    self.look(draft, child)

    def _escape(self, draft: Draft, value: Value | None) -> None:
        if isinstance(value, ChannelValue):
            draft.channels[value.index] = replace(draft.channels[value.index], is_wild=True)
        elif isinstance(value, HandleValue):
            raise self.unknown("the handle of a goroutine is handed on, or used otherwise than to wait for it")

    def _all_wild(self, draft: Draft) -> None:
        """Durable code runs that is not followed: it may use every declared channel."""
        for number in self.program.channel_numbers.values():
            draft.channels[number] = replace(draft.channels[number], is_wild=True)

    def _unbind(self, draft: Draft, node: ast.stmt) -> None:
        for one in walk(node):
            if isinstance(one, ast.stmt | ast.ExceptHandler | ast.pattern | ast.NamedExpr):
                for name in names_bound_by(one) if isinstance(one, ast.stmt) else _names_in(one):
                    draft.variables.pop(name, None)

    def _opaque(self, node: ast.stmt, draft: Draft) -> list[Draft]:
        """A statement whose inside is not followed: it may fall through, or leave by any jump in it."""
        jumps = []
        for one in walk(node):
            match one:
                case ast.Call(ast.Name(ops.SUSPEND_MARKER)):
                    raise self.unknown("an await in a statement that is not followed", one)
                case ast.Expr(ast.Call(ast.Name(ops.GOTO_MARKER), [ast.Constant(int(block))])):
                    jumps.append(block)
                case ast.Call() if self._acts(one):
                    raise self.unknown("goroutines or channels, made or ended in a statement that is not followed", one)
        for child in child_nodes(node):
            self.look(draft, child)
        self._unbind(draft, node)
        ends: list[ast.Return | ast.Raise] = [n for n in walk(node) if isinstance(n, ast.Return | ast.Raise)]
        return [draft, *(draft.copy().left(how) for how in (*jumps, *ends))]

    def _tested(self, node: ast.If, draft: Draft) -> Iterator[Draft]:
        known = self._truth(draft, node.test)
        if known is None:
            self.look(draft, node.test)
        if known is not False:
            yield from self.run(node.body, draft.copy())
        if known is not True:
            yield from self.run(node.orelse, draft.copy())

    def _truth(self, draft: Draft, test: ast.expr) -> bool | None:
        match test:
            case ast.Constant(value):
                return bool(value)
            case ast.Compare(ast.Attribute(ast.Name(name), "case"), [ast.Eq()], [ast.Constant(int(case) | str(case))]):
                found = draft.variables.get(name)
                return found.case == case if isinstance(found, SelectedValue) else None
            case _:
                return None

    def _matched(self, node: ast.Match, draft: Draft) -> Iterator[Draft]:
        """The cases that the outcome of a select may take, the others left out."""
        subject = draft.outcome if _is_resume(node.subject) else self.value(draft, node.subject)
        if not isinstance(subject, SelectedValue):
            self.look(draft, node.subject)
        for case in node.cases:
            fits = _fits(case.pattern, subject)
            if fits is False:
                continue
            way = draft.copy()
            for name in _names_in(case.pattern):
                way.variables.pop(name, None)
            self.look(way, case.guard)
            yield from self.run(case.body, way)
            if fits and case.guard is None:
                return
        yield draft.copy()

    def _next_item(self, node: ast.For, draft: Draft, items: ItemsValue) -> Iterator[Draft]:
        assert isinstance(node.iter, ast.Name)
        if items.count == 0:
            return iter([draft])
        draft.variables[node.iter.id] = ItemsValue(items.count - 1)
        for name in _names_in(node.target):
            draft.variables.pop(name, None)
        found = list(self.run(node.body, draft))
        if any(way.leaves is None for way in found) or node.orelse:
            raise self.unknown("a loop that is not followed", node)
        return iter(found)

    def _some_item(self, node: ast.For, draft: Draft) -> Iterator[Draft]:
        """Another item, or none: that depends on data."""
        self.look(draft, node.iter)
        for name in _names_in(node.target):
            draft.variables.pop(name, None)
        for way in self.run(node.body, draft.copy()):
            if way.leaves is None:
                raise self.unknown("a loop that is not followed", node)
            yield way
        yield from self.run(node.orelse, draft)

    def _tried(self, node: ast.Try, draft: Draft) -> Iterator[Draft]:
        handled = draft.copy()
        if any(self._acts(one) for one in walk(node)):
            raise self.unknown("goroutines, or ends of channels, in a `try`", node)
        is_next = any(
            h.type is not None and dotted_name(h.type) == "StopAsyncIteration" for h in node.handlers
        ) and any(_is_resume(n) for n in walk(node) if isinstance(n, ast.expr))
        for way in [] if is_next and isinstance(draft.outcome, Closed) else self.run(node.body, draft.copy()):
            if way.leaves is None:
                yield from self.run(node.orelse, way)
            elif not isinstance(way.leaves, ast.Raise):
                yield way
        if node.finalbody:
            for statement in node.finalbody:
                for child in walk(statement):
                    if isinstance(child, ast.Return) or _is_marker(child):
                        raise self.unknown("a `finally` that leaves", node)
                self.look(handled, statement)
        if not is_next or isinstance(draft.outcome, Closed):
            yield from self._handlers(node, handled, catches_all=is_next)

    def _handlers(self, node: ast.Try, start: Draft, *, catches_all: bool) -> Iterator[Draft]:
        for statement in node.body:
            self._unbind(start, statement)
        for handler in node.handlers:
            catches_all |= handler.type is None or dotted_name(handler.type) == "BaseException"
            yield from self.run(handler.body, start.copy())
        if not catches_all:
            yield start.copy().left(ast.Raise())

    def wait(self, draft: Draft, node: ast.expr) -> Wait:
        """What an awaited expression waits for."""
        if isinstance(node, ast.Call) and runtime_word(self.function, node.func) == "select":
            return self._select(draft, node)
        iterates = isinstance(node, ast.Call) and self._is_helper(node.func, "next_async")
        return Wait((self._case(draft, node),), ends_at_close=iterates)

    def _select(self, draft: Draft, node: ast.Call) -> Wait:
        given = [(number, argument) for number, argument in enumerate(node.args)]
        named = [(k.arg, k.value) for k in node.keywords if k.arg != "label"]
        if any(isinstance(a, ast.Starred) for _, a in given) or any(name is None for name, _ in named):
            self._all_wild(draft)
            self.look(draft, node)
            return Wait((Wild(),))
        every: list[tuple[int | str, ast.expr]] = [*given, *((name or "", value) for name, value in named)]
        cases = tuple(self._case(draft, value) for _, value in every)
        return Wait(cases, tuple(name for name, _ in every), is_select=True)

    def _case(self, draft: Draft, node: ast.expr) -> Case:
        match node:
            case ast.Call(ast.Attribute(inner, "recv" | "send" | "join" as method), arguments):
                found = self.value(draft, inner)
                if found is not None and (inner_case := _operation(method, found)) is not None:
                    self._looks(draft, [*arguments, *(k.value for k in node.keywords)])
                    return inner_case
            case _:
                pass
        if isinstance(node, ast.Call):
            named = runtime_word(self.function, node.func)
            word = "recv" if self._is_helper(node.func, "next_async") else named
            if word in ("recv", "send", "join") and node.args:
                found = self._given(draft, node.args[0])
                if found is not None and (inner_case := _operation(word, found)) is not None:
                    self._looks(draft, [*node.args[1:], *(k.value for k in node.keywords)])
                    return inner_case
            if word == "go" and isinstance(handle := self._done(draft, node), HandleValue):
                return Join(handle.index)
            if word in ("after", "sleep", "call", "default"):
                self._looks(draft, [*node.args, *(k.value for k in node.keywords)])
                return Default() if word == "default" else Outside()
        elif isinstance(found := self.value(draft, node), HandleValue):
            return Join(found.index)
        self._all_wild(draft)
        self.look(draft, node)
        return Wild()

    def _given(self, draft: Draft, node: ast.expr) -> Value | None:
        """What is known of an argument; a channel may be made there."""
        if isinstance(node, ast.Call) and runtime_word(self.function, node.func) == "make_channel":
            return self._made(draft, node)
        return self.value(draft, node)

    def _looks(self, draft: Draft, nodes: Iterable[ast.expr]) -> None:
        for node in nodes:
            self.look(draft, node)

    def _is_helper(self, func: ast.expr, name: str) -> bool:
        """A helper of the compiler, which the author's code does not name."""
        if not isinstance(func, ast.Name) or func.id != name:
            return False
        known = (self.function.meanings.local, self.function.info.names, self.function.info.functions)
        return not any(name in names for names in known)


def _operation(word: str, found: Value) -> Case | None:
    match word, found:
        case "recv", ChannelValue(number):
            return Recv(number)
        case "send", ChannelValue(number):
            return Send(number)
        case "join", HandleValue(number):
            return Join(number)
        case _:
            return None


def _is_resume(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == ops.RESUME_MARKER


def _is_marker(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ops.MARKERS


def _names_in(node: ast.AST) -> set[str]:
    found = {n.id for n in walk(node) if isinstance(n, ast.Name)}
    found |= {n.name for n in walk(node) if isinstance(n, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and n.name}
    return found | {n.rest for n in walk(node) if isinstance(n, ast.MatchMapping) and n.rest}


def _fits(pattern: ast.pattern, subject: object) -> bool | None:
    """Whether what a select came to fits a pattern; None: that depends on data."""
    match pattern:
        case ast.MatchAs(None, _):
            return True
        case ast.MatchSequence([ast.MatchValue(ast.Constant(first)), rest]) if isinstance(subject, SelectedValue):
            if first != subject.case:
                return False
            return True if isinstance(rest, ast.MatchAs) and rest.pattern is None else None
        case _:
            return None
