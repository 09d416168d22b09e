"""Hand-written state machines: the same runtime, saved and restored at every suspension."""

from __future__ import annotations

import pytest
from engine_driver import START_MS, Driver
from engine_machines import Counter, Eager, Mistakes, Mixed, Outcomes, Pipes, Spoilt

from runtime_client import CallFailed, DefinitionError, Definitions, Process, Step

DEFS = Definitions([Counter, Eager, Pipes, Mixed, Mistakes, Outcomes, Spoilt])


def test_the_original_counter() -> None:
    driver = Driver(DEFS, "counter")
    driver.send("counter", None)
    driver.send("counter", None)
    driver.advance(3600)
    assert driver.result == 3
    assert DEFS.definition("counter").open_channels


def test_a_machine_is_saved_with_its_state_and_where_its_cases_lead() -> None:
    driver = Driver(DEFS, "counter")
    assert '"function":"engine_machines:Counter.Main","state":"Main_Count"' in driver.document
    assert '"slots":{"then":["Main_Count","Main_Done"]}' in driver.document
    assert driver.now_ms == START_MS


@pytest.mark.parametrize("restore", [True, False])
def test_values_ok_close_default_goroutines_join_and_effects(restore: bool) -> None:
    driver = Driver(DEFS, "pipes", 2, restore=restore)
    driver.run_effects()
    assert driver.result == [2, 1, "closed", (None, True), 42]


def test_held_and_restored_machines_leave_the_same_trace() -> None:
    held, restored = (Driver(DEFS, "pipes", 2, restore=restore) for restore in (False, True))
    assert restored.trace == held.trace


def test_compiled_and_hand_written_goroutines_share_a_process() -> None:
    driver = Driver(DEFS, "mixed")
    assert driver.result == "hello"
    assert driver.emitted == ["sent"]
    assert not DEFS.definition("mixed").is_handwritten


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nowhere", r"p.recv\('a'\) leads nowhere"),
        ("elsewhere", "a case cannot lead to 'explode'"),
        ("both", "says what to wait for, and returns 5"),
    ],
)
def test_mistakes_are_named(what: str, message: str) -> None:
    driver = Driver(DEFS, "mistakes", what)
    with pytest.raises((RuntimeError, TypeError), match=message):
        raise driver.last_error or AssertionError


def test_a_failed_call_leaves_the_goroutine() -> None:
    driver = Driver(DEFS, "mistakes", "failed call")
    driver.run_effects()
    assert driver.status == "failed"
    assert isinstance(driver.error, CallFailed)
    assert repr(driver.error.__cause__) == "ValueError('boom')"


def test_states_without_an_entry_are_no_definition() -> None:
    class Headless(Process):
        def Other_Start(self, p: Step) -> None: ...

    with pytest.raises(DefinitionError, match="none to begin with"):
        Definitions([Headless])


def test_subclasses_override_single_states() -> None:
    driver = Driver(DEFS, "eager")
    driver.advance(3600)
    assert driver.result == -1


def test_d4_outcomes_are_kept_while_somebody_may_ask_for_them() -> None:
    driver = Driver(DEFS, "outcomes")
    document = driver.codec.decode(driver.document, process=object())
    assert {number: outcome.value for number, outcome in document["outcomes"]} == {2: ["kept"], 3: ["sent"]}
    assert document["sent"] == [[3, 1]]
    driver.advance(1)
    assert driver.result == ["sent"]


def test_a_joined_error_that_cannot_be_saved_keeps_its_text() -> None:
    driver = Driver(DEFS, "spoilt")
    driver.advance(60)
    assert driver.status == "faulted"
    assert isinstance(driver.error, ValueError)
    assert "object object" in str(driver.error)


def test_the_manifest_shows_one_function_for_each_goroutine() -> None:
    import json

    record = next(r for r in DEFS.records("1") if r.name == "pipes")
    functions = json.loads(record.manifest)["functions"]
    assert list(functions["engine_machines:Pipes.Read"]["states"]) == ["Read_Next", "Read_Got"]
    parameters = json.loads(record.manifest)["parameters"]
    assert [p["name"] for p in parameters] == ["count"]
