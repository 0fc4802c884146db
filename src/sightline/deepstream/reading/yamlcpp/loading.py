"""From bytes to the tree of the first document, or a refusal with its place."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.deepstream.reading.yamlcpp import parser
from sightline.deepstream.reading.yamlcpp.nodes import Node
from sightline.deepstream.reading.yamlcpp.scanner import Scanner
from sightline.deepstream.reading.yamlcpp.text import Text


@dataclass(frozen=True, slots=True)
class Document:
    """The first document of a file.

    Attributes:
        root: None where there is nothing.
        comments: the lines that are comment alone, by their line from 0, without their `#`.
    """

    root: Node | None
    comments: dict[int, str]


def load(data: bytes) -> Document:
    """The first document.

    Raises:
        Refused: yaml-cpp would raise a ParserException.
    """
    scanner = Scanner(Text.of(data))
    return Document(parser.document(scanner), scanner.comments)
