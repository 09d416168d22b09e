"""mypy in strict mode, run once over all that the tests of types ask about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".mypy_cache" / "typing_tests"

_ERROR = re.compile(r"(?P<path>.+?):(?P<line>\d+): error: (?P<message>.*?)(?:  \[(?P<code>[\w-]+)\])?")


@dataclass(frozen=True, slots=True)
class Error:
    path: Path
    line: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What mypy has found, by file."""

    found: dict[Path, list[Error]]

    def errors(self, path: Path) -> list[Error]:
        return self.found[path]


def check(paths: Sequence[Path], *options: str) -> Checked:
    """Run mypy once. Fails if it could not check the files at all."""
    arguments = ["--strict", "--config-file=", f"--cache-dir={CACHE}", "--hide-error-context", "--show-absolute-path"]
    import mypy.api

    out, err, status = mypy.api.run([*arguments, "--no-error-summary", "--no-pretty", *options, *map(str, paths)])
    assert not err and status in (0, 1), f"mypy ended with {status}\n{err}{out[-2000:]}"  # 2: it has failed itself
    found: dict[Path, list[Error]] = {path: [] for path in paths}
    for line in out.splitlines():
        error = _ERROR.fullmatch(line)
        if error is not None:
            path = Path(error["path"])
            assert path in found, line
            found[path].append(Error(path, int(error["line"]), error["code"] or "", error["message"]))
        else:
            assert ": note: " in line, line
    return Checked(found)
