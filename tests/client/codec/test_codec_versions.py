"""Documents of every format that was ever written can be read, and go on; those of later ones are refused.

A directory of `golden/` holds what was written in one format: values, and the documents of a real program after each thing that
happened to it. They are added, never edited: `SLCT_WRITE_GOLDEN=1` writes those of a format that has none.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from codec_graphs import assert_same
from golden_values import expressions, value_of

from runtime_client import Definitions
from runtime_client._codec import Codec
from runtime_client._errors import CodecError
from runtime_client._transition import DOCUMENT_FORMAT
from slct_compile.cli import main as compile_main

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))

from engine_driver import Driver

GOLDEN = Path(__file__).parent / "golden"
FORMATS = sorted(int(path.name) for path in GOLDEN.iterdir() if path.is_dir())
CURRENT = GOLDEN / str(DOCUMENT_FORMAT)

Step = Callable[[Driver], None]


def _send(value: int) -> Step:
    return lambda driver: driver.send("inbox", value)


def _wait(seconds: float) -> Step:
    return lambda driver: driver.advance(seconds)


STEPS: list[Step] = [
    *(_send(number) for number in range(8)),
    *(_wait(1), _send(100), _wait(1), _wait(1), _wait(3), _wait(5), _wait(20), Driver.run_effects),
]
"""What happens to the program of the golden documents, from its start to its end."""

RESULT = {
    "got": [
        (name, number)
        for number, name in enumerate(["key", "colour", "when", "queue", "numbers", "big", "raw", "line"])
    ]
    + [100, "late"],
    "caught": (("missing",), ["seen"]),
    "doubled": [2, 4, 6],
    "receipt": "ada paid 1.10",
    "watched": 3,
    "is_one": True,
    "things": ["Key(part=(1, 'a'))", "RED", 2026, [1, 2, 3]],
}


def _load(format: int, directory: Path) -> Definitions:
    """The program of a format, compiled now with the names that it had then."""
    source = directory / "source"
    shutil.copytree(GOLDEN / str(format) / "program", source, ignore=shutil.ignore_patterns("__pycache__"))
    before = (
        (source / "slct.lock").read_bytes() if format != DOCUMENT_FORMAT or (source / "slct.lock").exists() else b""
    )
    assert compile_main([str(source), "-o", str(directory / "build"), "-q", "--no-cache"]) == 0
    if not before:
        shutil.copy(source / "slct.lock", GOLDEN / str(format) / "program" / "slct.lock")
    sys.path.insert(0, str(directory / "build"))
    try:
        import slct_definitions

        return slct_definitions.defs
    finally:
        sys.path.remove(str(directory / "build"))


@pytest.fixture(scope="module", params=FORMATS)
def program(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, Definitions]]:
    yield request.param, _load(request.param, tmp_path_factory.mktemp(f"golden{request.param}"))
    for name in ("kept", "slct_definitions"):
        sys.modules.pop(name, None)


def test_this_format_has_golden_documents(codec: Codec, program: tuple[int, Definitions]) -> None:
    if "SLCT_WRITE_GOLDEN" in os.environ and not (CURRENT / "values.json").exists():
        _write(codec, program[1])
    assert (CURRENT / "values.json").exists(), "a new DOCUMENT_FORMAT needs golden documents: SLCT_WRITE_GOLDEN=1"
    assert list(range(1, DOCUMENT_FORMAT + 1)) == FORMATS


def _write(codec: Codec, definitions: Definitions) -> None:
    values = {expression: codec.encode(value_of(expression)) for expression in expressions()}
    (CURRENT / "values.json").write_text(json.dumps(values, indent=1) + "\n")
    driver = Driver(definitions, "kept", "ada")
    documents = [driver.document]
    for step in STEPS:
        step(driver)
        documents.append(driver.document)
    (CURRENT / "documents.json").write_text(json.dumps(documents, indent=1) + "\n")


@pytest.mark.parametrize("format", FORMATS)
def test_values_of_every_format_are_read(codec: Codec, format: int) -> None:
    values = json.loads((GOLDEN / str(format) / "values.json").read_text())
    assert values
    for expression, text in values.items():
        assert_same(codec.decode(text), value_of(expression))


def test_values_are_written_as_in_the_golden_documents(codec: Codec) -> None:
    """A change of the text is a change of the format, unless readers of this format understand it as well."""
    for expression, text in json.loads((CURRENT / "values.json").read_text()).items():
        assert codec.encode(value_of(expression)) == text


@pytest.mark.parametrize("place", range(len(STEPS)))
def test_a_process_goes_on_from_the_documents_of_every_format(program: tuple[int, Definitions], place: int) -> None:
    format, definitions = program
    documents = json.loads((GOLDEN / str(format) / "documents.json").read_text())
    assert len(documents) == len(STEPS) + 1
    driver = Driver(definitions, "kept", "ada")
    for step in STEPS[:place]:
        step(driver)
    driver.document = documents[place]
    for step in STEPS[place:]:
        step(driver)
    assert driver.result == RESULT
    assert driver.emitted == [(1, "book"), (2, "book"), (3, "book")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda document: document | {"format": DOCUMENT_FORMAT + 1},
            f"has format {DOCUMENT_FORMAT + 1}, this slct reads",
        ),
        (lambda document: {"format": 999, "new": {"$": "tag of the future"}}, "has format 999, this slct reads"),
        (lambda document: document | {"format": "1"}, "has format '1'"),
        (lambda document: [document], "a document is an object, not a list"),
        (lambda document: {"format": 1}, "KeyError: 'process'"),
    ],
)
def test_documents_of_no_known_format_are_refused(
    program: tuple[int, Definitions], change: Callable[[Any], Any], message: str
) -> None:
    driver = Driver(program[1], "kept", "ada")
    driver.document = json.dumps(change(json.loads(driver.document)), separators=(",", ":"))
    driver.send("inbox", 1)
    error = driver.last_error
    assert message in f"{type(error).__name__}: {error}"
    if "reads formats" in message:
        assert isinstance(error, CodecError)
        assert "upgrade the worker" in error.help


def test_a_document_without_a_format_is_of_the_first(program: tuple[int, Definitions]) -> None:
    driver = Driver(program[1], "kept", "ada")
    document = json.loads(driver.document)
    assert document.pop("format") == DOCUMENT_FORMAT
    driver.document = json.dumps(document)
    driver.send("inbox", 1)
    assert driver.last_error is None
