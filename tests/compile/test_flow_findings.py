"""What crosses suspensions (`_flow_checks.py`): told where the codec refuses it or it means nothing after, and nowhere else."""

# ruff: noqa: SIM115 - files left open are what is looked for
from __future__ import annotations

import bz2
import codecs
import concurrent.futures
import contextlib
import csv
import decimal
import glob
import gzip
import hashlib
import hmac
import http.client
import io
import itertools
import logging
import lzma
import multiprocessing
import os
import queue
import re
import smtplib
import socket
import sqlite3
import tarfile
import tempfile
import textwrap
import threading
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._resolver import Resolver
from slct_compile._kinds import UNSAVEABLE
from slct_compile._tree import plan, read_tree
from slct_compile.diagnostics import Diagnostic

_FILE = __file__
_MAKERS: dict[str, Callable[[Path], Any]] = {
    "open": lambda tmp: open(_FILE),
    "io.open": lambda tmp: io.open(_FILE),  # noqa: UP020 - this name of it is a case of its own
    "os.fdopen": lambda tmp: os.fdopen(os.open(_FILE, os.O_RDONLY)),
    "os.popen": lambda tmp: os.popen("true"),
    "gzip.open": lambda tmp: gzip.open(_FILE),
    "bz2.open": lambda tmp: bz2.open(_FILE),
    "lzma.open": lambda tmp: lzma.open(_FILE),
    "codecs.open": lambda tmp: codecs.open(_FILE),
    "io.StringIO": lambda tmp: io.StringIO(),
    "io.BytesIO": lambda tmp: io.BytesIO(),
    "zipfile.ZipFile": lambda tmp: zipfile.ZipFile(tmp / "a.zip", "w"),
    "tarfile.open": lambda tmp: tarfile.open(tmp / "a.tar", "w"),
    "socket.socket": lambda tmp: socket.socket(),
    "sqlite3.connect": lambda tmp: sqlite3.connect(":memory:"),
    "smtplib.SMTP": lambda tmp: smtplib.SMTP(),
    "http.client.HTTPConnection": lambda tmp: http.client.HTTPConnection("nowhere"),
    "threading.Lock": lambda tmp: threading.Lock(),
    "threading.RLock": lambda tmp: threading.RLock(),
    "threading.Semaphore": lambda tmp: threading.Semaphore(),
    "threading.BoundedSemaphore": lambda tmp: threading.BoundedSemaphore(),
    "threading.Condition": lambda tmp: threading.Condition(),
    "threading.Thread": lambda tmp: threading.Thread(),
    "threading.Timer": lambda tmp: threading.Timer(1, print),
    "threading.Event": lambda tmp: threading.Event(),
    "threading.Barrier": lambda tmp: threading.Barrier(1),
    "threading.local": lambda tmp: threading.local(),
    "multiprocessing.Lock": lambda tmp: multiprocessing.Lock(),
    "multiprocessing.RLock": lambda tmp: multiprocessing.RLock(),
    "concurrent.futures.ThreadPoolExecutor": lambda tmp: concurrent.futures.ThreadPoolExecutor(),
    "queue.Queue": lambda tmp: queue.Queue(),
    "queue.SimpleQueue": lambda tmp: queue.SimpleQueue(),
    "queue.LifoQueue": lambda tmp: queue.LifoQueue(),
    "queue.PriorityQueue": lambda tmp: queue.PriorityQueue(),
    "re.match": lambda tmp: re.match("a", "a"),
    "re.search": lambda tmp: re.search("a", "a"),
    "re.fullmatch": lambda tmp: re.fullmatch("a", "a"),
    "hashlib.new": lambda tmp: hashlib.new("md5"),
    "hashlib.md5": lambda tmp: hashlib.md5(),
    "hashlib.sha1": lambda tmp: hashlib.sha1(),
    "hashlib.sha256": lambda tmp: hashlib.sha256(),
    "hashlib.sha512": lambda tmp: hashlib.sha512(),
    "hmac.new": lambda tmp: hmac.new(b"", digestmod="md5"),
    "memoryview": lambda tmp: memoryview(b""),
    "object": lambda tmp: object(),
    "logging.getLogger": lambda tmp: logging.getLogger("shop"),
    "re.finditer": lambda tmp: re.finditer("a", "a"),
    "csv.reader": lambda tmp: csv.reader([]),
    "csv.writer": lambda tmp: csv.writer(io.StringIO()),
    "csv.DictReader": lambda tmp: csv.DictReader([]),
    "csv.DictWriter": lambda tmp: csv.DictWriter(io.StringIO(), []),
    "os.scandir": lambda tmp: os.scandir(tmp),
    "os.walk": lambda tmp: os.walk(tmp),
    "glob.iglob": lambda tmp: glob.iglob("*"),
    "itertools.tee": lambda tmp: itertools.tee([]),
    "tempfile.TemporaryFile": lambda tmp: tempfile.TemporaryFile(),
    "tempfile.NamedTemporaryFile": lambda tmp: tempfile.NamedTemporaryFile(),
    "tempfile.SpooledTemporaryFile": lambda tmp: tempfile.SpooledTemporaryFile(),
    "tempfile.TemporaryDirectory": lambda tmp: tempfile.TemporaryDirectory(),
    "contextlib.ExitStack": lambda tmp: contextlib.ExitStack(),
    "contextlib.redirect_stdout": lambda tmp: contextlib.redirect_stdout(io.StringIO()),
    "contextlib.redirect_stderr": lambda tmp: contextlib.redirect_stderr(io.StringIO()),
    "contextlib.closing": lambda tmp: contextlib.closing(io.StringIO()),
    "contextlib.chdir": lambda tmp: contextlib.chdir(tmp),
    "warnings.catch_warnings": lambda tmp: warnings.catch_warnings(),
    "decimal.localcontext": lambda tmp: decimal.localcontext(),
}
_NOT_MADE = {
    "socket.create_connection",  # these need somebody who answers, or a child
    "smtplib.SMTP_SSL",
    "http.client.HTTPSConnection",
    "subprocess.Popen",
    "multiprocessing.Queue",
    "concurrent.futures.ProcessPoolExecutor",
}


def test_every_maker_in_the_table_is_tried() -> None:
    assert set(UNSAVEABLE) == set(_MAKERS) | _NOT_MADE


@pytest.mark.parametrize("name", _MAKERS)
def test_the_codec_refuses_what_is_said_to_be_unsaveable(name: str, tmp_path: Path) -> None:
    made = _MAKERS[name](tmp_path)
    try:
        with pytest.raises(CodecError):
            Codec(Resolver()).encode([made])
    finally:
        for end in ("close", "cleanup", "shutdown"):
            if callable(getattr(made, end, None)):
                getattr(made, end)()
                break


HEAD = """
import contextlib, csv, os, re, threading, time
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from runtime_client import Process, call, close, go, make_channel, now, recv, select, send, sleep, timeout

LOCK = threading.Lock()
USER = ContextVar("USER")

def numbers():
    yield 1

@contextlib.contextmanager
def block():
    yield 1

class Suppress:
    def __enter__(self): ...
    def __exit__(self, *error): ...

class Order(Process):
    async def main(self, text: str) -> None:
"""


def found(tmp_path: Path, body: str) -> list[Diagnostic]:
    text = HEAD + textwrap.indent(textwrap.dedent(body), " " * 8)
    (tmp_path / "shop.py").write_text(text)
    first = text.count("\n", 0, text.index("    async def main"))
    return [d for d in plan(read_tree(tmp_path)).diagnostics if d.code != "SLC301" and d.place.line > first]


@pytest.mark.parametrize(
    "body",
    [
        # used up before
        "match = re.match('a', text)\nprint(match)\nawait recv('x')",
        "with open(text) as file:\n    print(file.read())\nawait recv('x')",
        "for line in open(text):\n    print(line)\nawait recv('x')",
        "for number in numbers():\n    if number:\n        break\nawait recv('x')",
        # made anew
        "while True:\n    match = re.match('a', await recv('x'))\n    print(match)",
        "match = re.match('a', text)\nawait recv('x')\nmatch = re.match('b', text)\nprint(match)",
        "match = re.match('a', text)\nfor match in [1]:\n    await recv('x')\n    print(match)",
        # nothing is left of it
        "match = re.match('a', text)\nif match is None:\n    await recv('x')\n    print(match)",
        "match = re.match('a', text)\nif not match:\n    await recv('x')\nprint(1 if await recv('y') else 2)",
        "if match := re.match('a', text):\n    print(match)\nelse:\n    await recv('x')\n    print(match)",
        "match = re.match('a', text).group()\nawait recv('x')\nprint(match)",
        # on another way
        "match = re.match('a', text)\nif match:\n    print(match)\n    return\nawait recv('x')",
        "try:\n    match = re.match('a', text)\n    print(match)\nexcept ValueError:\n    await recv('x')",
        "try:\n    match = re.match('a', text)\n    print(match)\nfinally:\n    await recv('x')",
        # what can be saved
        "for index, letter in enumerate(text):\n    await recv('x')\n    print(index, letter)",
        "for number in list(numbers()):\n    await recv('x')",
        "for line in list(csv.reader([text])):\n    await recv('x')",
        "with Suppress():\n    await recv('x')",
        "with contextlib.suppress(ValueError):\n    await recv('x')",
        "with contextlib.nullcontext():\n    await recv('x')",
        "pattern = re.compile('a')\nawait recv('x')\nprint(pattern.match(text))",
        # it is not what it looks like
        "open = print\nfile = open(text)\nawait recv('x')\nprint(file)",
        "re = text\nmatch = re.match('a', text)\nawait recv('x')\nprint(match)",
        "file = await call(open, text)\nawait recv('x')\nprint(file)",
        "LOCK = Suppress()\nwith LOCK:\n    await recv('x')",
        # locks
        "with LOCK:\n    print(1)\nawait recv('x')",
        "LOCK.acquire()\nprint(1)\nLOCK.release()\nawait recv('x')",
        "LOCK.acquire()\ntry:\n    print(1)\nfinally:\n    LOCK.release()\nawait recv('x')",
        # clocks and contexts
        "late = now() + timedelta(1)\nawait recv('x')\nprint(late)",
        "late = datetime.now(timezone.utc) + timedelta(1)\nawait recv('x')\nprint(late)",
        "begun = datetime.now()\nawait recv('x')\nprint(begun)",
        "begun = time.monotonic()\nprint(time.monotonic() - begun)\nawait recv('x')",
        "USER.set(1)\nprint(USER.get())\nawait recv('x')",
        "await recv('x')\nUSER.set(1)\nprint(USER.get())",
        "same = [text] is [text]\nawait recv('x')\nprint(same)",
        # loops that end, or wait
        "while self.left:\n    self.left -= 1",
        "while True:\n    if await recv('x'):\n        continue\n    print(1)",
        "while not self.ready():\n    pass",
        "while self.left:\n    text = text[1:]\n    if not text:\n        break",
        "while True:\n    try:\n        self.left = next(text)\n    except StopIteration:\n        break",
        "while True:\n    assert await recv('x')\n    for letter in text:\n        if letter:\n            continue\n        print(letter)",
        "while True:\n    if text:\n        raise ValueError\n    await recv('x')",
        "try:\n    while True:\n        self.left = next(text)\nexcept StopIteration:\n    await recv('x')",
        "while text:\n    if self.left:\n        return\n    text = await recv('x')\n    del self.left",
        # recursion that ends, or is not awaited, or is somebody else's
        "if text:\n    await self.main(text[1:])",
        "try:\n    await recv('x')\nexcept ValueError:\n    return\nawait self.main(text)",
        "await recv('x')\ngo(self.main(text))",
        "await other.main(text)",
        # channels that others know, or have both ends
        "channel = make_channel()\ngo(self.ask(channel))\nawait recv(channel)",
        "channel = make_channel()\nself.channel = channel\nawait recv(channel)",
        "channel = make_channel(1)\nawait send(channel, 1)\nawait recv(channel)",
        "channel = make_channel(1)\nasync def ask():\n    await send(channel, 1)\ngo(ask())\nawait recv(channel)",
        "channel = make_channel()\nawait send('channels', channel)\nawait recv(channel)",
        "channel = make_channel()\nchannels = [channel]\nawait recv(channel)",
        "async with timeout(1):\n    await select()",
        "try:\n    await select()\nfinally:\n    await recv('x')",
        "select = print\nselect()\nawait recv('x')",
        # all of it can be reached
        "try:\n    return\nfinally:\n    await recv('x')",
        "while True:\n    if await recv('y'):\n        break\nelse:\n    print(1)\nawait recv('x')",
        "async with self.manager:\n    return",
        "for letter in text:\n    await recv('x')\n    break\nelse:\n    await recv('y')",
    ],
)
def test_nothing_is_said(body: str, tmp_path: Path) -> None:
    assert found(tmp_path, body) == []


@pytest.mark.parametrize(
    ("body", "code", "lines"),
    [
        # the places are lines of the body: where it was made, where the process waits, where it is used
        ("match = re.match('a', text)\nawait recv('x')\nprint(match)", "SLC201", [1, 2, 3]),
        ("a = 1\nif (match := re.match('a', text)) and await recv('x'):\n    print(match)", "SLC201", [2, 2, 3]),
        ("match = None\nwhile True:\n    print(match)\n    match = re.match('a', await recv('x'))\n    await sleep(1)", "SLC201", [4, 5, 3]),
        ("match = re.match('a', text)\ntry:\n    await recv('x')\nfinally:\n    print(match)", "SLC201", [1, 3, 5]),
        ("match = re.match('a', text)\ntry:\n    await recv('x')\nexcept ValueError:\n    print(match)", "SLC201", [1, 3, 5]),
        ("print(re.match('a', text), await recv('x'))", "SLC201", [1, 1]),
        ("numbers_ = numbers()\nawait recv('x')\nprint(next(numbers_))", "SLC201", [1, 2, 3]),
        ("pairs = iter(numbers())\nawait recv('x')\nprint(next(pairs))", "SLC201", [1, 2, 3]),
        ("match = re.match('a', text)\nasync for x in self.text:\n    print(match)", "SLC201", [1, 2, 3]),
        ("with LOCK:\n    print(1)\n    await recv('x')", "SLC202", [1, 3]),
        ("lock = threading.Lock()\nwith lock:\n    await recv('x')", "SLC202", [2, 3]),
        ("LOCK.acquire()\nawait recv('x')\nLOCK.release()", "SLC202", [1, 2, 3]),
        ("with block() as a:\n    await recv('x')", "SLC203", [1, 2]),
        ("with Suppress(), open(text) as file:\n    await recv('x')", "SLC203", [1, 2]),
        ("for number in numbers():\n    await recv('x')", "SLC204", [1, 2]),
        ("for i, (a, b) in enumerate(zip(text, numbers())):\n    await recv('x')", "SLC204", [1, 2]),
        ("print([await recv('x') for line in csv.reader([text])])", "SLC204", [1, 1]),
        ("key = id(text)\nawait recv('x')\nprint(key)", "SLC206", [1, 2, 3]),
        ("USER.set(1)\nawait recv('x')\nprint(USER.get())", "SLC209", [3, 2]),
        ("end = 5 + time.monotonic()\nawait recv('x')\nprint(end)", "SLC401", [1, 2, 3]),
        ("end = datetime.now() + timedelta(1)\nawait recv('x')\nprint(end)", "SLC401", [1, 2, 3]),
        ("while self.left:\n    pass", "SLC304", [1]),
        ("while True:\n    self.left += 1", "SLC304", [1]),
        ("while True:\n    if self.left:\n        continue\n    self.left = await recv('x')", "SLC304", [1]),
        ("while text:\n    while self.left:\n        if text:\n            print(1)\n    text = await recv('x')", "SLC304", [2]),
        ("await recv('x')\nawait self.main(text)", "SLC308", [2]),
        ("if text:\n    await self.main(text)\nelse:\n    return await self.main('a')", "SLC308", [2]),
        ("return\nawait recv('x')\nawait recv('y')", "SLC307", [2]),
        ("if text:\n    raise ValueError\nelse:\n    return await recv('x')\nawait recv('y')", "SLC307", [5]),
        ("channel = make_channel()\nasync for answer in channel:\n    print(answer)", "SLC306", [1]),
        ("channel = make_channel()\nawait channel.send(1)\nclose(channel)", "SLC306", [1]),
        ("await select(label='Nothing')", "SLC305", [1]),
        ("global USER\nUSER = await recv('x')\nUSER = 1", "SLC205", [2]),
        ("here = os.getcwd()\nawait recv('x')\nprint(here)", "SLC404", [1, 2, 3]),
    ],
)  # fmt: skip
def test_the_places_are_shown(body: str, code: str, lines: list[int], tmp_path: Path) -> None:
    (one,) = found(tmp_path, body)
    places = [one.place, *(note.place for note in one.notes)]
    assert (one.code, [place.line - HEAD.count("\n") for place in places]) == (code, lines)
