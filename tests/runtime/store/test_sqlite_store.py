"""What only the SQLite store promises: its file, its lock, and what happens when the disk or the process gives up."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_rows import advance, creation, load_one, message, output

from slct_runtime.store import MemoryStore, SqliteStore, open_store
from slct_runtime.store.base import (
    DefinitionRow,
    ProcessCommit,
    SchemaTooNew,
    StoreError,
    StoreInUse,
    StoreUnavailable,
)

HERE = Path(__file__).resolve().parent
BIG = "x" * 100_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slct.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, busy_timeout_ms=20)
    yield opened
    opened.close()


def run_program(name: str, *arguments: object) -> subprocess.Popen[str]:
    """A program of this folder as a process of its own; what it says comes through a pipe."""
    command = [sys.executable, str(HERE / name), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[2]), str(HERE)])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


# --- URLs ---------------------------------------------------------------------------------------------------------------


def test_urls_of_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_store("memory:"), MemoryStore)
    for url, file in (
        ("sqlite:///relative.db", "relative.db"),
        (f"sqlite:///{tmp_path}/absolute.db", "absolute.db"),
        ("plain.db", "plain.db"),
        (f"{tmp_path}/plain absolute", "plain absolute"),
    ):
        opened = open_store(url)
        assert isinstance(opened, SqliteStore)
        assert Path(opened.path) == (tmp_path / file).resolve()
        assert (tmp_path / file).is_file()
        opened.close()


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgres://host/db", "PostgreSQL is not supported yet"),
        ("postgresql://host/db", "PostgreSQL is not supported yet"),
        ("mysql://host/db", "of an unknown kind 'mysql'"),
        ("sqlite:slct.db", "names no file"),
        ("sqlite:///", "names no file"),
        ("", "no name"),
    ],
)
def test_url_that_names_no_store_is_refused_with_help(url: str, part: str) -> None:
    with pytest.raises(StoreError, match=part) as caught:
        open_store(url)
    assert "\n  help: " in str(caught.value)


# --- what is stored stays ---------------------------------------------------------------------------------------------------


def test_everything_is_there_after_opening_again(path: Path) -> None:
    first = SqliteStore(path)
    commit = advance("p", 0, {"due_ms": 5}, inbox_insert=(message("p", 1),), outputs_insert=(output("p", 0),))
    first.commit([creation("p"), commit])
    first.put_definitions([DefinitionRow("order", "1", "{}", 1)])
    before = load_one(first, "p")
    first.close()
    second = SqliteStore(path)
    assert load_one(second, "p") == before
    assert (second.due(5, 9), len(second.outputs("p", 0, 9)), len(second.definitions())) == ([("p", 5)], 1, 1)
    second.close()


def test_durability_is_as_promised(store: SqliteStore) -> None:
    (mode,) = store._writer.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = store._writer.execute("PRAGMA synchronous").fetchone()
    assert (mode, synchronous) == ("wal", 2)


@pytest.mark.parametrize("commits_before_kill", [1, 40])
def test_kill_loses_nothing_that_was_acknowledged(path: Path, commits_before_kill: int) -> None:
    """The program says a seq once its commit has returned, and goes on committing until it is killed."""
    program = run_program("committing_program.py", path)
    assert program.stdout is not None
    acknowledged = 0
    while acknowledged < commits_before_kill:
        acknowledged = int(program.stdout.readline())
    program.send_signal(signal.SIGKILL)
    for line in program.stdout:
        acknowledged = int(line) if line.endswith("\n") else acknowledged
    program.stdout.close()
    assert program.wait() == -signal.SIGKILL
    store = SqliteStore(path)
    loaded = load_one(store, "p")
    seq = loaded.row.seq
    assert seq in (acknowledged, acknowledged + 1), "a commit may be stored whose acknowledgement was cut off"
    assert [row.offset for row in store.outputs("p", 0, seq + 10)] == list(range(seq))
    assert [row.position for row in loaded.inbox] == [seq]
    assert store._reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close()


# --- one runtime at a time --------------------------------------------------------------------------------------------------


def test_second_store_on_one_file_is_refused_and_told_who_holds_it(path: Path, store: SqliteStore) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(StoreInUse, match=f"in use by process {os.getpid()} on ") as caught:
            SqliteStore(name)
        assert "\n  help: " in str(caught.value)
    store.close()
    SqliteStore(link).close()


def test_lock_ends_with_the_process_that_held_it(path: Path) -> None:
    program = run_program("committing_program.py", path)
    assert program.stdout is not None
    program.stdout.readline()
    with pytest.raises(StoreInUse, match=f"process {program.pid} on "):
        SqliteStore(path)
    program.send_signal(signal.SIGKILL)
    program.wait()
    program.stdout.close()
    SqliteStore(path).close()


def test_store_that_cannot_be_opened_lets_go_of_the_lock(path: Path) -> None:
    path.write_text("this is no database, " * 100)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="file is not a database"):
            SqliteStore(path)


# --- a place that does not do -----------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory as somebody without privileges sees it: for root no file is read-only."""
    if os.geteuid() != 0:
        yield tmp_path
        return
    nobody = 65534
    directory = Path(tempfile.mkdtemp())
    os.chown(directory, nobody, nobody)
    os.seteuid(nobody)
    try:
        yield directory
    finally:
        os.seteuid(0)
        directory.chmod(0o700)
        shutil.rmtree(directory)


def refused(path: Path, part: str) -> None:
    with pytest.raises(StoreUnavailable, match=part) as caught:
        SqliteStore(path, busy_timeout_ms=20)
    assert caught.value.help
    assert str(caught.value).startswith(f"store {str(path)!r} is unavailable: ")


def test_missing_directory(tmp_path: Path) -> None:
    refused(tmp_path / "no" / "slct.db", "there is no directory")
    assert list(tmp_path.iterdir()) == []


def test_path_that_is_a_directory(tmp_path: Path) -> None:
    refused(tmp_path, "it is a directory")


def test_read_only_directory(place: Path) -> None:
    place.chmod(0o500)
    refused(place / "slct.db", "Permission denied")


def test_read_only_file(place: Path) -> None:
    file = place / "slct.db"
    SqliteStore(file).close()
    file.chmod(0o400)
    refused(file, "it is read-only")
    file.chmod(0o600)
    SqliteStore(file).close()


def test_database_of_another_program_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE process (id)")
    other.close()
    refused(path, "another program")
    other = sqlite3.connect(path)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("process",)]
    other.close()


def test_newer_schema_is_refused(path: Path) -> None:
    store = SqliteStore(path)
    store._writer.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(SchemaTooNew, match="schema version 99") as caught:
        SqliteStore(path)
    assert caught.value.held == 99


# --- a disk that is full, a file that is busy ---------------------------------------------------------------------------------


def test_full_disk_refuses_the_commit_and_the_next_one_works_once_there_is_room(store: SqliteStore) -> None:
    store.commit([creation("p")])
    (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="database or disk is full") as caught:
            store.commit([advance("p", 0), creation("big", document=BIG)])
    assert "make room" in caught.value.help
    assert (load_one(store, "p").row.seq, store.load(["big"])) == (0, [])
    assert store.commit([advance("p", 0)]) == [], "what fits is still stored"
    store._writer.execute("PRAGMA max_page_count = 1000000")
    assert store.commit([advance("p", 1), creation("big", document=BIG)]) == []
    assert load_one(store, "big").row.document == BIG


def test_file_that_may_not_grow_refuses_the_commit_and_nothing_is_lost(path: Path) -> None:
    """A real limit of the system, in a process of its own."""
    program = run_program("limited_program.py", path)
    said, _ = program.communicate()
    assert program.returncode == 0
    assert said.splitlines() == ["refused StoreUnavailable", "kept 0", "stored []"]
    store = SqliteStore(path)
    assert load_one(store, "p").row.seq == 1
    assert len(load_one(store, "big").row.document) == 400_000
    store.close()


def test_file_locked_by_another_program(path: Path, store: SqliteStore) -> None:
    store.commit([creation("p")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="database is locked") as caught:
        store.commit([advance("p", 0)])
    assert "another program" in caught.value.help
    assert load_one(store, "p").row.seq == 0, "readers do not wait"
    other.execute("ROLLBACK")
    other.close()
    assert store.commit([advance("p", 0)]) == []


def test_value_that_no_database_can_hold_refuses_the_commit(store: SqliteStore) -> None:
    store.commit([creation("p")])
    for row in ({"document": "\ud800"}, {"due_ms": 1 << 70}):
        with pytest.raises(StoreError, match="cannot keep a value"):
            store.commit([advance("p", 0, row)])
    assert store.commit([advance("p", 0)]) == []


def test_open_that_fails_midway_changes_nothing(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    refused(path, "locked")
    other.execute("ROLLBACK")
    other.close()
    SqliteStore(path).close()


# --- the log, threads ----------------------------------------------------------------------------------------------------------


def test_log_is_bounded_and_gone_after_close(path: Path, store: SqliteStore) -> None:
    log = path.with_name("slct.db-wal")
    store.commit([creation(f"p{n}", document="x" * 3_000) for n in range(20)])
    sizes = []
    for seq in range(150):
        store.commit([advance(f"p{n}", seq, {"document": f"{seq:03}" * 1_000}) for n in range(20)])
        sizes.append(log.stat().st_size)
    assert sum(size > before for before, size in itertools.pairwise(sizes)) < 100, "it starts over"
    assert max(sizes) < 3 * 1000 * 4096
    store.close()
    assert not log.exists()


def test_reader_sees_whole_commits_while_another_thread_writes(store: SqliteStore) -> None:
    """In every commit the inbox holds exactly the position that equals the row's seq."""
    store.commit([creation("p"), ProcessCommit("p", inbox_insert=(message("p", 0),))])
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for seq in range(200):
                store.commit([advance("p", seq, inbox_delete=(seq,), inbox_insert=(message("p", seq + 1),))])
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while seen < 200 and not failures:
        loaded = load_one(store, "p")
        assert [row.position for row in loaded.inbox] == [loaded.row.seq]
        seen = loaded.row.seq
    writer.join()
    assert failures == []


def test_definitions_may_be_put_while_another_thread_commits(store: SqliteStore) -> None:
    store.commit([creation("p")])
    threads = [
        threading.Thread(target=lambda: [store.commit([advance("p", seq)]) for seq in range(100)]),
        threading.Thread(
            target=lambda: [store.put_definitions([DefinitionRow("order", str(n), "{}", n)]) for n in range(100)]
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (load_one(store, "p").row.seq, len(store.definitions())) == (100, 100)


def test_parked_process_takes_little_room(path: Path, store: SqliteStore) -> None:
    """Beyond its own texts, a parked process with a deadline costs less than 150 bytes on disk."""
    core, document = "c" * 80, "d" * 120
    empty_size = path.stat().st_size + path.with_name(path.name + "-wal").stat().st_size
    names = [f"order-{n * 2654435761 % 2**64:016x}" for n in range(5_000)]
    store.commit([creation(name, core=core) for name in names])
    parked = {"core": core, "document": document, "arguments": "", "due_ms": 1_900_000_000_000}
    for start in range(0, len(names), 100):
        store.commit([advance(name, 0, parked) for name in names[start : start + 100]])
    store.close()
    texts = len(core) + len(document) + len(names[0])
    assert (path.stat().st_size - empty_size) / len(names) - texts < 160
