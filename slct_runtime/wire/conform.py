"""Values that come as plain JSON, made to fit the types that authors declared; what does not fit is refused with its path.

Knows descriptions (runtime_client/_type_descriptions.py) and the codec's JSON (runtime_client/_codec.py), not the author's
classes. Nothing is guessed: "1" is no int and a bool is no int, but an int is a float, as in Python. Times, numbers of
arbitrary size, ids and paths are text; bytes are base64; an enum is its member's name or value; an object stands for a
dataclass. Values that are tagged already are checked by their tag; references inside them are taken as they are.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import fractions
import json
import re
import uuid
from collections.abc import Callable
from typing import Any, TypeAlias

Json: TypeAlias = Any
Description: TypeAlias = dict[str, Any]

LEVELS_MAX = 100
"""Values nested in values that are accepted; the codec reads a little more."""

SHOWN_CHARS_MAX = 60
"""How much of an offending value a refusal shows, in characters."""


class DoesNotFit(ValueError):
    """A value is not of the declared type: `payments.items[2].price: expected int, got "forty"`."""

    def __init__(self, path: str, expected: str, got: str) -> None:
        super().__init__(path, expected, got)
        self.path = path
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


def conform(json_value: Json, description: Description, path: str = "value") -> Json:
    """The codec's JSON for a plain or tagged JSON value of that type.

    Args:
      json_value: As `json.loads` gives it. It is not changed.
      path: What the value is called in a refusal: a channel's or parameter's name.

    Raises:
      DoesNotFit: it is not of that type; `path` leads to the offending part.
    """
    return _fit(json_value, description, _Place(path, {}, 0))


class _Place:
    """Where in the value, and in the description, we are. `types`: enclosing descriptions by name, for "ref"."""

    __slots__ = ("level", "path", "types")

    def __init__(self, path: str, types: dict[str, Description], level: int) -> None:
        self.path = path
        self.types = types
        self.level = level

    def at(self, step: str | int) -> _Place:
        path = f"{self.path}[{step}]" if isinstance(step, int) else f"{self.path}.{step}"
        return _Place(path, self.types, self.level + 1)

    def within(self, description: Description) -> _Place:
        return _Place(self.path, {**self.types, description["type"]: description}, self.level)


def _fit(value: Json, description: Description, place: _Place) -> Json:
    if place.level > LEVELS_MAX:
        raise DoesNotFit(place.path, f"at most {LEVELS_MAX} values inside each other", "more")
    kind = description.get("kind", "any")
    if kind == "any":
        return _any(value, place)
    if kind == "ref":
        return _fit(value, place.types.get(description["type"], {"kind": "any"}), place)
    if kind == "union":
        return _union(value, description, place)
    if kind == "literal":
        return _literal(value, description, place)
    if kind == "request" and isinstance(value, dict):
        return _request(value, description, place)
    if isinstance(value, dict) and any(key.startswith("$") for key in value):
        return _tagged(value, description, place)
    convert = _CONVERTERS.get(kind)
    if convert is None:
        raise _no(value, description, place)
    return convert(value, description, place)


def _no(value: Json, description: Description, place: _Place, detail: str = "") -> DoesNotFit:
    return DoesNotFit(place.path, name_of(description) + detail, _shown(value))


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "..."


def name_of(description: Description) -> str:
    """A type as an author would write it: `list[int]`, `Item`, `int | None`."""
    kind = description.get("kind", "any")
    match kind:
        case "none":
            return "None"
        case "union":
            return " or ".join(name_of(member) for member in description["of"])
        case "literal":
            return "one of " + ", ".join(_shown(value) for value in description["values"])
        case "enum":
            return f"{_short(description)} ({', '.join(description['members'])})"
        case "dataclass" | "namedtuple" | "typeddict" | "class" | "ref":
            return _short(description)
        case "request":
            return f"Request[{name_of(description['value'])}, {name_of(description['answer'])}], which is asked and answered"
        case "tuple" if "items" in description:
            return f"tuple[{', '.join(name_of(item) for item in description['items'])}]"
        case "tuple":
            return f"tuple[{name_of(description['of'])}, ...]"
        case "dict":
            return f"dict[{name_of(description['key'])}, {name_of(description['value'])}]"
        case "list" | "set" | "frozenset" | "deque":
            return f"{kind}[{name_of(description['of'])}]"
        case _:
            return str(kind)


def _short(description: Description) -> str:
    return str(description["type"]).rpartition(":")[2]


# --- any, unions, literals, and what is tagged already ------------------------------------------------------------


def _any(value: Json, place: _Place) -> Json:
    """Everything fits; integers too large for JSON are tagged."""
    if place.level > LEVELS_MAX:
        raise DoesNotFit(place.path, f"at most {LEVELS_MAX} values inside each other", "more")
    match value:
        case bool():
            return value
        case int():
            return _integer(value)
        case list():
            return [_any(item, place.at(index)) for index, item in enumerate(value)]
        case dict():
            return {key: _any(item, place.at(key)) for key, item in value.items()}
        case _:
            return value


def _union(value: Json, description: Description, place: _Place) -> Json:
    """The first member that fits, in the order written; a whole number is an int where there is one."""
    members = description["of"]
    if type(value) is int:
        members = sorted(members, key=lambda member: member.get("kind") != "int")
    refusals: list[DoesNotFit] = []
    for member in members:
        try:
            return _fit(value, member, place)
        except DoesNotFit as refusal:
            if member.get("kind") != "none":
                refusals.append(refusal)
    if len(refusals) == 1 and value is not None:
        raise refusals[0]
    raise _no(value, description, place)


def _literal(value: Json, description: Description, place: _Place) -> Json:
    for allowed in description["values"]:
        if allowed == value and type(allowed) is type(value):
            return allowed
        if isinstance(allowed, dict) and allowed.get("$") == "enum" and allowed.get("v") == value:
            return allowed
    raise _no(value, description, place)


REQUEST_TYPE = "runtime_client:Request"
"""What a question arrives as."""


def request_json(request_id: str, question: Json) -> Json:
    """A request in the codec's form, as a process receives it."""
    return {
        "$": "object",
        "type": REQUEST_TYPE,
        "v": {"is_answered": False, "request_id": request_id, "value": question},
    }


def _request(value: dict[str, Json], description: Description, place: _Place) -> Json:
    inner = value.get("v")
    if value.get("$") != "object" or value.get("type") != REQUEST_TYPE or not isinstance(inner, dict):
        raise _no(value, description, place)
    return {**value, "v": {**inner, "value": _fit(inner.get("value"), description["value"], place)}}


_TAGS: dict[str, frozenset[str]] = {
    "int": frozenset({"int"}),
    "float": frozenset({"float", "int"}),
    "str": frozenset({"str"}),
    "bool": frozenset(),
    "none": frozenset(),
    "list": frozenset({"list", "deep"}),
    "dict": frozenset({"dict", "ordereddict", "counter", "defaultdict", "deep"}),
    "typeddict": frozenset({"dict", "deep"}),
    "dataclass": frozenset({"object", "construct", "deep"}),
    "namedtuple": frozenset({"namedtuple", "object", "construct", "deep"}),
    "class": frozenset(),
}
"""Tags that fit a kind; for kinds not listed, the tag is called like the kind."""


def _tagged(value: dict[str, Json], description: Description, place: _Place) -> Json:
    """Check a value that is in the codec's form; the worker checks its inside when it reads it."""
    if "$" not in value:
        if set(value) <= {"$ref"} or set(value) <= {"$deep"}:
            return value
        raise _no(value, description, place)
    kind = description["kind"]
    tag = value["$"]
    if type(tag) is not str:
        raise _no(value, description, place)
    if "subclasses" in description or kind == "enum":
        names = [description["type"], *description.get("subclasses", ())]
        if value.get("type") in names or tag == "deep":
            return value
        raise _no(value, description, place)
    inner = value.get("v")
    if tag in ("list", "tuple", "set", "frozenset", "deque") and tag == kind and isinstance(inner, list):
        return {
            **value,
            "v": _CONVERTERS[kind](inner, description, place)["v"]
            if kind != "list"
            else _items(inner, description, place),
        }
    if tag not in _TAGS.get(kind, frozenset({kind, "deep"})):
        raise _no(value, description, place)
    return value


# --- scalars ------------------------------------------------------------------------------------------------------


def _exactly(kind: type) -> Callable[[Json, Description, _Place], Json]:
    def convert(value: Json, description: Description, place: _Place) -> Json:
        if type(value) is not kind:
            raise _no(value, description, place)
        return value

    return convert


def _int(value: Json, description: Description, place: _Place) -> Json:
    if type(value) is not int:
        raise _no(value, description, place)
    return _integer(value)


def _integer(value: int) -> Json:
    return value if -(1 << 63) <= value < 1 << 63 else {"$": "int", "v": hex(value)}


def _float(value: Json, description: Description, place: _Place) -> Json:
    if type(value) not in (int, float):
        raise _no(value, description, place)
    try:
        return float(value)
    except OverflowError:
        raise _no(value, description, place) from None


def _from_text(tag: str, read: Callable[[str], Any], hint: str) -> Callable[[Json, Description, _Place], Json]:
    """A converter of text that `read` understands into a tagged value with what it makes of it."""

    def convert(value: Json, description: Description, place: _Place) -> Json:
        if type(value) is not str:
            raise _no(value, description, place, f" ({hint})")
        try:
            return {"$": tag, "v": read(value)}
        except (ValueError, ArithmeticError):
            raise _no(value, description, place, f" ({hint})") from None

    return convert


def _number_or_text(tag: str, read: Callable[[str], Any], hint: str) -> Callable[[Json, Description, _Place], Json]:
    convert = _from_text(tag, read, hint)
    return lambda value, description, place: convert(
        str(value) if type(value) in (int, float) else value, description, place
    )


def _base64(text: str) -> str:
    return base64.b64encode(base64.b64decode(text, validate=True)).decode("ascii")


def _fraction(text: str) -> list[Json]:
    value = fractions.Fraction(text)
    return [_integer(value.numerator), _integer(value.denominator)]


def _complex(value: Json, description: Description, place: _Place) -> Json:
    if type(value) in (int, float):
        return {"$": "complex", "v": [float(value), 0.0]}
    if isinstance(value, list) and len(value) == 2 and all(type(part) in (int, float) for part in value):
        return {"$": "complex", "v": [float(part) for part in value]}
    raise _no(value, description, place, " ([real, imaginary])")


_DURATION = re.compile(
    r"(?P<sign>[-+])?P(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,12}(?:\.\d{1,6})?)S)?)?"
)


def _timedelta(value: Json, description: Description, place: _Place) -> Json:
    """Seconds, or an ISO 8601 duration without years and months, which have no fixed length."""
    try:
        duration = _duration(value)
    except (ValueError, OverflowError):
        raise _no(value, description, place, " (seconds, or ISO 8601 such as P2DT12H)") from None
    return {"$": "timedelta", "v": [duration.days, duration.seconds, duration.microseconds]}


def _duration(value: Json) -> datetime.timedelta:
    if type(value) in (int, float):
        return datetime.timedelta(seconds=value)
    match = _DURATION.fullmatch(value) if type(value) is str else None
    if match is None or not any(match[name] for name in ("weeks", "days", "hours", "minutes", "seconds")):
        raise ValueError(value)
    seconds, _, fraction = (match["seconds"] or "0").partition(".")
    duration = datetime.timedelta(
        weeks=int(match["weeks"] or 0),
        days=int(match["days"] or 0),
        hours=int(match["hours"] or 0),
        minutes=int(match["minutes"] or 0),
        seconds=int(seconds),
        microseconds=int(fraction.ljust(6, "0") or 0),
    )
    return -duration if match["sign"] == "-" else duration


# --- containers ---------------------------------------------------------------------------------------------------


def _items(value: Json, description: Description, place: _Place) -> list[Json]:
    if not isinstance(value, list):
        raise _no(value, description, place)
    return [_fit(item, description["of"], place.at(index)) for index, item in enumerate(value)]


def _array(tag: str) -> Callable[[Json, Description, _Place], Json]:
    return lambda value, description, place: {"$": tag, "v": _items(value, description, place)}


def _tuple(value: Json, description: Description, place: _Place) -> Json:
    if "of" in description:
        return {"$": "tuple", "v": _items(value, description, place)}
    items = description["items"]
    if not isinstance(value, list) or len(value) != len(items):
        raise _no(value, description, place)
    return {
        "$": "tuple",
        "v": [_fit(item, of, place.at(i)) for i, (item, of) in enumerate(zip(value, items, strict=True))],
    }


def _dict(value: Json, description: Description, place: _Place) -> Json:
    if not isinstance(value, dict):
        raise _no(value, description, place)
    if description["key"].get("kind") in ("any", "str"):
        return {key: _fit(item, description["value"], place.at(key)) for key, item in value.items()}
    pairs = [
        [_key(key, description["key"], place.at(key)), _fit(item, description["value"], place.at(key))]
        for key, item in value.items()
    ]
    if all(type(key) is str for key, _ in pairs):
        return dict(pairs)
    return {"$": "dict", "v": pairs}


def _key(key: str, description: Description, place: _Place) -> Json:
    """A key of a JSON object is text, whatever it stands for: numbers are read from it."""
    if description.get("kind") in ("int", "float", "bool", "none"):
        try:
            return _fit(json.loads(key), description, place)
        except ValueError:
            raise _no(key, description, place) from None
    return _fit(key, description, place)


# --- structures ---------------------------------------------------------------------------------------------------


def _fields(value: Json, description: Description, place: _Place) -> dict[str, Json]:
    """Fields by name, converted; defaults are filled in. Unknown and missing ones are refused."""
    if not isinstance(value, dict):
        raise _no(value, description, place)
    fields = {field["name"]: field for field in description["fields"]}
    for name in value:
        if name not in fields:
            raise DoesNotFit(f"{place.path}.{name}", f"one of {', '.join(fields)}", "a field that does not exist")
    inside = place.within(description)
    found: dict[str, Json] = {}
    for name, field in fields.items():
        if name in value:
            found[name] = _fit(value[name], field["type"], inside.at(name))
        elif field["required"]:
            raise DoesNotFit(f"{place.path}.{name}", name_of(field["type"]), "nothing: the field is missing")
        elif "default" in field:
            found[name] = field["default"]
    return found


def _structure(tag: str) -> Callable[[Json, Description, _Place], Json]:
    def convert(value: Json, description: Description, place: _Place) -> Json:
        if tag == "namedtuple" and isinstance(value, list) and len(value) <= len(description["fields"]):
            names = (field["name"] for field in description["fields"])
            value = dict(zip(names, value, strict=False))
        construct = description.get("construct", False)
        fields = _fields(value, description, place)
        return {"$": "construct" if construct else tag, "type": description["type"], "v": fields}

    return convert


def _enum(value: Json, description: Description, place: _Place) -> Json:
    for name, own in zip(description["members"], description["values"], strict=True):
        if value == name or (own == value and type(own) is type(value)):
            return {"$": "enum", "type": description["type"], "v": name}
    raise _no(value, description, place)


def _iso(kind: Any) -> Callable[[str], str]:
    return lambda text: kind.fromisoformat(text).isoformat()


_CONVERTERS: dict[str, Callable[[Json, Description, _Place], Json]] = {
    "none": _exactly(type(None)),
    "bool": _exactly(bool),
    "str": _exactly(str),
    "int": _int,
    "float": _float,
    "complex": _complex,
    "bytes": _from_text("bytes", _base64, "base64 text"),
    "bytearray": _from_text("bytearray", _base64, "base64 text"),
    "decimal": _number_or_text("decimal", lambda text: str(decimal.Decimal(text)), "a number, best as text"),
    "fraction": _number_or_text("fraction", _fraction, "a number, or text such as 1/3"),
    "uuid": _from_text("uuid", lambda text: str(uuid.UUID(text)), "text"),
    "path": _from_text("path", str, "text"),
    "datetime": _from_text("datetime", _iso(datetime.datetime), "ISO 8601 text"),
    "date": _from_text("date", _iso(datetime.date), "ISO 8601 text"),
    "time": _from_text("time", _iso(datetime.time), "ISO 8601 text"),
    "timedelta": _timedelta,
    "list": _items,
    "set": _array("set"),
    "frozenset": _array("frozenset"),
    "deque": _array("deque"),
    "tuple": _tuple,
    "dict": _dict,
    "typeddict": _fields,
    "dataclass": _structure("object"),
    "namedtuple": _structure("namedtuple"),
    "enum": _enum,
}
