"""Our reader of YAML and yaml-cpp's, side by side: what is refused, the tree, what each conversion says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.deepstream.fuzz.oracle import Oracle
from tests.deepstream.fuzz.yaml_cpp import YamlCpp, yaml_cpp
from tests.deepstream.fuzz.yaml_making import make_file

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.reading import cpp_numbers, yaml_values
from sightline.deepstream.reading.yamlcpp.loading import load
from sightline.deepstream.reading.yamlcpp.nodes import List, Map, Node, Null, Scalar
from sightline.deepstream.reading.yamlfile import parse, write
from sightline.deepstream.refusal import Refused, ValueRefused

MOST_NODES, DEEPEST = 20000, 1000  # as many as yaml_cpp.cpp shows

OURS: dict[str, Callable[[str], Any]] = {
    "integer": yaml_values.integer,
    "unsigned": yaml_values.unsigned,
    "int64": yaml_values.int64,
    "uint64": yaml_values.uint64,
    "truth": yaml_values.truth,
    "number": yaml_values.number,
    "string": yaml_values.string,
    "stoi": cpp_numbers.stoi,
    "stoul": cpp_numbers.stoul,
    "stod": cpp_numbers.stod,
    "stof": cpp_numbers.stof,
}


@contextmanager
def yaml_cpp_oracle() -> Iterator[Oracle]:
    with yaml_cpp() as theirs:
        yield Oracle("yaml-cpp", make_file, lambda data: disagreement(theirs, data))


def disagreement(theirs: YamlCpp, data: bytes) -> str | None:
    ours, said = loaded(data), theirs.load(data)
    if "refused" in ours or "refused" in said:
        ours_line, their_line = ours.get("line"), said.get("line")
        alike = "refused" in ours and "refused" in said and ours_line == their_line
        return None if alike else f"loads: ours {ours}, yaml-cpp's {said}"
    if ours != said:
        return f"has: ours {ours}, yaml-cpp's {said}"
    texts = {node[4] for node in ours.get("tree", []) if node[0] == "s"}
    values = (unlike_values(theirs, text) for text in sorted(texts))
    return next(filter(None, values), None) or unlike_written(theirs, data)


def unlike_written(theirs: YamlCpp, data: bytes) -> str | None:
    """What we write reads to what we read, and to yaml-cpp alike."""
    file = _parsed(data)
    if isinstance(file, str):
        return None
    try:
        written = write(file)
    except Refused:
        return None
    if (again := _parsed(written)) != file:
        return f"written: {written!r}, which reads to {again}"
    if loaded(written) != (said := theirs.load(written)):
        return f"written: {written!r}, which yaml-cpp reads to {said}"
    return None


def _parsed(data: bytes) -> ConfigFile | str:
    try:
        return parse(data)
    except Refused as refused:
        return str(refused)


def loaded(data: bytes) -> dict[str, Any]:
    """What we make of a file, in the words of the program."""
    try:
        return {"tree": shown(load(data).root)}
    except Refused as refused:
        return {"refused": refused.reason, "line": (refused.line or 0) - 1}
    except TooManyError:
        return {"many": True}


class TooManyError(Exception):
    """More nodes than are shown."""


def shown(root: Node | None) -> list[list[Any]]:
    """A tree, each node before what is in it."""
    nodes: list[list[Any]] = []
    waiting: list[tuple[Node | None, int]] = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        if len(nodes) == MOST_NODES or depth > DEEPEST:
            raise TooManyError
        line, inner = _shown(node)
        nodes.append(line)
        waiting += [(each, depth + 1) for each in reversed(inner)]
    return nodes


def _shown(node: Node | None) -> tuple[list[Any], list[Node]]:
    if node is None:
        return ["n", -1, -1], []
    place = node.mark.line, node.mark.column
    match node:
        case Null():
            return ["n", *place], []
        case Scalar():
            return ["s", *place, _latin(node.tag), _latin(node.text)], []
        case List():
            return ["l", *place, _latin(node.tag), len(node.items)], node.items
        case Map():
            inner = [each for pair in node.pairs for each in pair]
            return ["m", *place, _latin(node.tag), len(node.pairs)], inner


def unlike_values(theirs: YamlCpp, latin: str) -> str | None:
    said = theirs.convert(latin.encode("latin-1"))
    text = latin.encode("latin-1").decode(errors="surrogateescape")
    for name, ours in OURS.items():
        if (value := _value(ours, text)) != said[name]:
            return f"{name} of {text!r}: ours {value!r}, yaml-cpp's {said[name]!r}"
    return None


def _value(ours: Callable[[str], Any], text: str) -> Any:
    try:
        value = ours(text)
    except ValueRefused:
        return None
    if isinstance(value, float):
        return _c_hex(value)
    return _latin(value) if isinstance(value, str) else value


def _c_hex(value: float) -> str:
    """As `printf("%a")`."""
    text = value.hex()
    if "p" not in text:
        return text
    digits, _, power = text.partition("p")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}p{power}"


def _latin(text: str) -> str:
    return text.encode(errors="surrogateescape").decode("latin-1")
