"""`breakpoint()` in compiled code: `next`, `step`, `return`, names and stack are the author's, though a state runs at a time."""

from __future__ import annotations

import asyncio
import importlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runtime_client import Definitions
from runtime_client._frame import Outcome
from runtime_client._source import show_sources
from runtime_client._trampoline import Stack, run_to_suspension
from runtime_client.debugger import Pdb
from runtime_client.testing import Simulation
from slct_compile.cli import main as slct_compile

SOURCE = '''"""A program to step through."""
from runtime_client import Process, call, durable, sleep

factor = 10
hook = None


async def doubled(number: int) -> int:
    return 2 * number


class Order(Process):
    async def main(self, customer: str, frame_state: int = 7) -> str:
        total = 0
        for turn in (1, 2):
            hook()  # first
            amount = await call(doubled, turn)
            total += amount  # added
        total = await self.helper(total) + frame_state
        try:
            await self.failing(total)
        except ValueError:
            total += 1  # handled
        return f"{customer} {total}"  # last

    async def helper(self, amount: int, *, times: int = 3) -> int:
        def scaled() -> int:
            return amount * factor

        await sleep(0)
        amount += times  # in helper
        await sleep(0)
        return scaled()  # end of helper

    async def failing(self, number: int) -> None:
        await sleep(0)
        raise ValueError(number)  # fails
'''

STOPS_BEFORE = ["next"] if sys.version_info >= (3, 13) else []
"""From Python 3.13 on, a debugger that is started stops at the line that starts it; before, at the next one."""


def line_of(comment: str) -> int:
    return SOURCE[: SOURCE.index(f"# {comment}")].count("\n") + 1


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("debugger")
    (root / "src").mkdir()
    (root / "src" / "stepped.py").write_text(SOURCE)
    assert slct_compile([str(root / "src"), "-o", str(root / "build"), "--no-lock", "-q"]) == 0
    return root / "build"


@pytest.fixture
def module(build: Path) -> Iterator[ModuleType]:
    finders, before = list(sys.meta_path), sys.breakpointhook
    show_sources(build)
    sys.path.insert(0, str(build))
    importlib.invalidate_caches()
    yield importlib.import_module("stepped")
    sys.path.remove(str(build))
    sys.modules.pop("stepped", None)
    sys.meta_path[:], sys.breakpointhook = finders, before


def hook_of(commands: str) -> tuple[Callable[[], None], io.StringIO]:
    """What stops in a debugger the first time that it is called, and where that prints."""
    out = io.StringIO()
    lines = [*STOPS_BEFORE, *commands.split("; "), ""]
    left = [Pdb(stdin=io.StringIO("\n".join(lines)), stdout=out, nosigint=True, readrc=False)]

    def hook() -> None:
        if left:
            debugger = left.pop()
            debugger.use_rawinput = False
            debugger.set_trace(sys._getframe().f_back)

    return hook, out


def drive(module: ModuleType, commands: str) -> tuple[Outcome, str]:
    """Run the process under the commands, with nothing but the driver; effects end at once."""
    hook, out = hook_of(commands)
    module.hook = hook
    stack = Stack([object.__new__(module.Order).main("ann")])
    stack.push(stack.frames.pop(), stack.handled.pop())
    called = iter((2, 4))
    found: Any = run_to_suspension(stack, None)
    while not isinstance(found, Outcome):
        found = run_to_suspension(stack, Outcome(next(called, None)))
    sys.settrace(None)
    Pdb().clear_all_breaks()
    return found, out.getvalue()


def stops(text: str) -> list[tuple[int, str]]:
    """Line and function of each stop after that at the hook, in their order."""
    found = re.findall(r"> \S*stepped\.py\((\d+)\)(\w+)\(\)", text)
    return [(int(line), name) for line, name in found[len(STOPS_BEFORE) :]]


def test_next_passes_an_await_and_stops_after_it(module: ModuleType) -> None:
    outcome, text = drive(module, "next; next; next; next; continue")
    assert outcome.value == "ann 98", outcome
    first, added = line_of("first"), line_of("added")
    lines = [line for line, name in stops(text) if name == "main"]
    assert lines[-4:] == [added, first - 1, first, first + 1], text
    assert "runtime_client" not in text and "Instruction" not in text


def test_names_are_the_authors_and_can_be_assigned(module: ModuleType) -> None:
    outcome, text = drive(
        module, "p total, turn; total = 100; p total + factor; p frame_state; p f; next; next; args; c"
    )
    assert "(0, 1)" in text and "110" in text and "\n(Pdb) 7\n" in text
    assert "NameError: name 'f' is not defined" in text
    assert "customer = 'ann'\nframe_state = 7" in text
    assert outcome.value == f"ann {(106 + 3) * 10 + 8}"


def test_names_of_enclosing_functions_are_seen(module: ModuleType) -> None:
    commands = f"b {line_of('in helper')}; c; p amount, times; amount = 1; c"
    outcome, text = drive(module, commands)
    assert "(6, 3)" in text, text
    assert outcome.value == f"ann {(1 + 3) * 10 + 8}"


def test_where_shows_who_waits_for_whom_and_up_goes_there(module: ModuleType) -> None:
    _, text = drive(module, f"b {line_of('in helper')}; c; where; up; p frame_state; down; p times; c")
    where = text[text.index("(Pdb)   ") :]
    shown = re.findall(r"stepped\.py\((\d+)\)(\w+)\(\)", where)
    calling, inside = SOURCE[: SOURCE.index("await self.helper")].count("\n") + 1, line_of("in helper")
    assert [(int(n), name) for n, name in shown[:2]] == [(calling, "main"), (inside, "helper")], text
    assert "runtime_client/" not in where and "asyncio" not in where
    after_up = text[text.rindex("main()") :]
    assert "\n(Pdb) 7\n" in after_up and "\n(Pdb) 3\n" in after_up, text


def test_step_goes_into_a_durable_function_and_return_to_its_end(module: ModuleType) -> None:
    _, text = drive(module, f"b {line_of('added')}; c; c; next; next; step; step; return; next; c")
    assert "--Call--" in text and text.count("--Return--") == 1, text
    assert f"({line_of('end of helper')})helper()->90" in text, text
    assert stops(text)[-1][1] == "main", text


def test_an_error_that_is_handled_stops_where_it_is_handled(module: ModuleType) -> None:
    _, text = drive(module, f"b {line_of('fails')}; c; next; next; next; next; next; c")
    assert "ValueError: 97" in text, text
    names = [name for _, name in stops(text)]
    assert names[-1] == "main" and (line_of("handled"), "main") in stops(text), text


def test_until_goes_on_over_the_awaits_of_a_loop(module: ModuleType) -> None:
    _, text = drive(module, f"until {line_of('added') + 1}; p total; c")
    assert stops(text)[-1] == (line_of("added") + 1, "main"), text
    assert "\n(Pdb) 6\n" in text


def test_next_finds_the_activation_again_after_storage(module: ModuleType, build: Path) -> None:
    hook, out = hook_of("next; next; next; p total; c")
    module.hook = hook

    async def run() -> None:
        async with Simulation(Definitions([module.Order])) as simulation:
            process = await simulation.start(module.Order, "ann")
            await simulation.advance(1)
            assert await process.result() == "ann 98"

    asyncio.run(run())
    first = line_of("first")
    assert [line for line, _ in stops(out.getvalue())] == [first + 1, first + 2, first - 1, first], out.getvalue()
    assert "\n(Pdb) 2\n" in out.getvalue()


def test_breakpoint_starts_it_where_a_build_is_loaded(build: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from runtime_client._source import show_sources\n"
        f"show_sources(Path({str(build)!r})); print(sys.breakpointhook.__module__)"
    )
    for chosen, expected in (("", "runtime_client._source"), ("0", "sys")):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONBREAKPOINT": chosen},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


QUITTING = """
import asyncio, sys
sys.path.insert(0, {build!r})
import slct_definitions
import stepped
from runtime_client import Client

stepped.hook = breakpoint

async def main():
    async with Client.embedded({store!r}, slct_definitions.defs) as client:
        process = await client.start("order", "ann", id="one")
        print("ended in", await process.result())

asyncio.run(main())
"""


def test_quitting_leaves_the_process_as_it_was(build: Path, tmp_path: Path) -> None:
    script = QUITTING.format(build=str(build), store=str(tmp_path / "store.db"))
    quits = subprocess.run(
        [sys.executable, "-c", script], input="next\nquit\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert quits.returncode != 0 and "the debugger was quit" in quits.stderr, quits.stderr
    again = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONBREAKPOINT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert again.stdout == "ended in ann 98\n", again.stdout + again.stderr
