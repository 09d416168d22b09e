"""The program of `docs/values.md` is compiled, restored at every suspension, and ends as the page says."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from pathlib import Path

from runtime_client.testing import Simulation
from slct_compile.cli import main as compile_main

PAGE = Path(__file__).parents[2] / "docs" / "values.md"


def test_the_program_of_the_page_ends_as_it_says(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    source, build = tmp_path / "src", tmp_path / "build"
    source.mkdir()
    (source / "values_program.py").write_text(program)
    assert compile_main([str(source), "-o", str(build), "-q", "--no-lock", "--no-cache"]) == 0
    sys.path.insert(0, str(build))
    sys.modules.pop("slct_definitions", None)
    importlib.invalidate_caches()
    try:
        definitions = importlib.import_module("slct_definitions").defs

        async def scene() -> bool:
            async with Simulation(definitions, crash=1) as simulation:
                ref = await simulation.start("order")
                await ref.send("tags", "new")
                result: bool = await ref.result()
                return result

        assert asyncio.run(scene()) is True
    finally:
        sys.path.remove(str(build))
        for name in ("slct_definitions", "values_program"):
            sys.modules.pop(name, None)
