"""Uncompiled classes: what authors write runs as Python runs it, driven by the engine."""

from __future__ import annotations

import gc
import inspect
import traceback
from typing import Any

import pytest
from engine_direct import (
    Abstract,
    Concrete,
    Deep,
    Dropped,
    FramesTravel,
    Handlers,
    Interrupted,
    Managers,
    Mixin,
    NeverRuns,
    Wrong,
    greet,
    look,
)
from engine_driver import Driver

from runtime_client import DefinitionError, Definitions, Frame, Process, durable, process

CLASSES = [Concrete, Deep, Dropped, FramesTravel, Handlers, Interrupted, Managers, NeverRuns, Wrong]
DEFS = Definitions([*CLASSES, greet], modules=("engine_direct",))


def run(name: str, *args: Any, **kwargs: Any) -> Driver:
    return Driver(DEFS, name, *args, **kwargs)


# --- exceptions being handled -------------------------------------------------------------------------------------------


def test_sys_exc_info_is_there_in_a_resumed_handler_and_in_what_it_calls() -> None:
    assert run("handlers", "look").result == ["ValueError('first')", "ValueError('first')", "None"]


@pytest.mark.parametrize("way", ["bare", "reraise"])
def test_a_bare_raise_raises_what_is_handled_again(way: str) -> None:
    error = last_error(run("handlers", way))
    assert repr(error) == "ValueError('first')"
    assert error.__context__ is None


def test_a_new_error_in_a_called_function_chains_to_what_its_caller_handles() -> None:
    error = last_error(run("handlers", "another"))
    assert repr(error) == "LookupError('another')"
    assert repr(error.__context__) == "ValueError('first')"


def test_d14_stop_iteration_cannot_leave_a_durable_function() -> None:
    assert repr(last_error(run("handlers", "stop"))) == "RuntimeError('coroutine raised StopIteration')"


def test_a_traceback_has_the_lines_that_python_would_show() -> None:
    text = "".join(traceback.format_tb(last_error(run("handlers", "another")).__traceback__))
    assert [line.strip() for line in text.splitlines() if not line.startswith('  File "')] == [
        "await another()",
        'raise LookupError("another")',
    ] or ("await another()" in text and "runtime_client" not in text)


def test_recursion_is_not_limited_by_the_python_stack() -> None:
    assert run("deep", 10_000).result == 10_000
    assert repr(last_error(run("deep", 10_000, True))) == "LookupError('at the bottom')"


def last_error(driver: Driver) -> BaseException:
    assert driver.last_error is not None, (driver.status, driver.trace)
    return driver.last_error


# --- goroutines and frames ----------------------------------------------------------------------------------------------


def test_d8_no_code_of_a_dropped_goroutine_runs() -> None:
    driver = run("dropped")
    assert driver.result == "done"
    driver.live = None
    gc.collect()
    assert Dropped.ran == []


def test_d5_a_goroutine_cancelled_before_it_began_never_runs() -> None:
    driver = run("never_runs")
    assert driver.result == "cancelled"
    assert driver.emitted == []


def test_d11_a_frame_crosses_a_channel_as_a_copy() -> None:
    assert run("frames_travel").result == [[1, 2], [1, 2], True, [1, 2]]


def test_d13_methods_of_ordinary_classes_may_be_durable() -> None:
    driver = run("managers")
    assert driver.result == "suppressed"
    assert driver.emitted == ["KeyError"]


def test_d12_bases_mixins_generics_static_and_class_methods() -> None:
    assert run("concrete").result == 3 + 2 + len("Concrete")


def test_process_makes_a_definition_of_one_function() -> None:
    driver = run("greeting", "ada")
    assert driver.result == "hello ada"
    definition = DEFS.definition("greeting")
    assert definition.fail_on_fault
    assert definition.open_channels
    assert greet.__name__ == "greet"
    assert greet.__doc__ == "Greets."


def test_keyboard_interrupt_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt):
        run("interrupted")


# --- stubs --------------------------------------------------------------------------------------------------------------


def test_calling_a_durable_function_gives_a_frame_and_keeps_its_signature() -> None:
    frame = look()
    assert isinstance(frame, Frame)
    assert repr(frame) == "<frame look at Start>"
    assert look.__doc__ == "What the caller handles."
    assert str(inspect.signature(Abstract.main)) == "(self, start: 'int' = 1) -> 'int'"
    assert Abstract.main.__doc__ == "Counts."
    assert isinstance(Mixin().helper(1), Frame)


def test_d14_wrong_arguments_raise_at_the_call_as_python_words_it() -> None:
    with pytest.raises(TypeError, match=r"look\(\) takes 0 positional arguments but 1 was given"):
        look(1)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("asyncio", "TypeError: object coroutine can't be used in 'await' expression of durable code"),
        ("plain", "TypeError: object coroutine can't be used in 'await' expression of durable code"),
        ("number", "TypeError: object int can't be used in 'await' expression"),
        ("undeclared", "LookupError: definition 'wrong' declares no channel 'nobody'"),
        ("arguments", "TypeError: Wrong.other() takes 2 positional arguments but 3 were given"),
        ("local", "a local coroutine is durable"),
    ],
)
def test_awaiting_the_wrong_thing_raises_there(what: str, expected: str) -> None:
    assert run("wrong", what).result.startswith(expected)


# --- what is refused when a class is made -------------------------------------------------------------------------------


def test_init_is_refused() -> None:
    with pytest.raises(DefinitionError, match="has an __init__"):

        class WithInit(Process):
            def __init__(self) -> None: ...


def test_init_of_a_mixin_is_refused() -> None:
    class Mixed:
        def __init__(self) -> None: ...

    with pytest.raises(DefinitionError, match=r"in .*Mixed"):

        class WithMixin(Mixed, Process): ...


@pytest.mark.parametrize("name", ["id", "labels", "name", "version", "status", "seq"])
def test_d12_reserved_names_are_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match=f"defines '{name}'"):
        type("Reserved", (Process,), {"__annotations__": {name: str}})


def test_yield_is_refused() -> None:
    with pytest.raises(DefinitionError, match="yields, and a durable function cannot"):

        class Yielding(Process):
            async def main(self):
                yield 1


def test_decorators_on_other_functions_are_refused() -> None:
    def ordinary() -> int:
        return 1

    with pytest.raises(DefinitionError, match="@durable goes on an `async def`"):
        durable(ordinary)
    with pytest.raises(DefinitionError, match="@process goes on an `async def`"):
        process(ordinary)


def test_a_base_and_an_abstract_class_are_no_definitions() -> None:
    class Plain(Process): ...

    with pytest.raises(DefinitionError, match="has no main"):
        Definitions([Plain])
    with pytest.raises(DefinitionError, match="is abstract: step"):
        Definitions([Abstract])


def test_processes_are_started_not_called() -> None:
    with pytest.raises(TypeError, match="it is started, not called"):
        Concrete()


def test_uncompiled_definitions_are_for_simulation_only() -> None:
    assert not DEFS.definition("deep").is_compiled
    with pytest.raises(DefinitionError, match="run slct-compile"):
        DEFS.require_compiled()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Order", "order"), ("HTTPOrder2Go", "http_order2_go"), ("OrderV2", "order_v2"), ("ABTest", "ab_test")],
)
def test_d12_definition_names(name: str, expected: str) -> None:
    assert type(name, (Process,), {}).slct_name == expected


def test_no_python_frames_of_ours_stay_in_tracebacks() -> None:
    driver = run("deep", 50, True)
    text = "".join(traceback.format_exception(last_error(driver)))
    assert "_trampoline" not in text
