"""What Python prints of an error, for one program per construct: as written and compiled, the same to the caret.

Each function of the module below fails, before, at or after a suspension. Not among them, because they differ by intent: what
`await 5` says (detail D14), and the frame of its own that a comprehension had up to Python 3.11.
"""

from __future__ import annotations

import importlib
import io
import pdb
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runtime_client._frame import Frame, Outcome
from runtime_client._source import show_sources
from runtime_client._trampoline import Stack, run_to_suspension
from slct_compile.cli import main as slct_compile

SOURCE = '''"""Programs that fail."""
from typing import final

from runtime_client import Process, durable, sleep


def fail(*values):
    raise ValueError(values)


class Manager:
    def __init__(self, where):
        self.where = where

    def __enter__(self):
        if self.where == "enter":
            fail("enter")
        return 5

    def __exit__(self, *error):
        if self.where == "exit":
            fail("exit")


class AsyncManager:
    def __init__(self, where):
        self.where = where

    @durable
    async def __aenter__(self):
        await sleep(0)
        if self.where == "enter":
            fail("enter")
        return 5

    @durable
    async def __aexit__(self, *error):
        await sleep(0)
        if self.where == "exit":
            fail("exit")


@durable
async def nothing():
    await sleep(0)
    return 0


class Truth(Process):
    async def bare_raise(self) -> None:
        try:
            await sleep(0)
            fail("inner")
        except ValueError:
            await sleep(0)
            raise

    async def bare_raise_without(self) -> None:
        await sleep(0)
        raise

    async def chained(self) -> None:
        try:
            fail(1)
        except ValueError as error:
            await sleep(0)
            raise KeyError(
                "other",
            ) from error

    async def implicit(self) -> None:
        try:
            fail(1)
        except ValueError:
            await sleep(0)
            print({}["missing"])

    async def async_for_bad(self) -> None:
        await sleep(0)
        async for value in 5:
            print(value)

    async def sync_for_bad(self) -> None:
        for value in fail("iterable"):
            await sleep(0)

    async def with_enter(self) -> None:
        with Manager("enter") as value:
            await sleep(0)

    async def with_exit(self) -> None:
        with Manager("exit") as value:
            await sleep(0)

    async def with_body(self) -> None:
        with Manager("") as value, Manager("") as other:
            await sleep(0)
            fail(value + other)

    async def with_no_manager(self) -> None:
        with 5 as value:
            await sleep(0)

    async def async_with_enter(self) -> None:
        async with AsyncManager("enter") as value:
            await sleep(0)

    async def async_with_exit(self) -> None:
        async with AsyncManager("exit") as value:
            await sleep(0)

    async def async_with_body(self) -> None:
        async with AsyncManager("") as value:
            await sleep(0)
            fail(value)

    async def fstring(self) -> str:
        total = 0
        await sleep(0)
        return f"a {total} and {1 / total:>5} {total!r}"

    async def fstring_awaited(self) -> str:
        total = 0
        return f"a {total} {await sleep(0)} and {1 / total:>5}"

    async def multiline(self) -> dict[str, float]:
        zero = await nothing()
        return {
            "a": 1,
            "b": (
                2
                / zero
            ),
        }

    async def multiline_await(self) -> None:
        one = 1
        result = (
            one
            + await nothing()
            + await nothing(
            ) + undefined
        )

    async def assertion(self) -> None:
        value = await nothing()
        assert value, (
            "said"
        )

    async def assertion_awaited(self) -> None:
        assert await nothing(), "said"

    async def attribute(self) -> None:
        value = await nothing()
        value.missing.other = await nothing()

    async def unpacking(self) -> None:
        first, second = await nothing(), 2
        first, (second, third) = (await nothing(), 2)

    async def ternary(self) -> None:
        print(fail(1) if not await nothing() else 3)

    async def boolean(self) -> None:
        print(await nothing() or fail(2))

    async def comparison(self) -> None:
        print(1 < 2 < await nothing() + "a")

    async def matched(self) -> None:
        match await nothing():
            case 0 if fail("guard"):
                pass

    async def matched_body(self) -> None:
        match await nothing():
            case 1:
                await sleep(0)
            case 0:
                fail("body")

    async def while_test(self) -> None:
        count = 2
        while 1 / count:
            await sleep(0)
            count -= 1

    async def while_awaited(self) -> None:
        while 1 / (await nothing()):
            pass

    async def elif_test(self) -> None:
        value = await nothing()
        if value:
            await sleep(0)
        elif fail(value):
            pass

    async def unbound(self) -> None:
        if await nothing():
            value = 1
        await sleep(0)
        print(value)

    async def deleted(self) -> None:
        value = await nothing()
        del value
        await sleep(0)
        print(value)

    async def raised_in_finally(self) -> None:
        try:
            fail(1)
        finally:
            await sleep(0)
            fail(2)

    async def returned_value(self) -> None:
        try:
            await sleep(0)
            return fail(3)
        finally:
            await sleep(0)

    async def lambda_call(self) -> None:
        call_it = lambda value: value / 0
        await sleep(0)
        call_it(1)

    async def inner_function(self) -> None:
        zero = await nothing()

        def inner():
            return 1 / zero

        await sleep(0)
        inner()

    async def walrus(self) -> None:
        await sleep(0)
        print((value := 0), 1 / value)

    async def walrus_awaited(self) -> None:
        if (value := await nothing()) == 0:
            print(1 / value)

    async def except_star(self) -> None:
        try:
            await sleep(0)
            raise ExceptionGroup("many", [ValueError(1), KeyError(2)])
        except* ValueError:
            pass

    async def bad_except(self) -> None:
        try:
            await sleep(0)
            fail(1)
        except undefined:
            pass

    async def helper_fails(self) -> None:
        await sleep(0)
        fail("helper")

    async def starred(self) -> None:
        print(*await nothing(), 5)

    async def augmented(self) -> None:
        total = 1
        total += await nothing() + "a"

    async def semicolons(self) -> None:
        zero = await nothing(); print(1); print(1 / zero)

    async def nested_for(self) -> None:
        for one in [0, 1]:
            for two in [3]:
                await sleep(0)
                if two:
                    continue
            else:
                print(1 / one)

    @final
    async def with_decorator(
        self,
        value: int = 5,
    ) -> None:
        await sleep(0)
        fail(
            value
        )

    async def __private(self) -> None:
        await sleep(0)
        fail("private")

    async def calls_private(self) -> None:
        await self.__private()
'''

NAMES = re.findall(r"    async def ([a-z]\w+)\(self", SOURCE.partition("class Truth(Process):")[2])


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, ModuleType]]:
    """The module as written, and compiled."""
    root = tmp_path_factory.mktemp("tracebacks")
    (root / "src").mkdir()
    (root / "src" / "failing.py").write_text(SOURCE)
    assert slct_compile([str(root / "src"), "-o", str(root / "build"), "--no-lock", "-q"]) == 0
    direct = _load(root / "src")
    finders = list(sys.meta_path)
    show_sources(root / "build")
    yield direct, _load(root / "build")
    sys.meta_path[:] = finders


def _load(directory: Path) -> ModuleType:
    sys.path.insert(0, str(directory))
    try:
        importlib.invalidate_caches()
        return importlib.import_module("failing")
    finally:
        sys.path.remove(str(directory))
        sys.modules.pop("failing", None)


def _error(module: ModuleType, name: str) -> BaseException:
    process: Any = object.__new__(module.Truth)
    frame: Frame = getattr(process, name)()
    stack, outcome = Stack([frame]), None
    while not isinstance(found := run_to_suspension(stack, outcome), Outcome):
        outcome = Outcome()
    assert found.error is not None, f"{name} was to fail"
    return found.error


@pytest.mark.parametrize("name", NAMES)
def test_what_python_prints_is_the_same(name: str, modules: tuple[ModuleType, ModuleType]) -> None:
    direct, compiled = (_error(module, name) for module in modules)
    assert traceback.format_exception(compiled) == traceback.format_exception(direct)


def test_pdb_stops_at_the_authors_line_and_lists_the_authors_file(modules: tuple[ModuleType, ModuleType]) -> None:
    printed = []
    for module in modules:
        out = io.StringIO()
        line = SOURCE[: SOURCE.index("fail(value + other)")].count("\n") + 1
        path = str(Path(module.fail.__code__.co_filename))
        debugger = pdb.Pdb(stdin=io.StringIO("continue\nlist\ncontinue\n"), stdout=out, nosigint=True, readrc=False)
        debugger.use_rawinput = False
        assert debugger.set_break(path, line) is None
        debugger.runcall(_error, module, "with_body")
        text = out.getvalue()
        assert f"> {path}({line})" in text, text
        printed.append(text[text.index("with_body()") : text.rindex("(Pdb)")])
    assert "->" in printed[0] and "fail(value + other)" in printed[0]
    assert printed[1] == printed[0]


def test_coverage_marks_the_lines_that_it_marks_as_written(modules: tuple[ModuleType, ModuleType]) -> None:
    coverage = pytest.importorskip("coverage")
    found = []
    for module in modules:
        path = module.fail.__code__.co_filename
        measured = coverage.Coverage(data_file=None, include=[path], config_file=False)
        before = sys.gettrace()
        measured.start()
        for name in ("elif_test", "matched_body", "nested_for", "raised_in_finally", "while_test", "with_exit"):
            _error(module, name)
        measured.stop()
        sys.settrace(before)
        _, statements, _, missing, _ = measured.analysis2(path)
        lines = SOURCE.split("\n")  # the heads of functions are run by whatever imports the module
        found.append((path, statements, [n for n in missing if "async def" not in lines[n - 1]]))
    assert found[0][2], "something was not run"
    assert found[1][:2] == found[0][:2]
    assert {n: lines[n - 1] for n in set(found[1][2]) ^ set(found[0][2])} == {}
