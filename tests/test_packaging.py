"""What is built is complete: the wheel works in an environment of its own, away from the repository."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

EMBEDDED = """
import asyncio, sys
sys.path.insert(0, "build")
from runtime_client import Client
from slct_definitions import defs
import runtime_client

async def main():
    async with Client.embedded("slct.db", defs) as client:
        ref = await client.start("order", "ada", 100)
        await ref.send("payments", 100)
        print(await ref.result(timeout=20))

asyncio.run(main())
print(runtime_client.__file__)
"""


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and with the wheel that was built from it."""
    dist = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, ROOT, cwd=dist)
    return dist


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of a fresh environment with the wheel; its dependencies are those of this one."""
    environment = tmp_path_factory.mktemp("venv")
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel, cwd=environment)
    purelib = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=environment).strip())
    (purelib / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def test_wheel_holds_the_packages_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    packages = ("slct_compile", "slct_manifest", "slct_runtime", "runtime_client")
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(packages)
    assert {f"{package}/py.typed" for package in packages} <= set(names)
    wanted = {
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - set(names) == set()
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_sdist_holds_what_tests_and_examples_need(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "README.md",
        "LICENSE",
        "Makefile",
        "examples/counter.py",
        "tests/test_packaging.py",
        "tools/demo.py",
    } <= names


def test_installed_wheel_compiles_and_runs_away_from_the_repository(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "slct", "--version", cwd=tmp_path).startswith("slct 0.")
    assert "usage: slct-compile" in run(installed / "slct-compile", "--help", cwd=tmp_path)
    run(installed / "slct-compile", ROOT / "examples", "-o", tmp_path / "build", cwd=tmp_path)
    receipt, origin = run(installed / "python", "-c", EMBEDDED, cwd=tmp_path).split()
    assert receipt == "R-ada-100"
    assert Path(origin).is_relative_to(installed.parent)
