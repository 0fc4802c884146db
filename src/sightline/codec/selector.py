"""Which packets are worth decoding for the pictures that somebody wants.

Three ways, from dear to cheap: *all* pictures; only those that others refer to (*reference*); *key*frames
alone. What is left out never reaches the decoder, so it costs nothing. Pictures that no other refers to
(disposable ones) may be left out one by one at any time: the rest stays whole. So where a rate is wanted
and the choice is ours, such a picture is decoded only if its slot has no other. From or to keyframes alone
is changed at a keyframe only, as the pictures after it need those before. In a `hurry` all disposable
pictures are left out, from any moment to any moment.

Pure: packets go in, yes or no comes out.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from sightline.codec.gop import Gop, GopMeter
from sightline.codec.nal import is_disposable
from sightline.codec.sampler import Sampler
from sightline.codec.sublayers import Sublayers
from sightline.errors import ConfigError
from sightline.packet import Packet

Pictures: TypeAlias = Literal["auto", "all", "reference", "key"]


class Selector:
    """Chooses for one camera.

    Args:
        pictures: the way; "auto" to choose by the rate and the GOPs that come.
        sampler: the grid of the wanted rate; None where all pictures are wanted.
    """

    def __init__(self, pictures: Pictures, sampler: Sampler | None) -> None:
        if pictures not in get_args(Pictures):
            raise ConfigError(f"expected pictures to be one of {get_args(Pictures)}, got {pictures!r}")
        self._chooses = pictures == "auto" and sampler is not None
        self._way: Pictures = "all" if pictures == "auto" else pictures
        self._sampler = sampler
        self._meter = GopMeter()
        self._sublayers = Sublayers()
        self.hurry = False
        self._disposable_decoded = self._disposable_skipped = 0  # since the last keyframe

    @property
    def gop(self) -> Gop | None:
        """The camera's GOPs as seen."""
        return self._meter.gop

    @property
    def way(self) -> Pictures:
        """What is decoded at present: "all", "reference" or "key"."""
        return "reference" if self.hurry and self._way == "all" else self._way

    def see(self, packet: Packet) -> None:
        """Every packet that comes, in order, before `wants` is asked about it."""
        self._meter.add(packet)
        if packet.keyframe and self._chooses:
            self._way = self._choice()
            self._disposable_decoded = self._disposable_skipped = 0

    def wants(self, packet: Packet, at_ns: int, *, wanted: bool = True) -> bool:
        """Whether to decode `packet`, whose picture is shown at media time `at_ns`.

        A picture that is not `wanted` itself takes no slot, and is decoded only for those that refer to it.
        """
        if self._way == "key":
            return wanted and packet.keyframe and self._claims(at_ns)
        if packet.keyframe:
            self._sublayers.restart()
        everything = self._way == "all" and not self._chooses and not self.hurry
        if wanted and everything and self._sublayers.complete:
            return True
        if not (is_disposable(packet.data, packet.codec) or (packet.codec == "mjpeg" and not wanted)):
            if wanted:
                self._claims(at_ns)
            return True
        decoded = wanted and self._sublayers.has_all(packet) and (everything or self._chosen(at_ns))
        if not decoded:
            self._sublayers.leave_out(packet)
        return decoded

    def _chosen(self, at_ns: int) -> bool:
        """Whether to decode a disposable picture where not all are: it has a slot to itself, and no hurry."""
        if self.hurry or not self._chooses:
            return False
        chosen = self._claims(at_ns)
        self._disposable_decoded += chosen
        self._disposable_skipped += not chosen
        return chosen

    def _claims(self, at_ns: int) -> bool:
        return self._sampler is None or self._sampler.claim(at_ns)

    def _choice(self) -> Pictures:
        if self._sampler is not None and _keyframes_do(self._meter.gop, self._sampler.period_s):
            return "key"
        return "reference" if self._disposable_skipped and not self._disposable_decoded else "all"


def _keyframes_do(gop: Gop | None, period_s: float) -> bool:
    """Whether keyframes alone give a picture a period. Half a frame more is jitter, not a longer GOP."""
    if gop is None:
        return False
    return gop.packets == 1 or gop.duration_s <= period_s + gop.frame_duration_s / 2
