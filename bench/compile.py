"""The compiler against black on the same files, in one run: `python -m bench compile --help`.

black takes part as a library of the same interpreter, without its cache: `format_file_contents`, as the command calls it. It
checks its own work where it changes something, unless told to be fast; both are measured. Files and tools take turns, and the
best of the rounds counts, of CPU time: the machine may be shared.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import black

from slct_compile._index import Index, ModuleInfo, read_module
from slct_compile._outputs import to_data
from slct_compile._pipeline import compile_module
from slct_compile._tree import module_name

from .corpus import Corpus, corpora, write_tree
from .machine import facts
from .report import write_into

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "compile.json"
PAGE = HERE.parent / "docs" / "performance.md"
START = "<!-- compiling: written by `python -m bench compile --write-docs` -->"
END = "<!-- end of compiling -->"
MODE = black.Mode(line_length=120)
TREE_MODULES = 1000
SMALL_MODULES = 150


@dataclass(frozen=True, slots=True)
class File:
    """CPU milliseconds for one file. `functions`: how many durable ones it has."""

    corpus: str
    path: str
    lines: int
    functions: int
    ours_ms: float
    black_ms: float
    fast_ms: float

    @property
    def ratio(self) -> float:
        return self.ours_ms / self.black_ms

    @property
    def fast_ratio(self) -> float:
        return self.ours_ms / self.fast_ms


@dataclass(frozen=True, slots=True)
class Run:
    """A command on a whole tree, from its start to its end."""

    name: str
    wall_s: float
    cpu_s: float


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    machine = facts(HERE)
    gc.disable()
    files = [file for corpus in corpora(options.files) for file in measured(corpus, options.rounds)]
    gc.enable()
    with tempfile.TemporaryDirectory(prefix="slct-bench-") as name:
        runs = whole_trees(Path(name), options.rounds)
    table = to_markdown(machine, files, runs)
    RESULTS.parent.mkdir(exist_ok=True)
    content = {"machine": machine, "files": [asdict(f) for f in files], "runs": [asdict(r) for r in runs]}
    RESULTS.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    print(f"\n{table}\nwritten to {RESULTS.relative_to(HERE.parent)}")
    if options.write_docs:
        write_into(PAGE, table, START, END)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench compile", description="Measure the compiler against black.")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many rounds counts")
    parser.add_argument("--files", type=int, default=20, help="so many files of other people's asynchronous code")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/performance.md")
    return parser


# --- file by file ------------------------------------------------------------------------------------------------------


def measured(corpus: Corpus, rounds: int) -> list[File]:
    index = Index([_read(path, text) for path, text in corpus.files.items()])
    found = []
    for path, text in corpus.files.items():
        functions = len(_compile(index, path, text)["functions"])
        tools = partial(_compile, index, path, text), partial(_black, text, False), partial(_black, text, True)
        found.append(File(corpus.name, path, text.count("\n"), functions, *_best(rounds, *tools)))
    print(f"{corpus.name}: {len(found)} files, {_shown(found)}", file=sys.stderr)
    return found


def _read(path: str, text: str) -> ModuleInfo:
    name, is_package = module_name(path)
    return read_module(name, path, text, is_package=is_package)


def _compile(index: Index, path: str, text: str) -> dict[str, Any]:
    """From the text of a file to all that the build needs of it; the other files of the tree have been read."""
    info = _read(path, text)
    return to_data(compile_module(index.view(info), info))


def _black(text: str, fast: bool) -> None:
    try:
        black.format_file_contents(text, fast=fast, mode=MODE)
    except black.NothingChanged:
        pass


def _best(rounds: int, *tools: Callable[[], object]) -> list[float]:
    best = [math.inf] * len(tools)
    for _ in range(rounds):
        for number, tool in enumerate(tools):
            start = time.process_time()
            tool()
            best[number] = min(best[number], (time.process_time() - start) * 1000)
    return best


# --- whole trees -------------------------------------------------------------------------------------------------------


def whole_trees(directory: Path, rounds: int) -> list[Run]:
    """Commands on a tree of a thousand modules, and on a smaller one, since black takes its time."""
    small, tree = directory / "small", directory / "tree"
    write_tree(small, SMALL_MODULES)
    write_tree(tree, TREE_MODULES)
    environment = {**os.environ, "SLCT_CACHE_DIR": str(directory / "cache")}

    def best(name: str, *command: object, before: Callable[[], object] = lambda: None) -> Run:
        words = [sys.executable, "-m", *map(str, command)]
        return min((_run(name, words, environment, before) for _ in range(rounds)), key=lambda run: run.cpu_s)

    def slct(name: str, source: Path, *more: str, before: Callable[[], object] = lambda: None) -> Run:
        build = source.with_suffix(".build")
        return best(name, "slct_compile", source, "-o", build, "-q", *more, before=before)

    black_words = ("black", "-q", "-l", 120, "--workers", 1, "--no-cache", "--check", "--fast", small)
    edited = tree / "part5" / "module550.py"
    return [
        best(f"{SMALL_MODULES} modules: black --fast, one process", *black_words),
        slct(f"{SMALL_MODULES} modules: slct-compile anew, one process", small, "--no-cache", "--jobs", "1"),
        slct(f"{SMALL_MODULES} modules: slct-compile anew", small, "--no-cache"),
        slct(f"{TREE_MODULES:,} modules: slct-compile anew", tree, before=lambda: _forget(directory / "cache")),
        slct(f"{TREE_MODULES:,} modules: nothing changed", tree),
        slct(f"{TREE_MODULES:,} modules: one process class changed", tree, before=lambda: _append(edited)),
    ]


def _forget(cache: Path) -> None:
    shutil.rmtree(cache, ignore_errors=True)


def _append(path: Path) -> None:
    path.write_text(path.read_text("utf-8") + "# edited\n", "utf-8")


def _run(name: str, command: Sequence[str], environment: dict[str, str], before: Callable[[], object]) -> Run:
    before()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=False, capture_output=True)
    wall = time.perf_counter() - start
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(name, wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)


# --- the tables --------------------------------------------------------------------------------------------------------


def geometric_mean(values: Iterable[float]) -> float:
    known = list(values)
    return math.exp(sum(map(math.log, known)) / len(known))


def _shown(files: Sequence[File]) -> str:
    return f"{geometric_mean(f.ratio for f in files):.2f} of black, {geometric_mean(f.fast_ratio for f in files):.2f} of --fast"


def to_markdown(machine: dict[str, str | int | float], files: Sequence[File], runs: Sequence[Run]) -> str:
    groups: dict[str, list[File]] = {}
    for file in files:
        groups.setdefault(file.corpus, []).append(file)
    groups["**all files**"] = list(files)
    groups["all files with durable code"] = [f for f in files if f.functions]
    groups["all files without"] = [f for f in files if not f.functions]
    lines = [
        f"{machine['processor_count']} x {machine['processor']}, {machine['system']}, Python {machine['python']}, "
        f"black {black.__version__}.",
        "",
        "| files | number | lines | durable functions | ms/kline | ratio to black | to `black --fast` | worst |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(_group(name, group) for name, group in groups.items() if group),
        "",
        "| whole trees, from start to end | wall | CPU |",
        "|---|---:|---:|",
        *(f"| {run.name} | {run.wall_s:.2f} s | {run.cpu_s:.2f} s |" for run in runs),
    ]
    return "\n".join(lines) + "\n"


def _group(name: str, files: Sequence[File]) -> str:
    lines = sum(f.lines for f in files)
    cells = [
        name,
        f"{len(files)}",
        f"{lines:,}",
        f"{sum(f.functions for f in files)}",
        f"{sum(f.ours_ms for f in files) / lines * 1000:.0f}",
        f"{geometric_mean(f.ratio for f in files):.2f}",
        f"{geometric_mean(f.fast_ratio for f in files):.2f}",
        f"{max(f.ratio for f in files):.2f}",
    ]
    return f"| {' | '.join(cells)} |"
