"""Source truth: compiled modules are loaded with the positions, the file and the function names that their author wrote.

`slct_sources.json` in a build says, for each rewritten module, where every name and literal of it stood in the author's file
(`slct_compile/_places.py`). From these leaves upwards the loader finds the author's expression or statement for each
generated one, and gives it that position:

  1. A node belongs to the author's node of its own kind that holds the same part in the same place.
  2. What waits is the author's `await`: `f.suspend(x, then=...)` through x, and `f.resume()` through the state's suspension.
  3. A statement without names (`pass`, a bare `raise`) is found beside its neighbours.
  4. Any other is glue, and stands where the statement before it does, or the one around it, or its state.

State methods carry the name of the function that they are part of; `__name__`, by which the driver knows them, stays. The
author's file must be there as it was when it was compiled; else a module is loaded as it lies in the build. So it is if anything
at all goes wrong: positions are for people, and must not keep a process from running.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from inspect import CO_OPTIMIZED
from itertools import zip_longest
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, cast

SOURCES = "slct_sources.json"
"""The file of a build that says where its code came from."""

Place = tuple[int, int]
"""Line from 1, and column in bytes from 0, as in `ast`."""


def show_sources(build: Path) -> None:
    """Load modules of this build, from now on, with the positions of their sources."""
    if any(isinstance(finder, _Finder) and finder.build == build for finder in sys.meta_path):
        return
    if files := authored(build):
        sys.meta_path.insert(0, _Finder(build, files))
        debug_as_written()


def sourced(spec: ModuleSpec | None, modules: Mapping[str, AuthoredModule]) -> ModuleSpec | None:
    """The same for one module of a build that somebody else has found."""
    module = modules.get(spec.origin) if spec is not None and spec.origin is not None else None
    if spec is not None and module is not None:
        spec.loader = _Loader(spec.name, spec.origin or "", module)
    return spec


def authored(build: Path) -> dict[str, AuthoredModule]:
    """The rewritten modules of a build by their paths; none if it does not say where its sources are."""
    try:
        content = json.loads((build / SOURCES).read_bytes())
        if content["format"] != 1 or not content["root"]:
            return {}
        root = (build / content["root"]).resolve()
        return {
            str(build / path): AuthoredModule(root / path, one["sha256"], one["places"])
            for path, one in content["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def debug_as_written() -> None:
    """Have `breakpoint()` start a debugger that knows durable code, unless somebody has chosen another."""
    if sys.breakpointhook is sys.__breakpointhook__ and not os.environ.get("PYTHONBREAKPOINT"):
        sys.breakpointhook = _breakpoint


def _breakpoint() -> None:
    """What `breakpoint()` does from then on: pdb that knows durable code (`debugger.py`), imported when it is needed."""
    from .debugger import Pdb

    Pdb().set_trace(sys._getframe().f_back)


def path_in_build(filename: str, build: Path) -> str | None:
    """The file of a line of code relative to a build, be it shown as the author's or not; None if it is not part of it."""
    for finder in sys.meta_path:
        if isinstance(finder, _Finder) and finder.build == build:
            for path, module in finder.files.items():
                if str(module.source) == filename:
                    return str(Path(path).relative_to(build))
    return str(Path(filename).relative_to(build)) if Path(filename).is_relative_to(build) else None


@dataclass(frozen=True, slots=True)
class AuthoredModule:
    """A rewritten module: the author's file, the digest of its text, and four numbers for each leaf."""

    source: Path
    sha256: str
    places: Sequence[int]

    def links(self) -> dict[Place, Place]:
        """Where each leaf of the generated text stood."""
        numbers = self.places
        return {(numbers[i], numbers[i + 1]): (numbers[i + 2], numbers[i + 3]) for i in range(0, len(numbers) - 3, 4)}


class _Finder:
    """Finds what Python finds; only what loads a rewritten module is ours."""

    def __init__(self, build: Path, files: dict[str, AuthoredModule]) -> None:
        self.build = build
        self.files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target)
        module = self.files.get(spec.origin) if spec is not None and spec.origin is not None else None
        if spec is None or module is None or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = _Loader(fullname, spec.origin or "", module)
        return spec


class _Loader(SourceFileLoader):
    """Compiles at each import: a cache could not know of the author's file."""

    def __init__(self, fullname: str, path: str, module: AuthoredModule) -> None:
        super().__init__(fullname, path)
        self._module = module

    def get_code(self, fullname: str) -> CodeType | None:
        text = self.get_data(self.path)
        try:
            source = self._module.source.read_bytes()
            if hashlib.sha256(source).hexdigest() == self._module.sha256:
                return relocated(text, source, str(self._module.source), self._module.links())
        except Exception:  # see the head of this file
            pass
        return super().get_code(fullname)

    def exec_module(self, module: ModuleType) -> None:
        """`__file__` says what the code says: tools such as coverage and inspect go by either."""
        code = self.get_code(module.__name__)
        assert code is not None
        module.__file__ = code.co_filename
        exec(code, module.__dict__)

    def plain_code(self) -> CodeType:
        """The module as it lies in the build, at its own positions."""
        return compile(self.get_data(self.path), self.path, "exec", dont_inherit=True)


def relocated(text: bytes, source: bytes, filename: str, links: dict[Place, Place]) -> CodeType:
    """The code of a generated module, at the author's positions."""
    generated, authored = ast.parse(text), ast.parse(source)
    _note_first_lines(authored, source)
    relocation = _Relocation(_Author.of(authored), links)
    relocation.container(generated.body, authored.body, "")
    for node in ast.walk(generated):
        if isinstance(node, ast.stmt | ast.expr | ast.excepthandler | ast.pattern | ast.arg | ast.keyword | ast.alias):
            _check_place(node)
    code = compile(generated, filename, "exec", dont_inherit=True)
    return _renamed(code, relocation.names)


def _note_first_lines(authored: ast.Module, source: bytes) -> None:
    """Where the first line of each node ends that goes on over several: glue that stands there may not be longer."""
    lines = source.splitlines()
    for node in ast.walk(authored):
        if isinstance(node, ast.stmt | ast.expr) and node.end_lineno != node.lineno:
            node.first_line_end = len(lines[node.lineno - 1].rstrip())  # type: ignore[union-attr]  # a mark of ours on nodes of `ast`


def _check_place(node: Any) -> None:
    if (node.lineno, node.col_offset) > (node.end_lineno, node.end_col_offset):
        raise ValueError("a node ends before it begins")


def _renamed(code: CodeType, names: dict[str, str], outer: tuple[str, str] = ("", "")) -> CodeType:
    """States under the names of their functions; what is made in them is named after these too. `outer`: old name, new name."""
    name = names.get(code.co_qualname)
    if name is None and outer[0] and code.co_qualname.startswith(f"{outer[0]}."):
        name = outer[1] + code.co_qualname.removeprefix(outer[0])
    inside = ("", "") if name is None else (code.co_qualname, name)
    is_class_body = not code.co_flags & CO_OPTIMIZED and "__qualname__" in code.co_names
    own = code.co_qualname if is_class_body and name is not None else None
    constants = tuple(_renamed_constant(c, names, inside, own) for c in code.co_consts)
    if name is None:
        return code.replace(co_consts=constants)
    return code.replace(co_consts=constants, co_name=name.rpartition(".")[2], co_qualname=name)


def _renamed_constant(constant: Any, names: dict[str, str], inside: tuple[str, str], own: str | None) -> Any:
    """The code of a function; or, in the body of a class, the name `own` that it gives the class. Other strings are the author's."""
    if isinstance(constant, CodeType):
        return _renamed(constant, names, inside)
    return inside[1] if own is not None and type(constant) is str and constant == own else constant


@dataclass(slots=True)
class _Author:
    """The author's tree: leaves by their place, and what each node is part of."""

    leaves: dict[Place, ast.AST]
    parents: dict[ast.AST, tuple[ast.AST, str]]
    functions: dict[str, list[ast.AsyncFunctionDef]]

    @classmethod
    def of(cls, tree: ast.Module) -> _Author:
        made = cls({}, {}, {})
        for node in ast.walk(tree):
            place = anchor(node)
            if place is not None:
                made.leaves.setdefault(place, node)
            for name, value in ast.iter_fields(node):
                for child in value if isinstance(value, list) else (value,):
                    if isinstance(child, ast.AST) and not isinstance(child, ast.expr_context | ast.operator):
                        made.parents[child] = (node, name)
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef):
                made.functions.setdefault(made._qualname(node), []).append(node)
        return made

    def _qualname(self, node: ast.AsyncFunctionDef) -> str:
        parts = [node.name]
        above: ast.AST | None = node
        while above in self.parents:
            above = self.parents[above][0]
            if isinstance(above, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                parts.append(above.name)
        return ".".join(reversed(parts))


def anchor(node: ast.AST) -> Place | None:
    """Where the leaf of a node stands; None if it has none. The same as in `slct_compile/_places.py`."""
    match node:
        case ast.Name() | ast.Constant() | ast.JoinedStr() | ast.arg():
            return node.lineno, node.col_offset
        case ast.Attribute():
            assert node.end_lineno is not None and node.end_col_offset is not None
            return node.end_lineno, node.end_col_offset - len(node.attr.encode())
        case _:
            return None


@dataclass(slots=True)
class _FrameClass:
    """A generated frame class: the author's function, and the line of each state's statement."""

    function: ast.AsyncFunctionDef
    qualname: str
    lines: dict[str, int]
    awaits: dict[str, ast.AST] = field(default_factory=dict)


class _Relocation:
    """Gives every node of the generated tree its place. `names`: of states, by their qualified names."""

    def __init__(self, author: _Author, links: dict[Place, Place]) -> None:
        self.author = author
        self.links = links
        self.names: dict[str, str] = {}
        self.found: dict[ast.AST, ast.AST] = {}
        self.carried = 0  # how many inner definitions we are in: their bodies are the author's, statement by statement

    # --- modules and classes ---------------------------------------------------------------------------------------

    def container(self, body: list[Any], authored: Sequence[ast.AST], qualname: str) -> None:
        """A body with definitions: what is the author's is matched in order, what is ours goes to its function."""
        frames = {node: frame for node in body if (frame := self._frame_class(node)) is not None}
        names = {name: frame for frame in frames.values() for name in frame.lines}
        methods: dict[ast.FunctionDef, _FrameClass] = {}
        for node in body:
            inside = node.body if node in frames else [node]
            for one in inside:
                frame = frames.get(node) or (names.get(one.name) if isinstance(one, ast.FunctionDef) else None)
                if frame is not None and isinstance(one, ast.FunctionDef) and one.name in frame.lines:
                    methods[one] = frame
                    inner = f"{node.name}." if node in frames else ""
                    self.names[f"{qualname}{inner}{one.name}"] = frame.qualname
        self._states(methods)
        for node, frame in frames.items():
            _spread(node, frame.function, head_only=True)
            for one in node.body:
                if one not in methods:
                    _spread(one, frame.function)
        self._others([n for n in body if n not in frames and n not in methods], authored, qualname)
        body[:] = _with_names(body, methods)
        for node in frames:
            node.body[:] = _with_names(node.body, methods)

    def _frame_class(self, node: ast.AST) -> _FrameClass | None:
        """The frame class that this is, by what its body says."""
        if not isinstance(node, ast.ClassDef) or not node.name.endswith("Frame"):
            return None
        values = {
            n.targets[0].id: n.value
            for n in node.body
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
        }
        match values:
            case {"FUNCTION": ast.Constant(str(qualname)), "STATES": ast.Dict(keys, rows)}:
                lines = {k.value: _line(r) for k, r in zip(keys, rows, strict=True) if isinstance(k, ast.Constant)}
            case _:
                return None
        functions = self.author.functions.get(qualname, [])
        first = next(iter(lines.values()), 0)
        chosen = next((f for f in functions if f.lineno <= first <= (f.end_lineno or 0)), None)
        return None if chosen is None else _FrameClass(chosen, qualname, {str(k): n for k, n in lines.items()})

    def _others(self, body: Sequence[Any], authored: Sequence[ast.AST], qualname: str) -> None:
        """Stubs, and what was carried over; imports of ours stand where the statement before them does."""
        position = 0
        last = authored[0] if authored else None
        for node in body:
            matching = (i for i in range(position, len(authored)) if _is_same_head(node, authored[i]))
            index = next(matching, None)
            if index is None:
                if last is not None:
                    _spread(node, last)
                continue
            position, last = index + 1, authored[index]
            self._carry(node, last, qualname)

    def _carry(self, node: ast.AST, authored: ast.AST, qualname: str) -> None:
        """A part of the tree that is the author's own, but for definitions somewhere inside."""
        if ast.dump(node) == ast.dump(authored):
            for one, counterpart in zip(ast.walk(node), ast.walk(authored), strict=True):
                _move(one, counterpart)
            return
        _move(node, authored)
        inner = f"{qualname}{node.name}." if isinstance(node, ast.ClassDef) else qualname
        for name, value in ast.iter_fields(node):
            other: Any = getattr(authored, name, None)
            if name == "returns" and isinstance(value, ast.Subscript) and isinstance(other, ast.AST):
                _spread(value, other)  # `Frame[str]`, for what the author says: `str`
                self._carry_part(value.slice, other, authored, inner)
                continue
            if name in ("body", "returns") and isinstance(authored, ast.AsyncFunctionDef):
                for child in value if isinstance(value, list) else (value,):
                    _spread(child, authored)  # those of a stub are ours
                continue
            if isinstance(value, list) and isinstance(other, list):
                if any(isinstance(v, ast.stmt) for v in value) and name != "decorator_list":
                    self.container(value, other, inner)
                else:
                    for one, counterpart in zip_longest(value, other):
                        self._carry_part(one, counterpart, authored, inner)
            elif isinstance(value, ast.AST):
                self._carry_part(value, other, authored, inner)

    def _carry_part(self, node: Any, authored: Any, around: ast.AST, qualname: str) -> None:
        if isinstance(node, ast.AST) and type(node) is type(authored):
            self._carry(node, authored, qualname)
        elif isinstance(node, ast.AST):
            _spread(node, around)

    # --- states ----------------------------------------------------------------------------------------------------

    def _states(self, methods: dict[ast.FunctionDef, _FrameClass]) -> None:
        for method, frame in methods.items():
            for node in ast.walk(method):
                if (waiting := _suspension(node)) is not None:
                    operation, state = waiting
                    self._resolve(operation, None)
                    above = self.author.parents.get(self.found.get(operation, operation))
                    if above is not None and isinstance(above[0], ast.Await):
                        frame.awaits.setdefault(state, above[0])
        self.found.clear()
        for method, frame in methods.items():
            awaited = frame.awaits.get(method.name) or _await_at(frame, method.name)
            for statement in method.body:
                self._resolve(statement, awaited)
            _spread(method, frame.function, head_only=True)
            line = frame.lines[method.name]
            start = awaited or _statement_at(frame.function, line) or frame.function
            is_first = method.name == next(iter(frame.lines))
            self._place_body(method.body, start, _without_docstring(frame.function) if is_first else ())

    def _resolve(self, node: ast.AST, awaited: ast.AST | None) -> None:
        """Find the author's node for this one and all in it, leaves first."""
        for child in ast.iter_child_nodes(node):
            self._resolve(child, awaited)
        found = self._leaf(node) or self._of_ours(node, awaited) or self._by_parts(node)
        if found is not None:
            self.found[node] = found

    def _leaf(self, node: ast.AST) -> ast.AST | None:
        place = anchor(node)
        origin = None if place is None else self.links.get(place)
        return None if origin is None else self.author.leaves.get(origin)

    def _of_ours(self, node: ast.AST, awaited: ast.AST | None) -> ast.AST | None:
        """What stands for something of the author's by its meaning: rule 2, `return` and `:=`."""
        match node:
            case ast.Call(ast.Attribute(ast.Name(), "resume"), [], []):
                return awaited
            case ast.Call(ast.Attribute(ast.Name(), "suspend"), [operation], [ast.keyword("then")]):
                return self._above(operation, ast.Await)
            case ast.Return(ast.Call(ast.Attribute(ast.Name(), "finish"), [value], [])):
                return self._above(value, ast.Return)
            case ast.Call(ast.Attribute(ast.Name(), "let"), [], [ast.keyword(_, value)]):
                return self._above(value, ast.NamedExpr)
            case ast.Raise(ast.Call(ast.Name("AssertionError"), [message])):
                above = self._above(message, ast.Assert)
                return None if above is None else _blamed(above)
            case ast.Call(ast.Name() as name, [subject]) if anchor(name) not in self.links:
                return self._with_subject(subject)
            case _:
                return None

    def _above(self, part: ast.AST, kind: type[ast.AST]) -> ast.AST | None:
        above = self.author.parents.get(self.found.get(part, part))
        return above[0] if above is not None and isinstance(above[0], kind) else None

    def _with_subject(self, subject: ast.AST) -> ast.AST | None:
        """What is blamed when this cannot be entered, or iterated over: `enter(manager)`, `iterate_async(source)`."""
        match self.author.parents.get(self.found.get(subject, subject)):
            case (ast.withitem() as item, "context_expr"):
                return _blamed(self.author.parents[item][0])
            case (ast.AsyncFor() as loop, "iter"):
                return _blamed(loop)
            case _:
                return None

    def _by_parts(self, node: ast.AST) -> ast.AST | None:
        """Rule 1."""
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else (value,):
                part = self.found.get(child)
                above = None if part is None else self.author.parents.get(part)
                if above is not None and above[1] == name and isinstance(above[0], _KINDS.get(type(node), type(node))):
                    return above[0]
        return None

    def _place_body(self, body: Sequence[ast.AST], around: ast.AST, authored: Sequence[ast.AST] = ()) -> None:
        """Rules 3 and 4, for the statements of one block. `authored`: the author's block, if it is known."""
        before: ast.AST | None = None
        for index, statement in enumerate(body):
            if self.carried and statement not in self.found and index < len(authored) == len(body):
                self._pair(statement, authored[index])
            own = (
                self.found.get(statement) or self._neighbour(statement, before, authored) or self._first_part(statement)
            )
            begins = authored[0] if authored and isinstance(authored[0], ast.Try) else around
            place = own or before or begins
            self._place(statement, place)
            before = self._last_part(statement, place)

    def _pair(self, node: ast.AST, authored: Any) -> None:
        """What has no leaf of its own, such as `pass` or `case _`, is found by its place in what has."""
        if type(node) is type(authored):
            self.found[node] = authored

    def _last_part(self, statement: ast.AST, place: ast.AST) -> ast.AST:
        """Where glue after this statement stands. After `manager = ...`, that is the `with` which fails next."""
        part = self.found.get(statement, place)
        match self.author.parents.get(part):
            case (ast.withitem() as item, "context_expr") if not _POINTS_INSIDE:
                return self.author.parents[item][0]
            case _:
                return part

    def _neighbour(self, statement: ast.AST, before: ast.AST | None, authored: Sequence[ast.AST]) -> ast.AST | None:
        """The author's statement without names that this one is, or stands for: a jump for `continue`, `break`, `pass` and `try`."""
        if not isinstance(statement, ast.Pass | ast.Raise | ast.Return | ast.Break | ast.Continue):
            return None
        if isinstance(before, ast.Try):
            return None  # what enters it
        if before is not None:
            above = self.author.parents.get(before)
            siblings = getattr(above[0], above[1], None) if above is not None else None
            if not isinstance(siblings, list):
                return None
            authored = siblings[siblings.index(before) + 1 :]
        kinds = (ast.Continue, ast.Break, ast.Pass, ast.Try) if _is_jump(statement) else (type(statement),)
        return authored[0] if authored and isinstance(authored[0], kinds) else None

    def _first_part(self, node: ast.AST) -> ast.AST | None:
        """The first of the author's nodes in a piece of glue; not in the blocks of a statement."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
                continue
            found = self.found.get(child) or self._first_part(child)
            if found is not None and hasattr(found, "lineno"):
                return found
        return None

    def _place(self, node: ast.AST, place: ast.AST) -> None:
        """Put a node there, and what is in it at its own places."""
        is_whole = node in self.found and isinstance(node, ast.stmt) >= isinstance(place, ast.stmt)
        (_move if is_whole else _begin_at)(node, place)
        own_counterpart = self.found.get(node)
        self.carried += isinstance(node, _DEFINITIONS)
        for name, value in ast.iter_fields(node):
            other: Any = getattr(own_counterpart, name, None)
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self._place_body(value, place, other if isinstance(other, list) else ())
                continue
            for child, counterpart in zip_longest(*(v if isinstance(v, list) else (v,) for v in (value, other))):
                if isinstance(child, ast.AST):
                    self._place_part(child, counterpart, place)
        self.carried -= isinstance(node, _DEFINITIONS)

    def _place_part(self, node: ast.AST, counterpart: ast.AST | None, around: ast.AST) -> None:
        if node not in self.found and isinstance(node, ast.pattern | ast.match_case | ast.excepthandler):
            self._pair(node, counterpart)
        own = self.found.get(node)
        if own is None and isinstance(node, ast.expr):
            own = self._first_part(node)
        self._place(node, own if own is not None and hasattr(own, "lineno") else around)


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_KINDS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.For: (ast.For, ast.AsyncFor),
    ast.With: (ast.With, ast.AsyncWith),
    ast.If: (ast.If, ast.While, ast.Assert, ast.IfExp),
    ast.FunctionDef: (ast.FunctionDef, ast.AsyncFunctionDef),
}
"""What a generated node may have been."""


def _line(row: ast.AST) -> int:
    match row:
        case ast.Call(_, [ast.Constant(int(line)), *_]):
            return line
        case _:
            return 0


def _suspension(node: ast.AST) -> tuple[ast.AST, str] | None:
    """`f.suspend(operation, then=owner.state)`."""
    match node:
        case ast.Call(ast.Attribute(_, "suspend"), [operation], [ast.keyword("then", ast.Attribute(_, state))]):
            return operation, state
        case _:
            return None


def _is_jump(node: ast.AST) -> bool:
    """`return f.goto(owner.state)`."""
    match node:
        case ast.Return(ast.Call(ast.Attribute(_, "goto"), [ast.Attribute()], [])):
            return True
        case _:
            return False


def _without_docstring(function: ast.AsyncFunctionDef) -> Sequence[ast.AST]:
    return function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body


def _await_at(frame: _FrameClass, state: str) -> ast.AST | None:
    """The only `await` on the line of a state."""
    line = frame.lines[state]
    found = [n for n in ast.walk(frame.function) if isinstance(n, ast.Await) and n.lineno == line]
    return found[0] if len(found) == 1 else None


def _statement_at(function: ast.AST, line: int) -> ast.AST | None:
    return next((n for n in ast.walk(function) if isinstance(n, ast.stmt) and n.lineno == line), None)


def _is_same_head(node: ast.AST, authored: ast.AST) -> bool:
    """Whether a generated statement is what became of the author's."""
    match node, authored:
        case (ast.ClassDef(one), ast.ClassDef(other)):
            return one == other
        case (ast.FunctionDef(one), ast.FunctionDef(other) | ast.AsyncFunctionDef(other)):
            return one == other
        case (ast.If(test), ast.If(other)):
            return ast.dump(test) == ast.dump(other)
        case (ast.Try() | ast.With() | ast.For() | ast.While(), _):
            return type(node) is type(authored)
        case (ast.ImportFrom(module, names), ast.ImportFrom(other_module, others)):
            return module == other_module and {n.name for n in others} <= {n.name for n in names}
        case _:
            return ast.dump(node) == ast.dump(authored)


_PLACE = ("lineno", "col_offset", "end_lineno", "end_col_offset")


def _move(node: ast.AST, place: ast.AST) -> None:
    if hasattr(node, "lineno") and hasattr(place, "lineno"):
        for name in _PLACE:
            setattr(node, name, getattr(place, name))


def _begin_at(node: Any, place: Any) -> None:
    """Glue stands where the author's node begins. Over several lines, Python would take its calls to be made on the last one."""
    place = cast("Any", _blamed(place))
    if hasattr(node, "lineno") and hasattr(place, "lineno"):
        _move(node, place)
        if place.end_lineno != place.lineno:
            end = max(getattr(place, "first_line_end", 0), place.col_offset)
            node.end_lineno, node.end_col_offset = place.lineno, end


def _blamed(place: ast.AST) -> ast.AST:
    """What this Python points at when a statement fails: the manager of a `with`, the condition of an `assert`; or all of it."""
    match place:
        case ast.With(items=[first, *_]) | ast.AsyncWith(items=[first, *_]) if _POINTS_INSIDE:
            return first.context_expr
        case ast.AsyncFor(iter=inside) | ast.Assert(test=inside) if _POINTS_INSIDE:
            return inside
        case _:
            return place


_POINTS_INSIDE = sys.version_info >= (3, 13)


def _spread(node: ast.AST, place: ast.AST, *, head_only: bool = False) -> None:
    """Everything in a piece of glue stands in one place. `head_only`: all but the body."""
    _begin_at(node, place)
    for name, value in ast.iter_fields(node):
        if not (head_only and name == "body"):
            for child in value if isinstance(value, list) else (value,):
                if isinstance(child, ast.AST):
                    _spread(child, place)


def _with_names(body: Sequence[Any], methods: dict[ast.FunctionDef, _FrameClass]) -> list[Any]:
    """After each state: `Main_Start.__name__ = "Main_Start"`, since its code has another name."""
    changed: list[Any] = []
    for node in body:
        changed.append(node)
        if node in methods:
            target = ast.Attribute(ast.Name(node.name, ast.Load()), "__name__", ast.Store())
            named = ast.Assign([target], ast.Constant(node.name))
            _spread(named, node)
            for part in ast.walk(named):
                if isinstance(part, ast.stmt | ast.expr):
                    for name in _PLACE:
                        setattr(part, name, getattr(node, name))
            changed.append(named)
    return changed
