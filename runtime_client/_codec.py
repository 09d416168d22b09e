"""The codec: values of durable code as self-describing JSON text, and back, with types and identity kept.

This head is the specification of the format. A text is one value; `Codec.encode` is one alias domain (rule 1).

Plain values. None, bool, str, int of up to 64 bits, finite float, list, and dict whose keys are all str without "$" at
the front, are the JSON that they look like; order is kept. Text is ASCII, with compact separators.

Tagged values. Everything else is an object whose "$" is a tag; "v" usually holds the content. Names of types and functions
are `module:qualname` (see `_resolver.py`). `pairs` is `[[key, value], ...]`; `mapping` is a plain object if its keys allow
it, else pairs. Fields in brackets are left out when they say nothing.

    int               v: hexadecimal text                    float     v: "nan", "inf" or "-inf"
    complex           v: [real, imaginary]                   str       v: pieces that, joined, would make JSON join surrogates
    bytes, bytearray  v: base64                              list      v: array (only with "$id")
    tuple, set, frozenset, slice, range  v: array            deque     v: array [maxlen]
    dict, ordereddict, counter  v: mapping                   defaultdict  v: mapping, factory
    view              v: the dict, kind: keys|values|items   iterator  kind [v: what is iterated] [at] [strict]
    itertools         kind: name in itertools, v: array [state]; or kind: empty
    date, time, datetime  v: ISO 8601, [zone: IANA name | tz: value] [fold: 1]
    timedelta         v: [days, seconds, microseconds]       timezone  v: like timedelta [name]
    zoneinfo, uuid, decimal, path  v: text [kind: pure path]  fraction  v: [numerator, denominator]
    ip                v: text, kind: IPv4Address ...         pattern   v: text or bytes, flags
    array             v: array, code                         mappingproxy  v: the dict
    getter            kind: itemgetter|..., v: array [keywords]  struct_time  v: array, zone, offset
    ellipsis, notimplemented, process                        random    v: state
    constant          v: name of a value that its own class calls a constant of a module
    class, function   v: name                                module    v: name
    local             function: durable function, name, cells: name to [number [, content]] [frame] [self] [defaults] [kwdefaults]
                      [attributes] [shown: name, qualified name, docstring]; see `_codec_locals.py`
    method            v: attribute name, self [owner]        partial   v: function, args, keywords [attributes]
    enum              type, v: member's name, or value: of a flag that has none
    namedtuple        type, v: mapping [attributes]
    object            type [of: type arguments], v: mapping of attributes, or state: of `__getstate__`; [base: content as a builtin, maxlen, factory]
    struct            type, v: mapping of the fields of a msgspec.Struct
    construct         type, v: mapping of arguments; only from `conform`: the dataclass is called
    exception         type, text, args [v: attributes, members, cause, context, suppress, traceback]
    exceptiongroup    the same, and message, exceptions
    selected          v: [case, value] [ok: false]           outcome   value, or error
    channel           v: name [capacity]                     goroutine, child  v: id
    frame             function, state, at, slots: mapping [receiver] [outer] [new | ended: true]
    lost              v: repr of a part of an exception that could not be saved, type; read as that text

Identity. A mutable object, or an exception, that is met again is `{"$ref": n}`; where it was met first it is tagged and
has `"$id": n`. So is a tuple or frozenset that holds other containers. Numbers are in order of second meetings.

Depth. JSON parsers recurse, so no text nests deeper than LEVELS_WRITTEN_MAX values. What lies deeper is moved to a flat table:
`{"$": "deep", "v": value, "deep": [entry, ...]}`, where `{"$deep": i}` stands for entry i. An entry refers only to entries
after itself, so they are read last to first; a "$ref" may point either way.

Reading is safe: types come only from the resolver, `__init__` is never called, `__setstate__` only of types that the
definitions know, and whatever is wrong with the text is a CodecError. Containers that hash objects still being read (cycles), and
`__setstate__` with such objects in the state, wait until all else is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import CellType
from typing import Any, TypeAlias

from slct_runtime.wire.compact_json import make_decoder

from . import _codec_iterators, _codec_itertools, _codec_locals, _codec_objects, _codec_sets, _codec_values
from ._codec_plain import INT_PLAIN_LIMIT, LEAVES, SURROGATE_PAIR, PlainForms, PlainNodes, Unusual, dumps, leaf_maker
from ._errors import CodecError
from ._frame import Frame
from ._resolver import Resolver

LEVELS_WRITTEN_MAX = 48
"""Values nested in values within one text, before the rest is moved to the table of deep parts."""

LEVELS_READ_MAX = 160
"""Values nested in values that are read; more than are written, for texts made by `conform` from other people's JSON."""

TEXT_CHARS_MAX = 256 * 1024 * 1024
"""Longest text that is read, in characters."""

Json: TypeAlias = Any
Writer: TypeAlias = "Callable[[Encoder, Any], Json]"


def _no_constant(text: str) -> Any:
    raise CodecError(f"{text} is not JSON", help='the codec writes {"$":"float","v":"nan"}')


_loads = make_decoder(_no_constant)


class Codec:
    """Encodes and decodes values for one set of definitions."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.writers: dict[type, Writer] = {
            **_codec_values.WRITERS,
            **_codec_iterators.WRITERS,
            **_codec_itertools.WRITERS,
            **_codec_locals.WRITERS,
        }
        self.plain = PlainForms()
        for kind in LEAVES:
            self.plain.makers[kind] = leaf_maker(self.writers.get(kind) or _codec_objects.make_writer(self, kind, None))

    def encode(self, value: Any, *, process: object | None = None, active: Iterable[Frame] = ()) -> str:
        """The text of one value; everything reachable from it is one alias domain.

        Args:
          process: The process instance, written as a reference wherever it is met.
          active: Frames that go on running in this document, and are written as they are wherever they are met.

        Raises:
          CodecError: something in it cannot be saved; it names the type, the path and the cure. An exception at the root,
            as in the outcome of an effect, is written as well as can be: parts that cannot be saved become text.
        """
        if is_plain(value):
            return dumps(value)
        try:
            text = self.plain_text(value, process)
            return text if text is not None else self.whole_text(value, process, active)
        except CodecError as error:
            error.args = (error.message, error.path, error.help)
            raise
        except RecursionError:
            raise CodecError(
                "the call stack is too deep to save anything here", help="save from fewer nested calls"
            ) from None
        except Exception as error:
            raise CodecError(f"a value could not be saved: {type(error).__name__}: {error}") from error

    def plain_text(self, value: Any, process: object | None) -> str | None:
        """The text of one value in which nothing unusual is found; None if something is."""
        try:
            return dumps(PlainNodes(self.plain, process).encode(value))
        except (Unusual, CodecError):
            return None

    def whole_text(self, value: Any, process: object | None, active: Iterable[Frame] = ()) -> str:
        """The text of any value that can be saved; that of `plain_text`, where it gives one."""
        held: dict[int, set[str]] = {}
        encoder = Encoder(self, process, held, active)
        root = encoder.document(value)
        while encoder.has_missed:  # a function met later shares variables of a frame written before
            encoder = Encoder(self, process, held, active)
            root = encoder.document(value)
        text = dumps(root)
        if encoder.is_doubtful or (encoder.has_wholes and encoder.deep):
            self.decode(text, process=process)
        return text

    def decode(
        self,
        text: str,
        *,
        process: object | None = None,
        frames: list[Frame] | None = None,
        may_be_older: bool = False,
    ) -> Any:
        """The value of a text, made anew.

        Args:
          process: What a reference to the process instance becomes.
          frames: Is given every frame of the text; their states may be any then. None: they must be of these definitions.
          may_be_older: Other code may have written it: where a dataclass lacks a field it takes its default. Else it is one that was deleted.

        Raises:
          CodecError: the text is not one of this codec, or names what these definitions do not know.
        """
        if len(text) > TEXT_CHARS_MAX:
            raise CodecError(f"the text has {len(text)} characters, the limit TEXT_CHARS_MAX is {TEXT_CHARS_MAX}")
        try:
            node = _loads(text)
            if '"$' not in text and text.count("[") + text.count("{") < LEVELS_READ_MAX:
                return node  # it is as it is written
            return Decoder(self, process, frames, may_be_older).document(node) if type(node) in (dict, list) else node
        except CodecError:
            raise
        except RecursionError:
            raise CodecError("the document is nested too deeply") from None
        except Exception as error:
            raise CodecError(f"not a document of this codec: {type(error).__name__}: {error}") from error

    def writer_of(self, cls: type, value: Any) -> Writer:
        """How instances of a class met for the first time are written; remembered. Raises CodecError: they cannot be."""
        writer: Writer = _codec_objects.make_writer(self, cls, value)
        self.writers[cls] = writer
        return writer


class Encoder:
    """One encoding: what was met, and what was put off.

    memo: id of a mutable object to its JSON, which is in the tree, perhaps still being filled.
    local: the same for immutable containers; cleared for each entry of the deep table, as these cannot be referred to before
      they are made.
    numbers: id of JSON to the number of its "$ref"s.
    held: id of a frame to the variables that local functions share with it. written: those that were written. lending: frames
      that are copied only for what they share. cells: id of another cell of local functions to its number.
    """

    def __init__(
        self, codec: Codec, process: object | None, held: dict[int, set[str]], active: Iterable[Frame]
    ) -> None:
        self.codec = codec
        self.held = held
        self.active = {id(frame) for frame in active}
        self.written: dict[int, set[str]] = {}
        self.has_missed = False
        self.lending: set[int] = set()
        self.cells: dict[int, int] = {}
        self.writers = codec.writers
        self.process_node: Json = {"$": "process"}
        self.memo: dict[int, Json] = {id(process): self.process_node} if process is not None else {}
        self.process = process
        self.local: dict[int, Json] = {}
        self.numbers: dict[int, int] = {}
        self.plain_shared = False
        self.kept: list[Any] = []  # temporary objects, kept alive so that no id is used twice
        self.deep: list[Any] = []
        self.waiting: dict[int, int] = {}  # id of what is in `deep` and not yet written, to its index
        self.level = 0
        self.tolerant = 0  # within exceptions that are written as well as can be
        self.reference_count = 0
        self.is_doubtful = False  # what is made in one go holds references: only reading shows whether it can be made
        self.has_wholes = False  # iterators and the like: made in one go, though they are mutable

    def document(self, value: Any) -> Json:
        self.tolerant = 1 if isinstance(value, BaseException) else 0
        root = self.encode(value)
        entries: list[Json] = []
        while len(entries) < len(self.deep):
            entries.append(self._deep_entry(self.deep[len(entries)]))
        if self.plain_shared:
            root = self._wrap_shared(root)
            entries = [self._wrap_shared(entry) for entry in entries]
        return {"$": "deep", "v": root, "deep": entries} if entries else root

    def encode(self, value: Any) -> Json:
        kind = type(value)
        if kind is str:
            if value.isascii() or not SURROGATE_PAIR.search(value):
                return value
            return _split_surrogates(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if -INT_PLAIN_LIMIT <= value < INT_PLAIN_LIMIT else {"$": "int", "v": hex(value)}
        if kind is float:
            return value if value - value == 0.0 else {"$": "float", "v": repr(value)}
        node = self.memo.get(id(value))
        if node is not None:
            return self.refer(node)
        if self.level >= LEVELS_WRITTEN_MAX or self.waiting:
            put_off = self._put_off(value)
            if put_off is not None:
                return put_off
        writer = self.writers.get(kind)
        if writer is None:
            writer = self.codec.writer_of(kind, value)
        self.level += 1
        node = writer(self, value)
        self.level -= 1
        return node

    def refer(self, node: Json) -> Json:
        """A reference to what is in the tree already; gives it a number if this is its second meeting."""
        if node is self.process_node:
            return {"$": "process"}
        self.reference_count += 1
        number = self.numbers.get(id(node))
        if number is None:
            number = self.numbers[id(node)] = len(self.numbers) + 1
            if type(node) is dict and "$" in node:
                node["$id"] = number
            else:
                self.plain_shared = True
        return {"$ref": number}

    def hold(self, frame: Frame, slots: Iterable[str]) -> None:
        """Local functions refer to these variables of a frame: they must be written with it."""
        held = self.held.setdefault(id(frame), set())
        held.update(slots)
        written = self.written.get(id(frame))
        if written is not None and any(slot in frame.__dict__ for slot in held - written):
            self.has_missed = True

    def temporary(self, value: Any) -> Any:
        """Keep a value made for this encoding alive while it lasts."""
        self.kept.append(value)
        return value

    def array(self, values: Any) -> list[Json]:
        """The JSON of some values; an error in one of them gets its index."""
        out: list[Json] = []
        encode = self.encode
        try:
            for value in values:
                out.append(encode(value))
        except CodecError as error:
            error.path = (len(out), *error.path)
            raise
        return out

    def mapping(self, items: Any) -> Json:
        """A plain object if the keys of this dict allow it, else pairs."""
        return self.object_of(items) if has_plain_keys(items) else self.pairs(items)

    def object_of(self, items: Any, out: dict[str, Json] | None = None) -> dict[str, Json]:
        out = {} if out is None else out
        encode = self.encode
        key: Any = None
        try:
            for key, value in items.items():
                out[key] = encode(value)
        except CodecError as error:
            error.path = (key, *error.path)
            raise
        return out

    def pairs(self, items: Any) -> list[Json]:
        _codec_sets.check_hashes(items)
        out: list[Json] = []
        key: Any = None
        try:
            for key, value in items.items():
                out.append([self.encode(key), self.encode(value)])
        except CodecError as error:
            error.path = (key if type(key) in (str, int) else _short_repr(key), *error.path)
            raise
        return out

    def field(self, name: str, value: Any) -> Json:
        """The JSON of one named part; an error in it gets that name."""
        try:
            return self.encode(value)
        except CodecError as error:
            error.path = (name, *error.path)
            raise

    def part(self, name: str, value: Any) -> Json:
        """The JSON of a part of an exception; if that is tolerated, text in place of what cannot be saved."""
        if not self.tolerant:
            return self.field(name, value)
        before = (self.level, dict(self.memo), dict(self.local), len(self.deep), dict(self.waiting))
        cells = dict(self.cells)
        try:
            return self.encode(value)
        except (CodecError, RecursionError):
            self.kept.append(self.memo)  # `numbers` knows its JSON by id
            self.level, self.memo, self.local, length, self.waiting = before
            self.cells = cells
            del self.deep[length:]
            return {"$": "lost", "type": type(value).__qualname__, "v": _short_repr(value)}

    # --- depth, and identity of plain containers ----------------------------------------------------------------

    def _put_off(self, value: Any) -> Json | None:
        """Move a value that lies too deep to the table; None if it can be written here."""
        index = self.waiting.get(id(value))
        if index is None:
            if self.level < LEVELS_WRITTEN_MAX:
                return None
            index = self.waiting[id(value)] = len(self.deep)
            self.deep.append(value)
        return {"$deep": index}

    def _deep_entry(self, value: Any) -> Json:
        del self.waiting[id(value)]
        self.level = 0
        self.local.clear()
        try:
            return self.encode(value)
        except CodecError as error:
            error.path = ("...", *error.path)
            raise

    def _wrap_shared(self, node: Json) -> Json:
        """Tag the plain lists and dicts that were met again."""
        if type(node) is list:
            for index, item in enumerate(node):
                if type(item) is list or type(item) is dict:
                    node[index] = self._wrap_shared(item)
        else:
            for key, item in node.items():
                if type(item) is list or type(item) is dict:
                    node[key] = self._wrap_shared(item)
        number = self.numbers.get(id(node))
        if number is None or ("$" in node and type(node) is dict):
            return node
        return {"$": "list" if type(node) is list else "dict", "v": node, "$id": number}


def is_plain(value: Any) -> bool:
    """Whether this is an atom that is its own JSON: most results of effects are, and most messages."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    return value is None or kind is bool or (kind is int and -INT_PLAIN_LIMIT <= value < INT_PLAIN_LIMIT)


def has_plain_keys(items: Any) -> bool:
    """Whether all keys can be those of a plain JSON object."""
    for key in items:
        if type(key) is not str:
            return False
        if ("$" in key and key[0] == "$") or not (key.isascii() or not SURROGATE_PAIR.search(key)):
            return False
    return True


def _split_surrogates(value: str) -> Json:
    pieces: list[str] = []
    start = 0
    for match in SURROGATE_PAIR.finditer(value):
        pieces.append(value[start : match.start() + 1])
        start = match.start() + 1
    return {"$": "str", "v": [*pieces, value[start:]]}


def _short_repr(value: Any, limit: int = 200) -> str:
    try:
        text = repr(value)
    except Exception as error:  # an author's __repr__
        text = f"<{type(value).__qualname__}: repr failed with {type(error).__name__}>"
    return _codec_objects.without_addresses(text if len(text) <= limit else text[:limit] + "...")


class Decoder:
    """One decoding.

    found: "$id" to object. open: ids of objects that are still being filled, or hold such. `open_count` counts references
    to open objects, so that a container can tell whether its elements may be hashed yet. later: what is done at the end.
    """

    def __init__(
        self, codec: Codec, process: object | None, frames: list[Frame] | None = None, may_be_older: bool = False
    ) -> None:
        self.codec = codec
        self.resolver = codec.resolver
        self.process = process
        self.frames = frames
        self.may_be_older = may_be_older
        self.found: dict[Any, Any] = {}
        self.open: set[Any] = set()
        self.read: set[Any] = set()
        self.open_count = 0
        self.later: list[Callable[[], Any]] = []
        self.last: list[Callable[[], Any]] = []  # after those: places within containers, which must be full by then
        self.interned: dict[tuple[Any, ...], Any] = {}
        self.nodes: dict[Any, Json] = {}  # "$id" to JSON; only of documents with a deep table
        self.entries: dict[Any, Any] = {}
        self.cells: dict[int, CellType] = {}
        self.level = 0

    def document(self, node: Json) -> Any:
        if type(node) is dict and node.get("$") == "deep":
            value = self._deep_document(node)
        else:
            value = self.value(node)
        for finish in self.later:
            finish()
        for finish in self.last:
            finish()
        return value

    def value(self, node: Json) -> Any:
        """The value of JSON just parsed. Plain lists and dicts become themselves: nothing else holds them."""
        kind = type(node)
        if kind is list:
            return self.fill_list(node)
        if kind is dict:
            return self.tagged(node) if "$" in node or "$ref" in node or "$deep" in node else self.fill_dict(node)
        return node

    def fill_list(self, node: list[Json]) -> list[Any]:
        self._enter()
        for index, item in enumerate(node):
            kind = type(item)
            if kind is dict or kind is list:
                node[index] = self.value(item)
        self.level -= 1
        return node

    def fill_dict(self, node: dict[str, Json]) -> dict[str, Any]:
        self._enter()
        for key, item in node.items():
            if "$" in key and key[0] == "$":
                raise CodecError(f"{key!r} is not a key of a plain object")
            kind = type(item)
            if kind is dict or kind is list:
                node[key] = self.value(item)
        self.level -= 1
        return node

    def tagged(self, node: dict[str, Json]) -> Any:
        if "$" not in node:
            return self._reference(node)
        tag = node["$"]
        self._enter()
        shell = SHELLS.get(tag)
        if shell is not None:
            value = self._filled(node, *shell)
        else:
            reader = READERS.get(tag)
            if reader is None:
                raise CodecError(
                    f"unknown tag {tag!r}", help="it was written by a newer version of slct; upgrade this one"
                )
            value = self._whole(node, reader)
        self.level -= 1
        return value

    def array(self, node: Json) -> list[Any]:
        """The values of an array. Raises CodecError if it is none."""
        if type(node) is not list:
            raise CodecError(f"expected an array, got {type(node).__name__}")
        return self.fill_list(node)

    def mapping(self, node: Json) -> list[tuple[Any, Any]]:
        """Keys and values of a mapping: a plain object, or pairs."""
        if type(node) is dict and "$" not in node:
            return list(self.fill_dict(node).items())
        if type(node) is not list:
            raise CodecError("expected an object or an array of pairs")
        return [(self.value(key), self.value(value)) for key, value in node]

    def attributes(self, node: Json) -> list[tuple[str, Any]]:
        """The same, of which all keys are text."""
        items = self.mapping(node)
        for name, _ in items:
            if type(name) is not str:
                raise CodecError(f"expected the name of an attribute, got {name!r}")
        return items

    def when_read(
        self, node: Json, read: Callable[[Json], Any], use: Callable[[Any], Any], *, is_place: bool = False
    ) -> None:
        """Read what is to be hashed or looked into, and use it: at once, or at the end if some of it is still open."""
        before = self.open_count
        content = read(node)
        if self.open_count == before:
            use(content)
        else:
            (self.last if is_place else self.later).append(lambda: use(content))

    # --- identity and depth -------------------------------------------------------------------------------------

    def _filled(self, node: dict[str, Json], make: Callable[..., Any], fill: Callable[..., None]) -> Any:
        """Make an object and fill it; one with a number can be referred to meanwhile."""
        number = node.get("$id")
        if number is None:
            value = make(self, node)
            fill(self, value, node)
            return value
        if number in self.read:
            raise CodecError(f'"$id" {number!r} is used twice')
        self.read.add(number)
        value = self.found[number] if number in self.found else make(self, node)
        self.found[number] = value
        self.open.add(number)
        before = self.open_count
        fill(self, value, node)
        if self.open_count == before:
            self.open.discard(number)
        return value

    def _whole(self, node: dict[str, Json], reader: Callable[..., Any]) -> Any:
        """Make an object in one go; one with a number may have been made ahead."""
        number = node.get("$id")
        if number is None:
            return reader(self, node)
        if number not in self.read:
            self.read.add(number)
            value = reader(self, node)
            if number in self.found:
                raise CodecError(f'"$ref" {number!r} is inside of what it refers to')
            self.found[number] = value
        elif self.nodes.get(number) is not node:
            raise CodecError(f'"$id" {number!r} is used twice')
        return self.found[number]

    def _reference(self, node: dict[str, Json]) -> Any:
        if "$deep" in node:
            if node["$deep"] not in self.entries:
                raise CodecError(f'"$deep" {node["$deep"]!r} is not an entry further on')
            return self.entries[node["$deep"]]
        number = node["$ref"]
        if number not in self.found:
            self._make_ahead(number)
        if number in self.open:
            self.open_count += 1
        return self.found[number]

    def _make_ahead(self, number: Any) -> None:
        """Make the object that stands further to the front of a document with a deep table, to be filled later."""
        node = self.nodes.get(number)
        if node is None or number in self.read:
            raise CodecError(f'"$ref" {number!r} refers to nothing, or to what it is inside of')
        shell = SHELLS.get(node.get("$"))
        if shell is None:
            self.tagged(node)
            return
        self.found[number] = shell[0](self, node)
        self.open.add(number)

    def _deep_document(self, node: dict[str, Json]) -> Any:
        table = node["deep"]
        if type(table) is not list:
            raise CodecError("the table of deep parts is not an array")
        self._index(node)
        for index in range(len(table) - 1, -1, -1):
            self.entries[index] = self.value(table[index])
        return self.value(node["v"])

    def _index(self, root: Json) -> None:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if type(node) is dict:
                if "$id" in node:
                    self.nodes[node["$id"]] = node
                waiting.extend(node.values())
            elif type(node) is list:
                waiting.extend(node)

    def _enter(self) -> None:
        self.level += 1
        if self.level > LEVELS_READ_MAX:
            raise CodecError(f"the document nests deeper than LEVELS_READ_MAX, {LEVELS_READ_MAX} values")


SHELLS: dict[Any, tuple[Callable[..., Any], Callable[..., None]]] = {
    **_codec_values.SHELLS,
    **_codec_objects.SHELLS,
    **_codec_locals.SHELLS,
}
"""Tag to (make an empty one, fill it): what may be part of a cycle."""

READERS: dict[Any, Callable[[Decoder, dict[str, Json]], Any]] = {
    **_codec_values.READERS,
    **_codec_objects.READERS,
    **_codec_iterators.READERS,
    **_codec_itertools.READERS,
}
"""Tag to reader of what is made in one go."""
