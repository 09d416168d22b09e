"""Models of attrs, pydantic and msgspec. Nothing of slct needs these libraries; the `test` extra installs them."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._resolver import Resolver

ATTRS = """
import attrs
MADE = []

@attrs.define
class Item:
    name: str
    tags: list = attrs.field(factory=list)
    size: int = attrs.field(default=0, validator=attrs.validators.le(10), on_setattr=attrs.setters.frozen)
    price: float = attrs.field(init=False, default=1.5)
    parent: object = None

    def __attrs_post_init__(self):
        MADE.append(self.name)

@attrs.frozen
class Key:
    part: object

@attrs.frozen(cache_hash=True)
class Hashed:
    part: object

@attrs.define(slots=False)
class Open:
    x: int

@attrs.define
class Heir(Item):
    more: int = 2

@attrs.define(auto_exc=True)
class Refused(Exception):
    code: int
"""

PYDANTIC = """
from typing import Generic, TypeVar
import pydantic
import pydantic.dataclasses

T = TypeVar("T")
CHECKED = []

class Line(pydantic.BaseModel):
    a: int
    b: list[int] = []
    _hidden: int = 3

    @pydantic.field_validator("a")
    @classmethod
    def check(cls, value):
        CHECKED.append(value)
        return value

class Extra(pydantic.BaseModel, extra="allow"):
    a: int

class Frozen(pydantic.BaseModel, frozen=True):
    a: tuple[int, ...]

class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]

class Numbers(pydantic.RootModel[list[int]]):
    pass

class Tree(pydantic.BaseModel):
    children: list["Tree"] = []
    parent: "Tree | None" = None

class Heir(Line):
    c: Line | None = None

@pydantic.dataclasses.dataclass
class Data:
    x: int

class Secret(pydantic.BaseModel):
    word: pydantic.SecretStr
"""

MSGSPEC = """
import msgspec
RUNS = []

class Plain(msgspec.Struct, kw_only=True):
    a: int
    b: list
    c: object = msgspec.UNSET

class Frozen(msgspec.Struct, frozen=True, tag=True):
    a: object

class Heir(Plain, kw_only=True):
    d: int = 4

class Made(msgspec.Struct):
    a: int
    def __post_init__(self):
        RUNS.append(self.a)
        self.a += 1

class Checked(msgspec.Struct):
    a: int
    def __post_init__(self):
        if self.a < 0:
            raise ValueError("a is negative")

class Open(msgspec.Struct, dict=True, rename="camel"):
    some_name: int
"""

Again = Callable[[Any], Any]


@pytest.fixture
def again() -> Again:
    codec = Codec(Resolver(["codec_models"]))

    def again(value: Any) -> Any:
        one, two = codec.decode(codec.encode([value, value]))
        assert one is two
        assert type(one) is type(value)
        return one

    return again


@pytest.fixture
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The models of one library in a module of their own."""
    made = types.ModuleType("codec_models")
    monkeypatch.setitem(sys.modules, "codec_models", made)
    exec(request.param, made.__dict__)
    return made


with_attrs = pytest.mark.parametrize("module", [ATTRS], ids=["attrs"], indirect=True)
with_pydantic = pytest.mark.parametrize("module", [PYDANTIC], ids=["pydantic"], indirect=True)
with_msgspec = pytest.mark.parametrize("module", [MSGSPEC], ids=["msgspec"], indirect=True)


@with_attrs
def test_attrs(module: Any, again: Again) -> None:
    for value in (module.Item("a", ["t"], 3), module.Key((1, 2)), module.Open(1), module.Heir("b", more=5)):
        assert again(value) == value
    made = list(module.MADE)
    item = module.Item("c")
    item.price = 9.0
    item.parent = [item]
    back = again(item)
    assert (back.price, back.parent[0]) == (9.0, back)
    assert [*made, "c"] == module.MADE  # `__init__` and what hangs on it were not run again


@with_attrs
def test_a_cached_hash_of_attrs_is_computed_anew(module: Any, again: Again) -> None:
    value = module.Hashed("text")  # the hash of a text is another one in another interpreter
    hash(value)
    back = again(value)
    assert "_attrs_cached_hash" not in repr(Codec(Resolver(["codec_models"])).encode(value)) or hash(back) == hash(
        value
    )
    assert {back: 1}[module.Hashed("text")] == 1


@with_attrs
def test_an_exception_of_attrs(module: Any, again: Again) -> None:
    back = again(module.Refused(3))
    assert (back.code, back.args) == (3, (3,))


@with_pydantic
def test_pydantic(module: Any, again: Again) -> None:
    value = module.Line(a=1)
    value._hidden = 4
    checked = list(module.CHECKED)
    back = again(value)
    assert (back, back._hidden, back.model_fields_set) == (value, 4, {"a"})
    assert checked == module.CHECKED
    for other in (
        module.Extra(a=1, b=[2]),
        module.Frozen(a=(1, 2)),
        module.Page[int](items=[1]),
        module.Numbers([1, 2]),
        module.Heir(a=1, c=module.Line(a=2)),
        module.Data(1),
        module.Secret(word="hush"),
    ):
        assert again(other) == other
    assert again(module.Extra(a=1, b=[2])).b == [2]


@with_pydantic
def test_a_cycle_of_pydantic_models(module: Any, again: Again) -> None:
    tree = module.Tree()
    tree.children.append(module.Tree.model_construct(children=[], parent=tree))
    back = again(tree)
    assert back.children[0].parent is back


@with_msgspec
def test_msgspec(module: Any, again: Again) -> None:
    for value in (module.Plain(a=1, b=[2]), module.Frozen((1, [2])), module.Heir(a=1, b=[], c=3)):
        assert again(value) == value
    assert again(module.Plain(a=1, b=[])).c is sys.modules["msgspec"].UNSET
    opened = module.Open(1)
    opened.more = [2]
    assert again(opened).more == [2]


@with_msgspec
def test_a_cycle_of_structs(module: Any, again: Again) -> None:
    value = module.Plain(a=1, b=[])
    value.b.append(module.Frozen(value))
    back = again(value)
    assert back.b[0].a is back


@with_msgspec
def test_post_init_of_a_struct_leaves_the_fields_as_they_were_saved(module: Any, again: Again) -> None:
    value = module.Made(1)
    assert (value.a, again(value).a) == (2, 2)


@with_msgspec
def test_a_struct_that_post_init_would_refuse_is_refused_when_it_is_saved(module: Any, again: Again) -> None:
    value = module.Checked(1)
    value.a = -1
    with pytest.raises(CodecError, match="a is negative"):
        again(value)


@with_msgspec
def test_a_struct_saved_before_it_had_a_field_gets_the_default(module: Any) -> None:
    codec = Codec(Resolver(["codec_models"]))
    assert codec.decode('{"$":"struct","type":"codec_models:Heir","v":{"a":1,"b":[]}}').d == 4
    with pytest.raises(CodecError):
        codec.decode('{"$":"struct","type":"codec_models:Heir","v":{"b":[]}}')
