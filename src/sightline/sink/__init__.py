"""Sinks: results, with the pictures they were made from, to where somebody wants them.

`open_sink("jsonl", path=...)` gives a `Sink`. A sink that fails raises `SinkError` and can be written to
again; whether to go on is the caller's choice, as is the bounded buffer in front of a slow one.

    jsonl          every result as a line of JSON
    csv            detections as rows of a file
    parquet        detections as a folder of files for analysis (pyarrow)
    video          annotated MP4 of each camera (supervision)
    bus            results, and packets with their results, for others to read
    webhook        results to a URL, from an outbox on disk (httpx)
    preview        a page with the pictures, moving
    contact_sheet  one picture of a run
    clip           the packets around what was seen, as files of their own
"""

from sightline.sink.opening import open_sink, sink_maker
from sightline.sink.sink import Sink

__all__ = ["Sink", "open_sink", "sink_maker"]
