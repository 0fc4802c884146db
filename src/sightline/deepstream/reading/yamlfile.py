"""YAML files of DeepStream: read as yaml-cpp loads them, and written so that it reads the same again.

Promises: `parse` refuses what `YAML::LoadFile` refuses and what DeepStream cannot read afterwards (a file
whose top is no mapping, a key that is no text); else the same groups and entries in the same order,
duplicates too. Only the first document counts, `<<` is a key like any other, aliases are followed. Two limits
are ours: more than 64 levels, and aliases that stand for far more than the file holds.

Deliberately not here: values' meaning (`yaml_values`), tags, comments at the end of a line.
"""

from __future__ import annotations

from pathlib import Path

from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Mapping, Nothing, Sequence, Value
from sightline.deepstream.reading.yaml_writing import DEEPEST, write
from sightline.deepstream.reading.yamlcpp.loading import Document, load
from sightline.deepstream.reading.yamlcpp.nodes import List, Map, Node, Null, Scalar
from sightline.deepstream.refusal import Refused

__all__ = ["parse", "write"]

MOST_FROM_ALIASES = 100_000  # values beyond those that the file itself can hold


def parse(data: bytes, path: Path | None = None) -> ConfigFile:
    """Reads one file. One that is empty has no groups.

    Raises:
        Refused: yaml-cpp would not load it, or DeepStream would not find a mapping in it.
    """
    try:
        return _Reading(load(data), MOST_FROM_ALIASES + 2 * len(data)).file(path)
    except Refused as refused:
        raise Refused(refused.reason, line=refused.line, path=path) from None


class _Reading:
    """A tree on its way to groups and entries; comments go to the key that comes after them."""

    def __init__(self, document: Document, most: int) -> None:
        self._root = document.root
        self._comments = sorted(document.comments.items(), reverse=True)
        self._left = most

    def file(self, path: Path | None) -> ConfigFile:
        groups = tuple(self._group(key, value) for key, value in _pairs(self._root))
        return ConfigFile(Form.YML, groups, path, self._said_before(None))

    def _group(self, key: Node, value: Node) -> Group:
        name, line, comment = self._key(key)
        if isinstance(value, Map):
            return Group(name, self._entries(value, 1), line, comment=comment)
        return Group(name, (), line, self._value(value, 0), comment)

    def _entries(self, node: Map, depth: int) -> tuple[Entry, ...]:
        return tuple(self._entry(key, value, depth) for key, value in node.pairs)

    def _entry(self, key: Node, value: Node, depth: int) -> Entry:
        name, line, comment = self._key(key)
        quoted = isinstance(value, Scalar) and value.quoted
        return Entry(name, self._value(value, depth), line, quoted, comment)

    def _key(self, node: Node) -> tuple[str, int, tuple[str, ...]]:
        line = node.mark.line + 1
        if isinstance(node, List | Map):
            kind = "a list" if isinstance(node, List) else "a mapping"
            raise Refused(f"expected a text as the key, got {kind}: as<std::string>() throws", line=line)
        return (node.text if isinstance(node, Scalar) else "null"), line, self._said_before(line)

    def _value(self, node: Node, depth: int) -> Value:
        self._check(node, depth)
        match node:
            case Null():
                return Nothing()
            case Scalar():
                return node.text
            case List():
                return Sequence(tuple(self._value(item, depth + 1) for item in node.items))
            case Map():
                return Mapping(self._entries(node, depth + 1))

    def _check(self, node: Node, depth: int) -> None:
        self._left -= 1
        if depth > DEEPEST:
            told = f"more than {DEEPEST} levels, or an alias within what it stands for"
            raise Refused(f"{told}; DeepStream has no use for either", line=node.mark.line + 1)
        if self._left < 0:
            raise Refused("aliases stand for far more values than the file holds", line=node.mark.line + 1)

    def _said_before(self, line: int | None) -> tuple[str, ...]:
        said: list[str] = []
        while self._comments and (line is None or self._comments[-1][0] < line):
            said.append(self._comments.pop()[1])
        return tuple(said)


def _pairs(root: Node | None) -> list[tuple[Node, Node]]:
    if root is None or isinstance(root, Null):
        return []
    if isinstance(root, Map):
        return root.pairs
    if isinstance(root, List):
        told = "a list; DeepStream finds no group in it"
    else:
        told = f"{root.text[:60]!r}; looking for a group in it throws BadSubscript"
    raise Refused(f"expected groups with keys at the top, got {told}", line=root.mark.line + 1)
