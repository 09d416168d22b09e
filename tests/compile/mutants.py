"""Plausible faults of the compiler and its driver, each a substitution of text; `make mutation` sees that the tests find them.

A mutant's old text must stand in its file exactly once: one that has gone stale fails, it does not pass for found. Families are
those of compiler.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: in the file `path`, `old` reads `new`."""

    name: str
    path: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The text of the file with the fault.

        Raises:
          ValueError: the old text is not there exactly once.
        """
        found = text.count(self.old)
        if found != 1:
            raise ValueError(
                f"mutant {self.name!r}: its text is in {self.path} {found} times\n  help: bring it up to date"
            )
        return text.replace(self.old, self.new)


_NORMALIZE = "slct_compile/_normalize.py"
_STATEMENTS = "slct_compile/lower/statements.py"
_EXITS = "slct_compile/lower/exits.py"
_JUMPS = "slct_compile/lower/jumps.py"
_STATES = "slct_compile/lower/states.py"
_LIVENESS = "slct_compile/analysis/liveness.py"
_SLOTS = "slct_compile/_slots.py"
_EMIT = "slct_compile/emit.py"
_NAMES = "slct_compile/_names.py"
_SUSPENSION = "slct_compile/_suspension.py"
_DRIVER = "runtime_client/_trampoline.py"
_FRAME = "runtime_client/_frame.py"
_CURSORS = "runtime_client/_cursors.py"
_TRACEBACKS = "runtime_client/_tracebacks.py"
_OBJECTS = "runtime_client/_codec_objects.py"

OPERANDS = (
    Mutant(
        "operand not kept",
        _NORMALIZE,
        "residual[part] = flat if position == last else self.keep(flat)",
        "residual[part] = flat",
    ),
    Mutant("argument not kept", _NORMALIZE, "flat = self.keep(_consumed(flat, star))", "pass"),
    Mutant(
        "callee not fetched first",
        _NORMALIZE,
        "return self._unpacked(node, [node.func], [*positionals, *keywords])",
        "return self._unpacked(node, [], [*positionals, *keywords])",
    ),
    Mutant(
        "keywords before positionals",
        _NORMALIZE,
        "return self._unpacked(node, [node.func], [*positionals, *keywords])",
        "return self._unpacked(node, [node.func], [*keywords, *positionals])",
    ),
    Mutant(
        "dict value before key",
        _NORMALIZE,
        "parts += [element.key, element] if isinstance",
        "parts += [element, element.key] if isinstance",
    ),
    Mutant("starred argument consumed late", _NORMALIZE, "self.keep(_consumed(flat, star))", "self.keep(flat)"),
    Mutant(
        "old value of an augmented assignment taken late",
        _NORMALIZE,
        "        self.assign(old, _plain(target))\n        value = self.flatten(small.value)\n",
        "        value = self.flatten(small.value)\n        self.assign(old, _plain(target))\n",
    ),
    Mutant(
        "target of an augmented assignment evaluated twice",
        _NORMALIZE,
        "kept = [self.keep(self.flatten(p)) for p in parts]",
        "kept = [self.flatten(p) for p in parts]",
    ),
    Mutant(
        "walrus not kept: a rebound local is taken for a constant",
        _NAMES,
        "or name in self.steady",
        "or name in self.steady or name in self.own.locals",
    ),
    Mutant(
        "a rebound parameter is taken for steady",
        _NAMES,
        "self.steady = frozenset(own.parameters) - unsteady",
        "self.steady = frozenset(own.parameters)",
    ),
)

TRUTH = (
    Mutant(
        "truth tested twice: value for truth",
        _NORMALIZE,
        "            self.assign(truth, _truth(cst.Name(value)))",
        "            self.assign(truth, cst.Name(value))",
    ),
    Mutant(
        "truth kept as the value",
        _NORMALIZE,
        "return cst.UnaryOperation(cst.Not(), cst.UnaryOperation(cst.Not(), parenthesized(value)))",
        "return value",
    ),
    Mutant(
        "or taken for and",
        _NORMALIZE,
        "        if isinstance(node.operator, cst.Or):\n",
        "        if isinstance(node.operator, cst.And):\n",
    ),
    Mutant(
        "short circuit lost",
        _NORMALIZE,
        "                return self.suspensions.contains(right) or self._branches(left)",
        "                return self._branches(left)",
    ),
    Mutant(
        "middle of a chained comparison evaluated twice",
        _NORMALIZE,
        "        if rest:\n            right = self.keep(right)\n",
        "",
    ),
    Mutant(
        "a false link does not end a chain",
        _NORMALIZE,
        "self.out.append(If(cst.Name(name), tuple(inner), (), self.place))",
        "self.out += inner",
    ),
)

JUMPS = (
    Mutant("return skips finally", _EXITS, "through.kinds[kind] = None", "pass"),
    Mutant(
        "break and continue skip finally",
        _EXITS,
        "            case FinallyExit() as through:\n",
        "            case FinallyExit() if kind is not Kind.RETURN:\n                pass\n"
        "            case FinallyExit() as through:\n",
    ),
    Mutant("continue taken for break", _EXITS, "Goto(continue_to)", "Goto(break_to)"),
    Mutant(
        "completion record not set",
        _EXITS,
        "done.append(assign(through.completion, _record(kind, value)))",
        'done.append(assign(through.completion, cst.Name("None")))',
    ),
    Mutant(
        "the value of a return is lost in finally", _EXITS, 'as_argument(value or cst.Name("None"))', 'cst.Name("None")'
    ),
    Mutant(
        "a jump in finally leads back into it",
        _STATEMENTS,
        "        self.body(statement.final, Context(handling, context.exits))\n",
        "        self.body(statement.final, Context(handling, (*context.exits, through)))\n",
    ),
    Mutant(
        "completion record not overridden by an exception",
        _STATEMENTS,
        "raised.statements.append(cst.SimpleStatementLine([assign(completion, word)]))",
        "pass",
    ),
    Mutant(
        "a jump out of a kept statement counts before it has left",
        _JUMPS,
        "if not self.overriders or not departure.statements:",
        "if True:",
    ),
    Mutant(
        "a jump in finally takes the place of the one on its way", _SUSPENSION, "return is_overridden", "return False"
    ),
    Mutant(
        "the returned name of a handler is unbound first",
        _EXITS,
        "isinstance(value, cst.Name) and value.value != name",
        "isinstance(value, cst.Name)",
    ),
    Mutant(
        "a saved traceback is made in the wrong order",
        _TRACEBACKS,
        "in reversed(list(_entries(text))[-FRAMES_MAX:])",
        "in list(_entries(text))",
    ),
    Mutant(
        "a saved error comes back without its traceback",
        _OBJECTS,
        '_read_traceback(decoder, node["traceback"])',
        "None",
    ),
    Mutant(
        "for-else runs on break",
        _STATEMENTS,
        '        orelse = self.block("ForElse", line, context) if statement.orelse else after\n'
        "        inside = Context(context.region, (*context.exits, LoopExit(after.id, head.id)))\n",
        '        orelse = self.block("ForElse", line, context) if statement.orelse else after\n'
        "        inside = Context(context.region, (*context.exits, LoopExit(orelse.id, head.id)))\n",
    ),
    Mutant(
        "while-else never runs",
        _STATEMENTS,
        "self.end(Branch(Test(statement.test), (body.id, orelse.id)))",
        "self.end(Branch(Test(statement.test), (body.id, after.id)))",
    ),
    Mutant(
        "iterator restarted each turn",
        _STATEMENTS,
        '        head = self.block("For", line, context)\n        self.go_on(head)\n',
        '        head = self.block("For", line, context)\n        self.go_on(head)\n'
        "        self.add(assign(cursor, _call(self.helpers.iterate, statement.iterable)))\n",
    ),
    Mutant(
        "else of a try inside of what it protects",
        _STATEMENTS,
        '            orelse = self.block("TryElse", line, context)\n            self.go_on(orelse)\n'
        "            self.body(statement.orelse, context)\n",
        '            orelse = self.block("TryElse", line, protected)\n            self.go_on(orelse)\n'
        "            self.body(statement.orelse, protected)\n",
    ),
)

HANDLING = (
    Mutant(
        "handled exception not restored",
        _DRIVER,
        "handled = inherited if own is None else own",
        "handled = None if own is None else inherited",
    ),
    Mutant(
        "what the caller handles is lost",
        _DRIVER,
        "handled or _handled_by(stack.frames[-1], stack.handled[-1])",
        "handled",
    ),
    Mutant(
        "exception context lost",
        _DRIVER,
        "        handled.__traceback__, handled.__context__ = before\n",
        "        handled.__traceback__, handled.__context__ = before[0], None\n",
    ),
    Mutant(
        "context of a returned error replaced",
        _FRAME,
        "            error.__context__ = context  # `raise` has",
        "            pass  # `raise` has",
    ),
    Mutant(
        "wrong region for a resumption",
        _STATEMENTS,
        "resumed = self.block(statement.hint, statement.place.line, context)",
        "resumed = self.block(statement.hint, statement.place.line, Context(Region(), context.exits))",
    ),
    Mutant(
        "handler stays in the region of its try",
        _STATEMENTS,
        "        self._dispatch(dispatch, statement.handlers, after, Context(handling, context.exits))",
        "        self._dispatch(dispatch, statement.handlers, after, Context(context.region, context.exits))",
    ),
    Mutant(
        "except-as not unbound",
        _EXITS,
        '    return [assign(name, cst.Name("None")), cst.Del(cst.Name(name))]',
        '    return [assign(name, cst.Name("None"))]',
    ),
    Mutant(
        "except-as not unbound when an error leaves",
        _STATEMENTS,
        "        cleanup.statements += [cst.SimpleStatementLine([s]) for s in unbind(handler.name)]\n",
        "",
    ),
    Mutant(
        "except-as not unbound on a jump",
        _EXITS,
        "                done += unbind(name)\n",
        "                pass\n",
    ),
    Mutant(
        "finally forgets the exception on its way",
        _STATEMENTS,
        '        raising = self.block("Reraise", line, context)\n        raising.terminator = ops.Raise(cst.Raise())\n',
        '        raising = self.block("Reraise", line, context)\n        raising.terminator = Goto(after.id)\n',
    ),
)

MANAGERS = (
    Mutant(
        "exit gets no exception",
        _CURSORS,
        "type(manager).__exit__(manager, *_exc_info(error))",
        "type(manager).__exit__(manager, None, None, None)",
    ),
    Mutant(
        "exit gets the exception on every way out",
        _NORMALIZE,
        "cst.If(cst.Name(unfinished), cst.IndentedBlock([_line(cst.Expr(leave()))]))",
        "cst.If(cst.Name(unfinished), cst.IndentedBlock([_line(cst.Expr(leave(cst.Name(entered))))]))",
    ),
    Mutant("exit looked up on the instance", _CURSORS, "type(manager).__exit__(manager, ", "manager.__exit__("),
    Mutant(
        "exit looked up late",
        _CURSORS,
        'if entering is None or getattr(kind, "__exit__", None) is None:',
        "if entering is None:",
    ),
    Mutant(
        "a truthy exit does not suppress",
        _CURSORS,
        "return bool(given) if error is not None else False",
        "return False",
    ),
    Mutant(
        "exit called twice after an error",
        _NORMALIZE,
        '_line(cst.Assign([cst.AssignTarget(cst.Name(unfinished))], cst.Name("False"))),',
        "",
    ),
)

LIVENESS = (
    Mutant(
        "dead slot saved",
        _DRIVER,
        "    for name in [n for n in slots if n not in row.live and n != row.handling and n not in shared]:\n",
        "    for name in []:\n",
    ),
    Mutant(
        "everything taken for live",
        _EMIT,
        "return tuple(slot for name, slot in self.slots.items() if name in found)",
        "return tuple(self.slots.values())",
    ),
    Mutant(
        "live slot dropped: error paths do not count",
        _LIVENESS,
        "found = flow.body(parsed[state.block.id], _NOTHING, _Around(on_error)) | on_error",
        "found = flow.body(parsed[state.block.id], _NOTHING, _Around())",
    ),
    Mutant(
        "live slot dropped: del takes nothing",
        _LIVENESS,
        "return (after - _bound(targets)) | self.reads(*targets)",
        "return after - _bound(targets)",
    ),
    Mutant(
        "live slot dropped: a walrus counts as bound",
        _LIVENESS,
        "    return not any(isinstance(child, ast.NamedExpr) for child in ",
        "    return True or any(isinstance(child, ast.NamedExpr) for child in ",
    ),
    Mutant(
        "live slot dropped: a loop is taken once",
        _LIVENESS,
        "            inside = replace(around, on_break=after, on_continue=head)\n            body = self.body(node.body, head, inside)\n",
        "            inside = replace(around, on_break=_NOTHING, on_continue=_NOTHING)\n"
        "            body = self.body(node.body, _NOTHING, inside)\n",
    ),
)

NAMES = (
    Mutant(
        "temporary meets an author's name",
        _NAMES,
        "self.taken = {*own.mentioned, *own.locals, *taken}",
        "self.taken = {*taken}",
    ),
    Mutant("temporary given out twice", _NAMES, "        self.taken.add(name)\n", ""),
    Mutant(
        "mangling lost",
        _EMIT,
        '        slot = f"_{owner}{name}" if owner else f"local{name}"\n',
        '        slot = f"local{name}"\n',
    ),
    Mutant("slot meets a name of Frame", _EMIT, "while slot in RESERVED or ", "while "),
    Mutant(
        "shadowed name of an inner scope renamed",
        _SLOTS,
        "            if name in scope.shadows and not (scope.is_class and depth > 0):\n",
        "            if False:\n",
    ),
    Mutant(
        "class scope shadows its methods",
        _SLOTS,
        "            if name in scope.shadows and not (scope.is_class and depth > 0):\n",
        "            if name in scope.shadows:\n",
    ),
    Mutant(
        "state name given twice",
        "slct_compile/_stable_names.py",
        "        while name in used:\n",
        "        while False:\n",
    ),
    Mutant(
        "methods of a subclass taken",
        _DRIVER,
        "        holder = kind if receiver is None else _holder(owner, kind)\n",
        "        holder = kind if receiver is None else owner\n",
    ),
)

MUTANTS = (*OPERANDS, *TRUTH, *JUMPS, *HANDLING, *MANAGERS, *LIVENESS, *NAMES)
