"""Many cameras off a bus into batches of one frame a camera."""

from sightline.mux.asking import ask
from sightline.mux.batch import Batcher, BatchQueue, Failure
from sightline.mux.control import Control, ControlStats
from sightline.mux.hearing import Heard
from sightline.mux.lane import LaneStats
from sightline.mux.logs import KeptLogs
from sightline.mux.mux import Mux, MuxCamera
from sightline.mux.requests import Reply
from sightline.mux.schema import Outgoing, OutputFunction, OutputSchema, schema_of
from sightline.mux.steered import CameraState, Steered
from sightline.mux.values import Results, from_headers, headers_of, to_headers

__all__ = [
    "BatchQueue",
    "Batcher",
    "CameraState",
    "Control",
    "ControlStats",
    "Failure",
    "Heard",
    "KeptLogs",
    "LaneStats",
    "Mux",
    "MuxCamera",
    "Outgoing",
    "OutputFunction",
    "OutputSchema",
    "Reply",
    "Results",
    "Steered",
    "ask",
    "from_headers",
    "headers_of",
    "schema_of",
    "to_headers",
]
