"""What became of every packet: entered = left + dropped by reason + held, at all times.

Pure. Who asks is told of each packet that became no frame, once, as soon as that is certain. A packet that
goes into libav gets a mark, which comes back with its picture. Not every mark comes back: the second field
of a picture, or pictures that libav leaves out, must not stay held for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import msgspec

from sightline.codec.gate import DropReason
from sightline.codec.gop import Gop
from sightline.codec.selector import Pictures
from sightline.packet import Packet

# Codecs reorder at most 16 pictures, 32 packets where each holds a field (H.264 A.3.1, H.265 A.4.1).
# A mark that was overtaken by as many as this is not coming back.
_MOST_HELD: Final = 64

OnDrop: TypeAlias = Callable[[Packet, DropReason], None]


class DecoderStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a decoder's packets, all counted at one moment.

    Attributes:
        entered: packets fed.
        left: frames given out.
        dropped: packets that became no frame, by `DropReason`.
        held: packets whose picture libav still has, for the order in which pictures are shown.
        pictures: what is decoded at present: "all", "reference" or "key".
        gop: the camera's GOPs as seen; None before the second keyframe.
        device: what decodes, "software" or a device's name such as "cuda"; None before the first packet.
    """

    entered: int
    left: int
    dropped: dict[str, int]
    held: int
    pictures: Pictures
    gop: Gop | None
    device: str | None = None

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.entered == self.left + sum(self.dropped.values()) + self.held


class Held(NamedTuple):
    """A packet within libav, the media time of its picture, and whether that is to be given out."""

    packet: Packet
    at_ns: int
    wanted: bool = True


class Ledger:
    """The counts of one decoder. `on_drop` is told of each packet that became no frame."""

    def __init__(self, on_drop: OnDrop | None = None) -> None:
        self._on_drop = on_drop
        self._entered = self._left = 0
        self._dropped: dict[str, int] = {}
        self._held: dict[object, Held] = {}

    def enter(self) -> None:
        """A packet came. It is to be dropped or held before the next comes."""
        self._entered += 1

    def drop(self, packet: Packet, reason: DropReason, *, wanted: bool = True) -> None:
        """That packet, or one held before, became no frame. One that was not wanted has no other reason."""
        if not wanted:
            reason = DropReason.UNWANTED
        self._dropped[reason] = self._dropped.get(reason, 0) + 1
        if self._on_drop is not None:
            self._on_drop(packet, reason)

    def hold(self, packet: Packet, at_ns: int, *, wanted: bool = True) -> object:
        """The mark of a packet that goes into libav."""
        if len(self._held) == _MOST_HELD:
            self.settle(next(iter(self._held)), DropReason.NO_PICTURE)
        mark = object()
        self._held[mark] = Held(packet, at_ns, wanted)
        return mark

    def held(self, mark: object) -> Held | None:
        """What `mark` stands for; None once that is settled."""
        return self._held.get(mark)

    def settle(self, mark: object, reason: DropReason | None) -> None:
        """The packet of `mark` has left as a frame, or was dropped for `reason`."""
        held = self._held.pop(mark)
        if reason is None:
            self._left += 1
        else:
            self.drop(held.packet, reason, wanted=held.wanted)

    def settle_all(self, reason: DropReason) -> None:
        """Nothing that is held will come back."""
        for mark in list(self._held):
            self.settle(mark, reason)

    def stats(self, pictures: Pictures, gop: Gop | None, device: str | None = None) -> DecoderStats:
        """The counts as they stand."""
        return DecoderStats(
            entered=self._entered,
            left=self._left,
            dropped=dict(self._dropped),
            held=len(self._held),
            pictures=pictures,
            gop=gop,
            device=device,
        )
