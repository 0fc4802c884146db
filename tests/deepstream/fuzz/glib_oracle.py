"""Our reader of key files and GLib's, side by side: what is refused, what is there, what each getter says,
and what GLib reads of a file that we wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.deepstream.fuzz.glib import GLib, GLibFile, no_language
from tests.deepstream.fuzz.keyfile_making import make_file
from tests.deepstream.fuzz.oracle import Oracle
from tools.services import SERVICES

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.reading import keyfile_values as values
from sightline.deepstream.reading.keyfile import parse, write
from sightline.deepstream.refusal import Refused, ValueRefused

Groups = list[tuple[bytes, list[tuple[bytes, bytes]]]]

OURS: dict[str, Callable[[str], Any]] = {
    "string": lambda text: _bytes(values.string(text)),
    "integer": values.integer,
    "int64": values.int64,
    "uint64": values.uint64,
    "double": values.number,
    "boolean": lambda text: int(values.boolean(text)),
}
OUR_LISTS: dict[str, Callable[[str], Any]] = {
    "string": lambda text: [_bytes(word) for word in values.strings(text)],
    "integer": lambda text: list(values.integers(text)),
    "double": lambda text: list(values.numbers(text)),
}


@contextmanager
def glib_oracle() -> Iterator[Oracle]:
    glib = GLib(SERVICES["glib"].find() or "")
    with no_language(), glib.in_silence():
        yield Oracle("glib", make_file, lambda data: disagreement(glib, data))


def disagreement(glib: GLib, data: bytes) -> str | None:
    ours = _parsed(data)
    with closing(GLibFile(glib, data)) as theirs:
        if not theirs.loaded or isinstance(ours, str):
            return _unlike("loads", ours if isinstance(ours, str) else True, theirs.loaded or None)
        said = _unlike("has", seen(ours), seen_by_glib(theirs))
        return said or next(_unlike_values(seen(ours), theirs), None) or _unlike_written(glib, ours)


def seen(file: ConfigFile) -> Groups:
    """What GLib would list: groups merged, a key as often as it stands there, with its last value."""
    return [(_bytes(name), list(_pairs(file, name))) for name in file.names]


def seen_by_glib(file: GLibFile) -> Groups:
    return [
        (group, [(key, file.get("value", group, key)) for key in file.keys(group)]) for group in file.groups()
    ]


def _pairs(file: ConfigFile, name: str) -> Iterator[tuple[bytes, bytes]]:
    holds = {entry.key: entry for entry in file.entries(name)}
    for group in file.named(name):
        for entry in group.entries:
            yield _bytes(entry.key), _bytes(holds[entry.key].text or "")


def _parsed(data: bytes) -> ConfigFile | str:
    try:
        return parse(data)
    except Refused as error:
        return str(error)


def _unlike_values(groups: Groups, theirs: GLibFile) -> Iterator[str]:
    for group, key, value in {(group, *pair) for group, pairs in groups for pair in pairs}:
        text = value.decode(errors="surrogateescape")
        for getter, ours in OURS.items():
            said = theirs.get(getter, group, key)
            yield from _told(f"{getter} of {value!r}", _read(ours, text), said)
        for getter, ours in OUR_LISTS.items():
            said = theirs.get_list(getter, group, key)
            yield from _told(f"{getter}_list of {value!r}", _read(ours, text), said)


def _unlike_written(glib: GLib, ours: ConfigFile) -> str | None:
    """All that was read can be written, and GLib reads that as it read the first."""
    written = write(ours)
    with closing(GLibFile(glib, written)) as theirs:
        return _unlike(f"written as {written!r} has", seen(ours), seen_by_glib(theirs))


def _told(what: str, ours: object, theirs: object) -> Iterator[str]:
    if found := _unlike(what, ours, theirs):
        yield found


def _read(getter: Callable[[str], Any], text: str) -> Any:
    try:
        return getter(text)
    except ValueRefused:
        return None


def _unlike(what: str, ours: object, theirs: object) -> str | None:
    if repr(ours) == repr(theirs) or (what == "loads" and isinstance(ours, str) and theirs is None):
        return None  # by repr, where not-a-number is itself and -0.0 is not 0.0
    return f"{what}: ours {ours!r}, GLib's {theirs!r}"


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
