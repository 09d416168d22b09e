"""Models of attrs, pydantic and msgspec, where these are installed: nothing of slct needs them."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._resolver import Resolver


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    made = types.ModuleType("codec_models")
    monkeypatch.setitem(sys.modules, "codec_models", made)
    return made


def _round_trip(value: Any) -> Any:
    codec = Codec(Resolver(["codec_models"]))
    one, two = codec.decode(codec.encode([value, value]))
    assert one is two
    assert type(one) is type(value)
    return one


def test_attrs(module: types.ModuleType) -> None:
    pytest.importorskip("attrs")
    exec(
        "import attrs\n@attrs.define\nclass A:\n    x: int\n    y: list\n@attrs.frozen\nclass F:\n    x: int\n",
        module.__dict__,
    )
    for value in (module.A(1, [2]), module.F(1)):
        assert _round_trip(value) == value


def test_pydantic(module: types.ModuleType) -> None:
    pytest.importorskip("pydantic")
    exec(
        "import pydantic\nclass P(pydantic.BaseModel):\n    a: int\n    b: list[int] = []\n    _c: int = 3\n",
        module.__dict__,
    )
    value = module.P(a=1)
    value._c = 4
    back = _round_trip(value)
    assert back == value
    assert (back._c, back.model_fields_set) == (4, {"a"})


def test_msgspec(module: types.ModuleType) -> None:
    pytest.importorskip("msgspec")
    exec("import msgspec\nclass M(msgspec.Struct, kw_only=True):\n    a: int\n    b: list\n", module.__dict__)
    value = module.M(a=1, b=[2])
    assert _round_trip(value) == value
    value.b.append(value)
    with pytest.raises(CodecError):
        _round_trip(value)
