"""Packets to frames, and to files as they are.

What an access unit is, messages of any log to packets, how a camera groups them, a decoder at a rate and a
size; a ring of the last packets, clips in MP4 and Matroska, fragmented MP4 as bytes.

    decoder = Decoder(rate=10, size=Size(640, 360))
    for packet in packets:
        for frame in decoder.feed(packet):
            ...                              # frame.index is that of the packet that held the picture

Nothing here opens cameras or reads files (`sightline.capture`), and nothing is encoded.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.codec.assembler import Assembled, AssembledPacket, Assembler, AssemblerStats
    from sightline.codec.clip import ClipPart, ClipStats, ClipWriter
    from sightline.codec.codec_string import codec_string
    from sightline.codec.decoder import Decoder
    from sightline.codec.fragments import Fragmenter, Segment, Shown, fragments
    from sightline.codec.gate import DropReason
    from sightline.codec.gop import Gop, GopMeter
    from sightline.codec.ledger import DecoderStats, OnDrop
    from sightline.codec.nal import (
        coded_slices,
        has_parameter_sets,
        is_disposable,
        is_keyframe,
        split,
    )
    from sightline.codec.ring import PacketRing, RingStats
    from sightline.codec.sampler import Sampler
    from sightline.codec.selector import Pictures
    from sightline.codec.trial import Framing

__all__ = [
    "Assembled",
    "AssembledPacket",
    "Assembler",
    "AssemblerStats",
    "ClipPart",
    "ClipStats",
    "ClipWriter",
    "Decoder",
    "DecoderStats",
    "DropReason",
    "Fragmenter",
    "Framing",
    "Gop",
    "GopMeter",
    "OnDrop",
    "PacketRing",
    "Pictures",
    "RingStats",
    "Sampler",
    "Segment",
    "Shown",
    "codec_string",
    "coded_slices",
    "fragments",
    "has_parameter_sets",
    "is_disposable",
    "is_keyframe",
    "split",
]

import_later(
    __name__,
    {
        "sightline.codec.assembler": "Assembled AssembledPacket Assembler AssemblerStats",
        "sightline.codec.clip": "ClipPart ClipStats ClipWriter",
        "sightline.codec.decoder": "Decoder",
        "sightline.codec.codec_string": "codec_string",
        "sightline.codec.fragments": "Fragmenter Segment Shown fragments",
        "sightline.codec.gate": "DropReason",
        "sightline.codec.gop": "Gop GopMeter",
        "sightline.codec.ledger": "DecoderStats OnDrop",
        "sightline.codec.nal": "coded_slices has_parameter_sets is_disposable is_keyframe split",
        "sightline.codec.ring": "PacketRing RingStats",
        "sightline.codec.sampler": "Sampler",
        "sightline.codec.selector": "Pictures",
        "sightline.codec.trial": "Framing",
    },
)
