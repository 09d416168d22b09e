"""Names of one function: what is local, what nothing can rebind, and new ones that meet no other."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from ._scopes import FunctionNames


class Names:
    """Gives out temporaries, and says which expressions need none.

    `stable` are global names bound once, by a def, class or import, and builtins that the module does not touch.
    `methods` are the names of methods of the own class: `self.name` of such a name cannot change under way.
    """

    def __init__(
        self,
        own: FunctionNames,
        *,
        receiver: str | None = None,
        stable: frozenset[str] = frozenset(),
        methods: frozenset[str] = frozenset(),
        unsteady: frozenset[str] = frozenset(),
        taken: Iterable[str] = (),
    ) -> None:
        self.own = own
        self.receiver = receiver
        self.stable = stable - frozenset(own.locals)
        self.methods = methods
        # Parameters that are never bound again: always bound, never different.
        self.steady = frozenset(own.parameters) - unsteady
        self.taken = {*own.mentioned, *own.locals, *taken}
        self.temporaries: list[str] = []

    def fresh(self, base: str = "value") -> str:
        """A name that nothing else in the function has."""
        name = self.reserve(base)
        self.temporaries.append(name)
        return name

    def reserve(self, base: str) -> str:
        """As `fresh`, for a name that is no variable."""
        number = 1
        name = base
        while name in self.taken:
            number += 1
            name = f"{base}{number}"
        self.taken.add(name)
        return name

    def is_temporary(self, node: cst.CSTNode) -> bool:
        return isinstance(node, cst.Name) and node.value in self.temporaries

    def is_constant(self, node: cst.CSTNode) -> bool:
        """Whether evaluating it later gives the same, and nobody can see that it was later."""
        match node:
            case cst.Integer() | cst.Float() | cst.Imaginary() | cst.SimpleString() | cst.Ellipsis():
                return True
            case cst.Name(value=name):
                return (
                    name in ("None", "True", "False")
                    or name == self.receiver
                    or name in self.stable
                    or name in self.steady
                    or name in self.temporaries
                )
            case cst.Attribute(value=cst.Name(value=name), attr=attribute):
                return name == self.receiver and name is not None and attribute.value in self.methods
            case _:
                return False
