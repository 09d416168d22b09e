"""Programs as durable Python, compiled; and what each ends in, in simulated time."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from go_programs import NIL, Close, Operation, Outcome, Program, Range, Recv, Select, Send

from runtime_client import ChannelClosed, Definitions
from runtime_client.testing import Simulation
from slct_compile.cli import main as slct_compile

WORDS = "Process, ChannelClosed, close, default, go, make_channel, recv, select, send"


class OurOutcomes:
    """The programs compiled, as `module` in `directory`."""

    def __init__(self, programs: Sequence[Program], directory: Path, module: str) -> None:
        source, build = directory / f"{module}-src", directory / f"{module}-build"
        source.mkdir()
        (source / f"{module}.py").write_text(python_text(programs), encoding="utf-8")
        assert slct_compile([str(source), "--no-lock", "--no-cache", "--quiet", "-o", str(build)]) == 0
        sys.path.insert(0, str(build))
        try:
            importlib.invalidate_caches()
            self._module = importlib.import_module(module)
        finally:
            sys.path.remove(str(build))

    def of(self, number: int, crash: int | None = None) -> Outcome:
        """What the program of that number ends in, with kills drawn by `crash`."""
        return asyncio.run(self._run(getattr(self._module, f"P{number}"), crash))

    async def _run(self, process: type, crash: int | None) -> Outcome:
        async with Simulation(Definitions([process]), crash=crash) as simulation:
            ref = await simulation.start(process)
            match ref.status:
                case "completed":
                    return Outcome("ok", tuple(await ref.result()))
                case "deadlocked":
                    return Outcome("deadlock")
                case "failed" if isinstance(ref.error, ChannelClosed) or "nil channel" in str(ref.error):
                    return Outcome("panic")
                case status:
                    return Outcome(f"{status}: {ref.error!r}")


def python_text(programs: Sequence[Program]) -> str:
    """A module with one process per program: `P0`, `P1`, ..."""
    return f"from runtime_client import {WORDS}\n" + "".join(map(_process, range(len(programs)), programs))


def _process(number: int, program: Program) -> str:
    channels = ", ".join(f"c{n}" for n in range(len(program.capacities)))
    starts = ", ".join(f"go(self.g{n}({channels}))" for n in range(1, len(program.goroutines)))
    lines = ["", "", f"class P{number}(Process, on_fault='fail'):", "    async def main(self):"]
    for channel, capacity in enumerate(program.capacities):
        lines.append(f"        c{channel} = " + ("None" if capacity == NIL else f"make_channel({capacity})"))
    lines += [f"        others = [{starts}]", *_body(program, 0)]
    lines += ["        logs = [log]", "        for other in others:", "            logs.append(await other)"]
    lines += ["        return [''.join(word + ',' for word in log) for log in logs]"]
    for goroutine in range(1, len(program.goroutines)):
        lines += [
            "",
            f"    async def g{goroutine}(self, {channels}):",
            *_body(program, goroutine),
            "        return log",
        ]
    return "\n".join(lines) + "\n"


def _body(program: Program, goroutine: int) -> list[str]:
    lines = ["log = []"]
    for operation in program.goroutines[goroutine]:
        lines += _operation(program, operation)
    return [f"        {line}" for line in lines]


def _operation(program: Program, operation: Operation) -> Iterator[str]:
    match operation:
        case Send(channel, value):
            yield from (f"await send(c{channel}, {value})", "log.append('s')")
        case Recv(channel):
            yield from ("try:", f"    log.append(f'r{{await recv(c{channel})}}')")
            yield from ("except ChannelClosed:", "    log.append('rx')")
        case Close(channel):
            yield from (f"close(c{channel})", "log.append('c')")
        case Range(channel, _) if program.capacities[channel] == NIL:
            yield "await recv(None)"
        case Range(channel, limit):
            yield from ("turns = 0", f"async for value in c{channel}:", "    log.append(f'i{value}')", "    turns += 1")
            yield from (f"    if turns == {limit}:", "        break", "else:", "    log.append('ix')")
        case Select(cases, has_default):
            yield from _select(cases, has_default)


def _select(cases: Sequence[Send | Recv], has_default: bool) -> Iterator[str]:
    texts = [f"send(c{c.channel}, {c.value})" if isinstance(c, Send) else f"recv(c{c.channel})" for c in cases]
    texts += ["default()"] if has_default else []
    sends = [number for number, case in enumerate(cases) if isinstance(case, Send)]
    yield from (f"match await select({', '.join(texts)}):", f"    case ({len(cases)}, _):", "        log.append('d')")
    if sends:
        yield from (f"    case ({' | '.join(map(str, sends))} as case, _):", "        log.append(f'{case}s')")
    yield from ("    case (case, value):", "        log.append(f\"{case}r{'x' if value is None else value}\")")
