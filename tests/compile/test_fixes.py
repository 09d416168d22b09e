"""`--fix`: what it rewrites, what it leaves to the author, and that nothing else in a file changes."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from slct_compile._fix import apply
from slct_compile.cli import main as slct_compile
from slct_compile.diagnostics import Edit, Place

Out = pytest.CaptureFixture[str]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


def fixed(source: Path, text: str) -> str:
    path = source / "shop.py"
    path.write_bytes(text.encode())
    slct_compile(["--check", "--fix", "-q", "src"])
    return path.read_bytes().decode()


HEAD = """import asyncio  # kept
import time

from runtime_client import Channel, Process, durable, recv{more}


class Order(Process):
    letters = Channel[str]()

"""


def program(body: str, more: str = "") -> str:
    return HEAD.format(more=more) + textwrap.indent(textwrap.dedent(body), "    ")


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        (
            "async def main(self):\n    await asyncio.sleep( 1 )   # a while\n",
            "async def main(self):\n    await sleep( 1 )   # a while\n",
            ", sleep",
        ),
        (
            "async def main(self):\n    time.sleep(1); time.sleep(2)\n    await asyncio.sleep(3)\n",
            "async def main(self):\n    await sleep(1); await sleep(2)\n    await sleep(3)\n",
            ", sleep",
        ),
        (
            "async def main(self):\n    recv('x')\n    self.letters.recv()\n",
            "async def main(self):\n    await recv('x')\n    await self.letters.recv()\n",
            "",
        ),
        (
            "async def main(self):\n    x = await 5 + await [1]\n    await recv(x)\n",
            "async def main(self):\n    x = 5 + [1]\n    await recv(x)\n",
            "",
        ),
        (
            "orders : Channel[int]   # in order\n\nasync def main(self):\n    await recv(self.orders)\n",
            "orders = Channel[int]()   # in order\n\nasync def main(self):\n    await recv(self.orders)\n",
            "",
        ),
        (
            "async def main(self, a, lines=[], *, seen={}):\n    'Says.'\n    lines.append(await recv('x'))\n",
            "async def main(self, a, lines=None, *, seen=None):\n    'Says.'\n    if seen is None:\n        seen = {}\n"
            "    if lines is None:\n        lines = []\n    lines.append(await recv('x'))\n",
            "",
        ),
    ],
)
def test_what_is_mended(source: Path, before: str, after: str, more: str) -> None:
    assert fixed(source, program(before)) == program(after, more)
    assert slct_compile(["--check", "-q", "src"]) == 0
    assert slct_compile(["-q", "src", "-o", "build"]) == 0


@pytest.mark.parametrize(
    "body",
    [
        "async def main(self):\n    asyncio.sleep(1)\n",  # never slept: what was meant?
        "async def main(self):\n    await asyncio.sleep(1, 'result')\n",
        "async def main(self):\n    x = time.sleep(1)\n",
        "async def main(self):\n    [time.sleep(1) for x in 'ab']\n",
        "async def main(self):\n    def nap():\n        time.sleep(1)\n    nap()\n",
        "async def main(self, sleep):\n    time.sleep(1)\n",  # the name is taken
        "async def main(self):\n    self.main()\n",  # await, or go?
        "async def main(self, lines: list[int] = []):\n    await recv('x')\n",  # and its type?
        "async def main(self, lines=[1]): await recv('x')\n",
        "async def main(self):\n    await (5)\n",
        "async def main(self):\n    requests = await asyncio.gather(recv('x'))\n",
    ],
)
def test_what_is_left_to_the_author(source: Path, body: str, capsys: Out) -> None:
    assert fixed(source, program(body)) == program(body)
    assert "fixed" not in capsys.readouterr().err


def test_a_file_that_would_have_another_finding_stays_as_it_was(source: Path) -> None:
    text = program("async def main(self):\n    with open('x') as file:\n        time.sleep(1)\n        file.read()\n")
    assert fixed(source, text) == text  # the file would be open across the suspension


def test_line_ends_encodings_and_other_files_are_kept(source: Path, capsys: Out) -> None:
    (source / "other.py").write_bytes(b"x=1\r\n")
    text = "# coding: latin-1\r\n" + program("async def main(self, æ=[]):\n    æ = 'é'; recv(æ)\n").replace(
        "\n", "\r\n"
    )
    (source / "shop.py").write_bytes(text.encode("latin-1"))
    assert slct_compile(["--check", "--fix", "src"]) == 0
    assert capsys.readouterr().err == "fixed 2 findings in 1 file\n"
    after = (source / "shop.py").read_bytes().decode("latin-1")
    assert (
        "main(self, æ=None):\r\n        if æ is None:\r\n            æ = []\r\n        æ = 'é'; await recv(æ)\r\n"
        in after
    )
    assert (source / "other.py").read_bytes() == b"x=1\r\n"


def test_what_is_silenced_is_not_mended(source: Path) -> None:
    text = program("async def main(self):\n    time.sleep(1)  # noqa: SLC301\n")
    assert fixed(source, text) == text


def test_rewrites_that_meet_wait_for_another_round() -> None:
    def edit(start: int, end: int, text: str) -> Edit:
        return Edit(Place("", 1, start, 1, end), text)

    assert apply("abc", [[edit(0, 2, "x")], [edit(1, 3, "y")]]) == ("xc", 1)
    assert apply("abc", [[edit(0, 0, "x"), edit(3, 3, "!")], [edit(2, 2, "y"), edit(3, 3, "!")]]) == ("xabyc!", 2)
