"""How functions made in durable functions are written and read: by name, with the cells that they share (compiler.md, rule 9).

A local function is `{"$": "local", "function": durable function, "name": its row in LOCALS}` and what it holds:

    frame       the frame that made it, which is the cell of the variables that they share
    self        the `self` of the method that it was made in
    cells       name to [number, content], for variables of a lambda, comprehension or local function around it; the content
                is where the number is met first, and missing while the variable is unbound
    defaults, kwdefaults, attributes, shown (name, qualified name, docstring, where they were changed)

Code comes only from the tables of the definitions; a document that names a function outside them, or gives one other cells
than its code has, is refused. Annotations are not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

from ._codec_objects import write_function, write_shared_frame
from ._errors import CodecError
from ._local_functions import Found

if TYPE_CHECKING:
    from ._codec import Decoder, Encoder, Json, Writer


def _write(encoder: Encoder, value: FunctionType) -> Json:
    known = encoder.codec.resolver.local_function(value)
    if known is None:
        return write_function(encoder, value)
    kind, found = known
    function_name = encoder.codec.resolver.frame_name(kind)
    node: Json = {"$": "local", "function": function_name, "name": found.name}
    encoder.memo[id(value)] = node
    try:
        _write_cells(encoder, value, found, node)
        _write_attributes(encoder, value, node)
    except CodecError as error:
        if not error.variable and error.path:
            error.variable, error.function = str(error.path[0]), f"{kind.FUNCTION}.{found.name}"
            error.place = f"{kind.SOURCE}:{found.row.line}"
        raise
    return node


def _write_cells(encoder: Encoder, value: FunctionType, found: Found, node: dict[str, Json]) -> None:
    cells = dict(zip(value.__code__.co_freevars, value.__closure__ or (), strict=True))
    if found.refers_to_frame:
        node["frame"] = write_shared_frame(encoder, cells[found.frame].cell_contents, found.row)
    if found.refers_to_receiver:
        node["self"] = encoder.field(found.receiver, cells[found.receiver].cell_contents)
    own = {name: cells[name] for name in found.row.cells}
    if own:
        node["cells"] = {name: _write_cell(encoder, name, cell) for name, cell in own.items()}


def _write_cell(encoder: Encoder, name: str, cell: CellType) -> Json:
    number = encoder.cells.get(id(cell))
    if number is not None:
        return [number]
    encoder.cells[id(cell)] = number = len(encoder.cells) + 1
    try:
        content = cell.cell_contents
    except ValueError:  # unbound
        return [number]
    return [number, encoder.field(name, content)]


def _write_attributes(encoder: Encoder, value: FunctionType, node: dict[str, Json]) -> None:
    if value.__defaults__:
        node["defaults"] = encoder.array(value.__defaults__)
    if value.__kwdefaults__:
        node["kwdefaults"] = encoder.mapping(value.__kwdefaults__)
    if value.__dict__:
        node["attributes"] = encoder.mapping(value.__dict__)
    shown = [value.__name__, value.__qualname__, value.__doc__]
    if shown != _shown_by_code(value):
        node["shown"] = encoder.array(shown)


def _shown_by_code(value: FunctionType) -> list[Any]:
    made = FunctionType(value.__code__, {}, closure=value.__closure__)
    return [made.__name__, value.__code__.co_qualname, made.__doc__]


def _make(decoder: Decoder, node: dict[str, Json]) -> FunctionType:
    _, found = decoder.resolver.local_function_of(_text(node["function"]), _text(node["name"]))
    given = node.get("cells", {})
    if type(given) is not dict or set(given) != set(found.row.cells):
        raise CodecError(
            f"the local function {node['name']!r} refers to {list(found.row.cells)}, the document has {list(given)}",
            help="it was written by another version; deploy that version again",
        )
    closure = tuple(_cell(decoder, found, name, given) for name in found.code.co_freevars)
    made = FunctionType(found.code, found.state.__globals__, found.code.co_name, None, closure)
    made.__qualname__ = found.code.co_qualname
    return made


def _cell(decoder: Decoder, found: Found, name: str, given: dict[str, Json]) -> CellType:
    if name in given:
        number = given[name][0]
        if type(number) is not int:
            raise CodecError(f"the number of a cell is a whole number, got {number!r}")
        return decoder.cells.setdefault(number, CellType())
    own = (name == found.frame and found.refers_to_frame) or (name == found.receiver and found.refers_to_receiver)
    shared = None if own else found.shared_cell(name)
    if not own and shared is None:
        raise CodecError(f"the local function {found.name!r} refers to {name!r}, which is not in its table")
    return CellType() if shared is None else shared


def _fill(decoder: Decoder, value: FunctionType, node: dict[str, Json]) -> None:
    kind, found = decoder.resolver.local_function_of(node["function"], node["name"])
    cells = dict(zip(found.code.co_freevars, value.__closure__ or (), strict=True))
    if found.refers_to_frame:
        frame = decoder.value(node["frame"])
        if type(frame) is not kind:
            raise CodecError(
                f"the frame of a function made in {kind.FUNCTION} is one of it, got {type(frame).__name__}"
            )
        cells[found.frame].cell_contents = frame
    if found.refers_to_receiver:
        cells[found.receiver].cell_contents = decoder.value(node["self"])
    for name, entry in node.get("cells", {}).items():
        if len(entry) > 1:
            cells[name].cell_contents = decoder.value(entry[1])
    _fill_attributes(decoder, value, node)


def _fill_attributes(decoder: Decoder, value: FunctionType, node: dict[str, Json]) -> None:
    code = value.__code__
    defaults = decoder.array(node["defaults"]) if "defaults" in node else []
    if len(defaults) > code.co_argcount:
        raise CodecError(f"{code.co_name} has {code.co_argcount} parameters, the document {len(defaults)} defaults")
    value.__defaults__ = tuple(defaults) or None
    keywords = dict(decoder.attributes(node["kwdefaults"])) if "kwdefaults" in node else {}
    if not keywords.keys() <= set(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]):
        raise CodecError(f"{code.co_name} has no keyword-only parameters {sorted(keywords)}")
    value.__kwdefaults__ = keywords or None
    if "attributes" in node:
        value.__dict__.update(decoder.attributes(node["attributes"]))
    if "shown" in node:
        name, qualname, doc = decoder.array(node["shown"])
        value.__name__, value.__qualname__, value.__doc__ = _text(name), _text(qualname), doc


def _text(value: object) -> str:
    if type(value) is not str:
        raise CodecError(f"expected text, got {value!r}")
    return value


WRITERS: dict[type, Writer] = {FunctionType: _write}

SHELLS: dict[Any, tuple[Callable[..., Any], Callable[..., None]]] = {"local": (_make, _fill)}
