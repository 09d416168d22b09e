"""Pictures of programs: every way that a run takes is drawn, and what is drawn is what the three formats say."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import compile_harness as harness
import pytest
from compile_grammar import Grammar
from compile_harness import program
from differential import is_python
from moved_programs import MODULE, built

from runtime_client._frame import FrameStatus, Outcome
from runtime_client._trampoline import Stack, run_to_suspension
from slct_compile._lock import Lock
from slct_compile.cli import main
from slct_compile.graph.dot import dot_of
from slct_compile.graph.mermaid import mermaid_of
from slct_compile.graph.picture import Cluster, Edge, Node, Picture, picture_of

EXAMPLES = Path(__file__).parents[2] / "examples"
TURNS_MAX = 40


def steps(text: str, script: list[object]) -> Iterator[tuple[str, str]]:
    """From where to where the main function of a compiled program goes in one run: names of nodes."""
    process = harness.new_process(harness.namespace_of(text, MODULE))
    main_frame = process.main(1)
    main_frame.frame_status = FrameStatus.STARTED
    name, at, frames, outcome = f"{MODULE}:{main_frame.FUNCTION}", "begin", [main_frame], None
    for turn in range(TURNS_MAX):
        stack = Stack(frames)
        found = run_to_suspension(stack, outcome)
        if isinstance(found, Outcome):
            if found.error is None:
                yield f"{name}/{at}", f"{name}/end"
            return
        frames = stack.frames
        yield f"{name}/{at}", f"{name}/{frames[0].frame_state}"
        at, outcome = frames[0].frame_state, harness._outcome(script[turn % len(script)])


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("seed", range(40))
def test_every_way_that_a_run_takes_is_drawn(seed: int) -> None:
    grammar = Grammar(seed, depth=2 + seed % 2)
    source = program(grammar.program())
    made = built(source, Lock()) if is_python(source) else None
    if made is None:
        return  # no Python, or not compiled: nothing to draw
    picture = picture_of(made.manifest.functions, made.manifest.functions)
    drawn = {(edge.source, edge.target) for edge in picture.edges}
    for script in ([1, 0, 2], [0, ValueError, 1], [2, 3, 1, 1, 0]):
        missing = [step for step in steps(made.text, list(script)) if step not in drawn]
        assert not missing, f"{missing}\n{source}"


def drawn(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert main(["graph", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_an_order_is_drawn_in_the_authors_words(capsys: pytest.CaptureFixture[str]) -> None:
    text = drawn(capsys, EXAMPLES, "order")
    waiting = re.search(
        r'(s\d+)\["payment: recv\(self\.payments\)<br/>late: after\(timedelta\(days=2\)\)<br/>order\.py:32"\]', text
    )
    assert waiting is not None, text
    begin, select = "s0", waiting[1]
    assert f'{begin} -->|"self.paid #lt; total"| {select}' in text
    assert f'{select} -->|"payment · self.paid #lt; total<br/>' in text
    assert re.search(rf'{select} -->\|"late"\| (s\d+)', text)
    assert text.count("subgraph") == 3
    assert '-.->|"go"|' in text
    assert '-.->|"calls"|' in text


def check_mermaid(text: str) -> None:
    """Every line is one that Mermaid knows, and every name is that of a node."""
    lines = text.splitlines()
    assert lines[0] == "flowchart TD"
    nodes = {
        found[1]
        for line in lines
        if (found := re.fullmatch(r'    (s\d+)(?:\(\( \)\)|\(\(\( \)\)\)|\["[^"]*"\]|\[\["[^"]*"\]\])', line))
    }
    for line in lines[1:]:
        edge = re.fullmatch(r'  (s\d+) (?:-->|-\.->)(?:\|"[^"]*"\|)? (s\d+)', line)
        if edge is not None:
            assert {edge[1], edge[2]} <= nodes, line
        else:
            assert re.fullmatch(r'  subgraph f\d+ \["[^"]*"\]|  end|    s\d+.*', line), line


def test_mermaid_is_well_formed(capsys: pytest.CaptureFixture[str]) -> None:
    check_mermaid(drawn(capsys, EXAMPLES))


@pytest.mark.skipif(shutil.which("dot") is None, reason="there is no Graphviz")
def test_an_svg_shows_every_state(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "order.svg"
    assert drawn(capsys, EXAMPLES, "order", "--format", "svg", "-o", file) == ""
    shown = {text.text for text in ET.parse(file).iter("{http://www.w3.org/2000/svg}text")}
    assert {"payment: recv(self.payments)", "order.py:32", "order.py:37", "payment · else", "late"} <= shown


def test_without_graphviz_an_svg_is_refused_with_a_cure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["graph", str(EXAMPLES), "--format", "svg"]) == 2
    said = capsys.readouterr().err
    assert "there is no program 'dot'" in said
    assert "--format mermaid" in said


def test_what_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", str(EXAMPLES), "odrer"]) == 2
    assert "neither a definition nor a function 'odrer'" in capsys.readouterr().err


def test_texts_with_quotes_and_angles_stay_readable() -> None:
    node = Node("m:f/A", ('recv("a<b>")', "x.py:1"))
    picture = Picture((Cluster("f", "m:f/begin", "m:f/end", (node,)),), (Edge("m:f/begin", "m:f/A", 'x == "y"'),))
    check_mermaid(mermaid_of(picture))
    assert 'label="recv(\\"a<b>\\")\\nx.py:1"' in dot_of(picture)


def test_the_documented_picture_is_what_the_command_draws(capsys: pytest.CaptureFixture[str]) -> None:
    page = (EXAMPLES.parent / "docs" / "pictures.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL)
    assert shown == drawn(capsys, EXAMPLES, "order")
