"""A value as DeepStream's own reader for that form takes it.

Promises: `read` gives what the program would have, or raises ValueRefused where GLib sets an error or
yaml-cpp (or `std::stoi`) throws. `value` is for those who judge several keys together: None where a key is not
set or not readable, because that is told elsewhere, once.

Deliberately not here: whether a value is allowed (`value_checks`).
"""

from __future__ import annotations

import re
from typing import Any

from sightline.deepstream import keyfile_values, yaml_values
from sightline.deepstream.document import ConfigFile, Entry, Form
from sightline.deepstream.keys.key import Key, Type
from sightline.deepstream.keys.opening import key_of
from sightline.deepstream.kinds import Kind
from sightline.deepstream.refusal import ValueRefused

_NAMES = {
    Type.INTEGER: "integer",
    Type.UNSIGNED: "uint64",
    Type.BOOLEAN: "boolean",
    Type.NUMBER: "number",
    Type.STRING: "string",
    Type.PATH: "string",
    Type.INTEGERS: "integers",
    Type.NUMBERS: "numbers",
    Type.STRINGS: "strings",
}
_LEADING = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")


def read(key: Key, entry: Entry, form: Form) -> Any:
    """The value. Raises ValueRefused where DeepStream's reader does not take it."""
    wanted = key.type_in(form)
    if wanted is Type.LEADING:
        return leading_integer(_scalar(entry, form))
    if form is Form.TXT:
        return getattr(keyfile_values, _NAMES[wanted])(entry.value)
    return getattr(yaml_values, _NAMES[wanted])(entry.value)


def leading_integer(text: str) -> int:
    """As `std::stoi`: white space, digits, and whatever follows is not looked at."""
    found = _LEADING.match(text)
    if not found:
        raise ValueRefused(f"expected an integer, got {text!r}")
    number = int(found[1])
    if not -(2**31) <= number < 2**31:
        raise ValueRefused(f"expected an integer of 32 bits, got {text!r}")
    return number


def _scalar(entry: Entry, form: Form) -> str:
    text: str = (keyfile_values if form is Form.TXT else yaml_values).string(entry.value)  # type: ignore[arg-type]
    return text


def value(file: ConfigFile, kind: Kind, group: str, key: str) -> Any:
    """What DeepStream has of a key; None where it is not set, has no row or cannot be read."""
    row, entry = key_of(kind, group, key), file.entry(group, key)
    if row is None or entry is None:
        return None
    try:
        return read(row, entry, file.form)
    except ValueRefused:
        return None
