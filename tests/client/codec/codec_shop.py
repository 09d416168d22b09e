"""What an author could have in the modules of a definition: one class of each kind that the codec must keep."""

from __future__ import annotations

import collections
import enum
import functools
import json
import operator
import os.path
import pathlib
import random
import urllib.parse
import zoneinfo
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

from runtime_client._channels import Channel
from runtime_client._errors import ProcessError
from runtime_client._frame import Frame, State

T = TypeVar("T")

__all__ = ["Decimal", "Fraction", "collections", "json", "operator", "os", "urllib", "zoneinfo"]


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: int
    y: Any = 0


class Place(Point):
    """A named tuple with attributes."""


@dataclass
class Item:
    name: str
    price: int = 0
    tags: list[str] = field(default_factory=list)
    parent: Item | None = None
    computed: int = field(init=False, default=7)


@dataclass(frozen=True)
class Key:
    part: Any
    number: int = 0


@dataclass(frozen=True, slots=True)
class Slim:
    a: Any
    b: Any = None


@dataclass(slots=True)
class Node:
    value: int
    next: Any = None


class Plain:
    """An ordinary class; `__init__` must not be called when it is read."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)
        self.initialised = True

    def method(self) -> str:
        return "method"

    @classmethod
    def build(cls) -> Plain:
        return cls()

    @staticmethod
    def helper() -> int:
        return 1

    class Inner:
        pass


class Derived(Plain):
    def method(self) -> str:
        return "derived"


class Slotted:
    __slots__ = ("__hidden", "x", "y")

    def hide(self, value: Any) -> None:
        self.__hidden = value

    def hidden(self) -> Any:
        return self.__hidden


class WithState:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __getstate__(self) -> Any:
        return {"kept": self.value}

    def __setstate__(self, state: Any) -> None:
        self.value = state["kept"]


class Reduced:
    def __reduce__(self) -> Any:
        return (Reduced, ())


class Box(Generic[T]):
    def __init__(self, content: T) -> None:
        self.content = content


class MyList(list[Any]):
    label: str = ""


class MyDict(dict[Any, Any]):
    pass


class MySet(set[Any]):
    pass


class MyStr(str):
    pass


class MyInt(int):
    pass


class MyTuple(tuple[Any, ...]):
    pass


class MyFrozen(frozenset[Any]):
    pass


class MyDeque(collections.deque[Any]):
    pass


class MyDefault(collections.defaultdict[Any, Any]):
    pass


class MyCounter(collections.Counter[Any]):
    pass


class OrderError(ProcessError):
    def __init__(self, code: int, *, detail: str) -> None:
        super().__init__(code)
        self.detail = detail


class SlottedError(Exception):
    __slots__ = ("code",)


def charge(customer: str, total: int = 0) -> str:
    return f"{customer} {total}"


@functools.lru_cache
def cached(number: int) -> int:
    return number


def make_lambda() -> Any:
    return lambda: None


def make_local() -> Any:
    def local() -> None: ...

    return local


def make_local_class() -> Any:
    class Local:
        pass

    return Local()


class Order:
    """The shape of a compiled process class."""

    payments = Channel[int](capacity=3)

    class MainFrame(Frame):
        FUNCTION = "Order.main"
        SOURCE = "orders.py"
        STATES = {"Main_Start": State(19), "Main_Wait": State(22)}
        customer: str

    def main(self, customer: str) -> Frame:
        return Order.MainFrame(self, customer=customer)


class ApproveFrame(Frame):
    FUNCTION = "approve"
    SOURCE = "lib.py"
    STATES = {"Approve_Start": State(3)}


def describe_me(
    when: datetime, wait: timedelta, items: list[Item], colour: Colour = Colour.RED, **more: str
) -> None: ...


@dataclass
class Basket:
    items: list[Item]


@dataclass
class Checked:
    low: int
    high: int
    width: int = field(init=False)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")
        self.width = self.high - self.low


@dataclass
class Seeded:
    """`__post_init__` has run once; it must not run again."""

    low: int
    seed: InitVar[int]
    high: int = field(init=False)

    def __post_init__(self, seed: int) -> None:
        self.high = self.low + seed


@dataclass(slots=True)
class Base:
    a: Any = 1


@dataclass(slots=True)
class Heir(Base, Generic[T]):
    b: Any = 2


@dataclass(kw_only=True, order=True, unsafe_hash=True)
class Ordered:
    a: Any


class Permissions(enum.IntFlag):
    READ = 1
    WRITE = 2


class Suit(enum.StrEnum):
    HEARTS = "h"


class Pair(tuple[int, int], enum.Enum):
    ONE = (1, 2)


class Moment(datetime):
    pass


class Day(date):
    pass


class Wait(timedelta):
    pass


class Money(Decimal):
    pass


class Ratio(Fraction):
    pass


class Dice(random.Random):
    pass


class Where(pathlib.PurePosixPath):
    pass


class Rebellious(list[Any]):
    """Its methods do something else than those of the builtin; the codec must not call them."""

    def __iter__(self) -> Any:
        raise AssertionError("not to be called")

    def append(self, value: Any) -> None:
        raise AssertionError("not to be called")


class Closed:
    """Attributes can be neither set nor guessed from outside."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise AssertionError("not to be called")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError("not to be called")


class GetOnly:
    def __init__(self) -> None:
        self.kept, self.dropped = 1, object()

    def __getstate__(self) -> dict[str, Any]:
        return {"kept": self.kept}


class Countdown:
    """An author's own iterator."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __iter__(self) -> Countdown:
        return self

    def __next__(self) -> int:
        if self.number == 0:
            raise StopIteration
        self.number -= 1
        return self.number


def is_small(number: int) -> bool:
    return number < 3
