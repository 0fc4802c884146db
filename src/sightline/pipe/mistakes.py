"""What is wrong with a graph, all of it at once, in words for whoever wired it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from sightline.errors import ConfigError
from sightline.pipe.fitting import fits, shown
from sightline.pipe.graph import Graph, Link, Node
from sightline.pipe.routine import Role, Routine
from sightline.pipe.settings import RoutineSettings


class PipeError(ConfigError):
    """A pipe cannot be built so. `mistakes` has every reason; the text has them all, one a line."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


def check_flow(name: object, routines: Sequence[object]) -> None:
    """Raises ConfigError: what is to be a flow is none."""
    if not all(isinstance(one, Routine) for one in routines):
        raise ConfigError(f"expected routines in flow {name!r}, got {routines!r}")
    for named in (name, *(one.name for one in routines if isinstance(one, Routine))):
        if not (isinstance(named, str) and named):
            raise ConfigError(f"expected a text as the name of a flow or a routine, got {named!r}")
    for one in routines:
        if isinstance(one, Routine) and not isinstance(one.settings, RoutineSettings):
            raise ConfigError(f"routine {one.name}: expected RoutineSettings, got settings {one.settings!r}")


def mistakes_of(graph: Graph) -> list[str]:
    """Every mistake once: those of names first, then routines, then wires."""
    if not graph.flows:
        return ["the pipe has no flow"]
    found = [*_names(graph), *_nodes(graph), *mistakes_of_wires(graph)]
    return list(dict.fromkeys(found))


def mistakes_of_wires(graph: Graph, sources: Collection[str] = ()) -> list[str]:
    """Those of wires alone: a routine that a running pipe was unlinked from floats, and may.

    Args:
        graph: as it is to be.
        sources: what was built as such: it has no place for messages, and never will.
    """
    found = [mistake for link in graph.links for mistake in _link(link)]
    found += [
        f"routine {node} was built as a source: a wire cannot lead to it now"
        for node in graph.nodes
        if node.name in sources and graph.into(node)
    ]
    circles = (f"wires go in a circle: {' > '.join(map(str, circle))}" for circle in graph.circles())
    return [*dict.fromkeys(found), *circles]


def _names(graph: Graph) -> Iterator[str]:
    for flow, times in Counter(name for name, _ in graph.flows).items():
        if times > 1:
            yield f'{times} flows are called "{flow}": expected a name of its own for each'
    flows: dict[str, list[str]] = {}
    for flow, nodes in graph.flows:
        if not nodes:
            yield f'flow "{flow}" has no routine'
        for node in nodes:
            flows.setdefault(node.name, []).append(flow)
    for name, where in flows.items():
        if len(where) > 1:
            yield (
                f'{len(where)} routines are called "{name}", in flows {", ".join(where)}: '
                "expected a name of its own for each"
            )


def _nodes(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        role = graph.role(node)
        if role is None:
            yield f'routine {node} of flow "{node.flow}" floats: no wire leads to it or away from it'
        elif node.role is not None and role is not node.role:
            yield f"routine {node} is a {node.role}, and its wires make it a {role}"
        else:
            yield from _data(node, role)


def _data(node: Node, role: Role) -> Iterator[str]:
    # What says of itself that it is a source may be written so, and gets None; who does not forgot a wire.
    if role is Role.SOURCE and node.role is None and node.needs_data is True:
        yield f"routine {node}: no wire leads to it, and its main_logic needs data"
    if role is not Role.SOURCE and node.needs_data is False:
        yield f"routine {node}: a wire leads to it, and its main_logic takes no data"


def _link(link: Link) -> Iterator[str]:
    wire = f"wire from {link.source} to {link.destination}"
    for node in (link.source, link.destination):
        if not node.flow:
            yield f"{wire}: {node} is in no flow of this pipe"
    if not fits(link.source.gives, link.destination.takes):
        yield f"{wire}: one gives {shown(link.source.gives)}, the other takes {shown(link.destination.takes)}"
    if link.source.live and link.waits and link.settings.overflow is None:
        yield (
            f"{wire} makes its source wait, which is live: set its overflow to block if that is meant, "
            "or its policy to live"
        )
