"""Labels and settings as text that people edit, and back.

Promises: what is shown comes back as the same values; a mistake says its line. No variable of the
environment is read: the coordinator's is nobody's to see.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from ruamel.yaml import YAML

from sightline.fleet.store.refusals import Mistake
from sightline.site.document import Document, parse
from sightline.site.mistakes import Where
from sightline.site.syntax import NotYaml
from sightline.site.variables import expand

_UNSEEN: Final = re.compile("[\x7f-\x9f\ufeff\ufffe\uffff]")
"""What may not stand in YAML as it is."""
_STEP: Final = re.compile(r"[^.\[\]]+")


class Read:
    """A text that was read: its `values`, and what is wrong with it."""

    def __init__(self, values: dict[str, Any], mistakes: list[Mistake], document: Document | None) -> None:
        self.values, self.mistakes, self._document = values, mistakes, document

    def line_of(self, where: str) -> int | None:
        """Where the value of this way, such as `workers.look.model`, stands; of one that is missing, what it
        is missing in. None: the text is empty.
        """
        if self._document is None or not self.values:
            return None
        steps: list[str | int] = [_step(text) for text in _STEP.findall(where)]
        return self._document.place_of_key(self._there(tuple(steps))).line

    def _there(self, where: Where) -> Where:
        """A key may have a point in it: then the nearest thing around it that stands somewhere."""
        known = self._document.values if self._document else {}
        while where and where not in known:
            where = where[:-1]
        return where


def read_yaml(text: str, field: str) -> Read:
    """A mapping in YAML, or in JSON, which is YAML. `field`: where mistakes are."""
    try:
        document = parse(text, {})
    except NotYaml as error:
        found = error.finding
        return Read({}, [Mistake(field, f"line {found.place.line}: {found.message}")], None)
    mistakes = [Mistake(field, f"line {one.place.line}: {one.message}") for one in document.findings]
    value = document.value
    if value is None:
        return Read({}, mistakes, document)
    if not isinstance(value, dict):
        told = "line 1: expected keys with values, such as transport: udp"
        return Read({}, [*mistakes, Mistake(field, told)], document)
    return Read(dict(value), mistakes, document)


def as_yaml(values: Mapping[str, Any]) -> str:
    """For a field of a form; nothing: ""."""
    if not values:
        return ""
    yaml = YAML()
    yaml.width = 1 << 20  # a text is not broken into lines
    yaml.default_flow_style = False
    written = io.StringIO()
    yaml.dump(_plain(values), written)
    return written.getvalue()


def read_labels(text: str, field: str = "labels") -> tuple[dict[str, str], list[Mistake]]:
    """`key=value`, one a line; or all of them in braces, for keys in which these signs stand themselves."""
    if text.lstrip().startswith("{"):
        read = read_yaml(text, field)
        return read.values, read.mistakes
    labels: dict[str, str] = {}
    mistakes = []
    for number, line in enumerate(text.splitlines(), 1):
        key, equals, value = line.partition("=")
        if equals and key.strip():
            labels[key.strip()] = value.strip()
        elif line.strip():
            mistakes.append(Mistake(field, f"line {number}: expected key=value"))
    return labels, mistakes


def as_labels(labels: Mapping[str, str]) -> str:
    """For a field of a form."""
    text = "\n".join(f"{key}={value}" for key, value in labels.items())
    if read_labels(text) == (dict(labels), []):
        return text
    return _UNSEEN.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(_plain(labels), ensure_ascii=False)
    )


def _step(text: str) -> str | int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else text


def _plain(value: Any) -> Any:
    """As it has to stand in a text in which `${` begins a variable."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str) and "$" in value:
        found = expand(value, {})
        is_plain = found.text == value and not found.names and not found.broken
        return value if is_plain else value.replace("$", "$$")
    return value
