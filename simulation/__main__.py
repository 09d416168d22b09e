"""Run seeds: `python -m simulation --seed 7 --count 1000 --jobs 2`. Stops at the first failure, and says how to repeat it."""

from __future__ import annotations

import argparse
import os
import sys
import time

from ._lots import lots

PROGRESS_S = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="OS processes; 0 for as many as there are cores")
    parser.add_argument("--keep-going", action="store_true", help="run the others too if one fails")
    arguments = parser.parse_args()
    began = said = time.monotonic()
    count = steps = failed = 0
    for lot in lots(range(arguments.seed, arguments.seed + arguments.count), arguments.jobs or os.cpu_count() or 1):
        count, steps, failed = count + lot.count, steps + lot.steps, failed + len(lot.failures)
        print(*lot.failures, sep="\n", end="\n" if lot.failures else "", file=sys.stderr, flush=True)
        if failed and not arguments.keep_going:
            break
        if time.monotonic() - said >= PROGRESS_S:
            said = time.monotonic()
            print(f"{count} of {arguments.count} seeds, {failed} failed, {said - began:.0f} s", flush=True)
    print(f"{count} seeds, {failed} failed, {steps} steps, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
