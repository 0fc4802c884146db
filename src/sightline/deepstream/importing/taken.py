"""What is taken out of a file, and a note of all that is not.

Promises: each group and key of the file is either asked for or told of, once a group. Notes hold no secret
that looks like one.

Deliberately not here: what anything becomes (`importing` and its parts).
"""

from __future__ import annotations

import os.path
from dataclasses import replace
from pathlib import Path
from typing import Self

from sightline.deepstream.comparing.meaning import Meaning, Meant, Setting, meaning_of
from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import load
from sightline.deepstream.refusal import Refused
from sightline.log import redact

# Turned on by being there at all, in the test programs' YAML.
_NO_SWITCH = frozenset({Kind.TEST_APP})


class Taking:
    """One file that is being taken apart."""

    def __init__(self, file: ConfigFile, kind: Kind, folder: Path) -> None:
        self.path = file.path or Path()
        self.kind = kind
        self.folder = folder
        self.meaning: Meaning = meaning_of(file, kind)
        self._asked: set[tuple[str, str]] = set()
        self._done: set[str] = set()
        self._notes: list[Finding] = [
            note for note in self.meaning.notes if note.severity is not Severity.NOTE
        ]

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(self.meaning.groups)

    def setting(self, group: str, key: str) -> Setting | None:
        """What stands there; from now on it counts as taken."""
        self._asked.add((group, key))
        return self.meaning.groups.get(group, {}).get(key)

    def value(self, group: str, key: str) -> Meant:
        setting = self.setting(group, key)
        return setting.value if setting else None

    def number(self, group: str, key: str) -> float | None:
        value = self.value(group, key)
        return float(value) if isinstance(value, int | float) else None

    def text(self, group: str, key: str) -> str | None:
        value = self.value(group, key)
        return value if isinstance(value, str) and value else None

    def is_on(self, group: str) -> bool:
        """Whether a group is there and turned on; a word of it where it is there and off."""
        if group not in self.meaning.groups:
            return False
        enable = self.number(group, "enable")
        if (enable is None and self.kind in _NO_SWITCH) or enable:
            return True
        if group not in self._done:
            self.note(f"[{group}] is turned off, and left out", group, "enable")
            self.done(group)
        return False

    def done(self, group: str) -> None:
        """All that a group says was taken or told of."""
        self._done.add(group)

    def site_path(self, text: str) -> str:
        """A path of this file, as it is to be written in the site file."""
        path = Path(text)
        if path.is_absolute():
            return text
        return os.path.relpath((self.path.parent / path).resolve(), self.folder)

    def open(self, name: str | None, group: str, key: str, kind: Kind) -> Self | None:
        """A file that this one names, where it can be read and is of that kind; a word of it where not."""
        if name is None:
            self.warn(f"[{group}] names no file of {kind}", group, key)
            return None
        path = self.path.parent / name
        try:
            file = load(path)
        except Refused as error:
            self.warn(f"[{group}] {key}: {error}", group, key)
            return None
        if kind_of(file) is not kind:
            self.warn(f"[{group}] {key}: {path} is no file of {kind}, but of {kind_of(file)}", group, key)
            return None
        return type(self)(file, kind, self.folder)

    def note(self, told: str, group: str | None = None, key: str | None = None) -> None:
        self._tell(Severity.NOTE, told, group, key)

    def warn(self, told: str, group: str | None = None, key: str | None = None) -> None:
        self._tell(Severity.WARNING, told, group, key)

    def _tell(self, severity: Severity, told: str, group: str | None, key: str | None) -> None:
        setting = self.meaning.groups.get(group or "", {}).get(key or "")
        line = setting.line if setting else None
        self._notes.append(Finding(severity, What.INAPPLICABLE, redact(told), group, key, line))

    def take_notes(self, other: Taking) -> None:
        """The notes of a file that this one names."""
        self._notes += [replace(note, file=str(other.path)) for note in other.notes()]

    def tell_the_rest(self) -> None:
        """A word of each group that has keys nobody asked for."""
        for group, settings in self.meaning.groups.items():
            if group in self._done:
                continue
            left = [key for key in settings if (group, key) not in self._asked]
            if not settings:
                self.note(f"[{group}] is empty", group)
            elif len(left) == len(settings) and not self.is_on_quietly(group):
                self.note(f"[{group}] is turned off, and left out", group, "enable")
            elif len(left) == len(settings):
                self.warn(f"[{group}] has no counterpart, and is left out: {', '.join(left)}", group)
            elif left := [key for key in left if key != "enable"]:
                self.note(f"[{group}] not taken over: {', '.join(left)}", group)

    def is_on_quietly(self, group: str) -> bool:
        enable = self.meaning.groups[group].get("enable")
        return enable is None or bool(enable.value)

    def notes(self) -> tuple[Finding, ...]:
        return tuple(dict.fromkeys(self._notes))
