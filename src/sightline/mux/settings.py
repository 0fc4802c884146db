"""What a mux is told of its cameras, and of itself: values alone, under their public names."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from sightline.codec import Framing, Pictures
from sightline.frame import Size

Forward: TypeAlias = Literal["all", "analysed"]
"""What goes on: every packet, so that the output topic can be played; or only those with a result."""

MAX_OFFSET_DIFF: Final = 20


class CameraSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One camera of a mux.

    Attributes:
        camera_id: its name; at most 64 characters.
        topic: where its packets are; None: as the mux's pattern says.
        out_topic: where they go on; None: as the mux's pattern says.
        rate: pictures a second of media time; None: all.
        size: pixels of the pictures; None: the camera's own.
        codec: of packets that do not say it themselves; None: found out.
        framing: how messages without our headers hold access units.
        extradata: an avcC or hvcC record (ISO/IEC 14496-15) of length-prefixed units without parameter sets.
        pictures: which are decoded, as for `Decoder`.
        max_offset_diff: messages that decoding may be behind before it jumps to a keyframe; None: it never
            jumps, and every picture that is wanted is decoded.
        forward: which packets go on.
        max_wait_s: how long a delivered packet waits for its result before it goes on without.
    """

    camera_id: Annotated[str, Meta(min_length=1, max_length=64)]
    topic: str | None = None
    out_topic: str | None = None
    rate: Annotated[float, Meta(gt=0)] | None = None
    size: Size | None = None
    codec: str | None = None
    framing: Framing = "auto"
    extradata: bytes | None = None
    pictures: Pictures = "auto"
    max_offset_diff: Annotated[int, Meta(ge=1)] | None = MAX_OFFSET_DIFF
    forward: Forward = "all"
    max_wait_s: Annotated[float, Meta(gt=0)] = 2.0
