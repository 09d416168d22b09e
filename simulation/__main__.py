"""Run seeds: `python -m simulation --seed 7 --count 1000`. Stops at the first failure, and says how to repeat it."""

from __future__ import annotations

import argparse
import sys
import time

from ._world import Failure, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--keep-going", action="store_true")
    arguments = parser.parse_args()
    began, steps, failed = time.monotonic(), 0, 0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        try:
            steps += len(simulate(seed))
        except Failure as failure:
            print(failure, file=sys.stderr)
            failed += 1
            if not arguments.keep_going:
                return 1
    seconds = time.monotonic() - began
    print(f"{arguments.count} seeds, {failed} failed, {steps} steps, {seconds:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
