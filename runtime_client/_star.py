"""What compiled `except*` keeps while its clauses run: what is not handled yet, and what they have raised.

Used by generated code only; a clause may suspend, so all of it can be saved. Source: PEP 654, and what the interpreter does where
that is silent: a naked exception is wrapped for its clause; what clauses raise is joined with what nobody handled.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Kinds: TypeAlias = Any
"""An exception type, or a tuple of them, as written behind `except*`."""


class StarHandling:
    """One exception on its way through the clauses of an `except*`.

    original: the exception; rest: what of it no clause has taken. errors: what clauses have raised, in order; parts: which parts of
    it they have raised on as they were; matched: the part that the clause has that runs.
    """

    __slots__ = ("errors", "matched", "original", "parts", "rest")
    __slct_saveable__ = True

    def __init__(self, original: BaseException) -> None:
        self.original = original
        self.rest: BaseException | None = original
        self.errors: list[BaseException] = []
        self.parts: list[BaseException] = []
        self.matched: BaseException | None = None

    def match(self, kinds: Kinds) -> BaseException | None:
        """Take the part that a clause handles, as a group; None if there is none.

        Raises:
          TypeError: not exception types, or groups, which `except*` cannot catch.
        """
        _check(kinds)
        rest = self.rest
        self.matched = None
        if rest is None:
            return None
        if _is_of(rest, kinds):
            is_group = isinstance(rest, BaseExceptionGroup)
            self.matched, self.rest = rest if is_group else BaseExceptionGroup("", (rest,)), None
        elif isinstance(rest, BaseExceptionGroup):
            self.matched, self.rest = _split(rest, kinds)
        return self.matched

    def failed(self, error: BaseException) -> None:
        """A clause has raised, or raised on. Which of both is seen at once: storage keeps tracebacks as text."""
        (self.parts if self._is_part(error) else self.errors).append(error)

    def end(self) -> BaseException | None:
        """What is raised in the end; None if everything was handled."""
        parts = [*self.parts, *([] if self.rest is None else [self.rest])]
        if not isinstance(self.original, BaseExceptionGroup):
            return next(iter((*self.errors, *parts)), None)
        left = _joined(self.original, parts)
        errors = self.errors if left is None else [*self.errors, left]
        return BaseExceptionGroup("", errors) if len(errors) > 1 else errors[0] if errors else None

    def _is_part(self, error: BaseException) -> bool:
        """Whether it is a part of the original, raised on as it was."""
        original = self.original
        return (
            isinstance(error, BaseExceptionGroup)
            and error.__cause__ is original.__cause__
            and error.__context__ is original.__context__
            and error.__traceback__ is original.__traceback__
            and getattr(error, "__notes__", None) is getattr(original, "__notes__", None)
        )


def _check(kinds: Kinds) -> None:
    each = kinds if isinstance(kinds, tuple) else (kinds,)
    if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in each):
        raise TypeError("catching classes that do not inherit from BaseException is not allowed")
    if any(issubclass(kind, BaseExceptionGroup) for kind in each):
        raise TypeError("catching ExceptionGroup with except* is not allowed. Use except instead.")


def _is_of(error: BaseException, kinds: Kinds) -> bool:
    """As the interpreter asks: by inheritance alone."""
    mro = type(error).__mro__
    return any(kind in mro for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))


def _split(group: Any, kinds: Kinds) -> tuple[Any, Any]:
    pair = group.split(kinds)
    if not isinstance(pair, tuple):
        raise TypeError(f"{type(group).__name__}.split must return a tuple, not {type(pair).__name__}")
    if len(pair) < 2:
        raise TypeError(f"{type(group).__name__}.split must return a 2-tuple, got tuple of size {len(pair)}")
    return pair[0], pair[1]


def _joined(original: Any, parts: list[BaseException]) -> BaseException | None:
    """The original, cut down to what these parts of it hold."""
    if not parts:
        return None
    leaves = {id(leaf) for part in parts for leaf in _leaves(part)}
    joined: BaseException | None = original.subgroup(lambda error: id(error) in leaves)
    return joined


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in _leaves(inner)]


__all__ = ["StarHandling"]
