"""What people are shown of a stored process."""

from __future__ import annotations

import asyncio
import json

from runtime_client._codec import Codec
from runtime_client._resolver import Resolver
from slct_runtime.wire.error_text import error_text

from .test_runtime import Disk, running


def test_the_compilers_own_slots_are_not_shown() -> None:
    async def scene() -> None:
        disk = Disk()
        async with running(disk) as (_, client, _):
            ref = await client.start("sum", 5, id="s")
            await ref.send("numbers", 1, wait=True)
            (goroutine,) = (await ref.describe()).goroutines
            assert goroutine.frames[0].locals == {"goal": "5"}
            assert '"value":' in disk.store.load(["s"])[0].row.document

    asyncio.run(scene())


def test_an_error_is_its_type_and_message() -> None:
    assert error_text(json.dumps({"$": "exception", "type": "shop:SoldOut", "text": "no tea"})) == "SoldOut: no tea"


def test_half_a_surrogate_pair_is_shown_as_an_escape() -> None:
    assert error_text(json.dumps({"type": "builtins:ValueError", "text": "\ud800"})) == "ValueError: \\ud800"


def _text_of(error: BaseException) -> str:
    return error_text(Codec(Resolver(modules=())).encode(error))


def test_an_error_is_shown_with_what_it_came_of() -> None:
    def caused() -> None:
        try:
            raise KeyError("tea")
        except KeyError as error:
            error.add_note("on the second shelf")
            raise RuntimeError("no tea") from error

    def meanwhile() -> None:
        try:
            caused()
        except RuntimeError:
            raise TypeError("no answer")  # noqa: B904 - its implicit context is what is looked at

    try:
        meanwhile()
    except TypeError as error:
        lines = [line for line in _text_of(error).splitlines() if not line.startswith("    ")]
    assert [line.partition(", line")[0] for line in lines] == [
        f'  File "{__file__}"',
        "KeyError: 'tea'",
        "on the second shelf",
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        f'  File "{__file__}"',
        f'  File "{__file__}"',
        "RuntimeError: no tea",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        f'  File "{__file__}"',
        f'  File "{__file__}"',
        "TypeError: no answer",
    ]


def test_from_none_hides_what_was_handled() -> None:
    error = ValueError("shown")
    error.__context__, error.__suppress_context__ = KeyError("hidden"), True
    assert _text_of(error) == "ValueError: shown"


def test_the_members_of_a_group_are_shown() -> None:
    group = ExceptionGroup("two", [ValueError("one"), ExceptionGroup("inner", [KeyError("deep")])])
    assert _text_of(group).splitlines() == [
        "ExceptionGroup: two (2 sub-exceptions)",
        "  1: ValueError: one",
        "  2: ExceptionGroup: inner (1 sub-exception)",
        "       1: KeyError: 'deep'",
    ]


def test_a_long_chain_is_cut() -> None:
    error = ValueError("0")
    for number in range(1, 100):
        after = ValueError(str(number))
        after.__cause__, error = error, after
    assert _text_of(error).count("ValueError") == 12
