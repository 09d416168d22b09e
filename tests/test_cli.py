"""The `slct` command against a real runtime and worker, and what it says when it is used wrongly."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime_client import cli

TIMEOUT_S = 30
SLCT = [sys.executable, "-m", "runtime_client.cli"]

Slct = Callable[..., tuple[int, str, str]]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def serve(*words: str | Path) -> subprocess.Popen[str]:
    """Start a server and wait until it says that it is there."""
    server = subprocess.Popen([*SLCT, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line.startswith("slct "), line + server.stdout.read()
    return server


def stop(server: subprocess.Popen[str], signal_number: int = signal.SIGTERM) -> tuple[int, str]:
    server.send_signal(signal_number)
    output, _ = server.communicate(timeout=TIMEOUT_S)
    return server.returncode, output


@pytest.fixture(scope="module")
def address(examples_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a runtime listens, with a worker that serves the examples."""
    address = f"127.0.0.1:{free_port()}"
    store = tmp_path_factory.mktemp("cli") / "slct.db"
    runtime = serve("runtime", "--store", f"sqlite:///{store}", "--listen", address, "--history", "100")
    worker = serve("worker", examples_build, "--runtime", address, "--version", "1")
    yield address
    stop(worker)
    stop(runtime)


@pytest.fixture
def slct(address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Slct:
    """Run one command; gives exit code, stdout and stderr."""
    monkeypatch.setenv("SLCT_RUNTIME", address)
    return lambda *words: run(capsys, *words)


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    try:
        code = cli.main([str(word) for word in words])
    except SystemExit as exit:
        code = int(exit.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def shown(slct: Slct, process_id: str) -> dict[str, Any]:
    code, out, _ = slct("show", process_id, "--format", "json")
    assert code == 0
    description: dict[str, Any] = json.loads(out)
    return description


# --- the life of a process -------------------------------------------------------------------------------------------


def test_counter_from_start_to_result(slct: Slct) -> None:
    assert slct("start", "counter", "--id", "count") == (0, "count\n", "")
    assert slct("start", "counter", "--id", "count") == (0, "count\n", "")
    for number in ("1", "2", "2"):
        assert slct("send", "count", "messages", number, "--key", f"k{number}", "--wait") == (0, "", "")
    assert slct("send", "count", "done", "null") == (0, "", "")
    assert slct("result", "count", "--timeout", "20") == (0, "2\n", "")
    assert shown(slct, "count")["info"]["status"] == "completed"


def test_show_names_function_state_place_locals_and_what_is_waited_for(slct: Slct) -> None:
    slct("start", "order", "ada", "100", "--id", "order-17", "--label", "country=se")
    slct("send", "order-17", "payments", "40", "--wait")
    code, out, err = slct("show", "order-17")
    assert (code, err) == (0, "")
    assert re.search(r"^order-17  order version 1  running  seq \d+$", out, re.MULTILINE)
    assert "labels: country=se" in out
    assert re.search(r"^  paid = 40$", out, re.MULTILINE)
    assert re.search(r"goroutine 1 is parked, waits for recv\(payments\) \| after \d{4}-", out)
    assert re.search(r"order\.py:\d+  Order\.main  Main_\w+", out)
    assert re.search(r"^      customer = 'ada'$", out, re.MULTILINE)
    assert "goroutine 2 is parked" in out
    frame = shown(slct, "order-17")["goroutines"][0]["frames"][0]
    assert frame["locals"] == {"customer": "'ada'", "total": "100"}
    assert frame["place"].startswith("order.py:")


def test_text_is_taken_as_it_is_where_a_str_is_declared(slct: Slct) -> None:
    slct("start", "order", "100", "100", "--id", "order-text")
    assert shown(slct, "order-text")["goroutines"][0]["frames"][0]["locals"] == {"customer": "'100'", "total": "100"}


def test_arguments_by_name_and_options_between_arguments(slct: Slct) -> None:
    assert slct("start", "order", "--id", "order-named", "ada", "--arg", "total=100")[0] == 0
    assert shown(slct, "order-named")["goroutines"][0]["frames"][0]["locals"] == {"customer": "'ada'", "total": "100"}


def test_list_by_definition_status_and_label(slct: Slct) -> None:
    for n in range(3):
        slct("start", "counter", "--id", f"listed-{n}", "--label", "test=list")
    slct("terminate", "listed-1")
    code, out, _ = slct("list", "--label", "test=list", "--status", "running", "--definition", "counter")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["ID", "listed-0", "listed-2"]
    code, out, _ = slct("list", "--label", "test=list", "--format", "json", "--limit", "2")
    assert [info["process_id"] for info in json.loads(out)] == ["listed-0", "listed-1"]
    assert slct("list", "--label", "test=none", "--format", "json")[1] == "[]\n"


def test_cancel_and_terminate_end_a_process(slct: Slct) -> None:
    for verb, status in [("cancel", "cancelled"), ("terminate", "terminated")]:
        slct("start", "counter", "--id", f"to-{verb}")
        assert slct(verb, f"to-{verb}") == (0, "", "")
        code, out, err = slct("result", f"to-{verb}", "--timeout", "20")
        assert (code, out) == (1, "")
        assert err == f"error: process 'to-{verb}' was {status}\nhint: slct show to-{verb}\n"


def test_watch_ends_with_the_process(slct: Slct) -> None:
    slct("start", "counter", "--id", "watched")
    slct("terminate", "watched")
    code, out, _ = slct("watch", "watched")
    assert code == 0
    assert "terminated" in out.splitlines()[-1]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["show", "nobody"], "no process 'nobody'", "slct list"),
        (["send", "nobody", "messages", "1"], "no process 'nobody'", "slct list"),
        (["start", "nothing"], "no definition 'nothing'", "counter, counter_by_hand, order, order_approval"),
        (["start", "order", "ada", "many"], "total", ""),
        (["start", "order", "ada"], "is missing 'total'", ""),
        (["start", "order", "ada", "1", "2"], "takes 2 positional arguments, got 3", ""),
        (["start", "counter", "-J", "not json"], "'not json' is not JSON", "--json"),
        (["result", "nobody"], "no process 'nobody'", "slct list"),
        (["retry", "refused"], "only a faulted one", ""),
        (["send", "refused", "message", "1"], "no channel 'message'", "done, messages"),
        (["close", "refused", "message"], "no channel 'message'", "done, messages"),
        (["start", "order", "ada", "1", "--id", "refused"], "'refused' exists", "another id"),
        (["result", "refused", "--timeout", "0"], "still running", "slct show"),
    ],
)
def test_what_is_refused_is_said_in_one_message(slct: Slct, words: list[str], error: str, hint: str) -> None:
    slct("start", "counter", "--id", "refused")
    code, out, err = slct(*words)
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert len(lines) == 1 + bool(hint)
    assert not hint or (lines[1].startswith("hint: ") and hint in lines[1])


def test_value_that_does_not_fit_is_not_sent(slct: Slct) -> None:
    slct("start", "order", "ada", "100", "--id", "order-fit")
    while any(goroutine["status"] != "parked" for goroutine in shown(slct, "order-fit")["goroutines"]):
        pass  # they come to rest
    before = shown(slct, "order-fit")["info"]["seq"]
    code, _, err = slct("send", "order-fit", "payments", "forty")
    assert code == 1
    assert "payments" in err
    assert "forty" in err
    assert shown(slct, "order-fit")["info"]["seq"] == before


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["show"],
        ["list", "--label", "country"],
        ["list", "--status", "happy"],
        ["list", "--limit", "-1"],
        ["result", "x", "--timeout", "soon"],
        ["show", "x", "--runtime", "localhost"],
        ["runtime", "--listen", "localhost:99999"],
    ],
)
def test_wrong_usage_exits_with_two(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: .+\nhint: slct.* --help\n", err)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--version")
    assert code == 0
    assert re.fullmatch(r"slct \d+\.\d+\.\d+\n", out)


def test_wrong_port(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "list", "--runtime", f"127.0.0.1:{free_port()}")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 2, err
    assert "Traceback" not in err


def test_missing_build(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "worker", tmp_path / "build")
    assert code == 1
    assert "there is no build directory" in err
    assert "hint: compile your sources into it: slct-compile" in err


def test_directory_that_is_no_build(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "worker", tmp_path)
    assert code == 1
    assert "holds no slct_definitions.py" in err
    assert "slct-compile" in err


def test_build_that_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "slct_definitions.py").write_text("import no_such_module\n")
    done = subprocess.run([*SLCT, "worker", tmp_path], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1
    assert "slct_definitions.py:1: ModuleNotFoundError: No module named 'no_such_module'" in done.stderr
    assert "hint: mend that in your sources and compile again" in done.stderr
    assert "Traceback" not in done.stderr


def test_port_in_use(capsys: pytest.CaptureFixture[str], address: str) -> None:
    code, _, err = run(capsys, "runtime", "--store", "memory:", "--listen", address)
    assert code == 1
    assert err.startswith("error: ")
    assert address in err.splitlines()[0]
    assert err.splitlines()[-1].startswith("hint: ")
    assert "Traceback" not in err


def test_store_in_use(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'slct.db'}"
    holder = serve("runtime", "--store", store, "--listen", f"127.0.0.1:{free_port()}")
    code, _, err = run(capsys, "runtime", "--store", store, "--listen", f"127.0.0.1:{free_port()}")
    stop(holder)
    assert code == 1
    assert "is in use by" in err
    assert "hint: stop that runtime, or use another file" in err


def test_store_of_an_unknown_kind(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "runtime", "--store", "oracle://x", "--listen", f"127.0.0.1:{free_port()}")
    assert code == 1
    assert err.startswith("error: ")
    assert "oracle" in err
    assert "fault of slct" not in err


def test_store_that_is_no_database(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and no database at all\n" * 100)
    code, _, err = run(capsys, "runtime", "--store", f"sqlite:///{path}", "--listen", f"127.0.0.1:{free_port()}")
    assert code == 1
    assert str(path) in err.splitlines()[0]
    assert "fault of slct" not in err
    assert path.read_text().startswith("these are notes")


def test_store_in_a_directory_that_does_not_exist(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/none/slct.db"
    code, _, err = run(capsys, "runtime", "--store", store, "--listen", f"127.0.0.1:{free_port()}")
    assert code == 1
    assert "none/slct.db" in err.splitlines()[0]
    assert "fault of slct" not in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only files")
def test_store_that_is_read_only(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "slct.db"
    path.touch()
    path.chmod(stat.S_IRUSR)
    code, _, err = run(capsys, "runtime", "--store", f"sqlite:///{path}", "--listen", f"127.0.0.1:{free_port()}")
    assert code == 1
    assert str(path) in err.splitlines()[0]
    assert "fault of slct" not in err


# --- signals and pipes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("signal_number", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_servers_stop_cleanly(examples_build: Path, tmp_path: Path, signal_number: int, exit_code: int) -> None:
    address = f"127.0.0.1:{free_port()}"
    runtime = serve("runtime", "--store", f"sqlite:///{tmp_path}/slct.db", "--listen", address)
    worker = serve("worker", examples_build, "--runtime", address)
    assert stop(worker, signal_number) == (exit_code, "")
    assert stop(runtime, signal_number) == (exit_code, "")


def test_interrupted_command_is_quiet(slct: Slct, address: str) -> None:
    slct("start", "counter", "--id", "interrupted")
    command = [*SLCT, "watch", "interrupted", "--runtime", address]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    assert watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=TIMEOUT_S)
    assert (watching.returncode, err) == (130, "")


def test_broken_pipe_is_quiet(slct: Slct, address: str) -> None:
    slct("start", "counter", "--id", "piped")
    command = f'{" ".join(SLCT)} show piped --runtime {address}; echo "exit $?" >&2'
    done = subprocess.run(
        ["bash", "-c", f"({command}) | true"], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert re.fullmatch(r"exit (0|141)\n", done.stderr)


def test_queues_are_limited_and_listed(slct: Slct) -> None:
    assert slct("queue", "mail", "--concurrency", "2") == (0, "", "")
    assert slct("queue", "mail", "--concurrency", "3", "--worker-concurrency", "1") == (0, "", "")
    code, out, _ = slct("queues")
    assert code == 0
    assert re.fullmatch(r"QUEUE .*LIMITS\nmail +0 +0 +1 +concurrency 3, worker concurrency 1\n", out), out
    code, out, _ = slct("queues", "--format", "json")
    assert json.loads(out)[0]["limits"] == {
        "name": "mail",
        "concurrency": 3,
        "worker_concurrency": 1,
        "rate": None,
        "worker_rate": None,
    }
    assert slct("queue", "mail", "--rate", "100/60", "--worker-rate", "3") == (0, "", "")
    assert slct("queues")[1].endswith("rate 100/60, worker rate 3/1\n")
    assert slct("queue", "mail", "--unlimited") == (0, "", "")
    assert slct("queues") == (0, "QUEUE  WAITING  RUNNING  WORKERS  LIMITS\n", "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("queue", "mail"), 1, "either what is limited or --unlimited"),
        (("queue", "mail", "--unlimited", "--concurrency", "1"), 1, "either what is limited or --unlimited"),
        (("queue", "mail", "--rate", "0/60"), 2, "'0/60' is not COUNT/SECONDS"),
        (("queue", "mail", "--worker-concurrency", "0"), 2, "'0' is not a number from 1 up"),
        (("worker", "build", "--concurrency", "0"), 2, "'0' is not a number from 1 up"),
    ],
)
def test_limits_that_are_none(slct: Slct, words: tuple[str, ...], code: int, said: str) -> None:
    given, _, err = slct(*words)
    assert given == code
    assert said in err


def test_versions_are_deployed_told_and_moved_between(tmp_path: Path) -> None:
    """Rules 22 and 24, by hand: a dry run, a deployment, one process moved, the rest by themselves, and one that would be stranded."""
    first, second, third = builds_of_three_versions(tmp_path)
    address = f"127.0.0.1:{free_port()}"
    runtime = serve("runtime", "--store", f"sqlite:///{tmp_path}/slct.db", "--listen", address)

    def slct(*words: str | Path) -> tuple[int, str, str]:
        """In an OS process of its own: builds of several versions have modules of the same names."""
        ran = subprocess.run(
            [*SLCT, *words],
            env={**os.environ, "SLCT_RUNTIME": address},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        return ran.returncode, ran.stdout, ran.stderr

    old = serve("worker", first, "--runtime", address, "--version", "1")
    try:
        assert slct("start", "greeter", "--id", "a")[:2] == (0, "a\n")
        assert slct("start", "greeter", "--id", "b")[:2] == (0, "b\n")
        code, out, _ = slct("deploy", third, "--version", "3", "--dry-run")
        assert code == 1
        assert "greeter 1 -> 3: 2 processes\n  2 cannot, and stay on 1 (workers that run it: 1)\n" in out
        assert "'word' is read after it, and is not saved in frames that wait there" in out
        code, out, err = slct("deploy", second, "--version", "2", "--policy", "manual")
        assert code == 0
        assert err.startswith("deployed greeter as version 2, policy manual\nno worker serves version 2 yet")
        assert out == "greeter 1 -> 2: 2 processes\n  2 can go on under 2, when they are told to: slct move\n"
        assert slct("move", "--definition", "greeter", "--to", "2", "--limit", "1") == (
            0,
            "moved 1 process to version 2\n",
            "",
        )
        drawn = slct("graph", "greeter", "--version", "1", "--live")[1]
        assert re.search(r'\["recv\(self\.names\)<br/>greeter\.py:10<br/>1 here"\]', drawn), drawn
        assert "here" not in slct("graph", "greeter", "--version", "1")[1]
        assert "is not deployed" in slct("graph", "greeter", "--version", "7")[2]
        told = json.loads(slct("versions", "--format", "json")[1])
        assert [(each["version"], each["live_count"]) for each in told] == [("1", 1), ("2", 1)]
        assert stop(old)[0] == 0
        code, out, err = slct("deploy", third, "--version", "3")
        assert code == 1
        assert "would stay on version 1, which no worker runs" in err
        assert "nothing was deployed" in err
        assert "no worker runs it" in slct("versions", "greeter")[1]
        code, _, err = slct("move", "a", "b", "--to", "7")
        assert (code, err.count("has no version '7'")) == (1, 2)
        assert slct("move", "--to", "2")[0] == 1
    finally:
        if old.poll() is None:
            stop(old)
        stop(runtime)


GREETER = """
from runtime_client import Channel, Process, recv


class Greeter(Process):
    names = Channel[str]()

    async def main(self) -> str:
        {before}
        name = await recv(self.names)
        return f"{greeting}"
"""


def builds_of_three_versions(folder: Path) -> list[Path]:
    """One program and two edits of it: the first is harmless, the second needs what was not saved."""
    texts = [("pass", "hello {name}"), ("pass", "good day {name}"), ("word = 'good'", "{word} day {name}")]
    builds = []
    source = folder / "src"
    source.mkdir()
    for number, (before, greeting) in enumerate(texts, 1):
        (source / "greeter.py").write_text(GREETER.format(before=before, greeting=greeting), encoding="utf-8")
        builds.append(folder / f"build-{number}")
        compiling = [sys.executable, "-m", "slct_compile", str(source), "-o", str(builds[-1]), "-q"]
        subprocess.run(compiling, check=True, timeout=TIMEOUT_S)
    return builds


def test_a_value_of_a_parked_process_is_edited(slct: Slct) -> None:
    assert slct("start", "order", "ada", "100", "--id", "edited")[0] == 0
    waiting = shown(slct, "edited")
    while not waiting["goroutines"] or "recv(payments)" not in waiting["goroutines"][0]["waits_for"]:
        waiting = shown(slct, "edited")
    code, out, err = slct("edit", "edited", "paid=40", "main.customer=bob", "--who", "ada", "--why", "a test")
    assert (code, out, err) == (0, "paid = 40 (was 0)\nmain.customer = 'bob' (was 'ada')\n", "")
    assert shown(slct, "edited")["fields"]["paid"] == "40"
    code, _, err = slct("edit", "edited", "piad=40", "--why", "a slip")
    assert code == 1
    assert "error: the process has not a shared field 'piad'\nhint: it has paid\n" in err
    assert slct("edit", "edited", "paid=50")[0] == 2
    assert slct("terminate", "edited")[0] == 0


def test_a_process_is_forked(slct: Slct) -> None:
    assert slct("start", "order", "ada", "100", "--id", "forked")[0] == 0
    waiting = shown(slct, "forked")
    while not any("payments" in wait for goroutine in waiting["goroutines"] for wait in goroutine["waits_for"]):
        waiting = shown(slct, "forked")
    seq = str(waiting["info"]["seq"])
    why = ("--who", "ada", "--why", "to see")
    assert slct("fork", "forked", "--at", seq, "--as", "again", *why) == (0, "again\n", "")
    assert f"  forked from forked at {seq}\n" in slct("show", "again")[1]
    assert shown(slct, "again")["forked_from"] == ["forked", int(seq)]
    assert f"forked from forked at {seq}; by ada: to see" in slct("history", "again")[1]
    code, out, err = slct("fork", "forked", "--at", "99", *why)
    assert (code, out) == (1, "")
    assert err == (
        f"error: process 'forked' cannot be forked at 99: it has come to {seq}\nhint: `slct history` has what it has done\n"
    )
    assert slct("fork", "forked", "--at", seq)[0] == 2
    for name in ("forked", "again"):
        assert slct("terminate", name)[0] == 0
