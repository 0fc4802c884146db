"""Packets to frames: what an access unit is, how a camera groups them, and a decoder at a rate and a size."""

from sightline.codec.gop import Gop, GopMeter
from sightline.codec.nal import coded_slices, has_parameter_sets, is_disposable, is_keyframe, split

__all__ = [
    "Gop",
    "GopMeter",
    "coded_slices",
    "has_parameter_sets",
    "is_disposable",
    "is_keyframe",
    "split",
]
