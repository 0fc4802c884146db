"""From bytes to the tree of the first document, or a refusal with its place.

A first cut on ruamel.yaml until the scanner of our own is here: it reads ordinary files alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from sightline.deepstream.refusal import Refused
from sightline.deepstream.yamlcpp.nodes import List, Map, Mark, Node, Null, Scalar

NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def load(data: bytes) -> Node | None:
    """The first document, or None where there is none."""
    try:
        events = iter(YAML(pure=True).parse(data.decode(errors="surrogateescape")))
        for event in events:
            if isinstance(event, DocumentStartEvent):
                return _node(next(events), events, {})
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise Refused(str(error.problem), line=line) from None
    except YAMLError as error:
        raise Refused(str(error)) from None
    return None


def _node(event: Event, events: Iterator[Event], anchors: dict[str, Node]) -> Node:
    mark = Mark(event.start_mark.line, event.start_mark.column)
    if isinstance(event, AliasEvent):
        return anchors[event.anchor]
    node: Node
    if isinstance(event, ScalarEvent):
        plain = event.implicit[0]
        node = Null(mark) if plain and event.value in NULLS else Scalar(mark, event.value, not plain)
    else:
        node = List(mark) if isinstance(event, SequenceStartEvent) else Map(mark)
    if event.anchor:
        anchors[event.anchor] = node
    if isinstance(node, List):
        while not isinstance(item := next(events), SequenceEndEvent):
            node.items.append(_node(item, events, anchors))
    if isinstance(node, Map):
        while not isinstance(key := next(events), MappingEndEvent):
            first = _node(key, events, anchors)
            node.pairs.append((first, _node(next(events), events, anchors)))
    return node
