"""`slct-compile --check` as a linter: formats, `# noqa`, `[tool.slct]`, exit codes, and silence about code that is not durable."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

import runtime_client
from slct_compile._checks import PUBLIC
from slct_compile._rules import is_silenced
from slct_compile.cli import main as slct_compile
from slct_compile.diagnostics import CATALOGUE, Severity

Out = pytest.CaptureFixture[str]

WARNED = """import time

from runtime_client import Process, sleep


class Order(Process):
    async def main(self) -> None:
        time.sleep(1){noqa}
        await sleep(1)
"""
REFUSED = """from runtime_client import Process


class Order(Process):
    async def main(self) -> None:
        yield 1{noqa}
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


def check(source: Path, text: str, *options: str) -> int:
    (source / "shop.py").write_text(text)
    return slct_compile(["--check", "src", *options])


def test_a_warning_is_a_finding_of_check_and_no_obstacle_to_compiling(source: Path, capsys: Out) -> None:
    assert check(source, WARNED.format(noqa="")) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("shop.py:8:9: warning: SLC301 blocking-call\n")
    assert printed.err.startswith("error: 1 finding, nothing was written\n")
    for again in range(2):  # compiled, and from the cache
        assert slct_compile(["src", "-o", "build"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "shop.py:8:9: warning: SLC301 blocking-call", again
        assert lines[-1].endswith("files written, 1 warning"), again


@pytest.mark.parametrize(
    "noqa", ["  # noqa", "  # noqa: SLC301", "  # noqa:SLC101, slc301", "  # fast  # NOQA: SLC301"]
)
def test_a_warning_is_silenced_in_its_line(source: Path, capsys: Out, noqa: str) -> None:
    assert check(source, WARNED.format(noqa=noqa)) == 0
    assert capsys.readouterr().out == "no findings\n"


def test_another_code_and_an_error_are_not(source: Path, capsys: Out) -> None:
    assert check(source, WARNED.format(noqa="  # noqa: SLC402")) == 1
    assert check(source, REFUSED.format(noqa="  # noqa")) == 1
    assert "SLC102" in capsys.readouterr().out


def test_a_noqa_of_something_else_is_none() -> None:
    assert not is_silenced("SLC301", "open(path)  # noqa: E501")
    assert not is_silenced("SLC301", "open(path)  # nothing")
    assert is_silenced("SLC301", "open(path)  # noqa: E501,SLC301")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", 1),
        ('ignore = ["SLC301"]', 0),
        ('ignore = ["SLC3"]', 0),
        ('ignore = ["SLC008"]', 1),
        ('select = ["SLC1"]', 0),
        ('select = ["SLC1", "SLC301"]', 1),
        ('per-file-ignores = { "shop.py" = ["SLC301"] }', 0),
        ('per-file-ignores = { "other/*" = ["SLC301"] }', 1),
    ],
)
def test_the_table_in_pyproject_chooses(source: Path, table: str, expected: int) -> None:
    (source.parent / "pyproject.toml").write_text(f"[tool.slct]\n{table}\n")
    assert check(source, WARNED.format(noqa="")) == expected
    assert check(source, WARNED.format(noqa="")) == expected  # from the cache


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('ignored = ["SLC301"]', "[tool.slct] has no 'ignored'\nhint: it has select, ignore, per-file-ignores, strict"),
        ('ignore = "SLC301"', "ignore is 'SLC301', not a list of codes"),
        ('ignore = ["E501"]', "ignore has 'E501', which no code begins with"),
        ('ignore = ["SLC102"]', "ignore has 'SLC102', which is an error: what has it cannot be compiled"),
        ('per-file-ignores = ["SLC301"]', "per-file-ignores is ['SLC301']"),
        ("strict = 1", "strict is 1\nhint: strict = true, or false"),
        ("ignore = [", "cannot be read"),
    ],
)
def test_a_mistake_in_it_is_told(source: Path, capsys: Out, table: str, said: str) -> None:
    (source.parent / "pyproject.toml").write_text(f"[tool.slct]\n{table}\n")
    assert check(source, WARNED.format(noqa="")) == 2
    assert said in capsys.readouterr().err


def test_json(source: Path, capsys: Out) -> None:
    assert check(source, WARNED.format(noqa=""), "--format", "json") == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["finding"].startswith("time.sleep waits")
    del found["finding"], found["help"], found["edits"]
    assert found == {
        "code": "SLC301",
        "name": "blocking-call",
        "severity": "warning",
        "path": "src/shop.py",
        "line": 8,
        "column": 9,
        "end_line": 8,
        "end_column": 22,
        "notes": [],
    }
    assert check(source, "", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_annotations_of_github(source: Path, capsys: Out) -> None:
    assert (
        check(source, WARNED.format(noqa="") + REFUSED.format(noqa="").replace("Order", "Two"), "--format", "github")
        == 1
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("::")[2].partition("::")[0].partition(" ")[0] for line in lines] == ["warning", "error"]
    assert lines[0].startswith(
        "::warning file=src/shop.py,line=8,col=9,endLine=8,title=SLC301 blocking-call::time.sleep"
    )
    assert "%0Ahelp" in lines[0]


def test_sarif(source: Path, capsys: Out) -> None:
    assert check(source, REFUSED.format(noqa=""), "--format", "sarif") == 1
    log = json.loads(capsys.readouterr().out)
    (run,) = log["runs"]
    (result,) = run["results"]
    assert (log["version"], result["ruleId"], result["level"]) == ("2.1.0", "SLC102", "error")
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "SLC102"
    (place,) = result["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "src/shop.py"
    assert place["physicalLocation"]["region"]["startLine"] == 6


def test_wrong_words_are_no_findings(source: Path) -> None:
    assert check(source, "", "--format", "xml") == 2
    assert slct_compile(["--check", "nothing"]) == 2


def found_in(source: Path, capsys: Out, text: str) -> list[tuple[str, int]]:
    check(source, text, "--format", "json")
    return [(found["code"], found["line"]) for found in json.loads(capsys.readouterr().out)]


def test_calls_are_known_by_what_is_imported_not_by_how_they_look(source: Path, capsys: Out) -> None:
    body = "from runtime_client import Process, call, sleep\n\n\nclass Order(Process):\n    async def main(self) -> None:\n"
    assert found_in(source, capsys, body + "        import asyncio as a\n        await a.sleep(1)\n") == [("SLC402", 7)]
    assert found_in(source, capsys, body + "        from time import sleep as nap\n        nap(1)\n") == [("SLC301", 7)]
    assert found_in(source, capsys, body + "        open('x').read()\n") == [("SLC301", 6)]
    assert found_in(source, capsys, "def open(path): ...\n" + body + "        open('x')\n") == []
    assert found_in(source, capsys, body + "        time = self\n        time.sleep(1)\n") == []
    assert found_in(source, capsys, body + "        await call(open, 'x')\n") == []


def test_a_channel_that_is_only_annotated(source: Path, capsys: Out) -> None:
    head = "from runtime_client import Channel, Process, make_channel, recv\n\n\nclass Order(Process):\n    orders: Channel[int]\n\n    async def main(self) -> None:\n"
    assert found_in(source, capsys, head + "        await recv(self.orders)\n") == [("SLC008", 5)]
    made = "        self.orders = make_channel()\n        await recv(self.orders)\n"
    assert found_in(source, capsys, head + made) == []


@pytest.mark.parametrize("package", [asyncio, pytest.importorskip("grpc.aio")], ids=lambda p: p.__name__)
def test_nothing_is_said_of_asynchronous_code_that_is_not_durable(
    package: ModuleType, source: Path, capsys: Out
) -> None:
    assert package.__file__ is not None
    shutil.copytree(Path(package.__file__).parent, source / "copied", ignore=shutil.ignore_patterns("__pycache__"))
    assert slct_compile(["--check", "src", "--no-cache"]) == 0
    assert capsys.readouterr().out == "no findings\n"


def test_a_name_that_is_taken_is_the_later_classes_fault(source: Path, capsys: Out) -> None:
    order = "class Order(Process):\n    async def main(self) -> None:\n        pass\n"
    another = "class Another(Process, name='order'):\n    async def main(self) -> None:\n        pass\n"
    for text in (order + another, another + order):
        assert found_in(source, capsys, f"from runtime_client import Process\n{text}") == [("SLC002", 5)]


PARKED = """from runtime_client import Process, migrate, recv


class Order(Process):
    async def main(self) -> None:
        order = await recv("orders")
        await recv("payments")
        print({used})
"""


def test_check_compares_with_the_lock_and_a_build_writes_it(source: Path, capsys: Out) -> None:
    (source / "shop.py").write_text(PARKED.format(used=""))
    assert slct_compile(["src", "-o", "build", "-q"]) == 0
    assert found_in(source, capsys, PARKED.format(used="order")) == [("SLC502", 7)]
    shorter = PARKED.format(used="").replace('        await recv("payments")\n', "")
    assert found_in(source, capsys, shorter) == [("SLC501", 5)]
    assert found_in(source, capsys, shorter) == [("SLC501", 5)]  # from the cache
    gone = PARKED.format(used="").replace("main", "another")
    assert [code for code, _ in found_in(source, capsys, gone)] == ["SLC501"]
    migration = (
        '\n\n@migrate("Order.main", state="RecvPayments", to="RecvOrders")\ndef rest(slots):\n    return slots\n'
    )
    assert found_in(source, capsys, shorter + migration) == []
    assert found_in(source, capsys, gone + '\n\nmigrate("Order.another", moved_from="Order.main")\n') == []
    assert check(source, shorter) == 1
    assert slct_compile(["src", "-o", "build"]) == 0
    assert "SLC501" not in capsys.readouterr().out.rpartition("@migrate")[2]
    assert found_in(source, capsys, shorter) == []


def test_there_are_warnings_and_errors() -> None:
    assert {severity for _, severity in CATALOGUE.values()} == {Severity.ERROR, Severity.WARNING}


def test_the_public_names_are_those_of_the_package() -> None:
    assert set(runtime_client.__all__) == PUBLIC


def test_a_name_that_is_not_there(source: Path, capsys: Out) -> None:
    assert check(source, "from runtime_client import Process, join, recieve, Retrry, frobnicate\n") == 1
    shown = capsys.readouterr().out
    for words in (
        "shop.py:1:37: SLC009 unknown-import",
        "runtime_client has no 'join': the module could not be imported",
        "help: did you mean: await the handle that go() gives",
        "help: did you mean 'Retry'?",
        "help: it has after, call, close, ",
    ):
        assert words in shown, shown
    assert check(source, "from runtime_client import *\nfrom runtime_client import testing\n") == 0


UNTYPED = """from runtime_client import Channel, Process, call, now, recv, select, sleep

import other


def price(item: str) -> int:
    return 1


class Order(Process):
    payments = Channel[int]()
    notes = Channel()
    paid: int = 0

    async def main(self, customer{annotated}, *rest: str) -> None:
        {body}
        await recv(self.notes)
        print(customer, x)
        await recv(self.payments)
"""


@pytest.mark.parametrize(
    "binding",
    ["x = 1", "x = f'{rest}'", "x = [other.f()]", "x = dict(other.f())", "x = other.Thing()", "x = self.paid + 1", "x: int = other.f()",
     "x = await recv(self.payments)", "x = await self.payments.recv()", "x = await call(price, 'a')", "x = price('a')", "x = now()",
     "x = await select(recv(self.payments))", "x: int; x = other.f()", "x = not other.f()", "x = 0 if rest else 1",
     "x = 'a'\n        x += other.f()"],
)  # fmt: skip
def test_strict_mode_is_silent_where_the_type_is_plain(source: Path, capsys: Out, binding: str) -> None:
    (source.parent / "pyproject.toml").write_text("[tool.slct]\nstrict = true\n")
    assert found_in(source, capsys, UNTYPED.format(annotated=": str", body=binding)) == []


@pytest.mark.parametrize(
    ("binding", "line"),
    [("x = other.f()", 16), ("x = None", 16), ("x = await recv(self.notes)", 16), ("x, y = 1, 2", 16), ("x = other.y", 16),
     ("x = 1\n        x = other.f()", 17), ("for x in other.f(): pass", 16), ("with other.f() as x: pass", 16),
     ("match other.f():\n            case [x]: pass", 17), ("print(x := other.f())", 16), ("x = await call(other.f)", 16)],
)  # fmt: skip
def test_strict_mode_asks_for_types_of_what_is_saved(source: Path, capsys: Out, binding: str, line: int) -> None:
    text = UNTYPED.format(annotated=": str", body=binding)
    assert found_in(source, capsys, text) == []
    (source.parent / "pyproject.toml").write_text("[tool.slct]\nstrict = true\n")
    assert found_in(source, capsys, text) == [("SLC207", line)]  # and not what the cache knew
    assert found_in(source, capsys, text) == [("SLC207", line)]
    assert found_in(source, capsys, text.replace("print(customer, x)", "print(customer)")) == []
    (source.parent / "pyproject.toml").write_text('[tool.slct]\nstrict = true\nignore = ["SLC207"]\n')
    assert found_in(source, capsys, text) == []


def test_strict_mode_asks_for_types_of_parameters(source: Path, capsys: Out) -> None:
    (source.parent / "pyproject.toml").write_text("[tool.slct]\nstrict = true\n")
    assert found_in(source, capsys, UNTYPED.format(annotated="", body="x = 1")) == [("SLC207", 15)]
    assert check(source, UNTYPED.format(annotated="", body="x = 1")) == 1
    shown = capsys.readouterr().out
    assert "shop.py:15:26: warning: SLC207 untyped-across-suspension" in shown
    assert shown.count("the process waits here") == 1 and "'customer' is used here, after that" in shown


ENDS = """from runtime_client import Channel, Process, close, go, recv, select, send


class Order(Process):
    notes = Channel[str]()

    async def main(self, which: str) -> None:
        {body}
"""


@pytest.mark.parametrize(
    "body",
    ["await recv(self.notes)", "await self.notes.recv()", "await recv('notes')", "await select(a=recv(self.notes))", "go(self.use(self.notes))",
     "await self.other.send(self.notes)", "await send(self.other, self.notes)", "print(len(self.notes))", "print(self.notes.closed)",
     "close(self.notes)", "pass", "mine = self.notes\n        await recv(mine)", "await recv(which)", "await recv(f'{which}s')", "await recv(getattr(self, which))",
     "async for note in self.notes: print(note)", "async for note in (self.notes): print(note)", "print({'n': 'notes'})"],
)  # fmt: skip
def test_a_channel_that_may_be_received_from_is_no_finding(source: Path, capsys: Out, body: str) -> None:
    assert found_in(source, capsys, ENDS.format(body=body)) == []


@pytest.mark.parametrize(
    "body",
    ["await recv('x'); await send('notes', 'a')", "await send(self.notes, 'a')", "await self.notes.send('a')", "await send('notes', 'a')", "await select(a=send(self.notes, 'a'))"],
)  # fmt: skip
def test_a_declared_channel_that_nothing_receives_from(source: Path, capsys: Out, body: str) -> None:
    assert found_in(source, capsys, ENDS.format(body=body)) == [("SLC306", 5)]


def test_the_other_end_may_be_anywhere_in_the_tree(source: Path, capsys: Out) -> None:
    (source / "other.py").write_text(
        "from shop import Order\n\n\nclass Late(Order):\n    async def main(self, which: str) -> None:\n"
    )
    with (source / "other.py").open("a") as file:
        file.write("        await self.notes.recv()\n")
    assert found_in(source, capsys, ENDS.format(body="await send(self.notes, 'a')")) == []
    (source / "other.py").write_text("async def use(client):\n    await client.send('order-1', 'notes', 'a')\n")
    assert found_in(source, capsys, ENDS.format(body="pass")) == [("SLC306", 5)]
