"""The experiment behind `slct-compile diff`: programs are edited, and what was parked under the old ones goes on under the new.

    python tests/compile/moved_programs.py --count 2000

For each seed: a program, run with a script; at each suspension its document is kept. Then one to three edits, compiled with the lock of
the first. Each document is read by the new program and run to its end, with several scripts. What matters is whether the new code finds all that it
needs: its state, and every slot that it reads. Programs bind all variables at their head, so an unbound one is a missing slot.

Where `diff` says "movable" that must never fail. Where it says "needs migration" and all would have been there, it was too careful; some of
that is right all the same, since an experiment sees only what is missing, and not what means something else.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import compile_harness as harness
from compile_harness import Script
from edited_programs import Author, Node, apply

from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._frame import FrameStatus, Outcome
from runtime_client._resolver import Resolver
from runtime_client._trampoline import Stack, run_to_suspension
from slct_compile import _lock_file, _pipeline
from slct_compile._index import Index, read_module
from slct_compile._lock import Lock
from slct_compile._manifest import find_process_definitions, manifest
from slct_manifest import Comparison, Verdict, compare
from slct_manifest.schema import Manifest, read_manifest

MODULE = "compiled_program"
TURNS_MAX = 30
DOCUMENTS_PER_STATE = 3
FUNCTION = f"{MODULE}:Program.main"

TICKS = "\n\nTICKS: list[int] = []\n\n\ndef ticks():\n    TICKS.append(1)\n    return len(TICKS) < 40\n"
"""A loop that never ends would end no test."""

EFFECT = "\n\ndef charge(*arguments):\n    raise AssertionError('a script says what it ends in')\n"
"""What is called must be a function of a module."""


@dataclass(frozen=True, slots=True)
class Built:
    text: str
    manifest: Manifest
    lock: Lock


@dataclass(frozen=True, slots=True)
class Parked:
    """A process at a suspension: its state, its document, and how often it was resumed before."""

    state: str
    document: str
    turn: int


@dataclass(slots=True)
class Counts:
    """`verdicts`: (verdict, whether it ran) to how many documents. `wrong`: what "movable" was wrong about."""

    programs: int = 0
    verdicts: Counter[tuple[Verdict, bool]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        of = self.verdicts
        movable, careful = of[Verdict.MOVABLE, True], of[Verdict.MIGRATION, True] + of[Verdict.STUCK, True]
        stuck = of[Verdict.MIGRATION, False] + of[Verdict.STUCK, False]
        return (
            f"{self.programs} edited programs, {sum(of.values())} parked processes: "
            f"{movable + len(self.wrong)} called movable, {len(self.wrong)} of them wrongly; "
            f"{careful + stuck} not, of which {careful} found all that they read"
        )


def built(source: str, lock: Lock) -> Built | None:
    """Compiled; None if the compiler asks which await is which."""
    source = source.replace("while ", "while ticks() and ").replace(" + 1", " and 1")
    source = source.replace("call(op, ", "call(charge, ") + TICKS + EFFECT
    info = read_module(MODULE, f"{MODULE}.py", source)
    index = Index([info])
    output = _pipeline.compile_module(index, info, lock=lock)
    if output.has_errors:
        return None
    text = manifest(index, {info.path: output}, find_process_definitions(index), [])
    return Built(output.text, read_manifest(text), _lock_file.after(lock, [output], whole=True))


def parked(text: str, script: Script) -> list[Parked]:
    """Every suspension of one run, some of each state."""
    found: list[Parked] = []
    seen: Counter[str] = Counter()
    namespace = harness.namespace_of(text, MODULE)
    process = harness.new_process(namespace)
    frames = [process.main(1, 2)]
    frames[0].frame_status = FrameStatus.STARTED
    codec, outcome = Codec(Resolver(modules=(MODULE,))), None
    for turn in range(TURNS_MAX):
        stack = Stack(frames)
        if isinstance(run_to_suspension(stack, outcome), Outcome):
            break
        frames = stack.frames
        state = frames[-1].frame_state
        seen[state] += 1
        if seen[state] <= DOCUMENTS_PER_STATE:
            found.append(Parked(state, codec.encode([process.__dict__, frames], process=process, active=frames), turn))
        outcome = harness._outcome(script[turn % len(script)])
    return found


def what_is_missing(text: str, one: Parked, script: Script) -> str:
    """Run on under another program: the state or the slot that it lacks, empty if all is there."""
    namespace = harness.namespace_of(text, MODULE)
    process = harness.new_process(namespace)
    try:
        fields, frames = Codec(Resolver(modules=(MODULE,))).decode(one.document, process=process)
    except CodecError as error:
        return str(error)
    process.__dict__.update(fields)
    stack = Stack(frames)
    for turn in range(one.turn, TURNS_MAX):
        found: Any = run_to_suspension(stack, harness._outcome(script[turn % len(script)]))
        if isinstance(found, Outcome):
            return str(found.error) if isinstance(found.error, NameError | AttributeError) else ""
    return ""


def edited(author: Author) -> str:
    """One to three edits; sometimes a variable that is bound early and read late."""
    chance = author.random
    for _ in range(chance.randrange(1, 4)):
        program = apply(author.program, author.edit())
        assert program is not None
        author.program = program
    if chance.random() < 0.3:
        author.program.body.insert(0, Node("c = [a]"))
        author.program.body.append(Node("trace(c)"))
    return author.program.source()


def play(seed: int, counts: Counts) -> None:
    """One program and its edited form."""
    author = Author(seed, twins=False)
    first = built(author.program.source(), Lock())
    assert first is not None
    second = built(edited(author), first.lock)
    if second is None:
        return
    counts.programs += 1
    comparison = compare(first.manifest, second.manifest)
    counts.wrong += [f"seed {seed}: {text}" for text in foreign_words(comparison, first.manifest, second.manifest)]
    chance = random.Random(seed)
    script, *afterwards = [[chance.choice([0, 1, 1, 2, 3, ValueError]) for _ in range(7)] for _ in range(7)]
    for one in parked(first.text, script):
        verdict = comparison.verdict_of("program", FUNCTION, one.state)
        missing = next((m for each in afterwards if (m := what_is_missing(second.text, one, each))), "")
        if verdict is Verdict.MOVABLE and missing:
            counts.wrong.append(f"seed {seed}, {one.state}: {missing}\n{first.text}\n--- new\n{second.text}")
        else:
            counts.verdicts[verdict, not missing] += 1


def foreign_words(comparison: Comparison, *manifests: Manifest) -> list[str]:
    """Reasons that name a variable which no author has written."""
    names = {repr(slot) for m in manifests for function in m.functions.values() for slot in function.temporaries}
    texts = [r.text + r.help for f in comparison.functions for s in f.states for r in s.reasons]
    return [text for text in texts if any(name in text for name in names)]


def play_all(seeds: range) -> Counts:
    counts = Counts()
    for seed in seeds:
        play(seed, counts)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    options = parser.parse_args()
    counts = play_all(range(options.seed, options.seed + options.count))
    for wrong in counts.wrong:
        print(wrong)
    print(counts)
    return 1 if counts.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
