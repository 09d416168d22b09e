"""Compiled-shape classes: states, calls, joins, handlers, faults; held and restored runs agree."""

from __future__ import annotations

import traceback
from typing import Any

import engine_compiled as programs
import pytest
from engine_compiled import Base, Deep, Handlers, Loud, Refused, Totals, Unsaveable, Wrong
from engine_driver import Driver

from runtime_client import CodecError, DefinitionError, Definitions

DEFS = Definitions([Totals, Base, Loud, Deep, Handlers, Wrong, Unsaveable], modules=("engine_compiled",))


def totals(restore: bool) -> Driver:
    driver = Driver(DEFS, "totals", 5, restore=restore)
    driver.send("numbers", 2)
    driver.send("numbers", 3)
    driver.run_effects()
    return driver


def test_held_and_restored_processes_leave_the_same_trace() -> None:
    held, restored = totals(restore=False), totals(restore=True)
    assert restored.trace == held.trace
    assert restored.document == held.document


def test_states_run_to_the_result_and_joins_give_the_same_object() -> None:
    driver = totals(restore=True)
    assert driver.result == (10, True, ["w"])
    assert driver.emitted == ["w"]


def test_rule_13_a_select_times_out() -> None:
    driver = Driver(DEFS, "totals", 5)
    driver.advance(3600)
    assert driver.result == "late"


def test_dead_slots_are_not_saved() -> None:
    driver = Driver(DEFS, "totals", 5)
    assert "unused" not in driver.document
    assert '"goal":5' in driver.document


def test_mutable_defaults_belong_to_one_process() -> None:
    totals(restore=True)
    assert Totals.seen == []
    assert '"seen":[]' in Driver(DEFS, "totals", 5).document


def test_an_overridden_function_and_the_one_of_its_base_run_side_by_side() -> None:
    assert Driver(DEFS, "loud", "ada").result == "HELLO ADA"
    assert Driver(DEFS, "base", "ada").result == "hello ada"


def test_recursion_is_not_limited_by_the_python_stack() -> None:
    assert Driver(DEFS, "deep", 10_000).result == 10_000


def test_an_error_passes_10000_frames_without_our_lines() -> None:
    driver = Driver(DEFS, "deep", 10_000, fails=True, restore=False)
    assert driver.status == "failed"
    assert isinstance(driver.error, Refused)
    assert driver.error.args == ("at the bottom",)


def test_outcomes_are_dropped_with_the_last_handle() -> None:
    driver = Driver(DEFS, "totals", 5)
    assert '"outcomes":[[2,' in driver.document
    assert '"outcomes":[]' in Driver(DEFS, "base", "ada").document


# --- exceptions being handled -------------------------------------------------------------------------------------------


def handlers(way: str, restore: bool) -> Driver:
    return Driver(DEFS, "handlers", way, restore=restore)


@pytest.mark.parametrize("restore", [True, False])
def test_sys_exc_info_is_there_in_a_resumed_handler_and_in_what_it_calls(restore: bool) -> None:
    log = handlers("look", restore).result
    assert log == ["ValueError('first')", True, "ValueError('first')", "None"]


@pytest.mark.parametrize("restore", [True, False])
@pytest.mark.parametrize("way", ["bare", "reraise"])
def test_a_bare_raise_raises_what_is_handled_again(way: str, restore: bool) -> None:
    error = last_error(handlers(way, restore))
    assert repr(error) == "ValueError('first')"
    assert error.__context__ is None


@pytest.mark.parametrize("restore", [True, False])
@pytest.mark.parametrize(("way", "shown"), [("chain", "KeyError('second')"), ("another", "LookupError('another')")])
def test_a_new_error_chains_to_the_handled_one(way: str, shown: str, restore: bool) -> None:
    error = last_error(handlers(way, restore))
    assert repr(error) == shown
    assert repr(error.__context__) == "ValueError('first')"
    assert error.__context__.__context__ is None


def test_raise_from_none_suppresses_the_context() -> None:
    error = last_error(handlers("from none", True))
    assert error.__suppress_context__
    assert repr(error.__context__) == "ValueError('first')"


def test_d14_stop_iteration_cannot_leave_a_durable_function() -> None:
    error = last_error(handlers("stop", True))
    assert repr(error) == "StopIteration(3)" or isinstance(error, RuntimeError)
    assert isinstance(error, RuntimeError)
    assert repr(error.__cause__) == "StopIteration(3)"


def test_a_handled_exception_of_the_driver_is_not_seen() -> None:
    try:
        raise OSError("of the test")
    except OSError:
        error = last_error(handlers("bare", True))
    assert repr(error) == "ValueError('first')"


def last_error(driver: Driver) -> BaseException:
    assert driver.last_error is not None, (driver.status, driver.trace)
    return driver.last_error


# --- misuse -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("coroutine", "TypeError: object coroutine can't be used in 'await' expression"),
        ("number", "TypeError: object int can't be used in 'await' expression"),
        ("default", "TypeError: object Default can't be used"),
        ("undeclared", "LookupError: definition 'wrong' declares no channel 'nobody'"),
        ("twice", "RuntimeError: <frame help_out"),
    ],
)
def test_awaiting_the_wrong_thing_raises_there(what: str, expected: str) -> None:
    message = Driver(DEFS, "wrong", what).result
    assert message.startswith(expected)
    assert "help:" in message


@pytest.mark.parametrize(
    ("where", "facts"),
    [
        ("local", ["_io.TextIOWrapper", "'handle'", "Unsaveable.main", "unsaveable.py:7"]),
        ("field", ["TextIOWrapper", "'self.kept'", "Unsaveable", "unsaveable.py:7"]),
        ("send", ["TextIOWrapper", "Unsaveable.main", "unsaveable.py:7"]),
        ("argument", ["TextIOWrapper", "Unsaveable.main", "unsaveable.py:7"]),
        ("result", ["TextIOWrapper", "the result of Unsaveable"]),
    ],
)
def test_what_cannot_be_saved_is_refused_by_name_and_place(where: str, facts: list[str]) -> None:
    driver = Driver(DEFS, "unsaveable", where)
    error = last_error(driver)
    assert isinstance(error, CodecError)
    assert [fact for fact in facts if fact.removeprefix("_io.") not in str(error)] == [], str(error)
    assert "help:" in str(error)
    assert driver.seq == 0, "the last committed state is untouched"


def test_what_is_dead_need_not_be_saveable() -> None:
    assert Driver(DEFS, "unsaveable", "dead").result == "went on"


def test_rule_6_a_fault_is_tried_again_and_then_parked() -> None:
    driver = handlers("chain", True)
    driver.advance(60)
    assert driver.status == "faulted"
    assert sum("failed False" in line for line in driver.trace) == 3


def test_arguments_that_do_not_fit_are_a_fault() -> None:
    driver = Driver(DEFS, "totals")
    assert "missing 1 required positional argument: 'goal'" in str(last_error(driver))


def test_an_unknown_definition_is_a_fault() -> None:
    driver = Driver(DEFS, "totals", 5)
    with pytest.raises(DefinitionError, match="there is no definition 'totl'"):
        driver.definitions.definition("totl")


def test_tracebacks_show_the_authors_lines_only() -> None:
    driver = Driver(DEFS, "handlers", "chain")
    text = "".join(traceback.format_tb(last_error(driver).__traceback__))
    assert "engine_compiled.py" in text
    assert "runtime_client" not in text


def test_cancelled_is_raised_where_it_waits() -> None:
    driver = Driver(DEFS, "totals", 5)
    driver.cancel()
    assert driver.status == "cancelled"


def test_records_describe_every_function_and_state() -> None:
    import json

    record = next(r for r in DEFS.records("7") if r.name == "totals")
    manifest: dict[str, Any] = json.loads(record.manifest)
    assert record.version == manifest["version"] == "7"
    assert manifest["class"] == "engine_compiled:Totals"
    assert manifest["channels"]["numbers"]["capacity"] == 0
    assert [p["name"] for p in manifest["parameters"]] == ["goal"]
    assert list(manifest["fields"]) == ["total", "seen"]
    states = manifest["functions"]["engine_compiled:Totals.main"]["states"]
    assert states["Main_Selected"] == {"line": 12, "live": ["goal", "watcher"]}
    assert "engine_compiled:depth" in manifest["functions"]
    assert manifest["open_channels"] is False


def test_the_modules_of_the_programs_are_their_own() -> None:
    assert programs.__name__ in DEFS.modules
    assert traceback.__name__ not in DEFS.modules
