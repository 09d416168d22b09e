"""Programs as durable Python; and what each ends in, in simulated time: as written, compiled, and compiled with kills.

What may run in several orders does so by pauses: before each operation, one that a seed draws.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from go_programs import (
    NIL,
    Close,
    Length,
    Merge,
    Operation,
    Outcome,
    Program,
    Range,
    Recovered,
    Recv,
    Select,
    Send,
    Spawn,
)

from runtime_client import ChannelClosed, Definitions
from runtime_client.testing import Simulation
from slct_compile.cli import main as slct_compile

HEAD = """\
from runtime_client import Process, ChannelClosed, close, default, go, make_channel, recv, select, send, sleep


class Paused(Process):
    chance: int = 0
    handles: dict = {}

    def is_paused(self):
        self.chance = self.chance * 1103515245 % 2147483648
        return self.chance >> 16 & 1
"""


class OurOutcomes:
    """The programs as `module` in `directory`, as written and compiled. Compiling takes most of the time: it may be left out."""

    def __init__(self, programs: Sequence[Program], directory: Path, module: str, *, is_compiled: bool = True) -> None:
        source, build = directory / f"{module}-src", directory / f"{module}-build"
        source.mkdir()
        (source / f"{module}.py").write_text(python_text(programs), encoding="utf-8")
        self._written = _loaded(source / f"{module}.py")
        self._compiled = _compiled(source, build, module) if is_compiled else None

    def of(self, number: int, pauses: int = 0) -> set[Outcome]:
        """What the program of that number ends in: one outcome, or as written and compiled differ.

        pauses: the seed of pauses and kills; 0 for a run without pauses.
        """
        name = f"P{number}"
        written, compiled = getattr(self._written, name), getattr(self._compiled, name, None)
        ways = [(written, None), (compiled, None), (compiled, pauses)]
        return {asyncio.run(self._run(process, pauses, crash)) for process, crash in ways if process is not None}

    async def _run(self, process: type, pauses: int, crash: int | None) -> Outcome:
        async with Simulation(Definitions([process]), crash=crash) as simulation:
            ref = await simulation.start(process, 2 * pauses * 2654435761 + 1 if pauses else 0)
            match ref.status:
                case "completed":
                    return Outcome("ok", tuple(await ref.result()))
                case "deadlocked":
                    return Outcome("deadlock")
                case "failed" if isinstance(ref.error, ChannelClosed) or "nil channel" in str(ref.error):
                    return Outcome("panic")
                case status:
                    return Outcome(f"{status}: {ref.error!r}")


def _compiled(source: Path, build: Path, module: str) -> ModuleType:
    assert slct_compile([str(source), "--no-lock", "--no-cache", "--quiet", "-o", str(build)]) == 0
    sys.path.insert(0, str(build))
    try:
        importlib.invalidate_caches()
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(build))


def _loaded(file: Path) -> ModuleType:
    """The module as written, beside its compiled twin of the same name."""
    spec = importlib.util.spec_from_file_location(f"{file.stem}_written", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def python_text(programs: Sequence[Program]) -> str:
    """A module with one process per program: `P0`, `P1`, ..."""
    return HEAD + "".join(map(_process, range(len(programs)), programs))


def _process(number: int, program: Program) -> str:
    channels = ", ".join(f"c{n}" for n in range(len(program.capacities)))
    others = range(1, len(program.goroutines))
    lines = ["", "", f"class P{number}(Paused, on_fault='fail'):", "    async def main(self, chance):"]
    lines += ["        self.chance = chance"]
    for channel, capacity in enumerate(program.capacities):
        lines.append(f"        c{channel} = " + ("None" if capacity == NIL else f"make_channel({capacity})"))
    lines += [f"        {_start(program, n)}" for n in others if n not in program.spawned]
    lines += [*_body(program, 0), "        logs = [log]"]
    lines += [f"        logs.append(await self.handles[{n}])" for n in others]
    lines += ["        return [''.join(word + ',' for word in log) for log in logs]"]
    for goroutine in range(1, len(program.goroutines)):
        lines += [
            "",
            f"    async def g{goroutine}(self, {channels}):",
            *_body(program, goroutine),
            "        return log",
        ]
    return "\n".join(lines) + "\n"


def _start(program: Program, goroutine: int) -> str:
    channels = ", ".join(f"c{n}" for n in range(len(program.capacities)))
    return f"self.handles[{goroutine}] = go(self.g{goroutine}({channels}))"


def _body(program: Program, goroutine: int) -> list[str]:
    lines = ["log = []"]
    for operation in program.goroutines[goroutine]:
        lines += ["if self.is_paused():", "    await sleep(0)", *_operation(program, operation)]
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
        case Merge(channels):
            yield f"merged = [{', '.join(f'c{channel}' for channel in channels)}]"
            yield "while any(channel is not None for channel in merged):"
            yield f"    match await select({', '.join(f'recv(merged[{n}])' for n in range(len(channels)))}):"
            yield from ("        case (case, None):", "            merged[case] = None")
            yield from ("            log.append(f'{case}mx')", "        case (case, value):")
            yield from ("            log.append(f'{case}m{value}')", "log.append('mx')")
        case Length(channel) if program.capacities[channel] == NIL:
            yield "log.append('l0of0')"
        case Length(channel):
            yield f"log.append(f'l{{len(c{channel})}}of{{c{channel}.capacity}}')"
        case Spawn(goroutine):
            yield from (_start(program, goroutine), "log.append('g')")
        case Recovered(inner):
            yield from ("try:", *(f"    {line}" for line in _operation(program, inner)))
            yield from ("except (ChannelClosed, TypeError):", "    log.append('p')")


def _select(cases: Sequence[Send | Recv], has_default: bool) -> Iterator[str]:
    texts = [f"send(c{c.channel}, {c.value})" if isinstance(c, Send) else f"recv(c{c.channel})" for c in cases]
    texts += ["default()"] if has_default else []
    sends = [number for number, case in enumerate(cases) if isinstance(case, Send)]
    yield from (f"match await select({', '.join(texts)}):", f"    case ({len(cases)}, _):", "        log.append('d')")
    if sends:
        yield from (f"    case ({' | '.join(map(str, sends))} as case, _):", "        log.append(f'{case}s')")
    yield from ("    case (case, value):", "        log.append(f\"{case}r{'x' if value is None else value}\")")
