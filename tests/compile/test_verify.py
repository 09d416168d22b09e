"""`slct-compile verify`: planted deadlocks are found with the way to them, clean programs are left alone, and Go's rules agree."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from slct_compile.cli import main
from slct_compile.verification.command import BOUNDS, Said, verified
from slct_compile.verification.exploring import Bounds

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "go"))

from go_model import outcomes  # noqa: E402 - after the path is set
from go_programs import NIL, Close, Program, Recv, Select, Send  # noqa: E402 - after the path is set

HEAD = """\
from dataclasses import dataclass
from runtime_client import (
    Channel, ChannelClosed, Process, TaskGroup, after, call, close, default, gather, go, make_channel, recv, select, send,
    sleep, timeout
)


@dataclass
class Pair:
    left: object
    right: object
"""


def said_of(tmp_path: Path, body: str, bounds: Bounds = BOUNDS) -> Said:
    """Of a process with these members."""
    text = HEAD + "\n\nclass P(Process):\n" + "".join(f"    {line}\n" for line in dedent(body).strip().split("\n"))
    (tmp_path / "app.py").write_text(text, encoding="utf-8")
    (said,) = verified(tmp_path, bounds=bounds)
    return said


def line_of(tmp_path: Path, words: str) -> str:
    lines = (tmp_path / "app.py").read_text(encoding="utf-8").split("\n")
    (number,) = [n for n, line in enumerate(lines, 1) if words in line]
    return f"app.py:{number}: {words}"


DEADLOCKS = {
    "each waits for the other": """
        left = Channel[int]()
        right = Channel[int]()
        async def main(self):
            h = go(self.other())
            await send(self.left, 1)  # here
            await recv(self.right)
            await h
        async def other(self):
            await send(self.right, 1)
            await recv(self.left)
    """,
    "locks in two orders": """
        async def main(self):
            a = make_channel(1)
            b = make_channel(1)
            x = go(self.both(a, b))
            y = go(self.both(b, a))
            await x  # here
            await y
        async def both(self, first, second):
            await send(first, 1)
            await send(second, 1)
            await recv(second)
            await recv(first)
    """,
    "a loop over a channel that nobody closes": """
        async def main(self):
            values = make_channel()
            go(self.produce(values))
            async for value in values:  # here
                print(value)
        async def produce(self, values):
            for number in range(3):
                await send(values, number)
    """,
    "one worker too many, in a list": """
        async def main(self):
            values = make_channel()
            handles = [go(self.work(values)) for _ in range(3)]
            for _ in range(2):
                await recv(values)
            for handle in handles:
                await handle  # here
        async def work(self, values):
            await send(values, 1)
    """,
    "handles that are collected one by one": """
        async def main(self):
            ready, done = make_channel(), make_channel()
            handles = []
            for _ in range(2):
                handles.append(go(self.work(ready, done)))
            for handle in handles:
                await handle  # here
        async def work(self, ready, done):
            await send(ready, 1)
            await recv(done)
    """,
    "a channel per worker, one forgotten": """
        async def main(self):
            channels = [make_channel() for _ in range(3)]
            for channel in channels:
                go(self.work(channel))
            await recv(channels[0])
            await recv(channels[2])
            await recv(channels[0])  # here
        async def work(self, channel):
            await send(channel, 1)
    """,
    "a gather of two who wait for a third": """
        async def main(self):
            left, right = make_channel(), make_channel()
            await gather(self.work(left, right), self.work(right, left))  # here
        async def work(self, mine, theirs):
            await recv(mine)
            await send(theirs, 1)
    """,
    "an operation in a gather": """
        async def main(self):
            values = make_channel()
            await gather(send(values, 1), sleep(1))  # here
    """,
    "a TaskGroup whose child waits for its body": """
        async def main(self):
            values = make_channel()
            async with TaskGroup() as group:  # here
                group.go(self.work(values))
                await sleep(1)
            await send(values, 1)
        async def work(self, values):
            await recv(values)
    """,
    "a TaskGroup handed to its children": """
        async def main(self):
            values = make_channel()
            async with TaskGroup() as group:  # here
                group.go(self.spawn(group, values))
        async def spawn(self, group, values):
            group.go(self.work(values))
            group.go(self.work(values))
            await recv(values)
        async def work(self, values):
            await send(values, 1)
    """,
    "a channel that is None": """
        async def main(self):
            results = None
            await recv(results)  # here
    """,
    "channels in a dataclass": """
        async def main(self):
            pair = Pair(make_channel(), right=make_channel())
            worker = go(self.work(pair))
            await recv(pair.left)
            await recv(pair.left)  # here
            await worker
        async def work(self, pair):
            await send(pair.left, 1)
            await send(pair.right, 1)
    """,
    "a count that is handed on": """
        async def main(self):
            values = make_channel()
            go(self.produce(values, 3 - 1))
            for _ in range(3):
                await recv(values)  # here
        async def produce(self, values, n):
            for number in range(n):
                await send(values, number)
    """,
    "a result for which nobody waits any more": """
        async def main(self):
            results = make_channel()
            worker = go(self.work(results))
            match await select(result=recv(results), late=after(3)):
                case ("result", value):
                    return value
                case ("late", _):
                    await worker  # here
        async def work(self, results):
            await sleep(3)
            await send(results, 1)
    """,
    "one message too few, through a call": """
        async def main(self):
            values = make_channel(2)
            for number in range(2):
                await values.send(number)
            await self.sum_of(values)
        async def sum_of(self, values):
            total = 0
            for _ in range(3):
                total += await values.recv()  # here
            return total
    """,
    "while another goroutine ticks": """
        async def main(self):
            go(self.tick())
            await recv(make_channel())  # here
        async def tick(self):
            while True:
                await sleep(1)
    """,
    "the same whatever the data": """
        async def main(self, n: int):
            values = make_channel()
            if n > 3:
                await sleep(1)
            await send(values, n)  # here
    """,
}


@pytest.mark.parametrize("name", DEADLOCKS)
def test_a_deadlock_is_found_with_the_way_to_it(name: str, tmp_path: Path) -> None:
    said = said_of(tmp_path, DEADLOCKS[name])
    assert said.is_finding, said.lines
    assert said.verdict is not None and said.verdict.deadlock is not None
    (number,) = [n for n, x in enumerate((tmp_path / "app.py").read_text().split("\n"), 1) if x.endswith("# here")]
    told = "\n".join(said.lines)
    assert "deadlock: main can come to wait for ever" in told
    assert f"P.main waits at app.py:{number}: " in told


def test_the_way_to_a_deadlock_is_told_step_by_step(tmp_path: Path) -> None:
    said = said_of(tmp_path, DEADLOCKS["a result for which nobody waits any more"])
    select = line_of(tmp_path, "match await select(result=recv(results), late=after(3)):")
    sleep = line_of(tmp_path, "await sleep(3)")
    send = line_of(tmp_path, "await send(results, 1)")
    wanted = [f"P.main from {select}  [late]", f"P.work from {sleep}", f"P.work waits at {send}"]
    assert all(any(words in line for line in said.lines) for words in wanted), said.lines


CLEAN = {
    "locks in one order": """
        async def main(self):
            a = make_channel(1)
            b = make_channel(1)
            x = go(self.both(a, b))
            y = go(self.both(a, b))
            await x
            await y
        async def both(self, first, second):
            await send(first, 1)
            await send(second, 1)
            await recv(second)
            await recv(first)
    """,
    "a loop over a channel that is closed": """
        async def main(self):
            values = make_channel()
            go(self.produce(values))
            async for value in values:
                print(value)
        async def produce(self, values):
            for number in range(3):
                await send(values, number)
            close(values)
    """,
    "what clients may send": """
        orders = Channel[int]()
        async def main(self):
            while await recv(self.orders):
                pass
    """,
    "as many as data says, on both sides": """
        async def main(self, n: int):
            values = make_channel()
            h = go(self.produce(values, n))
            for _ in range(n):
                await recv(values)
            await h
        async def produce(self, values, n):
            for number in range(n):
                await send(values, number)
    """,
    "a deadlock only for some data, which is not told": """
        async def main(self, n: int):
            if n == 3:
                await recv(make_channel(1) if n else make_channel())
    """,
    "a wait under a timeout": """
        async def main(self):
            values = make_channel()
            try:
                async with timeout(5):
                    await recv(values)
            except TimeoutError:
                pass
    """,
    "a channel in other hands": """
        async def main(self):
            values = make_channel()
            self.kept = values
            await recv(values)
    """,
    "a name that may be any channel": """
        orders = Channel[int]()
        async def main(self, name: str):
            h = go(self.take(name))
            await send(self.orders, 1)
        async def take(self, name):
            await recv(name)
    """,
    "a server that never ends, waited for": """
        orders = Channel[int]()
        async def main(self):
            await go(self.serve())
        async def serve(self):
            while True:
                await recv(self.orders)
    """,
    "to wait for ever, on purpose": """
        async def main(self):
            go(self.tick())
            await select()
        async def tick(self):
            while True:
                await sleep(1)
    """,
    "workers in a list": """
        async def main(self):
            values = make_channel()
            handles = [go(self.work(values)) for _ in range(3)]
            for _ in handles:
                await recv(values)
            for handle in reversed(handles):
                await handle
        async def work(self, values):
            await send(values, 1)
    """,
    "a gather whose parts meet": """
        async def main(self):
            left, right = make_channel(), make_channel()
            await gather(self.work(left, right), send(left, 1), recv(right))
        async def work(self, mine, theirs):
            await recv(mine)
            await send(theirs, 1)
    """,
    "a TaskGroup": """
        async def main(self):
            values = make_channel()
            async with TaskGroup() as group:
                for _ in range(2):
                    group.go(self.work(values))
                await send(values, 1)
                await send(values, 1)
        async def work(self, values):
            await recv(values)
    """,
    "a TaskGroup under a timeout": """
        async def main(self):
            values = make_channel()
            try:
                async with timeout(5), TaskGroup() as group:
                    group.go(self.work(values))
                    group.go(self.work(values))
                    await send(values, 1)
            except TimeoutError:
                return
        async def work(self, values):
            await recv(values)
    """,
    "a goroutine that is cancelled": """
        async def main(self):
            values = make_channel()
            handle = go(self.work(values))
            handle.cancel()
            try:
                await handle
            finally:
                return
        async def work(self, values):
            await recv(values)
    """,
    "channels made again and again": """
        orders = Channel[int]()
        async def main(self):
            while await recv(self.orders):
                values = make_channel()
                worker = go(self.work(values))
                await send(values, 1)
                await worker
        async def work(self, values):
            await recv(values)
    """,
    "as many goroutines as data says": """
        async def main(self, n: int):
            values = make_channel()
            await gather(*(self.work(values) for _ in range(n)), recv(values))
        async def work(self, values):
            await send(values, 1)
    """,
    "a channel that is closed twice, which fails": """
        async def main(self):
            values = make_channel()
            close(values)
            close(values)
            await recv(make_channel())
    """,
    "a flag that a `finally` sets": """
        async def main(self):
            values = make_channel()
            go(self.work(values))
            waits = True
            try:
                prepare()
            except BaseException:
                pass
            finally:
                waits = prepared()
            if waits:
                await recv(values)
        async def work(self, values):
            await select(send(values, 1), after(1))
    """,
    "a list that somebody else may change": """
        async def main(self):
            channels = [make_channel()]
            change(channels)
            await recv(channels[0])
    """,
    "an error that a try takes": """
        async def main(self):
            values = make_channel()
            close(values)
            try:
                await recv(values)
            except ChannelClosed:
                return
    """,
    "a select with a default": """
        async def main(self):
            values = make_channel()
            picked = await select(recv(values), default())
            if picked.case == 0:
                await recv(values)
    """,
}


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_program_is_left_alone(name: str, tmp_path: Path) -> None:
    said = said_of(tmp_path, CLEAN[name])
    assert said.verdict is not None, said.lines
    assert not said.is_finding, said.lines


def test_a_wait_that_no_message_can_end_is_found_beside_a_main_that_ends(tmp_path: Path) -> None:
    said = said_of(
        tmp_path,
        """
        orders = Channel[int]()
        async def main(self):
            go(self.watch(make_channel()))
            await recv(self.orders)
        async def watch(self, stop):
            await recv(stop)
    """.replace("go(self.watch(make_channel()))", "stop = make_channel()\n            go(self.watch(stop))"),
    )
    assert f"  no message can ever end this wait: {line_of(tmp_path, 'await recv(stop)')}" in said.lines
    assert said.is_finding


def test_goroutines_that_main_always_drops_are_noted_and_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(ROOT / "examples"), "order"]) == 0
    assert (
        "note: Order.remind (order.py:41) is always dropped when main returns, never ended" in capsys.readouterr().out
    )


NOT_FOLLOWED = {
    "written by hand": "def Main_Start(self, p):\n    pass",
    "more than 12 goroutines": "async def main(self):\n    while True:\n        go(self.work())\n        await sleep(1)\n"
    "async def work(self):\n    await recv(make_channel())",
    "others is changed": "async def main(self):\n    handles = [go(self.work())]\n    others = handles\n"
    "    others.append(go(self.work()))\n    await sleep(1)\nasync def work(self):\n    await sleep(1)",
}


@pytest.mark.parametrize("words", NOT_FOLLOWED)
def test_of_what_cannot_be_followed_nothing_is_said(words: str, tmp_path: Path) -> None:
    said = said_of(tmp_path, NOT_FOLLOWED[words])
    assert said.verdict is None and not said.is_finding
    assert said.lines[0].startswith("p: not verified: app.py:") and words in said.lines[0]


def test_what_is_not_followed_is_told_beside_the_rest(tmp_path: Path) -> None:
    said = said_of(
        tmp_path, "async def main(self):\n    values = make_channel()\n    print(values)\n    await sleep(1)"
    )
    assert said.verdict is not None and not said.is_finding
    assert said.lines[1].startswith("  note: not followed: app.py:15: a channel is handed on")


def test_the_bounds_are_kept_and_told(tmp_path: Path) -> None:
    said = said_of(tmp_path, CLEAN["locks in one order"], bounds=Bounds(states=10))
    assert "there are more than 10 states (--states)" in said.lines[0]
    said = said_of(tmp_path, CLEAN["locks in one order"], bounds=Bounds(seconds=0))
    assert "0 seconds of computing were not enough for more than 0 states (--seconds)" in said.lines[0]


def test_the_command_ends_with_1_and_an_unknown_name_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said_of(tmp_path, DEADLOCKS["locks in two orders"])
    assert main(["verify", str(tmp_path)]) == 1
    assert main(["verify", str(tmp_path), "q"]) == 2
    assert "there is no definition 'q'" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["examples", "bench/programs", "chaos/programs", "simulation/programs"])
def test_no_alarm_over_the_programs_of_this_repository(where: str) -> None:
    assert not [said.lines for said in verified(ROOT / where) if said.is_finding]


def test_the_one_deadlock_among_the_behaviour_programs_is_found() -> None:
    """Rule 7 has a program that deadlocks, and is seen to at run time; no other one does."""
    programs = ROOT / "tests" / "behaviour" / "programs"
    found = [said for said in verified(programs, bounds=Bounds(states=150)) if said.is_finding]
    assert [said.name for said in found] == ["stuck"]


def test_the_documented_deadlock_is_what_the_command_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "verifying.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    (tmp_path / "late.py").write_text(source, encoding="utf-8")
    assert main(["verify", str(tmp_path)]) == 1
    assert capsys.readouterr().out == shown


def random_programs(seeds: Sequence[int]) -> Iterator[Program]:
    """Goroutines that send, receive, close and select on a few channels, with nothing that depends on data."""
    for seed in seeds:
        draw = random.Random(seed)
        channels = draw.randint(1, 2)

        def case(draw: random.Random = draw, channels: int = channels) -> Send | Recv:
            channel = draw.randrange(channels)
            return Send(channel, draw.randrange(10)) if draw.random() < 0.5 else Recv(channel)

        def operation(draw: random.Random = draw, case: object = case) -> Send | Recv | Select:
            assert callable(case)
            return case() if draw.random() < 0.75 else Select((case(), case()), draw.random() < 0.2)

        bodies = [[operation() for _ in range(draw.randint(1, 3))] for _ in range(draw.randint(2, 3))]
        if seed % 4 == 1:
            bodies = list(_balanced(draw, channels))
        capacities = tuple(draw.choice((0, 0, 1)) for _ in range(channels))
        if seed % 3 == 2:
            capacities = (*capacities, NIL)
            draw.choice(bodies).insert(0, Select((Recv(channels), case()), has_default=False))
        if seed % 5 == 4:
            draw.choice(bodies).append(Close(draw.randrange(channels)))
        yield Program(capacities, tuple(map(tuple, bodies)))


def _balanced(draw: random.Random, channels: int) -> Iterator[list[Send | Recv | Select]]:
    """As many sends as receives, each by somebody else: many of these end."""
    bodies: list[list[Send | Recv | Select]] = [[] for _ in range(draw.randint(2, 3))]
    for value in range(draw.randint(2, 4)):
        sender, receiver = draw.sample(bodies, 2)
        channel = draw.randrange(channels)
        sender.insert(draw.randint(0, len(sender)), Send(channel, value))
        receiver.insert(draw.randint(0, len(receiver)), Recv(channel))
    yield from (body or [Select((), has_default=True)] for body in bodies)


SHAPES = ("variables", "lists", "gather", "TaskGroup", "a tuple")
"""Ways to write the same program."""


def text_of(number: int, program: Program, shape: str) -> str:
    """A process class that starts the goroutines, does the operations of the first, and waits for the others."""
    count = len(program.goroutines)
    names = [f"c{n}" for n in range(len(program.capacities))]
    made = ["None" if capacity == NIL else f"make_channel({capacity})" for capacity in program.capacities]
    given, channels = ", ".join(names), names
    if shape == "lists":
        given, channels = "cs", [f"cs[{n}]" for n in range(len(names))]
    lines = [f"class P{number}(Process):", "    async def main(self):"]
    match shape:
        case "lists":
            lines.append(f"        cs = [{', '.join(made)}]")
        case "a tuple":
            lines.append(f"        {', '.join(names)}, _ = {', '.join(made)}, 0")
        case _:
            lines += [f"        {name} = {one}" for name, one in zip(names, made, strict=True)]
    own = [f"await {_text(o, channels)}" for o in program.goroutines[0]]
    calls = [f"self.g{n}({given})" for n in range(1, count)]
    match shape:
        case "gather":
            lines.append(f"        await gather(self.g0({given}), {', '.join(calls)})")
        case "TaskGroup":
            lines += ["        async with TaskGroup() as group:", *(f"            group.go({call})" for call in calls)]
            lines += [f"            {line}" for line in own]
        case "lists":
            lines += ["        handles = []", *(f"        handles.append(go({call}))" for call in calls)]
            lines += [
                *(f"        {line}" for line in own),
                "        for handle in handles:",
                "            await handle",
            ]
        case _:
            lines += [f"        h{n} = go({call})" for n, call in enumerate(calls)]
            lines += [f"        {line}" for line in (*own, *(f"await h{n}" for n in range(count - 1)))]
    for n, body in enumerate(program.goroutines):
        lines += [f"    async def g{n}(self, {given}):", *(f"        await {_text(o, channels)}" for o in body)]
    text = "\n".join(lines).replace("await close", "close") + "\n\n"
    if not any(isinstance(operation, Close) for body in program.goroutines for operation in body):
        return text
    # Only in a select, a receive from a closed channel does not raise, as in Go.
    return re.sub(r"await (recv\(.*\))$", r"await select(\1)", text, flags=re.MULTILINE)


def _text(operation: object, channels: Sequence[str]) -> str:
    match operation:
        case Send(channel, value):
            return f"send({channels[channel]}, {value})"
        case Recv(channel):
            return f"recv({channels[channel]})"
        case Close(channel):
            return f"close({channels[channel]})"
        case Select(cases, has_default):
            texts = [*(_text(one, channels) for one in cases), *(["default()"] if has_default else [])]
            return f"select({', '.join(texts)})"
        case _:
            raise AssertionError(operation)


@dataclass(frozen=True, slots=True)
class Compared:
    """`allowed`: how Go's rules let it end."""

    said: Said
    allowed: frozenset[str]

    @property
    def is_told(self) -> bool:
        return self.said.verdict is not None and self.said.verdict.deadlock is not None


def compared(tmp_path: Path, seeds: Sequence[int]) -> list[Compared]:
    programs = list(random_programs(seeds))
    texts = [text_of(n, program, SHAPES[n % len(SHAPES)]) for n, program in enumerate(programs)]
    (tmp_path / "app.py").write_text(HEAD + "".join(texts), encoding="utf-8")
    found = {said.name: said for said in verified(tmp_path)}
    return [
        Compared(found[f"p{n}"], frozenset(outcome.status for outcome in outcomes(program)))
        for n, program in enumerate(programs)
    ]


def check_against_the_rules(tmp_path: Path, seeds: Sequence[int]) -> None:
    """None is said to deadlock that Go's rules do not allow to, and each is that always does."""
    found = compared(tmp_path, seeds)
    assert all(one.said.verdict is not None for one in found)
    false_alarms = [one.said.lines for one in found if one.is_told and "deadlock" not in one.allowed]
    missed = [one.said.lines for one in found if not one.is_told and one.allowed == {"deadlock"}]
    assert not false_alarms and not missed
    assert {one.is_told for one in found} == {True, False}


def test_random_programs_deadlock_where_gos_rules_say_so(tmp_path: Path) -> None:
    check_against_the_rules(tmp_path, [*range(100), 231])


@pytest.mark.slow
def test_many_random_programs_deadlock_where_gos_rules_say_so(tmp_path: Path) -> None:
    check_against_the_rules(tmp_path, range(1000, 1400))
