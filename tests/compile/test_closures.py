"""Rule 9: functions and lambdas that outlive a suspension share their variables, in memory and in storage.

The programs of `samples/closures.txt` run three ways: as written, compiled, and compiled with the whole process written and
read back at every suspension, all of it made anew each time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from closure_grammar import ClosureGrammar
from compile_harness import (
    Outcome,
    Run,
    compare,
    compile_source,
    explain,
    findings,
    folded,
    namespace_of,
    program,
    run_direct,
    run_saved,
)
from test_differential import Sample, read_samples

from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._frame import FrameStatus
from runtime_client._resolver import Resolver
from runtime_client._trampoline import Stack, run_to_suspension
from slct_compile.cli import main as slct_compile


@pytest.mark.parametrize("sample", read_samples("closures.txt"), ids=lambda s: s.name)
def test_a_program_with_closures_does_the_same_saved_at_every_suspension(sample: Sample) -> None:
    output = compile_source(sample.source)
    assert not output.has_errors, findings(output)
    for script in sample.scripts:
        direct = run_direct(sample.source, script)
        saved = run_saved(output.text, script)
        assert folded(saved) == folded(direct), explain(sample.source, output.text, script, direct, saved)


SEEDS = int(os.environ.get("SLCT_COMPILE_SEEDS", "15"))


@pytest.mark.parametrize("seed", range(SEEDS), ids=lambda s: f"seed-{s}")
def test_random_programs_with_closures_do_the_same_saved_at_every_suspension(seed: int) -> None:
    source = ClosureGrammar(seed).program()
    output = compile_source(source)
    assert not output.has_errors, findings(output) + source
    direct, saved = run_direct(source, range(1, 6)), run_saved(output.text, range(1, 6))
    assert without_qualnames(saved) == without_qualnames(direct), explain(source, output.text, (), direct, saved)


def without_qualnames(run: Run) -> str:
    """Python's messages about calls name functions in full; loaded without its sources, a state shows its own name there."""
    return re.sub(r"Program\.[\w.<>]*?(\w+|<lambda>)\(\)", r"\1()", repr((run.ended, run.trace)))


# --- documents ---------------------------------------------------------------------------------------------------------


class Saved:
    """A compiled program, run to its first suspension; what it saved, and how another version reads that."""

    def __init__(self, body: str) -> None:
        self.source = program(body)
        process, codec = self.version(self.source)
        frame = process.main()
        frame.frame_status = FrameStatus.STARTED
        self.stack = Stack([frame])
        run_to_suspension(self.stack, None)
        self.text = codec.encode(self.stack.frames, process=process, active=self.stack.frames)

    @staticmethod
    def version(source: str) -> tuple[Any, Codec]:
        output = compile_source(source)
        assert not output.has_errors, findings(output)
        namespace = namespace_of(output.text, "compiled_program")
        return object.__new__(namespace["Program"]), Codec(Resolver(modules=("compiled_program",)))

    def go_on(self, body: str, text: str | None = None) -> Any:
        """Read it with the code of another version, and run that to its end."""
        process, codec = self.version(program(body))
        stack = Stack(codec.decode(self.text if text is None else text, process=process))
        ended = run_to_suspension(stack, Outcome(None))
        assert isinstance(ended, Outcome)
        return ended.unwrap()


PAIR = "x = 1\nfs = [lambda: x, lambda: -x]\nawait op('a')\nx += 1\nreturn [f() for f in fs]"


@pytest.mark.parametrize(
    "edited",
    [
        "x = 1\nfs = [lambda: x + 10, lambda: x, lambda: -x]\nawait op('a')\nx += 1\nreturn [f() for f in fs]",
        "x = 1\nfs = [lambda: -x, lambda: x]\nawait op('a')\nx += 1\nreturn [f() for f in fs]",
        "x = 1\nfs = [lambda: -x, (lambda :  # of the same text\n  x)]\nawait op('a')\nx += 1\nreturn [f() for f in fs]",
        "x = 1\nsorted([], key=lambda: x)\nfs = [lambda: 0]\ngs = (lambda: -x, lambda: x)\nawait op('a')\nx += 1\nreturn [f() for f in fs]",
    ],
    ids=["inserted", "swapped", "laid out", "moved"],
)
def test_a_saved_lambda_is_the_same_code_after_edits_around_it(edited: str) -> None:
    assert Saved(PAIR).go_on(edited) == [2, -2]


def test_a_saved_lambda_whose_text_was_edited_is_refused_and_never_another() -> None:
    with pytest.raises(CodecError, match=r"has no local function '<lambda [0-9a-f]{8}>'"):
        Saved(PAIR).go_on(PAIR.replace("lambda: -x", "lambda: x - 1"))


def test_a_local_function_goes_by_its_name_whatever_its_body_is_now() -> None:
    body = "x = 1\ndef f():\n    return x\nawait op('a')\nreturn f()"
    assert Saved(body).go_on(body.replace("return x", "return x + 100")) == 101


def test_functions_of_one_name_go_by_their_text() -> None:
    body = "if p:\n    def f():\n        return 'one'\nelse:\n    def f():\n        return 'two'\nawait op('a')\nreturn f()"
    assert Saved(body).go_on(body.replace("'two'", "'three'")) == "one"
    with pytest.raises(CodecError, match="has no local function 'f "):
        Saved(body).go_on(body.replace("'one'", "'three'"))


def test_lambdas_that_are_written_alike_may_stand_for_each_other() -> None:
    body = "fs = [lambda: p, lambda: p]\nawait op('a')\nreturn [f() for f in fs]"
    saved = Saved(body)
    assert " #2" in saved.text
    assert saved.go_on("f = lambda: p\nawait op('a')\nreturn [g() for g in fs]\nfs = []") == [1, 1]


def test_a_lambda_with_an_awaited_default_is_not_named_by_a_temporary() -> None:
    before = "f = lambda n=await op('n'): n\nreturn f"
    after = "g = [1, await op('m'), 2, await op('k')]\nf = lambda n=await op('n'): n\nreturn f"
    names = [
        line.split(":")[0]
        for b in (before, after)
        for line in compile_source(program(b)).text.split("\n")
        if "<lambda" in line
    ]
    assert len(names) == 2 and names[0] == names[1]


def test_only_variables_that_a_function_refers_to_are_saved_with_a_frame_that_has_ended() -> None:
    source = (
        "from runtime_client import Process, durable\nfrom scripted import op\n\n"
        "@durable\nasync def make():\n    kept, dropped = [1], object()\n    used = sorted([1], key=lambda n: dropped is n)\n"
        "    return lambda: kept\n\nclass Program(Process):\n    async def main(self):\n        f = await make()\n        await op('a')\n"
        "        return f()\n"
    )
    run = run_saved(compile_source(source).text, [1])
    assert run.ended == ("return", "[1]")


def test_what_is_refused_in_a_closure_is_named_with_its_function_and_line() -> None:
    with pytest.raises(CodecError) as refused:
        Saved("def outer():\n    bad = object()\n    return lambda: bad\nf = outer()\nawait op('a')\nreturn f()")
    assert refused.value.variable == "bad"
    assert refused.value.function.startswith("Program.main.outer.<lambda ")
    assert refused.value.place == "program.py:9"
    with pytest.raises(CodecError) as refused:
        Saved("bad = object()\nfs = [lambda: bad]\nawait op('a')\nreturn fs")
    assert (refused.value.variable, refused.value.function) == ("bad", "Program.main")


def nodes(value: Any, tag: str) -> list[dict[str, Any]]:
    found = [value] if isinstance(value, dict) and value.get("$") == tag else []
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found + [n for v in inside for n in nodes(v, tag)]


def _rename(name: str) -> Callable[[Any], None]:
    return lambda document: nodes(document, "local")[0].update(name=name)


def _set(tag: str, **values: Any) -> Callable[[Any], None]:
    return lambda document: nodes(document, tag)[0].update(values)


@pytest.mark.parametrize(
    "spoil",
    [
        _rename("Main_Start"),
        _rename("nobody"),
        _rename("outer.nobody"),
        _rename("__init__"),
        _rename(["outer"]),
        _set("local", function="os:system"),
        _set("local", function="builtins:eval"),
        _set("local", function="compiled_program:Program.nobody"),
        _set("local", cells={}),
        _set("local", cells={"n": [1, 2], "more": [3, 4]}),
        _set("local", cells={"n": ["one", 2]}),
        _set("local", cells={"n": []}),
        _set("local", frame={"$": "process"}),
        _set("local", frame=None),
        _set(
            "local",
            frame={
                "$": "frame",
                "function": "compiled_program:Program.other",
                "state": "Other_Start",
                "at": "",
                "slots": {},
            },
        ),
        _set("local", defaults=[1, 2, 3, 4]),
        _set("local", kwdefaults={"nobody": 1}),
        _set("local", shown=[1, 2, 3]),
    ],
)
def test_a_document_can_make_no_function_but_those_of_the_definitions(spoil: Callable[[Any], None]) -> None:
    body = "def outer(n):\n    return lambda a, *, k=1: (n, a, k, p)\nf = outer(3)\nawait op('a')\nreturn f(1)"
    saved = Saved(body)
    assert saved.go_on(body) == (3, 1, 1, 1)
    document = json.loads(saved.text)
    spoil(document)
    process, codec = saved.version(
        saved.source + "    async def other(self):\n        f = lambda: self\n        await op('o')\n        return f\n"
    )
    with pytest.raises(CodecError):
        codec.decode(json.dumps(document), process=process)


def test_a_local_async_function_cannot_be_given_another_frame_around_it() -> None:
    body = "async def inner():\n    return p, await op('i')\nreturn await inner()"
    saved = Saved(body)
    for outer in (None, {"$": "process"}, 5):
        document = json.loads(saved.text)
        nodes(document, "frame")[1]["outer"] = outer
        process, codec = saved.version(saved.source)
        with pytest.raises(CodecError):
            codec.decode(json.dumps(document), process=process)
        del nodes(document, "frame")[1]["outer"]
        with pytest.raises(CodecError):
            codec.decode(json.dumps(document), process=process)


# --- loaded from a build, in other OS processes ------------------------------------------------------------------------

SHOP = '''"""Every lambda here lies beside others, some of them without a name or a literal to be found by."""
from runtime_client import Process, sleep


class Shop(Process):
    async def main(self):
        n = 1
        leaves = {"a": lambda: [], "b": lambda: n, "c": lambda: {}, "d": lambda: (), "e": lambda: [n]}
        nested = [lambda x=(lambda: n): x(), lambda: -n, (lambda a: lambda: (a, n))(1)]

        def bump(by):
            nonlocal n
            n += by
            return n

        async def later(by):
            await sleep(1)
            return bump(by), {n}

        shared = [bump, lambda: n, later]
        await sleep(1)
        shared[0](10)
        await sleep(1)
        found = await shared[2](100)
        return [f() for f in leaves.values()], [f() for f in nested], shared[1](), found, bump is shared[0], bump.__qualname__
'''

STEP = """
import sys
from pathlib import Path
sys.path.insert(0, "build")
import slct_definitions, shop
from runtime_client._codec import Codec
from runtime_client._frame import FrameStatus, Outcome
from runtime_client._resolver import Resolver
from runtime_client._trampoline import Stack, run_to_suspension
codec, process, document = Codec(Resolver(modules=("shop",))), object.__new__(shop.Shop), Path("document.json")
if document.exists():
    stack, outcome = Stack(codec.decode(document.read_text(), process=process)), Outcome(None)
else:
    stack, outcome = Stack([process.main()]), None
    stack.frames[0].frame_status = FrameStatus.STARTED
ended = run_to_suspension(stack, outcome)
if isinstance(ended, Outcome):
    print("ended", ended.unwrap())
else:
    document.write_text(codec.encode(stack.frames, process=process, active=stack.frames))
"""


def run_steps(path: Path, *options: str) -> list[str]:
    """Each suspension in an interpreter of its own, with hash seeds of its own."""
    (path / "src").mkdir()
    (path / "src" / "shop.py").write_text(SHOP, encoding="utf-8")
    assert slct_compile([str(path / "src"), "-o", str(path / "build"), "--no-lock", "--quiet"]) == 0
    said: list[str] = []
    for seed in range(8):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        done = subprocess.run(
            [sys.executable, *options, "-c", STEP],
            cwd=path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said += [done.stdout.strip(), *done.stderr.strip().split("\n")[-2:]]
        if done.stdout or done.returncode:
            break
    return said


def test_closures_go_on_in_other_interpreters_at_their_authors_positions(tmp_path: Path) -> None:
    said = run_steps(tmp_path)
    assert [line for line in said if line] == [
        "ended ([[], 111, {}, (), [111]], [111, -111, (1, 111)], 111, (111, {111}), True, 'Shop.main.<locals>.bump')"
    ]


def test_lambdas_that_cannot_be_told_apart_are_refused_and_never_mixed_up(tmp_path: Path) -> None:
    said = "\n".join(run_steps(tmp_path, "-X", "no_debug_ranges"))
    assert "cannot be told from that of others" in said
    assert "only one lambda on a line can be saved" in said


def test_unbound_variables_are_reported_in_pythons_words() -> None:
    compare(program("await op('a')\nif False:\n    x = 1\nreturn x"), [1])
    run = compare(program("await op('a')\nf = lambda: x\nif False:\n    x = 1\nreturn f()"), [1])
    text = "cannot access free variable 'x' where it is not associated with a value in enclosing scope"
    assert run.ended == ("raise", ("NameError", text, None, None, False))
