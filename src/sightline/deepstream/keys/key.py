"""A key that DeepStream reads, as a row of a table.

The tables are facts from NVIDIA's sources; each names the file that it was read from. What one row cannot
say (keys that only matter beside others, values that are replaced) is in `rules`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Severity


class Type(StrEnum):
    """What the reader makes of a value."""

    INTEGER = "integer"
    UNSIGNED = "unsigned integer"
    LONG = "unsigned integer of 64 bits"
    SIGNED_LONG = "integer of 64 bits"
    BOOLEAN = "boolean"
    NUMBER = "number"
    STRING = "string"
    PATH = "path"  # relative to the folder of the file it stands in
    INTEGERS = "integers with ; between them"
    NUMBERS = "numbers with ; between them"
    STRINGS = "words with ; between them"
    LEADING = "integer, and what follows it"  # std::stoi and atoi: `5 fps` is 5
    ANY = "any shape"  # a list or a mapping of YAML, which a closed library reads


class Outside(StrEnum):
    """What becomes of a number that is none of the choices or out of range."""

    REFUSED = "refused"
    TAKEN = "taken as it is"
    REPLACED = "replaced"  # `Key.instead` says by what


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of one group.

    Attributes:
        name: as written; `{N}` stands for digits, `{NAME}` for any word, `{INDEX}` for what strtoll reads.
        default: what holds where it is not set, in words; None where that is nothing to speak of.
        choices: what the numbers mean, where only these have a meaning.
        low, high: bounds, both allowed.
        count: how many values a list must have; None for any number.
        in_yaml: what the YAML parser makes of the value, where it is not what the text parser makes of it.
        unreadable: what becomes of a value that the reader does not take; REPLACED by `instead`.
        instead: what a value outside becomes, where `outside` is REPLACED.
        heir: the key that is to be used instead of this one.
        yields_to: the key beside which this one is not even read.
        forms: the formats whose parser knows it.
        note: what to know, in a sentence.
    """

    name: str
    type: Type
    default: str | None = None
    choices: Mapping[int, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    count: int | None = None
    in_yaml: Type | None = None
    outside: Outside = Outside.REFUSED
    unreadable: Outside = Outside.REFUSED
    instead: str | None = None
    heir: str | None = None
    yields_to: str | None = None
    forms: tuple[Form, ...] = (Form.TXT, Form.YML)
    note: str | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return name_pattern(self.name)

    def type_in(self, form: Form) -> Type:
        return self.in_yaml or self.type if form is Form.YML else self.type


@dataclass(frozen=True, kw_only=True)
class GroupTable:
    """A group that DeepStream reads; its name may have `{N}` or `{NAME}` in it as a key's.

    Attributes:
        required: without it the file is refused.
        source: the file of NVIDIA/DeepStream that this was read from.
        unknown: what DeepStream does with a key of this group that it does not know.
        unknown_in_yaml: the same, where the YAML parser does something else.
        forms: the formats whose parser knows the group; the other passes over it.
        switched: where `enable` says no, the rest of the group is not read at all.
        listed: the value is a sequence, and each of its mappings is such a group.
    """

    name: str
    keys: tuple[Key, ...]
    required: bool = False
    source: str
    unknown: Severity = Severity.WARNING
    unknown_in_yaml: Severity | None = None
    forms: tuple[Form, ...] = (Form.TXT, Form.YML)
    switched: bool = False
    listed: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return name_pattern(self.name)

    def unknown_in(self, form: Form) -> Severity:
        return self.unknown_in_yaml or self.unknown if form is Form.YML else self.unknown

    def respelled(self, key: str, form: Form) -> str | None:
        """The key that this form's parser knows, and that was written with other separators or letters."""
        return next((row.name for row in self._plain.get(folded(key), ()) if form in row.forms), None)

    @cached_property
    def _plain(self) -> Mapping[str, tuple[Key, ...]]:
        """Rows by their names without separators; not those whose names are patterns."""
        rows: dict[str, tuple[Key, ...]] = {}
        for row in self.keys:
            if "{" not in row.name:
                rows[folded(row.name)] = (*rows.get(folded(row.name), ()), row)
        return rows

    def find(self, key: str, form: Form | None = None) -> Key | None:
        """The row of a key: of several that fit, one that the form's parser knows."""
        plain, patterns = self._index
        fitting = plain[key] if key in plain else [each for each in patterns if each.pattern.fullmatch(key)]
        return next((each for each in fitting if form in each.forms), fitting[0] if fitting else None)

    @cached_property
    def _index(self) -> tuple[dict[str, list[Key]], list[Key]]:
        """The rows that fit each name which is written out, and those that are patterns: files are large."""
        plain = {
            row.name: [each for each in self.keys if each.pattern.fullmatch(row.name)] for row in self.keys
        }
        return plain, [row for row in self.keys if "{" in row.name]


def folded(name: str) -> str:
    """A name without what is easily written otherwise: `Batch_Size` and `batch-size` are one."""
    return re.sub(r"[-_. ]", "", name).lower()


def name_pattern(name: str) -> re.Pattern[str]:
    pattern = re.escape(name).replace(r"\{N\}", r"\d+").replace(r"\{NAME\}", ".+")
    return re.compile(pattern.replace(r"\{INDEX\}", r"\s*[+-]?\d+.*"))
