"""From bytes to the tree of the first document, or a refusal with its place."""

from __future__ import annotations

from sightline.deepstream.yamlcpp import parser
from sightline.deepstream.yamlcpp.nodes import Node
from sightline.deepstream.yamlcpp.scanner import Scanner
from sightline.deepstream.yamlcpp.text import Text


def load(data: bytes) -> Node | None:
    """The first document, or None where there is none.

    Raises:
        Refused: yaml-cpp would raise a ParserException.
    """
    return parser.document(Scanner(Text.of(data)))
