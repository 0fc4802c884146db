"""Many cameras off a bus into batches of one frame a camera."""

from sightline.mux.asking import ask
from sightline.mux.batch import Batcher, BatchQueue, Failure
from sightline.mux.control import Control, ControlStats
from sightline.mux.hearing import Heard
from sightline.mux.lane import LaneStats
from sightline.mux.mux import Mux, MuxCamera
from sightline.mux.requests import Reply
from sightline.mux.steered import CameraState, Steered

__all__ = [
    "BatchQueue",
    "Batcher",
    "CameraState",
    "Control",
    "ControlStats",
    "Failure",
    "Heard",
    "LaneStats",
    "Mux",
    "MuxCamera",
    "Reply",
    "Steered",
    "ask",
]
