"""What every store promises, tried on every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_rows import (
    advance,
    creation,
    effect,
    history,
    key,
    load_one,
    message,
    outcome,
    output,
    process,
    reply,
    state,
)

from slct_runtime.store import MemoryStore, SqliteStore
from slct_runtime.store.base import (
    BeginningRow,
    Conflict,
    DefinitionRow,
    InboxRow,
    LoadedProcess,
    ProcessCommit,
    ProcessFilter,
    ProcessSummary,
    QueueRow,
    Store,
    StoreUnavailable,
)

ANY = ProcessFilter()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "slct.db")
    yield opened
    opened.close()


def ids(store: Store) -> list[str]:
    return [one.process_id for one in store.query(ANY, "", 1000)]


# --- rows and their seq (rule 25) -----------------------------------------------------------------------------------


def test_empty_batch_changes_nothing(store: Store) -> None:
    assert store.commit([]) == []
    assert ids(store) == []


def test_created_process_is_loaded_as_it_was_given(store: Store) -> None:
    row = process(
        "order-17",
        status="failed",
        due_ms=99,
        is_ready=True,
        document='{"process":{}}',
        labels={"country": "se"},
        result="1",
        error='{"$":"exception"}',
    )
    assert store.commit([ProcessCommit("order-17", row)]) == []
    loaded = load_one(store, "order-17")
    assert (loaded.row, loaded.inbox, loaded.effects) == (row, (), ())


def test_creating_a_process_that_exists_is_a_conflict_and_changes_nothing(store: Store) -> None:
    store.commit([creation("p", document="old")])
    again = ProcessCommit("p", process("p", document="new"), keys_insert=(key("p", "k"),))
    assert store.commit([again]) == [Conflict("p", held_seq=0, given_seq=None)]
    assert load_one(store, "p").row.document == "old"
    assert store.find_keys([("p", "k")], 0) == []


def test_row_is_replaced_from_the_seq_it_started_from(store: Store) -> None:
    store.commit([creation("p", is_ready=True)])
    changes = {
        "status": "completed",
        "document": "{}",
        "arguments": "",
        "result": "42",
        "updated_ms": 2_000,
        "due_ms": 3,
    }
    assert store.commit([advance("p", 0, {**changes, "version": "2", "labels": {"a": "b"}})]) == []
    assert load_one(store, "p").row == process("p", 1, **changes, version="2", labels={"a": "b"})


def test_advancing_keeps_creation_time_and_digest(store: Store) -> None:
    store.commit([creation("p")])
    store.commit([advance("p", 0, {"created_ms": 9, "arguments_digest": "other"})])
    row = load_one(store, "p").row
    assert (row.created_ms, row.arguments_digest) == (1_000, "0123456789abcdef")


@pytest.mark.parametrize("expected", [0, 2])
def test_another_seq_is_a_conflict_that_names_both(store: Store, expected: int) -> None:
    store.commit([creation("p"), advance("p", 0)])
    assert store.commit([advance("p", expected)]) == [Conflict("p", held_seq=1, given_seq=expected)]


def test_advancing_an_unknown_process_is_a_conflict(store: Store) -> None:
    assert store.commit([advance("nobody", 3)]) == [Conflict("nobody", held_seq=None, given_seq=3)]
    assert store.load(["nobody"]) == []


def test_conflict_leaves_nothing_of_itself_and_the_others_are_stored(store: Store) -> None:
    store.commit([creation("a"), creation("b"), creation("c")])
    stale = advance(
        "b",
        5,
        inbox_insert=(message("b", 1), message("c", 9)),
        keys_insert=(key("b", "k"),),
        effects_upsert=(effect("b", 1),),
        outputs_insert=(output("b", 0),),
        create=(process("child"),),
    )
    good = [advance(one, 0, inbox_insert=(message(one, 1),), outputs_insert=(output(one, 0),)) for one in ("a", "c")]
    assert store.commit([good[0], stale, good[1]]) == [Conflict("b", held_seq=0, given_seq=5)]
    a, b, c = (load_one(store, one) for one in "abc")
    assert (a.row.seq, len(a.inbox), b.row.seq, b.inbox, b.effects, c.row.seq) == (1, 1, 0, (), (), 1)
    assert c.inbox == (message("c", 1),)
    assert (store.find_keys([("b", "k")], 0), store.outputs("b", 0, 9), store.load(["child"])) == ([], [], [])


def test_commits_of_one_process_in_one_batch_follow_each_other(store: Store) -> None:
    first = creation("p")
    second = advance("p", 0, inbox_insert=(message("p", 1),), effects_upsert=(effect("p", 1),))
    third = advance("p", 1, inbox_delete=(1,), effects_delete=(1,), inbox_insert=(message("p", 2),))
    assert store.commit([first, second, advance("p", 0), third]) == [Conflict("p", held_seq=1, given_seq=0)]
    loaded = load_one(store, "p")
    assert (loaded.row.seq, loaded.inbox, loaded.effects) == (2, (message("p", 2),), ())


def test_batch_larger_than_one_statement(store: Store) -> None:
    names = [f"p-{number:04}" for number in range(700)]
    assert store.commit([creation(name) for name in names]) == []
    advances = [advance(name, 0, inbox_insert=(message(name, 1), message(name, 2))) for name in names]
    assert store.commit(advances) == []
    assert store.commit([advance(name, 1, inbox_delete=(1,)) for name in names]) == []
    loaded = {one.row.process_id: one for one in store.load(names)}
    assert sorted(loaded) == names
    assert all(one.row.seq == 2 and one.inbox == (message(name, 2),) for name, one in loaded.items())


def test_load_of_no_process_or_of_one_asked_twice(store: Store) -> None:
    store.commit([creation("p")])
    assert store.load([]) == []
    assert [one.row.process_id for one in store.load(["p", "nobody", "p"])] == ["p"]


# --- inbox ----------------------------------------------------------------------------------------------------------


def test_arrivals_without_a_row_are_stored_in_order_of_position(store: Store) -> None:
    store.commit([creation("p")])
    rows = [InboxRow(3, "p", "close", "notes", at_ms=8), message("p", 1), InboxRow(10, "p", "cancel", "")]
    assert store.commit([ProcessCommit("p", inbox_insert=tuple(rows))]) == []
    loaded = load_one(store, "p")
    assert (loaded.row.seq, loaded.inbox) == (0, (rows[1], rows[0], rows[2]))


def test_arrival_at_a_process_that_does_not_exist_is_a_conflict(store: Store) -> None:
    commit = ProcessCommit("nobody", inbox_insert=(message("nobody", 1),), keys_insert=(key("nobody", "k"),))
    assert store.commit([commit]) == [Conflict("nobody", held_seq=None, given_seq=None)]
    assert store.find_keys([("nobody", "k")], 0) == []


def test_messages_and_children_stand_with_the_commit(store: Store) -> None:
    store.commit([creation("parent"), creation("friend")])
    commit = advance(
        "parent", 0, inbox_insert=(message("friend", 1), message("child", 1)), create=(process("child", is_ready=True),)
    )
    assert store.commit([commit]) == []
    assert load_one(store, "friend").inbox == (message("friend", 1),)
    assert load_one(store, "child").inbox == (message("child", 1),)
    assert load_one(store, "child").row == process("child", is_ready=True)


def test_child_whose_id_exists_is_left_as_it_is(store: Store) -> None:
    store.commit([creation("parent"), creation("child", document="grown")])
    assert store.commit([advance("parent", 0, create=(process("child", document="new"),))]) == []
    assert load_one(store, "child").row.document == "grown"


def test_commit_that_concerns_another_of_its_batch_sees_what_came_before(store: Store) -> None:
    store.commit([creation("a")])
    batch = [advance("a", 0, create=(process("b"),)), advance("b", 0, {"document": "x"}), creation("c"), creation("c")]
    assert store.commit(batch) == [Conflict("c", held_seq=0, given_seq=None)]
    assert load_one(store, "b").row == process("b", 1, document="x")


def test_message_to_a_process_that_does_not_exist_is_left_out(store: Store) -> None:
    store.commit([creation("p")])
    assert store.commit([advance("p", 0, inbox_insert=(message("gone", 1), message("p", 1)))]) == []
    store.commit([creation("gone")])
    assert load_one(store, "gone").inbox == ()
    assert load_one(store, "p").inbox == (message("p", 1),)


def test_message_comes_too_early_for_a_process_that_a_later_commit_of_the_batch_creates(store: Store) -> None:
    store.commit([creation("a"), creation("b")])
    early = ProcessCommit("a", inbox_insert=(message("child", 1),))
    assert store.commit([early, advance("b", 0, create=(process("child"),))]) == []
    assert load_one(store, "child").inbox == ()


@pytest.mark.parametrize("kind", ["effect", "child"])
def test_outcome_reported_twice_is_recorded_once(store: Store, kind: str) -> None:
    store.commit([creation("p"), creation("q")])
    first, second = outcome("p", 1, 4, "first", kind), outcome("p", 2, 4, "second", kind)
    assert store.commit([ProcessCommit("p", inbox_insert=(first,))]) == []
    others = (outcome("p", 3, 5, "other effect", kind), message("p", 4, name="4"), message("p", 5, name="4"))
    assert store.commit([ProcessCommit("p", inbox_insert=(second, *others)), creation("r")]) == []
    assert store.commit([ProcessCommit("q", inbox_insert=(outcome("q", 1, 4, "other process", kind),))]) == []
    assert load_one(store, "p").inbox == (first, *others)
    assert len(load_one(store, "q").inbox) == 1


def test_position_given_twice_refuses_the_whole_batch_and_the_store_goes_on(store: Store) -> None:
    store.commit([creation("p"), creation("q"), ProcessCommit("p", inbox_insert=(message("p", 1),))])
    with pytest.raises(StoreUnavailable):
        store.commit([advance("q", 0), advance("p", 0, inbox_insert=(message("p", 1),))])
    assert [load_one(store, one).row.seq for one in "pq"] == [0, 0]
    assert store.commit([advance("q", 0)]) == []


# --- keys, effects, outputs -------------------------------------------------------------------------------------------


def test_keys_are_found_by_process_and_age(store: Store) -> None:
    store.commit([creation("p"), creation("q")])
    store.commit([ProcessCommit("p", keys_insert=(key("p", "k1"), key("p", "k2", accepted_ms=200)))])
    wanted = [("p", "k1"), ("p", "k2"), ("p", "k3"), ("q", "k1"), ("p", "k1")]
    found = store.find_keys(wanted, 0)
    assert sorted(found, key=lambda row: row.key) == [key("p", "k1"), key("p", "k2", accepted_ms=200)]
    assert store.find_keys(wanted, 101) == [key("p", "k2", accepted_ms=200)]
    assert store.find_keys([], 0) == []


def test_key_given_again_keeps_the_later_time(store: Store) -> None:
    """Its first time had run out, so it was not found: from now on it means the new message."""
    store.commit([creation("p"), ProcessCommit("p", keys_insert=(key("p", "k", "first", 100),))])
    store.commit([ProcessCommit("p", keys_insert=(key("p", "k", "second", 900),))])
    store.commit([ProcessCommit("p", keys_insert=(key("p", "k", "late", 500),))])
    assert store.find_keys([("p", "k")], 0) == [key("p", "k", "second", 900)]


def test_effects_are_replaced_and_removed_by_id(store: Store) -> None:
    store.commit([creation("p"), advance("p", 0, effects_upsert=(effect("p", 10), effect("p", 9), effect("p", 2)))])
    store.commit([ProcessCommit("p", effects_upsert=(effect("p", 9, 77, 3),)), advance("p", 1, effects_delete=(2, 55))])
    assert load_one(store, "p").effects == (effect("p", 9, 77, 3), effect("p", 10))


def test_the_first_answer_to_a_request_counts(store: Store) -> None:
    store.commit([creation("p"), advance("p", 0, replies_insert=(reply("p", "r", "1"), reply("p", "r", "2")))])
    store.commit([advance("p", 1, replies_insert=(reply("p", "r", "3"), reply("p", "s", "4")))])
    assert [store.find_reply("p", one) for one in "rst"] == ["1", "4", None]
    store.commit([advance("p", 1, replies_insert=(reply("p", "t", "5"),))])  # from another seq: nothing of it counts
    assert store.find_reply("p", "t") is store.find_reply("nobody", "r") is None


def test_history_is_read_in_pages_and_its_beginning_is_forgotten(store: Store) -> None:
    told = tuple(history("p", seq, f'{{"n":{seq}}}', seq) for seq in range(6))
    store.commit([creation("p"), creation("q"), advance("p", 0, history_insert=told)])
    assert store.history("p", -1, 2) == list(told[:2])
    assert store.history("p", 3, 9) == list(told[4:])
    store.commit([advance("q", 0, history_insert=(history("q", 1),), history_delete_until=-5)])
    store.commit([advance("p", 1, history_delete_until=3)])
    assert store.history("p", -1, 9) == list(told[4:])
    assert (len(store.history("q", -1, 9)), store.history("nobody", -1, 9)) == (1, [])
    store.commit([advance("p", 1, history_insert=(history("p", 9),))])  # from another seq: nothing of it counts
    assert store.history("p", 5, 9) == []


def test_how_a_process_was_is_found_and_what_it_has_used_since(store: Store) -> None:
    kept = [state("p", 0), state("p", 1, used='[["message",1,"c","7"]]'), state("p", 2, "", used='[["effect",1,"{}"]]')]
    store.commit([creation("p"), creation("q"), advance("p", 0, states_insert=tuple(kept))])
    assert [store.find_state("p", seq) for seq in range(3)] == kept
    assert store.find_state("p", 3) is store.find_state("q", 0) is store.find_state("nobody", 0) is None
    assert store.used_after("p", 0) == [kept[1].used, kept[2].used]
    assert (store.used_after("p", 1), store.used_after("p", 2), store.used_after("q", 0)) == ([kept[2].used], [], [])
    store.commit([advance("p", 7, states_insert=(state("p", 3),))])  # from another seq: nothing of it counts
    assert store.find_state("p", 3) is None
    store.commit([advance("p", 1, history_delete_until=0), advance("q", 0, states_insert=(state("q", 0),))])
    assert [store.find_state("p", seq) for seq in range(2)] == [None, kept[1]]
    store.forget_states()
    store.forget_states()
    assert store.find_state("p", 1) is store.find_state("q", 0) is None
    assert store.used_after("p", 0) == []


def test_who_waits_for_whose_end(store: Store) -> None:
    store.commit([creation("p", watches_insert=("c", "d")), creation("q", watches_insert=("c",)), creation("c")])
    assert store.watchers(["c", "d", "p", "c"]) == [("p", "c"), ("p", "d"), ("q", "c")]
    assert store.ended_watches(("", ""), 9) == [("p", "d")]  # it does not exist
    store.commit([advance("c", 0, {"status": "failed"})])
    assert store.ended_watches(("", ""), 2) == [("p", "c"), ("p", "d")]
    assert store.ended_watches(("p", "d"), 9) == [("q", "c")]
    store.commit(
        [advance("p", 0, watches_delete=("c",), watches_insert=("d",)), advance("q", 7, watches_delete=("c",))]
    )
    assert (store.watchers(["c"]), store.watchers(["d"])) == ([("q", "c")], [("p", "d")])


def test_outputs_are_read_from_an_offset(store: Store) -> None:
    store.commit([creation("p"), advance("p", 0, outputs_insert=tuple(output("p", n, str(n)) for n in range(12)))])
    assert [row.payload for row in store.outputs("p", 0, 3)] == ["0", "1", "2"]
    assert store.outputs("p", 10, 100) == [output("p", 10, "10"), output("p", 11, "11")]
    assert load_one(store, "p").output_count == 12
    assert store.outputs("p", 12, 100) == store.outputs("nobody", 0, 1) == []


# --- what needs attention ---------------------------------------------------------------------------------------------


def test_due_lists_running_processes_and_effects_earliest_first(store: Store) -> None:
    rows = {"a": 30, "b": 10, "c": None, "d": 31, "e": 10}
    store.commit([creation(name, due_ms=due_ms) for name, due_ms in rows.items()])
    store.commit([creation("done", due_ms=1, status="completed"), creation("stuck", due_ms=1, status="faulted")])
    store.commit([advance("c", 0, effects_upsert=(effect("c", 1, 20), effect("c", 2, 99), effect("c", 3, 10)))])
    store.commit([advance("stuck", 0, {"status": "faulted"}, effects_upsert=(effect("stuck", 1, 2),))])
    expected = [("b", 10), ("c", 10), ("e", 10), ("c", 20), ("a", 30)]
    assert store.due(30, 100) == expected
    assert store.due(30, 2) == expected[:2]
    assert store.due(9, 100) == []


def test_due_follows_the_row(store: Store) -> None:
    store.commit([creation("p", due_ms=10)])
    store.commit([advance("p", 0, {"due_ms": 20})])
    assert (store.due(19, 9), store.due(20, 9)) == ([], [("p", 20)])
    store.commit([advance("p", 1, {"due_ms": 20, "status": "cancelled"})])
    assert store.due(20, 9) == []


def test_runnable_lists_by_id_what_is_ready_or_has_arrivals_or_effects(store: Store) -> None:
    store.commit([creation(name, is_ready=name in "ae") for name in "abcdef"])
    store.commit([ProcessCommit("b", inbox_insert=(message("b", 1), message("b", 2)))])
    store.commit([advance("d", 0, effects_upsert=(effect("d", 1), effect("d", 2)), inbox_insert=(message("d", 1),))])
    for status in ("completed", "faulted"):
        store.commit([creation(status, status=status, is_ready=True)])
        arrivals = {"inbox_insert": (message(status, 1),), "effects_upsert": (effect(status, 1),)}
        store.commit([ProcessCommit(status, **arrivals)])
    # One that has ended may yet have to start or send to others.
    assert store.runnable("", 100) == ["a", "b", "completed", "d", "e", "faulted"]
    assert store.runnable("", 2) == ["a", "b"]
    assert store.runnable("completed", 2) == ["d", "e"]
    assert store.runnable("e", 2) == ["faulted"]
    assert store.runnable("faulted", 2) == []


# --- lists ------------------------------------------------------------------------------------------------------------


def test_query_pages_by_id_and_filters(store: Store) -> None:
    store.commit(
        [
            creation("a", labels={"country": "se", "vip": "yes"}),
            creation("b", version="2", labels={"country": "se"}),
            creation("c", definition="counter", status="completed"),
            creation("d", labels={"country": "no", "vip": "yes"}),
        ]
    )

    def found(where: ProcessFilter, after: str = "", limit: int = 100) -> str:
        return "".join(one.process_id for one in store.query(where, after, limit))

    assert (found(ANY), found(ANY, "b"), found(ANY, "a", 2)) == ("abcd", "cd", "bc")
    assert found(ProcessFilter(definition="order")) == "abd"
    assert found(ProcessFilter(status="completed")) == "c"
    assert found(ProcessFilter(status="no such status")) == ""
    assert found(ProcessFilter(version="2")) == "b"
    assert found(ProcessFilter(labels={"country": "se"})) == "ab"
    assert found(ProcessFilter(definition="order", version="1", labels={"vip": "yes", "country": "no"})) == "d"
    assert found(ProcessFilter(labels={"country": "yes"})) == ""
    assert found(ProcessFilter(labels={"vip": "yes"}), limit=1) == "a"


def test_summary_is_the_row_without_documents(store: Store) -> None:
    store.commit([creation("p", due_ms=5, labels={"a": "b"}), advance("p", 0, {"due_ms": 6, "labels": {"a": "c"}})])
    assert store.query(ANY, "", 1) == [ProcessSummary("p", "order", "1", "running", 1, 1_000, 1_000, 6, {"a": "c"})]


def test_ids_are_ordered_by_their_bytes(store: Store) -> None:
    names = ["B", "a", "Z", "ä", "\U0001f600", "\uffee", "a b", "a\x00b"]
    store.commit([creation(name, is_ready=True) for name in names])
    expected = sorted(names, key=lambda name: name.encode())
    assert ids(store) == expected
    assert store.runnable("", 100) == expected
    assert store.runnable(expected[3], 2) == expected[4:6]


def test_any_text_survives(store: Store) -> None:
    texts = ["", "'", '"', "%s ? :x {rows}", "a\nb", "NUL \x00 in it", "\U0001f600 ä", "x" * 100_000]
    for number, text in enumerate(texts):
        name = f"p{number}{text[:20]}"
        labels = {text[:20]: text}
        row = process(name, definition=text, document=text, core=text, labels=labels, result=text)
        arrived, asked = message(name, 1, text, text), key(name, text, text)
        store.commit(
            [
                ProcessCommit(name, row),
                ProcessCommit(
                    name, inbox_insert=(arrived,), keys_insert=(asked,), outputs_insert=(output(name, 0, text),)
                ),
            ]
        )
        loaded = load_one(store, name)
        assert (loaded.row, loaded.inbox) == (row, (arrived,))
        assert store.find_keys([(name, text)], 0) == [asked]
        assert store.outputs(name, 0, 1) == [output(name, 0, text)]
        assert [one.process_id for one in store.query(ProcessFilter(text, labels=labels), "", 9)] == [name]


# --- definitions, vacuum, close -----------------------------------------------------------------------------------------


def test_definitions_are_replaced_by_name_and_version(store: Store) -> None:
    store.put_definitions([DefinitionRow("order", "2", "{}", 1), DefinitionRow("order", "1", "{}", 1)])
    store.put_definitions([DefinitionRow("order", "1", '{"new":1}', 2), DefinitionRow("counter", "1", "{}", 2)])
    store.put_definitions([])
    assert store.definitions() == [
        DefinitionRow("counter", "1", "{}", 2),
        DefinitionRow("order", "1", '{"new":1}', 2),
        DefinitionRow("order", "2", "{}", 1),
    ]


def test_limits_of_queues_are_replaced_by_name_and_lifted(store: Store) -> None:
    for row in (QueueRow("mail", '{"concurrency":1}'), QueueRow("gpu", "{}"), QueueRow("mail", '{"concurrency":2}')):
        store.put_queue(row)
    assert store.queues() == [QueueRow("gpu", "{}"), QueueRow("mail", '{"concurrency":2}')]
    store.delete_queue("gpu")
    store.delete_queue("unknown")
    assert [row.name for row in store.queues()] == ["mail"]


def test_what_begins_in_queues_adds_up_and_is_forgotten(store: Store) -> None:
    store.note_beginnings([BeginningRow("mail", 10, 1), BeginningRow("gpu", 10, 2), BeginningRow("mail", 10, 3)])
    assert store.beginnings() == [BeginningRow("gpu", 10, 2), BeginningRow("mail", 10, 4)]
    store.note_beginnings([BeginningRow("mail", 30, 1, 9), BeginningRow("gpu", 30, 1, 10)])
    assert [(row.queue, row.at_ms) for row in store.beginnings()] == [("gpu", 30), ("mail", 10), ("mail", 30)]
    store.delete_queue("mail")
    assert [row.queue for row in store.beginnings()] == ["gpu"]
    store.note_beginnings([])


def test_vacuum_deletes_old_ended_processes_with_all_that_is_theirs(store: Store) -> None:
    statuses = ["running", "completed", "failed", "cancelled", "terminated", "faulted", "deadlocked"]
    store.commit([creation(name, status=name, updated_ms=10) for name in statuses])
    store.commit([creation("recent", status="completed", updated_ms=20)])
    for name in ("completed", "running"):
        rest = ProcessCommit(
            name,
            inbox_insert=(message(name, 1),),
            outputs_insert=(output(name, 0),),
            keys_insert=(key(name, "k", accepted_ms=50),),
            history_insert=(history(name, 0),),
            states_insert=(state(name, 0),),
            watches_insert=("recent",),
            replies_insert=(reply(name, "r", at_ms=50), reply(name, "old", at_ms=5)),
        )
        store.commit([rest])
    assert store.vacuum(20) == 4
    assert ids(store) == ["deadlocked", "faulted", "recent", "running"]
    assert store.vacuum(20) == 0
    assert store.outputs("completed", 0, 9) == store.find_keys([("completed", "k")], 0) == []
    assert len(store.outputs("running", 0, 9)) == len(store.find_keys([("running", "k")], 0)) == 1
    assert store.watchers(["recent"]) == [("running", "recent")]
    assert [len(store.history(name, -1, 9)) for name in ("running", "completed")] == [1, 0]
    assert [store.find_state(name, 0) for name in ("running", "completed")] == [state("running", 0), None]
    assert [store.find_reply("running", one) for one in ("r", "old")] == ["1", None]
    assert store.find_reply("completed", "r") is None
    store.commit([creation("completed")])
    assert load_one(store, "completed") == LoadedProcess(process("completed"), (), ())


def test_vacuum_leaves_what_has_orders_to_carry_out(store: Store) -> None:
    store.commit([creation("sends", status="completed", updated_ms=1)])
    store.commit([ProcessCommit("sends", effects_upsert=(effect("sends", 1),))])
    assert store.vacuum(20) == 0
    store.commit([ProcessCommit("sends", effects_delete=(1,))])
    assert store.vacuum(20) == 1


def test_vacuum_of_some_takes_the_oldest(store: Store) -> None:
    store.commit([creation(f"p{n}", status="completed", updated_ms=9 - n) for n in range(4)])
    assert [store.vacuum(20, count_max=count) for count in (0, 3)] == [0, 3]
    assert ids(store) == ["p0"]


def test_vacuum_may_keep_keys_longer_than_processes(store: Store) -> None:
    old, new = key("p", "old", accepted_ms=10), key("p", "new", accepted_ms=15)
    store.commit([creation("p"), creation("ended", status="completed", updated_ms=10)])
    answers = (reply("p", "old", at_ms=10), reply("p", "new", at_ms=15))
    store.commit([ProcessCommit("p", keys_insert=(old, new), replies_insert=answers)])
    assert store.vacuum(20, keys_before_ms=12) == 1
    assert store.find_keys([("p", "old"), ("p", "new")], 0) == [new]
    assert [store.find_reply("p", one) for one in ("old", "new")] == [None, "1"]


def test_vacuum_forgets_old_keys_of_living_processes(store: Store) -> None:
    old, new = key("p", "old", accepted_ms=10), key("p", "new", accepted_ms=20)
    store.commit([creation("p"), ProcessCommit("p", keys_insert=(old, new))])
    assert store.vacuum(20) == 0
    assert store.find_keys([("p", "old"), ("p", "new")], 0) == [new]


def test_vacuum_of_more_than_one_transaction(store: Store) -> None:
    store.commit([creation(f"p{n}", status="completed", updated_ms=1) for n in range(1_100)])
    assert store.vacuum(2) == 1_100
    assert ids(store) == []


def test_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    for use in (lambda: store.commit([]), lambda: store.load(["p"]), store.definitions):
        with pytest.raises(StoreUnavailable, match="it is closed"):
            use()


def test_caller_cannot_change_what_is_stored_by_changing_its_row(store: Store) -> None:
    labels = {"a": "b"}
    store.commit([creation("p", labels=labels)])
    labels["a"] = "changed"
    load_one(store, "p").row.labels["a"] = "changed"
    assert load_one(store, "p").row.labels == {"a": "b"}
