"""Which pictures of H.265's temporal sub-layers still have all that they refer to, once some were left out.

Pure. A picture may refer to those of its own sub-layer and of lower ones (H.265 7.4.2.2), so of one that was
left out the pictures above may have need, and those beside it where others refer to it. That ends with a
keyframe, or with a temporal sub-layer access picture (TSA) at or below what was left out: no picture from it
on looks back past it to its sub-layer or above. In other codecs nobody refers to what may be left out.
"""

from __future__ import annotations

from typing import Final

from sightline.codec.nal import sublayer_of
from sightline.packet import Packet

_TSA: Final = frozenset({2, 3})
_NON_REFERENCE: Final = range(0, 16, 2)
_NONE: Final = 8  # above any sub-layer: nuh_temporal_id_plus1 has 3 bits


class Sublayers:
    """Follows the pictures of one camera, in the order of decoding."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """At a keyframe."""
        self._lacking = self._lowest = _NONE

    @property
    def complete(self) -> bool:
        """Whether no picture lacks one."""
        return self._lacking == _NONE

    def has_all(self, packet: Packet) -> bool:
        """Whether the disposable `packet` lacks none of the pictures that it may refer to."""
        if self.complete or packet.codec != "hevc":
            return True
        kind, sublayer = sublayer_of(packet.data)
        if kind in _TSA and sublayer <= self._lowest:
            self.restart()
        return sublayer < self._lacking

    def leave_out(self, packet: Packet) -> None:
        """The disposable `packet` is not decoded."""
        if packet.codec == "hevc":
            kind, sublayer = sublayer_of(packet.data)
            self._lowest = min(self._lowest, sublayer)
            self._lacking = min(self._lacking, sublayer + (kind in _NON_REFERENCE))
