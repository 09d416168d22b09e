"""Named queries: `sql/queries.sql` as values. Knows the form of that file, nothing of what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

Row: TypeAlias = tuple[Any, ...]

ROWS_PER_STATEMENT_MAX = 256
"""Rows given to one statement: 256 rows of the widest query stay far below SQLite's 32,766 parameters."""

_HEAD = re.compile(r"^-- (\w+) --\n-- (.+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement. `text` may hold `{rows}`: then it is given rows of parameters with `for_rows`."""

    name: str
    purpose: str
    text: str

    def for_rows(self, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """The statement for these rows, and its parameters.

        The number of rows is rounded up to a power of two, so that few statements are ever prepared; rows of None
        fill it up.
        """
        assert 0 < len(rows) <= ROWS_PER_STATEMENT_MAX, f"{len(rows)} rows for one statement"
        width = len(rows[0])
        count = 1 << (len(rows) - 1).bit_length()
        parameters = [value for row in rows for value in row]
        parameters.extend([None] * (width * (count - len(rows))))
        return _expanded(self.text, width, count), parameters


@cache
def _expanded(text: str, width: int, count: int) -> str:
    row = f"({', '.join('?' * width)})"
    return text.replace("{rows}", ", ".join([row] * count))


def parse_queries(text: str) -> dict[str, Query]:
    """The queries of a file, by name.

    Raises:
      ValueError: two queries have one name.
    """
    queries: dict[str, Query] = {}
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends, strict=True):
        name, purpose = head.groups()
        if name in queries:
            raise ValueError(f"two queries are named {name!r}")
        queries[name] = Query(name, purpose, text[head.end() : end].strip())
    return queries


def load_queries() -> dict[str, Query]:
    """The queries of this package."""
    return parse_queries((files(__package__) / "sql" / "queries.sql").read_text("utf-8"))
