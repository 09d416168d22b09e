"""Schema, migrations and named queries."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from slct_runtime.store import _schema, sqlite
from slct_runtime.store._codes import KINDS, STATUSES
from slct_runtime.store._queries import Query, load_queries, parse_queries
from slct_runtime.store._schema import migrate, migrations, split_statements

SCHEMA = (files("slct_runtime.store") / "sql" / "schema.sql").read_text("utf-8")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database in memory, brought to the schema by the migrations."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        migrate(opened, "test")
        yield opened


def objects(connection: sqlite3.Connection) -> dict[str, str]:
    """Every table and index by name, its text without comments and layout."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: re.sub(r"\s+", " ", re.sub(r"--.*", "", sql)).replace(" )", ")") for name, sql in rows}


def test_all_migrations_applied_equal_schema_sql(connection: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(":memory:")) as written:
        written.executescript(SCHEMA)
        assert objects(connection) == objects(written)


def test_schema_explains_every_status_and_kind() -> None:
    for words in (STATUSES, KINDS):
        for code, word in enumerate(words):
            assert re.search(rf"--.*\b{code} {word}\b", SCHEMA), word


def test_version_counts_the_migrations_and_the_file_is_marked(connection: sqlite3.Connection) -> None:
    assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    assert connection.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"slct", "big"),)
    migrate(connection, "test")


def test_later_migration_is_applied_to_an_older_file(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [*migrations(), "CREATE TABLE later (a);\n-- and\nINSERT INTO later VALUES ('a;b');\n"]
    monkeypatch.setattr(_schema, "migrations", lambda: steps)
    migrate(connection, "test")
    assert connection.execute("SELECT a FROM later").fetchall() == [("a;b",)]
    assert connection.execute("PRAGMA user_version").fetchone() == (len(steps),)


def test_migration_that_fails_leaves_the_file_as_it_was(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = objects(connection)
    steps = [*migrations(), "CREATE TABLE later (a);", "CREATE TABLE process (a);"]
    monkeypatch.setattr(_schema, "migrations", lambda: steps)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection, "test")
    assert objects(connection) == before
    assert not connection.in_transaction


def test_statements_are_split_where_they_end() -> None:
    script = "-- first; not an end\nCREATE TABLE a (x); -- after\nINSERT INTO a\nVALUES (';');\n"
    assert len(list(split_statements(script))) == 2
    with pytest.raises(AssertionError, match="inside a statement"):
        list(split_statements("CREATE TABLE a (x)"))


# --- queries ---------------------------------------------------------------------------------------------------------


def prepared(connection: sqlite3.Connection, query: Query) -> tuple[str, list[None]]:
    """The statement for three rows of nothing."""
    if "{rows}" not in query.text:
        return query.text, [None] * query.text.count("?")
    for width in range(1, 20):
        text, parameters = query.for_rows([(None,) * width] * 3)
        try:
            connection.execute(f"EXPLAIN {text}", parameters)
        except sqlite3.OperationalError:
            continue
        return text, parameters
    raise AssertionError(f"query {query.name!r} takes rows of no width")


def plan_of(connection: sqlite3.Connection, query: Query) -> list[str]:
    text, parameters = prepared(connection, query)
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]


@pytest.mark.parametrize("query", load_queries().values(), ids=lambda query: query.name)
def test_query_finds_its_rows_by_an_index(connection: sqlite3.Connection, query: Query) -> None:
    plan = plan_of(connection, query)
    scans = [
        step for step in plan if re.match(r"SCAN (process|inbox|effect|message_key|output)\b(?! USING COVERING)", step)
    ]
    allowed = ["SCAN message_key"] if query.name == "delete_old_keys" else []
    assert scans == allowed, plan


@pytest.mark.parametrize("query", ["delete_inbox", "delete_effects"])
def test_deletion_searches_by_the_whole_key(connection: sqlite3.Connection, query: str) -> None:
    plan = plan_of(connection, load_queries()[query])
    assert re.search(r"\(process_id=\? AND \w+=\?\)", plan[0]), plan


def test_every_query_is_used_and_has_a_purpose() -> None:
    source = Path(sqlite.__file__).read_text("utf-8")
    for query in load_queries().values():
        assert query.purpose.endswith("."), query.name
        assert f'"{query.name}"' in source or query.name.startswith("delete_processes"), query.name


def test_rows_are_filled_up_to_a_power_of_two() -> None:
    query = Query("q", "", "VALUES {rows}")
    for count, expanded in ((1, 1), (2, 2), (3, 4), (5, 8), (256, 256)):
        text, parameters = query.for_rows([(1, 2)] * count)
        assert text.count("(?, ?)") == expanded
        assert parameters == [1, 2] * count + [None] * 2 * (expanded - count)


def test_two_queries_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two queries are named 'a'"):
        parse_queries("-- a --\n-- One.\nSELECT 1\n-- a --\n-- Two.\nSELECT 2\n")
