"""Fuzzes the reading of documents with atheris: whatever is in a text, reading it gives a value or a CodecError, quickly.

Run by `make fuzz SECONDS=60`. A finding is written to `crash-*` in the current directory; `tools/fuzz_codec.py FILE` runs it again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "client" / "codec"


def seeds(directory: Path) -> None:
    """A corpus to begin with: every value and document of the golden files."""
    for number, path in enumerate(sorted((TESTS / "golden").glob("*/*.json"))):
        content = json.loads(path.read_text())
        for index, text in enumerate(content.values() if isinstance(content, dict) else content):
            (directory / f"{number}-{index}").write_text(text)


def main() -> None:
    sys.path[:0] = [str(TESTS)]
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["runtime_client"]):
        from runtime_client._codec import Codec
        from runtime_client._errors import CodecError
        from runtime_client._resolver import Resolver
    codec = Codec(Resolver(["codec_shop"]))
    process = importlib.import_module("codec_shop").Order()
    codec.decode('{"$":"class","v":"codec_shop:Item"}')
    known = set(sys.modules)

    def decode(data: bytes) -> None:
        with contextlib.suppress(CodecError):
            codec.decode(data.decode("utf-8", "surrogateescape"), process=process)
        new = {name for name in set(sys.modules) - known if not _is_allowed(name)}
        assert not new, f"a document has imported {sorted(new)}"

    with tempfile.TemporaryDirectory() as corpus:
        seeds(Path(corpus))
        atheris.Setup(
            [
                *sys.argv,
                "-timeout=10",
                "-rss_limit_mb=2048",
                *([] if any(Path(a).exists() for a in sys.argv[1:]) else [corpus]),
            ],
            decode,
        )
        atheris.Fuzz()


def _is_allowed(name: str) -> bool:
    """What the fixed list of exceptions, time zones and the interpreter's own codecs bring along."""
    return name.partition(".")[0] in {*sys.stdlib_module_names, "tzdata", "atheris", "runtime_client"}


if __name__ == "__main__":
    main()
