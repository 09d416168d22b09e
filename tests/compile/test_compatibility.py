"""`slct-compile diff`: what each rule says of one edit, in both directions; and the experiment that shows that it is true."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import migrated_programs
import pytest
from moved_programs import play_all

from slct_compile.cli import main as slct_compile
from slct_manifest import Comparison, Verdict, compare
from slct_manifest.schema import read_manifest
from slct_manifest.states import state_reasons
from slct_manifest.types import is_widened

SHOP = """from datetime import timedelta

from runtime_client import Channel, Process, after, call, durable, recv, select, send, sleep


async def charge(total: int) -> str:
    return "receipt"


class Order(Process):
    payments = Channel[int](2)
    notes = Channel[str]()
    paid: int = 0

    async def main(self, customer: str, total: int) -> str:
        while self.paid < total:
            match await select(pay=recv(self.payments), late=after(timedelta(days=1))):
                case ("pay", amount):
                    self.paid += amount
                case _:
                    return "late"
        receipt = await call(charge, total)
        await self.packing(receipt)
        await sleep(10)
        return f"{customer} {total} {receipt}"

    async def packing(self, receipt: str) -> None:
        note = await recv(self.notes)
        await sleep(5)
        print(receipt, note)
"""


class Builds:
    """Two builds, the second with the lock of the first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def build(self, name: str, source: str) -> Path:
        tree = self.directory / f"{name}_src"
        tree.mkdir()
        (tree / "shop.py").write_text(source)
        lock = self.directory / "old_src" / "slct.lock"
        if lock.exists():
            shutil.copy(lock, tree)
        assert slct_compile([str(tree), "-o", str(self.directory / name), "-q", "--no-cache"]) == 0
        return self.directory / name

    def compared(self, new: str, old: str = SHOP) -> tuple[Comparison, Comparison]:
        """Forward and backward."""
        paths = [self.build("old", old), self.build("new", new)]
        first, second = (read_manifest((path / "slct_manifest.json").read_text()) for path in paths)
        return compare(first, second), compare(second, first)


@pytest.fixture
def builds(tmp_path: Path) -> Builds:
    return Builds(tmp_path)


def edited(*pairs: tuple[str, str], source: str = SHOP) -> str:
    for old, new in pairs:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def verdicts(comparison: Comparison) -> dict[str, Verdict]:
    """By state, what becomes of it; the definition's own by its name."""
    found = {state.name: state.verdict for _, state in comparison.states()}
    return found | {each.name: each.verdict for each in comparison.definitions}


def texts(comparison: Comparison) -> list[str]:
    return [
        *(reason.text for each in comparison.definitions for reason in each.reasons),
        *(reason.text for _, state in comparison.states() for reason in state.reasons),
    ]


def changed(comparison: Comparison) -> dict[str, Verdict]:
    return {name: verdict for name, verdict in verdicts(comparison).items() if verdict is not Verdict.MOVABLE}


@dataclass(frozen=True)
class Rule:
    """An edit, what it makes unmovable forwards and backwards, and words that must be said of the way forward."""

    name: str
    new: str
    forward: dict[str, Verdict]
    backward: dict[str, Verdict]
    said: str = ""
    old: str = SHOP


M, S = Verdict.MIGRATION, Verdict.STUCK
RULES = [
    Rule("nothing", SHOP, {}, {}),
    Rule("code between awaits", edited(("print(receipt, note)", "print(note, receipt, sep='-')")), {}, {}),
    Rule(
        "a new state, at the end",
        edited(("        print(receipt, note)", "        print(receipt, note)\n        await sleep(7)")),
        {},
        {"Packing_Sleep2": M},
    ),
    Rule(
        "a new state before others",
        edited(("        note = await", "        await sleep(7)\n        note = await")),
        {},
        {"Packing_Sleep2": M},
        "is new before it: what waits there has passed it",
    ),
    Rule(
        "an await is gone",
        edited(("        await sleep(5)\n", "")),
        {"Packing_Sleep": M},
        {},
        "there is no such await any more",
    ),
    Rule(
        "another callee is another await",
        edited(("call(charge, total)", "call(print, total)")),
        {"Main_CallCharge": M},
        {"Main_CallPrint": M},
        "there is no such await any more",
    ),
    Rule(
        "a variable is read later than before",
        edited(("        print(receipt, note)", "        print(receipt, note)\n        await sleep(3)\n        print(note)")),
        {},
        {"Packing_Sleep2": M},
    ),
    Rule(
        "a variable is read that is not saved",
        edited(
            ("        note = await", "        began = 1\n        note = await"), ("print(receipt, note)", "print(began)")
        ),
        {"Packing_RecvNotes": M, "Packing_Sleep": M},
        {"Packing_RecvNotes": M, "Packing_Sleep": M},
        "'began' is read after it, and is not saved in frames that wait there",
    ),
    Rule("a variable is not read any more", edited(("print(receipt, note)", "print(note)")), {}, {"Packing_RecvNotes": M, "Packing_Sleep": M}),
    Rule(
        "a parameter has another type",
        edited(("packing(self, receipt: str)", "packing(self, receipt: bytes)")),
        {"Packing_RecvNotes": M, "Packing_Sleep": M},
        {"Packing_RecvNotes": M, "Packing_Sleep": M},
        "'receipt' was saved as str, and is read as bytes",
    ),
    Rule(
        "a parameter has a wider type",
        edited(("packing(self, receipt: str)", "packing(self, receipt: str | None)")),
        {},
        {"Packing_RecvNotes": M, "Packing_Sleep": M},
    ),
    Rule(
        "a field without a default",
        edited(("    paid: int = 0", "    paid: int = 0\n    vip: bool")),
        {"order": M},
        {},
        "field 'vip' is new and has no default",
    ),
    Rule("a field with a default", edited(("    paid: int = 0", "    paid: int = 0\n    vip: bool = False")), {}, {}),
    Rule(
        "a field of another type",
        edited(("    paid: int = 0", '    paid: str = ""')),
        {"order": M},
        {"order": M},
        "field 'paid' was saved as int, and is str",
    ),
    Rule("a channel more", edited(("    paid: int = 0", "    paid: int = 0\n    more = Channel[int]()")), {}, {"order": M}),
    Rule(
        "a channel of another type",
        edited(("notes = Channel[str]()", "notes = Channel[bytes]()")),
        {"order": M},
        {"order": M},
        "channel 'notes' may hold values of str, and takes bytes",
    ),
    Rule(
        "a smaller buffer",
        edited(("Channel[int](2)", "Channel[int](1)")),
        {"order": M},
        {},
        "channel 'payments' had a buffer of 2, and has one of 1",
    ),
    Rule(
        "a buffer where there was none",
        edited(("notes = Channel[str]()", "notes = Channel[str](1)")),
        {"order": M},
        {"order": M},
        "channel 'notes' was unbuffered, and has a buffer of 1",
    ),
    Rule(
        "a case more",
        edited(("late=after(timedelta(days=1))", "late=after(timedelta(days=1)), note=recv(self.notes), label='Pay'")),
        {},
        {"Main_Pay": M},
        old=edited(("late=after(timedelta(days=1))", "late=after(timedelta(days=1)), label='Pay'")),
    ),
    Rule(
        "a case by another name",
        edited(("late=after(timedelta(days=1))", "slow=after(timedelta(days=1)), label='Pay'")),
        {"Main_Pay": M},
        {"Main_Pay": M},
        "case 'late' may still be taken by what waits there, and is none any more",
        old=edited(("late=after(timedelta(days=1))", "late=after(timedelta(days=1)), label='Pay'")),
    ),
    Rule(
        "a case that means something else",
        edited(("pay=recv(self.payments), late", "pay=recv(self.notes), label='Pay', late")),
        {"Main_Pay": M},
        {"Main_Pay": M},
        "case 'pay' waits for recv(self.payments), and means recv(self.notes) now",
        old=edited(("late=after(timedelta(days=1))", "late=after(timedelta(days=1)), label='Pay'")),
    ),
    Rule(
        "another kind of operation under a label",
        edited(("await sleep(5)", "await recv(self.notes)  # slct: state=Pause")),
        {"Packing_Pause": M},
        {"Packing_Pause": M},
        "it waits for sleep(5), and goes on after recv(self.notes)",
        old=edited(("await sleep(5)", "await sleep(5)  # slct: state=Pause")),
    ),
    Rule(
        "a try around it",
        edited(("        await sleep(5)", "        try:\n            await sleep(5)\n        except ValueError:\n            pass")),
        {},
        {},
        "it stood in 0 `try`, and stands in 1",
    ),
    Rule(
        "a with around it",
        edited(("        await sleep(5)", "        with self.lock:\n            await sleep(5)")),
        {"Packing_Sleep": M},
        {"Packing_Sleep": M},
        "what waits there has entered nothing, and would leave with",
    ),
    Rule(
        "a local function of other variables",
        edited(
            ("        note = await", "        def told():\n            return receipt, note\n\n        note = await"),
            ("print(receipt, note)", "print(told())"),
        ),
        {"Packing_RecvNotes": M, "Packing_Sleep": M},
        {"Packing_RecvNotes": M, "Packing_Sleep": M},
        "the local function",
        old=edited(
            ("        note = await", "        def told():\n            return receipt\n\n        note = await"),
            ("print(receipt, note)", "print(told(), note)"),
        ),
    ),
    Rule(
        "a function is called otherwise",
        edited(("async def packing", "async def wrapping"), ("self.packing(", "self.wrapping(")),
        {"Packing_RecvNotes": S, "Packing_Sleep": S, "Main_Packing": M},
        {"Wrapping_RecvNotes": S, "Wrapping_Sleep": S, "Main_Wrapping": M},
        "there is no such function any more",
    ),
    Rule(
        "the definition is gone",
        edited(("class Order(Process):", 'class Order(Process, name="purchase"):')),
        {"order": S},
        {"purchase": S},
        "there is no such definition any more",
    ),
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule(builds: Builds, rule: Rule) -> None:
    forth, back = builds.compared(rule.new, rule.old)
    assert changed(forth) == rule.forward
    assert changed(back) == rule.backward
    assert rule.said in "\n".join(texts(forth))
    assert forth.is_breaking is bool(rule.forward)


# --- the compiler's own variables --------------------------------------------------------------------------------------

TILL = """from contextlib import suppress

from runtime_client import Channel, Process, recv


class Till(Process):
    coins = Channel[int]()
    notes = Channel[int]()
    paid: int = 0

    async def main(self, xs: list[int], ys: list[int]) -> int:
        for x in xs:
            self.paid += x * await recv(self.coins)
        return self.paid
"""
LOOP = "        for x in xs:\n            self.paid += x * await recv(self.coins)\n"
DEEPER = "\n".join(f"    {line}" if line else "" for line in LOOP.split("\n"))
NESTED = f"        for y in ys:\n{DEEPER}"
SWAPPED = NESTED.replace("y in ys", "z in ys").replace("x in xs", "y in ys").replace("z in ys", "x in xs")
"""A use of what the compiler keeps for itself: two operands and the loop."""


@pytest.mark.parametrize(
    ("name", "old", "new", "verdict", "said"),
    [
        (
            "what is put in before renames nothing",
            LOOP,
            f"        for y in ys:\n            print(y, self.paid, await recv(self.notes))\n{LOOP}",
            Verdict.MOVABLE,
            [],
        ),
        (
            "what is taken away before renames nothing",
            f"        for y in ys:\n            print(y, self.paid, await recv(self.notes))\n{LOOP}",
            LOOP,
            Verdict.MOVABLE,
            [],
        ),
        (
            "another loop around",
            LOOP,
            NESTED,
            Verdict.MIGRATION,
            [
                "the loop over `xs` (line 13) is used after it, and is not saved in frames that wait there",
                "the loop over `ys` (line 12) is used after it, and is not saved in frames that wait there",
            ],
        ),
        (
            "the outer one of two loops taken away",
            NESTED,
            LOOP,
            Verdict.MIGRATION,
            ["the loop over `xs` (line 12) is used after it, and is not saved in frames that wait there"],
        ),
        (
            "two loops that change places",
            NESTED,
            SWAPPED,
            Verdict.MIGRATION,
            [
                "the loop over `xs` (line 13) was saved there, and the loop over `ys` (line 13) is used after it",
                "the loop over `ys` (line 12) was saved there, and the loop over `xs` (line 12) is used after it",
            ],
        ),
        (
            "another iterable",
            LOOP,
            LOOP.replace("in xs", "in sorted(xs)"),
            Verdict.MOVABLE,
            [
                "what waits there is in the loop over `xs` (line 12), and goes on in it: "
                "the loop over `sorted(xs)` (line 12) is for others"
            ],
        ),
    ],
    ids=lambda each: each if isinstance(each, str) and each.count("\n") == 0 else "",
)
def test_the_compilers_own_variables_are_told_by_what_they_hold(
    builds: Builds, name: str, old: str, new: str, verdict: Verdict, said: list[str]
) -> None:
    before, after = (TILL.replace(LOOP, text) for text in (old, new))
    forth, _ = builds.compared(after, before)
    (state,) = (s for f in forth.functions for s in f.states if s.name == "Main_RecvCoins")
    of_the_author = re.compile(r"'\w+' is read after it|line \d+, .* is new before it")
    assert sorted(r.text for r in state.reasons if not of_the_author.match(r.text)) == said
    assert forth.verdict_of("till", "shop:Till.main", "Main_RecvCoins") is verdict


def test_the_lock_of_a_build_gives_that_build_again(builds: Builds) -> None:
    """Also where a variable's slot is called otherwise, as `outer` is a word of frames, or as a private name is."""
    text = TILL.replace(LOOP, LOOP.replace("for x in", "for outer in").replace("x *", "outer * __x *"))
    text = text.replace("        for outer", "        __x = 1\n        for outer")
    first, second = builds.build("old", text), builds.build("new", text)
    third = builds.build("newer", text)
    assert (first / "shop.py").read_bytes() == (second / "shop.py").read_bytes() == (third / "shop.py").read_bytes()


def test_a_variable_of_the_author_is_none_of_the_compilers(builds: Builds) -> None:
    """Where one takes the name that the other had, the values are strangers."""
    old = read_manifest((builds.build("old", TILL) / "slct_manifest.json").read_text())
    function = old.functions["shop:Till.main"]
    assert {held.text for held in function.temporaries.values()} == {
        "the value of `self.paid`",
        "the value of `x`",
        "the loop over `xs`",
    }
    slot = next(slot for slot, held in function.temporaries.items() if held.text == "the value of `x`")
    others = {name: held for name, held in function.temporaries.items() if name != slot}
    new = replace(function, temporaries=others)
    reasons = [reason.text for reason in state_reasons(function, new, "Main_RecvCoins")]
    assert reasons == [f"the value of `x` (line 13) was saved there, and the variable {slot!r} is used after it"]


# --- types -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("int", "int", True),
        ("int", "int | None", True),
        ("int | None", "int", False),
        ("Optional[int]", "int | None | str", True),
        ("int | str", "Union[str, int]", True),
        ("int", "float", True),
        ("float", "int", False),
        ("bool", "int", True),
        ("list[int]", "list[int | None]", True),
        ("list[int]", "Sequence[int]", True),
        ("list[int]", "collections.abc.Sequence[object]", True),
        ("list[int]", "list", True),
        ("list", "list[int]", False),
        ("List[int]", "list[int]", True),
        ("dict[str, int]", "Mapping[str, float]", True),
        ("dict[str, int]", "dict[int, int]", False),
        ("shop.Item", "Item", True),
        ("Item", "Any", True),
        ("Item", "'Item'", True),
        ("Item", "Other", False),
        (None, "int", True),
        ("int", None, True),
        ("not a type (", "not a type (", True),
        ("not a type (", "int", False),
    ],
)
def test_a_type_is_widened_or_not(old: str | None, new: str | None, expected: bool) -> None:
    assert is_widened(old, new) is expected


# --- the command -------------------------------------------------------------------------------------------------------

GONE = edited(("        await sleep(5)\n", ""))


MIGRATION = """

@migrate("Order.packing", state="{state}"{to})
def with_began(slots):
    return slots | {{"began": 0}}
"""
BEGAN = edited(
    ("call, durable, recv", "call, durable, migrate, recv"),
    ("        note = await recv(self.notes)", "        began = 1\n        note = await recv(self.notes)"),
    ("print(receipt, note)", "print(receipt, note, began)"),
)


@pytest.mark.parametrize(
    ("state", "to", "left", "said"),
    [
        ("Packing_Sleep", "", {"Packing_RecvNotes": M}, "shop:with_began makes Packing_Sleep of it"),
        ("Sleep", "", {"Packing_RecvNotes": M}, "shop:with_began makes Packing_Sleep of it"),
        ("RecvNotes", ', to="Sleep"', {"Packing_Sleep": M}, "shop:with_began makes Packing_Sleep of it"),
        (
            "Sleep",
            ', to="Nowhere"',
            {"Packing_RecvNotes": M, "Packing_Sleep": M},
            "shop:with_began makes 'Nowhere' of it, and nothing waits there",
        ),
    ],
)
def test_rule_23_what_is_migrated_is_movable(
    builds: Builds, state: str, to: str, left: dict[str, Verdict], said: str
) -> None:
    forth, back = builds.compared(BEGAN + MIGRATION.format(state=state, to=to))
    assert changed(forth) == left
    assert said in texts(forth)
    is_made = "nothing waits" not in said
    assert changed(back) == ({"Packing_Sleep": M} if is_made else {})
    lost = "it is as shop:with_began makes it, and the other build has no such migration"
    assert (lost in texts(back)) is is_made


def test_rule_23_who_has_been_through_a_migration_does_not_go_through_it_again(builds: Builds) -> None:
    migration = MIGRATION.format(state="Sleep", to="")
    both = BEGAN + migration, BEGAN.replace("began = 1", "began = 2") + migration
    forth, back = builds.compared(both[1], old=both[0])
    assert not any("with_began" in text for text in [*texts(forth), *texts(back)])


def test_rule_23_fields_are_what_a_migration_of_the_class_makes_of_them(builds: Builds) -> None:
    new = edited(
        ("    paid: int = 0", "    paid: int = 0\n    limit: int"), ("durable, recv", "durable, migrate, recv")
    )
    migration = '\n\n@migrate("Order")\ndef with_limit(fields):\n    return fields | {"limit": 1}\n'
    forth, back = builds.compared(new + migration)
    assert (changed(forth), changed(back)) == ({}, {"order": M})


def test_what_says_what_it_was_called_is_found(builds: Builds) -> None:
    """A function by itself, and one of a class that is called otherwise; `Main_Packing` awaits another function, though."""
    new = edited(
        ("durable, recv", "durable, migrate, recv"),
        ("async def packing", "async def wrapping"),
        ("self.packing(", "self.wrapping("),
        ("class Order(Process):", 'class Purchase(Process, name="order"):'),
    )
    said = '\n\nmigrate("Purchase", moved_from="Order")\nmigrate("Purchase.wrapping", moved_from="Purchase.packing")\n'
    forth, back = builds.compared(new + said)
    assert changed(forth) == {"Main_Packing": M}
    assert {"Wrapping_RecvNotes", "Wrapping_Sleep"} <= verdicts(forth).keys()
    assert changed(back).keys() >= {"Wrapping_RecvNotes", "Wrapping_Sleep"}


@pytest.mark.parametrize("about", ["NAME", '"Order.main", state=NAME', '"Order.main", "RecvNotes"', "**WORDS", ""])
def test_rule_23_a_migration_says_in_texts_what_it_is_about(
    builds: Builds, about: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = builds.directory / "src"
    tree.mkdir()
    text = SHOP.replace("durable, recv", "durable, migrate, recv")
    (tree / "shop.py").write_text(f"{text}\n\n@migrate({about})\ndef convert(slots):\n    return slots\n")
    line = len(text.split("\n")) + 2
    written = about.replace('"', "'")
    said = f"shop.py:{line}:2: SLC506 migration-not-in-texts"
    for arguments in (["-o", str(builds.directory / "build")], ["--check"]):
        assert slct_compile([str(tree), *arguments, "-q", "--no-cache"]) == 1
        printed = capsys.readouterr()
        assert said in printed.out + printed.err
        assert f"`migrate({written})` does not say in texts what it is about" in printed.out + printed.err
    assert not (builds.directory / "build").exists()


@pytest.mark.parametrize(
    "about", ['"Order.pack"', '"Order.pack", moved_from=NAME', '"orders:", moved_from="Order.pack"']
)
def test_what_it_was_called_is_told_in_texts(builds: Builds, about: str, capsys: pytest.CaptureFixture[str]) -> None:
    tree = builds.directory / "src"
    tree.mkdir()
    (tree / "names.py").write_text(f"from runtime_client import migrate\n\nmigrate({about})\n")
    assert slct_compile([str(tree), "--check", "--no-cache"]) == 1
    printed = capsys.readouterr()
    assert "names.py:3:1: SLC506 migration-not-in-texts" in printed.out + printed.err


def test_the_command_tells_places_reasons_and_cures(builds: Builds, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = builds.build("old", SHOP), builds.build("new", GONE)
    assert slct_compile(["diff", str(old), str(new)]) == 1
    line = SHOP[: SHOP.index("await sleep(5)")].count("\n") + 1
    assert capsys.readouterr().out.splitlines() == [
        f"shop.py:{line}  Order.packing  Packing_Sleep  needs migration",
        "    await sleep(5)",
        "  there is no such await any more",
        "  help: keep it, or say what becomes of the old one: @migrate",
        "old to new: 5 movable, 1 needs migration",
        "new to old: 5 movable",
    ]
    assert slct_compile(["diff", str(new), str(old)]) == 0
    assert slct_compile(["diff", str(old / "slct_manifest.json"), str(old), "-q"]) == 0


def test_programs_read_json(builds: Builds, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = builds.build("old", SHOP), builds.build("new", GONE)
    assert slct_compile(["diff", str(old), str(new), "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["breaking"]) == (1, True)
    found = {
        state["name"]: state["verdict"] for function in told["forward"]["functions"] for state in function["states"]
    }
    assert found["Packing_Sleep"] == "needs migration" and found["Main_Sleep"] == "movable"
    assert {each["verdict"] for each in told["backward"]["definitions"]} == {"movable"}


def test_sources_and_revisions_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "src"
    tree.mkdir()
    (tree / "shop.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    assert slct_compile(["src", "-o", "build", "-q"]) == 0
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "src"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    (tree / "shop.py").write_text(GONE)
    lock = (tree / "slct.lock").read_bytes()
    for old, new in (("HEAD:src", "src"), ("build", "src")):
        assert slct_compile(["diff", old, new]) == 1
        assert "Packing_Sleep  needs migration" in capsys.readouterr().out
    assert (tree / "slct.lock").read_bytes() == lock
    assert slct_compile(["diff", "src", "src", "-q"]) == 0


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        (("nothing", "nothing"), "error: 'nothing' is no build, no sources and no revision\nhint: give a directory"),
        (("HEAD:src", "src"), "error: git has no 'HEAD:src': "),
        (("src", "broken"), "error: broken does not compile:\nshop.py:"),
        (("src", "old.json"), "error: old.json has format 0, this slct-compile reads 1\nhint: compile again"),
    ],
)
def test_what_cannot_be_compared_is_told(
    sides: tuple[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name, source in (("src", SHOP), ("broken", edited(("await sleep(5)", "yield 5")))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shop.py").write_text(source)
    (tmp_path / "old.json").write_text('{"format": 0}')
    assert slct_compile(["diff", *sides]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(said)
    assert printed.out == ""


def test_wrong_words_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert slct_compile(["diff", "one"]) == 2
    assert "usage: slct-compile diff" in capsys.readouterr().err


# --- the experiment ----------------------------------------------------------------------------------------------------


def test_what_is_called_movable_finds_all_that_it_reads() -> None:
    """`make moves COUNT=4000` tries more."""
    counts = play_all(range(40))
    assert not counts.wrong, counts.wrong[0]
    assert counts.verdicts[Verdict.MOVABLE, True] >= 30
    assert counts.verdicts[Verdict.MIGRATION, False] >= 10


def test_what_is_called_movable_by_migrations_and_renames_runs_on() -> None:
    """`make moves COUNT=4000` tries more."""
    counts = migrated_programs.play_all(range(25))
    assert not counts.wrong, counts.wrong[0]
    assert min(counts.ways[way] for way in ("as they stand", "by a migration", "by a rename")) >= 10
    assert counts.verdicts[Verdict.MIGRATION, False] >= 1


def test_the_experiment_sees_what_is_wrongly_called_movable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `diff` finds nothing to say, nobody writes a migration, and states and variables are missing."""
    monkeypatch.setattr(migrated_programs, "compare", lambda old, new: _all_movable(compare(old, new)))
    counts = migrated_programs.play_all(range(12))
    assert any("MigrationFailed" in wrong or "has no state" in wrong for wrong in counts.wrong)


def _all_movable(comparison: Comparison) -> Comparison:
    definitions = tuple(replace(each, reasons=()) for each in comparison.definitions)
    functions = tuple(
        replace(each, states=tuple(replace(state, reasons=()) for state in each.states))
        for each in comparison.functions
    )
    return Comparison(definitions, functions)
