"""What is refused, one entry each, before anything is taken apart.

What the later passes do not know they refuse themselves ("everything else", `_normalize.py`), so that a new Python version
cannot slip through.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from ._definitions import DurableFunction, Kind, decorator_names, own_async_functions
from ._index import Index, ModuleInfo, dotted_name
from ._scopes import own_nodes
from ._walk import walk
from .diagnostics import Diagnostic, Place
from .emit import is_private
from .ir.ops import MARKERS

Finding = tuple[str, ast.AST, str, str]
"""Code, node, finding, help."""


def refuse(index: Index, info: ModuleInfo, function: DurableFunction) -> list[Diagnostic]:
    """Everything in a function that cannot be compiled, whatever its surroundings."""
    return [
        Diagnostic(code, place_of(info, node), finding, help)
        for check in _CHECKS
        for code, node, finding, help in check(index, info, function)
    ]


def place_of(info: ModuleInfo, node: ast.AST) -> Place:
    """Where an `ast` node stands; columns in characters."""
    line = getattr(node, "lineno", 1)
    end = getattr(node, "end_lineno", line) or line
    return Place(
        info.path,
        line,
        _characters(info, line, getattr(node, "col_offset", 0)),
        end,
        _characters(info, end, getattr(node, "end_col_offset", 0) or 0),
    )


def _characters(info: ModuleInfo, line: int, column: int) -> int:
    lines = info.source.split("\n")
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return len(text.encode()[:column].decode(errors="replace"))


def _yields(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    for node in own_nodes(function.parsed.body):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            yield (
                "SLC102",
                node,
                "a generator cannot be resumed from a stored frame",
                "send each value on a channel and let the caller receive from it",
            )


def _type_parameters(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    """`async def first[T](...)`: the states stand outside of the function, where T is not. Local annotations are not evaluated."""
    own = {p.name for f in (function, *function.enclosing) for p in getattr(f.parsed, "type_params", ())}
    own -= {*function.own.locals, *function.own.globals}
    if not own:
        return
    unread = {
        id(name)
        for node in own_nodes(function.parsed.body)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        for name in walk(node.annotation)
    }
    for node in walk(ast.Module(function.parsed.body, [])):
        if isinstance(node, ast.Name) and node.id in own and id(node) not in unread:
            finding = f"the type parameter {node.id} of a durable function cannot be read while it runs"
            yield "SLC101", node, finding, "use it in annotations only, or make it a TypeVar of the module"


_FRAMES = {"_getframe", "currentframe", "_current_frames"}
"""Functions of modules that give the running frame."""


def _frame_introspection(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    for node in walk(ast.Module(function.parsed.body, [])):
        match node:
            case ast.Call():
                name = dotted_name(node.func)
                shadowed = name in function.own.locals or name in info.names
                if (not shadowed and _sees_the_frame(name, node)) or name.rpartition(".")[2] in _FRAMES:
                    finding = f"{name}() sees the compiled state, not the function as written"
                    yield "SLC103", node, finding, _without_the_frame(name)
            case ast.Attribute(attr="__closure__") | ast.Attribute(attr="__code__", ctx=ast.Store() | ast.Del()):
                finding = f".{node.attr} of a local function is not as written: its variables are kept in the frame"
                yield "SLC103", node, finding, "pass the values explicitly, or define the function at module level"


def _sees_the_frame(name: str, call: ast.Call) -> bool:
    """Whether a call of this builtin is about the variables of the function that calls it."""
    match name:
        case "locals":
            return True
        case "vars" | "dir":
            return not call.args
        case "eval" | "exec":  # with globals of its own, it sees nothing else
            has_globals = len(call.args) > 1 or any(k.arg == "globals" for k in call.keywords)
            return not has_globals or any(isinstance(a, ast.Starred) for a in call.args)
        case _:
            return False


def _without_the_frame(name: str) -> str:
    return f"give it a namespace: {name}(code, {{...}})" if name in ("eval", "exec") else "pass the values explicitly"


_KNOWN_NODES = frozenset(
    [
        "Add",
        "alias",
        "And",
        "AnnAssign",
        "arg",
        "arguments",
        "Assert",
        "Assign",
        "AsyncFor",
        "AsyncFunctionDef",
        "AsyncWith",
        "Attribute",
        "AugAssign",
        "Await",
        "BinOp",
        "BitAnd",
        "BitOr",
        "BitXor",
        "BoolOp",
        "Break",
        "Call",
        "ClassDef",
        "Compare",
        "comprehension",
        "Constant",
        "Continue",
        "Del",
        "Delete",
        "Dict",
        "DictComp",
        "Div",
        "Eq",
        "ExceptHandler",
        "Expr",
        "FloorDiv",
        "For",
        "FormattedValue",
        "FunctionDef",
        "GeneratorExp",
        "Global",
        "Gt",
        "GtE",
        "If",
        "IfExp",
        "Import",
        "ImportFrom",
        "In",
        "Invert",
        "Is",
        "IsNot",
        "JoinedStr",
        "keyword",
        "Lambda",
        "List",
        "ListComp",
        "Load",
        "LShift",
        "Lt",
        "LtE",
        "Match",
        "match_case",
        "MatchAs",
        "MatchClass",
        "MatchMapping",
        "MatchOr",
        "MatchSequence",
        "MatchSingleton",
        "MatchStar",
        "MatchValue",
        "MatMult",
        "Mod",
        "Module",
        "Mult",
        "Name",
        "NamedExpr",
        "Nonlocal",
        "Not",
        "NotEq",
        "NotIn",
        "Or",
        "Pass",
        "Pow",
        "Raise",
        "Return",
        "RShift",
        "Set",
        "SetComp",
        "Slice",
        "Starred",
        "Store",
        "Sub",
        "Subscript",
        "Try",
        "TryStar",
        "Tuple",
        "UAdd",
        "UnaryOp",
        "USub",
        "While",
        "With",
        "Yield",
        "YieldFrom",
    ]
)
"""What the passes know. A node of a later Python is refused until somebody has thought about it."""


def _unknown(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    for node in walk(ast.Module(function.parsed.body, [])):
        name = type(node).__name__
        if name not in _KNOWN_NODES and hasattr(node, "lineno"):
            yield (
                "SLC101",
                node,
                f"the compiler does not know this construct ({name}) inside a durable function",
                "move it into an ordinary function, and call that",
            )


def _inner_async(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    """Local async functions are durable functions themselves, except inside ordinary functions and classes."""
    own = own_async_functions(function.parsed)
    inside = {id(n) for f in own for n in walk(f)}
    for node in walk(ast.Module(function.parsed.body, [])):
        if isinstance(node, ast.AsyncFunctionDef) and id(node) not in inside:
            yield (
                "SLC101",
                node,
                "an async function inside an ordinary function or class cannot be resumed from a stored frame",
                "define it in the body of the durable function itself, or at module level with @durable",
            )
    for node in own:
        if [n.name for n in own].count(node.name) > 1:
            yield "SLC101", node, f"two local async functions are called {node.name!r}", "give them different names"


def _local_function(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    """What a local async function cannot do, because its states have the `self` of the method around it."""
    if function.outer is None:
        return
    if function.receiver in function.own.parameters:
        yield "SLC101", function.parsed, f"{function.receiver} is bound to something else", "use another name for it"
    for node in walk(ast.Module(function.parsed.body, [])):
        match node:
            case ast.Call(ast.Name("super"), []):
                yield "SLC101", node, "super() without arguments in a local function", "name the class, and self"
            case _:
                pass


def _compiler_names(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    for node in own_nodes(function.parsed.body):
        if isinstance(node, ast.Name) and node.id in MARKERS:
            yield "SLC101", node, f"{node.id} is a name of the compiler", "choose another name"


def _receiver(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    node = function.parsed
    if function.kind is Kind.METHOD and function.receiver is None:
        yield "SLC101", node, "a durable method without a parameter for its process", "name `self` first"
    for child in own_nodes(node.body):
        if isinstance(child, ast.Name) and child.id == function.receiver and not isinstance(child.ctx, ast.Load):
            yield "SLC101", child, f"{child.id} is bound to something else", "use another name for it"


def _moved_code(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    """States of functions move into the frame class, where private names and `super()` mean something else."""
    if function.kind is Kind.METHOD:
        return
    for node in walk(ast.Module(function.parsed.body, [])):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name == "__class__" and isinstance(node, ast.Name):
            yield "SLC101", node, "__class__ outside a method", "name the class"
        elif name == "super" and isinstance(node, ast.Name):
            yield "SLC101", node, "super() in a function without self", "name the class"
        private = [n for n in (name, *_keywords(node)) if is_private(n)]
        if private and name not in function.own.locals:
            yield (
                "SLC101",
                node,
                f"the private name {private[0]} would change its meaning in the frame class",
                "use a name with one leading underscore",
            )


def _keywords(node: ast.AST) -> list[str]:
    """Names that a call or class pattern gives as keywords: a class around them would mangle those, too."""
    match node:
        case ast.Call(keywords=keywords):
            return [k.arg for k in keywords if k.arg is not None]
        case ast.MatchClass(kwd_attrs=names):
            return names
        case _:
            return []


_PLAIN_DECORATORS = frozenset({"staticmethod", "classmethod", "abstractmethod", "override", "final", "overload"})


def _decorators(index: Index, info: ModuleInfo, function: DurableFunction) -> Iterator[Finding]:
    for name, node in decorator_names(function.parsed):
        target = node.func if isinstance(node, ast.Call) else node
        ours = index.runtime_name(info.name, target) in ("durable", "process")
        if not ours and name.rpartition(".")[2] not in _PLAIN_DECORATORS:
            yield (
                "SLC005",
                node,
                f"@{name} over a durable function would get a frame, not a coroutine function",
                "call what it does inside the function",
            )


_CHECKS: tuple[Callable[[Index, ModuleInfo, DurableFunction], Iterator[Finding]], ...] = (
    _type_parameters,
    _decorators,
    _receiver,
    _yields,
    _frame_introspection,
    _unknown,
    _inner_async,
    _local_function,
    _compiler_names,
    _moved_code,
)
