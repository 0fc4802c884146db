"""Packets to frames: what an access unit is, how a camera groups them, and a decoder at a rate and a size.

    decoder = Decoder(rate=10, size=Size(640, 360))
    for packet in packets:
        for frame in decoder.feed(packet):
            ...                              # frame.index is that of the packet that held the picture

Nothing here opens cameras or files (`sightline.capture`), nor writes any.
"""

from sightline.codec.decoder import Decoder
from sightline.codec.gate import DropReason
from sightline.codec.gop import Gop, GopMeter
from sightline.codec.ledger import DecoderStats
from sightline.codec.nal import coded_slices, has_parameter_sets, is_disposable, is_keyframe, split
from sightline.codec.sampler import Sampler
from sightline.codec.selector import Pictures

__all__ = [
    "Decoder",
    "DecoderStats",
    "DropReason",
    "Gop",
    "GopMeter",
    "Pictures",
    "Sampler",
    "coded_slices",
    "has_parameter_sets",
    "is_disposable",
    "is_keyframe",
    "split",
]
