"""Many cameras off a bus into batches of one frame a camera."""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
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

import_later(
    __name__,
    {
        "sightline.mux.asking": "ask",
        "sightline.mux.batch": "Batcher BatchQueue Failure",
        "sightline.mux.camera_stats": "CameraStats",
        "sightline.mux.comux": "Comux",
        "sightline.mux.control": "Control ControlStats",
        "sightline.mux.delivery": "Batch Index Item",
        "sightline.mux.engine": "Engine",
        "sightline.mux.engine_stats": "EngineStats Place",
        "sightline.mux.handles": "CameraConsumer CameraThread",
        "sightline.mux.hearing": "Heard",
        "sightline.mux.lane": "LaneStats",
        "sightline.mux.logs": "KeptLogs",
        "sightline.mux.mux": "Mux MuxCamera",
        "sightline.mux.requests": "Reply",
        "sightline.mux.schema": "Outgoing OutputFunction OutputSchema schema_of",
        "sightline.mux.settings": "CameraSettings",
        "sightline.mux.steered": "CameraState Steered",
        "sightline.mux.values": "Results from_headers headers_of to_headers",
    },
)
