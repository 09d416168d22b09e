"""Stream messages of `Workers.Serve`: as much as is ready goes into one, within the limits of the wire.

What cannot travel at all (too large, or beyond the protocol's types) must not end the stream, on which other processes
depend, and must not be tried for ever. It is answered instead with a fault that says so: the process is shown as
faulted, or the effect as failed, with that reason (rule 6).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from ..core.commands import Faulted, Payload
from .convert import Unsendable, get_order, get_word, put_order, put_word, sendable
from .limits import BATCH_BYTES_MAX, MESSAGE_BYTES_MAX
from .slct.v1.workers_pb2 import ServeRequest, ServeResponse
from .work import EffectAnswer, FromWorker, RunEffect, RunTransition, ToWorker, TransitionAnswer

T = TypeVar("T")
M = TypeVar("M", bound=Message)


def pack_words(words: Sequence[FromWorker]) -> Iterator[ServeRequest]:
    """What a worker has to say, in order. An answer that cannot travel is replaced by one that says so.

    Raises:
      Unsendable: a registration cannot travel.
    """
    for packed in _pack(words, _request):
        if isinstance(packed, _Refused):
            yield _request([_answer_instead(packed.item, packed.reason)])
        else:
            yield packed


def pack_orders(orders: Sequence[ToWorker], refuse: Callable[[FromWorker], None]) -> Iterator[ServeResponse]:
    """Orders, in order. `refuse` gets the answer to each one that cannot travel."""
    for packed in _pack(orders, _response):
        if isinstance(packed, _Refused):
            refuse(_answer_instead(packed.item, packed.reason))
        else:
            yield packed


def unpack_words(message: ServeRequest) -> list[FromWorker]:
    """Raises BadMessage."""
    return [get_word(word) for word in message.messages]


def unpack_orders(message: ServeResponse) -> list[ToWorker]:
    """Raises BadMessage."""
    return [get_order(order) for order in message.orders]


class _Refused:
    """One item that cannot travel, and why."""

    def __init__(self, item: ToWorker | FromWorker, reason: str) -> None:
        self.item = item
        self.reason = reason


def _pack(items: Sequence[T], build: Callable[[Sequence[T]], M]) -> Iterator[M | _Refused]:
    """All in one message if it fits; else in two halves, down to single items, which may be larger than a batch."""
    if not items:
        return
    try:
        message = sendable(build, items)
        size_bytes = message.ByteSize()
        if size_bytes <= BATCH_BYTES_MAX or (len(items) == 1 and size_bytes <= MESSAGE_BYTES_MAX):
            yield message
            return
        reason = f"{size_bytes} bytes exceed the limit of one message, MESSAGE_BYTES_MAX = {MESSAGE_BYTES_MAX}"
    except Unsendable as error:
        reason = str(error)
    if len(items) == 1:
        yield _Refused(items[0], reason)  # type: ignore[arg-type]  # T is one of the two unions
    else:
        middle = len(items) // 2
        yield from _pack(items[:middle], build)
        yield from _pack(items[middle:], build)


def _request(words: Sequence[FromWorker]) -> ServeRequest:
    message = ServeRequest()
    for word in words:
        put_word(word, message.messages.add())
    return message


def _response(orders: Sequence[ToWorker]) -> ServeResponse:
    message = ServeResponse()
    for order in orders:
        put_order(order, message.orders.add())
    return message


def _answer_instead(item: ToWorker | FromWorker, reason: str) -> FromWorker:
    match item:
        case RunTransition() | TransitionAnswer():
            error = _value_error(f"the transition cannot travel between runtime and worker: {reason}")
            return TransitionAnswer(item.dispatch_id, Faulted(error), (), None)
        case RunEffect() | EffectAnswer():
            error = _value_error(f"the effect cannot travel between runtime and worker: {reason}")
            return EffectAnswer(item.dispatch_id, None, error, ("builtins:ValueError", "builtins:Exception"))
        case _:
            raise Unsendable(f"{type(item).__name__}: {reason}")


def _value_error(message: str) -> Payload:
    """A ValueError as the codec writes it."""
    arguments = {"$": "tuple", "v": [message]}
    return json.dumps({"$": "exception", "type": "builtins:ValueError", "args": arguments}, separators=(",", ":"))
