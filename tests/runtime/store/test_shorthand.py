"""Documents in shorthand: any text comes back, what is stored stays the same for ever, and older files are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_rows import advance, creation, effect, load_one

from slct_runtime.store import SqliteStore
from slct_runtime.store._shorthand import CHARACTERS_MAX, FRAGMENTS, MARK, shortened, spelt_out

PARKED = (
    '{"format":1,"process":{},"goroutines":[[1,[{"$":"frame","function":"shop:Order.main","state":"Main_RecvPaid",'
    '"at":"shop.py:18","slots":{},"receiver":{"$":"process"}}]]],"waits":[[1,null,[["recv","paid"]]]],"outcomes":[],'
    '"pinned":[],"next":{"goroutine":2,"channel":1,"effect":3,"child":1}}'
)
PARKED_STORED = (
    '\x01a\x01b\x01cshop:Order.main\x01dMain_RecvPaid\x01eshop.py:18\x01f\x01g\x01h\x01irecv","paid"\x01j3\x01k'
)
SEVERAL = (
    '{"format":1,"process":{"lines":{"$":"list","v":[{"$":"object","type":"shop:Line","v":{"what":"book"},"$id":2}],"$id":1}},'
    '"goroutines":[[1,[]],[2,[]]],"waits":[],"outcomes":[],"pinned":[],"next":{"goroutine":3,"channel":1,"effect":1,'
    '"child":2},"line":{"$ref":2}}'
)
SEVERAL_STORED = (
    '\x01a"lines":\x01plist","v":[\x01nshop:Line\x01o"what":"book"}\x01r2}]\x01r1}\x01b]],[2,[]]],"waits":['
    '\x01l3\x01m1,"child":2},"line":\x01q2}}'
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slct.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    opened.close()


@pytest.mark.parametrize(("text", "stored"), [(PARKED, PARKED_STORED), (SEVERAL, SEVERAL_STORED)])
def test_what_is_stored_stays_the_same(text: str, stored: str) -> None:
    """Never to be edited: files are full of it."""
    assert shortened(text) == stored
    assert spelt_out(stored) == text


def test_every_letter_is_in_those() -> None:
    assert {part[0] for stored in (PARKED_STORED, SEVERAL_STORED) for part in stored.split(MARK)[1:]} == set(FRAGMENTS)


@given(st.lists(st.sampled_from([*FRAGMENTS.values(), *FRAGMENTS, MARK, "0", '"', "{", "x"]) | st.text()).map("".join))
def test_any_text_comes_back(text: str) -> None:
    assert spelt_out(shortened(text)) == text


def test_long_texts_stay_as_they_are() -> None:
    text = PARKED + " " * CHARACTERS_MAX
    assert shortened(text) == text
    assert spelt_out(shortened(text + MARK)) == text + MARK


def stored_document(path: Path, process_id: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("SELECT document FROM process WHERE process_id = ?", (process_id,)).fetchone()
    return str(found)


def test_a_parked_process_is_kept_in_shorthand(store: SqliteStore, path: Path) -> None:
    store.commit([creation("born", document=PARKED), creation("grown")])
    store.commit([advance("grown", 0, {"document": PARKED})])
    for process_id in ("born", "grown"):
        assert stored_document(path, process_id) == PARKED_STORED
        assert load_one(store, process_id).row.document == PARKED


def test_one_that_asks_for_an_effect_is_not(store: SqliteStore, path: Path) -> None:
    store.commit([creation("order-17")])
    store.commit([advance("order-17", 0, {"document": PARKED}, effects_upsert=(effect("order-17", 1),))])
    assert stored_document(path, "order-17") == PARKED
    assert load_one(store, "order-17").row.document == PARKED


def test_what_was_stored_before_there_was_shorthand_is_read(path: Path) -> None:
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE state")
        connection.execute("PRAGMA user_version = 8")
        connection.execute(
            """
            INSERT INTO process (process_id, status, is_ready, seq, created_ms, updated_ms, definition, version,
                                 arguments_digest, core, document, arguments)
            VALUES ('order-17', 0, 0, 1, 1, 1, 'order', '1', '', '{"format":1}', ?, '')
            """,
            (PARKED,),
        )
        connection.commit()
    with closing(SqliteStore(path)) as opened:
        row = load_one(opened, "order-17").row
    assert (row.core, row.document) == ('{"format":1}', PARKED)
