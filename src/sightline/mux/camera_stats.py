"""What became of one camera's messages and packets in an engine, all counted at one moment."""

from __future__ import annotations

import msgspec

from sightline.codec import AssemblerStats, DecoderStats
from sightline.mux.behind import WaitingStats
from sightline.mux.forward import ForwardStats
from sightline.mux.hearing import Heard


class CameraStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one camera.

    Attributes:
        packets: access units that came.
        delivered: those whose picture was given out.
        dropped: those of which none was, by reason: a `DropReason`, or one of `sightline.mux.camera`.
        held: those of which it is not known yet.
        behind: messages that decoding is behind, here and at the broker.
        hurry: whether only pictures that others refer to are decoded, until it has caught up.
        assembler: messages and access units; it is made anew when settings change.
        waiting: packets before the decoder.
        decoder: the present decoder's own counts; it is replaced when settings change.
        forward: messages in line.
        heard: how its packets come.
    """

    packets: int
    delivered: int
    dropped: dict[str, int]
    held: int
    behind: int
    hurry: bool
    assembler: AssemblerStats
    waiting: WaitingStats
    decoder: DecoderStats
    forward: ForwardStats
    heard: Heard

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        added_up = self.packets == self.delivered + sum(self.dropped.values()) + self.held
        return added_up and self.waiting.balanced and self.forward.balanced
