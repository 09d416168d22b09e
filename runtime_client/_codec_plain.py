"""The short way of the encoder: values in which nothing is met twice, made of what most values are made of.

Gives the very nodes that `Encoder` would give for them, in one pass and without a memo to go back to; containers of plain
values are their own nodes. Whatever else turns up (a second meeting, another type, deep nesting, a number or a text that JSON
would not give back) is `Unusual`: then the encoder does it all, and says what is wrong if something is. So nothing is decided
here, and nothing is lost by giving up.

NB: nodes share the containers of the value itself. They are to be written as text before any other code runs.
"""

from __future__ import annotations

import datetime
import decimal
import pathlib
import re
import uuid
from collections.abc import Callable, Iterable
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

from slct_runtime.wire.compact_json import make_encoder

from ._channels import Channel
from ._cursors import Cursor
from ._frame import Frame, FrameStatus, Outcome
from ._handles import ChildRef, Handle
from ._local_functions import shared_slots

if TYPE_CHECKING:
    from ._codec import Writer
    from ._codec_objects import Layout

Json: TypeAlias = Any
NodeMaker: TypeAlias = "Callable[[PlainNodes, Any], Json]"

LEVELS_MAX = 20
"""Containers within containers. The encoder moves elsewhere what lies much deeper than that."""

LONG = 6
"""From so many values on it is quicker to look for their types first."""

INT_PLAIN_LIMIT = 1 << 63
"""Integers from -INT_PLAIN_LIMIT up to, not including, INT_PLAIN_LIMIT are plain JSON numbers."""

dumps = make_encoder(allow_nan=False)
"""The text of a node."""

SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""Two lone surrogates in a row, which JSON would read as one character."""

_PROCESS: Json = {"$": "process"}


class Unusual(Exception):
    """The encoder has to do it."""


class PlainForms:
    """What is known of types, from having met them. `makers`: what gives the node of a value of a type."""

    __slots__ = ("frame_texts", "makers")

    def __init__(self) -> None:
        self.makers: dict[type, NodeMaker] = dict(_MAKERS)
        self.frame_texts: dict[type, FrameText] = {}


class PlainNodes:
    """One encoding. `seen`: ids of all that could be met again."""

    __slots__ = ("frame_texts", "level", "makers", "process", "seen")

    def __init__(self, forms: PlainForms, process: object | None) -> None:
        self.makers = forms.makers
        self.frame_texts = forms.frame_texts
        self.process = process
        self.seen: set[int] = set()
        self.level = 0

    def encode(self, value: Any) -> Json:
        """The node of any value. Raises Unusual."""
        kind = type(value)
        if kind is str:
            if not value.isascii() and SURROGATE_PAIR.search(value):
                raise Unusual
            return value
        if kind is int:
            if not -INT_PLAIN_LIMIT <= value < INT_PLAIN_LIMIT:
                raise Unusual
            return value
        if value is None or kind is bool:
            return value
        if kind is float:
            if not isfinite(value):
                raise Unusual
            return value
        if value is self.process:
            return _PROCESS
        make = self.makers.get(kind)
        if make is None or self.level > LEVELS_MAX:
            raise Unusual
        return make(self, value)

    def meet(self, value: object) -> None:
        """Something that could be met again. Raises Unusual: it was met before."""
        number = id(value)
        if number in self.seen:
            raise Unusual
        self.seen.add(number)

    def array(self, values: Iterable[Any]) -> list[Json]:
        self.level += 1
        nodes = [self.encode(value) for value in values]
        self.level -= 1
        return nodes

    def mapping(self, values: dict[str, Any]) -> dict[str, Json]:
        """The node of a dict whose keys are plain: itself, if it is long and its values are plain, too."""
        if len(values) >= LONG and are_plain(values.values()):
            return values
        self.level += 1
        node = {key: self.encode(value) for key, value in values.items()}
        self.level -= 1
        return node

    def field(self, name: str, value: Any) -> Json:
        return self.encode(value)

    def frame_text(self, frame: Frame) -> str:
        """A frame of a running goroutine, as text. Raises Unusual."""
        form = self.frame_texts.get(type(frame))
        if form is None:
            raise Unusual
        return form.text(self, frame)


def are_plain(values: Any) -> bool:
    """Whether all of these are their own JSON. Raises Unusual: one is of a plain type, but JSON would not give it back."""
    kinds = {*map(type, values)}
    for kind in kinds:
        check = _CHECKS.get(kind)
        if check is None:
            return False
        if not check(values if len(kinds) == 1 else [value for value in values if type(value) is kind]):
            raise Unusual
    return True


def _are_texts_plain(values: Iterable[str]) -> bool:
    return all(map(str.isascii, values)) or not any(map(SURROGATE_PAIR.search, values))


def _are_numbers_plain(values: Iterable[int]) -> bool:
    return min(values) >= -INT_PLAIN_LIMIT and max(values) < INT_PLAIN_LIMIT


_CHECKS: dict[type, Callable[[Any], bool]] = {
    str: _are_texts_plain,
    int: _are_numbers_plain,
    float: lambda values: all(map(isfinite, values)),
    bool: lambda values: True,
    type(None): lambda values: True,
}


def _has_plain_keys(values: dict[Any, Any]) -> bool:
    """Whether a dict is a JSON object as it is; some others are, too."""
    return {*map(type, values)} <= _TEXT and all(map(str.isascii, values)) and "$" not in "".join(values)


_TEXT = frozenset({str})


# --- by type ----------------------------------------------------------------------------------------------------


def _list_node(nodes: PlainNodes, value: list[Any]) -> Json:
    nodes.meet(value)
    return value if len(value) >= LONG and are_plain(value) else nodes.array(value)


def _tuple_node(nodes: PlainNodes, value: tuple[Any, ...]) -> Json:
    if are_plain(value):
        return {"$": "tuple", "v": value}
    nodes.meet(value)  # the encoder refers to a tuple only if it holds containers
    return {"$": "tuple", "v": nodes.array(value)}


def _dict_node(nodes: PlainNodes, value: dict[Any, Any]) -> Json:
    if not _has_plain_keys(value):
        raise Unusual
    nodes.meet(value)
    return nodes.mapping(value)


def _range_node(nodes: PlainNodes, value: range) -> Json:
    return {"$": "range", "v": [nodes.encode(value.start), nodes.encode(value.stop), nodes.encode(value.step)]}


def _cursor_node(nodes: PlainNodes, value: Cursor) -> Json:
    nodes.meet(value)
    return {"$": "object", "type": "runtime_client._cursors:Cursor", "state": nodes.mapping(value.__getstate__())}


def _outcome_node(nodes: PlainNodes, value: Outcome) -> Json:
    if value.error is not None:
        raise Unusual
    nodes.meet(value)
    return {"$": "outcome", "value": nodes.encode(value.value)}


class FrameText:
    """How a frame of one class is written that goes on running and shares its variables with nobody."""

    __slots__ = ("cls", "heads", "name", "shares")

    def __init__(self, cls: type[Frame], name: str) -> None:
        self.cls = cls
        self.name = name
        self.shares = bool(cls.OUTER or shared_slots(cls))
        self.heads: dict[str, str] = {}

    def text(self, nodes: PlainNodes, frame: Frame) -> str:
        """Raises Unusual."""
        if self.shares or frame.outer is not None or frame.frame_status is not FrameStatus.STARTED:
            raise Unusual
        nodes.meet(frame)
        state, receiver = frame.frame_state, frame.frame_receiver
        head = self.heads.get(state) or self._head(state)
        slots = dumps(nodes.mapping(frame.__dict__))
        if receiver is None:
            return f"{head}{slots}}}"
        if receiver is nodes.process:
            return f'{head}{slots},"receiver":{{"$":"process"}}}}'
        return f'{head}{slots},"receiver":{dumps(nodes.encode(receiver))}}}'

    def _head(self, state: str) -> str:
        row = self.cls.STATES.get(state)
        place = f"{self.cls.SOURCE}:{row.line}" if row is not None and row.line else self.cls.SOURCE
        head = dumps({"$": "frame", "function": self.name, "state": state, "at": place})
        self.heads[state] = head = f'{head[:-1]},"slots":'
        return head


def object_maker(layout: Layout, name: str) -> NodeMaker:
    """For objects that are their attributes."""

    def make(nodes: PlainNodes, value: Any) -> Json:
        attributes = layout.attributes(value)
        if not _has_plain_keys(attributes):
            raise Unusual
        nodes.meet(value)
        return {"$": "object", "type": name, "v": nodes.mapping(attributes)}

    return make


def leaf_maker(writer: Writer) -> NodeMaker:
    """For values that hold no others, from what writes them for the encoder."""
    make: Any = writer
    return make  # type: ignore[no-any-return]  # of the encoder they use nothing but what `PlainNodes` has, too


LEAVES: frozenset[type] = frozenset(
    {
        *(complex, bytes, slice, decimal.Decimal, uuid.UUID, type(pathlib.Path())),
        *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone),
        *(Handle, ChildRef, Channel),
    }
)

_MAKERS: dict[type, NodeMaker] = {
    list: _list_node,
    tuple: _tuple_node,
    dict: _dict_node,
    range: _range_node,
    Cursor: _cursor_node,
    Outcome: _outcome_node,
}
