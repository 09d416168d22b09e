"""What the compiler is measured on: files that people wrote, and a tree of a thousand modules."""

from __future__ import annotations

import ast
import re
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from slct_compile._index import Index, read_module
from slct_compile._pipeline import compile_module
from slct_compile.diagnostics import Severity

ROOT = Path(__file__).resolve().parent.parent
_SAMPLES = ROOT / "tests" / "compile" / "samples"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Python files by their path, which see each other's definitions."""

    name: str
    files: dict[str, str]


def corpora(real_world_max: int) -> list[Corpus]:
    """All of them. `real_world_max`: so many files of other people's asynchronous code, the first by name."""
    foreign = dict(islice(_asynchronous(), real_world_max))
    return [
        Corpus("examples", _directory(ROOT / "examples")),
        Corpus("behaviour programs", _directory(ROOT / "tests" / "behaviour" / "programs")),
        Corpus("compiler samples", dict(_samples())),
        Corpus("asynchronous code of others, as it is", foreign),
        Corpus("the same, with @durable wherever it compiles", dict(_made_durable(foreign))),
        Corpus("slct_compile itself, which has nothing durable", _directory(ROOT / "slct_compile")),
    ]


def _directory(directory: Path) -> dict[str, str]:
    return {
        p.relative_to(directory.parent).as_posix(): p.read_text("utf-8")
        for p in sorted(directory.rglob("*.py"))
        if p.stat().st_size
    }


def _samples() -> Iterator[tuple[str, str]]:
    """The sources in the compiler's text samples that compile."""
    for path in sorted(_SAMPLES.glob("*.txt")):
        for number, part in enumerate(path.read_text("utf-8").split("\n== ")[1:]):
            text = ("\n" + part.partition("\n")[2]).split("\n-- ")[0].strip("\n") + "\n"
            name = f"{path.stem}_{number}.py"
            if "async def" in text and "runtime_client" in text and _findings(name, text) == []:
                yield name, text


def _asynchronous() -> Iterator[tuple[str, str]]:
    """Modules with `async def` of the standard library and of what is installed here, tests excepted."""
    for key in ("stdlib", "purelib"):
        base = Path(sysconfig.get_path(key))
        for path in sorted(base.rglob("*.py")):
            name = path.relative_to(base).as_posix()
            if re.search(r"(^|/)(tests?|site-packages|slct_|runtime_client|lib2to3|idlelib)", name) or "_pb2" in name:
                continue
            try:
                text = path.read_text("utf-8")
                compile(text, name, "exec", dont_inherit=True)
            except (UnicodeDecodeError, SyntaxError):
                continue
            if "async def " in text and _findings(name, text) is not None:
                yield name, text


def _made_durable(files: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in files.items():
        durable = _durable(name, text)
        if durable is not None:
            yield name, durable


def _durable(name: str, text: str) -> str | None:
    """The text with `@durable` before every function that can have it; None if none can."""
    wanted = [f for f in _functions(ast.parse(text).body) if any(isinstance(n, ast.Await) for n in ast.walk(f))]
    while wanted:
        marked, lines = _marked(text, wanted)
        findings = _findings(name, marked)
        if not findings:
            return marked if findings == [] else None
        kept = [
            f for f, (first, last) in zip(wanted, lines, strict=True) if not any(first <= n <= last for n in findings)
        ]
        if len(kept) == len(wanted):
            return None
        wanted = kept
    return None


def _functions(body: Sequence[ast.stmt]) -> Iterator[ast.AsyncFunctionDef]:
    for node in body:
        if isinstance(node, ast.AsyncFunctionDef) and not node.decorator_list:
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body)


def _marked(text: str, functions: Sequence[ast.AsyncFunctionDef]) -> tuple[str, list[tuple[int, int]]]:
    """The text with the decorators, and from which line to which each function stands then."""
    tree = ast.parse(text)
    lines = text.split("\n")
    is_head = [isinstance(n, ast.Expr | ast.ImportFrom) and (n is tree.body[0] or _is_future(n)) for n in tree.body]
    head = next((i for i, yes in enumerate(is_head) if not yes), len(is_head))
    at = (tree.body[head - 1].end_lineno or 0) if head else 0
    places: list[tuple[int, int]] = []
    for shift, function in enumerate(functions):
        places.append((function.lineno + shift + 1, (function.end_lineno or 0) + shift + 2))
    for function in reversed(functions):
        lines.insert(function.lineno - 1, " " * function.col_offset + "@slct_durable")
    lines.insert(at, "from runtime_client import durable as slct_durable")
    return "\n".join(lines), places


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _findings(name: str, text: str) -> list[int] | None:
    """The lines with findings; None if the compiler cannot take the file at all."""
    try:
        info = read_module(name.removesuffix(".py").replace("/", "."), name, text)
        return [d.place.line for d in compile_module(Index([info]), info).diagnostics if d.severity is Severity.ERROR]
    except Exception:  # what is measured is speed; a fault of the compiler is for its tests to find
        return None


def write_tree(root: Path, count: int) -> None:
    """A tree of so many modules, every tenth a process with three durable functions."""
    for number in range(count):
        package = root / f"part{number // 100}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        text = _process(number) if number % 10 == 0 else _plain(number)
        (package / f"module{number}.py").write_text(text, "utf-8")


def _process(number: int) -> str:
    neighbour = number + 1
    order = (ROOT / "examples" / "order.py").read_text("utf-8")
    imported = f"from part{neighbour // 100}.module{neighbour} import "
    return order.replace("from orders_io import ", imported).replace("class Order", f"class Order{number}")


def _plain(number: int) -> str:
    functions = [
        f"\n\ndef {name}(customer: object, total: object = {number}) -> str:\n"
        f'    """What is done with {name}."""\n'
        "    found: dict[str, int] = {}\n"
        "    for position, character in enumerate(str(customer)):\n"
        f"        if position % 2 == {number % 2}:\n"
        '            found[f"key {character}"] = position\n'
        '    return f"{sorted(found.items())} {total}"\n'
        for name in ("charge_card", "send_mail", *(f"work{n}" for n in range(8)))
    ]
    return f'"""Module {number}."""\n\nfrom __future__ import annotations\n' + "".join(functions)
