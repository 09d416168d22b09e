"""Names resolve in the definitions' own modules, in what these import, and in a fixed list; nowhere else."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import codec_shop as shop
import pytest

from runtime_client._codec import Codec
from runtime_client._errors import ChannelClosed, CodecError
from runtime_client._resolver import FIXED, Resolver


@pytest.fixture
def resolver() -> Resolver:
    return Resolver(["codec_shop"])


@pytest.mark.parametrize(
    "cls", [shop.Item, shop.Plain.Inner, int, ValueError, ChannelClosed, shop.json.JSONDecodeError]
)
def test_type_names_resolve_back(resolver: Resolver, cls: type) -> None:
    assert resolver.type_of(resolver.type_name(cls)) is cls


@pytest.mark.parametrize(
    "function", [shop.charge, shop.cached, len, shop.Plain.helper, shop.Plain.method, shop.json.loads]
)
def test_function_names_resolve_back(resolver: Resolver, function: types.FunctionType) -> None:
    assert resolver.function_of(resolver.function_name(function)) is function


def test_names_are_module_and_qualified_name(resolver: Resolver) -> None:
    assert resolver.type_name(shop.Plain.Inner) == "codec_shop:Plain.Inner"
    assert resolver.type_name(ChannelClosed) == "runtime_client:ChannelClosed"
    assert resolver.function_name(len) == "builtins:len"


def test_frame_types_are_found_at_the_top_and_in_classes(resolver: Resolver) -> None:
    assert resolver.frame_type("codec_shop:Order.main") is shop.Order.MainFrame
    assert resolver.frame_type("codec_shop:approve") is shop.ApproveFrame
    with pytest.raises(CodecError, match="no durable function"):
        resolver.frame_type("codec_shop:nope")


def test_exceptions_of_the_builtins_and_of_slct_always_resolve() -> None:
    bare = Resolver()
    for name, thing in FIXED.items():
        if isinstance(thing, type) and issubclass(thing, BaseException):
            assert bare.type_of(name) is thing
    assert bare.type_name(KeyError) == "builtins:KeyError"


def _write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("resolved_")]:
        del sys.modules[name]


def test_own_modules_are_imported_when_needed(sources: Path) -> None:
    _write(sources, "resolved_lazy", "class A: pass")
    resolver = Resolver(["resolved_lazy"])
    assert "resolved_lazy" not in sys.modules
    assert resolver.type_of("resolved_lazy:A").__name__ == "A"


def test_what_a_module_imports_is_known_by_where_it_was_defined(sources: Path) -> None:
    _write(sources, "resolved_models", "class Price: pass\nclass Hidden: pass\ndef tax(): pass")
    _write(sources, "resolved_whole", "class Part: pass")
    _write(sources, "resolved_orders", "import resolved_whole as w\nfrom resolved_models import Price, tax")
    resolver = Resolver(["resolved_orders"])
    assert resolver.type_of("resolved_models:Price").__name__ == "Price"
    assert resolver.type_of("resolved_whole:Part").__name__ == "Part"
    assert resolver.function_of("resolved_models:tax").__name__ == "tax"
    with pytest.raises(CodecError, match="is not known to these definitions"):
        resolver.type_of("resolved_models:Hidden")


COMPILED = """
from runtime_client._frame import Frame, State
class {name}Frame(Frame):
    FUNCTION = "{function}"
    SOURCE = "lib.py"
    STATES = {{"Start": State(1)}}
def {function}(): return {name}Frame(None)
"""


def test_modules_of_imported_durable_functions_count_as_own(sources: Path) -> None:
    _write(sources, "resolved_inner", COMPILED.format(name="Post", function="post"))
    _write(
        sources,
        "resolved_slack",
        "from resolved_inner import post\nclass Ticket: pass\n" + COMPILED.format(name="Approve", function="approve"),
    )
    _write(sources, "resolved_process", "from resolved_slack import approve")
    resolver = Resolver(["resolved_process"])
    for function in ("resolved_slack:approve", "resolved_inner:post"):
        frame = resolver.frame_type(function)(None)
        codec = Codec(resolver)
        assert type(codec.decode(codec.encode(frame))) is type(frame)
    assert resolver.type_of("resolved_slack:Ticket").__name__ == "Ticket"


def test_names_added_later_are_found(sources: Path) -> None:
    _write(sources, "resolved_growing", "")
    resolver = Resolver(["resolved_growing"])
    with pytest.raises(CodecError):
        resolver.type_of("decimal:Context")
    import decimal

    sys.modules["resolved_growing"].__dict__["Context"] = decimal.Context
    assert resolver.type_of("decimal:Context") is decimal.Context


def test_given_frames_are_known() -> None:
    assert Resolver(frames=[shop.ApproveFrame]).frame_type("codec_shop:approve") is shop.ApproveFrame
