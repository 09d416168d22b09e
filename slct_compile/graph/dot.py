"""A picture as DOT, for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from .picture import Cluster, Edge, Node, Picture


def dot_of(picture: Picture) -> str:
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    yield "digraph states {"
    yield '  graph [fontname="Helvetica", fontsize=12, nodesep=0.4, ranksep=0.5, compound=true];'
    yield '  node [fontname="Helvetica", fontsize=11, shape=box, style="rounded,filled", fillcolor="#f4f6fa", color="#5b6b8c"];'
    yield '  edge [fontname="Helvetica", fontsize=10, color="#5b6b8c"];'
    for number, cluster in enumerate(picture.clusters):
        yield from _cluster(number, cluster)
    for edge in picture.edges:
        yield _edge(edge)
    yield "}"


def _cluster(number: int, cluster: Cluster) -> Iterator[str]:
    yield f"  subgraph cluster_{number} {{"
    yield f'    label={_quoted(cluster.title)}; labeljust=l; style=rounded; color="#b8c2d6";'
    yield f'    {_quoted(cluster.begin)} [label="", shape=circle, width=0.18, fillcolor="#5b6b8c"];'
    for node in cluster.nodes:
        yield _node(node)
    if cluster.end is not None:
        yield f'    {_quoted(cluster.end)} [label="", shape=doublecircle, width=0.14, fillcolor="#5b6b8c"];'
    yield "  }"


def _node(node: Node) -> str:
    label = _quoted("\n".join(node.all_lines))
    options = ", peripheries=2" if node.is_call else ""
    options += ', fillcolor="#ffe9b0"' if node.process_count else ""
    return f"    {_quoted(node.name)} [label={label}{options}];"


def _edge(edge: Edge) -> str:
    options = [f"label={_quoted(edge.label)}"] if edge.label else []
    if edge.is_loose:
        options += ["style=dashed", "constraint=false"]
    shown = f" [{', '.join(options)}]" if options else ""
    return f"  {_quoted(edge.source)} -> {_quoted(edge.target)}{shown};"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
