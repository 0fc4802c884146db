"""Which pictures a decoder cannot make that begins at a keyframe of an open GOP: its leading ones.

Pure. They come behind the keyframe and are shown before it, and refer to pictures before it, which a decoder
that begins there has not. What is shown after the keyframe does not refer to them, so they may be left out.

H.265 names them: RASL pictures (H.265 3.126). Of H.264 the slice headers say when pictures are shown
(`pic_order_cnt_lsb`, H.264 7.3.3): all are leading that are shown before the keyframe, up to the first of
another frame that is not. Where another `pic_order_cnt_type` than 0 is used, none is said to be (with 2 there
are none), nor where headers cannot be read.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sightline.codec.bits import Bits
from sightline.codec.nal import before_slices, first_slice, nal_type
from sightline.packet import Packet

_RASL: Final = frozenset({8, 9})
_H264_SPS: Final = 7
_H264_IDR: Final = 5
# Those whose SPS says more of colour (H.264 7.3.2.1.1).
_HIGH: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 134, 135, 138, 139})
_SLICE_HEADER_BYTES: Final = 32  # what is read of it is shorter


class Leading:
    """Follows the packets of one camera, in the order of decoding."""

    def __init__(self) -> None:
        self._order: _Order | None = None
        self._key: _Place | None = None
        self._rasl = False

    def begin(self, keyframe: Packet) -> None:
        """Decoding begins at `keyframe`: nothing before it was decoded."""
        self.end()
        self._rasl = keyframe.codec == "hevc"
        if keyframe.codec == "h264":
            self._order = _order_of(keyframe.data)
            self._key = None if self._order is None else self._order.place(keyframe.data)

    def end(self) -> None:
        """At any other keyframe."""
        self._order = self._key = None
        self._rasl = False

    def has(self, packet: Packet) -> bool:
        """Whether `packet`, which follows and is no keyframe, holds a leading picture."""
        if self._rasl:
            first = first_slice(packet.data, "hevc")
            return first is not None and nal_type(packet.data[first], "hevc") in _RASL
        if self._order is None or self._key is None:
            return False
        place = self._order.place(packet.data)
        if place is None:
            return False
        leads = self._order.after(self._key, place) < 0
        if not leads and place.frame_num != self._key.frame_num:  # else it may be the keyframe's other field
            self.end()
        return leads


class _Place(NamedTuple):
    frame_num: int
    shown: int  # pic_order_cnt_lsb


class _Order(NamedTuple):
    """What of an SPS is needed to read on."""

    colour_planes: bool
    frame_num_bits: int
    shown_bits: int
    frames_only: bool

    def place(self, unit: bytes) -> _Place | None:
        """The place of a picture, from its first slice header (H.264 7.3.3); None where it has none."""
        at = first_slice(unit, "h264")
        if at is None:
            return None
        bits = Bits(unit[at + 1 : at + 1 + _SLICE_HEADER_BYTES])
        for _ in ("first_mb_in_slice", "slice_type", "pic_parameter_set_id"):
            bits.ue()
        bits.u(2 * self.colour_planes)
        frame_num = bits.u(self.frame_num_bits)
        if not self.frames_only and bits.u(1):  # field_pic_flag
            bits.u(1)  # bottom_field_flag
        if nal_type(unit[at], "h264") == _H264_IDR:
            bits.ue()  # idr_pic_id
        return _Place(frame_num, bits.u(self.shown_bits))

    def after(self, one: _Place, other: _Place) -> int:
        """How much later `other` is shown than `one`, in a count that begins anew now and then."""
        half = 1 << self.shown_bits - 1
        return (other.shown - one.shown + half) % (2 * half) - half


def _order_of(keyframe: bytes) -> _Order | None:
    """From the SPS in `keyframe`, where there is one alone."""
    found = {keyframe[start:end] for kind, start, end in before_slices(keyframe, "h264") if kind == _H264_SPS}
    return _read_sps(found.pop()) if len(found) == 1 else None


def _read_sps(sps: bytes) -> _Order | None:
    """H.264 7.3.2.1.1, as far as it is needed."""
    bits = Bits(sps[1:])
    profile = bits.u(24) >> 16
    bits.ue()  # seq_parameter_set_id
    colour_planes = profile in _HIGH and _pass_over_colour(bits)
    frame_num_bits = bits.ue() + 4
    if bits.ue():  # pic_order_cnt_type
        return None
    shown_bits = bits.ue() + 4
    bits.ue()  # max_num_ref_frames
    bits.u(1)  # gaps_in_frame_num_value_allowed_flag
    bits.ue()  # pic_width_in_mbs_minus1
    bits.ue()  # pic_height_in_map_units_minus1
    order = _Order(colour_planes, frame_num_bits, shown_bits, frames_only=bool(bits.u(1)))
    return order if max(frame_num_bits, shown_bits) <= 16 and bits.left >= 0 else None


def _pass_over_colour(bits: Bits) -> bool:
    """Says whether the colour planes are coded apart."""
    chroma = bits.ue()
    planes = chroma == 3 and bool(bits.u(1))
    bits.ue()  # bit_depth_luma_minus8
    bits.ue()  # bit_depth_chroma_minus8
    bits.u(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.u(1):
        for number in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _pass_over_scaling(bits, 16 if number < 6 else 64)
    return planes


def _pass_over_scaling(bits: Bits, size: int) -> None:
    """H.264 7.3.2.1.1.1."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last
