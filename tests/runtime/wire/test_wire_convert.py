"""Every dataclass of the wire survives the trip through protobuf bytes, whatever is in it."""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slct_runtime.core import commands
from slct_runtime.wire import api, convert, work
from slct_runtime.wire.convert import BadMessage, Unsendable
from slct_runtime.wire.slct.v1 import commands_pb2, deployments_pb2, processes_pb2, queues_pb2, workers_pb2

PAYLOAD_NAMES = {
    "payload",
    "arguments",
    "result",
    "error",
    "document",
    "progress",
    "last_error",
    "manifest",
    "migrations",
}
"""Fields that travel as bytes: they may hold any Python string, half a surrogate pair included."""


class Roundtrip:
    """One kind of message: how it is filled, read and made."""

    def __init__(self, put: Callable[..., None], get: Callable[..., Any], message: Callable[[], Any]) -> None:
        self.put = put
        self.get = get
        self.message = message

    def __call__(self, value: Any) -> Any:
        message = self.message()
        self.put(value, message)
        received = self.message()
        received.ParseFromString(message.SerializeToString())
        return self.get(received)


def put_records(value: work.DefinitionRecord, into: Any) -> None:
    convert.put_definitions([value], into.definitions)


ROUNDTRIPS: dict[Any, Roundtrip] = {
    work.ToWorker: Roundtrip(convert.put_order, convert.get_order, workers_pb2.ToWorker),
    work.FromWorker: Roundtrip(convert.put_word, convert.get_word, workers_pb2.FromWorker),
    commands.Resumption: Roundtrip(convert.put_resumption, convert.get_resumption, commands_pb2.Resumption),
    commands.Ending: Roundtrip(convert.put_ending, convert.get_ending, commands_pb2.Ending),
    commands.Command: Roundtrip(convert.put_command, convert.get_command, commands_pb2.Command),
    commands.Case: Roundtrip(convert.put_case, convert.get_case, commands_pb2.Case),
    api.StartRequest: Roundtrip(convert.put_start, convert.get_start, processes_pb2.StartRequest),
    api.Started: Roundtrip(convert.put_started, convert.get_started, processes_pb2.StartResponse),
    api.ForkRequest: Roundtrip(convert.put_fork, convert.get_fork, processes_pb2.ForkRequest),
    api.EditRequest: Roundtrip(convert.put_edit, convert.get_edit, processes_pb2.EditRequest),
    api.AskRequest: Roundtrip(convert.put_ask, convert.get_ask, processes_pb2.AskRequest),
    api.SendRequest: Roundtrip(convert.put_send, convert.get_send, processes_pb2.SendRequest),
    api.ListRequest: Roundtrip(convert.put_list, convert.get_list, processes_pb2.ListRequest),
    api.ProcessInfo: Roundtrip(convert.put_info, convert.get_info, processes_pb2.ProcessInfo),
    api.HistoryEntry: Roundtrip(convert.put_history_entry, convert.get_history_entry, processes_pb2.HistoryEntry),
    api.ProcessDescription: Roundtrip(convert.put_description, convert.get_description, processes_pb2.DescribeResponse),
    api.ProcessOutcome: Roundtrip(convert.put_outcome, convert.get_outcome, processes_pb2.ResultResponse),
    api.WatchEvent: Roundtrip(convert.put_watch_event, convert.get_watch_event, processes_pb2.WatchResponse),
    api.QueueInfo: Roundtrip(convert.put_queue_info, convert.get_queue_info, queues_pb2.QueueInfo),
    api.VersionInfo: Roundtrip(convert.put_version, convert.get_version, deployments_pb2.VersionInfo),
    api.ParkedCount: Roundtrip(convert.put_parked, convert.get_parked, deployments_pb2.ParkedCount),
    api.TakeoverInfo: Roundtrip(convert.put_takeover, convert.get_takeover, deployments_pb2.TakeoverInfo),
    work.DefinitionRecord: Roundtrip(
        put_records, lambda m: convert.get_definitions(m.definitions)[0], deployments_pb2.DeployRequest
    ),
}


def values(hint: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Anything that a field of this type may hold, within the numbers of the protocol."""
    if hint is str:
        return st.text(st.characters()) if name in PAYLOAD_NAMES else st.text(st.characters(codec="utf-8"), max_size=20)
    if hint is int:
        return st.integers(-(2**63), 2**63 - 1)
    if hint is float:
        return st.floats(allow_nan=False)
    if hint is bool:
        return st.booleans()
    if hint is type(None):
        return st.none()
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        # What is shown to people is text for reading, not a payload.
        is_shown = hint in (api.ProcessDescription, api.HistoryEntry, api.EffectInfo)
        readable = {"error", "last_error", "progress"} if is_shown else set()
        names = {f.name: "" if f.name in readable else f.name for f in dataclasses.fields(hint)}
        return st.builds(hint, **{name: values(hints[name], kind) for name, kind in names.items()})
    return _values_of_generic(hint, name)


def _values_of_generic(hint: Any, name: str) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        return st.one_of(*(values(argument, name) for argument in arguments))
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    assert origin is tuple, hint
    return st.tuples(*(values(argument) for argument in arguments))


@pytest.mark.parametrize("kind", ROUNDTRIPS, ids=lambda k: getattr(k, "__name__", None) or str(k)[-30:])
def test_every_value_survives(kind: Any) -> None:
    @settings(max_examples=60, deadline=None, database=None)
    @given(values(kind))
    def survives(value: Any) -> None:
        assert ROUNDTRIPS[kind](value) == value

    survives()


def test_no_dataclass_is_forgotten() -> None:
    reached: set[type] = set()

    def reach(hint: Any) -> None:
        if dataclasses.is_dataclass(hint) and hint not in reached:
            assert isinstance(hint, type)
            reached.add(hint)
            for inner in get_type_hints(hint).values():
                reach(inner)
        for inner in get_args(hint):
            reach(inner)

    for kind in ROUNDTRIPS:
        reach(kind)
    declared = {
        thing
        for module in (api, work, commands)
        for thing in vars(module).values()
        if dataclasses.is_dataclass(thing) and isinstance(thing, type)
    }
    assert declared - reached == set()


def test_order_of_labels_and_variables_is_kept() -> None:
    labels = dict.fromkeys(("z", "a", "m", "b", "y", "c"), "")
    request = ROUNDTRIPS[api.StartRequest](api.StartRequest("order", "[[],{}]", labels=labels))
    assert list(request.labels) == list(labels)


def test_absent_and_empty_are_told_apart() -> None:
    for text in (None, ""):
        assert ROUNDTRIPS[api.ProcessOutcome](api.ProcessOutcome("completed", text, text)).result == text
        order = work.RunTransition(1, "p", "d", "1", 0, text, text, 1, commands.START, 0)
        assert ROUNDTRIPS[work.ToWorker](order) == order


@pytest.mark.parametrize(
    ("get", "message"),
    [
        (convert.get_order, workers_pb2.ToWorker()),
        (convert.get_word, workers_pb2.FromWorker()),
        (convert.get_ending, commands_pb2.Ending()),
        (convert.get_case, commands_pb2.Case()),
        (convert.get_command, commands_pb2.Command()),
        (convert.get_resumption, commands_pb2.Resumption()),
        (convert.get_resumption, commands_pb2.Resumption(kind=77)),
        (convert.get_send, processes_pb2.SendRequest(payload=b"\xff")),
    ],
)
def test_message_without_meaning_is_refused(get: Callable[[Any], Any], message: Any) -> None:
    with pytest.raises(BadMessage):
        get(message)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None, database=None)
def test_hostile_bytes_give_a_value_or_bad_message(data: bytes) -> None:
    for message, get in ((workers_pb2.FromWorker(), convert.get_word), (workers_pb2.ToWorker(), convert.get_order)):
        try:
            message.ParseFromString(data)
        except Exception:  # protobuf's own refusal, which grpc turns into a failed call
            continue
        try:
            get(message)
        except BadMessage:
            pass


@pytest.mark.parametrize("answer", [work.Register("w", (), 2**63, 1), work.Register("\ud800", (), 1, 1)])
def test_value_beyond_the_protocol_is_unsendable(answer: work.Register) -> None:
    with pytest.raises(Unsendable):
        convert.sendable(convert.put_word, answer, workers_pb2.FromWorker())
