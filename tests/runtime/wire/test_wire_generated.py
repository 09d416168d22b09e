"""The generated code is what its .proto files say, and needs nothing newer than what pyproject.toml asks for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
GENERATED = ROOT / "slct_runtime" / "wire" / "slct" / "v1"


@pytest.fixture
def generate_wire() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_wire", ROOT / "tools" / "generate_wire.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_code_is_what_would_be_generated(generate_wire: ModuleType, tmp_path: Path) -> None:
    if wrong := generate_wire.wrong_tools():
        pytest.skip(wrong)
    assert generate_wire.main([str(tmp_path)]) == 0
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    held = {file.name: file.read_text() for file in GENERATED.iterdir() if "_pb2" in file.name and file.is_file()}
    assert sorted(held) == sorted(written)
    for name, text in written.items():
        assert held[name] == text, f"{name} has drifted: run {Path(sys.executable).name} tools/generate_wire.py"


def test_generated_code_asks_for_no_version() -> None:
    for file in GENERATED.glob("*_pb2*.py"):
        text = file.read_text()
        assert "runtime_version" not in text
        assert "GRPC_GENERATED_VERSION" not in text
        assert "from slct" not in text


def test_every_message_field_and_value_has_a_comment() -> None:
    for proto in GENERATED.glob("*.proto"):
        previous = ""
        for line in proto.read_text().splitlines():
            text = line.strip()
            declares = text.endswith(";") and ("=" in text or text.startswith("rpc")) and not text.startswith("syntax")
            opens = text.startswith(("message", "enum", "service", "oneof"))
            if declares or opens:
                assert previous.startswith("//"), f"{proto.name}: {text}"
            previous = text
