"""The sources of an application's file, whichever of the four ways it names them.

Promises: `sources_of` gives what deepstream-app would have after its parser, in its order: of `[sourceN]`, of
`[source-list]` with `[source-attr-all]`, of a CSV file (`source: csv-file-path`), and of the list of
deepstream-test3's YAML. Sources that are switched off are told with `enabled` false. What cannot be read is
left out, because the linter tells it.

Deliberately not here: whether they are right (`rules.app_sources`), and cameras of a site file (`importing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sightline.deepstream.document import ConfigFile, Entry, Form, Group
from sightline.deepstream.judging.passed_over import switched_off
from sightline.deepstream.keys.app_sources import MAX_SOURCES
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading import keyfile_values, source_table, yaml_values
from sightline.deepstream.reading.values import leading_integer
from sightline.deepstream.refusal import Refused, ValueRefused

LIST: Final = "source-list"
ALL: Final = "source-attr-all"

V4L2: Final = 1
URI: Final = 2
SEVERAL: Final = 3
RTSP: Final = 4
CSI: Final = 5


@dataclass(frozen=True, slots=True)
class Source:
    """One line of a file that pictures come in by.

    Attributes:
        index: its place among all of the file, from 0, before those of type 3 are multiplied.
        group: the group it stands in; `source-list` for an entry of a list.
        line: where it stands, 0 where that is not known.
        enabled: whether DeepStream reads it.
        type: DeepStream's number (2 URI, 4 RTSP...); None where it is not set or no number.
        uris: what it reads; several for type 3, whose `%d` counts; none where the type has no URI.
        num_sources: how many pictures come of it.
        camera_id: what DeepStream numbers it with.
        sensor_id, sensor_name: of the source list.
        keys: all that was set, as the reader has it, escapes undone.
    """

    index: int
    group: str
    line: int = 0
    enabled: bool = True
    type: int | None = None
    uris: tuple[str, ...] = ()
    num_sources: int = 1
    camera_id: int | None = None
    sensor_id: str | None = None
    sensor_name: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)


def sources_of(file: ConfigFile) -> tuple[Source, ...]:
    """Every source that the file names, until more are on than there may be: DeepStream reads no further.

    Never raises: what cannot be read is not there.
    """
    if file.form is Form.YML:
        return tuple(_up_to_most(_of_yaml(file)))
    return tuple(_up_to_most(_of_list(file) if file.named(LIST) else _of_groups(file)))


def _up_to_most(sources: Iterable[Source]) -> Iterator[Source]:
    on = 0
    for source in sources:
        yield source
        on += source.enabled
        if on > MAX_SOURCES:
            return


def number_of_pictures(sources: Iterable[Source]) -> int:
    """How many inputs the mux has: DeepStream's `num_source_sub_bins`."""
    return sum(source.num_sources for source in sources if source.enabled)


def group_number(name: str) -> int | None:
    """The number of `[sourceN]`, as `g_ascii_strtoull` reads it; None where that is not the group's form."""
    rest = name.removeprefix("source")
    if rest == name or rest.startswith(("-list", "-attr-all")):
        return None
    try:
        return int(rest) % 2**32 if rest.strip().lstrip("+-").isascii() and "_" not in rest else None
    except ValueError:
        return None


def _of_groups(file: ConfigFile) -> Iterator[Source]:
    names = [name for name in file.names if group_number(name) is not None]
    for index, name in enumerate(names):
        place = _Place(index, name, file.named(name)[0].line, group_number(name) or 0)
        keys = _texts(file.entries(name), file.form)
        yield _source(place, keys, not switched_off(file, name))


def _of_list(file: ConfigFile) -> Iterator[Source]:
    """The list's entries, with what all share and with what a `[sourceN]` of their own overwrites."""
    listed = _texts(file.entries(LIST), file.form)
    uris = _list(file, "list")
    ids, names = _list(file, "sensor-id-list"), _list(file, "sensor-name-list")
    said = _integer(listed.get("num-source-bins")) or 0
    count = min(len(uris), MAX_SOURCES + 1) or min(said, MAX_SOURCES)
    shared = _texts(file.entries(ALL), file.form)
    line = file.named(LIST)[0].line
    for index in range(count):
        own = f"source{index}"
        keys = shared | (_of_uri(uris[index]) if uris else {})
        if file.named(own) and not switched_off(file, own):
            keys |= _texts(file.entries(own), file.form)
        source = _source(
            _Place(index, LIST, line, index), keys, _integer(keys.get("enable")) not in {0, None}
        )
        yield _with_sensor(source, ids, names)


def _with_sensor(source: Source, ids: tuple[str, ...], names: tuple[str, ...]) -> Source:
    at = source.index
    return replace(
        source,
        sensor_id=ids[at] if at < len(ids) else None,
        sensor_name=names[at] if at < len(names) else None,
    )


def _of_uri(uri: str) -> dict[str, str]:
    """What an entry of the list makes of its source, by its scheme."""
    if uri.startswith("rtsp://"):
        return {"type": str(RTSP), "uri": uri}
    if uri.startswith("csi:"):
        return {"type": str(CSI), "camera-csi-sensor-id": uri[4:]}
    if uri.startswith("usb:"):
        return {"type": str(V4L2), "camera-v4l2-dev-node": uri[4:]}
    return {"type": str(URI), "uri": uri}


def _of_yaml(file: ConfigFile) -> Iterator[Source]:
    try:
        rows = source_table.sources_of(file) or ()
    except Refused:
        rows = ()
    for index, row in enumerate(rows):
        yield _of_row(index, row)
    if kind_of(file) is not Kind.TEST_APP:  # deepstream-app's YAML knows no list
        return
    for index, uri in enumerate(uri for uri in _list(file, "list") if uri):
        yield Source(index, LIST, file.named(LIST)[0].line, type=URI, uris=(uri,), keys={"uri": uri})


def _of_row(index: int, row: Group) -> Source:
    keys = {entry.key: entry.text or "" for entry in row.entries}
    enabled = _leading(keys.get("enable")) not in {0, None}
    return _source(_Place(index, source_table.GROUP, row.line, 0), keys, enabled, _leading)


@dataclass(frozen=True, slots=True)
class _Place:
    index: int
    group: str
    line: int
    camera_id: int


_Read = Callable[[str | None], int | None]


def _source(place: _Place, keys: dict[str, str], enabled: bool, read: _Read | None = None) -> Source:
    read = read or _integer
    kind = read(keys.get("type"))
    count = max(read(keys.get("num-sources")) or 1, 1) if kind == SEVERAL else 1
    uri = keys.get("uri")
    return Source(
        index=place.index,
        group=place.group,
        line=place.line,
        enabled=enabled,
        type=kind,
        uris=_counted(uri, count) if uri and kind not in {V4L2, CSI} else (),
        num_sources=count,
        camera_id=read(keys["camera-id"]) if "camera-id" in keys else place.camera_id,
        keys=keys,
    )


def _counted(uri: str, count: int) -> tuple[str, ...]:
    shown = min(count, MAX_SOURCES)
    return tuple(uri.replace("%d", str(number)) for number in range(shown)) if "%d" in uri else (uri,)


def _list(file: ConfigFile, key: str) -> tuple[str, ...]:
    entry = file.entry(LIST, key)
    if entry is None:
        return ()
    try:
        if file.form is Form.TXT:
            return keyfile_values.strings(entry.text or "")
        return tuple(yaml_values.string(entry.value).split(";"))
    except ValueRefused:
        return ()


def _texts(entries: Iterable[Entry], form: Form) -> dict[str, str]:
    return {entry.key: _text(entry, form) for entry in entries}


def _text(entry: Entry, form: Form) -> str:
    try:
        return keyfile_values.string(entry.text or "") if form is Form.TXT else entry.text or ""
    except ValueRefused:
        return entry.text or ""


def _integer(text: str | None) -> int | None:
    try:
        return None if text is None else keyfile_values.integer(text)
    except ValueRefused:
        return None


def _leading(text: str | None) -> int | None:
    try:
        return None if text is None else leading_integer(text)
    except ValueRefused:
        return None
