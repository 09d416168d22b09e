"""What somebody runs into on the first day: code that faults, versions that nobody serves, terminals and disks that do not play along."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .test_cli import SLCT, TIMEOUT_S, free_port, serve, stop

COMPILE = [sys.executable, "-m", "slct_compile"]
BANG = '''"""Runs into zero."""

from runtime_client import Channel, Process, go, recv, sleep


class Bang(Process):
    numbers = Channel[int]()

    async def main(self, is_aside: bool) -> int:
        if is_aside:
            go(self.divide())
            await sleep(1000)
        handle = await self.divide()
        return handle

    async def divide(self) -> int:
        number = await recv(self.numbers)
        return 1 // number


class Keeper(Process):
    numbers = Channel[int]()

    async def main(self) -> int:
        handle = open("/dev/null")  # noqa
        await recv(self.numbers)
        handle.close()
        return 1
'''
Run = Callable[..., tuple[int, str, str]]


def run(*words: str | Path, **environment: str) -> tuple[int, str, str]:
    ran = subprocess.run(
        [*SLCT, *words], env={**os.environ, **environment}, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    return ran.returncode, ran.stdout, ran.stderr


def compiled(folder: Path, text: str, name: str) -> Path:
    source = folder / f"{name}-src"
    source.mkdir()
    (source / "bang.py").write_text(text, encoding="utf-8")
    subprocess.run([*COMPILE, source, "-o", folder / name, "-q"], check=True, timeout=TIMEOUT_S, capture_output=True)
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tries")


@pytest.fixture(scope="module")
def build(folder: Path) -> Path:
    return compiled(folder, BANG, "build")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    runtime = serve("runtime", "--store", f"sqlite:///{folder}/slct.db", "--listen", address)
    yield address
    stop(runtime)


@pytest.fixture
def slct(address: str) -> Run:
    return lambda *words: run(*words, SLCT_RUNTIME=address)


def until_faulted(slct: Run, process_id: str) -> str:
    while "faulted" not in (told := slct("show", process_id)[1]).splitlines()[0]:
        pass
    return told


def test_a_fault_is_shown_where_the_code_runs_and_whoever_waits_is_told(slct: Run, address: str, build: Path) -> None:
    worker = serve("worker", build, "--runtime", address)
    try:
        slct("start", "bang", "false", "--id", "in-main")
        slct("start", "bang", "true", "--id", "aside")
        slct("start", "keeper", "--id", "keeper")
        for process_id in ("in-main", "aside"):
            slct("send", process_id, "numbers", "0")
            assert re.search(r'bang\.py", line 18, in divide\n +return 1 // number', until_faulted(slct, process_id))
        kept = until_faulted(slct, "keeper")
        assert "local 'handle' of Keeper.main, defined at bang.py:25, saved at bang.py:26" in kept
        assert "Unusual" not in kept and "During handling" not in kept
        code, out, err = slct("result", "in-main", "--timeout", "0.1")
        assert (code, out) == (1, "")
        assert err.startswith(
            "process 'in-main' is faulted, and has no result before that is mended\nhint: slct show in-main"
        )
    finally:
        _, said = stop(worker)
    for where in ("bang 'in-main'", "bang 'aside', goroutine 2", "keeper 'keeper'"):
        assert f"error in {where}\n" in said, said
    assert said.count("line 18, in divide") == 2, said
    assert "saved at bang.py:26" in said


def test_other_code_under_the_same_version_is_not_taken_silently(
    slct: Run, address: str, folder: Path, build: Path
) -> None:
    other = compiled(folder, BANG.replace("1 // number", "2 // number"), "other")
    assert slct("deploy", build, "--version", "7")[0] == 0
    assert "other code" not in slct("deploy", build, "--version", "7")[2]
    assert "warning: version 7 had other code before: bang, keeper;" in slct("deploy", other, "--version", "7")[2]
    worker = subprocess.Popen(
        [*SLCT, "worker", build, "--runtime", address, "--version", "7"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    assert worker.stdout is not None
    assert worker.stdout.readline().startswith("slct worker serves bang, keeper as version 7")
    worker.terminate()
    assert "warning: version 7 had other code before: bang, keeper;" in worker.communicate(timeout=TIMEOUT_S)[1]


def test_a_version_that_nobody_serves_is_said_to_be_one(slct: Run, build: Path) -> None:
    said = slct("deploy", build, "--version", "8")[2]
    assert (
        f"no worker serves version 8 yet: new processes wait until one does\nhint: slct worker {build} --version 8\n"
        in said
    )
    slct("start", "keeper", "--id", "unserved")
    assert "no worker serves version 8 of keeper: nothing of it runs until one does" in slct("show", "unserved")[1]


def test_a_move_that_has_to_wait_says_so(slct: Run, address: str, build: Path) -> None:
    slct("deploy", build, "--version", "9")
    slct("start", "keeper", "--id", "waiting")
    words = [*SLCT, "move", "waiting", "--to", "9", "--runtime", address]
    moving = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert moving.stderr is not None
    assert (
        moving.stderr.readline()
        == "process 'waiting' is in the middle of a transition, and moves when that has ended\n"
    )
    moving.terminate()
    moving.communicate(timeout=TIMEOUT_S)


def test_a_build_without_processes_is_refused(folder: Path, slct: Run) -> None:
    empty = compiled(folder, "x = 1\n", "empty")
    for words in (("deploy", empty, "--version", "1"), ("worker", empty)):
        code, out, err = slct(*words)
        assert (code, out) == (1, "")
        assert err.startswith(f"error: the build '{empty}' defines no process\nhint: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"format": 0}', "slct_manifest.json has format 0, this slct reads 1\nhint: compile again with this version"),
        ('{"a', "slct_manifest.json cannot be read: "),
    ],
)
def test_a_build_of_another_compiler_is_refused(folder: Path, build: Path, content: str, said: str) -> None:
    other = folder / "of-another"
    shutil.copytree(build, other, dirs_exist_ok=True)
    (other / "slct_manifest.json").write_text(content)
    code, _, err = run("worker", other)
    assert (code, err.count("hint: ")) == (1, 1)
    assert f"error: the build '{other}' cannot be used: {said}" in err


@pytest.mark.parametrize("words", [("show", "x", "--limit", "1"), ("runtime", "--port", "1"), ("list", "surplus")])
def test_an_unknown_option_leads_to_the_help_of_its_command(words: tuple[str, ...]) -> None:
    code, _, err = run(*words)
    assert (code, err.splitlines()[-1]) == (2, f"hint: slct {words[0]} --help")


# --- terminals -----------------------------------------------------------------------------------------------------------


def test_a_terminal_that_knows_no_umlauts_gets_escapes(slct: Run, address: str, folder: Path) -> None:
    slct("start", "bang", "true", "--id", "zürich")
    code, out, err = run("list", SLCT_RUNTIME=address, PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert "z\\xfcrich" in out
    (folder / "umlaut").mkdir()
    (folder / "umlaut" / "p.py").write_text(BANG.replace("return handle", "yield 'ü'"), encoding="utf-8")
    done = subprocess.run(
        [*COMPILE, folder / "umlaut", "--check"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 1
    assert "yield '\\xfc'" in done.stdout


@pytest.mark.parametrize("target", ["/dev/full", "closed"])
@pytest.mark.parametrize("words", [[*SLCT, "list"], [*COMPILE, "explain", "SLC101"]], ids=["slct", "slct-compile"])
def test_output_that_cannot_be_written_is_no_fault_of_ours(words: list[str], target: str, address: str) -> None:
    redirected = ">&-" if target == "closed" else f"> {target}"
    done = subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", *words],
        env={**os.environ, "SLCT_RUNTIME": address},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert "Traceback" not in done.stderr and "fault of slct" not in done.stderr
    if target == "closed":
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert done.returncode in (1, 2)
        assert done.stderr.startswith("error: ") and "No space left on device" in done.stderr
