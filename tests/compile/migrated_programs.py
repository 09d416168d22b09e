"""The same experiment as `moved_programs.py`, with what authors write for processes that run: `@migrate`, and `moved_from=` for renames.

    python tests/compile/migrated_programs.py --count 1000

Each seed is a process with two durable functions, one called by the other, a dataclass that is kept across every await, and a shared field. Its
edits change awaits and their order, and the names of variables, functions, classes, modules, fields of dataclasses and shared fields; they add
fields with defaults. For names there is a line with `moved_from`; for each state that `diff` then calls lost, a migration to some
state that waits, which gives all that is read there. What the compiler keeps of its own (the cursor of a loop) no author can give: such a
state is left as it is.

Whatever `diff` calls movable then must be read, migrated and run to its end.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import compile_harness as harness
from compile_harness import Script
from edited_programs import HEAD, Author, Program, apply
from moved_programs import DOCUMENTS_PER_STATE, EFFECT, TICKS, TURNS_MAX, Parked

from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._frame import Frame, FrameStatus, Outcome
from runtime_client._migrations import MigrationFailed, carry_out, migrations_of
from runtime_client._process import add_new_fields, missing_fields
from runtime_client._resolver import Resolver
from runtime_client._trampoline import Stack, run_to_suspension
from slct_compile import _lock_file, _pipeline
from slct_compile._index import Index, read_module
from slct_compile._lock import Lock
from slct_compile._manifest import find_process_definitions, manifest
from slct_manifest import Verdict, compare
from slct_manifest.migrations import between, is_called
from slct_manifest.model import worst
from slct_manifest.renames import translate_functions, translate_migrations
from slct_manifest.schema import Manifest, manifest_data, read_manifest

_HEAD = """from dataclasses import dataclass, field

from runtime_client import Process, call, migrate
from scripted import op, trace


@dataclass
class {box}:
    {size}
{more}

class {process}(Process, name="program"):
    {total}: int = 0

    async def main(self, a, b):
        done = await self.{inner}(a, b){label}
        trace(done)
        return done

    async def {inner}(self, a, b):
        box = {box}(a)
"""
_TAIL = """        trace(box.{size})
        trace(self.{total})
{read}        return a
"""


@dataclass(frozen=True, slots=True)
class Names:
    """What things are called. `has_more`: the dataclass has another field; `is_labelled`: the await in `main` has a label."""

    module: str = "shop"
    process: str = "Program"
    inner: str = "packing"
    box: str = "Box"
    size: str = "size"
    total: str = "total"
    has_more: bool = False
    is_labelled: bool = False

    @property
    def functions(self) -> tuple[str, str]:
        return f"{self.process}.main", f"{self.process}.{self.inner}"


OTHERS = {
    "module": "store",
    "process": "Purchase",
    "inner": "boxing",
    "box": "Parcel",
    "size": "width",
    "total": "paid",
}


@dataclass(frozen=True, slots=True)
class Built:
    text: str
    manifest: Manifest
    lock: Lock


@dataclass(slots=True)
class Counts:
    """`verdicts`: (verdict, whether it ran) to how many documents. `ways`: what those needed that are movable."""

    programs: int = 0
    migrations: int = 0
    verdicts: Counter[tuple[Verdict, bool]] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        of = self.verdicts
        movable, careful = of[Verdict.MOVABLE, True], of[Verdict.MIGRATION, True] + of[Verdict.STUCK, True]
        stuck = of[Verdict.MIGRATION, False] + of[Verdict.STUCK, False]
        ways = ", ".join(f"{count} {way}" for way, count in sorted(self.ways.items()))
        return (
            f"{self.programs} programs with {self.migrations} migrations, {sum(of.values()) + len(self.wrong)} parked processes: "
            f"{movable + len(self.wrong)} called movable ({ways}), {len(self.wrong)} of them wrongly; "
            f"{careful + stuck} not, of which {careful} found all that they read"
        )


# --- programs ---------------------------------------------------------------------------------------------------------


def source(program: Program, names: Names, before: Names | None = None, migrations: str = "") -> str:
    """The module; `before`: what things were called, where they are to be found under their new names."""
    lines = [text for text, _ in program.lines({})][len(HEAD.rstrip("\n").split("\n")) : -1]
    body = "".join(f"{line}\n" for line in lines).replace("while ", "while ticks() and ").replace(" + 1", " and 1")
    body = body.replace("call(op, ", "call(charge, ")
    size = f"{names.size}: object"
    if before is not None and before.size != names.size:
        size += f' = field(metadata={{"moved_from": "{before.size}"}})'
    renames = "" if before is None else "".join(_renames(names, before))
    head = _HEAD.format(
        box=names.box,
        size=size,
        more="    more: list[int] = field(default_factory=list)\n" if names.has_more else "",
        process=names.process,
        total=names.total,
        inner=names.inner,
        label="  # slct: state=Inner" if names.is_labelled else "",
    )
    read = "        trace(box.more)\n" if names.has_more else ""
    returned = f"        return {program.names['a']}\n"
    tail = _TAIL.format(size=names.size, total=names.total, read=read).replace("        return a\n", returned)
    return _with_parameters(head, program) + body + tail + TICKS + EFFECT + renames + migrations


def _with_parameters(head: str, program: Program) -> str:
    """Variables of the inner function are called as in the program; those of `main` stay."""
    start = head.rindex("    async def ")
    a, b = program.names["a"], program.names["b"]
    return head[:start] + head[start:].replace("(self, a, b)", f"(self, {a}, {b})").replace("(a)", f"({a})")


def _renames(names: Names, before: Names) -> Iterator[str]:
    inside = f"{before.module}:"
    if names.module != before.module:
        yield f'\n\nmigrate("{names.module}:", moved_from="{before.module}:")\n'
    if names.process != before.process:
        yield f'migrate("{names.process}", moved_from="{inside}{before.process}")\n'
    if names.inner != before.inner:
        yield f'migrate("{names.functions[1]}", moved_from="{inside}{before.functions[1]}")\n'
    if names.box != before.box:
        yield f'migrate("{names.box}", moved_from="{inside}{before.box}")\n'


def built(text: str, module: str, lock: Lock) -> Built | None:
    """Compiled; None if the compiler asks which await is which."""
    info = read_module(module, f"{module}.py", text)
    index = Index([info])
    output = _pipeline.compile_module(index, info, lock=lock)
    if output.has_errors:
        return None
    made = manifest(index, {info.path: output}, find_process_definitions(index), [])
    return Built(output.text, read_manifest(made), _lock_file.after(lock, [output], whole=True))


# --- migrations, as an author would write them ------------------------------------------------------------------------


def written_migrations(
    first: Built, second: Built, program: Program, names: Names, before: Names, chance: random.Random
) -> str:
    """One for each state that the new build cannot take over as it stands, if it can be written."""
    comparison = compare(first.manifest, second.manifest)
    texts = []
    if names.total != before.total:
        given = f'{{**{{k: v for k, v in fields.items() if k != "{before.total}"}}, "{names.total}": fields["{before.total}"]}}'
        texts.append(f'\n\n@migrate("{names.process}")\ndef of_fields(fields):\n    return {given}\n')
    later = {name: new for name, new in program.names.items() if name != new}
    for function, state in comparison.states():
        new = second.manifest.functions.get(function.name)
        if state.verdict is Verdict.MOVABLE or new is None:
            continue
        targets = [
            name
            for name, each in new.states.items()
            if each.parks and each.awaits and not set(each.live or ()) & new.temporaries.keys() and not each.handling
        ]
        if state.name in targets and chance.random() < 0.7:
            targets = [state.name]
        if targets and chance.random() < 0.8:  # else it is forgotten, and must be held back
            to = chance.choice(targets)
            slots = {slot: _given(slot, later) for slot in new.states[to].live or ()}
            texts.append(_migration(len(texts), function.name, state.name, to, slots))
    return "".join(texts)


def _given(slot: str, later: dict[str, str]) -> str:
    """What a new variable is made of: the old one of another name, or something."""
    old = next((old for old, new in later.items() if new == slot), slot)
    default = "Kept()" if slot == "box" else "1"
    return f'slots.get("{slot}", slots.get("{old}", {default}))'


def _migration(number: int, function: str, state: str, to: str, slots: dict[str, str]) -> str:
    given = ", ".join(f'"{slot}": {text}' for slot, text in slots.items())
    target = "" if to == state else f', to="{to}"'
    return (
        f'\n\n@migrate("{function.partition(":")[2]}", state="{state}"{target})\n'
        f"def migration_{number}(slots):\n    return {{{given}}}\n"
    )


# --- processes --------------------------------------------------------------------------------------------------------


def namespace_of(text: str, names: Names) -> dict[str, Any]:
    for module in (Names.module, OTHERS["module"]):
        sys.modules.pop(module, None)  # a module that was renamed is not there under its old name
    return harness.namespace_of(text, names.module)


@dataclass(frozen=True, slots=True)
class Waiting(Parked):
    """`places`: function and state of each frame, outermost first."""

    places: tuple[tuple[str, str], ...] = ()


def parked(text: str, names: Names, script: Script) -> list[Waiting]:
    """Every suspension of one run, some of each state."""
    found: list[Waiting] = []
    seen: Counter[str] = Counter()
    namespace = namespace_of(text, names)
    process = object.__new__(namespace[names.process])
    process.__dict__[names.total] = 7
    frames: list[Frame] = [process.main(1, 2)]
    frames[0].frame_status = FrameStatus.STARTED
    codec, outcome = Codec(Resolver(modules=(names.module,))), None
    for turn in range(TURNS_MAX):
        stack = Stack(frames)
        if isinstance(run_to_suspension(stack, outcome), Outcome):
            break
        frames = stack.frames
        state = frames[-1].frame_state
        seen[state] += 1
        if seen[state] <= DOCUMENTS_PER_STATE:
            document = codec.encode([process.__dict__, frames], process=process, active=frames)
            places = tuple((f"{names.module}:{type(frame).FUNCTION}", frame.frame_state) for frame in frames)
            found.append(Waiting(state, document, turn, places))
        outcome = harness._outcome(script[turn % len(script)])
    return found


def what_is_missing(text: str, names: Names, one: Waiting, script: Script, orders: str, renames: dict[str, str]) -> str:
    """Run on under another program, as a worker does: what it lacks, empty if all is there."""
    namespace = namespace_of(text, names)
    process = object.__new__(namespace[names.process])
    codec = Codec(Resolver(modules=(names.module,), renames=renames))
    try:
        migrated: list[Frame] | None = [] if migrations_of(orders) else None  # as a worker asks
        fields, frames = codec.decode(one.document, process=process, frames=migrated, may_be_older=True)
        process.__dict__.update(fields)
        carry_out(migrations_of(orders), codec.resolver, process, migrated or ())
    except (CodecError, MigrationFailed) as error:
        return f"{type(error).__name__}: {error}"
    add_new_fields(process)
    if missing := missing_fields(process):
        return f"no value of {missing}"
    stack = Stack(frames)
    for turn in range(one.turn, TURNS_MAX):
        found: Any = run_to_suspension(stack, harness._outcome(script[turn % len(script)]))
        if isinstance(found, Outcome):
            return str(found.error) if isinstance(found.error, NameError | AttributeError | TypeError) else ""
    return ""


# --- the experiment ---------------------------------------------------------------------------------------------------


def play(seed: int, counts: Counts) -> None:
    """One program, its edited form, and what its author writes for processes that run."""
    chance = random.Random(f"migrated {seed}")
    author = Author(seed, twins=False)
    before = Names(is_labelled=chance.random() < 0.5)
    first = built(source(author.program, before), before.module, Lock())
    assert first is not None
    for _ in range(chance.randrange(3)):
        edited = apply(author.program, author.edit())
        assert edited is not None
        author.program = edited
    others = {name: word for name, word in OTHERS.items() if chance.random() < 0.35}
    names = replace(before, **others, has_more=chance.random() < 0.4)
    bare = built(source(author.program, names, before), names.module, first.lock)
    if bare is None:
        return
    migrations = written_migrations(first, bare, author.program, names, before, chance).replace(
        "Kept()", f"{names.box}(0)"
    )
    second = built(source(author.program, names, before, migrations), names.module, first.lock)
    assert second is not None
    counts.programs += 1
    counts.migrations += len(second.manifest.migrations)
    _move(seed, first, second, before, names, chance, counts)


def _move(
    seed: int, first: Built, second: Built, before: Names, names: Names, chance: random.Random, counts: Counts
) -> None:
    comparison, renames = compare(first.manifest, second.manifest), dict(second.manifest.renames)
    _, translation = translate_functions(first.manifest.functions, second.manifest.functions, renames)
    ahead = between(translate_migrations(first.manifest.migrations, renames), second.manifest.migrations).ahead
    orders = json.dumps([manifest_data(migration) for migration in ahead])
    script, *afterwards = [[chance.choice([0, 1, 1, 2, 3, ValueError]) for _ in range(7)] for _ in range(4)]
    for one in parked(first.text, before, script):
        places = [(translation.function(f), translation.state(f, s)) for f, s in one.places]
        verdict = worst(comparison.verdict_of("program", *place) for place in places)
        lacks = (what_is_missing(second.text, names, one, each, orders, renames) for each in afterwards)
        missing = next(filter(None, lacks), "")
        if verdict is Verdict.MOVABLE and missing:
            counts.wrong.append(f"seed {seed}, {one.places}: {missing}\n{first.text}\n--- new\n{second.text}")
        else:
            counts.verdicts[verdict, not missing] += 1
        if verdict is Verdict.MOVABLE:
            is_migrated = any(
                m.state is None or any(m.function == f and is_called(s, m.state) for f, s in places) for m in ahead
            )
            counts.ways["by a migration" if is_migrated else "by a rename" if renames else "as they stand"] += 1


def play_all(seeds: range) -> Counts:
    counts = Counts()
    for seed in seeds:
        play(seed, counts)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    options = parser.parse_args()
    counts = play_all(range(options.seed, options.seed + options.count))
    for wrong in counts.wrong:
        print(wrong)
    print(counts)
    return 1 if counts.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
