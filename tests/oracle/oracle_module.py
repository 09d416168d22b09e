"""One test module in one mode, in this interpreter: prints a line of JSON before and after each method.

python oracle_module.py test_patma operands [--skip N] [--every N] [--only TestPatma.test_patma_000]
"""

from __future__ import annotations

import argparse
import json
import sys
import unittest
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
for part in (HERE, HERE.parent.parent):
    sys.path.insert(0, str(part))

from oracle_cases import read_installed  # noqa: E402 - after the path is set
from oracle_run import judge  # noqa: E402 - after the path is set


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("mode", choices=("statements", "operands"))
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--every", type=int, default=1, help="judge one method in so many")
    parsed = parser.parse_args()
    out = sys.stdout
    sys.stdout = sys.stderr  # what tests print is no part of the answer

    def say(**what: object) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    try:
        tests = read_installed(parsed.module)
    except (ImportError, unittest.SkipTest) as error:
        say(absent=f"{type(error).__name__}: {error}")
        say(done=True)
        return
    say(elsewhere=list(tests.elsewhere))
    for number, method in enumerate(tests.methods):
        if number < parsed.skip or number % parsed.every or (parsed.only and method.label != parsed.only):
            continue
        say(begins=method.label, number=number)
        verdict = judge(tests, method, operands=parsed.mode == "operands")
        say(ends=method.label, **asdict(verdict))
    say(done=True)


if __name__ == "__main__":
    main()
