"""Our positions of nodes are those of libcst's own provider."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

import slct_compile
from slct_compile._positions import Positions

COMPILER = Path(slct_compile.__file__).parent
ODD = (
    "@a\n@b(\n  1)\nasync def f(a, *, b: int = (1), **c) -> (x): # x\n\n  # y\n  return (  (a) ,\n b )  ; pass\n",
    "if 1:\r\n\tx = '''é\r\nq'''; y = (\r\n\t  f'{a!r:>{b}}' 'c')\r\n\twith (a as b, c): pass\r\n",
    "for i, in (x):\n    while not  ( y ) :\n        del (a), b[1:2, ...]\n    else: pass\nelse:\n    lambda *a, b=1: (yield)\n",
)


@pytest.mark.parametrize("text", [*ODD, *(p.read_text(encoding="utf-8") for p in sorted(COMPILER.glob("_[a-n]*.py")))])
def test_every_node_is_where_libcst_finds_it(text: str) -> None:
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    ours = Positions()
    ours.add(wrapper.module, 1)
    expected = wrapper.resolve(PositionProvider)
    assert {node: ours.get(node) for node in expected} == dict(expected)


def test_lines_count_from_where_a_function_begins() -> None:
    tree = cst.parse_module("x\ny\n")
    ours = Positions()
    ours.add(tree, 10)
    found = ours.get(tree.body[1])
    assert found is not None and (found.start.line, found.start.column) == (11, 0)
