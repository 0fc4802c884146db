"""Groups of a file that is made, in either form: values become the texts that DeepStream's readers read back.

Promises: what GLib's or yaml-cpp's reader makes of a row is what was put in, whatever letters it has; the
rows stand in the order they were given. What the form cannot hold is refused with its key, not its value.

Deliberately not here: which groups and keys there are (`application`, `models`), and files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from sightline.deepstream.document import Entry, Form, Group
from sightline.deepstream.reading.keyfile_values import escape
from sightline.errors import ConfigError

Setting: TypeAlias = str | int | float | tuple[str, ...]
"""What a row is set to; a tuple is a list of words with `;` between them."""

Row: TypeAlias = tuple[str, Setting]

SEPARATOR: Final = ";"


def group(form: Form, name: str, rows: Iterable[Row]) -> Group:
    return Group(name, tuple(entry(form, key, setting) for key, setting in rows))


def entry(form: Form, key: str, setting: Setting) -> Entry:
    if isinstance(setting, tuple):
        return Entry(key, SEPARATOR.join(_words(form, key, setting)))
    text = str(setting)
    if "\0" in text:
        raise ConfigError(f"{key}: expected a text without NUL, which ends a text of DeepStream's")
    return Entry(key, escape(text) if form is Form.TXT else text)


def _words(form: Form, key: str, words: tuple[str, ...]) -> Iterator[str]:
    """DeepStream splits YAML's texts at every `;`, and knows no way to mean the letter."""
    for word in words:
        if form is Form.YML and SEPARATOR in word:
            raise ConfigError(f"{key}: expected words without {SEPARATOR} for YAML, got one with it")
        if "\0" in word:
            raise ConfigError(f"{key}: expected words without NUL, got one with it")
        yield escape(word, in_list=True) if form is Form.TXT else word
