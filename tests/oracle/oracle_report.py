"""All modules in both modes, each in a process of its own; a table, and exit code 1 if a difference is not listed.

    python oracle_report.py [--modules test_patma,test_with] [--modes statements,operands] [--every N] [--jobs N] [--details FILE]

Differences that are known and must be are listed in `differences.txt`, one by one with the reason.
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LISTED = HERE / "differences.txt"
MANY = 1 << 30

MODES = ("statements", "operands")
QUIET_MAX_SECONDS = 120
"""A method that takes longer is killed, with its process, and counts as crashed."""

_NAMES = """
test_asyncgen test_augassign test_baseexception test_binop test_bool test_builtin test_call test_class test_compare
test_complex test_context test_contextlib test_contextlib_async test_copy test_coroutines test_decorators test_descr
test_defaultdict test_deque test_dict test_dict_version test_dictcomps test_dictviews test_dynamic
test_dynamicclassattribute test_enum test_enumerate test_eof test_except_star test_exception_group
test_exception_hierarchy test_exception_variations test_exceptions test_extcall test_flufl test_float test_fstring
test_funcattrs test_functools test_generators test_genericclass test_genexps test_global test_grammar test_index
test_int test_int_literal test_isinstance test_iter test_itertools test_keyword test_keywordonlyarg test_lambda
test_list test_listcomps test_long test_memoryview test_metaclass test_named_expressions test_numeric_tower
test_opcodes test_operator test_ordered_dict test_patma test_pep646_syntax test_pow test_positional_only_arg
test_print test_property test_raise test_range test_reprlib test_richcmp test_scope test_set test_setcomps
test_slice test_string test_string_literals test_structseq test_subclassinit test_super test_syntax test_traceback
test_tuple test_type_aliases test_type_annotations test_type_comments test_type_params test_typechecks test_types
test_unary test_unpack test_unpack_ex test_userdict test_userlist test_weakref test_weakset test_with
test_yield_from
"""
MODULES = tuple(_NAMES.split())
"""What is asked of the interpreter; it may not have all of them."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A method's verdict, or "crashed" with what is known."""

    module: str
    mode: str
    label: str
    kind: str
    codes: tuple[str, ...] = ()
    detail: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.module}.{self.label}"


@dataclass(slots=True)
class ModuleReport:
    module: str
    mode: str
    judged: list[Judged] = field(default_factory=list)
    elsewhere: int = 0
    absent: str = ""

    def count(self, kind: str) -> int:
        return sum(j.kind == kind for j in self.judged)


def run_module(module: str, mode: str, every: int = 1) -> ModuleReport:
    """Judge the methods of a module; a process that dies is followed by another, after the method that it died of."""
    report = ModuleReport(module, mode)
    skip = 0
    while True:
        current: dict[str, Any] | None = {"begins": "(import)", "number": MANY}
        command = [sys.executable, str(HERE / "oracle_module.py"), module, mode, f"--skip={skip}", f"--every={every}"]
        with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as errors:
            for line in _lines(command, directory, errors):
                match line:
                    case {"elsewhere": elsewhere}:
                        report.elsewhere = len(elsewhere)
                    case {"absent": reason}:
                        report.absent = reason
                    case {"begins": _}:
                        current = line
                    case {"ends": label, "kind": kind, "codes": codes, "detail": detail, "left_out": left_out}:
                        report.judged.append(Judged(module, mode, label, kind, tuple(codes), detail, tuple(left_out)))
                        current = {"begins": f"(after {label})", "number": MANY}
                    case {"done": True}:
                        current = None
            errors.seek(0)
            said = errors.read()[-2000:]
        if current is None:
            return report
        report.judged.append(Judged(module, mode, current["begins"], "crashed", detail=said))
        if current["number"] == MANY:
            return report  # it did not die of a method: the same again would follow
        skip = current["number"] + 1


def _lines(command: Sequence[str], directory: str, errors: Any) -> Iterator[dict[str, Any]]:
    """What the process says, line by line; it is killed if it says nothing for too long."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, stderr=errors, text=True, cwd=directory
    )
    said: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.put(line)
        said.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while (line := said.get(timeout=QUIET_MAX_SECONDS)) is not None:
            yield json.loads(line)
    except queue.Empty:
        errors.write(f"nothing for {QUIET_MAX_SECONDS} s: killed")
    finally:
        process.kill()
        process.wait()
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


def listed_differences() -> dict[str, str]:
    """Full name of a method to the reason why it differs; `*` at the end stands for all that begin so."""
    found: dict[str, str] = {}
    for line in LISTED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, reason = line.partition(": ")
            assert reason, f"{LISTED.name}: no reason for {name}"
            found[name] = reason
    return found


def unlisted(reports: Sequence[ModuleReport]) -> list[Judged]:
    """Differences, and processes that died, that no line of the list expects."""
    known = listed_differences()
    bad = [j for r in reports for j in r.judged if j.kind in ("differing", "crashed")]
    return [j for j in bad if j.name not in known]


def table(reports: Sequence[ModuleReport]) -> str:
    kinds = ("passed", "differing", "crashed", "refused", "changed", "unfit", "skipped")
    rows = [f"{'module':34}{'mode':11}" + "".join(f"{k:>10}" for k in kinds) + f"{'elsewhere':>10}  refused by"]
    total: Counter[tuple[str, str]] = Counter()
    for report in reports:
        if report.absent:
            rows.append(f"{report.module:34}{report.mode:11}  {report.absent}")
            continue
        codes = Counter(c for j in report.judged if j.kind == "refused" for c in j.codes)
        counts = [report.count(k) for k in kinds]
        total.update({(report.mode, k): n for k, n in zip(kinds, counts, strict=True)})
        shown = " ".join(f"{code}:{n}" for code, n in sorted(codes.items()))
        numbers = "".join(f"{n or '.':>10}" for n in counts)
        rows.append(f"{report.module:34}{report.mode:11}{numbers}{report.elsewhere or '.':>10}  {shown}")
    for mode in dict.fromkeys(r.mode for r in reports):
        rows.append(f"{'all':34}{mode:11}" + "".join(f"{total[mode, k] or '.':>10}" for k in kinds))
        judged = [j for r in reports if r.mode == mode for j in r.judged]
        less = Counter(p for j in judged if j.kind == "passed" for p in j.left_out)
        for place, count in less.most_common():
            rows.append(f"    passed without suspensions in (or with): {place}: {count}")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description="CPython's own tests, compiled")
    parser.add_argument("--modules", default=",".join(MODULES))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--details", type=Path, help="write every verdict here, as JSON lines")
    parsed = parser.parse_args()
    wanted = [(m, mode) for m in parsed.modules.split(",") for mode in parsed.modes.split(",")]

    if parsed.details:
        parsed.details.write_text("", encoding="utf-8")

    def run(one: tuple[str, str]) -> ModuleReport:
        report = run_module(*one, parsed.every)
        if parsed.details:
            with parsed.details.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps({"name": j.name, **_fields(j)}) + "\n" for j in report.judged)
        print(
            f"{one[0]} {one[1]}: {dict(Counter(j.kind for j in report.judged))} {report.absent}",
            file=sys.stderr,
            flush=True,
        )
        return report

    with ThreadPoolExecutor(parsed.jobs) as pool:
        reports = list(pool.map(run, wanted))
    print(f"\n{table(reports)}\n")
    bad = unlisted(reports)
    for judged in bad:
        print(f"not listed: {judged.name} ({judged.mode}) {judged.kind}\n{judged.detail[:4000]}\n")
    return 1 if bad else 0


def _fields(judged: Judged) -> dict[str, Any]:
    return {n: getattr(judged, n) for n in ("mode", "kind", "codes", "left_out", "detail")}


if __name__ == "__main__":
    sys.exit(main())
