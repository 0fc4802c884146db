"""Text to ruamel.yaml's nodes, or to the place and the words of what keeps it from being YAML.

Nodes are used rather than ruamel's values because they alone know where each key *and* each value stands,
and because nothing is constructed by a tag. Its words are replaced: they may quote the text, and the text may
be a password.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node
from ruamel.yaml.reader import ReaderError

from sightline.site.mistakes import Finding, Place

MAX_DEPTH: Final = 32

_MEANINGS: Final = {
    r"mapping values are not allowed": "a colon where no key can be: a text that holds a colon and a space "
    "goes into quotes, and a key needs a space after its colon (look at the line above too)",
    r"'\\t' that cannot start": "a tab: YAML is indented with spaces",
    r"that cannot start any token": "a text cannot begin with this character: put it in quotes",
    r"undefined alias": "an alias (*name) that no anchor (&name) above it defines; a text that begins with * "
    "goes into quotes",
    r"got '\{'": 'a { within a text: inside braces or brackets a text such as "${NAME}" goes into quotes',
    r"'<stream end>'": "the file ends before this bracket or brace is closed",
    r"unexpected end of stream": "the file ends before this quote is closed",
    r"unknown escape": "an unknown escape: inside double quotes a backslash is written twice",
    r"another document": "a second document (---): a site file holds one",
    r"maximum depth": f"nested more than {MAX_DEPTH} levels deep",
    r"expected <block end>": "this does not fit what stands above it: look at the indentation",
    r"could not find expected ':'": "a key without its colon",
    r"tag handle": "tags (words that begin with !) are not used in a site file",
}
"""What ruamel says, as a pattern, and what it means for who wrote the file."""


class NotYaml(Exception):
    """The text cannot be understood from some place on. It never leaves this package."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.finding = Finding(place, (), message)


def compose(text: str) -> Node | None:
    """The one document in `text`; None where it is empty. Raises NotYaml."""
    yaml = YAML(typ="safe", pure=True)  # the parser in C knows no columns
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False
    try:
        node: Node | None = yaml.compose(text)
    except ReaderError as error:
        raise NotYaml(_place_at(text, error.position), "a character that may not stand in YAML") from None
    except MarkedYAMLError as error:
        raise NotYaml(_problem_place(error), _meaning(error)) from None
    except YAMLError:
        raise NotYaml(Place(1, 1), "this is not YAML") from None
    except RecursionError:  # in the scanner, which counts no depth
        raise NotYaml(Place(1, 1), f"nested more than {MAX_DEPTH} levels deep") from None
    return node


def place_of(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _place_at(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def _problem_place(error: MarkedYAMLError) -> Place:
    mark: Any = error.problem_mark or error.context_mark
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)


def _meaning(error: MarkedYAMLError) -> str:
    said = f"{error.problem} {error.context}"
    known = (meaning for pattern, meaning in _MEANINGS.items() if re.search(pattern, said))
    return next(known, "this is not YAML: " + re.sub(r"'[^']*'", "…", str(error.problem or error.context)))
