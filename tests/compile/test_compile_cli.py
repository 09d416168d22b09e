"""The command's face: exit codes, `error:` and `hint:`, and no traceback of ours."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from slct_compile import _files
from slct_compile.cli import main
from slct_compile.diagnostics import CATALOGUE

GOOD = "from runtime_client import Process, recv\n\n\nclass P(Process):\n    async def main(self):\n        await recv('x')\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "p.py").write_text(GOOD)
    return tmp_path / "src"


Out = pytest.CaptureFixture[str]


def fails(capsys: Out, *arguments: object) -> str:
    assert main([str(a) for a in arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert shown.out == ""
    return shown.err


def test_check_says_that_there_are_no_findings(source: Path, capsys: Out) -> None:
    assert main([str(source), "--check"]) == 0
    assert capsys.readouterr().out == "no findings\n"


def test_a_syntax_error_is_shown_at_its_place(source: Path, capsys: Out) -> None:
    (source / "bad.py").write_text("def f(:\n    pass\n")
    assert main([str(source), "--check"]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("bad.py:1:7: SLC001 syntax-error\n    1 | def f(:\n      |       ^\n")


UNREAD = """\
from runtime_client import durable, sleep


class Outer:
    @durable
    async def main(self) -> int:
        await sleep(1)

        def late(): (no_such_name): int
        x = 1
        return x
"""


def test_syntax_that_only_the_interpreter_knows_is_shown_at_its_line(source: Path, capsys: Out) -> None:
    (source / "rare.py").write_text(UNREAD)
    assert main([str(source), "--check"]) == 1
    shown = capsys.readouterr().out
    assert "rare.py:9:1: SLC001 syntax-error\n    9 |         def late(): (no_such_name): int\n" in shown
    assert "libcst, does not know this syntax" in shown and "\n  help: write the line" in shown


REBOUND = """\
from runtime_client import Process, durable, sleep

if True:
    @durable
    async def wait() -> None:
        await sleep(1)
else:
    wait = None


class Order:
    @durable
    async def main(self) -> None:
        await wait()


class Order(Order):
    pass
"""


def test_durable_code_whose_name_is_bound_again_is_refused(source: Path, capsys: Out) -> None:
    (source / "rebound.py").write_text(REBOUND)
    assert main([str(source), "--check"]) == 1
    shown = capsys.readouterr().out
    assert "rebound.py:8:5: SLC006" in shown and "'wait' is bound again" in shown and "line 5" in shown
    assert "rebound.py:17:1: SLC006" in shown and "'Order' is bound again" in shown and "line 11" in shown


def test_bytes_that_are_no_text_are_said_to_be(source: Path, capsys: Out) -> None:
    (source / "bad.py").write_bytes(b"x = '\xff'\n")
    assert main([str(source), "--check"]) == 1
    assert "bad.py:1:1: SLC001" in capsys.readouterr().out


def test_a_missing_source_is_named(tmp_path: Path, capsys: Out) -> None:
    assert "there is no" in fails(capsys, tmp_path / "nothing", "-o", tmp_path / "build")


def test_a_build_directory_must_be_given(source: Path, capsys: Out) -> None:
    assert "hint: add -o build/" in fails(capsys, source)


def test_build_and_source_must_lie_beside_each_other(source: Path, capsys: Out) -> None:
    assert "overwrite the sources" in fails(capsys, source, "-o", source)
    assert "lies inside the sources" in fails(capsys, source, "-o", source / "build")
    assert "inside the build" in fails(capsys, source, "-o", source.parent)
    assert "overwrite the sources" in fails(capsys, source / "p.py", "-o", source)


def test_a_build_that_is_a_file_is_refused(source: Path, tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "build").write_text("")
    assert "is not a directory" in fails(capsys, source, "-o", tmp_path / "build")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_build_that_cannot_be_written_is_refused(source: Path, tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "build").mkdir(mode=0o500)
    assert "cannot write" in fails(capsys, source, "-o", tmp_path / "build")


def test_a_build_below_a_file_is_refused(source: Path, tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot write" in fails(capsys, source, "-o", tmp_path / "file" / "build")


def test_code_nested_beyond_measure_is_refused(source: Path, capsys: Out) -> None:
    (source / "deep.py").write_text(GOOD.replace("P(", "Deep(") + "        return " + "-" * 200_000 + "1\n")
    assert main([str(source), "--check"]) in (1, 2)
    shown = capsys.readouterr()
    assert "deep.py" in shown.out + shown.err
    assert "Traceback" not in shown.err


def test_a_long_chain_of_elifs_compiles(source: Path, capsys: Out) -> None:
    chain = "".join(f"        elif await recv({i}):\n            return {i}\n" for i in range(200))
    (source / "long.py").write_text(GOOD.replace("P(", "Long(") + f"        if 0:\n            pass\n{chain}")
    assert main([str(source), "--check"]) == 0


def test_a_source_with_our_file_names_is_refused(source: Path, tmp_path: Path, capsys: Out) -> None:
    (source / "slct_definitions.py").write_text("")
    assert "is in the way" in fails(capsys, source, "-o", tmp_path / "build")


def test_unknown_options_exit_with_usage(source: Path, capsys: Out) -> None:
    assert main([str(source), "--nonsense"]) == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_is_explained(code: str, capsys: Out) -> None:
    assert main(["explain", code.lower()]) == 0
    assert capsys.readouterr().out.startswith(f"# {code}")


def test_an_unknown_code_is_refused(capsys: Out) -> None:
    assert "there is no code 'SLC999'" in fails(capsys, "explain", "SLC999")
    assert "which code?" in fails(capsys, "explain")


def test_show_prints_a_pass(source: Path, capsys: Out) -> None:
    assert main([str(source), "--show", "ir"]) == 0
    assert "suspend recv('x') then 1" in capsys.readouterr().out


def test_all_codes_are_listed(capsys: Out) -> None:
    assert main(["explain", "--all"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(CATALOGUE)
    assert main(["explain", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: slct-compile explain CODE\n")


def test_what_is_neither_sources_nor_a_build_is_said_to_be_so(source: Path, tmp_path: Path, capsys: Out) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"'{empty}' holds neither a build nor Python" in fails(capsys, "diff", source, empty)
    assert f"'{empty}' holds neither a build nor Python" in fails(capsys, "graph", empty)
    assert f"{empty} defines no process" in fails(capsys, "verify", empty)
    assert main([str(source), "-o", str(tmp_path / "build"), "-q"]) == 0
    assert "is a build, and verify looks at sources" in fails(capsys, "verify", tmp_path / "build")


def test_a_file_name_that_is_no_text_is_refused(source: Path, capsys: Out) -> None:
    (source / os.fsdecode(b"bad\xff.py")).write_text("x = 1\n")
    assert "'bad\\udcff.py' is no text here\nhint: rename it" in fails(capsys, source, "--check")


def test_a_build_without_its_manifest_is_said_to_be_one(source: Path, tmp_path: Path, capsys: Out) -> None:
    assert main([str(source), "-o", str(tmp_path / "build"), "-q"]) == 0
    (tmp_path / "build" / "slct_manifest.json").unlink()
    assert "is a build without its slct_manifest.json\nhint: run slct-compile again" in fails(
        capsys, "graph", tmp_path / "build"
    )


def test_ctrl_c_and_a_full_disk_are_no_tracebacks(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    raised: list[BaseException] = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]

    def fail(path: object, content: bytes) -> None:
        raise raised.pop(0)

    monkeypatch.setattr(_files, "write_file", fail)
    words = [source, "-o", tmp_path / "build", "--no-cache", "--no-lock"]
    assert "No space left on device\nhint: make room on the disk" in fails(capsys, *words)
    assert main([str(word) for word in words]) == 130
