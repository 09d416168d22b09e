"""Random batches: the memory store and the SQLite store say the same at every step."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_rows import effect, history, key, message, outcome, output, process, reply, state

from slct_runtime.store import MemoryStore, SqliteStore
from slct_runtime.store.base import ProcessCommit, ProcessFilter, Store, StoreUnavailable

IDS = ["a", "b", "c", "ä"]
process_ids = st.sampled_from(IDS)
small = st.integers(0, 4)
statuses = st.sampled_from(["running", "running", "running", "completed", "faulted", "terminated"])


@st.composite
def rows(draw: st.DrawFn, process_id: str, seq: int) -> Any:
    return process(
        process_id,
        seq,
        status=draw(statuses),
        due_ms=draw(st.none() | small),
        is_ready=draw(st.booleans()),
        updated_ms=draw(small),
        document=draw(st.sampled_from(["", "{}"])),
        labels=draw(st.dictionaries(st.sampled_from("xy"), st.sampled_from("12"), max_size=2)),
    )


def some(elements: st.SearchStrategy[Any], max_size: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(elements, max_size=max_size).map(tuple)


arrivals = st.builds(message, process_ids, small) | st.builds(
    outcome, process_ids, small, st.integers(1, 2), kind=st.sampled_from(["effect", "child"])
)


@st.composite
def commits(draw: st.DrawFn) -> ProcessCommit:
    own = draw(process_ids)
    expected = draw(st.none() | st.integers(0, 3))
    has_row = draw(st.booleans())
    return ProcessCommit(
        own,
        row=draw(rows(own, 0 if expected is None else expected + 1)) if has_row else None,
        expected_seq=expected if has_row else None,
        inbox_insert=draw(some(arrivals)),
        inbox_delete=draw(some(small)),
        keys_insert=draw(some(st.builds(key, st.just(own), st.sampled_from("kl"), st.sampled_from("12"), small))),
        effects_upsert=draw(some(st.builds(effect, st.just(own), small, small, small))),
        effects_delete=draw(some(small)),
        outputs_insert=draw(some(st.builds(output, st.just(own), small), max_size=1)),
        watches_insert=draw(some(st.sampled_from([*IDS, "nobody"]))),
        watches_delete=draw(some(st.sampled_from([*IDS, "nobody"]), max_size=1)),
        history_insert=draw(some(st.builds(history, st.just(own), small), max_size=1)),
        history_delete_until=draw(st.none() | small),
        states_insert=draw(
            some(
                st.builds(state, st.just(own), small, st.sampled_from(["", "{}"]), st.sampled_from(["", "[1]"])),
                max_size=1,
            )
        ),
        replies_insert=draw(some(st.builds(reply, st.just(own), st.sampled_from("rs"), st.sampled_from("12")))),
        create=draw(some(process_ids.flatmap(lambda one: rows(one, 0)), max_size=1)),
    )


def committed(store: Store, batch: list[ProcessCommit]) -> Any:
    try:
        return store.commit(batch)
    except StoreUnavailable:
        return "refused"


def all_of(store: Store) -> Any:
    """Whatever can be asked."""
    return (
        sorted(store.load(IDS), key=lambda one: one.row.process_id),
        store.due(2, 5),
        store.runnable("", 10),
        store.runnable("a", 1),
        sorted(store.find_keys([(one, k) for one in IDS for k in "kl"], 2), key=repr),
        [store.outputs(one, 1, 2) for one in IDS],
        store.watchers([*IDS, "nobody"]),
        (store.ended_watches(("", ""), 9), store.ended_watches(("a", "b"), 2)),
        [store.history(one, 1, 2) for one in IDS],
        [store.find_state(one, seq) for one in (*IDS, "nobody") for seq in (1, 2)],
        [store.used_after(one, 1) for one in (*IDS, "nobody")],
        [store.find_reply(one, r) for one in IDS for r in "rs"],
        store.query(ProcessFilter(), "", 10),
        store.query(ProcessFilter(status="running", labels={"x": "1"}), "a", 2),
    )


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=st.lists(st.lists(commits(), max_size=4), max_size=6), before_ms=small)
def test_memory_and_sqlite_agree(batches: list[list[ProcessCommit]], before_ms: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        memory, sqlite = MemoryStore(), SqliteStore(Path(directory) / "slct.db")
        sqlite._writer.execute("PRAGMA synchronous = OFF")  # nothing here is about the disk
        try:
            for batch in batches:
                assert committed(memory, batch) == committed(sqlite, batch)
                assert all_of(memory) == all_of(sqlite)
            assert memory.vacuum(before_ms) == sqlite.vacuum(before_ms)
            assert all_of(memory) == all_of(sqlite)
        finally:
            sqlite.close()
