"""YAML files of DeepStream: read as yaml-cpp loads them, and written so that it reads the same again.

Promises: `parse` refuses what `YAML::LoadFile` refuses and what DeepStream cannot read afterwards (a file
whose top is no mapping, a key that is no text); else the same groups and entries in the same order,
duplicates too. Only the first document counts, `<<` is a key like any other, aliases are followed.

Deliberately not here: values' meaning (`yaml_values`), tags, comments at the end of a line.
"""

from __future__ import annotations

from pathlib import Path

from sightline.deepstream.document import ConfigFile, Entry, Form, Group, Mapping, Nothing, Sequence, Value
from sightline.deepstream.refusal import Refused
from sightline.deepstream.yamlcpp.loading import load
from sightline.deepstream.yamlcpp.nodes import List, Map, Node, Null, Scalar


def parse(data: bytes, path: Path | None = None) -> ConfigFile:
    """Reads one file.

    Raises:
        Refused: yaml-cpp would not load it, or DeepStream would not find a mapping in it.
    """
    try:
        return ConfigFile(Form.YML, _groups(load(data)), path)
    except Refused as refused:
        raise Refused(refused.reason, line=refused.line, path=path) from None


def _groups(root: Node | None) -> tuple[Group, ...]:
    if root is None or isinstance(root, Null):
        return ()
    if not isinstance(root, Map):
        kind = "a list" if isinstance(root, List) else "a single value"
        raise Refused(f"expected groups with keys at the top, got {kind}", line=root.mark.line + 1)
    return tuple(_group(key, value) for key, value in root.pairs)


def _group(key: Node, value: Node) -> Group:
    if isinstance(value, Map):
        return Group(_key(key), _entries(value), key.mark.line + 1)
    return Group(_key(key), (), key.mark.line + 1, value=_value(value))


def _entries(node: Map) -> tuple[Entry, ...]:
    return tuple(
        Entry(_key(key), _value(value), key.mark.line + 1, quoted=isinstance(value, Scalar) and value.quoted)
        for key, value in node.pairs
    )


def _key(node: Node) -> str:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Null):
        return "null"
    raise Refused("expected a text as the key, got a list or a mapping", line=node.mark.line + 1)


def _value(node: Node) -> Value:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, List):
        return Sequence(tuple(_value(item) for item in node.items))
    if isinstance(node, Map):
        return Mapping(_entries(node))
    return Nothing()
