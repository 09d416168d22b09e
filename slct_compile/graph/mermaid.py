"""A picture as Mermaid: what GitHub and many editors draw by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from .picture import Cluster, Edge, Picture


def mermaid_of(picture: Picture) -> str:
    return "\n".join(_Writer(picture).lines()) + "\n"


class _Writer:
    """Names of a picture may hold anything; Mermaid's may not, so that they are numbered."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        names = [
            n for c in picture.clusters for n in (c.begin, *(node.name for node in c.nodes), c.end) if n is not None
        ]
        self._ids = {name: f"s{number}" for number, name in enumerate(names)}

    def lines(self) -> Iterator[str]:
        yield "flowchart TD"
        for number, cluster in enumerate(self._picture.clusters):
            yield from self._cluster(number, cluster)
        for edge in self._picture.edges:
            yield self._edge(edge)

    def _cluster(self, number: int, cluster: Cluster) -> Iterator[str]:
        yield f"  subgraph f{number} [{_quoted(cluster.title)}]"
        yield f"    {self._ids[cluster.begin]}(( ))"
        for node in cluster.nodes:
            opening, closing = ("[[", "]]") if node.is_call else ("[", "]")
            yield f"    {self._ids[node.name]}{opening}{_quoted('<br/>'.join(map(_escaped, node.all_lines)), is_escaped=True)}{closing}"
        if cluster.end is not None:
            yield f"    {self._ids[cluster.end]}((( )))"
        yield "  end"

    def _edge(self, edge: Edge) -> str:
        arrow = "-.->" if edge.is_loose else "-->"
        label = f"|{_quoted(edge.label)}|" if edge.label else ""
        return f"  {self._ids[edge.source]} {arrow}{label} {self._ids[edge.target]}"


def _quoted(text: str, *, is_escaped: bool = False) -> str:
    return f'"{text if is_escaped else _escaped(text)}"'


def _escaped(text: str) -> str:
    """Mermaid reads entities, and little else, in a quoted text."""
    return (
        text.replace("#", "#35;")
        .replace("&", "#amp;")
        .replace('"', "#quot;")
        .replace("<", "#lt;")
        .replace(">", "#gt;")
        .replace("\n", "<br/>")
    )
