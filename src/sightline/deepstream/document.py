"""A configuration file as it stands, in either format, before anybody gives it a meaning.

Promises: every group and every entry, duplicates too, in the order of the file, with the line each stands
on (from 1), its value untouched: for text what `g_key_file_get_value` gives for that line (escapes not yet
undone, trailing white space kept), for YAML what yaml-cpp has as the scalar. Which of several duplicates
holds is the reader's nature; `entry` answers so. To ask by name costs the same in a file of a million
headers: what was asked for once is kept, also what a reader makes of the whole file (`once`).

Deliberately not here: what a key means (`keys`), what a value is (`keyfile_values`, `yaml_values`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar, cast

_Thing = TypeVar("_Thing")


class Form(StrEnum):
    """How a file is written."""

    TXT = "txt"  # GLib's key files
    YML = "yml"  # YAML as yaml-cpp reads it

    @classmethod
    def of(cls, path: Path) -> Form:
        """As DeepStream tells them apart: by the end of the name, `.yml` or `.yaml`."""
        return cls.YML if path.name.endswith((".yml", ".yaml")) else cls.TXT


@dataclass(frozen=True, slots=True)
class Nothing:
    """YAML's null: `key:` with nothing after it, or `~`."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """YAML's `[1, 2]` or lines with `- `."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """YAML's pairs, in order, duplicates kept."""

    entries: tuple[Entry, ...]


Value = str | Nothing | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Entry:
    """One key and its value.

    Attributes:
        key: as written.
        value: a `str` in text files always; in YAML usually.
        line: where the key stands, from 1; 0 for one that was made, not read.
        quoted: YAML's scalar stood in quotes, so that it is neither null nor, to a converter, a number.
        comment: the lines of comment right above it, without their `#`; not part of its equality.
    """

    key: str
    value: Value
    line: int = field(default=0, compare=False)
    quoted: bool = field(default=False, compare=False)
    comment: tuple[str, ...] = field(default=(), compare=False)

    @property
    def text(self) -> str | None:
        """The value where it is a scalar, else None."""
        return self.value if isinstance(self.value, str) else None


@dataclass(frozen=True, slots=True)
class Group:
    """`[name]` and what stands under it; in YAML a key of the top level whose value is a mapping.

    Attributes:
        value: what a top-level key of YAML has instead of a mapping (`Nothing` for an empty group, a scalar,
            a `Sequence`); None where it is a group like any other.
    """

    name: str
    entries: tuple[Entry, ...] = ()
    line: int = field(default=0, compare=False)
    value: Value | None = None
    comment: tuple[str, ...] = field(default=(), compare=False)
    _by_key: dict[str, tuple[Entry, ...]] | None = field(default=None, init=False, compare=False, repr=False)

    def all(self, key: str) -> tuple[Entry, ...]:
        if self._by_key is None:
            object.__setattr__(self, "_by_key", _grouped((entry.key, entry) for entry in self.entries))
        return (self._by_key or {}).get(key, ())


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A whole file.

    Attributes:
        groups: every header in order; a name that comes twice stands here twice.
        tail: comment below the last entry.
    """

    form: Form
    groups: tuple[Group, ...]
    path: Path | None = field(default=None, compare=False)
    tail: tuple[str, ...] = field(default=(), compare=False)
    _by_name: dict[str, tuple[Group, ...]] = field(init=False, compare=False, repr=False)
    _held: dict[str, dict[str, Entry]] = field(default_factory=dict, init=False, compare=False, repr=False)
    _made: dict[Hashable, object] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", _grouped((group.name, group) for group in self.groups))

    def named(self, group: str) -> tuple[Group, ...]:
        return self._by_name.get(group, ())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of groups, each once, in the order of their first header."""
        return tuple(self._by_name)

    def entries(self, group: str) -> Iterator[Entry]:
        """What the reader sees of a group: each key once, in the order of first appearance.

        Text: headers of one name are merged, the last of equal keys holds. YAML: the first group of that
        name (yaml-cpp finds it by its name) and the last of equal keys (DeepStream's parsers go through all
        that are there, and each sets what the one before it set).
        """
        yield from self._holding(group).values()

    def entry(self, group: str, key: str) -> Entry | None:
        return self._holding(group).get(key)

    def once(self, make: Callable[..., _Thing], *more: Hashable) -> _Thing:
        """`make(file, *more)`, made at the first asking: many ask the same of a file that never changes."""
        if (make, *more) not in self._made:
            self._made[(make, *more)] = make(self, *more)
        return cast(_Thing, self._made[(make, *more)])

    def _holding(self, group: str) -> dict[str, Entry]:
        if group not in self._by_name:
            return {}  # not kept: who asks for many that are not there makes it no larger
        if group not in self._held:
            seen = self.named(group)[: None if self.form is Form.TXT else 1]
            self._held[group] = {entry.key: entry for each in seen for entry in each.entries}
        return self._held[group]


def _grouped(named: Iterable[tuple[str, _Thing]]) -> dict[str, tuple[_Thing, ...]]:
    """Things of one name together, names in the order in which each is first there."""
    found: dict[str, list[_Thing]] = {}
    for name, thing in named:
        found.setdefault(name, []).append(thing)
    return {name: tuple(things) for name, things in found.items()}


def held(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Each key once, in the order of first appearance, with the last value that it is given."""
    return {entry.key: entry for entry in entries}.values()
