"""The sources of a pipeline: groups or a list in a key file, a table beside a YAML file.

Promises: the order is the document's. RTSP is type 4, by the address, whichever word the document has; a file
or HTTP is type 2, a URI; a source of type `rtsp` at another address is refused. Type 3 puts each URI
through printf, where the `%40` of a password would become something else, so that it is written for addresses
with a `%d` alone, with every other `%` doubled. A comma is `%2C` in a table and in a list for
nvmultiurisrcbin, neither of which can hold one. A camera that DeepStream could not be told of in the chosen
style is refused by its name; its address is never shown.

`encode_type` has no key: DeepStream finds out what a camera sends. It stands in the description of the
sensor (`messaging`). But type 4 has no parser for MPEG-4, so that such a camera is of type 2, for which there
is neither a protocol to choose nor an interval after which to connect again.

Deliberately not here: cameras at V4L2, CSI or another process, which need what the document has no field for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sightline.deepstream.document import Form, Group
from sightline.deepstream.generating.addresses import encoded, has_login, without
from sightline.deepstream.generating.choices import SourceStyle
from sightline.deepstream.generating.pipelines import Pipeline
from sightline.deepstream.generating.rows import Row, group
from sightline.deepstream.models.instance import SingleSourceConfig, SourcesConfig
from sightline.deepstream.models.numbers import EncodeType, SourceType
from sightline.deepstream.reading import source_table
from sightline.errors import ConfigError

TABLE: Final = "sources.csv"
MOST_LETTERS: Final = 1023
"""What DeepStream's table of sources keeps of an address."""

_NUMBER: Final = "%d"
_NUMBERED: Final = re.compile(r"%(?:25)?d")  # an address may have it encoded by now
_OTHER_PERCENT: Final = re.compile(r"%(?!d)")
_LIST_SCHEMES: Final = ("rtsp://", "file:///")
_RTSP_SCHEMES: Final = frozenset({"rtsp", "rtsps"})


def is_live(source: SingleSourceConfig) -> bool:
    return source.address.scheme in _RTSP_SCHEMES


def with_secrets(sources: SourcesConfig) -> bool:
    return any(has_login(each.address.encoded_string()) for each in sources.sources)


def stop_at_errors(sources: SourcesConfig) -> bool:
    """Whether deepstream-app ends where a camera fails: it connects again only where the first is RTSP."""
    first, *others = sources.sources
    return not _is_type_rtsp(first) and any(map(is_live, [first, *others]))


def with_commas(sources: SourcesConfig) -> tuple[str, ...]:
    """The cameras whose addresses a table cannot hold as they are."""
    return tuple(each.camera_id for each in sources.sources if "," in each.address.encoded_string())


def source_groups(pipeline: Pipeline) -> Iterator[Group]:
    """What stands for the sources in the file of the application."""
    form, sources = pipeline.app_form, pipeline.config.sourceconfig.sources
    if form is Form.YML:
        yield group(form, source_table.GROUP, [(source_table.KEY, TABLE)])
    elif pipeline.layout.sources is SourceStyle.LIST:
        yield from _list(pipeline)
    else:
        yield from _numbered(pipeline, sources)


def table(pipeline: Pipeline) -> bytes:
    """The table that YAML's sources stand in."""
    sources = pipeline.config.sourceconfig.sources
    return source_table.write(tuple(_row(pipeline, number, each) for number, each in enumerate(sources)))


def _numbered(pipeline: Pipeline, sources: list[SingleSourceConfig]) -> Iterator[Group]:
    """Numbers go on from those of the pipeline before: the application takes each once in its process."""
    first = pipeline.number * len(sources)
    for number, source in enumerate(sources):
        made = group(Form.TXT, f"source{first + number}", _rows(pipeline, source, _uri(pipeline, source)))
        told = " numbered on: one process of deepstream-app takes each number once"
        yield replace(made, comment=(told,)) if first and not number else made


def _row(pipeline: Pipeline, number: int, source: SingleSourceConfig) -> Group:
    uri = _past_realpath(without(",\r\n", _uri(pipeline, source)))
    if len(uri) > MOST_LETTERS:
        raise _refused(source, f"an address of at most {MOST_LETTERS} letters for YAML", f"{len(uri)}")
    return group(Form.YML, f"source{number}", _rows(pipeline, source, uri))


def _past_realpath(uri: str) -> str:
    """YAML's reader looks for what stands behind `file://`, encoded, and cuts it where a folder is missing.

    `file:/` it hands on as it is, and GLib takes both.
    """
    file, slashes, path = uri.partition("file://")
    absolute = not file and bool(slashes) and path.startswith("/")
    return f"file:{path}" if absolute and "%" in path.rpartition("/")[0] else uri


def _rows(pipeline: Pipeline, source: SingleSourceConfig, uri: str) -> Iterator[Row]:
    yield "enable", 1
    kind = _type(source, uri)
    yield "type", kind.value
    yield "uri", uri
    if kind is SourceType.MULTI_URI:
        yield "num-sources", 1
    yield from _shared(pipeline, kind)


def _shared(pipeline: Pipeline, kind: SourceType) -> Iterator[Row]:
    yield "gpu-id", pipeline.primary.gpu_id
    yield "cudadec-memtype", 0
    if kind is SourceType.RTSP:
        yield "latency", 100
        yield "select-rtp-protocol", 4  # TCP alone: what a camera sends by UDP is lost without a word
        yield "rtsp-reconnect-interval-sec", 10
        yield "rtsp-reconnect-attempts", -1


def _list(pipeline: Pipeline) -> Iterator[Group]:
    """Its REST server is off: it would take cameras from anybody who reaches the port."""
    sources = pipeline.config.sourceconfig.sources
    ids = tuple(_listed_id(each) for each in sources)
    rows: list[Row] = [
        ("num-source-bins", len(sources)),
        ("list", tuple(_listed_uri(pipeline, each) for each in sources)),
        ("use-nvmultiurisrcbin", 1),
        ("sensor-id-list", ids),
        ("sensor-name-list", ids),
        ("max-batch-size", len(sources)),
        ("http-ip", "localhost"),
        ("http-port", "0"),
    ]
    yield group(Form.TXT, "source-list", rows)
    live = any(map(is_live, sources))
    kind = SourceType.RTSP if live else SourceType.URI
    rows = [("enable", 1), ("type", kind.value), *_shared(pipeline, kind)]
    yield group(Form.TXT, "source-attr-all", rows)


def _listed_uri(pipeline: Pipeline, source: SingleSourceConfig) -> str:
    uri = without(",", _uri(pipeline, source))
    if not uri.startswith(_LIST_SCHEMES):
        raise _refused(source, "rtsp:// or file:/// for a list of sources", f"{source.address.scheme}://")
    return uri


def _listed_id(source: SingleSourceConfig) -> str:
    """It is handed to nvmultiurisrcbin in one text, with commas."""
    if "," in source.camera_id:
        raise _refused(source, "a camera_id without a comma for a list of sources", "one with it")
    return source.camera_id


def _type(source: SingleSourceConfig, uri: str) -> SourceType:
    if _is_pattern(source, uri):
        return SourceType.MULTI_URI
    return SourceType.RTSP if _is_type_rtsp(source) else SourceType.URI


def _is_type_rtsp(source: SingleSourceConfig) -> bool:
    return is_live(source) and source.encode_type is not EncodeType.MPEG4


def _is_pattern(source: SingleSourceConfig, uri: str) -> bool:
    return _is_multiple(source) and _NUMBER in uri


def _is_multiple(source: SingleSourceConfig) -> bool:
    return source.source_type is SourceType.MULTI_URI


def _uri(pipeline: Pipeline, source: SingleSourceConfig) -> str:
    if source.source_type not in {SourceType.RTSP, SourceType.URI, SourceType.MULTI_URI}:
        raise _refused(source, "an RTSP, file or HTTP source", f"{source.source_type.meaning}")
    if source.source_type is SourceType.RTSP and not is_live(source):
        raise _refused(source, "rtsp:// for the type rtsp, or another type", f"{source.address.scheme}://")
    address = source.address.encoded_string()
    parts = _NUMBERED.split(address) if _is_multiple(source) else [address]
    uri = _NUMBER.join(map(encoded, parts))
    if uri.startswith("file://") and not uri.startswith("file:///"):
        # Whatever reads addresses ends one that is a host alone with a slash.
        uri = f"file://{pipeline.layout.relative_to}/{uri.removeprefix('file://').removesuffix('/')}"
    return _OTHER_PERCENT.sub("%%", uri) if _is_pattern(source, uri) else uri


def _refused(source: SingleSourceConfig, expected: str, got: str) -> ConfigError:
    return ConfigError(f"camera {source.camera_id!r}: expected {expected}, got {got}")
