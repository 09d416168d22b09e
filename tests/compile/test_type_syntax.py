"""Type parameters and `type` statements (PEP 695, 696), and annotations: they do the same compiled, or are refused with a code."""

from __future__ import annotations

import sys

import pytest
from compile_harness import HEAD, compare, compile_source, folded, run_saved

needs_312 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
needs_313 = pytest.mark.skipif(sys.version_info < (3, 13), reason="syntax of Python 3.13")

SAME = {
    "an alias of the module": "type Pair = tuple[int, int]\n\n\nclass Program(Process):\n"
    "    async def main(self, p: Pair = (1, 2)) -> Pair:\n"
    "        x: Pair = (await op('a'), p[0])\n        await op('b')\n        return x\n",
    "a generic class, its parameter read": "class Program[T](Process):\n    async def main(self, x: T = 3) -> T:\n"
    "        y: T = await op('a')\n        await op('b')\n        trace(T.__name__)\n        return x, y\n",
    "a generic method": "class Program(Process):\n    async def main(self):\n        return await self.first([await op('a')])\n\n"
    "    async def first[T](self, xs: list[T]) -> T:\n        y: T = xs[0]\n        await op('b')\n        return y\n",
    "a generic function with every kind of parameter": "@durable\nasync def first[T: (int, str), *Ts, **P](xs: list[T]) -> T:\n"
    "    await op('b')\n    return xs[0]\n\n\nclass Program(Process):\n    async def main(self):\n"
    "        return await first([await op('a')])\n",
    "a local of the name of the parameter": "class Program(Process):\n    async def main[T](self):\n"
    "        T = await op('a')\n        await op('b')\n        return T\n",
}
REFUSED = {
    "a generic method reads its parameter": "class Program(Process):\n    async def main[T](self):\n        await op('a')\n        return T\n",
    "a generic function reads its parameter": "@durable\nasync def first[T](x: T) -> T:\n    await op('a')\n    return trace(T)\n",
    "a local function reads the parameter": "class Program(Process):\n    async def main[T](self):\n"
    "        f = lambda: T\n        await op('a')\n        return f()\n",
    "an alias in a durable function": "class Program(Process):\n    async def main(self):\n        type Pair = tuple[int, int]\n"
    "        await op('a')\n        return Pair\n",
    "a generic local function": "class Program(Process):\n    async def main(self):\n        def first[T](x: T) -> T:\n"
    "            return x\n        await op('a')\n        return first(1)\n",
    "a generic local async function": "class Program(Process):\n    async def main(self):\n        async def first[T](x: T) -> T:\n"
    "            return await op(x)\n        return await first(1)\n",
    "a generic local class": "class Program(Process):\n    async def main(self):\n        class Box[T]:\n            pass\n"
    "        trace(Box.__name__)\n        await op('a')\n",
}


def do_the_same(source: str) -> None:
    run = compare(source, [1, 2, 3])
    assert folded(run_saved(compile_source(source).text, [1, 2, 3])) == folded(run)


@needs_312
@pytest.mark.parametrize("name", SAME)
def test_type_parameters_change_nothing(name: str) -> None:
    do_the_same(HEAD + SAME[name])


@needs_313
def test_defaults_of_type_parameters_change_nothing() -> None:
    do_the_same(
        f"{HEAD}class Program[T = int](Process):\n    async def main[U = str](self, x: U = 'a') -> U:\n"
        "        await op('b')\n        return x\n"
    )


@needs_312
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused(name: str) -> None:
    assert {d.code for d in compile_source(HEAD + REFUSED[name]).diagnostics} == {"SLC101"}


def test_annotations_of_locals_are_not_evaluated_and_those_of_attributes_are() -> None:
    do_the_same(
        f"{HEAD}class Program(Process):\n    async def main(self, *args: *tuple[int, ...], **more: int):\n"
        "        x: nowhere = await op('a')\n        y: trace('no')\n        await op('b')\n        y = 3\n"
        "        self.z: trace('yes') = 4\n        return x, y, args\n"
    )
