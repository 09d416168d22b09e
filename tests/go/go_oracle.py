"""Random programs three ways: what Go's rules allow, what Go does, and what ours does. `make go-oracle SEED=n COUNT=n`

Ours and Go's outcomes must be among those of the model, for every program. The default suite leaves Go itself out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from go_go import GoOutcomes
from go_model import TooLarge, outcomes
from go_programs import Outcome, Program, random_program
from go_python import OurOutcomes

BATCH = 250


Modelled: TypeAlias = tuple[int, Program, frozenset[Outcome]]
"""A seed, its program, and all that it may end in."""


def modelled(seeds: range) -> Iterator[Modelled]:
    """The programs of these seeds that have not too many states, with what each may end in."""
    for seed in seeds:
        program = random_program(seed)
        try:
            yield seed, program, outcomes(program)
        except TooLarge:
            continue


def differences(wanted: Sequence[Modelled], ours: OurOutcomes, schedules: int = 2) -> Iterator[str]:
    """What of ours ended as Go's rules do not allow, or otherwise compiled than as written."""
    for number, (seed, program, allowed) in enumerate(wanted):
        for pauses in range(schedules):
            found = ours.of(number, pauses)
            if len(found) != 1 or not found <= allowed:
                yield _told(f"ours, schedule {pauses}", seed, program, found, allowed)


def differences_of_go(wanted: Sequence[Modelled], go: GoOutcomes, runs: int, counts: Counter[str]) -> Iterator[str]:
    """What Go does that the model does not allow; `counts` gets how many of the outcomes that it allows were seen."""
    for number, (seed, program, allowed) in enumerate(wanted):
        found = go.of(number, runs)
        counts["outcomes allowed"] += len(allowed)
        counts["outcomes seen in Go"] += len(found)
        if not found <= allowed:
            yield _told("go", seed, program, found, allowed)


def _told(
    who: str, seed: int, program: Program, found: set[Outcome] | frozenset[Outcome], allowed: frozenset[Outcome]
) -> str:
    wrong = ", ".join(map(str, sorted(found - allowed or found)))
    return f"{who}, seed {seed}: {wrong}\n  allowed: {', '.join(map(str, sorted(allowed)))}\n  {program}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2050)
    parser.add_argument("--runs", type=int, default=40, help="of Go, for each program")
    parser.add_argument("--schedules", type=int, default=2, help="of ours, for each program")
    options = parser.parse_args()
    if shutil.which("go") is None:
        print("there is no go\n  help: apt-get install golang-go", file=sys.stderr)
        return 2
    counts: Counter[str] = Counter()
    wrong = 0
    for first in range(options.seed, options.seed + options.count, BATCH):
        seeds = range(first, min(first + BATCH, options.seed + options.count))
        wanted = list(modelled(seeds))
        counts.update(status for _, _, allowed in wanted for status in {o.status for o in allowed})
        counts["programs"] += len(wanted)
        counts["left out"] += len(seeds) - len(wanted)
        with tempfile.TemporaryDirectory(prefix="slct-go-") as directory:
            programs = [program for _, program, _ in wanted]
            ours = OurOutcomes(programs, Path(directory), f"go_programs_{first}")
            go = GoOutcomes(programs, Path(directory))
            by_ours = differences(wanted, ours, options.schedules)
            for told in chain(by_ours, differences_of_go(wanted, go, options.runs, counts)):
                wrong += 1
                print(told, flush=True)
        print(f"{first + len(seeds) - options.seed} of {options.count}", file=sys.stderr, flush=True)
    print(f"{wrong} differ; " + ", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
