"""The files of DeepStream that a file names, and what their names are in the other form.

Promises: `named_files` has the entries whose value is the path of another configuration, there or not.

Deliberately not here: models, labels and libraries, which have no form.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sightline.deepstream.comparing.meaning import row_of
from sightline.deepstream.document import ConfigFile, Entry, Form
from sightline.deepstream.keys.key import Type
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import load
from sightline.deepstream.refusal import Refused

_ENDS: Final = {".txt", ".yml", ".yaml"}
# What is read in either form, told by the end of its name, whatever the form of the file that names it.
BOTH_FORMS: Final = frozenset({Kind.NVINFER, Kind.PREPROCESS, Kind.ANALYTICS, Kind.MSGCONV})


class Named(NamedTuple):
    """An entry that names a file."""

    group: str
    entry: Entry


def named_files(file: ConfigFile, kind: Kind) -> Iterator[Named]:
    """Entries whose value is the path of another file of configuration."""
    for name in file.names:
        for entry in file.entries(name):
            row = row_of(kind, name, entry.key, file.form)
            end = Path(entry.text or "").suffix
            if row is not None and row.type is Type.PATH and "config" in entry.key and end in _ENDS:
                yield Named(name, entry)


def relative_paths(file: ConfigFile, kind: Kind) -> tuple[str, ...]:
    """All paths in it that are meant from its folder, each once."""
    paths = (
        entry.text or ""
        for name in file.names
        for entry in file.entries(name)
        if (row := row_of(kind, name, entry.key, file.form)) is not None and row.type is Type.PATH
    )
    return tuple(dict.fromkeys(path for path in paths if path and not Path(path).is_absolute()))


def twin(path: str, to: Form) -> str:
    """The name of a file in the other form."""
    return str(Path(path).with_suffix(f".{to}"))


def follow(file: ConfigFile, named: Named, to: Form) -> ConfigFile | None:
    """The file that is named, where it can be converted with the one that names it; else None."""
    text = named.entry.text or ""
    if file.path is None or Path(text).is_absolute() or Form.of(Path(text)) is to:
        return None
    try:
        found = load(file.path.parent / text)
    except Refused:
        return None
    return found if kind_of(found) in BOTH_FORMS else None
