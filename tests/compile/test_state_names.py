"""Names of states over edits: what aligns, what is asked, what is refused, and how `slct.lock` is kept."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from slct_compile import _lock_file
from slct_compile._align import Ambiguity, align
from slct_compile._fingerprints import TEXT_CHARACTERS_MAX, Fingerprint, bounded, normalised
from slct_compile._lock import Lock, LockedFunction, lock_text, read_lock
from slct_compile._tree import Plan, plan, read_tree
from slct_compile.cli import main
from slct_compile.diagnostics import CompileError

HEAD = (
    "from runtime_client import Process, call, recv, select, sleep\n\n\nclass P(Process):\n    async def main(self):\n"
)

# --- alignment ---------------------------------------------------------------------------------------------------------


def row(text: str) -> list[Fingerprint]:
    """One fingerprint per capital; small letters are statements between. `(`…`)` is a block."""
    tokens = ["-", *(c for c in text if c not in "()"), "-"]
    within: tuple[str, ...] = ()
    found: list[Fingerprint] = []
    position = 0
    for character in text:
        if character in "()":
            within = (*within, "if") if character == "(" else within[:-1]
            continue
        position += 1
        if character.isupper():
            neighbours = tokens[position - 1], tokens[position + 1]
            found.append(Fingerprint(character, character, 0, character, within, *neighbours))
    return found


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        ("A", "A", {0: 0}),
        ("AxB", "AxyB", {0: 0, 1: 1}),
        ("AB", "BA", {0: 1, 1: 0}),
        ("ABC", "AC", {0: 0, 1: 2}),
        ("A", "(A)", {0: 0}),
        ("A", "B", {}),
        ("aAbAc", "aAbAc", {0: 0, 1: 1}),
        ("aAbAc", "bAc", {0: 1}),
        ("aAbAc", "aAb", {0: 0}),
        ("aAbAc", "abAcA", {0: 1}),
        ("aAb", "aAbAc", {0: 0}),
        ("AAA", "AAA", {0: 0, 1: 1, 2: 2}),
        ("AAA", "AA", {}),
        ("aAbcAd", "aAb", {0: 0}),
    ],
)
def test_alignment(old: str, new: str, pairs: dict[int, int]) -> None:
    aligned = align(row(old), row(new))
    assert aligned.pairs == pairs


def test_what_cannot_be_told_apart_is_said_to_be() -> None:
    assert align(row("AAA"), row("AA")).ambiguities == [Ambiguity((0, 1, 2), (0, 1))]
    assert align(row("AAA"), row("A"), {0: 1}).ambiguities == []


def test_the_last_of_a_run_is_not_taken_for_the_one_that_was_deleted_before_it() -> None:
    # Deleting [A b] and deleting [b A] give the same text: the one neighbour that they share tells nothing.
    assert align(row("xAbAb"), row("xAb")).pairs == {}


def test_texts_differ_by_what_they_say_and_not_by_their_layout() -> None:
    one = normalised("x = f(a,  # why\n   'it', *b,\n) \\\n + c")
    assert one == normalised('x=f(a, "it", *b)+c')
    assert normalised("f('a')") != normalised("f('b')")
    assert normalised("f('#a')") == 'f("#a")'
    assert normalised("not a") == "not a"


def test_long_texts_are_cut_and_stay_different() -> None:
    one, other = "x" * 500 + "1", "x" * 500 + "2"
    assert len(bounded(one)) <= TEXT_CHARACTERS_MAX
    assert bounded(one) != bounded(other)


# --- names -------------------------------------------------------------------------------------------------------------


def versions(tmp_path: Path, *bodies: str) -> list[str]:
    """Compile versions of a body one after the other; the names of the last, in the order of the text, or the findings."""
    lock = Lock()
    found: list[str] = []
    for body in bodies:
        planned = version(tmp_path, body, lock)
        found = [d.code for d in planned.diagnostics]
        if not found:
            lock = _lock_file.after(lock, planned.outputs.values(), whole=True)
            found = [s.name.removeprefix("Main_") for s in lock.functions["p:P.main"].states]
    return found


def version(tmp_path: Path, body: str, lock: Lock) -> Plan:
    indented = "".join(f"        {line}\n" for line in body.split("\n"))
    (tmp_path / "p.py").write_text(HEAD + indented)
    return plan(read_tree(tmp_path), lock=lock)


def test_a_state_keeps_its_name_when_an_equal_one_comes_before_it(tmp_path: Path) -> None:
    first = "x = 1\nawait sleep(1)\ny = 2"
    assert versions(tmp_path, first) == ["Sleep"]
    assert versions(tmp_path, first, "await sleep(2)\n" + first) == ["Sleep2", "Sleep"]


def test_a_name_that_was_retired_is_never_used_again(tmp_path: Path) -> None:
    one = "await sleep(1)"
    assert versions(tmp_path, one, "pass", one) == ["Sleep2"]
    assert versions(tmp_path, one, "pass", one, "pass", one) == ["Sleep3"]


def test_a_renamed_variable_is_followed(tmp_path: Path) -> None:
    before = "a = await recv('x')\nawait call(print, a)\nawait call(print, a, 2)"
    assert versions(tmp_path, before, before.replace("a)", "b)").replace("a,", "b,").replace("a =", "b =")) == [
        "RecvX",
        "CallPrint",
        "CallPrint2",
    ]


def test_rule_2_wrapped_moved_and_edited_states_keep_their_names(tmp_path: Path) -> None:
    before = "await recv('x')\nawait sleep(1)\nawait call(print, 1)"
    after = "await sleep(1)\ntry:\n    y = await recv('x')\nexcept ValueError:\n    pass\nawait call(print, 1)"
    assert versions(tmp_path, before, after) == ["Sleep", "RecvX", "CallPrint"]


def test_an_await_about_something_else_is_another_one(tmp_path: Path) -> None:
    """Whether an argument was edited, or one await went and another came, cannot be told from the text."""
    before = "await recv('x')\nawait sleep(1)\nawait call(print, 1)"
    assert versions(tmp_path, before, before.replace("sleep(1)", "sleep(2)")) == ["RecvX", "Sleep2", "CallPrint"]
    assert versions(tmp_path, before, before.replace("print, 1", "print, 2")) == ["RecvX", "Sleep", "CallPrint2"]


def test_a_call_that_is_tried_otherwise_keeps_its_name(tmp_path: Path) -> None:
    before = "a = 1\nx = await call(print, a)\nawait select(x=call(print, 1), label='Both')"
    after = "a = 1\nx = await call(print, a, timeout=5, retry=None)\nawait select(x=call(print, 1, queue='q'))"
    assert versions(tmp_path, before, after) == ["CallPrint", "Both"]


def test_another_callee_is_another_state(tmp_path: Path) -> None:
    assert versions(tmp_path, "await call(print, 1)", "await call(repr, 1)") == ["CallRepr"]
    assert versions(tmp_path, "await call(a, 1)", "await call(b, 1)", "await call(a, 1)") == ["CallA2"]


def test_a_label_comes_first_and_stays_when_it_is_taken_away(tmp_path: Path) -> None:
    label = "await sleep(1)  # slct: state=Rest"
    assert versions(tmp_path, "await sleep(1)", label) == ["Rest"]
    assert versions(tmp_path, label, "await sleep(1)") == ["Rest"]
    assert versions(tmp_path, "await select(a=recv('x'), label='Paid')") == ["Paid"]


def test_a_label_may_not_mean_two_things(tmp_path: Path) -> None:
    label = "await sleep(1)  # slct: state=Rest"
    assert versions(tmp_path, f"{label}\n{label}") == ["SLC504"]
    assert versions(tmp_path, label, "pass", label) == ["SLC504"]
    assert versions(tmp_path, label, "self.Main_Rest = 1\n" + label) == ["SLC504"]
    assert versions(tmp_path, "await sleep(1)  # slct: state=Start") == ["SLC504"]


def test_a_derived_name_gives_way_to_a_label(tmp_path: Path) -> None:
    assert versions(tmp_path, "await sleep(1)\nawait recv('x')  # slct: state=Sleep") == ["Sleep2", "Sleep"]


def test_where_a_name_would_be_guessed_the_author_is_asked(tmp_path: Path) -> None:
    one = "await sleep(1)"
    assert versions(tmp_path, f"{one}\n{one}", one) == ["SLC503"]
    assert versions(tmp_path, f"{one}\n{one}", f"{one}  # slct: state=Sleep2") == ["Sleep2"]
    assert versions(tmp_path, f"{one}\n{one}", f"{one}  # slct: state=Sleep2", one) == ["Sleep2"]
    assert versions(tmp_path, f"{one}\n{one}", f"{one}  # slct: state=Other") == ["Other"]


def test_two_functions_of_like_names_keep_their_own(tmp_path: Path) -> None:
    def both(*names: str) -> str:
        methods = "".join(f"    async def {n}(self):\n        await sleep(1)\n" for n in names)
        return HEAD + "        pass\n" + methods

    (tmp_path / "p.py").write_text(both("fooBar"))
    lock = _lock_file.after(Lock(), plan(read_tree(tmp_path)).outputs.values(), whole=True)
    (tmp_path / "p.py").write_text(both("foo_bar", "fooBar"))
    lock = _lock_file.after(lock, plan(read_tree(tmp_path), lock=lock).outputs.values(), whole=True)
    assert [s.name for s in lock.functions["p:P.fooBar"].states] == ["FooBar_Sleep"]
    assert [s.name for s in lock.functions["p:P.foo_bar"].states] == ["FooBar2_Sleep"]


# --- the file and the command ------------------------------------------------------------------------------------------

Out = pytest.CaptureFixture[str]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "src"
    directory.mkdir()
    (directory / "p.py").write_text(HEAD + "        await sleep(1)\n        await recv('x')\n")
    return directory


def compile_tree(source: Path, *options: str) -> int:
    return main([str(source), "-o", str(source.with_name("build")), "-q", *options])


def locked(source: Path) -> Mapping[str, LockedFunction]:
    return _lock_file.load(source).functions


def test_a_build_writes_the_lock_beside_the_sources_once(source: Path) -> None:
    assert compile_tree(source) == 0
    lock = source / "slct.lock"
    assert [s.name for s in locked(source)["p:P.main"].states] == ["Main_Sleep", "Main_RecvX"]
    assert not (source.parent / "build" / "slct.lock").exists()
    os.utime(lock, ns=(1, 1))
    assert compile_tree(source) == 0
    assert lock.stat().st_mtime_ns == 1


def test_an_edit_changes_only_the_lines_of_what_it_touches(source: Path) -> None:
    body = "        await sleep(1)\n        x = 1\n        await recv('x')\n        y = 2\n        await recv('y')\n"
    (source / "p.py").write_text(HEAD + body)
    assert compile_tree(source) == 0
    before = (source / "slct.lock").read_text().splitlines()
    (source / "p.py").write_text("# more\n" + HEAD + body.replace("        y = 2\n", "        y = 2\n        z = 3\n"))
    assert compile_tree(source) == 0
    after = (source / "slct.lock").read_text().splitlines()
    changed = [line.strip("+- ")[:10] for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert changed == ['"z",', '"Main_Recv', '"Main_Recv']


def test_check_no_lock_and_findings_leave_the_lock_alone(source: Path) -> None:
    assert main([str(source), "--check", "-q"]) == 0
    assert compile_tree(source, "--no-lock") == 0
    (source / "q.py").write_text("def f(:\n")
    assert compile_tree(source) == 1
    assert not (source / "slct.lock").exists()


def test_locked_says_what_it_would_change_and_changes_nothing(source: Path, capsys: Out) -> None:
    assert compile_tree(source, "--locked") == 1
    assert "+ p:P.main Main_Sleep: await sleep(1)" in capsys.readouterr().err
    assert compile_tree(source) == 0
    assert compile_tree(source, "--locked") == 0
    before = (source / "slct.lock").read_text()
    (source / "p.py").write_text(HEAD + "        await sleep(2)\n        await recv('y')\n")
    capsys.readouterr()
    assert compile_tree(source, "--locked") == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "error: slct.lock is not up to date with the sources"
    assert '  - p:P.main Main_RecvX: await recv("x")' in shown
    assert '  + p:P.main Main_RecvY: await recv("y")' in shown
    assert shown[-1].startswith("hint: ")
    assert (source / "slct.lock").read_text() == before


def test_functions_that_have_gone_keep_their_names(source: Path) -> None:
    assert compile_tree(source) == 0
    text = (source / "p.py").read_text()
    (source / "p.py").unlink()
    (source / "moved.py").write_text(text)
    assert compile_tree(source) == 0
    assert locked(source)["p:P.main"] == LockedFunction("Main", retired=frozenset({"Main_RecvX", "Main_Sleep"}))
    assert [s.name for s in locked(source)["moved:P.main"].states] == ["Main_Sleep", "Main_RecvX"]
    (source / "moved.py").rename(source / "p.py")
    assert compile_tree(source) == 0
    assert [s.name for s in locked(source)["p:P.main"].states] == ["Main_Sleep2", "Main_RecvX2"]


def functions(**bodies: str) -> str:
    """A module of one class; each body is statements on one line."""
    methods = "".join(f"    async def {n}(self):\n        {b}\n" for n, b in bodies.items())
    return HEAD.partition("    async def")[0] + methods


def names_after(source: Path, text: str) -> dict[str, list[str]]:
    (source / "p.py").write_text(text)
    assert compile_tree(source) == 0
    return {name.partition(".")[2]: [s.name for s in f.states] for name, f in locked(source).items() if f.states}


def test_a_function_that_takes_the_name_of_another_takes_none_of_its_states(source: Path) -> None:
    one, two = "await sleep(1); x = 1; await recv('x')", "await sleep(1); await recv('y'); await recv('x')"
    before = names_after(source, functions(main="pass", a=one, b=two))
    assert (before["a"], before["b"]) == (["A_Sleep", "A_RecvX"], ["B_Sleep", "B_RecvY", "B_RecvX"])
    after = names_after(source, functions(main="pass", a=two))  # `a` was deleted, and `b` renamed to `a`
    assert after["a"] == ["A_Sleep2", "A_RecvY", "A_RecvX2"]
    again = names_after(source, functions(main="pass", a=two, b=one))  # what is called `b` now is no state of then
    assert (again["a"], again["b"]) == (after["a"], ["B_Sleep2", "B_RecvX2"])


def test_two_functions_that_exchange_their_names_exchange_no_states(source: Path) -> None:
    one, two = "await sleep(1); x = 1; await recv('x')", "await sleep(1); y = 2; await recv('x'); await recv('y')"
    names_after(source, functions(main="pass", a=one, b=two))
    after = names_after(source, functions(main="pass", a=two, b=one))
    assert after["a"] == ["A_Sleep2", "A_RecvX2", "A_RecvY"]
    assert after["b"] == ["B_Sleep2", "B_RecvX2"]


def test_a_renamed_class_begins_anew_and_the_old_name_is_kept_from_use(source: Path) -> None:
    text = (source / "p.py").read_text()
    names_after(source, text)
    names_after(source, text.replace("class P", "class Q"))
    assert [s.name for s in locked(source)["p:Q.main"].states] == ["Main_Sleep", "Main_RecvX"]
    names_after(source, text)
    assert [s.name for s in locked(source)["p:P.main"].states] == ["Main_Sleep2", "Main_RecvX2"]


# --- merges ------------------------------------------------------------------------------------------------------------


def merged(source: Path, base: str, ours: str, theirs: str) -> tuple[int, bytes]:
    """The lock as git merges it; and the number of conflicts."""
    locks = []
    for branch, text in (("base", base), ("ours", ours), ("theirs", theirs)):
        (source / "p.py").write_text(text)
        if branch != "base":
            (source / "slct.lock").write_bytes(locks[0].read_bytes())
        assert compile_tree(source) == 0
        locks.append(source.with_name(branch))
        locks[-1].write_bytes((source / "slct.lock").read_bytes())
    command = ["git", "merge-file", "-p", *(str(locks[i]) for i in (1, 0, 2))]
    done = subprocess.run(command, capture_output=True)
    return done.returncode, done.stdout


STEPS = "        a = 1\n        await sleep(1)\n        a = 2\n        a = 3\n        a = 4\n        await recv('x')\n        a = 5\n"


def test_locks_of_two_branches_merge_where_their_sources_do(source: Path) -> None:
    """One adds an await and a variable at the end, the other takes one away at the beginning, and adds a function."""
    base = HEAD + STEPS
    ours = HEAD + STEPS + "        b = 6\n        await recv('y')\n"
    theirs = HEAD + STEPS.replace("        await sleep(1)\n", "") + "\n    async def z(self):\n        await sleep(3)\n"
    conflicts, lock = merged(source, base, ours, theirs)
    assert conflicts == 0
    (source / "slct.lock").write_bytes(lock)
    both = ours.replace("        await sleep(1)\n", "") + "\n    async def z(self):\n        await sleep(3)\n"
    assert names_after(source, both) == {"main": ["Main_RecvX", "Main_RecvY"], "z": ["Z_Sleep"]}
    assert locked(source)["p:P.main"].retired == {"Main_Sleep"}


def test_one_name_given_by_two_branches_is_refused(source: Path, capsys: Out) -> None:
    base = HEAD + STEPS
    ours = base.replace("        a = 1\n", "        a = 1\n        await recv('x', )\n        a = 0\n")
    theirs = base + "        a = 6\n        b = await recv('x')\n"
    conflicts, lock = merged(source, base, ours, theirs)
    assert conflicts == 0
    (source / "slct.lock").write_bytes(lock)
    assert compile_tree(source) == 2
    shown = capsys.readouterr().err
    assert '\'Main_RecvX2\' is there twice, for `await recv("x")` and for `b=await recv("x")`' in shown
    assert "keep the line of the one that was deployed" in shown


def test_a_conflict_is_told_by_its_lines(source: Path, capsys: Out) -> None:
    assert compile_tree(source) == 0
    lock = source / "slct.lock"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([*lines[:4], "<<<<<<< ours", "=======", ">>>>>>> theirs", *lines[4:]]))
    assert compile_tree(source) == 2
    shown = capsys.readouterr().err
    assert "slct.lock has conflicts from a merge, in line 5" in shown
    assert "hint: keep the lines of both sides" in shown


def test_a_name_both_retired_and_in_use_is_refused(source: Path, capsys: Out) -> None:
    assert compile_tree(source) == 0
    lock = source / "slct.lock"
    lock.write_text(lock.read_text().replace('"retired": [\n', '"retired": [\n    "Main_Sleep",\n'))
    assert compile_tree(source) == 2
    assert "'Main_Sleep' of p:P.main is retired and in use" in capsys.readouterr().err


def test_one_file_changes_only_its_own_entries(source: Path) -> None:
    (source / "q.py").write_text((source / "p.py").read_text().replace("class P", "class Q"))
    assert compile_tree(source) == 0
    before = (source / "slct.lock").read_text()
    assert main([str(source / "p.py"), "-o", str(source.with_name("one")), "-q"]) == 0
    assert (source / "slct.lock").read_text() == before


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"format": 1, "functions": {"a": {"prefix": "", "variables": 1, "states": {}, "retired": []}}}',
        '{"format": 1, "functions": {"a": {}, "a": {}}}',
        '{"format": 1, "functions": {"a": 1}}',
    ],
)
def test_a_lock_that_cannot_be_read_is_refused(content: str, source: Path, capsys: Out) -> None:
    (source / "slct.lock").write_text(content)
    assert compile_tree(source) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"error: {source}/slct.lock cannot be read")
    assert "hint: resolve what a merge left" in shown


def test_a_lock_of_another_format_is_refused() -> None:
    with pytest.raises(CompileError, match="format 2"):
        read_lock(b'{"format": 2, "functions": {}}', "slct.lock")


def test_a_lock_reads_back_as_it_was_written(source: Path) -> None:
    lock = _lock_file.after(Lock(), plan(read_tree(source)).outputs.values(), whole=True)
    assert read_lock(lock_text(lock).encode(), "slct.lock") == lock
    assert read_lock(lock_text(Lock()).encode(), "slct.lock") == Lock()


def test_the_lock_has_the_same_bytes_whatever_the_hash_seed(source: Path) -> None:
    assert compile_tree(source) == 0
    body = "        await recv('y')\n        await sleep(1)\n        a = b = c = await recv('x')\n        await recv([a, b, c])\n"
    (source / "p.py").write_text(HEAD + body)
    start = (source / "slct.lock").read_bytes()
    found = set()
    for seed in ("0", "1", "4242"):
        (source / "slct.lock").write_bytes(start)
        command = [sys.executable, "-m", "slct_compile", str(source), "-o", str(source.with_name("build")), "-q"]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run(command, check=True, env=environment)
        found.add((source / "slct.lock").read_bytes())
    assert len(found) == 1


def test_the_lock_of_the_examples_is_up_to_date(tmp_path: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    lock = _lock_file.load(examples)
    assert _lock_file.after(lock, plan(read_tree(examples), lock=lock).outputs.values(), whole=True) == lock
