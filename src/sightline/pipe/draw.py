"""A graph as a text for people, and as a Mermaid flowchart for pages. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.pipe.graph import Graph, Link, Node


def as_text(graph: Graph) -> str:
    """Flows with their routines, each with its role, and under it the wires that lead away from it."""
    return "\n".join(_text(graph))


def as_mermaid(graph: Graph) -> str:
    """A flowchart with a box for each flow; a dotted arrow may drop, a thick one makes its writer wait."""
    return "\n".join(_mermaid(graph))


def _text(graph: Graph) -> Iterator[str]:
    for flow, nodes in graph.flows:
        yield f"flow {flow}"
        for node in nodes:
            yield f"  {node.name} ({graph.role(node) or 'no wires'})"
            yield from (f"    > {_end(link)} [{_label(link)}]" for link in graph.out_of(node))


def _end(link: Link) -> str:
    end = link.destination
    return f"{end.name} in flow {end.flow}" if link.crosses else end.name


def _label(link: Link) -> str:
    settings = link.settings
    rule = f", {settings.rule}" if not link.waits else ""
    return f"{settings.policy} {settings.capacity}{rule}"


def _mermaid(graph: Graph) -> Iterator[str]:
    names = {node: f"r{number}" for number, node in enumerate(graph.nodes)}
    yield "flowchart LR"
    for number, (flow, nodes) in enumerate(graph.flows):
        yield f"  subgraph f{number}[{_quoted(flow)}]"
        yield from (f"    {names[node]}[{_quoted(node.name)}]" for node in nodes)
        yield "  end"
    for link in graph.links:
        yield _arrow(names, link)


def _arrow(names: dict[Node, str], link: Link) -> str:
    arrow = "==>" if link.waits else "-.->"
    return f"  {names[link.source]} {arrow}|{_quoted(_label(link))}| {names[link.destination]}"


def _quoted(text: str) -> str:
    # Mermaid knows character references, with # for &; without them a quote mark would end the label.
    return '"' + text.replace("#", "#35;").replace('"', "#quot;") + '"'
