"""From bytes to the tree of the first document, or a refusal with its place."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.deepstream.yamlcpp import parser
from sightline.deepstream.yamlcpp.nodes import Node
from sightline.deepstream.yamlcpp.scanner import Scanner
from sightline.deepstream.yamlcpp.text import Text


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
