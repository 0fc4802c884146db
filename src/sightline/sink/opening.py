"""Sinks by their kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sightline.kinds import Kinds
from sightline.sink.sink import Sink

SINKS: Final = Kinds[Sink](
    "sink",
    {
        "jsonl": "sightline.sink.jsonl:JsonLines",
        "preview": "sightline.sink.preview:Preview",
        "contact_sheet": "sightline.sink.contact_sheet:ContactSheet",
        "clip": "sightline.sink.clip:ClipSink",
        "csv": "sightline.sink.csv_file:CsvFile",
        "parquet": "sightline.sink.parquet:ParquetFolder",
        "video": "sightline.sink.video:Video",
        "bus": "sightline.sink.bus:BusSink",
        "webhook": "sightline.sink.webhook:Webhook",
        "view": "sightline.sink.view:View",
    },
)


def open_sink(kind: str, **options: Any) -> Sink:
    """A sink of this kind (`sightline.sink` has their names), open.

    Raises:
        ConfigError: no such kind or option, or a value that does not fit.
        MissingExtra: the kind needs a library that is not installed.
        SinkError: it cannot be opened there.
    """
    return SINKS.open(kind, options)


def sink_maker(kind: str) -> Callable[..., Sink]:
    """What makes a sink of this kind; its signature has the options. Raises ConfigError."""
    return SINKS.find(kind)
