"""Brings a database file to the schema that this slct knows. Forward only, all steps in one transaction.

The version is `PRAGMA user_version`: how many of `sql/migrations/` have been applied. `PRAGMA application_id` marks the
file as ours, so that another program's database is refused rather than filled with tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files

from .base import SchemaTooNew, StoreUnavailable

APPLICATION_ID = 0x736C6374
"""'slct' in ASCII."""


def migrations() -> list[str]:
    """The migrations in order; the first leads to version 1."""
    folder = files(__package__) / "sql" / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1)), f"migrations with gaps: {names}"
    return [(folder / name).read_text("utf-8") for name in names]


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Apply what is missing.

    Raises:
      SchemaTooNew: a newer slct has written the file.
      StoreUnavailable: the file belongs to another program.
      sqlite3.Error: it cannot be read or written; nothing was changed.
    """
    steps = migrations()
    connection.execute("BEGIN IMMEDIATE")
    try:
        held = _held_version(connection, path)
        if held > len(steps):
            raise SchemaTooNew(path, held, len(steps))
        for step in steps[held:]:
            for statement in split_statements(step):
                connection.execute(statement)
        if held < len(steps):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _held_version(connection: sqlite3.Connection, path: str) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    is_ours = application == APPLICATION_ID or (application == 0 and version == 0 and tables == 0)
    if not is_ours:
        raise StoreUnavailable(path, "it is a database of another program", "name a file of its own for the store")
    return int(version)


def split_statements(script: str) -> Iterator[str]:
    """The statements of a script. NB: `executescript` would commit first, and a migration is one transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    assert not statement.strip(), f"a script ends inside a statement: {statement!r}"
