"""A source tree mirrored into a build: what is written, what is removed, what is never touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slct_compile import _files
from slct_compile.cli import main

PROCESS = "from runtime_client import Process, recv\n\n\nclass {name}(Process):\n    async def main(self):\n        return await recv('x')\n"


def put(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return root


def compile_tree(source: Path, build: Path, *options: str) -> int:
    return main([str(source), "-o", str(build), "-q", *options])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put(
        tmp_path / "src",
        {
            "orders.py": PROCESS.format(name="Order"),
            "library/__init__.py": "",
            "library/base.py": (
                "import runtime_client as rc\n\n\nclass Base(rc.Process):\n    async def helper(self):\n"
                "        return await rc.recv('x')\n"
            ),
            "library/shipping.py": (
                "from .base import Base as Root\nfrom . import base\n\n\nclass HTTPOrder2Go(Root):\n"
                "    async def main(self):\n        return await self.helper()\n\n\n"
                "class Named(base.Base, name='named.v2'):\n    async def main(self):\n        return await self.helper()\n"
            ),
            "library/single.py": (
                "from runtime_client import process, recv\n\n\n@process\nasync def counter(n: int = 0):\n"
                "    return await recv('x')\n"
            ),
            "data/rates.json": "{}",
            "plain.py": "x = 1   # odd\n",
        },
    )


def test_the_whole_tree_is_mirrored(source: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    assert compile_tree(source, build) == 0
    written = {p.relative_to(build).as_posix() for p in build.rglob("*") if p.is_file()}
    assert written == {
        "orders.py",
        "library/__init__.py",
        "library/base.py",
        "library/shipping.py",
        "library/single.py",
        "data/rates.json",
        "plain.py",
        "slct_definitions.py",
        "slct_manifest.json",
        "slct_sources.json",
    }
    assert (build / "plain.py").read_bytes() == (source / "plain.py").read_bytes()
    assert "class HelperFrame(Frame)" in (build / "library/base.py").read_text()


def test_definitions_are_found_across_modules_and_aliases(source: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    assert compile_tree(source, build) == 0
    manifest = json.loads((build / "slct_manifest.json").read_text())
    assert {name: d["class"] for name, d in manifest["definitions"].items()} == {
        "counter": "library.single:counter",
        "http_order2_go": "library.shipping:HTTPOrder2Go",
        "named.v2": "library.shipping:Named",
        "order": "orders:Order",
    }
    assert manifest["definitions"]["http_order2_go"]["functions"] == [
        "library.base:Base.helper",
        "library.shipping:HTTPOrder2Go.main",
    ]
    state = manifest["functions"]["orders:Order.main"]["states"]["Main_RecvX"]
    assert state["line"] == 6
    assert state["live"] == []
    assert state["parks"]


def test_the_build_can_be_imported(source: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    assert compile_tree(source, build) == 0
    code = "import slct_definitions; print(sorted(slct_definitions.defs.names))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(build), str(Path(__file__).parents[2])])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == "['counter', 'http_order2_go', 'named.v2', 'order']\n", done.stderr


def test_only_files_that_changed_are_written(source: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    assert compile_tree(source, build) == 0
    before = {p: p.stat().st_mtime_ns for p in build.rglob("*") if p.is_file()}
    for path in before:
        os.utime(path, ns=(1, 1))
    put(source, {"plain.py": "x = 2\n"})
    assert compile_tree(source, build) == 0
    changed = {p.name for p in before if p.stat().st_mtime_ns != 1}
    assert changed == {"plain.py"}


def test_stale_files_are_removed_and_others_are_not(source: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    assert compile_tree(source, build) == 0
    put(build, {"mine.txt": "kept", "library/mine.py": "kept"})
    (source / "library/shipping.py").unlink()
    (source / "data/rates.json").unlink()
    assert compile_tree(source, build) == 0
    assert not (build / "library/shipping.py").exists()
    assert not (build / "data").exists()
    assert (build / "mine.txt").exists()
    assert (build / "library/mine.py").exists()


def test_a_manifest_cannot_have_files_outside_the_build_removed(source: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    put(tmp_path, {"precious.txt": "kept"})
    put(build, {"slct_manifest.json": json.dumps({"files": ["../precious.txt", str(tmp_path / "precious.txt")]})})
    assert compile_tree(source, build) == 0
    assert (tmp_path / "precious.txt").read_text() == "kept"


def test_locked_fails_if_the_build_differs(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build = tmp_path / "build"
    assert compile_tree(source, build, "--locked") == 1
    assert not build.exists()
    assert compile_tree(source, build) == 0
    assert compile_tree(source, build, "--locked") == 0
    put(source, {"orders.py": PROCESS.format(name="Changed")})
    capsys.readouterr()
    assert compile_tree(source, build, "--locked") == 1
    assert "orders:Changed.main" in capsys.readouterr().err


def test_findings_write_nothing(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(source, {"bad.py": PROCESS.format(name="Bad").replace("return", "yield")})
    assert compile_tree(source, tmp_path / "build") == 1
    assert not (tmp_path / "build").exists()
    shown = capsys.readouterr()
    assert "bad.py:6:9: SLC102" in shown.out
    assert shown.err.startswith("error: 1 finding, nothing was written\nhint: ")


def test_a_file_cut_short_is_completed_by_the_next_run(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = tmp_path / "build"

    def full(target: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(_files, "write_file", full)
        assert compile_tree(source, build) == 2
    assert compile_tree(source, build) == 0
    assert compile_tree(source, build, "--locked") == 0


def test_the_same_source_gives_the_same_bytes_whatever_the_hash_seed(source: Path, tmp_path: Path) -> None:
    example = (Path(__file__).parents[2] / "examples" / "order.py").read_text()
    put(source, {"order.py": example.replace("class Order(", "class Example("), "orders_io.py": ""})
    builds = []
    for seed in ("0", "1", "4242"):
        build = tmp_path / f"build{seed}"
        command = [sys.executable, "-m", "slct_compile", str(source), "-o", str(build), "-q"]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run(command, check=True, env=environment)
        builds.append({p.relative_to(build): p.read_bytes() for p in build.rglob("*") if p.is_file()})
    assert builds[0] == builds[1] == builds[2]


def test_a_single_file_is_a_source_too(source: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    assert compile_tree(source / "orders.py", build) == 0
    assert {p.name for p in build.iterdir()} == {
        "orders.py",
        "slct_definitions.py",
        "slct_manifest.json",
        "slct_sources.json",
    }


def test_line_ends_and_encodings_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    text = "# -*- coding: latin-1 -*-\n" + PROCESS.format(name="Order").replace("'x'", "'é'")
    (source / "orders.py").write_bytes(text.replace("\n", "\r\n").encode("latin-1"))
    assert compile_tree(source, tmp_path / "build") == 0
    written = (tmp_path / "build" / "orders.py").read_bytes()
    assert b"\xe9" in written
    assert written.count(b"\n") == written.count(b"\r\n")


def test_two_definitions_of_one_name_are_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(source, {"other.py": PROCESS.format(name="Order")})
    assert main([str(source), "--check"]) == 1
    shown = capsys.readouterr().out
    assert "SLC002 definition-name-taken" in shown
    assert "'order' is taken by orders:Order" in shown


def test_a_class_with_abstract_methods_is_a_base_and_no_definition(tmp_path: Path) -> None:
    text = (
        "from abc import ABC, abstractmethod\nfrom runtime_client import Process, recv\n\n\n"
        "class Base(Process, ABC):\n    async def main(self):\n        return await self.step(await recv('x'))\n\n"
        "    @abstractmethod\n    async def step(self, value): ...\n\n\n"
        "class Half(Base):\n    def other(self): ...\n\n\n"
        "class Whole(Half):\n    async def step(self, value):\n        return value, await recv('x')\n"
    )
    source = put(tmp_path / "src", {"steps.py": text})
    build = tmp_path / "build"
    assert compile_tree(source, build) == 0
    manifest = json.loads((build / "slct_manifest.json").read_text(encoding="utf-8"))
    assert list(manifest["definitions"]) == ["whole"]


FUNCTION = "from runtime_client import process, recv\n@process\nasync def counter():\n    return await recv('x')\n"


@pytest.mark.parametrize("head", ["", "import json; names = [\n    1,\n]\n", '"""A module."""; names = """\n"""\n'])
def test_imports_are_added_between_statements_wherever_those_begin(head: str, tmp_path: Path) -> None:
    source = put(tmp_path / "src", {"counter.py": head + FUNCTION})
    build = tmp_path / "build"
    assert compile_tree(source, build) == 0
    text = (build / "counter.py").read_text(encoding="utf-8")
    assert text.startswith(head)
    compile(text, "counter.py", "exec")
