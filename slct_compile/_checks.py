"""Findings about whole modules, and about what a layout shows: the linter's part."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence
from typing import Protocol

from ._channel_checks import one_sided_channels, unreceived_channels
from ._definitions import DurableFunction, ParsedModule
from ._index import RUNTIME, ClassInfo, Index, ModuleInfo, all_statements, dotted_name, durable_functions, module_level
from ._meanings import Meanings
from ._rewrites import Rewrites
from ._scopes import bound_names
from ._unsupported import place_of
from ._walk import walk
from .analysis.liveness import Layout
from .diagnostics import Diagnostic, Unsupported
from .lower.states import StateCode

Finding = tuple[str, ast.AST, str, str]
"""Code, node, finding, help."""


def check_module(index: Index, info: ModuleInfo) -> list[Diagnostic]:
    """What can be said of a module without compiling it."""
    checks = (_imports, _process_classes, _rebound, _misplaced, _durable_bodies)
    found = [finding for check in checks for finding in check(index, info)]
    rewrites = Rewrites(index, info)
    return [
        Diagnostic(code, place_of(info, node), text, help, edits=rewrites.edits(code, node))
        for code, node, text, help in found
    ]


# --- imports -----------------------------------------------------------------------------------------------------------

PUBLIC = frozenset(
    [
        "AlreadyExists",
        "CallFailed",
        "Cancelled",
        "CannotEdit",
        "CannotFork",
        "CannotMove",
        "CannotRetry",
        "Channel",
        "ChannelClosed",
        "ChildRef",
        "Client",
        "ClientError",
        "CodecError",
        "CompensationFailed",
        "DefinitionError",
        "Definitions",
        "Effect",
        "EffectUnknown",
        "Frame",
        "Handle",
        "Instruction",
        "InvalidValue",
        "LimitExceeded",
        "LocalFunction",
        "NoHistory",
        "NotFound",
        "NotRunning",
        "Operation",
        "Process",
        "ProcessCancelled",
        "ProcessError",
        "ProcessFailed",
        "ProcessRef",
        "Rate",
        "RemoteError",
        "Request",
        "Retry",
        "Saga",
        "Schedule",
        "ScheduleSpec",
        "Selected",
        "SlctError",
        "State",
        "Step",
        "SyncClient",
        "SyncProcessRef",
        "TaskGroup",
        "Unavailable",
        "Worker",
        "after",
        "call",
        "close",
        "current_effect",
        "default",
        "durable",
        "emit",
        "gather",
        "go",
        "heartbeat",
        "make_channel",
        "manage_defs",
        "migrate",
        "now",
        "process",
        "recv",
        "select",
        "send",
        "sleep",
        "start",
        "timeout",
    ]
)
"""What `runtime_client` offers; the compiler does not import it."""

_MEANT = {"join": "await the handle that go() gives", "spawn": "go", "wait_for": "timeout", "chan": "Channel"}


def _imports(index: Index, info: ModuleInfo) -> Iterator[Finding]:
    """Names imported from `runtime_client` that it does not have."""
    for node in info.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == RUNTIME and not node.level:
            for alias in node.names:
                if alias.name not in PUBLIC and alias.name != "*" and not _is_module(alias.name):
                    yield (
                        "SLC009",
                        alias,
                        f"{RUNTIME} has no {alias.name!r}: the module could not be imported",
                        _instead(alias.name),
                    )


def _is_module(name: str) -> bool:
    return name.startswith("_") or name in ("cli", "debugger", "testing", "testing_plugin")


def _instead(name: str) -> str:
    if name in _MEANT:
        return f"did you mean: {_MEANT[name]}"
    near = difflib.get_close_matches(name, sorted(PUBLIC), 1, 0.6)
    return f"did you mean {near[0]!r}?" if near else f"it has {', '.join(n for n in sorted(PUBLIC) if n.islower())}"


# --- classes -----------------------------------------------------------------------------------------------------------

_RESERVED = frozenset({"id", "labels", "name", "version", "status", "seq"})


def _process_classes(index: Index, info: ModuleInfo) -> Iterator[Finding]:
    for class_info in info.classes.values():
        if index.is_process(class_info):
            yield from _reserved(class_info.node)
            yield from _channel_fields(index, class_info)
            yield from _constructor(class_info.node)
        if (info.name, class_info.qualname) in index.durable_classes():
            yield from _redefined(class_info.node)
            yield from _conditional(class_info.node)


def _reserved(node: ast.ClassDef) -> Iterator[Finding]:
    for statement in node.body:
        for name in bound_names([statement]):
            if name in _RESERVED:
                yield (
                    "SLC003",
                    statement,
                    f"every process has {name!r} of its own, which this would hide",
                    "choose another name",
                )


def _channel_fields(index: Index, info: ClassInfo) -> Iterator[Finding]:
    """`orders: Channel[str]` reads like a declaration, and is a field that nobody sets."""
    for statement in info.node.body:
        match statement:
            case ast.AnnAssign(ast.Name(name), ast.Subscript(kind) | (ast.Name() as kind) as annotation, None) if (
                index.runtime_name(info.module, kind) == "Channel" and not _is_assigned(info.node, name)
            ):
                element = ast.unparse(annotation)
                yield (
                    "SLC008",
                    statement,
                    f"{name!r} is a field for a channel, and nothing sets it: nobody can send to it",
                    f"declare the channel: {name} = {element}()",
                )
            case _:
                pass


def _is_assigned(node: ast.ClassDef, name: str) -> bool:
    """Whether a method of the class sets an attribute of this name, on whatever."""
    return any(
        isinstance(inner, ast.Attribute) and inner.attr == name and isinstance(inner.ctx, ast.Store)
        for statement in node.body
        for inner in walk(statement)
    )


def _constructor(node: ast.ClassDef) -> Iterator[Finding]:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name in ("__init__", "__new__"):
            yield (
                "SLC004",
                statement,
                f"a process is never constructed by its own {statement.name}: it is started, and restored from storage",
                "give fields defaults in the class body, and set the others at the beginning of main",
            )


def _redefined(node: ast.ClassDef) -> Iterator[Finding]:
    durable = {n.name for n in node.body if isinstance(n, ast.AsyncFunctionDef)}
    seen: set[str] = set()
    for statement in node.body:
        match statement:
            case ast.Assign(targets, ast.Name(name)) if name in durable:
                shown = ", ".join(ast.unparse(t) for t in targets)
                yield (
                    "SLC006",
                    statement,
                    f"{shown} would be a second name of the durable method {name!r}, whose frames are saved by one",
                    f"write a method that awaits self.{name}(...)",
                )
            case _:
                for name in bound_names([statement]):
                    if name in durable and name in seen:
                        yield (
                            "SLC006",
                            statement,
                            f"{name!r} is bound again, and its frames are saved by that name",
                            "give one of them another name",
                        )
                    seen.add(name)


def _conditional(node: ast.ClassDef) -> Iterator[Finding]:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for child in walk(statement):
            if isinstance(child, ast.AsyncFunctionDef):
                yield (
                    "SLC007",
                    child,
                    f"the durable method {child.name!r} is defined under a condition, and must always be there",
                    "define it in the class body, and put the condition inside it",
                )


# --- names of the module -----------------------------------------------------------------------------------------------

_BINDING = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)


def _rebound(index: Index, info: ModuleInfo) -> Iterator[Finding]:
    """Names of durable functions, and of classes with durable methods, that come to mean something else."""
    durable: dict[str, int] = {}
    for node in module_level(info.tree.body):
        if not isinstance(node, _BINDING) or (isinstance(node, ast.AnnAssign) and node.value is None):
            continue
        for name in bound_names([node]):
            if name in durable:
                yield (
                    "SLC006",
                    node,
                    f"{name!r} is bound again, and what is saved finds the durable code of line {durable[name]} by that name",
                    "give one of them another name",
                )
            elif _has_durable_code(index, info, node):
                durable[name] = node.lineno


def _has_durable_code(index: Index, info: ModuleInfo, node: ast.stmt) -> bool:
    match node:
        case ast.AsyncFunctionDef():
            return bool(index.durable_decorator(info.name, node))
        case ast.ClassDef():
            bases = any(_is_process_base(index, info, base) for base in node.bases)
            return bases or any(_has_durable_code(index, info, child) for child in node.body)
        case _:
            return False


# --- places ------------------------------------------------------------------------------------------------------------


def _misplaced(index: Index, info: ModuleInfo) -> Iterator[Finding]:
    """Definitions where no saved frame could find them again."""
    for node, is_inside in all_statements(info.tree.body):
        if isinstance(node, ast.ClassDef) and is_inside:
            if any(_is_process_base(index, info, base) for base in node.bases):
                yield (
                    "SLC007",
                    node,
                    f"the process class {node.name!r} is defined inside a function",
                    "move it to module level",
                )
        elif isinstance(node, ast.FunctionDef) and index.durable_decorator(info.name, node):
            yield (
                "SLC007",
                node,
                f"{node.name!r} is durable but no async function, so it could not await anything",
                "write async def, or leave the decorator off",
            )
        elif is_inside and isinstance(node, ast.AsyncFunctionDef) and index.durable_decorator(info.name, node):
            yield (
                "SLC007",
                node,
                f"the durable function {node.name!r} is defined inside a function",
                "move it to module level",
            )


def _is_process_base(index: Index, info: ModuleInfo, base: ast.expr) -> bool:
    found = index.resolve(info.name, dotted_name(base))
    return found == f"{RUNTIME}.Process" or (isinstance(found, ClassInfo) and index.is_process(found))


# --- what durable code does --------------------------------------------------------------------------------------------


def _durable_bodies(index: Index, info: ModuleInfo) -> Iterator[Finding]:
    for found in durable_functions(index, info).values():
        owner = info.classes.get(found.qualname.rpartition(".")[0])
        yield from _mutable_defaults(index, info, found.node)
        yield from _changed_globals(found.node)
        yield from one_sided_channels(index, info, owner, found.node)
        yield from _Calls(index, info, owner, found.node).findings()


def _changed_globals(node: ast.AsyncFunctionDef) -> Iterator[Finding]:
    """What a function binds that it has declared global."""
    every = walk(ast.Module(node.body, []))
    declared = {name for n in every if isinstance(n, ast.Global) for name in n.names}
    told: set[str] = set()
    for child in every if declared else ():
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store) and child.id in declared - told:
            told.add(child.id)
            yield (
                "SLC205",
                child,
                f"the global {child.id!r} is not saved with the process, and other workers have one of their own",
                "make it a field of the process, and write self." + child.id,
            )


_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MUTABLE_TYPES = frozenset({"list", "dict", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter"})


def _mutable_defaults(index: Index, info: ModuleInfo, node: ast.AsyncFunctionDef) -> Iterator[Finding]:
    for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
        called = dotted_name(default.func).rpartition(".")[2] if isinstance(default, ast.Call) else ""
        if isinstance(default, _MUTABLE) or called in _MUTABLE_TYPES:
            yield (
                "SLC403",
                default,
                "a mutable default is one object for all calls, until it is saved and becomes a copy",
                "use None as the default, and create the object inside",
            )


_OPERATIONS = frozenset({"recv", "send", "after", "sleep", "call", "select", "gather"})
_CHANNEL_OPERATIONS = frozenset({"recv", "send"})
_ASYNCIO: dict[str, str] = {
    "sleep": "await sleep(...) of runtime_client",
    "wait_for": "async with timeout(...) of runtime_client, or select(..., late=after(...))",
    "timeout": "async with timeout(...) of runtime_client",
    "gather": "await gather(...) of runtime_client",
    "wait": "await select(...) or gather(...) of runtime_client",
    "create_task": "go(...) of runtime_client",
    "ensure_future": "go(...) of runtime_client",
    "shield": "go(...) of runtime_client, which goes on by itself",
    "TaskGroup": "async with TaskGroup() of runtime_client",
    "to_thread": "await call(...), which runs a function outside the transition",
    "Lock": "a channel; code between two suspensions is atomic anyway",
    "Semaphore": "a channel of that capacity",
    "Event": "a channel, closed when it happens",
    "Condition": "a channel",
    "Queue": "a channel",
    "get_event_loop": "await call(...), which runs a function outside the transition",
    "get_running_loop": "await call(...), which runs a function outside the transition",
}


_BLOCKING: dict[str, str] = {
    "time.sleep": "await sleep(...) of runtime_client",
    **dict.fromkeys(
        (
            "input",
            "open",
            "os.popen",
            "os.system",
            "shutil.copyfile",
            "shutil.copytree",
            "shutil.rmtree",
            "socket.create_connection",
            "sqlite3.connect",
            "psycopg.connect",
            "psycopg2.connect",
            "smtplib.SMTP",
            "smtplib.SMTP_SSL",
            "subprocess.Popen",
            "subprocess.call",
            "subprocess.check_call",
            "subprocess.check_output",
            "subprocess.run",
            "urllib.request.urlopen",
            "urllib.request.urlretrieve",
            *(
                f"{library}.{verb}"
                for library in ("requests", "httpx")
                for verb in ("delete", "get", "head", "options", "patch", "post", "put", "request")
            ),
        ),
        "an ordinary function that does it, and await call(function, ...)",
    ),
}
"""What waits for the world outside, and what to use instead."""


class _Calls:
    """Findings about the calls and awaits of one durable function."""

    def __init__(self, index: Index, info: ModuleInfo, owner: ClassInfo | None, function: ast.AsyncFunctionDef) -> None:
        self.index = index
        self.info = info
        self.owner = owner
        self.function = function
        self.meanings = Meanings(index, info, owner, function)
        self.receiver = self.meanings.receiver

    def findings(self) -> Iterator[Finding]:
        for node in walk(ast.Module(self.function.body, [])):
            match node:
                case ast.Expr(ast.Call() as call):
                    yield from self._dropped(call)
                case ast.Await(value):
                    yield from self._awaited(value)
                case ast.Call(func):
                    yield from self._empty_select(node, func)
                    yield from self._asyncio(node, func)
                    yield from self._blocking(node, func)
                case _:
                    pass

    def _dropped(self, call: ast.Call) -> Iterator[Finding]:
        name = self._durable_name(call.func)
        if name:
            yield (
                "SLC302",
                call,
                f"{name}(...) only makes a frame, which is dropped here and never runs",
                f"await {name}(...), or go({name}(...))",
            )
        operation = self._operation_name(call.func)
        if operation:
            yield "SLC302", call, f"{operation}(...) is never awaited, and so never happens", f"await {operation}(...)"

    def _awaited(self, value: ast.expr) -> Iterator[Finding]:
        if isinstance(value, ast.Constant | ast.List | ast.Dict | ast.Set | ast.Tuple | ast.JoinedStr):
            yield "SLC303", value, "a plain value cannot be awaited", "leave the await off"
        elif isinstance(value, ast.Call) and self._is_plain_coroutine(value.func):
            name = ast.unparse(value.func)
            yield (
                "SLC303",
                value,
                f"{name}(...) is a coroutine of asyncio, which cannot be saved",
                f"await call({name}, ...) runs it as an effect; or make it durable with @durable",
            )

    def _empty_select(self, node: ast.Call, func: ast.expr) -> Iterator[Finding]:
        if node.args or any(keyword.arg != "label" for keyword in node.keywords):
            return
        # Inside of a `timeout`, or of a `try` that tidies up, somebody waits to be cancelled.
        ends = (n for n in walk(self.function) if isinstance(n, ast.Try | ast.TryStar | ast.AsyncWith | ast.With))
        if self.meanings.absolute(func) == f"{RUNTIME}.select" and not any(node in walk(n) for n in ends):
            yield "SLC305", node, "a select without a case waits for ever", "give it a case, or a time: late=after(...)"

    def _asyncio(self, node: ast.Call, func: ast.expr) -> Iterator[Finding]:
        found = self.meanings.absolute(func)
        name = found.removeprefix("asyncio.")
        if name != found and name in _ASYNCIO:
            yield (
                "SLC402",
                node,
                f"asyncio.{name} belongs to an event loop, which durable code does not have",
                f"use {_ASYNCIO[name]}",
            )

    def _blocking(self, node: ast.Call, func: ast.expr) -> Iterator[Finding]:
        name = self.meanings.name(func)
        if name in _BLOCKING:
            yield (
                "SLC301",
                node,
                f"{name} waits for the world outside: the worker runs nothing else meanwhile, and after a crash it happens again",
                f"use {_BLOCKING[name]}",
            )

    def _durable_name(self, func: ast.expr) -> str:
        """How a durable function is written that is called by this, or nothing."""
        match func:
            case ast.Attribute(ast.Name(receiver), attribute) if receiver == self.receiver and self.owner is not None:
                durable = {m for a in self.index.ancestors(self.owner) for m in a.async_methods}
                in_process = (self.info.name, self.owner.qualname) in self.index.durable_classes()
                return f"{receiver}.{attribute}" if in_process and attribute in durable else ""
            case _:
                target = self.index.function(self.meanings.absolute(func))
                is_durable = target is not None and self.index.durable_decorator(target[0].name, target[1])
                return ast.unparse(func) if is_durable else ""

    def _operation_name(self, func: ast.expr) -> str:
        found = self.meanings.absolute(func)
        name = found.removeprefix(f"{RUNTIME}.")
        if name != found and name in _OPERATIONS:
            return ast.unparse(func)
        match func:
            case ast.Attribute(ast.Attribute(ast.Name(receiver), channel), method) if receiver == self.receiver:
                return ast.unparse(func) if method in _CHANNEL_OPERATIONS and self._is_channel(channel) else ""
            case _:
                return ""

    def _is_channel(self, name: str) -> bool:
        """Whether the class, or one it derives from in the tree, declares a channel of this name."""
        for ancestor in self.index.ancestors(self.owner) if self.owner is not None else ():
            for node in ancestor.node.body:
                match node:
                    case ast.Assign([ast.Name(bound)], ast.Call(func)) if bound == name:
                        return self.index.runtime_name(ancestor.module, func) == "Channel"
                    case _:
                        pass
        return False

    def _is_plain_coroutine(self, func: ast.expr) -> bool:
        target = self.index.function(self.meanings.absolute(func))
        if target is None or not isinstance(target[1], ast.AsyncFunctionDef):
            return False
        return not target[1].decorator_list


# --- local definitions -------------------------------------------------------------------------------------------------


def refuse_local_definitions(
    module: ParsedModule, function: DurableFunction, states: Sequence[StateCode], layout: Layout
) -> None:
    """A local class or generator must not be alive where the frame is saved.

    Raises:
      Unsupported: one is.
    """
    saved = {n for s in states if s.block.resumes for n in layout.live[s.block.id]}
    for node in _definitions(function.parsed):
        name, code, what, help = _described(node)
        if name in saved:
            finding = f"{what} {name!r} is alive across a suspension, and has no module-level name to be saved by"
            raise Unsupported(Diagnostic(code, place_of(module.info, node), finding, help))


def _definitions(parsed: ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    for node in walk(parsed):
        match node:
            case ast.ClassDef():
                yield node
            case ast.Assign([ast.Name()], ast.GeneratorExp()):
                yield node
            case _:
                pass


def _described(node: ast.stmt) -> tuple[str, str, str, str]:
    match node:
        case ast.ClassDef(name=name):
            return name, "SLC104", "the local class", "move it to module level"
        case ast.Assign([ast.Name(name)], _):
            return name, "SLC101", "the generator", "make a list of it"
        case _:
            raise TypeError(type(node).__name__)


def definition_of(index: Index, info: ModuleInfo, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """The name in `@process(name="...")`."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and index.runtime_name(info.name, decorator.func) == "process":
            for keyword in decorator.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return None


def check_tree(index: Index, definitions: Sequence[Named]) -> list[Diagnostic]:
    """Findings between modules: two definitions of one name, channels that nobody receives from."""
    found = unreceived_channels(index, definitions)
    seen: dict[str, Named] = {}
    in_order = sorted(definitions, key=lambda d: (d.module, _node_of(index.modules[d.module], d.qualname).lineno))
    for definition in in_order:
        first = seen.setdefault(definition.name, definition)
        if first is not definition:
            info = index.modules[definition.module]
            node = _node_of(info, definition.qualname)
            where = f"{first.module}:{first.qualname}"
            text = f"the definition name {definition.name!r} is taken by {where}"
            found.append(Diagnostic("SLC002", place_of(info, node), text, 'give one of them name="..."'))
    return found


class Named(Protocol):
    """A definition, as far as its name goes."""

    @property
    def name(self) -> str: ...
    @property
    def module(self) -> str: ...
    @property
    def qualname(self) -> str: ...


def _node_of(info: ModuleInfo, qualname: str) -> ast.stmt:
    if qualname in info.classes:
        return info.classes[qualname].node
    return info.functions[qualname]
