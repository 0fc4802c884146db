"""YAML text to plain values, each with the place where it stands.

Promises: only texts, numbers, true, false, nothing, lists and mappings come out; tags construct nothing.
Mappings have texts as keys, just as they are written (`001` stays `001`). Anchors, aliases and merge keys
(`<<`) work, within `MAX_VALUES` values and `MAX_DEPTH` levels however they are multiplied. Variables are
filled in (`sightline.site.variables`) in every text value, but not in keys. What can be understood is
understood, and every mistake is a finding: only text that is no YAML at all raises.

It knows nothing of what a site file means; `sightline.site.model` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sightline.site.mistakes import Finding, Place, Where
from sightline.site.syntax import MAX_DEPTH, NotYaml, compose, place_of
from sightline.site.variables import expand

MAX_VALUES: Final = 100_000
"""A site of 10,000 cameras has so many; an alias bomb is at its first ten-thousandth."""

Value: TypeAlias = str | int | float | bool | list["Value"] | dict[str, "Value"] | None

_TAG: Final = "tag:yaml.org,2002:"
_KNOWN_TAGS: Final = {
    f"{_TAG}{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
}
_BOOLEANS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(slots=True)
class Document:
    """What a text holds.

    Attributes:
        value: the whole as plain values.
        keys: where each key of a mapping stands.
        values: where each value stands; `()` is the whole.
        variables: the names of the variables that a value was read from.
        findings: what is wrong with it.
    """

    value: Value = None
    keys: dict[Where, Place] = field(default_factory=dict)
    values: dict[Where, Place] = field(default_factory=dict)
    variables: dict[Where, tuple[str, ...]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def place(self, where: Where) -> Place:
        """Where a value stands, or the nearest thing around it that stands somewhere."""
        while where not in self.values:
            where = where[:-1]
        return self.values[where]

    def place_of_key(self, where: Where) -> Place:
        """Where the key of a value stands; of an entry of a list, the entry."""
        return self.keys.get(where) or self.place(where)


def parse(text: str, environ: Mapping[str, str]) -> Document:
    """The one YAML document in `text`. Raises NotYaml."""
    node = compose(text)
    document = Document(values={(): Place(1, 1)})
    if node is not None:
        document.value = _Reader(document, environ).value(node, ())
    return document


class _Reader:
    """Turns nodes into values and notes in the document where they stand."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._inside: list[Node] = []
        self._count = 0

    def value(self, node: Node, where: Where) -> Value:
        place = place_of(node)
        self._document.values[where] = place
        self._check_tag(node, where)
        self._enter(node)
        value: Value
        if isinstance(node, MappingNode):
            value = self._mapping(node, where)
        elif isinstance(node, SequenceNode):
            value = [self.value(item, (*where, index)) for index, item in enumerate(node.value)]
        else:
            value = self._scalar(node, where)
        self._inside.pop()
        return value

    def _enter(self, node: Node) -> None:
        """Bounds what aliases can do: refer to themselves, multiply, nest."""
        self._count += 1
        if any(node is outer for outer in self._inside):
            raise NotYaml(place_of(node), "an anchor (&name) holds an alias (*name) to itself")
        if self._count > MAX_VALUES:
            raise NotYaml(
                place_of(node), f"more than {MAX_VALUES:,} values, counted with each use of an alias"
            )
        if len(self._inside) > MAX_DEPTH:
            raise NotYaml(place_of(node), f"nested more than {MAX_DEPTH} levels deep")
        self._inside.append(node)

    def _mapping(self, node: MappingNode, where: Where) -> dict[str, Value]:
        result: dict[str, Value] = {}
        for pair in self._pairs(node, where):
            here = (*where, pair.key)
            if pair.key not in result:
                self._document.keys[here] = pair.place
                result[pair.key] = self.value(pair.node, here)
            elif not pair.merged:
                line = self._document.keys[here].line
                self._find(
                    pair.place, here, f"this key stands here a second time; the first is in line {line}"
                )
        return result

    def _pairs(self, node: MappingNode, where: Where) -> Iterator[_Pair]:
        """A mapping's own keys, then what it merges in: the first of a name holds."""
        sources: list[Node] = []
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._find(place_of(key), where, "expected a word as key, got a list or a mapping")
            elif str(key.tag) == f"{_TAG}merge":
                sources += value.value if isinstance(value, SequenceNode) else [value]
            else:
                yield _Pair(key.value, value, place_of(key), merged=False)
        for source in sources:
            yield from self._merged(source, where)

    def _merged(self, source: Node, where: Where) -> Iterator[_Pair]:
        if not isinstance(source, MappingNode):
            self._find(
                place_of(source), where, "expected an alias (*name) of a mapping after <<, or a list of them"
            )
            return
        self._enter(source)
        for pair in self._pairs(source, where):
            self._count += 1
            yield pair._replace(merged=True)
        self._inside.pop()

    def _scalar(self, node: Node, where: Where) -> Value:
        text: str = node.value
        match str(node.tag).removeprefix(_TAG):
            case "null":
                return None
            case "bool" if text.lower() in _BOOLEANS:
                return _BOOLEANS[text.lower()]
            case "int" | "float":
                return _number(text)
        return self._expanded(text, place_of(node), where) if "$" in text else text

    def _expanded(self, text: str, place: Place, where: Where) -> str:
        expanded = expand(text, self._environ)
        if expanded.names:
            self._document.variables[where] = expanded.names
        for name in expanded.missing:
            missing = Finding(place, where, f"the variable {name} is not set", name, self._environ)
            self._document.findings.append(missing)
        if expanded.broken:
            self._find(
                place, where, "${ begins no variable: expected ${NAME} or ${NAME:-default}; $${ is a plain ${"
            )
        return expanded.text

    def _check_tag(self, node: Node, where: Where) -> None:
        if str(node.tag) not in _KNOWN_TAGS:
            self._find(place_of(node), where, "tags (words that begin with !) are not used in a site file")

    def _find(self, place: Place, where: Where, message: str) -> None:
        self._document.findings.append(Finding(place, where, message))


class _Pair(NamedTuple):
    key: str
    node: Node
    place: Place
    merged: bool


def _number(text: str) -> int | float | str:
    """A YAML number; what Python cannot read as one (`!!int x`, 5,000 digits) stays the text that it is."""
    if len(text) > 100:
        return text
    plain = text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan")
    for read in (int, lambda digits: int(digits, 0), float):
        try:
            return read(plain)
        except ValueError:
            continue
    return text
