"""A test method of CPython, rewritten into a durable function with suspensions in it. Knows syntax, nothing of running.

`statements`: an await before every statement of the method. `operands`: also every operand `x`, wherever an await keeps
Python's order of evaluation, becomes `await slct_same(n, x)`, which suspends and gives `x` back. Bodies of inner functions,
lambdas, classes and generator expressions stay as they are: they are plain Python in durable code too.

Every await has a number, in the order of the text: what a run reports is the sequence of these.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Container, Sequence
from enum import Enum

METHOD = ast.FunctionDef | ast.AsyncFunctionDef
DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Place(Enum):
    """Places of operands that can be left out, for code that is refused with them."""

    HEADS = "heads of inner functions and classes"
    COMPREHENSIONS = "comprehensions"
    FIELDS = "fields of f-strings"
    HANDLERS = "types of handlers"
    DEFINITIONS = "inner functions and classes as locals"


def rewrite(
    method: METHOD, *, operands: bool, without: frozenset[Place] = frozenset(), taken: Container[str] = ()
) -> tuple[ast.AsyncFunctionDef, list[ast.stmt]]:
    """The method as an `async def` with suspensions, and functions of the module that it calls.

    Its decorators are gone, as they are for the caller to apply.

    Without `Place.DEFINITIONS`, inner functions and classes become globals, unless their name is `taken`: durable code
    cannot keep them in locals that are alive across a suspension, and CPython's tests do little else.
    """
    names = _definitions(method, taken) if Place.DEFINITIONS in without else []
    rewriter = _Rewriter(operands, without)
    written = rewriter.method(method)
    if names:
        written.body.insert(0, ast.Global(names))
    return written, rewriter.makers


def _locals(method: METHOD) -> frozenset[str]:
    """Names that the method binds; those that it declares global are not its own."""
    arguments = method.args
    found = {a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    found |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    declared: set[str] = set()
    todo: list[ast.AST] = list(method.body)
    for node in todo:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
                continue
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found |= {(a.asname or a.name).partition(".")[0] for a in aliases}
            case ast.Global(names=names):
                declared |= set(names)
        todo += ast.iter_child_nodes(node)
    return frozenset(found - declared)


def _free(node: ast.stmt) -> set[str]:
    """Names that a definition takes from around it."""
    todo = [symtable.symtable(ast.unparse(node), "program.py", "exec")]
    found = {s.get_name() for s in todo[0].get_symbols() if s.is_referenced()}
    for scope in todo:
        todo += scope.get_children()
        if scope.get_type() != "module":
            found |= {s.get_name() for s in scope.get_symbols() if s.is_global()}
    return found


def _definitions(method: METHOD, taken: Container[str]) -> list[str]:
    """Names of functions and classes that the method itself defines."""
    found: list[str] = []
    todo: list[ast.AST] = list(method.body)
    for node in todo:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name not in found and node.name not in taken and not node.name.startswith("__"):
                found.append(node.name)
        elif not isinstance(node, ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return found


class _Rewriter(ast.NodeTransformer):
    def __init__(self, operands: bool, without: frozenset[Place]) -> None:
        self.operands = operands
        self.without = without
        self.locals: frozenset[str] = frozenset()
        self.makers: list[ast.stmt] = []
        self.count = 0

    # --- statements ------------------------------------------------------------------------------------------------

    def method(self, method: METHOD) -> ast.AsyncFunctionDef:
        body = list(method.body)
        self.locals = _locals(method)
        docstring = [body.pop(0)] if ast.get_docstring(method, clean=False) is not None else []
        return ast.AsyncFunctionDef(
            name=method.name,
            args=method.args,
            body=[*docstring, *self.block(body)],
            decorator_list=[],
            returns=None,
            type_comment=None,
            type_params=[],
            lineno=method.lineno,
            col_offset=0,
        )

    def block(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        written: list[ast.stmt] = []
        for statement in body:
            self.count += 1
            written.append(ast.Expr(_await("slct_step", ast.Constant(self.count))))
            if isinstance(statement, DEFINITION) and any(
                isinstance(n, ast.AsyncFunctionDef) for n in ast.walk(statement)
            ):
                written += self.coroutines(statement)
            else:
                written.append(self.visit(statement))
        return written

    def coroutines(self, node: METHOD | ast.ClassDef) -> list[ast.stmt]:
        """A definition with `async def` in it is made by a function of the module, where `async def` is a coroutine.

        In a durable function it would be durable; CPython's tests mean coroutines. The method's variables that it names are
        handed over when it is made. If it binds them again (`nonlocal`), the maker stays in the method, and is refused.
        """
        is_rebinding = bool(self.locals & {x for n in ast.walk(node) if isinstance(n, ast.Nonlocal) for x in n.names})
        handed = [] if is_rebinding else sorted(self.locals & _free(node) - {node.name})
        self.count += 1
        maker = f"slct_maker_{self.count}"
        made = ast.Return(ast.Name(node.name, ast.Load()))
        parameters = ast.arguments([], [ast.arg(name, None) for name in handed], None, [], [], None, [])
        function = ast.FunctionDef(maker, parameters, [node, made], [], None, None, lineno=node.lineno, type_params=[])
        call = ast.Call(ast.Name(maker, ast.Load()), [ast.Name(name, ast.Load()) for name in handed], [])
        assigned = ast.Assign([ast.Name(node.name, ast.Store())], call, None, lineno=node.lineno)
        if is_rebinding:
            return [function, assigned]
        self.makers.append(function)
        return [assigned]

    def visit_If(self, node: ast.If) -> ast.stmt:
        return ast.If(self.keep(node.test), self.block(node.body), self.orelse(node.orelse))

    def orelse(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """An `elif` stays one."""
        if len(body) == 1 and isinstance(body[0], ast.If):
            return [self.visit(body[0])]
        return self.block(body)

    def visit_While(self, node: ast.While) -> ast.stmt:
        return ast.While(self.keep(node.test), self.block(node.body), self.block(node.orelse))

    def visit_For(self, node: ast.For) -> ast.stmt:
        items = self.keep(node.iter)
        target = self.visit(node.target)
        return ast.For(target, items, self.block(node.body), self.block(node.orelse), None)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.stmt:
        items = self.keep(node.iter)
        target = self.visit(node.target)
        return ast.AsyncFor(target, items, self.block(node.body), self.block(node.orelse), None)

    def visit_With(self, node: ast.With) -> ast.stmt:
        return ast.With([self.item(i) for i in node.items], self.block(node.body), None)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.stmt:
        return ast.AsyncWith([self.item(i) for i in node.items], self.block(node.body), None)

    def item(self, item: ast.withitem) -> ast.withitem:
        context = self.keep(item.context_expr)
        return ast.withitem(context, self.visit(item.optional_vars) if item.optional_vars else None)

    def visit_Try(self, node: ast.Try) -> ast.stmt:
        return ast.Try(*self.try_parts(node))

    def visit_TryStar(self, node: ast.TryStar) -> ast.stmt:
        return ast.TryStar(*self.try_parts(node))

    def try_parts(
        self, node: ast.Try | ast.TryStar
    ) -> tuple[list[ast.stmt], list[ast.ExceptHandler], list[ast.stmt], list[ast.stmt]]:
        body = self.block(node.body)
        handlers = [self.handler(h) for h in node.handlers]
        return body, handlers, self.block(node.orelse), self.block(node.finalbody)

    def handler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        kind = node.type
        if kind is not None and Place.HANDLERS not in self.without:
            kind = self.keep(kind)
        return ast.ExceptHandler(kind, node.name, self.block(node.body))

    def visit_Match(self, node: ast.Match) -> ast.stmt:
        subject = self.keep(node.subject, constants=True)
        return ast.Match(subject, [self.case(c) for c in node.cases])

    def case(self, node: ast.match_case) -> ast.match_case:
        guard = self.keep(node.guard, constants=True) if node.guard else None
        return ast.match_case(node.pattern, guard, self.block(node.body))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        self.head(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return node

    def head(self, node: METHOD | ast.Lambda) -> None:
        """Decorators and defaults belong to the method; the body does not."""
        if Place.HEADS in self.without:
            return
        if not isinstance(node, ast.Lambda):
            node.decorator_list = [self.keep(d) for d in node.decorator_list]
        node.args.defaults = [self.keep(d) for d in node.args.defaults]
        node.args.kw_defaults = [d and self.keep(d) for d in node.args.kw_defaults]

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        if Place.HEADS not in self.without and not getattr(node, "type_params", None):
            node.decorator_list = [self.keep(d) for d in node.decorator_list]
            node.bases = [self.keep(b) for b in node.bases]
            node.keywords = [ast.keyword(k.arg, self.keep(k.value)) for k in node.keywords]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        return ast.Expr(self.keep(node.value))

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        value = self.keep(node.value)
        return ast.Assign([self.visit(t) for t in node.targets], value, None, lineno=node.lineno)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        target = self.visit(node.target)
        return ast.AugAssign(target, node.op, self.keep(node.value))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        value = self.keep(node.value) if node.value else None
        return ast.AnnAssign(node.target, node.annotation, value, node.simple)

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        return ast.Return(self.keep(node.value) if node.value else None)

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        error = self.keep(node.exc) if node.exc else None
        return ast.Raise(error, self.keep(node.cause) if node.cause else None)

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        test = self.keep(node.test)
        return ast.Assert(test, self.keep(node.msg) if node.msg else None)

    def visit_Delete(self, node: ast.Delete) -> ast.stmt:
        return ast.Delete([self.visit(t) for t in node.targets])

    def visit_TypeAlias(self, node: ast.stmt) -> ast.stmt:
        return node

    # --- expressions -----------------------------------------------------------------------------------------------

    def keep(self, node: ast.expr, *, constants: bool = False) -> ast.expr:
        """The operand, awaited."""
        if isinstance(node, ast.Starred):
            return ast.Starred(self.keep(node.value), node.ctx)
        if isinstance(node, ast.Slice):
            return self.visit(node)
        visited: ast.expr = self.visit(node)
        if not self.operands or (isinstance(node, ast.Constant) and not constants):
            return visited
        self.count += 1
        return _await("slct_same", ast.Constant(self.count), visited)

    def visit_Await(self, node: ast.Await) -> ast.expr:
        self.count += 1
        return _await("slct_bridge", ast.Constant(self.count), self.visit(node.value))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        function = self.visit(node.func)
        arguments = [self.keep(a) for a in node.args]
        return ast.Call(function, arguments, [ast.keyword(k.arg, self.keep(k.value)) for k in node.keywords])

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left = self.keep(node.left)
        return ast.BinOp(left, node.op, self.keep(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        return ast.UnaryOp(node.op, self.keep(node.operand))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, [self.keep(v) for v in node.values])

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        left = self.keep(node.left)
        return ast.Compare(left, node.ops, [self.keep(c) for c in node.comparators])

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = self.keep(node.test)
        body = self.keep(node.body)
        return ast.IfExp(test, body, self.keep(node.orelse))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return ast.Attribute(self.keep(node.value), node.attr, node.ctx)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        value = self.keep(node.value)
        return ast.Subscript(value, self.keep(node.slice), node.ctx)

    def visit_Slice(self, node: ast.Slice) -> ast.expr:
        parts = [part and self.keep(part) for part in (node.lower, node.upper, node.step)]
        return ast.Slice(*parts)

    def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
        return ast.Tuple(self.elements(node), node.ctx)

    def visit_List(self, node: ast.List) -> ast.expr:
        return ast.List(self.elements(node), node.ctx)

    def elements(self, node: ast.Tuple | ast.List) -> list[ast.expr]:
        if isinstance(node.ctx, ast.Load):
            return [self.keep(e) for e in node.elts]
        return [self.visit(e) for e in node.elts]

    def visit_Set(self, node: ast.Set) -> ast.expr:
        return ast.Set([self.keep(e) for e in node.elts])

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        written = ast.Dict([], [])
        for key, value in zip(node.keys, node.values, strict=True):
            written.keys.append(key and self.keep(key))
            written.values.append(self.keep(value))
        return written

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        return node if Place.FIELDS in self.without else ast.JoinedStr([self.visit(v) for v in node.values])

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        value = self.keep(node.value)
        return ast.FormattedValue(value, node.conversion, self.visit(node.format_spec) if node.format_spec else None)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        return ast.NamedExpr(node.target, self.keep(node.value))

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        self.head(node)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        return ast.ListComp(*self.comprehension(node, node.elt))

    def visit_SetComp(self, node: ast.SetComp) -> ast.expr:
        return ast.SetComp(*self.comprehension(node, node.elt))

    def visit_DictComp(self, node: ast.DictComp) -> ast.expr:
        key, value, generators = self.comprehension(node, node.key, node.value)
        return ast.DictComp(key, value, generators)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        """Only the first iterable is evaluated by the method."""
        first, *others = node.generators
        first = ast.comprehension(first.target, self.keep(first.iter), first.ifs, first.is_async)
        return ast.GeneratorExp(node.elt, [first, *others])

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp, *elements: ast.expr):
        first, *others = node.generators
        if Place.COMPREHENSIONS in self.without:
            first = ast.comprehension(first.target, self.keep(first.iter), first.ifs, first.is_async)
            return *elements, [first, *others]
        kept = [self.keep(e) for e in elements]
        return *kept, [self.generator(g) for g in node.generators]

    def generator(self, node: ast.comprehension) -> ast.comprehension:
        items = self.keep(node.iter)
        return ast.comprehension(self.visit(node.target), items, [self.keep(i) for i in node.ifs], node.is_async)


def _await(function: str, *arguments: ast.expr) -> ast.Await:
    return ast.Await(ast.Call(ast.Name(function, ast.Load()), list(arguments), []))
