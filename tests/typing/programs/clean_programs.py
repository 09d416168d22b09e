"""Programs that mypy accepts in strict mode, each with something that lives on in another state once it is compiled."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, assert_never

from runtime_client import Channel, Process, after, call, durable, gather, process, recv, select, sleep

T = TypeVar("T")
Maybe: TypeAlias = "int | None"


class Way(Enum):
    UP = "up"
    DOWN = "down"


@dataclass
class Node:
    value: int
    parent: "Node | None" = None


class Notifier(Protocol):
    async def notify(self, text: str) -> int: ...


def price(item: str) -> float:
    return len(item)


class Fields(Process):
    """Shared fields and members that are narrowed, and read after a suspension."""

    current: int | None = None
    node: Node | None = None
    table: dict[str, int | None] = {}
    way: Way = Way.UP

    async def main(self, start: Node) -> int:
        if self.current is None:
            self.current = 1
        await sleep(0)
        total = self.current + 1
        if self.node is not None and self.node.parent is not None:
            await sleep(0)
            total += self.node.parent.value
        if start.parent is None:
            return 0
        await sleep(0)
        total += start.parent.value
        assert self.table["x"] is not None
        await sleep(0)
        return total + self.table["x"]

    async def assigned(self) -> int:
        self.current = 5
        await sleep(0)
        self.node = Node(1)
        self.node.parent = Node(2)
        await sleep(self.node.parent.value)
        return self.current + self.node.value

    async def matched(self) -> str:
        match self.way:
            case Way.UP:
                await sleep(0)
                return "up"
            case Way.DOWN:
                await sleep(0)
                return "down"
            case _:
                assert_never(self.way)

    async def looped(self) -> int:
        while self.current is None:
            await sleep(0)
        await sleep(1)
        return self.current * 2

    def helper(self) -> int:
        return self.current or 0


class Inner(Process):
    """Local functions and lambdas over variables of the process."""

    async def main(self, rate: float) -> list[float]:
        prices = {"tea": 1.5}
        best = await recv(self.incoming)

        def cost(item: str) -> float:
            return prices[item] * rate

        def fastest() -> int:
            return best

        def nested() -> Callable[[], float]:
            def deep() -> float:
                return prices["tea"]

            return deep

        key: Callable[[str], float] = lambda item: prices[item]
        await sleep(0)
        return [cost("tea"), key("tea"), fastest(), nested()()]

    incoming = Channel[int]()

    async def local(self, count: int) -> int:
        async def work(by: int) -> int:
            nonlocal count
            await sleep(by)
            count -= by
            return count

        pending: list[Coroutine[Any, Any, int]] = [work(1), work(2)]
        first = await gather(*pending)
        return first[0]


class Types(Process, Generic[T]):
    """Annotations that mean something only where they stand."""

    kept: T

    async def main(self, value: T, close: float, send: str) -> T:
        await sleep(0)
        self.kept = value
        limit: Final = 3
        other: Final[int] = 4
        await sleep(limit + other)
        if close > 1:
            await sleep(send.count("x"))
        return self.kept

    async def itself(self, other: Self) -> Self:
        await sleep(0)
        return other

    async def imported(self) -> str:
        from decimal import Decimal

        amount: Decimal = Decimal(1)
        await sleep(0)
        return str(amount + 1)

    async def aliased(self, number: Maybe) -> int:
        if number is None:
            return 0
        await sleep(0)
        return number + 1


class Rebinding(Process):
    """A local declared once, and bound again in another state."""

    async def main(self, count: int) -> int:
        rows: list[int] = []
        rows.append(count)
        total = len(rows)
        await sleep(total)
        rows = []
        rows.append(1)
        found: int | None
        if total:
            found = None
        else:
            found = 3
        print(found, rows)
        await sleep(total)
        rows = [*[]]
        found = None
        if total:
            found = 4
        print(found, rows)
        return 0

    async def loops(self, names: Sequence[str]) -> dict[str, int]:
        counts = {}
        for index, name in enumerate(names):
            await sleep(0)
            counts[name] = index
        pairs = []
        for name, count in counts.items():
            pairs.append((name, count))
            await sleep(count)
        return dict(pairs)

    async def handled(self) -> str:
        error: Exception | None = None
        try:
            await sleep(1)
        except ValueError as caught:
            error = caught
            await sleep(0)
        else:
            await sleep(2)
        finally:
            await sleep(3)
        if error is not None:
            await sleep(4)
            return error.args[0] if error.args else ""
        return ""

    async def walrus(self, items: list[int]) -> int:
        while (item := await recv(self.numbers)) is not None:
            await sleep(item)
            items.append(item)
        return sum(items)

    numbers: Channel[int | None] = Channel()

    async def with_blocks(self) -> int:
        with managed() as value:
            await sleep(value)
            return value

    async def comprehended(self) -> list[str]:
        found = [str(await call(price, name)) for name in ("a", "b") if await call(price, name)]
        return [text for text in found if text]

    async def never(self) -> str:
        while True:
            match await select(recv(self.numbers), after(1)):
                case (0, None):
                    continue
                case (0, number):
                    await sleep(0)
                    return str(number)
                case (1, _):
                    pass


@contextmanager
def managed() -> Iterator[int]:
    yield 1


class Mail(Process):
    """What a protocol wants, and what is handed on as a value."""

    async def main(self) -> int:
        return await send_all(self, ["x"])

    async def notify(self, text: str) -> int:
        await sleep(0)
        return len(text)


@durable
async def send_all(notifier: Notifier, texts: list[str]) -> int:
    total = 0
    for text in texts:
        total += await notifier.notify(text)
    return total


@durable
async def retried(make: Callable[[], Coroutine[Any, Any, T]], fallback: T | None = None) -> T:
    if fallback is None:
        return await make()
    await sleep(1)
    return fallback


@process
async def counting(limit: int, *names: str, **rates: float) -> Literal["done"]:
    for _ in range(limit):
        await sleep(len(names) + len(rates))
    done: Literal["done"] = "done"
    await sleep(1)
    return done
