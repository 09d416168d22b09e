"""Versions of one program, each compiled with the lock of the one before it, side by side in one interpreter."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from textwrap import dedent

from runtime_client import Definitions, Process
from slct_compile.cli import main as compile_main

MODULE = "orders"

HEAD = """
from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from runtime_client import Channel, Process, call, go, migrate, recv, select, after, sleep

"""


def build(folder: Path, body: str, previous: Path | None = None) -> Definitions:
    """The definition `order` of this text. `folder` gets `src` and `build`; `previous` is that of the version before."""
    source, output = folder / "src", folder / "build"
    source.mkdir(parents=True)
    (source / f"{MODULE}.py").write_text(HEAD + dedent(body), encoding="utf-8")
    if previous is not None:
        shutil.copy(previous / "src" / "slct.lock", source / "slct.lock")
    assert compile_main([str(source), "-o", str(output), "-q"]) == 0
    spec = importlib.util.spec_from_file_location(MODULE, output / f"{MODULE}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    order: type[Process] = module.Order
    return Definitions(
        {"order": order}, modules=(MODULE,), overrides={MODULE: module}, manifest=output / "slct_manifest.json"
    )
