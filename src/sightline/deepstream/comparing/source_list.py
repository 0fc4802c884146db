"""`[source-list]` and `[source-attr-all]` as the groups `[source0]`... that deepstream-app makes of them.

Promises: after `without_source_list` the file says the same with groups alone: what all sources share stands
in each, what a `[sourceN]` of its own overwrites is overwritten, and the batch sizes that the application
sets by the number of sources are written out. A list for nvmultiurisrcbin is left: nothing else says that.

Deliberately not here: whether the list is right, which is the linter's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sightline.deepstream.document import ConfigFile, Entry, Form, Group
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.keys.app_sources import MAX_SOURCES
from sightline.deepstream.reading import keyfile_values
from sightline.deepstream.refusal import ValueRefused

LIST: Final = "source-list"
ALL: Final = "source-attr-all"
_ENTRY: Final = re.compile(r"source(\d+)")


def for_nvmultiurisrcbin(file: ConfigFile) -> bool:
    entry = file.entry(LIST, "use-nvmultiurisrcbin")
    try:
        return entry is not None and keyfile_values.boolean(entry.text or "")
    except ValueRefused:
        return True  # not to be understood: better left as it is


def without_source_list(file: ConfigFile) -> tuple[ConfigFile, tuple[Finding, ...]]:
    """The file with a group for each source of its list, and a word of it; the same file without one."""
    uris = _uris(file)
    if file.form is not Form.TXT or uris is None or for_nvmultiurisrcbin(file):
        return file, ()
    sources = tuple(_source(file, number, uri) for number, uri in enumerate(uris))
    groups = tuple(_groups(file, sources))
    at = file.named(LIST)[0].line or None
    told = f"the {len(uris)} sources of [{LIST}] became groups of their own"
    return (
        replace(file, groups=tuple(_sized(group, len(uris), file) for group in groups)),
        (Finding(Severity.NOTE, What.REPLACED, told, LIST, line=at),),
    )


def _uris(file: ConfigFile) -> tuple[Entry, ...] | None:
    entry = file.entry(LIST, "list")
    if entry is None or not file.named(ALL):
        return None
    try:
        uris = keyfile_values.strings(entry.text or "")
    except ValueRefused:
        return None
    if len(uris) > MAX_SOURCES:
        return None  # DeepStream refuses it
    return tuple(replace(entry, key="uri", value=keyfile_values.escape(uri), comment=()) for uri in uris)


def _groups(file: ConfigFile, sources: tuple[Group, ...]) -> Iterator[Group]:
    """The sources in the place of the list."""
    for group in file.groups:
        if group.name == LIST:
            yield replace(sources[0], comment=group.comment) if sources else group
            yield from sources[1:]
        elif group.name != ALL and not _ENTRY.fullmatch(group.name):
            yield group


def _source(file: ConfigFile, number: int, uri: Entry) -> Group:
    name = f"source{number}"
    made = {entry.key: entry for entry in file.entries(ALL)}
    made |= {entry.key: entry for entry in _of_uri(uri)}
    made |= {entry.key: entry for entry in file.entries(name)}
    return Group(name, tuple(made.values()), file.named(LIST)[0].line)


def _of_uri(uri: Entry) -> Iterator[Entry]:
    """What the scheme of an entry of the list makes of its source."""
    text = uri.text or ""
    scheme, _, rest = text.partition(":")
    if scheme == "csi":
        yield replace(uri, key="type", value="5")
        yield replace(uri, key="camera-csi-sensor-id", value=rest)
    elif scheme == "usb":
        yield replace(uri, key="type", value="1")
        yield replace(uri, key="camera-v4l2-dev-node", value=rest)
    else:
        yield replace(uri, key="type", value="4" if scheme == "rtsp" else "2")
        yield uri


def _sized(group: Group, sources: int, file: ConfigFile) -> Group:
    """With the size of batches that the application takes where there is a list."""
    said = file.entry(LIST, "sgie-batch-size")
    if group.name in {"streammux", "primary-gie"}:
        return _with(group, Entry("batch-size", str(sources)))
    if group.name.startswith("secondary-gie") and said is not None and said.text not in {None, "", "0"}:
        return _with(group, replace(said, key="batch-size", comment=()))
    return group


def _with(group: Group, made: Entry) -> Group:
    kept = tuple(entry for entry in group.entries if entry.key != made.key)
    return replace(group, entries=(*kept, made))
