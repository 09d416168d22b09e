"""Whatever is in a text, reading it gives a value or a CodecError; it names nothing that the definitions do not."""

from __future__ import annotations

import contextlib
import json
import re
import time
import tracemalloc
from typing import Any

import codec_shop as shop
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime_client._codec import LEVELS_READ_MAX, READERS, SHELLS, Codec
from runtime_client._errors import CodecError
from runtime_client._resolver import Resolver

CODEC = Codec(Resolver(["codec_shop"]))

NAMES = st.sampled_from(
    [
        *("codec_shop:Item", "codec_shop:Colour", "codec_shop:Point", "codec_shop:MyTuple", "codec_shop:WithState"),
        *("codec_shop:Order.main", "codec_shop:charge", "builtins:ValueError", "builtins:ExceptionGroup", "os:system"),
        *(
            "subprocess:Popen",
            "codec_shop:os",
            "builtins:eval",
            "codec_shop:MyDefault",
            "",
            "x",
            "a:b.c",
            "RED",
            "list",
        ),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=3) | NAMES
KEYS = st.sampled_from(
    [
        *(
            "v",
            "type",
            "$id",
            "args",
            "state",
            "base",
            "slots",
            "function",
            "kind",
            "factory",
            "keywords",
            "self",
            "at",
        ),
        *(
            "exceptions",
            "message",
            "text",
            "cause",
            "members",
            "value",
            "error",
            "owner",
            "zone",
            "tz",
            "flags",
            "deep",
        ),
    ]
)


def _nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    tagged = st.builds(
        lambda tag, fields: {"$": tag, **fields},
        st.sampled_from([*SHELLS, *READERS, "deep", "nonsense"]),
        st.dictionaries(KEYS, inner, max_size=6),
    )
    return (
        tagged
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.builds(lambda number: {"$ref": number}, SCALARS)
        | st.builds(lambda number: {"$deep": number}, SCALARS)
    )


@settings(max_examples=600, deadline=None)
@given(st.recursive(SCALARS, _nodes, max_leaves=12))
def test_junk_gives_a_value_or_a_codec_error(junk: Any) -> None:
    with contextlib.suppress(CodecError):
        CODEC.decode(json.dumps(junk))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20) | st.binary(max_size=20).map(lambda raw: raw.decode("latin-1")))
def test_text_that_is_no_json(text: str) -> None:
    with contextlib.suppress(CodecError):
        CODEC.decode(text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_documents(data: st.DataObject) -> None:
    order = shop.Order()
    held = shop.Item("a", tags=["x"])
    value = [
        shop.Order.MainFrame(order, held=held, again=held),
        ValueError(held),
        {held.name: {1, (2, 3)}},
        shop.Key(1),
    ]
    text = CODEC.encode(value, process=order)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    damaged = text[:start] + data.draw(st.text('[]{}:,"$abv019', max_size=4)) + text[end:]
    with contextlib.suppress(CodecError):
        CODEC.decode(damaged, process=order)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a document"),
        ("NaN", "is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * (LEVELS_READ_MAX + 1) + "]" * (LEVELS_READ_MAX + 1), "LEVELS_READ_MAX"),
        ("9" * 10_000, "not a document"),
        ('{"$":"frob"}', "unknown tag 'frob'"),
        ('{"$":["list"]}', "not a document"),
        ('{"$x":1}', "is not a key of a plain object"),
        ('{"a":1,"$id":3}', "is not a key of a plain object"),
        ('{"$ref":1}', "refers to nothing"),
        ('[{"$":"list","v":[],"$id":1},{"$":"list","v":[],"$id":1}]', "is used twice"),
        ('{"$":"tuple","v":[{"$ref":1}],"$id":1}', "refers to nothing"),
        ('{"$":"deep","v":{"$deep":0},"deep":[{"$deep":0}]}', "is not an entry further on"),
        ('{"$":"deep","v":{"$deep":1},"deep":[{"$deep":0}]}', "is not an entry further on"),
        ('{"$":"int","v":"12"}', "hexadecimal"),
        ('{"$":"class","v":"os:system"}', "is not a type"),
        ('{"$":"class","v":"subprocess:Popen"}', "is not known to these definitions"),
        ('{"$":"function","v":"builtins:eval"}', "is not known to these definitions"),
        ('{"$":"function","v":"builtins:object.__reduce_ex__"}', "is not known to these definitions"),
        ('{"$":"module","v":"subprocess"}', "is not one of these definitions"),
        ('{"$":"object","type":"builtins:object","v":{}}', "cannot be saved"),
        ('{"$":"object","type":"codec_shop:Order.MainFrame","v":{}}', "is not a class of plain objects"),
        ('{"$":"object","type":"codec_shop:Colour","v":{}}', "is not a class of plain objects"),
        ('{"$":"object","type":"codec_shop:Slim","v":{"nope":1}}', "has no attribute 'nope'"),
        ('{"$":"object","type":"codec_shop:Item","state":{}}', "has no state of its own"),
        ('{"$":"object","type":"codec_shop:MyTuple","base":[1]}', "expected the tuple"),
        ('{"$":"construct","type":"codec_shop:Plain","v":{}}', "neither a dataclass nor a named tuple"),
        ('{"$":"exception","type":"codec_shop:Item","args":[]}', "is not an exception"),
        ('{"$":"exception","type":"builtins:ExceptionGroup","args":[]}', "is an exception group"),
        ('{"$":"exception","type":"builtins:OSError","args":[],"members":{"__class__":1}}', "has no member"),
        ('{"$":"frame","function":"codec_shop:Nope.main","state":"x","slots":{}}', "no durable function"),
        ('{"$":"frame","function":"codec_shop:Order.main","state":"x","slots":{}}', "has no state 'x'"),
        (
            '{"$":"frame","function":"codec_shop:Order.main","state":"Main_Start","slots":{"goto":1}}',
            "not the name of a slot",
        ),
        ('{"$":"namedtuple","type":"codec_shop:Point","v":{"z":1}}', "has fields"),
        ('{"$":"enum","type":"codec_shop:Colour","v":"BLUE"}', "has no member 'BLUE'"),
        ('{"$":"method","v":"__init__","self":{"$":"class","v":"builtins:int"}}', "has no method"),
        ('{"$":"method","v":"nope","self":[]}', "has no method 'nope'"),
        ('{"$":"process"}', "outside of it"),
        ('{"$":"zoneinfo","v":"../../etc/passwd"}', "not a document"),
        ('{"$":"pattern","v":"(","flags":0}', "not a document"),
        ('{"$":"iterator","kind":"list","v":"text","at":0}', "is not over a str"),
        ('{"$":"itertools","kind":"tee","v":[]}', "cannot place one where it was"),
        ('{"$":"itertools","kind":[],"v":[]}', "not a document"),
        ('{"$":"itertools","kind":"chain","v":[],"state":1}', "not a document"),
        ('{"$":"itertools","kind":"_grouper","v":[[],1]}', "not a document"),
        ('{"$":"itertools","kind":"product","v":[{"$":"itertools","kind":"count","v":[]}]}', "as tuples and a number"),
        (
            '{"$":"itertools","kind":"combinations_with_replacement","v":[{"$":"tuple","v":[1]},1000000000000]}',
            "at most 100000 can be saved",
        ),
        ('{"$":"set","v":[[]]}', "unhashable"),
        ('{"$":"float","v":"1.0"}', "not a document"),
    ],
)
def test_wrong_documents(codec: Codec, text: str, message: str) -> None:
    with pytest.raises(CodecError) as caught:
        codec.decode(text)
    assert message in str(caught.value)


def test_nothing_is_imported_by_a_document(codec: Codec) -> None:
    import sys

    sys.modules.pop("this", None)
    for tag in ("class", "function", "module"):
        with pytest.raises(CodecError):
            codec.decode(json.dumps({"$": tag, "v": "this:s" if tag != "module" else "this"}))
    assert "this" not in sys.modules


def test_definitions_that_do_not_import_are_a_codec_error() -> None:
    with pytest.raises(CodecError, match="module 'no_such_module_at_all' of these definitions cannot be imported"):
        Codec(Resolver(["no_such_module_at_all"])).decode('{"$":"class","v":"a:b"}')


# --- what reading may cost ---------------------------------------------------------------------------------------------

COLLIDING = [{"$": "int", "v": hex(number * (2**61 - 1))} for number in range(1, 20_000)]

COSTLY: dict[str, tuple[str, str]] = {
    "numbers of one hash in a set": (json.dumps({"$": "set", "v": COLLIDING}), "EQUAL_HASHES_MAX"),
    "numbers of one hash in a frozenset": (json.dumps({"$": "frozenset", "v": COLLIDING}), "EQUAL_HASHES_MAX"),
    "numbers of one hash as keys": (json.dumps({"$": "dict", "v": [[n, 1] for n in COLLIDING]}), "EQUAL_HASHES_MAX"),
    "tuples of one hash": (
        json.dumps({"$": "set", "v": [{"$": "tuple", "v": [n]} for n in COLLIDING]}),
        "EQUAL_HASHES_MAX",
    ),
    "keys of one hash in a subclass": (
        json.dumps({"$": "object", "type": "codec_shop:MyDict", "base": [[n, 1] for n in COLLIDING]}),
        "EQUAL_HASHES_MAX",
    ),
    "a long fraction": (
        json.dumps(
            {"$": "fraction", "v": [{"$": "int", "v": "0x1" + "0" * 10**6 + "1"}, {"$": "int", "v": "0x3" * 1}]}
        ),
        "FRACTION_BITS_MAX",
    ),
    "a long pattern": (json.dumps({"$": "pattern", "v": "a" * 20_001, "flags": 0}), "PATTERN_CHARS_MAX"),
    "sets of all characters": (
        json.dumps({"$": "pattern", "v": "[^\x00-\U0010ffff]" * 3000, "flags": 2}),
        "PATTERN_SETS_MAX",
    ),
    "sets of all characters by name": (
        json.dumps({"$": "pattern", "v": "[\\0-\\U0010ffff]" * 1000, "flags": 2}),
        "PATTERN_SETS_MAX",
    ),
    "a long decimal number": ("[" + "9" * 1_000_000 + "]", "not a document"),
    "a place beyond the end": (
        json.dumps(
            {
                "$": "object",
                "type": "runtime_client._cursors:Cursor",
                "state": {"kind": "keys", "source": {"a": 1}, "at": 10**18},
            }
        ),
        "",
    ),
    "a place in what never ends": (
        json.dumps(
            {
                "$": "object",
                "type": "runtime_client._cursors:Cursor",
                "state": {"kind": "deque", "source": {"$": "range", "v": [0, 10**18, 1]}, "at": 10**17},
            }
        ),
        "AssertionError",
    ),
    "a huge range": (json.dumps({"$": "range", "v": [0, {"$": "int", "v": "0x" + "f" * 100_000}, 1]}), ""),
    "a huge exponent": (json.dumps({"$": "set", "v": [{"$": "decimal", "v": "1e999999999"}]}), ""),
    "a huge deque": (json.dumps({"$": "deque", "v": [], "maxlen": 2**62}), ""),
    "many references": (json.dumps([{"$": "list", "v": [], "$id": 1}, *([{"$ref": 1}] * 200_000)]), ""),
    "references that double": (
        json.dumps(
            [
                {"$": "list", "v": [], "$id": 0},
                *({"$": "list", "v": [{"$ref": n}] * 9, "$id": n + 1} for n in range(9_000)),
            ]
        ),
        "",
    ),
    "a table of deep parts": (
        json.dumps({"$": "deep", "v": {"$deep": 0}, "deep": [*([{"$deep": n + 1}] for n in range(100_000)), []]}),
        "",
    ),
    "a zone out of place": ('{"$":"zoneinfo","v":"/etc/passwd"}', "not a document"),
    "a zone above": ('{"$":"zoneinfo","v":"Europe/../../../../etc/passwd"}', "not a document"),
    "a zone that is a directory": ('{"$":"zoneinfo","v":"Europe"}', "not a document"),
    "a zone of no name": ('{"$":"datetime","v":"2026-01-01T00:00:00","zone":"a\\u0000b"}', "not a document"),
    "a time too long": ('{"$":"timedelta","v":[1e300,0,0]}', "not a document"),
    "not a number as a key": ('{"$":"set","v":[{"$":"decimal","v":"sNaN"}]}', "Cannot hash a signaling NaN"),
    "an enum of anything": ('{"$":"enum","type":"codec_shop:Rights","value":{"a":1}}', "not a document"),
    "an array of no type": ('{"$":"array","code":"Z","v":[]}', "not a document"),
    "an array of others": ('{"$":"array","code":"b","v":[1000]}', "not a document"),
    "a getter of nothing": ('{"$":"getter","kind":"itemgetter","v":[]}', "not a document"),
    "a call in place of a getter": ('{"$":"getter","kind":"__import__","v":["os"]}', "not a document"),
    "a proxy of no dict": ('{"$":"mappingproxy","v":[]}', "a mapping proxy is of a dict"),
    "no constant": ('{"$":"constant","v":"codec_shop:charge"}', "is not a constant"),
    "a module as a constant": ('{"$":"constant","v":"codec_shop:os"}', "is not"),
    "type arguments of a class that takes none": (
        '{"$":"object","type":"codec_shop:Box","of":[{"$":"class","v":"builtins:int"}],"v":{}}',
        "is not made by subscription",
    ),
    "an exception of the library that is none": ('{"$":"class","v":"zlib:compress"}', "is not known"),
}


@pytest.mark.parametrize(("text", "message"), COSTLY.values(), ids=COSTLY)
def test_reading_is_quick_or_refused(text: str, message: str) -> None:
    """Processor time, so that a busy machine does not matter; one at a time, all are far below the limit."""
    before = time.process_time()
    if message:
        with pytest.raises(CodecError) as caught:
            CODEC.decode(text)
        assert message in str(caught.value)
    else:
        CODEC.decode(text)
    assert time.process_time() - before < 5


def test_what_could_not_be_read_is_refused_when_it_is_saved(codec: Codec) -> None:
    colliding = [number * (2**61 - 1) for number in range(1, 3_000)]
    for value in (set(colliding), dict.fromkeys(colliding), shop.Fraction(1, 3**200_000), re.compile("a" * 20_001)):
        with pytest.raises(CodecError, match="_MAX"):
            codec.encode(value)
    assert codec.decode(codec.encode({shop.Key("a", number) for number in range(3_000)}))


def test_memory_is_bounded_by_the_text() -> None:
    text = json.dumps([{"$": "list", "v": ["x"] * 1000, "$id": 1}, *([{"$ref": 1}] * 20_000)])
    tracemalloc.start()
    try:
        CODEC.decode(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * len(text)
