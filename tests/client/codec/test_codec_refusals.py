"""What cannot be saved is refused when it is saved, naming type, place and cure."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import itertools
import logging
import queue
import re
import socket
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import codec_shop as shop
import pytest

from runtime_client._channels import Channel
from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._resolver import Resolver


async def _coroutine() -> None: ...


def _closed_coroutine() -> Any:
    made = _coroutine()
    made.close()
    return made


def _closed_socket() -> socket.socket:
    made = socket.socket()
    made.close()
    return made


REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "file": (lambda: io.StringIO(), "an open file", "open it again"),
    "generator": (lambda: (x for x in ()), "a live generator", "use a list"),
    "coroutine": (_closed_coroutine, "a coroutine", "await call"),
    "lock": (threading.Lock, "a lock", "use a channel"),
    "rlock": (threading.RLock, "a lock", "use a channel"),
    "condition": (threading.Condition, "a thread or its lock", "use a channel"),
    "local": (threading.local, "thread-local data", "explicitly"),
    "socket": (_closed_socket, "a socket", "connect again"),
    "asyncio": (asyncio.Lock, "an asyncio object", "durable counterpart"),
    "queue": (queue.Queue, "a queue.Queue", "make it again"),
    "lambda": (shop.make_lambda, "a lambda", "module level"),
    "local function": (shop.make_local, "defined inside a function", "module level"),
    "local class": (shop.make_local_class, "defined inside a function", "module level"),
    "object": (object, "an object() sentinel", "Enum"),
    "exit stack": (contextlib.ExitStack, "a context manager of contextlib", "nested `with`"),
    "reduce": (shop.Reduced, "Reduced defines __reduce__", "__getstate__"),
    "itertools": (lambda: itertools.tee([])[0], "an iterator of itertools", "list"),
    "match": (lambda: re.match("a", "a"), "a match of a regular expression", "match.group"),
    "hash": (hashlib.sha256, "a hash that is being computed", "digest"),
    "callable iterator": (lambda: iter(int, 1), "a builtins.callable_iterator", "make it again"),
    "logger": (lambda: logging.getLogger("x"), "a logger", "module's own"),
    "memoryview": (lambda: memoryview(b""), "a memoryview", "bytes"),
    "weakref": (lambda: weakref.ref(shop.Plain), "a weak", "object itself"),
    "module": (lambda: types, "module 'types'", "import types"),
    "unknown module": (lambda: types.ModuleType("nowhere"), "module 'nowhere'", "import nowhere"),
    "class elsewhere": (lambda: Codec(Resolver()), "runtime_client._codec:Codec", "import it"),
    "function elsewhere": (lambda: _closed_socket, "_closed_socket", "modules=["),
    "unsafe builtin": (lambda: eval, "builtins:eval", "import it"),
    "nameless channel": (Channel, "belongs to no process", "make_channel"),
}


@pytest.mark.parametrize(("make", "what", "cure"), REFUSED.values(), ids=REFUSED)
def test_refusal_names_type_path_and_cure(codec: Codec, make: Callable[[], Any], what: str, cure: str) -> None:
    frame = shop.ApproveFrame(None, ok=1, held={"deep": [0, make()]})
    with pytest.raises(CodecError) as caught:
        codec.encode({"goroutines": [[1, [frame]]]})
    error = caught.value
    assert what in error.message
    assert cure in error.help
    assert error.path == ("goroutines", 0, 1, 0, "held", "deep", 1)
    assert (error.variable, error.function, error.place) == ("held", "approve", "lib.py:3")
    assert error.inside == "held.deep[1]"
    assert ": local 'held' of approve, saved at lib.py:3 (at held.deep[1])" in str(error)


def test_redefined_function_is_refused(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    old = types.FunctionType(shop.charge.__code__, {}, "charge")
    old.__qualname__, old.__module__ = "charge", "codec_shop"
    with pytest.raises(CodecError, match="is not what is found under that name"):
        codec.encode(old)


def test_refusal_does_not_disturb_later_saving(codec: Codec) -> None:
    for _ in range(2):
        with pytest.raises(CodecError):
            codec.encode([shop.Plain(x=object())])
    assert codec.encode([shop.Plain()]) == '[{"$":"object","type":"codec_shop:Plain","v":{"initialised":true}}]'


def test_authors_own_failures_are_codec_errors(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.WithState, "__getstate__", lambda self: 1 / 0)
    with pytest.raises(CodecError, match="division by zero"):
        codec.encode(shop.WithState(1))


def test_refusal_inside_the_deep_table_still_names_its_end(codec: Codec) -> None:
    value: Any = {"end": object()}
    for _ in range(100):
        value = [value]
    with pytest.raises(CodecError) as caught:
        codec.encode(value)
    assert (caught.value.path[0], caught.value.path[-1]) == ("...", "end")
