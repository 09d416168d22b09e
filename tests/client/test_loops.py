"""What serves for long runs on uvloop where it is installed, and on asyncio's own loop where it is not."""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from runtime_client import cli
from runtime_client._loops import fastest_loop, run_serving


class OwnLoop(asyncio.SelectorEventLoop):
    """Stands for that of uvloop."""


async def kind_of_loop() -> type[asyncio.AbstractEventLoop]:
    return type(asyncio.get_running_loop())


def test_uvloop_is_taken_if_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("uvloop")
    module.new_event_loop = OwnLoop
    monkeypatch.setitem(sys.modules, "uvloop", module)
    assert run_serving(kind_of_loop()) is OwnLoop


def test_asyncio_serves_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert fastest_loop() is None
    assert issubclass(run_serving(kind_of_loop()), asyncio.BaseEventLoop)


@pytest.mark.parametrize(("command", "expected"), [("worker", "serving"), ("list", "asyncio")])
def test_commands_that_go_on_until_they_are_stopped_take_it(
    monkeypatch: pytest.MonkeyPatch, command: str, expected: str
) -> None:
    taken: list[str] = []

    def note(kind: str, work: object) -> int:
        work.close()
        taken.append(kind)
        return 0

    monkeypatch.setattr(cli, "run_serving", lambda work: note("serving", work))
    monkeypatch.setattr(asyncio, "run", lambda work: note("asyncio", work))
    assert cli.main([command, "build"] if command == "worker" else [command]) == 0
    assert taken == [expected]


@pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed here: pip install 'slct[fast]'")
def test_the_real_one_serves() -> None:
    loop = run_serving(kind_of_loop())
    assert loop.__module__.startswith("uvloop")
