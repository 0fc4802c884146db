"""A value as DeepStream's own reader for that form takes it.

Promises: `read` gives what the program would have, or raises ValueRefused where GLib sets an error or
yaml-cpp (or `std::stoi`) throws. `value` gives None instead, for those who ask for several keys together.

Deliberately not here: whether a value is allowed (`value_checks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sightline.deepstream.document import ConfigFile, Entry, Form, Value
from sightline.deepstream.keys.key import Key, Type
from sightline.deepstream.keys.opening import table_of
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading import keyfile_values, yaml_values
from sightline.deepstream.reading.cpp_numbers import stoi
from sightline.deepstream.refusal import ValueRefused

leading_integer = stoi

_TEXT: Mapping[Type, Callable[[str], Any]] = {
    Type.INTEGER: keyfile_values.integer,
    Type.UNSIGNED: keyfile_values.uint64,
    Type.LONG: keyfile_values.uint64,
    Type.SIGNED_LONG: keyfile_values.int64,
    Type.BOOLEAN: keyfile_values.boolean,
    Type.NUMBER: keyfile_values.number,
    Type.STRING: keyfile_values.string,
    Type.PATH: keyfile_values.string,
    Type.INTEGERS: keyfile_values.integers,
    Type.NUMBERS: keyfile_values.numbers,
    Type.STRINGS: keyfile_values.strings,
    Type.LEADING: lambda text: stoi(keyfile_values.string(text)),
}
_YAML: Mapping[Type, Callable[[Value], Any]] = {
    Type.INTEGER: yaml_values.integer,
    Type.UNSIGNED: yaml_values.unsigned,
    Type.LONG: yaml_values.uint64,
    Type.SIGNED_LONG: yaml_values.int64,
    Type.BOOLEAN: yaml_values.boolean,
    Type.NUMBER: yaml_values.number,
    Type.STRING: yaml_values.string,
    Type.PATH: yaml_values.string,
    Type.INTEGERS: yaml_values.integers,
    Type.NUMBERS: yaml_values.numbers,
    Type.STRINGS: yaml_values.strings,
    Type.LEADING: lambda value: stoi(yaml_values.string(value)),
}


def read(key: Key, entry: Entry, form: Form) -> Any:
    """The value. Raises ValueRefused where DeepStream's reader does not take it."""
    if key.type_in(form) is Type.ANY:
        return entry.value
    if form is Form.TXT:
        return _TEXT[key.type_in(form)](entry.text or "")
    return _YAML[key.type_in(form)](entry.value)


def value(file: ConfigFile, kind: Kind, group: str, key: str) -> Any:
    """What DeepStream has of a key; None where it is not set, has no row or cannot be read."""
    table, entry = table_of(kind, group), file.entry(group, key)
    row = table.find(key, file.form) if table else None
    if row is None or entry is None:
        return None
    try:
        return read(row, entry, file.form)
    except ValueRefused:
        return None
