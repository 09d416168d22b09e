"""Stores: where processes are while nobody runs them.

base.py     the protocol, its rows and errors
sqlite.py   one file, one runtime: the embedded default and the single-machine server
memory.py   nothing on disk: tests and simulations
sql/        schema, migrations and named queries of the SQLite dialect
"""

from __future__ import annotations

from .base import Store, StoreError
from .memory import MemoryStore
from .sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore", "Store", "open_store"]


def open_store(url: str) -> Store:
    """The store that a URL names: `sqlite:///relative.db`, `sqlite:////absolute.db`, a plain path, or `memory:`.

    Raises:
      StoreError: the URL names no store that there is, or that store cannot be opened.
    """
    scheme, colon, rest = url.partition(":")
    if url == "memory:":
        return MemoryStore()
    if scheme == "sqlite" and colon:
        if not rest.startswith("///") or rest == "///":
            raise StoreError(
                f"store {url!r} names no file\n  help: write sqlite:///relative.db or sqlite:////absolute.db"
            )
        return SqliteStore(rest.removeprefix("///"))
    if scheme in ("postgres", "postgresql") and colon:
        raise StoreError(f"store {url!r}: PostgreSQL is not supported yet\n  help: use sqlite:///slct.db")
    if rest.startswith("//"):
        raise StoreError(f"store {url!r} is of an unknown kind {scheme!r}\n  help: use sqlite:///slct.db or memory:")
    if not url:
        raise StoreError("the store has no name\n  help: use sqlite:///slct.db or memory:")
    return SqliteStore(url)
