"""The cache, and compiling in several processes, can be told from compiling everything anew by nothing but time."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from slct_compile import _jobs, cli
from slct_compile._progress import Progress
from slct_compile.cli import main

Out = pytest.CaptureFixture[str]

BASE = "from runtime_client import Process, recv\n\n\nclass Base(Process):\n    async def helper(self):\n        return await recv('x')\n"
SOURCES = {
    "lib/__init__.py": "",
    "lib/base.py": BASE,
    "lib/mixin.py": "from runtime_client import recv\n\n\nclass Mixin:\n    async def wait(self):\n        return 1\n",
    "lib/helpers.py": "async def fetch(n):\n    return n\n\n\ndef plain(n):\n    return n\n",
    "orders.py": (
        "from lib.base import Base\nfrom lib.helpers import fetch\n\n\nclass Order(Base):\n"
        "    async def main(self, n: int):\n        for i in range(n):\n            await self.helper()\n        return n\n"
    ),
    "other.py": "from runtime_client import Process, recv\n\n\nclass Other(Process):\n    async def main(self):\n        await recv('y')\n",
    "plain.py": "x = 1   # odd\n",
    "data.json": "{}",
}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLCT_CACHE_DIR", str(tmp_path / "cache"))
    for path, text in SOURCES.items():
        put(tmp_path / "src" / path, text)
    return tmp_path / "src"


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules that were compiled, not remembered."""
    found: list[str] = []
    real = _jobs.compile_module

    def noted(index, info, *arguments, **more):
        found.append(info.path)
        return real(index, info, *arguments, **more)

    monkeypatch.setattr(_jobs, "compile_module", noted)
    return found


def built(source: Path, *options: str) -> int:
    return main([str(source), "-o", str(source.parent / "build"), *options])


def contents(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def result(source: Path, capsys: Out, *options: str) -> tuple[int, str, str, dict[str, bytes], bytes | None]:
    """Everything that a run leaves."""
    capsys.readouterr()
    code = built(source, "-q", *options)
    shown = capsys.readouterr()
    lock, build = source / "slct.lock", source.parent / "build"
    return code, shown.out, shown.err, contents(build), lock.read_bytes() if lock.exists() else None


def assert_as_anew(source: Path, capsys: Out) -> None:
    """A run with the cache, then one without from the same start: the same in every respect."""
    lock = source / "slct.lock"
    before = lock.read_bytes() if lock.exists() else None
    remembered = result(source, capsys)
    if before is None:
        lock.unlink(missing_ok=True)
    else:
        lock.write_bytes(before)
    assert result(source, capsys, "--no-cache") == remembered
    assert result(source, capsys) == remembered  # and that changes nothing


def test_an_unchanged_tree_is_answered_without_the_compiler(
    source: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert built(source) == 0
    first = contents(source.parent / "build")
    capsys.readouterr()
    monkeypatch.setitem(sys.modules, "slct_compile._build", None)  # importing it fails
    assert built(source) == 0
    assert capsys.readouterr().out.endswith("build: 3 durable functions, 0 of 11 files written\n")
    assert built(source, "--locked") == 0
    assert contents(source.parent / "build") == first


def test_only_what_an_edit_can_reach_is_compiled_again(source: Path, compiled: list[str]) -> None:
    assert built(source) == 0
    assert sorted(compiled) == sorted(p for p in SOURCES if p.endswith(".py"))
    compiled.clear()
    edit(source / "other.py", "'y'", "'z'")
    assert built(source) == 0
    assert compiled == ["other.py"]
    compiled.clear()
    edit(source / "lib/base.py", "'x'", "'y'")
    assert built(source) == 0
    assert compiled == ["lib/base.py", "orders.py"]


def test_a_second_run_compiles_nothing_although_the_first_wrote_the_lock(source: Path, compiled: list[str]) -> None:
    assert built(source) == 0
    compiled.clear()
    edit(source / "plain.py", "odd", "even")
    assert built(source) == 0
    assert compiled == ["plain.py"]


EDITS: dict[str, Callable[[Path], None]] = {
    "a base class in another module": lambda s: edit(s / "lib/base.py", "(Process)", ""),
    "a base class is none any more": lambda s: edit(s / "lib/base.py", "class Base", "class Other"),
    "a method of a base": lambda s: edit(s / "lib/base.py", "helper", "assist"),
    "a channel of a base": lambda s: edit(s / "lib/base.py", "(Process):\n", "(Process):\n    c = Channel()\n"),
    "@durable elsewhere": lambda s: edit(
        s / "lib/helpers.py", "async def fetch", "from runtime_client import durable\n\n\n@durable\nasync def fetch"
    ),
    "somebody derives from a plain class": lambda s: put(
        s / "third.py",
        "from lib.mixin import Mixin\nfrom runtime_client import Process\n\n\nclass Third(Mixin, Process):\n"
        "    async def main(self):\n        return await self.wait()\n",
    ),
    "a module that an import meant to be outside": lambda s: put(s / "runtime_client.py", "class Process: ...\n"),
    "a label": lambda s: edit(s / "other.py", "await recv('y')", "await recv('y')  # slct: state=Paid"),
    "the lock": lambda s: edit(s / "slct.lock", "Main_RecvY", "Main_Renamed"),
    "no lock": lambda s: (s / "slct.lock").unlink(),
    "a module removed": lambda s: (s / "other.py").unlink(),
    "a file that is no module": lambda s: put(s / "data.json", "[]"),
    "a syntax error": lambda s: put(s / "plain.py", "def f(:\n"),
    "a finding": lambda s: edit(s / "other.py", "await recv('y')", "yield 1"),
    "a finding in a base's user": lambda s: edit(s / "orders.py", "await self.helper()", "self.helper()"),
    "two definitions of one name": lambda s: put(s / "twin.py", SOURCES["other.py"]),
    "a module that becomes a package": lambda s: put(s / "other/__init__.py", "x = 1\n"),
    "nothing": lambda s: None,
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_seen_wherever_it_is_made(source: Path, capsys: Out, name: str) -> None:
    assert built(source) == 0
    EDITS[name](source)
    assert_as_anew(source, capsys)


@pytest.mark.parametrize("seed", range(6))
def test_no_sequence_of_edits_leaves_anything_stale(source: Path, capsys: Out, seed: int) -> None:
    chance = random.Random(seed)
    for name in chance.sample(sorted(EDITS), 6):
        try:
            EDITS[name](source)
        except (AssertionError, OSError):
            continue  # an earlier edit took away what this one edits
        assert_as_anew(source, capsys)


def test_findings_are_shown_again(source: Path, capsys: Out) -> None:
    edit(source / "other.py", "await recv('y')", "recv('y')")
    first = result(source, capsys)
    assert first[0] == 1 and "SLC302" in first[1]
    assert result(source, capsys) == first
    assert main([str(source), "--check"]) == main([str(source), "--check"]) == 1


def test_check_does_not_pass_for_a_build(source: Path) -> None:
    build = source.parent / "build"
    assert main([str(source), "-o", str(build), "--check"]) == 0
    assert built(source) == 0
    assert (source / "slct.lock").exists() and (build / "orders.py").exists()


def test_what_is_missing_in_the_build_is_written_again(source: Path) -> None:
    build = source.parent / "build"
    for path in ("orders.py", "plain.py", "slct_manifest.json", "data.json"):
        assert built(source) == 0
        expected = contents(build)
        (build / path).unlink()
        assert built(source) == 0
        assert contents(build) == expected
        (build / path).write_text("edited")
        assert built(source, "--locked") == 1
        assert built(source) == 0
        assert contents(build) == expected


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign", "directory"])
def test_a_damaged_cache_is_as_none(source: Path, capsys: Out, damage: str) -> None:
    assert built(source) == 0
    for path in (source.parent / "cache").iterdir():
        content = path.read_bytes()
        match damage:
            case "cut":
                path.write_bytes(content[: len(content) // 2])
            case "flipped":
                path.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
            case "empty":
                path.write_bytes(b"")
            case "foreign":
                path.write_bytes(b"slct-cache 1 \xff\xff\n[]")
            case _:
                path.unlink()
                path.mkdir()
    edit(source / "plain.py", "odd", "even")
    assert_as_anew(source, capsys)


def test_entries_of_another_shape_are_as_none(source: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    from slct_compile import _cache

    assert built(source) == 0
    for path in (source.parent / "cache").glob("*.modules"):
        data = _cache._load(path)
        _cache._store(path, {key: {"text": 1} for key in data})
    for path in (source.parent / "cache").glob("*.stamp"):
        _cache._store(path, [1])
    assert_as_anew(source, capsys)


def test_a_cache_that_cannot_be_written_is_done_without(
    source: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(source.parent / "file", "")
    monkeypatch.setenv("SLCT_CACHE_DIR", str(source.parent / "file" / "cache"))
    assert_as_anew(source, capsys)
    monkeypatch.setenv("SLCT_CACHE_DIR", "")
    assert_as_anew(source, capsys)


def test_no_cache_leaves_nothing(source: Path) -> None:
    assert built(source, "--no-cache") == 0
    assert not (source.parent / "cache").exists()


def test_another_compiler_believes_nothing(source: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from slct_compile import _cache

    assert built(source) == 0
    compiled.clear()
    monkeypatch.setattr(_cache, "compiler_id", lambda: "another")
    assert built(source) == 0
    assert len(compiled) == 7


def command(source: Path, build: str, *options: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "slct_compile", str(source), "-o", str(source.parent / build), *options]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_several_processes_leave_the_same_bytes_and_say_the_same_in_the_same_order(source: Path) -> None:
    for number in range(8):
        put(source / f"more/m{number}.py", SOURCES["other.py"].replace("Other", f"Other{number}"))
    ways: list[tuple[object, ...]] = []
    for jobs in ("1", "3"):
        for broken in (False, True):
            (source / "slct.lock").unlink(missing_ok=True)
            for number in (1, 5, 7) if broken else ():
                edit(source / f"more/m{number}.py", "await recv('y')", "recv('y')")
            run = command(source, f"build{jobs}", "--jobs", jobs, "--no-cache", "-q")
            out, err = run.communicate(timeout=60)
            lock = source / "slct.lock"
            ways.append((run.returncode, out, err, lock.exists() and lock.read_bytes()))
            for number in (1, 5, 7) if broken else ():
                edit(source / f"more/m{number}.py", " recv('y')", " await recv('y')")
    assert ways[:2] == ways[2:]
    assert [w[0] for w in ways] == [0, 1, 0, 1] and str(ways[1][1]).count("SLC302") == 3
    assert contents(source.parent / "build1") == contents(source.parent / "build3")


def test_compilers_at_the_same_time_do_not_disturb_each_other(source: Path) -> None:
    runs = [command(source, "build", "-q") for _ in range(3)]
    assert [(r.communicate(timeout=60), r.returncode) for r in runs] == [(("", ""), 0)] * 3
    assert built(source, "--locked", "--no-cache") == 0
    assert built(source, "--locked") == 0


def test_jobs_must_be_some(source: Path, capsys: Out) -> None:
    assert built(source, "--jobs", "0") == cli.USAGE
    assert capsys.readouterr().err.startswith("error: 0 jobs compile nothing")


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_once_it_takes_longer() -> None:
    terminal = _Terminal()
    soon = Progress(None, terminal)
    soon.step(1, 9, "a.py")
    soon.end()
    assert terminal.getvalue() == ""
    late = Progress(None, terminal, quiet_s=0)
    late.step(1, 9, "a.py")
    late.step(2, 9, "b.py")
    late.end()
    shown = "\rcompiled 1 of 9 modules: a.py\x1b[K\rcompiled 2 of 9 modules: b.py\x1b[K\r\x1b[K"
    assert terminal.getvalue() == shown


def test_progress_goes_into_no_pipe_unless_it_is_asked_for() -> None:
    pipe = StringIO()
    Progress(None, pipe, quiet_s=0).step(1, 9, "a.py")
    Progress(False, _Terminal(), quiet_s=0).step(1, 9, "a.py")
    assert pipe.getvalue() == ""
    asked = Progress(True, pipe, quiet_s=0)
    asked.step(1, 9, "a.py")
    asked.step(2, 9, "b.py")  # within the same second
    asked.end()
    assert pipe.getvalue() == "compiled 1 of 9 modules: a.py\n"
