"""Sinks: results, with the pictures they were made from, to where somebody wants them.

`open_sink("jsonl", path=...)` gives a `Sink`; so do the kinds `preview`, `contact_sheet` and `clip`. A sink
that fails raises `SinkError` and can be written to again; whether to go on is the caller's choice, as is the
bounded buffer in front of a slow one.

Deliberately not here: sinks for events and brokers.
"""

from sightline.sink.opening import open_sink, sink_maker
from sightline.sink.sink import Sink

__all__ = ["Sink", "open_sink", "sink_maker"]
