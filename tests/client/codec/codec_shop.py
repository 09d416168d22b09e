"""What an author could have in the modules of a definition: one class of each kind that the codec must keep."""

from __future__ import annotations

import collections
import enum
import functools
import json
import os.path
import zoneinfo
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

from runtime_client._channels import Channel
from runtime_client._errors import ProcessError
from runtime_client._frame import Frame, State

T = TypeVar("T")

__all__ = ["Decimal", "Fraction", "collections", "json", "os", "zoneinfo"]


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
