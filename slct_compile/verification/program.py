"""The functions and declared channels of one definition, found by name: what a state's code may refer to."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .._definitions import Kind, own_async_functions
from .._index import RUNTIME, ClassInfo, Index, ModuleInfo, dotted_name, module_level
from .._manifest import Definition
from .._meanings import Meanings
from .._scopes import names_bound_by
from .._walk import walk
from ..emit import Compiled
from ..ir import ops
from .model import Frame, Unknown

if TYPE_CHECKING:
    from .running import Turn, WakeUp

_SETTERS = ("setattr", "delattr", "object.__setattr__", "object.__delattr__")
_KNOWN_BASES = (f"{RUNTIME}.Process", "typing.Generic", "typing.Protocol", "abc.ABC")


class Function:
    """A durable function, with the code of its states as `ast` has it."""

    def __init__(self, index: Index, info: ModuleInfo, compiled: Compiled) -> None:
        self.info = info
        self.compiled = compiled
        self.name = f"{info.name}:{compiled.function.qualname}"
        self.title = compiled.function.qualname
        owner = info.classes.get(compiled.function.class_name)
        self.meanings = Meanings(index, info, owner, compiled.function.parsed)
        self.receiver = compiled.function.receiver if compiled.function.kind is Kind.METHOD else None
        self.parameters = compiled.function.parameters
        self.states = {state.block.id: state for state in compiled.states}
        self.entry = compiled.states[0].block.id
        self.inner = own_async_functions(compiled.function.parsed)

    @cached_property
    def code(self) -> Mapping[int, list[ast.stmt]]:
        return {number: ast.parse(ops.text_of(state.code)).body for number, state in self.states.items()}

    @cached_property
    def captured(self) -> frozenset[str]:
        """Variables that durable functions inside this one use too."""
        return frozenset(one.id for inner in self.inner for one in walk(inner) if isinstance(one, ast.Name))

    @cached_property
    def constants(self) -> Mapping[str, int]:
        """Numbers that the module binds once, by name."""
        found: dict[str, int] = {}
        times: Counter[str] = Counter()
        for node in walk(self.info.tree):
            if isinstance(node, ast.stmt):
                times.update(names_bound_by(node))
        for node in self.info.tree.body:
            match node:
                case ast.Assign([ast.Name(name)], ast.Constant(int(number))) | ast.AnnAssign(
                    ast.Name(name), _, ast.Constant(int(number))
                ) if times[name] == 1:
                    found[name] = number
                case _:
                    pass
        return found

    def is_guarded(self, block: int) -> bool:
        """Whether an error raised there is handled, and not only passed on by TaskGroups."""
        on_error = self.states[block].region.on_error
        while on_error is not None:
            if on_error not in self._ends_of_groups:
                return True
            on_error = self.states[on_error].region.on_error
        return False

    @cached_property
    def _ends_of_groups(self) -> frozenset[int]:
        """States that wait for the goroutines of a TaskGroup: what the compiler makes of `async with`."""
        calls = {block: [one for node in code for one in walk(node)] for block, code in self.code.items()}
        managers = {
            target.id
            for nodes in calls.values()
            for node in nodes
            if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name)
            if isinstance(node.value, ast.Call) and runtime_word(self, node.value.func) == "TaskGroup"
        }
        return frozenset(block for block, nodes in calls.items() if any(_leaves(node, managers) for node in nodes))

    def line(self, block: int) -> int:
        return self.states[block].block.line

    def source_line(self, block: int) -> str:
        return self.info.source.split("\n")[self.line(block) - 1].strip()


@dataclass(frozen=True, slots=True)
class DeclaredChannel:
    """`capacity` None: not a constant."""

    name: str
    capacity: int | None


class Program:
    """One definition. `loose`: what is not followed of it, by path and line, as far as that was met. `turns`: what is known already."""

    def __init__(self, index: Index, functions: Mapping[tuple[str, str], Function], definition: Definition) -> None:
        self.index = index
        self.functions = functions
        self.loose: dict[tuple[str, int], str] = {}
        self.turns: dict[WakeUp, tuple[Turn, ...]] = {}
        self.by_name = {function.name: function for function in functions.values()}
        owner = index.modules[definition.module].classes.get(definition.qualname)
        self.ancestors = index.ancestors(owner) if owner is not None else []
        self.main = (
            self.method("main") if owner is not None else functions.get((definition.module, definition.qualname))
        )
        found: dict[str, DeclaredChannel] = {}
        for ancestor in self.ancestors:
            for channel in _declared(index, ancestor):
                found.setdefault(channel.name, channel)
        self.channels = tuple(found.values())
        self.channel_numbers = {channel.name: number for number, channel in enumerate(self.channels)}

    def check(self) -> None:
        """That nothing but what is followed uses channels and starts goroutines.

        Raises:
          Unknown: something else may.
        """
        if self.main is None:
            raise Unknown("its goroutines are written by hand, or not in this tree", *self._head())
        for ancestor in self.ancestors:
            if ancestor.states:
                raise Unknown("some of its states are written by hand", *self._head())
            for base in self.index.bases(ancestor):
                if not isinstance(base, ClassInfo) and base not in _KNOWN_BASES:
                    raise Unknown("a base class is not in this tree", *self._head())
        for info in {function.info.name: function.info for function in self.functions.values()}.values():
            for node in module_level(info.tree.body):
                self._check_plain(info, node)

    def _head(self) -> tuple[str, int]:
        if self.main is not None:
            return self.main.info.path, self.main.compiled.function.parsed.lineno
        owner = self.ancestors[0] if self.ancestors else None
        return (self.index.modules[owner.module].path, owner.node.lineno) if owner is not None else ("", 0)

    def _check_plain(self, info: ModuleInfo, node: ast.stmt) -> None:
        """Ordinary functions start no goroutines, and touch no channel of the process."""
        plain = [node] if isinstance(node, ast.FunctionDef) else []
        plain += [m for c in [node] if isinstance(c, ast.ClassDef) for m in walk(c) if isinstance(m, ast.FunctionDef)]
        for function in plain:
            for one in walk(function):
                named = isinstance(one, ast.Call) and self.index.runtime_name(info.name, one.func) in ("go", "close")
                if named or (isinstance(one, ast.Attribute) and one.attr in self.channel_numbers):
                    raise Unknown(
                        f"{function.name} is no durable function, and may use channels", info.path, function.lineno
                    )

    @cached_property
    def stored_attributes(self) -> frozenset[str]:
        """Names of attributes that somebody sets or deletes anywhere in the tree."""
        nodes = [node for info in self.index.modules.values() for node in walk(info.tree)]
        attributes = (node for node in nodes if isinstance(node, ast.Attribute))
        found = {node.attr for node in attributes if isinstance(node.ctx, ast.Store | ast.Del)}
        by_name = (node for node in nodes if isinstance(node, ast.Call) and dotted_name(node.func) in _SETTERS)
        return frozenset(found.union(*(_texts(node) for node in by_name)))

    def loosen(self, place: Frame, text: str) -> None:
        """From there on, something is not followed: it may do anything that it can reach."""
        function = self.by_name[place.function]
        self.loose.setdefault((function.info.path, function.line(place.block)), text)

    def method(self, name: str) -> Function | None:
        """What `self.name` calls in a process of this class."""
        for ancestor in self.ancestors:
            found = self.functions.get((ancestor.module, f"{ancestor.qualname}.{name}"))
            if found is not None:
                return found if found.receiver is not None else None
        return None

    def has_durable(self, name: str) -> bool:
        """Whether any durable function is called that."""
        return any(qualname.rpartition(".")[2] == name for _, qualname in self.functions)

    def called(self, caller: Function, func: ast.expr) -> Function | None:
        """The durable function that an expression names."""
        match func:
            case ast.Attribute(ast.Name(receiver), name) if receiver == caller.receiver:
                return self.method(name)
            case _:
                module, _, name = caller.meanings.absolute(func).rpartition(".")
                return self.functions.get((module, name))


def _declared(index: Index, owner: ClassInfo) -> list[DeclaredChannel]:
    found = []
    for node in owner.node.body:
        match node:
            case ast.Assign([ast.Name(name)], ast.Call() as call) | ast.AnnAssign(
                ast.Name(name), _, ast.Call() as call
            ):
                if index.runtime_name(owner.module, call.func) == "Channel":
                    found.append(DeclaredChannel(name, capacity_of(call)))
            case _:
                pass
    return found


def capacity_of(call: ast.Call) -> int | None:
    """Of `Channel[int](capacity=3)`; None if it is not a constant."""
    match capacity_argument(call):
        case None:
            return 0
        case ast.Constant(int(capacity)):
            return capacity
        case _:
            return None


def capacity_argument(call: ast.Call) -> ast.expr | None:
    """That of `Channel[int](capacity=3)` and `make_channel(3)`."""
    given = [*call.args, *(k.value for k in call.keywords if k.arg == "capacity")]
    return given[0] if given else None


def _texts(call: ast.Call) -> set[str]:
    return {one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def _leaves(node: ast.AST, managers: set[str]) -> bool:
    match node:
        case ast.Call(ast.Name("leave_async"), [ast.Name(manager), *_]):
            return manager in managers
        case _:
            return False


def runtime_word(function: Function, func: ast.expr) -> str:
    """`recv`, if it is that of `runtime_client`."""
    absolute = function.meanings.absolute(func)
    return absolute.removeprefix(f"{RUNTIME}.") if absolute.startswith(f"{RUNTIME}.") else ""
