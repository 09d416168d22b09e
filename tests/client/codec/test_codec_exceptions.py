"""Exceptions keep type, arguments, attributes, notes, chain and what is printed of their traceback."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

import codec_shop as shop
import pytest

from runtime_client._codec import Codec
from runtime_client._errors import CallFailed, Cancelled, ChannelClosed, CodecError, ProcessCancelled, RemoteError
from runtime_client._resolver import Resolver
from runtime_client._tracebacks import FRAMES_MAX, from_text, text_of

Again = Callable[[Any], Any]


def _raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def _raised_outside(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def _decode_error() -> BaseException:
    try:
        b"\xff".decode()
    except UnicodeDecodeError as error:
        return error
    raise AssertionError


SAMPLES: list[BaseException] = [
    *(ValueError(), ValueError("a", [1]), KeyError("k"), FileNotFoundError(2, "no such file", "/x"), OSError("bare")),
    *(_decode_error(), StopIteration(3), SystemExit(2), ImportError("m", name="n", path="p"), KeyboardInterrupt()),
    *(SyntaxError("bad", ("f.py", 1, 2, "x y", 1, 3)), NameError("n", name="n"), AttributeError("a", name="a")),
    *(shop.OrderError(7, detail="d"), ChannelClosed("ch", "sent"), CallFailed("f", "r"), ProcessCancelled("p", "r")),
    *(Cancelled(), ExceptionGroup("g", [ValueError(1), ExceptionGroup("inner", [KeyError(2)])])),
    *(BaseExceptionGroup("g", [Cancelled()]), CodecError("m", ("a", 0), "h"), RemoteError("x:Y", "text")),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_exception_comes_back_as_it_was(again: Again, error: BaseException) -> None:
    back = again([error])[0]
    assert type(back) is type(error)
    assert (str(back), repr(back)) == (str(error), repr(error))
    for name in (
        "errno",
        "strerror",
        "filename",
        "value",
        "code",
        "name",
        "path",
        "lineno",
        "object",
        "start",
        "detail",
    ):
        assert getattr(back, name, None) == getattr(error, name, None)


def test_slots_of_an_exception_are_kept(again: Again) -> None:
    error = shop.SlottedError("x")
    error.code = [1]
    assert again(error).code == [1]


def test_chain_notes_and_suppression(again: Again) -> None:
    cause = _raised(KeyError("inner"))
    error = _raised(shop.OrderError(1, detail="d"), cause)
    error.add_note("a note")
    hidden = _raised(ValueError("hidden"), None)
    hidden.__context__ = error
    back = again(hidden)
    assert back.__suppress_context__ is True
    assert back.__cause__ is None
    assert type(back.__context__.__cause__) is KeyError
    assert back.__context__.__notes__ == ["a note"]
    assert "in _raised" in "".join(traceback.format_tb(back.__context__.__traceback__))


def test_a_traceback_is_printed_as_before_and_survives_a_second_saving(again: Again) -> None:
    error = _raised(shop.OrderError(1, detail="d"), _raised(KeyError("cause")))
    printed = _without_carets(error)
    assert "_raised\n    raise error from cause\n" in printed
    once = again(error)
    assert vars(once) == vars(error)
    assert _without_carets(once) == printed
    assert _without_carets(again(once)) == printed


def test_what_an_error_goes_through_after_it_was_read_stands_before_the_rest(again: Again) -> None:
    once = again(_raised(ValueError(1)))
    error = again(_raised_outside(once))
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["_raised_outside", "_raised"]


def test_a_traceback_that_was_taken_off_stays_off(again: Again) -> None:
    assert again(again(_raised(ValueError(1))).with_traceback(None)).__traceback__ is None


def test_a_long_traceback_keeps_its_innermost_frames(again: Again) -> None:
    error = again(_raised(ValueError("innermost")))
    for _ in range(FRAMES_MAX + 3):
        error = again(_raised_outside(error))
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names == ["_raised_outside"] * (FRAMES_MAX - 1) + ["_raised"]


def test_a_part_of_a_group_keeps_the_traceback_of_the_group(again: Again) -> None:
    group = _raised(ExceptionGroup("g", [ValueError(1), KeyError(2)]))
    assert isinstance(group, ExceptionGroup)
    whole, part = again([group, group.subgroup(ValueError)])
    assert part.__traceback__ is whole.__traceback__ is not None


@pytest.mark.parametrize("text", ["", "nothing of the kind", '  File "a.py", line 99999999999, in f\n'])
def test_what_is_no_traceback_makes_none(text: str) -> None:
    assert from_text(text) is None


def test_a_document_cannot_have_a_device_read_when_it_is_printed() -> None:
    made = from_text('  File "/dev/zero", line 1, in f\n  File "<string>", line 2, in g\n')
    assert [frame.filename for frame in traceback.extract_tb(made)] == ["</dev/zero>", "<string>"]
    assert text_of(made) == '  File "/dev/zero", line 1, in f\n  File "<string>", line 2, in g\n'


@pytest.mark.parametrize("made", [1, ["a"], None])
def test_a_traceback_that_is_no_text_is_refused(made: object) -> None:
    codec = Codec(Resolver())
    document = json.loads(codec.encode(_raised(ValueError(1))))
    assert "traceback" in json.dumps(document)
    _replaced(document, "traceback", made)
    with pytest.raises(CodecError, match="a traceback is text"):
        codec.decode(json.dumps(document))


def _replaced(node: Any, key: str, value: object) -> None:
    if isinstance(node, dict) and key in node:
        node[key] = value
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _replaced(inner, key, value)


def test_no_line_runs_when_a_traceback_is_read() -> None:
    text = text_of(_raised(ValueError(1)).__traceback__)
    lines: list[str] = []

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            lines.append(frame.f_code.co_filename)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        made = from_text(text)
    finally:
        sys.settrace(before)
    assert made is not None and made.tb_frame.f_code.co_filename == __file__
    assert __file__ not in lines[:-1]


def _without_carets(error: BaseException) -> str:
    lines = "".join(traceback.format_exception(error)).splitlines(keepends=True)
    return "".join(line for line in lines if line.strip(" ^~\n"))


def test_identity_of_an_exception_and_a_cycle_through_context(again: Again) -> None:
    first, second = ValueError(1), ValueError(2)
    first.__context__, second.__context__ = second, first
    one, two, three = again([first, second, first])
    assert one is three
    assert one.__context__ is two
    assert two.__context__ is one


def test_unknown_exception_type_reads_as_remote_error(codec: Codec) -> None:
    text = codec.encode(_raised(shop.OrderError(7, detail="d"), ValueError("cause")))
    back = Codec(Resolver()).decode(text)
    assert type(back) is RemoteError
    assert (back.type_name, str(back)) == ("codec_shop:OrderError", "codec_shop:OrderError: 7")
    assert type(back.__cause__) is ValueError


def test_client_without_definitions_keeps_the_message_of_a_known_type(codec: Codec) -> None:
    back = Codec(Resolver()).decode(codec.encode(ValueError(shop.Item("a"))))
    assert type(back) is ValueError
    assert "Item(name='a'" in str(back)


def test_outcome_of_an_effect_is_written_as_well_as_can_be(codec: Codec) -> None:
    class Local(Exception):
        pass

    error = Local("message", (x for x in ()), [1])
    error.response = open
    back = codec.decode(codec.encode(error))
    assert type(back) is RemoteError
    assert "message" in str(back)
    back = codec.decode(codec.encode(ValueError("a", (x for x in ()), [1])))
    assert back.args[0] == "a"
    assert back.args[1].startswith("<generator")
    assert back.args[2] == [1]


def test_parts_given_up_leave_no_dangling_reference(codec: Codec) -> None:
    shared = [1]
    back = codec.decode(codec.encode(ValueError([shared, (x for x in ())], shared, shared)))
    assert back.args[1] == [1]
    assert back.args[1] is back.args[2]


def test_exception_in_a_document_must_be_saveable_itself(codec: Codec) -> None:
    with pytest.raises(CodecError, match=r"a live generator cannot be saved .*args"):
        codec.encode({"caught": ValueError(x for x in ())})


def test_context_of_a_held_exception_never_forbids_saving(codec: Codec) -> None:
    error = ValueError("mine")
    error.__context__ = OSError(x for x in ())
    assert codec.decode(codec.encode([error]))[0].__context__.args[0].startswith("<generator")


def test_exception_of_an_imported_module_is_resolved(again: Again) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    assert type(again([caught.value])[0]) is json.JSONDecodeError
