"""Many cameras off a bus into batches of one frame a camera."""

from sightline.mux.batch import Batcher, BatchQueue
from sightline.mux.lane import LaneStats
from sightline.mux.mux import Mux, MuxCamera
from sightline.mux.stream import is_end, packet_of, packets_topic, publish_end, publish_packet

__all__ = [
    "BatchQueue",
    "Batcher",
    "LaneStats",
    "Mux",
    "MuxCamera",
    "is_end",
    "packet_of",
    "packets_topic",
    "publish_end",
    "publish_packet",
]
