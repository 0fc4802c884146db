"""Many cameras off a bus into batches of one frame a camera."""

from sightline.mux.batch import Batcher, BatchQueue, Failure
from sightline.mux.hearing import Heard
from sightline.mux.lane import LaneStats
from sightline.mux.mux import Mux, MuxCamera

__all__ = [
    "BatchQueue",
    "Batcher",
    "Failure",
    "Heard",
    "LaneStats",
    "Mux",
    "MuxCamera",
]
