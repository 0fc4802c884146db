"""The tree that a document of YAML becomes.

Promises: what yaml-cpp keeps of a node: its kind, a map's pairs in order with duplicates, a scalar's bytes
and whether it stood plain; the line and column it began at, from 0.

An alias is the very node that its anchor names: nodes are shared, and a tree may hold itself. Deliberately
not here: styles, and what a tag means (DeepStream asks for none).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text, both from 0."""

    line: int
    column: int


@dataclass(eq=False, slots=True)
class Null:
    mark: Mark


@dataclass(eq=False, slots=True)
class Scalar:
    """`text` holds what is no UTF-8 as Python's surrogate escapes, so that no byte is lost."""

    mark: Mark
    text: str
    quoted: bool
    tag: str = "?"


@dataclass(eq=False, slots=True)
class List:
    mark: Mark
    tag: str = "?"
    items: list[Node] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Map:
    mark: Mark
    tag: str = "?"
    pairs: list[tuple[Node, Node]] = field(default_factory=list)


Node = Null | Scalar | List | Map
