"""What a file says, whichever form it is written in: group, key, typed value.

Promises: two files that DeepStream reads to the same settings have equal values here: `1` and `1.0` where
a number is read, `0;` in text and `0` in YAML where a list is, `is-classifier=1` and `network-type=1`,
sources in groups, in a list or in a table. What cannot be read, or has no row in the tables, is its own text.

Deliberately not here: comparing (`differing`), writing (`converting`). Defaults are not filled in, for some
depend on the machine; `Setting.is_default` says of a value whether it is the one that would hold anyway.
"""

from __future__ import annotations

import math
import os.path
import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sightline.deepstream.comparing.plain import Plain, is_source, plain
from sightline.deepstream.comparing.preprocess_groups import LISTED, is_part
from sightline.deepstream.document import (
    ConfigFile,
    Entry,
    Form,
    Group,
    Mapping,
    Nothing,
    Sequence,
    Value,
)
from sightline.deepstream.findings import Finding
from sightline.deepstream.keys.key import GroupTable, Key, Type
from sightline.deepstream.keys.opening import table_of, tables_of
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading import keyfile_values, source_table
from sightline.deepstream.reading.values import read
from sightline.deepstream.refusal import ValueRefused

Meant: TypeAlias = int | float | str | tuple["Meant", ...] | None
_CUT_COLOURS: Final = frozenset({"text-color", "text-bg-color", "clock-color"})
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?(?=$|[\s,;:(])")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of one key.

    Attributes:
        value: as DeepStream has it; its text where nobody can say how that is.
        written: as it stands in the file.
        line: where, from 1; None where it was made of something else.
        row: what the tables know of the key; None where they do not know it in this form.
        is_default: whether it is what would hold if it did not stand there.
        passed_over: whether the parser of the other form alone knows the key.
    """

    value: Meant
    written: str
    line: int | None = None
    row: Key | None = None
    is_default: bool = False
    passed_over: bool = False


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a file says.

    Attributes:
        groups: settings by group and key, in the order of the file.
        outside: keys of YAML's top that are no groups, which DeepStream passes over.
        notes: what was resolved on the way.
        table_missing: whether its sources stand in a table that could not be read.
    """

    kind: Kind
    form: Form
    groups: dict[str, dict[str, Setting]]
    outside: dict[str, Setting]
    notes: tuple[Finding, ...]
    table_missing: bool = False

    def values(self) -> dict[str, dict[str, Meant]]:
        """Values alone, to be compared."""
        return {
            group: {key: setting.value for key, setting in settings.items()}
            for group, settings in self.groups.items()
        }


def meaning_of(file: ConfigFile, kind: Kind | None = None) -> Meaning:
    """What the file says to what reads it; `kind` where that is known and the file does not tell."""
    kind = kind or kind_of(file)
    made = plain(file, kind)
    return Meaning(
        kind=kind,
        form=file.form,
        groups={group.name: _settings(group, made, kind) for group in made.file.groups if _is_group(group)},
        outside={
            group.name: Setting(value_of(group.value), shown(group.value), group.line or None)
            for group in made.file.groups
            if group.value is not None and not _is_group(group)
        },
        notes=made.notes,
        table_missing=made.table_missing,
    )


def _is_group(group: Group) -> bool:
    return group.value is None or isinstance(group.value, Nothing)


def _settings(group: Group, made: Plain, kind: Kind) -> dict[str, Setting]:
    return {entry.key: _setting(entry, group.name, made.file.form, kind) for entry in group.entries}


def _setting(entry: Entry, group: str, form: Form, kind: Kind) -> Setting:
    row = row_of(kind, group, entry.key, form)
    value = meant(entry, row, form)
    return Setting(
        value,
        shown(entry.value),
        entry.line or None,
        row,
        is_default=_is_default(value, row, group, entry.key),
        passed_over=row is None and any(row_of(kind, group, entry.key, other) for other in Form),
    )


def row_of(kind: Kind, group: str, key: str, form: Form) -> Key | None:
    """The row of a key, where the parser of this form knows it."""
    table = table_for(kind, group, form)
    row = table.find(key, form) if table else None
    if table is None or row is None or form not in row.forms:
        return None
    return row if form in table.forms or is_source(group) else None  # a source's are columns of its table


def table_for(kind: Kind, group: str, form: Form) -> GroupTable | None:
    """The table of a group that `plain` made, whatever the group is called in this form."""
    table = table_of(kind, group)
    if kind is Kind.PREPROCESS and form is Form.YML and is_part(group):
        return table_of(kind, LISTED) or table
    return table


def is_unread(kind: Kind, group: str, form: Form) -> bool:
    """Whether the parser of this form passes over a group that the other's reads."""
    table = table_for(kind, group, form)
    if table is None or form in table.forms or is_source(group):
        return False
    return any(form in each.forms for each in tables_of(kind))  # else nothing of it is read in this form


def meant(entry: Entry, row: Key | None, form: Form) -> Meant:
    """The value as DeepStream has it; its text where it cannot be read."""
    if row is None:
        return _untyped(entry, form)
    try:
        return _normal(read(row, entry, form), row)
    except ValueRefused:
        return _untyped(entry, form)


def _normal(value: Any, row: Key) -> Meant:
    if row.type is Type.PATH and value:
        return os.path.normpath(str(value))
    if isinstance(value, list | tuple):
        return tuple("nan" if _is_nan(each) else each for each in value)  # which equals itself
    if isinstance(value, bool):
        return int(value)
    if _is_nan(value):
        return None
    read: int | float | str = value
    return read


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _untyped(entry: Entry, form: Form) -> Meant:
    if form is Form.TXT and entry.text is not None:
        try:
            return keyfile_values.string(entry.text)
        except ValueRefused:
            return entry.text
    return value_of(entry.value)


def value_of(value: Value | None) -> Meant:
    """A value that no row says anything of."""
    if isinstance(value, Sequence):
        return tuple(value_of(item) for item in value.items)
    if isinstance(value, Mapping):
        return tuple((entry.key, value_of(entry.value)) for entry in value.entries)
    return value if isinstance(value, str) else ""


def shown(value: Value | None) -> str:
    """A value as one would write it on one line."""
    if isinstance(value, Sequence):
        return f"[{', '.join(shown(item) for item in value.items)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{entry.key}: {shown(entry.value)}' for entry in value.entries)}}}"
    return value if isinstance(value, str) else "(nothing)"


def _is_default(value: Meant, row: Key | None, group: str, key: str) -> bool:
    if is_source(group):
        return str(value) == source_table.LEFT_OUT.get(key, "0")
    default = default_of(row)
    return default is not None and _plainly(value) == default


def default_of(row: Key | None) -> float | None:
    """The number with which a row's default begins; None where it is told in words alone."""
    found = _NUMBER.match(row.default) if row and row.default else None
    return float(found[0]) if found else None


def _plainly(value: Meant) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def is_cut(kind: Kind, group: str, key: str, value: Meant) -> bool:
    """Whether YAML's reader of `[osd]` makes whole numbers of a colour's parts: 0.3 is 0 to it."""
    if (kind, group) != (Kind.APP, "osd") or key not in _CUT_COLOURS or not isinstance(value, tuple):
        return False
    return any(isinstance(part, float) and part != int(part) for part in value)


def enabling(kind: Kind, group: str) -> Key | None:
    """The row of the key that turns a group on, where its group is nothing without it."""
    table = table_of(kind, group)
    return table.find("enable") if table and kind is Kind.APP else None
