"""What two files say differently, and not how they are written.

Promises: the form, the order, comments, duplicates that do not hold and old names of keys are no differences.
What is worth a word and yet the same (a default that stands in one of them, `x.txt` here and `x.yml` there,
another order of sources) is told as a `Difference` that does not count.

Deliberately not here: the files that they name. Each is compared by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from sightline.deepstream.comparing.meaning import Meaning, Setting, enabling, is_cut, is_unread, meaning_of
from sightline.deepstream.comparing.plain import is_source
from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import What
from sightline.deepstream.keys.key import Type
from sightline.deepstream.kinds import Kind, kind_of
from sightline.log import redact

_FORMS: Final = (".txt", ".yml", ".yaml")


class How(StrEnum):
    """In what way two files differ."""

    KIND = "other kind"  # of file: nothing else is compared
    ONLY_FIRST = "only in the first"
    ONLY_SECOND = "only in the second"
    OTHER = "other value"
    UNREADABLE = "not known"  # the sources of one stand in a table that is not there
    DEFAULT = "default written out"  # counts for nothing, as all below
    FORM = "same file in the other form"
    ORDER = "other order of sources"
    CUT = "cut in YAML"  # parts of a colour, to whole numbers: it is drawn in another one
    PASSED_OVER = "passed over"  # a key or a group that DeepStream does not read in this form


_COUNTING: Final = frozenset({How.KIND, How.ONLY_FIRST, How.ONLY_SECOND, How.OTHER, How.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        key: None where it is a whole group.
        first, second: the values as they are written; None where there is none.
        first_line, second_line: where they stand, from 1.
    """

    how: How
    message: str
    group: str | None = None
    key: str | None = None
    first: str | None = None
    second: str | None = None
    first_line: int | None = None
    second_line: int | None = None

    @property
    def counts(self) -> bool:
        """Whether DeepStream does something else for it."""
        return self.how in _COUNTING

    def to_json(self) -> bytes:
        return msgspec.json.encode(msgspec.to_builtins(self) | {"counts": self.counts})


def same(differences: tuple[Difference, ...]) -> bool:
    """Whether the two files mean the same."""
    return not any(difference.counts for difference in differences)


def diff(first: ConfigFile, second: ConfigFile) -> tuple[Difference, ...]:
    """Everything in which the meanings of two files differ, in the order of the first.

    What looks like a secret stands in none of it.
    """
    kinds = [kind for kind in (kind_of(first), kind_of(second)) if kind is not Kind.UNKNOWN]
    kind = kinds[0] if len(kinds) == 1 else None  # one is too short to tell: it is taken for the other's
    return tuple(map(_redacted, _compared(meaning_of(first, kind), meaning_of(second, kind))))


def _redacted(difference: Difference) -> Difference:
    return replace(
        difference,
        message=redact(difference.message),
        first=difference.first and redact(difference.first),
        second=difference.second and redact(difference.second),
    )


def _compared(a: Meaning, b: Meaning) -> Iterator[Difference]:
    if a.kind is not b.kind:
        told = f"the first is a file of {a.kind}, the second one of {b.kind}"
        yield Difference(How.KIND, told, first=a.kind, second=b.kind)
        return
    if a.table_missing != b.table_missing:
        yield _unreadable(a, b)
    for group in dict.fromkeys([*a.groups, *b.groups]):
        if not _in_the_missing_table(group, a, b):
            yield from _group(group, a, b)
    yield from _outside(a, b)
    yield from _order(a, b)


def _unreadable(a: Meaning, b: Meaning) -> Difference:
    notes = (a if a.table_missing else b).notes
    note = next(note for note in notes if note.what is What.MISSING)
    lines = (note.line, None) if a.table_missing else (None, note.line)
    return Difference(How.UNREADABLE, note.message, note.group, note.key, None, None, *lines)


def _in_the_missing_table(group: str, a: Meaning, b: Meaning) -> bool:
    """Whether a group is one of those that could not be compared, which is told once."""
    return a.table_missing != b.table_missing and (is_source(group) or group == "source")


def _group(name: str, a: Meaning, b: Meaning) -> Iterator[Difference]:
    first, second = a.groups.get(name), b.groups.get(name)
    unread = [is_unread(each.kind, name, each.form) for each in (a, b)]
    if any(unread):
        yield from _unread(name, first, second, *unread)
        return
    if first is None or second is None:
        yield from _only_one(name, a.kind, first, second)
        return
    for key in dict.fromkeys([*first, *second]):
        yield from _setting(name, key, first.get(key), second.get(key))
        yield from _cut(name, key, a, b)


def _unread(
    name: str,
    first: dict[str, Setting] | None,
    second: dict[str, Setting] | None,
    not_first: bool,
    not_second: bool,
) -> Iterator[Difference]:
    """Of a group that the parser of the first's form, the second's, or of both, passes over."""
    lines = (_line(first), _line(second))
    read = [settings for settings, unread in ((first, not_first), (second, not_second)) if not unread]
    if any(settings for settings in read):
        how = How.ONLY_SECOND if not_first else How.ONLY_FIRST
        told = f"[{name}] is read in the {'second' if not_first else 'first'} alone"
        yield Difference(how, told, name, None, None, None, *lines)
    elif {key: each.value for key, each in (first or {}).items()} != {
        key: each.value for key, each in (second or {}).items()
    }:
        told = f"[{name}] is passed over where it stands, which is not the same in both"
        yield Difference(How.PASSED_OVER, told, name, None, None, None, *lines)


def _line(settings: dict[str, Setting] | None) -> int | None:
    return min((each.line for each in (settings or {}).values() if each.line), default=None)


def _only_one(
    name: str, kind: Kind, first: dict[str, Setting] | None, second: dict[str, Setting] | None
) -> Iterator[Difference]:
    settings = (first if second is None else second) or {}
    where = "first" if second is None else "second"
    lines = (_line(first), _line(second))
    if _says_nothing(name, kind, settings):
        told = f"[{name}] stands only in the {where}, and changes nothing: " + (
            "it is turned off" if "enable" in settings else "it is empty, or has defaults alone"
        )
        yield Difference(How.DEFAULT, told, name, None, None, None, *lines)
    else:
        how = How.ONLY_FIRST if second is None else How.ONLY_SECOND
        told = f"[{name}] stands only in the {where}, with {len(settings)} keys"
        yield Difference(how, told, name, None, None, None, *lines)


def _says_nothing(name: str, kind: Kind, settings: dict[str, Setting]) -> bool:
    """Whether a group does what its absence does."""
    if enabling(kind, name) is not None:
        enable = settings.get("enable")
        return enable is not None and enable.value == 0
    return all(setting.is_default for setting in settings.values()) and kind is not Kind.UNKNOWN


def _setting(group: str, key: str, first: Setting | None, second: Setting | None) -> Iterator[Difference]:
    if first is None or second is None:
        held = first or second
        if held is not None:
            yield _one_sided(group, key, held, is_first=second is None)
    elif first.value != second.value:
        yield _other(group, key, first, second)


def _cut(group: str, key: str, a: Meaning, b: Meaning) -> Iterator[Difference]:
    """Of a colour that is the same in both, and is not drawn so."""
    first, second = a.groups[group].get(key), b.groups[group].get(key)
    if a.form is b.form or first is None or second is None or first.value != second.value:
        return
    if is_cut(a.kind, group, key, first.value):
        told = f"[{group}] {key} is {first.written} in both; of the one in YAML only whole parts are read"
        yield Difference(How.CUT, told, group, key, first.written, second.written, first.line, second.line)


def _one_sided(group: str, key: str, held: Setting, *, is_first: bool) -> Difference:
    where = "first" if is_first else "second"
    told = f"[{group}] {key} = {held.written} stands only in the {where}"
    how = How.ONLY_FIRST if is_first else How.ONLY_SECOND
    if held.is_default:
        how, told = How.DEFAULT, f"{told}; it is the default"
    elif held.passed_over:
        how, told = How.PASSED_OVER, f"{told}, whose parser does not know it"
    values = (held.written, None, held.line, None) if is_first else (None, held.written, None, held.line)
    return Difference(how, told, group, key, *values)


def _other(group: str, key: str, first: Setting, second: Setting) -> Difference:
    values = (first.written, second.written, first.line, second.line)
    told = f"[{group}] {key} is {first.written} in the first and {second.written} in the second"
    if (first.row is None) != (second.row is None):
        told += f", and {'the first' if first.row else 'the second'} alone is read"
    if _twins(first, second):
        return Difference(How.FORM, f"{told}: one file in two forms", group, key, *values)
    return Difference(How.OTHER, told, group, key, *values)


def _twins(first: Setting, second: Setting) -> bool:
    """Whether two paths name one file, each in a form: as the samples of NVIDIA name each other."""
    if not isinstance(first.value, str) or not isinstance(second.value, str):
        return False
    row = first.row or second.row
    if row is None or row.type is not Type.PATH:
        return False
    one, other = Path(first.value), Path(second.value)
    return one.with_suffix("") == other.with_suffix("") and {one.suffix, other.suffix} <= {*_FORMS}


def _outside(a: Meaning, b: Meaning) -> Iterator[Difference]:
    for key in dict.fromkeys([*a.outside, *b.outside]):
        first, second = a.outside.get(key), b.outside.get(key)
        if first and second and first.value == second.value:
            continue
        where = "both" if first and second else "the first" if first else "the second"
        told = f"{key} stands outside of any group in {where}, where DeepStream passes over it"
        yield Difference(
            How.PASSED_OVER,
            told,
            None,
            key,
            first.written if first else None,
            second.written if second else None,
            first.line if first else None,
            second.line if second else None,
        )


def _order(a: Meaning, b: Meaning) -> Iterator[Difference]:
    first = [group for group in a.groups if is_source(group)]
    second = [group for group in b.groups if is_source(group)]
    if first != second and sorted(first) == sorted(second):
        told = f"the sources come in another order: {', '.join(first)} and {', '.join(second)}"
        yield Difference(How.ORDER, told)
