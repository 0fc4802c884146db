"""Many cameras off a bus into batches of one frame a camera."""

from sightline.mux.asking import ask
from sightline.mux.batch import Batcher, BatchQueue, Failure
from sightline.mux.camera_stats import CameraStats
from sightline.mux.comux import Comux
from sightline.mux.control import Control, ControlStats
from sightline.mux.delivery import Batch, Index, Item
from sightline.mux.engine import Engine
from sightline.mux.engine_stats import EngineStats, Place
from sightline.mux.handles import CameraConsumer, CameraThread
from sightline.mux.hearing import Heard
from sightline.mux.lane import LaneStats
from sightline.mux.logs import KeptLogs
from sightline.mux.mux import Mux, MuxCamera
from sightline.mux.requests import Reply
from sightline.mux.schema import Outgoing, OutputFunction, OutputSchema, schema_of
from sightline.mux.settings import CameraSettings
from sightline.mux.steered import CameraState, Steered
from sightline.mux.values import Results, from_headers, headers_of, to_headers

__all__ = [
    "Batch",
    "BatchQueue",
    "Batcher",
    "CameraConsumer",
    "CameraSettings",
    "CameraState",
    "CameraStats",
    "CameraThread",
    "Comux",
    "Control",
    "ControlStats",
    "Engine",
    "EngineStats",
    "Failure",
    "Heard",
    "Index",
    "Item",
    "KeptLogs",
    "LaneStats",
    "Mux",
    "MuxCamera",
    "Outgoing",
    "OutputFunction",
    "OutputSchema",
    "Place",
    "Reply",
    "Results",
    "Steered",
    "ask",
    "from_headers",
    "headers_of",
    "schema_of",
    "to_headers",
]
