"""Which packets a decoder can make sense of: none before a keyframe, none after a hole.

Pure: packets go in one by one, and what becomes of each comes out. Epoch 0 is that of packets whose
sender said nothing: their index does not count packets, so holes and repetitions are not seen there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sightline.packet import Packet


class DropReason(StrEnum):
    """Why a packet became no frame."""

    BEFORE_KEYFRAME = "before_keyframe"  # the stretch has had no keyframe yet
    GAP = "gap"  # packets before it were lost on the way, no keyframe since
    REPEATED = "repeated"  # it was here before
    LEADING = "leading"  # of an open GOP: it refers to what came before the keyframe that decoding began at
    UNWANTED = "unwanted"  # fed for the sake of those that refer to it
    SKIPPED = "skipped"  # left out before decoding: its picture is not needed
    RATE = "rate"  # decoded, and not wanted: its slot had a picture
    CORRUPT = "corrupt"  # it cannot be decoded, or not without damage
    AFTER_CORRUPT = "after_corrupt"  # a corrupt one came before it, no keyframe since
    NO_PICTURE = "no_picture"  # decoded, and no picture of its own came of it
    CLOSED = "closed"  # held when the decoder was closed


class Passage(NamedTuple):
    """What becomes of a packet.

    Attributes:
        breaks: it does not go on from the packet before; what the decoder holds is to be had out first.
        refused: why it cannot be decoded; None where it can.
    """

    breaks: bool
    refused: DropReason | None


class Gate:
    """Opens at keyframes, shuts at holes, at new epochs and codecs, and when told to."""

    def __init__(self) -> None:
        self._last: Packet | None = None
        self._shut: DropReason | None = DropReason.BEFORE_KEYFRAME

    def pass_(self, packet: Packet) -> Passage:
        """Lets `packet` through or not."""
        last = self._last
        if (
            last is not None
            and _same_stretch(last, packet)
            and _counted(packet)
            and packet.index <= last.index
        ):
            return Passage(breaks=False, refused=DropReason.REPEATED)
        breach = self._breach(packet)
        self._last = packet
        self._shut = None if packet.keyframe else breach or self._shut
        return Passage(breaks=breach is not None, refused=self._shut)

    def shut(self, reason: DropReason) -> None:
        """Lets nothing through until the next keyframe."""
        self._shut = reason

    def restart(self) -> None:
        """Forgets what came before: any packet may come next."""
        self._last, self._shut = None, DropReason.BEFORE_KEYFRAME

    def _breach(self, packet: Packet) -> DropReason | None:
        last = self._last
        if last is None:
            return None
        if not _same_stretch(last, packet):
            return DropReason.BEFORE_KEYFRAME
        return DropReason.GAP if _counted(packet) and packet.index != last.index + 1 else None


def _same_stretch(last: Packet, packet: Packet) -> bool:
    return packet.epoch == last.epoch and packet.codec == last.codec


def _counted(packet: Packet) -> bool:
    return packet.epoch != 0
